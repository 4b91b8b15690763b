from collections.abc import Callable
from typing import Any

import pytest
from deployed_account import IMAGE, Account

from rehearsal.errors import BerthError
from scripts.berth.aws import snapshot
from scripts.berth.aws.watch import Progress

Script = Callable[..., None]


class Slow:
    """EC2 with an image that takes its time. states: one for each look."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.requests: list[dict[str, Any]] = []

    def create_image(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"ImageId": "ami-slow"}

    def describe_images(self, **_: Any) -> dict[str, Any]:
        state = self.states.pop(0)
        mapping = [{"Ebs": {"SnapshotId": "snap-1"}}]
        reason = {"Message": "out of luck"}
        image = {"State": state, "BlockDeviceMappings": mapping, "StateReason": reason}
        return {"Images": [image] if state else []}

    def describe_snapshots(self, **_: Any) -> dict[str, Any]:
        return {"Snapshots": [{"Progress": "42%"}]}


def slow(account: Account, monkeypatch: pytest.MonkeyPatch, *states: str) -> Slow:
    account.start()
    client = Slow(*states)
    monkeypatch.setattr(snapshot, "ec2", lambda *_: client)
    return client


def test_an_image_says_what_it_is_of(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = slow(account, monkeypatch, "available")
    script()
    assert snapshot.take(account.place, "aws-vm", shown) == "ami-slow"
    (request,) = client.requests
    assert request["Name"].startswith("berth-aws-vm-")
    for one in request["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert tags["berth:environment"] == "aws-vm"
        assert tags["berth:source"] == request["InstanceId"]
        assert tags["berth:base-image"] == IMAGE
        assert not {"berth:role", "berth:expires-at"} & tags.keys(), "it outlives its machine"
    assert [one["ResourceType"] for one in request["TagSpecifications"]] == ["image", "snapshot"]
    assert request["NoReboot"], "a machine of a group is not rebooted unless that is asked for"


def test_progress_is_shown_until_it_is_available(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(account, monkeypatch, "", "pending", "available")
    seen: list[str] = []
    script(lambda: seen.append(shown.last), lambda: seen.append(shown.last))
    assert snapshot.take(account.place, "aws-vm", shown) == "ami-slow"
    assert seen == ["ami-slow: pending", "ami-slow: pending, snapshots 42%"]


def test_a_failed_image_says_why(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = slow(account, monkeypatch, "failed")
    script()
    with pytest.raises(BerthError, match="failed: out of luck"):
        snapshot.take(account.place, "aws-vm", shown, reboot=True)
    assert not client.requests[0]["NoReboot"]


def test_the_wait_has_an_end(
    account: Account, shown: Progress, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(account, monkeypatch, "pending")
    script()
    with pytest.raises(BerthError, match="not available after 0 minutes"):
        snapshot.take(account.place, "aws-vm", shown, minutes=0)
