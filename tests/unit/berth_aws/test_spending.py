"""What `status` says of money: the hour as it is now, the month against the budget, and the end of it all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from deployed_account import Account, stub

from infra.spend import spent
from infra.spend.spent import Spent
from rehearsal.errors import BerthError
from scripts.berth import lifetime, spending
from scripts.berth.aws import budgets, clients, groups
from scripts.berth.aws.deployed import deployed

WHOSE = "123456789012"
STATE: dict[str, Any] = {
    "deployment": {
        "resources": [
            {
                "urn": "urn:pulumi:aws-vm::berth::pulumi:providers:aws::aws",
                "type": "pulumi:providers:aws",
                "custom": True,
                "inputs": {"region": "us-east-1"},
            },
            {
                "urn": "urn:pulumi:aws-vm::berth::berth:network:AwsNetwork::network",
                "type": "berth:network:AwsNetwork",
            },
            {
                "urn": "urn:pulumi:aws-vm::berth::aws:ec2/natGateway:NatGateway::network-nat",
                "type": "aws:ec2/natGateway:NatGateway",
                "custom": True,
                "inputs": {},
            },
            {
                "urn": "urn:pulumi:aws-vm::berth::aws:autoscaling/group:Group::group-group",
                "type": "aws:autoscaling/group:Group",
                "custom": True,
                "inputs": {"desiredCapacity": 1},
                "outputs": {
                    "name": "aws-vm-machine",
                    "desiredCapacity": 1,
                    "mixedInstancesPolicy": {
                        "instancesDistribution": {"onDemandPercentageAboveBaseCapacity": 100},
                        "launchTemplate": {"overrides": [{"instanceType": "g4dn.xlarge"}]},
                    },
                },
            },
        ]
    }
}


def _budget(account: Account, *, actual: str, forecast: str | None, limit: str = "50") -> None:
    sums = {"ActualSpend": {"Amount": actual, "Unit": "USD"}}
    if forecast:
        sums["ForecastedSpend"] = {"Amount": forecast, "Unit": "USD"}
    boto3.client("budgets", "us-east-1").create_budget(
        AccountId=WHOSE,
        Budget={
            "BudgetName": "aws-vm",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": limit, "Unit": "USD"},
            "CalculatedSpend": sums,
        },
        NotificationsWithSubscribers=[
            {
                "Notification": {
                    "NotificationType": kind,
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": threshold,
                    "ThresholdType": measure,
                },
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "ml-team@example.org"}],
            }
            for kind, threshold, measure in (
                ("FORECASTED", 100, "PERCENTAGE"),
                ("ACTUAL", 20, "ABSOLUTE_VALUE"),
                ("ACTUAL", 50, "PERCENTAGE"),
            )
        ],
    )


def test_the_budget_is_read_with_its_alerts(account: Account) -> None:
    _budget(account, actual="22.5", forecast="61")
    found = budgets.spent(account.place, deployed(account.place, "aws-vm"))
    assert found is not None
    assert spent.sentence(found) == (
        "$22.50 of $50.00 spent this month (45%), $61.00 foreseen (122%): over the budget"
    )
    assert spent.alerts(found) == "40% spent (passed), 50% spent, 100% foreseen (passed)"


def test_what_aws_says_of_an_alert_counts_more_than_the_sums() -> None:
    told = spent.alert(50, 50, "actual", percent=True, told=True)
    silent = spent.alert(50, 50, "actual", percent=True, told=False)
    month = Spent(name="b", limit_usd=50, actual_usd=30, forecast_usd=None, alerts=(told, silent), as_of="")
    assert [month.passed(one) for one in month.alerts] == [True, False]
    assert spent.sentence(month) == "$30.00 of $50.00 spent this month (60%), no forecast yet"


def test_a_budget_that_was_deleted_is_none(account: Account) -> None:
    assert budgets.spent(account.place, deployed(account.place, "aws-vm")) is None


def _target(**answers: Any) -> Any:
    def answer(name: str) -> Any:
        def give(*_: object) -> Any:
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return give

    return SimpleNamespace(running=answer("running"), spent=answer("spent"))


def test_an_hour_costs_what_runs_and_not_what_was_ordered(account: Account) -> None:
    def hourly(running: dict[str, int] | None) -> float:
        found = spending.of(account.place, _target(running=running, spent=None), "aws-vm", STATE)
        return float(found["hourly_usd"])

    nothing, one = hourly({"aws-vm-machine": 0}), hourly({"aws-vm-machine": 1})
    assert nothing == pytest.approx(0.045), "the NAT gateway alone"
    assert one - nothing > 0.5, "a g4dn.xlarge on demand"
    assert hourly({}) == nothing, "a group that is gone costs nothing"
    assert hourly(None) == one, "where nobody can say, it is what the state says"


def test_what_cannot_be_asked_is_said_and_the_rest_is_shown(account: Account) -> None:
    refused = BerthError("AWS does not let you ask for the budget")
    found = spending.of(account.place, _target(running={}, spent=refused), "aws-vm", STATE)
    said = spending.sentences(found)
    assert said["cost now"].startswith("$0.045 an hour, $1.08 a day")
    assert "NAT gateway" in said["cost now"]
    assert said["not asked"] == "AWS does not let you ask for the budget"
    assert "budget" not in said
    json.dumps(found)


def test_the_groups_of_another_environment_are_not_seen(account: Account) -> None:
    for env, name in (("aws-vm", "aws-vm-machine"), ("other", "other-machine")):
        group(account, env, name)
    there = groups.groups(account.place, deployed(account.place, "aws-vm"))
    assert [(one.name, one.desired, len(one.instances)) for one in there] == [("aws-vm-machine", 1, 1)]
    groups.stop(account.place, deployed(account.place, "aws-vm"), there[0].name)
    (after,) = groups.groups(account.place, deployed(account.place, "aws-vm"))
    assert (after.desired, after.instances) == (0, ())


def group(account: Account, env: str, name: str) -> None:
    """A group with one machine."""
    asked = clients.autoscaling(account.place, "us-east-1")
    asked.create_launch_configuration(
        LaunchConfigurationName=name, ImageId="ami-12c6146b", InstanceType="g4dn.xlarge"
    )
    tags: Any = [
        {"Key": key, "Value": value, "PropagateAtLaunch": True}
        for key, value in (("berth:environment", env), ("berth:role", "machine"))
    ]
    asked.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
        Tags=tags,
    )


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(hours=5), {"lifetime": "until 2026-11-23T17:00:00Z, 5:00 h left"}),
        (
            timedelta(minutes=90),
            {
                "lifetime": "until 2026-11-23T13:30:00Z, 1:30 h left: "
                "`berth extend aws-vm 4h --up` lets it live on"
            },
        ),
        (
            timedelta(hours=-1),
            {"lifetime": "ended at 2026-11-23T11:00:00Z: `berth extend aws-vm 4h --up` lets it live on"},
        ),
    ],
)
def test_the_end_is_said_and_what_to_do_where_it_is_near(
    account: Account, left: timedelta, said: dict[str, str]
) -> None:
    end = f"{NOW + left:%Y-%m-%dT%H:%M:%SZ}"
    assert lifetime.sentences(account.place, "aws-vm", end, NOW) == said


def test_a_longer_life_that_only_the_values_have_is_said(account: Account) -> None:
    lifetime.extend(account.place, "aws-vm", "8h", NOW)
    said = lifetime.sentences(account.place, "aws-vm", "2026-11-23T17:00:00Z", NOW)
    assert said["lifetime in the values"] == "until 2026-11-23T20:00:00Z: `berth up aws-vm` applies it"
    same = lifetime.sentences(account.place, "aws-vm", "2026-11-23T20:00:00Z", NOW)
    assert "lifetime in the values" not in same


def test_status_shows_it_all(account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scripts.berth import status

    _budget(account, actual="22.5", forecast="61")
    group(account, "aws-vm", "aws-vm-machine")
    (tmp_path / "state.json").write_text(json.dumps(STATE))
    stub(
        tmp_path,
        "pulumi",
        '#!/bin/bash\nshift 2\ncase "$*" in\n'
        '"stack ls --json") echo \'[{"name": "organization/berth/aws-vm"}]\' ;;\n'
        f'"stack export"*) cat {tmp_path}/state.json ;;\n"stack output"*) cat "$OUTPUTS" ;;\nesac\n',
    )
    status.environment(account.place, "aws-vm", as_json=False)
    shown = capsys.readouterr().out
    assert "cost now: $0.57" in shown
    assert "budget: $22.50 of $50.00 spent this month" in shown
    assert "budget alerts: 40% spent (passed)" in shown
    status.environment(account.place, "aws-vm", as_json=True)
    found = json.loads(capsys.readouterr().out)["spend"]
    assert found["budget"]["over"] is True
    assert found["budget"]["alerts"][0]["kind"] == "forecast"
