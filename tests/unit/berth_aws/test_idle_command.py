"""`berth idle`: reads what the machine wrote, ends it by its group, and says how it comes back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deployed_account import Account, stub
from test_spending import STATE, group

from rehearsal.errors import BerthError
from scripts.berth import idle
from scripts.berth.aws import clients, groups

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URN = "urn:pulumi:aws-vm::berth::aws:autoscaling/group:Group::group-group"


@pytest.fixture(autouse=True)
def engine(account: Account, tmp_path: Path) -> Path:
    """An engine with a state; refreshing fails where `refuse` exists."""
    (tmp_path / "state.json").write_text(json.dumps(STATE))
    return stub(
        tmp_path,
        "pulumi",
        '#!/bin/bash\nshift 2\necho "$*" >> "$CALLS"\ncase "$*" in\n'
        '"stack ls --json") echo \'[{"name": "organization/berth/aws-vm"}]\' ;;\n'
        f'"stack export"*) cat {tmp_path}/state.json ;;\n"stack output"*) cat "$OUTPUTS" ;;\n'
        f'"refresh"*) [ ! -e {tmp_path}/refuse ] ;;\nesac\n',
    )


def _machine(account: Account, *, mean: float | None, slots: int = 12) -> str:
    """A group with a machine that has written so many slots, the last of them now."""
    group(account, "aws-vm", "aws-vm-machine")
    asked = clients.autoscaling(account.place, "us-east-1")
    (found,) = asked.describe_auto_scaling_groups(AutoScalingGroupNames=["aws-vm-machine"])[
        "AutoScalingGroups"
    ]
    instance = str(found["Instances"][0]["InstanceId"])
    if mean is not None:
        ends = [NOW - timedelta(minutes=5 * number) for number in range(slots)]
        written = [{"end": f"{end:%Y-%m-%dT%H:%M:%SZ}", "mean": mean, "max": 2 * mean} for end in ends]
        account.put(f"machines/{instance}/utilization.json", written)
    return instance


def _run(account: Account, *, stop: bool = False, as_json: bool = False, least: str = "60m") -> int:
    return idle.run(account.place, "aws-vm", below=5, least=least, stop=stop, as_json=as_json, now=NOW)


def _desired(account: Account) -> tuple[int, int]:
    """Machines that the group wants, and may have."""
    asked = clients.autoscaling(account.place, "us-east-1")
    (found,) = asked.describe_auto_scaling_groups()["AutoScalingGroups"]
    return found["DesiredCapacity"], found["MaxSize"]


def test_an_idle_machine_is_said_with_its_price_and_left_alone(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    instance = _machine(account, mean=0.5)
    assert _run(account) == 3
    shown = capsys.readouterr().out
    assert f"{instance} (g4dn.xlarge on demand in us-east-1a, running): idle, under 5% for 60" in shown
    assert "Idle: aws-vm-machine ($0.52" in shown
    assert "`berth idle aws-vm --stop`" in shown
    assert _desired(account) == (1, 1)


def test_stopping_empties_the_group_and_tells_the_state(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    _machine(account, mean=0.5)
    assert _run(account, stop=True, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["stopped"] == ["aws-vm-machine"]
    assert found["again"] == "berth up aws-vm"
    assert _desired(account) == (0, 1), "the limit stays: `up` has only to want a machine again"
    assert f"refresh --stack aws-vm --yes --skip-preview --target {URN}" in account.calls


def test_no_group_that_waits_for_a_machine_starts_one_in_its_place(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _machine(account, mean=0.5)
    group(account, "aws-vm", "aws-vm-on-demand")
    listed = groups.groups

    def without_its_machine(*where: Any) -> list[groups.Group]:
        """The emulation gives every group its machine at once."""
        return [
            replace(one, instances=()) if one.name == "aws-vm-on-demand" else one for one in listed(*where)
        ]

    monkeypatch.setattr(groups, "groups", without_its_machine)
    assert _run(account, stop=True, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] == ["aws-vm-machine", "aws-vm-on-demand"]
    asked = clients.autoscaling(account.place, "us-east-1")
    found = asked.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [one["DesiredCapacity"] for one in found] == [0, 0]


def test_where_the_state_cannot_be_told_a_refresh_is_named(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "refuse").touch()
    _machine(account, mean=0.5)
    assert _run(account, stop=True) == 0
    assert "To start it again: `berth up aws-vm --refresh`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mean", "slots", "said"),
    [
        (80, 12, "busy, used at 80% (up to 160%)"),
        (0.5, 6, "quiet, under 5% for 30 minutes"),
        (None, 0, "unknown, has written nothing about its GPUs yet"),
    ],
)
def test_what_is_not_idle_is_never_stopped(
    account: Account, capsys: pytest.CaptureFixture[str], mean: float | None, slots: int, said: str
) -> None:
    _machine(account, mean=mean, slots=slots)
    assert _run(account, stop=True) == 0
    assert said in capsys.readouterr().out
    assert _desired(account) == (1, 1)


def test_a_shorter_time_is_enough_where_it_is_asked_for(account: Account) -> None:
    _machine(account, mean=0.5, slots=6)
    assert _run(account, least="30m") == 3


@pytest.mark.parametrize("least", ["5m", "25h", "60", "an hour"])
def test_a_time_that_nobody_wrote_down_is_refused(account: Account, least: str) -> None:
    with pytest.raises(BerthError, match=r"cannot be judged|no duration"):
        _run(account, least=least)


def test_without_a_machine_nothing_is_idle(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(account, stop=True) == 0
    assert "No GPU machine of aws-vm runs." in capsys.readouterr().out
