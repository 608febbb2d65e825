"""What the agent asks of a printer and of a cash drawer, whatever language they speak and whatever line they
hang on.

A printer is opened for one job or one look at its state and closed afterwards. Whoever opens it finds out
first whether it is ready; a job that was begun is never cut by us.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol


class Condition(StrEnum):
    """What keeps a printer from printing, or that nothing does."""

    READY = "ready"
    PAPER_OUT = "paper out"
    COVER_OPEN = "cover open"
    # The head is too hot; it prints on by itself once it has cooled.
    OVERHEATED = "overheated"
    ERROR = "error"
    OFFLINE = "offline"
    # It cannot be connected to, or does not answer: never taken for anything better.
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer says of itself. `drawer_high` is its drawer connector's pin, None when it does not
    say; whether high means open depends on the drawer.
    """

    condition: Condition
    detail: str = ""
    paper_low: bool = False
    drawer_high: bool | None = None

    @property
    def ready(self) -> bool:
        """Whether a job may be begun."""
        return self.condition is Condition.READY

    @property
    def answered(self) -> bool:
        """Whether the printer said anything at all."""
        return self.condition is not Condition.UNREACHABLE

    def worded(self, detail: str) -> "PrinterStatus":
        """The same with other words."""
        return replace(self, detail=detail)


READY = PrinterStatus(Condition.READY)


def unreachable(why: object) -> PrinterStatus:
    """The state of a device that does not answer, and why."""
    return PrinterStatus(Condition.UNREACHABLE, str(why))


class Unreachable(OSError):  # noqa: N818 (an outcome: nothing was sent)
    """The printer cannot be opened, or does not say how it is. The job has not been begun."""


class LineLost(OSError):  # noqa: N818 (an outcome)
    """The line broke, or stood still, while a job was sent. `sent` bytes of the job had left by then."""

    def __init__(self, why: str, sent: int) -> None:
        super().__init__(why)
        self.sent = sent


class TookNothing(LineLost):
    """The line stands, and the printer took no byte for too long."""


class Closed(LineLost):
    """The printer ended the connection, as it may once it has all of a job."""


class Outcome(StrEnum):
    """What is known of a job whose last byte has left."""

    PRINTED = "printed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the printer said of a job, and how."""

    outcome: Outcome
    detail: str


# Called with each state that the printer tells while a job is under way.
Told = Callable[[PrinterStatus], None]


class OpenPrinter(Protocol):
    """A printer as long as its line is up. Each call has a deadline."""

    def status(self) -> PrinterStatus:
        """Asks how it is; silence is UNREACHABLE."""

    def send(self, job: bytes, told: Told) -> None:
        """Sends a whole job. Waits while the printer says what it waits for; raises LineLost otherwise."""

    def confirm(self, job_id: int, told: Told) -> Confirmation:
        """Asks what became of the job that was sent last."""

    def close(self) -> None:
        """Gives the line back."""


class Printer(Protocol):
    """A printer as it is configured."""

    def open(self) -> OpenPrinter:
        """Connects. Raises Unreachable."""

    def mend(self, torn_bytes: int) -> bytes:
        """What is sent before the next job when the one before, of that length, may have stopped inside one
        of its commands.
        """

    def framed(self, job: bytes, job_id: int) -> bytes:
        """A job with what the printer needs to tell what became of it."""


class CashDrawer(Protocol):
    """A drawer that hangs on a printer."""

    def kick(self) -> bytes:
        """What opens it, as a part of a job: a kick of its own could be sent twice."""

    def is_open(self, status: PrinterStatus) -> bool | None:
        """Whether it stands open; None when its printer does not say."""
