"""Label printers that speak ZPL II, over any line.

They are asked with ~HS, which is answered at once whatever they do (ZPL II Programming Guide, "Host Status
Return"): three strings that tell of paper, head, pause and heat, and how much is still to be printed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hardware.devices import Condition, PrinterStatus, Unreachable
from hardware.drivers.escpos import Confirms, Waits
from hardware.drivers.label_printer import OpenLabelPrinter, Seen
from hardware.drivers.line import Line, Patience

ASK = b"~HS"
# Ends a label of which only a part has come, without printing it.
_CANCEL_PART = b"~JX"
_BEGIN, _END = b"\x02", b"\x03"
_STRINGS = 3


def read_host_status(strings: list[bytes]) -> Seen:
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
    # Labels in the buffer, a part of one among them, and those that the one being printed is repeated by.
    return Seen(PrinterStatus(condition, detail), is_empty=not formats + partial + remaining)


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


class OpenZpl(OpenLabelPrinter):
    """A ZPL printer as long as its line is up."""

    def look(self, wait_s: float) -> Seen:
        """Asks ~HS. Raises Unreachable and LineLost."""
        self._rest = b""
        patience = Patience(wait_s)
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
