"""Accuracy, duration and throughput of training, by number of threads and by seed. Needs PyTorch.

    python tests/bench/bench_training.py ARCHIVE [--threads 1 2] [--seeds 0 1 2]

ARCHIVE is a data set as training takes it, such as the one that a rehearsal puts into its bucket.
"""

import argparse
import json
import subprocess
import sys
import tempfile


def main() -> None:
    """Train once for each combination; one line of figures each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for threads in options.threads:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as run:
                flags = [f"--threads={threads}", f"--seed={seed}", f"--run-dir={run}"]
                command = [
                    sys.executable,
                    "-m",
                    "workloads.train",
                    f"--dataset-file={options.archive}",
                    *flags,
                ]
                output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            results = json.loads(output.splitlines()[-1])
            accuracy, steps = results["accuracy"], results["steps"]
            speed = f"{results['duration_seconds']:.1f} s, {results['images_per_second']:.0f} images/s"
            print(
                f"{threads} threads, seed {seed}: accuracy {accuracy:.4f}, {steps} steps, {speed}",
                flush=True,
            )


if __name__ == "__main__":
    main()
