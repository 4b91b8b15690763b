"""A cluster whose `kubectl` answers with what a test puts into it."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.spend.leaks import IN_USE, LEAKED, PROTECTED, TOO_YOUNG, UNCERTAIN, Finding
from rehearsal.errors import BerthError
from scripts.berth import leaks
from scripts.berth.leaks import finding
from scripts.berth.place import Place

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LABELS = {
    "berth.dev/environment": "local",
    "berth.dev/owner": "ml-team",
    "app.kubernetes.io/managed-by": "berth",
}
NAMESPACE, SERVICE, CLAIM = (
    f"kubernetes:core/v1:{kind}" for kind in ("Namespace", "Service", "PersistentVolumeClaim")
)
# Answers `get KINDS [-n NAMESPACE | -l …]` from the objects in a file, and writes down what it is to delete.
KUBECTL = """\
#!/usr/bin/env python3
import json, os, sys
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
if os.environ.get("REFUSAL"):
    sys.exit(os.environ["REFUSAL"])
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(words) + "\\n")
if "delete" in words:
    sys.exit()
rows = json.load(open(os.environ["OBJECTS"]))
kinds = words[words.index("get") + 1]
plural = lambda row: row["kind"].lower() + "s"
rows = [row for row in rows if plural(row) in [kind.partition(".")[0] for kind in kinds.split(",")]]
if "-n" in words:
    namespace = words[words.index("-n") + 1]
    rows = [row for row in rows if row["metadata"].get("namespace") == namespace]
if "-l" in words:
    key, _, value = words[words.index("-l") + 1].partition("=")
    rows = [row for row in rows if row["metadata"].get("labels", {}).get(key) == value]
print(json.dumps({"items": rows}))
"""


def thing(
    kind: str, name: str, *, namespace: str = "", labels: dict[str, str] | None = None, **more: Any
) -> Any:
    made = {"name": name, "creationTimestamp": "2026-11-20T00:00:00Z", "labels": labels or {}}
    made |= {"namespace": namespace} if namespace else {}
    metadata = made | more.pop("metadata", {})
    return {"apiVersion": more.pop("api", "v1"), "kind": kind, "metadata": metadata, **more}


class Cluster:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        kubectl = directory / "bin" / "kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)
        (directory / "stacks").mkdir()
        self.values = (
            "config:\n  berth:target: local\n  berth:owner: ml-team\n  berth:namespace: berth-local\n"
        )
        (directory / "stacks" / "Pulumi.local.yaml").write_text(self.values)
        self.environ = {
            "PATH": f"{kubectl.parent}:{os.environ['PATH']}",
            "OBJECTS": str(directory / "objects.json"),
            "CALLS": str(directory / "calls"),
            "XDG_STATE_HOME": str(directory / "kept"),
        }
        self.place = Place(
            engine="none",
            environ=self.environ,
            project=directory,
            rehearsed=False,
            values=directory / "stacks",
            stack_names=lambda: ["local"],
        )
        self.state: dict[str, Any] = {}

    def has(self, *objects: Any) -> None:
        (self.directory / "objects.json").write_text(json.dumps(objects))

    def knows(self, *resources: tuple[str, str]) -> None:
        rows = [{"type": token, "id": id_, "custom": True} for token, id_ in resources]
        self.state = {"deployment": {"manifest": {"time": "2026-11-01T00:00:00Z"}, "resources": rows}}

    def find(self) -> dict[str, Finding]:
        return {one.id: one for one in leaks.find(self.place, "local", now=NOW)}

    def calls(self) -> list[str]:
        return (self.directory / "calls").read_text().splitlines()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(tmp_path)
    made.knows((NAMESPACE, "berth-local"), (SERVICE, "berth-local/digits"), (CLAIM, "berth-local/models"))
    monkeypatch.setattr(finding, "_state", lambda *_: made.state)
    return made


def deployed() -> list[Any]:
    return [
        thing("Namespace", "berth-local", labels=LABELS),
        thing("Namespace", "default"),
        thing("Service", "digits", namespace="berth-local", labels=LABELS, spec={"type": "ClusterIP"}),
        thing("PersistentVolumeClaim", "models", namespace="berth-local", labels=LABELS),
        volume("pv-models", "models"),
        thing(
            "Pod",
            "digits-abc",
            namespace="berth-local",
            metadata={"ownerReferences": [{"kind": "ReplicaSet"}]},
        ),
        thing("Service", "kubernetes", namespace="default"),
    ]


def volume(name: str, claim: str, *, namespace: str = "berth-local", policy: str = "Delete") -> Any:
    reference = {"namespace": namespace, "name": claim}
    spec = {"claimRef": reference, "persistentVolumeReclaimPolicy": policy, "capacity": {"storage": "5Gi"}}
    return thing("PersistentVolume", name, spec=spec)


def test_a_volume_is_in_use_as_long_as_its_claim_is(cluster: Cluster) -> None:
    cluster.has(*deployed())
    found = cluster.find()
    assert {id_: one.cls for id_, one in found.items()} == {"pv-models": IN_USE}


def test_what_has_berths_labels_and_is_not_in_the_state_is_leaked(cluster: Cluster) -> None:
    balancer = thing("Service", "old", namespace="berth-local", labels=LABELS, spec={"type": "LoadBalancer"})
    elsewhere = thing("Namespace", "berth-local-old", labels=LABELS)
    cluster.has(
        *deployed(),
        balancer,
        elsewhere,
        volume("pv-old", "gone"),
        volume("pv-theirs", "x", namespace="other"),
    )
    found = cluster.find()
    assert {id_: one.cls for id_, one in found.items() if one.cls != IN_USE} == {
        "berth-local/old": LEAKED,
        "berth-local-old": LEAKED,
        "pv-old": LEAKED,
    }
    assert found["berth-local/old"].name == "LoadBalancer"


def test_what_others_put_into_the_namespace_is_uncertain_and_keeps_it(cluster: Cluster) -> None:
    cluster.knows()
    cluster.has(*deployed(), thing("Deployment", "theirs", namespace="berth-local", api="apps/v1"))
    found = cluster.find()
    assert found["berth-local/theirs"].cls == UNCERTAIN
    assert found["berth-local"].cls == LEAKED
    assert found["berth-local"].blocked_by == ("berth-local/theirs",)


def test_data_that_somebody_wants_kept_or_labelled_so_stays(cluster: Cluster) -> None:
    kept = thing(
        "PersistentVolumeClaim", "keep", namespace="berth-local", labels=LABELS | {"berth.dev/keep": "true"}
    )
    cluster.has(*deployed(), volume("pv-retained", "gone", policy="Retain"), kept)
    found = cluster.find()
    assert found["pv-retained"].cls == UNCERTAIN
    assert "Retain" in found["pv-retained"].reason
    assert found["berth-local/keep"].cls == PROTECTED


def test_what_is_young_is_left_alone(cluster: Cluster) -> None:
    made = (NOW - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    young = thing(
        "Service", "new", namespace="berth-local", labels=LABELS, metadata={"creationTimestamp": made}
    )
    cluster.has(*deployed(), young)
    assert cluster.find()["berth-local/new"].cls == TOO_YOUNG


def test_what_is_leaked_is_deleted_in_order_and_only_that(cluster: Cluster) -> None:
    cluster.knows()
    cluster.has(*deployed())
    found = list(cluster.find().values())
    done = leaks.delete(cluster.place, found, leaks.log_of(cluster.place), lambda _: None)
    assert all(one.done for one in done)
    deletions = [call.partition("delete ")[2] for call in cluster.calls() if "delete" in call]
    assert deletions == [
        "service digits -n berth-local --ignore-not-found --wait=false",
        "persistentvolumeclaim models -n berth-local --ignore-not-found --wait=false",
        "persistentvolume pv-models --ignore-not-found --wait=false",
        "namespace berth-local --ignore-not-found --wait=false",
    ]


def test_the_context_of_the_values_file_is_used(cluster: Cluster) -> None:
    text = cluster.values + "  berth:kubernetes:\n    context: lab\n"
    (cluster.directory / "stacks" / "Pulumi.local.yaml").write_text(text)
    cluster.knows()
    cluster.has(*deployed())
    found = list(cluster.find().values())
    leaks.delete(cluster.place, found, leaks.log_of(cluster.place), lambda _: None)
    assert all(call.startswith("--context lab ") for call in cluster.calls())


def test_a_cluster_that_does_not_answer_is_not_an_empty_one(cluster: Cluster) -> None:
    cluster.has()
    cluster.environ["REFUSAL"] = "connection refused"
    with pytest.raises(BerthError, match="does not answer: connection refused"):
        cluster.find()
