"""Sends what the journal has, in order, each entry once, and records what became of it.

One thread sends at a time (a lock on a file, which a killed process gives up): who sells has the turn from
before the sale is journalled until its answer is known, so that nobody else sends it. Where the line breaks,
sending stops and goes on with the same entry the next time: the same bytes with the same request id get the
same reply.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock
from google.protobuf.message import Message

from clients.common.client import Client, method_of, method_path
from clients.common.journal import PendingRequest
from clients.common.money import show_amount
from clients.common.problems import AT_THE_DOOR, CallFailed
from clients.till import journal, lease, shifts
from clients.till.journal import Entry, Journal, Kind, State, Trouble
from clients.till.store import Store, Transaction
from kasir.v1.sale_pb2 import Sale
from kasir.v1.till_pb2 import (
    CloseShiftRequest,
    CreateTillSaleRequest,
    OpenShiftRequest,
    RecordCashMovementRequest,
)

REQUESTS: dict[str, type[Any]] = {
    Kind.SALE: CreateTillSaleRequest,
    Kind.OPEN: OpenShiftRequest,
    Kind.CLOSE: CloseShiftRequest,
    Kind.CASH: RecordCashMovementRequest,
}
HOLDS_MAX = 200
# So many entries are made final, and their answers written down, at a time.
PART = 50


def down(failed: CallFailed) -> bool:
    """Whether a failure says that the line is down, and not that the engine refused something: a refusal
    has a reason, and what stands in the engine's way on the line gives none.
    """
    return not failed.settled or not failed.reason


def shut_out(client: Client, who: str, failed: CallFailed) -> bool:
    """Whether `who` is not let in with what was asked in that name, and others may be. Where the person at
    the till has to log in, all waits for that.
    """
    if failed.reason != "SESSION_REQUIRED":
        return failed.reason in AT_THE_DOOR - {"DEVICE_UNKNOWN"}
    line = client.connection
    return who != line.actor and line.enrolment is not None and line.enrolment.session(who) is not None


@dataclass
class Sent:
    """What one round of sending came to."""

    done: int = 0
    refused: int = 0
    left: int = 0
    # Why it stopped before the end.
    failed: CallFailed | None = None
    # How the entry ended that was asked about.
    sale: Sale | None = None
    void: CallFailed | None = None


@dataclass
class Sender:
    """Sends for one till. `clock` tells milliseconds since 1970."""

    store: Store
    journal: Journal
    client: Client
    leases: lease.Leases
    clock: Callable[[], int]
    lock: FileLock = field(init=False)

    def __post_init__(self) -> None:
        self.lock = FileLock(self.store.directory / "sending.lock")

    def send(self, fresh: int = 0) -> Sent:
        """Sends until nothing waits or the line breaks. What was asked of the lease and never answered is
        asked again before: sales name the holds that stand at the server.

        `fresh` is an entry whose customer still stands there: refused at its first try it is void, and no
        exception.
        """
        sent = Sent()
        with self.lock:
            sent.failed = self._lease_recovered()
            while sent.failed is None:
                part = self._final(sent)
                if not part:
                    break
                self._send_part(part, sent, fresh)
        sent.left = self.journal.waits()
        return sent

    def _lease_recovered(self) -> CallFailed | None:
        """Why the line is down, when it is."""
        try:
            self.leases.recover(self.client)
        except CallFailed as failed:
            # What the engine refuses is settled: the leases stand as they stood.
            return failed if down(failed) else None
        return None

    def _final(self, sent: Sent) -> list[tuple[Entry, Message, bool]]:
        """The next entries with what is sent for each, which is on the disk then, and whether it is the
        first try.
        """
        part: list[tuple[Entry, Message, bool]] = []
        with self.store.write() as txn:
            for entry in journal.waiting(txn):
                request = self._request(txn, entry)
                if request is None:
                    # Its shift is not open at the server yet: that may be further on, or never be.
                    sent.refused += _stranded(txn, entry, self.clock())
                    continue
                part.append((entry, request, entry.state == State.WAITING))
                entry.request = request.SerializeToString(deterministic=True)
                journal.move(txn, entry, State.SENT)
                if entry.kind == Kind.OPEN or len(part) == PART:
                    # What comes after an opening needs the number that the server gives.
                    break
        return part

    def _send_part(self, part: list[tuple[Entry, Message, bool]], sent: Sent, fresh: int) -> None:
        """Sends entries, then writes down in one go what was answered: an answer that is lost with a killed
        till is given again.
        """
        answers: list[tuple[Entry, Any]] = []
        try:
            for entry, request, first_try in part:
                try:
                    reply = self._ask(entry, request)
                except CallFailed as failed:
                    if shut_out(self.client, entry.sent_by or entry.actor, failed):
                        failed.asked_before = not first_try
                    elif down(failed):
                        sent.failed = failed
                        return
                    if first_try and entry.seq == fresh:
                        sent.void = failed
                    answers.append((entry, failed))
                else:
                    answers.append((entry, reply))
                    if entry.seq == fresh and entry.kind == Kind.SALE:
                        sent.sale = reply.sale
        finally:
            with self.store.write() as txn:
                for entry, answer in answers:
                    if isinstance(answer, CallFailed):
                        self._refused(txn, entry, answer, sent, void=answer is sent.void)
                    else:
                        self._done(txn, entry, answer)
                        sent.done += 1

    def _request(self, txn: Transaction, entry: Entry) -> Message | None:
        """What is sent for an entry; None while its shift is unknown to the server."""
        request = REQUESTS[entry.kind].FromString(entry.request)
        request.request_id = entry.request_id
        if entry.state == State.SENT or entry.kind == Kind.OPEN:
            return request  # type: ignore[no-any-return]
        shift_id = shifts.get_shift(txn, entry.shift).shift_id
        if not shift_id:
            return None
        if entry.kind == Kind.SALE:
            request.sale.shift_id = shift_id
            del request.sale.hold_ids[:]
            request.sale.hold_ids.extend(dict.fromkeys(hold_id for hold_id, _, _ in entry.draws[:HOLDS_MAX]))
        else:
            request.shift_id = shift_id
        return request  # type: ignore[no-any-return]

    def _ask(self, entry: Entry, request: Message) -> Any:
        """Asks as whoever did it or answers for it, whoever sends it now. Raises CallFailed."""
        made = datetime.fromtimestamp(entry.time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
        pending = PendingRequest(
            entry.request_id,
            method_path(method_of(request)),
            self.client.connection.server,
            entry.sent_by or entry.actor,
            made,
            entry.receipt,
            (request.SerializeToString(deterministic=True),),
        )
        return self.client.resend(pending)

    def _refused(self, txn: Transaction, entry: Entry, failed: CallFailed, sent: Sent, *, void: bool) -> None:
        current = journal.get_entry(txn, entry.seq)
        current.reason, current.message = failed.reason, failed.message
        current.unsure = False
        if failed.reason in AT_THE_DOOR:
            current.unsure = failed.asked_before
            current.message = f"{current.sent_by or current.actor} is not let in with it: {failed.message}"
        if void:
            journal.move(txn, current, State.VOID)
            lease.undraw(txn, current.draws)
            if entry.kind == Kind.OPEN:
                shifts.set_current(txn, 0)
            elif entry.kind == Kind.CLOSE:
                shifts.reopened(txn, entry.shift)
        elif entry.kind == Kind.OPEN and failed.reason == "SHIFT_OPEN" and failed.details.get("shift_id"):
            self._joined(txn, current, int(failed.details["shift_id"]))
            sent.done += 1
        elif entry.kind != Kind.OPEN and failed.was_done:
            journal.move(txn, current, State.DONE)
            words = (
                "The server has booked it and lost what it answered: look whether it is as on the receipt."
            )
            journal.raise_matter(txn, current, Trouble.DIFFERS, self.clock(), words)
            sent.done += 1
        else:
            journal.refuse(txn, current, self.clock())
            sent.refused += 1
            if entry.kind == Kind.OPEN:
                # Nothing more is sold in a shift that the server does not have.
                open_one = shifts.current(txn)
                if open_one is not None and open_one.number == entry.shift:
                    shifts.set_current(txn, 0)

    def _joined(self, txn: Transaction, entry: Entry, shift_id: int) -> None:
        """Somebody had the till open already: what was sold since counts in that shift."""
        journal.move(txn, entry, State.DONE)
        shift = shifts.get_shift(txn, entry.shift)
        shift.shift_id = shift_id
        shifts.put_shift(txn, shift)
        words = f"Shift {shift_id} was open already: receipts count there, the cash counted here does not."
        opening = shift.opening_cash_minor
        journal.raise_matter(txn, entry, Trouble.DIFFERS, self.clock(), words, opening)

    def _done(self, txn: Transaction, entry: Entry, reply: Any) -> None:
        current = journal.get_entry(txn, entry.seq)
        if entry.kind == Kind.SALE:
            current.sale_id = reply.sale.sale_id
            for trouble, words, amount in differences(entry.receipt_sale, reply.sale):
                journal.raise_matter(txn, current, trouble, self.clock(), words, amount)
        else:
            shifts.told(txn, entry.shift, reply.shift, entry.seq)
            if entry.kind == Kind.OPEN:
                shifts.opened(txn, entry.shift)
        journal.move(txn, current, State.DONE)


def _stranded(txn: Transaction, entry: Entry, time_ms: int) -> bool:
    """Refuses an entry whose shift was never opened at the server and will not be; says whether it did."""
    opening = shifts.opening(txn, entry.shift)
    if opening is not None and opening.state in {State.WAITING, State.SENT}:
        return False
    entry.reason = "SHIFT_NOT_OPENED"
    if entry.kind == Kind.CLOSE:
        entry.message = "The server did not open its shift: there is nothing to close, settle this."
    else:
        entry.message = "The server did not open its shift: open one, then send this once more."
    journal.refuse(txn, entry, time_ms)
    return True


def differences(receipt: Sale, booked: Sale) -> list[tuple[Trouble, str, int]]:
    """In what a sale was booked otherwise than the receipt says, or the price list would have it."""
    found = []
    currency = receipt.totals.total.currency_code
    total = booked.totals.total.minor_units - receipt.totals.total.minor_units
    change = booked.change.minor_units - receipt.change.minor_units
    if total or change:
        words = (
            f"Booked as {show_amount(booked.totals.total.minor_units, currency)} with "
            f"{show_amount(booked.change.minor_units, currency)} change; the receipt says "
            f"{show_amount(receipt.totals.total.minor_units, currency)} and "
            f"{show_amount(receipt.change.minor_units, currency)}."
        )
        found.append((Trouble.DIFFERS, words, total))
    charged = booked.charged_difference.minor_units
    if charged:
        more = "more" if charged > 0 else "less"
        words = (
            f"The customer paid {show_amount(abs(charged), currency)} {more} than the price list says now."
        )
        found.append((Trouble.CHARGED, words, charged))
    return found
