"""`python -m workloads.serve`: the command line and its exit statuses.

0: stopped by a signal after draining. 1: failed, with one line that says why. 2: wrong options.
"""

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from workloads.common.logs import emit
from workloads.common.options import load_or_exit
from workloads.serve.options import ServeOptions

if TYPE_CHECKING:
    from workloads.common.bundle import Manifest
    from workloads.common.predictor import Predictor


def main() -> int:
    """Serve; returns the exit status."""
    options = load_or_exit(
        ServeOptions,
        "workloads.serve",
        sys.argv[1:],
        os.environ,
        "Serve the digits model over HTTP (V1 and V2).",
    )
    from workloads.common.bundle import BadModel
    from workloads.common.storage import StorageError
    from workloads.serve.server import run

    def load(manifest: "Manifest", weights: bytes) -> "Predictor":
        import torch

        from workloads.common.predictor import Predictor

        torch.set_num_threads(options.threads)
        cuda = options.device != "cpu" and torch.cuda.is_available()
        if options.device == "cuda" and not cuda:
            raise RuntimeError("DEVICE=cuda, but torch finds no GPU: check the driver and the GPU request")
        return Predictor(manifest, weights, "cuda" if cuda else "cpu")

    def prepare() -> None:
        from workloads.common import predictor

        del predictor  # imported, with PyTorch, which takes a second or more

    try:
        asyncio.run(run(options, load, prepare=prepare))
    except (OSError, BadModel, StorageError, RuntimeError) as reason:
        emit("failed", reason=str(reason), kind=type(reason).__name__)
        sys.stderr.write(f"workloads.serve: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
