"""Booking in customer service's window, over a real server: what it shows is what the server says."""

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from clients.desktop.cs import book
from tests.clients.conftest import GULA, KOPI, SARI
from tests.clients.desktop.conftest import scan, typed


def fill(window, **texts: str) -> None:
    for name, text in texts.items():
        window.booking.form.fields[name].setText(text)


def begin(window, wait) -> None:
    window.go(window.booking)
    scan(window, KOPI)
    wait(lambda: len(window.booking.lines.rows) == 1)


def test_scans_make_lines_and_the_server_totals_them(window, wait):
    begin(window, wait)
    wait(lambda: window.booking.total.text() == "Rp 108.400")
    scan(window, KOPI)
    scan(window, GULA)
    wait(lambda: [row.quantity.value() for row in window.booking.lines.rows] == [2, 1])
    wait(lambda: window.booking.lines.rows[0].total.text() == "Rp 216.800")
    fill(window, shipping="12.000")
    wait(lambda: "Shipping Rp 12.000" in window.booking.parts.text())
    assert window.booking.parts.text().startswith("Goods Rp ")


def test_a_typed_code_says_how_many_from_where_and_what_is_taken_off(window, wait):
    window.go(window.booking)
    window.booking.code.setFocus()
    typed(window, "KOPI-01x2@TOKO~5.000\r")
    wait(lambda: len(window.booking.lines.rows) == 1)
    row = window.booking.lines.rows[0]
    assert (row.quantity.value(), row.place.currentText(), row.discount.text()) == (2, "TOKO (5)", "5.000")
    wait(lambda: row.total.text() == "Rp 211.800")


def test_the_newest_of_many_lines_is_in_sight(window, wait, run):
    window.go(window.booking)
    for number in range(12):
        run("catalogue", "add", f"TOPLES-{number}", f"Toples {number}", "--price", "9.000")
        window.booking.scanned(f"TOPLES-{number}")
        wait(lambda number=number: len(window.booking.lines.rows) == number + 1)
    newest = window.booking.lines.rows[-1]
    wait(lambda: newest.visibleRegion().boundingRect().height() == newest.height())


def test_an_unknown_code_is_told_and_nothing_is_lost(window, wait):
    begin(window, wait)
    scan(window, "4006381333931")
    wait(window.desk.notice.isVisible)
    assert "4006381333931" in window.desk.notice.words.text()
    assert len(window.booking.lines.rows) == 1


def test_booked_by_keyboard_the_order_stands_at_the_server(window, wait, ask):
    begin(window, wait)
    fill(
        window, phone="081234567890", name="Sari Dewi", street="Jl. Melati 5", city="Bandung", note="red bag"
    )
    courier = window.booking.form.courier
    wait(lambda: courier.count() == 2)
    courier.setCurrentIndex(1)
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: window.booking.booked is not None)
    order = ask("cs", "show", str(window.booking.booked.order_id))["order"]
    assert (order["customer_name"], order["note"], order["booked_by"]) == ("Sari Dewi", "red bag", "sari")
    assert (order["address"]["city"], order["courier_id"]) == ("Bandung", "1")
    assert order["channel"] == "CHANNEL_CHAT"
    assert order["unique_code"] > 0
    said = window.booking.paid_by.text()
    assert "Order 1, Sari Dewi: Rp 108.4" in said
    assert "BCA 1234567890" in said
    # Ready for the next customer
    assert not window.booking.lines.rows
    assert window.booking.form.fields["name"].text() == ""
    window.booking.copy_message()
    assert QApplication.clipboard().text() == said


def test_a_known_customer_is_found_by_phone(window, wait, run, ask):
    run("cs", "book", "--line", "GULA-5@GUDANG", "--name", "Sari Dewi", "--phone", "081234567890")
    begin(window, wait)
    window.booking.form.phone.setText("+62 812-3456-7890")
    wait(lambda: window.booking.form.fields["name"].text() == "Sari Dewi")
    assert "Known: Sari Dewi" in window.booking.form.who.text()
    window.booking.book()
    wait(lambda: window.booking.booked is not None)
    assert ask("cs", "show", "2")["order"]["customer_id"] == ask("cs", "show", "1")["order"]["customer_id"]


def test_an_email_address_is_kept_for_the_next_order(window, wait, ask):
    begin(window, wait)
    fill(window, phone="081234567890", name="Sari Dewi", email="sari@toko")
    window.booking.book()
    wait(window.desk.notice.isVisible)
    assert window.booking.form.fields["email"].property("bad") == "true"
    fill(window, email="sari@toko.example")
    window.booking.book()
    wait(lambda: window.booking.booked is not None)
    assert ask("cs", "show", "1")["order"]["customer_email"] == "sari@toko.example"
    begin(window, wait)
    window.booking.form.phone.setText("081234567890")
    wait(lambda: window.booking.form.fields["email"].text() == "sari@toko.example")


def test_what_is_missing_is_told_and_its_field_marked(window, wait):
    begin(window, wait)
    fill(window, name="Sari Dewi", phone="081234567890", street="Jl. Melati 5")
    window.booking.book()
    wait(window.desk.notice.isVisible)
    assert window.desk.notice.words.text() == "Address, city is missing."
    assert window.booking.form.fields["city"].property("bad") == "true"
    assert window.booking.form.fields["street"].text() == "Jl. Melati 5"
    assert window.booking.send.isEnabled()


def test_an_amount_that_cannot_be_read_is_told_while_one_types(window, wait):
    begin(window, wait)
    fill(window, shipping="12.5")
    wait(window.booking.why_not.isVisible)
    assert "two ways" in window.booking.why_not.text()
    fill(window, shipping="12.500")
    wait(lambda: window.booking.total.text() == "Rp 120.900")
    assert not window.booking.why_not.isVisible()


def test_two_desks_want_the_last_one_and_one_is_told_why(window, make_window, server, wait, run, ask):
    run("warehouse", "adjust", "GULA-5-9", "--reason", "count")
    other = make_window(server.target, "budi")
    desks = (window, other)
    for desk in desks:
        desk.go(desk.booking)
        desk.booking.scanned(GULA)
        fill(desk, name="Sari Dewi", phone="081234567890")
    wait(lambda: all(len(desk.booking.lines.rows) == 1 for desk in desks))
    for desk in desks:
        desk.booking.book()
    wait(lambda: sum(desk.booking.booked is not None for desk in desks) == 1)
    loser = next(desk for desk in desks if desk.booking.booked is None)
    wait(lambda: "Not enough of GULA-5" in loser.desk.notice.words.text())
    assert len(ask("cs", "bookings")["orders"]) == 1


@pytest.fixture
def go(monkeypatch) -> threading.Event:
    """Orders are booked when this is set, not before."""
    made = threading.Event()
    booked = book._book

    def slowly(*facts):
        made.wait(60)
        return booked(*facts)

    monkeypatch.setattr(book, "_book", slowly)
    return made


def test_what_is_scanned_while_an_order_is_booked_is_the_next_ones(window, wait, ask, go):
    begin(window, wait)
    fill(window, name="Sari Dewi", phone="081234567890")
    window.booking.book()
    for code in (GULA, KOPI):
        scan(window, code)
    assert not window.booking.form.isEnabled()
    go.set()
    wait(lambda: [row.item.item.sku for row in window.booking.lines.rows] == ["GULA-5", "KOPI-01"])
    assert window.booking.form.isEnabled()
    assert [line["sku"] for line in ask("cs", "show", "1")["order"]["lines"]] == ["KOPI-01"]


def test_what_is_scanned_for_the_next_order_does_not_go_into_a_refused_one(window, wait, ask, go):
    begin(window, wait)
    fill(window, name="Sari Dewi", phone="081234567890", shipping="12.5")
    window.booking.book()
    for code in (GULA, KOPI):
        scan(window, code)
    go.set()
    wait(lambda: "not taken: 2. Scan it again" in window.desk.notice.words.text())
    assert "two ways" in window.desk.notice.words.text()
    # What is scanned from now on is for the order that stands here.
    scan(window, KOPI)
    wait(lambda: [row.quantity.value() for row in window.booking.lines.rows] == [2])
    fill(window, shipping="12.500")
    window.booking.book()
    wait(lambda: window.booking.booked is not None)
    assert [line["sku"] for line in ask("cs", "show", "1")["order"]["lines"]] == ["KOPI-01"]


def test_what_is_refused_has_the_keys_again(window, wait):
    begin(window, wait)
    fill(window, name="Sari Dewi", phone="081234567890")
    row = window.booking.lines.rows[0]
    row.quantity.set_value(1000)
    row.quantity.setFocus()
    window.booking.book()
    wait(lambda: "Not enough of KOPI-01" in window.desk.notice.words.text())
    assert row.quantity.hasFocus()


def test_what_is_known_of_one_phone_is_not_booked_for_another(window, wait, run, ask):
    run("cs", "book", "--line", "GULA-5@GUDANG", *SARI)
    begin(window, wait)
    form = window.booking.form
    form.phone.setText("081234567890")
    wait(lambda: form.fields["street"].text() == "Jl. Melati 5")
    form.fields["city"].setText("Bogor")
    form.phone.setText("081111111111")
    texts = {name: form.fields[name].text() for name in ("name", "email", "street", "city")}
    # What was written by hand stays.
    assert texts == {"name": "", "email": "", "street": "", "city": "Bogor"}
    assert not form.who.isVisible()
    fill(window, name="Budi Santoso", city="")
    window.booking.book()
    wait(lambda: window.booking.booked is not None)
    order = ask("cs", "show", "2")["order"]
    assert (order["customer_name"], "address" in order) == ("Budi Santoso", False)
    assert order["customer_id"] != ask("cs", "show", "1")["order"]["customer_id"]


def test_a_letter_behind_the_phone_and_back_fills_the_form_again(window, wait, run):
    run("cs", "book", "--line", "GULA-5@GUDANG", *SARI)
    begin(window, wait)
    form = window.booking.form
    for phone in ("081234567890", "0812345678901", "081234567890"):
        form.phone.setText(phone)
    wait(lambda: form.fields["name"].text() == "Sari Dewi")
