"""The image registry of a rehearsal: the distribution's docker-registry, with TLS and a password.

Images are really pushed to it and pulled from it, by name `10.213.0.1:5000/…`. The password is random and
only in `<state>/registry/auth.json`, which is in the format of a Docker configuration file.
"""

import base64
import json
import secrets
import shutil
import ssl
from pathlib import Path

import bcrypt
import urllib3
import yaml

from rehearsal import addresses, ca, process, service
from rehearsal.artifacts import GoProgram
from rehearsal.errors import BerthError
from rehearsal.files import write_private
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.steps import Steps

NAME = "registry"
USER = "berth"
# Whom ECR's tokens are for: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
AWS_USER = "AWS"
PROGRAM = "docker-registry"


def programs() -> list[GoProgram]:
    """What is downloaded or built: nothing."""
    return []


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    return [] if shutil.which(PROGRAM) else [PROGRAM]


def auth_file(paths: Paths) -> Path:
    """Credentials in the format of `~/.docker/config.json`; for REGISTRY_AUTH_FILE."""
    return paths.state / "registry" / "auth.json"


def credentials(paths: Paths) -> tuple[str, str]:
    """User and password, made on first use."""
    file = auth_file(paths)
    try:
        entry = json.loads(file.read_text())["auths"][addresses.REGISTRY]["auth"]
        user, _, password = base64.b64decode(entry).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError):
        user, password = USER, secrets.token_urlsafe(24)
        entry = base64.b64encode(f"{user}:{password}".encode()).decode()
        write_private(file, json.dumps({"auths": {addresses.REGISTRY: {"auth": entry}}}, indent=2))
    return user, password


def ensure_running(paths: Paths, steps: Steps) -> None:
    """Have the registry answer on `addresses.REGISTRY`.

    Raises:
        BerthError: it is not installed, its port is taken, or it does not start.
    """
    with steps.step("image registry", expected="a second") as step:
        program = shutil.which(PROGRAM)
        if program is None:
            raise BerthError(
                f"the program {PROGRAM} is not on this machine", f"Install it: apt-get install {PROGRAM}"
            )
        user, password = credentials(paths)
        certificate, key = ca.issue(paths, NAME, ips=[addresses.NODE])
        passwords = _passwords(paths, user, password)
        configuration = paths.state / "registry" / "config.yml"
        write_private(configuration, _configuration(paths, certificate, key, passwords))
        restarted = service.ensure(
            paths,
            Daemon(
                name=NAME,
                argv=[program, "serve", str(configuration)],
                env={"OTEL_TRACES_EXPORTER": "none"},
            ),
            healthy=lambda: _healthy(paths, user, password),
            inputs=[configuration, certificate, key, passwords],
            listens=(str(addresses.NODE), addresses.REGISTRY_PORT),
        )
        step.result = addresses.REGISTRY + ("" if restarted else ", was running")


def stop(paths: Paths) -> None:
    """Stop the registry; its images stay."""
    process.stop(paths, NAME)


def is_running(paths: Paths) -> bool:
    """Whether the registry's process lives."""
    return process.pid_of(paths, NAME) is not None


def _passwords(paths: Paths, user: str, password: str) -> Path:
    """The htpasswd file, written again only where it does not fit the users and the password."""
    file = paths.state / "registry" / "htpasswd"
    users = (user, AWS_USER)
    try:
        known = dict(line.split(":", 1) for line in file.read_text().split())
        if list(known) == list(users) and all(
            bcrypt.checkpw(password.encode(), digest.encode()) for digest in known.values()
        ):
            return file
    except (OSError, ValueError):
        pass
    # The password has 192 random bits, so the cheapest cost that the registry takes protects it well enough,
    # and every single request is checked against it.
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=5)).decode()
    write_private(file, "".join(f"{name}:{digest}\n" for name in users))
    return file


def _configuration(paths: Paths, certificate: Path, key: Path, passwords: Path) -> str:
    data = paths.state / "registry" / "data"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return yaml.safe_dump(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(data)},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "auth": {"htpasswd": {"realm": "berth", "path": str(passwords)}},
            "http": {
                "addr": addresses.REGISTRY,
                "host": f"https://{addresses.REGISTRY}",
                # Derived, not random: a restart must not break an upload under way.
                "secret": _upload_secret(passwords),
                "tls": {"certificate": str(certificate), "key": str(key), "minimumtls": "tls1.2"},
            },
        },
        sort_keys=False,
    )


def _upload_secret(passwords: Path) -> str:
    return base64.b16encode(passwords.read_bytes()[-24:]).decode().lower()


def _healthy(paths: Paths, user: str, password: str) -> bool:
    trust = ssl.create_default_context(cafile=str(ca.ensure_ca(paths)))
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    with urllib3.PoolManager(ssl_context=trust, headers=headers, timeout=2.0, retries=False) as pool:
        try:
            return pool.request("GET", f"https://{addresses.REGISTRY}/v2/").status == 200
        except urllib3.exceptions.HTTPError:
            return False
