"""Goal: the journal does what a few lists in memory would, whatever happens in which order, and is the
same after it was closed and opened again. Method: Hypothesis makes the moves; a small model makes them
too, and both are compared after each.
"""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from clients.common.problems import BadInput
from clients.till import journal, lease
from clients.till.journal import Entry, Journal, Kind, State, Trouble
from clients.till.store import Store, Table, number
from kasir.v1.booking_pb2 import Totals
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import Sale

LEASED = 20
HOUR_MS = 3_600_000


class DiedError(Exception):
    """The till, in the middle of a transaction."""


def die(broken: bool) -> None:
    if broken:
        raise DiedError


class JournalMachine(RuleBasedStateMachine):
    """What is expected: state and request id by entry, open exceptions, units left of one lease."""

    entries = Bundle("entries")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name))
        self.journal = Journal(self.store)
        self.expected: dict[int, tuple[State, str]] = {}
        self.open: set[tuple[int, Trouble]] = set()
        self.draws: dict[int, list[list[int]]] = {}
        self.left = LEASED
        with self.store.write() as txn:
            row = {"hold_id": 7, "item_id": 3, "quantity": LEASED, "until_ms": HOUR_MS, "from_ms": 0}
            txn.put(Table.LEASES, number(7), row)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(target=entries, units=st.integers(1, 6), late=st.booleans(), broken=st.booleans())
    def sell(self, units: int, late: bool, broken: bool) -> int:
        """`late`: the lease is over; `broken`: the till dies before the transaction ends."""
        total = Totals(total=Money(currency_code="IDR", minor_units=100 * units))
        request_id = f"id-{len(self.expected)}"
        seq = 0
        try:
            with self.store.write() as txn:
                draws, uncovered = lease.draw(txn, {3: units}, HOUR_MS if late else 0)
                entry = Entry(
                    0,
                    Kind.SALE,
                    request_id,
                    "siti",
                    1_000,
                    1,
                    b"",
                    sale=Sale(totals=total).SerializeToString(),
                )
                entry.draws, entry.uncovered = draws, uncovered
                seq = journal.add(txn, entry).seq
                if uncovered:
                    journal.raise_matter(txn, entry, Trouble.UNCOVERED, 1_000, "beyond")
                die(broken)
        except DiedError:
            return 0
        covered = 0 if late else min(units, self.left)
        assert sum(each[2] for each in draws) == covered
        assert sum(each[1] for each in uncovered) == units - covered
        self.left -= covered
        self.draws[seq] = draws
        assert seq == len(self.expected) + 1
        self.expected[seq] = (State.WAITING, request_id)
        if uncovered:
            self.open.add((seq, Trouble.UNCOVERED))
        return seq

    @rule(seq=entries)
    def make_final(self, seq: int) -> None:
        if self._is(seq, State.WAITING, State.SENT):
            with self.store.write() as txn:
                entry = journal.get_entry(txn, seq)
                entry.request = b"bytes of %d" % seq
                journal.move(txn, entry, State.SENT)
            self._becomes(seq, State.SENT)

    @rule(seq=entries)
    def done(self, seq: int) -> None:
        if self._is(seq, State.SENT):
            with self.store.write() as txn:
                journal.move(txn, journal.get_entry(txn, seq), State.DONE)
            self._becomes(seq, State.DONE)

    @rule(seq=entries)
    def refused(self, seq: int) -> None:
        if self._is(seq, State.SENT):
            with self.store.write() as txn:
                journal.refuse(txn, journal.get_entry(txn, seq), 2_000)
            self._becomes(seq, State.REFUSED)
            self.open.add((seq, Trouble.REFUSED))

    @rule(seq=entries)
    def void(self, seq: int) -> None:
        if self._is(seq, State.SENT):
            with self.store.write() as txn:
                journal.move(txn, journal.get_entry(txn, seq), State.VOID)
                lease.undraw(txn, self.draws[seq])
            self.left += sum(each[2] for each in self.draws[seq])
            self._becomes(seq, State.VOID)

    @rule(seq=entries)
    def retry(self, seq: int) -> None:
        fresh = f"again-{seq}-{len(self.open)}"
        try:
            self.journal.retry(seq, fresh, 2)
        except BadInput:
            assert not self._is(seq, State.REFUSED)
        else:
            assert self._is(seq, State.REFUSED)
            self.expected[seq] = (State.WAITING, fresh)
            self.open.discard((seq, Trouble.REFUSED))

    @rule(seq=entries, note=st.sampled_from(["", " ", "counted"]))
    def settle(self, seq: int, note: str) -> None:
        mine = {each for each in self.open if each[0] == seq}
        may = bool(note.strip()) and bool(mine) and not self._is(seq, State.WAITING, State.SENT)
        try:
            self.journal.settle(seq, "budi", note, 3_000)
        except BadInput:
            assert not may
        else:
            assert may
            self.open -= mine
            if self._is(seq, State.REFUSED):
                self._becomes(seq, State.SETTLED)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store(Path(self.folder.name))
        self.journal = Journal(self.store)

    @rule(seq=consumes(entries))
    def forgotten_entries_are_over(self, seq: int) -> None:
        assert self.journal.forget_before(0) == 0, "nothing is so old"

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        found = {entry.seq: (State(entry.state), entry.request_id) for entry in self.journal.entries()}
        assert found == self.expected
        waiting = [
            seq for seq, (state, _) in sorted(self.expected.items()) if state in (State.WAITING, State.SENT)
        ]
        assert [entry.seq for entry in self.journal.outbox()] == waiting
        assert self.journal.waits() == len(waiting)
        assert {(matter.seq, Trouble(matter.trouble)) for matter in self.journal.matters()} == self.open
        for entry in self.journal.outbox():
            assert entry.request == (
                b"bytes of %d" % entry.seq if entry.state == State.SENT else entry.request
            )
        with self.store.read() as txn:
            assert txn.get(Table.LEASES, number(7))["quantity"] == self.left

    def _is(self, seq: int, *states: State) -> bool:
        return seq in self.expected and self.expected[seq][0] in states

    def _becomes(self, seq: int, state: State) -> None:
        self.expected[seq] = (state, self.expected[seq][1])


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_only_what_is_over_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = Journal(store)
    with store.write() as txn:
        for time_ms in (1, 2, 3, 4):
            journal.add(txn, Entry(0, Kind.CASH, f"id-{time_ms}", "siti", time_ms, 1, b""))
    with store.write() as txn:
        for seq in (1, 2, 4):
            journal.move(txn, journal.get_entry(txn, seq), State.SENT)
        journal.move(txn, journal.get_entry(txn, 1), State.DONE)
        journal.move(txn, journal.get_entry(txn, 4), State.DONE)
        journal.refuse(txn, journal.get_entry(txn, 2), 5)
    assert kept.forget_before(4) == 1
    assert [entry.seq for entry in kept.entries()] == [2, 3, 4]
    kept.settle(2, "budi", "done", 6)
    assert kept.forget_before(4) == 1
    assert [entry.seq for entry in kept.entries()] == [3, 4]
    assert kept.matters(settled=True) == []
    store.close()


def test_a_full_disk_takes_a_sale_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path, map_bytes=2**20)
    kept = Journal(store)
    made = 0
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):  # noqa: PT012
        while True:
            with store.write() as txn:
                journal.add(txn, Entry(0, Kind.SALE, f"id-{made}", "siti", 1, 1, b"x" * 2_000))
            made += 1
    assert made > 50
    assert [entry.seq for entry in kept.entries()] == list(range(1, made + 1))
    assert kept.waits() == made
    store.close()
    assert Journal(Store(tmp_path)).waits() == made


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.write() as txn:
        txn.put(Table.META, b"format", 2)
    store.close()
    with pytest.raises(OSError, match="is of format 2"):
        Store(tmp_path)
