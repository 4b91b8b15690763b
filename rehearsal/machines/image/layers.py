"""The base of the workloads' images, in docker's store on the disk: pulling it takes minutes under emulation.

Written as docker's overlay2 driver keeps it (moby's `layer/filestore.go` and `daemon/graphdriver/overlay2`),
under the digest that the registry has it, so that a pull finds it and fetches only what is above it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.steps import Step

NAME = "berth/base-cpu:latest"


def put(root: Path, layout: Path, step: Step) -> None:
    """Put the image of an OCI layout, which has one layer, into a root directory's `/var/lib/docker`.

    Raises:
        StepFailed: the layer cannot be unpacked.
        BerthError: it has another number of layers.
    """
    blobs = layout / "blobs" / "sha256"
    manifest = _json(blobs, _json(layout, "index.json")["manifests"][0]["digest"])
    config_digest = manifest["config"]["digest"]
    config = _json(blobs, config_digest)
    if len(manifest["layers"]) != 1:
        raise BerthError(f"the base image in {layout} has {len(manifest['layers'])} layers instead of one")
    packed, unpacked = manifest["layers"][0]["digest"], config["rootfs"]["diff_ids"][0]
    docker = root / "var" / "lib" / "docker"
    name = hashlib.sha256(unpacked.encode()).hexdigest()
    diff = docker / "overlay2" / name / "diff"
    diff.mkdir(parents=True)
    step.say("unpacking the workloads' base image")
    step.run(["tar", "--zstd", "--numeric-owner", "-xpf", str(blobs / _hex(packed)), "-C", str(diff)])
    size = sum(file.lstat().st_size for file in diff.rglob("*") if file.is_file() and not file.is_symlink())
    short = name[:26].upper()
    links = docker / "overlay2" / "l"
    links.mkdir()
    (links / short).symlink_to(f"../{name}/diff")
    images = docker / "image" / "overlay2"
    layer = images / "layerdb" / "sha256" / _hex(unpacked)
    repository, _, _ = NAME.partition(":")
    for file, text in {
        diff.parent / "link": short,
        diff.parent / "committed": "",
        layer / "cache-id": name,
        layer / "diff": unpacked,
        layer / "size": str(size),
        images / "distribution" / "diffid-by-digest" / "sha256" / _hex(packed): unpacked,
        images / "imagedb" / "content" / "sha256" / _hex(config_digest): (
            blobs / _hex(config_digest)
        ).read_text(),
        images / "repositories.json": json.dumps({"Repositories": {repository: {NAME: config_digest}}}),
    }.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for directory in (docker, docker / "overlay2", diff.parent):
        directory.chmod(0o710)
    for directory in (links, docker / "image", images):
        directory.chmod(0o700)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _json(directory: Path, name: str) -> Any:
    return json.loads((directory / _hex(name)).read_text())
