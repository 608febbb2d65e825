"""The shift at the till: opened and closed with counted cash, X and Z, with the line and without it."""

from dataclasses import dataclass
from typing import Any

import grpc

from clients.common.problems import CallFailed
from clients.common.request_ids import new_request_id
from clients.till import journal, shifts
from clients.till.journal import Entry, Kind
from clients.till.limits import REASON_MAX
from clients.till.line import TURN_MAX_S, TillLine
from clients.till.prices import check_text, refusal
from clients.till.store import Table, Transaction
from kasir.v1.common_pb2 import Money
from kasir.v1.till_pb2 import CloseShiftRequest, OpenShiftRequest, RecordCashMovementRequest, Shift


@dataclass(frozen=True)
class Report:
    """X or Z; `online`: the server said so, else the till counted it. `waits` entries are still to be sent.
    `unbooked_minor` is cash in the drawer of sales that the server refused; the shift does not count it.
    """

    shift: Shift
    online: bool
    waits: int
    unbooked_minor: int


class ShiftDesk(TillLine):
    """What a till does with its shift."""

    def open_shift(self, opening_cash: Money) -> Report:
        """Opens a shift with counted cash. Raises CallFailed when one is open, or the server refused."""
        with self._turn(TURN_MAX_S) as is_ours:
            who = self.cashier_now(is_ours=is_ours)
            with self.store.write() as txn:
                open_one = shifts.current(txn)
                if open_one is not None:
                    which = f"shift {open_one.shift_id}" if open_one.shift_id else "a shift"
                    words = f"{self.record.code} has {which} open; close it first."
                    raise CallFailed(grpc.StatusCode.FAILED_PRECONDITION, "SHIFT_OPEN", words)
                shift = self.begin_shift(txn, opening_cash.minor_units, who)
                request = OpenShiftRequest(till_id=self.record.till_id, opening_cash=opening_cash)
                entry = self._noted(txn, Kind.OPEN, shift.number, request, who)
            self._sent_fresh(entry, is_ours=is_ours)
        return self._report(shift.number)

    def move_cash(self, amount: Money, reason: str) -> Report:
        """Cash into the drawer, or out of it when negative. Raises BadInput, and CallFailed as the engine
        refuses, the line up or not.
        """
        check_text("reason", reason, REASON_MAX, needed=True)
        with self._turn(TURN_MAX_S) as is_ours:
            who = self.cashier_now(is_ours=is_ours)
            with self.store.write() as txn:
                shift = shifts.need_current(txn)
                if not is_ours:
                    self._check_drawer(shift, amount.minor_units)
                request = RecordCashMovementRequest(amount=amount, reason=reason)
                entry = self._noted(txn, Kind.CASH, shift.number, request, who)
            self._sent_fresh(entry, is_ours=is_ours)
        return self._report(shift.number)

    def _check_drawer(self, shift: shifts.TillShift, amount_minor: int) -> None:
        """Raises CallFailed where more is to be taken out of the drawer than the till counts in it."""
        expected_minor = self._report(shift.number).shift.expected_cash.minor_units
        if not amount_minor or expected_minor + amount_minor < 0:
            words = "More than there is cannot be taken from the drawer, and zero moves nothing."
            facts = {"field": "amount.minor_units", "expected_cash_minor": str(expected_minor)}
            raise refusal("AMOUNT_OUT_OF_RANGE", words, facts)

    def x(self) -> Report:
        """The shift as it stands. Raises BadInput when none is open."""
        if self.line_may_be_up():
            self.send()
        with self.store.read() as txn:
            shift = shifts.need_current(txn)
        self.ask_shift(shift.number)
        return self._report(shift.number)

    def close_shift(self, counted_cash: Money) -> Report:
        """Closes the shift with counted cash, and gives the lease back. Raises BadInput, CallFailed."""
        with self._turn(TURN_MAX_S) as is_ours:
            if is_ours and self.journal.waits():
                self.send()
            who = self.cashier_now(is_ours=is_ours)
            with self.store.write() as txn:
                shift = shifts.need_current(txn)
                request = CloseShiftRequest(counted_cash=counted_cash)
                entry = self._noted(txn, Kind.CLOSE, shift.number, request, who)
                shifts.closed(txn, shift, counted_cash.minor_units, self.now_ms())
            self._sent_fresh(entry, is_ours=is_ours)
        self.journal.forget_before(self.now_ms() - journal.KEEP_MS)
        return self._report(shift.number)

    def report(self, shift_number: int) -> Report:
        """A shift by the till's number."""
        return self._report(shift_number)

    def _noted(self, txn: Transaction, kind: Kind, shift_number: int, request: Any, who: str) -> Entry:
        entry = Entry(
            seq=0,
            kind=kind,
            request_id=new_request_id(),
            actor=who,
            time_ms=self.now_ms(),
            shift=shift_number,
            request=request.SerializeToString(),
        )
        return journal.add(txn, entry)

    def _sent_fresh(self, entry: Entry, *, is_ours: bool) -> None:
        if is_ours and self.line_may_be_up():
            sent = self.send(entry.seq)
            if sent.void is not None:
                raise sent.void

    def _report(self, shift_number: int) -> Report:
        with self.store.read() as txn:
            shift = shifts.get_shift(txn, shift_number)
            last = txn.get(Table.META, b"entries") or 0
        # What was refused may be sent again in a later shift than its own.
        older = [entry for entry in self.journal.unsettled() if entry.seq <= shift.since]
        entries = [*older, *self.journal.entries(after=shift.since)]
        return Report(
            shifts.report(shift, entries, self.record.till_id),
            online=bool(shift.told) and shift.told_seq >= last,
            waits=self.journal.waits(),
            unbooked_minor=shifts.unbooked(shift, entries),
        )
