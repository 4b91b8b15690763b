from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from deployed_account import Account

from rehearsal.errors import BerthError
from scripts.berth.aws import clients, machines
from scripts.berth.aws.bucket import bucket
from scripts.berth.aws.deployed import deployed


def find(account: Account, role: str = "machine", instance: str = "") -> machines.Machine:
    return machines.find(account.place, deployed(account.place, "aws-vm"), role, instance)


def test_the_machine_is_found_among_others_by_its_tags(account: Account) -> None:
    account.start("bastion")
    account.start("machine", env="another")
    account.end(account.start("machine"))
    wanted = account.start("machine")
    found = find(account)
    assert found.id == wanted
    assert found.spot
    assert found.type == "g4dn.xlarge"
    assert "spot" in str(found)


def test_of_several_machines_one_has_to_be_chosen(account: Account) -> None:
    first, second = account.start(), account.start()
    with pytest.raises(BerthError) as caught:
        find(account)
    assert first in caught.value.message
    assert second in caught.value.message
    assert "--instance" in caught.value.hint
    assert find(account, instance=second).id == second


def test_a_machine_that_is_starting_is_told_from_one_that_is_not_there(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity = "Failed: Could not launch Spot Instances. UnfulfillableCapacity"
    monkeypatch.setattr(machines, "last_activity", lambda *_: activity)
    with pytest.raises(BerthError) as caught:
        find(account)
    assert activity in caught.value.message, "why there is none is what the user has to know"
    monkeypatch.setattr(machines, "all_of", lambda *_: [machine(state="pending")])
    with pytest.raises(BerthError, match="not running yet"):
        find(account)


def machine(state: str) -> machines.Machine:
    return machines.Machine(
        id="i-1",
        role="machine",
        state=state,
        type="g4dn.xlarge",
        zone="us-east-1a",
        private_address="10.0.0.4",
        public_address="",
        spot=True,
        launched=datetime.now(UTC),
    )


def test_after_the_end_of_the_lifetime_its_end_is_the_reason(account: Account) -> None:
    ended = datetime.now(UTC) - timedelta(hours=1)
    account.outputs(expires_at=f"{ended:%Y-%m-%dT%H:%M:%SZ}")
    with pytest.raises(BerthError) as caught:
        find(account)
    assert "lifetime of aws-vm ended" in caught.value.message
    assert "berth extend aws-vm 8h" in caught.value.hint


def test_there_is_no_bastion_without_that_access(account: Account) -> None:
    account.outputs(access="ssm", bastion_address=None, bastion_instance_id=None)
    with pytest.raises(BerthError, match="has no bastion: its access is ssm"):
        find(account, "bastion")


def test_a_stack_that_is_not_there_or_not_finished_is_told(account: Account) -> None:
    account.raw_outputs('{"environment": "aws-vm"}')
    with pytest.raises(BerthError, match=r"not deployed to its end.*machine_group"):
        deployed(account.place, "aws-vm")
    account.raw_outputs("{}")
    with pytest.raises(BerthError) as caught:
        deployed(account.place, "aws-vm")
    assert "no outputs yet" in caught.value.message
    with pytest.raises(BerthError, match="has not been deployed"):
        deployed(account.place, "aws-vm-2")


def test_another_target_has_no_machine(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.berth.aws.deployed.target_of", lambda _: "local")
    with pytest.raises(BerthError, match="has no machine: its target is local"):
        deployed(account.place, "local")


def refusal(code: str) -> ClientError:
    error: Any = {"Error": {"Code": code, "Message": f"{code} said AWS"}}
    return ClientError(error, "DescribeInstances")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (refusal("ExpiredToken"), "credentials have expired", "aws sso login"),
        (refusal("UnauthorizedOperation"), "does not let you ask for the machines", "get-caller-identity"),
        (refusal("Throttling"), "Throttling said AWS", ""),
        (NoCredentialsError(), "no AWS credentials", "aws sso login"),
    ],
)
def test_awss_refusals_say_what_to_do(error: Exception, message: str, hint: str) -> None:
    with pytest.raises(BerthError) as caught, clients.asking("the machines"):
        raise error
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_object_is_none_and_half_a_document_too(account: Account) -> None:
    storage = bucket(account.place, "berth-aws-vm", "us-east-1")
    assert storage.get("absent") is None
    account.put("half", '{"stage": ')
    assert storage.get_json("half") is None
    account.put("whole", {"stage": "ready"})
    assert storage.get_json("whole") == {"stage": "ready"}


def test_a_rehearsal_is_never_asked_with_a_users_profile(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-user")
    from dataclasses import replace

    environ = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    client = clients.ec2(replace(account.place, rehearsed=True, environ=environ), "us-east-1")
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client._request_signer._credentials.access_key == "id"  # type: ignore[attr-defined]
