"""What can be tapped: the till's favourites, or what is found by a few letters."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPen, QResizeEvent, QTextLayout
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from clients.common.money import show_amount
from clients.common.problems import BadInput
from clients.desktop.parts import SPACE, label
from clients.desktop.tables import Index
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.theme import colours
from clients.desktop.till.work import TillDesk
from clients.till.prices import RETAIL, Item, unit_price

FAVOURITES = 40
TILE_WIDTH_MIN, TILE_HEIGHT, GAP = 150, 90, 8
BROKEN_MAX = 5_000
# After the last letter, so that the letter itself is painted first
SEARCH_MS = 40


class Tiles(QAbstractListModel):
    """Items."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: list[Item] = []

    def put(self, items: Sequence[Item]) -> None:
        """Shows these, and paints nothing where they are the same."""
        if list(items) == self.items:
            return
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """How many."""
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """An item, and its name for who cannot see it."""
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return item
        return item.name if role == Qt.ItemDataRole.DisplayRole else None


class TilePainter(QStyledItemDelegate):
    """A name on two lines, and the price below."""

    def __init__(self, parent: QListView, currency_code: str) -> None:
        super().__init__(parent)
        self._currency = currency_code
        # A name's lines by its width: to break them takes longer than to paint them.
        self._broken: dict[tuple[str, int], list[str]] = {}

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's)
        """All alike."""
        view = self.parent()
        assert isinstance(view, QListView)
        return view.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One tile."""
        item: Item = index.data(Qt.ItemDataRole.UserRole)
        style: Any = option
        worn = colours()
        chosen = bool(style.state & QStyle.StateFlag.State_Selected)
        rect: QRect = style.rect.adjusted(0, 0, -GAP, -GAP)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(worn.accent if chosen else worn.line), 2 if chosen else 1))
        painter.setBrush(QColor(worn.chosen if chosen else worn.surface))
        painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 8, 8)
        inside = rect.adjusted(11, 8, -11, -8)
        painter.setPen(QColor(worn.muted if item.inactive else worn.text))
        font_height = painter.fontMetrics().height()
        key = (item.name, inside.width())
        if key not in self._broken:
            if len(self._broken) == BROKEN_MAX:
                self._broken.clear()
            self._broken[key] = two_lines(item.name, painter.font(), inside.width())
        for number, words in enumerate(self._broken[key]):
            painter.drawText(inside.adjusted(0, number * font_height, 0, 0), Qt.AlignmentFlag.AlignTop, words)
        bold = QFont(painter.font())
        bold.setBold(True)
        painter.setFont(bold)
        bottom = Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight
        painter.drawText(inside, bottom, price_of(item, self._currency))
        painter.restore()


def two_lines(text: str, font: QFont, width: int) -> list[str]:
    """A text on at most two lines; what has no room is cut in sight."""
    layout = QTextLayout(text, font)
    layout.beginLayout()
    line = layout.createLine()
    line.setLineWidth(width)
    end = line.textLength()
    layout.endLayout()
    rest = QFontMetrics(font).elidedText(text[end:].strip(), Qt.TextElideMode.ElideRight, width)
    return [text[:end].rstrip(), rest]


def price_of(item: Item, currency_code: str) -> str:
    """Of one, for people; why there is none."""
    if item.inactive:
        return _("not sold")
    try:
        return show_amount(unit_price(item, 1, RETAIL, currency_code), currency_code)
    except BadInput:
        return _("no price")


class TileView(QListView):
    """Tiles that fill the width."""

    def __init__(self, tiles: Tiles, currency_code: str) -> None:
        super().__init__()
        self.setProperty("role", "tiles")
        self.setModel(tiles)
        self.setItemDelegate(TilePainter(self, currency_code))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's)
        """As many columns as there is room for."""
        room = self.viewport().width() - 1
        columns = max(room // TILE_WIDTH_MIN, 1)
        self.setGridSize(QSize(room // columns, TILE_HEIGHT))
        super().resizeEvent(event)


class Query(QLineEdit):
    """Where codes and words are typed. Keys that mean nothing here are the cart's."""

    moved = Signal(int)
    down = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Up and down choose in the cart, or go to the tiles where something was typed."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if step == 1 and self.text():
            self.down.emit()
        elif step:
            self.moved.emit(step)
        else:
            super().keyPressEvent(event)


class Goods(Speaking, QWidget):
    """A field and tiles."""

    # An item was tapped.
    picked = Signal(Item)
    # A code or words, and Enter
    entered = Signal(str)

    def __init__(self, desk: TillDesk) -> None:
        super().__init__()
        self._desk = desk
        self.query = Query()
        self.query.setProperty("role", "search")
        self.query.setClearButtonEnabled(True)
        self.say(self.query.setPlaceholderText, marked("Scan, or type a code, a name, KOPI-01x3"))
        self.tiles = Tiles(self)
        self.view = TileView(self.tiles, desk.till.settings.currency_code)
        self.nothing = label("empty", wraps=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.hide()
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        inside.addWidget(self.query)
        inside.addWidget(self.nothing, 1)
        inside.addWidget(self.view, 1)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SEARCH_MS)
        self._soon.timeout.connect(self.show_found)
        self.query.textChanged.connect(lambda _text: self._soon.start())
        self.query.returnPressed.connect(self._enter)
        self.query.down.connect(self._to_tiles)
        self.view.clicked.connect(self._tapped)
        self.view.activated.connect(self._tapped)
        self._favourites: list[Item] = []
        desk.catalogue_changed.connect(self._changed)
        self._changed()

    def _changed(self) -> None:
        """What is shown may be otherwise now; which items are sold most is counted beside the window."""
        self._desk.look(self, lambda till: till.favourites(FAVOURITES), self._counted, latest="favourites")
        if self.query.text().strip():
            self.show_found()

    def _counted(self, favourites: list[Item]) -> None:
        self._favourites = favourites
        if not self.query.text().strip():
            self.show_found()

    def show_found(self) -> None:
        """What the words find now; the favourites while there are none."""
        self._soon.stop()
        text = self.query.text().strip()
        if text:
            exact = self._desk.till.catalogue.by_code(text)
            found = [exact] if exact is not None else self._desk.till.catalogue.search(text)
        else:
            found = self._favourites
        self.tiles.put(found)
        self.nothing.setVisible(not found)
        self.view.setVisible(bool(found))
        words = _("Nothing here is called '{words}'.").format(words=text) if text else _("No items yet.")
        self.nothing.setText(words)

    def _enter(self) -> None:
        text = self.query.text().strip()
        if text:
            self.entered.emit(text)

    def _to_tiles(self) -> None:
        self.show_found()
        if self.tiles.items:
            self.view.setFocus()
            self.view.setCurrentIndex(self.tiles.index(0))

    def _tapped(self, index: QModelIndex) -> None:
        self.view.clearSelection()
        self.picked.emit(self.tiles.items[index.row()])
