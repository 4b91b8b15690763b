import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from account_samples import Network
from botocore.exceptions import ClientError

from rehearsal.clouds.aws import endings, settings
from rehearsal.clouds.aws.settings import Settings

Client = Callable[[str], Any]


def refused(call: Callable[..., Any], **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    return str(response["Error"]["Code"])


def request(image: str, **more: Any) -> dict[str, Any]:
    return {"ImageId": image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1, **more}


def launch(client: Client, image: str, **more: Any) -> Any:
    return client("ec2").run_instances(**request(image, **more))["Instances"][0]


def test_limits_zones_images_and_prices_are_checked(client: Client, network: Network, image: str) -> None:
    run, here = client("ec2").run_instances, {"SubnetId": network.subnets[0]}
    assert (
        refused(run, **request(image, InstanceType="p5.48xlarge", MaxCount=2, **here)) == "VcpuLimitExceeded"
    )
    assert refused(run, **request(image, InstanceType="p4de.24xlarge", **here)) == "Unsupported", (
        "not in zone a"
    )
    assert refused(run, **request("ami-00000000000000000", **here)) == "InvalidAMIID.NotFound"
    assert refused(run, **request(image, InstanceType="z9.tiny", **here)) == "InvalidParameterValue"
    assert refused(run, **request(image, DryRun=True, **here)) == "DryRunOperation"
    cheap = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}
    assert refused(run, **request(image, InstanceMarketOptions=cheap, **here)) == "SpotMaxPriceTooLow"
    assert client("ec2").describe_instances()["Reservations"] == [], "nothing came of it"


def test_the_account_can_encrypt_by_default(client: Client, network: Network, image: str) -> None:
    client("ec2").enable_ebs_encryption_by_default()
    number = launch(client, image, SubnetId=network.subnets[0])["InstanceId"]
    filters = [{"Name": "attachment.instance-id", "Values": [number]}]
    (volume,) = client("ec2").describe_volumes(Filters=filters)["Volumes"]
    assert volume["Encrypted"]
    assert (volume["VolumeType"], volume["Iops"], volume["Throughput"]) == ("gp3", 3000, 125)


def test_what_an_instance_held_is_free_after_its_end(client: Client, network: Network, image: str) -> None:
    ec2 = client("ec2")
    number = launch(client, image, SubnetId=network.subnets[0])["InstanceId"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=number)
    assert address["PublicIp"] == "198.51.100.10"
    assert refused(ec2.release_address, AllocationId=address["AllocationId"]) == "InvalidIPAddress.InUse"
    assert refused(ec2.delete_subnet, SubnetId=network.subnets[0]) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[number])
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_subnet(SubnetId=network.subnets[0])
    assert ec2.describe_volumes()["Volumes"] == []


def test_a_shutdown_from_inside_stops_what_is_to_be_stopped(client: Client, image: str) -> None:
    number = launch(client, image)["InstanceId"]
    assert endings.end(number, endings.SHUT_DOWN, "us-east-1") == "stopped"
    with pytest.raises(LookupError, match="no running instance"):
        endings.interrupt(number, 120, "us-east-1")


def test_only_spot_instances_are_interrupted(client: Client, image: str) -> None:
    with pytest.raises(LookupError, match="no spot instance"):
        endings.interrupt(launch(client, image)["InstanceId"], 120, "us-east-1")


def test_the_console_is_the_machines_own(client: Client, image: str, tmp_path: Path) -> None:
    settings.use(Settings(run=tmp_path))
    number = launch(client, image)["InstanceId"]
    assert client("ec2").get_console_output(InstanceId=number).get("Output", "") == ""
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / f"{number}.console").write_text("berth: ready\n")
    assert client("ec2").get_console_output(InstanceId=number)["Output"] == "berth: ready\n"


def test_an_image_remembers_its_instance(client: Client, image: str) -> None:
    number = launch(client, image)["InstanceId"]
    made = client("ec2").create_image(InstanceId=number, Name="kept")["ImageId"]
    (found,) = client("ec2").describe_images(ImageIds=[made])["Images"]
    assert (found["SourceInstanceId"], found["RootDeviceName"]) == (number, "/dev/xvda")


def test_addresses_are_taken_in_order_and_given_back(client: Client) -> None:
    ec2 = client("ec2")
    first, second = (ec2.allocate_address(Domain="vpc") for _ in range(2))
    assert (first["PublicIp"], second["PublicIp"]) == ("198.51.100.10", "198.51.100.11")
    ec2.release_address(AllocationId=first["AllocationId"])
    assert ec2.allocate_address(Domain="vpc")["PublicIp"] == "198.51.100.10"


def test_a_template_is_merged_into_the_launch(client: Client, network: Network, image: str) -> None:
    iam = client("iam")
    trust = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    client("ec2").create_launch_template(
        LaunchTemplateName="t",
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "t3.micro",
            "IamInstanceProfile": {"Name": "machine"},
            "UserData": base64.b64encode(b"x").decode(),
        },
    )
    made = client("ec2").run_instances(
        LaunchTemplate={"LaunchTemplateName": "t"}, MinCount=1, MaxCount=1, SubnetId=network.subnets[0]
    )["Instances"][0]
    assert made["InstanceType"] == "t3.micro"
    assert made["IamInstanceProfile"]["Arn"].endswith("/machine"), "the template's profile is used"
    tags = {tag["Key"] for tag in made["Tags"]}
    assert {"aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"} <= tags


def test_a_fleets_instances_leave_nothing(client: Client, network: Network, image: str) -> None:
    ec2 = client("ec2")
    data = {"ImageId": image, "InstanceType": "t3.nano"}
    ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData=data)
    template = {"LaunchTemplateName": "t", "Version": "1"}
    fleet = ec2.create_fleet(
        Type="instant",
        TargetCapacitySpecification={"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"},
        LaunchTemplateConfigs=[
            {"LaunchTemplateSpecification": template, "Overrides": [{"SubnetId": network.subnets[0]}]}
        ],
    )
    (number,) = fleet["Instances"][0]["InstanceIds"]
    ec2.delete_fleets(FleetIds=[fleet["FleetId"]], TerminateInstances=True)
    found = ec2.describe_instances(InstanceIds=[number])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "terminated"
    ec2.delete_subnet(SubnetId=network.subnets[0])
