"""A field and a list: the open order that money is for, found by number, name, phone or amount."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from clients.common.money import show_amount
from clients.desktop.calls import Calls, Failure
from clients.desktop.cs.open_orders import OpenOrder, OrderSearch
from clients.desktop.parts import SPACE, Table, label
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.words import ORDER_TINTS, order_state

TYPING_MS = 60


class OrderPicker(QWidget):
    """Those that are nearest to the amount stand first; Enter or a double click picks one."""

    picked = Signal(object)

    def __init__(self, calls: Calls, minor_units: int) -> None:
        """`minor_units`: the money that came."""
        super().__init__()
        self._minor_units = minor_units
        self._taking = False
        # How many were read and whether these are all; why something could not be read
        self._read = (0, False)
        self._why_not = ""
        columns = (
            Column(marked("Order"), lambda order: str(order.order_id), right=True),
            Column(marked("Customer"), lambda order: order.name),
            Column(marked("Phone"), lambda order: order.phone),
            Column(
                marked("State"),
                lambda order: order_state(order.state),
                tint=lambda order: ORDER_TINTS.get(order.state, ""),
            ),
            Column(marked("Still to pay"), _left_words, right=True, tint=self._left_tint),
        )
        widths = ((96, False), (200, True), (160, False), (130, False), (140, False))
        self.found = PagedTable(calls, columns, lambda order: order.order_id, self)
        self.table = Table(self.found, widths)
        self.query = QLineEdit()
        self.query.setProperty("role", "search")
        self.query.setPlaceholderText(_("Order number, name, phone or amount; or scan"))
        self.reading = label("muted")
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._search = OrderSearch(calls, minor_units, self)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACE)
        inside.addWidget(self.query)
        inside.addWidget(self.table, 1)
        inside.addWidget(self.reading)
        down = QShortcut(QKeySequence("Down"), self.query)
        down.setContext(Qt.ShortcutContext.WidgetShortcut)
        down.activated.connect(self.table.setFocus)
        self.query.textEdited.connect(self._typed)
        self.query.returnPressed.connect(self._enter)
        self.table.opened.connect(self.picked)
        self._typing.timeout.connect(self._look)
        self._search.found.connect(self._show)
        self._search.read.connect(self._tell_how_many)
        self._search.failed.connect(self._tell_why_not)
        self._tell_reading()
        self._search.start()
        self.setFocusProxy(self.query)

    def look_for(self, words: str) -> None:
        """Searches for what was scanned, or typed elsewhere."""
        self.query.setText(words)
        self._taking = False
        self._look()

    def _typed(self, _text: str) -> None:
        self._taking = False
        self._typing.start()

    def _look(self) -> None:
        self._why_not = ""
        self._tell_reading()
        self._search.look_for(self.query.text())

    def _enter(self) -> None:
        """Enter in the field: takes the order that is chosen, the first unless another is."""
        self._typing.stop()
        self._taking = True
        self._look()

    def _show(self, fitting: list[OpenOrder]) -> None:
        self.found.put(fitting)
        if fitting and not self.table.hasFocus():
            self.table.choose(0)
        taking, self._taking = self._taking, False
        if taking and (order := self.table.thing()) is not None:
            self.picked.emit(order)

    def _tell_how_many(self, count: int, all_read: bool) -> None:
        self._read = (count, all_read)
        self._tell_reading()

    def _tell_reading(self) -> None:
        count, all_read = self._read
        if self._why_not:
            self.reading.setText(self._why_not)
        elif all_read:
            self.reading.setText(_("Those that are nearest in amount stand first."))
        else:
            self.reading.setText(_("Open orders are being read: {count} …").format(count=count))

    def _tell_why_not(self, failure: Failure) -> None:
        """Who pressed Enter presses it again: what is found later is not what was looked at."""
        self._taking = False
        self._why_not = failure.words
        self._tell_reading()

    def _left_tint(self, order: OpenOrder) -> str:
        return "good" if order.left == self._minor_units else ""


def _left_words(order: OpenOrder) -> str:
    return show_amount(order.left, order.currency_code)
