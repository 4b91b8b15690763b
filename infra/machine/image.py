"""Which image a machine boots: looked up once, then kept.

A look-up answers with the newest image of the day; were that an input, every release would replace the
machine. So the first answer is kept in an SSM parameter of the environment, which the program never changes.
To move on, change `pin` in the values: the parameter is made anew, with what is newest then.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.asking import ask
from infra.catalog.images import DISTRIBUTIONS
from infra.config.aws_vm import Image


@dataclass(frozen=True, kw_only=True)
class PinnedImageArgs:
    """found: the image's id, as looked up in this run. pin: another one takes what is found then."""

    environment: str
    role: str
    found: pulumi.Input[str]
    pin: str


class PinnedImage(pulumi.ComponentResource):
    """The image that a role of machines boots."""

    image_id: pulumi.Output[str]

    def __init__(self, name: str, args: PinnedImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:PinnedImage", name, None, opts)
        kept = aws.ssm.Parameter(
            f"{name}-kept",
            name=f"/berth/{args.environment}/images/{args.role}/{args.pin}",
            type="String",
            insecure_value=args.found,  # no secret: the provider would hide `value` from every preview
            description=f"The image of {args.environment}'s {args.role}",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["insecureValue"]),
        )
        self.image_id = kept.insecure_value.apply(str)
        self.register_outputs({"image_id": self.image_id})


def image_id(
    role: str,
    image: Image,
    *,
    environment: str,
    pin: str,
    asking: pulumi.InvokeOptions,
    opts: pulumi.ResourceOptions,
) -> pulumi.Input[str]:
    """The image of a role of machines: the one that the values name, or the one that was found first."""
    if image.id:
        return image.id
    args = PinnedImageArgs(environment=environment, role=role, found=look_up(image, asking), pin=pin)
    return PinnedImage(f"{role}-image", args, opts).image_id


def look_up(image: Image, opts: pulumi.InvokeOptions) -> str:
    """The id of the newest image that the values describe. Asks EC2 or SSM."""
    distribution = DISTRIBUTIONS[image.distribution]
    owner, name = image.owner or distribution.owner, image.name or distribution.name
    parameter = image.ssm or (
        distribution.nvidia_parameter if image.profile == "nvidia" else distribution.parameter
    )
    if parameter and not (image.owner and image.name):
        return ask(
            f"the SSM parameter {parameter}",
            "berth:machine.image says which; does it exist in this region, and may you read it?",
            lambda: aws.ssm.get_parameter(name=parameter, opts=opts).value,
        )
    return ask(
        f"the newest image {name} of {owner}",
        "berth:machine.image says which; is there one in this region?",
        lambda: _newest(owner, name, opts),
    )


def _newest(owner: str, name: str, opts: pulumi.InvokeOptions) -> str:
    found = aws.ec2.get_ami(
        owners=[owner],
        most_recent=True,
        filters=[
            aws.ec2.GetAmiFilterArgs(name="name", values=[name]),
            aws.ec2.GetAmiFilterArgs(name="architecture", values=["x86_64"]),
            aws.ec2.GetAmiFilterArgs(name="virtualization-type", values=["hvm"]),
            aws.ec2.GetAmiFilterArgs(name="state", values=["available"]),
        ],
        opts=opts,
    )
    return found.id
