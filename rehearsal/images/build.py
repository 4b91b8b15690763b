"""All images of this checkout, in the registry under the tags that their content gives them."""

import fcntl
import importlib.util
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

from rehearsal import addresses
from rehearsal.images import base, builders, hub, kept
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.steps import Steps

IMAGES = ("train", "serve")
_PROGRAMS = {"mmdebstrap": "mmdebstrap", "zstd": "zstd", "skopeo": "skopeo"}


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    needed = [package for program, package in _PROGRAMS.items() if not shutil.which(program)]
    if not base.KEYRING.exists():
        needed.append("debian-archive-keyring")
    if not shutil.which("buildah") and not builders.docker_runs():
        needed.append("buildah")
    return needed


def references() -> dict[str, str]:
    """Image name to the reference that this checkout's content gives it."""
    rule = _rule()
    return {name: f"{addresses.REGISTRY}/berth/{name}:{rule.tag(name)}" for name in IMAGES}


def base_tag() -> str:
    """The tag that this checkout's content gives the base image."""
    return str(_rule().tag(base.RECIPE.parent.name))


def build_all(paths: Paths, steps: Steps) -> dict[str, str]:
    """Have every image in the registry, building what is missing; image name to reference.

    Raises:
        BerthError: the registry cannot be reached.
        StepFailed: a build, a smoke test or a push failed; the finished images stay in the registry.
    """
    wanted = references()
    if hub.missing(paths, wanted):
        with _alone(paths):
            _build_missing(paths, steps, wanted)
    return wanted


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Wait for another build that uses the same cache: it has one storage, and makes the same images."""
    (paths.cache / "images").mkdir(parents=True, exist_ok=True)
    with (paths.cache / "images" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_missing(paths: Paths, steps: Steps, wanted: dict[str, str]) -> None:
    absent = hub.missing(paths, wanted)
    if not absent:
        return
    base_reference = _ensure_base(paths, steps)
    for image in [image for image in absent if kept.has(paths, wanted[image])]:
        with steps.step(f"image {image}", expected="seconds") as step:
            kept.restore(paths, step, wanted[image])
            step.result = "from the cache"
        absent.remove(image)
    if not absent:
        return
    context = paths.run / "images" / "context"
    builder = builders.choose(paths)
    try:
        for image in absent:
            with steps.step(f"image {image}", expected="about half a minute") as step:
                _stage(context)
                marks: list[str] = []
                for name, work in (
                    ("built", partial(builder.build, context, image, base_reference, wanted[image], step)),
                    ("smoke test", partial(builder.smoke, context, image, wanted[image], step)),
                    ("pushed", partial(builder.push, wanted[image], step)),
                    ("kept", partial(kept.keep, paths, step, wanted[image])),
                ):
                    step.say(name)
                    began = time.monotonic()
                    work()
                    marks.append(f"{name} {time.monotonic() - began:.0f} s")
                step.result = ", ".join(marks)
    finally:
        builder.close()
        shutil.rmtree(context, ignore_errors=True)


def _ensure_base(paths: Paths, steps: Steps) -> str:
    tag = base_tag()
    reference = f"{addresses.REGISTRY}/berth/{base.RECIPE.parent.name}:{tag}"
    if hub.missing(paths, {"base": reference}):
        with steps.step("base image", expected="about a minute and a half") as step:
            layout = base.ensure(paths, tag, step)
            step.say("pushing")
            certificates = f"--dest-cert-dir={hub.trust(paths)}"
            hub.copy(paths, step, f"oci:{layout}:latest", f"docker://{reference}", certificates)
            step.result = f"{sum(file.stat().st_size for file in layout.rglob('*')) / 1e6:.0f} MB compressed"
    return reference


def _stage(context: Path) -> None:
    """A build context with what the images copy and nothing else, readable by everybody."""
    shutil.rmtree(context, ignore_errors=True)
    rule = _rule()
    for image in IMAGES:
        for file in rule.files(image):
            _copy(CHECKOUT / file, context / file)
    _copy(CHECKOUT / "images" / "smoke.py", context / "smoke" / "smoke.py")
    for file in sorted((CHECKOUT / "tests" / "workloads").glob("*.py")):
        _copy(file, context / "smoke" / "tests" / file.name)
    for path in (context, *context.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _rule() -> ModuleType:
    """images/tag.py, which the programs load too: the tags must agree."""
    path = CHECKOUT / "images" / "tag.py"
    spec = importlib.util.spec_from_file_location("berth_image_tag", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
