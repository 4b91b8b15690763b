"""moto's server application in this process: its settings, one request at a time, its state.

moto keeps everything in module globals without locks, so that requests take turns here.
"""

import importlib
import io
import json
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rehearsal.clouds.aws.calls import Application, Environ, StartResponse

ACCOUNT = "123456789012"
DATA = Path(__file__).parent / "data"
TURN = threading.RLock()

_SETTINGS = {
    # https://docs.getmoto.org/en/latest/docs/configuration/environment_variables.html
    "MOTO_ACCOUNT_ID": ACCOUNT,
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}


def data(name: str) -> Any:
    """A data file of this package."""
    return json.loads((DATA / name).read_text())


@cache
def application() -> Application:
    """Moto as a WSGI application. Its settings are read at import, so that it is imported here only."""
    os.environ.update(_SETTINGS)
    # It warns of errors that a service's model does not list; common ones, such as throttling, never are.
    warnings.filterwarnings("ignore", module="moto.core.serialize")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from rehearsal.clouds.aws import adjustments

    adjustments.apply()
    dispatcher = DomainDispatcherApplication(create_backend_app)

    def in_turn(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with TURN:
            return [b"".join(dispatcher(environ, start_response))]

    return in_turn


def regions_of(service: str) -> Any:
    """A service's models, by region; asking for a region creates what an account has there by default."""
    application()
    backends_module: Any = importlib.import_module("moto.backends")
    return backends_module.get_backend(service)[ACCOUNT]


@contextmanager
def backends() -> Iterator[Any]:
    """Moto's models, while nobody else touches them: a function from service and region to the backend."""
    application()

    def backend(service: str, region: str = "us-east-1") -> Any:
        known = regions_of(service)
        return known[region] if region in known else known["aws"]

    with TURN:
        yield backend


def reset() -> None:
    """Forget every resource of every service."""
    application()
    from moto.moto_api._internal.models import moto_api_backend

    with TURN:
        moto_api_backend.reset()


def whole_body(environ: Environ) -> bytes:
    """The request's body, read before a turn is taken: a slow sender holds nobody up."""
    stream = environ.get("wsgi.input") or io.BytesIO()
    if environ.get("wsgi.input_terminated") or environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        return bytes(stream.read())
    length = environ.get("CONTENT_LENGTH") or "0"
    return bytes(stream.read(int(length))) if int(length) else b""
