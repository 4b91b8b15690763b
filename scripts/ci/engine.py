"""`python -m scripts.ci.engine`: prints the directory of the Pulumi engine, brought where there is none.

It is the release that rehearsals and tests use, checked against its published checksum.
"""

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from rehearsal import engine
from rehearsal.errors import BerthError
from rehearsal.paths import paths
from rehearsal.steps import Steps


def main() -> int:
    """Print it; what is being done goes to standard error."""
    with tempfile.TemporaryDirectory(prefix="berth-engine-") as logs:
        try:
            found = engine.ensure(paths(), Steps(Path(logs), Console(stderr=True)))
        except BerthError as error:
            print(f"error: {error.message}", error.hint, sep="\n", file=sys.stderr)
            return 1
    print(found.bin_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
