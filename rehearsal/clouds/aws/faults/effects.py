"""What a fault does to a request: refuse it, do it and say nothing, or hide for a while what it made.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and the common errors of
each service; each protocol has its own name for throttling.
"""

import contextlib
import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

from rehearsal.clouds.aws import keys
from rehearsal.clouds.aws.calls import AwsError, Call, Reply
from rehearsal.clouds.aws.emulator import TURN
from rehearsal.clouds.aws.faults.rules import Counters, Rule, decide, parse

_NOT_FOUND = {
    "i-": "InvalidInstanceID.NotFound",
    "vpc-": "InvalidVpcID.NotFound",
    "subnet-": "InvalidSubnetID.NotFound",
    "sg-": "InvalidGroup.NotFound",
    "rtb-": "InvalidRouteTableID.NotFound",
    "igw-": "InvalidInternetGatewayID.NotFound",
    "eni-": "InvalidNetworkInterfaceID.NotFound",
    "vol-": "InvalidVolume.NotFound",
    "snap-": "InvalidSnapshot.NotFound",
    "ami-": "InvalidAMIID.NotFound",
    "nat-": "NatGatewayNotFound",
    "eipalloc-": "InvalidAllocationID.NotFound",
    "lt-": "InvalidLaunchTemplateId.NotFound",
    "pl-": "InvalidPrefixListID.NotFound",
    "vpce-": "InvalidVpcEndpointId.NotFound",
}
_MISSING = {
    "iam": ("NoSuchEntity", 404),
    "ecr": ("RepositoryNotFoundException", 400),
    "sns": ("NotFound", 404),
    "s3": ("NoSuchBucket", 404),
    "budgets": ("NotFoundException", 400),
    "autoscaling": ("ValidationError", 400),
}


class Faults:
    """The rules in force, what they have done, and what is hidden at the moment."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.done: list[dict[str, str]] = []
        self._counters = Counters()
        self._known: set[str] = set()
        self._hidden: dict[str, int] = {}
        self._refused: dict[str, int] = {}

    def use(self, content: list[dict[str, Any]]) -> None:
        """Replace the rules and forget what was counted; ValueError for wrong ones."""
        rules = parse(content)
        with TURN:
            self.rules, self._counters = rules, Counters()
            self.done = []
            self._hidden, self._refused = {}, {}

    def through(self, call: Call, respond: Callable[[Call], Reply]) -> Reply:
        """Answer a call, or have it suffer the fault that is due.

        Raises:
            ConnectionError: the client gets no answer; its connection is gone.
        """
        with TURN:
            rule, self._counters = decide(self.rules, self._counters, call.service, call.operation)
            if rule:
                self.done.append({"class": rule.kind, "call": call.name})
            concealed = self._concealed(call)
        if concealed:
            return call.answer(concealed)
        if rule is None:
            reply = respond(call)
            self._new(call, reply)
            return reply
        return self._suffer(rule, call, respond)

    def _suffer(self, rule: Rule, call: Call, respond: Callable[[Call], Reply]) -> Reply:
        if rule.kind == "connection-reset":
            drop(call, reset=True)
        if rule.kind == "timeout-after-commit":
            respond(call)
            drop(call, reset=False)
        if rule.kind == "late-consistency":
            reply = respond(call)
            new = self._new(call, reply)
            with TURN:
                self._hidden |= dict.fromkeys(new, rule.reads)
            return reply
        if rule.kind == "DependencyViolation":
            return self._refuse_deletion(rule, call, respond)
        return call.answer(error(rule.kind, call))

    def _refuse_deletion(self, rule: Rule, call: Call, respond: Callable[[Call], Reply]) -> Reply:
        with TURN:
            for name in _names(call.params):
                self._refused.setdefault(name, rule.tries)
        refused = self._concealed(call)
        return call.answer(refused) if refused else respond(call)

    def _new(self, call: Call, reply: Reply) -> set[str]:
        """What a call has made: what it names and no earlier one that changes something did."""
        if call.only_reads or reply.status >= 300:
            return set()
        # Ids in XML and JSON alike: they are enough to know a thing again.
        named = set(re.findall(r"\b(?:[a-z]{1,8}-[0-9a-f]{8,17})\b", reply.body.decode(errors="replace")))
        asked = set(_names(call.params))
        # What is made under a name has it from the request; in EC2 those are other things.
        named = named - asked if call.service == "ec2" else named | asked
        with TURN:
            new = named - self._known
            self._known |= new
        return new

    def _concealed(self, call: Call) -> AwsError | None:
        """The refusal of a call that names something which is hidden, or not to be deleted yet."""
        if not self._hidden and not self._refused:
            return None
        named = list(_names(call.params))
        for name in named:
            if call.only_reads and self._hidden.get(name):
                self._hidden[name] -= 1
                return _not_found(call, name)
            if call.operation.startswith(("Delete", "Detach", "Release")) and self._refused.get(name):
                self._refused[name] -= 1
                return AwsError("DependencyViolation", f"resource {name} has a dependent object")
        return None


def error(kind: str, call: Call) -> AwsError:
    """The error of a class, as the call's service says it."""
    if kind == "throttle":
        return _throttled(call)
    if kind == "internal-error":
        return AwsError("InternalError" if call.service in ("ec2", "s3") else "InternalFailure", "fault", 500)
    if kind == "expired-credentials":
        return keys.expired(call)
    if kind == "InsufficientInstanceCapacity":
        wanted = call.params.get("InstanceType", "")
        return AwsError(
            kind,
            f"We currently do not have sufficient {wanted} capacity in the Availability Zone you requested. "
            "Our system will be working on provisioning additional capacity.",
            500,
        )
    return AwsError(
        kind, "You have requested more vCPU capacity than your current vCPU limit of 0 allows for."
    )


def _throttled(call: Call) -> AwsError:
    if call.service == "s3":
        return AwsError("SlowDown", "Please reduce your request rate.", 503)
    if call.service == "ec2":
        return AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
    if call.protocol in ("query", "rest-xml"):
        return AwsError("Throttling", "Rate exceeded", 400)
    return AwsError("ThrottlingException", "Rate exceeded", 400)


def _not_found(call: Call, name: str) -> AwsError:
    for prefix, code in _NOT_FOUND.items():
        if call.service == "ec2" and name.startswith(prefix):
            return AwsError(code, f"The ID '{name}' does not exist")
    code, status = _MISSING.get(call.service, ("ResourceNotFoundException", 400))
    return AwsError(code, f"{name} cannot be found.", status)


def _names(value: Any) -> Iterator[str]:
    """The ids and names in a request: every string under a key that ends in Id, Ids, Name, Names or Arn."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in ("ClientToken", "ClientRequestToken", "DryRun"):
            continue
        if isinstance(inner, str) and key.endswith(("Id", "Name", "Arn", "Bucket", "name")):
            yield inner
        elif isinstance(inner, list) and key.endswith(("Ids", "Names", "names", "Arns")):
            yield from (entry for entry in inner if isinstance(entry, str))


def drop(call: Call, *, reset: bool) -> None:
    """End the client's connection without an answer; with reset by a TCP reset.

    Raises:
        ConnectionError: always, so that the server writes nothing more.
    """
    connection = call.environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(connection.detach())  # close() would wait for the readers of the same socket
            else:
                connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError(f"fault: no answer to {call.name}")
