"""The rules of an aws-vm values file, and what is said when they are broken."""

from pathlib import Path
from typing import Any

import pytest
import recorder
import yaml

from infra import config
from infra.config import AwsVmEnvironment
from infra.config.aws_vm_rules import chosen_software
from infra.problems import ConfigError

CASES = yaml.safe_load((Path(__file__).parent / "malformed_aws_vm.yaml").read_text())
GOOD: dict[str, Any] = {
    "target": "aws-vm",
    "owner": "ml-team",
    **recorder.PERSONAL["aws-vm"],
    "network": {"zones": ["us-east-1a", "us-east-1b"]},
    "budget": {"emails": ["ml-team@example.org"]},
}


def parsed(**changes: Any) -> AwsVmEnvironment:
    environment = config.parse("aws-vm", {**GOOD, **changes}, recorder.NOW)
    assert isinstance(environment, AwsVmEnvironment)
    return environment


def refused(values: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.parse("aws-vm", values, recorder.NOW)
    return caught.value


@pytest.mark.parametrize("as_engine", [False, True], ids=["as YAML", "as the engine passes it"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_malformed_file_is_refused_with_every_problem_and_no_other(
    case: dict[str, Any], *, as_engine: bool
) -> None:
    values = dict(case["only"]) if "only" in case else {**GOOD, **case["with"]}
    error = refused({key: recorder.as_text(one) for key, one in values.items()} if as_engine else values)
    said: dict[str, str] = {}
    for problem in error.problems:
        said[problem.path] = f"{said.get(problem.path, '')} {problem.reason}"
    assert sorted(said) == sorted(case["says"]), str(error)
    for path, reason in case["says"].items():
        assert reason in said[path], f"{path}: {said[path]}"


def test_what_only_commands_write_is_missed_by_its_name_and_with_the_command() -> None:
    shared = {key: one for key, one in GOOD.items() if key not in recorder.PERSONAL["aws-vm"]}
    text = str(refused({**shared, "access": {"kind": "bastion"}}))
    assert "berth access refresh aws-vm --key" in text
    assert "berth access refresh aws-vm" in text
    assert "berth extend aws-vm 8h" in text


def test_session_manager_needs_neither_an_address_nor_a_key() -> None:
    values = {key: one for key, one in GOOD.items() if key not in {"allowed_addresses", "ssh_public_keys"}}
    parsed = config.parse("aws-vm", {**values, "access": {"kind": "ssm"}}, recorder.NOW)
    assert isinstance(parsed, AwsVmEnvironment)
    assert parsed.allowed_addresses == ()


def test_a_private_key_is_not_repeated() -> None:
    secret = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{secret}"
    assert secret not in str(refused({**GOOD, "ssh_public_keys": [key]}))


def fields(model: type[Any], path: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, field in model.model_fields.items():
        found.append((f"{path}{name}", field))
        if hasattr(field.annotation, "model_fields"):
            found += fields(field.annotation, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, field in fields(AwsVmEnvironment) if path != "environment"],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_key_says_what_it_is_and_has_a_valid_example(path: str, field: Any) -> None:
    assert field.description, f"{path} says nothing"
    assert field.examples, f"{path} has no example"
    head, *rest = path.split(".")
    value: Any = field.examples[0]
    for name in reversed(rest):
        value = {name: value}
    if rest and isinstance(GOOD.get(head), dict):
        value = {**GOOD[head], **value}
    companions = {
        "machine.image.owner": {"machine": {"image": {"owner": "136693071363", "name": "debian-13-*"}}},
        "machine.image.name": {"machine": {"image": {"owner": "136693071363", "name": "debian-13-*"}}},
        "people.users": {"people": {"enabled": True, "users": value.get("users") if rest else ()}},
        "expires_at": {"expires_at": GOOD["expires_at"]},
    }.get(path, {head: value})
    parsed(**companions)


def test_the_examples_of_times_are_times() -> None:
    example = AwsVmEnvironment.model_fields["expires_at"].examples
    assert example
    config.parse("aws-vm", {**GOOD, "expires_at": example[0], "longest_lifetime_hours": 8760}, recorder.NOW)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z"),
        ("2026-11-22 20:00:00+00:00", "2026-11-22T20:00:00Z"),
        ("2026-11-22T21:00:00+01:00", "2026-11-22T20:00:00Z"),
        (yaml.safe_load("2026-11-22T20:00:00Z"), "2026-11-22T20:00:00Z"),
    ],
    ids=str,
)
def test_a_time_is_read_as_people_and_yaml_write_it(written: Any, read: str) -> None:
    assert parsed(expires_at=written).expires_at == read


def test_an_address_without_a_mask_is_that_address() -> None:
    assert parsed(allowed_addresses=["203.0.113.7"]).allowed_addresses == ("203.0.113.7/32",)


def test_ssm_needs_neither_key_nor_address() -> None:
    environment = parsed(ssh_public_keys=[], allowed_addresses=[])
    assert environment.access.kind == "ssm"


def test_the_lifetime_may_be_as_long_as_the_values_say() -> None:
    assert parsed(expires_at="2026-12-20T12:00:00Z", longest_lifetime_hours=700)


def test_software_is_the_profile_with_what_the_values_set() -> None:
    chosen = chosen_software(parsed())
    assert (chosen.driver, chosen.toolkit, chosen.torch, chosen.cuda) == ("580", "1.20.0", "2.15", "13.2")
    old = chosen_software(parsed(machine={"software": {"profile": "cuda-12-2024"}}))
    assert (old.driver, old.toolkit, old.cuda) == ("535", "1.17.8", "12.1")
    own = chosen_software(parsed(machine={"software": {"torch": "2.10.1", "driver": "595"}}))
    assert (own.driver, own.torch, own.cuda) == ("595", "2.10.1", "12.8"), "the CUDA of its own wheel"


@pytest.mark.parametrize(
    "changes",
    [
        {"machine": {"accelerator": "V100", "count": 8, "software": {"profile": "cuda-12"}}},
        {"machine": {"accelerator": "A100-80GB", "count": 8}},
        {"machine": {"accelerator": "T4", "software": {"torch": "1.13.1", "cuda": "11.7"}}},
        {"machine": {"image": {"distribution": "al2023", "profile": "nvidia"}}},
        {
            "machine": {"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}},
            "network": {"zones": ["us-east-1a", "us-east-1b"], "nat": "none"},
        },
        {"machine": {"image": {"ssm": "/aws/service/x", "distribution": "al2023"}}},
        {"machine": {"accelerator": "L4", "instance_types": ["gr6.4xlarge", "g6.xlarge"]}},
        {"image_source": "docker://registry.example.org:5000/team/berth"},
        {"policy": {"allow": ["capacity-block-purchase"]}},
    ],
    ids=str,
)
def test_what_goes_together_is_accepted(changes: dict[str, Any]) -> None:
    parsed(**changes)
