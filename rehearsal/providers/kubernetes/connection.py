"""The cluster as the provider's parts use it: one client, made at first need, and what this run announced.

"Announced" are kinds that the program will bring itself, by a CustomResourceDefinition or a chart: a preview
must not refuse their objects although the server does not know them yet.
"""

import difflib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from rehearsal.providers.kubernetes.apierrors import KubeconfigError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.client import Client
from rehearsal.providers.kubernetes.config import Config
from rehearsal.providers.kubernetes.objects import group_of
from rehearsal.providers.kubernetes.schema import Schema, Schemas
from rehearsal.providers.plugin.model import Failure, Values
from rehearsal.providers.plugin.paths import get_path
from rehearsal.providers.plugin.values import reveal

T = TypeVar("T")
Found = tuple[Schema, dict[str, Schema]] | None


class Connection:
    """One configured cluster."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._schemas: Schemas | None = None
        self._announced: set[tuple[str, str]] = set()
        self._charts_announced = False
        self._unreachable = ""
        self._listener = threading.local()
        self._warned: set[str] = set()

    @property
    def client(self) -> Client:
        """The client. Raises KubeconfigError when the cluster is not known."""
        with self._lock:
            if self._client is None:
                if self.config.access is None:
                    raise KubeconfigError(f"no Kubernetes cluster to work with: {self.config.problem}")
                self._client = Client(self.config.access, on_warning=self._on_warning)
            return self._client

    @property
    def known(self) -> bool:
        """Whether the cluster exists already, as far as can be told without asking it."""
        return not self.config.unknown

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self.config.access.namespace if self.config.access else "default"

    def interrupt(self) -> None:
        """End what is being watched."""
        if self._client is not None:
            self._client.interrupt()

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of a kind live in namespaces; None where nobody can tell."""
        if not self.known:
            return None
        try:
            return self.client.resource(api_version, kind).namespaced
        except (UnknownKindError, UnreachableError):
            return None

    def hear_warnings(self, warn: Callable[[str], None]) -> None:
        """Pass the server's warnings to the resource that this thread works on."""
        self._listener.warn = warn

    def _on_warning(self, text: str) -> None:
        """Say each warning once, although a preview asks the server several times."""
        if "deprecated" in text and self.config.suppress_deprecation_warnings:
            return
        with self._lock:
            is_new = text not in self._warned
            self._warned.add(text)
        if is_new:
            getattr(self._listener, "warn", lambda _: None)(text)

    # Kinds and schemas

    def announce(self, inputs: Values) -> None:
        """Note that this program brings a kind."""
        if inputs.get("kind") == "CustomResourceDefinition":
            plain = reveal(inputs)
            group, kind = get_path(plain, ("spec", "group")), get_path(plain, ("spec", "names", "kind"))
            self._announced.add((str(group), str(kind)))

    def announce_chart(self) -> None:
        """Note that this program installs a chart, which may bring any kind."""
        self._charts_announced = True

    def forget_kinds(self) -> None:
        """After a CustomResourceDefinition was written or removed."""
        if self._client is not None:
            self._client.discovery.forget()
        if self._schemas is not None:
            self._schemas.forget()

    def renew_schemas(self) -> bool:
        """Forget schemas of an earlier run; False where they are this run's, and a refusal is certain."""
        if self._schemas is None or not self._schemas.may_be_old:
            return False
        self._schemas.forget()
        return True

    def find_schema(self, api_version: str, kind: str) -> Found:
        """The schema to validate by; None where there is none or the server cannot be asked.

        Raises UnknownKindError for a kind that neither the server nor this program has.
        """
        if self.config.access is None or self._unreachable:
            return None
        try:
            self.client.resource(api_version, kind)
            if self._schemas is None:
                self._schemas = Schemas(self.client.access, self.client.get)
            return self._schemas.find(api_version, kind)
        except UnreachableError as error:
            self._unreachable = error.message  # said once, by the operation that needs the server
            return None
        except UnknownKindError:
            if self._is_announced(api_version, kind):
                return None
            raise

    def _is_announced(self, api_version: str, kind: str) -> bool:
        group = group_of(api_version)
        if (group, kind) in self._announced:
            return True
        return self._charts_announced and "." in group and not self.client.discovery.has_group(group)

    def explain_unknown(self, error: UnknownKindError) -> Failure:
        """What to do about a kind that does not exist."""
        discovery = self.client.discovery
        group = group_of(error.api_version)
        elsewhere = sorted({r.api_version for r in discovery.kinds() if r.kind == error.kind})
        if elsewhere:
            return Failure(
                "apiVersion", f'"{error.kind}" is not in "{error.api_version}" but in: {", ".join(elsewhere)}'
            )
        siblings = sorted({r.kind for r in discovery.kinds(error.api_version)})
        if siblings:
            close = difflib.get_close_matches(error.kind, siblings, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            return Failure("kind", f'"{error.api_version}" has no kind "{error.kind}"{hint}')
        return Failure(
            "apiVersion",
            f'this cluster has no API "{group or error.api_version}". If a CustomResourceDefinition of this '
            "program brings it, let this resource depend on that",
        )


def retry_while_unknown(action: Callable[[], T], wait: Callable[[float], Any]) -> T:
    """Repeat an action for ten seconds while its kind is unknown: a new kind takes a moment to be served."""
    for seconds in (0.5, 1, 1.5, 2, 2, 3):
        try:
            return action()
        except UnknownKindError:
            if wait(seconds):
                raise
    return action()
