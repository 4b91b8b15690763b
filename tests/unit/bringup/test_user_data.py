"""The rendered user-data: its contents against golden files, its size, and that it unpacks."""

import base64
import bz2
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from bringup_parts import PLANS, machine_plan

from infra.machine import bringup
from infra.machine.program import fetch

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "bringup"


class _Dumper(yaml.SafeDumper):
    """Texts as blocks, so that a difference is read line by line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def readable(plan: bringup.BringUp) -> str:
    """The user-data without its payload, and what the payload holds but for the program."""
    user_data = yaml.safe_load(bringup.render(plan))
    user_data["write_files"][1]["content"] = "(the files below and the program)"
    files = bringup.contents(plan)
    settings = json.loads(files.pop("etc/berth/plan.json"))
    settings["program"] = "(its digest)"
    shown = {name: text for name, text in files.items() if not name.endswith(".py")}
    content = {"user-data": user_data, "etc/berth/plan.json": settings, "files": shown}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=True, width=110)


@pytest.mark.parametrize("name", sorted(PLANS))
def test_what_a_machine_is_told_is_the_committed_text(name: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / f"{name}.yaml"
    actual = readable(PLANS[name])
    if request.config.getoption("--update-golden"):
        path.write_text(actual)
    assert actual == path.read_text(), "`pytest tests/unit/bringup --update-golden` writes it anew"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(PLANS)


@pytest.mark.parametrize("name", sorted(PLANS))
def test_it_is_small_enough_for_ec2_and_the_same_every_time(name: str) -> None:
    text = bringup.render(PLANS[name])
    assert not bringup.too_large(text), f"{len(text.encode())} bytes"
    assert text == bringup.render(PLANS[name])
    assert text.isascii()


def test_too_large_is_what_ec2_refuses() -> None:
    assert not bringup.too_large("x" * 16384)
    assert bringup.too_large("x" * 16385)
    assert bringup.too_large(
        bringup.render(machine_plan(train_env={f"V{n}": f"{n * 7919:x}" * 9 for n in range(99)}))
    )


def _unpack(root: Path, text: str) -> None:
    """Run the user-data's own unpacking, with another root."""
    document = yaml.safe_load(text)
    source = root / "packed"
    source.write_text(document["write_files"][1]["content"])
    program = document["runcmd"][0][2].replace("/var/lib/berth/bringup", str(source))
    subprocess.run([sys.executable, "-c", program.replace("'/'+name", f"'{root}/'+name")], check=True)


@pytest.mark.parametrize("name", sorted(PLANS))
def test_it_unpacks_to_its_contents_and_the_program_compiles(name: str, tmp_path: Path) -> None:
    _unpack(tmp_path, bringup.render(PLANS[name]))
    for path, text in bringup.contents(PLANS[name]).items():
        assert (tmp_path / path).read_text() == text
        if path.endswith(".py"):
            compile(text, path, "exec")
    library = tmp_path / "usr/local/lib/berth"
    done = subprocess.run(
        [sys.executable, "-c", "import bringup.__main__"], cwd=library, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_program_loses_comments_and_annotations_and_nothing_else() -> None:
    source = (
        '"""About."""\n\nclass Gone(Exception):\n    """Why."""\n\n\n'
        'def f(a: int, *b: str, c: str = "x") -> list[str]:\n    """What."""\n    return "# no"  # yes\n'
    )
    assert (
        bringup._bare(source)
        == 'class Gone(Exception):\n    pass\ndef f(a, *b, c = "x"):\n    return "# no"\n'
    )


def test_what_is_imported_for_annotations_alone_goes_with_them() -> None:
    source = (
        "from __future__ import annotations\nfrom typing import Any, Callable\nfrom . import aws\n"
        "from .report import Report, utc\n"
        "def f(r: Report) -> Any:\n    seen: list[Any] = []\n    more: int\n    return aws.x(seen, utc())\n"
    )
    # A variable without a value would become an expression: it keeps its annotation.
    assert bringup._bare(source) == (
        "from __future__ import annotations\nfrom . import aws\nfrom .report import utc\n"
        "def f(r):\n    seen = []\n    more: int\n    return aws.x(seen, utc())\n"
    )
    assert "__future__" not in bringup._bare(source.replace("    more: int\n", ""))


def test_the_loader_fetches_exactly_the_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = machine_plan()
    payload = bringup.payload(plan)
    document = yaml.safe_load(bringup.loader(plan))
    packed = json.loads(bz2.decompress(base64.b85decode(document["write_files"][1]["content"])))
    place = json.loads(packed["etc/berth/payload.json"])
    assert place["key"] == bringup.payload_key(payload)
    asked: list[Any] = []

    class Bucket:
        def __init__(self, *arguments: Any) -> None:
            asked.append(arguments[:2])

        def get(self, key: str) -> bytes:
            return payload.encode() if key == place["key"] else b""

    written = tmp_path / "payload.json"
    written.write_text(json.dumps(place))
    monkeypatch.setattr(fetch, "PLACE", str(written))
    monkeypatch.setattr(fetch, "Aws", Bucket)
    monkeypatch.setattr(fetch, "unpack", lambda content, _root: asked.append(content))
    fetch.main()
    assert asked == [("us-east-1", plan.bucket), payload.encode()]

    written.write_text(json.dumps({**place, "sha256": "0" * 64}))
    with pytest.raises(SystemExit, match="SHA-256"):
        fetch.main()


def test_fetched_files_are_unpacked(tmp_path: Path) -> None:
    plan = machine_plan()
    fetch.unpack(bringup.payload(plan).encode(), tmp_path)
    assert (tmp_path / "etc/berth/train.env").read_text() == bringup.contents(plan)["etc/berth/train.env"]


def test_nothing_secret_and_no_lifetime_needs_to_be_in_it() -> None:
    assert "expires_at" in bringup.contents(machine_plan())["etc/berth/plan.json"]
    assert "TOKEN" not in "".join(
        text for name, text in bringup.contents(PLANS["debian-13-plain-ssm"]).items() if name.endswith(".env")
    )


def test_problems_are_sentences() -> None:
    assert bringup.problems(machine_plan()) == []
    assert "debian-12" in bringup.problems(machine_plan(distribution="debian-12"))[0]
    assert "driver" in bringup.problems(machine_plan(driver=None))[0]
    assert "neither" in bringup.problems(machine_plan(profile="nvidia"))[0]
    assert "EPOCHS" in bringup.problems(machine_plan(train_env={"EPOCHS": "1\n2"}))[0]


@pytest.mark.skipif(not shutil.which("cloud-init"), reason="cloud-init is not on this machine")
@pytest.mark.parametrize("name", sorted(PLANS))
def test_cloud_init_knows_every_key(name: str, tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text(bringup.render(PLANS[name]))
    done = subprocess.run(["cloud-init", "schema", "--config-file", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not on this machine")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    files = bringup.contents(PLANS["debian-13-plain-ssm"])
    units = {Path(path).name: text for path, text in files.items() if path.endswith(".service")}
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    for name, text in units.items():
        there = text.replace("/usr/bin/docker", "/bin/true").replace("/usr/bin/python3", "/bin/true")
        (tmp_path / name).write_text(there.replace("/usr/local/lib/berth", "/"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
    )
    told = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert told == []
