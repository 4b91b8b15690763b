"""The base image in docker's store: where docker looks for it, and under which names."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.errors import BerthError
from rehearsal.machines.image import layers

PACKED, UNPACKED, CONFIG, MANIFEST = (letter * 64 for letter in "abcd")


class Step:
    """Unpacks one file, whatever the archive."""

    def say(self, text: str) -> None:
        pass

    def run(self, argv: list[str]) -> None:
        assert Path(argv[argv.index("-xpf") + 1]).name == PACKED
        (Path(argv[-1]) / "file").write_bytes(b"12345")


def layout(directory: Path, *, count: int = 1) -> Path:
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    index = {"manifests": [{"digest": f"sha256:{MANIFEST}"}]}
    (directory / "index.json").write_text(json.dumps(index))
    manifest = {"config": {"digest": f"sha256:{CONFIG}"}, "layers": [{"digest": f"sha256:{PACKED}"}] * count}
    (blobs / MANIFEST).write_text(json.dumps(manifest))
    (blobs / CONFIG).write_text(json.dumps({"rootfs": {"diff_ids": [f"sha256:{UNPACKED}"]}}))
    return directory


def test_docker_finds_the_layer_by_the_digest_of_the_registry(tmp_path: Path) -> None:
    step: Any = Step()
    layers.put(tmp_path / "root", layout(tmp_path / "layout"), step)
    docker = tmp_path / "root" / "var" / "lib" / "docker"
    store = docker / "image" / "overlay2"
    known = store / "distribution" / "diffid-by-digest" / "sha256" / PACKED
    assert known.read_text() == f"sha256:{UNPACKED}"
    layer = store / "layerdb" / "sha256" / UNPACKED
    assert (layer / "size").read_text() == "5"
    data = docker / "overlay2" / (layer / "cache-id").read_text()
    assert (data / "diff" / "file").read_bytes() == b"12345"
    short = (data / "link").read_text()
    assert len(short) == 26
    assert (docker / "overlay2" / "l" / short / "file").read_bytes() == b"12345"
    named = json.loads((store / "repositories.json").read_text())["Repositories"]["berth/base-cpu"]
    assert named == {"berth/base-cpu:latest": f"sha256:{CONFIG}"}
    assert (store / "imagedb" / "content" / "sha256" / CONFIG).exists()


def test_an_image_of_several_layers_is_refused(tmp_path: Path) -> None:
    step: Any = Step()
    with pytest.raises(BerthError, match="2 layers"):
        layers.put(tmp_path / "root", layout(tmp_path / "layout", count=2), step)
