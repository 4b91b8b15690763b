"""Files that nobody but their owner may read, written whole or not at all."""

import contextlib
import os
from pathlib import Path


def write_private(file: Path, text: str) -> bool:
    """Write a file for its owner alone, and only where it differs; returns whether it did.

    A directory that is missing is made for the owner alone; one that exists keeps its mode.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if file.read_text() == text and not file.stat().st_mode & 0o077:
            return False
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    partial.replace(file)
    return True
