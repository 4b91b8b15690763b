"""`access refresh`: writes the own public address, and a key where there is none, into the values file."""

import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from rehearsal.errors import BerthError
from scripts.berth import keys, values
from scripts.berth.place import Place

CHECKIP = "https://checkip.amazonaws.com"
SECONDS = 10.0
# What `--up` may change where only addresses did: the bastion's list.
# https://www.pulumi.com/docs/iac/guides/basics/targeted-updates/
ADDRESS_LIST = "**ManagedPrefixList::*"


def own_address(place: Place) -> IPv4Address:
    """The address by which the Internet knows this machine.

    Raises:
        BerthError: the service cannot be reached, or answers no IPv4 address.
    """
    url = place.environ.get("BERTH_CHECKIP_URL") or CHECKIP
    # A rehearsal's service is on this machine; a real one must see what a connection to AWS shows.
    proxies = urllib.request.ProxyHandler({}) if place.rehearsed else urllib.request.ProxyHandler()
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=SECONDS) as response:
            text = response.read(200).decode(errors="replace").strip()
    except (urllib.error.URLError, OSError, ValueError) as reason:
        raise BerthError(
            f"{url}, which tells the own address, does not answer: {getattr(reason, 'reason', reason)}",
            "Name the address yourself with --address 198.51.100.7, or another service in BERTH_CHECKIP_URL.",
        ) from None
    return _ipv4(text, f"{url} says that your address is {text!r}")


def refresh(
    place: Place,
    env: str,
    *,
    address: str | None,
    add: bool,
    key: Path | None,
    ask: Callable[[list[str]], str],
) -> tuple[list[str], bool]:
    """Write both; returns the changed lines, and whether a key was among them.

    address: instead of asking the service. add: keep the addresses that are there. ask: chooses among keys.
    """
    file = values.file_of(place, env)
    before = values.read(file)
    addresses = [str(one) for one in before.get("allowed_addresses") or []]
    listed_keys = [str(one) for one in before.get("ssh_public_keys") or []]
    wanted = addresses
    if _kind(before) == "bastion":
        own = _ipv4(address, f"--address {address} is not usable") if address else own_address(place)
        wanted = list(dict.fromkeys([*(addresses if add else []), f"{own}/32"]))
    elif address or add:
        raise BerthError(
            f"{env} has no list of addresses: its access is {_kind(before)}",
            "Only a bastion has one. --key still gives the machine a key.",
        )
    new_key = _new_key(place, before, listed_keys, key, ask)
    # Both are known to be usable before either is written.
    changed = values.write(file, ("allowed_addresses",), wanted) if wanted != addresses else []
    key_lines = values.write(file, ("ssh_public_keys",), [*listed_keys, new_key]) if new_key else []
    return changed + key_lines, bool(key_lines)


def choose(candidates: list[str]) -> str:
    """One of the user's public keys, asked for on a terminal.

    Raises:
        BerthError: there is no terminal to ask on.
    """
    if len(candidates) == 1:
        return candidates[0]
    shown = [f"{number}  {_short(one)}" for number, one in enumerate(candidates, 1)]
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BerthError(
            "you have several SSH keys:\n  " + "\n  ".join(shown),
            "Name one with --key ~/.ssh/id_ed25519.pub.",
        )
    import typer

    print("Which key may log in?", *shown, sep="\n  ")
    number = int(typer.prompt("Number", type=int, default=1))
    if not 1 <= number <= len(candidates):
        raise BerthError(f"there is no key {number}", "Run the command again.")
    return candidates[number - 1]


def _new_key(
    place: Place,
    before: dict[str, Any],
    listed: list[str],
    key: Path | None,
    ask: Callable[[list[str]], str],
) -> str | None:
    """The key to be added, if one is."""
    if key is not None:
        wanted = keys.read(key.expanduser())
    elif listed or _kind(before) == "ssm":
        return None
    else:
        candidates = keys.public_keys(place.environ)
        if not candidates:
            raise BerthError("you have no SSH key: neither in ~/.ssh nor in an agent", keys.MAKE_ONE)
        wanted = ask(candidates)
    return None if wanted.split()[:2] in [one.split()[:2] for one in listed] else wanted


def _kind(config: dict[str, Any]) -> str:
    access = config.get("access")
    return str(access.get("kind", "ssm")) if isinstance(access, dict) else "ssm"


def _ipv4(text: str, what: str) -> IPv4Address:
    try:
        address = IPv4Address(text.removesuffix("/32"))
    except AddressValueError:
        raise BerthError(
            f"{what}, which is no IPv4 address", "Name it with --address 198.51.100.7."
        ) from None
    from infra.config.aws_values import own_address as checked

    try:
        checked(f"{address}/32")
    except ValueError as reason:
        raise BerthError(f"{what}: it {reason}", "Name it with --address 198.51.100.7.") from None
    return address


def _short(key: str) -> str:
    kind, blob, *comment = key.split(maxsplit=2)
    return f"{kind} …{blob[-12:]} {' '.join(comment)}"
