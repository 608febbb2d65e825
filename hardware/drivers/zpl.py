"""Label printers that speak ZPL II, over any line.

They are asked with ~HS, which is answered at once whatever they do (ZPL II Programming Guide, "Host Status
Return"): three strings that tell of paper, head, pause and heat, and how much is still to be printed.
"""

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

ASK = b"~HS"
# Ends a label of which only a part has come, without printing it.
_CANCEL_PART = b"~JX"
_BEGIN, _END = b"\x02", b"\x03"
_STRINGS = 3
# A label that has left the buffer is still under the head for a moment: it is asked for twice.
_SETTLE_S = 0.1


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What ~HS tells."""

    status: PrinterStatus
    # Labels in the buffer, a part of one among them, and those that the one being printed is repeated by.
    labels_left: int


def read_host_status(strings: list[bytes]) -> HostStatus:
    """Reads the three strings, without their frames. Raises ValueError for anything else."""
    first, second, _ = ([int(field) for field in each.split(b",")] for each in strings)
    paper_out, paused, formats, partial = first[1], first[2], first[4], first[7]
    corrupt, too_hot = first[9], first[11]
    head_up, ribbon_out, remaining = second[2], second[3], second[8]
    condition, detail = Condition.READY, ""
    if head_up:
        condition = Condition.COVER_OPEN
    elif paper_out:
        condition = Condition.PAPER_OUT
    elif ribbon_out:
        condition, detail = Condition.PAPER_OUT, "the ribbon"
    elif too_hot:
        condition = Condition.OVERHEATED
    elif corrupt:
        condition, detail = Condition.ERROR, "its memory is corrupt"
    elif paused:
        condition, detail = Condition.OFFLINE, "paused"
    return HostStatus(PrinterStatus(condition, detail), formats + partial + remaining)


@dataclass(frozen=True, slots=True)
class ZplPrinter:
    """A label printer. `connect` opens its line or raises Unreachable."""

    connect: Callable[[], Line]
    confirms: Confirms
    waits: Waits

    def open(self) -> "OpenZpl":
        """See Printer."""
        return OpenZpl(self.connect(), self.confirms, self.waits)

    def mend(self, torn_bytes: int) -> bytes:  # noqa: ARG002 (one command mends a label of any length)
        """See Printer."""
        return _CANCEL_PART

    def framed(self, job: bytes, job_id: int) -> bytes:  # noqa: ARG002 (labels are counted, not named)
        """See Printer."""
        return job


class OpenZpl:
    """A ZPL printer as long as its line is up."""

    def __init__(self, line: Line, confirms: Confirms, waits: Waits) -> None:
        self._line = line
        self._confirms = confirms
        self._waits = waits
        self._rest = b""

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        if self._confirms is Confirms.TAKEN:
            return PrinterStatus(Condition.READY)
        try:
            return self._ask().status
        except (LineLost, Unreachable) as error:
            return unreachable(error)

    def send(self, job: bytes, told: Told) -> None:  # noqa: ARG002 (nothing is told unasked)
        """See OpenPrinter."""
        self._line.write(job, self._keep, Patience(self._waits.silence_s))

    def confirm(self, job_id: int, told: Told) -> Confirmation:  # noqa: ARG002
        """See OpenPrinter: the label is printed when nothing is left to print."""
        if self._confirms is Confirms.TAKEN:
            return Confirmation(Outcome.PRINTED, "taken by the device, which confirms nothing")
        try:
            return self._await(told)
        except (LineLost, Unreachable) as error:
            return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")

    def _await(self, told: Told) -> Confirmation:
        idle, clean = Patience(self._waits.confirm_s), 0
        while idle.left_s:
            now = self._ask(self._waits.silence_s)
            told(now.status)
            if not now.status.ready:
                idle.renew()
            clean = clean + 1 if now.status.ready and not now.labels_left else 0
            if clean == 2:
                return Confirmation(Outcome.PRINTED, "nothing is left in the printer")
            time.sleep(_SETTLE_S)
        return Confirmation(Outcome.UNKNOWN, "the printer is ready and keeps the label")

    def _ask(self, wait_s: float | None = None) -> HostStatus:
        """Asks ~HS. Raises Unreachable and LineLost."""
        self._rest = b""
        patience = Patience(wait_s or self._waits.answer_s)
        self._line.write(ASK, self._keep, patience)
        while patience.left_s:
            self._keep(self._line.read(patience.left_s))
            strings = [part.partition(_END) for part in self._rest.split(_BEGIN)[1:]]
            whole = [string for string, end, _ in strings if end]
            if len(whole) >= _STRINGS:
                try:
                    return read_host_status(whole[-_STRINGS:])
                except (ValueError, IndexError) as error:
                    raise Unreachable(f"no host status: {self._rest[:80]!r}") from error
        raise Unreachable(f"no answer within {patience.seconds:g} s")

    def _keep(self, data: bytes) -> None:
        self._rest += data

    def close(self) -> None:
        """See OpenPrinter."""
        self._line.close()
