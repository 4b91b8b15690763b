"""Inputs as they will be stored: with apiVersion, kind, a name, encoded data; and what is wrong with them."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from rehearsal.providers.kubernetes import naming
from rehearsal.providers.kubernetes.objects import TypeToken, parse_type, prune, with_metadata
from rehearsal.providers.kubernetes.schema import Schema, validate
from rehearsal.providers.kubernetes.secretfields import mark_inputs
from rehearsal.providers.plugin.model import Autonaming, Call, Checked, Failure, Values
from rehearsal.providers.plugin.paths import format_path, get_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret, reveal

FindSchema = Callable[[str, str], tuple[Schema, dict[str, Schema]] | None]


def check(
    call: Call,
    olds: Values,
    news: Values,
    *,
    seed: bytes,
    autonaming: Autonaming | None,
    find_schema: FindSchema,
    default_namespace: str = "",
) -> Checked:
    """Normalise and validate; find_schema is not asked about inputs that are stored already."""
    token = parse_type(call.type)
    inputs, failures = _identify(prune(news), token)
    inputs, wrong_data = _encode_secret(inputs)
    failures += wrong_data
    if token.patch:
        if get_path(inputs, ("metadata", "name")) in (None, "") or "name" not in (
            reveal(inputs.get("metadata")) or {}
        ):
            failures.append(Failure("metadata.name", "a patch must name the object that it changes"))
    else:
        inputs, unnamed = naming.assign(inputs, olds, logical=call.name, seed=seed, autonaming=autonaming)
        failures += unnamed
    if (default_namespace and get_path(inputs, ("metadata", "namespace")) in (None, "")) or (
        default_namespace and "namespace" not in (reveal(inputs.get("metadata")) or {})
    ):
        inputs = with_metadata(inputs, namespace=default_namespace)
    inputs = mark_inputs(inputs)
    if reveal(inputs) != reveal(olds) and not failures:
        failures += _judge(inputs, token, find_schema)
    return Checked(inputs=inputs, failures=failures)


def _identify(news: Values, token: TypeToken) -> tuple[Values, list[Failure]]:
    """Fill in apiVersion and kind; they must be those of the type."""
    inputs = {"apiVersion": token.api_version, "kind": token.kind, **news}
    failures = [
        Failure(key, f"must be a string, the same as in the resource's type: {wanted}")
        for key, wanted in (("apiVersion", token.api_version), ("kind", token.kind))
        if not isinstance(inputs[key], str)
    ]
    metadata = inputs.get("metadata")
    if metadata is not None and metadata is not UNKNOWN and not isinstance(metadata, dict | Secret):
        failures.append(Failure("metadata", "expected a map"))
        inputs = {**inputs, "metadata": {}}
    elif isinstance(metadata, Secret):
        inputs = {**inputs, "metadata": metadata.value}  # names and labels are no secrets to the API server
    return inputs, failures


def _encode_secret(inputs: Values) -> tuple[Values, list[Failure]]:
    """Turn a Secret's stringData into data, as the API server does, so that state and cluster agree."""
    if inputs["apiVersion"] != "v1" or inputs["kind"] != "Secret":
        return inputs, []
    failures: list[Failure] = []
    secret = isinstance(inputs.get("data"), Secret) or isinstance(inputs.get("stringData"), Secret)
    data, text = _plain(inputs.get("data")), _plain(inputs.get("stringData"))
    if isinstance(data, dict):
        failures += [
            Failure(format_path(("data", key)), "expected base64; use stringData for plain text")
            for key, value in data.items()
            if isinstance(reveal(value), str) and not _is_base64(reveal(value))
        ]
    if text is None:
        return inputs, failures
    merged: Any = UNKNOWN
    if isinstance(text, dict) and (data is None or isinstance(data, dict)):
        failures += [
            Failure(format_path(("stringData", key)), "expected a string")
            for key, value in text.items()
            if not isinstance(reveal(value), str) and reveal(value) is not UNKNOWN
        ]
        merged = {**(data or {}), **{key: _encode(value) for key, value in text.items()}}
    elif text is not UNKNOWN and data is not UNKNOWN:
        failures.append(Failure("stringData", "expected a map of strings"))
    rest = {key: value for key, value in inputs.items() if key != "stringData"}
    return {**rest, "data": Secret(merged) if secret else merged}, failures


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _encode(value: Any) -> Any:
    if isinstance(value, Secret):
        return Secret(_encode(value.value))
    return base64.b64encode(value.encode()).decode() if isinstance(value, str) else value


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return False
    return True


def _judge(inputs: Values, token: TypeToken, find_schema: FindSchema) -> list[Failure]:
    found = find_schema(inputs["apiVersion"], inputs["kind"])
    if found is None:
        return []
    failures = validate(inputs, *found)
    if token.patch:  # a patch says only what it changes
        return [failure for failure in failures if failure.reason != "required, but missing"]
    return failures
