"""`python -m workloads.smoke`: does a container here see a GPU, and does PyTorch compute right on it?

Prints one JSON object and ends with 0 where it passed. A build of PyTorch without CUDA computes on the CPU,
and the object says so.
"""

import json
import subprocess
import sys
import time
from typing import Any

SIZE = 256
QUERY = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")


def gpus() -> tuple[list[str], str]:
    """The GPUs' names as this container's nvidia-smi has them, and why there are none."""
    try:
        found = subprocess.run(QUERY, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as reason:
        return [], str(reason)
    lines = found.stdout.strip().splitlines()
    return (lines, "") if found.returncode == 0 else ([], (found.stdout + found.stderr).strip())


def compute() -> dict[str, Any]:
    """A product of matrices on the GPU, or the CPU where the build has no CUDA, against double precision."""
    import torch

    about: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if torch.version.cuda and not torch.cuda.is_available():
        return {**about, "passed": False, "detail": f"torch for CUDA {torch.version.cuda} finds no GPU"}
    device = torch.device("cuda" if torch.version.cuda else "cpu")
    matrix = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    began = time.monotonic()
    product = (matrix.to(device) @ matrix.to(device)).cpu()
    seconds = time.monotonic() - began
    worst = float((product.double() - matrix.double() @ matrix.double()).abs().max())
    where = (
        torch.cuda.get_device_name() if device.type == "cuda" else "the CPU: this torch is built without CUDA"
    )
    return {
        **about,
        "device": device.type,
        "passed": worst < SIZE * 1e-3,  # TF32 keeps ten bits
        "detail": f"torch {torch.__version__} computes on {where}, in {seconds:.3f} s",
    }


def main() -> int:
    """Returns the exit status."""
    names, reason = gpus()
    try:
        result = compute()
    except (ImportError, RuntimeError) as problem:
        result = {"passed": False, "detail": f"torch does not work: {problem}", "torch": None}
    sys.stdout.write(json.dumps({"gpus": names, "nvidia_smi": reason, **result}) + "\n")
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
