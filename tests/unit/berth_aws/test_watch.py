import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from deployed_account import Account

from rehearsal.errors import BerthError
from scripts.berth.aws import machines, watch
from scripts.berth.aws.bucket import bucket
from scripts.berth.aws.deployed import deployed
from scripts.berth.aws.watch import Progress, Watch

Script = Callable[..., None]


def waiting(account: Account, shown: Progress, minutes: float = 5) -> Watch:
    storage = bucket(account.place, "berth-aws-vm", "us-east-1")
    return Watch(account.place, deployed(account.place, "aws-vm"), storage, shown, minutes)


def said(shown: Progress) -> str:
    return str(shown.console.file.getvalue())  # type: ignore[attr-defined]


def test_each_stage_is_shown_once_until_the_machine_is_ready(
    account: Account, shown: Progress, script: Script
) -> None:
    started: list[str] = []
    script(
        lambda: started.append(account.start()),
        lambda: None,
        lambda: account.status(started[0], "identity", "identity"),
        lambda: account.status(started[0], "reboot", "identity", "packages"),
        lambda: account.status(started[0], "ready", "identity", "packages", "driver"),
    )
    found = waiting(account, shown).bring_up("machine")
    assert found.id == started[0]
    text = said(shown)
    for stage in ("identity 1.5 s", "packages 1.5 s", "driver 1.5 s"):
        assert text.count(stage) == 1, text
    assert "waiting for an instance" in text
    assert "booting" in text
    assert "rebooting" in text


def test_why_there_is_no_instance_is_shown(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "last_activity", lambda *_: "Failed: no T4 in us-east-1a")
    script()
    with pytest.raises(BerthError, match="no machine was started: Failed: no T4 in us-east-1a after 0 min"):
        waiting(account, shown, minutes=0).bring_up("machine")


def test_a_failure_that_the_machine_gets_over_is_no_failure(
    account: Account, shown: Progress, script: Script
) -> None:
    machine = account.start()
    account.status(machine, "packages", "identity", failed="the mirror did not answer")
    script(lambda: account.status(machine, "ready", "identity", "packages"))
    assert waiting(account, shown).bring_up("machine").id == machine
    assert "failed: the mirror did not answer" in said(shown)


def test_a_failure_that_repeats_ends_with_the_log(account: Account, shown: Progress, script: Script) -> None:
    machine = account.start()
    lines = "\n".join(f"line {number}" for number in range(40))
    account.put(f"machines/{machine}/bringup.log", lines)
    account.status(machine, "driver", "identity", failed="no headers", at="1")
    script(
        lambda: account.status(machine, "driver", failed="no headers", at="2"),
        lambda: account.status(machine, "driver", failed="no headers", at="3"),
    )
    with pytest.raises(BerthError) as caught:
        waiting(account, shown).bring_up("machine")
    assert "could not be brought up: no headers" in caught.value.message
    assert "line 39" in caught.value.message
    assert "line 20" not in caught.value.message, "the last lines, not all of them"
    assert "journalctl" in caught.value.hint


def test_a_machine_that_fell_silent_after_a_failure_is_given_up(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = account.start()
    account.status(machine, "driver", failed="no headers")
    clock = itertools.count(step=watch.STALE_SECONDS)
    wait = waiting(account, shown, minutes=1e6)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    script(lambda: None, lambda: None)
    with pytest.raises(BerthError, match="no headers"):
        wait.bring_up("machine")


def test_a_machine_that_was_replaced_while_it_came_up_is_forgotten(
    account: Account, shown: Progress, script: Script
) -> None:
    first, started = account.start(), []
    account.status(first, "packages", "identity")

    def replace() -> None:
        account.end(first)
        started.append(account.start())
        account.status(started[0], "ready", "identity")

    script(replace)
    assert waiting(account, shown).bring_up("machine").id == started[0]


def test_the_time_limit_names_what_was_waited_for(account: Account, shown: Progress, script: Script) -> None:
    machine = account.start()
    script()
    with pytest.raises(BerthError, match=f"{machine} is not ready after 0 minutes"):
        waiting(account, shown, minutes=0).bring_up("machine")
    with pytest.raises(BerthError, match="the training has no results after 0 minutes"):
        waiting(account, shown, minutes=0).training()


def test_nobody_waits_for_a_machine_whose_lifetime_has_ended(
    account: Account, shown: Progress, script: Script
) -> None:
    ended = datetime.now(UTC) - timedelta(minutes=1)
    account.outputs(expires_at=f"{ended:%Y-%m-%dT%H:%M:%SZ}")
    script()
    with pytest.raises(BerthError, match="lifetime of aws-vm ended"):
        waiting(account, shown).bring_up("machine")


def test_training_shows_its_steps_and_gives_its_results(
    account: Account, shown: Progress, script: Script
) -> None:
    step = {"step": 300, "of": 1000, "epoch": 2, "instance": "i-1"}
    script(
        lambda: account.put("runs/digits/1/progress.json", step),
        lambda: account.put("runs/digits/1/results.json", {"accuracy": 0.98}),
    )
    assert waiting(account, shown).training() == {"accuracy": 0.98}
    assert "training: not begun" in said(shown)
    assert "step 300 of 1000, on i-1" in said(shown)
