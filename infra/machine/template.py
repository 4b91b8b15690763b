"""How a GPU machine is launched: image, volumes, metadata service, role, and the user-data."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

DATA_DEVICE = "/dev/sdf"
# A container is one hop further away than the machine.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
_HOPS_TO_A_CONTAINER = 2


@dataclass(frozen=True, kw_only=True)
class MachineTemplateArgs:
    """root_device: its name in the image. user_data: as text. tags: of instances, volumes and interfaces."""

    environment: str
    image_id: pulumi.Input[str]
    root_device: str
    root_gib: int
    data_gib: int
    profile_arn: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    user_data: pulumi.Input[str]
    tags: Mapping[str, str]


class MachineTemplate(pulumi.ComponentResource):
    """The launch template of the GPU machine."""

    template_id: pulumi.Output[str]
    version: pulumi.Output[str]
    image_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: MachineTemplateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("berth:machine:MachineTemplate", name, None, opts)
        template = aws.ec2.LaunchTemplate(
            f"{name}-template",
            name=f"{args.environment}-machine",
            description=f"The GPU machine of {args.environment}",
            image_id=args.image_id,
            update_default_version=True,
            ebs_optimized="true",
            # What shuts itself down, at the end of its lifetime say, is gone, and costs nothing.
            instance_initiated_shutdown_behavior="terminate",
            user_data=pulumi.Output.from_input(args.user_data).apply(encoded),
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=args.profile_arn),
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=_HOPS_TO_A_CONTAINER,
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            network_interfaces=[
                aws.ec2.LaunchTemplateNetworkInterfaceArgs(
                    device_index=0,
                    associate_public_ip_address="false",
                    delete_on_termination="true",
                    security_groups=[args.security_group_id],
                )
            ],
            block_device_mappings=[
                _volume(args.root_device, args.root_gib),
                _volume(DATA_DEVICE, args.data_gib),
            ],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=dict(args.tags))
                for kind in ("instance", "network-interface", "volume")
            ],
            tags={"Name": args.tags["Name"]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.template_id = template.id
        self.version = template.latest_version.apply(lambda version: str(int(version)))
        self.image_id = template.image_id.apply(str)
        self.register_outputs(
            {"template_id": self.template_id, "version": self.version, "image_id": self.image_id}
        )


def encoded(user_data: str) -> str:
    """User-data as a launch template takes it."""
    return base64.b64encode(user_data.encode()).decode()


def _volume(device: str, gib: int) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=device,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_type="gp3", volume_size=gib, encrypted="true", delete_on_termination="true"
        ),
    )
