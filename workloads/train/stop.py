"""SIGTERM and SIGINT: at once before training has begun, after the step at hand once it runs."""

import signal
from types import FrameType


class Stop:
    """Remembers the signal that asked for an end. The exit status is 128 plus its number."""

    def __init__(self) -> None:
        self.number = 0
        self.deferred = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    @property
    def status(self) -> int:
        return 128 + self.number

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        if not self.deferred:
            raise SystemExit(self.status)
