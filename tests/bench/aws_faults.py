"""Injects faults into `up` and `destroy` of the aws-vm environment, and judges each run.

    python tests/bench/aws_faults.py --count 200 --seed 1
    python tests/bench/aws_faults.py --every timeout-after-commit  # at each operation once

Without machines and without an engine: the program's requests are recorded once and done again for each fault
(tests/aws_replay.py). Prints one line a run that is not as it should be, and a table by fault class; the exit
status is 1 if any is. The same seed draws the same faults: `--only 17` repeats one of them.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import aws_replay
import emulated_account
import fault_runs


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", choices=list(fault_runs.MARKS), help="this class at each operation once")
    parser.add_argument("--only", type=int, help="only the run of this number")
    parser.add_argument("--verbose", action="store_true", help="say how every run ended")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, emulated_account.running(Path(folder)) as account:
        os.environ.update(account.variables())
        with aws_replay.hurried():
            return run(account, options)


def run(account: emulated_account.EmulatedAccount, options: argparse.Namespace) -> int:
    """All runs, one after the other."""
    script = aws_replay.record()
    operations = len({*script.up, *script.down})
    print(f"one up: {len(script.steps)} steps, {len(script.up)} calls of {operations} operations", flush=True)
    if script.uncovered:
        print(f"not covered by the stand-in: {', '.join(sorted(script.uncovered))}", flush=True)
    drawn = fault_runs.samples(script, options.count, options.seed)
    rules = list(enumerate(fault_runs.every(options.every, script) if options.every else drawn))
    outcomes = []
    began = time.monotonic()
    for number, rule in rules:
        if options.only not in (None, number):
            continue
        started = time.monotonic()
        outcome = fault_runs.judge(account, script, rule)
        outcomes.append(outcome)
        if outcome.problems or options.verbose:
            took = time.monotonic() - started
            said = outcome.problems or outcome.failures
            print(f"{number} {outcome.verdict} {took:.1f} s {rule}", *said, sep="\n    ", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(outcomes)} runs in {seconds:.0f} s, seed {options.seed}")
    columns = ("converged", "named", "not met", "wrong")
    print(f"| fault class | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for kind, ends in fault_runs.summary(outcomes).items():
        print(f"| {kind} | {' | '.join(str(ends.get(column, 0)) for column in columns)} |")
    return int(any(outcome.problems for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
