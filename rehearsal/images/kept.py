"""Built images in the cache, so that a registry which was removed can be filled again without a build.

`<cache>/images/<name>-<tag>` is the OCI layout of one image; the layers of all are in `<cache>/images/blobs`,
each once.
"""

import json
import shutil
from pathlib import Path

from rehearsal.images import hub
from rehearsal.paths import Paths
from rehearsal.steps import Step


def has(paths: Paths, reference: str) -> bool:
    """Whether the image is in the cache."""
    return (_layout(paths, reference) / "index.json").is_file()


def keep(paths: Paths, step: Step, reference: str) -> None:
    """Copy an image from the registry into the cache; older ones of its name go."""
    final = _layout(paths, reference)
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    flags = f"--src-cert-dir={hub.trust(paths)}", f"--dest-shared-blob-dir={_blobs(paths)}"
    hub.copy(paths, step, f"docker://{reference}", f"oci:{partial}:latest", *flags)
    name, _, _ = final.name.rpartition("-")
    for old in final.parent.glob(f"{name}-*"):
        shutil.rmtree(old)
    partial.replace(final)
    _drop_unused(paths)


def restore(paths: Paths, step: Step, reference: str) -> None:
    """Copy an image from the cache into the registry."""
    flags = f"--dest-cert-dir={hub.trust(paths)}", f"--src-shared-blob-dir={_blobs(paths)}"
    hub.copy(paths, step, f"oci:{_layout(paths, reference)}:latest", f"docker://{reference}", *flags)


def _layout(paths: Paths, reference: str) -> Path:
    name, _, tag = reference.rpartition("/")[2].partition(":")
    return paths.cache / "images" / f"{name}-{tag}"


def _blobs(paths: Paths) -> Path:
    return paths.cache / "images" / "blobs"


def _drop_unused(paths: Paths) -> None:
    blobs, used = _blobs(paths), set[str]()
    for index in (paths.cache / "images").glob("*/index.json"):
        for entry in json.loads(index.read_text())["manifests"]:
            manifest = blobs / entry["digest"].replace(":", "/")
            if manifest.is_file():  # the base's layout has blobs of its own
                content = json.loads(manifest.read_text())
                used |= {
                    entry["digest"],
                    *(part["digest"] for part in (content["config"], *content["layers"])),
                }
    for blob in blobs.glob("*/*"):
        if f"{blob.parent.name}:{blob.name}" not in used:
            blob.unlink()
