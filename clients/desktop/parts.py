"""Small parts that windows are put together from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QIntValidator, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from clients.common.numbers import parse_whole
from clients.common.specs import QUANTITY_MAX
from clients.desktop.tables import Index, PagedTable
from clients.desktop.texts import Speaking, tip
from clients.desktop.theme import ROW_PX

SPACE = 12
EDGE = 20


@dataclass(frozen=True)
class Shortcut:
    """A key, what it does in words that are marked for translation, and the doing."""

    key: str
    words: str
    act: Callable[[], Any]


def label(role: str = "", *, wraps: bool = False) -> QLabel:
    """Text in a role of the style sheet. Plain: what customers are called is never taken for markup."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    if role:
        made.setProperty("role", role)
    return made


class Elided(QLabel):
    """One line that ends in dots where it is too long; the whole is told by the mouse."""

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            self.setProperty("role", role)
        self._whole = ""

    def show_text(self, text: str) -> None:
        """Shows as much of it as there is room for."""
        self._whole = text
        self.setToolTip(tip(text))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's)
        """More room, more words."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        fitted = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        if fitted != self.text():
            self.setText(fitted)


def button(role: str = "", act: Callable[[], Any] | None = None) -> QPushButton:
    """Something to press."""
    made = QPushButton()
    if role:
        made.setProperty("role", role)
    if act is not None:
        made.clicked.connect(lambda _checked=False: act())
    return made


def panel() -> tuple[QFrame, QVBoxLayout]:
    """A raised part of a screen, and what is laid out in it."""
    frame = QFrame()
    frame.setProperty("role", "panel")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(16, 14, 16, 14)
    inside.setSpacing(8)
    return frame, inside


def mark(widget: QWidget, name: str, value: object) -> None:
    """Sets a property that the style sheet asks for, and has the widget drawn by it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class CodeField(QLineEdit):
    """A field whose text is taken by Enter: once, and never an empty one."""

    # What stood there
    taken = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "search")
        self.returnPressed.connect(self.take)

    def take(self) -> None:
        """Gives its text to who takes it, and is empty for the next one."""
        if text := self.text().strip():
            self.clear()
            self.taken.emit(text)

    def give_back(self, text: str) -> None:
        """Nothing came of it: it stands there again, unless the next one is typed already."""
        if not self.text():
            self.setText(text)


class Quantity(QLineEdit):
    """How many, from `least` on; the arrow keys count."""

    def __init__(self, least: int = 1) -> None:
        super().__init__("1")
        self._least = least
        self.setValidator(QIntValidator(least, QUANTITY_MAX, self))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def value(self) -> int:
        """As a number; 0 while nothing stands there."""
        return parse_whole(self.text()) or 0

    def set_value(self, quantity: int) -> None:
        """Writes it."""
        self.setText(str(quantity))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Up is one more, down one less."""
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        if step:
            self.set_value(min(max(self.value() + step, self._least), QUANTITY_MAX))
        else:
            super().keyPressEvent(event)


class Chips(Speaking, QWidget):
    """Several of which one is chosen, side by side."""

    # The number of the one chosen now
    chosen = Signal(int)

    def __init__(self, words: Sequence[str]) -> None:
        """`words` are marked for translation; the first is chosen."""
        super().__init__()
        inside = QHBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        self._group = QButtonGroup(self)
        for number, each in enumerate(words):
            chip = button("chip", partial(self.choose, number))
            chip.setCheckable(True)
            chip.setChecked(number == 0)
            self.say(chip.setText, each)
            self._group.addButton(chip, number)
            inside.addWidget(chip)

    @property
    def number(self) -> int:
        """Of the one chosen."""
        return self._group.checkedId()

    def choose(self, number: int) -> None:
        """Chooses one, counted around."""
        number %= len(self._group.buttons())
        self._group.button(number).setChecked(True)
        self.chosen.emit(number)

    def step(self, step: int) -> None:
        """Chooses one beside it."""
        self.choose(self.number + step)


class Table(QTableView):
    """A table as all screens have them: whole rows, one at a time, by keyboard as by mouse."""

    # Enter or a double click on a thing
    opened = Signal(object)
    # The thing chosen now, or None
    chosen = Signal(object)
    # Others were marked
    marked = Signal()

    def __init__(
        self, model: PagedTable, columns: Sequence[tuple[int, bool]], *, several: bool = False
    ) -> None:
        """`columns`: for each its width in pixels, and whether it takes the room that is left. `several`
        things may be marked beside the chosen one: Shift and an arrow key, Ctrl and the mouse.
        """
        super().__init__()
        self.table_model = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.ExtendedSelection if several else mode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        # All alike: the height of a hundred thousand rows is then known without asking.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PX)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        for column, (width, wide) in enumerate(columns):
            self.setColumnWidth(column, width)
            if wide:
                head.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.doubleClicked.connect(self._open)
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._choose_again)
        model.dataChanged.connect(self._renewed)
        self._kept: int | None = None
        self._kept_marked: list[int] = []

    def thing(self) -> Any:
        """The one chosen; None where none is."""
        return self.table_model.at(self.currentIndex().row())

    def things(self) -> list[Any]:
        """All that are marked, from the top down."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.table_model.at(row) for row in rows]

    def choose(self, row: int) -> None:
        """Chooses a row."""
        self.setCurrentIndex(self.table_model.index(row, 0))

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802 (Qt's)
        """Tells who looks at the thing that is chosen."""
        super().currentChanged(current, previous)
        self.chosen.emit(self.table_model.at(current.row()))

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: N802 (Qt's)
        """Tells who adds up what is marked."""
        super().selectionChanged(selected, deselected)
        self.marked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Enter opens."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def appear(self) -> None:
        """Shown while it has rows. The first that come take the keys, unless somebody types: what was hidden
        when its screen was entered could not.
        """
        first = self.table_model.rowCount() > 0 and self.isHidden()
        self.setVisible(self.table_model.rowCount() > 0)
        if first and self.isVisible() and not isinstance(QApplication.focusWidget(), QLineEdit):
            self.setFocus()

    def visible_rows(self) -> tuple[int, int]:
        """The first and the last row that can be seen; (0, -1) for none."""
        rows = self.table_model.rowCount()
        if not rows:
            return 0, -1
        first = max(self.rowAt(0), 0)
        last = self.rowAt(self.viewport().height() - 1)
        return first, rows - 1 if last < 0 else last

    def _open(self, index: QModelIndex) -> None:
        thing = self.table_model.at(index.row())
        if thing is not None:
            self.opened.emit(thing)

    def _remember(self) -> None:
        thing = self.thing()
        self._kept = None if thing is None else self.table_model.ident_of(thing)
        self._kept_marked = [self.table_model.ident_of(each) for each in self.things()]

    def _choose_again(self) -> None:
        """The thing that was chosen before the list was read anew, else the first."""
        row = self.table_model.row_of(self._kept) if self._kept is not None else -1
        if row < 0 and self.table_model.rowCount():
            row = 0
        if row >= 0:
            self.choose(row)
            self._mark_again()
        else:
            self.chosen.emit(None)

    def _mark_again(self) -> None:
        """Where several are marked, those that are still there."""
        if len(self._kept_marked) > 1:
            rows = [row for each in self._kept_marked if (row := self.table_model.row_of(each)) >= 0]
            flag = QItemSelectionModel.SelectionFlag
            for each in rows:
                index = self.table_model.index(each, 0)
                self.selectionModel().select(index, flag.Select | flag.Rows)

    def _renewed(self, first: QModelIndex, last: QModelIndex) -> None:
        whole = first.column() == 0
        if whole and first.row() <= self.currentIndex().row() <= last.row():
            self.chosen.emit(self.thing())


class Notice(QFrame, Speaking):
    """What just happened, across the head of the window: good news leaves by itself, bad news stays."""

    GOOD_MS = 8_000

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self.words = label(wraps=True)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(14, 10, 14, 10)
        inside.addWidget(self.words)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def show_words(self, words: str, *, bad: bool) -> None:
        """Shows them, in place of what stood here."""
        self.words.setText(words)
        mark(self, "bad", "true" if bad else "false")
        self.show()
        if bad:
            self._timer.stop()
        else:
            self._timer.start(self.GOOD_MS)
