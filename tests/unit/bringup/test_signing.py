"""Requests are signed as botocore signs them, and the metadata service is asked as version 2 wants."""

import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.machine.program import aws
from infra.machine.program.aws import Aws, AwsError, Metadata, Request

KEY = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG", "Token": "a+token=="}
NOW = "20261122T220000Z"


@pytest.mark.parametrize(
    "request_",
    [
        Request("s3", "PUT", "s3.eu-north-1.amazonaws.com", "/bucket/machines/i-0/status.json", b"{}"),
        Request("s3", "GET", "s3.eu-north-1.amazonaws.com", "/bucket/a%20b/c%2Bd"),
        Request(
            "ecr",
            "POST",
            "api.ecr.eu-north-1.amazonaws.com",
            "/",
            b"{}",
            {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Some.Operation"},
        ),
    ],
)
@pytest.mark.parametrize("token", [True, False])
def test_a_signature_is_botocores(request_: Request, token: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KEY if token else {**KEY, "Token": ""}
    ours = aws.sign(request_, "eu-north-1", key, NOW)
    theirs = AWSRequest(
        request_.method,
        f"https://{request_.host}{request_.path}",
        data=request_.body,
        headers=dict(request_.extra),
    )
    theirs.headers["x-amz-content-sha256"] = ours["x-amz-content-sha256"]
    kind = S3SigV4Auth if request_.service == "s3" else SigV4Auth
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["Token"] or None)
    moment = datetime.strptime(NOW, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: moment)
    kind(credentials, request_.service, "eu-north-1").add_auth(theirs)
    assert theirs.headers["X-Amz-Date"] == NOW, "botocore's clock was not the scripted one"
    assert ours["authorization"] == theirs.headers["Authorization"]


class _Service(http.server.BaseHTTPRequestHandler):
    answers: dict[str, str]
    asked: list[tuple[str, str]]

    def do_PUT(self) -> None:
        self.asked.append(("PUT", self.path))
        self._answer(200, "the-token" if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else "")

    def do_GET(self) -> None:
        self.asked.append(("GET", self.path))
        if self.headers["X-aws-ec2-metadata-token"] != "the-token":
            return self._answer(401, "")
        path = self.path.removeprefix("/latest/")
        return self._answer(200 if path in self.answers else 404, self.answers.get(path, ""))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[tuple[Metadata, type[_Service]]]:
    handler = type("Handler", (_Service,), {"answers": {}, "asked": []})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Metadata("127.0.0.1", server.server_port), handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_token_is_asked_for_once(service: tuple[Metadata, type[_Service]]) -> None:
    metadata, handler = service
    handler.answers["meta-data/instance-id"] = "i-0123"
    assert metadata.get("meta-data/instance-id") == "i-0123"
    assert metadata.get("meta-data/spot/instance-action") is None
    assert [method for method, _ in handler.asked] == ["PUT", "GET", "GET"]


def test_the_roles_credentials(service: tuple[Metadata, type[_Service]]) -> None:
    metadata, handler = service
    with pytest.raises(AwsError, match="no role yet"):
        metadata.credentials()
    where = "meta-data/iam/security-credentials/"
    handler.answers |= {where: "the-role", where + "the-role": '{"AccessKeyId": "A", "SecretAccessKey": "S"}'}
    assert metadata.credentials()["AccessKeyId"] == "A"


def test_a_refusal_is_tried_again_and_a_missing_object_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.time, "sleep", lambda _: None)
    statuses = [403, 503, 0]
    client = Aws("eu-north-1", "bucket", Metadata())

    def once(_request: Request) -> bytes:
        status = statuses.pop(0)
        if status:
            error = AwsError(str(status))
            error.status = status
            raise error
        return b"content"

    monkeypatch.setattr(client, "_once", once)
    assert client.get("key") == b"content"
    statuses[:] = [404]
    assert client.get("key") is None
    statuses[:] = [403] * aws.TRIES
    with pytest.raises(AwsError, match="403"):
        client.put("key", b"")
