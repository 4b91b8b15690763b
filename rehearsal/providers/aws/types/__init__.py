"""The resource types, a file a service; each file exports TYPES (see `rehearsal.providers.aws.table`)."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from rehearsal.providers.aws.table import Type


@cache
def all_types() -> dict[str, Type]:
    """Every type by its token."""
    names = [module.name for module in iter_modules(__path__)]
    return {
        entry.token: entry
        for name in names
        for entry in getattr(import_module(f"{__name__}.{name}"), "TYPES", ())
    }
