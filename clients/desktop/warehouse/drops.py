"""What desks ask for, and what has to come back: each scan does the next step."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from clients.common.drop_orders import hand_over, take_back, waiting
from clients.common.shop import Shop
from clients.desktop.calls import Failure
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, Shortcut, Table, button, label, panel
from clients.desktop.sounds import Sounds
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.warehouse.place import Place
from clients.desktop.window import Desk, Screen
from clients.desktop.words import seconds_until, time_left, urgency
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    DROP_ORDER_STATE_RETURN_DUE,
    DropOrder,
    DropOrderState,
    RejectDropOrderRequest,
    RejectDropOrderResponse,
)
from kasir.v1.watch_pb2 import RESOURCE_DROP_ORDER

NO_WAREHOUSE = marked("The shop has no warehouse yet. One is made by: kasir setup location --kind warehouse")
CHANGED_MS = 120
TIME_LEFT_COLUMN = 6


@dataclass(frozen=True)
class Waiting:
    """A Drop Order with its numbers in words."""

    drop_order: DropOrder
    item: str
    desk: str


def _left(each: Waiting) -> float:
    return seconds_until(each.drop_order.expire_time)


class WaitingScreen(Screen):
    """Drop Orders in one state, the one that waits longest first; a scan is for one of them."""

    STATE: DropOrderState.ValueType
    # Marked for translation
    NOTHING = ""
    HINT = ""

    def __init__(self, desk: Desk, place: Place, sounds: Sounds) -> None:
        super().__init__(desk)
        self.place = place
        self.sounds = sounds
        columns = (
            Column(marked("No."), lambda each: str(each.drop_order.drop_order_id), right=True),
            Column(marked("Item"), lambda each: each.item, wide=True),
            Column(marked("Quantity"), lambda each: str(each.drop_order.quantity), right=True),
            Column(marked("For"), lambda each: each.desk),
            Column(marked("Asked by"), lambda each: each.drop_order.requested_by),
            Column(marked("Remark"), lambda each: each.drop_order.note),
            *self.more_columns(),
        )
        widths = (
            (66, False),
            (240, True),
            (100, False),
            (110, False),
            (146, False),
            (170, False),
            (128, False),
        )
        self.waiting = PagedTable(desk.calls, columns, lambda each: each.drop_order.drop_order_id, self)
        self.table = Table(self.waiting, widths[: len(columns)])
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHANGED_MS)
        self._soon.timeout.connect(self.reload)
        self._lay_out()
        self.table.chosen.connect(self._chosen)
        place.changed.connect(self.reload)
        self._filled()

    def more_columns(self) -> Sequence[Column]:
        """Behind those that both states have."""
        return ()

    @abstractmethod
    def done_words(self, drop_order: DropOrder, item: str) -> str:
        """What is said after a scan."""

    @abstractmethod
    def take(self, shop: Shop, location_id: int, code: str, preferred: int) -> DropOrder:
        """Does what a scan is for."""

    def entered(self) -> None:
        """The list as it is now."""
        self.table.setFocus()
        self.reload()

    def changed(self, changes: Changes) -> None:
        """What desks ask for or take back is seen at once."""
        if RESOURCE_DROP_ORDER in changes:
            self._soon.start()

    def reload(self) -> None:
        """Reads the list anew."""
        if self.place.location_id:
            work = partial(_list, self.STATE, self.place.location_id)
            self.desk.calls.look(self, work, self._show, latest="list")
        else:
            self._filled()

    def scanned(self, code: str) -> None:
        """For the chosen one when that is its item, else for the one that waits longest."""
        if self.desk.refuses_scan():
            self.sounds.wrong()
            return
        chosen = self.table.thing()
        number = chosen.drop_order.drop_order_id if chosen else 0
        place = self.place.location_id

        def work(shop: Shop) -> tuple[DropOrder, str]:
            taken = self.take(shop, place, code, number)
            return taken, shop.item_words(taken.item_id)

        self.desk.calls.do(self, work, self._taken, self._refused)

    def retranslated(self) -> None:
        """The list in the other language."""
        self.waiting.retranslated()
        self._filled()
        self._chosen(self.table.thing())

    def buttons(self) -> Sequence[QPushButton]:
        """Beside the chosen one."""
        return ()

    def arrived(self) -> None:
        """Some were not in the list that was shown before."""

    def _lay_out(self) -> None:
        title = label("title")
        self.say(title.setText, self.NAME)
        self.count = label("muted")
        self.empty = label("empty", wraps=True)
        self.panel, inside = panel()
        self.what = label("total", wraps=True)
        self.who = label(wraps=True)
        hint = label("muted", wraps=True)
        self.say(hint.setText, self.HINT)
        inside.addWidget(self.what)
        inside.addWidget(self.who)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(hint, 1)
        for each in self.buttons():
            row.addWidget(each)
        inside.addLayout(row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        for widget in (title, self.count, self.empty):
            whole.addWidget(widget)
        whole.addWidget(self.table, 1)
        whole.addWidget(self.panel)
        whole.addStretch(0)

    def _show(self, found: list[Waiting]) -> None:
        before = self.waiting.idents
        self.waiting.put(found)
        self._filled()
        if self.waiting.idents - before:
            self.arrived()

    def _taken(self, taken: tuple[DropOrder, str]) -> None:
        drop_order, item = taken
        self.waiting.remove(drop_order.drop_order_id)
        self._filled()
        self.desk.tell(self.done_words(drop_order, item))

    def _refused(self, failure: Failure) -> None:
        self.sounds.wrong()
        self.desk.tell_failure(failure)

    def _chosen(self, each: Waiting | None) -> None:
        self.panel.setVisible(each is not None)
        if each is None:
            return
        self.what.setText(f"{each.drop_order.quantity} x {each.item}")
        words = _("Drop Order {number} for {desk}, asked for by {who}").format(
            number=each.drop_order.drop_order_id, desk=each.desk, who=each.drop_order.requested_by
        )
        self.who.setText(f"{words}: {each.drop_order.note}" if each.drop_order.note else words)

    def _filled(self) -> None:
        rows = self.waiting.rowCount()
        self.table.appear()
        self.count.setVisible(rows > 0)
        self.count.setText(_("{place}: {count} wait").format(place=self.place.code, count=rows))
        self.empty.setVisible(rows == 0)
        lacking = self.place.known and not self.place.location_id
        self.empty.setText(_(NO_WAREHOUSE) if lacking else _(self.NOTHING))


class IncomingScreen(WaitingScreen):
    """What desks ask for now: seen and heard as it comes, handed over by scan, or refused with a reason."""

    NAME = marked("Asked for")
    STATE = DROP_ORDER_STATE_REQUESTED
    NOTHING = marked("No desk asks for anything. What comes is heard and seen here.")
    HINT = marked("Scan the item to hand it over.")

    def __init__(self, desk: Desk, place: Place, sounds: Sounds) -> None:
        self._first = True
        super().__init__(desk, place, sounds)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

    def more_columns(self) -> Sequence[Column]:
        """How long the desk waits at most."""
        return (
            Column(
                marked("Time left"),
                lambda each: time_left(_left(each)),
                right=True,
                tint=lambda each: urgency(_left(each)),
            ),
        )

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (Shortcut("Del", marked("say that the chosen one cannot be given"), self.ask_why),)

    def buttons(self) -> Sequence[QPushButton]:
        """The one that refuses."""
        refuse = button("danger", self.ask_why)
        self.say(refuse.setText, marked("Cannot be given …  (Del)"))
        return (refuse,)

    def take(self, shop: Shop, location_id: int, code: str, preferred: int) -> DropOrder:
        """Hands it over."""
        return hand_over(shop, location_id, code, preferred)

    def done_words(self, drop_order: DropOrder, item: str) -> str:
        """Where it goes."""
        return _("Handed over: {quantity} x {item} (Drop Order {number}).").format(
            quantity=drop_order.quantity, item=item, number=drop_order.drop_order_id
        )

    def arrived(self) -> None:
        """Heard, and seen by somebody who looks at another screen or another window."""
        first, self._first = self._first, False
        if first and not self.isVisible():
            return
        self.sounds.asked()
        QApplication.alert(self.window())
        if not self.isVisible():
            self.desk.tell(_("A desk asks for something (F2)."))

    def ask_why(self) -> None:
        """Asks for the reason, and refuses the chosen one."""
        each = self.table.thing()
        if each is None:
            return
        dialog = RejectDialog(self, each)
        number = each.drop_order.drop_order_id
        dialog.accepted.connect(lambda: self._reject(number, dialog.reason.text().strip()))
        dialog.open()

    def _reject(self, number: int, reason: str) -> None:
        work = partial(_reject, number, reason)
        self.desk.calls.do(self, work, self._rejected, once=f"reject {number}")

    def _rejected(self, number: int) -> None:
        self.waiting.remove(number)
        self._filled()
        self.desk.tell(_("The desk is told that Drop Order {number} cannot be given.").format(number=number))

    def _tick(self) -> None:
        if self.isVisible():
            first, last = self.table.visible_rows()
            self.waiting.repaint_column(TIME_LEFT_COLUMN, first, last)


class ReturnsScreen(WaitingScreen):
    """What lies on desks and nobody booked: each scan takes one back."""

    NAME = marked("To come back")
    HEARS_HIDDEN = False
    STATE = DROP_ORDER_STATE_RETURN_DUE
    NOTHING = marked("Nothing has to come back.")
    HINT = marked("Scan the item that came back.")

    def take(self, shop: Shop, location_id: int, code: str, preferred: int) -> DropOrder:
        """Takes it back."""
        return take_back(shop, location_id, code, preferred)

    def done_words(self, drop_order: DropOrder, item: str) -> str:
        """That it is in stock again."""
        return _("Back in stock: {quantity} x {item} (Drop Order {number}).").format(
            quantity=drop_order.quantity, item=item, number=drop_order.drop_order_id
        )


class RejectDialog(QDialog):
    """Why can it not be given? The desk reads the answer."""

    REASONS = (marked("not found"), marked("damaged"), marked("fewer than asked for"))

    def __init__(self, parent: QWidget, each: Waiting) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Cannot be given"))
        self.setMinimumWidth(480)
        words = label("heading", wraps=True)
        words.setText(
            _("Why can Drop Order {number} not be given?").format(number=each.drop_order.drop_order_id)
        )
        what = label("muted", wraps=True)
        what.setText(f"{each.drop_order.quantity} x {each.item}")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(_("The desk reads this"))
        self.reason.setMaxLength(200)
        buttons = QDialogButtonBox()
        self.sure = button("danger")
        self.sure.setText(_("Tell the desk"))
        self.sure.setDefault(True)
        self.sure.setEnabled(False)
        buttons.addButton(self.sure, QDialogButtonBox.ButtonRole.AcceptRole)
        keep = buttons.addButton(_("Keep it"), QDialogButtonBox.ButtonRole.RejectRole)
        keep.setAutoDefault(False)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.reason.textChanged.connect(lambda text: self.sure.setEnabled(bool(text.strip())))
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, 22, 24, 18)
        inside.setSpacing(SPACE)
        for widget in (words, what, self.reason):
            inside.addWidget(widget)
        inside.addLayout(self._chips(self.reason.setText))
        inside.addWidget(buttons)

    def _chips(self, write: Callable[[str], object]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        for reason in self.REASONS:
            chip = button("chip", partial(write, _(reason)))
            chip.setAutoDefault(False)
            chip.setText(_(reason))
            row.addWidget(chip)
        row.addStretch()
        return row


def _list(state: DropOrderState.ValueType, location_id: int, shop: Shop) -> list[Waiting]:
    return [
        Waiting(each, shop.item_words(each.item_id), shop.location_code(each.to_location_id))
        for each in waiting(shop, state, location_id)
    ]


def _reject(number: int, reason: str, shop: Shop) -> int:
    request = RejectDropOrderRequest(drop_order_id=number, reason=reason)
    return shop.call(
        request, RejectDropOrderResponse, note=f"reject drop order {number}"
    ).drop_order.drop_order_id
