"""What the customer sees: two lines on a display, and a screen of their own with the cart and a QR code."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from clients.common.money import show_money
from clients.common.qris import with_amount
from clients.desktop.parts import EDGE, SPACE, Elided, label, mark, panel
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.till.display import CustomerDisplay
from clients.till.prices import Priced
from kasir.v1.booking_pb2 import OrderLine
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import Sale

# As many lines as a screen of 600 pixels shows; of a longer cart the last ones.
LINES_SHOWN = 9
# White around a code, in modules, without which it is not found
_QUIET = 4


class Customers:
    """The customer's side of one till: each part of it that there is."""

    def __init__(self, display: CustomerDisplay | None, screen: "CustomerScreen | None") -> None:
        self._display, self._screen = display, screen

    def cart(self, priced: Priced | None) -> None:
        """The cart is another one; None, an empty one."""
        if self._screen is not None:
            self._screen.show_cart(priced)

    def line(self, priced: Priced, row: int) -> None:
        """A line came in, or was changed."""
        if self._display is not None and 0 <= row < len(priced.lines):
            line, total = priced.lines[row], priced.totals.total
            words = f"{line.quantity} {line.name}"
            self._display.show_lines(words, _("Total"), price=line.total, sum_=total)

    def price(self, name: str, total: Money) -> None:
        """Somebody asks what a thing costs."""
        if self._display is not None:
            self._display.show_lines(name, "", sum_=total)
        if self._screen is not None:
            self._screen.say_words(marked("{name}: {amount}"), name=name, amount=_unbroken(total))

    def asks(self, name: str, amount: Money, *, by_qris: bool) -> None:
        """So much is to be paid, in the way of that name."""
        if self._display is not None:
            self._display.show_lines(_("To pay"), name, sum_=amount)
        if self._screen is not None:
            self._screen.ask(amount, by_qris=by_qris)

    def back(self) -> None:
        """Nothing is asked for any more."""
        if self._screen is not None:
            self._screen.ask(None, by_qris=False)

    def sold(self, sale: Sale) -> None:
        """It is paid."""
        if self._display is not None:
            self._display.show_lines(_("Total"), _("Change"), price=sale.totals.total, sum_=sale.change)
        if self._screen is not None:
            self._screen.thank(sale)

    def close(self) -> None:
        """The till is closed."""
        if self._display is not None:
            self._display.close()
        if self._screen is not None:
            self._screen.close()


class QrPicture(QWidget):
    """A QR code, as large as there is room for, black on white whatever the window wears."""

    def __init__(self) -> None:
        super().__init__()
        self.payload = ""
        self._rows: Sequence[Sequence[bool]] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_payload(self, payload: str) -> None:
        """Draws another one; nothing for an empty one."""
        if payload == self.payload:
            return
        self.payload, self._rows = payload, _modules(payload) if payload else ()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's)
        """What a phone reads at an arm's length."""
        return QSize(320, 320)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's)
        """Whole pixels a module: blurred edges are not read."""
        if not self._rows:
            return
        modules = len(self._rows) + 2 * _QUIET
        side = max(1, min(self.width(), self.height()) // modules)
        left, top = (self.width() - side * modules) // 2, (self.height() - side * modules) // 2
        with QPainter(self) as painter:
            painter.fillRect(QRectF(left, top, side * modules, side * modules), QColor("white"))
            for y, row in enumerate(self._rows, _QUIET):
                for x, is_dark in enumerate(row, _QUIET):
                    if is_dark:
                        painter.fillRect(left + x * side, top + y * side, side, side, QColor("black"))


class CustomerScreen(Speaking, QWidget):
    """A window for the customer's screen. It never takes the keyboard from the till's."""

    def __init__(self, shop_name: str, qris: str = "") -> None:
        """`qris` is the shop's own code, by which a payment of any amount is asked for; empty without one."""
        super().__init__()
        self._qris = qris
        self._count, self._asks = 0, False
        self.setWindowTitle(shop_name)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        self.setWindowFlag(Qt.WindowType.WindowDoesNotAcceptFocus)
        self.setProperty("role", "customer")
        name = label("title")
        name.setText(shop_name)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE)
        columns.addWidget(self._cart(), 3)
        columns.addWidget(self._side(), 2)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(EDGE, EDGE, EDGE, EDGE)
        whole.setSpacing(SPACE)
        whole.addWidget(name)
        whole.addLayout(columns, 1)
        self.resize(1024, 600)
        self.show_cart(None)
        self.ask(None, by_qris=False)

    def open(self, beside: QWidget) -> None:
        """Fills the screen that the till's window is not on; a window of its own where there is but one."""
        own = beside.screen()
        other = next((each for each in QGuiApplication.screens() if each is not own), None)
        if other is None:
            self.show()
        else:
            self.setGeometry(other.geometry())
            self.showFullScreen()
        # Not every window manager heeds that it does not want the keyboard.
        beside.activateWindow()

    def show_cart(self, priced: Priced | None) -> None:
        """What is in the cart now."""
        lines = priced.lines if priced is not None else []
        self.tell(self._more.setText, partial(_more_words, max(0, len(lines) - LINES_SHOWN)))
        last = lines[-LINES_SHOWN:]
        for number, cells in enumerate(self._rows):
            _fill(cells, last[number] if number < len(last) else None)
        self.total.setText(show_money(priced.totals.total) if priced is not None else "")
        self._count = len(lines)
        if lines and not self._asks:
            self.say_words("")

    def ask(self, amount: Money | None, *, by_qris: bool) -> None:
        """So much is to be paid; None, nothing is asked for."""
        shows_code = amount is not None and by_qris and bool(self._qris) and amount.minor_units > 0
        self._asks = amount is not None
        if amount is None:
            self.say_words("" if self._count else marked("Welcome"))
        elif shows_code:
            self.say_words(marked("Scan to pay {amount}"), amount=_unbroken(amount))
        else:
            self.say_words(marked("To pay: {amount}"), amount=_unbroken(amount))
        payload = with_amount(self._qris, amount.minor_units) if shows_code and amount is not None else ""
        self.code.show_payload(payload)
        self.code.setVisible(shows_code)

    def thank(self, sale: Sale) -> None:
        """It is paid: what goes back, and thanks."""
        self.ask(None, by_qris=False)
        if sale.change.minor_units:
            self.say_words(marked("Thank you. Change: {amount}"), amount=_unbroken(sale.change))
        else:
            self.say_words(marked("Thank you."))
        mark(self.words, "tint", "good")

    def say_words(self, words: str, **facts: object) -> None:
        """Says it in the large letters beside the cart."""
        mark(self.words, "tint", "")
        self.say(self.words.setText, words, **facts)

    def _cart(self) -> QWidget:
        frame, inside = panel()
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(8)
        self._rows: list[tuple[QLabel, Elided, QLabel]] = []
        for number in range(LINES_SHOWN):
            cells = (label("bought"), Elided("bought"), label("bought"))
            for column, cell in enumerate(cells):
                if column != 1:
                    cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(cell, number, column)
            self._rows.append(cells)
        self._more = label("muted")
        name = label("title")
        self.say(name.setText, marked("Total"))
        self.total = label("due")
        foot = QHBoxLayout()
        foot.addWidget(name)
        foot.addStretch(1)
        foot.addWidget(self.total)
        inside.addWidget(self._more)
        inside.addLayout(grid)
        inside.addStretch(1)
        inside.addLayout(foot)
        return frame

    def _side(self) -> QWidget:
        frame, inside = panel()
        self.words = label("due", wraps=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.code = QrPicture()
        inside.addWidget(self.words, 1)
        inside.addWidget(self.code, 4)
        return frame


def _fill(cells: tuple[QLabel, Elided, QLabel], line: OrderLine | None) -> None:
    quantity, name, total = cells
    quantity.setText(str(line.quantity) if line is not None else "")
    name.show_text(line.name if line is not None else "")
    total.setText(show_money(line.total) if line is not None else "")


def _unbroken(amount: Money) -> str:
    """An amount that no line parts from its currency."""
    return show_money(amount).replace(" ", "\N{NO-BREAK SPACE}")


def _more_words(count: int) -> str:
    return _("{count} lines before these").format(count=count) if count else ""


def _modules(payload: str) -> Sequence[Sequence[bool]]:
    # Read only where a code is shown: it takes its time.
    import qrcode  # noqa: PLC0415

    made = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=0)
    made.add_data(payload, optimize=0)
    made.make(fit=True)
    found: list[list[bool]] = made.get_matrix()
    return found
