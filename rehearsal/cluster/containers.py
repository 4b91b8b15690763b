"""containerd for the cluster alone: its configuration, the pod network's, and the pause image."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster.host import command, mounts
from rehearsal.cluster.layout import CNI_NETWORK, Layout
from rehearsal.errors import BerthError

NAMESPACE = "k8s.io"
_CAP_SYS_RESOURCE = 24
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# Not wanted: what would write outside our directories, or look for file systems that are not there.
_DISABLED = (
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.nri.v1.nri",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
)


def pause_image(pause: Path) -> str:
    """The name of the image with this pause program: never pulled, so on no registry."""
    return f"berth.invalid/pause:{hashlib.sha256(pause.read_bytes()).hexdigest()[:12]}"


def files(layout: Layout, *, plugins: Path, authority: Path, sandbox: str, mtu: int) -> dict[Path, str]:
    """The configuration files and their content."""
    certs = layout.config / "certs.d"
    return {
        layout.config / "containerd.toml": containerd_toml(
            layout,
            plugins=plugins,
            sandbox=sandbox,
            snapshotter=snapshotter(layout.paths.state),
            may_lower_oom_score=may_lower_oom_score(),
        ),
        layout.config / "cni" / "10-berth.conflist": json.dumps(pod_network(layout, mtu), indent=2) + "\n",
        certs / addresses.REGISTRY / "hosts.toml": hosts_toml(authority),
    }


def containerd_toml(
    layout: Layout, *, plugins: Path, sandbox: str, snapshotter: str, may_lower_oom_score: bool
) -> str:
    """The configuration of containerd, in the version that 1.6 and later read."""

    def yes(value: bool) -> str:  # noqa: FBT001 - a formatter
        return "true" if value else "false"

    disabled = ", ".join(json.dumps(name) for name in _DISABLED)
    return f"""version = 2
root = "{layout.containerd}"
state = "{layout.containerd_run}"
disabled_plugins = [{disabled}]

[grpc]
address = "{layout.containerd_socket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{sandbox}"
restrict_oom_score_adj = {yes(not may_lower_oom_score)}
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
# Else a profile would be loaded into the kernel for good.
disable_apparmor = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
max_concurrent_downloads = 4

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{layout.config / "cni"}"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{layout.config / "certs.d"}"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{layout.paths.run / "runc"}"
"""


def hosts_toml(authority: Path) -> str:
    """How containerd reaches the rehearsal's registry, and whom it trusts there."""
    settings = f'capabilities = ["pull", "resolve"]\nca = "{authority}"\n'
    # Twice: containerd tries `server` last, and without the authority there an image that does not exist is
    # reported as a certificate that is not trusted. Without any [host] it ignores the whole file.
    server = f"https://{addresses.REGISTRY}"
    return f'server = "{server}"\n{settings}\n[host."{server}"]\n{settings}'


def pod_network(layout: Layout, mtu: int) -> dict[str, object]:
    """The pods' network: a bridge. Version 0.4.0 of the format is what Ubuntu 22.04's plugins read."""
    return {
        "cniVersion": "0.4.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": addresses.POD_BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "mtu": mtu,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(layout.cni_state),
                    "ranges": [[{"subnet": str(addresses.PODS)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def snapshotter(directory: Path) -> str:
    """overlayfs, or plain copies where the state directory itself is on an overlay (in a container)."""
    directory = directory.resolve()
    around = [mount for mount in mounts() if directory.is_relative_to(mount.point)]
    innermost = max(around, key=lambda mount: len(mount.point.parts))
    return "native" if innermost.kind in {"overlay", "fuse.fuse-overlayfs", "aufs"} else "overlayfs"


def may_lower_oom_score() -> bool:
    """Whether this process may make another one less likely to be killed (CAP_SYS_RESOURCE)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)
    return False


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment of containerd: the world's images may come through a proxy, a rehearsal's never do."""
    found = {"PATH": base["PATH"]}
    found |= {name: os.environ[name] for name in _PROXIES if name in os.environ}
    if len(found) > 1:
        past = [value for name in ("NO_PROXY", "no_proxy") if (value := os.environ.get(name))]
        found["NO_PROXY"] = found["no_proxy"] = ",".join([*past[:1], str(addresses.NETWORK), "127.0.0.0/8"])
    return found


def ctr(layout: Layout, *arguments: str, check: bool = True) -> str:
    """Run containerd's own client."""
    base = ("ctr", "--address", str(layout.containerd_socket), "--namespace", NAMESPACE)
    return command([*base, *arguments], check=check)


def ensure_pause_image(layout: Layout, pause: Path) -> None:
    """Give containerd the pause image; it is marked so that no garbage collection takes it."""
    name = pause_image(pause)
    if name in ctr(layout, "images", "list", "--quiet").split():
        return
    archive = layout.config / "pause.tar"
    archive.write_bytes(image_archive(name, pause.read_bytes()))
    ctr(layout, "images", "import", "--snapshotter", snapshotter(layout.paths.state), str(archive))
    archive.unlink()
    ctr(layout, "images", "label", name, "io.cri-containerd.image=managed", "io.cri-containerd.pinned=pinned")
    if name not in ctr(layout, "images", "list", "--quiet").split():
        raise BerthError(f"containerd did not take the image {name}")


def image_archive(name: str, program: bytes) -> bytes:
    """An image of one static program, as `docker save` writes it; the same bytes for the same program."""
    layer = _tar({"pause": (program, 0o755)})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "berth"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar(
        {
            "config.json": (json.dumps(config).encode(), 0o644),
            "layer.tar": (layer, 0o644),
            "manifest.json": (json.dumps(manifest).encode(), 0o644),
        }
    )


def _tar(content: Mapping[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (data, mode) in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = mode
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
