import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal import addresses
from rehearsal.cluster.addons import api, dns, gpus, metrics, network, volumes
from rehearsal.cluster.addons.api import object_path
from rehearsal.cluster.addons.parts import Addon
from rehearsal.errors import BerthError
from rehearsal.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def every(paths: Paths) -> list[Addon]:
    program = Path("/program")
    return [
        dns.addon(paths, program),
        metrics.addon(paths, program),
        volumes.addon(paths, program),
        network.addon(paths),
    ]


def test_no_addon_may_read_secrets_or_do_everything(paths: Paths) -> None:
    for addon in every(paths):
        for role in (item for item in addon.objects if item["kind"] == "ClusterRole"):
            for rule in role["rules"]:
                granted = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
                assert not granted & {"*", "secrets", "impersonate", "escalate", "bind"}, role["metadata"]


def test_each_role_is_bound_to_a_user_of_its_own(paths: Paths) -> None:
    users: list[str] = []
    for addon in every(paths):
        bindings = [item for item in addon.objects if item["kind"].endswith("Binding")]
        named = {subject["name"] for binding in bindings for subject in binding["subjects"]}
        assert len(named) == 1
        users += named
    assert len(set(users)) == len(users)


def test_every_object_has_a_path(paths: Paths) -> None:
    found = {object_path(item) for addon in every(paths) for item in addon.objects}
    assert "/api/v1/namespaces/kube-system/services/kube-dns" in found
    assert "/apis/storage.k8s.io/v1/storageclasses/standard" in found
    assert "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io" in found


def test_settings_do_not_change_from_start_to_start(paths: Paths) -> None:
    first = [(addon.daemon, [path.read_bytes() for path in addon.inputs]) for addon in every(paths)]
    second = [(addon.daemon, [path.read_bytes() for path in addon.inputs]) for addon in every(paths)]
    assert first == second, "a changed setting restarts the daemon"


def test_kubeconfigs_are_for_root_only(paths: Paths) -> None:
    every(paths)
    for name in ("dns", "metrics", "volumes", "network"):
        assert (paths.state / "addons" / f"{name}.kubeconfig").stat().st_mode & 0o077 == 0


def test_dns_service_leads_to_where_coredns_listens(paths: Paths) -> None:
    objects = {item["kind"]: item for item in dns.addon(paths, Path("/program")).objects}
    assert objects["Service"]["spec"]["clusterIP"] == str(addresses.CLUSTER_DNS)
    assert objects["EndpointSlice"]["endpoints"][0]["addresses"] == [str(addresses.NODE)]
    ports = {(port["protocol"], port["port"]) for port in objects["EndpointSlice"]["ports"]}
    assert ports == {("UDP", dns.PORT), ("TCP", dns.PORT)}


@pytest.mark.parametrize(
    ("text", "upstream"),
    [("nameserver 192.0.2.53\n", True), ("# nameserver 192.0.2.53\nsearch a.test\n", False), ("", False)],
)
def test_names_outside_are_forwarded_only_where_the_machine_has_a_resolver(
    tmp_path: Path, text: str, *, upstream: bool
) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(text)
    assert dns._has_upstream(resolver) is upstream
    assert ("forward" in dns.render(Path("/kubeconfig"), upstream=upstream)) is upstream


class FakeApi:
    """A node that remembers what it is told."""

    def __init__(self) -> None:
        self.node: dict[str, Any] = {
            "metadata": {"labels": {"kept": "1"}},
            "status": {"capacity": {"cpu": "2"}},
        }
        self.writes: list[str] = []

    def call(self, method: str, path: str, body: Any = None, *, kind: str = "") -> dict[str, Any]:
        if method == "PATCH":
            assert kind == api.MERGE
            self.writes.append(path)
            self._merge(self.node, json.loads(json.dumps(body)))
        return self.node

    def _merge(self, target: dict[str, Any], change: dict[str, Any]) -> None:
        for name, value in change.items():
            if value is None:
                target.pop(name, None)
            elif isinstance(value, dict):
                self._merge(target.setdefault(name, {}), value)
            else:
                target[name] = value


def test_gpus_are_set_once_and_removed_without_a_trace() -> None:
    fake = FakeApi()
    gpus.ensure(fake, 2)  # type: ignore[arg-type]
    assert fake.node["status"]["capacity"] == {"cpu": "2", "nvidia.com/gpu": "2"}
    assert fake.node["status"]["allocatable"] == {"nvidia.com/gpu": "2"}
    assert fake.node["metadata"]["labels"]["berth.dev/simulated"] == "true"
    written = len(fake.writes)
    gpus.ensure(fake, 2)  # type: ignore[arg-type]
    assert len(fake.writes) == written
    gpus.ensure(fake, 0)  # type: ignore[arg-type]
    assert fake.node["metadata"]["labels"] == {"kept": "1"}
    assert fake.node["status"] == {"capacity": {"cpu": "2"}, "allocatable": {}}


def test_a_negative_number_of_gpus_is_refused() -> None:
    with pytest.raises(BerthError, match="-1"):
        gpus.ensure(FakeApi(), -1)  # type: ignore[arg-type]
