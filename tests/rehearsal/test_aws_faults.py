"""AWS misbehaves during `up` and `destroy` of aws-vm: each run converges or says why, and nothing is left.

Most runs are the recorded requests of one `up`, done again (tests/aws_replay.py); a few are the committed
environment in the hands of the real engine. `python tests/bench/aws_faults.py` draws many more.
"""

from collections.abc import Iterator
from typing import Any

import aws_replay
import emulated_account
import fault_runs
import pytest
from aws_replay import Script
from emulated_account import EmulatedAccount
from environment_trial import STACK, EnvironmentTrial, full_registry, places

from rehearsal.paths import Paths

pytestmark = pytest.mark.rehearsal

SEED = 20261122
RUNS = 27


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return places(tmp_path_factory.mktemp("rehearsal"))


@pytest.fixture(scope="module")
def emulated(state: Paths) -> Iterator[EmulatedAccount]:
    with (
        full_registry(state) as registry,
        emulated_account.running(state.run, "--registry", registry) as account,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in account.variables().items():
            patch.setenv(name, value)
        yield account


@pytest.fixture(scope="module")
def script(emulated: EmulatedAccount) -> Iterator[Script]:
    with aws_replay.hurried():
        yield aws_replay.record()


def test_the_stand_in_covers_the_environment(script: Script) -> None:
    assert script.uncovered == set()


def test_without_a_fault_nothing_is_to_change_and_nothing_is_left(
    emulated: EmulatedAccount, script: Script
) -> None:
    before = emulated.inventory()
    run = aws_replay.up(script)
    assert run.failure == ""
    assert emulated.inventory() != before
    assert aws_replay.differences(run) == []
    assert aws_replay.destroy(run.made) == ""
    assert emulated.inventory() == before


@pytest.mark.parametrize("number", range(RUNS))
def test_a_fault_is_overcome_or_named(emulated: EmulatedAccount, script: Script, number: int) -> None:
    rule = fault_runs.samples(script, RUNS, SEED)[number]
    outcome = fault_runs.judge(emulated, script, rule)
    assert outcome.problems == [], f"{rule}: {outcome.failures}"


def test_the_samples_meet_their_operations(script: Script) -> None:
    """The same seed draws the same faults, of every class, at operations that an `up` really does."""
    drawn = fault_runs.samples(script, RUNS, SEED)
    assert drawn == fault_runs.samples(script, RUNS, SEED)
    assert {rule["class"] for rule in drawn} == set(fault_runs.MARKS)
    assert drawn != fault_runs.samples(script, RUNS, SEED + 1)


# The committed environment, by the engine


def rule(kind: str, operation: str, service: str = "ec2", **how: Any) -> dict[str, Any]:
    return {"class": kind, "service": service, "operation": operation, **how}


@pytest.fixture(scope="module")
def environment(state: Paths, emulated: EmulatedAccount) -> EnvironmentTrial:
    return EnvironmentTrial(state, emulated)


@pytest.mark.parametrize(
    "faults",
    [
        [rule("throttle", "*", "*", probability=0.1, seed=1, times=60)],
        [rule("timeout-after-commit", "Create*", "*", probability=0.3, seed=2, times=6)],
        [rule("late-consistency", "Create*", "*", probability=0.3, seed=3, times=6)],
    ],
    ids=["throttle", "timeout-after-commit", "late-consistency"],
)
def test_the_engine_gets_over_it(
    environment: EnvironmentTrial, emulated: EmulatedAccount, faults: list[dict[str, Any]]
) -> None:
    before = emulated.inventory()
    emulated.faults(faults)
    environment.up()
    assert emulated.injected(), "faults were met"
    environment.unchanged()
    environment.destroy()
    emulated.faults([])
    assert emulated.inventory() == before


def test_the_engine_makes_the_last_resort_on_demand(
    environment: EnvironmentTrial, emulated: EmulatedAccount
) -> None:
    before = emulated.inventory()
    option = ("--path", "berth:machine.on_demand_fallback")
    environment.pulumi("config", "set", "-s", STACK, *option, "true")
    environment.up()
    names = {one["id"].rpartition("-")[0] for one in emulated.inventory() if one["kind"] == "ScalingPolicies"}
    assert names == {"fallback-start", "fallback-stop"}
    environment.unchanged()
    environment.pulumi("config", "rm", "-s", STACK, *option)
    environment.up()
    assert not [one for one in emulated.inventory() if one["kind"] == "ScalingPolicies"]
    environment.destroy()
    assert emulated.inventory() == before


def test_the_engine_says_what_stopped_it(environment: EnvironmentTrial, emulated: EmulatedAccount) -> None:
    before = emulated.inventory()
    emulated.faults([rule("VcpuLimitExceeded", "RunInstances", times=0)])
    said = environment.up(fails=True)
    assert "VcpuLimitExceeded" in said
    assert "Service Quotas" in said
    emulated.faults([])
    environment.destroy()
    assert emulated.inventory() == before
