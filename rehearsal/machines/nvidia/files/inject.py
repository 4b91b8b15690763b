"""Simulated by berth for rehearsals: puts nvidia-smi into containers that ask for GPUs, as the real one does.

https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
"""

import json
import subprocess
import sys
from pathlib import Path

PLACES = ("/usr/bin/nvidia-smi", "/var/lib/berth-simulated-nvidia")


def bundle(argv: list[str]) -> Path:
    """`--bundle DIR`, `--bundle=DIR`, `-b DIR`, or where one is."""
    for number, argument in enumerate(argv):
        if argument in {"--bundle", "-b"}:
            return Path(argv[number + 1])
        if argument.startswith("--bundle="):
            return Path(argument.partition("=")[2])
    return Path()


def asks(environment: list[str]) -> bool:
    """Whether NVIDIA_VISIBLE_DEVICES names any."""
    values = dict(entry.partition("=")[::2] for entry in environment)
    return values.get("NVIDIA_VISIBLE_DEVICES", "") not in {"", "void", "none"}


def main() -> int:
    """Change config.json in its place; returns the exit status."""
    file = bundle(sys.argv[1:]) / "config.json"
    config = json.loads(file.read_text())
    if not asks(config["process"].get("env", [])):
        return 0
    if subprocess.run([PLACES[0], "-L"], capture_output=True, check=False).returncode:
        sys.stderr.write("nvidia-container-cli: initialization error: nvml error: driver not loaded\n")
        return 1
    options = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
    config["mounts"] += [
        {"destination": place, "source": place, "type": "bind", "options": options} for place in PLACES
    ]
    file.write_text(json.dumps(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
