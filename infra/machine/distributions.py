"""What each distribution calls its packages, and where NVIDIA keeps those for it. Pure data and one rule.

Drivers: https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/ (Debian, Ubuntu, Amazon Linux)
Toolkit: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
"""

from dataclasses import dataclass, field
from typing import Any

_CUDA = "https://developer.download.nvidia.com/compute/cuda/repos"
_TOOLKIT = "https://nvidia.github.io/libnvidia-container"
_TOOLKIT_KEY = "/etc/apt/keyrings/nvidia-container-toolkit.asc"
_TOOLKIT_PACKAGES = (
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "libnvidia-container-tools",
    "libnvidia-container1",
)


@dataclass(frozen=True, kw_only=True)
class DriverPlan:
    """A driver to be installed. branch: `580`. open_kernel: the open kernel modules, from Turing (T4) on."""

    branch: str
    open_kernel: bool = True


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """headers: packages with `{kernel}` for `uname -r`. kernel: the newest kernel with its headers."""

    manager: str
    user: str
    repository: str
    docker: tuple[str, ...]
    headers: tuple[str, ...]
    kernel: tuple[str, ...]
    open_driver: tuple[str, ...]
    proprietary_driver: tuple[str, ...]
    trust: str = "/etc/ssl/certs/ca-certificates.crt"
    extra: tuple[str, ...] = field(default=())


DISTRIBUTIONS = {
    "debian-13": Distribution(
        manager="apt",
        user="admin",
        repository="debian13",
        docker=("docker.io", "docker-cli"),
        headers=("linux-headers-{kernel}",),
        kernel=("linux-image-cloud-amd64", "linux-headers-cloud-amd64"),
        open_driver=("nvidia-driver-cuda", "nvidia-kernel-open-dkms"),
        proprietary_driver=("nvidia-driver-cuda", "nvidia-kernel-dkms"),
    ),
    "ubuntu-24.04": Distribution(
        manager="apt",
        user="ubuntu",
        repository="ubuntu2404",
        docker=("docker.io",),
        headers=("linux-headers-{kernel}",),
        kernel=("linux-aws",),
        open_driver=("nvidia-open",),
        proprietary_driver=("cuda-drivers",),
    ),
    "al2023": Distribution(
        manager="dnf",
        user="ec2-user",
        repository="amzn2023",
        docker=("docker",),
        headers=("kernel-devel-uname-r = {kernel}",),
        kernel=("kernel", "kernel-devel"),
        open_driver=("nvidia-open",),
        proprietary_driver=("cuda-drivers",),
        trust="/etc/pki/tls/certs/ca-bundle.crt",
        extra=("dkms",),
    ),
}


def software(
    name: str, driver: DriverPlan | None, toolkit_version: str | None, *, ssm: bool
) -> dict[str, Any]:
    """The plan's `software`: packages with where they come from. toolkit_version None: the image has all.

    ssm: install the Session Manager's agent, which Debian's images lack
    (https://docs.aws.amazon.com/systems-manager/latest/userguide/agent-install-deb.html).
    """
    known = DISTRIBUTIONS[name]
    apt = known.manager == "apt"
    plan: dict[str, Any] = {
        "manager": known.manager,
        "packages": list(known.docker) if toolkit_version else [],
        "headers": [],
        "kernel": [],
        "files": {},
        "downloads": {},
        "debs": [],
        "modules": [],
        "sources": [],
    }
    if driver:
        plan["packages"] += [
            *known.extra,
            *(known.open_driver if driver.open_kernel else known.proprietary_driver),
        ]
        plan["headers"], plan["kernel"] = list(known.headers), list(known.kernel)
        if apt:
            plan["debs"].append(f"{_CUDA}/{known.repository}/x86_64/cuda-keyring_1.1-1_all.deb")
            plan["files"]["/etc/apt/preferences.d/berth-nvidia"] = _branch_pin(driver.branch)
            plan["sources"].append(f"cuda-{known.repository}-x86_64.list")  # comes with cuda-keyring
        else:
            plan["downloads"]["/etc/yum.repos.d/cuda-amzn2023.repo"] = (
                f"{_CUDA}/{known.repository}/x86_64/cuda-amzn2023.repo"
            )
            flavour = "open" if driver.open_kernel else "dkms"
            plan["modules"].append(f"nvidia-driver:{driver.branch}-{flavour}")
    if toolkit_version:
        if apt:
            plan["packages"] += [f"{package}={toolkit_version}-1*" for package in _TOOLKIT_PACKAGES]
            plan["downloads"][_TOOLKIT_KEY] = f"{_TOOLKIT}/gpgkey"
            plan["sources"].append("nvidia-container-toolkit.list")
            plan["files"]["/etc/apt/sources.list.d/nvidia-container-toolkit.list"] = (
                f"deb [signed-by={_TOOLKIT_KEY}] {_TOOLKIT}/stable/deb/$(ARCH) /\n"
            )
        else:
            plan["packages"] += [f"{package}-{toolkit_version}" for package in _TOOLKIT_PACKAGES]
            plan["downloads"]["/etc/yum.repos.d/nvidia-container-toolkit.repo"] = (
                f"{_TOOLKIT}/stable/rpm/nvidia-container-toolkit.repo"
            )
    if ssm and name == "debian-13":
        plan["debs"].append(
            "https://s3.amazonaws.com/ec2-downloads-windows/SSMAgent/latest/debian_amd64/amazon-ssm-agent.deb"
        )
    return plan


def _branch_pin(branch: str) -> str:
    """apt_preferences(5): the branch's driver is chosen, whatever else NVIDIA's repository has."""
    return f"Package: *nvidia* cuda-drivers*\nPin: version {branch}.*\nPin-Priority: 1001\n"
