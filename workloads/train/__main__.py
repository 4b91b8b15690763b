"""`python -m workloads.train`: the command line and its exit statuses.

0: trained, or found finished. 1: failed, with one line that says why. 2: wrong options. 143, 130: stopped by
SIGTERM or SIGINT with a checkpoint written; start it again to continue.
"""

import os
import sys

from workloads.common.logs import emit
from workloads.common.options import load_or_exit
from workloads.train.options import TrainOptions
from workloads.train.stop import Stop


def main() -> int:
    """Run; returns the exit status."""
    options = load_or_exit(
        TrainOptions, "workloads.train", sys.argv[1:], os.environ, "Train the digits model on an archive."
    )
    # Threads that spin while they wait take the cores from everything else on a small machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    stop = Stop()
    from workloads.common.datasets import BadDataset
    from workloads.common.storage import NotFound, StorageError
    from workloads.train.run import Run

    try:
        return Run(options, stop).execute()
    except (BadDataset, NotFound, StorageError, OSError, RuntimeError) as reason:
        emit("failed", reason=str(reason), kind=type(reason).__name__)
        sys.stderr.write(f"workloads.train: {reason}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
