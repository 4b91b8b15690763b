"""Driver, container toolkit, CUDA and PyTorch: which go together, checked before anything is created.

Facts: CUDA's minimum drivers https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html;
what PyTorch's wheels are built for https://github.com/pytorch/pytorch/blob/main/RELEASE.md and, for 2.15,
https://github.com/pytorch/pytorch/issues/190385; 580 is the last branch for Volta
https://docs.nvidia.com/datacenter/tesla/drivers/; open kernel modules: Turing and later, Blackwell no others,
https://github.com/NVIDIA/open-gpu-kernel-modules.
"""

from dataclasses import dataclass

from infra.catalog.accelerators import Accelerator

# Driver branches that data-centre GPUs run, oldest first.
BRANCHES = ("535", "550", "570", "580", "590", "595", "610")
_MINIMUM_BRANCH = {11: 450, 12: 525, 13: 580}
_FIRST_BRANCH = {"blackwell": 570}
_LAST_BRANCH = {"volta": 580}
_TURING, _VOLTA, _MAXWELL = (7, 5), (7, 0), (5, 0)


@dataclass(frozen=True, kw_only=True)
class Software:
    """What a machine runs: a driver branch, the container toolkit, and PyTorch with the CUDA of its wheel."""

    driver: str
    toolkit: str
    torch: str
    cuda: str


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A PyTorch release. default: the CUDA of its PyPI wheel. oldest: compute capability by CUDA version."""

    default: str
    oldest: dict[str, tuple[int, int]]


WHEELS = {
    "2.15": Wheel(default="13.2", oldest={"13.0": _TURING, "13.2": _TURING}),
    "2.14": Wheel(default="13.2", oldest={"12.6": _MAXWELL, "13.0": _TURING, "13.2": _TURING}),
    "2.13": Wheel(default="13.0", oldest={"12.6": _MAXWELL, "13.0": _TURING, "13.2": _TURING}),
    "2.12": Wheel(default="13.0", oldest={"12.6": _MAXWELL, "13.0": _TURING, "13.2": _TURING}),
    "2.11": Wheel(default="13.0", oldest={"12.6": _MAXWELL, "12.8": _TURING, "13.0": _TURING}),
    "2.10": Wheel(default="12.8", oldest={"12.6": _MAXWELL, "12.8": _VOLTA, "13.0": _TURING}),
    "2.9": Wheel(default="12.8", oldest={"12.6": _MAXWELL, "12.8": _VOLTA, "13.0": _TURING}),
    "2.4": Wheel(default="12.1", oldest={"11.8": _MAXWELL, "12.1": _MAXWELL, "12.4": _MAXWELL}),
}

# Versions known to go together, by the name that a values file uses.
PROFILES = {
    "cuda-13": Software(driver="580", toolkit="1.20.0", torch="2.15", cuda="13.2"),
    "cuda-12": Software(driver="580", toolkit="1.20.0", torch="2.14", cuda="12.6"),
    # What many people's notes of 2024 pin: driver 535, CUDA 12.2, container toolkit 1.17.8.
    "cuda-12-2024": Software(driver="535", toolkit="1.17.8", torch="2.4", cuda="12.1"),
}


def release(torch: str) -> str:
    """The release of a version: 2.15 of 2.15.0."""
    return ".".join(torch.split(".")[:2])


def default_cuda(torch: str) -> str | None:
    """The CUDA version of PyTorch's wheel on PyPI; None where the catalogue does not know that release."""
    wheel = WHEELS.get(release(torch))
    return wheel.default if wheel else None


def open_kernel(accelerator: Accelerator) -> bool:
    """Whether the driver's open kernel modules drive it."""
    return accelerator.capability >= _TURING


def mismatches(accelerator: Accelerator, software: Software) -> dict[str, str]:
    """What does not go together, by what to change: "driver", "toolkit", "torch" or "cuda"."""
    found: dict[str, str] = {}
    branch, major = int(software.driver), int(software.cuda.partition(".")[0])
    minimum = _MINIMUM_BRANCH.get(major)
    if minimum is None:
        found["cuda"] = f"CUDA {software.cuda} is not in the catalogue (11, 12 and 13 are)"
    elif branch < minimum:
        found["driver"] = (
            f"{software.driver} is too old for the CUDA {software.cuda} of PyTorch {software.torch}, "
            f"which needs {minimum} or later"
        )
    first = _FIRST_BRANCH.get(accelerator.architecture, 0)
    last = _LAST_BRANCH.get(accelerator.architecture, branch)
    if branch < first:
        found["driver"] = f"{software.driver} does not know the {accelerator.name}; {first} is its first"
    if branch > last:
        found["driver"] = f"{software.driver} no longer drives the {accelerator.name}; {last} is its last"
    wheel = WHEELS.get(release(software.torch))
    oldest = wheel.oldest.get(software.cuda) if wheel else None
    if wheel and oldest is None:
        found["cuda"] = (
            f"PyTorch {software.torch} has no wheel for CUDA {software.cuda}; "
            f"it has: {', '.join(sorted(wheel.oldest))}"
        )
    elif oldest and accelerator.capability < oldest:
        found["torch"] = (
            f"PyTorch {software.torch} for CUDA {software.cuda} is not built for the {accelerator.name} "
            f"(compute capability {'.'.join(map(str, accelerator.capability))}, at least "
            f"{'.'.join(map(str, oldest))} is needed)"
        )
    return found
