"""Kubeconfigs, discovery, schemas and the HTTP client, against a server that this test runs."""

import base64
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rehearsal.providers.kubernetes import config, kubeconfig
from rehearsal.providers.kubernetes.apierrors import (
    ApiError,
    KubeconfigError,
    UnknownKindError,
    UnreachableError,
)
from rehearsal.providers.kubernetes.client import Client
from rehearsal.providers.kubernetes.discovery import Discovery
from rehearsal.providers.kubernetes.kubeconfig import Access, credentials, load
from rehearsal.providers.kubernetes.schema import Schemas
from rehearsal.providers.plugin.values import UNKNOWN

CONFIG: dict[str, Any] = {
    "current-context": "one",
    "clusters": [
        {"name": "c1", "cluster": {"server": "https://one:6443/", "certificate-authority": "ca.crt"}},
        {"name": "c2", "cluster": {"server": "https://two:6443"}},
    ],
    "users": [{"name": "u", "user": {"token": "t0ken"}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "c1", "user": "u", "namespace": "team"}},
        {"name": "two", "context": {"cluster": "c2", "user": "u"}},
    ],
}


def test_a_kubeconfig_is_read_from_a_path_its_text_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_bytes(b"CA")
    file = tmp_path / "config"
    file.write_text(json.dumps(CONFIG))
    access = load(str(file))
    assert (access.server, access.namespace, access.ca, access.token) == (
        "https://one:6443",
        "team",
        b"CA",
        "t0ken",
    )
    assert load(json.dumps(CONFIG), context="two").server == "https://two:6443"
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    assert load(context="two", namespace="mine").namespace == "mine"


def test_the_first_of_several_files_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    changed = [{"name": "c2", "cluster": {"server": "https://first"}}]
    first.write_text(json.dumps({"clusters": changed, "current-context": "two"}))
    second.write_text(json.dumps(CONFIG))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    assert load().server == "https://first"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/no/such/file", "/no/such/file does not exist"),
        ("{bad", "is not YAML"),
        ("a: b\nc: [", "is not YAML"),
        ("just: text\n", "names no current context"),
        (json.dumps({**CONFIG, "current-context": "three"}), 'no context "three"'),
        (json.dumps({**CONFIG, "clusters": [{"name": "c1", "cluster": {}}]}), "no server address"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said(text: str, said: str) -> None:
    with pytest.raises(KubeconfigError, match=said.replace("[", r"\[")):
        load(text)


def test_a_credential_program_is_asked(tmp_path: Path) -> None:
    program = tmp_path / "login"
    program.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "print(json.dumps({'status': {'token': os.environ['WHO']}}))\n"
    )
    program.chmod(0o755)
    spec = {"command": str(program), "env": [{"name": "WHO", "value": "me"}], "apiVersion": "v1"}
    assert credentials(Access(server="https://x", exec=spec)).token == "me"
    with pytest.raises(KubeconfigError, match="did not run"):
        credentials(Access(server="https://x", exec={"command": "/no/such/program"}))
    with pytest.raises(KubeconfigError, match="failed"):
        credentials(Access(server="https://x", exec={"command": "false"}))


def test_an_access_can_be_written_as_a_kubeconfig() -> None:
    access = Access(server="https://x", ca=b"CA", certificate=b"C", key=b"K", namespace="n")
    assert load(json.dumps(access.to_kubeconfig())) == kubeconfig.Access(
        server="https://x", ca=b"CA", certificate=b"C", key=b"K", namespace="n", context="berth"
    )


def test_the_provider_s_settings() -> None:
    failures = config.check(
        {"kubeconfg": "x", "enableServerSideApply": "maybe", "context": 3, "renderYamlToDirectory": "d"}
    )
    assert {f.path for f in failures} == {
        "kubeconfg",
        "enableServerSideApply",
        "context",
        "renderYamlToDirectory",
    }
    assert config.check({"deleteUnreachable": "true", "version": "4.34.2", "namespace": UNKNOWN}) == []
    assert config.parse({"kubeconfig": UNKNOWN}).unknown, "a cluster that the same program creates"
    parsed = config.parse({"kubeconfig": json.dumps(CONFIG["clusters"]), "deleteUnreachable": "true"})
    assert parsed.problem
    assert not parsed.unknown
    assert parsed.delete_unreachable


def test_another_server_replaces_the_provider_and_another_way_to_it_does_not() -> None:
    plain = {**CONFIG, "clusters": [{"name": "c1", "cluster": {"server": "https://one"}}]}
    other = {**CONFIG, "clusters": [{"name": "c1", "cluster": {"server": "https://moved"}}]}
    renewed = {**plain, "users": [{"name": "u", "user": {"token": "new"}}]}
    olds = {"kubeconfig": json.dumps(plain)}
    assert not config.diff(olds, {**olds, "version": "9"}).changes
    assert config.diff(olds, {"kubeconfig": json.dumps(other)}).changes["kubeconfig"].replaces
    assert not config.diff(olds, {"kubeconfig": json.dumps(renewed)}).changes["kubeconfig"].replaces
    assert not config.diff(olds, {"kubeconfig": UNKNOWN}).changes["kubeconfig"].replaces


class Api(http.server.BaseHTTPRequestHandler):
    """Just enough of an API server."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[str, str]]] = []
    busy = 0
    kinds: ClassVar[list[dict[str, Any]]] = [
        {
            "resource": "configmaps",
            "responseKind": {"kind": "ConfigMap"},
            "scope": "Namespaced",
            "verbs": ["get"],
        }
    ]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _send(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        path = self.path
        Api.asked.append(("GET", path))
        if path in {"/api", "/apis"}:
            versions = [{"version": "v1", "resources": Api.kinds}] if path == "/api" else []
            self._send(
                200, {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {}, "versions": versions}]}
            )
        elif path == "/openapi/v3":
            self._send(200, {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=AB"}}})
        elif path.startswith("/openapi/v3/api/v1"):
            gvk = [{"group": "", "version": "v1", "kind": "ConfigMap"}]
            schema = {"type": "object", "x-kubernetes-group-version-kind": gvk}
            self._send(200, {"components": {"schemas": {"io.ConfigMap": schema, "io.Other": {}}}})
        elif "watch=true" in path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            event = json.dumps({"type": "ADDED", "object": {"n": 1}}).encode() + b"\n"
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            self.wfile.flush()
            threading.Event().wait(3)
        elif Api.busy:
            Api.busy -= 1
            self._send(429, b"slow down", **{"Retry-After": "0"})
        elif path.endswith("/gone"):
            self._send(404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "no such thing"})
        else:
            authorization = self.headers.get("Authorization")
            self._send(200, {"kind": "ConfigMap", "who": authorization}, Warning='299 - "old API"')


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Access]:
    monkeypatch.setenv("BERTH_CACHE", str(tmp_path / "cache"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Api.asked.clear()
    yield Access(server=f"http://127.0.0.1:{server.server_address[1]}", token="t0ken")
    server.shutdown()
    server.server_close()


def test_calls_carry_the_identity_and_pass_warnings_on(access: Access) -> None:
    heard: list[str] = []
    client = Client(access, on_warning=heard.append)
    assert client.get("/api/v1/namespaces/n/configmaps/a")["who"] == "Bearer t0ken"
    assert heard == ["old API"]


def test_refusals_are_told_with_their_reason_and_a_busy_server_is_asked_again(access: Access) -> None:
    client = Client(access)
    with pytest.raises(ApiError) as refused:
        client.get("/api/v1/gone")
    assert refused.value.not_found
    assert refused.value.message == "no such thing"
    Api.busy = 2
    assert client.get("/api/v1/x")["kind"] == "ConfigMap"


def test_kinds_are_found_and_remembered(access: Access) -> None:
    client = Client(access)
    assert client.collection_path("v1", "ConfigMap", "n") == "/api/v1/namespaces/n/configmaps"
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert client.object_path(obj) == "/api/v1/namespaces/default/configmaps/a"
    asked = len(Api.asked)
    assert Client(access).collection_path("v1", "ConfigMap") == "/api/v1/configmaps"
    assert len(Api.asked) == asked, "another process reads the record on disk"
    with pytest.raises(UnknownKindError, match="Widget"):
        client.resource("v1", "Widget")


def test_a_kind_that_is_new_is_asked_for_again(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(access)
    client.resource("v1", "ConfigMap")
    widget = {"resource": "widgets", "responseKind": {"kind": "Widget"}, "scope": "Cluster", "verbs": []}
    monkeypatch.setattr(Api, "kinds", [*Api.kinds, widget])
    client.discovery.forget()
    assert not client.resource("v1", "Widget").namespaced


def test_schemas_are_kept_by_their_hash(access: Access) -> None:
    client = Client(access)
    found = Schemas(access, client.get).find("v1", "ConfigMap")
    assert found is not None
    assert list(found[1]) == ["io.ConfigMap"], "only what the kind needs"
    asked = len(Api.asked)
    assert Schemas(access, client.get).find("v1", "ConfigMap") == found
    assert len(Api.asked) == asked
    later = Schemas(access, client.get)
    assert later.find("v1", "ConfigMap") == found
    assert later.may_be_old
    assert later.find("apps/v1", "Deployment") is None
    assert not later.may_be_old, "a document that the record does not have is looked for on the server"


def test_a_watch_ends_when_it_is_interrupted(access: Access) -> None:
    client = Client(access)
    events = client.watch("/api/v1/configmaps", timeout=30)
    assert next(events)["object"] == {"n": 1}
    threading.Timer(0.2, client.interrupt).start()
    assert list(events) == []


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1 is unreachable: .*refused"):
        Client(Access(server="http://127.0.0.1:1")).get("/version")


def test_a_server_that_is_no_api_server_is_told(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Api, "do_GET", lambda self: self._send(200, b"<html>"))
    with pytest.raises(UnreachableError, match="does not answer as a Kubernetes API server"):
        Client(access).get("/version")


def test_certificates_may_be_given_inline() -> None:
    text = json.loads(json.dumps(CONFIG))
    text["clusters"][0]["cluster"] = {
        "server": "https://one",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
    }
    assert load(json.dumps(text)).ca == b"CA"
    text["clusters"][0]["cluster"]["certificate-authority-data"] = "%%%"
    with pytest.raises(KubeconfigError, match="not base64"):
        load(json.dumps(text))


def test_servers_without_aggregated_discovery_are_understood(tmp_path: Path) -> None:
    def fetch(path: str, _accept: str) -> dict[str, Any]:
        if path == "/apis/down.io/v1":
            raise ApiError(503, "ServiceUnavailable", "an aggregated API that is down")
        deployments = {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get"]}
        scale = {"name": "deployments/scale", "kind": "Scale", "namespaced": True, "verbs": ["get"]}
        namespaces = {"name": "namespaces", "kind": "Namespace", "namespaced": False, "verbs": ["get"]}
        answers: dict[str, dict[str, Any]] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": [namespaces]},
            "/apis": {
                "groups": [
                    {"versions": [{"groupVersion": "apps/v1"}]},
                    {"versions": [{"groupVersion": "down.io/v1"}]},
                ]
            },
            "/apis/apps/v1": {"resources": [deployments, scale]},
        }
        return answers[path]

    found = Discovery(Access(server="https://x"), fetch, folder=tmp_path)
    assert found.resource("apps/v1", "Deployment").prefix == "/apis/apps/v1"
    assert not found.resource("v1", "Namespace").namespaced
    assert {r.kind for r in found.kinds()} == {"Deployment", "Namespace"}
    assert found.has_group("apps")
    assert not found.has_group("down.io")
    assert found.cache_file.parent == tmp_path
