"""What the dialogs share in which somebody says which orders money pays."""

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLayout, QVBoxLayout, QWidget

from clients.common.shop import Shop
from clients.desktop.calls import Failure
from clients.desktop.cs.order_picker import OrderPicker
from clients.desktop.parts import SPACE, button, label
from clients.desktop.texts import Speaking, _
from clients.desktop.window import Desk


class Matching(Speaking, QDialog):
    """The money above, the orders that may be meant below, what becomes of the rest, and one button that asks
    the server once.
    """

    # The server's answer
    answered = Signal(object)

    def __init__(self, parent: QWidget, desk: Desk, minor_units: int) -> None:
        """`minor_units`: the money that came."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk = desk
        self._sending = False
        self.picker = OrderPicker(desk.calls, minor_units)
        self.left = label("heading")
        self.credit = QCheckBox(_("the rest is the customer's credit"))
        self.problem = label("bad", wraps=True)
        self.problem.hide()
        self.send = button("main", self.take)

    def scanned(self, code: str) -> None:
        """Searches for what was scanned."""
        self.picker.look_for(code)

    def take(self) -> None:
        """Asks the server, unless it is being asked."""
        if not self._sending:
            self._ask()

    def _ask(self) -> None:
        """Sends what stands here, or tells why it cannot be sent."""
        raise AssertionError("each dialog asks for its own")

    def _send(self, work: Callable[[Shop], Any]) -> None:
        self._set_sending(sending=True)
        self._desk.calls.do(self, work, self._done, self._failed)

    def _lay_out_around(
        self, above: Sequence[QWidget], below: Sequence[QWidget | QLayout], beside: Sequence[QWidget] = ()
    ) -> None:
        """`above` and `below` the orders; `beside` what is left."""
        close = button("", self.reject)
        close.setText(_("Leave it"))
        for pressed in (self.send, close):
            pressed.setAutoDefault(False)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE)
        for each in (self.left, *beside, self.credit):
            foot.addWidget(each)
        foot.addStretch()
        foot.addWidget(close)
        foot.addWidget(self.send)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 18)
        whole.setSpacing(SPACE)
        for each in above:
            whole.addWidget(each)
        whole.addWidget(self.picker, 1)
        for part in below:
            if isinstance(part, QLayout):
                whole.addLayout(part)
            else:
                whole.addWidget(part)
        whole.addWidget(self.problem)
        whole.addLayout(foot)
        for key, act in (("Ctrl+Return", self.take), ("Ctrl+F", self.picker.setFocus)):
            QShortcut(QKeySequence(key), self).activated.connect(act)
        self.picker.setFocus()

    def _set_sending(self, *, sending: bool) -> None:
        self._sending = sending
        self.send.setEnabled(not sending)

    def _done(self, reply: object) -> None:
        self.answered.emit(reply)
        self.accept()

    def _failed(self, failure: Failure) -> None:
        self._set_sending(sending=False)
        self._tell(failure.words)

    def _tell(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.show()
