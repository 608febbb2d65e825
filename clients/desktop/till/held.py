"""Carts that were held for later."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from clients.desktop.parts import SPACE, Shortcut, Table, button, label
from clients.desktop.tables import Column, PagedTable
from clients.desktop.texts import _, marked
from clients.desktop.till.rows import TOUCH_ROW_PX
from clients.desktop.till.work import State, TillDesk
from clients.desktop.window import Desk, Screen
from clients.till.cart import Cart


class HeldScreen(Screen):
    """One is gone on with, or forgotten."""

    NAME = marked("Held")

    def __init__(self, desk: Desk, till: TillDesk, recall: Callable[[Cart], Any]) -> None:
        """`recall` hears of the cart that is gone on with."""
        super().__init__(desk)
        self.till, self._recall = till, recall
        columns = (
            Column(marked("Cart"), lambda cart: str(cart.number or "-"), right=True),
            Column(marked("Whose"), lambda cart: cart.name or "-"),
            Column(marked("What is in it"), self._words),
        )
        self.carts = PagedTable(desk.calls, columns, lambda cart: cart.number or -id(cart), self)
        self.table = Table(self.carts, ((80, False), (220, False), (0, True)))
        self.table.verticalHeader().setDefaultSectionSize(TOUCH_ROW_PX)
        self.table.opened.connect(lambda _cart: self.recall())
        self.empty = label("empty", wraps=True)
        self.say(self.empty.setText, marked("No cart is held. F8 in the sale holds one."))
        self._go_on = button("main", self.recall)
        self.say(self._go_on.setText, marked("Go on with it  (Enter)"))
        self._forget = button("danger", self.forget)
        self.say(self._forget.setText, marked("Forget it  (Del)"))
        row = QHBoxLayout()
        row.addWidget(self._forget)
        row.addStretch()
        row.addWidget(self._go_on)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(self.empty, 1)
        whole.addWidget(self.table, 1)
        whole.addLayout(row)
        till.stands.connect(self._stands)
        self._read()

    def shortcuts(self) -> tuple[Shortcut, ...]:
        """Keys of this screen."""
        return (Shortcut("Del", marked("forget the cart"), self.forget),)

    def entered(self) -> None:
        """The list as it is now."""
        self._read()
        self.table.setFocus()

    def retranslated(self) -> None:
        """Titles anew."""
        self.carts.retranslated()

    def recall(self) -> None:
        """The chosen cart is sold now; it stays held until then."""
        cart = self.table.thing()
        if cart is not None:
            self._recall(cart)

    def forget(self) -> None:
        """The chosen cart is not wanted any more."""
        cart: Cart | None = self.table.thing()
        if cart is None:
            return
        self.till.take_from_memory(cart)
        if cart.number:
            self.till.do(self, lambda till: till.drop(cart.number), partial(self._forgotten, cart))
        else:
            self._read()
            self.desk.tell(_("The cart is forgotten."))

    def _forgotten(self, cart: Cart, _nothing: object) -> None:
        self._read()
        self.desk.tell(_("Cart {number} is forgotten.").format(number=cart.number))

    def _stands(self, state: State) -> None:
        if state.carts != self.carts.rowCount():
            self._read()

    def _read(self) -> None:
        carts = self.till.carts()
        self.carts.put(carts)
        self.empty.setVisible(not carts)
        self.table.setVisible(bool(carts))
        for each in (self._go_on, self._forget):
            each.setEnabled(bool(carts))

    def _words(self, cart: Cart) -> str:
        parts = []
        for line in cart.lines:
            item = self.till.till.catalogue.by_id(line.item_id)
            parts.append(f"{line.quantity} {item.name if item else line.item_id}")
        return ", ".join(parts)
