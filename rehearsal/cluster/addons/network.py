"""LoadBalancer addresses and NetworkPolicies: how their controller is run, and how its traces are removed."""

import sys
from ipaddress import IPv4Address
from pathlib import Path

from rehearsal import addresses, process
from rehearsal.cluster.addons import parts
from rehearsal.cluster.addons.parts import Addon
from rehearsal.cluster.addons.policies import TABLE
from rehearsal.cluster.host import command
from rehearsal.cluster.software import which
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.process import Daemon

NAME = "network"
NFT = "nft"


def addon(paths: Paths) -> Addon:
    """The controller, run by this Python."""
    kubeconfig = parts.access(paths, NAME)  # renews the certificate that the daemon reads
    ready = _ready_file(paths)
    return Addon(
        objects=parts.rights(
            NAME,
            [
                parts.rule("", ["services"], "get", "list", "watch"),
                parts.rule("", ["services/status"], "patch"),
                parts.rule("", ["pods", "namespaces"], "list", "watch"),
                parts.rule("networking.k8s.io", ["networkpolicies"], "list", "watch"),
            ],
        ),
        daemon=Daemon(
            name=NAME,
            argv=[
                str(Path(sys.prefix, "bin", "python")),
                "-m",
                "rehearsal.cluster.addons.controller",
                "--ready",
                str(ready),
            ],
            env={
                **parts.ENVIRONMENT,
                "PYTHONPATH": str(CHECKOUT),
                "BERTH_CACHE": str(paths.cache),
                "BERTH_STATE": str(paths.state),
                "BERTH_RUN": str(paths.run),
            },
            cwd=CHECKOUT,
        ),
        inputs=[kubeconfig, *sorted(Path(__file__).parent.glob("*.py"))],
        healthy=lambda: _is_ready(paths, ready),
    )


def release_all() -> None:
    """Take every address of the pool off the bridge, and the policies' rules out of the kernel."""
    if which(NFT) and TABLE in command([NFT, "list", "tables", "ip"], check=False):
        command([NFT, "delete", "table", "ip", TABLE])
    for address in held():
        command(["ip", "address", "delete", f"{address}/32", "dev", addresses.BRIDGE], check=False)


def held() -> set[IPv4Address]:
    """The addresses of the pool that this machine answers on."""
    shown = command(["ip", "-o", "-4", "address", "show", "dev", addresses.BRIDGE], check=False)
    found = {IPv4Address(line.split()[3].partition("/")[0]) for line in shown.splitlines()}
    return {address for address in found if address in addresses.LOAD_BALANCERS}


def _ready_file(paths: Paths) -> Path:
    return paths.run / f"{NAME}.ready"


def _is_ready(paths: Paths, ready: Path) -> bool:
    """Whether the process that runs now has seen the Services once."""
    try:
        return ready.read_text() == str(process.pid_of(paths, NAME))
    except OSError:
        return False
