#!/usr/bin/python3 -IS
"""Simulated by berth for rehearsals: `nvidia-ctk runtime configure --runtime=docker|containerd`.

docker: the runtime is added to daemon.json. containerd: it goes to a file of its own, which config.toml
imports, as from 1.18 on; see
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
"""

import argparse
import json
import re
import sys
from pathlib import Path

VERSION = "@TOOLKIT@"
CRI = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia'
DROP_IN = f"""version = 2

[{CRI}]
  runtime_type = "io.containerd.runc.v2"

[{CRI}.options]
  BinaryName = "/usr/bin/nvidia-container-runtime"
"""


def configure_docker(file: Path) -> None:
    """Keep what the file has; add the runtime."""
    content = json.loads(file.read_text()) if file.is_file() and file.read_text().strip() else {}
    content.setdefault("runtimes", {})["nvidia"] = {"args": [], "path": "nvidia-container-runtime"}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=4) + "\n")


def configure_containerd(file: Path) -> None:
    """Keep what the file has; import the runtime's own."""
    folder = file.parent / "conf.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "99-nvidia.toml").write_text(DROP_IN)
    text = file.read_text() if file.is_file() else "version = 2\n"
    wanted = f'"{folder}/*.toml"'
    if wanted in text:
        return
    if re.search(r"(?m)^imports *= *\[", text):
        text = re.sub(r"(?m)^imports *= *\[ *(?=\S)", f"imports = [{wanted}, ", text, count=1)
        text = text.replace(f"{wanted}, ]", f"{wanted}]")
    else:
        text = f"imports = [{wanted}]\n{text}"
    file.write_text(text)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="nvidia-ctk", description="Simulated by berth for rehearsals.")
    parser.add_argument(
        "--version", action="version", version=f"NVIDIA Container Toolkit CLI version {VERSION}"
    )
    runtime = parser.add_subparsers(required=True).add_parser("runtime")
    configure = runtime.add_subparsers(required=True).add_parser("configure")
    configure.add_argument("--runtime", choices=["docker", "containerd"], default="docker")
    configure.add_argument("--config", type=Path)
    asked = parser.parse_args()
    if asked.runtime == "docker":
        configure_docker(asked.config or Path("/etc/docker/daemon.json"))
    else:
        configure_containerd(asked.config or Path("/etc/containerd/config.toml"))
    sys.stderr.write(f"simulated: runtime nvidia added; {asked.runtime} daemon should be restarted\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
