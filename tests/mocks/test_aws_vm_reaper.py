"""The reaper: there only when asked, and able to end the environment's machines and nothing else."""

import base64
import hashlib
from typing import Any

import pytest
from aws_vm_views import aws, statements

from infra.spend import reaper
from infra.spend.estimate import Priced, lines, total

ON = {"enabled": True, "every_minutes": 30}


def test_there_is_none_unless_it_is_asked_for(run_aws_vm: Any) -> None:
    kinds = {one.type for one in aws(run_aws_vm())}
    assert not [kind for kind in kinds if "lambda" in kind or "scheduler" in kind]


def test_its_function_ends_only_what_carries_the_environment_s_tags(run_aws_vm: Any) -> None:
    recording = run_aws_vm(reaper=ON)
    rights = {one["Sid"]: one for one in statements(recording, "reaper-function")}
    assert set(rights) == {"Look", "EmptyGroups", "EndInstances", "Log"}
    for sid in ("EmptyGroups", "EndInstances"):
        assert rights[sid]["Condition"]["StringEquals"] == {
            "aws:ResourceTag/berth:environment": "aws-vm",
            "aws:ResourceTag/berth:managed-by": "berth",
        }, sid
    assert all(":Describe" in action for action in rights["Look"]["Action"]), "looking, and no more"
    assert "*" not in str([one["Action"] for one in rights.values()])
    (call,) = statements(recording, "reaper-schedule")
    assert call["Action"] == "lambda:InvokeFunction"


def test_the_code_that_runs_is_the_code_that_is_stored(run_aws_vm: Any) -> None:
    recording = run_aws_vm(reaper=ON)
    stored = recording.one("BucketObjectv2", "reaper").inputs
    code = base64.b64decode(stored["contentBase64"])
    assert code == reaper.archive()
    function = recording.one("Function").inputs
    assert function["s3Key"] == stored["key"]
    assert function["sourceCodeHash"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert function["handler"].partition(".")[0] == reaper.SOURCE.stem
    assert not stored["key"].startswith(("machines/", "runs/")), "where a machine may write"


def test_the_log_is_the_one_that_lambda_writes_to(run_aws_vm: Any) -> None:
    recording = run_aws_vm(reaper=ON)
    name = recording.one("Function").inputs["name"]
    assert recording.one("LogGroup", "reaper").inputs["name"] == f"/aws/lambda/{name}"
    assert recording.one("Schedule", "reaper").inputs["scheduleExpression"] == "rate(30 minutes)"


@pytest.mark.parametrize("minutes", [0, 4, 1441, "often"])
def test_an_interval_that_makes_no_sense_is_refused(run_aws_vm: Any, minutes: object) -> None:
    from infra.problems import ConfigError

    with pytest.raises(ConfigError, match="every_minutes"):
        run_aws_vm(reaper={"enabled": True, "every_minutes": minutes})


def test_it_adds_nothing_of_an_unknown_price(run_aws_vm: Any) -> None:
    def unknown(**values: Any) -> set[str]:
        found = [
            Priced(type=one.type, name=one.name, props=one.inputs) for one in run_aws_vm(**values).resources
        ]
        return set(total(lines(found)).unknown)

    assert unknown(reaper=ON) == unknown()
