"""How a machine gets its bring-up: as user-data, or, where that is too small, through the bucket."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.machine import bringup
from infra.machine.target import with_images


@dataclass(frozen=True, kw_only=True)
class UserDataArgs:
    """plan: without images. through_bucket: the machine fetches the bring-up, and checks its SHA-256.

    lifetime_key: where in the bucket the machine reads at its first boot how long it may live.
    """

    plan: bringup.BringUp
    bucket: pulumi.Input[str]
    train_image: pulumi.Input[str]
    serve_image: pulumi.Input[str]
    dataset_key: pulumi.Input[str]
    lifetime_key: pulumi.Input[str]
    through_bucket: bool


class UserData(pulumi.ComponentResource):
    """What the GPU machine is told at its first boot."""

    text: pulumi.Output[str]

    def __init__(self, name: str, args: UserDataArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:UserData", name, None, opts)
        known = pulumi.Output.all(
            plan=args.plan,
            train=args.train_image,
            serve=args.serve_image,
            dataset_key=args.dataset_key,
            lifetime_key=args.lifetime_key,
        )
        if args.through_bucket:
            payload = known.apply(_payload)
            stored = aws.s3.BucketObjectv2(
                f"{name}-payload",
                bucket=args.bucket,
                key=payload.apply(bringup.payload_key),
                content=payload,
                content_type="text/plain",
                opts=pulumi.ResourceOptions(parent=self),
            )
            # Not before it is there.
            self.text = pulumi.Output.all(known, stored.key).apply(lambda both: _loader(both[0]))
        else:
            self.text = known.apply(_render)
        self.register_outputs({"text": self.text})


def _filled(known: dict[str, Any]) -> bringup.BringUp:
    return with_images(
        known["plan"], train=known["train"], serve=known["serve"], dataset_key=known["dataset_key"]
    )


def _render(known: dict[str, Any]) -> str:
    return bringup.render(_filled(known))


def _payload(known: dict[str, Any]) -> str:
    return bringup.payload(_filled(known))


def _loader(known: dict[str, Any]) -> str:
    return bringup.loader(_filled(known))
