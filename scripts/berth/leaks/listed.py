"""What a finder hands over."""

from dataclasses import dataclass, field

from infra.spend.leaks import Live


@dataclass(frozen=True, kw_only=True)
class Listed:
    """lives: what may be an environment's or in its way. unanswered: what was not told, and why."""

    lives: list[Live]
    unanswered: dict[str, str] = field(default_factory=dict)
