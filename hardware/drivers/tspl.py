"""Label printers that speak TSPL (TSC and the many that follow them), over any line.

They are asked with ESC ! ?, which is answered at once by one byte whatever they do. Whether a label was taken
up that byte does not tell: each job ends with ~!@, the mileage, which is answered in its turn. When it has
come and nothing is under the head, the label is out. Source: TSC, TSPL/TSPL2 Programming Manual, "Status
Polling and Immediate Commands".
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from hardware.devices import (
    Condition,
    Confirmation,
    LineLost,
    Outcome,
    PrinterStatus,
    Told,
    Unreachable,
    unreachable,
)
from hardware.drivers.escpos import Confirms, Waits
from hardware.drivers.line import Line, Patience

ASK = b"\x1b!?"
# Gives up all that was not printed yet, of a torn label too.
CANCEL = b"\x1b!."
# Answered behind the label: digits and a carriage return.
ASK_IN_TURN = b"~!@\r\n"
_IN_TURN = re.compile(rb"[0-9]+\r")
_BEGUN = re.compile(rb"[0-9]+\Z")
# White in a picture that lacks its end, and no command elsewhere.
_FILL = b"\xff"
_HEAD_OPEN, _JAM, _PAPER_OUT, _RIBBON_OUT, _PAUSED, _PRINTING = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_OTHER = 0xC0
# A label that was taken up is under the head a moment later: it is looked at twice.
_SETTLE_S = 0.1


def read_status(byte: int) -> PrinterStatus:
    """What the answer to ESC ! ? says."""
    if byte & _HEAD_OPEN:
        return PrinterStatus(Condition.COVER_OPEN)
    if byte & _PAPER_OUT:
        return PrinterStatus(Condition.PAPER_OUT)
    if byte & _RIBBON_OUT:
        return PrinterStatus(Condition.PAPER_OUT, "the ribbon")
    if byte & _JAM:
        return PrinterStatus(Condition.ERROR, "the paper is jammed")
    if byte & _OTHER:
        return PrinterStatus(Condition.ERROR, "it does not say which")
    if byte & _PAUSED:
        return PrinterStatus(Condition.OFFLINE, "paused")
    return PrinterStatus(Condition.READY)


@dataclass(frozen=True, slots=True)
class TsplPrinter:
    """A label printer. `connect` opens its line or raises Unreachable."""

    connect: Callable[[], Line]
    confirms: Confirms
    waits: Waits

    def open(self) -> "OpenTspl":
        """See Printer."""
        return OpenTspl(self.connect(), self.confirms, self.waits)

    def mend(self, torn_bytes: int) -> bytes:
        """See Printer. A torn picture gets the rest of its bytes, a torn line its end; neither is printed."""
        return CANCEL + _FILL * torn_bytes + b"\r\nCLS\r\n"

    def framed(self, job: bytes, job_id: int) -> bytes:  # noqa: ARG002 (labels are counted, not named)
        """See Printer."""
        return job if self.confirms is Confirms.TAKEN else job + ASK_IN_TURN


class OpenTspl:
    """A TSPL printer as long as its line is up."""

    def __init__(self, line: Line, confirms: Confirms, waits: Waits) -> None:
        self._line = line
        self._confirms = confirms
        self._waits = waits
        self._rest = b""
        self._has_answered_in_turn = False

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        if self._confirms is Confirms.TAKEN:
            return PrinterStatus(Condition.READY)
        try:
            return read_status(self._ask(self._waits.answer_s))
        except (LineLost, Unreachable) as error:
            return unreachable(error)

    def send(self, job: bytes, told: Told) -> None:  # noqa: ARG002 (nothing is told unasked)
        """See OpenPrinter."""
        self._rest, self._has_answered_in_turn = b"", False
        self._line.write(job, self._keep, Patience(self._waits.silence_s))

    def confirm(self, job_id: int, told: Told) -> Confirmation:  # noqa: ARG002
        """See OpenPrinter: the label is printed when it was taken up and nothing is left to print."""
        if self._confirms is Confirms.TAKEN:
            return Confirmation(Outcome.PRINTED, "taken by the device, which confirms nothing")
        try:
            return self._await(told)
        except (LineLost, Unreachable) as error:
            return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")

    def _await(self, told: Told) -> Confirmation:
        idle, clean = Patience(self._waits.confirm_s), 0
        while idle.left_s:
            byte = self._ask(self._waits.silence_s)
            status = read_status(byte)
            told(status)
            if not status.ready:
                idle.renew()
            is_done = self._has_answered_in_turn and status.ready and not byte & _PRINTING
            clean = clean + 1 if is_done else 0
            if clean == 2:
                return Confirmation(Outcome.PRINTED, "nothing is left in the printer")
            time.sleep(_SETTLE_S)
        return Confirmation(Outcome.UNKNOWN, "the printer is ready and did not confirm the label")

    def _ask(self, wait_s: float) -> int:
        """Asks ESC ! ?; the byte. Raises Unreachable and LineLost."""
        self._states()
        patience = Patience(wait_s)
        self._line.write(ASK, self._keep, patience)
        while patience.left_s:
            self._keep(self._line.read(patience.left_s))
            if states := self._states():
                return states[-1]
        if self._rest:
            # "0" with no carriage return behind it: paused while printing.
            return self._rest[-1]
        raise Unreachable(f"no answer within {patience.seconds:g} s")

    def _keep(self, data: bytes) -> None:
        self._rest += data

    def _states(self) -> bytes:
        """Takes what has come apart: the bytes that are states; digits that may go on are kept."""
        others = _IN_TURN.sub(b"", self._rest)
        self._has_answered_in_turn |= others != self._rest
        begun = _BEGUN.search(others)
        self._rest = begun[0] if begun else b""
        return others[: len(others) - len(self._rest)]

    def close(self) -> None:
        """See OpenPrinter."""
        self._line.close()
