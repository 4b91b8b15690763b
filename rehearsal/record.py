"""What a rehearsal was brought up as, written down for the commands that come later."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rehearsal.errors import BerthError
from rehearsal.files import write_private
from rehearsal.paths import CHECKOUT, Paths

CLUSTERS = ("embedded", "kind", "current")
TARGETS = ("local", "aws-vm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the user asked for.

    targets: the kinds of environment that can be deployed, of `TARGETS`; each brings its own parts up.
    cluster: one of `CLUSTERS`. gpus: simulated ones on the node. machines: emulated instances really boot.
    """

    targets: tuple[str, ...] = ("local",)
    cluster: str = "embedded"
    gpus: int = 0
    machines: bool = True

    def needs(self, target: str) -> bool:
        """Whether the parts of a target are wanted."""
        return target in self.targets

    def __post_init__(self) -> None:
        if self.cluster not in CLUSTERS:
            raise BerthError(
                f"there is no kind of cluster {self.cluster!r}",
                "Use --cluster embedded (the default), kind (a kind cluster that is running) or current "
                "(the current context of your kubeconfig).",
            )
        for target in self.targets:
            if target not in TARGETS:
                raise BerthError(
                    f"an environment with the target {target!r} cannot be rehearsed",
                    f"Use one of: {', '.join(TARGETS)}.",
                )
        if not 0 <= self.gpus <= 1024:
            raise BerthError(f"{self.gpus} simulated GPUs are not possible", "Use a number from 0 to 1024.")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A rehearsal that was brought up: `<state>/session.json`.

    fingerprint: of the code that brought it up. programs: directories for PATH, the engine's first.
    daemons: names that must live. images: image name to reference. access_keys: target to the id and secret
    of the AWS credentials that its environments use.
    """

    fingerprint: str
    boot: str
    choice: Choice
    programs: tuple[str, ...]
    daemons: tuple[str, ...]
    access_keys: dict[str, tuple[str, str]]
    images: dict[str, str] = field(default_factory=dict)


def record_file(where: Paths) -> Path:
    return where.state / "session.json"


def load(where: Paths) -> Record | None:
    """The record of the latest bring-up, whatever has become of it."""
    try:
        values = json.loads(record_file(where).read_text())
        return Record(
            fingerprint=values["fingerprint"],
            boot=values["boot"],
            choice=Choice(**{**values["choice"], "targets": tuple(values["choice"]["targets"])}),
            programs=tuple(values["programs"]),
            daemons=tuple(values["daemons"]),
            access_keys={target: (pair[0], pair[1]) for target, pair in values["access_keys"].items()},
            images=dict(values["images"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, BerthError):
        return None


def save(where: Paths, record: Record) -> None:
    """Write the record; it holds the keys to the object storage, so only root may read it."""
    write_private(record_file(where), json.dumps(asdict(record), indent=2))


def boot() -> str:
    """Another value after each start of the machine."""
    return BOOT_ID.read_text().strip()


def fingerprint(root: Path = CHECKOUT) -> str:
    """Changes with any file of the rehearsal's code, by size and time of change.

    A stand-in's Python files do not count: it reads them whenever it is started.
    """
    digest = hashlib.sha256()
    stand_ins = f"{root}/rehearsal/providers/"
    for path, status in _files(root / "rehearsal"):
        if path.startswith(stand_ins) and path.endswith(".py"):
            continue
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _files(Path(entry.path))
        else:
            yield entry.path, entry.stat(follow_symlinks=False)
