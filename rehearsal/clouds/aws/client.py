"""boto3 clients whose requests go straight into a WSGI application of this process, without a socket."""

import io
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore import handlers, xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.clouds.aws.calls import Application, AwsError, Environ, Operations

_CONFIG = Config(
    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, parameter_validation=False
)


# User-data passes through as it came, in base64.
_CONVERSIONS = {
    "before-parameter-build.ec2.RunInstances": handlers.base64_encode_user_data,
    "before-parameter-build.autoscaling.CreateLaunchConfiguration": handlers.base64_encode_user_data,
}


class _Body(io.BytesIO):
    """What botocore reads an answer's body from."""

    def stream(self, _amount: int = 1024, **_: Any) -> Any:
        yield self.read()


class Clients:
    """Clients of one application, one per service, region and key."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._guard = threading.Lock()

    def get(self, service: str, region: str, access_key: str = "internal") -> Any:
        """A boto3 client."""
        with self._guard:
            known = self._clients.get((service, region, access_key))
            if known is None:
                session: Any = boto3.session.Session(
                    aws_access_key_id=access_key,
                    aws_secret_access_key=access_key,  # nobody verifies the signature
                    region_name=region,
                )
                known = session.client(
                    service,
                    config=_CONFIG,
                    endpoint_url="http://localhost",
                    verify=False,
                )
                known.meta.events.register("before-send", self._send)
                for event, handler in _CONVERSIONS.items():
                    known.meta.events.unregister(event, handler)
                self._clients[service, region, access_key] = known
            return known

    def operations(self, region: str, access_key: str) -> Operations:
        """From a service and an operation to a function that makes the call."""
        return lambda service, name: self._operation(service, region, name, access_key)

    def _operation(
        self, service: str, region: str, operation: str, access_key: str
    ) -> Callable[..., dict[str, Any]]:
        """A function that makes one call and raises AwsError where it is refused."""

        def call(**params: Any) -> dict[str, Any]:
            client = self.get(service, region, access_key or "internal")
            try:
                reply: dict[str, Any] = getattr(client, xform_name(operation))(**params)
            except ClientError as refused:
                error = refused.response["Error"]
                status = refused.response["ResponseMetadata"].get("HTTPStatusCode", 400)
                raise AwsError(error.get("Code", ""), error.get("Message", ""), status) from refused
            reply.pop("ResponseMetadata", None)
            return reply

        return call

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        status, headers, body = send(
            self._application, request.method, request.url, dict(request.headers), request.body
        )
        return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Body(body))


def send(
    application: Application, method: str, url: str, headers: dict[str, Any], body: Any
) -> tuple[int, dict[str, str], bytes]:
    """Make one request of a WSGI application; returns status, headers and body."""
    parts = urlsplit(url)
    content = body.read() if hasattr(body, "read") else body or b""
    content = content.encode() if isinstance(content, str) else bytes(content)
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path) or "/",
        "RAW_URI": parts.path + (f"?{parts.query}" if parts.query else ""),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REMOTE_ADDR": "127.0.0.1",
        "berth.internal": True,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        text = value.decode() if isinstance(value, bytes) else str(value)
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    environ["HTTP_HOST"] = parts.netloc
    environ["CONTENT_LENGTH"] = str(len(content))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    answered: list[Any] = []

    def start_response(status: str, sent: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        answered[:] = [int(status.split(maxsplit=1)[0]), dict(sent)]
        return lambda _data: None

    chunks = b"".join(application(environ, start_response))
    return answered[0], answered[1], chunks
