"""Where a rehearsal keeps its files: the only place that knows.

There is one rehearsal per machine, because addresses, interfaces and firewall rules are the machine's.
Sockets and pid files live under `run`, which a reboot empties; everything to be kept lives under `state`;
everything that can be built again lives under `cache`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The directories of a rehearsal, each overridable by an environment variable."""

    cache: Path
    state: Path
    run: Path

    @property
    def bin(self) -> Path:
        """Programs built or downloaded, one directory per content key."""
        return self.cache / "bin"

    @property
    def logs(self) -> Path:
        """One log file per step and per daemon."""
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        """Administrator's access to the rehearsal's cluster."""
        return self.state / "kubeconfig"

    def create(self) -> "Paths":
        """Make the directories; those that hold secrets are for root only."""
        for path in (self.cache, self.state, self.run, self.bin, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        self.run.chmod(0o711)
        return self


def paths() -> Paths:
    """Read BERTH_CACHE, BERTH_STATE and BERTH_RUN, or take the defaults."""
    default_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "berth"
    return Paths(
        cache=Path(os.environ.get("BERTH_CACHE") or default_cache),
        state=Path(os.environ.get("BERTH_STATE") or "/var/lib/berth"),
        run=Path(os.environ.get("BERTH_RUN") or "/run/berth"),
    )
