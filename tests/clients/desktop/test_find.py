"""Finding an item in customer service's window, over a real server."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.clients.conftest import KOPI
from tests.clients.desktop.conftest import scan, typed


def test_words_find_items_with_what_is_free_where(window, wait):
    finding = window.finding
    typed(window, "kopi")
    wait(lambda: finding.found.rowCount() == 1)
    row = [finding.found.data(finding.found.index(0, column)) for column in range(5)]
    assert row == ["KOPI-01", "Kopi Luwak Bubuk 250 g", "Rp 108.400", "29", "GUDANG 24, TOKO 5"]
    wait(lambda: "GUDANG (Gudang utama): 24 available, 0 promised, 24 on hand" in finding.detail.text())


def test_a_scan_finds_one_item(window, wait):
    scan(window, KOPI)
    wait(lambda: window.finding.found.rowCount() == 1)
    assert window.finding.query.text() == KOPI
    assert window.finding.table.thing().item.sku == "KOPI-01"


def test_nothing_found_is_said(window, wait):
    assert "scan the item" in window.finding.empty.text()
    typed(window, "zzz")
    wait(lambda: "Nothing has these words" in window.finding.empty.text())
    assert window.finding.empty.isVisible()
    assert not window.finding.table.isVisible()


def test_what_others_book_is_seen_at_once(window, wait, run):
    typed(window, "kopi")
    wait(lambda: window.finding.found.rowCount() == 1)
    assert window.finding.table.thing().available_total == 29
    run("cs", "book", "--line", "KOPI-01x20@GUDANG", "--name", "Sari Dewi", "--phone", "081234567890")
    wait(lambda: window.finding.table.thing().available_total == 9)


def test_what_there_is_instead_is_offered_once_nothing_is_left(window, wait, run):
    # The third item of the sample has no stock; one of its category gets some.
    typed(window, "teh")
    wait(window.finding.found.rowCount)
    assert not window.finding.table.thing().available_total
    assert not window.finding.other.isVisible()
    found = window.finding.table.thing().item
    run("catalogue", "add", "JAMU-1", "Jamu Hijau", "--price", "9.000", "--category", found.category)
    run("warehouse", "receive", "JAMU-1x3", "--reference", "SJ-2")
    window.finding.search()
    wait(window.finding.other.isVisible)
    assert "JAMU-1" in [each.item.sku for each in map(window.finding.instead.at, range(9)) if each]


def test_enter_takes_the_item_into_the_order(window, wait):
    typed(window, "kopi")
    wait(lambda: window.finding.found.rowCount() == 1)
    QTest.keyClick(window.finding.query, Qt.Key.Key_Return)
    wait(window.finding.table.hasFocus)
    QTest.keyClick(window.finding.table, Qt.Key.Key_Return)
    assert window.screen_now is window.booking
    wait(lambda: [row.item.item.sku for row in window.booking.lines.rows] == ["KOPI-01"])


def test_a_server_that_is_gone_is_told_and_the_window_goes_on(
    make_window, serve, wait, in_a_state_of_its_own
):
    server = serve()
    window = make_window(server.target)
    wait(lambda: window.desk.line.connected)
    server.kill()
    typed(window, "kopi")
    wait(lambda: "does not answer" in window.desk.notice.words.text())
    assert window.desk.notice.isVisible()
    assert window.finding.query.text() == "kopi"


def test_what_changed_while_another_screen_was_shown_is_seen_when_it_is_shown_again(window, wait, run):
    window.go(window.finding)
    typed(window, "kopi")
    wait(lambda: window.finding.found.rowCount() == 1)
    window.go(window.orders)
    run("warehouse", "receive", "KOPI-01x3")
    wait(lambda: window.finding.stale)
    assert window.finding.found.at(0).available_total == 29
    window.go(window.finding)
    wait(lambda: window.finding.found.at(0).available_total == 32)
