"""Drop Orders: asked of the warehouse, seen to come, taken into an order or given up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout

from clients.common.drop_orders import NobodyWaits, give_up, take_back
from clients.common.shop import Shop
from clients.common.specs import parse_stock_line
from clients.desktop.calls import Failure
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Chips, CodeField, Shortcut, Table, button, label
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from clients.desktop.words import DROP_ORDER_TINTS, drop_order_state
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_HANDED_OVER,
    DROP_ORDER_STATE_REJECTED,
    DROP_ORDER_STATE_REQUESTED,
    DROP_ORDER_STATE_RETURN_DUE,
    DROP_ORDER_STATE_UNSPECIFIED,
    DropOrder,
    DropOrderState,
    GetDropOrderRequest,
    GetDropOrderResponse,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    RequestDropOrderRequest,
    RequestDropOrderResponse,
)
from kasir.v1.stock_pb2 import LOCATION_KIND_CS_DESK, LOCATION_KIND_WAREHOUSE, Location
from kasir.v1.watch_pb2 import RESOURCE_DROP_ORDER, RESOURCE_ORDER

FILTERS: tuple[tuple[str, DropOrderState.ValueType], ...] = (
    (marked("All"), DROP_ORDER_STATE_UNSPECIFIED),
    (marked("Asked for"), DROP_ORDER_STATE_REQUESTED),
    (marked("On the desk"), DROP_ORDER_STATE_HANDED_OVER),
    (marked("Must go back"), DROP_ORDER_STATE_RETURN_DUE),
)
# In that list a scan takes back instead of asking.
GO_BACK = len(FILTERS) - 1
CHANGED_MS = 250
OPEN = (DROP_ORDER_STATE_REQUESTED, DROP_ORDER_STATE_HANDED_OVER)


@dataclass(frozen=True)
class Asked:
    """A Drop Order with its numbers in words."""

    drop_order: DropOrder
    item: str
    way: str


class DropsScreen(Screen):
    """A field that asks the warehouse, and what became of it."""

    NAME = marked("Drop Orders")

    def __init__(self, desk: Desk, book: Callable[[DropOrder], None]) -> None:
        """`book` takes what is on the desk into the order that is being written."""
        super().__init__(desk)
        self._book = book
        columns = (
            Column(marked("No."), lambda asked: str(asked.drop_order.drop_order_id), right=True),
            Column(marked("Item"), lambda asked: asked.item, wide=True),
            Column(marked("Quantity"), lambda asked: str(asked.drop_order.quantity), right=True),
            Column(marked("From, to"), lambda asked: asked.way),
            Column(
                marked("State"),
                lambda asked: drop_order_state(asked.drop_order.state),
                tint=lambda asked: DROP_ORDER_TINTS.get(asked.drop_order.state, ""),
            ),
            Column(marked("Asked by"), lambda asked: asked.drop_order.requested_by),
            Column(marked("Remark"), lambda asked: asked.drop_order.reject_reason or asked.drop_order.note),
        )
        widths = (
            (66, False),
            (200, True),
            (96, False),
            (148, False),
            (136, False),
            (140, False),
            (150, False),
        )
        self.asked = PagedTable(desk.calls, columns, lambda asked: asked.drop_order.drop_order_id, self)
        self.table = Table(self.asked, widths)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self._read)
        self._lay_out()
        self.asked.filled.connect(self._filled)
        self.asked.failed.connect(desk.tell_failure)
        self.table.opened.connect(lambda asked: self.book(asked.drop_order))
        self._filled()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+I", marked("ask for an item"), self.code.setFocus),
            Shortcut("Ctrl+B", marked("return by scan, and back"), self.turn),
            Shortcut("Ctrl+Right", marked("the next list"), partial(self.filters.step, 1)),
            Shortcut("Ctrl+Left", marked("the list before"), partial(self.filters.step, -1)),
            Shortcut("Ctrl+Return", marked("book what is on the desk"), self.book_chosen),
            Shortcut("Del", marked("give the chosen one up"), self.give_up),
        )

    def entered(self) -> None:
        """The field for items waits for a code."""
        self.code.setFocus()
        self.reload()

    def scanned(self, code: str) -> None:
        """Asks for what was scanned; takes it back where that is what is done now."""
        self._take(code, lambda: None)

    def changed(self, changes: Changes) -> None:
        """What came or went is seen, and said when it is ours, whatever screen is shown."""
        if not self.isVisible():
            self.stale = True
        elif RESOURCE_ORDER in changes or RESOURCE_DROP_ORDER in changes:
            self._soon.start()
        for number in changes.get(RESOURCE_DROP_ORDER, set()) & self.asked.idents:
            if self.isVisible() or self._is_awaited(self.asked.at(self.asked.row_of(number))):
                work = partial(_read_one, number)
                self.desk.calls.look(self, work, self._renew, latest=f"drop order {number}")

    def reload(self) -> None:
        """Reads places and list anew."""
        self.desk.calls.look(self, lambda shop: list(shop.locations), self._offer, latest="places")
        self._read()

    def ask(self) -> None:
        """Asks the warehouse for what the field says, or takes it back."""
        self.code.take()

    def turn(self) -> None:
        """From asking to taking back, and the other way round."""
        self.filters.choose(0 if self.filters.number == GO_BACK else GO_BACK)

    def book(self, drop_order: DropOrder) -> None:
        """Takes what is on the desk into the order."""
        if drop_order.state == DROP_ORDER_STATE_HANDED_OVER:
            self._book(drop_order)

    def book_chosen(self) -> None:
        """The same for the one that is chosen, else for the only one that is on the desk."""
        rows = [self.asked.at(row) for row in range(self.asked.rowCount())]
        ready = [asked for asked in rows if asked.drop_order.state == DROP_ORDER_STATE_HANDED_OVER]
        chosen = self.table.thing()
        if chosen in ready:
            self.book(chosen.drop_order)
        elif len(ready) == 1:
            self.book(ready[0].drop_order)
        else:
            self.desk.notice.show_words(_("Choose one that is on the desk."), bad=True)

    def give_up(self) -> None:
        """Gives the chosen one up."""
        asked = self.table.thing()
        if asked is not None and asked.drop_order.state in OPEN:
            number = asked.drop_order.drop_order_id
            self.desk.calls.do(self, partial(_give_up, number), self._renew, once=f"give up {number}")

    def retranslated(self) -> None:
        """The list in the other language."""
        self.asked.retranslated()
        self._filled()

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.filters = Chips([words for words, _state in FILTERS])
        self.filters.chosen.connect(self._filtered)
        self.code = CodeField()
        self.tell(self.code.setPlaceholderText, self._hint)
        self.code.taken.connect(lambda text: self._take(text, partial(self.code.give_back, text)))
        self.note = QLineEdit()
        self.note.setFixedWidth(190)
        self.say(self.note.setPlaceholderText, marked("For whom or what"))
        self.note.returnPressed.connect(self.ask)
        self.from_, self.to = QComboBox(), QComboBox()
        self.send = button("main", self.ask)
        self.tell(self.send.setText, self._verb)
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.code, 1)
        for each in (self.note, self.from_, self.to, self.send):
            head.addWidget(each)
        chips = QHBoxLayout()
        chips.addWidget(self.filters)
        chips.addStretch()
        self.empty = label("empty", wraps=True)
        keys = label("muted", wraps=True)
        self.say(keys.setText, marked("Enter: book what is on the desk.  Del: give it up."))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(head)
        whole.addLayout(chips)
        whole.addWidget(self.empty)
        whole.addWidget(self.table, 1)
        whole.addWidget(keys)
        whole.addStretch(0)

    def _read(self) -> None:
        self.asked.show(partial(_list, FILTERS[self.filters.number][1]))

    def _filtered(self, number: int) -> None:
        back = number == GO_BACK
        for each in (self.note, self.from_, self.to):
            each.setVisible(not back)
        self.code.setPlaceholderText(self._hint())
        self.send.setText(self._verb())
        self.code.setFocus()
        self._read()

    def _hint(self) -> str:
        if self.filters.number == GO_BACK:
            return _("Scan what goes back into the warehouse")
        return _("SKU or barcode, like KOPI-01x2; or scan")

    def _verb(self) -> str:
        return _("Take back") if self.filters.number == GO_BACK else _("Ask the warehouse")

    def _take(self, text: str, give_back: Callable[[], None]) -> None:
        """`give_back`: nothing came of it."""
        if self.desk.refuses_scan():
            QApplication.beep()
            give_back()
            return
        if self.filters.number != GO_BACK:
            self._ask(text, give_back)
            return
        asked = self.table.thing()
        chosen = asked.drop_order.drop_order_id if asked is not None else 0
        work = partial(_give_back, text, chosen)
        done, failed = partial(self._returned, text, give_back), partial(self._not_taken, give_back)
        self.desk.calls.do(self, work, done, failed)

    def _returned(self, text: str, give_back: Callable[[], None], asked: Asked | None) -> None:
        if asked is None:
            give_back()
            words = _("Nothing of {code} must go back.").format(code=text)
            self.desk.notice.show_words(words, bad=True)
            return
        facts = {"number": asked.drop_order.drop_order_id, "item": asked.item}
        told = _("Back in the warehouse: {quantity} x {item}, Drop Order {number}.")
        self.desk.tell(told.format(quantity=asked.drop_order.quantity, **facts))
        self.asked.remove(asked.drop_order.drop_order_id)
        self._filled()

    def _offer(self, places: list[Location]) -> None:
        for choice, kind in ((self.from_, LOCATION_KIND_WAREHOUSE), (self.to, LOCATION_KIND_CS_DESK)):
            chosen = choice.currentData()
            choice.clear()
            for place in places:
                if place.kind == kind:
                    choice.addItem(place.code, place.location_id)
            choice.setCurrentIndex(max(choice.findData(chosen), 0))

    def _ask(self, text: str, give_back: Callable[[], None]) -> None:
        places = (self.from_.currentData() or 0, self.to.currentData() or 0)
        note = self.note.text()
        work = partial(_request, text, places, note.strip())
        done, failed = partial(self._requested, note), partial(self._not_taken, give_back)
        self.desk.calls.do(self, work, done, failed)

    def _not_taken(self, give_back: Callable[[], None], failure: Failure) -> None:
        give_back()
        self.desk.tell_failure(failure)

    def _requested(self, note: str, asked: Asked) -> None:
        if self.note.text() == note:
            self.note.clear()
        self.desk.tell(_("Asked the warehouse for {item}.").format(item=asked.item))
        self._soon.start()

    def _is_awaited(self, asked: Asked) -> bool:
        """Whether it is ours, and the warehouse has not said anything yet."""
        ours = asked.drop_order.requested_by == self.desk.calls.connection.actor
        return ours and asked.drop_order.state == DROP_ORDER_STATE_REQUESTED

    def _renew(self, asked: Asked) -> None:
        row = self.asked.row_of(asked.drop_order.drop_order_id)
        before = self.asked.at(row)
        self.asked.renew(asked)
        ours = asked.drop_order.requested_by == self.desk.calls.connection.actor
        if before is None or not ours or before.drop_order.state == asked.drop_order.state:
            return
        facts = {"number": asked.drop_order.drop_order_id, "item": asked.item}
        if asked.drop_order.state == DROP_ORDER_STATE_HANDED_OVER:
            self.desk.tell(_("Drop Order {number} is on the desk: {item}.").format(**facts))
        elif asked.drop_order.state == DROP_ORDER_STATE_REJECTED:
            words = _("The warehouse cannot give Drop Order {number}, {item}: {why}").format(
                why=asked.drop_order.reject_reason, **facts
            )
            self.desk.notice.show_words(words, bad=True)

    def _filled(self) -> None:
        rows = self.asked.rowCount()
        self.table.setVisible(rows > 0)
        self.empty.setVisible(rows == 0)
        words = _("Nothing was asked of the warehouse yet.")
        self.empty.setText(words if not self.filters.number else _("No Drop Order is in this state."))


def _told(shop: Shop, drop_order: DropOrder) -> Asked:
    way = (shop.location_code(each) for each in (drop_order.from_location_id, drop_order.to_location_id))
    return Asked(drop_order, shop.item_words(drop_order.item_id), " → ".join(way))


def _list(state: DropOrderState.ValueType, shop: Shop, token: str) -> Page:
    request = ListDropOrdersRequest(state=state, page_size=PAGE_SIZE, page_token=token)
    reply = shop.call(request, ListDropOrdersResponse)
    return Page([_told(shop, each) for each in reply.drop_orders], reply.next_page_token)


def _read_one(number: int, shop: Shop) -> Asked:
    return _told(shop, shop.call(GetDropOrderRequest(drop_order_id=number), GetDropOrderResponse).drop_order)


def _give_up(number: int, shop: Shop) -> Asked:
    return _told(shop, give_up(shop, number))


def _give_back(text: str, chosen: int, shop: Shop) -> Asked | None:
    try:
        return _told(shop, take_back(shop, 0, text, chosen))
    except NobodyWaits:
        return None


def _request(text: str, places: tuple[int, int], note: str, shop: Shop) -> Asked:
    spec = parse_stock_line(text)
    request = RequestDropOrderRequest(
        item_id=shop.item(spec.code).item.item_id,
        quantity=spec.quantity,
        from_location_id=places[0],
        to_location_id=places[1],
        note=note,
    )
    return _told(shop, shop.call(request, RequestDropOrderResponse, note=f"drop order for {text}").drop_order)
