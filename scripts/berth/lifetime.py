"""The end of an environment's lifetime: how far away it is, and `extend`, which writes it."""

import re
from datetime import UTC, datetime, timedelta

from rehearsal.errors import BerthError
from scripts.berth import values
from scripts.berth.place import Place

DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
SHORTEST = timedelta(minutes=10)
LONGEST_HOURS = 168  # where the values have no longest_lifetime_hours: the default of infra.config.aws_vm
_YEAR_HOURS = 8760
WARNING = timedelta(hours=2)
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
TAG = "expires-at"


def duration(text: str, longest: timedelta) -> timedelta:
    """`90m`, `8h` or `2d`, up to `longest`.

    Raises:
        BerthError: it is none, or too short or too long.
    """
    wanted = span(text)
    if not SHORTEST <= wanted <= longest:
        hours = longest.total_seconds() / 3600
        raise BerthError(
            f"{text} is not possible: a lifetime is {SHORTEST.seconds // 60} minutes to {hours:g} hours",
            "Extend it again before it ends; the values' berth:longest_lifetime_hours is the limit.",
        )
    return wanted


def span(text: str) -> timedelta:
    """`90m`, `8h` or `2d`.

    Raises:
        BerthError: it is none.
    """
    found = DURATION.fullmatch(text)
    if found is None:
        raise BerthError(f"{text!r} is no duration", "Write it as 90m, 8h or 2d.")
    return timedelta(**{UNITS[found[2]]: float(found[1])})


def has_ended(place: Place, env: str, now: datetime | None = None) -> bool:
    """Whether the end that the values file names has passed.

    The group's schedule has then set its size to 0 behind Pulumi's back, which only a refresh shows.
    """
    end = written(place, env)
    return end is not None and end < (now or datetime.now(UTC))


def written(place: Place, env: str) -> datetime | None:
    """The end that the values file names; None where it names none that can be read."""
    try:
        return datetime.fromisoformat(str(values.read(values.file_of(place, env)).get("expires_at")))
    except (ValueError, BerthError):
        return None


def until(end: str, now: datetime | None = None) -> str:
    """`until 2026-12-01T18:00:00Z, 3:20 h left`, or when it ended. end: as the stack's outputs have it."""
    left = datetime.fromisoformat(end) - (now or datetime.now(UTC))
    if left < timedelta():
        return f"ended at {end}"
    return f"until {end}, {str(timedelta(minutes=int(left.total_seconds() / 60)))[:-3]} h left"


def sentences(place: Place, env: str, end: str, now: datetime | None = None) -> dict[str, str]:
    """What `status` says of the lifetime: its end, what to do where that is near, what `up` would change."""
    now = now or datetime.now(UTC)
    instant = datetime.fromisoformat(end)
    said = {"lifetime": until(end, now)}
    if instant - now < WARNING:
        said["lifetime"] += f": `{place.prefix} extend {env} 4h --up` lets it live on"
    wanted = written(place, env)
    if wanted is not None and wanted != instant:
        at = wanted.astimezone(UTC).strftime(FORMAT)
        said["lifetime in the values"] = f"until {at}: `{place.prefix} up {env}` applies it"
    return said


def extend(place: Place, env: str, text: str, now: datetime | None = None) -> list[str]:
    """End the lifetime that long from now; returns the changed lines of the values file.

    The stack's tag, by which sweeps find what has expired, is set where there is a stack.
    """
    file = values.file_of(place, env)
    longest = longest_of(values.read(file).get("longest_lifetime_hours"))
    end = (now or datetime.now(UTC)) + duration(text, longest)
    instant = end.astimezone(UTC).strftime(FORMAT)
    changed = values.write(file, ("expires_at",), instant)
    if place.has_stack(env):
        _tag(place, env, instant)
    return changed


def longest_of(hours: object) -> timedelta:
    """What the values file allows. Raises BerthError where it is no number."""
    try:
        return timedelta(hours=min(float(str(hours or LONGEST_HOURS)), _YEAR_HOURS))
    except ValueError:
        raise BerthError(
            f"berth:longest_lifetime_hours is {hours!r}, no number of hours", "Write a number, such as 168."
        ) from None


def _tag(place: Place, env: str, instant: str) -> None:
    try:
        place.capture("stack", "tag", "set", TAG, instant, "--stack", env)
    except BerthError as refusal:
        # Backends in a file or a bucket know no tags; the values file and the resources' own tags say it too.
        if "does not support stack tags" not in refusal.message:
            raise
