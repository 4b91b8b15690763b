"""Questions to the rehearsal's registry, and copying to it."""

import os
from pathlib import Path

import urllib3

from rehearsal import addresses, ca, registry
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Step

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def missing(paths: Paths, references: dict[str, str]) -> list[str]:
    """The names whose reference the registry does not have.

    Raises:
        BerthError: the registry cannot be asked.
    """
    user, password = registry.credentials(paths)
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}") | {"Accept": ", ".join(_MANIFESTS)}
    with urllib3.PoolManager(
        ca_certs=str(ca.ensure_ca(paths)), headers=headers, timeout=10.0, retries=False
    ) as pool:
        return [name for name, reference in references.items() if not _has(pool, reference)]


def _has(pool: urllib3.PoolManager, reference: str) -> bool:
    server, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    url = f"https://{server}/v2/{repository}/manifests/{tag}"
    try:
        status = pool.request("HEAD", url).status
    except urllib3.exceptions.HTTPError as reason:
        raise BerthError(
            f"the image registry {addresses.REGISTRY} cannot be reached: {reason}",
            "Is the rehearsal running?",
        ) from None
    if status not in {200, 404}:
        raise BerthError(f"the image registry answered {url} with status {status}")
    return status == 200


def trust(paths: Paths) -> Path:
    """A directory with the CA's certificate, as the tools of containers/image take it."""
    directory = paths.run / "images" / "certificates"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ca.crt").write_bytes(ca.ensure_ca(paths).read_bytes())
    return directory


def policy(paths: Paths) -> Path:
    """A signature policy: what is built here is not signed, and nothing else is pulled."""
    file = paths.run / "images" / "policy.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    return file


def environment(paths: Paths) -> dict[str, str]:
    """The environment of the tools that push and pull."""
    registry.credentials(paths)
    return os.environ | {"REGISTRY_AUTH_FILE": str(registry.auth_file(paths))}


def copy(paths: Paths, step: Step, source: str, target: str, *flags: str) -> None:
    """Copy an image between places as skopeo names them, such as `oci:/path:latest` and `docker://name:tag`."""
    step.run(["skopeo", f"--policy={policy(paths)}", "copy", *flags, source, target], env=environment(paths))
