"""The one way in which bytes get to a printer: noted before the first of them leaves, behind what mends a job
that was torn, and confirmed.
"""

from collections.abc import Callable

from hardware.agent.config import PrinterConfig
from hardware.devices import Confirmation, LineLost, OpenPrinter, Outcome, Told, Unreachable


class NotBegunError(Unreachable):
    """No byte of the job has left after all; the printer is as it was."""


def send(
    printer: OpenPrinter,
    config: PrinterConfig,
    job: bytes,
    number: int,
    *,
    torn_bytes: int,
    begins: Callable[[int], object],
    told: Told,
) -> Confirmation:
    """Sends a job to a printer that is ready and says what became of it.

    `torn_bytes` is the length of what the printer may have stopped inside. `begins` hears before the first
    byte leaves how many it would be, were this job torn; it writes that down. Raises NotBegunError.
    """
    model = config.printer
    mend = model.mend(torn_bytes) if torn_bytes else b""
    framed = model.framed(job, number)
    begins(max(torn_bytes, len(framed)))
    try:
        printer.send(mend + framed, told)
    except LineLost as lost:
        if lost.sent <= len(mend):
            raise NotBegunError(str(lost)) from lost
        return Confirmation(Outcome.UNKNOWN, f"line lost while sending: {lost}")
    return printer.confirm(number, told)
