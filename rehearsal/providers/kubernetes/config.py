"""The provider's own configuration: which cluster, which defaults."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.providers.kubernetes.apierrors import KubeconfigError
from rehearsal.providers.kubernetes.kubeconfig import Access, load
from rehearsal.providers.plugin.model import Change, Diff, Failure, Values
from rehearsal.providers.plugin.values import UNKNOWN, has_unknown, reveal

_TRUE = {"true", "1", "t"}
_FALSE = {"false", "0", "f", ""}
_SWITCHES = {
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "suppressHelmHookWarnings": "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
}
_TEXTS = frozenset({"kubeconfig", "context", "cluster", "namespace", "clusterIdentifier"})
_OTHERS = frozenset({"version", "pluginDownloadURL", "kubeClientSettings", "helmReleaseSettings"})
_REFUSED = frozenset({"renderYamlToDirectory"})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one provider resource. access is None while the cluster is not known yet."""

    access: Access | None = None
    namespace: str = ""
    """Given by the user for objects that name none; it then becomes part of their inputs."""
    enable_server_side_apply: bool = True
    enable_patch_force: bool = False
    enable_config_map_mutable: bool = False
    enable_secret_mutable: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    suppress_deprecation_warnings: bool = False
    unknown: bool = False
    """Whether the cluster is one that this very update creates."""
    problem: str = ""
    """Why there is no access; said at the first operation that needs it."""


def check(news: Values) -> list[Failure]:
    """Refuse unknown settings and values of the wrong type."""
    failures = []
    for key, value in news.items():
        plain = reveal(value)
        if key in _REFUSED:
            failures.append(
                Failure(key, "is not supported in a rehearsal: objects are created on an API server")
            )
        elif key not in _SWITCHES and key not in _TEXTS and key not in _OTHERS:
            failures.append(Failure(key, "unknown provider setting"))
        elif key in _SWITCHES and plain is not UNKNOWN and str(plain).lower() not in _TRUE | _FALSE:
            failures.append(Failure(key, "expected true or false"))
        elif key in _TEXTS and not isinstance(plain, str) and plain is not UNKNOWN:
            failures.append(Failure(key, "expected a string"))
    return failures


def parse(args: Values) -> Config:
    """Read the settings, then the environment. A cluster that cannot be found is a problem for later."""
    switches = {name: _switch(args, name, variable) for name, variable in _SWITCHES.items()}
    texts = {key: reveal(args.get(key)) for key in _TEXTS}
    access, problem, unknown = None, "", False
    if has_unknown(args.get("kubeconfig")) or any(texts[k] is UNKNOWN for k in ("context", "cluster")):
        problem, unknown = "the cluster is not known yet", True
    else:
        try:
            access = load(
                _kubeconfig_text(texts["kubeconfig"]),
                context=texts["context"] or None,
                cluster=texts["cluster"] or None,
                namespace=texts["namespace"] if isinstance(texts["namespace"], str) else None,
            )
        except KubeconfigError as error:
            problem = f"{error.message} {error.hint}".strip()
    on = switches.get
    return Config(
        access=access,
        problem=problem,
        unknown=unknown,
        namespace=texts["namespace"] if isinstance(texts["namespace"], str) else "",
        enable_server_side_apply=on("enableServerSideApply") is not False,
        enable_patch_force=bool(on("enablePatchForce")),
        enable_config_map_mutable=bool(on("enableConfigMapMutable")),
        enable_secret_mutable=bool(on("enableSecretMutable")),
        delete_unreachable=bool(on("deleteUnreachable")),
        skip_update_unreachable=bool(on("skipUpdateUnreachable")),
        suppress_deprecation_warnings=bool(on("suppressDeprecationWarnings")),
    )


def _switch(args: Mapping[str, Any], name: str, variable: str) -> bool | None:
    value = reveal(args.get(name))
    if value is None or value is UNKNOWN:
        value = os.environ.get(variable)
    return None if value is None else str(value).lower() in _TRUE


def _kubeconfig_text(value: Any) -> str | None:
    """A kubeconfig may also come as an object."""
    if isinstance(value, dict):
        return json.dumps(value)
    return value if isinstance(value, str) else None


def diff(olds: Values, news: Values) -> Diff:
    """What changed; another cluster means that everything has to be replaced."""
    changes: dict[str, Change] = {}
    for key in sorted({*olds, *news} - {"version", "pluginDownloadURL"}):
        old, new = reveal(olds.get(key)), reveal(news.get(key))
        if old != new:
            changes[key] = Change(
                "UPDATE" if old is not None and new is not None else "ADD" if old is None else "DELETE"
            )
    if changes and _is_another_cluster(olds, news):
        changes = {
            key: Change("UPDATE_REPLACE") if key in _TEXTS - {"namespace"} else change
            for key, change in changes.items()
        }
    return Diff(changes=changes)


def _is_another_cluster(olds: Values, news: Values) -> bool:
    old_name, new_name = reveal(olds.get("clusterIdentifier")), reveal(news.get("clusterIdentifier"))
    if old_name and new_name and UNKNOWN not in {old_name, new_name}:
        return bool(old_name != new_name)
    if has_unknown(news):
        return False  # an unknown kubeconfig is nearly always the same cluster's, renewed
    before, after = parse(olds).access, parse(news).access
    return before is not None and after is not None and before.server != after.server
