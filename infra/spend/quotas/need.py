"""The shape of a need."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from infra.spend.estimates.lines import Context, Priced


@dataclass(frozen=True, kw_only=True)
class Need:
    """So much of a quota. code: the cloud's own; service: whose quota it is, where the cloud has several."""

    code: str
    name: str
    amount: float
    unit: str
    region: str
    service: str = ""
    note: str = ""


Needing = Callable[[Priced, Context], Iterable[Need]]
Table = Mapping[str, Needing]
