"""What both kinds of scales have in common: the port, the deadline, and waiting for a weight that rests."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from hardware.scales.weighing import SILENT, Weighing, WeighingState
from hardware.serial_line import LineDownError, LineSettings, SerialLine

# Bytes kept of an answer that has not ended: more is noise.
_WAITING_MAX = 256


class SerialScale(ABC):
    """See `hardware.scales.Scale`. A protocol says when to ask and what an answer means."""

    def __init__(
        self, port: str, settings: LineSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._line = SerialLine(port, settings, clock)
        self._clock = clock
        self._waiting = b""

    @property
    def name(self) -> str:
        """The port."""
        return self._line.port

    @property
    def trouble(self) -> str:
        """Why it cannot be asked now; empty while it works."""
        return self._line.trouble

    def weigh(self, timeout_s: float) -> Weighing:
        """A weight that came to rest after this was called, or what hinders after `timeout_s`."""
        return self._heard(timeout_s, lambda weighing: weighing.state is WeighingState.STABLE)

    def look(self, timeout_s: float) -> Weighing:
        """What it says now, whatever that is."""
        return self._heard(timeout_s, lambda _weighing: True)

    def _heard(self, timeout_s: float, is_enough: Callable[[Weighing], bool]) -> Weighing:
        deadline = self._clock() + timeout_s
        last = SILENT
        self._begin()
        while True:
            now = self._clock()
            try:
                wait = self._ask(now)
                self._waiting += self._line.read(max(0.0, min(wait, deadline - now)))
            except LineDownError:
                last = SILENT
                self._lost()
            for weighing in self._answers():
                if is_enough(weighing):
                    return weighing
                last = weighing
            self._waiting = self._waiting[-_WAITING_MAX:]
            if self._clock() >= deadline:
                return last

    def close(self) -> None:
        """Lets the port go."""
        self._line.close()

    @abstractmethod
    def _begin(self) -> None:
        """A weighing begins: what was said before does not count."""

    @abstractmethod
    def _ask(self, now: float) -> float:
        """Asks when it is time to; returns for how many seconds to listen. Raises LineDownError."""

    @abstractmethod
    def _answers(self) -> list[Weighing]:
        """Takes whole answers out of what waits."""

    def _lost(self) -> None:
        """The port is gone."""
        self._waiting = b""
