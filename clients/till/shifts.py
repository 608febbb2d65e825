"""Shifts as the till knows them: opened and closed with counted cash, with or without the line.

A shift has the till's own number until the server has given it one. What it comes to is what the server last
told of it, and what the journal has since then: so an X report stands while the line is down.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from clients.common.problems import BadInput
from clients.till.journal import Entry, Kind, State
from clients.till.store import Table, Transaction, number
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, Sale, TenderKind
from kasir.v1.till_pb2 import RecordCashMovementRequest, Shift, TenderTotal
from kasir.v1.till_pb2 import Till as TillRecord

CURRENT = b"shift"
NOT_BOOKED = {State.REFUSED, State.VOID, State.SETTLED}


@dataclass
class TillShift:
    """One shift; `number` is the till's, `shift_id` the server's, 0 until it is known."""

    number: int
    shift_id: int
    cashier: str
    currency_code: str
    opening_cash_minor: int
    open_ms: int
    # The last entry before it.
    since: int
    close_ms: int = 0
    counted_cash_minor: int = 0
    # What the server told last, a kasir.v1.Shift, and the last entry that it holds.
    told: bytes = b""
    told_seq: int = 0


def current(txn: Transaction) -> TillShift | None:
    """The open shift."""
    open_number = txn.get(Table.META, CURRENT) or 0
    return get_shift(txn, open_number) if open_number else None


def need_current(txn: Transaction) -> TillShift:
    """The open shift. Raises BadInput when there is none."""
    shift = current(txn)
    if shift is None:
        code = TillRecord.FromString(txn.get(Table.META, b"till")).code
        raise BadInput("{till} has no open shift. Open one: kasir till open {till} --cash AMOUNT.", till=code)
    return shift


def set_current(txn: Transaction, shift_number: int) -> None:
    """Which shift is open; 0 is none."""
    txn.put(Table.META, CURRENT, shift_number)


def get_shift(txn: Transaction, shift_number: int) -> TillShift:
    """A shift by the till's number."""
    return TillShift(**txn.get(Table.SHIFTS, number(shift_number)))


def put_shift(txn: Transaction, shift: TillShift) -> None:
    """Writes a shift."""
    txn.put(Table.SHIFTS, number(shift.number), asdict(shift))


def opening(txn: Transaction, shift_number: int) -> Entry | None:
    """The entry that opened a shift here; None for one that was opened elsewhere, or is long forgotten."""
    row = txn.get(Table.ENTRIES, number(get_shift(txn, shift_number).since + 1))
    entry = Entry(**row) if row else None
    is_it = entry is not None and (entry.kind, entry.shift) == (Kind.OPEN, shift_number)
    return entry if is_it else None


def opened(txn: Transaction, shift_number: int) -> None:
    """The server opened it after all: it is open here, unless another one is or it was closed since."""
    if current(txn) is None and not get_shift(txn, shift_number).close_ms:
        set_current(txn, shift_number)


def told(txn: Transaction, shift_number: int, shift: Shift, seq: int) -> None:
    """The server says how a shift stands; all entries up to `seq` are in it."""
    kept = get_shift(txn, shift_number)
    kept.shift_id = shift.shift_id
    kept.told, kept.told_seq = shift.SerializeToString(), seq
    put_shift(txn, kept)


def closed(txn: Transaction, shift: TillShift, counted_minor: int, close_ms: int) -> None:
    """No more sales in it."""
    shift.close_ms, shift.counted_cash_minor = close_ms, counted_minor
    put_shift(txn, shift)
    set_current(txn, 0)


def reopened(txn: Transaction, shift_number: int) -> None:
    """Its closing was refused: it is open as before."""
    shift = get_shift(txn, shift_number)
    shift.close_ms = shift.counted_cash_minor = 0
    put_shift(txn, shift)
    set_current(txn, shift_number)


def report(shift: TillShift, entries: Iterable[Entry], till_id: int) -> Shift:
    """X, or Z of a closed one: what the server told, and what the journal has beside it."""
    made = Shift.FromString(shift.told) if shift.told else _opened(shift, till_id)
    for entry in entries:
        if entry.shift != shift.number or entry.state in NOT_BOOKED:
            continue
        if entry.state == State.DONE and entry.seq <= shift.told_seq:
            continue
        if entry.kind == Kind.SALE:
            _count(made, entry.receipt_sale)
        elif entry.kind == Kind.CASH:
            _move(made, RecordCashMovementRequest.FromString(entry.request).amount.minor_units)
    if shift.close_ms and not made.HasField("close_time"):
        made.close_time.FromMilliseconds(shift.close_ms)
        made.counted_cash.CopyFrom(_money(shift, shift.counted_cash_minor))
        made.difference.CopyFrom(_money(shift, shift.counted_cash_minor - made.expected_cash.minor_units))
    return made


def unbooked(shift: TillShift, entries: Iterable[Entry]) -> int:
    """Cash in the drawer of sales that the server refused and nobody has settled; minor units."""
    return sum(
        kept
        for entry in entries
        if entry.shift == shift.number and (entry.kind, entry.state) == (Kind.SALE, State.REFUSED)
        for kind, kept in _kept(entry.receipt_sale)
        if kind == TENDER_KIND_CASH
    )


def _kept(sale: Sale) -> Iterable[tuple[TenderKind.ValueType, int]]:
    """What is kept of each tender: change goes back from cash."""
    change = sale.change.minor_units
    for tender in sale.tenders:
        back = min(change, tender.amount.minor_units) if tender.kind == TENDER_KIND_CASH else 0
        change -= back
        yield tender.kind, tender.amount.minor_units - back


def _money(shift: TillShift, minor_units: int) -> Money:
    return Money(currency_code=shift.currency_code, minor_units=minor_units)


def _opened(shift: TillShift, till_id: int) -> Shift:
    made = Shift(shift_id=shift.shift_id, till_id=till_id, cashier=shift.cashier)
    made.open_time.FromMilliseconds(shift.open_ms)
    for amount in (made.sale_total, made.tax_total, made.discount_total, made.cash_in, made.cash_out):
        amount.CopyFrom(_money(shift, 0))
    made.opening_cash.CopyFrom(_money(shift, shift.opening_cash_minor))
    made.expected_cash.CopyFrom(_money(shift, shift.opening_cash_minor))
    return made


def _count(made: Shift, sale: Sale) -> None:
    made.sale_count += 1
    made.sale_total.minor_units += sale.totals.total.minor_units
    made.tax_total.minor_units += sale.totals.tax.minor_units
    made.discount_total.minor_units += sale.totals.discount.minor_units
    for kind, kept in _kept(sale):
        total = next((each for each in made.tenders if each.kind == kind), None)
        if total is None:
            made.tenders.append(TenderTotal(kind=kind))
            total = made.tenders[-1]
            total.amount.currency_code = sale.totals.total.currency_code
        total.count += 1
        total.amount.minor_units += kept
        if kind == TENDER_KIND_CASH:
            made.expected_cash.minor_units += kept


def _move(made: Shift, amount_minor: int) -> None:
    side = made.cash_in if amount_minor > 0 else made.cash_out
    side.minor_units += abs(amount_minor)
    made.expected_cash.minor_units += amount_minor
