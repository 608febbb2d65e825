"""From paid to parcel: all paid orders sold, all labels printed, airway bills entered or asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout

from clients.common.selling import added_up, label_all, sell_all
from clients.common.shop import Shop
from clients.desktop.calls import Failure
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Shortcut, Table, button, label, panel
from clients.desktop.refusals import why
from clients.desktop.tables import PAGE_SIZE, Column, Page, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.window import Desk, Screen
from clients.desktop.words import PARCEL_TINTS, airway_bill_state, label_state
from kasir.v1.booking_pb2 import ORDER_STATE_PAID, ListBookingsRequest, ListBookingsResponse
from kasir.v1.shipping_pb2 import (
    AssignAirwayBillRequest,
    AssignAirwayBillResponse,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
    PrintLabelsResponse,
    RequestAirwayBillRequest,
    RequestAirwayBillResponse,
)
from kasir.v1.watch_pb2 import RESOURCE_ORDER, RESOURCE_PARCEL

CHANGED_MS = 300
COUNTED_MAX = 1_000


@dataclass(frozen=True)
class Sent:
    """A parcel, with its courier's code."""

    parcel: Parcel
    courier: str


@dataclass(frozen=True)
class Sold:
    """How many orders were sold, and why others were not."""

    count: int
    refused: tuple[tuple[int, str], ...]


def _stage(sent: Sent) -> str:
    if sent.parcel.HasField("deliver_time"):
        return _("delivered")
    if sent.parcel.HasField("hand_over_time"):
        return _("with the courier")
    return label_state(sent.parcel.label_state)


class ParcelsScreen(Screen):
    """Two large buttons, the parcels, and a field for the airway bill of the chosen one."""

    NAME = marked("Sell and send")
    HEARS_HIDDEN = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        columns = (
            Column(marked("Parcel"), lambda sent: str(sent.parcel.parcel_id), right=True),
            Column(marked("Order"), lambda sent: str(sent.parcel.order_id), right=True),
            Column(marked("Recipient"), lambda sent: sent.parcel.address.recipient, wide=True),
            Column(marked("City"), lambda sent: sent.parcel.address.city),
            Column(marked("Courier"), lambda sent: f"{sent.courier} {sent.parcel.courier_service}".strip()),
            Column(
                marked("Airway bill"),
                lambda sent: sent.parcel.airway_bill or airway_bill_state(sent.parcel.airway_bill_state),
                tint=lambda sent: PARCEL_TINTS.get(sent.parcel.airway_bill_state, ""),
            ),
            Column(marked("State"), _stage),
        )
        widths = (
            (84, False),
            (104, False),
            (180, True),
            (124, False),
            (100, False),
            (164, False),
            (184, False),
        )
        self.parcels = PagedTable(desk.calls, columns, lambda sent: sent.parcel.parcel_id, self)
        self.table = Table(self.parcels, widths)
        self._paid = ""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self.reload)
        self._lay_out()
        self.parcels.filled.connect(self._filled)
        self.parcels.failed.connect(desk.tell_failure)
        self.table.chosen.connect(self._chosen)
        self._filled()
        self._count("")

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+S", marked("sell all paid orders"), self.sell),
            Shortcut("Ctrl+P", marked("print all labels"), self.print_labels),
            Shortcut("Ctrl+I", marked("enter the airway bill"), self.number.setFocus),
            Shortcut("Ctrl+R", marked("ask the courier for the airway bill"), self.ask_courier),
        )

    def entered(self) -> None:
        """Lists as they are now."""
        self.table.setFocus()
        self.reload()

    def scanned(self, code: str) -> None:
        """The courier's slip of the chosen parcel."""
        self.number.setText(code)
        self.assign()

    def changed(self, changes: Changes) -> None:
        """What is sold or sent elsewhere is seen here."""
        if RESOURCE_PARCEL in changes or RESOURCE_ORDER in changes:
            self._soon.start()

    def reload(self) -> None:
        """Reads parcels and paid orders anew."""
        self.parcels.show(_list)
        self.desk.calls.look(self, _count_paid, self._count, latest="paid")

    def sell(self) -> None:
        """Makes sales from all paid orders."""
        self.sell_all.setEnabled(False)
        self.desk.calls.do(self, _sell, self._sold, self._not_sold, once="sell")

    def print_labels(self) -> None:
        """Prints every label that was not printed yet."""
        self.desk.calls.do(self, _label, self._labelled, once="labels")

    def assign(self) -> None:
        """Enters the number in the field as the chosen parcel's."""
        sent, number = self.table.thing(), self.number.text().strip()
        if sent is not None and number:
            work = partial(_assign, sent.parcel.parcel_id, number)
            once = f"assign {sent.parcel.parcel_id} {number}"
            self.desk.calls.do(self, work, partial(self._assigned, number), once=once)

    def ask_courier(self) -> None:
        """Asks a connected courier for the chosen parcel's number."""
        if (sent := self.table.thing()) is not None:
            number = sent.parcel.parcel_id
            self.desk.calls.do(self, partial(_request, number), self._renew, once=f"ask for {number}")

    def retranslated(self) -> None:
        """Lists in the other language."""
        self.parcels.retranslated()
        self._filled()
        self._count(self._paid)
        self._chosen(self.table.thing())

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.paid = label("muted")
        self.sell_all = button("main", self.sell)
        self.say(self.sell_all.setText, marked("Sell all paid  (Ctrl+S)"))
        self.labels = button("main", self.print_labels)
        self.say(self.labels.setText, marked("Print all labels  (Ctrl+P)"))
        head = QHBoxLayout()
        head.setSpacing(SPACE)
        head.addWidget(self.sell_all)
        head.addWidget(self.labels)
        head.addWidget(self.paid, 1)
        self.empty = label("empty", wraps=True)
        self.panel, inside = panel()
        self.whose = label("heading", wraps=True)
        self.number = QLineEdit()
        self.say(self.number.setPlaceholderText, marked("Airway bill number: type or scan"))
        self.number.returnPressed.connect(self.assign)
        enter = button("", self.assign)
        self.say(enter.setText, marked("Enter it"))
        ask = button("", self.ask_courier)
        self.say(ask.setText, marked("Ask the courier  (Ctrl+R)"))
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.number, 1)
        row.addWidget(enter)
        row.addWidget(ask)
        self.remark = label("bad", wraps=True)
        inside.addWidget(self.whose)
        inside.addLayout(row)
        inside.addWidget(self.remark)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(title)
        whole.addLayout(head)
        whole.addWidget(self.empty)
        whole.addWidget(self.table, 1)
        whole.addWidget(self.panel)
        whole.addStretch(0)

    def _count(self, count: str) -> None:
        self._paid = count
        nothing = count in {"", "0"}
        self.paid.setText(
            "" if not count else _("Paid orders that wait to be sold: {count}").format(count=count)
        )
        self.sell_all.setEnabled(not nothing)

    def _sold(self, sold: Sold) -> None:
        words = _("Orders sold: {count}.").format(count=sold.count)
        refused = [
            _("Order {number} was not: {why}").format(number=number, why=why) for number, why in sold.refused
        ]
        self.desk.notice.show_words("\n".join([words, *refused]), bad=bool(refused))
        self.reload()

    def _not_sold(self, failure: Failure) -> None:
        self.desk.tell_failure(failure)
        self.reload()

    def _labelled(self, total: PrintLabelsResponse) -> None:
        words = _("Labels sent to the printer: {count}.").format(count=len(total.queued_parcel_ids))
        if total.waiting_parcel_ids:
            waiting = ", ".join(map(str, total.waiting_parcel_ids))
            words += " " + _("These parcels wait for an airway bill: {parcels}.").format(parcels=waiting)
        self.desk.tell(words)

    def _assigned(self, number: str, sent: Sent) -> None:
        if self.number.text().strip() == number:
            self.number.clear()
        self._renew(sent)
        self.desk.tell(
            _("Parcel {number} of {name} has airway bill {bill}.").format(
                number=sent.parcel.parcel_id,
                name=sent.parcel.address.recipient,
                bill=sent.parcel.airway_bill,
            )
        )

    def _renew(self, sent: Sent) -> None:
        self.parcels.renew(sent)

    def _chosen(self, sent: Sent | None) -> None:
        self.panel.setVisible(sent is not None)
        if sent is None:
            return
        self.whose.setText(
            _("Parcel {number}: {name}, {city}").format(
                number=sent.parcel.parcel_id,
                name=sent.parcel.address.recipient,
                city=sent.parcel.address.city,
            )
        )
        self.remark.setText(sent.parcel.airway_bill_detail)
        self.remark.setVisible(bool(sent.parcel.airway_bill_detail))

    def _filled(self) -> None:
        rows = self.parcels.rowCount()
        self.table.appear()
        self.labels.setEnabled(rows > 0)
        self.empty.setVisible(rows == 0)
        self.empty.setText(_("No parcels yet: they come with the sale of orders that are sent."))


def _told(shop: Shop, parcel: Parcel) -> Sent:
    return Sent(parcel, shop.courier_code(parcel.courier_id))


def _list(shop: Shop, token: str) -> Page:
    reply = shop.call(ListParcelsRequest(page_size=PAGE_SIZE, page_token=token), ListParcelsResponse)
    return Page([_told(shop, each) for each in reply.parcels], reply.next_page_token)


def _count_paid(shop: Shop) -> str:
    request = ListBookingsRequest(state=ORDER_STATE_PAID, page_size=COUNTED_MAX)
    reply = shop.call(request, ListBookingsResponse)
    return f"{len(reply.orders)}{'+' if reply.next_page_token else ''}"


def _sell(shop: Shop) -> Sold:
    results = list(sell_all(shop))
    refused = tuple((each.order_id, why(shop, each.error)) for each in results if each.HasField("error"))
    return Sold(len(results) - len(refused), refused)


def _label(shop: Shop) -> PrintLabelsResponse:
    return added_up(label_all(shop))


def _assign(parcel_id: int, number: str, shop: Shop) -> Sent:
    request = AssignAirwayBillRequest(parcel_id=parcel_id, airway_bill=number)
    note = f"airway bill of parcel {parcel_id}"
    return _told(shop, shop.call(request, AssignAirwayBillResponse, note=note).parcel)


def _request(parcel_id: int, shop: Shop) -> Sent:
    request = RequestAirwayBillRequest(parcel_id=parcel_id)
    note = f"ask for airway bill of parcel {parcel_id}"
    return _told(shop, shop.call(request, RequestAirwayBillResponse, note=note).parcel)
