"""Several transfers that pay one order together, in customer service's window, over a real server."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from clients.desktop.cs.join import Join
from tests.clients.conftest import SARI
from tests.clients.desktop.conftest import scan
from tests.clients.desktop.test_bank import CONTROL, NO_MATCH, imported, in_front, rows, statement

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def payable(ask, shop) -> int:
    """What an order has to pay, in sen."""
    order = ask("cs", "book", "--line", "KOPI-01x3@GUDANG", *SARI)["order"]
    return int(order["payable"]["minor_units"])


def order(ask) -> dict:
    return ask("cs", "show", "1")["order"]


def opened(window, wait, tmp_path, *amounts: int) -> Join:
    """The dialog for transfers of these amounts, all of which are marked by keys."""
    transfers = [(f"SETORAN TUNAI {number}", amount) for number, amount in enumerate(amounts)]
    imported(window, wait, statement(tmp_path, *transfers))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == len(amounts))
    window.bank.table.setFocus()
    window.bank.table.choose(0)
    for _each in amounts[1:]:
        QTest.keyClick(window.bank.table, Qt.Key.Key_Down, SHIFT)
    assert len(window.bank.table.things()) == len(amounts)
    QTest.keyClick(window, Qt.Key.Key_J, CONTROL)
    dialog = window.bank.findChild(Join)
    wait(lambda: dialog.picker.found.rowCount() == 1)
    return dialog


def rp(minor_units: int) -> str:
    return f"Rp {minor_units // 100:,}".replace(",", ".")


def test_transfers_that_are_marked_pay_an_order_together(payable, window, wait, tmp_path, ask):
    dialog = opened(window, wait, tmp_path, 100_000_00, 50_000_00, payable - 150_000_00)
    assert window.bank.together.text() == f"3 marked, together {rp(payable)}. Ctrl+J: they pay one order."
    QTest.keyClick(dialog, Qt.Key.Key_Return, CONTROL)
    assert dialog.problem.text() == "Say first which order they pay."
    QTest.keyClick(dialog.picker.query, Qt.Key.Key_Return)
    wait(lambda: dialog.order is not None)
    assert dialog.against.text() == f"{rp(payable)} to pay, {rp(payable)} came in"
    assert dialog.left.text() == "Left over: Rp 0"
    assert not dialog.credit.isVisible()
    assert not dialog.write_off.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Return, CONTROL)
    wait(lambda: f"3 transfers, {rp(payable)}, pay order 1." in window.desk.notice.words.text())
    assert order(ask)["state"] == "ORDER_STATE_PAID"
    wait(lambda: rows(window) == 0)
    # All of them are taken back together.
    in_front(window, wait)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    wait(lambda: f"Taken back: {rp(payable)} waits again." in window.desk.notice.words.text())
    assert order(ask)["state"] == "ORDER_STATE_BOOKED"


def test_what_somebody_else_took_back_in_part_is_taken_back_to_its_end(
    payable, window, wait, tmp_path, run, ask
):
    dialog = opened(window, wait, tmp_path, 100_000_00, 50_000_00, payable - 150_000_00)
    dialog.choose(dialog.picker.found.at(0))
    dialog.take()
    wait(lambda: order(ask)["state"] == "ORDER_STATE_PAID")
    wait(lambda: window.bank._last_confirmed == (1, 2, 3))
    run("cs", "undo", "2")
    in_front(window, wait)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    wait(lambda: "Mutation 2" in window.desk.notice.words.text())
    wait(lambda: window.bank._last_confirmed == (1,))
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    wait(lambda: "Taken back: Rp 100.000 waits again." in window.desk.notice.words.text())
    assert order(ask)["state"] == "ORDER_STATE_BOOKED"


def test_what_they_are_short_of_is_seen_and_written_off(payable, window, wait, tmp_path, run, ask):
    dialog = opened(window, wait, tmp_path, 100_000_00, payable - 102_500_00)
    dialog.choose(dialog.picker.found.at(0))
    assert dialog.left.text() == "Still to pay then: Rp 2.500"
    dialog.write_off.setText("2,5 ribu")
    dialog.take()
    assert dialog.write_off.property("bad") == "true"
    assert dialog.problem.isVisible()
    # How much may be written off, the account has a rule for.
    dialog.write_off.setText("2.500")
    dialog.take()
    wait(lambda: "rules write off Rp 0 at most" in dialog.problem.text())
    run("cs", "rules", "--write-off-max", "2.500")
    dialog.take()
    wait(lambda: order(ask)["state"] == "ORDER_STATE_PAID")
    assert order(ask)["written_off"]["minor_units"] == "250000"


def test_what_is_left_over_is_kept_as_credit_or_refused(payable, window, wait, tmp_path, ask):
    dialog = opened(window, wait, tmp_path, 100_000_00, payable - 95_000_00)
    dialog.choose(dialog.picker.found.at(0))
    assert dialog.left.text() == "Left over: Rp 5.000"
    dialog.take()
    wait(dialog.problem.isVisible)
    assert "Rp 5.000" in dialog.problem.text()
    assert dialog.send.isEnabled()
    dialog.credit.setChecked(True)
    dialog.take()
    wait(lambda: order(ask)["state"] == "ORDER_STATE_PAID")
    assert ask("cs", "customers", "#1")["customer"]["credit"]["minor_units"] == "500000"


def test_a_scan_finds_the_order_and_by_hand_of_several_is_together(payable, window, wait, tmp_path, run):
    run("cs", "book", "--line", "GULA-5@GUDANG", "--name", "Budi Santoso", "--phone", "0811111111")
    transfers = [("SETORAN TUNAI A", 10_000_00), ("SETORAN TUNAI B", 20_000_00)]
    imported(window, wait, statement(tmp_path, *transfers))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 2)
    window.bank.join()
    assert "Mark the transfers" in window.desk.notice.words.text()
    window.bank.table.selectAll()
    window.bank.by_hand()
    dialog = window.bank.findChild(Join)
    wait(lambda: dialog.picker.found.rowCount() == 2)
    scan(dialog, "0811111111")
    wait(
        lambda: [dialog.picker.found.at(row).order_id for row in range(dialog.picker.found.rowCount())] == [2]
    )


def test_what_is_marked_stays_marked_when_the_list_is_read_anew(payable, window, wait, tmp_path):
    transfers = [(f"SETORAN TUNAI {number}", 10_000_00 + number * 100) for number in range(4)]
    imported(window, wait, statement(tmp_path, *transfers))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 4)
    table = window.bank.table
    table.choose(1)
    QTest.keyClick(table, Qt.Key.Key_Down, SHIFT)
    marked = [each.mutation_id for each in table.things()]
    more = statement(tmp_path, *transfers, ("SETORAN TUNAI 5", 77_000_00), name="mutasi-2.csv")
    imported(window, wait, more)
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 5)
    assert [each.mutation_id for each in table.things()] == marked
