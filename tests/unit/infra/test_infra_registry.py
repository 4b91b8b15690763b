"""The login that pods pull with: found where the container tools keep it, and no more of it than needed."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from infra.problems import ConfigError
from infra.registry.login import candidates, pull_login

SERVER = "registry.example.org:5000"
AUTH = base64.b64encode(b"user:password").decode()


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_only_the_one_registrys_login_is_taken(tmp_path: Path) -> None:
    auths = {SERVER: {"auth": AUTH}, "other.example.org": {"auth": AUTH}}
    path = write(tmp_path / "auth.json", {"auths": auths, "credsStore": "none"})
    login = pull_login("local", SERVER, {"REGISTRY_AUTH_FILE": str(path), "HOME": str(tmp_path)})
    assert json.loads(login) == {"auths": {SERVER: {"auth": AUTH}}}


def test_the_more_specific_file_wins(tmp_path: Path) -> None:
    other = base64.b64encode(b"other:password").decode()
    named = write(tmp_path / "auth.json", {"auths": {SERVER: {"auth": AUTH}}})
    write(tmp_path / "docker" / "config.json", {"auths": {SERVER: {"auth": other}}})
    variables = {"DOCKER_CONFIG": str(tmp_path / "docker"), "HOME": str(tmp_path)}
    assert other in pull_login("local", SERVER, variables)
    assert AUTH in pull_login("local", SERVER, {**variables, "REGISTRY_AUTH_FILE": str(named)})


def test_a_file_without_the_registry_is_passed_over(tmp_path: Path) -> None:
    named = write(tmp_path / "auth.json", {"auths": {}})
    write(tmp_path / ".docker" / "config.json", {"auths": {f"https://{SERVER}": {"auth": AUTH}}})
    assert AUTH in pull_login("local", SERVER, {"REGISTRY_AUTH_FILE": str(named), "HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "entry",
    [{}, {"auth": ""}, {"auth": "not base64!"}, {"auth": base64.b64encode(b"no colon").decode()}, "text"],
)
def test_an_entry_that_holds_no_login_is_none(tmp_path: Path, entry: Any) -> None:
    write(tmp_path / ".docker" / "config.json", {"auths": {SERVER: entry}})
    with pytest.raises(ConfigError, match="there is no login for registry"):
        pull_login("local", SERVER, {"HOME": str(tmp_path)})


def test_where_it_was_looked_for_is_said(tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "docker")}
    with pytest.raises(ConfigError) as caught:
        pull_login("local", SERVER, variables)
    for path in candidates(variables):
        assert str(path) in str(caught.value)
    assert f"docker login {SERVER}" in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[1]", '{"auths": null}'])
def test_a_broken_file_ends_in_a_message(tmp_path: Path, content: str) -> None:
    write(tmp_path / ".docker" / "config.json", content)
    with pytest.raises(ConfigError):
        pull_login("local", SERVER, {"HOME": str(tmp_path)})
