"""Charts, painted in the window's own look: amounts over the hours of a day, and amounts ranked."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from clients.common.money import minor_digits
from clients.desktop.texts import _, marked, tip
from clients.desktop.theme import colours

# From here on an amount on an axis is said in thousands, millions, billions.
SCALES: tuple[tuple[int, str], ...] = (
    (10**9, marked("{number} bn")),
    (10**6, marked("{number} m")),
    (10**3, marked("{number} k")),
)
GRID_LINES = 3
ROUND = 4
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_BELOW = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop


@dataclass(frozen=True)
class Bar:
    """What one bar is of, how long it is, and what is said of it."""

    name: str
    value: int
    words: str


def short(minor_units: int, currency_code: str) -> str:
    """An amount for an axis, such as "1.5 m"."""
    whole = minor_units / 10 ** minor_digits(currency_code)
    for size, words in SCALES:
        if abs(whole) >= size:
            return _(words).format(number=_decimal(whole / size))
    return _decimal(whole)


def _decimal(number: float) -> str:
    return f"{number:.3g}".replace(".", _("."))


def nice(largest: int) -> int:
    """The end of an axis: the next of 1, 2, 3, 5 or 8 with noughts that is not below it."""
    if largest <= 0:
        return 1
    nought = int(10 ** (len(str(largest)) - 1))
    return next(step * nought for step in (1, 2, 3, 5, 8, 10) if step * nought >= largest)


class Chart(QWidget):
    """Bars; the mouse is told each one's words."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: Sequence[Bar] = ()
        self._areas: list[QRectF] = []

    def put(self, bars: Sequence[Bar]) -> None:
        """Shows these."""
        self.bars = bars
        self.updateGeometry()
        self.update()

    def area_of(self, number: int) -> QRectF:
        """Where a bar was painted."""
        return self._areas[number]

    def event(self, event: QEvent) -> bool:
        """Tells of the bar under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for bar, area in zip(self.bars, self._areas, strict=False):
                if area.contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), tip(f"{bar.name}: {bar.words}"), self)
                    return True
            QToolTip.hideText()
        return super().event(event)


class Columns(Chart):
    """Upright bars over an axis, as of hours."""

    LEFT_PX, BELOW_PX, ABOVE_PX = 62, 26, 10

    def __init__(self, currency_code: str) -> None:
        super().__init__()
        self.currency_code = currency_code
        self.setMinimumHeight(170)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's)
        """Grid, bars, names below."""
        worn = colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(
            self.LEFT_PX,
            self.ABOVE_PX,
            self.width() - self.LEFT_PX,
            self.height() - self.ABOVE_PX - self.BELOW_PX,
        )
        end = nice(max((bar.value for bar in self.bars), default=0))
        self._grid(painter, room, end)
        self._areas = []
        width = room.width() / max(len(self.bars), 1)
        thick = min(width * 0.66, 44.0)
        for number, bar in enumerate(self.bars):
            left = room.left() + number * width
            height = room.height() * max(bar.value, 0) / end
            self._areas.append(QRectF(left, room.top(), width, room.height()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(worn.accent))
            shape = QRectF(left + (width - thick) / 2, room.bottom() - height, thick, height)
            if height > 0:
                painter.drawRoundedRect(shape, ROUND, ROUND)
                # Its foot stands flat on the axis.
                painter.drawRect(
                    QRectF(shape.left(), shape.bottom() - min(ROUND, height), thick, min(ROUND, height))
                )
            painter.setPen(QColor(worn.muted))
            painter.drawText(QRectF(left, room.bottom() + 4, width, self.BELOW_PX - 4), _BELOW, bar.name)
        painter.end()

    def _grid(self, painter: QPainter, room: QRectF, end: int) -> None:
        worn = colours()
        for line in range(GRID_LINES + 1):
            y = room.bottom() - room.height() * line / GRID_LINES
            painter.setPen(QPen(QColor(worn.line), 1))
            painter.drawLine(QPointF(room.left(), y), QPointF(room.right(), y))
            painter.setPen(QColor(worn.muted))
            words = short(end * line // GRID_LINES, self.currency_code)
            painter.drawText(QRectF(0, y - 10, self.LEFT_PX - 10, 20), _RIGHT, words)


class Ranking(Chart):
    """Lying bars, one below the other, each with its name above it and its words at the right."""

    ROW_PX, BAR_PX = 42, 10

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's)
        """As high as its rows."""
        return QSize(180, max(len(self.bars), 1) * self.ROW_PX)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's)
        """The same."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's)
        """Names, words, bars."""
        worn = colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        longest = max((bar.value for bar in self.bars), default=0) or 1
        self._areas = []
        for number, bar in enumerate(self.bars):
            row = QRectF(0, number * self.ROW_PX, self.width(), self.ROW_PX)
            self._areas.append(row)
            text = QRectF(row.left(), row.top(), row.width(), 24)
            words = painter.fontMetrics().horizontalAdvance(bar.words) + 12
            painter.setPen(QColor(worn.text))
            painter.drawText(text, _RIGHT, bar.words)
            name = painter.fontMetrics().elidedText(
                bar.name, Qt.TextElideMode.ElideRight, int(row.width() - words)
            )
            painter.setPen(QColor(worn.muted))
            painter.drawText(text, _LEFT, name)
            track = QRectF(row.left(), row.top() + 25, row.width(), self.BAR_PX)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(worn.ground))
            painter.drawRoundedRect(track, ROUND, ROUND)
            track.setWidth(max(track.width() * max(bar.value, 0) / longest, 2 if bar.value > 0 else 0))
            painter.setBrush(QColor(worn.accent))
            painter.drawRoundedRect(track, ROUND, ROUND)
        painter.end()
