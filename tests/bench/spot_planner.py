"""What each policy of the spot planner saves, as a Markdown table, with missed deadlines and lost work.

    python tests/bench/spot_planner.py [--seeds 100] [--traces DIR]

Without --traces, made-up traces of six zones in three regions, each seed with three deadlines; the policies
of one zone take another zone with each seed. With --traces, a folder of one-machine traces of
https://github.com/skypilot-org/spot-traces such as availability/1-node/aws-02-15-2023, from as many starting
points as there are seeds.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from statistics import fmean

from infra.spend.planner.model import HOUR_S, Job, Outlook, Transfers
from infra.spend.planner.policies import Greedy, MultiZone, OnDemandOnly, Pace, Policy, UniformProgress
from infra.spend.planner.simulator import Replay, replay
from infra.spend.planner.synthetic import generate
from infra.spend.planner.traces import Trace, outlooks, parse

ZONES = {
    zone: zone[:-1]
    for zone in ("us-east-1a", "us-east-1c", "us-east-2a", "us-east-2b", "us-west-2a", "us-west-2b")
}
# A V100 (p3.2xlarge) on demand, and on spot where a trace has no prices: what those that have some record.
ON_DEMAND_USD, SPOT_USD = 3.06, 0.918
# Out of one AWS region into another, and a month of the copy in S3 Standard, a gigabyte.
EGRESS_USD, COPY_USD = 0.02, 0.023
DEADLINES_H = (24, 30, 40)
WORK_H = 20


@dataclass
class Row:
    """What is known of a policy so far."""

    savings: dict[int, list[float]] = field(default_factory=lambda: {hours: [] for hours in DEADLINES_H})
    replays: list[Replay] = field(default_factory=list)


def job(deadline_h: int) -> Job:
    """A training run: 20 hours, six minutes a launch, a checkpoint of 20 GB every quarter of an hour."""
    return Job.in_hours(
        work=WORK_H, deadline=deadline_h, restart=0.1, checkpoint_every=0.25, checkpoint_gb=20, copy=0.05
    )


def transfers(traces: tuple[Trace, ...]) -> Transfers:
    """The same price between any two regions."""
    regions = {trace.region for trace in traces}
    return Transfers(egress_usd=dict.fromkeys(permutations(regions, 2), EGRESS_USD), copy_usd=COPY_USD)


def made_up(seeds: int) -> Iterator[tuple[tuple[Outlook, ...], str]]:
    """What is known at each step, and the zone for the policies that know one."""
    for seed in range(seeds):
        traces = generate(ZONES, hours=max(DEADLINES_H), gap_s=600, on_demand_usd=ON_DEMAND_USD, seed=seed)
        yield outlooks(traces, transfers(traces)), tuple(ZONES)[seed % len(ZONES)]


def recorded(folder: Path, starts: int) -> Iterator[tuple[tuple[Outlook, ...], str]]:
    """The same from files called ZONE_ANYTHING.json; the starting points are evenly spaced."""
    traces = tuple(
        parse(
            path.read_text(),
            zone=path.name.partition("_")[0],
            region=path.name.partition("_")[0][:-1],
            on_demand_usd=ON_DEMAND_USD,
            spot_usd=SPOT_USD,
        )
        for path in sorted(folder.glob("*.json"))
    )
    known = outlooks(traces, transfers(traces))
    steps = -(-max(DEADLINES_H) * HOUR_S // traces[0].gap_s)
    for number in range(starts):
        start = (len(known) - steps) * number // max(starts - 1, 1)
        yield known[start : start + steps], traces[number % len(traces)].zone


def policies(zone: str) -> tuple[Policy, ...]:
    """On-demand first: the others are measured against it."""
    return (
        OnDemandOnly(),
        Greedy(zone),
        UniformProgress(zone),
        MultiZone(pace=Pace.LAST_SAFE_MOMENT),
        MultiZone(pace=Pace.UNIFORM),
    )


def measure(cases: Iterator[tuple[tuple[Outlook, ...], str]]) -> dict[str, Row]:
    """Each policy on each case with each deadline."""
    rows: dict[str, Row] = {}
    for known, zone in cases:
        for deadline_h in DEADLINES_H:
            done = [replay(policy, job(deadline_h), known) for policy in policies(zone)]
            for one in done:
                row = rows.setdefault(one.policy, Row())
                row.savings[deadline_h].append(1 - one.tally.cost_usd / done[0].tally.cost_usd)
                row.replays.append(one)
    return rows


def percent(share: float) -> str:
    """A share as the documentation writes it."""
    return f"{100 * share:.1f} %"


def table(rows: dict[str, Row]) -> Iterator[str]:
    """The lines of the table; means over all replays of a policy."""
    savings = [f"saving, {hours} h" for hours in DEADLINES_H]
    heads = ["policy", *savings, "least saving", "missed deadlines", "launches", "interruptions", "lost work"]
    yield f"| {' | '.join([*heads, 'egress and copies'])} |"
    yield f"|{'---|' * (len(heads) + 1)}"
    for name, row in rows.items():
        tallies = [one.tally for one in row.replays]
        cells = [
            name,
            *(percent(fmean(row.savings[hours])) for hours in DEADLINES_H),
            percent(min(min(saving) for saving in row.savings.values())),
            f"{sum(one.missed_deadline for one in row.replays)} of {len(row.replays)}",
            f"{fmean(tally.launches for tally in tallies):.1f}",
            f"{fmean(tally.interruptions for tally in tallies):.1f}",
            f"{fmean(tally.lost_s for tally in tallies) / HOUR_S:.2f} h",
            f"{fmean(tally.egress_usd + tally.copies_usd for tally in tallies):.2f} USD",
        ]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--traces", type=Path)
    options = parser.parse_args()
    cases = recorded(options.traces, options.seeds) if options.traces else made_up(options.seeds)
    print("\n".join(table(measure(cases))))


if __name__ == "__main__":
    main()
