"""What the program of `local` declares: security of every pod, order, and what a changed value changes."""

from pathlib import Path
from typing import Any

import pytest
import recorder
from recorder import Recording

from infra.problems import ConfigError


@pytest.fixture(name="run")
def run_fixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the program with some of the committed values changed."""

    def run(**changes: Any) -> Recording:
        values = {**recorder.values_of("local"), **changes}
        return recorder.record("local", values, monkeypatch, tmp_path)

    return run


def only(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["containers"]
    return dict(container)


def variables(pod: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in only(pod)["env"]}


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
@pytest.mark.parametrize("store", ["s3", "shared-volume"])
def test_every_pod_is_restricted(run: Any, kind: str, store: str) -> None:
    pod = run(model_store=store).pods()[kind]
    assert pod["automountServiceAccountToken"] is False, "no pod here talks to the API server"
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 65532)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all("hostPath" not in volume for volume in pod["volumes"])
    container = only(pod)
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["privileged"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    stated = {"cpu", "memory", "ephemeral-storage"}
    assert stated == set(container["resources"]["limits"]) == set(container["resources"]["requests"])
    scratch = next(volume for volume in pod["volumes"] if volume["name"] == "scratch")
    assert scratch["emptyDir"]["sizeLimit"], "scratch space has a limit"


def test_no_secret_is_in_the_open(run: Any) -> None:
    recording = run()
    for one in recording.of("Secret"):
        assert set(one.inputs["stringData"]) == {"secret"}, f"{one.name} holds its values in the open"
        one.inputs["stringData"] = "<secret>"
    text = repr(recording.resources) + repr(recording.outputs)
    for value in ("secret-key", "registry-password", "cmVnaXN0cnktcGFzc3dvcmQ"):
        assert value not in text


def test_only_the_one_registrys_login_reaches_the_cluster(run: Any) -> None:
    secret = run().one("Secret", "registry").inputs["stringData"]["secret"]
    assert recorder.SERVER in secret[".dockerconfigjson"]
    assert "other.example.org" not in secret[".dockerconfigjson"]


def test_pods_pull_with_the_login_and_without_one_where_none_is_needed(run: Any) -> None:
    for pod in run().pods().values():
        assert pod["imagePullSecrets"] == [{"name": "registry-login-1a2b3c4d"}]
    public = run(registry={"server": "registry.example.org", "private": False})
    assert all("imagePullSecrets" not in pod for pod in public.pods().values())
    assert [one.name for one in public.of("Secret")] == ["storage-key"]


def test_a_namespace_enforces_what_its_pods_keep(run: Any) -> None:
    labels = run().one("Namespace").inputs["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_traffic_is_denied_but_for_what_is_named(run: Any) -> None:
    recording = run()
    deny = recording.spec("NetworkPolicy", "deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    bucket = recording.spec("NetworkPolicy", "storage")["egress"]
    assert bucket == [
        {
            "to": [{"ipBlock": {"cidr": "10.213.0.1/32"}}],
            "ports": [{"protocol": "TCP", "port": 9000}],
        }
    ]
    (ingress,) = recording.spec("NetworkPolicy", "inference-ingress")["ingress"]
    assert ingress["ports"] == [{"protocol": "TCP", "port": 8080}]
    policy = recording.spec("NetworkPolicy", "storage")["podSelector"]["matchLabels"]
    for kind in ("Job", "Deployment"):
        labels = recording.spec(kind)["template"]["metadata"]["labels"]
        assert policy.items() <= labels.items(), f"the {kind}'s pods reach the bucket"


def test_callers_can_be_limited(run: Any) -> None:
    recording = run(inference={"allowed_sources": ["10.0.0.0/8"]})
    (ingress,) = recording.spec("NetworkPolicy", "inference-ingress")["ingress"]
    assert ingress["from"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert recording.spec("Service")["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    anyone = run(inference={"allowed_sources": ["0.0.0.0/0"]})
    assert "loadBalancerSourceRanges" not in anyone.spec("Service"), (
        "no rule for each range where all may ask"
    )


def test_callers_are_private_addresses_unless_others_are_named(run: Any) -> None:
    ranges = run().spec("Service")["loadBalancerSourceRanges"]
    assert ranges == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]


def test_no_request_is_dropped_while_a_change_rolls_out(run: Any) -> None:
    deployment = run().spec("Deployment")
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["revisionHistoryLimit"] >= 2, "there is a revision to go back to"
    pod = deployment["template"]["spec"]
    container = only(pod)
    assert {"readinessProbe", "livenessProbe", "startupProbe"} <= container.keys()
    drain = int(variables(pod)["DRAIN_SECONDS"])
    assert drain >= 3, "until every node has stopped sending it new connections"
    assert pod["terminationGracePeriodSeconds"] >= drain + 20, "it is not killed while it drains"


def test_the_autoscaler_alone_owns_the_replicas(run: Any) -> None:
    recording = run(inference={"min_replicas": 2, "max_replicas": 4})
    assert "replicas" not in recording.spec("Deployment")
    scaler = recording.spec("HorizontalPodAutoscaler")
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert scaler["scaleTargetRef"]["name"] == recording.one("Deployment").inputs["metadata"]["name"]


def test_selectors_find_the_pods(run: Any) -> None:
    recording = run()
    labels = recording.spec("Deployment")["template"]["metadata"]["labels"]
    for selector in (
        recording.spec("Deployment")["selector"]["matchLabels"],
        recording.spec("Service")["selector"],
        recording.spec("PodDisruptionBudget")["selector"]["matchLabels"],
        recording.spec("NetworkPolicy", "inference-ingress")["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
        training = recording.spec("Job")["template"]["metadata"]["labels"]
        assert not selector.items() <= training.items(), "training pods are none of the service's"


def test_the_disruption_budget_never_forbids_a_drain(run: Any) -> None:
    assert run().spec("PodDisruptionBudget")["maxUnavailable"] == 1


def test_everything_is_labelled_with_whose_it_is(run: Any) -> None:
    for one in run().resources:
        if one.type.startswith("kubernetes:"):
            labels = one.inputs["metadata"]["labels"]
            assert labels["berth.dev/owner"] == "ml-team", one.name
            assert labels["berth.dev/environment"] == "local", one.name


def test_every_resource_belongs_to_a_component_or_the_stack(run: Any) -> None:
    for one in run().resources:
        if one.type.startswith("kubernetes:"):
            assert one.parent != "berth-local", f"{one.name} hangs in the air"
            assert one.name.startswith(f"{one.parent}-"), f"{one.name} is named after its component"


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_the_workloads_learn_where_the_bucket_is(run: Any, kind: str) -> None:
    pod = run().pods()[kind]
    told = variables(pod)
    assert told["S3_BUCKET"] == "berth-local"
    assert told["AWS_ENDPOINT_URL_S3"] == "http://10.213.0.1:9000"
    assert told["AWS_REGION"] == "us-east-1"
    assert (told["S3_ADDRESSING_STYLE"], told["S3_SIGNATURE_VERSION"]) == ("path", "s3v4")
    assert "AWS_SECRET_ACCESS_KEY" not in told
    assert only(pod)["envFrom"] == [{"secretRef": {"name": "storage-key-1a2b3c4d"}}]


def test_serving_reads_what_training_writes(run: Any) -> None:
    pods = run().pods()
    prefix = variables(pods["Job"])["RUN_PREFIX"]
    assert variables(pods["Deployment"])["MODEL_KEY"] == f"{prefix}/model/model.json"
    assert "MODEL_DIR" not in variables(pods["Job"])


def test_over_a_shared_volume_too(run: Any) -> None:
    recording = run(model_store="shared-volume")
    claim = recording.one("PersistentVolumeClaim").inputs
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "2Gi"}
    pods = recording.pods()
    assert variables(pods["Job"])["MODEL_DIR"] == variables(pods["Deployment"])["MODEL_DIR"]
    assert "MODEL_KEY" not in variables(pods["Deployment"])
    for kind, read_only in (("Job", False), ("Deployment", True)):
        mount = next(one for one in only(pods[kind])["volumeMounts"] if one["name"] == "models")
        assert mount["readOnly"] is read_only
        assert variables(pods[kind])["MODEL_DIR"].startswith(mount["mountPath"] + "/")
    assert not run().of("PersistentVolumeClaim")


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"epochs": 3}},
        {"training": {"learning_rate": 0.01}},
        {"training": {"seed": 7}},
        {"model_store": "shared-volume"},
    ],
    ids=str,
)
def test_what_is_learned_differently_is_another_run(run: Any, changes: dict[str, Any]) -> None:
    before, after = run(), run(**changes)
    assert before.one("Job").inputs["metadata"]["name"] != after.one("Job").inputs["metadata"]["name"]
    assert before.outputs["training"]["run_prefix"] != after.outputs["training"]["run_prefix"]


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"retries": 1}},
        {"training": {"resources": {"cpu": "100m", "cpu_limit": "1", "memory": "1Gi"}}},
        {"registry": {"server": "elsewhere.example.org", "private": False}},
        {"inference": {"max_replicas": 2}},
        {"owner": "someone-else"},
    ],
    ids=str,
)
def test_what_is_learned_the_same_is_the_same_run(run: Any, changes: dict[str, Any]) -> None:
    before, after = run(training={}), run(**{"training": {}, **changes})
    assert before.one("Job").inputs["metadata"]["name"] == after.one("Job").inputs["metadata"]["name"]


def test_hyperparameters_reach_the_job(run: Any) -> None:
    told = variables(run(training={"epochs": 3, "learning_rate": 0.01, "seed": 7}).pods()["Job"])
    assert (told["EPOCHS"], told["LEARNING_RATE"], told["SEED"]) == ("3", "0.01", "7")


def test_a_new_model_rolls_the_service(run: Any) -> None:
    annotations = run().spec("Deployment")["template"]["metadata"]["annotations"]
    assert annotations["berth.dev/model-sha256"] == recorder.RESULT["model_sha256"]


def test_a_job_is_tried_again_but_not_for_ever(run: Any) -> None:
    job = run(training={"retries": 2, "timeout_minutes": 10, "grace_seconds": 45}).spec("Job")
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (2, 600)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["template"]["spec"]["terminationGracePeriodSeconds"] == 45
    assert "ttlSecondsAfterFinished" not in job, "a job that vanishes looks like drift"
    assert [rule["action"] for rule in job["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]


@pytest.mark.parametrize("gpus", [0, 2])
def test_gpus_are_asked_for_where_there_are_any(run: Any, gpus: int) -> None:
    recording = run(gpus=gpus)
    pod = recording.pods()["Job"]
    resources = only(pod)["resources"]
    assert resources["limits"].get("nvidia.com/gpu") == (str(gpus) if gpus else None)
    assert ("tolerations" in pod) is bool(gpus)
    assert recording.spec("ResourceQuota")["hard"]["requests.nvidia.com/gpu"] == str(gpus)
    assert "nvidia.com/gpu" not in only(recording.pods()["Deployment"])["resources"]["limits"]


def test_outputs(run: Any) -> None:
    outputs = run().outputs
    assert outputs["predict_url"] == "http://10.213.32.1"
    assert run(inference={"port": 8000}).outputs["predict_url"] == "http://10.213.32.1:8000"
    assert outputs["training"]["accuracy"] == recorder.RESULT["accuracy"]
    assert outputs["training"]["steps"] == 276
    assert (outputs["namespace"], outputs["bucket"]) == ("berth-local", "berth-local")


def test_a_missing_key_pair_ends_in_a_message(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    present = recorder.variables
    monkeypatch.setattr(recorder, "variables", lambda path: {**present(path), "AWS_ACCESS_KEY_ID": ""})
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID: is not set"):
        run()
