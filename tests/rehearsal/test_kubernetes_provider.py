"""The stand-in for pulumi-kubernetes in the hands of its users: mistakes, foreign objects, trouble."""

import json
import signal
import time
from pathlib import Path

import pytest
from trial_project import Trial

pytestmark = pytest.mark.rehearsal

HERE = "opts=pulumi.ResourceOptions(depends_on=[ns])"
JOB = """
k8s.batch.v1.Job(
    "slow",
    metadata={"namespace": "trial"},
    spec={"template": {"spec": {"restartPolicy": "Never", "nodeSelector": {"no": "node"},
                                "containers": [{"name": "c", "image": "none.invalid/none:1"}]}}},
    opts=pulumi.ResourceOptions(
        depends_on=[ns], custom_timeouts=pulumi.CustomTimeouts(create="TIME", update="TIME")
    ),
)
"""


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ('k8s.core.v1.ConfigMap("c", data={"a": 3}, metadata={"nam": "x"})', "data.a: expected a string"),
        ('k8s.core.v1.ConfigMap("c", data={"a": 3}, metadata={"nam": "x"})', "metadata.nam: unknown field"),
        ('k8s.apiextensions.CustomResource("c", "no.such/v1", "Thing")', 'this cluster has no API "no.such"'),
        ('k8s.apiextensions.CustomResource("c", "apps/v1", "Deplyment")', 'did you mean "Deployment"?'),
        ('k8s.core.v1.Secret("c", data={"a": "plain text"})', "data.a: expected base64"),
        ('k8s.core.v1.Service("c", spec={"ports": [{"port": 70000}]})', "must be between 1 and 65535"),
    ],
)
def test_a_mistake_is_refused_in_the_preview(trial: Trial, mistake: str, said: str) -> None:
    trial.program(mistake)
    assert said in trial.pulumi("preview", fails=True)


def test_an_object_that_exists_is_left_alone_and_can_be_imported(trial: Trial) -> None:
    trial.up()
    trial.run("kubectl", "-n", "trial", "create", "configmap", "theirs", "--from-literal=a=b")
    map_of = (
        'k8s.core.v1.ConfigMap("c", metadata={{"namespace": "trial", "name": "theirs"}}, data={{"a": "b"}}{})'
    )
    trial.program(map_of.format(f", {HERE}"))
    output = trial.up(fails=True)
    assert "was not successfully created by the Kubernetes API server" in output
    assert 'import_="trial/theirs"' in output, "the way out is said"
    uid = trial.object("configmap", "theirs")["metadata"]["uid"]
    trial.program(map_of.format(', opts=pulumi.ResourceOptions(import_="trial/theirs")'))
    assert "1 imported" in trial.up()
    trial.program(map_of.format(""))
    assert "2 unchanged" not in trial.pulumi("preview", "--expect-no-changes")
    assert trial.object("configmap", "theirs")["metadata"]["uid"] == uid


def test_a_refresh_sees_what_others_changed_and_an_update_puts_it_right(trial: Trial) -> None:
    quota = """
k8s.core.v1.ResourceQuota("q", metadata={"namespace": "trial", "name": "q"}, spec={"hard": {"pods": "5"}}, """
    trial.program(quota + HERE + ")")
    trial.up()
    patch = '{"spec": {"hard": {"pods": "7", "services": "3"}}}'
    trial.run("kubectl", "-n", "trial", "patch", "resourcequota", "q", "--type=merge", "-p", patch)
    trial.pulumi("refresh", "--yes", "--skip-preview")
    assert trial.state("q")["inputs"]["spec"]["hard"] == {"pods": "7"}, "a field that others added is theirs"
    trial.pulumi("up", "--yes", "--skip-preview", fails=True)  # the field is theirs now, too
    trial.program(
        quota.replace('"name": "q"', '"name": "q", "annotations": {"pulumi.com/patchForce": "true"}')
        + HERE
        + ")"
    )
    trial.up()
    assert trial.object("resourcequota", "q")["spec"]["hard"] == {"pods": "5", "services": "3"}


def test_kinds_that_the_program_brings_itself_patches_and_lists(trial: Trial) -> None:
    trial.up()
    trial.run("kubectl", "-n", "trial", "create", "configmap", "shared", "--from-literal=a=b")
    text = """
spec = {"type": "object", "properties": {"size": {"type": "integer"}}}
schema = {"type": "object", "properties": {"spec": spec}}
crd = k8s.apiextensions.v1.CustomResourceDefinition(
    "widgets", metadata={"name": "widgets.trial.test"},
    spec={"group": "trial.test", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
          "versions": [{"name": "v1", "served": True, "storage": True,
                        "schema": {"openAPIV3Schema": schema}}]})
k8s.apiextensions.CustomResource("w", "trial.test/v1", "Widget", metadata={"namespace": "trial", "name": "w"},
                                 spec={"size": SIZE}, opts=pulumi.ResourceOptions(depends_on=[crd]))
k8s.core.v1.ConfigMapPatch("p", metadata={"namespace": "trial", "name": "shared"}, data={"ours": "yes"})
k8s.core.v1.ConfigMapList("l", items=[
    {"metadata": {"namespace": "trial", "name": f"l{n}"}, "data": {"n": n}} for n in ("1", "2")])
"""
    trial.program(text.replace("SIZE", "1"))
    trial.pulumi("preview")
    trial.up()
    assert trial.object("widgets.trial.test", "w")["spec"]["size"] == 1
    assert trial.object("configmap", "shared")["data"] == {"a": "b", "ours": "yes"}
    assert trial.object("configmap", "l2")["data"] == {"n": "2"}
    trial.program(text.replace("SIZE", "2"))
    trial.up()
    assert trial.object("widgets.trial.test", "w")["spec"]["size"] == 2
    trial.program(text.replace("SIZE", '"big"'))
    assert "spec.size: expected a whole number" in trial.pulumi("preview", fails=True)
    trial.program()
    trial.up()
    assert trial.object("configmap", "shared")["data"] == {"a": "b"}, "a patch gives its fields back"


def test_secrets_are_encrypted_in_state_wherever_they_go(trial: Trial) -> None:
    trial.program(f"""
word = pulumi.Output.secret("open sesame")
k8s.core.v1.Secret("s", metadata={{"namespace": "trial"}}, string_data={{"word": word}}, {HERE})
k8s.core.v1.Secret("t", metadata={{"namespace": "trial"}}, data={{"word": "b3BlbiBzZXNhbWU="}}, {HERE})
k8s.core.v1.ConfigMap("c", metadata={{"namespace": "trial"}}, data={{"word": word, "open": "plain"}}, {HERE})
""")
    trial.up()
    exported = trial.pulumi("stack", "export")
    assert "open sesame" not in exported
    assert "b3BlbiBzZXNhbWU=" not in exported
    assert trial.state("c")["outputs"]["data"]["open"] == "plain"


def test_what_does_not_become_ready_in_time_is_kept_and_waited_for_again(trial: Trial) -> None:
    trial.program(JOB.replace("TIME", "4s"))
    output = trial.up(fails=True)
    assert "failed to fully initialize or become live" in output
    first = trial.state("slow")
    assert first["id"].startswith("trial/slow-")
    assert first["initErrors"]
    assert "failed to fully initialize" in trial.up(fails=True), "the next update waits again"
    assert trial.state("slow")["id"] == first["id"]


def test_a_cancelled_wait_ends_at_once(trial: Trial) -> None:
    trial.program(JOB.replace("TIME", "5m"))
    process = trial.start(
        "pulumi", "-C", str(trial.folder), "--non-interactive", "up", "--yes", "--skip-preview"
    )
    deadline = time.monotonic() + 60
    while "slow" not in trial.run("kubectl", "-n", "trial", "get", "jobs"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - started < 15
    assert "cancelled while waiting" in output
    assert trial.state("slow")["initErrors"], "it is in state, to be waited for or removed"


def test_a_cluster_that_does_not_answer(trial: Trial, tmp_path: Path) -> None:
    trial.up()
    trial.program(f'k8s.core.v1.ConfigMap("c", metadata={{"namespace": "trial"}}, data={{}}, {HERE})')
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(
        json.dumps(
            {
                "current-context": "n",
                "clusters": [{"name": "n", "cluster": {"server": "https://127.0.0.1:1"}}],
                "contexts": [{"name": "n", "context": {"cluster": "n"}}],
            }
        )
    )
    output = trial.pulumi("preview", fails=True, KUBECONFIG=str(nowhere))
    assert "https://127.0.0.1:1 is unreachable" in output
    assert "Traceback" not in output
    output = trial.pulumi("refresh", "--yes", "--skip-preview", fails=True, KUBECONFIG=str(nowhere))
    assert "PULUMI_K8S_DELETE_UNREACHABLE" in output
    output = trial.pulumi("preview", fails=True, KUBECONFIG=str(tmp_path / "missing"))
    assert "KUBECONFIG names" in output


def test_a_field_that_only_the_server_knows_to_be_immutable_is_replaced(trial: Trial) -> None:
    text = """
k8s.core.v1.PersistentVolume("v", spec={"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"],
                                        "hostPath": {"path": "/mnt/a"}})
"""
    trial.program(text)
    trial.up()
    trial.program(text.replace("1Mi", "2Mi"))
    assert "1 to update" in trial.pulumi("preview")
    trial.program(text.replace("/mnt/a", "/mnt/b"))
    assert "1 to replace" in trial.pulumi("preview")


def test_autonaming_follows_the_project_s_configuration(trial: Trial) -> None:
    trial.pulumi("config", "set", "--path", "pulumi:autonaming.pattern", "${name}-${hex(4)}")
    trial.program(f'k8s.core.v1.ConfigMap("c", metadata={{"namespace": "trial"}}, data={{}}, {HERE})')
    trial.up()
    name = trial.state("c")["id"].removeprefix("trial/")
    assert len(name) == len("c-1234")
    trial.pulumi("config", "rm", "pulumi:autonaming")
