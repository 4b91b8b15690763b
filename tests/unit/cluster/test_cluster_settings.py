"""What the cluster's parts are told, and what is made for them."""

import io
import json
import tarfile
import tomllib
from pathlib import Path

import pytest

from rehearsal import addresses
from rehearsal.cluster import containers, daemons, identity, software
from rehearsal.cluster.layout import LOOPBACK, Layout
from rehearsal.paths import Paths


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run"))


@pytest.fixture
def parts(layout: Layout) -> dict[str, daemons.Part]:
    ids = identity.ensure(layout)
    return daemons.parts(layout, Path("/programs"), ids, {})


def test_every_part_is_there_in_starting_order(parts: dict[str, daemons.Part]) -> None:
    assert tuple(parts) == daemons.NAMES


def test_no_part_listens_on_the_machines_own_addresses(parts: dict[str, daemons.Part]) -> None:
    allowed = (str(addresses.NODE), LOOPBACK)
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        bound = [word.partition("=")[2] for word in parts[name].argv if word.startswith("--bind-address=")]
        assert bound, f"{name} listens everywhere"
        assert bound[0] in allowed
    for word in parts["etcd"].argv:
        if word.startswith("--listen-"):
            assert LOOPBACK in word, "etcd can be reached from outside"
    kubelet = json.loads(next(iter(parts["kubelet"].files.values())))
    assert kubelet["address"] in allowed
    assert kubelet["healthzBindAddress"] in allowed
    assert kubelet["readOnlyPort"] == 0
    proxy = json.loads(next(iter(parts["kube-proxy"].files.values())))
    assert proxy["nodePortAddresses"] == [f"{addresses.NODE}/32"], "node ports would be open to the network"


def test_strangers_are_refused(parts: dict[str, daemons.Part]) -> None:
    assert "--anonymous-auth=false" in parts["kube-apiserver"].argv
    assert "--authorization-mode=Node,RBAC" in parts["kube-apiserver"].argv
    kubelet = json.loads(next(iter(parts["kubelet"].files.values())))
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}


def test_kubelet_tolerates_what_issue_reports_describe(parts: dict[str, daemons.Part]) -> None:
    kubelet = json.loads(next(iter(parts["kubelet"].files.values())))
    assert kubelet["failCgroupV1"] is False
    assert kubelet["imageGCHighThresholdPercent"] == 100, "a full disk would cost the pause image"
    assert kubelet["evictionHard"]["imagefs.available"] == "0%"
    assert kubelet["clusterDNS"] == [str(addresses.CLUSTER_DNS)]
    assert "--kubelet-preferred-address-types=InternalIP" in parts["kube-apiserver"].argv


def test_only_the_administrator_is_a_master(layout: Layout) -> None:
    masters = [name for name, (_, groups) in identity.USERS.items() if "system:masters" in groups]
    assert masters == ["admin"]


def test_private_files_are_for_root_only(layout: Layout) -> None:
    identity.ensure(layout)
    for path in (
        layout.paths.kubeconfig,
        layout.config / "encryption.yaml",
        layout.config / "service-accounts.key",
    ):
        assert path.stat().st_mode & 0o077 == 0, f"{path.name} can be read by others"


def test_keys_survive_a_second_start(layout: Layout) -> None:
    identity.ensure(layout)
    before = {path: path.read_bytes() for path in layout.config.iterdir()}
    identity.ensure(layout)
    assert {path: path.read_bytes() for path in layout.config.iterdir()} == before


def test_containerds_configuration_is_valid_and_its_own(layout: Layout) -> None:
    text = containers.containerd_toml(
        layout, plugins=Path("/cni"), sandbox="x/pause:1", snapshotter="overlayfs", may_lower_oom_score=False
    )
    parsed = tomllib.loads(text)
    assert parsed["version"] == 2
    assert Path(parsed["root"]).is_relative_to(layout.paths.state)
    assert Path(parsed["state"]).is_relative_to(layout.paths.run)
    cri = parsed["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_the_registry_is_trusted_at_every_attempt() -> None:
    parsed = tomllib.loads(containers.hosts_toml(Path("/ca.crt")))
    server = f"https://{addresses.REGISTRY}"
    assert parsed["server"] == server
    assert parsed["ca"] == parsed["host"][server]["ca"] == "/ca.crt"


def test_a_proxy_is_for_the_worlds_images_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "intranet")
    found = containers.environment(daemons.environment())
    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["NO_PROXY"].split(",")[:2] == ["intranet", str(addresses.NETWORK)]
    assert "HTTPS_PROXY" not in daemons.environment()


def test_the_pause_image_is_an_image_and_always_the_same() -> None:
    archive = containers.image_archive("berth.invalid/pause:1", b"program")
    assert archive == containers.image_archive("berth.invalid/pause:1", b"program")
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        manifest = json.load(outer.extractfile("manifest.json") or io.BytesIO())
        assert manifest[0]["RepoTags"] == ["berth.invalid/pause:1"]
        layer = outer.extractfile(manifest[0]["Layers"][0])
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            assert inner.getmember("pause").mode == 0o755


def test_an_installed_program_counts_whoever_brought_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(software, "which", lambda program: Path("/opt") / program)
    monkeypatch.setattr(software, "cni_directory", lambda: tmp_path)
    assert software.packages() == []
    monkeypatch.setattr(
        software, "which", lambda program: None if program == "runc" else Path("/opt") / program
    )
    monkeypatch.setattr(software, "cni_directory", lambda: None)
    assert software.packages() == ["containernetworking-plugins", "runc"]


def test_downloads_bring_every_program() -> None:
    program = software.KUBERNETES_PROGRAM
    brought = {
        name for release in program.releases for name in release.members or [release.url.rpartition("/")[2]]
    }
    assert brought == {*program.packages, *(program.links or {})}
