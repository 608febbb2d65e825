"""Selling: scan or tap, the cart, its payment, the change."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from clients.common.money import show_amount, show_money
from clients.common.problems import BadInput
from clients.common.specs import parse_scan
from clients.desktop.calls import Failure
from clients.desktop.parts import SPACE, Shortcut, button, label, panel
from clients.desktop.texts import _, marked
from clients.desktop.till.allowing import Allowing
from clients.desktop.till.customer import Customers
from clients.desktop.till.done import DonePage
from clients.desktop.till.goods import Goods
from clients.desktop.till.lines import CartView, shown
from clients.desktop.till.pad import Amount, AmountField, CountField, Typed
from clients.desktop.till.paper import ReceiptPaper
from clients.desktop.till.pay import KINDS, PayPage
from clients.desktop.till.work import TillDesk
from clients.desktop.window import Desk, Screen
from clients.till.cart import Cart, Permission
from clients.till.prices import Item
from clients.till.till import NotCovered, Quote, Sold, Till
from kasir.v1.common_pb2 import Money
from kasir.v1.customer_pb2 import Customer
from kasir.v1.sale_pb2 import TENDER_KIND_CASH, TENDER_KIND_QR, Tender


class SellScreen(Screen):
    """The cart at the left, what can be tapped at the right; then the payment in their place."""

    NAME = marked("Sell")

    def __init__(
        self,
        desk: Desk,
        till: TillDesk,
        paper: ReceiptPaper,
        customers: Customers,
        mail: Callable[[Sold], Any] | None,
    ) -> None:
        """`mail` sends a receipt by e-mail, where a mail server was named."""
        super().__init__(desk)
        self.till, self._paper, self._customers, self._mail = till, paper, customers, mail
        self.currency = till.till.settings.currency_code
        self.cart = Cart()
        # Which visit this is since the window opened, and the phone that is looked up for it: what was asked
        # for an earlier one is no answer here.
        self._visit = 0
        self._phone = ""
        self.quote: Quote | None = None
        self._checking = False
        self.goods = Goods(till)
        self.pay = PayPage(till)
        self.done = DonePage(mails=mail is not None)
        self.pages = QStackedWidget()
        for page in (self._cart_page(), self.pay, self.done):
            self.pages.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)
        self.goods.picked.connect(self.add)
        self.goods.entered.connect(self.typed)
        self.goods.query.moved.connect(lambda step: self.view.choose(self.view.row + step))
        self.view.opened.connect(lambda _row: self.ask_quantity())
        self.pay.paid.connect(self._sell)
        self.pay.left.connect(self.to_cart)
        self.pay.asked.connect(self._show_asked)
        self.done.over.connect(self.to_cart)
        self.done.mail_wanted.connect(self.mail_receipt)
        self.done.paper_wanted.connect(self.print_receipt)
        till.catalogue_changed.connect(self._edited)
        till.stands.connect(lambda _state: self._show_shift())
        self._edited()

    # --- The screen ---

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys of this screen."""
        return (
            Shortcut("Ctrl+F", marked("find an item"), self.goods.query.setFocus),
            Shortcut("F7", marked("what an item costs, without selling it"), self.check_price),
            Shortcut("F8", marked("hold the cart for later"), self.hold),
            Shortcut("F9", marked("how many (after the sale: receipt by e-mail)"), self.ask_quantity),
            Shortcut("F10", marked("a discount on the line"), self.ask_discount),
            Shortcut("Ctrl+Backspace", marked("take the line away"), self.take_away),
            Shortcut("Ctrl+K", marked("the customer, for points and credit"), self.ask_customer),
            Shortcut("F12", marked("pay; again: exact in cash"), self.to_pay),
        )

    def entered(self) -> None:
        """Ready for the next code."""
        self._show_shift()
        if self.pages.currentIndex() == 0:
            self.goods.query.setFocus()

    def scanned(self, code: str) -> None:
        """One more of what was scanned. While one pays it is a payment's reference."""
        if self.pay.is_selling:
            self.desk.notice.show_words(_("The sale is being made: scan again when it is done."), bad=True)
            return
        if self.pages.currentWidget() is self.pay:
            if self.pay.reference.isVisible():
                self.pay.reference.setText(code)
            else:
                self.desk.notice.show_words(_("Finish the payment first, or go back to the cart."), bad=True)
            return
        self.to_cart()
        self._find(code, 1)

    def reload(self) -> None:
        """Prices may be others."""
        self.till.catalogue_changed.emit()

    def retranslated(self) -> None:
        """Words anew."""
        self._edited()

    # --- The cart ---

    def typed(self, text: str) -> None:
        """A code as typed, like KOPI-01x3, or the only thing that the words find."""
        tiles = self.goods.tiles.items
        try:
            spec = parse_scan(text)
        except BadInput as wrong:
            self.desk.notice.show_words(wrong.told(_), bad=True)
            return
        if spec.discount:
            self.desk.notice.show_words(_("A discount is given with F10."), bad=True)
        elif self.till.till.catalogue.by_code(spec.code) is None and len(tiles) == 1:
            self.goods.query.clear()
            self.add(tiles[0])
        else:
            self._find(spec.code, spec.quantity)

    def add(self, item: Item, quantity: int = 1) -> None:
        """So many more of an item; or only its price, when that was asked for."""
        self.desk.notice.hide()
        if self._checking:
            self._tell_price(item)
            return
        before = deepcopy(self.cart)
        try:
            line = self.cart.add(item.item_id, quantity)
            self.till.till.estimate(self.cart)
        except BadInput as wrong:
            self.cart = before
            self.desk.notice.show_words(wrong.told(_), bad=True)
            return
        self.goods.query.clear()
        self._edited(self.cart.lines.index(line))
        self._show_line(self.view.row)

    def take_away(self) -> None:
        """The chosen line is not wanted."""
        if self._on_cart and self.view.row >= 0:
            self._set_quantity(self.view.row, 0)

    def step(self, by: int) -> None:
        """One more or one less on the chosen line."""
        if self._on_cart and self.view.row >= 0:
            self._set_quantity(self.view.row, self.cart.lines[self.view.row].quantity + by)

    def ask_quantity(self) -> None:
        """How many the chosen line is of."""
        if self.pages.currentWidget() is self.done:
            self.mail_receipt()
            return
        row = self.view.row
        if not self._on_cart or row < 0:
            return
        field = CountField()
        field.show_minor(self.cart.lines[row].quantity)
        take = partial(self._set_quantity, row)
        Amount(self, marked("How many?"), marked("Take  (Enter)"), field, take).open()

    def ask_discount(self) -> None:
        """What is taken off the chosen line, and who allows it."""
        row = self.view.row
        if not self._on_cart or row < 0:
            return
        field = AmountField(self.currency)
        field.show_minor(self.cart.lines[row].discount_minor)
        take = partial(self._discounted, row)
        Amount(self, marked("How much off?"), marked("Take off  (Enter)"), field, take).open()

    def ask_customer(self) -> None:
        """Whose points and credit: by phone, at the server."""
        if self._on_cart:
            title, hint = marked("Whose points?"), marked("Phone number; empty: nobody's")
            Typed(self, title, marked("Look up  (Enter)"), hint, self._look_up, needed=False).open()

    def check_price(self) -> None:
        """The next scan or tap is told and not sold."""
        if self._on_cart:
            self._checking = not self._checking
            self.price_button.setChecked(self._checking)
            if self._checking:
                self.desk.tell(_("Price check: scan or tap, nothing is sold."))
            self.goods.query.setFocus()

    def hold(self) -> None:
        """Keeps the cart for later, under a name."""
        if self.pages.currentWidget() is self.done and self.done.paper.isVisible():
            self.print_receipt()
        elif self._on_cart and self.cart.lines:
            title, hint = marked("Hold the cart"), marked("Whose it is, if you like")
            Typed(self, title, marked("Hold  (Enter)"), hint, self._hold, needed=False).open()

    def recall(self, cart: Cart) -> None:
        """Goes on with a cart that was held."""
        self.till.take_from_memory(cart)
        self._begin(cart)
        self.to_cart()
        self._edited(len(cart.lines) - 1)

    def _begin(self, cart: Cart) -> None:
        self.cart = cart
        self._visit, self._phone = self._visit + 1, ""

    @property
    def is_free(self) -> bool:
        """Whether another cart may take this one's place."""
        return not self.cart.lines

    # --- Paying ---

    def to_pay(self) -> None:
        """Asks for the money; pressed again, all of it is there in cash."""
        if self.pages.currentWidget() is self.pay:
            self.pay.take_exact()
        elif self._on_cart and self.cart.lines and self.quote and self.till.shift:
            self._set_checking_over()
            self.pages.setCurrentWidget(self.pay)
            self.pay.begin(self.quote.priced.totals.total.minor_units, self.cart.customer_id)

    def to_cart(self) -> None:
        """Back to the cart, or to an empty one; not while the cart is being sold."""
        if self.pay.is_selling:
            return
        self.pages.setCurrentIndex(0)
        self._customers.back()
        self._show_shift()
        self.goods.query.setFocus()

    def mail_receipt(self) -> None:
        """Sends the receipt of the sale just made."""
        if self._mail is not None and self.done.sold is not None and self.done.sold.online:
            self._mail(self.done.sold)

    def print_receipt(self) -> None:
        """Has the receipt of the sale just made printed beside the server."""
        sold = self.done.sold
        if sold is not None:
            self._paper.give(sold.entry, partial(self._printed, sold))

    def _printed(self, sold: Sold, words: str, bad: bool) -> None:
        if self.done.sold is sold:
            self.done.tell_printed(words, bad)
        if bad and self.pages.currentWidget() is not self.done:
            self.desk.notice.show_words(f"{sold.entry.receipt}: {words}", bad=True)

    def _sell(self, tenders: list[Tender], beyond_lease: Permission | None = None) -> None:
        if self.pay.is_selling:
            return
        self.pay.selling(under_way=True)
        cart = deepcopy(self.cart)
        self.till.do(
            self, partial(_sold, cart, tenders, beyond_lease), partial(self._sold, tenders), self._refused
        )

    def _sold(self, tenders: list[Tender], sold: Sold | NotCovered) -> None:
        if isinstance(sold, NotCovered):
            words = sold.told(_)
            self.pay.refuse(words)
            Allowing(self, self.till, words, partial(self._allowed, tenders)).open()
            return
        self.pay.selling(under_way=False)
        self._begin(Cart())
        self.pages.setCurrentWidget(self.done)
        self._edited()
        self.done.show_sold(sold)
        if not sold.online:
            self.print_receipt()
        self._customers.sold(sold.sale)

    def _allowed(self, tenders: list[Tender], permission: Permission) -> None:
        if not self.pay.is_selling:
            self.pay.tenders = list(tenders)
            self._sell(tenders, permission)

    def _refused(self, failure: Failure) -> None:
        self.pay.refuse(failure.words)

    # --- What stands on the screen ---

    @property
    def _on_cart(self) -> bool:
        return self.pages.currentIndex() == 0

    def _edited(self, chosen: int | None = None) -> None:
        """Shows the cart by the copy at once, and asks the server what it makes of it."""
        row = self.view.row if chosen is None else chosen
        self.why_not.hide()
        self.quote = None
        if self.cart.lines:
            try:
                self._show_quote(self.till.till.estimate(self.cart), row)
            except BadInput as wrong:
                self._not_quoted(Failure(wrong.told(_)))
            shift = self.till.shift
            if self.till.is_online and shift and shift.shift_id:
                cart = deepcopy(self.cart)
                self.till.look(
                    self,
                    lambda till: till.quote(cart),
                    partial(self._quoted, cart),
                    lambda failure: self._not_quoted(failure) if cart == self.cart else None,
                    latest="quote",
                )
        else:
            self.view.put([], -1)
            self._customers.cart(None)
            self.total.setText(show_amount(0, self.currency))
            self.parts.setText("")
        self.empty.setVisible(not self.cart.lines)
        self.view.setVisible(bool(self.cart.lines))
        self.customer.setText(self.cart.customer_name)
        self.customer.setVisible(bool(self.cart.customer_name))
        self._show_shift()

    def _quoted(self, cart: Cart, quote: Quote) -> None:
        if cart == self.cart:
            self.why_not.hide()
            self._show_quote(quote, self.view.row)

    def _not_quoted(self, failure: Failure) -> None:
        self.why_not.setText(failure.words)
        self.why_not.show()

    def _show_quote(self, quote: Quote, chosen: int) -> None:
        self.quote = quote
        self.view.put([shown(line) for line in quote.priced.lines], chosen)
        self._customers.cart(quote.priced)
        totals = quote.priced.totals
        self.total.setText(show_money(totals.total))
        pieces = sum(line.quantity for line in quote.priced.lines)
        pairs = [
            (_("Pieces"), str(pieces)),
            (_("Discount"), show_money(totals.discount) if totals.discount.minor_units else ""),
            (_("Tax in it"), show_money(totals.tax) if totals.tax.minor_units else ""),
        ]
        self.parts.setText("    ".join(f"{name} {amount}" for name, amount in pairs if amount))
        if not quote.online or self.pages.currentWidget() is not self.pay or self.pay.is_selling:
            return
        if quote.priced.totals.total.minor_units != self.pay.total_minor and not self.pay.tenders:
            self.pay.begin(quote.priced.totals.total.minor_units, self.cart.customer_id)

    def _show_shift(self) -> None:
        shift = self.till.shift
        self.pay_button.setEnabled(bool(self.cart.lines and shift))
        words = (
            marked("Scan, or tap what the customer buys.") if shift else marked("Open the shift first: F5.")
        )
        self.say(self.empty.setText, words)
        for each in self._line_buttons:
            each.setEnabled(bool(self.cart.lines))

    def _set_quantity(self, row: int, quantity: int) -> None:
        """Raises BadInput."""
        self.cart.set_quantity(row, quantity)
        self._edited(min(row, len(self.cart.lines) - 1))
        if self.cart.lines:
            self._show_line(self.view.row)

    def _discounted(self, row: int, minor: int) -> None:
        """Raises BadInput."""
        trial = deepcopy(self.cart)
        trial.discount(row, minor, self.till.till.own())
        self.till.till.estimate(trial)
        if not minor or not self.till.till.approvers.names():
            self._discount(row, minor, self.till.till.own())
            return
        name = self.view.cart_lines.lines[row].name
        what = _("{amount} off {item}").format(amount=show_amount(minor, self.currency), item=name)
        Allowing(self, self.till, what, partial(self._discount, row, minor)).open()

    def _discount(self, row: int, minor: int, permission: Permission) -> None:
        self.cart.discount(row, minor, permission)
        self._edited(row)

    def _find(self, code: str, quantity: int) -> None:
        item = self.till.till.catalogue.by_code(code)
        if item is not None:
            self.add(item, quantity)
        else:
            self.till.look(self, lambda till: till.find(code), partial(self._found, self._visit, quantity))

    def _found(self, visit: int, quantity: int, item: Item) -> None:
        if visit == self._visit and self._on_cart:
            self.add(item, quantity)
        else:
            words = _("{item} was found too late for that cart: scan it again where it is missing.")
            self.desk.notice.show_words(words.format(item=item.name), bad=True)

    def _tell_price(self, item: Item) -> None:
        cart = Cart()
        cart.add(item.item_id)
        self._set_checking_over()
        self.goods.query.clear()
        try:
            line = self.till.till.estimate(cart).priced.lines[0]
        except BadInput as wrong:
            self.desk.notice.show_words(wrong.told(_), bad=True)
            return
        self.desk.tell(f"{item.name}:  {show_money(line.total)}")
        self._customers.price(item.name, line.total)

    def _set_checking_over(self) -> None:
        self._checking = False
        self.price_button.setChecked(False)

    def _hold(self, name: str) -> None:
        """It is off the screen at once: what is held cannot be sold from here as well."""
        cart = self.cart
        self.recall(Cart())
        failed = partial(self._not_held, cart, name)
        self.till.do(self, lambda till: till.set_aside(cart, name), self._held, failed)

    def _not_held(self, cart: Cart, name: str, failure: Failure) -> None:
        """Somebody else's may be on the screen by now: it comes back when it is called."""
        cart.name = name
        self.till.keep_in_memory(cart)
        words = _("F3 goes on with the cart all the same, as long as this window is open.")
        self.desk.notice.show_words(f"{failure.words} {words}", bad=True)

    def _held(self, number: int) -> None:
        self.desk.tell(_("Cart {number} is held: F3 goes on with it.").format(number=number))

    def _look_up(self, phone: str) -> None:
        """From now on it is nobody's until the answer is there."""
        self._phone = phone
        self.cart.customer_id, self.cart.customer_name = 0, ""
        self._edited()
        if phone:
            known = partial(self._known, self._visit, phone)
            self.desk.calls.look(self, lambda shop: shop.customer(phone), known, latest="customer")

    def _known(self, visit: int, phone: str, customer: Customer) -> None:
        if (visit, phone) != (self._visit, self._phone):
            return
        self.cart.customer_id = customer.customer_id
        self.cart.customer_name = customer.name
        self.pay.of_customer(customer.customer_id)
        self._edited()

    def _show_line(self, row: int) -> None:
        if self.quote is not None:
            self._customers.line(self.quote.priced, row)

    def _show_asked(self, kind: int, rest_minor: int) -> None:
        amount = Money(currency_code=self.currency, minor_units=rest_minor)
        name = _("Total") if kind == TENDER_KIND_CASH else _(KINDS[kind])  # type: ignore[index]
        self._customers.asks(name, amount, by_qris=kind == TENDER_KIND_QR)

    # --- Layout ---

    def _cart_page(self) -> QWidget:
        page = QWidget()
        columns = QHBoxLayout(page)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(SPACE)
        columns.addLayout(self._left(), 1)
        columns.addWidget(self.goods, 1)
        return page

    def _left(self) -> QVBoxLayout:
        self.view = CartView()
        self.empty = label("empty", wraps=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.customer = label("good")
        left = QVBoxLayout()
        left.setSpacing(SPACE)
        left.addWidget(self.customer)
        left.addWidget(self.empty, 1)
        left.addWidget(self.view, 1)
        left.addLayout(self._buttons())
        left.addWidget(self._totals())
        return left

    def _buttons(self) -> QGridLayout:
        rows = QGridLayout()
        rows.setSpacing(8)
        acts: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("\N{MINUS SIGN}", partial(self.step, -1)),
            ("+", partial(self.step, 1)),
            (marked("How many  F9"), self.ask_quantity),
            (marked("Discount  F10"), self.ask_discount),
            (marked("Price  F7"), self.check_price),
            (marked("Customer"), self.ask_customer),
            (marked("Hold  F8"), self.hold),
            (marked("Take away"), self.take_away),
        )
        made: list[QPushButton] = []
        for number, (words, act) in enumerate(acts):
            each = button("", act)
            self.say(each.setText, words)
            each.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            each.setStyleSheet("padding: 0 4px")
            rows.addWidget(each, number // 4, number % 4)
            made.append(each)
        self.price_button = made[4]
        self.price_button.setCheckable(True)
        self._line_buttons = [made[number] for number in (0, 1, 2, 3, 6, 7)]
        return rows

    def _totals(self) -> QWidget:
        frame, inside = panel()
        self.parts = label("muted", wraps=True)
        self.why_not = label("bad", wraps=True)
        self.total = label("total")
        self.pay_button = button("pay", self.to_pay)
        self.say(self.pay_button.setText, marked("Pay  F12"))
        self.pay_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout()
        row.addWidget(self.total, 1)
        row.addWidget(self.pay_button)
        inside.addWidget(self.why_not)
        inside.addWidget(self.parts)
        inside.addLayout(row)
        return frame


def _sold(
    cart: Cart, tenders: Sequence[Tender], beyond_lease: Permission | None, till: Till
) -> Sold | NotCovered:
    """A wish for somebody's permission is no failure. Raises BadInput, CallFailed."""
    try:
        return till.sell(cart, tenders, beyond_lease=beyond_lease)
    except NotCovered as wanted:
        return wanted
