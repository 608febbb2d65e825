"""Receipts that tills ask for while the server cannot: each waits for a printer that is ready, or is taken
back.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from hardware.agent.config import PrinterConfig
from hardware.agent.notes import Given, Notes
from hardware.agent.rendering import rendered_or_why
from hardware.agent.sending import NotBegunError, send
from hardware.agent.waiting import Takes
from hardware.devices import Confirmation, OpenPrinter, Outcome, Told
from hardware.paper import PaperError, sales_receipt
from kasir.v1.print_pb2 import DOCUMENT_KIND_REFUND_RECEIPT, DOCUMENT_KIND_SALES_RECEIPT, PrintJob
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, Tender
from kasir.v1.station_pb2 import PrintReceiptRequest

_RESET = b"\x1b@"


@dataclass(slots=True)
class Wish:
    """One receipt that is wanted, and what became of it."""

    request: PrintReceiptRequest
    outcome: Outcome | None = None
    detail: str = ""
    begun: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def number(self) -> str:
        """The till's own number of the receipt."""
        return self.request.sale.receipt

    def end(self, outcome: Outcome, detail: str) -> None:
        """Says what became of it."""
        self.outcome, self.detail = outcome, detail
        self.ended.set()


class Receipts:
    """The wishes. Used by several threads. `wake` has printers look."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[Wish] = deque()
        self._takers: list[Takes] = []

    def add_taker(self, takes: Takes) -> None:
        """There is a printer that takes this."""
        self._takers.append(takes)

    def has_printer(self, request: PrintReceiptRequest) -> bool:
        """Whether some printer is for it."""
        return any(_fits(takes, request) for takes in self._takers)

    def wanted(self, request: PrintReceiptRequest, patience_s: float, printing_s: float) -> Wish:
        """Has it printed. A wish that no printer was ready for in time is taken back: it is FAILED then."""
        wish = Wish(request)
        with self._lock:
            self._waiting.append(wish)
        self._wake()
        if not wish.ended.wait(patience_s):
            with self._lock:
                if not wish.begun:
                    self._waiting.remove(wish)
                    wish.end(Outcome.FAILED, "no printer was ready")
            if not wish.ended.wait(printing_s):
                return Wish(request, Outcome.UNKNOWN, "the printer has not answered yet")
        return wish

    def waits(self, takes: Takes) -> bool:
        """Whether one is there for such a printer."""
        with self._lock:
            return any(_fits(takes, wish.request) for wish in self._waiting)

    def take(self, takes: Takes) -> Wish | None:
        """The oldest for such a printer, which begins with it."""
        with self._lock:
            wish = next((each for each in self._waiting if _fits(takes, each.request)), None)
            if wish is not None:
                self._waiting.remove(wish)
                wish.begun = True
            return wish


def _fits(takes: Takes, request: PrintReceiptRequest) -> bool:
    return takes.fits(DOCUMENT_KIND_SALES_RECEIPT, request.till.location_id)


def print_wish(printer: OpenPrinter, wish: Wish, config: PrinterConfig, notes: Notes, told: Told) -> None:
    """Prints a receipt on a printer that is ready, unless it was given already; says what became of it."""
    rendered = rendered_or_why(lambda: _rendered(wish.request, config))
    if isinstance(rendered, PaperError):
        wish.end(Outcome.FAILED, str(rendered))
        return
    given = notes.claim(wish.number, "it was on its way to a printer", _now_ms(), again=False)
    if given is not None:
        wish.end(given.outcome, given.detail)
        return
    name, torn = config.name, notes.torn_bytes(config.name)
    try:
        # A number that this printer's last job does not have, to be asked for by.
        confirmed = send(
            printer,
            config,
            rendered,
            _now_ms(),
            torn_bytes=torn,
            begins=partial(notes.tears, name),
            told=told,
        )
    except NotBegunError as lost:
        notes.tears(name, torn)
        confirmed = Confirmation(Outcome.FAILED, str(lost))
    if confirmed.outcome is Outcome.PRINTED:
        notes.tears(name, 0)
    _note(notes, wish.number, confirmed.outcome, confirmed.detail)
    wish.end(confirmed.outcome, confirmed.detail)


def is_first_receipt(job: PrintJob) -> bool:
    """Whether a job is the first print of a receipt."""
    return job.kind == DOCUMENT_KIND_SALES_RECEIPT and not job.copy_number


def claimed_elsewhere(notes: Notes, job: PrintJob) -> Given | None:
    """What became of a job's receipt, or is just becoming of it, because its till asked for it; None where it
    did not: then it is this job's, and no till gets it. The job is not noted as being sent.
    """
    if not is_first_receipt(job) or not job.sale.receipt:
        return None
    words = f"its print job {job.print_job_id} is under way"
    return notes.claim(job.sale.receipt, words, _now_ms(), again=True)


def give(notes: Notes, job: PrintJob | None, outcome: Outcome, detail: str) -> None:
    """Remembers what becomes of a receipt as its job is printed, should its till ask for it."""
    if job is not None and is_first_receipt(job) and job.sale.receipt:
        _note(notes, job.sale.receipt, outcome, detail)


def moves_cash(job: PrintJob) -> bool:
    """Whether cash goes into the drawer, or out of it, with the first print of a receipt."""
    refunded = job.kind == DOCUMENT_KIND_REFUND_RECEIPT and not job.copy_number
    tenders = job.refund.tenders if refunded else job.sale.tenders
    return (refunded or is_first_receipt(job)) and _is_cash(tenders)


def _is_cash(tenders: Iterable[Tender]) -> bool:
    return any(tender.kind == TENDER_KIND_CASH for tender in tenders)


def with_kick(paper: bytes, config: PrinterConfig, *, opens: bool) -> bytes:
    """A receipt in all its copies; the drawer `opens` with the first."""
    kick = config.drawer.kick() if config.drawer and opens else b""
    # One reset a job: another would switch off that the printer tells by itself what it waits for.
    return _RESET + kick + paper.removeprefix(_RESET) * config.copies


def _rendered(request: PrintReceiptRequest, config: PrinterConfig) -> bytes:
    """The bytes of a receipt. Raises PaperError."""
    till = request.till if request.HasField("till") else None
    made = sales_receipt(request.sale, request.shop, None, till, width_mm=config.width_mm)
    return with_kick(made.with_logo(config.logo).escpos(), config, opens=_is_cash(request.sale.tenders))


def _note(notes: Notes, receipt: str, outcome: Outcome, detail: str) -> None:
    if outcome is Outcome.FAILED:
        notes.take_back(receipt)
    else:
        notes.give(receipt, Given(outcome, detail, _now_ms()))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
