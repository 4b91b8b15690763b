"""The tag of an image, which follows from what is in it.

The rule itself is the standard-library script `images/tag.py`, which the image builder runs too.
"""

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]


def content_tag(image: str) -> str:
    """The tag of `images/<image>` as it is in this checkout: sixteen hexadecimal digits."""
    return str(_rule().tag(image))


@cache
def _rule() -> ModuleType:
    path = CHECKOUT / "images" / "tag.py"
    spec = spec_from_file_location("berth_image_tag", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
