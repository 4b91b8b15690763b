"""A plugin's process: prints its port, serves, and ends when the engine says so or is gone itself."""

import importlib.util
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import grpc  # type: ignore[import-untyped]

from rehearsal.providers.plugin import wire
from rehearsal.providers.plugin.host import Host
from rehearsal.providers.plugin.servicer import PluginServicer

_THREADS = 128  # a resource that is waited for keeps one
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_GRACE_SECONDS = 10  # for an object that is being written to get into the state
_SEND_SECONDS = 0.1
_PARENT_CHECK_SECONDS = 2


def serve(servicer_class: type[PluginServicer], sdk: str, arguments: list[str]) -> NoReturn:
    """Serve until the engine ends the process.

    sdk is the Python package whose plugin this stands in for; its version becomes the plugin's.
    """
    address = next((argument for argument in arguments if not argument.startswith("-")), "")
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=_OPTIONS)
    servicer = servicer_class(version_of(sdk), Host(address))
    wire.provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    stop = threading.Event()
    # The engine's way to end a plugin is SIGINT; it comes when the run is over or has been given up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    threading.Thread(target=_follow, args=(os.getppid(), stop), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stop.wait()
    servicer.cancel()
    servicer.wait_until_idle(_GRACE_SECONDS)
    server.stop(_SEND_SECONDS).wait(_SEND_SECONDS)
    # Nothing is left to be written, and pools of threads would only delay the end.
    os._exit(0)


def _follow(parent: int, stop: threading.Event) -> None:
    """Do not outlive an engine that was killed."""
    while not stop.wait(_PARENT_CHECK_SECONDS):
        if os.getppid() != parent:
            stop.set()


def sdk_folder(sdk: str) -> Path:
    """Where the SDK's package is, without importing it; an empty path when it is not installed."""
    found = importlib.util.find_spec(sdk)
    return Path(found.origin).parent if found and found.origin else Path()


def version_of(sdk: str) -> str:
    """The version of the provider whose SDK is installed."""
    try:  # its own file: the package's metadata take longer to read than all requests of a preview
        return str(json.loads((sdk_folder(sdk) / "pulumi-plugin.json").read_text())["version"])
    except (OSError, ValueError, KeyError):
        return "0.0.0"
