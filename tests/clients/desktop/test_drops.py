"""Drop Orders in customer service's window, with a warehouse at the other end of a real server."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.clients.conftest import KOPI
from tests.clients.desktop.conftest import scan, typed


def states(window) -> list[str]:
    model = window.drops.asked
    return [model.data(model.index(row, 4)) for row in range(model.rowCount())]


def asked(window, wait) -> None:
    window.go(window.drops)
    wait(lambda: window.drops.to.count() == 1)
    typed(window, "KOPI-01x2\r")
    wait(lambda: states(window) == ["asked for"])


def test_what_is_asked_for_is_seen_handed_over_and_booked(window, wait, run, ask):
    asked(window, wait)
    run("warehouse", "hand-over", "1", "--scan", KOPI, actor="gudang")
    wait(lambda: states(window) == ["on the desk"])
    wait(lambda: "Drop Order 1 is on the desk: KOPI-01" in window.desk.notice.words.text())
    window.drops.table.setFocus()
    QTest.keyClick(window.drops.table, Qt.Key.Key_Return)
    assert window.screen_now is window.booking
    wait(lambda: len(window.booking.lines.rows) == 1)
    row = window.booking.lines.rows[0]
    assert (row.quantity.value(), row.quantity.isEnabled()) == (2, False)
    window.booking.form.fields["name"].setText("Sari Dewi")
    window.booking.form.fields["phone"].setText("081234567890")
    window.booking.book()
    wait(lambda: window.booking.booked is not None)
    assert ask("cs", "show", "1")["order"]["lines"][0]["drop_order_id"] == "1"
    wait(lambda: states(window) == ["booked"])


def test_a_scan_asks_and_the_warehouses_no_is_told_with_its_reason(window, wait, run):
    window.go(window.drops)
    wait(lambda: window.drops.to.count() == 1)
    scan(window, KOPI)
    wait(lambda: states(window) == ["asked for"])
    run("warehouse", "reject", "1", "--reason", "box is damaged", actor="gudang")
    wait(lambda: "box is damaged" in window.desk.notice.words.text())
    assert states(window) == ["rejected"]


def test_what_nobody_will_book_is_given_up(window, wait):
    asked(window, wait)
    window.drops.table.setFocus()
    QTest.keyClick(window.drops.table, Qt.Key.Key_Delete)
    wait(lambda: states(window) == ["cancelled"])


def test_more_than_there_is_is_refused_and_the_words_stay(window, wait):
    window.go(window.drops)
    wait(lambda: window.drops.to.count() == 1)
    typed(window, "KOPI-01x99\r")
    wait(lambda: "Not enough of KOPI-01" in window.desk.notice.words.text())
    assert window.drops.code.text() == "KOPI-01x99"
