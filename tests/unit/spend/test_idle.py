"""What counts as idle: long enough, without a gap, and heard of lately."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.spend.idle import Slot, Watched, judge, last_hour, read, stoppable

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _slots(*means: float, end: datetime = NOW, every: float = 5) -> list[Slot]:
    """One after the other, the last of which ends at `end`; every: minutes."""
    count = len(means)
    return [
        Slot(end=end - timedelta(minutes=every * (count - 1 - number)), mean=mean, max=2 * mean)
        for number, mean in enumerate(means)
    ]


def _state(slots: list[Slot], below: float = 5, least: timedelta = HOUR) -> str:
    return judge(slots, below=below, least=least, now=NOW).state


@pytest.mark.parametrize(
    ("slots", "state"),
    [
        (_slots(*[0.0] * 12), "idle"),
        (_slots(*[0.0] * 11), "quiet"),
        (_slots(80, *[4.9] * 12), "idle"),
        (_slots(80, *[4.9] * 11), "quiet"),
        (_slots(*[0.0] * 30, 5), "busy"),
        (_slots(*[0.0] * 6, 90, *[0.0] * 6), "quiet"),
        (_slots(*[0.0] * 12, end=NOW - timedelta(minutes=17)), "idle"),
        (_slots(*[0.0] * 12, end=NOW - timedelta(minutes=18)), "unknown"),
        (_slots(*[0.0] * 12, every=20), "quiet"),
        (_slots(*[0.0] * 12, every=6), "idle"),
        ([], "unknown"),
    ],
)
def test_what_is_idle(slots: list[Slot], state: str) -> None:
    assert _state(slots) == state


def test_the_order_in_which_slots_are_written_does_not_matter() -> None:
    slots = _slots(80, *[1.0] * 11)
    assert judge(slots[::-1], below=5, least=HOUR, now=NOW) == judge(slots, below=5, least=HOUR, now=NOW)


def test_the_reason_tells_a_burst_from_nothing() -> None:
    found = judge(_slots(*[0.0] * 11, 4.0), below=5, least=HOUR, now=NOW)
    assert found.reason == "under 5% for 60 minutes (mean 0.3%, up to 8%)"
    busy = judge(_slots(40.0), below=5, least=HOUR, now=NOW)
    assert busy.reason == "used at 40% (up to 80%)"


def test_the_last_hour_is_the_last_hour() -> None:
    slots = [*_slots(99.0, end=NOW - HOUR), *_slots(10.0, 20.0)]
    assert last_hour(slots, NOW) == "used at 15% in the last hour (up to 40%)"
    assert last_hour(_slots(9.0, end=NOW - 2 * HOUR), NOW) == "nothing was written in the last hour"


def test_lines_that_cannot_be_read_are_left_out() -> None:
    good = {"end": "2026-11-23T12:00:00Z", "mean": 1, "max": 2}
    found = read([good, {"end": "yesterday", "mean": 1, "max": 2}, {"end": "2026-11-23T12:00:00Z"}])
    assert found == (Slot(end=NOW, mean=1, max=2),)


def test_a_group_is_stopped_only_where_all_its_machines_are_idle() -> None:
    quiet, busy = _slots(*[0.0] * 12), _slots(90.0)
    machines = [
        Watched(id=name, group=group, about=name, slots=tuple(slots))
        for name, group, slots in (
            ("i-1", "alone", quiet),
            ("i-2", "two", quiet),
            ("i-3", "two", busy),
            ("i-4", "three", quiet),
            ("i-5", "three", []),
            ("i-6", "", quiet),
        )
    ]
    judged = {one.id: judge(one.slots, below=5, least=HOUR, now=NOW) for one in machines}
    assert stoppable(judged, machines) == ["alone"]
