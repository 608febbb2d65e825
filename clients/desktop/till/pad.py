"""Figures by finger: a pad of keys, a field for amounts, and the questions that are asked with them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from clients.common.money import minor_digits
from clients.common.problems import BadInput
from clients.desktop.parts import SPACE, button, label
from clients.desktop.texts import Speaking, _, marked

BACK = "\N{ERASE TO THE LEFT}"
KEYS = ("7", "8", "9", "4", "5", "6", "1", "2", "3", "000", "0", BACK)
# A trillion rupiah: more is a slip of the finger.
DIGITS_MAX = 13
KEY_HEIGHT_MAX = 110


class AmountField(QLineEdit):
    """An amount in whole units of the currency; dots come by themselves."""

    def __init__(self, currency_code: str) -> None:
        super().__init__()
        self._unit = 10 ** minor_digits(currency_code)
        self.setProperty("role", "amount")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setInputMethodHints(Qt.InputMethodHint.ImhDigitsOnly)
        self.textEdited.connect(self._group)

    @property
    def minor(self) -> int | None:
        """As minor units; None while nothing stands there."""
        digits = self._digits()
        return int(digits) * self._unit if digits else None

    def show_minor(self, minor_units: int) -> None:
        """Writes an amount; the next digit begins another."""
        self._write(str(minor_units // self._unit))
        self.selectAll()

    def press(self, key: str) -> None:
        """A key of the pad."""
        whole = self.hasSelectedText()
        digits = "" if whole else self._digits()
        self._write(digits[:-1] if key == BACK else digits + key)

    def _group(self, _text: str) -> None:
        self._write(self._digits())

    def _digits(self) -> str:
        return "".join(char for char in self.text() if char.isascii() and char.isdigit())

    def _write(self, digits: str) -> None:
        digits = digits[:DIGITS_MAX].lstrip("0") or ("0" if digits else "")
        self.setText(f"{int(digits):,}".replace(",", ".") if digits else "")


class CountField(AmountField):
    """How many."""

    def __init__(self) -> None:
        super().__init__("")
        self._unit = 1


class PinField(QLineEdit):
    """A PIN: digits, and nobody reads along."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "amount")
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)

    def press(self, key: str) -> None:
        """A key of the pad."""
        self.setText(self.text()[:-1] if key == BACK else self.text() + key)


class Pad(QWidget):
    """Keys from 0 to 9. They take the focus from nothing."""

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        inside = QGridLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        for number, key in enumerate(KEYS):
            made = button("key", partial(self.pressed.emit, key))
            made.setText(key)
            made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            made.setMaximumHeight(KEY_HEIGHT_MAX)
            if key == BACK:
                made.setAutoRepeat(True)
            inside.addWidget(made, number // 3, number % 3)


class Question(QDialog, Speaking):
    """Something is asked: Enter answers, Esc leaves it."""

    def __init__(self, parent: QWidget, title: str, answer: str) -> None:
        """`title` and `answer`, which stands on the button, are marked for translation."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_(title))
        self.setMinimumWidth(420)
        heading = label("title", wraps=True)
        self.say(heading.setText, title)
        self.body = QVBoxLayout()
        self.body.setSpacing(SPACE)
        self.why_not = label("bad", wraps=True)
        self.why_not.hide()
        leave = button("", self.reject)
        self.say(leave.setText, marked("Back  (Esc)"))
        leave.setAutoDefault(False)
        self.answer = button("main", self.take)
        self.say(self.answer.setText, answer)
        self.answer.setDefault(True)
        row = QHBoxLayout()
        row.addWidget(leave)
        row.addWidget(self.answer, 1)
        inside = self._inside = QVBoxLayout(self)
        inside.setContentsMargins(22, 18, 22, 18)
        inside.setSpacing(SPACE)
        inside.addWidget(heading)
        inside.addLayout(self.body)
        inside.addWidget(self.why_not)
        inside.addLayout(row)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's)
        """As tall as its words need at this width, which Qt does not ask a dialog for."""
        super().showEvent(event)
        self.setMinimumHeight(self._inside.totalHeightForWidth(self.width()))

    def take(self) -> None:
        """The answer was given."""

    def refuse(self, words: str) -> None:
        """Says why the answer is none."""
        self.why_not.setText(words)
        self.why_not.show()


class Amount(Question):
    """Asks for an amount."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        answer: str,
        field: AmountField,
        taken: Callable[[int], Any],
    ) -> None:
        """`taken` hears the number, in minor units or as it is, and may raise BadInput."""
        super().__init__(parent, title, answer)
        self.field = field
        self._taken = taken
        pad = Pad()
        pad.pressed.connect(field.press)
        self.body.addWidget(field)
        self.body.addWidget(pad)
        field.setFocus()

    def take(self) -> None:
        """Hands the number on."""
        if self.field.minor is None:
            self.refuse(_("Say how much."))
            return
        try:
            self._taken(self.field.minor)
        except BadInput as wrong:
            self.refuse(wrong.told(_))
            return
        self.accept()


class Typed(Question):
    """Asks for words."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        answer: str,
        hint: str,
        taken: Callable[[str], Any],
        *,
        needed: bool,
    ) -> None:
        """`needed`: an empty answer is none."""
        super().__init__(parent, title, answer)
        self.field = QLineEdit()
        self.say(self.field.setPlaceholderText, hint)
        self._taken, self._needed = taken, needed
        self.body.addWidget(self.field)
        self.field.setFocus()

    def take(self) -> None:
        """Hands the words on."""
        words = self.field.text().strip()
        if self._needed and not words:
            self.refuse(_("Say something here."))
            return
        self._taken(words)
        self.accept()
