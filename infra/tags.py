"""Labels that every object carries, so that people and sweeps can tell whose it is. Pure."""

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
