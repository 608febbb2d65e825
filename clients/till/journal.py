"""What the till did, on its disk before anybody is told: sales, shifts, cash movements, in order.

An entry is WAITING until its request is made final (SENT), and SENT until the server's answer is known:
DONE or REFUSED. The request id is made with the entry and the bytes are final before the first of them goes
out, so that asking again after whatever happened has one effect. What a person has to look at is an
exception, and stays one until somebody settles it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from clients.common.problems import AT_THE_DOOR, BadInput
from clients.till.store import Store, Table, Transaction, number
from kasir.v1.sale_pb2 import Sale

CHANGES = b"changes"
# Settled and done entries are forgotten after this long: receipts are reprinted, shifts looked at.
KEEP_MS = 62 * 24 * 3_600_000


class Kind(StrEnum):
    """What an entry is."""

    SALE = "sale"
    OPEN = "open"
    CLOSE = "close"
    CASH = "cash"


# What counts in whichever shift is open when it is sent once more.
IN_A_SHIFT = frozenset({Kind.SALE, Kind.CASH})


class State(StrEnum):
    """Where an entry stands."""

    WAITING = "waiting"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    # Refused while the customer still stood there: nothing was sold.
    VOID = "void"
    # Refused, and a person has taken care of it.
    SETTLED = "settled"


class Trouble(StrEnum):
    """Why a person has to look at an entry."""

    # Sold while the line was down, beyond what the till had leased.
    UNCOVERED = "uncovered"
    # The server does not book it.
    REFUSED = "refused"
    # Booked at what the customer paid, which is not what the price list came to.
    CHARGED = "charged"
    # Booked with another total or change than the receipt says.
    DIFFERS = "differs"


ALLOWED = {
    # Refused unsent: its shift was never opened at the server.
    State.WAITING: {State.SENT, State.REFUSED},
    State.SENT: {State.DONE, State.REFUSED, State.VOID},
    # Sent again with the same bytes where it may be booked.
    State.REFUSED: {State.WAITING, State.SENT, State.SETTLED},
    # Lost by the server, which came back from a backup without it.
    State.DONE: {State.REFUSED},
    State.VOID: set[State](),
    State.SETTLED: set[State](),
}


@dataclass
class Entry:
    """One thing the till did. Amounts are minor units of the shop's currency."""

    seq: int
    kind: str
    request_id: str
    actor: str
    time_ms: int
    # The till's own number of the shift: the entry that opened it, or at which it was found open.
    shift: int
    # The contract's request; its bytes are what is sent from SENT on.
    request: bytes
    state: str = State.WAITING
    receipt: str = ""
    # Made without an answer of the server.
    offline: bool = False
    # The sale as the receipt has it, a kasir.v1.Sale.
    sale: bytes = b""
    # What it takes out of the lease: hold, item, units.
    draws: list[list[int]] = field(default_factory=list)
    # What no lease covers: item, units.
    uncovered: list[list[int]] = field(default_factory=list)
    permissions: list[dict[str, Any]] = field(default_factory=list)
    # The server's number of it, once it has one.
    sale_id: int = 0
    # As whom it is sent, where whoever did it may not.
    sent_by: str = ""
    # Refused at the door, and asked before without an answer: it may be booked.
    unsure: bool = False
    reason: str = ""
    message: str = ""

    @property
    def receipt_sale(self) -> Sale:
        """The sale as the receipt has it."""
        return Sale.FromString(self.sale)


@dataclass
class Matter:
    """One exception: an entry that a person has to look at, and what became of it."""

    seq: int
    trouble: str
    time_ms: int
    receipt: str
    message: str
    amount_minor: int = 0
    settled_by: str = ""
    settled_note: str = ""
    settled_ms: int = 0


class Journal:
    """Entries and exceptions in a till's store. Several processes may use it; each change is one
    transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- Reading ---

    def entry(self, seq: int) -> Entry:
        """An entry by its number. Raises BadInput when there is none."""
        with self._store.read() as txn:
            return get_entry(txn, seq)

    def entries(self, *, after: int = 0, limit: int | None = None) -> list[Entry]:
        """Entries above a number, oldest first."""
        with self._store.read() as txn:
            return list(
                _first((Entry(**row) for _, row in txn.scan(Table.ENTRIES, number(after + 1))), limit)
            )

    def outbox(self, limit: int | None = None) -> list[Entry]:
        """Entries whose answer is not known, in the order in which they are sent."""
        with self._store.read() as txn:
            keys = [key for key, _ in islice(txn.scan(Table.OUTBOX), limit)]
            return [Entry(**txn.get(Table.ENTRIES, key)) for key in keys]

    def unsettled(self) -> list[Entry]:
        """Entries that wait for an answer, or for a person to settle an exception."""
        with self._store.read() as txn:
            seqs = {int.from_bytes(key, "big") for key, _ in txn.scan(Table.OUTBOX)}
            seqs |= {row["seq"] for _, row in txn.scan(Table.EXCEPTIONS) if not row["settled_ms"]}
            return [get_entry(txn, seq) for seq in sorted(seqs)]

    def by_receipt(self, receipt: str) -> Entry | None:
        """The sale of a receipt, the last sale when none is named; None when the journal does not have it."""
        with self._store.read() as txn:
            for _, row in txn.scan(Table.ENTRIES, backwards=True):
                if row["receipt"] and receipt.strip().lower() in {"", row["receipt"].lower()}:
                    return Entry(**row)
        return None

    def receipts(self, limit: int) -> list[Entry]:
        """Sales, newest first."""
        with self._store.read() as txn:
            rows = (row for _, row in txn.scan(Table.ENTRIES, backwards=True) if row["receipt"])
            return [Entry(**row) for row in islice(rows, limit)]

    def waits(self) -> int:
        """How many entries wait for an answer."""
        with self._store.read() as txn:
            return txn.count(Table.OUTBOX)

    def matters(self, *, settled: bool = False) -> list[Matter]:
        """Exceptions, oldest first; those that are settled only when asked for."""
        with self._store.read() as txn:
            found = [Matter(**row) for _, row in txn.scan(Table.EXCEPTIONS)]
        return [matter for matter in found if settled or not matter.settled_ms]

    def booked_since(self, time_ms: int) -> list[Entry]:
        """Sales that the server has booked, made since then; oldest first."""
        with self._store.read() as txn:
            rows = (Entry(**row) for _, row in txn.scan(Table.ENTRIES))
            return [each for each in rows if each.time_ms >= time_ms and _is_booked(each)]

    # --- What becomes of an entry ---

    def lost(self, seq: int, time_ms: int) -> None:
        """The server does not have a sale any more that it had booked: a person decides."""
        with self._store.write() as txn:
            entry = get_entry(txn, seq)
            if not _is_booked(entry):
                return
            entry.reason = "SALE_LOST"
            entry.message = "The server had booked it and has it no more: send it again, or book it by hand."
            # What it was taken out of may be another's by now.
            entry.draws, entry.sale_id = [], 0
            refuse(txn, entry, time_ms)

    def retry(self, seq: int, request_id: str, shift: int, by: str = "") -> None:
        """A refused entry is sent once more, as a new request that counts in `shift`; one that may be booked
        as the same request, which has one effect. What somebody was not let in with is sent as `by`.
        Raises BadInput.
        """
        with self._store.write() as txn:
            entry = get_entry(txn, seq)
            if entry.state != State.REFUSED:
                raise BadInput(
                    "Entry {entry} was not refused; only one that was refused is sent again.", entry=seq
                )
            if entry.reason in AT_THE_DOOR:
                entry.sent_by = by
            entry.reason = entry.message = ""
            if entry.unsure:
                move(txn, entry, State.SENT)
            else:
                entry.request_id = request_id
                if entry.kind in IN_A_SHIFT:
                    entry.shift = shift
                move(txn, entry, State.WAITING)
            txn.delete(Table.EXCEPTIONS, _matter_key(seq, Trouble.REFUSED))

    def settle(self, seq: int, by: str, note: str, time_ms: int) -> None:
        """A person has taken care of an entry's exceptions. Raises BadInput when there is nothing to
        settle.
        """
        if not note.strip():
            raise BadInput("Say how it was settled.")
        with self._store.write() as txn:
            entry = get_entry(txn, seq)
            open_ones = [matter for matter in matters_of(txn, seq) if not matter.settled_ms]
            if not open_ones:
                raise BadInput("Entry {entry} has no open exception.", entry=seq)
            if entry.state in {State.WAITING, State.SENT}:
                raise BadInput(
                    "Entry {entry} still waits for its answer; settle it when it is known.", entry=seq
                )
            for matter in open_ones:
                matter.settled_by, matter.settled_note, matter.settled_ms = by, note.strip(), time_ms
                txn.put(Table.EXCEPTIONS, _matter_key(seq, matter.trouble), asdict(matter))
            if entry.state == State.REFUSED:
                move(txn, entry, State.SETTLED)

    def forget_before(self, time_ms: int) -> int:
        """Forgets what is over and older than that, exceptions with it; returns how many entries."""
        with self._store.write() as txn:
            over = []
            for _, row in txn.scan(Table.ENTRIES):
                entry = Entry(**row)
                if entry.time_ms >= time_ms:
                    break
                if entry.state in {State.DONE, State.VOID, State.SETTLED} and all(
                    matter.settled_ms for matter in matters_of(txn, entry.seq)
                ):
                    over.append(entry.seq)
            for seq in over:
                for matter in matters_of(txn, seq):
                    txn.delete(Table.EXCEPTIONS, _matter_key(seq, matter.trouble))
                txn.delete(Table.ENTRIES, number(seq))
        return len(over)


def _is_booked(entry: Entry) -> bool:
    return entry.kind == Kind.SALE and entry.state == State.DONE


def add(txn: Transaction, entry: Entry) -> Entry:
    """Writes a new entry, which gets the next number."""
    counted = txn.get(Table.META, b"entries") or 0
    entry.seq = counted + 1
    txn.put(Table.META, b"entries", entry.seq)
    txn.put(Table.ENTRIES, number(entry.seq), asdict(entry))
    txn.put(Table.OUTBOX, number(entry.seq), None)
    count_change(txn)
    return entry


def get_entry(txn: Transaction, seq: int) -> Entry:
    """An entry by its number. Raises BadInput when there is none."""
    row = txn.get(Table.ENTRIES, number(seq))
    if row is None:
        raise BadInput("There is no entry {entry}.", entry=seq)
    return Entry(**row)


def put_entry(txn: Transaction, entry: Entry) -> None:
    """Writes a changed entry; its state changes by `move` only."""
    txn.put(Table.ENTRIES, number(entry.seq), asdict(entry))


def move(txn: Transaction, entry: Entry, state: State) -> None:
    """Brings an entry into another state and writes it. Sending it again from SENT is no move."""
    if entry.state == state == State.SENT:
        return
    assert state in ALLOWED[State(entry.state)], f"entry {entry.seq} is {entry.state}, not {state} next"
    entry.state = state
    put_entry(txn, entry)
    if state in {State.WAITING, State.SENT}:
        txn.put(Table.OUTBOX, number(entry.seq), None)
    else:
        txn.delete(Table.OUTBOX, number(entry.seq))
    count_change(txn)


def changes(txn: Transaction) -> int:
    """Grows with whatever happens at this till: what the server was asked before may miss something."""
    count: int = txn.get(Table.META, CHANGES) or 0
    return count


def count_change(txn: Transaction) -> None:
    """Something happened."""
    txn.put(Table.META, CHANGES, changes(txn) + 1)


def refuse(txn: Transaction, entry: Entry, time_ms: int) -> None:
    """The server surely does not book an entry, which has the reason: a person decides."""
    move(txn, entry, State.REFUSED)
    amount = entry.receipt_sale.totals.total.minor_units
    raise_matter(txn, entry, Trouble.REFUSED, time_ms, entry.message or entry.reason, amount)


def waiting(txn: Transaction) -> Iterator[Entry]:
    """Entries whose answer is not known, in the order in which they are sent."""
    keys = [key for key, _ in txn.scan(Table.OUTBOX)]
    for key in keys:
        yield Entry(**txn.get(Table.ENTRIES, key))


def raise_matter(
    txn: Transaction, entry: Entry, trouble: Trouble, time_ms: int, message: str, amount_minor: int = 0
) -> None:
    """Puts an entry on the list of exceptions."""
    matter = Matter(entry.seq, trouble, time_ms, entry.receipt, message, amount_minor)
    txn.put(Table.EXCEPTIONS, _matter_key(entry.seq, trouble), asdict(matter))


def matters_of(txn: Transaction, seq: int) -> list[Matter]:
    """An entry's exceptions, the settled ones too."""
    rows = (txn.get(Table.EXCEPTIONS, _matter_key(seq, trouble)) for trouble in Trouble)
    return [Matter(**row) for row in rows if row is not None]


def _matter_key(seq: int, trouble: str) -> bytes:
    return number(seq) + trouble.encode()


def _first(entries: Iterable[Entry], limit: int | None) -> Iterator[Entry]:
    for count, entry in enumerate(entries):
        if limit is not None and count >= limit:
            return
        yield entry
