"""Finding an item: by its name, its code or a scan, with what is free where, and what there is instead."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout

from clients.common.finding import alternatives, scanned_item
from clients.common.shop import Shop
from clients.common.views import retail_price
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Shortcut, Table, label, panel
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from kasir.v1.catalogue_pb2 import FindItemsRequest, FindItemsResponse, ItemAvailability
from kasir.v1.stock_pb2 import Location
from kasir.v1.watch_pb2 import RESOURCE_ITEM, RESOURCE_STOCK

# After the last key, before the server is asked.
TYPING_MS = 90
# Of items that changed at once so many are asked for one by one; of more the list is read anew.
RENEWED_MAX = 20


def _free(item: ItemAvailability) -> str:
    return str(item.available_total)


def _free_tint(item: ItemAvailability) -> str:
    return "good" if item.available_total else "bad"


def _name(item: ItemAvailability) -> str:
    return f"{item.item.name} ({_('not sold any more')})" if item.item.inactive else item.item.name


class FindScreen(Screen):
    """Search field, what was found, and where it lies."""

    NAME = marked("Find an item")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk, book: Callable[[ItemAvailability], None]) -> None:
        """`book` takes an item into the order that is being written."""
        super().__init__(desk)
        self._book = book
        self._places: dict[int, Location] = {}
        columns = (
            Column(marked("SKU"), lambda item: item.item.sku),
            Column(marked("Name"), _name, wide=True),
            Column(marked("Price"), lambda item: retail_price(item.item), right=True),
            Column(marked("Available"), _free, right=True, tint=_free_tint),
            Column(marked("Where"), self._where),
        )
        widths = ((130, False), (300, True), (120, False), (112, False), (240, False))
        self.found = PagedTable(desk.calls, columns, lambda item: item.item.item_id, self)
        self.instead = PagedTable(desk.calls, columns, lambda item: item.item.item_id, self)
        self.table = Table(self.found, widths)
        self.other = Table(self.instead, widths)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._lay_out()
        self._typing.timeout.connect(self.search)
        self.found.filled.connect(self._filled)
        self.found.failed.connect(desk.tell_failure)
        for table in (self.table, self.other):
            table.opened.connect(book)
        self.table.chosen.connect(self._chosen)

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+F", marked("search for something else"), self.entered),
            Shortcut("Ctrl+Return", marked("take the chosen item into the order"), self.book_chosen),
            Shortcut("Ctrl+K", marked("only what is available"), self.in_stock.toggle),
        )

    def entered(self) -> None:
        """The search field waits for words."""
        self.query.setFocus()
        self.query.selectAll()
        if self.stale:
            self.reload()
        elif not self._places:
            self._read_places()

    def scanned(self, code: str) -> None:
        """Looks the code up."""
        self.query.setText(code)
        self._typing.stop()
        self.search()

    def changed(self, changes: Changes) -> None:
        """What is shown and changed is read anew."""
        ids = (changes.get(RESOURCE_STOCK, set()) | changes.get(RESOURCE_ITEM, set())) & self.found.idents
        if len(ids) > RENEWED_MAX:
            self.search()
            return
        for item_id in ids:
            self.desk.calls.look(self, partial(_read_item, item_id), self._renew, latest=f"item {item_id}")

    def reload(self) -> None:
        """Reads everything anew."""
        self._read_places()
        self.search()

    def search(self) -> None:
        """Asks for what the field says."""
        words = self.query.text().strip()
        if words:
            self.found.show(partial(_found, words, self.in_stock.isChecked()))
        else:
            self.found.put([])

    def book_chosen(self) -> None:
        """Takes the chosen item into the order."""
        table = self.other if self.other.hasFocus() else self.table
        if (item := table.thing()) is not None:
            self._book(item)

    def retranslated(self) -> None:
        """Tables and what is told of the chosen item."""
        self.found.retranslated()
        self.instead.retranslated()
        self._filled()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.query = QLineEdit()
        self.query.setProperty("role", "search")
        self.query.setClearButtonEnabled(True)
        self.say(self.query.setPlaceholderText, marked("Name, SKU or barcode; or scan"))
        self.query.textEdited.connect(lambda _text: self._typing.start())
        self.query.textChanged.connect(lambda text: None if text else self.search())
        self.query.returnPressed.connect(self._to_table)
        self.in_stock = QCheckBox()
        self.say(self.in_stock.setText, marked("only available"))
        self.in_stock.toggled.connect(lambda _on: self.search())
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.query, 1)
        head.addWidget(self.in_stock)
        self.empty = label("empty", wraps=True)
        self.instead_title = label("heading")
        self.say(self.instead_title.setText, marked("Not available; in stock instead"))
        self.detail_panel, inside = panel()
        self.detail_name = label("heading", wraps=True)
        self.detail = label(wraps=True)
        self.detail_keys = label("muted")
        self.say(self.detail_keys.setText, marked("Enter: take it into the order"))
        for each in (self.detail_name, self.detail, self.detail_keys):
            inside.addWidget(each)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(head)
        whole.addWidget(self.empty)
        whole.addWidget(self.table, 3)
        whole.addWidget(self.instead_title)
        whole.addWidget(self.other, 2)
        whole.addWidget(self.detail_panel)
        whole.addStretch(0)
        self._filled()

    def _read_places(self) -> None:
        self.desk.calls.look(self, lambda shop: list(shop.locations), self._know_places, latest="places")

    def _know_places(self, places: list[Location]) -> None:
        self._places = {place.location_id: place for place in places}
        self.found.repaint_all()
        self.instead.repaint_all()

    def _where(self, item: ItemAvailability) -> str:
        parts = (f"{self._code(stock.location_id)} {stock.available}" for stock in item.stocks)
        return ", ".join(parts) or "-"

    def _code(self, location_id: int) -> str:
        place = self._places.get(location_id)
        return place.code if place else str(location_id)

    def _filled(self) -> None:
        rows = self.found.rowCount()
        asked = bool(self.query.text().strip())
        self.table.setVisible(rows > 0)
        self.empty.setVisible(rows == 0)
        self.empty.setText(
            _("Nothing has these words, this SKU or this barcode.")
            if asked
            else _("Type what the customer calls it, or scan the item.")
        )
        self._offer()
        if rows == 0:
            self.detail_panel.hide()

    def _offer(self) -> None:
        """Items of the same category, where nothing of what was found is available."""
        first = self.found.at(0)
        wanting = first is not None and not any(
            self.found.at(row).available_total for row in range(self.found.rowCount())
        )
        if not wanting:
            self.instead_title.hide()
            self.other.hide()
            self.instead.put([])
            return
        item_id = first.item.item_id
        self.desk.calls.look(self, lambda shop: alternatives(shop, item_id), self._offered, latest="instead")

    def _offered(self, items: list[ItemAvailability]) -> None:
        self.instead.put(items)
        self.instead_title.setVisible(bool(items))
        self.other.setVisible(bool(items))

    def _renew(self, item: ItemAvailability) -> None:
        self.found.renew(item)
        self._offer()

    def _chosen(self, item: ItemAvailability | None) -> None:
        self.detail_panel.setVisible(item is not None)
        if item is None:
            return
        self.detail_name.setText(f"{item.item.sku}   {_name(item)}")
        lines = [
            _("{code}: {free} available, {held} promised, {on_hand} on hand").format(
                code=self._place_words(stock.location_id),
                free=stock.available,
                held=stock.held,
                on_hand=stock.on_hand,
            )
            for stock in item.stocks
        ]
        self.detail.setText("\n".join(lines) or _("None ever came in."))

    def _place_words(self, location_id: int) -> str:
        place = self._places.get(location_id)
        return f"{place.code} ({place.name})" if place else str(location_id)

    def _to_table(self) -> None:
        """Enter in the field: looks at once, and the keys go on in what is found."""
        if self._typing.isActive():
            self._typing.stop()
            self.search()
        elif self.found.rowCount():
            self.table.setFocus()


def _found(words: str, in_stock: bool, shop: Shop, token: str) -> Page:
    if not token and (item := scanned_item(shop, words)) is not None:
        return Page([item] if item.available_total or not in_stock else [])
    request = FindItemsRequest(query=words, in_stock_only=in_stock, page_size=PAGE_SIZE, page_token=token)
    reply = shop.call(request, FindItemsResponse)
    return Page(reply.items, reply.next_page_token)


def _read_item(item_id: int, shop: Shop) -> ItemAvailability:
    return shop.item_by_id(item_id)
