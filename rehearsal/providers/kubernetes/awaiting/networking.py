"""When Services and Ingresses carry traffic. Pure functions over plain objects."""

from collections.abc import Iterable

from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, metadata, spec, status
from rehearsal.providers.kubernetes.awaiting.outcome import READY, Situation, Verdict, pending

SERVICE_NAME = "kubernetes.io/service-name"


def service(situation: Situation) -> Verdict:
    """It has an endpoint that is ready, and an address where it is a LoadBalancer.

    Endpoints are not waited for where Pods need not be there: headless, ExternalName, no selector.
    """
    obj = situation.obj
    if needs_endpoints(obj) and not has_endpoints(situation, str(metadata(obj).get("name", ""))):
        return pending("[1/3] Finding Pods to direct traffic to")
    if spec(obj).get("type") == "LoadBalancer" and not has_address(obj):
        return pending("[2/3] Attempting to allocate IP address to Service")
    return READY


def needs_endpoints(obj: AnyObject) -> bool:
    """Whether traffic to the Service goes to Pods that Kubernetes finds."""
    return (
        spec(obj).get("type") != "ExternalName"
        and spec(obj).get("clusterIP") != "None"
        and bool(spec(obj).get("selector"))
    )


def has_endpoints(situation: Situation, name: str) -> bool:
    """Whether a Service has an endpoint that takes traffic; taken as given where they may not be listed."""
    if "EndpointSlice" in situation.unknown:
        return True
    return any(
        (endpoint.get("conditions") or {}).get("ready") is not False
        for endpoint_slice in situation.of("EndpointSlice")
        if (metadata(endpoint_slice).get("labels") or {}).get(SERVICE_NAME) == name
        for endpoint in endpoint_slice.get("endpoints") or ()
    )


def has_address(obj: AnyObject) -> bool:
    """Whether a load balancer has reported an IP address or a host name."""
    entries = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    return any(entry.get("ip") or entry.get("hostname") for entry in entries)


def ingress(situation: Situation) -> Verdict:
    """Each path leads to a Service with endpoints, and the controller has reported an address."""
    missing = [name for name in backends(situation.obj) if not _takes_traffic(situation, name)]
    if missing:
        return pending(f"[1/3] Finding a matching service for each path (missing: {', '.join(missing)})")
    if not has_address(situation.obj):
        return pending("[2/3] Waiting for update of .status.loadBalancer with hostname/IP")
    return READY


def backends(obj: AnyObject) -> list[str]:
    """The names of the Services that an Ingress leads to, each once."""
    found: dict[str, None] = {}
    for backend in _backends(obj):
        name = (backend.get("service") or {}).get("name")
        if name:
            found[str(name)] = None
    return list(found)


def _backends(obj: AnyObject) -> Iterable[AnyObject]:
    yield spec(obj).get("defaultBackend") or {}
    for rule in spec(obj).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield path.get("backend") or {}


def _takes_traffic(situation: Situation, name: str) -> bool:
    if "Service" in situation.unknown:
        return True
    found = next((one for one in situation.of("Service") if metadata(one).get("name") == name), None)
    if found is None:
        return False
    return not needs_endpoints(found) or has_endpoints(situation, name)
