"""The controller of addresses and policies, run as a daemon of its own.

A LoadBalancer Service gets an address in its status, and the node's bridge gets the address, so that this
machine answers; kube-proxy leads the traffic to the pods. NetworkPolicies become rules of nftables. It reads
Services, pods, namespaces and policies, writes the status of Services, and can do nothing else.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster import identity
from rehearsal.cluster.addons import dns, parts
from rehearsal.cluster.addons.api import MERGE, Api, Refused
from rehearsal.cluster.addons.balancing import plan
from rehearsal.cluster.addons.mirror import Mirror
from rehearsal.cluster.addons.network import NAME, NFT, held
from rehearsal.cluster.addons.policies import ruleset
from rehearsal.cluster.host import command
from rehearsal.errors import BerthError
from rehearsal.paths import paths as default_paths

SERVICES = "/api/v1/services"
PODS = "/api/v1/pods"
NAMESPACES = "/api/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
PAUSE_SECONDS = 1.0

log = logging.getLogger(NAME)


class Balancer:
    """Keeps the addresses of LoadBalancer Services right."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.mirror = Mirror(api, [SERVICES])

    def reconcile(self) -> None:
        wanted = plan(self.mirror.objects(SERVICES), addresses.LOAD_BALANCERS)
        present = held()
        # The machine answers before anybody is told the address, and until nobody can know it any more.
        for address in sorted(wanted.addresses - present):
            command(["ip", "address", "replace", f"{address}/32", "dev", addresses.BRIDGE])
        for (namespace, name), given in wanted.statuses.items():
            ingress = [{"ip": str(given), "ipMode": "VIP"}] if given else None
            path = f"/api/v1/namespaces/{namespace}/services/{name}/status"
            try:
                written = self.api.call(
                    "PATCH", path, {"status": {"loadBalancer": {"ingress": ingress}}}, kind=MERGE
                )
            except Refused as reason:
                if reason.status != 404:  # gone in the meantime: its deletion is the next event
                    raise
            else:
                self.mirror.put(SERVICES, written)
                log.info("%s/%s: %s", namespace, name, given or "released")
        for address in sorted(present - wanted.addresses):
            command(["ip", "address", "delete", f"{address}/32", "dev", addresses.BRIDGE], check=False)
            log.info("%s is free again", address)
        for namespace, name in wanted.unserved:
            log.warning("%s/%s: no address is left in %s", namespace, name, addresses.LOAD_BALANCERS)


class Enforcer:
    """Keeps the rules of NetworkPolicies in the kernel."""

    def __init__(self, api: Api) -> None:
        self.mirror = Mirror(api, [POLICIES, PODS, NAMESPACES])
        self.loaded = ""

    def reconcile(self) -> None:
        wanted = ruleset(
            self.mirror.objects(POLICIES),
            self.mirror.objects(PODS),
            self.mirror.objects(NAMESPACES),
            dns_port=dns.PORT,
        )
        if wanted != self.loaded:
            command([NFT, "-f", "-"], stdin=wanted)
            self.loaded = wanted


def follow(part: Balancer | Enforcer, done_once: Callable[[], None]) -> None:
    """Reconcile whenever something changes, and again after a pause where that failed."""
    while True:
        part.mirror.wait()
        try:
            part.reconcile()
            done_once()
        except (Refused, BerthError) as reason:
            log.warning("%s", reason)
            time.sleep(PAUSE_SECONDS)
            part.mirror.poke()


def main() -> None:
    """The daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ready", type=Path, required=True, help="gets the process's id when all is in force"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("addresses from %s for %s", addresses.LOAD_BALANCERS, identity.SERVER)
    api = Api(default_paths(), parts.certificate_name(NAME))
    working: set[type] = set()
    parties: list[Balancer | Enforcer] = [Balancer(api), Enforcer(api)]

    def report(part: Balancer | Enforcer) -> None:
        if type(part) not in working:
            working.add(type(part))
            if len(working) == len(parties):
                options.ready.write_text(str(os.getpid()))

    for part in parties:
        threading.Thread(target=follow, args=(part, lambda part=part: report(part)), daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
