"""Selling in the till's window: by scanner, by finger, by keys; what is shown is what the server books."""

from faker import Faker
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from clients.desktop.till.allowing import Allowing
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, TENDER_KIND_QR
from tests.clients.conftest import GULA, KOPI
from tests.clients.desktop.conftest import scan, typed
from tests.clients.desktop.till.conftest import asked, is_asked, sell


def lines(till) -> list[tuple[int, str]]:
    return [(line.quantity, line.total) for line in till.selling.view.cart_lines.lines]


def tap(till, name: str) -> None:
    goods = till.selling.goods
    row = next(row for row, item in enumerate(goods.tiles.items) if item.name.startswith(name))
    goods.view.clicked.emit(goods.tiles.index(row))


def key(widget, *keys: Qt.Key) -> None:
    for each in keys:
        QTest.keyClick(widget, each)


def test_a_scan_is_a_line_whatever_has_the_focus_and_the_server_totals_it(till, wait):
    till.selling.goods.view.setFocus()
    scan(till, KOPI)
    wait(lambda: lines(till) == [(1, "Rp 108.400")])
    scan(till, KOPI)
    wait(lambda: lines(till) == [(2, "Rp 216.800")])
    wait(lambda: till.selling.quote.online)
    assert till.selling.total.text() == "Rp 216.800"
    assert till.selling.goods.query.text() == ""


def test_a_tapped_tile_is_a_line_and_letters_find_it(till, wait):
    till.selling.goods.query.setFocus()
    typed(till, "luw")
    wait(lambda: len(till.selling.goods.tiles.items) == 1)
    tap(till, "Kopi Luwak")
    wait(lambda: lines(till) == [(1, "Rp 108.400")])
    assert till.selling.goods.query.text() == ""


def test_by_keys_alone_a_sale_with_a_quantity_and_change(till, wait, ask):
    typed(till, "KOPI-01\r")
    wait(lambda: lines(till) == [(1, "Rp 108.400")])
    key(till, Qt.Key.Key_F9)
    question = asked(till)
    QTest.keyClicks(question.field, "2")
    key(question.field, Qt.Key.Key_Return)
    wait(lambda: lines(till) == [(2, "Rp 216.800")])
    key(till, Qt.Key.Key_F12)
    wait(lambda: till.selling.pages.currentWidget() is till.selling.pay)
    QTest.keyClicks(till.selling.pay.amount, "250000")
    assert till.selling.pay.amount.text() == "250.000"
    assert (till.selling.pay.rest_name.text(), till.selling.pay.rest_words.text()) == ("Change", "33.200")
    key(till.selling.pay.amount, Qt.Key.Key_Return)
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    assert till.selling.done.change.text() == "Rp 33.200"
    sale = till.selling.done.sold.sale
    assert sale.sale_id
    assert sale.change.minor_units == 3_320_000
    assert till.selling.done.receipt.text() == f"Receipt {sale.receipt}"
    key(till.selling.done, Qt.Key.Key_Return)
    wait(lambda: till.selling.pages.currentIndex() == 0)
    assert lines(till) == []


def test_several_tenders_pay_one_sale(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    pay = till.selling.pay
    till.selling.to_pay()
    pay.kinds[TENDER_KIND_QR].click()
    pay.amount.show_minor(5_000_000)
    pay.take()
    assert "reference is missing" in pay.why_not.text()
    scan(till, "QRIS-5512")
    wait(lambda: pay.reference.text() == "QRIS-5512")
    pay.take()
    assert pay.rest == 5_840_000
    pay.kinds[TENDER_KIND_CASH].click()
    assert [each.text() for each in pay.quick if not each.isHidden()] == [
        "exact",
        "59.000",
        "60.000",
        "100.000",
    ]
    pay.quick[2].click()
    assert pay.rest_words.text() == "1.600"
    pay.sell_button.click()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    sale = till.selling.done.sold.sale
    tenders = [(each.kind, each.amount.minor_units, each.reference) for each in sale.tenders]
    assert tenders == [(TENDER_KIND_QR, 5_000_000, "QRIS-5512"), (TENDER_KIND_CASH, 6_000_000, "")]
    assert sale.change.minor_units == 160_000


def test_a_payment_that_was_taken_can_be_taken_back_and_the_cart_is_left_as_it_was(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.to_pay()
    pay = till.selling.pay
    pay.amount.show_minor(1_000_000)
    pay.take()
    assert pay.rest == 9_840_000
    pay.taken.itemAt(0).widget().click()
    assert pay.rest == 10_840_000
    key(pay, Qt.Key.Key_Escape)
    assert till.selling.pages.currentIndex() == 0
    assert lines(till) == [(1, "Rp 108.400")]


def test_only_cash_gives_change(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.to_pay()
    pay = till.selling.pay
    pay.kinds[TENDER_KIND_QR].click()
    pay.amount.show_minor(20_000_000)
    pay.reference.setText("QRIS-1")
    pay.take()
    assert "Only cash gives change" in pay.why_not.text()
    assert not pay.tenders


def test_what_the_server_refuses_is_told_and_nothing_is_lost(till, wait):
    till.selling.scanned(GULA)
    wait(lambda: lines(till))
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(till.selling.pay.why_not.isVisible)
    assert "Not enough of GULA-5" in till.selling.pay.why_not.text()
    assert till.selling.pay.sell_button.isEnabled()
    assert len(till.selling.cart.lines) == 1
    assert till.till.state.waits == 0


def test_a_price_check_sells_nothing(till, wait):
    till.selling.check_price()
    scan(till, KOPI)
    wait(lambda: "Rp 108.400" in till.desk.notice.words.text())
    assert lines(till) == []
    scan(till, KOPI)
    wait(lambda: lines(till) == [(1, "Rp 108.400")])


def test_an_unknown_code_is_told_and_the_cart_stays(till, wait):
    till.selling.scanned(KOPI)
    till.selling.scanned("4006381333931")
    wait(till.desk.notice.isVisible)
    assert "4006381333931" in till.desk.notice.words.text()
    assert len(lines(till)) == 1


def test_a_discount_needs_the_managers_pin(till, wait, run):
    till.selling.scanned(KOPI)
    wait(lambda: lines(till))
    till.till.till.approvers.put("budi", "4711")
    till.selling.ask_discount()
    question = asked(till)
    question.field.show_minor(840_000)
    question.take()
    wait(lambda: is_asked(till) and isinstance(asked(till), Allowing))
    allowing = asked(till)
    assert "Rp 8.400 off Kopi Luwak" in allowing.body.itemAt(0).widget().text()
    allowing.pin.setText("1111")
    allowing.take()
    wait(allowing.why_not.isVisible)
    assert "not the PIN" in allowing.why_not.text()
    assert lines(till) == [(1, "Rp 108.400")]
    for digit in "4711":
        allowing.pin.press(digit)
    allowing.take()
    wait(lambda: lines(till) == [(1, "Rp 100.000")])
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    permissions = till.selling.done.sold.entry.permissions
    assert [(each["what"], each["by"], each["verified"]) for each in permissions] == [
        ("discount", "budi", True)
    ]


def test_a_discount_is_not_more_than_the_line(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: lines(till))
    till.selling.ask_discount()
    question = asked(till)
    question.field.show_minor(10_840_100)
    question.take()
    assert "more than the line costs" in question.why_not.text()
    question.reject()
    assert lines(till) == [(1, "Rp 108.400")]


def test_a_cart_is_held_and_gone_on_with(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: lines(till))
    name = Faker("id_ID").name()
    till.selling.cart.customer_name = name
    key(till, Qt.Key.Key_F8)
    question = asked(till)
    QTest.keyClicks(question.field, "Bu Sri")
    question.take()
    wait(lambda: till.till.state.carts == 1 and lines(till) == [])
    key(till, Qt.Key.Key_F3)
    assert [cart.name for cart in till.held.till.till.carts()] == ["Bu Sri"]
    key(till.held.table, Qt.Key.Key_Return)
    wait(lambda: till.screen_now is till.selling)
    assert lines(till) == [(1, "Rp 108.400")]
    assert till.selling.customer.text() == name
    # It is held until it is sold.
    assert till.till.state.carts == 1
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    wait(lambda: till.till.state.carts == 0)


def test_a_recalled_cart_takes_nobody_elses_place(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: lines(till))
    till.selling._hold("Bu Sri")
    wait(lambda: till.till.state.carts == 1 and lines(till) == [])
    till.selling.scanned(GULA)
    wait(lambda: len(lines(till)) == 1)
    standing = lines(till)
    till.go(till.held)
    till.held.recall()
    wait(till.desk.notice.isVisible)
    till.go(till.selling)
    assert lines(till) == standing


def test_without_a_shift_nothing_is_sold(closed_till, wait):
    assert closed_till.screen_now is closed_till.shift
    closed_till.go(closed_till.selling)
    closed_till.selling.scanned(KOPI)
    wait(lambda: lines(closed_till))
    assert not closed_till.selling.pay_button.isEnabled()
    closed_till.selling.to_pay()
    assert closed_till.selling.pages.currentIndex() == 0


def test_a_receipt_is_found_by_its_number(till, wait):
    sold = sell(till, wait, KOPI)
    till.go(till.receipts)
    wait(lambda: till.receipts.receipts.rowCount() == 1)
    scan(till, sold.entry.receipt)
    wait(lambda: till.receipts.name.text() == sold.entry.receipt)
    assert ("1 Kopi Luwak Bubuk 250 g", "Rp 108.400") in till.receipts.goods.pairs
    till.receipts.seek("KASIR-1-XXXX-9")
    wait(till.desk.notice.isVisible)
    assert "no receipt" in till.desk.notice.words.text()


def test_a_payment_that_is_never_booked_is_refused_as_it_is_taken(till, wait):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.to_pay()
    pay = till.selling.pay
    pay.choose(TENDER_KIND_QR)
    for reference, words in (
        ("Q" * 61, "at most 60 characters"),
        ("Q\x1d1", "cannot be printed"),
        ("4111 1111 1111 1111", "card number"),
    ):
        till.selling.scanned(reference)
        pay.take()
        assert words in pay.why_not.text()
        assert not pay.tenders
    for number in range(9):
        pay.amount.show_minor(100)
        pay.reference.setText(f"Q{number}")
        pay.take()
    pay.amount.show_minor(100)
    pay.reference.setText("Q9")
    pay.take()
    assert "at most 10 payments" in pay.why_not.text()
    pay.take_exact()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    assert len(till.selling.done.sold.sale.tenders) == 10
