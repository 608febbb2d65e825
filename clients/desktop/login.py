"""Who is there? Asked where the server keeps watch and nobody is logged in: before a window opens, in it."""

import threading
from collections.abc import Callable
from dataclasses import replace

import grpc
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from clients.common.connection import Connection
from clients.common.enrolment import Enrolment
from clients.common.problems import BadInput, CallFailed
from clients.desktop.os_words import os_words
from clients.desktop.parts import SPACE, Elided, button, label
from clients.desktop.refusals import sentence
from clients.desktop.texts import Speaking, _, marked

_Failed = CallFailed | BadInput | OSError


class LoginDialog(QDialog):
    """A name and a PIN. Accepted, `name` is logged in; or the server does not answer, one works `alone`, and
    it is who logged in here last: nobody has looked at the PIN then, and the server looks at the work when it
    is sent.
    """

    # How asking ended, as told by the thread that asked (None: logged in)
    _ended = Signal(object)

    def __init__(
        self, line: Connection, enrolment: Enrolment, parent: QWidget | None = None, *, alone: bool = False
    ) -> None:
        super().__init__(parent)
        self._line = line
        self._enrolment = enrolment
        self._alone = alone
        self._is_asking = False
        # Who goes on without the line when the button is pressed once more
        self._unchecked = ""
        self.setWindowTitle(_("Log in"))
        self.setMinimumWidth(420)
        words = label("heading", wraps=True)
        words.setText(_("Who is there?"))
        self.who, self.pin = QLineEdit(enrolment.user), QLineEdit()
        self.who.setPlaceholderText(_("Name"))
        self.pin.setPlaceholderText(_("PIN"))
        self.pin.setEchoMode(QLineEdit.EchoMode.Password)
        self.problem = label("muted", wraps=True)
        self.enter = button("main", self._try)
        self.enter.setText(_("Log in"))
        self.enter.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(self.enter, QDialogButtonBox.ButtonRole.ActionRole)
        self.leave = buttons.addButton(_("Leave it"), QDialogButtonBox.ButtonRole.RejectRole)
        self.leave.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, 22, 24, 18)
        inside.setSpacing(SPACE)
        for each in (words, self.who, self.pin, self.problem, buttons):
            inside.addWidget(each)
        self._ended.connect(self._told)
        for each in (self.who, self.pin):
            each.textEdited.connect(self._edited)
        (self.pin if self.who.text() else self.who).setFocus()

    @property
    def name(self) -> str:
        """Who it is."""
        return self.who.text().strip()

    def reject(self) -> None:
        """Nobody wants to be logged in; not while the server is asked, which may just let them in."""
        if not self._is_asking:
            super().reject()

    def _try(self) -> None:
        if self._unchecked:
            self.accept()
        elif self.name and self.pin.text():
            self._is_asking = True
            self._let_type(typing=False)
            self.problem.setText(_("Asking the server …"))
            asked = (self.name, self.pin.text())
            threading.Thread(target=self._ask, args=asked, name="log in", daemon=True).start()

    def _ask(self, name: str, pin: str) -> None:
        outcome: _Failed | None = None
        try:
            with self._line.channel() as channel:
                self._enrolment.log_in(channel, name, pin)
        except (CallFailed, BadInput, OSError) as failed:
            outcome = failed
        self._ended.emit(outcome)

    def _told(self, failed: _Failed | None) -> None:
        self._is_asking = False
        if failed is None:
            self.accept()
            return
        self._let_type(typing=True)
        if self._alone and isinstance(failed, CallFailed) and failed.code is grpc.StatusCode.UNAVAILABLE:
            self._without_the_line()
            return
        self.pin.clear()
        self.problem.setText(self._why(failed))

    def _why(self, failed: _Failed) -> str:
        if isinstance(failed, BadInput):
            return failed.told(_)
        if isinstance(failed, OSError):
            return os_words(failed)
        return sentence(failed, lambda kind, ident: f"{kind} {ident}", self._line.server)

    def _without_the_line(self) -> None:
        """A till sells on, in the name of whom the server let in last: nobody can look at a PIN here."""
        last = self._enrolment.user
        if self.name != last:
            words = _(
                "The server does not answer: until it does, only {name} sells here, who logged in last."
            )
            nobody = _("The server does not answer, and nobody is logged in here.")
            self.problem.setText(words.format(name=last) if last else nobody)
            return
        self._unchecked = self.name
        self.problem.setText(
            _(
                "The server does not answer: the PIN was not checked. What {name} sells is booked once the "
                "server lets {name} in."
            ).format(name=self.name)
        )
        self.enter.setText(_("Sell without the line"))

    def _edited(self) -> None:
        self._unchecked = ""
        self.enter.setText(_("Log in"))

    def _let_type(self, *, typing: bool) -> None:
        for each in (self.who, self.pin, self.enter, self.leave):
            each.setEnabled(typing)
        if typing:
            self.pin.setFocus()


class Who(Speaking, QWidget):
    """Who is at the window; where nobody is, it is offered to log in."""

    def __init__(self, name: str, log_in: Callable[[], object]) -> None:
        super().__init__()
        self.name = Elided("muted")
        self.name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.log_in = button("", log_in)
        self.log_in.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.say(self.log_in.setText, marked("Log in"))
        inside = QHBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.name, 1)
        inside.addWidget(self.log_in, 0, Qt.AlignmentFlag.AlignRight)
        self.show_name(name)

    @property
    def is_nobody(self) -> bool:
        """Whether it is offered to log in."""
        return not self.log_in.isHidden()

    def show_name(self, name: str) -> None:
        """Somebody is logged in."""
        self.name.show_text(name)
        self.name.show()
        self.log_in.hide()

    def show_nobody(self) -> None:
        """Nobody is."""
        self.name.hide()
        self.log_in.show()


def logged_in(line: Connection, *, alone: bool = False) -> Connection | None:
    """The line as whoever is logged in; None when nobody wants to be. `alone`: the work goes on without the
    line.
    """
    enrolment = line.enrolment
    if enrolment is None or enrolment.session(line.actor) is not None:
        return line
    dialog = LoginDialog(line, enrolment, alone=alone)
    if not dialog.exec():
        return None
    return replace(line, actor=dialog.name)
