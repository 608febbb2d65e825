"""One printer's thread: asks how it is, takes a job when it is ready, prints it, and says how it went.

The order is what counts. The printer is asked before a job is taken; the job is the ledger's (SENT) and the
note is on the disk before a byte of it leaves; what became of it is on the disk before the server hears it.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from clients.common.client import Client
from clients.common.output import Output
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from hardware.agent.board import Board
from hardware.agent.config import ESCPOS, PrinterConfig, page_bytes
from hardware.agent.ledger import Outbox, document, is_still_ours, report_sent, taking
from hardware.agent.notes import Note, Notes
from hardware.agent.receipts import (
    Receipts,
    claimed_elsewhere,
    give,
    moves_cash,
    print_wish,
    with_kick,
)
from hardware.agent.rendering import rendered_or_why
from hardware.agent.sending import NotBegunError, send
from hardware.agent.waiting import Hand, Takes, Waiting
from hardware.devices import OpenPrinter, Outcome, PrinterStatus, Unreachable, unreachable
from hardware.documents import pages_of, paper_of
from hardware.paper import PaperError
from kasir.v1.print_pb2 import PrintJob

# Between two looks at a printer that is not ready while a job waits for it.
MENDING_S = 0.5


@dataclass(frozen=True, slots=True)
class Common:
    """What all printers' threads share."""

    agent: str
    client: Callable[[], Client]
    output: Output
    jobs: Waiting
    receipts: Receipts
    notes: Notes
    outbox: Outbox
    board: Board
    stopping: threading.Event
    probe_s: float


class Worker(threading.Thread):
    """The thread of one printer."""

    def __init__(self, config: PrinterConfig, takes: Takes, common: Common) -> None:
        super().__init__(name=f"printer {config.name}", daemon=True)
        self.config = config
        self.takes = takes
        self._common = common
        common.receipts.add_taker(self.takes)
        self._client = common.client()
        # Renders while the ledger is asked, and has a client of its own for that.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix=f"paper {config.name}")
        self._render_client = common.client()
        self._hand: Hand | None = None
        # Whether the ledger said that the job at hand is ours.
        self._is_taken = False

    def run(self) -> None:
        """Until the agent stops. A job that was begun is brought to its end first."""
        while not self._common.stopping.is_set():
            if not self._hand:
                self._common.jobs.await_job(
                    self.takes, self._common.probe_s, lambda: self._common.receipts.waits(self.takes)
                )
            if self._common.stopping.is_set():
                return
            if not self._turn():
                self._common.stopping.wait(MENDING_S)

    def _turn(self) -> bool:
        """Looks at the printer and, when it is ready, prints one job; False when it is better to wait."""
        name, jobs = self.config.name, self._common.jobs
        try:
            with self._opened() as printer:
                status = printer.status()
                self._common.board.tell(name, status)
                if not status.ready:
                    return False
                # A till's customer waits for it, and it needs no server.
                if wish := self._common.receipts.take(self.takes):
                    print_wish(printer, wish, self.config, self._common.notes, self._told)
                    return True
                self._hand = self._hand or jobs.take(self.takes)
                if self._hand:
                    self._common.board.works_on(name, self._hand.job_id)
                    self._print(printer, self._hand)
        except Unreachable as error:
            self._common.board.tell(name, unreachable(error))
            return False
        except CallFailed:
            # The server is gone, or does not want us: the job stays at hand, and no byte of it has left.
            return False
        return True

    @contextmanager
    def _opened(self) -> Iterator[OpenPrinter]:
        printer = self.config.printer.open()
        try:
            yield printer
        finally:
            printer.close()

    def _print(self, printer: OpenPrinter, hand: Hand) -> None:
        """Raises CallFailed and Unreachable while no byte of the job has left."""
        if hand.document is None:
            hand.document = document(self._client, hand.job_id)
        # Both take some milliseconds, and the customer waits for both.
        rendering = self._aside.submit(self._rendered, hand.document)
        note = self._take(hand)
        rendered = rendering.result()
        if note is None:
            self._common.notes.forget(hand.job_id)
            self._common.jobs.settled(hand.job_id)
            self._let_go()
        elif isinstance(rendered, PaperError):
            # Its receipt may be on paper all the same: its till asked for it.
            self._report(note.done(Outcome.FAILED, str(rendered)))
        elif given := claimed_elsewhere(self._common.notes, hand.document):
            self._report(note.done(given.outcome, f"given by the till: {given.detail}"))
        else:
            self._send(printer, hand, note, rendered)

    def _take(self, hand: Hand) -> Note | None:
        """Makes the job ours; None when it is somebody else's."""
        is_first_try = hand.note is None
        note = hand.note or taking(self._common.agent, self.config.name, hand.job_id)
        # Before the agent ended it may have been another printer's; what leaves now, this one gets.
        note = hand.note = replace(note, printer=self.config.name)
        if is_first_try:
            self._common.notes.keep(note)
        if not self._is_taken and not report_sent(self._client, note):
            return None
        self._is_taken = True
        # Between two tries a person may have lost patience and settled it.
        if not is_first_try and not is_still_ours(self._client, note):
            return None
        return note

    def _send(self, printer: OpenPrinter, hand: Hand, note: Note, rendered: bytes) -> None:
        notes = self._common.notes
        torn = notes.torn_bytes(self.config.name)
        try:
            confirmed = send(
                printer,
                self.config,
                rendered,
                hand.job_id,
                torn_bytes=torn,
                begins=partial(notes.sending, note),
                told=self._told,
            )
        except NotBegunError:
            hand.note = notes.not_begun(note, torn)
            give(notes, hand.document, Outcome.FAILED, "")
            raise
        self._finish(note.done(confirmed.outcome, confirmed.detail))

    def _told(self, status: PrinterStatus) -> None:
        self._common.board.tell(self.config.name, status)

    def _finish(self, note: Note) -> None:
        assert note.outcome is not None, "a job that is finished has an outcome"
        if self._hand is not None:
            give(self._common.notes, self._hand.document, note.outcome, note.detail)
        if note.outcome is Outcome.PRINTED:
            self._common.notes.whole(note)
            self._common.board.printed(self.config.name)
        else:
            self._common.notes.keep(note)
        self._common.outbox.put(note)
        self._let_go()

    def _report(self, note: Note) -> None:
        """Nothing of the job was sent."""
        self._common.notes.keep(note)
        self._common.outbox.put(note)
        self._let_go()

    def _let_go(self) -> None:
        self._hand, self._is_taken = None, False
        self._common.board.works_on(self.config.name, 0)

    def _rendered(self, job: PrintJob) -> bytes | PaperError:
        """The job's bytes, copies and all, or why there are none. Raises CallFailed."""
        # A new view of the shop each time: its settings and couriers change while an agent runs for weeks.
        shop = Shop(self._render_client, self._common.output)

        def render() -> bytes:
            if self.config.language != ESCPOS:
                return page_bytes(pages_of(shop, job), self.config, self.config.copies)
            paper = paper_of(shop, job, self.config.width_mm, self.config.logo).escpos()
            return with_kick(paper, self.config, opens=moves_cash(job))

        return rendered_or_why(render)
