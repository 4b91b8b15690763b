"""Labels and tags that everything carries, so that people and sweeps can tell whose it is. Pure."""

from dataclasses import dataclass

MANAGER = "berth"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The identity of an environment, as Kubernetes labels.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
    """

    environment: str
    owner: str

    def common(self) -> dict[str, str]:
        return {
            "app.kubernetes.io/managed-by": MANAGER,
            "app.kubernetes.io/part-of": MANAGER,
            "berth.dev/environment": self.environment,
            "berth.dev/owner": self.owner,
        }

    def of(self, name: str, component: str) -> dict[str, str]:
        """All labels of one application's objects."""
        return {**self.common(), **self.selector(name, component)}

    def selector(self, name: str, component: str) -> dict[str, str]:
        """The labels that never change: a Deployment's selector is immutable."""
        return {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/instance": self.environment,
            "app.kubernetes.io/component": component,
        }


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The identity of an environment, as tags of a cloud's resources.

    expires_at: UTC, `2026-12-01T18:00:00Z`; what is older than that may be swept.
    """

    environment: str
    owner: str
    expires_at: str

    def whose(self) -> dict[str, str]:
        """What stays as it is for as long as the environment is there."""
        return {
            "berth:environment": self.environment,
            "berth:owner": self.owner,
            "berth:managed-by": MANAGER,
        }

    def common(self) -> dict[str, str]:
        """What every resource carries."""
        return {**self.whose(), "berth:expires-at": self.expires_at}
