"""What builds a Containerfile: buildah with a storage of its own, or docker where a daemon runs.

Both take the same Containerfile, and both run the image's smoke test before anything is pushed.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from rehearsal.images import hub
from rehearsal.paths import Paths
from rehearsal.steps import Step

SMOKE = "/smoke"


class Builder(Protocol):
    """Builds, tries and pushes one image after another; close() leaves nothing behind."""

    def build(self, context: Path, image: str, base: str, reference: str, step: Step) -> None:
        """Build images/<image> of a context on a base."""

    def smoke(self, context: Path, image: str, reference: str, step: Step) -> None:
        """Run the image's smoke test, which the context has under smoke/."""

    def push(self, reference: str, step: Step) -> None:
        """Push to the registry."""

    def close(self) -> None:
        """Remove what building needed."""


def docker_runs() -> bool:
    """Whether a Docker daemon answers."""
    if not shutil.which("docker"):
        return False
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def choose(paths: Paths) -> Builder:
    """Buildah where it is installed, else docker."""
    return Buildah(paths) if shutil.which("buildah") or not docker_runs() else Docker(paths)


class Buildah:
    """Buildah as root, in its own storage, without a daemon and without namespaces of networks."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._storage = paths.cache / "images" / "storage"
        self._run = paths.run / "images" / "buildah"
        self.close()  # an interrupted build's leavings
        driver = "overlay" if self._overlay_works() else "vfs"
        self._buildah = ["buildah", f"--root={self._storage}", f"--runroot={self._run}"]
        self._buildah.append(f"--storage-driver={driver}")
        self._env = hub.environment(paths) | {"BUILDAH_ISOLATION": "chroot", "STORAGE_OPTS": ""}

    def _overlay_works(self) -> bool:
        """Overlay upon overlay is refused by the kernel, as in a container without a volume for the cache."""
        probe = self._paths.cache / "images" / "overlay-probe"
        parts = [probe / name for name in ("lower", "upper", "work", "merged")]
        for part in parts:
            part.mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={parts[0]},upperdir={parts[1]},workdir={parts[2]}"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(parts[3])]
        works = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if works:
            subprocess.run(["umount", str(parts[3])], capture_output=True, check=False)
        shutil.rmtree(probe, ignore_errors=True)
        return works

    def build(self, context: Path, image: str, base: str, reference: str, step: Step) -> None:
        step.run(
            [
                *self._buildah,
                "build",
                f"--signature-policy={hub.policy(self._paths)}",
                f"--cert-dir={hub.trust(self._paths)}",
                "--format=oci",
                "--layers=false",
                "--timestamp=0",
                f"--build-arg=BASE_IMAGE={base}",
                f"--file={context / 'images' / image / 'Containerfile'}",
                f"--tag={reference}",
                context,
            ],
            env=self._env,
            on_line=_step_line,
        )

    def smoke(self, context: Path, image: str, reference: str, step: Step) -> None:
        container = f"smoke-{image}"
        policy = f"--signature-policy={hub.policy(self._paths)}"
        step.run(
            [*self._buildah, "from", policy, "--pull=never", f"--name={container}", reference], env=self._env
        )
        try:
            volume = f"--volume={context / 'smoke'}:{SMOKE}:ro"
            program = ["python3", f"{SMOKE}/smoke.py", image]
            step.run(
                [*self._buildah, "run", "--isolation=chroot", volume, container, "--", *program],
                env=self._env,
            )
        finally:
            step.run([*self._buildah, "rm", container], env=self._env, check=False)

    def push(self, reference: str, step: Step) -> None:
        step.run(
            [
                *self._buildah,
                "push",
                f"--signature-policy={hub.policy(self._paths)}",
                f"--cert-dir={hub.trust(self._paths)}",
                "--format=oci",
                reference,
                f"docker://{reference}",
            ],
            env=self._env,
        )

    def close(self) -> None:
        """Unmount what an interrupted build left mounted, then remove the storage."""
        roots = (str(self._storage), str(self._run))
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        for mount in reversed([line.split()[1] for line in mounts]):
            if any(mount.startswith(f"{root}/") for root in roots):
                subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        for root in roots:
            shutil.rmtree(root, ignore_errors=True)


class Docker:
    """A running Docker daemon; images go to the registry through skopeo, so it need not trust our CA."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._made: list[str] = []
        self._unpacked = paths.cache / "images" / "unpacked"
        # Skopeo knows nothing of Docker's contexts and variables.
        self._host = subprocess.run(
            ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def build(self, context: Path, image: str, base: str, reference: str, step: Step) -> None:
        if base not in self._made:
            # By way of a directory: an image in Docker's own format cannot have layers compressed with zstd.
            flags = [f"--src-cert-dir={hub.trust(self._paths)}", "--dest-decompress"]
            hub.copy(self._paths, step, f"docker://{base}", f"dir:{self._unpacked}", *flags)
            daemon = f"--dest-daemon-host={self._host}"
            hub.copy(self._paths, step, f"dir:{self._unpacked}", f"docker-daemon:{base}", daemon)
            shutil.rmtree(self._unpacked)
            self._made.append(base)
        file = context / "images" / image / "Containerfile"
        step.run(
            [
                "docker",  # its `build` is buildx where that is installed
                "build",
                f"--build-arg=BASE_IMAGE={base}",
                f"--file={file}",
                f"--tag={reference}",
                context,
            ],
            env=os.environ,
        )
        self._made.append(reference)

    def smoke(self, context: Path, image: str, reference: str, step: Step) -> None:
        limits = ["--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp"]
        volume = f"--volume={context / 'smoke'}:{SMOKE}:ro"
        program = ["--entrypoint=python3", reference, f"{SMOKE}/smoke.py", image]
        step.run(["docker", "run", "--rm", *limits, volume, *program])

    def push(self, reference: str, step: Step) -> None:
        flags = [f"--dest-cert-dir={hub.trust(self._paths)}", f"--src-daemon-host={self._host}"]
        hub.copy(self._paths, step, f"docker-daemon:{reference}", f"docker://{reference}", *flags)

    def close(self) -> None:
        shutil.rmtree(self._unpacked, ignore_errors=True)
        for reference in reversed(self._made):
            subprocess.run(["docker", "rmi", reference], capture_output=True, check=False)


def _step_line(line: str) -> str | None:
    return line if line.startswith("STEP ") else None
