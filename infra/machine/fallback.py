"""The last resort where no spot machine is to be had: the same machine on demand, for as long as that lasts.

A group of its own, of no machine, until the spot group has wanted one in vain for fifteen minutes; of none
again once the spot group has its machine. For a moment there may then be two, which train the same run
towards the same checkpoints.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.machine.group import MachineGroup, MachineGroupArgs

_PERIOD, _PERIODS = 300, 3
_Query = aws.cloudwatch.MetricAlarmMetricQueryArgs


@dataclass(frozen=True, kw_only=True)
class OnDemandFallbackArgs:
    """spot_group: whose machine is missing. machines: the group on demand; its `desired` is None."""

    spot_group: pulumi.Input[str]
    machines: MachineGroupArgs


class OnDemandFallback(pulumi.ComponentResource):
    """A machine on demand while there is no spot machine."""

    group: pulumi.Output[str]

    def __init__(
        self, name: str, args: OnDemandFallbackArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("berth:machine:OnDemandFallback", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.group = MachineGroup(f"{name}-machines", args.machines, self._child).group
        aws.cloudwatch.MetricAlarm(
            f"{name}-missing",
            alarm_description="The spot group has wanted a machine for 15 minutes",
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=_PERIODS,
            treat_missing_data="notBreaching",
            metric_queries=[
                self._metric("wanted", "GroupDesiredCapacity"),
                self._metric("there", "GroupInServiceInstances"),
                _Query(id="missing", expression="wanted - there", label="missing", return_data=True),
            ],
            alarm_actions=[self._capacity("start", 1)],
            ok_actions=[self._capacity("stop", 0)],
            tags={"Name": f"{args.machines.environment}-spot-missing"},
            opts=self._child,
        )
        self.register_outputs({"group": self.group})

    def _metric(self, id_: str, metric: str) -> _Query:
        return _Query(
            id=id_,
            return_data=False,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/AutoScaling",
                metric_name=metric,
                dimensions={"AutoScalingGroupName": self._args.spot_group},
                period=_PERIOD,
                stat="Maximum",
            ),
        )

    def _capacity(self, role: str, machines: int) -> pulumi.Output[str]:
        policy = aws.autoscaling.Policy(
            f"{self._name}-{role}",
            autoscaling_group_name=self.group,
            policy_type="SimpleScaling",
            adjustment_type="ExactCapacity",
            scaling_adjustment=machines,
            opts=self._child,
        )
        return policy.arn
