"""Charts rendered into objects without a release: for helm.sh/v3 Chart (a function) and helm.sh/v4 Chart."""

import contextlib
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.apierrors import ApiError, UnreachableError
from rehearsal.providers.kubernetes.client import Client
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.helm import chart, program
from rehearsal.providers.kubernetes.helm.inputs import REPOSITORY
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.values import reveal

RECENT = "v1.36.0"
_V4 = {
    "chart",
    "dependencyUpdate",
    "devel",
    "includeHooks",
    "name",
    "namespace",
    "repositoryOpts",
    "resourcePrefix",
    "skipAwait",
    "skipCrds",
    "valueYamlFiles",
    "values",
    "version",
}
_V4_REFUSED = ("keyring", "plainHttp", "postRenderer", "verify")


class TemplateError(BerthError):
    """Inputs of a chart that cannot be used."""


def render_v3(options: dict[str, Any], connection: Connection | None) -> list[Values]:
    """The objects of the SDK's helm.sh/v3 Chart, from the options that it sends (names in snake case)."""
    fetch = options.get("fetch_opts") or {}
    path = options.get("path")
    if path and (problem := chart.problem(path if "/" in path else f"./{path}")):
        raise TemplateError(problem)
    repository = str(fetch.get("repo") or "")
    name = str(options.get("chart") or "")
    if not path and options.get("repo") and not repository:
        name = f"{options['repo']}/{name}"
    return _render(
        {
            "name": options.get("release_name") or "release",
            "namespace": options.get("namespace") or "default",
            "chart": path or name,
            "version": "" if path else options.get("version") or fetch.get("version") or "",
            "devel": bool(fetch.get("devel")),
            "repository": _repository(
                fetch, {"ca_file": "caFile", "cert_file": "certFile", "key_file": "keyFile"}
            ),
            "values": options.get("values") or {},
            "apiVersions": list(options.get("api_versions") or []),
            "kubeVersion": options.get("kube_version") or "",
            "skipCrds": bool(options.get("skip_crd_rendering")),
            "includeTests": bool(options.get("include_test_hook_resources")),
            "includeHooks": True,
        },
        connection,
    )


def render_v4(name: str, inputs: Values, connection: Connection | None) -> list[Values]:
    """The objects of a helm.sh/v4 Chart; hooks are left out."""
    refused = [key for key in _V4_REFUSED if inputs.get(key)]
    if refused:
        raise TemplateError(f"the rehearsal's Chart does not cover {', '.join(refused)}")
    unknown = sorted(set(inputs) - _V4 - set(_V4_REFUSED))
    if unknown:
        raise TemplateError(f"kubernetes:helm.sh/v4:Chart {name!r} has no property {', '.join(unknown)}")
    plain = reveal(inputs)
    options = plain.get("repositoryOpts") or {}
    wanted = str(plain.get("chart") or "")
    if not wanted:
        raise TemplateError("`chart` is required: the path of a chart, or its name in a repository")
    if problem := chart.problem(wanted, repository=str(options.get("repo") or "")):
        raise TemplateError(problem)
    path = chart.local(wanted, repository=str(options.get("repo") or ""))
    return _render(
        {
            "name": plain.get("name") or name,
            "namespace": plain.get("namespace") or "default",
            "chart": str(path or wanted),
            "version": "" if path else plain.get("version") or "",
            "devel": bool(plain.get("devel")),
            "dependencyUpdate": bool(plain.get("dependencyUpdate")),
            "repository": {field: str(options[key]) for key, field in REPOSITORY.items() if options.get(key)},
            "values": chart.merged_values(inputs),
            "skipCrds": bool(plain.get("skipCrds")),
        },
        connection,
    )


def _repository(fetch: dict[str, Any], more: dict[str, str]) -> dict[str, str]:
    names = {"repo": "url", "username": "username", "password": "password", **more}
    return {field: str(fetch[key]) for key, field in names.items() if fetch.get(key)}


def _render(request: dict[str, Any], connection: Connection | None) -> list[Values]:
    client = connection.client if connection is not None and connection.known else None
    seen = capabilities(client)
    asked = {
        **request,
        "action": "template",
        "kubeVersion": request.get("kubeVersion") or seen["kubeVersion"],
        "apiVersions": [*seen["apiVersions"], *request.get("apiVersions", [])],
    }
    return program.call(asked).get("objects") or []


def capabilities(client: Client | None) -> dict[str, Any]:
    """What charts may ask of the cluster: its version and its API versions; of none, a recent version."""
    if client is not None:
        with contextlib.suppress(ApiError, UnreachableError):
            groups = client.get("/apis").get("groups") or []
            return {
                "kubeVersion": str(client.get("/version")["gitVersion"]),
                "apiVersions": [
                    "v1",
                    *(one["groupVersion"] for group in groups for one in group["versions"]),
                ],
            }
    return {"kubeVersion": RECENT, "apiVersions": []}
