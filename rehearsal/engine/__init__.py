"""The Pulumi engine of a rehearsal: the real command line, with its host for Python programs.

It is taken from PATH, else from the official release, else built from Go modules. What cannot be built, three
scripts that start Python, are files of a Go module of Pulumi's, and are installed from there.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rehearsal import artifacts
from rehearsal.artifacts import GoProgram, Release
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Step, Steps

VERSION = "3.200.0"
MINIMUM = (3, 200, 0)

_MODULE = Path(__file__).parent / "module"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_HOST = "pulumi-language-python"
_SCRIPTS = {
    "pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec",
    "pulumi-analyzer-policy-python": "python/dist/pulumi-analyzer-policy-python",
    "pulumi-resource-pulumi-python": "python/dist/pulumi-resource-pulumi-python",
}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Where the engine is: its directory belongs on PATH. origin: `PATH`, `release` or `built`."""

    bin_dir: Path
    version: str
    origin: str


def programs() -> list[GoProgram]:
    """What is built, or downloaded instead, where no engine is on PATH."""
    return [_program()]


def packages() -> list[str]:
    """The distribution's packages that are missing: it needs none."""
    return []


def ensure(paths: Paths, steps: Steps) -> Engine:
    """Find, download or build the engine.

    Raises:
        BerthError: no network, a checksum that does not match, or no Go toolchain.
        StepFailed: the build failed.
    """
    found = on_path(paths)
    if found is not None:
        return found
    program = _program()
    where = artifacts.directory(program, paths)
    if not (artifacts.present(program, paths) and _complete(where)):
        with steps.step("Pulumi engine", expected=program.expected) as step:
            artifacts.ensure(program, paths, step)
            _install_scripts(where, paths, step)
            step.result = f"v{VERSION}"
    return Engine(bin_dir=where, version=VERSION, origin=_origin(where))


def on_path(paths: Paths, search: str | None = None) -> Engine | None:
    """A complete engine on PATH that is new enough, else None; one that we built ourselves does not count."""
    found = shutil.which("pulumi", path=search)
    if found is None or _inside(Path(found), paths):
        return None
    version = _version_of(found)
    if version is None or version < MINIMUM:
        return None
    bin_dir = Path(found).resolve().parent
    if not (bin_dir / _HOST).exists() or not _complete(bin_dir):
        return None
    return Engine(bin_dir=bin_dir, version=".".join(map(str, version)), origin="PATH")


def _inside(program: Path, paths: Paths) -> bool:
    return any(program.resolve().is_relative_to(root.resolve()) for root in (paths.cache, paths.state))


def _version_of(program: str) -> tuple[int, ...] | None:
    settings = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        text = subprocess.run(
            [program, "version"], capture_output=True, text=True, check=True, timeout=20, env=settings
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return tuple(int(part) for part in match.groups()) if match else None


def _program() -> GoProgram:
    archive = f"pulumi-v{VERSION}-linux-x64.tar.gz"
    names = ("pulumi", _HOST, *_SCRIPTS)
    return GoProgram(
        name="pulumi",
        module=_MODULE,
        packages={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", _HOST: "./languagehost"},
        # Without it the Automation API refuses the engine: its version would read v3.0.0-dev.
        ldflags=(f"-X={_SDK}/go/common/version.Version=v{VERSION}",),
        releases=(
            Release(
                url=f"https://get.pulumi.com/releases/sdk/{archive}",
                checksum_url=(
                    "https://github.com/pulumi/pulumi/releases/download/"
                    f"v{VERSION}/pulumi-{VERSION}-checksums.txt"
                ),
                members={name: f"pulumi/{name}" for name in names},
            ),
        ),
        expected="about 3 minutes",
    )


def _complete(where: Path) -> bool:
    return all(os.access(where / name, os.X_OK) for name in _SCRIPTS)


def _origin(where: Path) -> str:
    return "built" if (where / ".built").exists() else "release"


def _install_scripts(where: Path, paths: Paths, step: Step) -> None:
    """Copy the scripts out of the SDK's Go module, whose content go.sum vouches for."""
    if _complete(where):
        return
    step.say("installing the scripts that start Python")
    go = artifacts.go_toolchain(paths, step)
    said = step.run(
        [go, "mod", "download", "-json", _SDK], cwd=_MODULE, env=artifacts.build_environment(paths)
    )
    try:
        source = Path(json.loads(said[said.index("{") : said.rindex("}") + 1])["Dir"])
    except (ValueError, KeyError):
        raise BerthError(f"the Go module {_SDK} could not be read; its log is {step.log}") from None
    (where / ".built").touch()
    for name, file in _SCRIPTS.items():
        partial = where / f".{name}"
        shutil.copyfile(source / file, partial)
        partial.chmod(0o755)
        partial.replace(where / name)
