"""The base image: a system made of the distribution's packages, as one compressed layer in an OCI layout.

Kept in `<cache>/images/base-cpu-<tag>`, so that a registry which was removed can be filled again. The mirror
is that of the machine's own apt sources where they are Debian's, else the default of mmdebstrap (which makes
the same system as debootstrap, in one apt transaction, straight into an archive).
"""

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.steps import Step, StepFailed

RECIPE = CHECKOUT / "images" / "base-cpu" / "recipe.toml"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ARCHIVE = "root.tar.zst"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """images/base-cpu/recipe.toml."""

    suite: str
    components: list[str]
    packages: list[str]
    exclude: list[str]
    include: list[str]
    remove: list[str]


def ensure(paths: Paths, tag: str, step: Step) -> Path:
    """The OCI layout of the base with this tag, made where it is missing."""
    final = paths.cache / "images" / f"base-cpu-{tag}"
    if (final / "index.json").exists():
        return final
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "blobs" / "sha256").mkdir(parents=True)
    try:
        archive = partial / ARCHIVE
        _bootstrap(Recipe(**tomllib.loads(RECIPE.read_text())), archive, step)
        step.say("describing the layer")
        _describe(partial, archive)
        partial.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in final.parent.glob("base-cpu-*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    return final


def _bootstrap(recipe: Recipe, archive: Path, step: Step) -> None:
    step.say("downloading and unpacking packages")
    options = [f"path-exclude={pattern}" for pattern in recipe.exclude]
    options += [f"path-include={pattern}" for pattern in recipe.include]
    temporary = archive.parent / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    try:
        step.run(
            [
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--architectures=amd64",
                f"--components={','.join(recipe.components)}",
                f"--include={','.join(recipe.packages)}",
                *(f"--dpkgopt={option}" for option in (*options, "force-unsafe-io")),
                '--aptopt=APT::Install-Recommends "false"',
                *proxies(),
                *([f"--keyring={KEYRING}"] if KEYRING.exists() else []),
                *(
                    f'--customize-hook=find "$1/usr" -depth -path "$1{pattern}" -delete'
                    for pattern in recipe.remove
                ),
                "--skip=output/dev",
                recipe.suite,
                str(archive),
                *mirrors(recipe.suite, recipe.components),
            ],
            env=os.environ | {"TMPDIR": str(temporary), "LC_ALL": "C.UTF-8", "ZSTD_NBTHREADS": "2"},
            on_line=progress,
        )
    except StepFailed:
        if "NO_PUBKEY" in step.log.read_text(errors="replace"):
            raise BerthError(
                f"this machine's debian-archive-keyring does not know the keys of Debian {recipe.suite}",
                f"Install a newer release of that package and run the command again; the log is {step.log}.",
            ) from None
        raise
    shutil.rmtree(temporary, ignore_errors=True)
    if not archive.exists() or not archive.stat().st_size:
        raise BerthError("the base system came out empty", f"The log {step.log} says why.")


def progress(line: str) -> str | None:
    """What mmdebstrap says about where it is."""
    return line.removeprefix("I: ").rstrip(". ") if line.startswith("I: ") else None


def mirrors(suite: str, components: list[str]) -> list[str]:
    """Lines for apt's sources from this machine's own; empty where it is no Debian machine."""
    targets = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(ORIGIN)|$(LABEL)|$(REPO_URI)|$(COMPONENT)",
            "Created-By: Packages",
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    joined = " ".join(components)
    suites = {
        "Debian": (suite, f"{suite}-updates"),
        "Debian-Security": (f"{suite}-security",),
    }
    lines: list[str] = []
    for label, names in suites.items():
        for target in targets:
            origin, of_label, uri, component = target.split("|")
            if origin == "Debian" and of_label == label and component == "main":
                lines += [f"deb {uri} {name} {joined}" for name in names]
                break
    return lines


def proxies() -> list[str]:
    """The proxies that this machine's apt uses."""
    found = []
    for scheme in ("http", "https"):
        setting = f"Acquire::{scheme}::Proxy"
        answer = subprocess.run(
            ["apt-config", "--format", "%v%n", "dump", setting], capture_output=True, text=True, check=False
        ).stdout.strip()
        if answer:
            found.append(f'--aptopt={setting} "{answer.splitlines()[0]}"')
    return found


def _describe(layout: Path, archive: Path) -> None:
    """Turn a compressed archive into an OCI layout with one image of one layer, `latest` in it."""
    digest = hashlib.sha256()
    with subprocess.Popen(["zstd", "-dcq", str(archive)], stdout=subprocess.PIPE) as process:
        for block in iter(lambda: process.stdout.read(1 << 20) if process.stdout else b"", b""):
            digest.update(block)
    if process.returncode:
        raise BerthError("the base system's archive is damaged", "Run the command again: it is made anew.")
    unpacked = digest.hexdigest()
    with archive.open("rb") as file:
        packed = hashlib.file_digest(file, "sha256").hexdigest()
    blobs = layout / "blobs" / "sha256"
    size = archive.stat().st_size
    archive.rename(blobs / packed)
    oci = "application/vnd.oci.image"
    config = _blob(
        blobs,
        f"{oci}.config.v1+json",
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{unpacked}"]},
        },
    )
    layer = {"mediaType": f"{oci}.layer.v1.tar+zstd", "digest": f"sha256:{packed}", "size": size}
    media = f"{oci}.manifest.v1+json"
    manifest = _blob(
        blobs, media, {"schemaVersion": 2, "mediaType": media, "config": config, "layers": [layer]}
    )
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))


def _blob(blobs: Path, media: str, content: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(content, sort_keys=True).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}
