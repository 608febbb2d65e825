"""Scales that answer when asked, by Mettler Toledo's protocol 8217, which many others speak too.

"W" asks. The answer is STX, the weight, CR when the weight rests; else STX, "?", a byte of states, CR.
Source: Mettler Toledo, Viva service manual, protocol 8217.
"""

import re
import time
from collections.abc import Callable

from hardware.scales.asking import SerialScale
from hardware.scales.weighing import Weighing, WeighingState, grams
from hardware.serial_line import LineSettings

SETTINGS = LineSettings(baud_rate=9600, data_bits=7, parity="E")
_MOVING, _OVER_CAPACITY, _UNDER_ZERO = 0x01, 0x02, 0x04
_ANSWER = re.compile(rb"\x02 *(?:(?P<weight>[0-9][0-9.]*)N?|\?(?P<states>[^\r]))\r", re.DOTALL)
# Of bytes that are sent with eight bits the highest is parity.
_SEVEN_BITS = bytes(code & 0x7F for code in range(256))
# Asked again so soon after an answer, and so long after none.
_PAUSE_S = 0.05
_ANSWER_S = 1.0


class Toledo8217(SerialScale):
    """`unit` is what the scale shows, "kg" or "lb"; `decimals` how many there are where it sends no point."""

    def __init__(
        self,
        port: str,
        settings: LineSettings = SETTINGS,
        *,
        unit: str = "kg",
        decimals: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(port, settings, clock)
        self._unit, self._decimals = unit, decimals
        # Questions without an answer so far. An answer that comes late belongs to the oldest of them, and
        # tells the weight of then.
        self._owed = 0
        self._begun_with = 0
        self._asked_at = self._heard_at = float("-inf")

    def _begin(self) -> None:
        self._begun_with = self._owed

    def _ask(self, now: float) -> float:
        if self._owed > self._begun_with and now - self._asked_at < _ANSWER_S:
            return _ANSWER_S - (now - self._asked_at)
        if now - self._heard_at < _PAUSE_S:
            return _PAUSE_S - (now - self._heard_at)
        if self._owed and now - self._asked_at >= _ANSWER_S:
            # Nothing came for so long: those answers are lost, and so is half of one.
            self._owed = self._begun_with = 0
            self._waiting = b""
        self._line.write(b"W")
        self._owed += 1
        self._asked_at = now
        return _ANSWER_S

    def _answers(self) -> list[Weighing]:
        found: list[Weighing] = []
        self._waiting = self._waiting.translate(_SEVEN_BITS)
        while b"\r" in self._waiting:
            piece, _, self._waiting = self._waiting.partition(b"\r")
            self._heard_at = self._clock()
            self._owed = max(0, self._owed - 1)
            if self._begun_with:
                self._begun_with -= 1
                continue
            answer = _ANSWER.fullmatch(piece[max(0, piece.rfind(b"\x02")) :] + b"\r")
            weighing = self._meant(answer) if answer else None
            if weighing is not None:
                found.append(weighing)
        return found

    def _meant(self, answer: re.Match[bytes]) -> Weighing | None:
        weight, states = answer["weight"], answer["states"]
        if weight is not None:
            number = weight.decode()
            if "." not in number and self._decimals:
                number = f"{int(number)}e-{self._decimals}"
            weighed = grams(number, self._unit)
            return None if weighed is None else Weighing(WeighingState.STABLE, weighed)
        if states[0] & _OVER_CAPACITY:
            return Weighing(WeighingState.OVERLOAD)
        if states[0] & _UNDER_ZERO:
            return Weighing(WeighingState.NEGATIVE)
        # A scale that says only that it has no weight yet is coming to rest.
        return Weighing(WeighingState.MOVING)

    def _lost(self) -> None:
        super()._lost()
        self._owed = self._begun_with = 0
