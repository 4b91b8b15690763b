"""An AWS account that is emulated on this machine: moto, what it lacks, and faults on demand.

It answers on `ENDPOINT` for this machine's SDKs, and over TLS on `addresses.AWS_FRONT`, by AWS's own host
names, for the rehearsed machines. All of its state is in memory: a restart is a new, empty account.
"""

import json
import secrets
import string
import sys
from pathlib import Path
from typing import Any

import urllib3

from rehearsal import addresses, ca, process, registry, service
from rehearsal.artifacts import GoProgram
from rehearsal.clouds.aws.names import NAMES
from rehearsal.cluster import network
from rehearsal.cluster.host import command
from rehearsal.files import write_private
from rehearsal.machines import nvidia
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.steps import Step, Steps

NAME = "aws"
ENDPOINT = addresses.AWS_ENDPOINT
REGION = "us-east-1"


def programs() -> list[GoProgram]:
    """What is downloaded or built: nothing."""
    return []


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    return nvidia.packages()


def credentials(paths: Paths) -> tuple[str, str]:
    """Access key id and secret of the rehearsal, made on first use, readable by root only."""
    file = _credentials_file(paths)
    try:
        content = json.loads(file.read_text())
        return str(content["access_key_id"]), str(content["secret_access_key"])
    except (OSError, ValueError, KeyError):
        letters = string.ascii_uppercase + "234567"
        made = "AKIA" + "".join(secrets.choice(letters) for _ in range(16)), secrets.token_urlsafe(30)
    write_private(file, json.dumps({"access_key_id": made[0], "secret_access_key": made[1]}))
    return made


def ensure_running(paths: Paths, steps: Steps) -> bool:
    """Have the account answer on ENDPOINT and, for machines, on port 443 of AWS_FRONT.

    Returns whether it was (re)started, and so is a new, empty account.

    Raises:
        BerthError: a port is taken or it does not start.
    """
    with steps.step("emulated AWS account", expected="3 seconds") as step:
        credentials(paths)
        network.ensure_bridge()
        command(["ip", "address", "replace", f"{addresses.AWS_FRONT}/32", "dev", addresses.BRIDGE])
        ca.ensure_bundle(paths)
        certificate, key = ca.issue(paths, NAME, dns=NAMES)
        password = paths.state / "aws" / "registry-password"
        write_private(password, registry.credentials(paths)[1])
        restarted = service.ensure(
            paths,
            Daemon(
                name=NAME,
                argv=[
                    *(sys.executable, "-m", "rehearsal.clouds.aws.serve"),
                    *(
                        "--http",
                        f"{addresses.NODE}:{addresses.AWS_PORT}",
                        "--tls",
                        f"{addresses.AWS_FRONT}:443",
                    ),
                    *("--certificate", str(certificate), "--key", str(key)),
                    *(
                        "--credentials",
                        str(_credentials_file(paths)),
                        "--registry-password-file",
                        str(password),
                    ),
                    *("--run", str(paths.run)),
                    *("--sources", str(_sources(paths, step))),
                ],
                cwd=Path(__file__).resolve().parents[3],
            ),
            healthy=lambda: health() is not None,
            inputs=[certificate, key, _credentials_file(paths), password],
            listens=(str(addresses.NODE), addresses.AWS_PORT),
        )
        step.result = ENDPOINT + ("" if restarted else ", was running")
        return restarted


def _sources(paths: Paths, step: Step) -> Path:
    """Where the simulated packages are: a link, so that new packages do not mean a new, empty account."""
    link = paths.state / "aws" / "sources"
    if not nvidia.packages():
        target = nvidia.ensure(paths, step)
        if not link.is_symlink() or link.readlink() != target:
            link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = link.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            partial.symlink_to(target)
            partial.replace(link)
    return link


def health(endpoint: str = ENDPOINT) -> dict[str, Any] | None:
    """What the account says of itself: `incarnation` is another one after each start; None: no answer."""
    try:
        reply = urllib3.request("GET", f"{endpoint}/_berth/health", timeout=2.0, retries=False)
        answer: dict[str, Any] = reply.json() if reply.status == 200 else {}
    except (urllib3.exceptions.HTTPError, ValueError):
        return None
    return answer or None


def stop(paths: Paths) -> None:
    """Stop it: every resource of the account is gone."""
    process.stop(paths, NAME)


def is_running(paths: Paths) -> bool:
    """Whether the account's process lives."""
    return process.pid_of(paths, NAME) is not None


def _credentials_file(paths: Paths) -> Path:
    return paths.state / "aws" / "credentials"
