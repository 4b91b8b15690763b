"""Building images: what is done in which order, what is skipped, and what is left behind."""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from rehearsal.images import base, build, builders, hub, kept
from rehearsal.paths import Paths
from rehearsal.steps import Step, StepFailed, Steps


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


class Recorder:
    """A builder that writes down what it is told, and fails where it is told to."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[str] = []
        self._failing = failing

    def _note(self, what: str, image: str, step: Step) -> None:
        self.calls.append(f"{what} {image}")
        if self._failing == f"{what} {image}":
            raise StepFailed(step.name, [what], 1, step.log)

    def build(self, context: Path, image: str, base: str, reference: str, step: Step) -> None:
        assert (context / "images" / image / "Containerfile").exists()
        assert (context / "workloads" / image / "__main__.py").exists()
        assert (context / "smoke" / "smoke.py").exists()
        assert not list(context.rglob("*.pyc"))
        self._note("build", image, step)

    def smoke(self, context: Path, image: str, reference: str, step: Step) -> None:
        self._note("smoke", image, step)

    def push(self, reference: str, step: Step) -> None:
        self._note("push", reference.rpartition("/")[2].partition(":")[0], step)

    def copy(self, _paths: Paths, _step: Step, source: str, target: str, *_flags: str) -> None:
        """An image in a layout of one manifest, whose blobs are shared; nothing in a registry."""
        kind, _, place = target.partition(":")
        self.calls.append(f"{source.partition(':')[0]} to {kind}")
        if kind != "oci":
            return
        layout = Path(place.removesuffix(":latest"))
        blobs = layout.parent / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        layout.mkdir()
        tag = source.rpartition(":")[2]
        layer, config, manifest = (f"{kind}{tag}" for kind in ("layer", "config", "manifest"))
        named = {"config": {"digest": f"sha256:{config}"}, "layers": [{"digest": f"sha256:{layer}"}]}
        (blobs / layer).write_text("")
        (blobs / config).write_text("")
        (blobs / manifest).write_text(json.dumps(named))
        (layout / "index.json").write_text(json.dumps({"manifests": [{"digest": f"sha256:{manifest}"}]}))

    def close(self) -> None:
        self.calls.append("close")


def prepare(monkeypatch: pytest.MonkeyPatch, missing: list[str], failing: str = "") -> Recorder:
    recorder = Recorder(failing)
    monkeypatch.setattr(builders, "choose", lambda _paths: recorder)
    monkeypatch.setattr(hub, "missing", lambda _paths, wanted: [name for name in wanted if name in missing])
    monkeypatch.setattr(hub, "copy", recorder.copy)
    return recorder


def test_what_the_registry_has_is_not_built(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    recorder = prepare(monkeypatch, [])
    references = build.build_all(paths, Steps(paths.logs))
    assert set(references) == {"train", "serve"}
    assert references == build.references()
    assert recorder.calls == []


def test_a_missing_image_is_built_tried_and_pushed_in_this_order(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    recorder = prepare(monkeypatch, ["serve"])
    build.build_all(paths, Steps(paths.logs))
    assert recorder.calls == ["build serve", "smoke serve", "push serve", "docker to oci", "close"]
    assert not (paths.run / "images" / "context").exists()


def test_what_was_built_once_is_copied_into_a_new_registry(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    recorder = prepare(monkeypatch, ["train", "serve"])
    build.build_all(paths, Steps(paths.logs))
    recorder.calls.clear()
    build.build_all(paths, Steps(paths.logs))
    assert recorder.calls == ["oci to docker", "oci to docker"]


def test_only_the_newest_of_an_image_is_kept_with_its_layers(
    monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    prepare(monkeypatch, [])
    with Steps(paths.logs).step("keep") as step:
        for tag in ("a" * 16, "b" * 16):
            kept.keep(paths, step, f"10.213.0.1:5000/berth/train:{tag}")
    images = paths.cache / "images"
    assert sorted(entry.name for entry in images.iterdir()) == ["blobs", f"train-{'b' * 16}"]
    left = sorted(blob.name for blob in (images / "blobs" / "sha256").iterdir())
    assert left == [f"{kind}{'b' * 16}" for kind in ("config", "layer", "manifest")]


def test_what_fails_its_smoke_test_is_not_pushed(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    recorder = prepare(monkeypatch, ["train", "serve"], failing="smoke train")
    with pytest.raises(StepFailed):
        build.build_all(paths, Steps(paths.logs))
    assert recorder.calls == ["build train", "smoke train", "close"]


def test_the_base_is_an_oci_layout_whose_digests_are_right(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("etc/hostname"))
    (tmp_path / "root.tar").write_bytes(buffer.getvalue())
    subprocess.run(["zstd", "-q", "--rm", "root.tar"], cwd=tmp_path, check=True)
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    base._describe(tmp_path, tmp_path / "root.tar.zst")
    for blob in (tmp_path / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    entry = json.loads((tmp_path / "index.json").read_text())["manifests"][0]
    manifest = json.loads((tmp_path / "blobs" / entry["digest"].replace(":", "/")).read_text())
    config = json.loads((tmp_path / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_text())
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}"]


def test_a_base_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    def fail(_recipe: base.Recipe, archive: Path, _step: Step) -> None:
        archive.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(base, "_bootstrap", fail)
    with Steps(paths.logs).step("base") as step, pytest.raises(KeyboardInterrupt):
        base.ensure(paths, "0123456789abcdef", step)
    assert list((paths.cache / "images").iterdir()) == []


def test_mirrors_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = (
        "Debian|Debian|http://mirror.test/debian/|main\n"
        "Debian|Debian|http://other.test/debian/|main\n"
        "Debian|Debian-Security|http://mirror.test/security/|main\n"
        "Elsewhere|Elsewhere|http://else.test/|main\n"
    )
    answer = subprocess.CompletedProcess([], 0, stdout=targets)
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_options: answer)
    assert base.mirrors("trixie", ["main"]) == [
        "deb http://mirror.test/debian/ trixie main",
        "deb http://mirror.test/debian/ trixie-updates main",
        "deb http://mirror.test/security/ trixie-security main",
    ]
    answer.stdout = "Ubuntu|Ubuntu|http://mirror.test/ubuntu/|main\n"
    assert base.mirrors("trixie", ["main"]) == []


def test_an_unreachable_registry_is_named(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    with pytest.raises(hub.BerthError, match="cannot be reached"):
        hub.missing(paths, {"train": "127.0.0.1:9/berth/train:0"})
