"""The inputs of `kubernetes:helm.sh/v3:Release`: names, types, and what Helm is asked for them."""

import re
from typing import Any

from rehearsal.providers.kubernetes.helm import chart
from rehearsal.providers.kubernetes.helm.chart import plain
from rehearsal.providers.plugin.model import Failure, Values
from rehearsal.providers.plugin.seed import suffix
from rehearsal.providers.plugin.values import UNKNOWN, reveal

DEFAULT_TIMEOUT = 300
LONGEST_NAME = 53  # https://helm.sh/docs/chart_template_guide/builtin_objects/ Release.Name
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")

FLAGS = {
    "allowNullValues": "",
    "atomic": "",
    "cleanupOnFail": "cleanupOnFail",
    "createNamespace": "createNamespace",
    "dependencyUpdate": "dependencyUpdate",
    "devel": "devel",
    "disableCRDHooks": "",
    "disableOpenapiValidation": "disableValidation",
    "disableWebhooks": "disableHooks",
    "forceUpdate": "force",
    "lint": "",
    "recreatePods": "recreatePods",
    "renderSubchartNotes": "subchartNotes",
    "replace": "replace",
    "resetValues": "resetValues",
    "reuseValues": "reuseValues",
    "skipAwait": "",
    "skipCrds": "skipCrds",
    "takeOwnership": "takeOwnership",
    "verify": "verify",
    "waitForJobs": "waitForJobs",
}
TEXTS = (
    "chart",
    "compat",
    "description",
    "keyring",
    "name",
    "namespace",
    "postrender",
    "version",
    "checksum",
)
NUMBERS = ("maxHistory", "timeout")
MAPS = ("manifest", "repositoryOpts", "resourceNames", "values")
LISTS = ("valueYamlFiles",)
REPOSITORY = {
    "repo": "url",
    "username": "username",
    "password": "password",
    "caFile": "caFile",
    "certFile": "certFile",
    "keyFile": "keyFile",
}
COMPUTED = ("status", "resourceNames", "manifest")

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(FLAGS, (bool, "true or false")),
    **dict.fromkeys(TEXTS, (str, "a string")),
    **dict.fromkeys(NUMBERS, (int, "a whole number")),
    **dict.fromkeys(MAPS, (dict, "a map")),
    **dict.fromkeys(LISTS, (list, "a list of assets")),
}


def failures(inputs: Values) -> list[Failure]:
    """What is wrong with the inputs, all at once."""
    found = []
    for key, value in inputs.items():
        given = reveal(value)
        if key not in _TYPES:
            found.append(Failure(key, "a Release has no such property"))
        elif given is not None and given is not UNKNOWN:
            wanted, words = _TYPES[key]
            if not isinstance(given, wanted) or (wanted is int and isinstance(given, bool)):
                found.append(Failure(key, f"expected {words}, got {given!r}"))
    if not inputs.get("chart"):
        found.append(Failure("chart", "required: the path of a chart, or its name in a repository"))
    if found:
        return found
    return _deeper_failures(inputs)


def _deeper_failures(inputs: Values) -> list[Failure]:
    found = []
    name = plain(inputs.get("name"), "")
    if name and (len(name) > LONGEST_NAME or not NAME.match(name)):
        found.append(
            Failure(
                "name",
                f"{name!r} is no release name: lower case letters, digits and '-', at most {LONGEST_NAME}",
            )
        )
    options = reveal(inputs.get("repositoryOpts")) or {}
    found += [
        Failure(f"repositoryOpts.{key}", "unknown property") for key in options if key not in REPOSITORY
    ]
    problem = chart.problem(plain(inputs.get("chart"), ""), repository=str(plain(options.get("repo"), "")))
    if problem:
        found.append(Failure("chart", problem))
    if plain(inputs.get("postrender")):
        found.append(Failure("postrender", "post-renderers are not covered by the rehearsal's provider"))
    return found


def complete(
    inputs: Values, olds: Values, *, logical: str, seed: bytes, namespace: str, proposed: str
) -> Values:
    """The inputs with a name, a namespace, a time-out, and what tells the chart's content."""
    done = {key: value for key, value in inputs.items() if value is not None}
    if not done.get("name"):
        base = logical.lower()[: LONGEST_NAME - 9].rstrip("-.")
        old = plain(olds.get("name"), "")
        kept = re.fullmatch(re.escape(base) + r"-[0-9a-f]{8}", old)
        done["name"] = old if kept else proposed or f"{base}-{suffix(seed)}"
    done.setdefault("namespace", namespace)
    done.setdefault("timeout", DEFAULT_TIMEOUT)
    repository = reveal(done.get("repositoryOpts")) or {}
    path = chart.local(plain(done.get("chart"), ""), repository=str(repository.get("repo") or ""))
    if path is not None:
        done["checksum"] = chart.checksum(path)
        declared = chart.version(path)
        if declared:
            done.setdefault("version", declared)
    return done


def request(inputs: Values) -> dict[str, Any]:
    """What Helm is asked for, without the cluster and the action."""
    asked = {
        field: True for key, field in FLAGS.items() if field and plain(inputs.get(key), default=False) is True
    }
    options = reveal(inputs.get("repositoryOpts")) or {}
    path = chart.local(plain(inputs["chart"]), repository=str(options.get("repo") or ""))
    return {
        **asked,
        "name": plain(inputs["name"]),
        "namespace": plain(inputs["namespace"]),
        "chart": str(path or plain(inputs["chart"])),
        "version": "" if path else plain(inputs.get("version"), ""),
        "repository": {field: str(options[key]) for key, field in REPOSITORY.items() if options.get(key)},
        "values": chart.merged_values(inputs),
        "description": plain(inputs.get("description"), ""),
        "keyring": plain(inputs.get("keyring"), ""),
        "maxHistory": plain(inputs.get("maxHistory"), 0),
        "wait": waits(inputs),
        "timeoutSeconds": plain(inputs.get("timeout"), DEFAULT_TIMEOUT),
    }


def waits(inputs: Values) -> bool:
    """Whether the release is done only when its objects are ready; `atomic` cannot do without."""
    return bool(plain(inputs.get("atomic"), default=False)) or not plain(
        inputs.get("skipAwait"), default=False
    )


def resource_names(objects: list[dict[str, Any]], namespace: str, namespaced: Any) -> dict[str, list[str]]:
    """Names by kind, as users of the original read them: `Deployment.apps/apps/v1: [ns/name]`."""
    found: dict[str, list[str]] = {}
    for obj in objects:
        api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
        group = api_version.rpartition("/")[0]
        meta = obj.get("metadata") or {}
        where = meta.get("namespace") or (namespace if namespaced(api_version, kind) else "")
        name = f"{where}/{meta.get('name')}" if where else str(meta.get("name"))
        found.setdefault(f"{kind}{f'.{group}' if group else ''}/{api_version}", []).append(name)
    return {key: sorted(names) for key, names in sorted(found.items())}
