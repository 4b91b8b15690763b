"""The user's own SSH keys: the one to be used, and the public halves that a machine may be given."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rehearsal.errors import BerthError

PUBLIC = re.compile(r"(?:ssh|ecdsa|sk-(?:ssh|ecdsa))-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}(?: .*)?")
KINDS = ("ed25519", "ed25519_sk", "ecdsa", "ecdsa_sk", "rsa")
MAKE_ONE = "Make one with `ssh-keygen -t ed25519`, or name yours in BERTH_SSH_KEY."


def chosen(environ: Mapping[str, str]) -> Path | None:
    """The private key that BERTH_SSH_KEY names; None leaves the choice to ssh and its agent.

    Raises:
        BerthError: there is no such file, or no key at all.
    """
    named = environ.get("BERTH_SSH_KEY")
    if named:
        key = Path(named).expanduser()
        if not key.is_file():
            raise BerthError(f"BERTH_SSH_KEY names {key}, which is not there", MAKE_ONE)
        return key
    if not public_keys(environ):
        raise BerthError("you have no SSH key: neither in ~/.ssh nor in an agent", MAKE_ONE)
    return None


def public_keys(environ: Mapping[str, str]) -> list[str]:
    """The user's public keys, the most likely first: BERTH_SSH_KEY's alone, else the agent's and ~/.ssh's."""
    named = environ.get("BERTH_SSH_KEY")
    if named:
        return [read(Path(named).expanduser())]
    found = _of_agent(environ)
    home = Path(environ.get("HOME") or Path.home()) / ".ssh"
    for kind in KINDS:
        file = home / f"id_{kind}.pub"
        if file.is_file():
            found.append(read(file))
    return list({" ".join(key.split()[:2]): key for key in reversed(found)}.values())[::-1]


def read(file: Path) -> str:
    """The public key in a file; a private key's file stands for the public one beside it.

    Raises:
        BerthError: the file is missing or holds something else.
    """
    public = file if file.suffix == ".pub" else file.with_name(f"{file.name}.pub")
    try:
        text = public.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise BerthError(
            f"the public key {public} cannot be read", f"Make it with `ssh-keygen -y -f {file} > {public}`."
        ) from None
    if not PUBLIC.fullmatch(text):
        raise BerthError(f"{public} is no public key", "It begins with ssh-ed25519, ssh-rsa or the like.")
    return text


def _of_agent(environ: Mapping[str, str]) -> list[str]:
    if not environ.get("SSH_AUTH_SOCK"):
        return []
    try:
        listed = subprocess.run(
            ["ssh-add", "-L"],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if PUBLIC.fullmatch(line.strip())]
