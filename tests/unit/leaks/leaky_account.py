"""An environment in an emulated account, its state, and what others make beside it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.spend.leaks import Finding
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.groups import Reconciler
from rehearsal.clouds.aws.images import catalogue
from scripts.berth import leaks
from scripts.berth.place import Place

ENV, REGION, ZONE = "aws-vm", "us-east-1", "us-east-1a"
OURS = {"berth:environment": ENV, "berth:owner": "ml-team", "berth:managed-by": "berth"}
CLUSTER = {"kubernetes.io/cluster/train": "owned"}
LATER = datetime.now(UTC) + timedelta(hours=1)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def specified(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tag_list(tags)}]


@dataclass
class Leaky:
    """The account, and a place whose engine answers with the state that a test writes."""

    account: Account
    place: Place
    directory: Path
    reconciler: Reconciler

    def client(self, service: str) -> Any:
        return self.account.clients.get(service, REGION)

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    def knows(
        self, *resources: tuple[str, str], destroyed: bool = False, pending: tuple[str, ...] = ()
    ) -> None:
        """What the state has: type and id of each; destroyed: it had some once."""
        rows = [
            {"type": token, "id": id_, "custom": True, "outputs": {"tagsAll": OURS}}
            for token, id_ in resources
        ]
        deployment = {
            "manifest": {
                "time": "2026-11-01T00:00:00Z" if resources or destroyed else "0001-01-01T00:00:00Z"
            },
            "resources": rows,
            "pending_operations": [{"type": "creating", "resource": {"type": token}} for token in pending],
        }
        (self.directory / "state.json").write_text(json.dumps({"version": 3, "deployment": deployment}))
        (self.directory / "stacks.json").write_text(json.dumps([{"name": f"organization/berth/{ENV}"}]))

    def forgets(self) -> None:
        """There is no stack any more."""
        (self.directory / "stacks.json").write_text("[]")

    def find(self, now: datetime = LATER, **options: Any) -> dict[str, Finding]:
        """The findings by id."""
        return {one.id: one for one in leaks.find(self.place, ENV, now=now, **options)}

    def delete(self, found: dict[str, Finding]) -> dict[str, leaks.Deleted]:
        done = leaks.delete(self.place, list(found.values()), self.log, lambda _: None, minutes=0.02)
        return {one.finding.id: one for one in done}

    @property
    def log(self) -> Path:
        return leaks.log_of(self.place)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def vpc(self, tags: dict[str, str] = OURS) -> str:
        answer = self.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specified("vpc", tags))
        return str(answer["Vpc"]["VpcId"])

    def subnet(self, vpc: str, tags: dict[str, str] = OURS, number: int = 0, zone: str = ZONE) -> str:
        answer = self.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=zone,
            TagSpecifications=specified("subnet", tags),
        )
        return str(answer["Subnet"]["SubnetId"])

    def group(self, vpc: str, tags: dict[str, str] = OURS, name: str = "machine") -> str:
        answer = self.ec2.create_security_group(
            GroupName=name,
            Description=name,
            VpcId=vpc,
            TagSpecifications=specified("security-group", tags),
        )
        return str(answer["GroupId"])

    def interface(self, subnet: str, group: str, description: str = "") -> str:
        answer = self.ec2.create_network_interface(SubnetId=subnet, Groups=[group], Description=description)
        return str(answer["NetworkInterface"]["NetworkInterfaceId"])

    def volume(self, tags: dict[str, str], size: int = 100) -> str:
        answer = self.ec2.create_volume(
            AvailabilityZone=ZONE, Size=size, VolumeType="gp3", TagSpecifications=specified("volume", tags)
        )
        return str(answer["VolumeId"])

    def balancer(self, subnets: list[str], tags: dict[str, str], name: str = "k8s-web") -> str:
        answer = self.client("elbv2").create_load_balancer(
            Name=name, Subnets=subnets, Type="network", Tags=tag_list(tags)
        )
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    def machines(self, subnet: str, security_group: str, tags: dict[str, str] = OURS) -> tuple[str, str]:
        """A group of one machine that is tagged as it is; the group's name and the machine's id."""
        image = next(row["moto"]["ami_id"] for row in reversed(catalogue()) if row["disk"] == "debian-13")
        kinds = ("instance", "volume", "network-interface")
        disk = {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": True}
        template = self.ec2.create_launch_template(
            LaunchTemplateName="aws-vm-machine",
            LaunchTemplateData={
                "ImageId": image,
                "InstanceType": "g4dn.xlarge",
                "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [security_group]}],
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": disk}],
                "TagSpecifications": [one for kind in kinds for one in specified(kind, tags)],
            },
            TagSpecifications=specified("launch-template", tags),
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="aws-vm-machine",
            MinSize=0,
            MaxSize=1,
            DesiredCapacity=1,
            VPCZoneIdentifier=subnet,
            LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
            Tags=[
                {
                    **tag,
                    "ResourceId": "aws-vm-machine",
                    "ResourceType": "auto-scaling-group",
                    "PropagateAtLaunch": True,
                }
                for tag in tag_list(tags)
            ],
        )
        self.reconciler.reconcile()
        groups = self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return "aws-vm-machine", str(groups[0]["Instances"][0]["InstanceId"])
