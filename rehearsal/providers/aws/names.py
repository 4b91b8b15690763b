"""Names from a prefix: `<prefix><14 digits of the time><12 hexadecimal digits that count up>`."""

import itertools
import secrets
import threading
from datetime import UTC, datetime

from rehearsal.providers.aws.table import Autoname
from rehearsal.providers.plugin.model import Values

_lock = threading.Lock()
_counter = itertools.count(secrets.randbits(32))


def unique() -> str:
    """26 characters, later ones sort behind."""
    with _lock:
        return f"{datetime.now(UTC):%Y%m%d%H%M%S}{next(_counter):012x}"


def with_name(auto: Autoname | None, inputs: Values) -> Values:
    """The inputs with a name where there is only a prefix."""
    if auto is None or not auto.prefix or inputs.get(auto.prop) or not inputs.get(auto.prefix):
        return inputs
    return {**inputs, auto.prop: f"{inputs[auto.prefix]}{unique()}{auto.ending}"}
