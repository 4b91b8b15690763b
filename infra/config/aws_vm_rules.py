"""Rules over several values of `aws-vm`, each silent where it is kept."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.catalog import accelerators, gpu_stack
from infra.catalog.images import DISTRIBUTIONS
from infra.config.aws_values import instant
from infra.config.shared import PROJECT, Rule
from infra.network import plan
from infra.problems import Problem

if TYPE_CHECKING:
    from infra.config.aws_vm import AwsVmEnvironment


def lifetime(env: "AwsVmEnvironment", now: datetime) -> Iterator[Problem]:
    """An environment ends, and not too far away."""
    ends = instant(env.expires_at)
    longest = timedelta(hours=env.longest_lifetime_hours)
    later = f'expires_at: "{(now + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")}"'
    if ends <= now:
        reason = f"is past ({env.expires_at}); `berth extend {env.environment} 8h` writes a later one"
        yield _problem("expires_at", reason, later)
    elif ends > now + longest:
        reason = (
            f"{env.expires_at} is further away than the {env.longest_lifetime_hours} hours of "
            "longest_lifetime_hours; extend it when the time comes"
        )
        yield _problem("expires_at", reason, later)


def access(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """Who comes in by SSH has a key, and to a bastion an address."""
    kind = env.access.kind
    if kind != "ssm" and not env.ssh_public_keys:
        reason = (
            f"must name a key where access.kind is {kind}; "
            f"`berth access refresh {env.environment} --key FILE` writes yours"
        )
        yield _problem("ssh_public_keys", reason, "- ssh-ed25519 AAAA…")
    if kind == "bastion" and not env.allowed_addresses:
        reason = (
            f"must name an address where access.kind is bastion; `berth access refresh {env.environment}` "
            "writes yours"
        )
        yield _problem("allowed_addresses", reason, "- 203.0.113.7/32")


def network(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """The range holds the zones' subnets, and the zones are the region's."""
    values = env.network
    for reason in plan.problems(
        values.cidr, values.zones, {range_: what for what, range_ in values.avoid.items()}
    ):
        key = "zones" if "zone" in reason or "same letter" in reason else "cidr"
        yield _problem(f"network.{key}", reason, _EXAMPLES[key])
    for zone in values.zones:
        if zone[:-1] != env.region:
            yield _problem("network.zones", f"{zone} is not in {env.region}", f"- {env.region}a")


def accelerator(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """There are machines with these GPUs in the region."""
    machine, region = env.machine, env.region
    if machine.accelerator not in accelerators.ACCELERATORS:
        near = accelerators.nearest(machine.accelerator, accelerators.ACCELERATORS)
        known = (
            f"did you mean {' or '.join(near)}?" if near else f"known: {_listed(accelerators.ACCELERATORS)}"
        )
        reason = f'"{machine.accelerator}" is not in the catalogue; {known}'
        yield _problem("machine.accelerator", reason, f"accelerator: {near[0] if near else 'T4'}")
        return
    there = accelerators.counts(machine.accelerator, region)
    anywhere = accelerators.counts(machine.accelerator)
    if machine.count not in anywhere:
        reason = (
            f"no machine has {machine.count} {machine.accelerator}; there are those with {_listed(anywhere)}"
        )
        yield _problem("machine.count", reason, f"count: {anywhere[0]}")
    elif machine.count not in there:
        offered = _listed(accelerators.regions_with(machine.accelerator, machine.count))
        reason = f"{region} offers no machine with {machine.count} {machine.accelerator}; these do: {offered}"
        yield _problem("region", reason, "region: us-east-1")
    yield from _instance_types(env)


def _instance_types(env: "AwsVmEnvironment") -> Iterator[Problem]:
    machine, known = env.machine, accelerators.instance_types()
    fitting = [
        one.name
        for one in known.values()
        if (one.accelerator, one.count) == (machine.accelerator, machine.count) and env.region in one.regions
    ]
    for name in machine.instance_types:
        path, example = "machine.instance_types", f"- {fitting[0]}" if fitting else "- g4dn.xlarge"
        if name not in known:
            near = accelerators.nearest(name, known)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            yield _problem(path, f"{name} is not in the catalogue{hint}", example)
        elif (known[name].accelerator, known[name].count) != (machine.accelerator, machine.count):
            has = f"{known[name].count} {known[name].accelerator}"
            yield _problem(path, f"{name} has {has}, not {machine.count} {machine.accelerator}", example)
        elif env.region not in known[name].regions:
            yield _problem(path, f"{name} is not offered in {env.region}", example)


def software(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """Driver, CUDA and PyTorch go together, and with the GPU."""
    known = accelerators.ACCELERATORS.get(env.machine.accelerator)
    if known is None:
        return
    values = env.machine.software
    if values.torch and not values.cuda and gpu_stack.default_cuda(values.torch) is None:
        reason = (
            f"the catalogue does not know which CUDA PyTorch {values.torch} is built for; name it as cuda"
        )
        yield _problem("machine.software.torch", reason, 'cuda: "13.2"')
        return
    for key, reason in gpu_stack.mismatches(known, chosen_software(env)).items():
        yield _problem(f"machine.software.{key}", reason, _EXAMPLES[key])


def chosen_software(env: "AwsVmEnvironment") -> gpu_stack.Software:
    """The profile, with what the values set beside it."""
    values = env.machine.software
    profile = gpu_stack.PROFILES[values.profile]
    torch = values.torch or profile.torch
    wheel = (gpu_stack.default_cuda(torch) if values.torch else None) or profile.cuda
    return gpu_stack.Software(
        driver=values.driver or profile.driver,
        toolkit=values.toolkit or profile.toolkit,
        torch=torch,
        cuda=values.cuda or wheel,
    )


def image(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """An image is found one way, and holds what cannot be installed."""
    values, path = env.machine.image, "machine.image"
    if (values.owner is None) != (values.name is None):
        yield _problem(path, "owner and name go together: whose image, and which", 'owner: "136693071363"')
    ways = [
        way
        for way, given in (
            ("ssm", values.ssm),
            ("owner and name", values.owner or values.name),
            ("id", values.id),
        )
        if given
    ]
    if len(ways) > 1:
        reason = f"is found by {' and by '.join(ways)}; one of them is enough"
        yield _problem(path, reason, "id: ami-0123456789abcdef0")
    distribution = DISTRIBUTIONS[values.distribution]
    if values.profile == "nvidia" and not ways and not distribution.nvidia_parameter:
        having = _listed(name for name, one in DISTRIBUTIONS.items() if one.nvidia_parameter)
        reason = f"there is no Deep Learning AMI of {values.distribution}; there is of {having}"
        yield _problem(f"{path}.distribution", reason, "distribution: ubuntu-24.04")
    known = accelerators.ACCELERATORS.get(env.machine.accelerator)
    if values.profile == "nvidia" and not ways and known and not gpu_stack.open_kernel(known):
        reason = f"AWS's Deep Learning AMIs do not drive the {known.name}; install the driver"
        yield _problem(f"{path}.profile", reason, "profile: plain")
    if env.network.nat == "none" and values.profile == "plain":
        reason = (
            "without NAT nothing can be installed: choose an image that has driver, docker and toolkit "
            "(profile nvidia), or network.nat one"
        )
        yield _problem(f"{path}.profile", reason, "profile: nvidia")


def price(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """A highest price and a last resort are for spot machines."""
    machine = env.machine
    if not machine.spot and machine.max_price is not None:
        yield _problem(
            "machine.max_price", "is for spot machines; leave it out where spot is false", "spot: true"
        )
    if not machine.spot and machine.on_demand_fallback:
        reason = "is the last resort of spot machines; leave it out where spot is false"
        yield _problem("machine.on_demand_fallback", reason, "spot: true")


def jupyter(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """A notebook server is an image."""
    if env.jupyter.enabled and env.jupyter.image is None:
        digest = "sha256:" + "0" * 8 + "…"
        yield _problem("jupyter.image", "is required where jupyter is enabled", f"quay.io/jupyter/…@{digest}")


def people(env: "AwsVmEnvironment", _now: datetime) -> Iterator[Problem]:
    """Members are members of something."""
    if env.people.users and not env.people.enabled:
        yield _problem("people.enabled", "is false, but users are named", "enabled: true")


def _problem(path: str, reason: str, example: str = "") -> Problem:
    return Problem(path=f"{PROJECT}:{path}", reason=reason, example=example)


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values)


_EXAMPLES = {
    "cidr": "cidr: 10.42.0.0/16",
    "zones": "zones: [us-east-1a, us-east-1b]",
    "driver": 'driver: "580"',
    "toolkit": 'toolkit: "1.20.0"',
    "torch": 'torch: "2.14"',
    "cuda": 'cuda: "12.6"',
}

RULES = (
    Rule(keys=("expires_at", "longest_lifetime_hours"), problems=lifetime),
    Rule(keys=("access.kind", "ssh_public_keys", "allowed_addresses"), problems=access),
    Rule(keys=("network.cidr", "network.zones", "network.avoid", "region"), problems=network),
    Rule(
        keys=("machine.accelerator", "machine.count", "machine.instance_types", "region"),
        problems=accelerator,
    ),
    Rule(keys=("machine.accelerator", "machine.software"), problems=software),
    Rule(keys=("machine.image", "machine.accelerator", "network.nat"), problems=image),
    Rule(keys=("machine.spot", "machine.max_price", "machine.on_demand_fallback"), problems=price),
    Rule(keys=("jupyter",), problems=jupyter),
    Rule(keys=("people",), problems=people),
)
