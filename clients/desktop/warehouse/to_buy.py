"""What runs out: items of which less is available than their reorder point."""

from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QVBoxLayout

from clients.common.shop import Shop
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Shortcut, Table, label
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from kasir.v1.catalogue_pb2 import ItemAvailability, ListItemsRequest, ListItemsResponse
from kasir.v1.watch_pb2 import RESOURCE_ITEM, RESOURCE_STOCK

CHANGED_MS = 1_000


def _short(item: ItemAvailability) -> int:
    return item.item.reorder_point - item.available_total


class ToBuyScreen(Screen):
    """The list for whoever buys."""

    NAME = marked("To buy")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        columns = (
            Column(marked("SKU"), lambda item: item.item.sku),
            Column(marked("Name"), lambda item: item.item.name, wide=True),
            Column(marked("Category"), lambda item: item.item.category),
            Column(
                marked("Available"),
                lambda item: str(item.available_total),
                right=True,
                tint=lambda item: "" if item.available_total else "bad",
            ),
            Column(marked("Reorder point"), lambda item: str(item.item.reorder_point), right=True),
            Column(marked("Short by"), lambda item: str(_short(item)), right=True),
        )
        widths = ((150, False), (300, True), (150, False), (112, False), (184, False), (112, False))
        self.items = PagedTable(desk.calls, columns, lambda item: item.item.item_id, self)
        self.table = Table(self.items, widths)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self.reload)
        self._lay_out()
        self.items.filled.connect(self._filled)
        self.items.failed.connect(desk.tell_failure)
        self._filled()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (Shortcut("Ctrl+Shift+C", marked("copy the list, for a spreadsheet"), self.copy),)

    def entered(self) -> None:
        """The list as it is now."""
        self.table.setFocus()
        self.reload()

    def changed(self, changes: Changes) -> None:
        """Sales make it longer, deliveries shorter."""
        if RESOURCE_STOCK in changes or RESOURCE_ITEM in changes:
            self._soon.start()

    def reload(self) -> None:
        """Reads the list anew."""
        self.items.show(_list)

    def copy(self) -> None:
        """Copies all of the list, with the pages that were not scrolled to."""
        self.desk.calls.look(self, _all, self._copied, latest="copy")

    def retranslated(self) -> None:
        """The list in the other language."""
        self.items.retranslated()
        self._filled()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.words = label("muted", wraps=True)
        self.say(
            self.words.setText,
            marked("Less is available, at all places together, than the reorder point.  Ctrl+Shift+C: copy"),
        )
        self.empty = label("empty", wraps=True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addWidget(self.words)
        whole.addWidget(self.empty)
        whole.addWidget(self.table, 1)
        whole.addStretch(0)

    def _copied(self, items: list[ItemAvailability]) -> None:
        rows = [
            (each.item.sku, each.item.name, str(each.available_total), str(each.item.reorder_point))
            for each in items
        ]
        text = "\n".join("\t".join(row) for row in rows)
        QApplication.clipboard().setText(text)
        self.desk.tell(_("Copied: {count} items.").format(count=len(items)))

    def _filled(self) -> None:
        rows = self.items.rowCount()
        self.table.appear()
        self.empty.setVisible(rows == 0)
        self.empty.setText(_("Enough of everything."))


def _list(shop: Shop, token: str) -> Page:
    request = ListItemsRequest(to_reorder_only=True, page_size=PAGE_SIZE, page_token=token)
    reply = shop.call(request, ListItemsResponse)
    return Page([shop.item_by_id(each.item_id) for each in reply.items], reply.next_page_token)


def _all(shop: Shop) -> list[ItemAvailability]:
    found = shop.each(ListItemsRequest(to_reorder_only=True), ListItemsResponse, "items")
    return [shop.item_by_id(each.item_id) for each in found]
