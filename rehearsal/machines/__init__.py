"""Real virtual machines for rehearsed instances."""

from rehearsal.paths import Paths
from rehearsal.steps import Steps


def packages() -> list[str]:
    return []


def ensure_image(paths: Paths, steps: Steps) -> None: ...


def ensure_running(paths: Paths, steps: Steps) -> None: ...


def stop(paths: Paths) -> None: ...


def is_running(paths: Paths) -> bool:
    del paths
    return False


def leftovers(paths: Paths) -> list[str]:
    del paths
    return []
