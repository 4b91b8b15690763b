"""What can go wrong between the provider and an API server: a refusal, an unknown kind, no answer at all."""

from collections.abc import Mapping
from typing import Any

from rehearsal.errors import BerthError


class ApiError(BerthError):
    """A refusal by the API server: an HTTP status with the Status object that explains it."""

    def __init__(
        self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.details: dict[str, Any] = dict(details or {})

    @property
    def not_found(self) -> bool:
        """The object, or its namespace, does not exist."""
        return self.status == 404

    @property
    def already_exists(self) -> bool:
        """A create met an object of the same name."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        """Another field manager owns a field, or the object changed meanwhile."""
        return self.status == 409 and self.reason == "Conflict"

    @property
    def invalid(self) -> bool:
        """The object is well-formed but its values are refused."""
        return self.status == 422

    @property
    def transient(self) -> bool:
        """The same request may succeed a moment later."""
        return self.status in {429, 500, 502, 503, 504} or self.reason == "ServerTimeout"

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Every field refused: (path as the API server writes it, why)."""
        return [
            (str(cause.get("field", "")), str(cause.get("message", "")))
            for cause in self.details.get("causes") or []
        ]


class UnknownKindError(BerthError):
    """The API server has no such kind, now; a CustomResourceDefinition may still bring it."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            f'no kind "{kind}" in "{api_version}" on this API server',
            "Is the apiVersion right, and is the CustomResourceDefinition installed?",
        )
        self.api_version = api_version
        self.kind = kind


class UnreachableError(BerthError):
    """No answer from the API server: wrong address, no route, a refused certificate, or it is down."""


class KubeconfigError(UnreachableError):
    """The kubeconfig cannot be used: missing, malformed, or it names things that are not in it."""
