"""Installs the stand-in provider plugins where the engine of a rehearsal looks for the real ones.

A stand-in has the version of the SDK that the programs use, so that the engine finds it without a warning.
"""

import shlex
import shutil
from importlib.metadata import version
from pathlib import Path

from rehearsal.paths import CHECKOUT, Paths

# Provider to the distribution of its SDK and the module that stands in for it.
STAND_INS = {
    "kubernetes": ("pulumi-kubernetes", "rehearsal.providers.kubernetes"),
    "aws": ("pulumi-aws", "rehearsal.providers.aws"),
}


def install(where: Paths, checkout: Path = CHECKOUT) -> list[Path]:
    """Write each stand-in's launcher; those of other versions are removed. Returns the launchers."""
    plugins = where.state / "pulumi" / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    launchers = []
    for provider, (distribution, module) in STAND_INS.items():
        directory = plugins / f"resource-{provider}-v{version(distribution)}"
        for other in plugins.glob(f"resource-{provider}-v*"):
            if other.is_dir() and other != directory:
                shutil.rmtree(other)
        directory.mkdir(exist_ok=True)
        launcher = directory / f"pulumi-resource-{provider}"
        python = shlex.quote(str(checkout / ".venv" / "bin" / "python"))
        # -P: the engine's working directory is a program's, whose modules must not be taken for ours.
        text = f'#!/bin/sh\nexec {python} -P -m {module} "$@"\n'
        if not launcher.exists() or launcher.read_text() != text:
            partial = directory / ".partial"
            partial.write_text(text)
            partial.chmod(0o755)
            partial.replace(launcher)
        launchers.append(launcher)
    return launchers
