"""Texts for a customer: which, in which language, seen before they are copied."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from clients.desktop import texts
from clients.desktop.calls import Failure
from clients.desktop.cs import message
from clients.desktop.cs.message import KINDS
from clients.desktop.parts import SPACE, Chips, button, label, panel
from clients.desktop.texts import LANGUAGES, _
from clients.desktop.window import Desk
from kasir.v1.booking_pb2 import Order


class MessageDialog(QDialog):
    """Kinds and languages above, the text below; Enter copies it."""

    def __init__(self, parent: QWidget, desk: Desk, order: Order) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._desk, self._order = desk, order
        self.setWindowTitle(_("Text for the customer"))
        self.setMinimumSize(800, 480)
        whose = label("heading")
        facts = {"number": order.order_id, "name": order.customer_name}
        whose.setText(_("Order {number}: {name}").format(**facts))
        self.kinds = Chips([words for _name, words in KINDS])
        self.languages = Chips(list(LANGUAGES.values()))
        for chips in (self.kinds, self.languages):
            chips.chosen.connect(self._show)
        self.text = label(wraps=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        frame, inside = panel()
        inside.addWidget(self.text, 1)
        keys = label("muted")
        keys.setText(_("Ctrl+Left, Ctrl+Right: another text.  Ctrl+L: the other language."))
        self.copy = button("main", self._copy)
        self.copy.setText(_("Copy  (Enter)"))
        self.copy.setDefault(True)
        foot = QHBoxLayout()
        foot.addWidget(keys, 1)
        foot.addWidget(self.copy)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 18)
        whole.setSpacing(SPACE)
        whole.addWidget(whose)
        for chips in (self.kinds, self.languages):
            row = QHBoxLayout()
            row.addWidget(chips)
            row.addStretch()
            whole.addLayout(row)
        whole.addWidget(frame, 1)
        whole.addLayout(foot)
        for key, act in (
            ("Ctrl+Right", partial(self.kinds.step, 1)),
            ("Ctrl+Left", partial(self.kinds.step, -1)),
            ("Ctrl+L", partial(self.languages.step, 1)),
        ):
            QShortcut(QKeySequence(key), self).activated.connect(act)
        self.languages.choose(list(LANGUAGES).index(texts.language()))
        self.kinds.choose(message.fitting(order))

    def _show(self, _number: int) -> None:
        kind, _words = KINDS[self.kinds.number]
        language = list(LANGUAGES)[self.languages.number]
        self.copy.setEnabled(False)
        work = partial(message.of_kind, self._order.order_id, kind, language)
        self._desk.calls.look(self, work, self._told, self._failed, latest="text")

    def _told(self, words: str) -> None:
        self.text.setText(words)
        self.copy.setEnabled(True)
        self.copy.setFocus()

    def _failed(self, failure: Failure) -> None:
        self.text.setText(failure.words)

    def _copy(self) -> None:
        message.to_clipboard(self.text.text())
        self._desk.tell(_("Copied: ready to paste into the chat."))
        self.accept()
