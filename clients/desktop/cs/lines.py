"""The lines of an order that is being written: one row each, changed by keyboard."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from clients.common.money import show_money
from clients.desktop.parts import Elided, Quantity, button, label
from clients.desktop.texts import Speaking, marked
from kasir.v1.booking_pb2 import OrderLine
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.drop_order_pb2 import DropOrder
from kasir.v1.stock_pb2 import LOCATION_KIND_CS_DESK, Location


class LineRow(Speaking, QFrame):
    """One item: how many, from where, what is taken off, what it comes to."""

    changed = Signal()
    removed = Signal(object)

    def __init__(
        self, item: ItemAvailability, places: Sequence[Location], drop_order: DropOrder | None = None
    ) -> None:
        """`drop_order`: it is on the desk already, that many."""
        super().__init__()
        self.item = item
        self.drop_order_id = drop_order.drop_order_id if drop_order else 0
        self.setProperty("role", "panel")
        self.name = Elided("heading")
        self.name.show_text(item.item.name)
        self.sku = Elided("muted")
        self.quantity = Quantity()
        self.quantity.setFixedWidth(60)
        self.place = QComboBox()
        self.place.setFixedWidth(168)
        self.discount = QLineEdit()
        self.discount.setFixedWidth(94)
        self.discount.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.say(self.discount.setPlaceholderText, marked("Discount"))
        self.total = label("heading")
        self.total.setMinimumWidth(110)
        self.total.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.remove = button("", lambda: self.removed.emit(self))
        self.remove.setText("\N{MULTIPLICATION SIGN}")
        self.remove.setFixedWidth(40)
        self.remove.setStyleSheet("padding: 0")
        self.say(self.remove.setToolTip, marked("Take this line away"))
        self._lay_out()
        if drop_order is None:
            self._offer_places(places)
        else:
            self.place.addItem(f"Drop Order {drop_order.drop_order_id}", 0)
            self.place.setEnabled(False)
            self.quantity.set_value(drop_order.quantity)
            self.quantity.setEnabled(False)
        self.quantity.textChanged.connect(lambda _text: self.changed.emit())
        self.discount.textChanged.connect(lambda _text: self.changed.emit())
        self.place.currentIndexChanged.connect(lambda _index: self.changed.emit())

    @property
    def location_id(self) -> int:
        """Where the goods come from."""
        return int(self.place.currentData() or 0)

    def priced(self, line: OrderLine | None) -> None:
        """Shows what the server makes of it; None while it has not said."""
        self.total.setText(show_money(line.total) if line else "…")
        price = f"   @ {show_money(line.unit_price)}" if line else ""
        self.sku.show_text(f"{self.item.item.sku}{price}")

    def _lay_out(self) -> None:
        inside = QGridLayout(self)
        inside.setContentsMargins(14, 8, 10, 8)
        inside.setHorizontalSpacing(10)
        inside.setVerticalSpacing(6)
        inside.addWidget(self.name, 0, 0, 1, 3)
        inside.addWidget(self.total, 0, 3, 1, 2)
        for column, widget in enumerate((self.sku, self.quantity, self.place, self.discount, self.remove)):
            inside.addWidget(widget, 1, column)
        inside.setColumnStretch(0, 1)
        self.priced(None)

    def _offer_places(self, places: Sequence[Location]) -> None:
        """All places but desks, the one where most is free first."""
        free = {stock.location_id: stock.available for stock in self.item.stocks}
        offered = [place for place in places if place.kind != LOCATION_KIND_CS_DESK]
        for place in sorted(offered, key=lambda place: -free.get(place.location_id, 0)):
            words = f"{place.code} ({free.get(place.location_id, 0)})"
            self.place.addItem(words, place.location_id)


class Lines(QWidget):
    """All lines of the order, and what is said while there are none."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[LineRow] = []
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setSpacing(8)
        self._inside.addStretch()

    def add(self, item: ItemAvailability, places: Sequence[Location], quantity: int = 1) -> LineRow:
        """One more of an item: in its own line, or in the one that it has and nothing is taken off."""
        for row in self.rows:
            same = row.item.item.item_id == item.item.item_id
            if same and not row.discount.text() and not row.drop_order_id:
                row.quantity.set_value(row.quantity.value() + quantity)
                return row
        row = LineRow(item, places)
        row.quantity.set_value(quantity)
        return self._put(row)

    def add_drop_order(self, item: ItemAvailability, drop_order: DropOrder) -> LineRow:
        """What is on the desk; one that is here already is not added again."""
        for row in self.rows:
            if row.drop_order_id == drop_order.drop_order_id:
                return row
        return self._put(LineRow(item, (), drop_order))

    def _put(self, row: LineRow) -> LineRow:
        row.changed.connect(self.changed)
        row.removed.connect(self.take)
        self.rows.append(row)
        self._inside.insertWidget(len(self.rows) - 1, row)
        self.changed.emit()
        return row

    def take(self, row: LineRow) -> None:
        """Takes a line away."""
        self.rows.remove(row)
        row.hide()
        row.deleteLater()
        self.changed.emit()

    def clear(self) -> None:
        """Takes all away."""
        for row in list(self.rows):
            self.take(row)

    def priced(self, lines: Sequence[OrderLine]) -> None:
        """Shows what the server makes of each; of none while it has not said."""
        for number, row in enumerate(self.rows):
            row.priced(lines[number] if number < len(lines) else None)
