import os

import pytest
import urllib3
from registry_client import MANIFEST, RegistryClient

from rehearsal import addresses, process, registry
from rehearsal.paths import Paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal
REPOSITORY = "berth/registry-test"


def test_an_image_is_pushed_kept_over_a_restart_and_deleted(paths: Paths, cluster: object) -> None:
    client = RegistryClient(paths, registry.credentials(paths))
    digest = client.push_image(REPOSITORY, "one", {"file": (os.urandom(4096), 0o644)})
    registry.stop(paths)
    assert not registry.is_running(paths)
    registry.ensure_running(paths, Steps(paths.logs))
    found = client.call("GET", f"{REPOSITORY}/manifests/one", Accept=MANIFEST)
    assert found.status == 200, "images outlive a restart"
    assert found.headers["Docker-Content-Digest"] == digest
    assert client.call("DELETE", f"{REPOSITORY}/manifests/{digest}").status == 202
    assert client.call("GET", f"{REPOSITORY}/manifests/one", Accept=MANIFEST).status == 404


def test_nobody_gets_in_without_the_password(paths: Paths, cluster: object) -> None:
    assert RegistryClient(paths, None).call("GET", "_catalog").status == 401
    assert RegistryClient(paths, (registry.USER, "wrong")).call("GET", "_catalog").status == 401


def test_only_our_authority_vouches_for_it(paths: Paths, cluster: object) -> None:
    with pytest.raises(urllib3.exceptions.SSLError):
        urllib3.request("GET", f"https://{addresses.REGISTRY}/v2/", retries=False)


def test_a_second_start_leaves_it_alone(paths: Paths, cluster: object) -> None:
    pid = process.pid_of(paths, registry.NAME)
    registry.ensure_running(paths, Steps(paths.logs))
    assert process.pid_of(paths, registry.NAME) == pid
