"""Goods of tills' sales given back against their receipt. Only with the line up: what a sale still has, the
server knows, and the till has no rule of its own.

A refund is on the till's disk before its first byte goes out. One whose answer was lost is asked again, with
the same bytes, before any other: nobody is paid twice, and nobody is told that nothing was paid who was.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from clients.common.client import method_of, method_path
from clients.common.journal import PendingRequest
from clients.common.problems import AT_THE_DOOR, BadInput, CallFailed, Word
from clients.common.request_ids import new_request_id
from clients.till import shifts
from clients.till.cart import Permission
from clients.till.journal import changes, count_change
from clients.till.paying import check_no_card, check_reference
from clients.till.sender import down, shut_out
from clients.till.store import Table, Transaction
from clients.till.till import Till
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, GetSaleRequest, GetSaleResponse, Sale, TenderKind
from kasir.v1.till_pb2 import (
    QuoteRefundRequest,
    QuoteRefundResponse,
    Refund,
    RefundInput,
    RefundLineInput,
    RefundSaleRequest,
    Shift,
    TenderTotal,
)


def _offline() -> BadInput:
    return BadInput(
        "The line is down: only the server knows what a sale still has. Nothing can be given back now."
    )


def _unanswered() -> BadInput:
    return BadInput(
        "The line broke: nobody knows whether it was given back. Pay nothing out; ask again first."
    )


UNANSWERED = Word(str(_unanswered()))
# Under which the one stands whose answer is not known.
KEY = b"refund"
# What paper writes before the number of a sale to whose receipt the till gave none.
_SALE = "S"


@dataclass(frozen=True)
class Wanted:
    """What is to be given back of a sale, and how it is paid."""

    sale_id: int
    lines: Sequence[RefundLineInput]
    kind: TenderKind.ValueType
    reference: str = ""


@dataclass(frozen=True)
class Unanswered:
    """A refund that was sent and not answered: its bytes are final."""

    request_id: str
    actor: str
    time_ms: int
    # The till's own number of the shift.
    shift: int
    request: bytes


class Refunds:
    """What a till gives back."""

    def __init__(self, till: Till) -> None:
        self._till = till

    def find(self, number: str) -> Sale:
        """The sale of a receipt, whichever till gave it, as it stands. Raises BadInput, CallFailed."""
        number = number.strip()
        if not number:
            raise BadInput("Say which receipt: scan or type its number.")
        self._need_line()
        if self._till.journal.waits():
            # It may be one of those.
            self._till.send()
        own = number.removeprefix(_SALE)
        by_sale = own.isascii() and own.isdigit() and len(own) < len(str(2**63))
        request = GetSaleRequest(sale_id=int(own)) if by_sale else GetSaleRequest(receipt=number)
        found: Sale = self._ask(request, GetSaleResponse).sale
        return found

    def quote(self, wanted: Wanted) -> Refund:
        """What it comes to; nothing is given back. Raises BadInput, CallFailed."""
        self._need_line()
        request = QuoteRefundRequest(refund=self._input(wanted, self._shift().shift_id))
        quoted: Refund = self._ask(request, QuoteRefundResponse).refund
        return quoted

    def give(self, wanted: Wanted, reason: str, permission: Permission | None) -> Refund:
        """Gives it back: the server has it when this returns. Raises CallFailed when it was refused, and
        BadInput; nothing is given back then, but where the line broke nobody knows: see `unanswered`.
        """
        if permission is None or not permission.by:
            raise BadInput("Somebody has to allow that goods are given back.")
        self._till.approvers.check(permission)
        check_reference(wanted.reference)
        for text in (reason, permission.by):
            check_no_card(text)
        self._need_line()
        if self.unanswered() is not None:
            raise _unanswered()
        shift = self._shift()
        made = self._input(wanted, shift.shift_id)
        made.reference, made.reason, made.approved_by = wanted.reference, reason, permission.by
        request = RefundSaleRequest(request_id=new_request_id(), refund=made)
        kept = Unanswered(
            request.request_id,
            self._till.client.connection.actor,
            self._till.now_ms(),
            shift.number,
            request.SerializeToString(deterministic=True),
        )
        with self._till.store.write() as txn:
            if txn.get(Table.META, KEY) is not None:
                raise _unanswered()
            txn.put(Table.META, KEY, asdict(kept))
        return self._settled(kept, fresh=True)

    def unanswered(self) -> RefundInput | None:
        """What was to be given back when the line broke."""
        kept = self._till.store.meta(KEY.decode())
        return RefundSaleRequest.FromString(kept["request"]).refund if kept else None

    def ask_again(self) -> Refund | None:
        """What became of the one whose answer was lost: done, now if not before. None where there is none.
        Raises BadInput while the line is down, or where it was done and the server lost its answer;
        CallFailed when it was refused: nothing was given back then.
        """
        kept = self._till.store.meta(KEY.decode())
        if not kept:
            return None
        self._need_line()
        return self._settled(Unanswered(**kept), fresh=False)

    def _settled(self, kept: Unanswered, *, fresh: bool) -> Refund:
        with self._till.store.read() as txn:
            known = changes(txn)
        try:
            reply = self._reply(kept)
        except CallFailed as failed:
            if failed.reason in AT_THE_DOOR:
                raise self._not_let_in(kept, fresh=fresh) from failed
            if down(failed):
                self._till.broke(failed)
                raise _unanswered() from failed
            self._forget(kept)
            if failed.was_done:
                raise self._lost(kept) from failed
            raise
        refund: Refund = reply.refund
        with self._till.store.write() as txn:
            if fresh and changes(txn) == known:
                # Else the server may have told the shift since, with the refund in it.
                _take_off(txn, kept.shift, refund)
            # What the server is being asked of the shift meanwhile may lack it.
            count_change(txn)
        self._forget(kept)
        self._till.ask_shift(kept.shift)
        return refund

    def _lost(self, kept: Unanswered) -> BadInput:
        """What to say where it was given back and only the answer is lost; the shift has it in it."""
        with self._till.store.write() as txn:
            count_change(txn)
        self._till.ask_shift(kept.shift)
        return BadInput(
            "It was given back, and what the server answered is lost. Look the receipt up before you pay "
            "anything out, and do not give it back again."
        )

    def _reply(self, kept: Unanswered) -> Any:
        """Asks as whoever gave it back; where that is not let in, as who is at the till. Raises
        CallFailed.
        """
        client = self._till.client
        at_till = client.connection.actor
        try:
            return client.resend(self._pending(kept, kept.actor))
        except CallFailed as failed:
            if kept.actor == at_till or not shut_out(client, kept.actor, failed):
                raise
        return client.resend(self._pending(kept, at_till))

    def _not_let_in(self, kept: Unanswered, *, fresh: bool) -> BadInput:
        """What to say where the server did not even look. A first try surely did nothing, and is
        forgotten.
        """
        who = self._till.client.connection.actor
        if fresh:
            self._forget(kept)
            return BadInput(
                "The server did not let {who} in with it: nothing was given back. Somebody who may has to "
                "do it.",
                who=who,
            )
        return BadInput(
            "The server did not let {who} ask again: nobody knows whether it was given back. Pay nothing "
            "out; somebody who may has to log in and ask again.",
            who=who,
        )

    def _pending(self, kept: Unanswered, actor: str) -> PendingRequest:
        method = method_path(method_of(RefundSaleRequest()))
        made = datetime.fromtimestamp(kept.time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
        server = self._till.client.connection.server
        return PendingRequest(kept.request_id, method, server, actor, made, "", (kept.request,))

    def _forget(self, kept: Unanswered) -> None:
        """Unless it is another one by now."""
        with self._till.store.write() as txn:
            row = txn.get(Table.META, KEY)
            if row is not None and row["request_id"] == kept.request_id:
                txn.delete(Table.META, KEY)

    def _input(self, wanted: Wanted, shift_id: int) -> RefundInput:
        return RefundInput(shift_id=shift_id, sale_id=wanted.sale_id, lines=wanted.lines, kind=wanted.kind)

    def _shift(self) -> shifts.TillShift:
        """The open shift, which the server knows. Raises BadInput."""
        if self._till.journal.waits():
            self._till.send()
        with self._till.store.read() as txn:
            shift = shifts.need_current(txn)
        if not shift.shift_id:
            raise _offline()
        return shift

    def _need_line(self) -> None:
        if not self._till.line_may_be_up():
            raise _offline()

    def _ask(self, request: Any, reply_type: Any) -> Any:
        try:
            return self._till.client.call(request, reply_type)
        except CallFailed as failed:
            self._till.broke(failed)
            raise _offline() from failed


def _take_off(txn: Transaction, shift_number: int, refund: Refund) -> None:
    """What the till knows of its shift has the refund in it, should the line break before it is told."""
    kept = shifts.get_shift(txn, shift_number)
    if not kept.told:
        return
    told = Shift.FromString(kept.told)
    told.refund_count += 1
    _add(told.refund_total, refund.totals.total)
    _add(told.refund_tax_total, refund.totals.tax)
    for tender in refund.tenders:
        total = next((each for each in told.refund_tenders if each.kind == tender.kind), None)
        if total is None:
            told.refund_tenders.append(TenderTotal(kind=tender.kind))
            total = told.refund_tenders[-1]
        total.count += 1
        _add(total.amount, tender.amount)
        if tender.kind == TENDER_KIND_CASH:
            told.expected_cash.minor_units -= tender.amount.minor_units
    kept.told = told.SerializeToString()
    shifts.put_shift(txn, kept)


def _add(total: Money, amount: Money) -> None:
    total.currency_code = amount.currency_code
    total.minor_units += amount.minor_units
