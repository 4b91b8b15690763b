"""`smoke.py IMAGE`, run inside the image as its own user: can it do its work there, and nothing more?

The tests lie beside this file, in `tests`. Exit status 0 only if every one of them was run and passed.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path


def main(image: str) -> int:
    """Check the user and what it may write, then run the image's tests."""
    places = ("/app", "/usr", "/etc")
    problems = [f"{place} may be written" for place in places if os.access(place, os.W_OK)]
    if os.getuid() == 0:
        problems.append("the image runs as root")
    if not os.access(tempfile.gettempdir(), os.W_OK):
        problems.append("there is no place for temporary files")
    tests = Path(__file__).resolve().parent / "tests"
    suite = unittest.defaultTestLoader.discover(str(tests), f"test_{image}_image.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    if not result.testsRun or result.skipped:
        problems.append("tests were left out")
    for problem in problems:
        sys.stdout.write(f"smoke test: {problem}\n")
    return 0 if result.wasSuccessful() and not problems else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
