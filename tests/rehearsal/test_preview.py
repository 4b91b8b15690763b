"""`berth preview` of aws-vm with the real engine, the policy pack and an emulated account of its own."""

import json
import shutil
from collections.abc import Iterator

import emulated_account
import pytest
from environment_trial import STACK, EnvironmentTrial, full_registry, places

from scripts.berth import preview
from scripts.berth.place import Place

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module", name="trial")
def trial_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvironmentTrial]:
    state = places(tmp_path_factory.mktemp("rehearsal"))
    with (
        full_registry(state) as registry,
        emulated_account.running(state.run, "--registry", registry) as account,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in account.variables().items():
            patch.setenv(name, value)
        yield EnvironmentTrial(state, account)


@pytest.fixture(name="place")
def place_fixture(trial: EnvironmentTrial) -> Place:
    engine = shutil.which("pulumi", path=trial.environ["PATH"])
    assert engine is not None
    return Place(
        engine=engine,
        environ=trial.environ,
        project=trial.folder,
        rehearsed=True,
        values=trial.folder / "values",
        stack_names=lambda: [STACK],
    )


def test_a_first_preview_says_all_that_a_decision_takes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = preview.Ask(as_json=True, max_hourly=0.001, fail_on=frozenset({"policy", "quota", "capacity"}))
    assert preview.show(place, STACK, asked) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == []
    assert found["changes"]["counts"].keys() == {"create"}
    assert found["cost"]["before"]["hourly_usd"] == 0
    assert found["cost"]["after"]["hourly_usd"] > 0.001
    assert {line["state"] for line in found["quota"]["lines"]} == {"fits"}
    assert found["capacity"]["images"][0]["there"]
    assert found["policy"] == {"judged": True, "findings": []}
    assert not found["lifetime"]["ended"]
    assert [one["threshold"] for one in found["thresholds"]["exceeded"]] == ["max-hourly"]


def test_values_that_are_wrong_are_told_and_end_with_status_1(
    place: Place, trial: EnvironmentTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    values = trial.folder / "values" / f"Pulumi.{STACK}.yaml"
    before = values.read_text()
    trial.pulumi("config", "set", "--stack", STACK, "--path", "berth:machine.accelerator", "T5")
    try:
        assert preview.show(place, STACK, preview.Ask(markdown=True)) == 1
    finally:
        values.write_text(before)
    said = capsys.readouterr().out
    assert said.startswith(f"<!-- berth-preview:{STACK} -->")
    assert "berth:machine.accelerator" in said
