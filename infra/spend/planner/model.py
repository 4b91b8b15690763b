"""What is decided about: the job, the zones as they are now, and how far the job has come.

Times are whole seconds from the start of the job, so that no deadline is missed or met by rounding. Prices
are US dollars. Nothing here asks a cloud.
"""

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_S = 3600


def _seconds(hours: float) -> int:
    return round(hours * HOUR_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work to be done on one machine, and when it must be done.

    work_s: on the accelerator, start-up not counted. deadline_s: from the start. restart_s: lost at each
    launch (boot, bring-up, restoring a checkpoint), at its longest. checkpoint_every_s: of work.
    checkpoint_gb: what moves when the job goes to another region; copy_s: how much longer a launch then
    takes. Raises ValueError on what no job can have.
    """

    work_s: int
    deadline_s: int
    restart_s: int
    checkpoint_every_s: int
    checkpoint_gb: float = 0.0
    copy_s: int = 0

    def __post_init__(self) -> None:
        if min(self.work_s, self.deadline_s, self.checkpoint_every_s) <= 0:
            raise ValueError("work, deadline and checkpoint interval are longer than nothing, such as 3600 s")
        if min(self.restart_s, self.copy_s, self.checkpoint_gb) < 0:
            raise ValueError("restart, copy and checkpoint are not less than nothing, such as 300 s")

    @classmethod
    def in_hours(
        cls,
        *,
        work: float,
        deadline: float,
        restart: float,
        checkpoint_every: float,
        checkpoint_gb: float = 0.0,
        copy: float = 0.0,
    ) -> "Job":
        """The same in hours, rounded to seconds. Raises ValueError as the class does."""
        return cls(
            work_s=_seconds(work),
            deadline_s=_seconds(deadline),
            restart_s=_seconds(restart),
            checkpoint_every_s=_seconds(checkpoint_every),
            checkpoint_gb=checkpoint_gb,
            copy_s=_seconds(copy),
        )

    @property
    def feasible(self) -> bool:
        """Whether on-demand from the first second meets the deadline."""
        return self.restart_s + self.work_s <= self.deadline_s

    @property
    def reserve_s(self) -> int:
        """The longest that the launch of an on-demand machine takes, wherever the checkpoint is."""
        return self.restart_s + self.copy_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is known of a zone now. available: of spot; on demand is taken to be always available.

    Prices are of one machine for an hour.
    """

    zone: str
    region: str
    available: bool
    spot_usd: float
    on_demand_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """What a checkpoint's way into another region costs, a gigabyte.

    egress_usd: by (from region, to region); copy_usd: writing and keeping the copy. An unknown egress price
    is an error, never zero.
    """

    egress_usd: Mapping[tuple[str, str], float]
    copy_usd: float = 0.0

    def egress_of(self, gigabytes: float, origin: str, destination: str) -> float:
        """Dollars of egress. Raises ValueError where the price is not known."""
        try:
            return gigabytes * self.egress_usd[origin, destination]
        except KeyError:
            raise ValueError(f"no egress price from {origin} to {destination}") from None


NO_TRANSFERS = Transfers(egress_usd={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """All that is known at a step: each zone once, and the seconds until the next decision."""

    offers: tuple[Offer, ...]
    step_s: int
    transfers: Transfers = NO_TRANSFERS

    def offer(self, zone: str) -> Offer:
        """What is known of one zone. Raises ValueError where nothing is."""
        for offer in self.offers:
            if offer.zone == zone:
                return offer
        raise ValueError(f"nothing is known of zone {zone}")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where to run. on_demand: at that price and without interruption; spot otherwise."""

    zone: str
    on_demand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How far the job has come.

    done_s: work done, of which saved_s is in a checkpoint; a planned stop saves the rest, an interruption
    loses it. placement: what runs now, if anything; starting_s: until it works. home: the region of the
    checkpoint; None before the first launch.
    """

    now_s: int = 0
    done_s: int = 0
    saved_s: int = 0
    placement: Placement | None = None
    starting_s: int = 0
    home: str | None = None


START = Situation()


def moves_checkpoint(situation: Situation, region: str) -> bool:
    """Whether a launch in a region has to bring a checkpoint from another one."""
    return situation.done_s > 0 and situation.home is not None and situation.home != region


def launch_s(job: Job, situation: Situation, region: str) -> int:
    """Seconds from a launch in a region until the job works there."""
    return job.restart_s + (job.copy_s if moves_checkpoint(situation, region) else 0)


def transfer_usd(job: Job, outlook: Outlook, situation: Situation, region: str) -> tuple[float, float]:
    """Dollars of egress and of the checkpoint's copy for a launch in a region. Raises ValueError: unknown."""
    if not moves_checkpoint(situation, region) or situation.home is None:
        return 0.0, 0.0
    egress = outlook.transfers.egress_of(job.checkpoint_gb, situation.home, region)
    return egress, job.checkpoint_gb * outlook.transfers.copy_usd
