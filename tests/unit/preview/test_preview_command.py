"""`berth preview` with an engine that prints a recorded preview, and with an emulated account."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import emulated_account
import previews
import pytest
import typer

from infra.spend.preview.decision import Found
from rehearsal.errors import BerthError
from scripts.berth import lookups, preview
from scripts.berth.place import Place

ENGINE = """#!/bin/sh
shift 2  # -C DIR
echo "$@ streaming=$PULUMI_ENABLE_STREAMING_JSON_PREVIEW" >>{calls}
case "$*" in
"stack ls --json") echo '[{{"name": "organization/berth/aws-vm"}}]' ;;
"preview"*) cat {said}; echo "{error}" >&2; exit {status} ;;
esac
"""


@pytest.fixture(name="place")
def place_fixture(tmp_path: Path) -> Place:
    engine = tmp_path / "pulumi"
    (tmp_path / "Pulumi.aws-vm.yaml").write_text(
        "config:\n  berth:target: aws-vm\n  berth:region: us-east-1\n"
    )
    return Place(
        engine=str(engine), environ=dict(os.environ), project=tmp_path, rehearsed=False, values=tmp_path
    )


def says(place: Place, name: str | Path, *, status: int = 0, error: str = "") -> None:
    said = name if isinstance(name, Path) else next(previews.DATA.glob(f"{name}.*"))
    engine = Path(place.engine)
    engine.write_text(ENGINE.format(calls=place.project / "calls", said=said, status=status, error=error))
    engine.chmod(0o755)


def calls(place: Place) -> list[str]:
    return (place.project / "calls").read_text().splitlines()


def test_it_asks_the_engine_for_events_with_what_stays_the_same(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    says(place, "nothing")
    assert preview.show(place, "aws-vm", preview.Ask(live=False)) == 0
    assert "no changes" in capsys.readouterr().out
    (call,) = [line for line in calls(place) if line.startswith("preview")]
    assert call.startswith("preview --stack aws-vm --json --show-sames --non-interactive")
    assert call.endswith("streaming=true")


def test_each_output_is_the_one_that_was_asked_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    says(place, "data-replaced")
    preview.show(place, "aws-vm", preview.Ask(live=False, as_json=True))
    assert json.loads(capsys.readouterr().out)["changes"]["counts"] == {"replace": 5}
    preview.show(place, "aws-vm", preview.Ask(live=False, markdown=True))
    assert capsys.readouterr().out.startswith("<!-- berth-preview:aws-vm -->")
    preview.show(place, "aws-vm", preview.Ask(live=False))
    assert "DATA LOSS" in capsys.readouterr().out


def test_plain_is_pulumis_own_display(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    says(place, "nothing", status=7)
    assert preview.show(place, "aws-vm", preview.Ask(plain=True, as_json=True)) == 7
    assert capfd.readouterr().out.startswith('{"preludeEvent"'), "untouched"
    assert calls(place)[-1].endswith("--json streaming=")


@pytest.mark.parametrize(
    ("name", "engine", "fail_on", "status"),
    [
        ("nothing", 0, "", 0),
        ("data-replaced", 0, "", 0),
        ("data-replaced", 0, "replace-data", 3),
        ("policy", 255, "", 1),
        ("policy", 255, "policy", 3),
        ("lifetime-ended", 255, "policy", 1),
    ],
)
def test_the_exit_status_is_the_decisions(
    place: Place, name: str, engine: int, fail_on: str, status: int
) -> None:
    says(place, name, status=engine)
    asked = preview.Ask(live=False, fail_on=frozenset(filter(None, [fail_on])))
    assert preview.show(place, "aws-vm", asked) == status


def test_an_engine_that_gets_nowhere_is_quoted(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    says(place, tmp_path / "empty", status=255, error="error: the stack is locked")
    with pytest.raises(BerthError) as caught:
        preview.show(place, "aws-vm", preview.Ask(live=False))
    assert "the stack is locked" in caught.value.message
    assert "status 255" in caught.value.message
    assert "--plain" in caught.value.hint


def flags(**more: Any) -> preview.Ask:
    defaults = {"as_json": False, "markdown": False, "plain": False, "live": True, "fail_on": ""}
    return preview.ask(**{**defaults, "max_hourly": None, "max_monthly_delta": None, **more})


def test_flags_that_do_not_go_together_are_refused_all_at_once() -> None:
    with pytest.raises(typer.BadParameter) as caught:
        flags(as_json=True, markdown=True, plain=True, fail_on="policy,cost,quotas", max_hourly=1.0)
    message = caught.value.message
    assert "no 'cost'" in message
    assert "no 'quotas'" in message
    assert "--fail-on policy,quota" in message, "an example"
    assert "--markdown and --json" in message
    assert "--plain is Pulumi's own display" in message


@pytest.mark.parametrize("usd", [float("nan"), float("inf")])
def test_a_threshold_that_nothing_exceeds_is_refused(usd: float) -> None:
    with pytest.raises(typer.BadParameter, match=r"--max-hourly: (nan|inf) is no amount"):
        flags(max_hourly=usd)


def test_thresholds_may_be_written_with_spaces() -> None:
    assert flags(fail_on=" policy, quota ,").fail_on == {"policy", "quota"}


def test_nothing_of_boto3_is_imported_where_nobody_is_asked(place: Place) -> None:
    says(place, "create")
    script = (
        "import sys, os; from pathlib import Path; from scripts.berth import preview;"
        "from scripts.berth.place import Place;"
        f"here = Path({str(place.project)!r});"
        "place = Place(engine=str(here / 'pulumi'), environ=dict(os.environ), project=here,"
        " rehearsed=False, values=here);"
        "preview.show(place, 'aws-vm', preview.Ask(live=False));"
        "sys.exit('boto3' in sys.modules or 'pulumi' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_quota_and_capacity_are_asked_of_the_account(place: Place, tmp_path: Path) -> None:
    with emulated_account.running(tmp_path) as account:
        there = replace(place, environ=account.variables(), rehearsed=True)
        lookups.prepare(there, "aws-vm")
        found = lookups.found(there, previews.recorded("create"), live=True)
    lines = {line.code: line for line in found.quota}
    assert lines["L-3819A6DF"].needed >= 4, "vCPUs of one spot machine of the G family"
    assert lines["L-3819A6DF"].state == "fits"
    assert {line.zone for line in found.zones} == {"us-east-1a", "us-east-1b"}
    assert all(line.spot_now for line in found.zones)
    assert found.images[0].id.startswith("ami-")
    assert not found.quota_notes


def test_what_is_not_asked_is_said_and_does_not_fit(place: Place) -> None:
    found = lookups.found(place, previews.recorded("create"), live=False)
    assert {line.state for line in found.quota} == {"unknown"}
    assert found.quota_notes == found.capacity_notes == lookups.NOT_ASKED
    assert not found.zones


def test_a_failed_preview_asks_nobody(place: Place) -> None:
    failed = replace(previews.recorded("create"), errors=("the program ended",))
    assert lookups.found(place, failed, live=True) == Found()
