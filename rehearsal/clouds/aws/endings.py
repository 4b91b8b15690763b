"""How instances end other than by a call: shut down from inside, taken away by the spot market."""

from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.store import table

INTERRUPTED = "Server.SpotInstanceTermination"
SHUT_DOWN = "Client.InstanceInitiatedShutdown"
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
MESSAGES = {
    INTERRUPTED: "Server.SpotInstanceTermination: Spot instance termination",
    SHUT_DOWN: "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    "Server.InternalError": "Server.InternalError: Internal error on launch",
}
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
REQUEST_STATUS = {INTERRUPTED: "instance-terminated-no-capacity", SHUT_DOWN: "instance-terminated-by-user"}


def end(instance_id: str, reason: str, region: str) -> str:
    """Record that an instance ended by itself; returns the state it is in now.

    A shutdown from inside stops or terminates it, as its InstanceInitiatedShutdownBehavior says.

    Raises:
        LookupError: no such instance.
        ValueError: no such reason.
    """
    if reason not in MESSAGES:
        raise ValueError(f"reason is one of {', '.join(MESSAGES)}, not {reason!r}")
    with backends() as backend:
        instance = backend("ec2", region).get_instance_by_id(instance_id)
        if instance is None:
            raise LookupError(f"no instance {instance_id}")
        if instance.state in ("terminated", "stopped"):
            return str(instance.state)
        if reason == SHUT_DOWN and instance.instance_initiated_shutdown_behavior == "stop":
            instance.stop()
        else:
            instance.terminate()
            let_go(instance_id, region, REQUEST_STATUS.get(reason, "instance-terminated-by-service"))
        instance.state_reason.code = reason
        instance.state_reason.message = MESSAGES[reason]
        instance._reason = MESSAGES[reason]  # noqa: SLF001  # moto has no setter
        table("interruptions").pop(instance_id, None)
        return str(instance.state)


def let_go(instance_id: str, region: str, status: str) -> None:
    """Give back the addresses and close the spot request of an instance that was terminated."""
    with backends() as backend:
        ec2 = backend("ec2", region)
        for address in ec2.addresses:
            if address.instance is not None and address.instance.id == instance_id:
                ec2.disassociate_address(address=address.public_ip)
    for row in table("spot requests").values():
        if row["InstanceId"] == instance_id and row["State"] in ("active", "open"):
            row["State"] = "closed"
            row["Status"] = {
                "Code": status,
                "Message": status.replace("-", " "),
                "UpdateTime": datetime.now(UTC),
            }


def interrupt(instance_id: str, seconds: int, region: str) -> dict[str, Any]:
    """Give a spot instance notice: it ends in so many seconds. Whoever runs the machine ends it.

    Raises:
        LookupError: no such running spot instance.
    """
    with backends() as backend:
        instance = backend("ec2", region).get_instance_by_id(instance_id)
    if instance is None or instance.state != "running":
        raise LookupError(f"no running instance {instance_id}")
    if instance.lifecycle != "spot":
        raise LookupError(f"{instance_id} is no spot instance")
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)
    notice = {"instance_id": instance_id, "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "seconds": seconds}
    table("interruptions")[instance_id] = notice
    return notice


def interruptions() -> list[dict[str, Any]]:
    """The notices of instances that still run, oldest first."""
    return list(table("interruptions").values())
