"""`pulumi destroy`, again where what failed may not fail later."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine, resource

from scripts.berth.teardown import destroy
from scripts.berth.teardown.destroy import Attempt, Pace

ENV = "aws-vm"
HELD = "error: deleting urn: ec2:DeleteSecurityGroup failed: DependencyViolation: sg-1 has a dependent object"
REFUSED = "error: deleting urn: ec2:DeleteVpc failed: UnauthorizedOperation: you may not"


class Trial:
    """A destroy of two resources."""

    def __init__(self, engine: ScriptedEngine, log: Path) -> None:
        self.engine, self.log = engine, log
        self.said: list[str] = []
        self.waited: list[float] = []
        self.looked = 0
        engine.put(
            ENV, resource("aws:ec2/vpc:Vpc", "net"), resource("aws:ec2/securityGroup:SecurityGroup", "sg")
        )

    def run(self, *waits: float) -> list[Attempt]:
        return destroy.destroy(
            *(self.engine.place, ENV, self.log, self.said.append),
            between=self._look,
            quiet=True,
            pace=Pace(waits=waits, pause=self.waited.append),
        )

    def _look(self, *, running: bool) -> None:
        self.looked += not running


@pytest.fixture
def trial(engine: ScriptedEngine, tmp_path: Path) -> Trial:
    return Trial(engine, tmp_path / "destroy.log")


def test_what_goes_at_once_is_not_tried_again(trial: Trial) -> None:
    attempts = trial.run(1, 2)
    assert [(one.status, one.left) for one in attempts] == [(0, 0)]
    assert trial.waited == []
    assert trial.said == []
    (call,) = trial.engine.called("destroy")
    assert "--continue-on-error" in call, "an error in one place does not keep the rest alive, and paid for"
    assert "--exclude-protected" in call


def test_what_is_held_is_tried_again_and_said(trial: Trial) -> None:
    trial.engine.destroys(ENV, {"keeps": ["sg"], "says": HELD}, {"keeps": ["sg"], "says": HELD})
    attempts = trial.run(15, 30, 60)
    assert [(one.status, one.left) for one in attempts] == [(255, 1), (255, 1), (0, 0)]
    assert trial.waited == [15, 30]
    assert trial.looked == 2, "what is in the way is looked for before each"
    assert any("DependencyViolation" in line for line in trial.said)
    assert any("1 resources are left; trying again in 15 s" in line for line in trial.said)


def test_it_ends(trial: Trial) -> None:
    trial.engine.destroys(ENV, *[{"keeps": ["sg"], "says": HELD}] * 9)
    attempts = trial.run(1, 2, 3)
    assert len(attempts) == 4
    assert attempts[-1].status == 255
    assert "DependencyViolation" in attempts[-1].reasons[0]


def test_what_does_not_pass_is_not_tried_again(trial: Trial) -> None:
    trial.engine.destroys(ENV, {"keeps": ["net", "sg"], "says": REFUSED})
    (attempt,) = trial.run(1, 2, 3)
    assert "UnauthorizedOperation" in attempt.reasons[0]
    assert trial.waited == []


def test_progress_is_worth_another_attempt(trial: Trial) -> None:
    trial.engine.destroys(ENV, *[{"keeps": ["net"], "says": REFUSED}] * 5)
    assert [one.left for one in trial.run(1, 2, 3)] == [1, 1], "one more, which changed nothing"


def test_the_way_is_cleared_while_the_engine_waits(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = threading.Event()

    def waits(*_: object, **__: object) -> Attempt:
        assert cleared.wait(30), "nothing is done while the engine waits"
        return Attempt(status=0, left=0, seconds=0)

    monkeypatch.setattr(destroy, "_once", waits)
    attempts = destroy.destroy(
        *(trial.engine.place, ENV, trial.log, trial.said.append),
        between=lambda running: cleared.set() if running else None,
        pace=Pace(waits=(), look_every=0.001),
    )
    assert len(attempts) == 1


def event(**content: Any) -> str:
    return json.dumps({"sequence": 1, "timestamp": 2, **content})


@pytest.mark.parametrize(
    "said",
    [
        f" -  x deleting\n{HELD}\nerror: update failed\n",
        HELD.replace("error: ", "\x1b[31merror: \x1b[0m"),
        event(
            diagnosticEvent={
                "prefix": "<{%fg 1%}>error: <{%reset%}>",
                "message": f"<{{%reset%}}>{HELD.removeprefix('error: ')}\n  and more\n<{{%reset%}}>",
                "severity": "error",
            }
        ),
    ],
    ids=["output", "colours", "event log"],
)
def test_errors_are_read_from_output_and_event_log(said: str) -> None:
    assert destroy.errors(said) == (HELD.removeprefix("error: "),)


def test_a_providers_list_of_errors_is_read_with_its_first(trial: Trial) -> None:
    listed = "error: deleting urn: 1 error occurred:\n\t* deleting group: DependencyViolation: held\n\n"
    assert destroy.errors(listed) == (
        "deleting urn: 1 error occurred: deleting group: DependencyViolation: held",
    )
    trial.engine.destroys(ENV, {"keeps": ["sg", "net"], "says": listed})
    assert [one.status for one in trial.run(1)] == [255, 0]


def test_what_a_resource_says_is_no_error() -> None:
    """Its properties are in the event log, too: a machine's first boot may well echo "error: Throttling"."""
    script = {"userData": "echo error: Throttling"}
    said = event(resourcePreEvent={"metadata": {"op": "delete", "old": {"inputs": script}}})
    warned = event(diagnosticEvent={"message": "error: Throttling", "severity": "warning"})
    assert destroy.errors(f"{said}\n{warned}\n{{half a line") == ()
