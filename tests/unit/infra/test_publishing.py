"""Images copied into a registry: once, with a login that nobody sees, and words for what goes wrong."""

import base64
import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from moto.server import ThreadedMotoServer
from pulumi.dynamic.dynamic import serialize_provider

from infra.registry import copying
from infra.registry.copying import ImageProvider, PublishError
from rehearsal import ca
from rehearsal.paths import Paths

PASSWORD = "password-of-the-registry"
TOKEN = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
needs_programs = pytest.mark.skipif(
    not (shutil.which("skopeo") and shutil.which("docker-registry")), reason="skopeo and docker-registry"
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module", name="registry")
def registry_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real registry with TLS and a password: its host and port, and the file of who signed for it."""
    base = tmp_path_factory.mktemp("registry")
    paths = Paths(state=base / "state", run=base / "run", cache=base / "cache")
    certificate, key = ca.issue(paths, "registry", ips=["127.0.0.1"])
    users = base / "htpasswd"
    users.write_text(f"AWS:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds=5)).decode()}\n")
    address = f"127.0.0.1:{free_port()}"
    configuration = base / "config.yml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "version": "0.1",
                "storage": {"filesystem": {"rootdirectory": str(base / "data")}, "delete": {"enabled": True}},
                "auth": {"htpasswd": {"realm": "test", "path": str(users)}},
                "http": {
                    "addr": address,
                    "secret": "s",
                    "tls": {"certificate": str(certificate), "key": str(key)},
                },
            }
        )
    )
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    program = shutil.which("docker-registry") or "docker-registry"
    with subprocess.Popen(
        [program, "serve", str(configuration)], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(address, process)
        yield address, str(ca.ensure_ca(paths))
        process.terminate()


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.partition(":")
    for _ in range(400):
        assert process.poll() is None, "the registry ended"
        with socket.socket() as one:
            if one.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the registry does not listen")


@pytest.fixture(scope="module", name="server")
def server_fixture() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture(autouse=True)
def account_fixture(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "REGISTRY_AUTH_FILE": str(tmp_path / "none.json"),
    }.items():
        monkeypatch.setenv(name, value)


def image(directory: Path, content: bytes = b"hello") -> str:
    """A small image in an OCI layout; as skopeo names it."""
    blobs = directory / "image" / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    kind = "application/vnd.oci.image"
    layer = blob(gzip.compress(content, mtime=0))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", **blob(json.dumps(config).encode())},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar+gzip", **layer}],
    }
    found = {"mediaType": f"{kind}.manifest.v1+json", **blob(json.dumps(manifest).encode())}
    index = {
        "schemaVersion": 2,
        "manifests": [{**found, "annotations": {"org.opencontainers.image.ref.name": "trial"}}],
    }
    (directory / "image" / "index.json").write_text(json.dumps(index))
    (directory / "image" / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    return f"oci:{directory / 'image'}:trial"


def props(source: str, repository: str, tag: str = "one") -> dict[str, Any]:
    return {"source": source, "repository": repository, "tag": tag, "region": "us-east-1"}


@needs_programs
def test_an_image_is_copied_once_and_found_again(
    registry: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, certificates = registry
    monkeypatch.setenv("SSL_CERT_FILE", certificates)
    monkeypatch.setattr(copying, "_token", lambda _region: TOKEN)
    wanted = props(image(tmp_path), f"{address}/berth/train", "once")
    made = ImageProvider().create(wanted)
    assert made.id == f"{address}/berth/train:once"
    assert made.outs["reference"] == made.id
    assert made.outs["digest"].startswith("sha256:")
    assert ImageProvider().read(made.id, wanted).outs["digest"] == made.outs["digest"]

    monkeypatch.setattr(copying, "_copy", lambda *_: pytest.fail("it is there already"))
    again = ImageProvider().create({**wanted, "source": "docker-daemon:elsewhere:once"})
    assert again.outs["digest"] == made.outs["digest"]


@needs_programs
def test_an_image_that_is_not_there_is_gone(
    registry: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificates = registry
    monkeypatch.setenv("SSL_CERT_FILE", certificates)
    monkeypatch.setattr(copying, "_token", lambda _region: TOKEN)
    assert ImageProvider().read("id", props("docker-daemon:x:1", f"{address}/berth/none")).id == ""


@needs_programs
def test_a_refused_login_is_said(
    registry: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, certificates = registry
    monkeypatch.setenv("SSL_CERT_FILE", certificates)
    monkeypatch.setattr(copying, "_token", lambda _region: base64.b64encode(b"AWS:wrong").decode())
    with pytest.raises(PublishError, match="cannot be looked up: HTTP Error 401"):
        ImageProvider().create(props(image(tmp_path), f"{address}/berth/train", "refused"))


@needs_programs
def test_an_image_that_is_not_built_is_said(
    registry: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, certificates = registry
    monkeypatch.setenv("SSL_CERT_FILE", certificates)
    monkeypatch.setattr(copying, "_token", lambda _region: TOKEN)
    with pytest.raises(PublishError, match=r"cannot be copied .* images/README\.md says how") as error:
        ImageProvider().create(props(f"oci:{tmp_path / 'nothing'}:x", f"{address}/berth/train", "absent"))
    assert "time=" not in str(error.value), "a message, not a log line"
    assert PASSWORD not in str(error.value)
    assert TOKEN not in str(error.value)


def test_the_login_is_in_a_private_file_and_never_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "skopeo"
    program.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$@" > {seen}\n'
        'while [ "$#" -gt 0 ]; do case "$1" in\n'
        f'  --dest-authfile) stat -c %a "$2" >> {seen}; cp "$2" {tmp_path}/login; echo "$2" >> {seen};;\n'
        '  --digestfile) printf sha256:abc > "$2";;\n'
        "esac; shift; done\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(copying, "_token", lambda _region: TOKEN)
    monkeypatch.setattr(copying, "_published", lambda *_: None)
    made = ImageProvider().create(props("docker-daemon:berth/train:one", "registry.example.org/berth/train"))
    assert made.outs["digest"] == "sha256:abc"
    assert TOKEN not in repr(made.outs), "the state holds no login"
    lines = seen.read_text().splitlines()
    assert TOKEN not in seen.read_text()
    assert lines[-2] == "600"
    assert not Path(lines[-1]).exists(), "the file is gone with the run"
    assert json.loads((tmp_path / "login").read_text()) == {
        "auths": {"registry.example.org": {"auth": TOKEN}}
    }


def test_without_skopeo_the_message_says_what_to_install_or_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(copying, "_published", lambda *_: None)
    with pytest.raises(PublishError) as error:
        ImageProvider().create(props("docker-daemon:berth/train:one", "registry.example.org/berth/train"))
    assert "apt-get install skopeo" in str(error.value)
    assert "docker tag berth/train:one registry.example.org/berth/train:one" in str(error.value)


def test_a_registry_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_token", lambda _region: TOKEN)
    with pytest.raises(PublishError, match=r"127\.0\.0\.1:1 cannot be reached"):
        ImageProvider().create(props("docker-daemon:x:1", "127.0.0.1:1/berth/train"))


def test_credentials_that_aws_refuses_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PublishError, match="ECR in us-east-1 gives no login"):
        ImageProvider().create(props("docker-daemon:x:1", "127.0.0.1:1/berth/train"))


def test_deleting_is_done_by_ecr_and_done_once(server: str) -> None:
    ecr = copying._ecr("us-east-1")
    ecr.create_repository(repositoryName="berth/train")
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"digest": "sha256:" + "0" * 64, "size": 1, "mediaType": "x"},
            "layers": [],
        }
    )
    for tag in ("one", "two"):
        ecr.put_image(repositoryName="berth/train", imageManifest=manifest, imageTag=tag)
    wanted = props("docker-daemon:x:1", "127.0.0.1:5000/berth/train")
    ImageProvider().delete("id", wanted)
    left = ecr.list_images(repositoryName="berth/train")["imageIds"]
    assert [one.get("imageTag") for one in left] == ["two"]
    ImageProvider().delete("id", wanted)
    ecr.delete_repository(repositoryName="berth/train", force=True)
    ImageProvider().delete("id", wanted)


@pytest.mark.parametrize("name", ["repository", "tag", "region"])
def test_another_place_or_tag_is_another_image(name: str) -> None:
    olds = props("docker-daemon:x:1", "registry.example.org/berth/train")
    found = ImageProvider().diff("id", olds, {**olds, name: "another"})
    assert (found.changes, found.replaces) == (True, [name])


def test_another_source_of_the_same_tag_is_no_change() -> None:
    olds = {**props("docker-daemon:x:1", "registry.example.org/berth/train"), "digest": "sha256:abc"}
    assert ImageProvider().diff("id", olds, {**olds, "source": "docker://elsewhere/x:1"}).changes is False


def test_the_provider_is_found_by_name() -> None:
    assert len(serialize_provider(ImageProvider())) < 1000, "a class of this project is not pickled whole"
