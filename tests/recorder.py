"""Runs a program of stacks/ without an engine, and remembers every resource that it declared."""

import asyncio
import base64
import contextvars
import hashlib
import importlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc, stack

CHECKOUT = Path(__file__).resolve().parents[1]
TAG = "0123456789abcdef"
SERVER = "10.213.0.1:5000"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g me@laptop"
# What commands write into the values of a user's own stack, and no committed file holds.
PERSONAL: dict[str, dict[str, Any]] = {
    "aws-vm": {
        "allowed_addresses": ["203.0.113.7/32"],
        "expires_at": "2026-11-22T20:00:00Z",
        "ssh_public_keys": [KEY],
    }
}
ACCOUNT = "123456789012"
# What the look-ups of programs answer.
FOUND: dict[str, dict[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
    "aws:ec2/getAmi:getAmi": {"id": "ami-0123456789abcdef0"},
    "aws:ssm/getParameter:getParameter": {"value": "ami-0fedcba9876543210"},
}
RESULT = {
    "accuracy": 0.985,
    "steps": 276.0,
    "duration_seconds": 12.5,
    "model_sha256": "ab" * 32,
}


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource as the program declared it: inputs as on the wire, secrets as {"secret": value}.

    provider: the logical name of its explicit one. ignored: of `ignore_changes`. depends_on: every URN.
    """

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    custom: bool
    provider: str = ""
    ignored: list[str] = field(default_factory=list)
    depends_on: list[str] = field(default_factory=list)


@dataclass
class Recording:
    """What one run of a program declared, and what it exported."""

    resources: list[Declared] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Declared]:
        return [one for one in self.resources if one.type.rpartition(":")[2] == kind and one.custom]

    def one(self, kind: str, name: str = "") -> Declared:
        found = [one for one in self.of(kind) if name in one.name]
        assert len(found) == 1, f"{kind} {name}: {[one.name for one in found]}"
        return found[0]

    def spec(self, kind: str, name: str = "") -> dict[str, Any]:
        spec: dict[str, Any] = self.one(kind, name).inputs["spec"]
        return spec

    def pods(self) -> dict[str, dict[str, Any]]:
        """The pod specs by the kind of what runs them."""
        return {kind: self.spec(kind)["template"]["spec"] for kind in ("Job", "Deployment")}


class _Monitor(pulumi_mocks.MockMonitor):
    """Remembers the parent, which the mocks' own arguments leave out."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(_Mocks(recording))
        self.recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the remote procedure
        if request.type != "pulumi:pulumi:Stack":
            self.recording.resources.append(
                Declared(
                    type=request.type,
                    name=request.name,
                    parent=request.parent.rpartition("::")[2],
                    inputs=_readable(rpc.deserialize_properties(request.object)),
                    custom=request.custom,
                    provider=request.provider.rpartition("::")[0].rpartition("::")[2],
                    ignored=list(request.ignoreChanges),
                    depends_on=sorted(request.dependencies),
                )
            )
        return super().RegisterResource(request)


class _Mocks(pulumi_mocks.Mocks):
    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        self.recording.calls.append((args.token, dict(args.args)))
        assert args.token in FOUND, f"a program looks up what it need not: {args.token}"
        return FOUND[args.token]

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state: dict[str, Any] = dict(args.inputs)
        if args.typ.startswith("kubernetes:"):
            named = {"name": f"{args.name}-1a2b3c4d", "uid": f"uid-of-{args.name}"}
            state["metadata"] = {**named, **state.get("metadata", {})}
        if args.typ.endswith(":Service"):
            state["status"] = {"loadBalancer": {"ingress": [{"ip": "10.213.32.1"}]}}
        if args.typ.endswith(":JsonObject"):
            state["content"] = RESULT
        if args.typ.startswith("aws:"):
            state = {**_computed(args), **state}
        if args.typ.endswith(":Image"):
            state["reference"] = f"{args.inputs['repository']}:{args.inputs['tag']}"
        return f"{args.name}-id", state


def _computed(args: pulumi_mocks.MockResourceArgs) -> dict[str, Any]:
    """What AWS would say of a resource beyond its inputs."""
    kind = args.typ.rpartition(":")[2]
    return {
        "arn": f"arn:aws:{kind.lower()}:{ACCOUNT}:{args.name}",
        "name": f"{args.name}-1a2b3c4",
        "publicIp": "198.51.100.7",
        "latestVersion": 1,
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{args.inputs.get('name')}",
    }


def _readable(value: Any) -> Any:
    """Secrets marked, and the dynamic provider's pickle by what it is."""
    if rpc.is_rpc_secret(value):
        return {"secret": _readable(rpc.unwrap_rpc_secret(value))}
    if isinstance(value, dict):
        items = {key: _readable(one) for key, one in value.items()}
        if "__provider" in items:
            items["__provider"] = "<provider>"
        return items
    if isinstance(value, list):
        return [_readable(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def values_of(environment: str) -> dict[str, Any]:
    """The values of an environment, without the project's prefix, as the engine passes them.

    The committed ones, and those that commands write.
    """
    path = CHECKOUT / "stacks" / f"Pulumi.{environment}.yaml"
    content = yaml.safe_load(path.read_text())["config"]
    values = {key.removeprefix("berth:"): value for key, value in content.items()}
    return {key: as_text(value) for key, value in {**values, **PERSONAL.get(environment, {})}.items()}


def keys(count: int) -> list[str]:
    """Different whole public keys, as hard to compress as real ones."""
    made = []
    for number in range(count):
        body = b"".join(hashlib.sha512(f"{number}{part}".encode()).digest() for part in range(8))
        blob = len(b"ssh-rsa").to_bytes(4, "big") + b"ssh-rsa" + body
        made.append(f"ssh-rsa {base64.b64encode(blob).decode()} user{number}@host")
    return made


def as_text(value: Any) -> str:
    """A value as the engine passes it to a program."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def variables(directory: Path) -> dict[str, str]:
    """The environment variables of a machine that is logged in to the registry and has a key pair."""
    login = directory / "auth.json"
    auth = base64.b64encode(b"user:registry-password").decode()
    login.write_text(json.dumps({"auths": {SERVER: {"auth": auth}, "other.example.org": {"auth": auth}}}))
    return {
        "REGISTRY_AUTH_FILE": str(login),
        "AWS_ACCESS_KEY_ID": "key-id",
        "AWS_SECRET_ACCESS_KEY": "secret-key",
        "HOME": str(directory),
    }


def record(environment: str, values: dict[str, Any], monkeypatch: Any, directory: Path) -> Recording:
    """Run the program of an environment with these values."""
    for name in ("AWS_SESSION_TOKEN", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables(directory).items():
        monkeypatch.setenv(name, value)
    target = str(values["target"]).replace("-", "_")
    program = importlib.import_module(f"stacks.{target}")
    # A golden file that changed with every line of the workloads would say nothing.
    monkeypatch.setattr(program, "content_tag", lambda _image: TAG)
    recording = Recording()
    for level in ("info", "warn"):
        monkeypatch.setattr(pulumi.log, level, lambda text, *_: recording.said.append(text))
    contextvars.copy_context().run(_run, recording, environment, values, program.build)
    return recording


def _run(recording: Recording, environment: str, values: dict[str, Any], build: Any) -> None:
    from infra.config import load

    config = {f"berth:{key}": as_text(value) for key, value in values.items()}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.set_all_config(config, [])
        pulumi_mocks.set_mocks(
            _Mocks(recording), project="berth", stack=environment, preview=False, monitor=_Monitor(recording)
        )

        def program() -> None:
            outputs = build(load(NOW))
            pulumi.Output.from_input(outputs.exports()).apply(recording.outputs.update)

        loop.run_until_complete(stack.run_pulumi_func(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
