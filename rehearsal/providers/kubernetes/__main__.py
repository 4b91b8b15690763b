"""Run the plugin: `python -m rehearsal.providers.kubernetes [engine address]` prints its port and serves."""

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

from rehearsal.providers.kubernetes import wire
from rehearsal.providers.kubernetes.host import Host
from rehearsal.providers.kubernetes.servicer import Servicer

_THREADS = 128  # a resource that is waited for keeps one
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_GRACE_SECONDS = 10  # for an object that is being written to get into the state
_SEND_SECONDS = 0.1
_PARENT_CHECK_SECONDS = 2


def main(arguments: list[str]) -> NoReturn:
    """Serve until the engine ends the process."""
    address = next((argument for argument in arguments if not argument.startswith("-")), "")
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=_OPTIONS)
    servicer = Servicer(_version(), Host(address))
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


def _version() -> str:
    """The version of pulumi-kubernetes whose SDK is installed: that is what this stands in for."""
    found = importlib.util.find_spec("pulumi_kubernetes")
    folder = Path(found.origin).parent if found and found.origin else Path()
    try:  # its own file: the package's metadata take longer to read than all requests of a preview
        return str(json.loads((folder / "pulumi-plugin.json").read_text())["version"])
    except (OSError, ValueError, KeyError):
        return "0.0.0"


if __name__ == "__main__":
    main(sys.argv[1:])
