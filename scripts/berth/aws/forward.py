"""Brings a port of the machine to this one: the prediction service's, or Jupyter's."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rehearsal.errors import BerthError
from scripts.berth.aws import connect, machines
from scripts.berth.aws.deployed import deployed
from scripts.berth.place import Place

SECONDS = 120.0
SERVICES = ("jupyter", "predict")
TOKEN = "/etc/berth/jupyter.token"  # noqa: S105 - where it is, not what it is


@dataclass(frozen=True, kw_only=True)
class Forward:
    """A port that is open. url: its address here. ended: waits until whatever forwards it has ended."""

    url: str
    ended: Callable[[], int]


@contextmanager
def forwarded(place: Place, env: str, remote: int, local: int = 0) -> Iterator[Forward]:
    """Forward a port of the machine's loopback; local 0 takes any that is free.

    Raises:
        BerthError: the machine cannot be reached, or the port is taken.
    """
    port = local or free_port()
    process = subprocess.Popen(
        _argv(place, env, remote, port),
        env=dict(place.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield Forward(url=f"http://127.0.0.1:{port}", ended=process.wait)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def run(place: Place, env: str, service: str, local: int | None, say: Callable[[str], None]) -> None:
    """Forward a service until Ctrl-C. local: the port here; None takes the machine's own, else a free one."""
    outputs = deployed(place, env)
    remote = outputs.predict_port if service == "predict" else outputs.jupyter_port
    if remote is None:
        raise BerthError(
            f"{env} has no Jupyter", f"Set `berth:jupyter: {{enabled: true}}` and `{place.prefix} up {env}`."
        )
    if local is not None and not _is_free(local):
        raise BerthError(f"port {local} is taken on this machine", "Choose another with --port.")
    port = local or (remote if _is_free(remote) else 0)
    token = _token(place, env) if service == "jupyter" else ""
    with forwarded(place, env, remote, port) as forward:
        try:
            if service == "jupyter":
                say(f"Jupyter   {forward.url}/lab{token}")
            else:
                say(f"Predict   {forward.url}/v1/models/{outputs.model_name}:predict")
            say("Ctrl-C ends it.")
            status = forward.ended()
        except KeyboardInterrupt:
            return
        raise BerthError(
            f"the connection has ended (status {status})",
            f"The machine may have been replaced; again: `{place.prefix} forward {env} {service}`.",
        )


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _token(place: Place, env: str) -> str:
    if connect.is_keyless(place, env):
        return f"   (its token: `{place.prefix} ssh {env}`, then `sudo cat {TOKEN}`)"
    return f"?token={connect.prepare(place, env).capture(f'sudo cat {TOKEN}').strip()}"


def _argv(place: Place, env: str, remote: int, local: int) -> list[str]:
    outputs = deployed(place, env)
    if outputs.access == "ssm":
        # https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
        connect.require_aws(place, "ssm")
        machine = machines.find(place, outputs)
        ports = json.dumps({"portNumber": [str(remote)], "localPortNumber": [str(local)]})
        return [
            *("aws", "ssm", "start-session", "--target", machine.id, "--region", outputs.region),
            *("--document-name", "AWS-StartPortForwardingSession", "--parameters", ports),
        ]
    options = [
        *("-N", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"),
        *("-L", f"127.0.0.1:{local}:127.0.0.1:{remote}"),
    ]
    return connect.prepare(place, env).argv(options=options)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise BerthError(f"the connection could not be made (status {process.returncode})")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise BerthError(f"the connection was not made within {SECONDS:.0f} s")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
