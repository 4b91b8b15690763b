"""Clusters that are not ours, with programs that only write down how they were called."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal import process
from rehearsal.cluster import existing
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Steps

Fake = Callable[[str, str], None]
KUBECTL = """\
case "$*" in
  *"config view"*) echo '{"kind": "Config"}' ;;
  *version*) echo '{"serverVersion": {"gitVersion": "%(version)s"}}' ;;
  *can-i*%(refused)s*) echo no; exit 1 ;;
  *can-i*) echo yes ;;
  *"get nodes"*) echo '{"items": [{"status": {"addresses": [{"address": "%(address)s"}]}}]}' ;;
  *readyz*) printf ok ;;
esac
"""


@pytest.fixture
def where(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run")


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(logs=tmp_path / "logs")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/sbin:/usr/bin:/bin")

    def write(name: str, script: str) -> None:
        (programs / name).write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/{name}.calls\n{script}\n')
        (programs / name).chmod(0o755)

    return write


def calls(tmp_path: Path, name: str) -> list[str]:
    return (tmp_path / f"{name}.calls").read_text().splitlines()


def kubectl(version: str = "v1.33.1", refused: str = "nothing", address: str = "127.0.0.1") -> str:
    return KUBECTL % {"version": version, "refused": refused, "address": address}


def test_a_kind_cluster_is_made_once_and_trusts_the_registry(
    where: Paths, steps: Steps, fake: Fake, tmp_path: Path
) -> None:
    fake("kubectl", kubectl())
    fake("kind", "")
    fake("cloud-provider-kind", "exec sleep 600")
    cluster = existing.of("kind")
    cluster.ensure_running(where, steps)
    assert process.pid_of(where, "cloud-provider-kind"), "nothing gives its services an address"
    made = next(line for line in calls(tmp_path, "kind") if line.startswith("create"))
    assert "--name berth" in made
    assert f"--kubeconfig {where.kubeconfig}" in made
    config = json.loads((where.state / "kind" / "config.json").read_text())
    mount = config["nodes"][0]["extraMounts"][0]
    assert "10.213.0.1:5000" in [path.name for path in Path(mount["hostPath"]).iterdir()]
    fake("kind", "echo berth")
    cluster.ensure_running(where, steps)
    assert sum(line.startswith("create") for line in calls(tmp_path, "kind")) == 1
    cluster.stop(where, steps)
    assert calls(tmp_path, "kind")[-1].startswith("delete cluster --name berth")
    assert process.pid_of(where, "cloud-provider-kind") is None
    assert not where.kubeconfig.exists()


def test_without_kind_one_is_told_how_to_get_it(where: Paths, steps: Steps, fake: Fake) -> None:
    fake("kubectl", kubectl())
    with pytest.raises(BerthError, match="not on PATH: kind, cloud-provider-kind"):
        existing.of("kind").ensure_running(where, steps)


def test_the_current_context_is_copied_and_forgotten(where: Paths, steps: Steps, fake: Fake) -> None:
    fake("kubectl", kubectl())
    cluster = existing.of("current")
    cluster.ensure_running(where, steps)
    assert json.loads(where.kubeconfig.read_text()) == {"kind": "Config"}
    assert where.kubeconfig.stat().st_mode & 0o077 == 0
    assert cluster.is_running(where)
    cluster.stop(where, steps)
    assert not where.kubeconfig.exists()
    assert not cluster.is_running(where)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (kubectl(version="v1.24.0"), "version v1.24.0"),
        (kubectl(refused="resourcequotas"), "may not create resourcequotas"),
        (kubectl(address="198.51.100.7"), "not on this machine"),
    ],
)
def test_an_unfit_cluster_is_refused(
    where: Paths, steps: Steps, fake: Fake, script: str, message: str
) -> None:
    fake("kubectl", script)
    with pytest.raises(BerthError, match=message):
        existing.of("current").ensure_running(where, steps)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BerthError, match="minikube") as caught:
        existing.of("minikube")
    assert "embedded, kind, current" in caught.value.hint
