"""User-data: what a machine is told at its first boot, as one deterministic text. Pure.

The program in `program/`, the units in `units/` and the plan travel as one archive, unpacked by cloud-init's
last stage; from then on `berth-bringup.service` does the work, at every boot.
User-data may have 16 KB; what is larger goes through the bucket: `payload` is stored there under
`payload_key`, and `loader` is the user-data.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
"""

import ast
import base64
import bz2
import hashlib
import io
import json
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Literal

from infra.machine.distributions import DISTRIBUTIONS, DriverPlan, software

__all__ = ["DISTRIBUTIONS", "BringUp", "DriverPlan", "Jupyter", "loader", "payload", "payload_key", "render"]

LIMIT = 16 * 1024
_HERE = Path(__file__).resolve().parent
_LIBRARY = "usr/local/lib/berth/bringup"
_TRUST = "/etc/ssl/certs/ca-certificates.crt"
_GPU = "--runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=all --env NVIDIA_DRIVER_CAPABILITIES=compute,utility"
_CONFINED = "--read-only --cap-drop ALL --security-opt no-new-privileges --shm-size 1g"
# The rest of `fetch` in one line: cloud-init has unpacked nothing yet that could do it.
_UNPACK = (
    "import base64,bz2,json;from pathlib import Path\n"
    "packed=base64.b85decode(Path('/var/lib/berth/bringup').read_text())\n"
    "for name,text in json.loads(bz2.decompress(packed)).items():\n"
    " path=Path('/'+name);path.parent.mkdir(parents=True,exist_ok=True);path.write_text(text)\n"
)
_FETCH = "import sys;sys.path.insert(0,'/usr/local/lib/berth');from bringup import fetch;fetch.main()\n"
_SSHD = """PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowAgentForwarding no
X11Forwarding no
LoginGraceTime 30
"""


@dataclass(frozen=True, kw_only=True)
class Jupyter:
    """A notebook server. image: one that has `jupyter lab`."""

    image: str


@dataclass(frozen=True, kw_only=True)
class BringUp:
    """Everything that a machine has to know.

    distribution: a name of DISTRIBUTIONS. profile: `nvidia` where the image has driver, docker and toolkit.
    expires_at: `2026-11-30T08:00:00Z`, or empty where only the bucket's `machines/expires-at` says.
    toolkit_version: `1.20.0`. registry: host part of the references, where ECR's login is wanted.
    run_prefix: where training writes; train_env, serve_env: further variables of the workloads.
    """

    environment: str
    role: Literal["machine", "bastion"]
    distribution: str
    profile: Literal["plain", "nvidia"] = "plain"
    region: str
    bucket: str
    ssh_public_keys: tuple[str, ...] = ()
    expires_at: str = ""
    driver: DriverPlan | None = None
    toolkit_version: str | None = None
    accelerator: str = ""
    gpus: int = 0
    data_gib: int = 0
    spot: bool = False
    registry: str = ""
    train_image: str = ""
    serve_image: str = ""
    train_env: Mapping[str, str] = field(default_factory=dict)
    serve_env: Mapping[str, str] = field(default_factory=dict)
    run_prefix: str = ""
    jupyter: Jupyter | None = None
    ssm_agent: bool = False


def problems(plan: BringUp) -> list[str]:
    """What cannot work, each in a sentence."""
    found = []
    if plan.distribution not in DISTRIBUTIONS:
        names = ", ".join(DISTRIBUTIONS)
        found.append(f"the distribution {plan.distribution!r} is unknown; known are {names}")
    if plan.profile == "nvidia" and (plan.driver or plan.toolkit_version):
        found.append("profile nvidia means that the image has driver and toolkit: name neither")
    if plan.role == "machine" and plan.profile == "plain" and not (plan.driver and plan.toolkit_version):
        found.append("a plain image needs a driver and a toolkit version, such as 580 and 1.20.0")
    variables = {**plan.train_env, **plan.serve_env}
    found += [f"the variable {name} has a line break" for name, value in variables.items() if "\n" in value]
    return found


def render(plan: BringUp) -> str:
    """The user-data as a whole."""
    return _cloud_config(plan, payload(plan), _UNPACK)


def too_large(text: str) -> bool:
    """Whether EC2 would refuse it as user-data."""
    return len(text.encode()) > LIMIT


def payload(plan: BringUp) -> str:
    """Every file of `contents`, as JSON. bzip2, because deflate's output differs from zlib to zlib."""
    return _packed(contents(plan))


def payload_key(text: str) -> str:
    """The key in the environment's bucket of a payload."""
    return f"machines/bringup/{hashlib.sha256(text.encode()).hexdigest()}"


def loader(plan: BringUp) -> str:
    """The user-data that fetches the payload from the bucket, and takes only what has its SHA-256."""
    text = payload(plan)
    place = {
        "region": plan.region,
        "bucket": plan.bucket,
        "key": payload_key(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    names = ("__init__", "aws", "fetch")
    files = {f"{_LIBRARY}/{name}.py": _program()[f"{_LIBRARY}/{name}.py"] for name in names}
    small = _packed({**files, "etc/berth/payload.json": _json(place)})
    return _cloud_config(plan, small, f"{_UNPACK}{_FETCH}")


def contents(plan: BringUp) -> dict[str, str]:
    """Path on the machine, without the leading slash → text: program, units, settings and plan."""
    files = {name: text for name, text in _program().items() if not name.endswith("/fetch.py")}
    settings = _plan(plan)
    names = ["berth-bringup.service", "berth-lifetime.service", *settings["units"]]
    for name in names:
        files[f"etc/systemd/system/{name}"] = _unit(plan, name)
    if plan.role == "machine":
        location = {
            "S3_BUCKET": plan.bucket,
            "AWS_REGION": plan.region,
            "AWS_ENDPOINT_URL_S3": f"https://s3.{plan.region}.amazonaws.com",
            "AWS_CA_BUNDLE": _TRUST,
        }
        train = {**location, "RUN_PREFIX": plan.run_prefix, **plan.train_env}
        serve = {**location, "MODEL_KEY": f"{plan.run_prefix}/model/model.json", **plan.serve_env}
        files["etc/berth/train.env"] = _variables(train)
        files["etc/berth/serve.env"] = _variables(serve)
        if plan.data_gib:
            files["etc/systemd/system/docker.service.d/berth.conf"] = (
                "[Unit]\nRequiresMountsFor=/data/docker\n"
            )
    files["etc/berth/plan.json"] = _json(settings)
    return files


def _plan(plan: BringUp) -> dict[str, Any]:
    """What `program` reads."""
    machine = plan.role == "machine"
    units = ["berth-serve.service", "berth-train.service", "berth-usage.service"] if machine else []
    units += ["berth-spot.service"] if machine and plan.spot else []
    units += ["berth-jupyter.service"] if machine and plan.jupyter else []
    images = {"train": plan.train_image, "serve": plan.serve_image} if machine else {}
    if machine and plan.jupyter:
        images["jupyter"] = plan.jupyter.image
    return {
        "environment": plan.environment,
        "role": plan.role,
        "region": plan.region,
        "bucket": plan.bucket,
        "expires_at": plan.expires_at,
        "accelerator": plan.accelerator,
        "gpus": plan.gpus,
        "data_gib": plan.data_gib,
        "registry": plan.registry,
        "images": images,
        "run_prefix": plan.run_prefix,
        "units": units,
        "software": software(plan.distribution, plan.driver, plan.toolkit_version, ssm=plan.ssm_agent),
        "program": hashlib.sha256("".join(_program().values()).encode()).hexdigest()[:16],
    }


def _unit(plan: BringUp, name: str) -> str:
    trust = DISTRIBUTIONS[plan.distribution].trust
    return Template((_HERE / "units" / name).read_text()).substitute(
        gpu=_GPU,
        confined=f"{_GPU} {_CONFINED} --volume {trust}:{_TRUST}:ro",
        train_image=plan.train_image,
        serve_image=plan.serve_image,
        jupyter_image=plan.jupyter.image if plan.jupyter else "",
    )


@cache
def _program() -> dict[str, str]:
    sources = sorted((_HERE / "program").glob("*.py"))
    return {f"{_LIBRARY}/{path.name}": _bare(path.read_text()) for path in sources}


def _bare(source: str) -> str:
    """A program without comments, docstrings, blank lines, and the annotations of functions and in them."""
    lines = source.splitlines()
    dropped: set[int] = set()
    cuts: list[tuple[int, int, int]] = []  # row, columns from and to
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            cuts += _annotations(node)
            cuts += [cut for inner in ast.walk(node) for cut in _variable(inner)]
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not ast.get_docstring(node):
            continue
        text = node.body[0]
        if len(node.body) == 1 and not isinstance(node, ast.Module):
            lines[text.lineno - 1] = " " * text.col_offset + "pass"
            dropped.update(range(text.lineno, text.end_lineno or text.lineno))
        else:
            dropped.update(range(text.lineno - 1, text.end_lineno or text.lineno))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            cuts.append((token.start[0], token.start[1], token.end[1]))
    for row, start, end in sorted(cuts, reverse=True):
        lines[row - 1] = (lines[row - 1][:start] + lines[row - 1][end:]).rstrip()
    kept = (line for number, line in enumerate(lines) if number not in dropped and line.strip())
    return _without_unused_imports("\n".join(kept) + "\n")


def _without_unused_imports(source: str) -> str:
    """A program without what it imports for annotations alone."""
    tree, lines = ast.parse(source), source.splitlines()
    nodes = list(ast.walk(tree))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    if any(getattr(node, name, None) for node in nodes for name in ("annotation", "returns")):
        used.add("annotations")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = ", ".join(one.name for one in node.names if one.name in used)
            where = "." * node.level + (node.module or "")
            lines[node.lineno - 1] = f"from {where} import {names}" if names else ""
    return "\n".join(line for line in lines if line) + "\n"


def _variable(node: ast.AST) -> list[tuple[int, int, int]]:
    """Where the annotation of a variable that gets a value is: row, columns from and to."""
    if not isinstance(node, ast.AnnAssign) or not node.value or node.end_lineno != node.lineno:
        return []
    return [(node.lineno, node.target.end_col_offset or 0, node.annotation.end_col_offset or 0)]


def _annotations(function: ast.FunctionDef) -> list[tuple[int, int, int]]:
    """Where a function's annotations are, as far as each is on one line: row, columns from and to."""
    found = []
    arguments = function.args
    for argument in (*arguments.args, *arguments.kwonlyargs, arguments.vararg):
        kind = argument.annotation if argument else None
        if argument and kind and kind.end_lineno == argument.lineno:
            start = argument.col_offset + len(argument.arg)
            found.append((argument.lineno, start, kind.end_col_offset or start))
    kind = function.returns
    if kind and kind.end_lineno == kind.lineno:
        found.append((kind.lineno, kind.col_offset - len(" -> "), kind.end_col_offset or 0))
    return found


def _packed(files: Mapping[str, str]) -> str:
    return base64.b85encode(bz2.compress(json.dumps(files, sort_keys=True).encode())).decode()


def _cloud_config(plan: BringUp, packed: str, unpack: str) -> str:
    """https://docs.cloud-init.io/en/latest/reference/modules.html."""
    commands = [
        ["python3", "-c", unpack],
        ["systemctl", "enable", "--no-reload", "berth-bringup.service"],
        ["systemctl", "daemon-reload"],
        ["systemctl", "start", "--no-block", "berth-bringup.service"],
    ]
    return "\n".join(
        [
            "#cloud-config",
            f"# berth {plan.environment}: {plan.role}, {plan.distribution} ({plan.profile})",
            "ssh_pwauth: false",
            "disable_root: true",
            "ssh_deletekeys: true",
            "ssh_genkeytypes: [ed25519]",
            f"ssh_authorized_keys: {json.dumps(list(plan.ssh_public_keys))}",
            "write_files:",
            "- path: /etc/ssh/sshd_config.d/10-berth.conf",
            "  content: |",
            *(f"    {line}" for line in _SSHD.splitlines()),
            "- path: /var/lib/berth/bringup",
            "  content: |-",
            f"    {packed}",
            "runcmd:",
            *(f"- {json.dumps(command)}" for command in commands),
            "",
        ]
    )


def _variables(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in sorted(values.items()))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
