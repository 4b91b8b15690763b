"""Which API server, and as whom: reads kubeconfig files, their contents, or the pod's own service account."""

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.providers.kubernetes.apierrors import KubeconfigError

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, kw_only=True)
class Access:
    """One API server and one identity, with every file already read."""

    server: str
    namespace: str = "default"
    context: str = ""
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    exec: Mapping[str, Any] | None = field(default=None, repr=False)
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None

    def to_kubeconfig(self) -> dict[str, Any]:
        """A kubeconfig that stands alone, for programs that want one."""
        cluster: dict[str, Any] = {"server": self.server}
        if self.ca is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self.ca).decode()
        if self.insecure:
            cluster["insecure-skip-tls-verify"] = True
        if self.tls_server_name:
            cluster["tls-server-name"] = self.tls_server_name
        if self.proxy_url:
            cluster["proxy-url"] = self.proxy_url
        user: dict[str, Any] = {}
        if self.certificate is not None and self.key is not None:
            user["client-certificate-data"] = base64.b64encode(self.certificate).decode()
            user["client-key-data"] = base64.b64encode(self.key).decode()
        plain = {
            "token": self.token,
            "tokenFile": self.token_file,
            "username": self.username,
            "password": self.password,
            "exec": self.exec,
        }
        user |= {name: value for name, value in plain.items() if value}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "berth",
            "clusters": [{"name": "berth", "cluster": cluster}],
            "users": [{"name": "berth", "user": user}],
            "contexts": [
                {
                    "name": "berth",
                    "context": {"cluster": "berth", "user": "berth", "namespace": self.namespace},
                }
            ],
        }


def load(
    kubeconfig: str | None = None,
    *,
    context: str | None = None,
    cluster: str | None = None,
    namespace: str | None = None,
) -> Access:
    """Find the access.

    `kubeconfig` is contents or a path; without it: KUBECONFIG, ~/.kube/config, the pod's service account.

    Raises KubeconfigError, which names the file and the entry.
    """
    given = bool(kubeconfig and kubeconfig.strip())
    config = _contents_or_path(kubeconfig or "") if given else _from_environment()
    if config is None:
        return _in_cluster(namespace)
    return _resolve(config, context, cluster, namespace)


def _contents_or_path(text: str) -> dict[str, Any]:
    if "\n" not in text and not text.lstrip().startswith("{"):
        path = Path(text).expanduser()
        if not path.is_file():
            raise KubeconfigError(
                f"kubeconfig {path} does not exist",
                "Give the path of a kubeconfig, or its contents; `kubectl config view --raw` prints them.",
            )
        return _read(path)
    return _parse(text, "the kubeconfig given to the provider", Path.cwd())


def _from_environment() -> dict[str, Any] | None:
    named = [Path(p).expanduser() for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]
    files = [p for p in named or [Path.home() / ".kube" / "config"] if p.is_file()]
    if not files:
        if named:
            raise KubeconfigError(
                f"KUBECONFIG names {', '.join(map(str, named))}, which does not exist",
                "Is the cluster up? Unset KUBECONFIG to use ~/.kube/config.",
            )
        return None
    merged: dict[str, Any] = {}
    for path in files:  # the first file to name a thing wins
        config = _read(path)
        for kind in ("clusters", "users", "contexts"):
            seen = {entry["name"] for entry in merged.setdefault(kind, [])}
            merged[kind] += [entry for entry in config.get(kind) or [] if entry["name"] not in seen]
        merged["current-context"] = merged.get("current-context") or config.get("current-context")
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parse(path.read_text(), str(path), path.parent)
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"kubeconfig {path} cannot be read: {error}") from error


def _parse(text: str, where: str, base: Path) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError:
        import yaml

        try:
            config = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
        except yaml.YAMLError as error:
            raise KubeconfigError(f"{where} is not YAML: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("clusters") or [], list):
        raise KubeconfigError(f"{where} is not a kubeconfig: it has no list of clusters")
    for kind in ("clusters", "users"):
        for entry in config.get(kind) or []:
            body = entry.get(kind[:-1]) or {}
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if body.get(key):
                    body[key] = str(base / body[key])
    return config


def _resolve(
    config: Mapping[str, Any], context: str | None, cluster: str | None, namespace: str | None
) -> Access:
    context_name = context or config.get("current-context") or ""
    chosen: Mapping[str, Any] = {}
    if context_name:
        chosen = _entry(config, "contexts", context_name)
    elif not cluster and len(config.get("clusters") or []) != 1:
        raise KubeconfigError(
            "the kubeconfig names no current context",
            "Set `kubernetes:context`, or `kubectl config use-context`.",
        )
    cluster_name = cluster or chosen.get("cluster") or config["clusters"][0]["name"]
    server = _entry(config, "clusters", cluster_name)
    user = _entry(config, "users", chosen["user"]) if chosen.get("user") else {}
    if not server.get("server"):
        raise KubeconfigError(f'cluster "{cluster_name}" of the kubeconfig has no server address')
    return Access(
        server=str(server["server"]).rstrip("/"),
        namespace=namespace or chosen.get("namespace") or "default",
        context=context_name,
        ca=_data(server, "certificate-authority"),
        certificate=_data(user, "client-certificate"),
        key=_data(user, "client-key"),
        token=user.get("token"),
        token_file=user.get("tokenFile"),
        username=user.get("username"),
        password=user.get("password"),
        exec=user.get("exec"),
        insecure=bool(server.get("insecure-skip-tls-verify")),
        tls_server_name=server.get("tls-server-name"),
        proxy_url=server.get("proxy-url"),
    )


def _entry(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    entries = config.get(kind) or []
    for entry in entries:
        if entry.get("name") == name:
            body: Mapping[str, Any] = entry.get(kind[:-1]) or {}
            return body
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise KubeconfigError(f'the kubeconfig has no {kind[:-1]} "{name}"', f"It has: {known}.")


def _data(body: Mapping[str, Any], key: str) -> bytes | None:
    if body.get(f"{key}-data"):
        try:
            return base64.b64decode("".join(str(body[f"{key}-data"]).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"{key}-data of the kubeconfig is not base64") from error
    if body.get(key):
        try:
            return Path(body[key]).read_bytes()
        except OSError as error:
            raise KubeconfigError(f"{key} of the kubeconfig cannot be read: {error}") from error
    return None


def _in_cluster(namespace: str | None) -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = _SERVICE_ACCOUNT / "token"
    if not host or not token.is_file():
        raise KubeconfigError(
            "no kubeconfig: KUBECONFIG is not set and ~/.kube/config does not exist",
            "Set KUBECONFIG, or give the provider a `kubeconfig`.",
        )
    own = _SERVICE_ACCOUNT / "namespace"
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace or (own.read_text().strip() if own.is_file() else "default"),
        ca=(_SERVICE_ACCOUNT / "ca.crt").read_bytes(),
        token_file=str(token),
    )


def credentials(access: Access, run: Callable[..., Any] | None = None) -> Access:
    """Run the access's credential plugin, if it has one, and return the access with what it printed."""
    spec = access.exec
    if not spec:
        return access
    import subprocess

    command = [str(spec["command"]), *map(str, spec.get("args") or [])]
    request: dict[str, Any] = {"apiVersion": spec.get("apiVersion"), "kind": "ExecCredential", "spec": {}}
    if spec.get("provideClusterInfo"):
        request["spec"]["cluster"] = {
            "server": access.server,
            **({"certificate-authority-data": base64.b64encode(access.ca).decode()} if access.ca else {}),
        }
    extra = {entry["name"]: entry["value"] for entry in spec.get("env") or []}
    env = {**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(request)}
    try:
        done = (run or subprocess.run)(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KubeconfigError(
            f"the kubeconfig's credential program `{command[0]}` did not run: {error}",
            str(spec.get("installHint") or ""),
        ) from error
    if done.returncode != 0:
        raise KubeconfigError(
            f"the kubeconfig's credential program `{command[0]}` failed: {done.stderr.strip()}"
        )
    try:
        status = json.loads(done.stdout)["status"]
    except (ValueError, KeyError) as error:
        raise KubeconfigError(f"`{command[0]}` did not print an ExecCredential") from error
    return Access(
        **{
            **{name: getattr(access, name) for name in access.__dataclass_fields__},
            "token": status.get("token") or access.token,
            "certificate": _pem(status.get("clientCertificateData")) or access.certificate,
            "key": _pem(status.get("clientKeyData")) or access.key,
        }
    )


def _pem(text: str | None) -> bytes | None:
    return text.encode() if text else None
