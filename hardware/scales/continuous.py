"""Scales that speak all the time, a line for each reading: A&D's format, which CAS and many others offer too.

"ST,GS,+  1.250kg" and CR LF; ST rests, US moves, OL is too heavy. Source: A&D, standard format of the FS
and SK series.
"""

import re
import time
from collections.abc import Callable

from hardware.scales.asking import SerialScale
from hardware.scales.weighing import Weighing, WeighingState, grams
from hardware.serial_line import LineDownError, LineSettings

SETTINGS = LineSettings(baud_rate=2400, data_bits=7, parity="E")
_LINE = re.compile(
    rb"(?P<head>ST|US|OL),(?:(?:GS|NT|TR),)?(?P<sign>[+-]?)(?P<number>[ 0-9]*[0-9](?:\.[0-9]+)?|[ .]*) *"
    rb"(?P<unit>kg|lb|oz|g|t)?"
)
_LISTEN_S = 0.2


class ContinuousScale(SerialScale):
    """A scale that needs no asking; `unit` is for one that does not send it."""

    def __init__(
        self,
        port: str,
        settings: LineSettings = SETTINGS,
        *,
        unit: str = "kg",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(port, settings, clock)
        self._unit = unit
        self._in_step = False

    def _begin(self) -> None:
        """What waits in the port is of before; the line that is coming in may be so too."""
        self._waiting = b""
        self._in_step = False
        try:
            self._line.forget()
        except LineDownError:
            self._lost()

    def _ask(self, now: float) -> float:  # noqa: ARG002 (it speaks by itself)
        return _LISTEN_S

    def _answers(self) -> list[Weighing]:
        found: list[Weighing] = []
        while b"\n" in self._waiting:
            line, _, self._waiting = self._waiting.partition(b"\n")
            if not self._in_step:
                self._in_step = True
                continue
            answer = _LINE.fullmatch(line.rstrip(b"\r"))
            weighing = self._meant(answer) if answer else None
            if weighing is not None:
                found.append(weighing)
        return found

    def _meant(self, answer: re.Match[bytes]) -> Weighing | None:
        if answer["head"] == b"OL":
            return Weighing(WeighingState.OVERLOAD)
        weighed = grams(answer["number"].decode(), (answer["unit"] or self._unit.encode()).decode())
        if weighed is None:
            return None
        if answer["head"] == b"US":
            return Weighing(WeighingState.MOVING)
        if answer["sign"] == b"-" and weighed:
            return Weighing(WeighingState.NEGATIVE, -weighed)
        return Weighing(WeighingState.STABLE, weighed)
