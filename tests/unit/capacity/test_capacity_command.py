"""`berth capacity`, and what `berth prices --live` adds to the tables."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.spend import offers
from infra.spend.offers import Ask
from rehearsal.errors import BerthError
from scripts.berth import capacity, live_prices, values
from scripts.berth.place import Place

ROOT = Path(__file__).parents[3]
ENV = "aws-vm"


@pytest.fixture
def here(place: Place, tmp_path: Path) -> Place:
    """The account, and a values file that may be written."""
    for env in (ENV, "local"):
        shutil.copy(ROOT / "stacks" / f"Pulumi.{env}.yaml", tmp_path)
    return replace(place, values=tmp_path)


def run(place: Place, *words: str) -> Result:
    app = typer.Typer()
    capacity.register(app, lambda _: place)
    app.command()(lambda: None)  # one command alone would not be named
    return CliRunner().invoke(app, ["capacity", *words])


def written(place: Place) -> dict[str, Any]:
    return values.read(values.file_of(place, ENV))


def test_zones_are_shown_the_best_first_and_one_choice_is_made(here: Place) -> None:
    before = values.file_of(here, ENV).read_text()
    done = run(here, ENV)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith(
        "us-east-1, spot: g4dn.xlarge, g4dn.2xlarge, g4dn.4xlarge (the rehearsal's account"
    )
    assert any(line.startswith("Quota: 4 vCPUs needed, 64 free: fits") for line in lines)
    assert any(line.startswith("Best: us-east-1, ") for line in lines)
    assert values.file_of(here, ENV).read_text() == before, "nothing is written unless it is asked for"


def test_the_choice_is_written_as_a_difference_and_the_rest_is_left_alone(here: Place) -> None:
    file = values.file_of(here, ENV)
    before = file.read_text()
    chosen = json.loads(run(here, ENV, "--json").stdout)["choice"]
    done = run(here, ENV, "--write")
    assert done.exit_code == 0, done.output
    assert written(here)["network"]["zones"] == chosen["zones"]
    assert written(here)["region"] == "us-east-1"
    assert "instance_types" not in written(here)["machine"], "the types are those that the values give anyway"
    assert "# Spot capacity comes and goes by zone; machines are tried in all of them." in file.read_text()
    assert "+    zones:" in done.output
    assert len(before.splitlines()) - len(file.read_text().splitlines()) == -2
    again = run(here, ENV, "--write")
    assert "Nothing to change" in again.output


def test_a_decision_is_made_again_from_its_record_without_asking(here: Place, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    first = json.loads(run(here, ENV, "--region", "us-west-", "--record", str(record), "--json").stdout)
    nobody = replace(here, environ={})
    again = run(nobody, ENV, "--replay", str(record), "--json")
    assert json.loads(again.stdout) == first
    assert {one["region"] for one in first["lookups"]} == {"us-west-1", "us-west-2"}


def replayed(here: Place, tmp_path: Path, **zone: Any) -> Result:
    """The command on a record of one region, us-west-2, whose two zones are as said."""
    zones = [
        {"zone": name, "instance_type": "g4dn.2xlarge", "offered": True, "spot_now": 0.2, "score": 9, **zone}
        for name in ("us-west-2a", "us-west-2b")
    ]
    wanted = {"instance_types": ["g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge"], "vcpus": 4}
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"wanted": wanted, "lookups": [{"region": "us-west-2", "zones": zones}]}))
    return run(here, ENV, "--replay", str(record), "--write")


def test_another_region_is_written_with_its_zones_and_machines(here: Place, tmp_path: Path) -> None:
    done = replayed(here, tmp_path)
    assert done.exit_code == 0, done.output
    assert written(here)["region"] == "us-west-2"
    assert written(here)["network"]["zones"] == ["us-west-2a", "us-west-2b"]
    assert written(here)["machine"]["instance_types"] == ["g4dn.2xlarge"]
    assert "everything that is deployed in the old one is replaced" in done.output


def test_an_image_of_one_region_keeps_the_values_from_moving_to_another(here: Place, tmp_path: Path) -> None:
    file = values.file_of(here, ENV)
    values.write(file, ("machine", "image"), {"id": "ami-0a1b2c3d4e5f60718"})
    before = file.read_text()
    done = replayed(here, tmp_path)
    assert isinstance(done.exception, BerthError)
    assert "us-west-2 does not have it" in done.exception.message
    assert file.read_text() == before


def test_an_image_that_is_gone_is_said(here: Place) -> None:
    values.write(values.file_of(here, ENV), ("machine", "image"), {"id": "ami-00000000000000000"})
    assert "the image ami-00000000000000000 is gone" in run(here, ENV).output


def test_nothing_is_written_where_nothing_can_be_had(here: Place, tmp_path: Path) -> None:
    before = values.file_of(here, ENV).read_text()
    done = replayed(here, tmp_path, offered=False)
    assert done.exit_code == capacity.LEFT
    assert "No zone is known to have these machines." in done.output
    assert values.file_of(here, ENV).read_text() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["aws-vm", "--region", "mars-"], "no region that begins with mars-"),
        (["aws-vm", "--zones", "1"], "--zones"),
        (["aws-vm", "--replay", "x", "--record", "y"], "neither --region nor --record"),
    ],
)
def test_flags_that_make_no_sense_are_refused(here: Place, words: list[str], said: str) -> None:
    done = run(here, *words)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["aws-vm", "--replay", "/nonexistent"], "cannot be read"),
        (["local"], "has no machines to look for"),
        (["nothing-of-the-kind"], "there is no environment"),
    ],
)
def test_what_cannot_be_answered_is_said(here: Place, words: list[str], said: str) -> None:
    done = run(here, *words)
    assert isinstance(done.exception, BerthError)
    assert said in done.exception.message


def test_values_of_another_shape_are_no_traceback(here: Place) -> None:
    file = values.file_of(here, ENV)
    file.write_text("config:\n  berth:target: aws-vm\n  berth:machine: [T4]\n")
    done = run(here, ENV)
    assert isinstance(done.exception, BerthError)
    assert "cannot be read" in done.exception.message


def test_live_prices_take_the_place_of_the_table_s_where_a_region_answers(place: Place) -> None:
    ask = Ask(accelerator="T4", market="spot", regions=("us-east-",))
    table = offers.from_tables("T4")
    said: list[str] = []
    found = live_prices.looked_up(place, ask, table, said.append)
    assert said == []
    ranked = offers.rank(ask, found)
    for one in ranked:
        assert one.quote.spot_low_usd is not None
        assert one.quote.placement_score is not None
        assert one.unknown == ()
    assert {one.quote.region for one in ranked} == {"us-east-1", "us-east-2"}
    assert found.sources[-1].note.startswith("looked up in us-east-")
    elsewhere = [one for one in table.quotes if one.region == "eu-west-1"]
    assert elsewhere
    assert set(elsewhere) <= set(found.quotes)


def test_prices_are_the_table_s_where_nobody_answers() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.berth",
            "prices",
            "H200",
            "--count",
            "8",
            "--live",
            "--json",
            "--limit",
            "1",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
    )
    assert done.returncode == 0, done.stderr
    assert "not asked: there are no AWS credentials" in done.stderr
    assert json.loads(done.stdout)["offers"]
