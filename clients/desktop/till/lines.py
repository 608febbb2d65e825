"""The cart as it is seen: a line an item, large enough for a finger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from clients.common.money import show_money
from clients.desktop.tables import Index
from clients.desktop.texts import _
from clients.desktop.theme import colours
from kasir.v1.booking_pb2 import OrderLine

LINE_PX = 62
TOTAL_PX = 132
EDGE_PX = 14


@dataclass(frozen=True)
class Shown:
    """One line."""

    quantity: int
    name: str
    detail: str
    total: str
    discount: str = ""


def shown(line: OrderLine) -> Shown:
    """As the customer is told."""
    discount = f"-{show_money(line.discount)}" if line.discount.minor_units else ""
    return Shown(
        line.quantity, line.name, f"@ {show_money(line.unit_price)}", show_money(line.total), discount
    )


class CartLines(QAbstractListModel):
    """The lines."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: list[Shown] = []

    def put(self, lines: Sequence[Shown]) -> None:
        """Shows these; lines that stay as they are stay where they are."""
        fresh = list(lines)
        if len(fresh) != len(self.lines):
            self.beginResetModel()
            self.lines = fresh
            self.endResetModel()
            return
        for row, (old, new) in enumerate(zip(self.lines, fresh, strict=True)):
            if old != new:
                self.lines[row] = new
                self.dataChanged.emit(self.index(row), self.index(row))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 (Qt's)
        """How many."""
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A line, and its words for who cannot see it."""
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return line
        words = f"{line.quantity} {line.name} {line.total}"
        return words if role == Qt.ItemDataRole.DisplayRole else None


class LinePainter(QStyledItemDelegate):
    """How many, what, at which price, what it comes to."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's)
        """All alike."""
        return QSize(0, LINE_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One line."""
        line: Shown = index.data(Qt.ItemDataRole.UserRole)
        style: Any = option
        worn = colours()
        rect: QRect = style.rect
        painter.save()
        if style.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(worn.chosen))
            painter.fillRect(QRect(rect.left(), rect.top(), 4, rect.height()), QColor(worn.accent))
        painter.setPen(QColor(worn.line))
        painter.drawLine(rect.left() + EDGE_PX, rect.bottom(), rect.right() - EDGE_PX, rect.bottom())
        inside = rect.adjusted(EDGE_PX, 7, -EDGE_PX, -7)
        strong = QFont(painter.font())
        strong.setBold(True)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(strong)
        painter.setPen(QColor(worn.text))
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, line.total)
        count = QRect(inside.left(), inside.top(), 58, inside.height())
        painter.drawText(
            count, middle | Qt.AlignmentFlag.AlignLeft, f"{line.quantity} \N{MULTIPLICATION SIGN}"
        )
        words = inside.adjusted(58, 0, -TOTAL_PX, 0)
        name = painter.fontMetrics().elidedText(line.name, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignTop, name)
        strong.setBold(False)
        painter.setFont(strong)
        painter.setPen(QColor(worn.muted))
        painter.drawText(words, Qt.AlignmentFlag.AlignBottom, line.detail)
        if line.discount:
            width = painter.fontMetrics().horizontalAdvance(line.detail + "   ")
            painter.setPen(QColor(worn.bad))
            off = _("{amount} off").format(amount=line.discount.lstrip("-"))
            painter.drawText(words.adjusted(width, 0, 0, 0), Qt.AlignmentFlag.AlignBottom, off)
        painter.restore()


class CartView(QListView):
    """The cart's lines; one is chosen."""

    # A line was touched twice.
    opened = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.cart_lines = CartLines(self)
        self.setModel(self.cart_lines)
        self.setItemDelegate(LinePainter(self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    @property
    def row(self) -> int:
        """The chosen line; -1 for none."""
        return self.currentIndex().row()

    def choose(self, row: int) -> None:
        """Chooses a line and has it in sight."""
        row = min(max(row, 0), len(self.cart_lines.lines) - 1)
        if row >= 0:
            self.setCurrentIndex(self.cart_lines.index(row))
            self.scrollTo(self.currentIndex())

    def put(self, lines: Sequence[Shown], chosen: int) -> None:
        """Shows lines."""
        self.cart_lines.put(lines)
        self.choose(chosen)
