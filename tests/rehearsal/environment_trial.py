"""The committed environment aws-vm in the hands of the real engine, on an emulated account, without machines.

Its images are not copied: a registry that has every image already stands in for ECR's.
"""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aws_trial import inside
from emulated_account import EmulatedAccount

from rehearsal import ca, workspace
from rehearsal.paths import Paths, paths

STACK = "aws-vm"
SECONDS = 600


class _Full(BaseHTTPRequestHandler):
    """Every image is there."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Docker-Content-Digest", f"sha256:{'0' * 64}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def full_registry(state: Paths) -> Iterator[str]:
    """HOST:PORT of a registry, with a certificate of the rehearsal's authority."""
    certificate, key = ca.issue(state, "full-registry", ips=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Full) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def places(folder: Path) -> Paths:
    """A rehearsal's directories of a test's own; programs come from the machine's cache."""
    state = Paths(cache=paths().cache, state=folder / "state", run=folder / "run")
    state.create()
    return state


class EnvironmentTrial:
    """The stack, in a backend of its own."""

    def __init__(self, state: Paths, account: EmulatedAccount) -> None:
        self.environ = {
            **inside(state, account),
            "SSL_CERT_FILE": str(ca.ensure_bundle(state)),
        }
        self.folder = workspace.refresh(state)
        self.pulumi("stack", "init", STACK)

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        command = ("pulumi", "-C", str(self.folder), "--non-interactive", *arguments)
        done = subprocess.run(
            command,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "-s", STACK, "--yes", "--skip-preview", fails=fails)

    def unchanged(self) -> None:
        """Neither a refresh nor the program finds anything to do."""
        self.pulumi("refresh", "-s", STACK, "--yes", "--skip-preview", "--expect-no-changes")
        self.pulumi("preview", "-s", STACK, "--expect-no-changes")

    def destroy(self) -> None:
        self.pulumi("destroy", "-s", STACK, "--yes", "--skip-preview")
