"""What drivers of label printers have in common: a label is out when nothing is left in its printer."""

import time
from abc import ABC, abstractmethod
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
from hardware.drivers.escpos import Confirms, Waits, taken
from hardware.drivers.line import Line, Patience

# A label that was taken up is under the head a moment later: it is looked at twice.
_SETTLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the printer shows. `is_empty`: nothing of what was sent is left to print."""

    status: PrinterStatus
    is_empty: bool


class OpenLabelPrinter(ABC):
    """A label printer as long as its line is up."""

    def __init__(self, line: Line, confirms: Confirms, waits: Waits) -> None:
        self._line = line
        self._confirms = confirms
        self._waits = waits
        # What has come and was not read yet.
        self._rest = b""

    @abstractmethod
    def look(self, wait_s: float) -> Seen:
        """Asks the printer. Raises Unreachable and LineLost."""

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        if self._confirms is Confirms.TAKEN:
            return PrinterStatus(Condition.READY)
        try:
            return self.look(self._waits.answer_s).status
        except (LineLost, Unreachable) as error:
            return unreachable(error)

    def send(self, job: bytes, told: Told) -> None:  # noqa: ARG002 (nothing is told unasked)
        """See OpenPrinter."""
        self._rest = b""
        self._line.write(job, self._keep, Patience(self._waits.silence_s))

    def confirm(self, job_id: int, told: Told) -> Confirmation:  # noqa: ARG002 (labels are counted, not named)
        """See OpenPrinter."""
        if self._confirms is Confirms.TAKEN:
            return taken(self._line, self._waits)
        try:
            return self._await(told)
        except (LineLost, Unreachable) as error:
            return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")

    def close(self) -> None:
        """See OpenPrinter."""
        self._line.close()

    def _await(self, told: Told) -> Confirmation:
        idle, clean = Patience(self._waits.confirm_s), 0
        while idle.left_s:
            seen = self.look(self._waits.silence_s)
            told(seen.status)
            if not seen.status.ready:
                idle.renew()
            clean = clean + 1 if seen.status.ready and seen.is_empty else 0
            if clean == 2:
                return Confirmation(Outcome.PRINTED, "nothing is left in the printer")
            time.sleep(_SETTLE_S)
        return Confirmation(Outcome.UNKNOWN, "the printer is ready and did not confirm the label")

    def _keep(self, data: bytes) -> None:
        self._rest += data
