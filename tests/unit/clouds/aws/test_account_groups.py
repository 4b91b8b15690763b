import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from account_samples import Network
from botocore.exceptions import ClientError

from rehearsal.clouds.aws import endings, groups, limits
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.groups import Reconciler

Client = Callable[[str], Any]
USER_DATA = base64.b64encode(b"#!/bin/sh\n").decode()


@pytest.fixture
def group(client: Client, network: Network, image: str) -> str:
    client("ec2").create_launch_template(
        LaunchTemplateName="machine",
        LaunchTemplateData={
            "ImageId": image,
            "UserData": USER_DATA,
            "InstanceInitiatedShutdownBehavior": "terminate",
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
            "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [network.group]}],
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 50, "Encrypted": True}},
            ],
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "berth:role", "Value": "machine"}]},
                {"ResourceType": "volume", "Tags": [{"Key": "berth:environment", "Value": "test"}]},
            ],
        },
    )
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="machine",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=1,
        VPCZoneIdentifier=",".join(network.subnets),
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateName": "machine", "Version": "$Latest"},
                "Overrides": [{"InstanceType": "g4dn.xlarge"}, {"InstanceType": "g4dn.2xlarge"}],
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": 0,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
        Tags=[{"Key": "berth:owner", "Value": "me", "PropagateAtLaunch": True}],
    )
    return "machine"


def members(client: Client, group: str) -> list[str]:
    found = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return [row["InstanceId"] for row in found["AutoScalingGroups"][0]["Instances"]]


def instance(client: Client, number: str) -> Any:
    found = client("ec2").describe_instances(InstanceIds=[number])
    return found["Reservations"][0]["Instances"][0]


def test_the_call_itself_launches_nothing(client: Client, group: str) -> None:
    assert members(client, group) == []


def test_a_launch_follows_template_policy_and_tags(
    client: Client, group: str, reconciler: Reconciler, network: Network
) -> None:
    reconciler.reconcile()
    (number,) = members(client, group)
    found = instance(client, number)
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert found["InstanceLifecycle"] == "spot"
    assert found["SpotInstanceRequestId"].startswith("sir-")
    assert found["SubnetId"] in network.subnets
    assert [row["GroupId"] for row in found["SecurityGroups"]] == [network.group]
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert tags["berth:role"] == "machine", "the launch template's tags are on it"
    assert tags["berth:owner"] == "me", "the group's tags are on it"
    assert tags["aws:autoscaling:groupName"] == group
    ec2 = client("ec2")
    shown = ec2.describe_instance_attribute(InstanceId=number, Attribute="userData")
    assert shown["UserData"]["Value"] == USER_DATA, "user-data arrives byte for byte"
    filters = [{"Name": "attachment.instance-id", "Values": [number]}]
    volumes = ec2.describe_volumes(Filters=filters)["Volumes"]
    sizes = {row["Attachments"][0]["Device"]: (row["Size"], row["Encrypted"]) for row in volumes}
    assert sizes == {"/dev/xvda": (20, True), "/dev/sdf": (50, True)}
    assert all(row["KmsKeyId"] for row in volumes), "encrypted with the account's default key"
    assert all({"Key": "berth:environment", "Value": "test"} in row["Tags"] for row in volumes)


def test_nothing_happens_where_all_is_well(
    account: Account, client: Client, group: str, reconciler: Reconciler
) -> None:
    reconciler.reconcile()
    before, generation = members(client, group), account.generation
    reconciler.reconcile()
    assert members(client, group) == before
    assert account.generation == generation


def test_an_interrupted_instance_is_replaced(client: Client, group: str, reconciler: Reconciler) -> None:
    reconciler.reconcile()
    (first,) = members(client, group)
    notice = endings.interrupt(first, 120, "us-east-1")
    assert endings.interruptions() == [notice]
    endings.end(first, endings.INTERRUPTED, "us-east-1")
    reconciler.reconcile()
    (second,) = members(client, group)
    assert second != first
    ended = instance(client, first)
    assert ended["State"]["Name"] == "terminated"
    assert ended["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert endings.interruptions() == []
    states = {
        row["InstanceId"]: row["State"]
        for row in client("ec2").describe_spot_instance_requests()["SpotInstanceRequests"]
    }
    assert states == {first: "closed", second: "active"}


def test_a_shutdown_from_inside_terminates_and_is_replaced(
    client: Client, group: str, reconciler: Reconciler
) -> None:
    reconciler.reconcile()
    (first,) = members(client, group)
    assert endings.end(first, endings.SHUT_DOWN, "us-east-1") == "terminated"
    reconciler.reconcile()
    assert len(members(client, group)) == 1
    assert first not in members(client, group)


def test_scaling_in_terminates(client: Client, group: str, reconciler: Reconciler) -> None:
    reconciler.reconcile()
    (first,) = members(client, group)
    client("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=0)
    reconciler.reconcile()
    assert members(client, group) == []
    assert instance(client, first)["State"]["Name"] == "terminated"


def test_no_capacity_in_one_pool_leads_to_the_next(
    account: Account, client: Client, group: str, reconciler: Reconciler
) -> None:
    account.faults.use([{"class": "InsufficientInstanceCapacity", "times": 1}])
    reconciler.reconcile()
    assert len(members(client, group)) == 1
    assert len(account.faults.done) == 1


def test_no_capacity_anywhere_is_told_and_tried_again(
    account: Account, client: Client, group: str, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.faults.use([{"class": "InsufficientInstanceCapacity", "times": 4}])
    reconciler.reconcile()
    scaling = client("autoscaling")
    (activity,) = scaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
    assert activity["StatusCode"] == "Failed"
    assert "do not have sufficient" in activity["StatusMessage"]
    reconciler.reconcile()
    assert members(client, group) == [], "not again at once"
    monkeypatch.setattr(groups, "PAUSE", timedelta())
    reconciler.reconcile()
    assert len(members(client, group)) == 1


def test_the_quota_keeps_instances_out(client: Client, group: str, reconciler: Reconciler) -> None:
    limits.change("L-3819A6DF", 0)
    reconciler.reconcile()
    assert members(client, group) == []
    (activity,) = client("autoscaling").describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
    assert "Max spot instance count exceeded" in activity["StatusMessage"]


def test_an_instance_refresh_replaces_by_the_new_version(
    client: Client, group: str, reconciler: Reconciler
) -> None:
    reconciler.reconcile()
    (first,) = members(client, group)
    ec2, scaling = client("ec2"), client("autoscaling")
    ec2.create_launch_template_version(
        LaunchTemplateName="machine",
        SourceVersion="1",
        LaunchTemplateData={"UserData": base64.b64encode(b"new").decode()},
    )
    number = scaling.start_instance_refresh(AutoScalingGroupName=group)["InstanceRefreshId"]
    reconciler.reconcile()
    reconciler.reconcile()
    (second,) = members(client, group)
    shown = ec2.describe_instance_attribute(InstanceId=second, Attribute="userData")
    assert second != first
    assert base64.b64decode(shown["UserData"]["Value"]) == b"new"
    (refresh,) = scaling.describe_instance_refreshes(AutoScalingGroupName=group)["InstanceRefreshes"]
    assert (refresh["InstanceRefreshId"], refresh["Status"]) == (number, "Successful")


def test_a_schedule_ends_the_lifetime(client: Client, group: str, reconciler: Reconciler) -> None:
    reconciler.reconcile()
    scaling = client("autoscaling")
    at = datetime.now(UTC) + timedelta(hours=1)
    settings = {"AutoScalingGroupName": group, "ScheduledActionName": "end", "MinSize": 0, "MaxSize": 0}
    scaling.put_scheduled_update_group_action(**settings, DesiredCapacity=0, StartTime=at)
    reconciler.reconcile()
    assert len(members(client, group)) == 1, "not before its time"
    earlier = at - timedelta(hours=2)
    scaling.put_scheduled_update_group_action(**settings, DesiredCapacity=0, StartTime=earlier)
    reconciler.reconcile()
    assert members(client, group) == []


def test_groups_have_schedules_of_the_same_name(client: Client, group: str, network: Network) -> None:
    scaling = client("autoscaling")
    (shown,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    template = shown["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="other",
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=network.subnets[0],
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"},
    )
    for name in (group, "other"):
        scaling.put_scheduled_update_group_action(
            AutoScalingGroupName=name,
            ScheduledActionName="end",
            MaxSize=0,
            StartTime=datetime(2099, 1, 1, tzinfo=UTC),
        )

    def groups() -> list[str]:
        actions = scaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"]
        return sorted(action["AutoScalingGroupName"] for action in actions)

    assert groups() == [group, "other"]
    scaling.delete_scheduled_action(AutoScalingGroupName=group, ScheduledActionName="end")
    assert groups() == ["other"]
    scaling.delete_auto_scaling_group(AutoScalingGroupName="other")
    assert groups() == [], "they go with their group"


def test_a_group_with_instances_is_deleted_by_force_only(
    client: Client, group: str, reconciler: Reconciler
) -> None:
    reconciler.reconcile()
    (first,) = members(client, group)
    scaling = client("autoscaling")
    with pytest.raises(ClientError, match="ResourceInUse"):
        scaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    scaling.delete_auto_scaling_group(AutoScalingGroupName=group, ForceDelete=True)
    assert instance(client, first)["State"]["Name"] == "terminated"
    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
