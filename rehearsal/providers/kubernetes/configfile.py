"""YAML as resources: functions for the SDK's own ConfigFile and Chart classes, and the components of yaml/v2.

Covered: `yaml:decode`, `helm:template`; `yaml/v2:ConfigFile`, `yaml/v2:ConfigGroup`, `helm.sh/v4:Chart`.
Not covered, and said so: `kustomize:directory`, `kustomize/v2:Directory`, manifests at URLs.
"""

import glob
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.manifests import Item, arrange, expand
from rehearsal.providers.kubernetes.yamltext import YamlError, documents
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.values import (
    UNKNOWN,
    Secret,
    encode,
    has_unknown,
    reveal,
    secret_paths,
)
from rehearsal.providers.plugin.values import (
    decode as decode_values,
)

CONFIG_FILE = "kubernetes:yaml/v2:ConfigFile"
CONFIG_GROUP = "kubernetes:yaml/v2:ConfigGroup"
CHART = "kubernetes:helm.sh/v4:Chart"
KUSTOMIZE = "kubernetes:kustomize/v2:Directory"
TYPES = frozenset({CONFIG_FILE, CONFIG_GROUP, CHART, KUSTOMIZE})

_INPUTS = {
    CONFIG_FILE: {"file", "resourcePrefix", "skipAwait"},
    CONFIG_GROUP: {"files", "yaml", "objs", "resourcePrefix", "skipAwait"},
}
_IDENTITY = ("apiVersion", "kind", "metadata")


class ConfigError(BerthError):
    """A manifest, or a component's inputs, that cannot be used."""


# Functions


def decode(args: Values, connection: Connection | None = None) -> Values:
    """`kubernetes:yaml:decode`: the objects of a YAML text, lists expanded."""
    text, namespace = reveal(args.get("text")), reveal(args.get("defaultNamespace"))
    if not isinstance(text, str):
        raise ConfigError(f"kubernetes:yaml:decode takes YAML text, not {type(text).__name__}")
    return {"result": _in_namespace(expand(documents(text)), namespace, connection)}


def template(args: Values, connection: Connection | None = None) -> Values:
    """`kubernetes:helm:template`: the objects of a chart, for the SDK's helm.sh/v3 Chart."""
    from rehearsal.providers.kubernetes.helm.template import render_v3

    options = json.loads(reveal(args.get("jsonOpts")) or "{}")
    namespace = options.get("namespace") or (connection.namespace if connection else "default")
    objects = expand(render_v3({**options, "namespace": namespace}, connection))
    return {"result": _in_namespace(objects, namespace, connection)}


def _in_namespace(
    objects: list[Values], namespace: str | None, connection: Connection | None
) -> list[Values]:
    """The objects, those of namespaced kinds with a namespace where one is given and they name none."""
    if not namespace or connection is None or not connection.known:
        return objects
    namespaced = _scope(connection)
    return [
        obj
        if (obj.get("metadata") or {}).get("namespace") or namespaced(obj["apiVersion"], obj["kind"]) is False
        else {**obj, "metadata": {**(obj.get("metadata") or {}), "namespace": namespace}}
        for obj in objects
    ]


def refuse_kustomize(args: Values, connection: Connection | None = None) -> NoReturn:
    """Kustomize is not covered."""
    del args, connection
    raise ConfigError(
        "the rehearsal's Kubernetes provider does not cover kustomize",
        "Render the directory first (`kubectl kustomize DIRECTORY > all.yaml`) and use a ConfigFile.",
    )


INVOKES: Mapping[str, Callable[[Values, Connection | None], Values]] = {
    "kubernetes:yaml:decode": decode,
    "kubernetes:helm:template": template,
    "kubernetes:kustomize:directory": refuse_kustomize,
}


# Components


def construct(request: Any, connection: Connection, version: str) -> Any:
    """Build a component: register it, then its objects as children; answers with the URN and `resources`."""
    from rehearsal.providers.kubernetes.children import Monitor, register
    from rehearsal.providers.plugin import wire

    inputs = decode_values(request.inputs)
    if request.type == KUSTOMIZE:
        refuse_kustomize(inputs)
    unknown = has_unknown(inputs)
    objects = [] if unknown else _objects(request.type, request.name, inputs, connection)
    items = arrange(
        objects,
        namespace=_namespace(request.type, inputs, connection),
        namespaced=_scope(connection),
        skip_await=bool(reveal(inputs.get("skipAwait"))),
    )
    hidden = any(True for _ in secret_paths(inputs))
    monitor = Monitor(request, version)
    try:
        urn = monitor.component()
        prefix = reveal(inputs.get("resourcePrefix"))
        made = register(
            monitor,
            urn,
            items,
            prefix=request.name if prefix is None else str(prefix),
            dress=_hide if hidden else lambda obj: obj,
        )
        resources: Any = UNKNOWN if unknown else [child.reference for child in made]
        outputs = {"resources": resources}
        monitor.finish(urn, outputs)
    finally:
        monitor.close()
    pb = wire.provider_pb2
    needs = pb.ConstructResponse.PropertyDependencies(urns=[child.urn for child in made])
    return pb.ConstructResponse(urn=urn, state=encode(outputs), stateDependencies={"resources": needs})


def _objects(token: str, name: str, inputs: Values, connection: Connection) -> list[Values]:
    if token == CHART:
        from rehearsal.providers.kubernetes.helm.template import render_v4

        return render_v4(name, inputs, connection)
    extra = sorted(set(inputs) - _INPUTS[token])
    if extra:
        raise ConfigError(f"{token} {name!r} has no property {', '.join(extra)}")
    plain = reveal(inputs)
    files = [plain["file"]] if plain.get("file") else plain.get("files") or []
    if token == CONFIG_FILE and not files:
        raise ConfigError(f"{token} {name!r}: `file` is required: the path of a manifest")
    found = [obj for pattern in files for path in _paths(str(pattern)) for obj in _read(path)]
    if plain.get("yaml"):
        found += _parse(plain["yaml"], f"the YAML text of {name!r}")
    return [*found, *(obj for obj in plain.get("objs") or [] if obj)]


def _paths(pattern: str) -> list[Path]:
    if pattern.startswith(("http://", "https://")):
        raise ConfigError(
            f"{pattern}: the rehearsal's Kubernetes provider reads local manifests only",
            "Download the file into the project, so that it is pinned, and name its path.",
        )
    if not glob.has_magic(pattern):
        return [Path(pattern)]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
    if not found:
        raise ConfigError(f"no file matches {pattern!r} (looked from {Path.cwd()})")
    return [Path(one) for one in found if Path(one).is_file()]


def _read(path: Path) -> list[Values]:
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path.absolute()} cannot be read: {error.strerror}") from error
    return _parse(text, str(path))


def _parse(text: str, where: str) -> list[Values]:
    try:
        return documents(text)
    except YamlError as error:
        raise ConfigError(f"{where}: {error.message}", error.hint) from error


def _namespace(token: str, inputs: Values, connection: Connection) -> str:
    """The namespace of objects that name none."""
    given = reveal(inputs.get("namespace")) if token == CHART else None
    return given if isinstance(given, str) and given else connection.namespace


def _scope(connection: Connection) -> Callable[[str, str], bool | None]:
    def namespaced(api_version: str, kind: str) -> bool | None:
        try:
            return connection.namespaced(api_version, kind)
        except (ApiError, UnknownKindError, UnreachableError):
            return None

    return namespaced


def _hide(obj: Values) -> Values:
    """Everything but the identity as a secret: the manifest had one in it, and text does not say where."""
    return {key: value if key in _IDENTITY else Secret(value) for key, value in obj.items()}


__all__ = ["INVOKES", "TYPES", "Item", "construct", "decode"]
