"""Goal: a warehouse hands over, takes back, receives and counts by scan, and hears what is asked for.

Method: the real window over a real server; desks ask by the terminal's commands. Sounds are played by a
program on the path that writes down what it was given.
"""

import stat
import threading
import wave
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from clients.desktop.warehouse import receive
from clients.desktop.warehouse.goods import LINES_MAX
from clients.desktop.warehouse.window import WarehouseWindow
from kasir.v1.catalogue_pb2 import Item, ItemAvailability
from tests.clients.conftest import GULA, KOPI, TEH
from tests.clients.desktop.conftest import scan, typed


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Which sounds were played, in order."""
    log = tmp_path / "heard"
    player = tmp_path / "bin" / "pw-play"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\nbasename "$1" >> {log}\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(player.parent), prepend=":")
    return lambda: log.read_text().split() if log.exists() else []


@pytest.fixture
def window(make_window, heard, server, shop, wait):
    made = make_window(server.target, actor="gudang", kind=WarehouseWindow)
    wait(lambda: made.desk.line.connected and made.place.location_id)
    return made


def words(window) -> str:
    return window.desk.notice.words.text()


def cells(table, *columns) -> list[tuple[str, ...]]:
    return [tuple(table.data(table.index(row, at)) for at in columns) for row in range(table.rowCount())]


def test_what_is_asked_for_is_heard_and_a_scan_hands_it_over(window, wait, run, ask, heard):
    assert window.place.code == "GUDANG"
    run("cs", "drop", "KOPI-01x2", "--note", "Bu Sari, jam 3")
    wait(lambda: cells(window.incoming.waiting, 1, 2) == [("KOPI-01 Kopi Luwak Bubuk 250 g", "2")])
    wait(lambda: heard() == ["asked.wav"])
    assert "Bu Sari, jam 3" in window.incoming.who.text()
    assert window.incoming.table.hasFocus()
    scan(window, KOPI)
    wait(lambda: "Handed over: 2 x KOPI-01" in words(window))
    assert window.incoming.waiting.rowCount() == 0
    assert ask("warehouse", "list", "--state", "handed-over")["drop_orders"][0]["drop_order_id"] == "1"


def test_a_scan_is_for_the_chosen_one_else_for_the_one_that_waits_longest(window, wait, run, ask):
    for line in ("KOPI-01", "GULA-5", "KOPI-01x3", "KOPI-01x4"):
        run("cs", "drop", line)
    wait(lambda: window.incoming.waiting.rowCount() == 4)
    window.incoming.table.choose(2)
    scan(window, KOPI)
    wait(lambda: "3 x KOPI-01" in words(window))
    window.incoming.table.choose(window.incoming.waiting.row_of(2))
    scan(window, KOPI)
    wait(lambda: "1 x KOPI-01" in words(window))
    wait(lambda: cells(window.incoming.waiting, 0) == [("2",), ("4",)])


def test_what_nobody_asks_for_is_told_by_sound_and_words(window, wait, heard):
    scan(window, GULA)
    wait(lambda: "Nobody asks for GULA-5 now." in words(window))
    wait(lambda: heard() == ["wrong.wav"])


def test_what_cannot_be_given_is_refused_with_a_reason(window, wait, run, ask):
    run("cs", "drop", "KOPI-01")
    wait(lambda: window.incoming.waiting.rowCount() == 1)
    window.incoming.table.setFocus()
    QTest.keyClick(window.incoming.table, Qt.Key.Key_Delete)
    wait(lambda: window.incoming.findChild(QDialog))
    dialog = window.incoming.findChild(QDialog)
    assert not dialog.sure.isEnabled()
    QTest.keyClicks(dialog.reason, "kemasan penyok")
    dialog.sure.click()
    wait(lambda: window.incoming.waiting.rowCount() == 0)
    told = ask("warehouse", "list", "--state", "rejected")["drop_orders"][0]
    assert told["reject_reason"] == "kemasan penyok"


def test_what_is_asked_for_while_another_screen_is_shown_is_told_there(window, wait, run, heard):
    run("cs", "drop", "GULA-5")
    wait(lambda: heard() == ["asked.wav"])
    window.go(window.receiving)
    run("cs", "drop", "KOPI-01")
    wait(lambda: "A desk asks for something" in words(window))
    wait(lambda: heard() == ["asked.wav", "asked.wav"])


def test_what_came_back_is_scanned_into_the_stock(window, wait, run, ask):
    run("cs", "drop", "GULA-5x2")
    run("warehouse", "hand-over", "--scan", GULA)
    run("cs", "release", "1")
    window.go(window.returns)
    wait(lambda: cells(window.returns.waiting, 1, 2) == [("GULA-5 Gula Aren 500 g", "2")])
    scan(window, KOPI)
    wait(lambda: "No Drop Order of KOPI-01 has to come back." in words(window))
    scan(window, GULA)
    wait(lambda: "Back in stock: 2 x GULA-5" in words(window))
    assert on_hand(ask, "GULA-5") == "10"


def on_hand(ask, sku: str) -> str:
    return ask("warehouse", "stock", sku)["stocks"][0]["on_hand"]


def test_a_delivery_is_scanned_and_booked_in_at_once(window, wait, ask):
    window.go(window.receiving)
    scan(window, KOPI)
    scan(window, KOPI)
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "2")])
    typed(window, "GULA-5x30\r")
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "2"), ("GULA-5", "30")])
    window.receiving.edit_quantity()
    typed(window, "31\r")
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "2"), ("GULA-5", "31")])
    window.receiving.send()
    wait(lambda: "Booked in at GUDANG: 33 units." in words(window))
    assert (on_hand(ask, "KOPI-01"), on_hand(ask, "GULA-5")) == ("26", "41")
    assert window.receiving.goods.rowCount() == 0


def dropped(screen, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    screen.dropEvent(event)


def test_a_file_that_is_dropped_is_a_delivery_or_told_why_not(window, wait, tmp_path):
    window.go(window.receiving)
    path = tmp_path / "SJ-7.csv"
    path.write_text("sku;qty\nKOPI-01;24\nGULA-5;many\n")
    dropped(window.receiving, path)
    wait(lambda: "row 3: 'many' is no quantity" in words(window))
    path.write_text("sku;qty\nKOPI-01;24\nGULA-5;6\n")
    dropped(window.receiving, path)
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "24"), ("GULA-5", "6")])


def test_a_row_that_is_no_goods_is_told_in_the_language_of_the_window(window, wait, tmp_path):
    window.next_language()
    window.go(window.receiving)
    path = tmp_path / "SJ-8.csv"
    path.write_text("sku;qty\nKOPI-01;24\nGULA-5;banyak\n")
    dropped(window.receiving, path)
    wait(lambda: f"{path}, baris 3: 'banyak' bukan jumlah; jumlah adalah angka bulat dari 1" in words(window))
    path.write_text("sku;qty\n;24\n")
    dropped(window.receiving, path)
    wait(lambda: f"{path}, baris 2 tidak ada kodenya." in words(window))


def test_a_count_corrects_only_what_differs(window, wait, ask):
    window.go(window.counting)
    typed(window, "KOPI-01x22\r")
    wait(lambda: cells(window.counting.goods, 2, 3, 4) == [("24", "22", "-2")])
    typed(window, "GULA-5x10\r")
    wait(lambda: cells(window.counting.goods, 4) == [("-2",), ("✓",)])
    scan(window, KOPI)
    wait(lambda: cells(window.counting.goods, 3, 4) == [("23", "-1"), ("10", "✓")])
    window.counting.send()
    wait(lambda: "Items corrected: 1." in words(window))
    assert (on_hand(ask, "KOPI-01"), on_hand(ask, "GULA-5")) == ("23", "10")


def test_what_moves_while_it_is_counted_is_counted_again(window, wait, run, ask):
    window.go(window.counting)
    typed(window, "KOPI-01x24\r")
    wait(lambda: cells(window.counting.goods, 4) == [("✓",)])
    run("warehouse", "transfer", "KOPI-01x4", "--to", "TOKO")
    wait(lambda: cells(window.counting.goods, 4) == [("count again",)])
    window.counting.send()
    assert "count them again: KOPI-01" in words(window)
    window.counting.edit_quantity()
    typed(window, "20\r")
    wait(lambda: cells(window.counting.goods, 2, 3, 4) == [("20", "20", "✓")])
    window.counting.send()
    wait(lambda: "All as in the books." in words(window))
    assert on_hand(ask, "KOPI-01") == "20"


def test_nothing_found_is_a_count_too(window, wait, ask):
    window.go(window.counting)
    typed(window, "GULA-5x0\r")
    wait(lambda: cells(window.counting.goods, 3, 4) == [("0", "-10")])
    window.counting.send()
    wait(lambda: "Items corrected: 1." in words(window))
    assert on_hand(ask, "GULA-5") == "0"


def test_what_runs_out_is_listed_and_copied(window, wait, run):
    run("catalogue", "change", "GULA-5", "--reorder-point", "12")
    window.go(window.to_buy)
    wait(lambda: ("GULA-5", "10", "12", "2") in cells(window.to_buy.items, 0, 3, 4, 5))
    window.to_buy.copy()
    wait(lambda: "GULA-5\tGula Aren 500 g\t10\t12" in QApplication.clipboard().text())
    run("warehouse", "receive", "GULA-5x2")
    wait(lambda: "GULA-5" not in [sku for (sku,) in cells(window.to_buy.items, 0)])


def test_the_place_is_remembered(window, make_window, wait, run, server):
    run("setup", "location", "GUDANG-2", "Gudang kedua", "--kind", "warehouse")
    wait(lambda: window.place.choice.count() == 2)
    window.place.choice.setCurrentIndex(1)
    window.place.choice.activated.emit(1)
    run("cs", "drop", "KOPI-01", "--from", "GUDANG")
    again = make_window(server.target, kind=WarehouseWindow)
    wait(lambda: again.place.code == "GUDANG-2")
    assert again.incoming.waiting.rowCount() == 0


def test_a_shop_without_a_warehouse_is_told_so_until_it_has_one(make_window, heard, server, run, wait):
    empty = make_window(server.target, kind=WarehouseWindow)
    wait(lambda: "no warehouse yet" in empty.incoming.empty.text())
    run("setup", "location", "GUDANG", "Gudang utama", "--kind", "warehouse")
    wait(lambda: empty.place.code == "GUDANG" and "No desk asks" in empty.incoming.empty.text())


def test_sounds_can_be_told_apart(tmp_path):
    from clients.desktop import sounds

    lengths = {}
    for name, tones in (("asked", sounds.ASKED), ("wrong", sounds.WRONG)):
        sounds._write(tmp_path / name, sounds.samples(tones))
        with wave.open(str(tmp_path / name)) as file:
            lengths[name] = file.getnframes() / file.getframerate()
    assert lengths == pytest.approx({"asked": 0.32, "wrong": 0.50}, abs=0.01)


def test_a_code_that_nothing_has_is_told(window, wait):
    window.go(window.receiving)
    scan(window, "8999999999993")
    wait(lambda: "8999999999993" in words(window))
    assert window.receiving.goods.rowCount() == 0
    scan(window, TEH)
    wait(lambda: window.receiving.goods.rowCount() == 1)


def test_what_is_scanned_while_a_delivery_is_booked_in_is_the_next_ones(window, wait, ask, monkeypatch):
    window.go(window.receiving)
    go = threading.Event()
    booked_in = receive._receive

    def slowly(*facts):
        go.wait(60)
        return booked_in(*facts)

    monkeypatch.setattr(receive, "_receive", slowly)
    scan(window, KOPI)
    # Pressed before the code is looked up: it is part of what is sent.
    window.receiving.send()
    wait(lambda: window.receiving.goods.rowCount() == 1 and not window.receiving.send_button.isEnabled())
    for code in (GULA, KOPI, GULA):
        scan(window, code)
    # Pressed twice: the next one is not sent with it.
    window.receiving.send()
    assert window.receiving.goods.rowCount() == 1
    go.set()
    wait(lambda: "Booked in at GUDANG: 1 units." in words(window))
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("GULA-5", "2"), ("KOPI-01", "1")])
    assert (on_hand(ask, "KOPI-01"), on_hand(ask, "GULA-5")) == ("25", "10")


def test_what_is_sent_waits_for_a_code_that_nothing_has(window, wait, ask):
    window.go(window.receiving)
    scan(window, KOPI)
    wait(lambda: window.receiving.goods.rowCount() == 1)
    scan(window, "8999999999993")
    window.receiving.send()
    wait(lambda: "8999999999993" in words(window))
    assert window.receiving.goods.rowCount() == 1
    assert on_hand(ask, "KOPI-01") == "24"


def test_enter_takes_what_is_typed_once_and_sends_nothing(window, wait, ask):
    window.go(window.receiving)
    typed(window, "KOPI-01x2\r\r")
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "2")])
    typed(window, "\r")
    typed(window, "GULA-5\r")
    wait(lambda: cells(window.receiving.goods, 0, 3) == [("KOPI-01", "2"), ("GULA-5", "1")])
    assert on_hand(ask, "KOPI-01") == "24"


def test_what_nothing_has_stands_in_the_field_again(window, wait):
    window.go(window.receiving)
    typed(window, "KOPI-99\r")
    wait(lambda: "KOPI-99" in words(window))
    wait(lambda: window.receiving.code.text() == "KOPI-99")


def test_the_same_number_counted_again_is_a_count(window, wait, run, ask):
    window.go(window.counting)
    typed(window, "KOPI-01x20\r")
    wait(lambda: cells(window.counting.goods, 4) == [("-4",)])
    run("warehouse", "transfer", "KOPI-01x4", "--to", "TOKO")
    wait(lambda: cells(window.counting.goods, 4) == [("count again",)])
    # Looking at it is no count.
    window.counting.edit_quantity()
    window.counting.code.setFocus()
    window.counting.edit_quantity()
    typed(window, "20\r")
    wait(lambda: cells(window.counting.goods, 2, 3, 4) == [("20", "20", "✓")])
    window.counting.send()
    wait(lambda: "All as in the books." in words(window))


def test_a_number_that_is_typed_and_sent_at_once_is_sent(window, wait, ask):
    window.go(window.counting)
    typed(window, "KOPI-01x20\r")
    wait(lambda: window.counting.goods.rowCount() == 1)
    window.counting.edit_quantity()
    typed(window, "19")
    wait(lambda: window.counting.quantity.text() == "19")
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: "Items corrected: 1." in words(window))
    assert on_hand(ask, "KOPI-01") == "19"


def test_a_scan_does_nothing_below_a_question_and_is_refused_aloud(window, wait, run, ask, heard):
    run("cs", "drop", "KOPI-01")
    wait(lambda: window.incoming.waiting.rowCount() == 1 and heard() == ["asked.wav"])
    window.incoming.ask_why()
    wait(QApplication.activeModalWidget)
    dialog = QApplication.activeModalWidget()
    scan(window, KOPI)
    assert words(window) == "Answer the question first, then scan."
    wait(lambda: heard() == ["asked.wav", "wrong.wav"])
    assert dialog.isVisible()
    assert dialog.reason.text() == ""
    dialog.reject()
    assert ask("warehouse", "list", "--state", "requested")["drop_orders"]
    scan(window, KOPI)
    wait(lambda: "Handed over" in words(window))


def test_what_nobody_waits_for_is_told_in_the_language_of_the_window(window, wait):
    window.next_language()
    scan(window, GULA)
    wait(lambda: words(window) == "Saat ini tidak ada yang meminta GULA-5.")
    window.go(window.returns)
    scan(window, GULA)
    wait(lambda: words(window) == "Tidak ada Drop Order GULA-5 yang harus kembali.")


def test_a_thousand_lines_are_put_at_once_and_one_more_is_refused(window, wait, tmp_path, server):
    columns = [Item(item_id=number, sku=f"S-{number}") for number in range(1, LINES_MAX + 2)]
    found = [(ItemAvailability(item=item), 1) for item in columns]
    window.go(window.receiving)
    resets = []
    window.receiving.goods.modelReset.connect(lambda: resets.append(True))
    window.receiving._added(found[:LINES_MAX])
    assert (window.receiving.goods.rowCount(), len(resets)) == (LINES_MAX, 1)
    assert window.receiving.table.thing().item.sku == f"S-{LINES_MAX}"
    window.receiving._added(found[LINES_MAX:])
    assert words(window) == "No more than 1000 lines at once."
    assert window.receiving.goods.rowCount() == LINES_MAX
    path = tmp_path / "SJ-9.csv"
    path.write_text("".join(f"S-{number},1\n" for number in range(LINES_MAX + 1)))
    window.desk.notice.hide()
    asked = server.log
    dropped(window.receiving, path)
    wait(window.desk.notice.isVisible)
    assert words(window) == "No more than 1000 lines at once."
    assert not [line for line in server.log[len(asked) :] if "GetItem" in str(line)]


def test_a_list_is_not_read_while_it_is_hidden(window, wait, run):
    run("cs", "drop", "GULA-5x2")
    wait(lambda: window.incoming.waiting.rowCount() == 1)
    run("warehouse", "hand-over", "--scan", GULA)
    run("cs", "release", "1")
    wait(lambda: window.incoming.waiting.rowCount() == 0 and not window.desk.calls.waiting)
    assert window.returns.stale
    assert not window.returns._soon.isActive()
    assert window.returns.waiting.rowCount() == 0
    window.go(window.returns)
    wait(lambda: window.returns.waiting.rowCount() == 1)
    assert not window.returns.stale
