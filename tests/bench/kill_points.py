"""Kills `up`, its language host and its plugins by SIGKILL at drawn moments; the next `up` has to converge.

    python tests/bench/kill_points.py --env aws-vm --count 50 --seed 1
    python tests/bench/kill_points.py --env local --count 50 --seed 1   # in the rehearsal, which has to be up

Half of the moments are between the API's success and the state's write, a quarter just before the API sees a
call, a quarter at any time. Results go to a JSON file, and a later run with the same arguments goes on with
it: `--only 17` repeats one point. The exit status is 1 if any did not converge.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rehearsal"))
import kill_runs


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", choices=("aws-vm", "local"), required=True)
    parser.add_argument(
        "--of", choices=("up", "change", "destroy"), default="up", help="aws-vm: what is killed"
    )
    parser.add_argument("--count", type=int, default=50, help="how many points")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="only the point of this number")
    parser.add_argument("--thorough", action="store_true", help="a refresh and a preview find no change")
    parser.add_argument("--results", type=Path, help="the JSON file (default: kill-<env>-<seed>.json)")
    options = parser.parse_args()
    if options.env == "aws-vm":
        from kill_aws import killable

        made = partial(killable, of=options.of)
    else:
        from kill_local import killable as made
    with tempfile.TemporaryDirectory(prefix="berth-kill-") as folder, made(Path(folder)) as victim:
        return run(victim, options)


def run(victim: "kill_runs.Victim", options: argparse.Namespace) -> int:
    """All points, one after the other."""
    file = options.results or Path(f"kill-{options.env}-{options.seed}.json")
    about = {"env": options.env, "seed": options.seed, "count": options.count, "of": options.of}
    print(f"unkilled: {victim.calls} calls that change something, {victim.usual:.0f} s", flush=True)
    points = kill_runs.draw(options.count, options.seed, victim.calls)
    outcomes = [] if options.only is not None else kill_runs.load(file, about)
    done = {one.number for one in outcomes}
    began = time.monotonic()
    for number, point in enumerate(points):
        if number in done or options.only not in (None, number):
            continue
        outcome = victim.kill_and_converge(number, point, thorough=options.thorough)
        outcomes.append(outcome)
        print(f"{number} {outcome.verdict} {outcome.seconds} s {point}: {', '.join(outcome.pending)}")
        print(*outcome.problems, sep="\n    ", end="\n" if outcome.problems else "", flush=True)
        if options.only is None:
            kill_runs.save(file, about, outcomes)
    ends = {name: sum(one.verdict == name for one in outcomes) for name in ("converged", "not met", "wrong")}
    print(f"{len(outcomes)} of {options.count} points in {time.monotonic() - began:.0f} s: {ends}")
    return int(ends["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
