"""Who may, allows what a cashier may not alone: a name and a PIN, held against the till's own list."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QWidget

from clients.desktop.calls import Failure
from clients.desktop.parts import button, label
from clients.desktop.texts import _, marked
from clients.desktop.till.pad import Pad, PinField, Question
from clients.desktop.till.work import TillDesk
from clients.till.cart import Permission


class Allowing(Question):
    """Asks somebody who may. `allowed` hears the permission."""

    def __init__(
        self, parent: QWidget, desk: TillDesk, what: str, allowed: Callable[[Permission], Any]
    ) -> None:
        """`what` is to be allowed, in the language of now."""
        super().__init__(parent, marked("Somebody has to allow this"), marked("Allow  (Enter)"))
        self._desk, self._allowed = desk, allowed
        # Asked, and not refused since: it is allowed once, however often Enter is pressed.
        self._asked = False
        said = label("", wraps=True)
        said.setText(what)
        self.body.addWidget(said)
        self.names = desk.till.approvers.names()
        self._group = QButtonGroup(self)
        self.name = QLineEdit()
        self.pin = PinField()
        if self.names:
            self._choose_from()
        else:
            self.say(self.name.setPlaceholderText, marked("Name of who allows it"))
            self.body.addWidget(self.name)
            self.name.setFocus()

    def take(self) -> None:
        """Asks the till whether that is their PIN."""
        name = self.chosen_name
        if not name:
            self.refuse(_("Say who allows it."))
            return
        if self._asked:
            return
        self._asked = True
        pin = self.pin.text()
        self._desk.do(
            self, lambda till: till.approvers.permit(name, pin, till.now_ms()), self._permitted, self._refused
        )

    @property
    def chosen_name(self) -> str:
        """Who allows it."""
        if not self.names:
            return self.name.text().strip()
        number = self._group.checkedId()
        return self.names[number] if number >= 0 else ""

    def _choose_from(self) -> None:
        row = QHBoxLayout()
        for number, name in enumerate(self.names):
            made = button("chip", partial(self.pin.setFocus))
            made.setText(name)
            made.setCheckable(True)
            made.setAutoDefault(False)
            self._group.addButton(made, number)
            row.addWidget(made)
            made.setChecked(number == 0)
        pad = Pad()
        pad.pressed.connect(self.pin.press)
        self.say(self.pin.setPlaceholderText, marked("PIN"))
        self.body.addLayout(row)
        self.body.addWidget(self.pin)
        self.body.addWidget(pad)
        self.pin.setFocus()

    def _permitted(self, permission: Permission) -> None:
        self.accept()
        self._allowed(permission)

    def _refused(self, failure: Failure) -> None:
        self._asked = False
        self.pin.clear()
        self.refuse(failure.words)
