"""SIGTERM and SIGINT: at once before training has begun, after the step at hand once it runs.

SIGUSR1 asks for a checkpoint after the step at hand, and training goes on.
"""

import signal
from types import FrameType


class Stop:
    """Remembers the signal that asked for an end. The exit status is 128 plus its number."""

    def __init__(self) -> None:
        self.number = 0
        self.deferred = False
        self.checkpoint_asked = False
        signal.signal(signal.SIGUSR1, self._checkpoint)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    @property
    def status(self) -> int:
        return 128 + self.number

    def take_checkpoint_asked(self) -> bool:
        """Whether somebody asked for a checkpoint since the last call."""
        asked, self.checkpoint_asked = self.checkpoint_asked, False
        return asked

    def _checkpoint(self, _number: int, _frame: FrameType | None) -> None:
        self.checkpoint_asked = True

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        if not self.deferred:
            raise SystemExit(self.status)
