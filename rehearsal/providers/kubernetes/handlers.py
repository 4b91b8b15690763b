"""Which part of the provider is responsible for a resource type."""

import threading

from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.crud import ObjectHandler
from rehearsal.providers.kubernetes.objects import parse_type
from rehearsal.providers.plugin.model import Handler, Values

RELEASE = "kubernetes:helm.sh/v3:Release"


class Handlers:
    """The handlers of one configured provider, made when first needed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._made: dict[str, Handler] = {}

    def of(self, token: str) -> Handler:
        """The handler for a type token."""
        family = self._family(token)
        with self._lock:
            if family not in self._made:
                self._made[family] = self._make(family)
            return self._made[family]

    @staticmethod
    def _family(token: str) -> str:
        if token == RELEASE:
            return "release"
        kind = parse_type(token)
        if kind.patch:
            return "patch"
        return "list" if kind.is_list else "object"

    def _make(self, family: str) -> Handler:
        connection = self._connection
        match family:
            case "release":
                from rehearsal.providers.kubernetes.helm.release import Release

                return Release(lambda: connection.client)
            case "patch":
                from rehearsal.providers.kubernetes.patches import PatchHandler

                return PatchHandler(connection)
            case "list":
                from rehearsal.providers.kubernetes.lists import ListHandler

                return ListHandler(ObjectHandler(connection))
            case _:
                return ObjectHandler(connection)


def invoke(token: str, args: Values, connection: Connection) -> Values:
    """Answer a function call of a program. Raises KeyError for a function that does not exist here."""
    from rehearsal.providers.kubernetes import configfile

    return configfile.INVOKES[token](args, connection)
