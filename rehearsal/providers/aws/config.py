"""The provider's own settings: region, tags, where the emulated account is."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from rehearsal.providers.aws.account import Settings
from rehearsal.providers.plugin.model import Change, Diff, Failure, Values
from rehearsal.providers.plugin.values import UNKNOWN, reveal

_ONE_IDENTITY: Final = "is not supported in a rehearsal: the emulated account has one set of credentials"
_REFUSED: Final = {"assumeRoles": _ONE_IDENTITY, "assumeRoleWithWebIdentity": _ONE_IDENTITY}
_TEXTS: Final = frozenset({"region", "accessKey", "secretKey", "token"})
_WITHOUT_MEANING: Final = frozenset(
    {"profile", "sharedConfigFiles", "sharedCredentialsFiles", "customCaBundle", "ec2MetadataServiceEndpoint"}
    | {"ec2MetadataServiceEndpointMode", "httpProxy", "httpsProxy", "noProxy", "insecure", "maxRetries"}
    | {"retryMode", "s3UsEast1RegionalEndpoint", "s3UsePathStyle", "skipCredentialsValidation"}
    | {
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "stsRegion",
        "useDualstackEndpoint",
    }
    | {"useFipsEndpoint", "tokenBucketRateLimiterCapacity", "userAgents", "allowedAccountIds"}
    | {"forbiddenAccountIds", "tagPolicyCompliance", "version", "pluginDownloadURL", "region"}
)
"""About reaching and guarding real accounts; accepted, because the same program has them for those."""


def check(news: Values) -> list[Failure]:
    """Refuse unknown settings, those that would be ignored silently, and values of the wrong type."""
    return list(_problems({key: _nested(value) for key, value in news.items()}))


def _problems(news: Values) -> Iterator[Failure]:
    for key, value in news.items():
        if value is UNKNOWN or value is None or key.startswith("__"):
            continue
        if key in _REFUSED and value not in ([], {}):
            yield Failure(key, _REFUSED[key])
        elif key in _TEXTS and not isinstance(value, str):
            yield Failure(key, "expected a string")
        elif key in _SHAPES:
            if not _SHAPES[key][0](value):
                yield Failure(key, f"expected {_SHAPES[key][1]}")
        elif key not in _TEXTS | _WITHOUT_MEANING | set(_REFUSED):
            yield Failure(key, "unknown provider setting")


def _is_tags(value: Any) -> bool:
    tags = value.get("tags") if isinstance(value, dict) else None
    return (
        isinstance(value, dict)
        and set(value) <= {"tags"}
        and (tags is None or tags is UNKNOWN or (isinstance(tags, dict) and all(map(_is_tag, tags.values()))))
    )


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int | bool) or value is UNKNOWN


def _is_ignored(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= {"keys", "keyPrefixes"}


def _is_endpoints(value: Any) -> bool:
    items = value if isinstance(value, list) else []
    return isinstance(value, list) and all(
        isinstance(item, dict) and all(isinstance(url, str) or url is UNKNOWN for url in item.values())
        for item in items
    )


_SHAPES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "defaultTags": (_is_tags, '{"tags": {"owner": "me"}}'),
    "ignoreTags": (_is_ignored, '{"keys": […], "keyPrefixes": […]}'),
    "endpoints": (_is_endpoints, 'a list of {"<service>": "<URL>"}'),
}


def _nested(value: Any) -> Any:
    """A provider's nested settings arrive as JSON text."""
    plain = reveal(value)
    if isinstance(plain, str) and plain[:1] in {"{", "["}:
        try:
            return json.loads(plain)
        except ValueError:
            return plain
    return plain


def parse(args: Values) -> Settings:
    """The settings, then the environment."""
    given = {key: _nested(value) for key, value in args.items()}

    def text(key: str) -> str | None:
        value = given.get(key)
        return value if isinstance(value, str) and value else None

    tags = (given.get("defaultTags") or {}).get("tags") or {}
    ignored = given.get("ignoreTags") or {}
    endpoints = {
        service: url
        for item in given.get("endpoints") or []
        for service, url in item.items()
        if url is not UNKNOWN
    }
    return Settings(
        region=text("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "",
        access_key=text("accessKey"),
        secret_key=text("secretKey"),
        token=text("token"),
        endpoints=endpoints,
        default_tags={key: _text(value) for key, value in tags.items()} if isinstance(tags, dict) else {},
        ignored_tags=frozenset(ignored.get("keys") or ()),
        ignored_prefixes=tuple(ignored.get("keyPrefixes") or ()),
    )


def _text(value: Any) -> Any:
    if value is UNKNOWN or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def diff(olds: Values, news: Values) -> Diff:
    """What changed; in another region everything has to be made anew."""
    changes: dict[str, Change] = {}
    for key in sorted({*olds, *news} - {"version", "pluginDownloadURL"}):
        old, new = _nested(olds.get(key)), _nested(news.get(key))
        if old != new and not key.startswith("__"):
            changes[key] = Change("UPDATE_REPLACE" if key == "region" and old and new else _kind(old, new))
    return Diff(changes=changes)


def _kind(old: Any, new: Any) -> Any:
    return "ADD" if old is None else "DELETE" if new is None else "UPDATE"
