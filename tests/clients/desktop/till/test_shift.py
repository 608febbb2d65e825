"""The shift in the till's window: counted by notes, opened, cash moved, X, closed, Z."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked, cut, sell


def count(counting, pieces: dict[int, str]) -> None:
    for value, field in counting.pieces:
        if value in pieces and not field.text():
            field.setText(pieces.pop(value))


def test_counted_by_notes_by_keys_the_shift_is_opened(closed_till, wait, ask):
    counting = closed_till.shift.opening
    first = counting.pieces[0][1]
    wait(first.hasFocus)
    QTest.keyClicks(first, "1")
    QTest.keyClick(first, Qt.Key.Key_Return)
    second = counting.pieces[1][1]
    assert second.hasFocus()
    QTest.keyClicks(second, "2")
    assert counting.sum.text() == "200.000"
    counting.sum.setFocus()
    QTest.keyClick(counting.sum, Qt.Key.Key_Return)
    wait(lambda: closed_till.shift.report is not None)
    assert ("At the opening", "Rp 200.000") in closed_till.shift.cash.pairs
    shift = ask("till", "x", "--shift", "1")["shift"]
    assert (shift["opening_cash"]["minor_units"], shift["cashier"]) == ("20000000", "siti")


def test_cash_out_is_recorded_with_a_reason(till, wait):
    till.go(till.shift)
    wait(lambda: till.shift.report)
    till.shift.ask_cash(-1)
    question = asked(till)
    question.field.show_minor(5_000_000)
    question.take()
    assert question.why_not.text() == "Say why."
    question.body.itemAt(1).widget().setText("parking")
    question.take()
    wait(lambda: ("Taken out", "Rp 50.000") in till.shift.cash.pairs)
    assert ("Should be in the drawer", "Rp 150.000") in till.shift.cash.pairs


def test_closed_with_counted_cash_the_z_says_the_difference(till, wait, ask):
    sell(till, wait, KOPI)
    till.go(till.shift)
    wait(lambda: till.shift.report and ("Receipts", "1") in till.shift.sales.pairs)
    assert ("Should be in the drawer", "Rp 308.400") in till.shift.cash.pairs
    till.shift.begin_closing()
    count(till.shift.closing, {100_000: "3", 5_000: "1", 2_000: "1", 1_000: "1"})
    assert till.shift.closing.sum.text() == "308.000"
    till.shift.closing.take()
    wait(lambda: till.shift.report.shift.HasField("close_time"))
    assert till.shift.title.text() == "Z report, shift 1"
    assert till.shift.cash.pairs[-1] == ("Difference", "-Rp 400")
    assert till.till.state.shift is None
    shift = ask("till", "x", "--shift", "1")["shift"]
    assert shift["difference"]["minor_units"] == "-40000"
    QTest.keyClick(till, Qt.Key.Key_F12)
    assert till.shift.pages.currentWidget() is till.shift.opening_page


def test_without_the_line_the_till_counts_by_itself(till, line, wait):
    sell(till, wait, KOPI)
    till.line_screen.lease()
    wait(lambda: till.till.state.leased_units)
    cut(till, line, wait)
    sell(till, wait, KOPI)
    till.go(till.shift)
    wait(lambda: till.shift.report and ("Receipts", "2") in till.shift.sales.pairs)
    assert "Counted by the till" in till.shift.told.text()
    till.shift.begin_closing()
    till.shift.closing.sum.show_minor(41_680_000)
    till.shift.closing.take()
    wait(lambda: till.shift.report.shift.HasField("close_time"))
    assert till.shift.cash.pairs[-1] == ("Difference", "Rp 0")
    line.restore()
    wait(lambda: till.till.state.online and not till.till.state.waits)


def test_a_shift_that_is_opened_elsewhere_is_this_tills_too(closed_till, wait, server, run):
    run("till", "open", "KASIR-1", "--cash", "100.000", "--server", server.target)
    wait(lambda: closed_till.till.state.shift is not None)
    assert closed_till.till.state.shift.shift_id == 1
