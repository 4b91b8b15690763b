"""Names and leases: a dnsmasq in the namespace for the machines, one outside that asks our servers.

Inside, the host names of AWS and of the vendors' package sources lead to the emulated account; all else
is what it is on the Internet.
"""

import hashlib
from ipaddress import IPv4Network
from pathlib import Path

from rehearsal import process
from rehearsal.machines.model import Account
from rehearsal.machines.network import namespace
from rehearsal.machines.network.plan import (
    ENDPOINT_SERVICES,
    OTHER_SERVICES,
    SOFTWARE,
    SOFTWARE_HOSTS,
    Plan,
    service_address,
    service_host,
)
from rehearsal.paths import Paths
from rehearsal.process import Daemon

_COMMON = ["keep-in-foreground", "pid-file=", "log-facility=-", "no-hosts", "bind-dynamic", "user=root"]


def configuration(account: Account, plan: Plan, leases: str, mtu: int) -> str:
    """The machines' dnsmasq. leases: its lease file; mtu: bytes, told by DHCP."""
    domain = internal_domain(account.region)
    lines = [
        *_COMMON,
        "interface=lo",
        "interface=m*",
        "no-resolv",
        f"server={plan.outside}",
        "dhcp-authoritative",
        f"dhcp-leasefile={leases}",
        f"domain={domain}",
        f"dhcp-option=26,{mtu}",
        "no-ping",
        f"address=/amazonaws.com/{OTHER_SERVICES}",
    ]
    lines += [
        f"address=/{service_host(service, account.region)}/{service_address(service)}"
        for service in ENDPOINT_SERVICES
    ]
    lines += [f"address=/{host}/{SOFTWARE}" for host in SOFTWARE_HOSTS]
    for subnet in sorted(account.subnets.values(), key=lambda s: s.id):
        network = IPv4Network(subnet.cidr)
        lines.append(f"dhcp-range=set:{subnet.id},{network[0]},static,{network.netmask},1h")
        lines.append(f"dhcp-option=tag:{subnet.id},option:dns-server,{subnet.resolver}")
    for machine in account.instances:
        if not machine.gone:
            name = host_name(machine.address)
            lines.append(f"dhcp-host={machine.mac},{machine.address},{name}")
            lines.append(f"host-record={name}.{domain},{machine.address}")
    return "\n".join(lines) + "\n"


def internal_domain(region: str) -> str:
    """The private DNS domain (docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html)."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def host_name(address: str) -> str:
    """The private host name of an address, without its domain."""
    return f"ip-{address.replace('.', '-')}"


def ensure(account: Account, plan: Plan, where: Paths) -> None:
    """Have both servers running on their present settings. where: the machines' own paths."""
    outside = [*_COMMON, f"listen-address={plan.outside}"]
    _ensure("names-outside", "\n".join(outside) + "\n", [], where)
    leases = where.run / "leases"
    text = configuration(account, plan, str(leases), namespace.mtu())
    if _stopped_if_changed("names", text, where) and leases.exists():
        leases.write_text(living_leases(leases.read_text(), account))
    _ensure("names", text, namespace.inside(plan), where)


def living_leases(leases: str, account: Account) -> str:
    """A lease file without the leases of machines that are gone.

    dnsmasq would keep an address for them that the account has given to another machine. A line has the
    lease's end, hardware address, address, name and client.
    """
    known = {(machine.mac, machine.address) for machine in account.instances if not machine.gone}
    return "".join(f"{line}\n" for line in leases.splitlines() if tuple(line.split()[1:3]) in known)


def _file(name: str, text: str, where: Paths) -> Path:
    return where.run / f"{name}.{hashlib.sha256(text.encode()).hexdigest()[:8]}.conf"


def _stopped_if_changed(name: str, text: str, where: Paths) -> bool:
    """Whether the server does not run, or not any more because its settings are others now."""
    if process.pid_of(where, name) is not None and _file(name, text, where).exists():
        return False
    process.stop(where, name)
    return True


def _ensure(name: str, text: str, prefix: list[str], where: Paths) -> None:
    if not _stopped_if_changed(name, text, where):
        return
    file = _file(name, text, where)
    for old in where.run.glob(f"{name}.*.conf"):
        old.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    process.start(where, Daemon(name=name, argv=[*prefix, "dnsmasq", f"--conf-file={file}"]))


def stop(where: Paths) -> None:
    """End both servers."""
    for name in ("names", "names-outside"):
        process.stop(where, name, grace=2.0)
