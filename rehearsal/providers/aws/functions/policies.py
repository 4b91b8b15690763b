"""`getPolicyDocument`: an IAM policy from statements, formatted as Terraform's AWS provider formats it.

Pure. The semantics are those of the data source that pulumi-aws wraps:
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
"""

import json
import re
import zlib
from typing import Any, Final

from rehearsal.errors import BerthError
from rehearsal.providers.aws.functions.request import Request

Statement = dict[str, Any]
Document = dict[str, Any]

_LATEST: Final = "2012-10-17"
_VERSIONS: Final = ("2008-10-17", _LATEST)
_SID: Final = re.compile(r"[a-zA-Z0-9]*")
_LISTS: Final = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}
_KEYS: Final = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
)
_ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def policy_document(request: Request) -> dict[str, Any]:
    """See the module; `json` is indented by two, `minifiedJson` has no space at all."""
    for name in ("overrideJson", "sourceJson"):
        if request.get(name):
            raise BerthError(
                f"{name} is no longer supported",
                f"Use {name.removesuffix('Json')}PolicyDocuments.",
            )
    version = request.get("version", _LATEST)
    if version not in _VERSIONS:
        raise BerthError(f"version: expected one of {', '.join(_VERSIONS)}, got {version}")
    statements = request.get("statements", [])
    merged: Document = {}
    for document in _sources(request.get("sourcePolicyDocuments", ())):
        _merge(merged, document)
    own = {"Version": version, "Id": request.get("policyId", ""), "Statement": _own(statements, version)}
    _merge(merged, own)
    for number, source in enumerate(request.get("overridePolicyDocuments", ())):
        _merge(merged, _parse(source, f"override document {number}"))
    document = {key: merged[key] for key in ("Version", "Id", "Statement") if merged.get(key)}
    formatted = _format(document, indent=2)
    return {
        "id": str(zlib.crc32(formatted.encode())),
        "json": formatted,
        "minifiedJson": _format(document, indent=None),
        "version": version,
        "statements": [{"effect": "Allow", **statement} for statement in statements],
    }


def _format(document: Document, indent: int | None) -> str:
    """JSON as Go's encoder writes it: characters that matter in HTML are escaped."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(document, indent=indent, separators=separators, ensure_ascii=False).translate(_ESCAPES)


# Documents that are merged in


def _sources(sources: Any) -> list[Document]:
    """The parsed source documents; a Sid may occur once in all of them."""
    documents, seen = [], set()
    for number, source in enumerate(sources):
        document = _parse(source, f"source document {number}")
        for statement in document["Statement"]:
            sid = statement.get("Sid")
            if sid and sid in seen:
                raise BerthError(
                    f"merging source document {number}: duplicate Sid ({sid}) in source_policy_documents",
                    "Remove the Sid or ensure that Sids are unique.",
                )
            seen.add(sid)
        documents.append(document)
    return documents


def _parse(source: str, what: str) -> Document:
    """A document with its statements in the same form as our own."""
    try:
        document = json.loads(source)
    except ValueError as error:
        raise BerthError(f"merging {what}: {error}", "Each document is a policy in JSON.") from None
    statements = document.get("Statement", []) if isinstance(document, dict) else None
    if not isinstance(statements, list):
        raise BerthError(f"merging {what}: Statement must be a list", 'Write {"Statement": [{…}]}.')
    return {**document, "Statement": [_normal(statement) for statement in statements]}


def _normal(statement: Statement) -> Statement:
    normal = {key: statement[key] for key in _KEYS if statement.get(key)}
    for key in ("Principal", "NotPrincipal"):
        if isinstance(normal.get(key), dict):
            principals = [(kind, _listed(named)) for kind, named in normal[key].items()]
            normal[key] = _principals(principals)
    if "Condition" in normal:
        triples = [
            (test, variable, _listed(values))
            for test, variables in normal["Condition"].items()
            for variable, values in variables.items()
        ]
        normal["Condition"] = _conditions(triples)
    return normal


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else item for item in values]


def _merge(into: Document, new: Document) -> None:
    """A later Id and a newer Version win; a statement with a known Sid takes the other's place."""
    if new.get("Id"):
        into["Id"] = new["Id"]
    into["Version"] = max(into.get("Version", ""), new.get("Version", ""))
    statements = into.setdefault("Statement", [])
    for statement in new["Statement"]:
        sid = statement.get("Sid")
        places = [place for place, known in enumerate(statements) if sid and known.get("Sid") == sid]
        if places:
            statements[places[0]] = statement
        else:
            statements.append(statement)


# The statements that were given as arguments


def _own(statements: list[Statement], version: str) -> list[Statement]:
    seen: set[str] = set()
    for statement in statements:
        sid = statement.get("sid") or ""
        if not _SID.fullmatch(sid):
            raise BerthError(f"sid: {sid!r} must only include alphanumeric characters")
        if sid and sid in seen:
            raise BerthError(f"duplicate Sid ({sid})", "Remove the Sid or ensure that the Sid is unique.")
        seen.add(sid)
    return [_statement(statement, version) for statement in statements]


def _statement(given: Statement, version: str) -> Statement:
    effect = given.get("effect") or "Allow"
    if effect not in ("Allow", "Deny"):
        raise BerthError(f"effect: expected Allow or Deny, got {effect}")
    made: Statement = {"Sid": given.get("sid"), "Effect": effect}
    for name, key in _LISTS.items():
        values = given.get(name) or []
        made[key] = _flat(values if name.endswith("ctions") else _variables(values, version))
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        made[key] = _principals(
            [(item["type"], _variables(item["identifiers"], version)) for item in given.get(name) or []]
        )
    made["Condition"] = _conditions(
        [
            (item["test"], item["variable"], _variables(item["values"], version))
            for item in given.get("conditions") or []
        ]
    )
    return {key: made[key] for key in _KEYS if made.get(key)}


def _variables(values: list[str], version: str) -> list[str]:
    """`&{…}` is how a policy variable is written where `${…}` would be interpolated."""
    if version != _LATEST and any("&{" in value for value in values):
        raise BerthError(f"found &{{ sequence, which is not supported in document version {version}")
    return [value.replace("&{", "${") for value in values]


def _flat(values: list[str]) -> str | list[str]:
    """A set of strings in a policy: one alone, or all of them in reverse order."""
    ordered = sorted(set(values), reverse=True)
    return ordered[0] if len(ordered) == 1 else ordered


def _principals(pairs: list[tuple[str, list[str]]]) -> Any:
    if len(pairs) == 1 and pairs[0][0] == "*" and pairs[0][1] == ["*"]:
        return "*"
    kinds = sorted({kind for kind, _ in pairs})
    return {
        kind: _flat([name for known, names in pairs if known == kind for name in names]) for kind in kinds
    }


def _conditions(triples: list[tuple[str, str, list[str]]]) -> dict[str, dict[str, Any]]:
    """Values keep their order; those of the same test and variable come together."""
    merged: dict[str, dict[str, list[str]]] = {}
    for test, variable, values in sorted(triples, key=lambda triple: triple[:2]):
        merged.setdefault(test, {}).setdefault(variable, []).extend(values)
    return {
        test: {variable: values[0] if len(values) == 1 else values for variable, values in variables.items()}
        for test, variables in merged.items()
    }
