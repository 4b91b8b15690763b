import base64
import json
from pathlib import Path

import bcrypt
import pytest
import yaml

from rehearsal import addresses, ca, registry
from rehearsal.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def test_auth_file_is_in_dockers_format_and_private(paths: Paths) -> None:
    user, password = registry.credentials(paths)
    file = registry.auth_file(paths)
    entry = json.loads(file.read_text())["auths"][addresses.REGISTRY]["auth"]
    assert base64.b64decode(entry).decode() == f"{user}:{password}"
    assert file.stat().st_mode & 0o077 == 0
    assert registry.credentials(paths) == (user, password)


def test_the_password_file_fits_and_follows_the_password(paths: Paths) -> None:
    user, password = registry.credentials(paths)
    file = registry._passwords(paths, user, password)
    before = file.read_text()
    known = dict(line.split(":", 1) for line in before.split())
    assert list(known) == [user, "AWS"], "ECR's tokens are for the user AWS"
    assert all(bcrypt.checkpw(password.encode(), digest.encode()) for digest in known.values())
    assert registry._passwords(paths, user, password).read_text() == before
    assert registry._passwords(paths, user, "another").read_text() != before


def test_configuration_has_tls_a_password_and_deletion(paths: Paths) -> None:
    certificate, key = ca.issue(paths, "registry", ips=[addresses.NODE])
    passwords = registry._passwords(paths, *registry.credentials(paths))
    text = registry._configuration(paths, certificate, key, passwords)
    made = yaml.safe_load(text)
    assert made["http"]["tls"]["certificate"] == str(certificate)
    assert made["http"]["addr"] == addresses.REGISTRY, "it listens on the node's address only"
    assert made["auth"]["htpasswd"]["path"] == str(passwords)
    assert made["storage"]["delete"]["enabled"] is True
    assert text == registry._configuration(paths, certificate, key, passwords)
