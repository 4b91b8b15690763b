"""The tag of an image, from its content: the one place of this rule.

`python images/tag.py NAME [BASE]` prints it. The tag is the first sixteen hexadecimal digits of a SHA-256
over the image's folder, the sources that it copies and the reference of its base; so an image that exists
under its tag is the right one, and needs neither building nor pushing. Standard library only, loaded by its
path.
"""

import hashlib
import re
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BASE = "base-cpu"
_COMMON = ("workloads/__init__.py", "workloads/common")
SOURCES: dict[str, tuple[str, ...]] = {
    BASE: (),
    "train": (*_COMMON, "workloads/smoke.py", "workloads/train"),
    "serve": (*_COMMON, "workloads/serve"),
}


def files(image: str) -> list[Path]:
    """Every file that determines an image, sorted, relative to the checkout."""
    if image not in SOURCES:
        raise ValueError(f"there is no image {image!r}; there are {', '.join(SOURCES)}")
    found: set[Path] = set()
    for source in (f"images/{image}", *SOURCES[image]):
        path = CHECKOUT / source
        found.update(path.rglob("*") if path.is_dir() else [path])
    return sorted(path.relative_to(CHECKOUT) for path in found if path.is_file() and _counts(path))


def _counts(path: Path) -> bool:
    return path.suffix != ".pyc" and not path.name.startswith(".") and not path.name.endswith("~")


def tag(image: str, base: str | None = None) -> str:
    """An image's tag. base: the base's reference; by default the rehearsal's, by its own content."""
    if base is None and image != BASE:
        base = f"{BASE}:{tag(BASE)}"
    elif base is not None and not re.search(r"@sha256:[0-9a-f]{64}$", base):
        raise ValueError(
            f"the base {base!r} is not pinned: add its digest, as in NAME@sha256:… (64 hex digits)"
        )
    digest = hashlib.sha256(f"{image}\0{base or ''}\0".encode())
    for path in files(image):
        content = (CHECKOUT / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    try:
        print(tag(*sys.argv[1:3]))  # noqa: T201
    except (TypeError, ValueError) as reason:
        sys.exit(f"images/tag.py: {reason or 'the name of an image is required'}")
