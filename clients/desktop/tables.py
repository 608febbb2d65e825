"""Tables that stay smooth at a hundred thousand rows: the server is asked a page at a time, as one scrolls,
and a cell's words are made when it is painted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor

from clients.common.shop import Shop
from clients.desktop.calls import Calls, Failure
from clients.desktop.texts import _, tip
from clients.desktop.theme import colours

Index = QModelIndex | QPersistentModelIndex
PAGE_SIZE = 200


@dataclass(frozen=True)
class Column:
    """One column: its title (marked for translation), a thing's words in it, and how they stand there.

    `tint` names a colour of the theme for a thing's cell, or nothing.
    """

    title: str
    words: Callable[[Any], str]
    right: bool = False
    tint: Callable[[Any], str] = lambda _thing: ""
    # Takes the room that is left
    wide: bool = False


@dataclass(frozen=True)
class Page:
    """Things of a list, and the token of the page behind them; empty when these are the last."""

    things: Sequence[Any]
    next_token: str = ""


# Reads the page of a token; the first has none.
ReadPage = Callable[[Shop, str], Page]


class PagedTable(QAbstractTableModel):
    """The things of one list of the server, as many as were scrolled to."""

    # The first page, or why there is none
    filled = Signal()
    failed = Signal(Failure)

    def __init__(
        self, calls: Calls, columns: Sequence[Column], ident: Callable[[Any], int], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._calls = calls
        self._columns = tuple(columns)
        self._ident = ident
        self._read: ReadPage | None = None
        self._things: list[Any] = []
        self._rows: dict[int, int] = {}
        self._next_token = ""
        self._reading = False
        # Counts the lists that were begun: a page of another one comes too late.
        self._list = 0

    def show(self, read: ReadPage) -> None:
        """Begins anew with another list; what stands here stays until its first page is there."""
        self._read = read
        self._list += 1
        self._look(read, "", self._begin)

    def put(self, things: Sequence[Any]) -> None:
        """Shows these and nothing else."""
        self._read = None
        self._list += 1
        self._begin(Page(things))

    def renew(self, thing: Any) -> bool:
        """Takes a thing's new state in its place; False when it does not stand here."""
        row = self._rows.get(self._ident(thing))
        if row is None:
            return False
        self._things[row] = thing
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(self._columns) - 1))
        return True

    def remove(self, ident: int) -> None:
        """Takes a thing away."""
        row = self._rows.get(ident)
        if row is None:
            return
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._things[row]
        self._count_from(row, forget=ident)
        self.endRemoveRows()

    def at(self, row: int) -> Any:
        """The thing in a row; None where there is none."""
        return self._things[row] if 0 <= row < len(self._things) else None

    def row_of(self, ident: int) -> int:
        """Where a thing stands; -1 where it does not."""
        return self._rows.get(ident, -1)

    def ident_of(self, thing: Any) -> int:
        """By which it is told from others."""
        return self._ident(thing)

    @property
    def idents(self) -> set[int]:
        """Of all things here."""
        return set(self._rows)

    @property
    def whole(self) -> bool:
        """Whether the list has no more pages."""
        return not self._next_token

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """As many as were read."""
        return 0 if parent.isValid() else len(self._things)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """As many as were given."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell says, and how."""
        column, thing = self._columns[index.column()], self._things[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.words(thing)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(column.words(thing))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ForegroundRole and (tint := column.tint(thing)):
            return QColor(getattr(colours(), tint))
        return None

    def headerData(  # noqa: N802 (Qt's)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's title in the language of now."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _(self._columns[section].title)
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(self._columns[section])
        return None

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802 (Qt's)
        """Whether there is a page behind these, and nobody fetches it yet."""
        return not parent.isValid() and bool(self._next_token) and not self._reading

    def fetchMore(self, parent: Index) -> None:  # noqa: N802 (Qt's)
        """Asks for the next page; it is appended when it is there."""
        read, token = self._read, self._next_token
        if parent.isValid() or read is None or not token:
            return
        self._look(read, token, self._append)

    def repaint_column(self, column: int, first: int, last: int) -> None:
        """Has a column's cells painted anew: their words depend on the time."""
        if 0 <= first <= last < len(self._things):
            self.dataChanged.emit(self.index(first, column), self.index(last, column))

    def retranslated(self) -> None:
        """Titles and words anew."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._columns) - 1)
        self.repaint_all()

    def repaint_all(self) -> None:
        """Has every cell painted anew."""
        if self._things:
            last = self.index(len(self._things) - 1, len(self._columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def _look(self, read: ReadPage, token: str, take: Callable[[Page], None]) -> None:
        """Reads a page; what comes of it is of no use to another list that was begun meanwhile."""
        self._reading = True
        of = self._list

        def taken(page: Page) -> None:
            if of == self._list:
                take(page)

        def failed(failure: Failure) -> None:
            if of == self._list:
                self._fail(failure)

        self._calls.look(self, lambda shop: read(shop, token), taken, failed, latest="page")

    def _begin(self, page: Page) -> None:
        self._reading = False
        self.beginResetModel()
        self._things, self._next_token = list(page.things), page.next_token
        self._rows.clear()
        self._count_from(0)
        self.endResetModel()
        self.filled.emit()

    def _append(self, page: Page) -> None:
        self._reading = False
        # What was added at the head of the list meanwhile pushes some onto a page behind their own.
        fresh = [thing for thing in page.things if self._ident(thing) not in self._rows]
        self._next_token = page.next_token
        if fresh:
            start = len(self._things)
            self.beginInsertRows(QModelIndex(), start, start + len(fresh) - 1)
            self._things += fresh
            self._count_from(start)
            self.endInsertRows()

    def _count_from(self, start: int, forget: int | None = None) -> None:
        if forget is not None:
            del self._rows[forget]
        for row in range(start, len(self._things)):
            self._rows[self._ident(self._things[row])] = row

    def _fail(self, failure: Failure) -> None:
        self._reading = False
        self.failed.emit(failure)


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
