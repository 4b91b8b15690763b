"""What the simulated packages are: NVIDIA's names and versions, so that a bring-up needs no change. Pure.

Every version ends with `+berth.simulated`, every description begins with `Simulated by berth`.
Names and layout: https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64/ and
https://nvidia.github.io/libnvidia-container/stable/deb/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MARK = "+berth.simulated"
CUDA = "developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64"
TOOLKIT = "nvidia.github.io/libnvidia-container/stable/deb/amd64"
TOOLKIT_KEY = "nvidia.github.io/libnvidia-container/gpgkey"
KEYRING = "usr/share/keyrings/cuda-archive-keyring.gpg"
# Driver version → the CUDA version that its nvidia-smi names.
DRIVERS = {"580.173.02": "13.0", "590.48.01": "13.1", "595.91.07": "13.2", "610.57.04": "13.3"}
TOOLKITS = ("1.17.8", "1.20.0")
_FILES = Path(__file__).resolve().parent / "files"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Debian package. files: path without the leading slash → content; those under bin are executable."""

    name: str
    version: str
    about: str
    architecture: str = "amd64"
    depends: str = ""
    conflicts: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    scripts: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        version = self.version.replace("+", ".")  # apt asks for %2b
        return f"{self.name}_{version}_{self.architecture}.deb"

    def control(self) -> str:
        """Debian's control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "berth <rehearsal@localhost>",
            "Section": "misc",
            "Priority": "optional",
            "Depends": self.depends,
            "Conflicts": self.conflicts,
            "Description": f"Simulated by berth, not NVIDIA's: {self.about}",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def drivers() -> list[Package]:
    """The compute-only driver, with the open and with the proprietary kernel module."""
    found = []
    for driver, cuda in DRIVERS.items():
        version = f"{driver}-1{MARK}"
        values = {"DRIVER": driver, "CUDA": cuda}
        kernels = {
            "nvidia-kernel-open-dkms": "nvidia-kernel-dkms",
            "nvidia-kernel-dkms": "nvidia-kernel-open-dkms",
        }
        scripts = {
            "postinst": _file("kernel-postinst", values),
            "postrm": _file("kernel-postrm", values),
        }
        found += [
            Package(
                name=name,
                version=version,
                about="the kernel module",
                conflicts=other,
                scripts=scripts,
            )
            for name, other in kernels.items()
        ]
        found.append(
            Package(
                name="nvidia-driver-cuda",
                version=version,
                about="nvidia-smi",
                depends=" | ".join(f"{name} (= {version})" for name in kernels),
                files={"usr/bin/nvidia-smi": _file("nvidia-smi", values)},
            )
        )
    return found


def toolkits() -> list[Package]:
    """The container toolkit, in NVIDIA's four packages."""
    found = []
    for number in TOOLKITS:
        version = f"{number}-1{MARK}"

        def part(name: str, about: str, depends: str = "", *, of: str = version, **files: bytes) -> Package:
            wanted = f"{depends} (= {of})" if depends else ""
            paths = {_PATHS[key]: content for key, content in files.items()}
            return Package(name=name, version=of, about=about, depends=wanted, files=paths)

        found += [
            part("libnvidia-container1", "the library of the container toolkit"),
            part("libnvidia-container-tools", "nvidia-container-cli", "libnvidia-container1"),
            part(
                "nvidia-container-toolkit-base",
                "nvidia-ctk and the container runtime",
                ctk=_file("nvidia_ctk.py", {"TOOLKIT": number}),
                runtime=_file("nvidia-container-runtime", {}),
                inject=_file("inject.py", {}),
            ),
            part("nvidia-container-toolkit", "the container toolkit", "nvidia-container-toolkit-base"),
        ]
    return found


def keyring(key: bytes) -> Package:
    """cuda-keyring: NVIDIA's repository and its key (here a rehearsal's; binary OpenPGP)."""
    line = f"deb [signed-by=/{KEYRING}] https://{CUDA}/ /\n"
    return Package(
        name="cuda-keyring",
        version=f"1.1-1{MARK}",
        architecture="all",
        about="the key of the simulated packages",
        files={KEYRING: key, "etc/apt/sources.list.d/cuda-debian13-x86_64.list": line.encode()},
    )


_PATHS = {
    "ctk": "usr/bin/nvidia-ctk",
    "runtime": "usr/bin/nvidia-container-runtime",
    "inject": "usr/lib/berth-simulated-nvidia/inject.py",
}


def _file(name: str, values: Mapping[str, str]) -> bytes:
    text = (_FILES / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()
