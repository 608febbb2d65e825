"""Who is there? Asked before a window opens, where the server keeps watch and nobody is logged in."""

from dataclasses import replace

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout

from clients.common.connection import Connection
from clients.common.enrolment import Enrolment
from clients.common.problems import CallFailed
from clients.desktop.parts import SPACE, button, label
from clients.desktop.refusals import sentence
from clients.desktop.texts import _


class LoginDialog(QDialog):
    """A name and a PIN. Accepted, `name` is logged in; or the server does not answer, and it is the name of
    somebody who was logged in at this machine before: the server looks at the work when it is sent.
    """

    def __init__(self, line: Connection, enrolment: Enrolment) -> None:
        super().__init__()
        self._line = line
        self._enrolment = enrolment
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
        leave = buttons.addButton(_("Leave it"), QDialogButtonBox.ButtonRole.RejectRole)
        leave.setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(24, 22, 24, 18)
        inside.setSpacing(SPACE)
        for each in (words, self.who, self.pin, self.problem, buttons):
            inside.addWidget(each)
        (self.pin if self.who.text() else self.who).setFocus()

    @property
    def name(self) -> str:
        """Who it is."""
        return self.who.text().strip()

    def _try(self) -> None:
        if not self.name or not self.pin.text():
            return
        try:
            with self._line.channel() as channel:
                self._enrolment.log_in(channel, self.name, self.pin.text())
        except CallFailed as failed:
            if not failed.settled:
                self._without_the_line()
                return
            self.pin.clear()
            self.problem.setText(sentence(failed, lambda kind, ident: f"{kind} {ident}", self._line.server))
            return
        self.accept()

    def _without_the_line(self) -> None:
        """A till sells on; under a mistyped name nothing would ever be booked."""
        if self._enrolment.knows(self.name):
            self.accept()
            return
        self.problem.setText(
            _("The server does not answer, and nobody of this name has logged in here before: is it right?")
        )


def logged_in(line: Connection) -> Connection | None:
    """The line as whoever is logged in; None when nobody wants to be."""
    enrolment = line.enrolment
    if enrolment is None or enrolment.session(line.actor) is not None:
        return line
    dialog = LoginDialog(line, enrolment)
    if not dialog.exec():
        return None
    return replace(line, actor=dialog.name)
