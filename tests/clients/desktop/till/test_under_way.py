"""Goal: what is under way owns the screen until it is known, and an answer counts for what it was asked for.
Method: the till's thread is held up at a gate, while keys, taps and scans go on.
"""

import errno
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from clients.common.shop import Shop
from clients.till.cart import Cart
from clients.till.store import Table, number
from clients.till.till import Till
from kasir.v1.customer_pb2 import Customer
from kasir.v1.sale_pb2 import TENDER_KIND_POINTS, TENDER_KIND_QR
from tests.clients.conftest import GULA, KOPI
from tests.clients.desktop.till.conftest import GATE_S, asked, cut, is_asked


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


@pytest.fixture
def full_disk(till, monkeypatch):
    """No cart can be held."""

    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(Till, "set_aside", full)


def is_told_that_it_is_full(till: Any) -> bool:
    return "The disk of this machine is full." in till.desk.notice.words.text()


def items(cart: Cart) -> list[int]:
    return [line.item_id for line in cart.lines]


def test_a_cart_that_cannot_be_held_is_on_the_list(till, wait, full_disk):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    held = items(till.selling.cart)
    till.selling._hold("Ibu di meja 3")
    wait(lambda: is_told_that_it_is_full(till))
    assert "F3" in till.desk.notice.words.text()
    assert till.selling.cart == Cart()
    assert till.till.state.carts == 1
    till.go(till.held)
    assert [cart.name for cart in till.till.carts()] == ["Ibu di meja 3"]
    QTest.keyClick(till.held.table, Qt.Key.Key_Return)
    wait(lambda: till.screen_now is till.selling)
    assert items(till.selling.cart) == held
    assert till.till.state.carts == 0
    # Held in vain once more, and forgotten
    till.selling._hold("")
    wait(lambda: till.till.state.carts == 1)
    till.go(till.held)
    till.held.forget()
    assert till.till.state.carts == till.held.carts.rowCount() == 0


def test_a_held_cart_that_cannot_be_held_anew_stands_once_on_the_list(till, wait, full_disk):
    kept = Cart(number=7)
    kept.add(1)
    with till.till.till.store.write() as txn:
        txn.put(Table.CARTS, number(7), kept.to_row())
    kept.add(1)
    till.till.keep_in_memory(kept)
    assert [each.lines[0].quantity for each in till.till.carts()] == [2]
    till.go(till.held)
    till.held.forget()
    wait(lambda: till.till.state.carts == 0)


def test_a_cart_that_cannot_be_held_mixes_with_nobody_elses(till, wait, gate, full_disk):
    till.selling.scanned(GULA)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    first = items(till.selling.cart)
    opens = gate(Till, "set_aside")
    till.selling._hold("")
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.cart.lines)
    theirs = till.selling.cart
    opens.set()
    wait(lambda: is_told_that_it_is_full(till))
    assert till.selling.cart is theirs
    wait(lambda: till.selling.quote and till.selling.quote.online)
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    till.scanned(KOPI)
    wait(lambda: till.selling.cart.lines)
    assert items(till.selling.cart) == items(theirs), "the third customer's has nothing of the first"
    assert [items(cart) for cart in till.till.carts()] == [first]


class Directory:
    """Customers by phone, told one by one when the test says so."""

    def __init__(self, monkeypatch: Any) -> None:
        self._told: dict[str, threading.Event] = {}
        monkeypatch.setattr(Shop, "customer", lambda _shop, phone: self._customer(phone))

    def _customer(self, phone: str) -> Customer:
        assert self._of(phone).wait(GATE_S)
        return Customer(customer_id=int(phone), name=f"nomor {phone}")

    def _of(self, phone: str) -> threading.Event:
        return self._told.setdefault(phone, threading.Event())

    def tell(self, phone: str) -> None:
        self._of(phone).set()


@pytest.fixture
def directory(monkeypatch: Any) -> Iterator[Directory]:
    made = Directory(monkeypatch)
    yield made
    for phone in ("7", "8"):
        made.tell(phone)


def whose(till: Any) -> tuple[int, str]:
    return till.selling.cart.customer_id, till.selling.cart.customer_name


def test_a_customer_who_is_told_late_is_not_the_next_ones(till, wait, directory):
    to_pay(till, wait)
    till.selling.to_cart()
    till.selling._look_up("7")
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    till.selling.scanned(KOPI)
    directory.tell("7")
    wait(lambda: not till.calls.waiting)
    assert whose(till) == (0, "")


def test_a_customer_who_is_not_wanted_any_more_stays_nobody(till, wait, directory):
    till.selling._look_up("7")
    till.selling._look_up("")
    directory.tell("7")
    wait(lambda: not till.calls.waiting)
    assert whose(till) == (0, "")


def test_while_another_customer_is_looked_up_the_earlier_ones_points_pay_nothing(till, wait, directory):
    to_pay(till, wait)
    till.selling.to_cart()
    directory.tell("7")
    till.selling._look_up("7")
    wait(lambda: whose(till) == (7, "nomor 7"))
    till.selling._look_up("8")
    till.selling.to_pay()
    pay = till.selling.pay
    assert whose(till) == (0, "")
    assert not pay.kinds[TENDER_KIND_POINTS].isVisible()
    directory.tell("8")
    wait(lambda: whose(till) == (8, "nomor 8"))
    assert pay.kinds[TENDER_KIND_POINTS].isVisible()
    assert pay._customer_id == 8


def test_a_price_is_of_the_cart_that_it_was_asked_for(till, wait, gate):
    to_pay(till, wait)
    till.selling.to_cart()
    opens = gate(Till, "quote")
    till.selling._edited()
    till.calls.line_stands(stands=False)
    till.selling._set_quantity(0, 3)
    total = till.selling.total.text()
    opens.set()
    wait(lambda: not till.calls.waiting)
    assert till.selling.total.text() == total
    assert till.selling.quote.priced.lines[0].quantity == 3


def test_an_item_that_is_found_late_is_not_put_into_another_cart(till, wait, gate, monkeypatch):
    item = till.till.till.catalogue.by_code(KOPI)
    monkeypatch.setattr(Till, "find", lambda _till, _code: item)
    opens = gate(Till, "find")
    till.selling.scanned("NOWHERE")
    till.selling.recall(Cart())
    opens.set()
    wait(lambda: "found too late" in till.desk.notice.words.text())
    assert till.selling.cart == Cart()
