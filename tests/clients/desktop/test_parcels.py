"""From paid orders to parcels in customer service's window, over a real server."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.clients.conftest import SARI
from tests.clients.desktop.conftest import scan, typed


@pytest.fixture
def paid(run, shop) -> None:
    for _order in range(2):
        run("cs", "book", "--line", "KOPI-01@GUDANG", *SARI, "--courier", "JNE")
    run("cs", "pay", "1", "--method", "cash")
    run("cs", "pay", "2", "--method", "cash")


def sold(window, wait) -> None:
    window.go(window.parcels)
    wait(window.parcels.sell_all.isEnabled)
    assert window.parcels.paid.text().endswith(": 2")
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: window.desk.notice.words.text() == "Orders sold: 2.")
    wait(lambda: window.parcels.parcels.rowCount() == 2)


def cell(window, row: int, column: int) -> str:
    return window.parcels.parcels.data(window.parcels.parcels.index(row, column))


def test_all_paid_orders_are_sold_and_all_labels_printed(paid, window, wait, ask):
    sold(window, wait)
    assert [each["state"] for each in ask("cs", "bookings")["orders"]] == ["ORDER_STATE_SOLD"] * 2
    wait(lambda: window.parcels.paid.text().endswith(": 0"))
    assert not window.parcels.sell_all.isEnabled()
    assert cell(window, 0, 6) == "label not printed"
    QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: window.desk.notice.words.text() == "Labels sent to the printer: 2.")
    wait(lambda: cell(window, 0, 6) == "label at the printer")


def test_the_arrows_choose_among_parcels_that_came_to_an_empty_screen(paid, window, wait):
    window.go(window.parcels)
    wait(window.parcels.sell_all.isEnabled)
    window.parcels.sell_all.setFocus()
    QTest.keyClick(window.parcels.sell_all, Qt.Key.Key_Space)
    wait(lambda: window.parcels.parcels.rowCount() == 2)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    assert window.parcels.table.thing().parcel.parcel_id == 1


def test_an_airway_bill_is_scanned_or_typed_for_the_chosen_parcel(paid, window, wait, ask):
    sold(window, wait)
    window.parcels.table.choose(window.parcels.parcels.row_of(1))
    scan(window, "JP1234567890")
    wait(lambda: "Parcel 1 of Sari Dewi has airway bill JP1234567890." in window.desk.notice.words.text())
    window.parcels.table.choose(window.parcels.parcels.row_of(2))
    window.parcels.number.setFocus()
    typed(window, "JP1234567890\r")
    # One number is one parcel's: the server says so, and the number stays to be looked at.
    wait(lambda: window.desk.notice.property("bad") == "true")
    assert window.parcels.number.text() == "JP1234567890"
    bills = {each["parcel_id"]: each["airway_bill"] for each in ask("cs", "parcels")["parcels"]}
    assert bills == {"1": "JP1234567890", "2": ""}


def test_a_courier_that_is_not_connected_cannot_be_asked(paid, window, wait):
    sold(window, wait)
    QTest.keyClick(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: "Enter the number by hand" in window.desk.notice.words.text())
