"""Goal: among a hundred thousand open orders the one that money is for is found as one types, while they are
still being read, and the window is never held.

Method: pages as the contract's reader makes them, without a server; what counts is the longest work of the
window's thread between two turns of its timer, whoever else keeps the machine busy.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import grpc
import pytest
import shiboken6
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

from clients.common.problems import CallFailed
from clients.desktop.cs import open_orders
from clients.desktop.cs.open_orders import FOUND_MAX, OpenOrder, Read
from clients.desktop.cs.order_picker import OrderPicker
from kasir.v1.booking_pb2 import ORDER_STATE_BOOKED

PAGES, PAGE = 100, 1_000
# A person sees a key's letter come later from here on.
HELD_MAX_S = 0.1


def order(number: int) -> OpenOrder:
    name, phone, payable = f"Pelanggan {number}", f"+62812{number:08d}", number * 1_000_00
    words = f"{number} {name} {phone} {payable // 100}".casefold()
    return OpenOrder(number, name, phone, ORDER_STATE_BOOKED, payable, payable, "IDR", words)


@dataclass
class Orders:
    """Pages of open orders, the newest first, the next one when it may come."""

    may_come: Callable[[int], bool] = lambda _page: True
    read: list[int] = field(default_factory=list)

    def __call__(self, at: tuple[int, str], _shop: object) -> Read:
        page = int(at[1] or 0)
        while not self.may_come(page):
            time.sleep(0.005)
        self.read.append(page)
        newest = (PAGES - page) * PAGE
        made = tuple(order(number) for number in range(newest, newest - PAGE, -1))
        return Read(made, (0, str(page + 1)) if page + 1 < PAGES else None)


@pytest.fixture
def picker(calls, monkeypatch, settings):
    opened: list[OrderPicker] = []

    def make(orders: Orders) -> OrderPicker:
        monkeypatch.setattr(open_orders, "read", orders)
        monkeypatch.setattr(open_orders, "_numbered", lambda *_facts: [])
        made = OrderPicker(calls("127.0.0.1:1"), 777_000_00)
        opened.append(made)
        made.resize(900, 600)
        made.show()
        return made

    yield make
    for each in opened:
        if shiboken6.isValid(each):
            shiboken6.delete(each)


def ids(picker: OrderPicker) -> list[int]:
    return [picker.found.at(row).order_id for row in range(picker.found.rowCount())]


def test_what_is_typed_is_found_while_orders_are_still_read(picker, wait):
    pages = 3
    made = picker(Orders(may_come=lambda page: page < pages))
    wait(lambda: "3000" in made.reading.text() and made.found.rowCount() == FOUND_MAX)
    QTest.keyClicks(made.query, "pelanggan 99509")
    wait(lambda: ids(made) == [99509])
    # The next pages are looked through for the same words as they come.
    made.query.clear()
    QTest.keyClicks(made.query, "pelanggan 93217")
    wait(lambda: ids(made) == [])
    pages = PAGES
    wait(lambda: ids(made) == [93217])
    wait(lambda: "nearest in amount" in made.reading.text())
    assert ids(made) == [93217]


def test_the_window_is_never_held_by_a_hundred_thousand_orders(picker, wait):
    made = picker(Orders())
    ticks = [time.thread_time()]
    clock = QTimer()
    clock.timeout.connect(lambda: ticks.append(time.thread_time()))
    clock.start(5)
    for char in "pelanggan 7":
        QTest.keyClicks(made.query, char, delay=20)
    wait(lambda: "nearest in amount" in made.reading.text())
    for char in "77":
        QTest.keyClicks(made.query, char, delay=20)
    wait(lambda: ids(made)[:1] == [777])
    clock.stop()
    held_s = max(after - before for before, after in itertools.pairwise(ticks))
    print(f"\n{PAGES * PAGE} open orders: the window worked {held_s * 1000:.0f} ms at once at most")
    assert held_s < HELD_MAX_S


def test_a_search_is_given_up_when_the_words_change(picker, wait, monkeypatch):
    made = picker(Orders())
    wait(lambda: "nearest in amount" in made.reading.text())
    looked: list[str] = []
    real = open_orders.found

    def slowly(orders, words, minor_units):
        looked.append(words)
        time.sleep(0.01)
        return real(orders, words, minor_units)

    monkeypatch.setattr(open_orders, "found", slowly)
    made.look_for("pelanggan 1")
    wait(lambda: looked)
    made.look_for("pelanggan 77777")
    wait(lambda: ids(made) == [77777])
    assert looked.count("pelanggan 1") < PAGES * PAGE // open_orders.CHUNK
    assert looked.count("pelanggan 77777") == PAGES * PAGE // open_orders.CHUNK


def down(*_facts: object) -> NoReturn:
    raise CallFailed(grpc.StatusCode.UNAVAILABLE, "", "")


def test_an_enter_whose_search_failed_picks_nothing_later(picker, wait, monkeypatch):
    pages = 1
    made = picker(Orders(may_come=lambda page: page < pages))
    picked: list[OpenOrder] = []
    made.picked.connect(picked.append)
    wait(lambda: made.found.rowCount() == FOUND_MAX)
    monkeypatch.setattr(open_orders, "_numbered", down)
    made.query.setText("99123")
    QTest.keyClick(made.query, Qt.Key.Key_Return)
    wait(lambda: "does not answer" in made.reading.text())
    # Those that were read and have the number are there all the same.
    wait(lambda: ids(made) == [99123])
    pages = PAGES
    wait(lambda: made._search._orders[-1].order_id == 1)
    assert "does not answer" in made.reading.text()
    assert picked == []
    monkeypatch.setattr(open_orders, "_numbered", lambda *_facts: [])
    QTest.keyClick(made.query, Qt.Key.Key_Return)
    wait(lambda: picked)
    assert [each.order_id for each in picked] == [99123]
    assert "nearest in amount" in made.reading.text()


def test_reading_goes_on_with_the_next_search_where_it_failed(picker, wait):
    fails = True

    def may_come(page: int) -> bool:
        if fails and page == 2:
            down()
        return True

    made = picker(Orders(may_come))
    wait(lambda: "does not answer" in made.reading.text())
    fails = False
    made.look_for("pelanggan 7777")
    wait(lambda: "nearest in amount" in made.reading.text())
    wait(lambda: 7777 in ids(made))


def test_who_closes_the_dialog_reads_no_further(picker, wait):
    orders = Orders()
    made = picker(orders)
    wait(lambda: len(orders.read) > 3)
    made_by = made.found._calls
    shiboken6.delete(made)
    wait(lambda: made_by.waiting == 0)
    assert len(orders.read) < PAGES
