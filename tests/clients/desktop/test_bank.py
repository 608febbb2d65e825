"""The bank's money in customer service's window, over a real server: statements, proposals, by hand."""

import datetime as dt
import re
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from clients.common import bank as sending
from clients.desktop import texts
from clients.desktop.asking import Question
from clients.desktop.cs.by_hand import ByHand
from clients.desktop.cs.open_orders import FOUND_MAX, OpenOrder, found
from clients.desktop.cs.reasons import SENTENCES, said
from kasir.demo import bank_file
from tests.clients.conftest import SARI, Run
from tests.clients.desktop.conftest import scan

ROOT = Path(__file__).resolve().parents[3]
WIB = dt.timezone(dt.timedelta(hours=7))
BUDI = ("--name", "Budi Santoso", "--phone", "0811111111", "--street", "Jl. Mawar 2", "--city", "Bogor")
CONTROL = Qt.KeyboardModifier.ControlModifier
TO_CONFIRM, NO_MATCH, CONFIRMED, NO_ORDER, PENDING, REFUNDS = range(6)


def statement(folder: Path, *rows: tuple[str, int], name: str = "mutasi.csv") -> Path:
    """A bank's file of transfers: texts and amounts in sen."""
    day = dt.datetime.now(WIB).date()
    account = bank_file.Account("1234567890", "TOKO MELATI")
    made = [bank_file.BankRow(day, text, amount) for text, amount in rows]
    path = folder / name
    path.write_bytes(bank_file.write(account, made, opening_sen=100_000_00))
    return path


@pytest.fixture
def payable(ask: Run, shop: None) -> list[int]:
    """Two orders that wait for money, and how much each, in sen."""
    made = [ask("cs", "book", "--line", "GULA-5@GUDANG", *who)["order"] for who in (SARI, BUDI)]
    return [int(each["payable"]["minor_units"]) for each in made]


def drop(window, *files: Path) -> None:
    """As a file manager does it: over the window, then let go."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    action, buttons, keys = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    over = QDragEnterEvent(QPoint(300, 300), action, mime, buttons, keys)
    QApplication.sendEvent(window, over)
    if over.isAccepted():
        assert window._sheet.isVisible()
        QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), action, mime, buttons, keys))
        assert not window._sheet.isVisible()


def imported(window, wait, file: Path) -> None:
    drop(window, file)
    wait(lambda: window.screen_now is window.bank and not window.bank.imports.under_way)


def in_front(window, wait) -> None:
    """A window manager gives the keys back when a dialog closes; without a screen there is none."""
    window.activateWindow()
    wait(window.isActiveWindow)


def cell(window, row: int, column: int) -> str:
    return window.bank.mutations.data(window.bank.mutations.index(row, column))


def rows(window) -> int:
    return window.bank.mutations.rowCount()


def orders(ask) -> dict[str, str]:
    return {each["order_id"]: each["state"] for each in ask("cs", "bookings")["orders"]}


def test_a_statement_dropped_anywhere_is_imported_and_its_proposals_are_seen(payable, window, wait, tmp_path):
    window.go(window.finding)
    file = statement(
        tmp_path,
        ("TRSF E-BANKING CR 1 SARI DEWI", payable[0]),
        ("TRSF E-BANKING CR 2 BUDI SANTOSO", payable[1]),
    )
    imported(window, wait, file)
    told = window.bank.imports.words.text()
    assert "2 rows read: 2 new, 0 known already." in told
    assert "The matcher is sure of 2" in told
    assert "BCA 1234567890" in window.bank.imports.title.text()
    wait(lambda: rows(window) == 2)
    assert cell(window, 0, 3) == "sure"
    assert cell(window, 0, 4) == "order 2"
    side = window.bank.side
    wait(lambda: "Order 2: Budi Santoso" in side.orders.texts())
    assert any("BUDI SANTOSO" in line for line in side.bank.texts())
    reasons = [each.text() for each in side.why.findChildren(type(side.why.title))]
    assert "The amount is exactly what order 2 has to pay" in reasons
    # The same file again brings nothing.
    imported(window, wait, file)
    assert window.bank.imports.words.text() == "This file was imported before: nothing was taken."
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.bank.imports.isVisible()


def test_a_file_is_chosen_by_key(payable, window, wait, tmp_path):
    window.go(window.bank)
    file = statement(tmp_path, ("TRSF E-BANKING CR 1 SARI DEWI", payable[0]))
    QTest.keyClick(window, Qt.Key.Key_O, CONTROL)
    dialog = window.bank.findChild(QFileDialog)
    dialog.filesSelected.emit([str(file)])
    dialog.reject()
    wait(lambda: rows(window) == 1)


def test_enter_confirms_one_and_ctrl_z_takes_it_back(payable, window, wait, tmp_path, ask):
    texts_ = [("TRSF E-BANKING CR 1 SARI DEWI", payable[0]), ("TRSF E-BANKING CR 2 BUDI SANTOSO", payable[1])]
    imported(window, wait, statement(tmp_path, *texts_))
    wait(lambda: rows(window) == 2)
    window.bank.table.setFocus()
    QTest.keyClick(window.bank.table, Qt.Key.Key_Return)
    # The next one is chosen at once: Enter, Enter, Enter.
    wait(lambda: "pays order 2. Ctrl+Z takes it back." in window.desk.notice.words.text())
    wait(lambda: rows(window) == 1)
    assert window.bank.table.thing().amount.minor_units == payable[0]
    assert orders(ask) == {"1": "ORDER_STATE_BOOKED", "2": "ORDER_STATE_PAID"}
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    wait(lambda: "waits again" in window.desk.notice.words.text())
    assert orders(ask)["2"] == "ORDER_STATE_BOOKED"


def test_all_that_is_sure_is_confirmed_after_saying_how_much(payable, window, wait, tmp_path, ask):
    texts_ = [("TRSF E-BANKING CR 1 SARI DEWI", payable[0]), ("TRSF E-BANKING CR 2 BUDI SANTOSO", payable[1])]
    imported(window, wait, statement(tmp_path, *texts_, ("BUNGA", 12_345_00)))
    wait(lambda: rows(window) == 2)
    QTest.keyClick(window, Qt.Key.Key_Return, CONTROL)
    wait(lambda: window.bank.findChild(Question))
    question = window.bank.findChild(Question)
    total = sending_words(sum(payable))
    assert question.words.text() == f"Confirm 2 transfers of {total}?"
    assert set(orders(ask).values()) == {"ORDER_STATE_BOOKED"}
    QTest.keyClick(question, Qt.Key.Key_Return)
    wait(lambda: window.desk.notice.words.text() == "Transfers confirmed: 2.")
    assert set(orders(ask).values()) == {"ORDER_STATE_PAID"}
    wait(window.bank.empty.isVisible)
    in_front(window, wait)
    QTest.keyClick(window, Qt.Key.Key_Right, CONTROL)
    wait(lambda: rows(window) == 1)
    assert cell(window, 0, 3) == "without a match"
    QTest.keyClick(window, Qt.Key.Key_Right, CONTROL)
    wait(lambda: rows(window) == 2)
    assert cell(window, 0, 4) == "order 2"


def sending_words(minor_units: int) -> str:
    return f"Rp {minor_units // 100:,}".replace(",", ".")


@pytest.mark.parametrize(
    ("query", "order_id"), [("budi", 2), ("0811111111", 2), ("2", 2), ("sari", 1), ("81234567890", 1)]
)
def test_an_order_is_found_and_matched_by_hand(payable, window, wait, tmp_path, ask, query, order_id):
    imported(window, wait, statement(tmp_path, ("SETORAN TUNAI", 10_000_00)))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 1)
    QTest.keyClick(window.bank.table, Qt.Key.Key_Return)
    dialog = window.bank.findChild(ByHand)
    wait(lambda: dialog.picker.found.rowCount() == 2)
    for char in query:
        QTest.keyClick(dialog.picker.query, char)
    wait(lambda: dialog.picker.found.rowCount() == 1 or query == "2")
    if query == "2":
        dialog.picker.table.choose(dialog.picker.found.row_of(2))
    QTest.keyClick(dialog.picker.query, Qt.Key.Key_Down)
    dialog.add(dialog.picker.table.thing())
    assert [share.order.order_id for share in dialog.shares] == [order_id]
    assert dialog.shares[0].amount.text() == "Rp 10.000"
    assert dialog.left.text() == "Left over: Rp 0"
    QTest.keyClick(dialog, Qt.Key.Key_Return, CONTROL)
    wait(lambda: orders(ask)[str(order_id)] == "ORDER_STATE_PARTLY_PAID")
    wait(lambda: rows(window) == 0)


def test_an_order_is_found_by_its_amount(payable, window, wait, tmp_path):
    imported(window, wait, statement(tmp_path, ("SETORAN TUNAI", 10_000_00)))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 1)
    window.bank.by_hand()
    dialog = window.bank.findChild(ByHand)
    wait(lambda: dialog.picker.found.rowCount() == 2)
    dialog.scanned(sending_words(payable[1]))
    wait(lambda: dialog.picker.found.rowCount() == 1)
    assert [dialog.picker.found.at(row).order_id for row in range(dialog.picker.found.rowCount())] == [2]


def test_enter_takes_the_order_that_was_typed_even_one_that_is_not_open(payable, window, wait, tmp_path, run):
    run("cs", "cancel", "2")
    imported(window, wait, statement(tmp_path, ("SETORAN TUNAI", 10_000_00)))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 1)
    window.bank.by_hand()
    dialog = window.bank.findChild(ByHand)
    wait(lambda: dialog.picker.found.rowCount() == 1)
    dialog.picker.query.setText("2")
    QTest.keyClick(dialog.picker.query, Qt.Key.Key_Return)
    wait(lambda: [share.order.order_id for share in dialog.shares] == [2])


def test_a_transfer_is_split_over_two_orders(payable, window, wait, tmp_path, ask):
    imported(window, wait, statement(tmp_path, ("SETORAN TUNAI", sum(payable) + 5_000_00)))
    for filter_ in (TO_CONFIRM, NO_MATCH):
        window.bank.filters.choose(filter_)
        wait(lambda: window.desk.calls.waiting == 0)
        if rows(window):
            break
    window.bank.by_hand()
    dialog = window.bank.findChild(ByHand)
    wait(lambda: dialog.picker.found.rowCount() == 2)
    for order_id in (1, 2):
        dialog.add(dialog.picker.found.at(dialog.picker.found.row_of(order_id)))
    assert [share.amount.text() for share in dialog.shares] == [sending_words(each) for each in payable]
    assert dialog.left.text() == "Left over: Rp 5.000"
    # What is left is nobody's: the server says no, and the dialog stays with what was typed.
    dialog.take()
    wait(dialog.problem.isVisible)
    assert "Rp 5.000" in dialog.problem.text()
    assert set(orders(ask).values()) == {"ORDER_STATE_BOOKED"}
    dialog.shares[0].amount.setText("abc")
    dialog.take()
    assert dialog.shares[0].amount.property("bad") == "true"
    assert dialog.problem.text().startswith("'abc' is not an amount of money")
    window.next_language()
    dialog.take()
    assert dialog.problem.text().startswith("'abc' bukan jumlah uang")
    window.next_language()
    dialog.shares[0].amount.setText(sending_words(payable[0]))
    dialog.credit.setChecked(True)
    dialog.take()
    wait(lambda: set(orders(ask).values()) == {"ORDER_STATE_PAID"})
    customer = ask("cs", "customers", "#1")["customer"]
    assert customer["credit"]["minor_units"] == "500000"


def test_a_scan_looks_for_its_order(payable, window, wait, tmp_path):
    imported(window, wait, statement(tmp_path, ("SETORAN TUNAI", 10_000_00)))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 1)
    scan(window, "0811111111")
    dialog = window.bank.findChild(ByHand)
    wait(lambda: dialog.picker.found.rowCount() == 1)
    assert dialog.picker.table.thing().order_id == 2


def test_what_pays_no_order_is_put_aside_with_its_reason_and_taken_back(payable, window, wait, tmp_path):
    imported(window, wait, statement(tmp_path, ("BUNGA", 12_345_00)))
    window.bank.filters.choose(NO_MATCH)
    wait(lambda: rows(window) == 1)
    QTest.keyClick(window.bank.table, Qt.Key.Key_Delete)
    question = window.bank.findChild(Question)
    assert not question.yes.isEnabled()
    question.field.setText("interest")
    QTest.keyClick(question, Qt.Key.Key_Return)
    wait(window.bank.empty.isVisible)
    window.bank.filters.choose(NO_ORDER)
    wait(lambda: rows(window) == 1)
    assert cell(window, 0, 4) == "interest"
    in_front(window, wait)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    wait(window.bank.empty.isVisible)


def test_refunds_due_are_listed_and_noted_with_their_reference(payable, window, wait, run, ask):
    run("cs", "pay", "1", "--amount", "10.000", "--method", "cash")
    run("cs", "cancel", "1", "--reason", "salah barang")
    window.go(window.bank)
    for _step in range(5):
        QTest.keyClick(window, Qt.Key.Key_Right, CONTROL)
    refunds = window.bank.refunds
    wait(lambda: refunds.orders.rowCount() == 1)
    assert refunds.orders.data(refunds.orders.index(0, 3)) == "Rp 10.000"
    QTest.keyClick(refunds.table, Qt.Key.Key_Return)
    question = refunds.findChild(Question)
    question.field.setText("BCA-77")
    QTest.keyClick(question, Qt.Key.Key_Return)
    wait(refunds.empty.isVisible)
    assert ask("cs", "show", "1")["order"]["refund_reference"] == "BCA-77"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"hello\nworld\n", "Not a bank statement"),
        (b"PK\x03\x04 zip", "Nothing was imported."),
    ],
)
def test_a_file_that_is_no_statement_is_refused_in_words(window, wait, tmp_path, content, words):
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    imported(window, wait, file)
    assert window.bank.imports.title.text() == "x.csv was not imported"
    assert words in window.bank.imports.words.text()
    assert window.bank.imports.property("bad") == "true"
    assert not window.bank.imports.anyway.isVisible()


def test_a_statement_that_does_not_add_up_is_imported_only_when_said_so(window, wait, run):
    run("setup", "account", "CIMB", "761234567800", "Toko Melati")
    imported(window, wait, ROOT / "tests/samples/xls/xlwt_cimb_broken.xls")
    wait(window.bank.imports.anyway.isVisible)
    assert rows(window) == 0
    window.bank.imports.anyway.click()
    wait(lambda: window.bank.imports.property("bad") == "false" and not window.bank.imports.under_way)
    assert "rows read" in window.bank.imports.words.text()


def test_of_several_files_each_is_told_of_and_none_stops_the_others(payable, window, wait, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"hello")
    good = statement(tmp_path, ("TRSF E-BANKING CR 1 SARI DEWI", payable[0]))
    drop(window, bad, good)
    wait(lambda: window.bank.imports.title.text().startswith("mutasi.csv"))
    wait(lambda: rows(window) == 1)
    assert "bad.csv was not imported" in window.bank.imports.before.text()


def test_a_large_statement_shows_how_far_it_is_and_orders_are_booked_meanwhile(
    window, wait, tmp_path, monkeypatch, ask
):
    monkeypatch.setattr(sending, "PIECE_BYTES", 4096)
    file = statement(
        tmp_path, *((f"TRSF E-BANKING CR {n} PEMBELI {n}", 1_000_00 + n * 100) for n in range(20_000))
    )
    seen = []
    window.bank.imports.bar.valueChanged.connect(seen.append)
    drop(window, file)
    wait(lambda: seen)
    window.desk.calls.do(window, lambda shop: shop.account(""), seen.append)
    wait(lambda: any(not isinstance(each, int) for each in seen))
    assert window.bank.imports.under_way
    wait(lambda: not window.bank.imports.under_way)
    assert "20000 rows read: 20000 new" in window.bank.imports.words.text()
    assert len(ask("cs", "mutations", "--limit", "3")["mutations"]) == 3


def test_files_only_are_taken(window, tmp_path):
    drop(window, tmp_path)
    assert window.screen_now is window.finding


def test_every_sentence_of_the_matcher_is_known():
    source = (ROOT / "engine_rs/matching/src/reason.rs").read_text().split("#[cfg(test)]")[0]
    body = source[source.index("fn words(self") : source.index("impl Reason")]
    told = {re.sub(r"\{\w*\}", "{}", each) for each in re.findall(r'"([^"]{8,})"', body)}
    assert len(told) > 30
    assert {re.sub(r"\{\w+\}", "{}", each) for each in SENTENCES} == told


def test_a_reason_is_said_in_the_language_of_now(settings):
    reason = "It came 3 days after the deadline of order 12 (-0.4)."
    assert said(reason) == ("It came 3 days after the deadline of order 12", -0.4)
    assert said("No open order fits.") == ("No open order fits", 0)
    assert said("Something new (+1.0).") == ("Something new", 1.0)
    texts.speak("id")
    assert said(reason) == ("Masuk 3 hari setelah batas bayar pesanan 12", -0.4)
    texts.speak("en")


def test_a_hundred_thousand_open_orders_are_searched_between_two_keys():
    orders = [
        OpenOrder(
            n,
            f"Pembeli {n}",
            f"62812{n:07d}",
            1,
            n * 100,
            n * 100,
            "IDR",
            f"{n} pembeli {n} 62812{n:07d} {n}",
        )
        for n in range(1, 100_001)
    ]
    began = time.thread_time()
    nearest = found(orders, "pembeli", 50_000_00)
    took = time.thread_time() - began
    assert [each.order_id for each in nearest[:3]] == [50_000, 50_001, 49_999]
    assert len(nearest) == FOUND_MAX
    assert [each.order_id for each in found(orders, "0812 0077777", 0)] == []
    assert [each.order_id for each in found(orders, "08120077777", 0)] == [77_777]
    assert took < 0.5
