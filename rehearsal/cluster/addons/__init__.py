"""What a cluster needs beside Kubernetes: names, metrics, volumes, addresses, policies, simulated GPUs."""

from rehearsal import artifacts, process, service
from rehearsal.cluster.addons import dns, metrics, network, volumes
from rehearsal.cluster.addons import gpus as simulated_gpus
from rehearsal.cluster.addons.api import Api, Refused
from rehearsal.cluster.addons.parts import Addon
from rehearsal.cluster.addons.programs import CONTROLLERS, COREDNS, programs
from rehearsal.cluster.software import which
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Steps

__all__ = ["ensure_running", "is_running", "packages", "programs", "stop"]

ADMINISTRATOR = "user-admin"
_NAMES = (network.NAME, volumes.NAME, metrics.NAME, dns.NAME)


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    return [] if which(network.NFT) else ["nftables"]


def ensure_running(paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
    """Have every add-on run and the node offer this many simulated GPUs. The cluster must be running.

    Raises:
        BerthError: a program cannot be had, a port is taken, a daemon does not start, or the API
            server refuses.
    """
    with steps.step("cluster add-ons", expected="a few seconds") as step:
        coredns = artifacts.ensure(COREDNS, paths, step)
        controllers = artifacts.ensure(CONTROLLERS, paths, step)
        addons = [
            dns.addon(paths, coredns / "coredns"),
            metrics.addon(paths, controllers / "metrics-server"),
            volumes.addon(paths, controllers / "volumes"),
            network.addon(paths),
        ]
        try:
            api = Api(paths, ADMINISTRATOR)
            started = [addon.daemon.name for addon in addons if _bring(paths, api, addon)]
            simulated_gpus.ensure(api, gpus)
        except Refused as reason:
            raise BerthError(
                f"the cluster add-ons could not be set up: {reason}",
                "If the cluster is not running or damaged, run `./scripts/down` and then `./scripts/up`.",
            ) from None
        step.result = f"started {', '.join(started)}" if started else "were running"


def stop(paths: Paths) -> None:
    """Stop every add-on; volumes keep their data, and the next start finds the cluster's objects in place."""
    for name in _NAMES:
        process.stop(paths, name)
    network.release_all()


def is_running(paths: Paths) -> bool:
    """Whether every add-on's process lives."""
    return all(process.pid_of(paths, name) is not None for name in _NAMES)


def _bring(paths: Paths, api: Api, addon: Addon) -> bool:
    for wanted in addon.objects:
        api.apply(wanted)
    return service.ensure(
        paths,
        addon.daemon,
        healthy=addon.healthy,
        inputs=addon.inputs,
        listens=addon.listens,
        timeout=addon.timeout,
    )
