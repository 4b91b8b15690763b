"""The policy pack, as the engine is told of it."""

import re
from pathlib import Path

from rehearsal.paths import CHECKOUT

VIRTUALENV = re.compile(r"^ *virtualenv: *['\"]?([^'\"\s#]+)", re.MULTILINE)


def arguments(checkout: Path = CHECKOUT) -> list[str]:
    """`--policy-pack DIR` where there is a pack and its Python environment is installed, else nothing."""
    pack = checkout / "infra" / "policy"
    try:
        text = (pack / "PulumiPolicy.yaml").read_text()
    except OSError:
        return []
    named = VIRTUALENV.search(text)
    ready = named is not None and (pack / named[1] / "bin" / "python").exists()
    return ["--policy-pack", str(pack)] if ready else []
