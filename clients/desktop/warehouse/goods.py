"""Goods that are scanned together and go to the server in one command: a delivery, a count."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from clients.common.delivery_csv import read_delivery
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.specs import QUANTITY_MAX, LineSpec
from clients.common.stock_count import on_hand
from clients.desktop.calls import Failure
from clients.desktop.in_order import InOrder
from clients.desktop.parts import SPACE, CodeField, Quantity, Shortcut, Table, button, label, panel
from clients.desktop.sounds import Sounds
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.warehouse.place import Place
from clients.desktop.window import Desk, Screen
from kasir.v1.catalogue_pb2 import Item, ItemAvailability

LINES_MAX = 1_000


@dataclass(frozen=True)
class Goods:
    """An item, how many of it were scanned or typed, and how many the books had at that time."""

    item: Item
    quantity: int
    on_hand: int
    # The books changed since: what was counted may be wrong.
    moved: bool = False


Found = tuple[ItemAvailability, int]


class GoodsScreen(Screen):
    """A field for codes, the list of what was scanned, and how many of the chosen one."""

    # Of a line: a count may find nothing.
    LEAST: ClassVar[int] = 1
    # Marked for translation
    EMPTY = ""
    SEND = ""
    WORDS = ""

    def __init__(self, desk: Desk, place: Place, sounds: Sounds) -> None:
        super().__init__(desk)
        self.place = place
        self.sounds = sounds
        columns = (
            Column(marked("SKU"), lambda goods: goods.item.sku),
            Column(marked("Name"), lambda goods: goods.item.name, wide=True),
            *self.more_columns(),
        )
        widths = ((150, False), (300, True), *((130, False) for _column in columns[2:]))
        self.goods = PagedTable(desk.calls, columns, lambda goods: goods.item.item_id, self)
        self.table = Table(self.goods, widths)
        self.codes = InOrder(desk.calls, self)
        self._sending = False
        self.setAcceptDrops(True)
        self._lay_out()
        self.table.chosen.connect(self._chosen)
        self.table.opened.connect(lambda _goods: self.edit_quantity())
        place.changed.connect(self.clear)
        self._filled()

    @abstractmethod
    def more_columns(self) -> Sequence[Column]:
        """Behind SKU and name."""

    @abstractmethod
    def parse(self, text: str) -> LineSpec:
        """What was typed. Raises BadInput."""

    @abstractmethod
    def send_lines(self) -> None:
        """Sends all lines, when `begin_sending` says that it may."""

    def send(self) -> None:
        """Sends all lines, with what is still looked up and the number that is being typed."""
        self._edited()
        self.codes.then(self.send_lines)

    @property
    def lines(self) -> list[Goods]:
        """All lines, as scanned."""
        return [self.goods.at(row) for row in range(self.goods.rowCount())]

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+I", marked("type a code"), self.code.setFocus),
            Shortcut("Ctrl+M", marked("how many of the chosen one"), self.edit_quantity),
            Shortcut("Ctrl+Del", marked("take the chosen line away"), self.take_away),
            Shortcut("Ctrl+O", marked("read a CSV file"), self.choose_file),
            Shortcut("Ctrl+Return", marked("send it"), self.send),
        )

    def entered(self) -> None:
        """The field waits for a code."""
        self.code.setFocus()

    def scanned(self, code: str) -> None:
        """One more of it."""
        self.add([LineSpec(code)])

    def typed(self, text: str) -> None:
        """What the field said."""
        work = lambda shop: _found(shop, [self.parse(text)])  # noqa: E731
        self.codes.look(work, self._added, partial(self._not_found, text))

    def add(self, specs: Sequence[LineSpec]) -> None:
        """Adds lines by their codes."""
        self.codes.look(lambda shop: _found(shop, specs), self._added, self._refused)

    def edit_quantity(self) -> None:
        """The number of the chosen line is typed."""
        if self.table.thing() is not None:
            self.quantity.setFocus()
            self.quantity.selectAll()

    def take_away(self) -> None:
        """Takes the chosen line away."""
        if (goods := self.table.thing()) is not None:
            self.goods.remove(goods.item.item_id)
            self._filled()

    def clear(self) -> None:
        """Takes all away."""
        self.goods.put([])
        self._filled()

    def choose_file(self) -> None:
        """Asks for a CSV file."""
        path, _kind = QFileDialog.getOpenFileName(self, _("Read a CSV file"), "", "CSV (*.csv *.txt)")
        if path:
            self.read_file(Path(path))

    def read_file(self, path: Path) -> None:
        """Adds the lines of a CSV file: code and quantity."""
        work = lambda shop: _found(shop, read_delivery(path, self.LEAST))  # noqa: E731 (read beside the window)
        self.codes.look(work, self._added, self._refused)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's)
        """Files are welcome."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's)
        """Reads what was dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.read_file(Path(url.toLocalFile()))

    def retranslated(self) -> None:
        """Lists in the other language."""
        self.goods.retranslated()
        self._filled()
        self._chosen(self.table.thing())

    def head(self) -> Sequence[QLineEdit]:
        """Fields beside the code's."""
        return ()

    def sent(self, words: str) -> None:
        """It is done: the next begins, with what was scanned meanwhile."""
        self._sending = False
        self.clear()
        self.codes.go_on()
        self.code.setFocus()
        self.desk.tell(words)

    def begin_sending(self) -> bool:
        """Whether there is something to send, and nothing is under way."""
        if self._sending or not self.goods.rowCount():
            return False
        self._sending = True
        self.codes.hold()
        self._filled()
        return True

    def not_sent(self, failure: Failure) -> None:
        """The lines stay."""
        self._sending = False
        self._filled()
        self.desk.tell_failure(failure)
        self.codes.go_on()

    def put(self, goods: Goods) -> None:
        """A new line, or the new state of one; it is the chosen one."""
        if not self.goods.renew(goods):
            self.goods.put([*self.lines, goods])
        self.table.choose(self.goods.row_of(goods.item.item_id))
        self._filled()

    def counted(self, found: ItemAvailability, quantity: int) -> Goods:
        """A line with so many."""
        return Goods(found.item, quantity, on_hand(found, self.place.location_id))

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.code = CodeField()
        self.say(self.code.setPlaceholderText, marked("SKU or barcode, like KOPI-01x2; or scan"))
        self.code.taken.connect(self.typed)
        self.send_button: QPushButton = button("main", self.send)
        self.say(self.send_button.setText, self.SEND)
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.code, 1)
        for field in self.head():
            head.addWidget(field)
        head.addWidget(self.send_button)
        words = label("muted", wraps=True)
        self.say(words.setText, self.WORDS)
        self.empty = label("empty", wraps=True)
        self.panel, inside = panel()
        self.name = label("heading", wraps=True)
        self.quantity = Quantity(self.LEAST)
        self.quantity.setFixedWidth(120)
        self.quantity.setProperty("role", "search")
        self.quantity.editingFinished.connect(self._edited)
        self.quantity.returnPressed.connect(self._entered_quantity)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.name, 1)
        row.addWidget(self.quantity)
        inside.addLayout(row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(head)
        whole.addWidget(words)
        whole.addWidget(self.empty)
        whole.addWidget(self.table, 1)
        whole.addWidget(self.panel)
        whole.addStretch(0)

    def _added(self, found: list[Found]) -> None:
        lines = {goods.item.item_id: goods for goods in self.lines}
        for item, quantity in found:
            before = lines.get(item.item.item_id)
            total = min(quantity + (before.quantity if before else 0), QUANTITY_MAX)
            lines[item.item.item_id] = self.renewed(before, self.counted(item, total))
        if len(lines) > LINES_MAX:
            self._refused(Failure(_("No more than {count} lines at once.").format(count=LINES_MAX)))
            return
        if len(found) == 1:
            self.put(lines[found[0][0].item.item_id])
        elif found:
            self.goods.put(list(lines.values()))
            self.table.choose(self.goods.row_of(found[-1][0].item.item_id))
            self._filled()

    def renewed(self, before: Goods | None, now: Goods) -> Goods:
        """A line to which something was added."""
        del before
        return now

    def _edited(self) -> None:
        goods = self.table.thing()
        if goods is not None and self.quantity.value() != goods.quantity:
            self._count(goods)

    def _entered_quantity(self) -> None:
        """Enter says that it was counted, again the same number or not."""
        goods = self.table.thing()
        if goods is not None and goods.moved and self.quantity.value() == goods.quantity:
            self._count(goods)
        self.code.setFocus()

    def _count(self, goods: Goods) -> None:
        if self.quantity.hasAcceptableInput():
            spec = partial(_found_by_id, goods.item.item_id, self.quantity.value())
            self.codes.look(spec, self._set, self._refused)

    def _set(self, found: Found) -> None:
        item, quantity = found
        if self.goods.row_of(item.item.item_id) >= 0:
            self.put(self.counted(item, quantity))

    def _not_found(self, text: str, failure: Failure) -> None:
        self.code.give_back(text)
        self._refused(failure)

    def _refused(self, failure: Failure) -> None:
        self.sounds.wrong()
        self.desk.tell_failure(failure)

    def _chosen(self, goods: Goods | None) -> None:
        self.panel.setVisible(goods is not None)
        if goods is not None:
            self.name.setText(f"{goods.item.sku}  {goods.item.name}")
            self.quantity.set_value(goods.quantity)

    def _filled(self) -> None:
        rows = self.goods.rowCount()
        self.table.setVisible(rows > 0)
        self.send_button.setEnabled(rows > 0 and not self._sending)
        for each in (self.table, self.panel):
            each.setEnabled(not self._sending)
        self.empty.setVisible(rows == 0)
        self.empty.setText(_(self.EMPTY))


def _found(shop: Shop, specs: Sequence[LineSpec]) -> list[Found]:
    """Raises BadInput, CallFailed."""
    if len({spec.code for spec in specs}) > LINES_MAX:
        raise BadInput("No more than {count} lines at once.", count=LINES_MAX)
    return [(shop.item(spec.code), spec.quantity) for spec in specs]


def _found_by_id(item_id: int, quantity: int, shop: Shop) -> Found:
    return shop.item_by_id(item_id), quantity


def tinted(goods: Goods) -> str:
    """The colour of a line whose books changed after it was counted."""
    return "warning" if goods.moved else ""
