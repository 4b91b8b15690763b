"""AWS from a machine without its command line: IMDSv2, Signature Version 4, S3 and ECR's login.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

# ruff: noqa: TC003 # a block for type checking would be shipped for nothing
from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

METADATA = "169.254.169.254"
TRIES = 6


class AwsError(Exception):
    """A service refused, or could not be reached."""

    status = 0


class Metadata:
    """The instance metadata service, version 2."""

    def __init__(self, host: str = METADATA, port: int = 80) -> None:
        self._place = (host, port)
        self._token = ""
        self._until = 0.0

    def get(self, path: str) -> str | None:
        """`/latest/<path>`; None where it answers 404. Raises AwsError."""
        if time.monotonic() > self._until:
            seconds = 21600
            headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(seconds)}
            self._token = self._ask("PUT", "api/token", headers) or ""
            self._until = time.monotonic() + seconds - 300
        return self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})

    def credentials(self) -> dict[str, str]:
        """The instance role's AccessKeyId, SecretAccessKey and Token."""
        where = "meta-data/iam/security-credentials/"
        role = self.get(where)
        content = json.loads(self.get(where + role.split()[0]) or "{}") if role else {}
        if "AccessKeyId" not in content:
            raise AwsError("the instance has no role yet")
        return dict(content)

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        connection = http.client.HTTPConnection(*self._place, timeout=5)
        try:
            connection.request(method, "/latest/" + path, headers=dict(headers))
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as reason:
            raise AwsError(f"instance metadata: {reason}") from None
        finally:
            connection.close()
        if response.status == 404:
            return None
        if response.status != 200:
            raise AwsError(f"instance metadata answered {response.status}")
        return text


@dataclass(frozen=True)
class Request:
    """path: quoted, without a query. extra: further headers, their names in lower case."""

    service: str
    method: str
    host: str
    path: str
    body: bytes = b""
    extra: Mapping[str, str] = field(default_factory=dict)


def sign(request: Request, region: str, key: Mapping[str, str], now: str) -> dict[str, str]:
    """All headers of a request. now: UTC as `20260101T000000Z`."""
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {"host": request.host, "x-amz-date": now, "x-amz-content-sha256": digest, **request.extra}
    if key.get("Token"):
        headers["x-amz-security-token"] = key["Token"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"{request.method}\n{request.path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{now[:8]}/{region}/{request.service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("AWS4" + key["SecretAccessKey"]).encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{key['AccessKeyId']}/{scope}"
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


class Aws:
    """The services that a machine uses, with its own role. bucket: the environment's."""

    def __init__(self, region: str, bucket: str, metadata: Metadata) -> None:
        self._region = region
        self._bucket = bucket
        self.metadata = metadata
        self.date = ""  # the Date header of the last answer

    def put(self, key: str, body: bytes, tries: int = TRIES) -> None:
        self._ask(self._s3("PUT", key, body), tries)

    def get(self, key: str) -> bytes | None:
        """An object's bytes; None where there is none."""
        try:
            return self._ask(self._s3("GET", key), TRIES)
        except AwsError as reason:
            if reason.status == 404:
                return None
            raise

    def registry_token(self) -> str:
        """base64 of `AWS:<password>`, good for twelve hours.

        https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
        """
        extra = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
        }
        host = f"api.ecr.{self._region}.amazonaws.com"
        answer = json.loads(self._ask(Request("ecr", "POST", host, "/", b"{}", extra), TRIES))
        return str(answer["authorizationData"][0]["authorizationToken"])

    def _s3(self, method: str, key: str, body: bytes = b"") -> Request:
        host = f"s3.{self._region}.amazonaws.com"
        return Request("s3", method, host, quote(f"/{self._bucket}/{key}"), body)

    def _ask(self, request: Request, tries: int) -> bytes:
        """Try until it answers: a fresh role and a fresh bucket policy take a while to be known."""
        for attempt in range(1, tries):
            try:
                return self._once(request)
            except AwsError as reason:
                if reason.status == 404:
                    raise
            time.sleep(min(2**attempt, 20))
        return self._once(request)

    def _once(self, request: Request) -> bytes:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = sign(request, self._region, self.metadata.credentials(), now)
        connection = http.client.HTTPSConnection(
            request.host, timeout=30, context=ssl.create_default_context()
        )
        try:
            connection.request(request.method, request.path, body=request.body, headers=headers)
            response = connection.getresponse()
            content = response.read()
            self.date = response.headers.get("Date", "")
        except (OSError, http.client.HTTPException) as reason:
            raise AwsError(f"https://{request.host}{request.path}: {reason}") from None
        finally:
            connection.close()
        if response.status >= 300:
            said = content[:300].decode(errors="replace")
            error = AwsError(f"https://{request.host}{request.path}: {response.status} {said}")
            error.status = response.status
            raise error
        return content
