"""Questions before something is done: is it meant, and what else is to be said?"""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from clients.desktop.parts import SPACE, button, label
from clients.desktop.texts import _


class Question(QDialog):
    """A sentence, what follows from it, perhaps a field, and two answers: Enter and Esc."""

    def __init__(self, parent: QWidget, title: str, words: str, remark: str, yes: str) -> None:
        """All in the language of now; `yes` says what Enter does."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self.words, self.remark = label("heading", wraps=True), label("muted", wraps=True)
        self.words.setText(words)
        self.remark.setText(remark)
        self.field: QLineEdit | None = None
        self.yes = button("main")
        self.yes.setText(yes)
        self._buttons = QDialogButtonBox()
        self._buttons.addButton(self.yes, QDialogButtonBox.ButtonRole.AcceptRole)
        no = self._buttons.addButton(_("Leave it"), QDialogButtonBox.ButtonRole.RejectRole)
        no.setAutoDefault(False)
        self.yes.setDefault(True)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(24, 22, 24, 18)
        self._inside.setSpacing(SPACE)
        for each in (self.words, self.remark, self._buttons):
            self._inside.addWidget(each)
        self.remark.setVisible(bool(remark))

    def with_field(self, hint: str, text: str = "", *, needed: bool = False) -> "Question":
        """Asks for a line of text too; while one that is needed is empty, there is no yes."""
        self.field = QLineEdit(text)
        self.field.setPlaceholderText(hint)
        self._inside.insertWidget(self._inside.indexOf(self._buttons), self.field)
        if needed:
            self.yes.setEnabled(bool(text.strip()))
            self.field.textChanged.connect(lambda typed: self.yes.setEnabled(bool(typed.strip())))
        self.field.setFocus()
        return self

    def dangerous(self) -> "Question":
        """Its yes takes something away."""
        self.yes.setProperty("role", "danger")
        return self

    @property
    def text(self) -> str:
        """What was typed."""
        return self.field.text().strip() if self.field is not None else ""

    def ask(self, act: Callable[[str], Any]) -> None:
        """Opens it; after a yes, `act` gets what was typed."""
        self.accepted.connect(lambda: act(self.text))
        self.open()
