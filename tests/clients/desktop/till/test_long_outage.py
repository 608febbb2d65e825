"""Goal: no key waits for the journal, however much is in it.
Method: ten thousand sales that wait, thousands of items sold in the last days and leased; what the window's
own thread reads from the disk is counted. (How long that takes is measured by `python -m bench.desktop`.)
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from clients.till import journal, lease
from clients.till.journal import Entry, Kind
from clients.till.store import Store, Table, Transaction, number
from kasir.v1.booking_pb2 import OrderLine
from kasir.v1.sale_pb2 import Sale
from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import cut

SALES = 10_000
LEASED = 1_000
# Rows that a key or a scan may read, and those that telling the till's whole state may: all its leases.
KEY_ROWS, STATE_ROWS = 50, LEASED + 1_000


def fill(store: Store, now_ms: int) -> None:
    lines = [OrderLine(name=f"Kopi nomor {each} bubuk", sku=f"KOPI-{each}", quantity=2) for each in range(5)]
    with store.write() as txn:
        for each in range(SALES):
            sale = Sale(receipt=f"KASIR-1-TEST-{each}", lines=lines).SerializeToString()
            entry = Entry(0, Kind.SALE, f"id-{each}", "siti", now_ms, 1, sale, receipt=f"KASIR-1-TEST-{each}")
            entry.sale = sale
            journal.add(txn, entry)
        for day in range(lease.DAYS + 1):
            for item_id in range(1, 1_500):
                txn.put(Table.SOLD, number(now_ms // lease.DAY_MS - day) + number(item_id), 5)
        for each in range(1, LEASED):
            held = lease.Lease(each, each, 5, now_ms + lease.DAY_MS, now_ms)
            txn.put(Table.LEASES, number(each), asdict(held))


@pytest.fixture
def rows_of(monkeypatch) -> Callable[[Callable[[], Any]], int]:
    """How many rows an act reads on its own thread."""
    read: Counter[int] = Counter()
    scan, get = Transaction.scan, Transaction.get

    def scanned(*given: Any, **named: Any) -> Iterator[tuple[bytes, Any]]:
        for row in scan(*given, **named):
            read[threading.get_ident()] += 1
            yield row

    def got(*given: Any) -> Any:
        read[threading.get_ident()] += 1
        return get(*given)

    monkeypatch.setattr(Transaction, "scan", scanned)
    monkeypatch.setattr(Transaction, "get", got)

    def rows(act: Callable[[], Any]) -> int:
        before = read[threading.get_ident()]
        act()
        return read[threading.get_ident()] - before

    return rows


@pytest.fixture
def after_an_outage(till, line, wait) -> Any:
    cut(till, line, wait)
    till._keeping.stop()
    wait(lambda: not till.calls.waiting)
    fill(till.till.till.store, till.till.till.now_ms())
    return till


def test_no_key_waits_for_a_long_journal(after_an_outage, wait, rows_of):
    window = after_an_outage
    selling = window.selling
    selling.scanned(KOPI)
    for screen in window.screens:
        window.go(screen)
        wait(lambda: not window.calls.waiting)
        acts: dict[str, tuple[Callable[[], Any], int]] = {
            "told how the till stands": (window.till.tell_state, STATE_ROWS),
            "kept up": (lambda: window._kept_up(True), STATE_ROWS),
            "shown anew": (screen.entered, STATE_ROWS),
            "sought": (lambda: window.receipts.seek("KASIR-1-TEST-0"), KEY_ROWS),
            "scanned": (lambda: selling._find(KOPI, 1), KEY_ROWS),
            "found": (selling.goods.show_found, KEY_ROWS),
        }
        read = {words: rows_of(act) for words, (act, _) in acts.items()}
        slow = {words: rows for words, rows in read.items() if rows > acts[words][1]}
        assert not slow, (type(screen).__name__, read)
        wait(lambda: not window.calls.waiting)
    assert window.till.state.waits == SALES


def test_the_oldest_receipt_is_found_and_the_first_that_wait_are_shown(after_an_outage, wait):
    window = after_an_outage
    window.go(window.receipts)
    window.receipts.seek("kasir-1-test-0")
    wait(lambda: window.receipts.name.text() == "KASIR-1-TEST-0")
    window.go(window.line_screen)
    assert window.line_screen.waiting_name.text() == f"Waits for the line: {SALES}"
    assert window.line_screen.waiting.rowCount() == 200
