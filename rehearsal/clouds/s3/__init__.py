"""An S3 server for a rehearsal: versitygw on a directory of the state, so that data outlives a restart.

It answers on the node's own address over plain HTTP, path style, with random root credentials. A key cannot
be an object and the prefix of another object at once, because keys are files here.
"""

import json
import os
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

import urllib3

from rehearsal import addresses, artifacts, process, service
from rehearsal.artifacts import GoProgram, Release
from rehearsal.files import write_private
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.steps import Steps

NAME = "s3"
REGION = "us-east-1"
VERSION = "1.8.0"
HEALTH = "/-/healthy"

_ARCHIVE = f"versitygw_v{VERSION}_Linux_x86_64"
_RELEASES = f"https://github.com/versity/versitygw/releases/download/v{VERSION}"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """The root account of the server."""

    access_key_id: str
    secret_access_key: str


def programs() -> list[GoProgram]:
    """What is downloaded or built."""
    return [
        GoProgram(
            name="versitygw",
            module=Path(__file__).parent / "gateway",
            packages={"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
            ldflags=(f"-X=main.Version=v{VERSION}",),
            releases=(
                Release(
                    url=f"{_RELEASES}/{_ARCHIVE}.tar.gz",
                    checksum_url=f"{_RELEASES}/checksums.txt",
                    members={"versitygw": f"{_ARCHIVE}/versitygw"},
                ),
            ),
            expected="about a minute",
        )
    ]


def packages() -> list[str]:
    """The distribution's packages that are missing: it needs none."""
    return []


def credentials(paths: Paths) -> Credentials:
    """The server's credentials, made on first use and kept in a file that only root reads."""
    file = paths.state / "s3" / "credentials.json"
    try:
        return Credentials(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        made = Credentials(
            access_key_id="BERTH"
            + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(15)),
            secret_access_key=secrets.token_urlsafe(30),
        )
    write_private(file, json.dumps(asdict(made)))
    return made


def ensure_running(paths: Paths, steps: Steps) -> None:
    """Have the server answer on `addresses.S3_ENDPOINT`.

    Raises:
        BerthError: its program cannot be had, its port is taken, or it does not start.
    """
    with steps.step("object storage", expected="a second") as step:
        program = artifacts.ensure(programs()[0], paths, step) / "versitygw"
        restarted = service.ensure(
            paths,
            _daemon(paths, program),
            healthy=_healthy,
            listens=(str(addresses.NODE), addresses.S3_PORT),
        )
        step.result = addresses.S3_ENDPOINT + ("" if restarted else ", was running")


def stop(paths: Paths) -> None:
    """Stop the server; its data stays."""
    process.stop(paths, NAME)


def is_running(paths: Paths) -> bool:
    """Whether the server's process lives."""
    return process.pid_of(paths, NAME) is not None


def _daemon(paths: Paths, program: Path) -> Daemon:
    home = paths.state / "s3"
    data, versions, metadata = home / "buckets", home / "versions", home / "metadata"
    for directory in (data, versions):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    backend = ["posix", "--versioning-dir", str(versions)]
    if not _keeps_attributes(home):
        metadata.mkdir(exist_ok=True, mode=0o700)
        backend += ["--sidecar", str(metadata)]
    account = credentials(paths)
    return Daemon(
        name=NAME,
        argv=[
            str(program),
            f"--port={addresses.NODE}:{addresses.S3_PORT}",
            f"--region={REGION}",
            f"--health={HEALTH}",
            "--quiet",
            *backend,
            str(data),
        ],
        env={
            "ROOT_ACCESS_KEY_ID": account.access_key_id,
            "ROOT_SECRET_ACCESS_KEY": account.secret_access_key,
        },
    )


def _keeps_attributes(directory: Path) -> bool:
    """Whether the file system takes extended attributes, where object metadata goes by preference."""
    probe = directory / ".attributes"
    probe.touch()
    try:
        os.setxattr(probe, "user.berth", b"1")
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


def _healthy() -> bool:
    try:
        reply = urllib3.request("GET", addresses.S3_ENDPOINT + HEALTH, timeout=1.0, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return reply.status == 200
