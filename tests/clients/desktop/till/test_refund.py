"""Goal: goods are given back at the till's window by keyboard and scanner, once, the sum shown before.
Method: the window over a real server, behind a line that can be cut; keys as somebody presses them.
"""

from dataclasses import asdict

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from clients.desktop.till.allowing import Allowing
from clients.desktop.till.refund import WAYS
from clients.till import refunds
from clients.till.store import Table
from kasir.v1.sale_pb2 import TENDER_KIND_CARD, TENDER_KIND_CASH
from kasir.v1.till_pb2 import RefundInput, RefundLineInput, RefundSaleRequest
from tests.clients.conftest import GULA, KOPI
from tests.clients.desktop.till.conftest import asked, cut, is_asked, sell
from tests.server.support import new_id


def keys(widget, *pressed) -> None:
    for key in pressed:
        if isinstance(key, str):
            QTest.keyClicks(widget, key)
        else:
            QTest.keyClick(widget, key)


@pytest.fixture
def sold(till, wait, run):
    """Two coffees and a sugar, and the receipt of it scanned on its screen."""
    run("warehouse", "receive", f"{GULA}x5", "--location", "TOKO")
    made = sell(till, wait, KOPI, KOPI, GULA)
    till.go(till.receipts)
    wait(lambda: till.receipts.receipts.rowCount() == 1)
    till.scanned(made.entry.receipt)
    return made


def begin(till, wait):
    till.receipts.to_refund()
    page = till.receipts.refund
    wait(lambda: till.receipts.pages.currentWidget() is page and page.sale is not None)
    return page


def allow(till, wait, name: str = "budi") -> None:
    wait(lambda: is_asked(till))
    question = asked(till)
    assert isinstance(question, Allowing)
    question.name.setText(name)
    question.take()


def test_goods_are_given_back_by_the_keys(till, sold, wait):
    page = begin(till, wait)
    wait(page.table.hasFocus)
    keys(page.table, "+", "+", Qt.Key.Key_Space, "-")
    wait(lambda: page.quoted is not None)
    assert ("To give back", "Rp 108.400") in page.sums.pairs
    assert [(back.units, back.damaged) for back in page.backs] == [(1, True), (0, False)]
    keys(page.table, Qt.Key.Key_Return)
    assert page.reason.hasFocus()
    keys(page.reason, Qt.Key.Key_Return)
    assert (page.why_not.text(), is_asked(till)) == ("Say why.", False)
    keys(page.reason, "sobek", Qt.Key.Key_Return)
    allow(till, wait)
    wait(lambda: page.pages.currentWidget() is page.done)
    assert page.made_total.text() == "Rp 108.400"
    made = page.made
    assert (made.reason, made.approved_by, made.lines[0].damaged) == ("sobek", "budi", True)
    keys(page.done, Qt.Key.Key_Return)
    assert till.receipts.pages.currentWidget() is till.receipts.list_page
    till.go(till.shift)
    wait(lambda: ("Given back, 1 times", "Rp 108.400") in till.shift.sales.pairs)
    assert ("Given back in cash", "Rp 108.400") in till.shift.cash.pairs


def test_scans_count_what_comes_back_and_no_more_than_is_left(till, sold, wait):
    page = begin(till, wait)
    for _ in range(2):
        till.scanned(KOPI)
        wait(lambda: page.quoted is not None)
    till.scanned(GULA)
    wait(lambda: [back.units for back in page.backs] == [2, 1])
    till.scanned(KOPI)
    wait(lambda: "No more of that" in page.why_not.text())
    assert [back.units for back in page.backs] == [2, 1]
    keys(page.table, "9")
    assert page.backs[page.table.currentIndex().row()].units <= 2
    page.all_of_it()
    wait(lambda: page.quoted is not None and page.quoted.totals.total == page.sale.totals.total)


def test_a_card_is_paid_back_by_its_reference(till, sold, wait):
    page = begin(till, wait)
    page.all_of_it()
    page.reason.setFocus()
    keys(page.reason, Qt.Key.Key_Down, Qt.Key.Key_Down)
    assert page.kind == TENDER_KIND_CARD == WAYS[2]
    wait(lambda: page.quoted is not None and page.quoted.tenders[0].kind == TENDER_KIND_CARD)
    page.reason.setText("salah beli")
    till.receipts.take_refund()
    assert "reference is missing" in page.why_not.text()
    keys(page.reference, "RF-77")
    till.receipts.take_refund()
    allow(till, wait)
    wait(lambda: page.pages.currentWidget() is page.done)
    assert page.made.tenders[0].reference == "RF-77"
    till.receipts.to_list()
    again = begin(till, wait)
    assert [back.left for back in again.backs] == [0, 0]


def test_only_with_a_pin_where_there_are_some(till, sold, wait):
    till.till.till.approvers.put("budi", "1234")
    page = begin(till, wait)
    page.all_of_it()
    wait(lambda: page.quoted is not None)
    page.reason.setText("sobek")
    page.take()
    wait(lambda: is_asked(till))
    question = asked(till)
    question.pin.setText("9999")
    question.take()
    wait(question.why_not.isVisible)
    assert page.made is None
    question.pin.setText("1234")
    question.take()
    wait(lambda: page.made is not None)


def test_allowed_twice_it_is_given_back_once_and_nobody_leaves_before_it_is_known(till, sold, wait, gate):
    page = begin(till, wait)
    wait(page.table.hasFocus)
    keys(page.table, "+")
    wait(lambda: page.quoted is not None)
    page.reason.setText("sobek")
    page.take()
    wait(lambda: is_asked(till))
    question = asked(till)
    question.name.setText("budi")
    opens = gate(refunds.Refunds, "give")
    question.take()
    question.take()
    wait(lambda: page._under_way)
    page.leave()
    page.take()
    assert till.receipts.pages.currentWidget() is page
    opens.set()
    wait(lambda: page.pages.currentWidget() is page.done)
    wait(lambda: not till.calls.waiting)
    keys(page.done, Qt.Key.Key_Return)
    assert [back.left for back in begin(till, wait).backs] == [1, 1]


def test_a_cards_number_does_not_reach_the_disk(till, sold, wait):
    page = begin(till, wait)
    wait(page.table.hasFocus)
    keys(page.table, "+")
    page.ways.choose(WAYS.index(TENDER_KIND_CARD))
    wait(lambda: page.quoted is not None)
    page.reason.setText("sobek")
    page.reference.setText("4111 1111 1111 1111")
    page.take()
    allow(till, wait)
    wait(lambda: "card number" in page.why_not.text())
    assert refunds.Refunds(till.till.till).unanswered() is None
    page.reference.setText("RF-1")
    page.reason.setText("4111111111111111")
    page.take()
    allow(till, wait)
    wait(lambda: "card number" in page.why_not.text())
    assert page.made is None


def test_the_shown_receipt_is_given_back_whatever_number_stands_in_the_field(till, sold, wait):
    till.receipts.number.setText("KASIR-9-XXXX-1")
    till.receipts.refund_button.click()
    page = till.receipts.refund
    wait(lambda: till.receipts.pages.currentWidget() is page and page.sale is not None)
    assert page.sale.receipt == sold.entry.receipt


def test_without_the_line_nothing_is_given_back_and_that_is_said(till, sold, line, wait):
    cut(till, line, wait)
    till.receipts.to_refund()
    wait(till.desk.notice.isVisible)
    assert till.desk.notice.words.text().startswith("The line is down: only the server knows")
    assert till.receipts.pages.currentWidget() is till.receipts.list_page


def test_one_whose_answer_was_lost_is_told_before_anything_else(till, sold, wait):
    at = till.till.till
    line = RefundLineInput(line=0, quantity=2)
    refund = RefundInput(
        shift_id=1, sale_id=1, lines=[line], kind=TENDER_KIND_CASH, reason="sobek", approved_by="budi"
    )
    request = RefundSaleRequest(request_id=new_id(), refund=refund)
    kept = refunds.Unanswered(request.request_id, "siti", at.now_ms(), 1, request.SerializeToString())
    with at.store.write() as txn:
        txn.put(Table.META, refunds.KEY, asdict(kept))
    till.till.tell_state()
    assert "a refund without an answer" in till._state.text()
    till.go(till.line_screen)
    assert till.line_screen.refund.isVisible()
    till.go(till.receipts)
    till.receipts.to_refund()
    page = till.receipts.refund
    wait(lambda: page.pages.currentWidget() is page.done)
    assert page.made_total.text() == "Rp 216.800"
    wait(lambda: "refund" not in till._state.text())
    keys(page.done, Qt.Key.Key_Return)
    assert [back.left for back in begin(till, wait).backs] == [0, 1]
