"""Label printers that speak TSPL (TSC and the many that follow them), over any line.

They are asked with ESC ! ?, which is answered at once by one byte whatever they do. Whether a label was taken
up that byte does not tell: each job ends with ~!@, the mileage, which is answered in its turn. When it has
come and nothing is under the head, the label is out. Source: TSC, TSPL/TSPL2 Programming Manual, "Status
Polling and Immediate Commands".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hardware.devices import Condition, PrinterStatus, Told, Unreachable
from hardware.drivers.escpos import Confirms, Waits
from hardware.drivers.label_printer import OpenLabelPrinter, Seen
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


class OpenTspl(OpenLabelPrinter):
    """A TSPL printer as long as its line is up."""

    def __init__(self, line: Line, confirms: Confirms, waits: Waits) -> None:
        super().__init__(line, confirms, waits)
        self._has_answered_in_turn = False

    def send(self, job: bytes, told: Told) -> None:
        """See OpenPrinter."""
        self._has_answered_in_turn = False
        super().send(job, told)

    def look(self, wait_s: float) -> Seen:
        """Asks ESC ! ?. A label that was taken up (it answered in its turn) and is not being printed is out.
        Raises Unreachable and LineLost.
        """
        byte = self._ask(wait_s)
        is_empty = self._has_answered_in_turn and not byte & _PRINTING
        return Seen(read_status(byte), is_empty)

    def _ask(self, wait_s: float) -> int:
        """The byte that answers."""
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

    def _states(self) -> bytes:
        """Takes what has come apart: the bytes that are states; digits that may go on are kept."""
        others = _IN_TURN.sub(b"", self._rest)
        self._has_answered_in_turn |= others != self._rest
        begun = _BEGUN.search(others)
        self._rest = begun[0] if begun else b""
        return others[: len(others) - len(self._rest)]
