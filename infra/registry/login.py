"""The login for one registry, taken from where `docker login` and `buildah login` keep it.

Only that registry's entry is taken: a cluster needs no more of the user's logins.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.problems import ConfigError, Problem


def pull_login(environment: str, server: str, variables: Mapping[str, str]) -> str:
    """The docker configuration, as JSON, that holds the login for `server` and no other.

    Searched: REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json, ~/.docker/config.json. Raises ConfigError where
    none has it.
    """
    files = candidates(variables)
    for path in files:
        entry = _entry(environment, path, server)
        if entry:
            return json.dumps({"auths": {server: entry}}, sort_keys=True)
    searched = ", ".join(str(path) for path in files)
    problem = Problem(
        path="berth:registry.server",
        reason=f"there is no login for {server} in {searched}; log in, or set registry.private to false",
        example=f"docker login {server}",
    )
    raise ConfigError(environment, [problem])


def candidates(variables: Mapping[str, str]) -> list[Path]:
    """The files that may hold logins, the most specific first."""
    named = variables.get("REGISTRY_AUTH_FILE", "")
    docker = variables.get("DOCKER_CONFIG", "")
    home = variables.get("HOME", "/root")
    paths = [Path(named)] if named else []
    paths += [Path(docker) / "config.json"] if docker else []
    return [*paths, Path(home) / ".docker" / "config.json"]


def _entry(environment: str, path: Path, server: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problem = Problem(path=str(path), reason=f"cannot be read as a login file: {error}")
        raise ConfigError(environment, [problem]) from None
    logins = content.get("auths") if isinstance(content, dict) else None
    if not isinstance(logins, dict):
        return None
    for name in (server, f"https://{server}", f"https://{server}/v1/"):
        entry = logins.get(name)
        if isinstance(entry, dict) and _complete(entry):
            return entry
    return None


def _complete(entry: Mapping[str, Any]) -> bool:
    """Whether it holds the login itself. With a credential helper the file has an empty entry."""
    try:
        decoded = base64.b64decode(entry.get("auth", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded or bool(entry.get("username") and entry.get("password"))
