"""Records what the real engine says in previews, for tests/data/previews: run when the engine's words change.

    python tests/bench/record_previews.py [local]

The committed environment aws-vm with other values, and a small program with a disk and a bucket, each with
the policy pack, on an emulated account. What no test reads is left out, long texts are cut. local: the
environment of that name alone, on the cluster of a rehearsal that runs and is not changed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rehearsal"))
import emulated_account
from environment_trial import STACK, EnvironmentTrial, full_registry, places

from rehearsal import session, workspace
from rehearsal.paths import paths

CHECKOUT = Path(__file__).resolve().parents[2]
TARGET = CHECKOUT / "tests" / "data" / "previews"
PACK = CHECKOUT / "infra" / "policy"
PREVIEW = ("preview", "--json", "--show-sames", "--color", "never", "--policy-pack", str(PACK))
LONGEST = 200
EVENTS = {"policyEvent", "preludeEvent", "summaryEvent", "diagnosticEvent"}
KEPT = {"op", "urn", "old", "new", "keys", "diffs", "detailedDiff"}
STATE = {"urn", "custom", "id", "parent", "protect", "retainOnDelete", "inputs", "outputs"}
OUTPUTS = {"id", "arn", "region", "availabilityZone"}

AWS_VM = {
    "network": {"berth:network.cidr": "10.77.0.0/16"},
    "bigger-machine": {
        "berth:machine.accelerator": "L4",
        "berth:machine.count": "4",
        "berth:machine.data_gib": "200",
    },
    "no-bastion": {"berth:access.kind": "ssm"},
    "lifetime-ended": {"berth:expires_at": "2026-11-20T18:00:00Z"},
}
HEAD = """
import json
import pulumi
from pulumi_aws import Provider, ebs, s3

tags = {"berth:environment": "dev", "berth:owner": "me", "berth:expires-at": "2026-11-24T18:00:00Z"}
account = Provider("aws", region="us-east-1", default_tags={"tags": tags})


class Storage(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("berth:storage:Storage", name)


own = pulumi.ResourceOptions(provider=account, parent=Storage("storage"))


def deny_plain_http(arn):
    who = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return json.dumps({"Statement": [{**who, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})


def storage(zone="us-east-1a", size=100, encrypted=True, name="berth-files"):
    ebs.Volume("data", availability_zone=zone, size=size, type="gp3", encrypted=encrypted, opts=own)
    files = s3.Bucket("files", bucket=name, force_destroy=True, opts=own)
    s3.BucketPolicy("tls", bucket=files.id, policy=files.arn.apply(deny_plain_http), opts=own)
    by_default = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    s3.BucketServerSideEncryptionConfiguration("sse", bucket=files.id, rules=[by_default], opts=own)
    closed = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    s3.BucketPublicAccessBlock("closed", bucket=files.id, **dict.fromkeys(closed, True), opts=own)


"""
STORAGE = {
    "policy": "storage(size=200, encrypted=False)",
    "data-replaced": 'storage(zone="us-east-1b", name="berth-other-files")',
    "data-deleted": "",
}


def trimmed(text: str) -> Iterator[str]:
    """The events that a preview is read from, a line each."""
    for line in text.splitlines():
        event = json.loads(line)
        kind = next(key for key in event if key not in {"sequence", "timestamp"})
        content = event[kind]
        if kind == "resourcePreEvent":
            step = {key: value for key, value in content["metadata"].items() if key in KEPT and value}
            content = {"metadata": {key: _state(value) for key, value in step.items()}}
        elif kind not in EVENTS or content.get("severity") in {"debug", "info"}:
            continue
        yield json.dumps({"sequence": event["sequence"], kind: _cut(content)}, sort_keys=True)


def _state(value: Any) -> Any:
    if not isinstance(value, dict) or "inputs" not in value:
        return value
    kept = {key: one for key, one in value.items() if key in STATE and one}
    outputs = {key: one for key, one in (kept.pop("outputs", None) or {}).items() if key in OUTPUTS}
    return {**kept, "outputs": outputs}


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        dropped = ("__", "sourcePosition", "stackTrace")
        kept = {key: one for key, one in value.items() if not key.startswith(dropped)}
        return {key.replace(str(CHECKOUT), ""): _cut(one) for key, one in kept.items()}
    if isinstance(value, list):
        return [_cut(one) for one in value]
    if isinstance(value, str):
        text = re.sub(r"127\.0\.0\.1:\d+", "registry.example.org", value)
        return text if len(text) <= LONGEST or "problem" in text or "tags" in text else f"{text[:LONGEST]}…"
    return value


def keep(name: str, text: str) -> None:
    (TARGET / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in trimmed(text)))
    print(name, flush=True)


def aws_vm(trial: EnvironmentTrial) -> None:
    values = trial.folder / "values" / f"Pulumi.{STACK}.yaml"

    def preview() -> str:
        return _run(trial.folder, trial.environ, *PREVIEW, "--stack", STACK)

    keep("create", preview())
    trial.up()
    keep("nothing", preview())
    before = values.read_text()
    for name, changes in AWS_VM.items():
        for key, value in changes.items():
            trial.pulumi("config", "set", "--stack", STACK, "--path", key, value)
        keep(name, preview())
        values.write_text(before)
    trial.destroy()


def storage(folder: Path, environ: dict[str, str]) -> None:
    options = {"toolchain": "pip", "virtualenv": str(CHECKOUT / ".venv")}
    project = {"name": "berth", "runtime": {"name": "python", "options": options}}
    (folder / "Pulumi.yaml").write_text(json.dumps(project))

    def pulumi(program: str, *arguments: str) -> str:
        (folder / "__main__.py").write_text(HEAD + program)
        return _run(folder, environ, *arguments)

    pulumi("", "stack", "init", "dev")
    pulumi("storage()", "up", "--yes", "--skip-preview")
    for name, program in STORAGE.items():
        keep(name, pulumi(program, *PREVIEW))
    without_events = {**environ, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "false"}
    (folder / "__main__.py").write_text(f"{HEAD}storage(size=200)")
    digest = json.loads(_run(folder, without_events, "preview", "--json", "--show-sames"))
    (TARGET / "digest.json").write_text(json.dumps(_cut(digest), indent=1) + "\n")
    pulumi("", "destroy", "--yes", "--skip-preview", "--remove")


def local(scratch: Path) -> None:
    record = session.load(paths())
    if record is None:
        sys.exit("there is no rehearsal: `berth rehearse up local`")
    environ = dict(session.inside(paths(), record, "local").over(os.environ))
    (scratch / "backend").mkdir()
    environ["PULUMI_BACKEND_URL"] = f"file://{scratch / 'backend'}"
    folder = workspace.refresh(places(scratch))
    environ["PATH"] = os.pathsep.join([*record.programs, environ["PATH"]])
    _run(folder, environ, "stack", "init", "local")
    keep("local", _run(folder, environ, *PREVIEW, "--stack", "local"))


def _run(folder: Path, environ: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        ["pulumi", "-C", folder, "--non-interactive", *arguments],
        env={"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="berth-previews-") as scratch:
        if "local" in sys.argv:
            local(Path(scratch))
            return
        state = places(Path(scratch))
        with (
            full_registry(state) as registry,
            emulated_account.running(state.run, "--registry", registry) as account,
        ):
            os.environ.update(account.variables())
            trial = EnvironmentTrial(state, account)
            aws_vm(trial)
            project = Path(scratch) / "project"
            project.mkdir()
            storage(project, trial.environ)


if __name__ == "__main__":
    main()
