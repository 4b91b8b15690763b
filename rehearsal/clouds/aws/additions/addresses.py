"""Elastic IP addresses: taken in order from the network that a rehearsal routes to its machines."""

from collections.abc import Mapping
from typing import Any

from rehearsal import addresses
from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.adjustments import ELASTIC
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends


@answers("ec2", "AllocateAddress")
def allocate(call: Call) -> Mapping[str, Any]:
    """The lowest free address, in the `vpc` domain as it is the only one left."""
    with backends() as backend:
        taken = {address.public_ip for address in backend("ec2", call.region).addresses}
    free = next((ip for number in ELASTIC if (ip := str(addresses.ELASTIC[number])) not in taken), None)
    if free is None:
        raise AwsError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    return call.forward(Address=call.params.get("Address") or free, Domain="vpc")
