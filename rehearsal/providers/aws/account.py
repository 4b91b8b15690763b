"""The emulated account: its clients, and what this process made in it.

It refuses the real AWS: a stand-in is for rehearsals, and changes real accounts by no mistake in a setting.
"""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from rehearsal.errors import BerthError

_REAL: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".aws.dev")
_RECENT_SECONDS: Final = 120
_SHORTEST: Final = 4  # characters of a name that is in no message by chance
_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The provider's own configuration, as far as it has to do with reaching the account."""

    region: str = ""
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """By service; the variables AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE> are the default."""
    default_tags: Mapping[str, str] = field(default_factory=dict)
    ignored_tags: frozenset[str] = frozenset()
    ignored_prefixes: tuple[str, ...] = ()


class Account:
    """Clients by service and region, made when first needed; requests may come from many threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._session: Any = None
        self._id = ""
        self._known: set[str] = set()
        self._made: dict[str, float] = {}

    @property
    def region(self) -> str:
        """The provider's region."""
        region = self.settings.region
        if not region:
            raise BerthError("no AWS region is configured", "Set aws:region, or the variable AWS_REGION.")
        return region

    @property
    def partition(self) -> str:
        """`aws`, or what the region belongs to."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def id(self) -> str:
        """The account's number; asked for once."""
        with self._lock:
            if not self._id:
                self._id = str(self.client("sts").get_caller_identity()["Account"])
            return self._id

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client that does not retry by itself, but for STS; `Api.call` does."""
        where = region or self.region
        with self._lock:
            key = (service, where)
            if key not in self._clients:
                self._clients[key] = self._make(service, where)
            return self._clients[key]

    def _make(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        endpoint = self.endpoint(service)
        settings = self.settings
        if self._session is None:
            self._session = boto3.session.Session(
                aws_access_key_id=settings.access_key,
                aws_secret_access_key=settings.secret_key,
                aws_session_token=settings.token,
            )
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                # STS is only asked who we are, outside of `Api.call`.
                retries={"total_max_attempts": 6 if service == "sts" else 1, "mode": "standard"},
                s3={"addressing_style": "path"},
                max_pool_connections=32,
            ),
        )

    def endpoint(self, service: str) -> str:
        """Where the emulated service is.

        Raises:
            BerthError: it would be the real one.
        """
        variable = "AWS_ENDPOINT_URL_" + service.upper().replace("-", "_")
        url = (
            self.settings.endpoints.get(service)
            or os.environ.get(variable)
            or os.environ.get("AWS_ENDPOINT_URL")
        )
        hint = "Run it inside a rehearsal (`berth rehearse …`); for a real account, use the published plugin."
        if not url:
            raise BerthError(
                f"the stand-in for pulumi-aws knows no emulated {service}: AWS_ENDPOINT_URL is not set",
                hint,
            )
        host = urlsplit(url).hostname or ""
        if host.endswith(_REAL):
            raise BerthError(f"the stand-in for pulumi-aws does not talk to the real AWS at {url}", hint)
        return url

    # What this process knows to exist

    def lock(self, token: str) -> threading.Lock:
        """Held while one thing of a type is made whose twin could be taken for it."""
        with self._lock:
            return self._locks.setdefault(token, threading.Lock())

    def know(self, *ids: str) -> None:
        """Ids that belong to resources already."""
        with self._lock:
            self._known.update(ids)

    def knows(self, identity: str) -> bool:
        """Whether the id belongs to a resource already."""
        with self._lock:
            return identity in self._known

    def made(self, *names: str) -> None:
        """Ids, names and ARNs of something made now: other parts of AWS may not see it yet."""
        with self._lock:
            long_enough = (name for name in names if len(name) >= _SHORTEST)
            self._made.update(dict.fromkeys(long_enough, time.monotonic()))

    def names_recent(self, text: str) -> bool:
        """Whether a message names something that was made a moment ago."""
        oldest = time.monotonic() - _RECENT_SECONDS
        with self._lock:
            return any(at >= oldest and name in text for name, at in self._made.items())
