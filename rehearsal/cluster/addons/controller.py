"""The controller of LoadBalancer addresses, run as a daemon of its own.

It writes an address into the Service's status and puts it on the node's bridge, so that this machine answers;
kube-proxy leads the traffic to the pods. It reads Services and writes their status, and can do nothing else.
"""

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster import identity
from rehearsal.cluster.addons import parts
from rehearsal.cluster.addons.api import MERGE, Api, Object, Refused
from rehearsal.cluster.addons.balancing import key, plan
from rehearsal.cluster.addons.loadbalancer import NAME, held
from rehearsal.cluster.host import command
from rehearsal.errors import BerthError
from rehearsal.paths import paths as default_paths

SERVICES = "/api/v1/services"
WATCH_SECONDS = 240
PAUSE_SECONDS = 1.0

log = logging.getLogger(NAME)


def run(api: Api, ready: Path) -> None:
    """Keep addresses right until the process is told to end."""
    while True:
        try:
            listed = api.call("GET", SERVICES)
            services = {key(item): item for item in listed["items"]}
            _reconcile(api, services)
            ready.write_text(str(os.getpid()))
            for event, item in api.watch(
                SERVICES, listed["metadata"]["resourceVersion"], seconds=WATCH_SECONDS
            ):
                if event == "DELETED":
                    services.pop(key(item), None)
                else:
                    services[key(item)] = item
                _reconcile(api, services)
        except Refused as reason:
            if reason.status != 410:
                log.warning("%s", reason)
            time.sleep(PAUSE_SECONDS)
        except BerthError as reason:
            log.warning("%s", reason.message)
            time.sleep(PAUSE_SECONDS)


def _reconcile(api: Api, services: dict[tuple[str, str], Object]) -> None:
    wanted = plan(services.values(), addresses.LOAD_BALANCERS)
    present = held()
    # The machine answers before anybody is told the address, and until nobody can know it any more.
    for address in sorted(wanted.addresses - present):
        command(["ip", "address", "replace", f"{address}/32", "dev", addresses.BRIDGE])
    for (namespace, name), given in wanted.statuses.items():
        ingress = [{"ip": str(given), "ipMode": "VIP"}] if given else None
        path = f"/api/v1/namespaces/{namespace}/services/{name}/status"
        try:
            services[namespace, name] = api.call(
                "PATCH", path, {"status": {"loadBalancer": {"ingress": ingress}}}, kind=MERGE
            )
        except Refused as reason:
            if reason.status != 404:  # gone in the meantime: its deletion is the next event
                raise
        log.info("%s/%s: %s", namespace, name, given or "released")
    for address in sorted(present - wanted.addresses):
        command(["ip", "address", "delete", f"{address}/32", "dev", addresses.BRIDGE], check=False)
        log.info("%s is free again", address)
    for namespace, name in wanted.unserved:
        log.warning("%s/%s: no address is left in %s", namespace, name, addresses.LOAD_BALANCERS)


def main() -> None:
    """The daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ready", type=Path, required=True, help="gets the process's id when the Services are known"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("addresses from %s for %s", addresses.LOAD_BALANCERS, identity.SERVER)
    run(Api(default_paths(), parts.certificate_name(NAME)), options.ready)


if __name__ == "__main__":
    main()
