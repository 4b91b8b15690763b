"""The way through the bucket, for a bring-up that is too large for user-data: fetch, check, unpack."""

from __future__ import annotations

import base64
import bz2
import hashlib
import json
import sys
from pathlib import Path

from .aws import Aws, Metadata

PLACE = "/etc/berth/payload.json"


def main() -> None:
    """PLACE names region, bucket, key and SHA-256."""
    place = json.loads(Path(PLACE).read_text())
    payload = Aws(place["region"], place["bucket"], Metadata()).get(place["key"])
    if payload is None or hashlib.sha256(payload).hexdigest() != place["sha256"]:
        sys.exit("{key} is not there, or its SHA-256 is not {sha256}".format(**place))
    unpack(payload, Path("/"))


def unpack(payload: bytes, root: Path) -> None:
    """Write every file of a payload below root."""
    for name, text in json.loads(bz2.decompress(base64.b85decode(payload))).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
