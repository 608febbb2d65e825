"""Goal: a list of a hundred thousand rows costs what is seen of it.

Method: a real view over pages that are made as they are asked for; what is asked and painted is counted.
"""

import threading
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex

from clients.desktop.parts import Table
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable, ReadPage

ROWS = 100_000


@dataclass
class Thing:
    number: int
    words: str


class Pages:
    def __init__(self, rows: int = ROWS) -> None:
        self.rows = rows
        self.asked: list[str] = []
        self.painted = 0

    def __call__(self, _shop: object, token: str) -> Page:
        self.asked.append(token)
        start = int(token or 0)
        end = min(start + PAGE_SIZE, self.rows)
        return Page([Thing(n, f"thing {n}") for n in range(start, end)], str(end) if end < self.rows else "")

    def words(self, thing: Thing) -> str:
        self.painted += 1
        return thing.words


def shown(qtbot, calls, pages: ReadPage) -> tuple[PagedTable, Table]:
    words = getattr(pages, "words", lambda thing: thing.words)
    columns = (Column("Number", lambda thing: str(thing.number)), Column("Words", words))
    made = calls("127.0.0.1:1")
    table = Table(PagedTable(made, columns, lambda thing: thing.number, made), ((90, False), (200, True)))
    qtbot.addWidget(table)
    table.resize(600, 720)
    table.show()
    table.table_model.show(pages)
    return table.table_model, table


def test_only_what_is_seen_is_read_and_painted(qtbot, calls, wait):
    pages = Pages()
    model, table = shown(qtbot, calls, pages)
    wait(lambda: model.rowCount() == PAGE_SIZE)
    qtbot.waitUntil(lambda: pages.painted > 0, timeout=30_000)
    assert pages.asked == [""]
    first, last = table.visible_rows()
    assert first == 0
    assert last < 30
    assert pages.painted < 10 * (last + 1)


def test_scrolling_reads_page_by_page_to_the_end_of_100_000_rows(qtbot, calls, wait):
    pages = Pages()
    model, table = shown(qtbot, calls, pages)
    wait(model.rowCount)
    while model.rowCount() < ROWS:
        before = model.rowCount()
        table.scrollToBottom()
        wait(lambda before=before: model.rowCount() > before)
    assert pages.asked == [""] + [str(start) for start in range(PAGE_SIZE, ROWS, PAGE_SIZE)]
    assert model.whole
    table.scrollToBottom()
    wait(lambda: table.visible_rows()[1] == ROWS - 1)
    # Rows that were never looked at were never put into words.
    assert pages.painted < ROWS // 2


def test_what_is_renewed_or_removed_is_found_by_its_number(qtbot, calls, wait):
    model, table = shown(qtbot, calls, Pages(10))
    wait(lambda: model.rowCount() == 10)
    table.choose(4)
    assert model.renew(Thing(4, "changed"))
    assert model.data(model.index(4, 1)) == "changed"
    assert not model.renew(Thing(99, "unknown"))
    model.remove(2)
    assert model.rowCount() == 9
    assert model.row_of(4) == 3
    assert model.row_of(2) == -1
    assert table.thing().number == 4


def test_the_chosen_thing_stays_chosen_when_the_list_is_read_anew(qtbot, calls, wait):
    pages = Pages(50)
    model, table = shown(qtbot, calls, pages)
    wait(lambda: model.rowCount() == 50)
    assert table.thing().number == 0
    table.choose(20)
    model.show(pages)
    wait(lambda: len(pages.asked) == 2 and table.thing() is not None)
    assert table.thing().number == 20


def test_a_page_under_way_is_not_added_to_what_was_put_since(qtbot, calls, wait):
    go = threading.Event()
    pages = Pages(2 * PAGE_SIZE)

    def slowly(shop: object, token: str) -> Page:
        if token:
            go.wait(60)
        return pages(shop, token)

    model, _table = shown(qtbot, calls, slowly)
    wait(lambda: model.rowCount() == PAGE_SIZE)
    model.fetchMore(QModelIndex())
    model.put([Thing(9_000, "alone")])
    busy = []
    model._calls.busy.connect(busy.append)
    go.set()
    wait(lambda: busy and busy[-1] == 0)
    assert [thing.number for thing in model._things] == [9_000]
    assert model.whole
    # The first page of a list is too late as well.
    model.show(pages)
    model.put([Thing(9_001, "alone")])
    wait(lambda: model._calls.waiting == 0)
    assert [thing.number for thing in model._things] == [9_001]
