"""The emulated AWS account."""

from rehearsal.paths import Paths
from rehearsal.steps import Steps


def packages() -> list[str]:
    return []


def ensure_running(paths: Paths, steps: Steps) -> None: ...


def stop(paths: Paths) -> None: ...


def is_running(paths: Paths) -> bool:
    del paths
    return False


def credentials(paths: Paths) -> tuple[str, str]:
    del paths
    return "id", "secret"
