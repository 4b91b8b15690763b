"""The programs of the cluster that no package manager has, and the packages for the rest."""

import os
import shutil
from pathlib import Path

from rehearsal.artifacts import GoProgram, Release

KUBERNETES = "1.36.3"
ETCD = "3.6.8"
DAEMONS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")

_HERE = Path(__file__).parent
_VERSION = {
    "gitVersion": f"v{KUBERNETES}",
    "gitMajor": "1",
    "gitMinor": "36",
    "gitCommit": "unknown",
    "gitTreeState": "archive",
    "buildDate": "2026-07-22T18:07:38Z",
}

_OFFICIAL = f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/amd64"
_ETCD_RELEASES = f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}"
_ETCD_ARCHIVE = f"etcd-v{ETCD}-linux-amd64"

# The build makes one program that acts by the name it is called under; the downloads are a program each.
KUBERNETES_PROGRAM = GoProgram(
    name="kubernetes",
    module=_HERE / "kubernetes",
    packages={"kube-apiserver": "."},
    ldflags=tuple(
        f"-X={package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in _VERSION.items()
    ),
    tags=("notest", "grpcnotrace"),
    links=dict.fromkeys((*DAEMONS[1:], "kubectl", "etcd"), "kube-apiserver"),
    releases=(
        *(
            Release(url=f"{_OFFICIAL}/{name}", checksum_url=f"{_OFFICIAL}/{name}.sha256", members={})
            for name in (*DAEMONS, "kubectl")
        ),
        Release(
            url=f"{_ETCD_RELEASES}/{_ETCD_ARCHIVE}.tar.gz",
            checksum_url=f"{_ETCD_RELEASES}/SHA256SUMS",
            members={"etcd": f"{_ETCD_ARCHIVE}/etcd"},
        ),
    ),
    expected="about 6 minutes on two cores",
)

PAUSE_PROGRAM = GoProgram(
    name="pause", module=_HERE / "pause", packages={"pause": "."}, expected="a few seconds"
)

# Program to the package that brings it on Debian and Ubuntu.
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "modprobe": "kmod",
}
CNI_DIRECTORIES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")


def programs() -> list[GoProgram]:
    """What is downloaded or built."""
    return [KUBERNETES_PROGRAM, PAUSE_PROGRAM]


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine.

    A program that is there counts, whoever installed it: Docker's containerd.io brings containerd and runc
    and conflicts with the distribution's.
    """
    missing = [package for program, package in _PACKAGES.items() if which(program) is None]
    if cni_directory() is None:
        missing.append("containernetworking-plugins")
    return sorted(missing)


def which(program: str) -> Path | None:
    """A program on PATH or where a system administrator's programs are."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
    return Path(found) if found else None


def cni_directory() -> Path | None:
    """Where every CNI plugin that the cluster uses is."""
    for directory in CNI_DIRECTORIES:
        if all(os.access(directory / plugin, os.X_OK) for plugin in CNI_PLUGINS):
            return directory
    return None
