"""The way in through AWS Systems Manager: no address, no open port, no key.

The agent on a machine asks AWS whether somebody wants a session; who may start one, IAM says. What the agent
needs on its way there, an endpoint or a NAT gateway, belongs to the network.
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# The narrowest documented set; AmazonSSMManagedInstanceCore would also read every parameter of the account.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


@dataclass(frozen=True, kw_only=True)
class SessionManagerArgs:
    """role: name of the machines' role."""

    role: pulumi.Input[str]


class SessionManager(pulumi.ComponentResource):
    """What lets the machines of a role take part in sessions."""

    def __init__(
        self, name: str, args: SessionManagerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("berth:access:SessionManager", name, None, opts)
        aws.iam.RolePolicy(
            f"{name}-sessions",
            role=args.role,
            policy=agent_policy(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def agent_policy() -> str:
    """The policy, as JSON. None of its actions can be limited to a resource.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsessionmanagermessagegatewayservice.html
    """
    statement = {"Effect": "Allow", "Action": list(_ACTIONS), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
