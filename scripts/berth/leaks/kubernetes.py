"""What an environment has in a Kubernetes cluster: by berth's labels, and in its namespace.

What another object made (it has an owner reference) ends with that one, and is left out.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from infra.spend.leaks import ENVIRONMENT, KEEP, MANAGED_BY, MANAGER, OWNER, Finding, Live
from rehearsal.errors import BerthError
from scripts.berth.leaks.listed import Listed
from scripts.berth.place import Place

LABEL = "berth.dev/environment"
NAMESPACED = (
    "services,persistentvolumeclaims,deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,pods"
)
_TAG_OF = {
    LABEL: ENVIRONMENT,
    "berth.dev/owner": OWNER,
    "berth.dev/keep": KEEP,
    "app.kubernetes.io/managed-by": MANAGED_BY,
}
_RETAINED = "its reclaim policy is Retain: somebody wants what is on it"
TIMEOUT = "--request-timeout=15s"


def listed(place: Place, env: str, config: Mapping[str, Any], state: Mapping[str, Any] | None) -> Listed:
    """Objects with the environment's label or in its namespace, and volumes that were claimed there.

    Raises:
        BerthError: the cluster does not answer.
    """
    flags = _context(config)
    namespaces = _namespaces(env, config, state)
    found: dict[tuple[str, str], Live] = {}
    questions = [
        (*flags, "get", NAMESPACED, "--all-namespaces", "-l", f"{LABEL}={env}"),
        (*flags, "get", "namespaces"),
        (*flags, "get", "persistentvolumes"),
        *((*flags, "get", NAMESPACED, "-n", namespace) for namespace in sorted(namespaces)),
    ]
    for question in questions:
        for row in json.loads(_kubectl(place, *question, "-o", "json"))["items"]:
            if not (row["metadata"].get("ownerReferences") or []):
                live = _read(row, env, namespaces, flags)
                found.setdefault((live.type, live.id), live)
    return Listed(lives=[live for live in found.values() if _matters(live, env, namespaces)])


def remove(place: Place, finding: Finding) -> None:
    """Delete an object; what it made goes with it.

    Raises:
        BerthError: the cluster does not answer or refuses.
    """
    group, _, kind = finding.type.removeprefix("kubernetes:").partition(":")
    api, _, version = group.partition("/")
    namespace, _, name = finding.id.rpartition("/")
    what = kind.lower() if api == "core" else f"{kind.lower()}.{version}.{api}"
    flags = ["--context", str(finding.props["context"])] if finding.props.get("context") else []
    where = ["-n", namespace] if namespace else []
    _kubectl(place, *flags, "delete", what, name, *where, "--ignore-not-found", "--wait=false")


def _context(config: Mapping[str, Any]) -> tuple[str, ...]:
    context = (config.get("kubernetes") or {}).get("context")
    return ("--context", str(context)) if context else ()


def _namespaces(env: str, config: Mapping[str, Any], state: Mapping[str, Any] | None) -> set[str]:
    resources = ((state or {}).get("deployment") or {}).get("resources") or []
    found = {
        str(one["id"]) for one in resources if one["type"] == "kubernetes:core/v1:Namespace" and one.get("id")
    }
    return found or {str(config.get("namespace") or f"berth-{env}")}


def _matters(live: Live, env: str, namespaces: set[str]) -> bool:
    return live.tags.get(ENVIRONMENT) == env or live.inside in namespaces or live.id in namespaces


def _read(row: Mapping[str, Any], env: str, namespaces: set[str], flags: tuple[str, ...]) -> Live:
    metadata, spec, kind = row["metadata"], row.get("spec") or {}, row["kind"]
    labels = metadata.get("labels") or {}
    tags = {tag: str(labels[label]) for label, tag in _TAG_OF.items() if label in labels}
    namespace = metadata.get("namespace", "")
    holders: tuple[str, ...] = ()
    doubt = ""
    if kind == "PersistentVolume":
        claim = spec.get("claimRef") or {}
        namespace = ""
        if claim.get("namespace") in namespaces:
            # Whose claim it was is all that tells whose the volume is: what makes volumes gives no labels.
            tags = {ENVIRONMENT: env, MANAGED_BY: MANAGER} | tags
            holders = (f"{claim['namespace']}/{claim.get('name')}",)
            doubt = _RETAINED if spec.get("persistentVolumeReclaimPolicy") == "Retain" else ""
    group = row["apiVersion"] if "/" in row["apiVersion"] else f"core/{row['apiVersion']}"
    return Live(
        id=f"{namespace}/{metadata['name']}" if namespace else metadata["name"],
        type=f"kubernetes:{group}:{kind}",
        name=" ".join(_words(kind, spec)),
        tags=tags,
        created=_time(metadata.get("creationTimestamp")),
        inside=namespace,
        holders=holders,
        blocks=(namespace,) if namespace else (),
        doubt=doubt,
        props={"context": flags[1]} if flags else {},
    )


def _words(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """What tells one object from another at a glance."""
    if kind == "Service":
        yield str(spec.get("type") or "ClusterIP")
    if kind == "PersistentVolume":
        yield str((spec.get("capacity") or {}).get("storage") or "")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _kubectl(place: Place, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["kubectl", TIMEOUT, *arguments],
            env=place.environ,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise BerthError("there is no `kubectl` on PATH", "It is asked what the cluster has.") from None
    if done.returncode:
        raise BerthError(
            f"the Kubernetes cluster does not answer: {done.stderr.strip()[-500:]}",
            "What lives there is not known; `kubectl get nodes` asks the same.",
        )
    return done.stdout
