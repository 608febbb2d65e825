"""Drop Orders in customer service's window, with a warehouse at the other end of a real server."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.clients.conftest import GULA, KOPI, TEH
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


def on_desk(window, wait, run, number: int) -> None:
    run("warehouse", "hand-over", str(number), "--scan", KOPI, actor="gudang")
    wait(lambda: f"Drop Order {number} is on the desk" in window.desk.notice.words.text())


def test_the_one_on_the_desk_is_booked_though_an_older_one_is_chosen(window, wait, run):
    asked(window, wait)
    run("cs", "release", "1")
    wait(lambda: states(window) == ["cancelled"])
    typed(window, "KOPI-01\r")
    wait(lambda: states(window) == ["asked for", "cancelled"])
    assert window.drops.table.thing().drop_order.drop_order_id == 1
    window.drops.book_chosen()
    assert window.desk.notice.words.text() == "Choose one that is on the desk."
    on_desk(window, wait, run, 2)
    window.drops.book_chosen()
    wait(lambda: [row.drop_order_id for row in window.booking.lines.rows] == [2])


def test_of_two_on_the_desk_one_has_to_be_chosen(window, wait, run):
    asked(window, wait)
    run("cs", "release", "1")
    for number in (2, 3):
        run("cs", "drop", "KOPI-01")
        wait(lambda number=number: len(states(window)) == number)
        on_desk(window, wait, run, number)
    window.drops.book_chosen()
    assert window.desk.notice.words.text() == "Choose one that is on the desk."
    window.drops.table.choose(window.drops.asked.row_of(3))
    window.drops.book_chosen()
    wait(lambda: [row.drop_order_id for row in window.booking.lines.rows] == [3])


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


def on_the_desk_and_given_up(window, wait, run) -> None:
    """Two Drop Orders of one item and one of another that must go back."""
    for number, (line, code) in enumerate(
        (("KOPI-01x2", KOPI), ("KOPI-01", KOPI), ("GULA-5", GULA)), start=1
    ):
        run("cs", "drop", line)
        run("warehouse", "hand-over", str(number), "--scan", code, actor="gudang")
        run("cs", "release", str(number))
    window.go(window.drops)
    QTest.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: states(window) == ["must go back"] * 3)


def test_a_scan_takes_back_the_oldest_that_must_go_back(window, wait, run, ask):
    on_the_desk_and_given_up(window, wait, run)
    assert window.drops.code.placeholderText() == "Scan what goes back into the warehouse"
    scan(window, KOPI)
    wait(lambda: "Back in the warehouse: 2 x KOPI-01" in window.desk.notice.words.text())
    wait(lambda: states(window) == ["must go back"] * 2)
    found = {
        each["drop_order_id"]: each["state"]
        for each in ask("warehouse", "list", "--state", "all")["drop_orders"]
    }
    assert found == {
        "1": "DROP_ORDER_STATE_RETURNED",
        "2": "DROP_ORDER_STATE_RETURN_DUE",
        "3": "DROP_ORDER_STATE_RETURN_DUE",
    }


def test_the_one_that_is_chosen_is_taken_back_if_the_scan_is_its_item(window, wait, run):
    on_the_desk_and_given_up(window, wait, run)
    window.drops.table.choose(window.drops.asked.row_of(2))
    scan(window, KOPI)
    wait(lambda: "Drop Order 2." in window.desk.notice.words.text())
    scan(window, GULA)
    wait(lambda: "Drop Order 3." in window.desk.notice.words.text())
    scan(window, TEH)
    wait(lambda: window.desk.notice.words.text() == f"Nothing of {TEH} must go back.")
    # Back to asking: the same scan asks the warehouse.
    QTest.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: len(states(window)) == 3)
    scan(window, KOPI)
    wait(lambda: states(window)[0] == "asked for")


def test_a_double_enter_asks_once_and_one_on_nothing_not_at_all(window, wait, ask):
    window.go(window.drops)
    wait(window.drops.to.count)
    typed(window, "KOPI-01x2\r\r")
    wait(lambda: "Asked the warehouse for KOPI-01" in window.desk.notice.words.text())
    typed(window, "\r")
    wait(lambda: window.drops.asked.rowCount() == 1 and not window.desk.calls.waiting)
    assert len(ask("warehouse", "list")["drop_orders"]) == 1


def test_what_the_warehouse_cannot_be_asked_for_stands_in_the_field_again(window, wait):
    window.go(window.drops)
    wait(window.drops.to.count)
    typed(window, "KOPI-01x900\r")
    wait(lambda: "Not enough of KOPI-01" in window.desk.notice.words.text())
    wait(lambda: window.drops.code.text() == "KOPI-01x900")
