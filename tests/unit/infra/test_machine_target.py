"""From values to the plan of a machine, and what the preview says of it."""

from typing import Any

import pytest
import recorder

from infra import config
from infra.config import AwsVmEnvironment
from infra.machine import bringup, target
from infra.outputs import aws_vm_from_mapping
from infra.problems import ConfigError
from infra.spend import statements
from infra.spend.budget import topic_policy
from infra.tags import Tags


def environment(**changes: Any) -> AwsVmEnvironment:
    values = {**recorder.values_of("aws-vm"), **changes}
    parsed = config.parse("aws-vm", values, recorder.NOW)
    assert isinstance(parsed, AwsVmEnvironment)
    return parsed


def plan(**changes: Any) -> bringup.BringUp:
    return target.machine_plan(environment(**changes), bucket="bucket", run_prefix="runs/digits/1")


def test_a_plain_image_gets_the_profile_s_driver_and_toolkit() -> None:
    made = plan()
    assert made.driver == bringup.DriverPlan(branch="580", open_kernel=True)
    assert made.toolkit_version == "1.20.0"
    assert (made.accelerator, made.gpus, made.data_gib, made.spot) == ("T4", 1, 60, True)
    assert bringup.problems(made) == []


def test_an_image_that_has_them_gets_neither() -> None:
    made = plan(machine={"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}})
    assert (made.driver, made.toolkit_version) == (None, None)
    assert bringup.problems(made) == []


def test_volta_gets_the_proprietary_modules() -> None:
    made = plan(machine={"accelerator": "V100", "count": 8, "software": {"profile": "cuda-12"}})
    assert made.driver is not None
    assert made.driver.open_kernel is False


def test_the_lifetime_is_in_no_plan() -> None:
    """A longer life must replace no machine."""
    assert plan().expires_at == ""
    later = environment(expires_at="2026-11-23T20:00:00Z")
    assert target.machine_plan(later, bucket="bucket", run_prefix="runs/digits/1") == plan()
    assert target.bastion_plan(later, bucket="b") == target.bastion_plan(environment(), bucket="b")


def test_neither_is_one_s_own_address() -> None:
    moved = environment(allowed_addresses=["198.51.100.9/32"])
    assert target.bastion_plan(moved, bucket="b") == target.bastion_plan(environment(), bucket="b")
    assert target.machine_plan(moved, bucket="bucket", run_prefix="runs/digits/1") == plan()


def test_the_agent_of_session_manager_is_there_where_it_is_the_way_in() -> None:
    assert plan().ssm_agent is False
    assert plan(access={"kind": "ssm"}).ssm_agent is True


def test_hyperparameters_reach_the_plan() -> None:
    made = plan(training={"epochs": 3, "seed": 7})
    assert (made.train_env["EPOCHS"], made.train_env["SEED"]) == ("3", "7")


def test_images_are_pulled_from_where_they_were_published() -> None:
    made = target.with_images(
        plan(), train="host:5000/berth/train:1", serve="host:5000/berth/serve:2", dataset_key="datasets/x"
    )
    assert made.registry == "host:5000"
    assert (made.train_image, made.serve_image) == ("host:5000/berth/train:1", "host:5000/berth/serve:2")
    assert made.train_env["DATASET_KEY"] == "datasets/x"
    assert made.train_env["EPOCHS"] == plan().train_env["EPOCHS"], "the rest is still there"


def test_what_is_too_large_for_user_data_goes_through_the_bucket() -> None:
    few, many = environment(), environment(ssh_public_keys=recorder.keys(6), access={"kind": "ssm"})
    assert target.through_bucket(few) == (
        len(bringup.render(target._measured(few))) > bringup.LIMIT - target._MARGIN
    )
    assert target.through_bucket(many)
    target.check_sizes(many)
    loader = bringup.loader(target._measured(many))
    assert not bringup.too_large(loader), "and the loader fits"


def test_what_fits_no_way_is_refused_and_says_why() -> None:
    with pytest.raises(ConfigError) as caught:
        target.check_sizes(environment(ssh_public_keys=recorder.keys(20)))
    (problem,) = {problem.path for problem in caught.value.problems}
    assert problem == "berth:ssh_public_keys"
    assert "machine's user-data" in str(caught.value)
    assert "bastion's user-data" in str(caught.value)


def test_a_nat_gateway_s_price_is_said() -> None:
    zones = {"zones": ["us-east-1a", "us-east-1b"]}
    (nat, *_) = statements.cost(environment())
    assert "a NAT gateway, $0.045 an hour ($33 a month)" in nat
    (nat, *_) = statements.cost(environment(network={**zones, "nat": "per-zone"}))
    assert "2 NAT gateways, $0.090 an hour ($66 a month)" in nat
    prebuilt = {"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}}
    (endpoints, *_) = statements.cost(environment(network={**zones, "nat": "none"}, machine=prebuilt))
    assert "10 interface endpoints instead, $0.100 an hour ($73 a month)" in endpoints


def test_a_machine_s_price_is_said_with_its_date() -> None:
    *_, spot = statements.cost(environment())
    assert spot == (
        "machine: g4dn.xlarge, g4dn.2xlarge, g4dn.4xlarge as spot; g4dn.xlarge was $0.213 an hour in "
        "us-east-1 (mid-2026)"
    )
    *_, on_demand = statements.cost(environment(machine={"spot": False}))
    assert on_demand.endswith("g4dn.xlarge $0.526 an hour on demand")
    unpriced = {"accelerator": "A10G", "count": 4, "instance_types": ["g5.24xlarge"]}
    *_, unknown = statements.cost(environment(machine=unpriced))
    assert unknown.endswith("g5.24xlarge $8.144 an hour at most, as spot")


def test_a_highest_price_under_the_current_one_is_warned_of() -> None:
    (warning,) = statements.warnings(environment(machine={"max_price": 0.1}))
    assert warning.startswith("berth:machine.max_price: 0.1 is under the last known spot price")
    assert "0.2132 for g4dn.xlarge" in warning
    assert list(statements.warnings(environment(machine={"max_price": 0.3}))) == []
    unpriced = {"accelerator": "A10G", "count": 4, "instance_types": ["g5.24xlarge"], "max_price": 0.01}
    assert list(statements.warnings(environment(machine=unpriced))) == [], (
        "nothing is said where nothing is known"
    )


def test_only_alarms_of_this_account_reach_the_topic() -> None:
    allow, deny = topic_policy("arn:topic", "123456789012")["Statement"]
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_what_stays_is_on_what_a_template_makes() -> None:
    tags = Tags(environment="lab", owner="me", expires_at="2026-11-22T20:00:00Z")
    assert "berth:expires-at" not in tags.whose()
    assert tags.common() == {**tags.whose(), "berth:expires-at": "2026-11-22T20:00:00Z"}


def outputs() -> dict[str, Any]:
    return {
        "environment": "aws-vm",
        "target": "aws-vm",
        "region": "us-east-1",
        "account_id": "123456789012",
        "access": "ssm",
        "bastion_user": "admin",
        "machine_group": "aws-vm-machine",
        "machine_user": "admin",
        "machine_count": 1.0,
        "accelerator": "T4",
        "launch_template_id": "lt-1",
        "image_id": "ami-1",
        "bucket": "b",
        "repositories": {"train": "t", "serve": "s"},
        "images": {"train": "t:1", "serve": "s:1"},
        "model_name": "digits",
        "run_prefix": "runs/digits/1",
        "predict_port": 8080.0,
        "expires_at": "2026-11-22T20:00:00Z",
        "budget_name": "berth-aws-vm",
    }


def test_outputs_are_read_back_without_what_there_is_not() -> None:
    read = aws_vm_from_mapping(outputs())
    assert (read.bastion_address, read.prefix_list_id, read.jupyter_port) == (None, None, None)
    assert (read.machine_count, read.predict_port) == (1, 8080)
    assert aws_vm_from_mapping({**outputs(), "jupyter_port": 8888.0}).jupyter_port == 8888


def test_missing_outputs_are_named() -> None:
    with pytest.raises(KeyError, match="bucket, machine_group"):
        aws_vm_from_mapping({k: v for k, v in outputs().items() if k not in {"bucket", "machine_group"}})
