"""How an image gets into ECR, and out of it: skopeo copies, ECR itself deletes.

Runs in a hook of the program, and in Pulumi's dynamic provider, which loads the class by name. The login is a
token of twelve hours, asked for at each operation and given to skopeo in a file that only this user reads,
for as long as skopeo runs.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider

_INPUTS = ("repository", "tag", "region")
_GONE = {"RepositoryNotFoundException", "ImageNotFoundException"}
_LOOK_SECONDS, _COPY_SECONDS = 60, 3600
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


class PublishError(Exception):
    """An image cannot be published or removed; the text says why, and what to do."""


class ImageProvider(ResourceProvider):
    """An image under a tag of an ECR repository."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        # Another source of the same tag has the same content: that is no change.
        replaces = [name for name in _INPUTS if olds.get(name) != news.get(name)]
        return DiffResult(changes=bool(replaces), replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        reference, digest = publish(props)
        return CreateResult(reference, {**props, "reference": reference, "digest": digest})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        reference = f"{props['repository']}:{props['tag']}"
        digest = _published(reference, _token(props["region"]))
        if digest is None:
            return ReadResult("", {})
        return ReadResult(id_, {**props, "reference": reference, "digest": digest})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        repository = props["repository"].partition("/")[2]
        try:
            answer = _ecr(props["region"]).batch_delete_image(
                repositoryName=repository, imageIds=[{"imageTag": props["tag"]}]
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                return
            raise PublishError(f"image {id_} cannot be deleted: {error}") from None
        refused = [one for one in answer.get("failures", []) if one.get("failureCode") != "ImageNotFound"]
        if refused:
            raise PublishError(f"image {id_} cannot be deleted: {refused[0].get('failureReason')}")


def publish(props: Mapping[str, Any]) -> tuple[str, str]:
    """The image's reference and digest; copied unless it is there. Raises PublishError where it cannot be."""
    reference = f"{props['repository']}:{props['tag']}"
    token = _token(props["region"])
    return reference, _published(reference, token) or _copy(props["source"], reference, token)


def _ecr(region: str) -> Any:
    import boto3

    return boto3.client("ecr", region_name=region)


def _skopeo(source: str, reference: str) -> str:
    found = shutil.which("skopeo")
    if found:
        return found
    _, _, image = source.partition(":")
    raise PublishError(
        "skopeo, which copies images, is not on this machine. Install it (apt-get install skopeo, brew "
        "install skopeo); or push with docker, and run again: "
        f"docker tag {image.lstrip('/')} {reference} && docker push {reference}"
    )


def _token(region: str) -> str:
    """The login for every ECR repository of the account in a region: base64 of user and password."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _ecr(region).get_authorization_token()
    except (BotoCoreError, ClientError) as error:
        raise PublishError(f"ECR in {region} gives no login: {error}") from None
    return str(answer["authorizationData"][0]["authorizationToken"])


def _published(reference: str, token: str) -> str | None:
    """The digest of what is there under the tag. Raises PublishError where the registry does not say.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry_auth_http
    """
    registry, _, image = reference.partition("/")
    repository, _, tag = image.rpartition(":")
    request = Request(
        f"https://{registry}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Authorization": f"Basic {token}", "Accept": ", ".join(_MANIFESTS)},
    )
    try:
        with urlopen(request, timeout=_LOOK_SECONDS) as answer:
            return str(answer.headers["Docker-Content-Digest"])
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise PublishError(f"{reference} cannot be looked up: {error}") from None
    except URLError as error:
        raise PublishError(f"{registry} cannot be reached: {error.reason}") from None


def _copy(source: str, reference: str, token: str) -> str:
    """Copy it, and return its digest there. The source's login is where the container tools keep logins."""
    skopeo = _skopeo(source, reference)
    with tempfile.TemporaryDirectory(prefix="berth-publish-") as directory:
        login, digest = Path(directory) / "auth.json", Path(directory) / "digest"
        login.touch(mode=0o600)
        login.write_text(json.dumps({"auths": {reference.partition("/")[0]: {"auth": token}}}))
        quiet = [skopeo, "copy", "--quiet", "--dest-authfile", str(login), "--digestfile", str(digest)]
        reason = _failure([*quiet, source, f"docker://{reference}"])
        if not reason:
            return digest.read_text().strip()
    raise PublishError(
        f"{source} cannot be copied to {reference}: {reason}. If it is not built yet, images/README.md says "
        "how; berth:image_source says where it is looked for"
    )


def _failure(command: list[str]) -> str:
    """Why a run of skopeo failed; empty if it did not."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_COPY_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"skopeo took longer than {_COPY_SECONDS // 60} minutes"
    return _last_message(done.stderr) if done.returncode else ""


def _last_message(log: str) -> str:
    """The message of skopeo's last line, which is a log line: time="…" level=fatal msg="…"."""
    lines = log.strip().splitlines() or ["skopeo said nothing"]
    _, found, message = lines[-1].partition('msg="')
    return message.removesuffix('"').replace('\\"', '"') if found else lines[-1]
