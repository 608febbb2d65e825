"""The list of orders in customer service's window, over a real server."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from clients.common.money import show_amount
from clients.desktop.asking import Question
from clients.desktop.cs.bookings import TIME_LEFT_COLUMN
from clients.desktop.cs.message import KINDS
from clients.desktop.cs.message_dialog import MessageDialog
from clients.desktop.texts import LANGUAGES
from clients.desktop.words import time_left, urgency
from clients.messages.texts import _shipped
from tests.clients.conftest import SARI
from tests.clients.desktop.conftest import typed


@pytest.fixture
def booked(run, shop) -> None:
    run("cs", "book", "--line", "KOPI-01@GUDANG", *SARI, "--until", "+3h")
    run("cs", "book", "--line", "GULA-5x2@GUDANG", *SARI, "--until", "+20m", "--note", "gift")


def cell(window, row: int, column: int) -> str:
    return window.orders.orders.data(window.orders.orders.index(row, column))


def test_orders_stand_newest_first_with_the_time_they_have_left(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    assert window.orders.table.hasFocus()
    assert [cell(window, row, 0) for row in range(2)] == ["2", "1"]
    assert cell(window, 1, TIME_LEFT_COLUMN).startswith("2 h 5")
    assert cell(window, 0, TIME_LEFT_COLUMN).startswith(("19:", "20:"))
    assert "Note: gift" in window.orders.detail_text.text()
    assert "2 x " in window.orders.detail_text.text()


def test_the_countdown_goes_on_by_itself(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    before = window.orders.detail_state.text()
    wait(lambda: window.orders.detail_state.text() != before)


@pytest.mark.parametrize(
    ("seconds", "words", "colour"),
    [
        (-1, "over", "bad"),
        (59, "00:59", "bad"),
        (600, "10:00", "warning"),
        (3_900, "1 h 05 min", ""),
        (183_600, "2 d 3 h", ""),
    ],
)
def test_time_left_in_words_and_colour(settings, seconds, words, colour):
    assert (time_left(seconds), urgency(seconds)) == (words, colour)


def test_what_is_booked_elsewhere_comes_by_itself(booked, window, wait, run):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    run("cs", "book", "--line", "KOPI-01@GUDANG", *SARI)
    wait(lambda: window.orders.orders.rowCount() == 3)
    # The one that was looked at stays chosen.
    assert window.orders.table.thing().order_id == 2
    run("cs", "pay", "3", "--method", "cash")
    wait(lambda: cell(window, 0, 3) == "paid")


def test_by_state(booked, window, wait, run):
    run("cs", "cancel", "1")
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    for _step in range(6):
        QTest.keyClick(window, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: window.orders.orders.rowCount() == 1)
    assert cell(window, 0, 0) == "1"
    QTest.keyClick(window, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    wait(window.orders.empty.isVisible)
    assert window.orders.empty.text() == "No order is in this state."


def test_an_order_is_cancelled_with_its_reason(booked, window, wait, ask):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    QTest.keyClick(window.orders.table, Qt.Key.Key_Delete)
    dialog = window.orders.findChild(Question)
    dialog.field.setText("changed her mind")
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    wait(lambda: cell(window, 0, 3) == "cancelled")
    assert ask("cs", "show", "2")["order"]["cancel_reason"] == "changed her mind"
    assert not window.orders.end.isEnabled()


def test_an_order_is_found_by_its_number(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    window.orders.number.setFocus()
    typed(window, "1\r")
    wait(lambda: window.orders.table.thing().order_id == 1)
    window.orders.number.setFocus()
    typed(window, "77\r")
    wait(window.desk.notice.isVisible)
    assert "77" in window.desk.notice.words.text()


def test_the_text_for_the_customer_is_ready_to_paste(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    QApplication.clipboard().clear()
    window.orders.copy_message()
    wait(QApplication.clipboard().text)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "Order 2 for Sari Dewi"
    assert lines[-2] == "Into: BCA 1234567890, Toko Melati"
    assert lines[-1].endswith("WIB.")


def test_a_deadline_is_extended(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    QTest.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    question = window.orders.findChild(Question)
    question.field.setText("+1d12h")
    QTest.keyClick(question, Qt.Key.Key_Return)
    wait(lambda: cell(window, 0, TIME_LEFT_COLUMN) in {"1 d 11 h", "1 d 12 h"})
    wait(lambda: "Order 2 has 1 d 1" in window.desk.notice.words.text())


def test_a_time_that_cannot_be_read_extends_nothing(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    window.orders.extend(window.orders.table.thing(), "when the sun is low")
    wait(lambda: "is not a time" in window.desk.notice.words.text())
    assert cell(window, 0, TIME_LEFT_COLUMN).startswith(("19:", "20:"))


def test_texts_for_the_customer_are_the_shops_templates_in_either_language(booked, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    QTest.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    dialog = window.orders.findChild(MessageDialog)
    wait(lambda: dialog.text.text().startswith("Hello Sari Dewi"))
    assert "Account: BCA 1234567890, Toko Melati" in dialog.text.text()
    QTest.keyClick(dialog, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: dialog.text.text().startswith("Halo Sari Dewi"))
    QTest.keyClick(dialog, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: "menunggu pembayaran Rp" in dialog.text.text())
    QApplication.clipboard().clear()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert "menunggu pembayaran Rp" in QApplication.clipboard().text()


def test_a_reminder_asks_for_what_is_open(booked, window, wait, run, ask):
    run("cs", "pay", "1", "--method", "cash", "--amount", "10000")
    order = ask("cs", "show", "1")["order"]
    open_minor = int(order["payable"]["minor_units"]) - 1_000_000
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    window.orders.table.choose(window.orders.orders.row_of(1))
    window.orders.show_texts()
    dialog = window.orders.findChild(MessageDialog)
    wait(lambda: f"payment of {show_amount(open_minor, 'IDR')} until" in dialog.text.text())


def test_there_is_no_text_of_an_airway_bill_before_there_is_one(booked, window, wait, run):
    run("cs", "pay", "1", "--method", "cash")
    run("cs", "sell", "1")
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    window.orders.table.choose(window.orders.orders.row_of(1))
    window.orders.show_texts()
    dialog = window.orders.findChild(MessageDialog)
    wait(lambda: "no airway bill yet" in dialog.text.text())
    assert not dialog.copy.isEnabled()
    run("cs", "awb", "1", "JP0001")
    dialog.kinds.choose(dialog.kinds.number)
    wait(lambda: "JP0001" in dialog.text.text())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_its_template(language):
    assert {name for name, _words in KINDS} <= set(_shipped(language))


def test_enter_on_an_empty_field_looks_for_no_order(booked, window, wait):
    window.go(window.orders)
    window.orders.number.setFocus()
    QTest.keyClick(window.orders.number, Qt.Key.Key_Return)
    wait(lambda: not window.desk.calls.waiting)
    assert not window.desk.notice.isVisible()
