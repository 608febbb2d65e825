"""The till's window: screens along the top, the state of the line always in sight."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from clients.common.connection import Connection
from clients.common.qris import checked
from clients.desktop.calls import Failure
from clients.desktop.line import Changes
from clients.desktop.parts import SPACE, button, label, mark
from clients.desktop.settings import LocalSettings
from clients.desktop.texts import _, marked
from clients.desktop.till.customer import Customers, CustomerScreen
from clients.desktop.till.display import CustomerDisplay
from clients.desktop.till.held import HeldScreen
from clients.desktop.till.mailing import ReceiptMail
from clients.desktop.till.outbox import LineScreen
from clients.desktop.till.paper import ReceiptPaper
from clients.desktop.till.receipts import ReceiptsScreen
from clients.desktop.till.sell import SellScreen
from clients.desktop.till.shift import ShiftScreen
from clients.desktop.till.work import State, TillCalls, TillDesk
from clients.desktop.window import Window
from clients.till.cart import Cart
from clients.till.till import Sold, Till
from kasir.v1.watch_pb2 import RESOURCE_ITEM, RESOURCE_SETTING, RESOURCE_SHIFT

# Between two looks at what waits, the lease and the catalogue, beside what the line tells at once
KEEP_UP_MS = 15_000
# Between two tries to open a till that could not be opened
REOPEN_MS = 2_000


class TillWindow(Window):
    """Sell, held carts, receipts, the shift, the line."""

    def __init__(
        self,
        connection: Connection,
        settings: LocalSettings,
        station: str = "",
        code: str = "",
        *,
        customer_screen: bool = False,
        qris: str = "",
    ) -> None:
        """`code` is the till's, empty for the only one. `qris` is the shop's own code, shown with the amount
        on a `customer_screen`. Raises BadInput.
        """
        self._closed = False
        self.calls = TillCalls(connection, code)
        super().__init__(marked("Till"), connection, settings, station, self.calls)
        self.setProperty("touch", "true")
        self.till = TillDesk(self.calls, self)
        self._mail = ReceiptMail(connection, self)
        self.paper = ReceiptPaper(self.till, station, self)
        self._display = CustomerDisplay(station, self) if station else None
        self._has_screen, self._qris = customer_screen, checked(qris) if qris else ""
        self.customer_screen: CustomerScreen | None = None
        self.customers = Customers(self._display, None)
        self.till.stands.connect(self._show_state)
        # Who may not watch may sell all the same.
        self.desk.line.refused.connect(lambda _words: self.calls.line_stands(stands=True))
        self._keeping = QTimer(self)
        self._keeping.setInterval(KEEP_UP_MS)
        self._keeping.timeout.connect(self.keep_up)
        self.resize(1280, 800)
        self._open()

    def keep_up(self) -> None:
        """Sends what waits, follows the catalogue, renews the lease when it is due."""
        self.till.look(self, _kept_up, self._kept_up, lambda _failure: None, latest="keep up")

    def scanned(self, code: str) -> None:
        """A code came from a scanner: the screen that is shown takes it, unless something is asked there."""
        if not self.screens or self._closed:
            return
        if QApplication.activeModalWidget() is not None:
            self.desk.notice.show_words(_("Answer the question first, then scan."), bad=True)
            return
        self.desk.notice.hide()
        self.screen_now.scanned(code)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's)
        """Ends the display's line, too."""
        self._closed = True
        for timer in self.findChildren(QTimer):
            timer.stop()
        self.customers.close()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        """A window that was closed has no till any more that could say its words."""
        if event.type() == QEvent.Type.LanguageChange and self._closed:
            return True
        return super().event(event)

    def acts_as(self, name: str) -> None:
        """Receipts go by mail in that name, too."""
        super().acts_as(name)
        self._mail.connection = self.calls.connection
        self.till.tell_state()

    # --- Opening ---

    def _open(self) -> None:
        self.till.look(self, lambda till: till.record.code, self._opened, self._not_opened, latest="open")

    def _opened(self, code: str) -> None:
        self.stack.removeWidget(self._waiting)
        self._waiting.hide()
        self.say(self.setWindowTitle, marked("Till {code}"), code=code)
        self.tell(self._title.setText, lambda: code)
        if self._has_screen:
            self.customer_screen = CustomerScreen(self.till.till.settings.shop_name, self._qris)
            self.customer_screen.open(self)
            self.customers = Customers(self._display, self.customer_screen)
        self.selling = SellScreen(self.desk, self.till, self.paper, self.customers, self._mail_receipt())
        self.held = HeldScreen(self.desk, self.till, self._recall)
        self.receipts = ReceiptsScreen(self.desk, self.till, self.paper, self._mail)
        self.shift = ShiftScreen(self.desk, self.till)
        self.line_screen = LineScreen(self.desk, self.till)
        self.open_screens((self.selling, self.held, self.receipts, self.shift, self.line_screen))
        self._state.clicked.connect(lambda _checked=False: self.go(self.line_screen))
        self.till.tell_state()
        if self.till.shift is None:
            self.go(self.shift)
        self._keeping.start()
        self.keep_up()

    def _not_opened(self, failure: Failure) -> None:
        self._waiting.setText(failure.words)
        QTimer.singleShot(REOPEN_MS, self, self._open)

    def _mail_receipt(self) -> Callable[[Sold], None] | None:
        return (lambda sold: self.receipts.ask_address(sold.sale.sale_id)) if self._mail.is_set_up else None

    def _recall(self, cart: Cart) -> None:
        if self.selling.is_free:
            self.selling.recall(cart)
            self.go(self.selling)
        else:
            self.desk.notice.show_words(_("A cart is being filled: sell it or hold it first."), bad=True)

    # --- The line ---

    def _kept_up(self, changed: bool) -> None:
        if changed:
            self.till.catalogue_changed.emit()

    def _line_stands(self, connected: bool) -> None:
        self.calls.line_stands(stands=connected)
        self.till.tell_state()
        if connected and self.screens and not self._closed:
            self.keep_up()

    def _changed(self, changes: Changes) -> None:
        if self._closed:
            return
        super()._changed(changes)
        items = changes.get(RESOURCE_ITEM, set())
        # Each sale of any till changes a shift: only who has none waits for one.
        opened = RESOURCE_SHIFT in changes and bool(self.screens) and self.till.shift is None
        others = RESOURCE_SETTING in changes or opened
        if items or others:
            follow = partial(_followed, items, others)
            self.till.look(self, follow, self._kept_up, lambda _failure: None)

    def _missed(self) -> None:
        if not self._closed:
            super()._missed()
            self.keep_up()

    def _show_state(self, state: State) -> None:
        words = state_words(state)
        self._state.setText(words)
        mark(self._state, "bad", "false" if is_well(state) else "true")

    def retranslated(self) -> None:
        """The state in the other language."""
        self.till.tell_state()

    # --- Layout ---

    def _lay_out(self, name: str) -> None:
        self._entries: list[QPushButton] = []
        top = QFrame()
        top.setProperty("role", "top")
        self._side = QHBoxLayout(top)  # type: ignore[assignment]
        self._side.setContentsMargins(SPACE, 5, SPACE, 5)
        self._side.setSpacing(2)
        self._title = label("heading")
        self._title.setContentsMargins(4, 0, 10, 0)
        self.say(self._title.setText, name)
        self._side.addWidget(self._title)
        self._side.addStretch()
        self.who.setMaximumWidth(110)
        self._side.addWidget(self.who, 1)
        self._side.addSpacing(8)
        self._state = button("pill")
        self._state.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.say(self._state.setText, marked("● looking for the server …"))
        self._side.addWidget(self._state)
        self.stack = QStackedWidget()
        self._waiting = label("empty", wraps=True)
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.say(self._waiting.setText, marked("Opening the till …"))
        self.stack.addWidget(self._waiting)
        middle = QVBoxLayout()
        middle.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        middle.setSpacing(8)
        middle.addWidget(self.desk.notice)
        middle.addWidget(self.stack, 1)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(top)
        rows.addLayout(middle, 1)
        self.setCentralWidget(whole)


def state_words(state: State) -> str:
    """How the line is, in a few words."""
    if state.refund_unanswered:
        return ("● " if state.online else _("● OFFLINE") + ", ") + _("a refund without an answer")
    if state.matters:
        looked = _("{count} to look at").format(count=state.matters)
        return ("● " if state.online else _("● OFFLINE") + ", ") + looked
    if not state.online:
        return _("● OFFLINE, {count} waiting").format(count=state.waits)
    return _("● Online, sending {count}").format(count=state.waits) if state.waits else _("● Online")


def is_well(state: State) -> bool:
    """Whether nobody needs to look at anything."""
    return state.online and not state.matters and not state.refund_unanswered


def _kept_up(till: Till) -> bool:
    """Whether the catalogue may be another one now."""
    till.keep_up()
    return till.line_may_be_up()


def _followed(item_ids: set[int], others: bool, till: Till) -> bool:
    return till.follow(item_ids, settings=others)
