"""The group that keeps one GPU machine running: spot capacity over several types and zones.

An interrupted machine is replaced wherever there is capacity. The group ends with the environment's lifetime:
otherwise it would replace the machine that has shut itself down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.machine.template import MachineTemplate

_Distribution = aws.autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs
_Template = aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs
_Specification = aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs
_Override = aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs


@dataclass(frozen=True, kw_only=True)
class MachineGroupArgs:
    """subnets: private ones, a zone each. instance_types: the candidates, the cheapest first.

    max_price: US dollars an hour, None for the on-demand price. expires_at: when the group has no machine any
    more. tags: of the group and, as they are then, of each new machine. desired: machines wanted, 0 or 1.
    """

    environment: str
    role: str = "machine"
    template: MachineTemplate
    subnets: Sequence[pulumi.Input[str]]
    instance_types: tuple[str, ...]
    spot: bool
    max_price: float | None
    rebalance: bool
    expires_at: str
    tags: Mapping[str, str]
    desired: int | None = 1


class MachineGroup(pulumi.ComponentResource):
    """One GPU machine, replaced when it is interrupted."""

    group: pulumi.Output[str]

    def __init__(self, name: str, args: MachineGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:MachineGroup", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.autoscaling.Group(
            f"{name}-group",
            name=f"{args.environment}-{args.role}",
            min_size=0,
            max_size=1,
            desired_capacity=args.desired,
            vpc_zone_identifiers=list(args.subnets),
            mixed_instances_policy=aws.autoscaling.GroupMixedInstancesPolicyArgs(
                instances_distribution=distribution(spot=args.spot, max_price=args.max_price),
                launch_template=_Template(
                    launch_template_specification=_Specification(
                        launch_template_id=args.template.template_id, version=args.template.version
                    ),
                    overrides=[_Override(instance_type=one) for one in args.instance_types],
                ),
            ),
            health_check_type="EC2",
            # A foreseen end is often none, and each replacement costs the time since the last checkpoint.
            # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-capacity-rebalancing.html
            capacity_rebalance=args.rebalance,
            # Spot capacity may take hours to come: `up` does not wait for it, `berth verify` does.
            wait_for_capacity_timeout="0",
            # With one machine there is no room for another: a changed template ends the old one first.
            instance_refresh=aws.autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(min_healthy_percentage=0),
            ),
            enabled_metrics=[
                aws.autoscaling.Metric.GROUP_DESIRED_CAPACITY,
                aws.autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
            ],
            # The provider's default tags do not reach groups, nor what they launch.
            # https://github.com/hashicorp/terraform-provider-aws/issues/19204
            tags=[
                aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
                for key, value in sorted(args.tags.items())
            ],
            opts=child,
        )
        aws.autoscaling.Schedule(
            f"{name}-end",
            scheduled_action_name="end-of-lifetime",
            autoscaling_group_name=group.name,
            start_time=args.expires_at,
            min_size=0,
            max_size=0,
            desired_capacity=0,
            opts=child,
        )
        self.group = group.name
        self.register_outputs({"group": self.group})


def distribution(*, spot: bool, max_price: float | None) -> _Distribution:
    """Spot machines alone, or on-demand ones alone; a group does not turn from one to the other by itself.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/mixed-instances-groups-set-up-overview.html
    """
    if not spot:
        return _Distribution(
            on_demand_base_capacity=0,
            on_demand_percentage_above_base_capacity=100,
            on_demand_allocation_strategy="lowest-price",
        )
    return _Distribution(
        on_demand_base_capacity=0,
        on_demand_percentage_above_base_capacity=0,
        spot_allocation_strategy="price-capacity-optimized",
        spot_max_price=None if max_price is None else f"{max_price:g}",
    )
