"""The HTTP API of the registry, as far as tests push, list and delete with it; and a small image to push."""

import gzip
import hashlib
import io
import json
import ssl
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import urllib3

from rehearsal import addresses, ca, registry
from rehearsal.paths import Paths

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_APPLETS = ("sh", "sleep", "nslookup", "wget", "httpd", "cat", "id", "ls", "timeout")


class RegistryClient:
    """One user's access. user is None for nobody's."""

    def __init__(self, paths: Paths, user: tuple[str, str] | None) -> None:
        trust = ssl.create_default_context(cafile=str(ca.ensure_ca(paths)))
        headers = urllib3.make_headers(basic_auth=":".join(user)) if user else {}
        self.pool = urllib3.PoolManager(ssl_context=trust, headers=headers, retries=False, timeout=10.0)

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> urllib3.BaseHTTPResponse:
        url = path if path.startswith("https:") else f"https://{addresses.REGISTRY}/v2/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.pool.request(method, url, body=body, headers={**self.pool.headers, **named})

    def push_blob(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self.call("HEAD", f"{repository}/blobs/{digest}").status == 200:
            return digest
        begun = self.call("POST", f"{repository}/blobs/uploads/")
        assert begun.status == 202, begun.data
        sign = "&" if "?" in begun.headers["Location"] else "?"
        target = f"{begun.headers['Location']}{sign}digest={digest}"
        done = self.call("PUT", target, content, Content_Type="application/octet-stream")
        assert done.status == 201, done.data
        return digest

    def push_image(self, repository: str, tag: str, files: dict[str, tuple[bytes, int]]) -> str:
        """Push an image of one layer; returns the manifest's digest."""
        layer = _tar(files)
        packed = gzip.compress(layer, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": ["PATH=/bin"], "User": "65532:65532"},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            }
        ).encode()

        def described(kind: str, content: bytes) -> dict[str, Any]:
            return {"mediaType": kind, "digest": self.push_blob(repository, content), "size": len(content)}

        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": described(CONFIG, config),
                "layers": [described(LAYER, packed)],
            }
        ).encode()
        done = self.call("PUT", f"{repository}/manifests/{tag}", manifest, Content_Type=MANIFEST)
        assert done.status == 201, done.data
        return str(done.headers["Docker-Content-Digest"])


def push_busybox(paths: Paths, into: Path) -> str:
    """Push an image with the distribution's static busybox; returns its reference."""
    program = Path("/bin/busybox")
    if not program.exists() or b"ld-linux" in program.read_bytes():
        subprocess.run(["apt-get", "download", "-q", "busybox-static"], cwd=into, check=True)
        archive = next(into.glob("busybox-static*.deb"))
        subprocess.run(["dpkg", "-x", archive, into], check=True)
        program = next(into.rglob("bin/busybox"))
    files = {"bin/busybox": (program.read_bytes(), 0o755)}
    for applet in _APPLETS:
        files[f"bin/{applet}"] = (b"busybox", 0o120777)
    client = RegistryClient(paths, registry.credentials(paths))
    tag = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]
    client.push_image("berth/busybox", tag, files)
    return f"{addresses.REGISTRY}/berth/busybox:{tag}"


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """mode 0o120777: a symbolic link, whose content is its target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = mode & 0o7777
            if mode & 0o170000 == 0o120000:
                entry.type, entry.linkname = tarfile.SYMTYPE, content.decode()
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
