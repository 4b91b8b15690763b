"""The StackOutputs of an environment with a machine, read back."""

from infra.outputs import AwsVmDeployed, aws_vm_from_mapping
from rehearsal.errors import BerthError
from rehearsal.values import target_of
from scripts.berth.place import Place

TARGET = "aws-vm"


def deployed(place: Place, env: str) -> AwsVmDeployed:
    """The environment's outputs.

    Raises:
        BerthError: it has no machine, has not been deployed, or not to its end.
    """
    if target_of(env) != TARGET:
        raise BerthError(
            f"{env} has no machine: its target is {target_of(env)}",
            "This command is for environments with `berth:target: aws-vm`.",
        )
    try:
        return aws_vm_from_mapping(place.outputs(env))
    except (KeyError, TypeError, ValueError) as missing:
        raise BerthError(
            f"{env} is not deployed to its end: these outputs are missing or unreadable: {missing}",
            f"Deploy it: `{place.prefix} up {env}`.",
        ) from None
