"""One API call: which service and operation a request is for, its parameters, and how an answer is written.

Requests are recognised and answers serialised by botocore's service models through moto's own parsers and
serialisers, so that an addition speaks the same protocol as the rest of the account.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Operations = Callable[[str, str], Callable[..., dict[str, Any]]]  # of a service and an operation's name
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# The name in a signature's scope, where it is not botocore's name of the service.
_SIGNING_NAMES = {
    "servicequotas": "service-quotas",
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
}
_READING = ("Describe", "Get", "List", "Head", "Lookup", "Search", "Simulate", "BatchGet", "BatchCheck")
_SIGNATURE = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/")
_CLASSIC_LOAD_BALANCERS = "2012-06-01"


class AwsError(Exception):
    """An error as the API reports it; moto's serialisers read `code` and `message`."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Reply:
    """An HTTP answer that is complete."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def send(self, start_response: StartResponse) -> list[bytes]:
        """Answer a WSGI request with it."""
        start_response(f"{self.status} Answer", self.headers)
        return [self.body]


@dataclass
class Call:
    """A recognised request. service is botocore's name; access_key is empty for an unsigned request."""

    service: str
    region: str
    operation: str
    access_key: str
    environ: Environ
    path_params: Mapping[str, Any]
    body: bytes
    session_token: str = ""
    account: Operations | None = None
    emulator: Operations | None = None

    @property
    def name(self) -> str:
        """`service:Operation`, for logs and rules."""
        return f"{self.service}:{self.operation}"

    @property
    def protocol(self) -> str:
        """The wire protocol of this very request; a service may take several."""
        return str(
            determine_request_protocol(get_service_model(self.service), self.environ.get("CONTENT_TYPE", ""))
        )

    @property
    def only_reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.operation.startswith(_READING)

    @property
    def idempotency_token(self) -> str | None:
        """What marks a repetition of the same request, where the operation has such a parameter."""
        members = get_service_model(self.service).operation_model(self.operation).idempotent_members
        # botocore marks those that it fills in itself; CreateVpcEndpoint and others have one beside.
        token = self.params.get(members[0] if members else "ClientToken")
        return str(token) if token else None

    @property
    def is_dry_run(self) -> bool:
        """Whether the call only asks if it would be allowed."""
        return self.params.get("DryRun") is True

    @cached_property
    def params(self) -> dict[str, Any]:
        """The request's parameters in the shape that boto3 takes them."""
        request = _request(self.environ, self.body)
        model = get_service_model(self.service).operation_model(self.operation)
        parsed = PROTOCOL_PARSERS[self.protocol](model).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data or self.body,
                "url_path": request.path,
                "url_params": dict(self.path_params),
            }
        )
        return dict(parsed or {})

    def other(self, service: str, operation: str) -> Callable[..., dict[str, Any]]:
        """Another operation, same region and key, as the account does it, additions included."""
        if self.account is None:
            raise RuntimeError(f"{self.name} was recognised, but not by an account")
        return self.account(service, operation)

    def moto_operation(self, operation: str) -> Callable[..., dict[str, Any]]:
        """Another operation of the same service, region and key, as moto does it."""
        if self.emulator is None:
            raise RuntimeError(f"{self.name} was recognised, but not by an account")
        return self.emulator(self.service, operation)

    def moto(self, **params: Any) -> dict[str, Any]:
        """Let moto do this operation with other parameters."""
        return self.moto_operation(self.operation)(**params)

    def forward(self, **changes: Any) -> dict[str, Any]:
        """Let moto do it, with some parameters changed (None removes one); the answer as boto3 returns it.

        Raises:
            AwsError: moto refused.
        """
        merged = {**self.params, **changes}
        return self.moto(**{key: value for key, value in merged.items() if value is not None})

    def answer(self, result: Mapping[str, Any] | AwsError) -> Reply:
        """A result, in the shape that boto3 returns it, or an error, as this call's protocol writes it."""
        model = get_service_model(self.service)
        serializer = get_serializer_class(model.service_name, self.protocol)(
            model.operation_model(self.operation)
        )
        written = serializer.serialize(result)
        status = result.status if isinstance(result, AwsError) else int(written["status_code"])
        body = written["body"]
        headers = [(str(name), str(value)) for name, value in written["headers"].items()]
        if isinstance(result, AwsError):
            headers.append(("x-amzn-ErrorType", result.code))
        return Reply(status, headers, body.encode() if isinstance(body, str) else bytes(body))


def recognise(environ: Environ, body: bytes) -> Call | None:
    """The call that a request makes; None where moto has to find out itself (unsigned, unknown service)."""
    access_key, region, signed_for = _scope(environ)
    service = _SIGNING_NAMES.get(signed_for, signed_for) or "s3"
    request = _request(environ, body)
    if service == "elbv2" and request.values.get("Version") == _CLASSIC_LOAD_BALANCERS:
        service = "elb"
    try:
        operation, path_params = get_service_router(service).match(request)
    except Exception:  # noqa: BLE001  # whatever it is, moto answers it in its own way
        return None
    return Call(
        service=service,
        region=region or "us-east-1",
        operation=str(operation.name),
        access_key=access_key,
        environ=environ,
        path_params=path_params,
        body=body,
        session_token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
    )


def _scope(environ: Environ) -> tuple[str, str, str]:
    """Access key id, region and signing name, from the header or from a presigned URL."""
    found = _SIGNATURE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        found = _SIGNATURE.search(f"Credential={query.get('X-Amz-Credential', [''])[0]}/")
    return (found[1], found[2], found[3].lower()) if found else ("", "", "")


def _request(environ: Environ, body: bytes) -> Request:
    return Request({**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
