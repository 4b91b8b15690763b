"""What a rehearsal reads from, and adds to, an environment's values file.

A values file leaves out what belongs to one person or one day: the own address, the own key, the end of the
lifetime, where the images are. In an account, `berth access refresh` and `berth extend` write these down; in
a rehearsal they are the rehearsal's own.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rehearsal import addresses
from rehearsal.files import write_private
from rehearsal.paths import CHECKOUT, Paths

TARGET = re.compile(r"^ +berth:target: *['\"]?([a-z-]+)", re.MULTILINE)
CONFIG = re.compile(r"^config: *\n", re.MULTILINE)
LIFETIME = timedelta(hours=8)
RENEWED_BEFORE = timedelta(hours=1)  # an `up` with less than this left would be cut short
WITH_PERSONAL_VALUES = ("aws-vm",)


def target_in(text: str) -> str:
    """The target that a values file names; "local" where it names none, which the program then refuses."""
    found = TARGET.search(text)
    return found[1] if found else "local"


def target_of(env: str, checkout: Path = CHECKOUT) -> str:
    """The target of an environment."""
    try:
        return target_in((checkout / "stacks" / f"Pulumi.{env}.yaml").read_text())
    except OSError:
        return "local"


def key_file(where: Paths) -> Path:
    """The private half of the rehearsal's SSH key; the public half is beside it, in `.pub`."""
    return where.state / "ssh" / "id_ed25519"


def personal(where: Paths, now: datetime | None = None) -> dict[str, object]:
    """What a person would have written, key to value; the same until the lifetime nears its end."""
    now = now or datetime.now(UTC)
    file = where.state / "personal.json"
    try:
        kept: dict[str, object] = json.loads(file.read_text())
        if datetime.fromisoformat(str(kept["expires_at"])) > now + RENEWED_BEFORE:
            return kept
    except (OSError, ValueError, KeyError):
        pass
    values: dict[str, object] = {
        "allowed_addresses": [f"{addresses.own_address(where.run)}/32"],
        "ssh_public_keys": [_public_key(where)],
        "expires_at": (now + LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "image_source": f"docker://{addresses.REGISTRY}/berth",
    }
    write_private(file, json.dumps(values, indent=2))
    return values


def added(text: str, values: Mapping[str, object]) -> str:
    """A values file with those of the values that it does not have itself."""
    lines = [
        f"  berth:{key}: {json.dumps(value)}\n"
        for key, value in values.items()
        if not re.search(rf"^ +berth:{key}:", text, re.MULTILINE)
    ]
    return CONFIG.sub(lambda found: found[0] + "".join(lines), text, count=1)


def _public_key(where: Paths) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = key_file(where)
    public = private.with_suffix(".pub")
    if not (private.exists() and public.exists()):
        key = Ed25519PrivateKey.generate()
        text = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        write_private(private, secret.decode())
        public.write_text(f"{text.decode()} berth-rehearsal\n")
    return public.read_text().strip()
