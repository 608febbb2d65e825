"""Goal: what is under way owns the screen until it is known, and an answer counts for what it was asked for.
Method: the till's thread is held up at a gate, while keys, taps and scans go on.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from clients.till.cart import Cart
from clients.till.till import Till
from kasir.v1.sale_pb2 import TENDER_KIND_QR
from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked, cut, is_asked

GATE_S = 30.0


@pytest.fixture
def gate(monkeypatch: Any) -> Iterator[Callable[[Any, str], threading.Event]]:
    """Holds up every call of a method, until the event that is handed out is set."""
    made: list[threading.Event] = []

    def hold_up(kind: Any, name: str) -> threading.Event:
        opens, method = threading.Event(), getattr(kind, name)
        made.append(opens)

        def held_up(*given: Any, **named: Any) -> Any:
            assert opens.wait(GATE_S)
            return method(*given, **named)

        monkeypatch.setattr(kind, name, held_up)
        return opens

    yield hold_up
    for each in made:
        each.set()


def to_pay(till: Any, wait: Any) -> Any:
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    till.selling.to_pay()
    return till.selling.pay


def is_paying(till: Any) -> bool:
    return till.selling.pages.currentWidget() is till.selling.pay


def receipts(till: Any) -> int:
    return len(till.till.till.journal.receipts(10))


def test_a_sale_under_way_is_neither_left_nor_changed(till, wait, gate):
    pay = to_pay(till, wait)
    pay.amount.show_minor(1_000_000)
    pay.take()
    opens = gate(Till, "sell")
    pay.take_exact()
    tenders = list(pay.tenders)
    QTest.keyClick(pay, Qt.Key.Key_Escape)
    pay.leave()
    till.selling.to_cart()
    assert is_paying(till)
    pay.taken.itemAt(0).widget().click()
    pay.kinds[TENDER_KIND_QR].click()
    assert (pay.tenders, pay.kind, pay.kinds[TENDER_KIND_QR].isChecked()) == (tenders, pay.kind, False)
    till.selling.scanned(KOPI)
    assert "scan again" in till.desk.notice.words.text()
    assert [line.quantity for line in till.selling.cart.lines] == [1]
    till.selling.hold()
    assert not is_asked(till)
    till.selling.to_pay()
    opens.set()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    assert receipts(till) == 1
    QTest.keyClick(till.selling.done, Qt.Key.Key_Escape)
    assert till.selling.pages.currentIndex() == 0


def test_a_price_that_changes_while_it_is_sold_does_not_open_the_payment_anew(till, wait, gate):
    pay = to_pay(till, wait)
    opens = gate(Till, "sell")
    pay.take_exact()
    pay.tenders.clear()
    pay.total_minor -= 100
    till.selling._edited()
    wait(lambda: till.selling.quote and till.selling.quote.online)
    assert pay.is_selling
    opens.set()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)


def test_a_permission_that_is_given_twice_sells_once(till, wait, line, gate):
    cut(till, line, wait)
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: is_asked(till))
    question = asked(till)
    question.name.setText("budi")
    question.take()
    question.take()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    wait(lambda: not till.calls.waiting)
    QApplication.processEvents()
    assert receipts(till) == 1


def test_what_is_being_held_is_off_the_screen_at_once(till, wait, gate):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    opens = gate(Till, "set_aside")
    till.selling._hold("Ibu di meja 3")
    till.selling.to_pay()
    assert not is_paying(till)
    assert till.selling.cart == Cart()
    opens.set()
    wait(lambda: till.till.state.carts == 1)


def test_a_cart_that_cannot_be_held_comes_back(till, wait, monkeypatch):
    def full(*_given: Any) -> None:
        raise OSError("the disk is full")

    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    monkeypatch.setattr(Till, "set_aside", full)
    till.selling._hold("")
    wait(lambda: "the disk is full" in till.desk.notice.words.text())
    assert len(till.selling.cart.lines) == 1
