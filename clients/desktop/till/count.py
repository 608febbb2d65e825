"""Cash counted by its notes and coins, or as one sum."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator, QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QWidget

from clients.common.money import show_amount
from clients.desktop.parts import SPACE, button, label, panel
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.till.pad import BACK, AmountField, Pad
from clients.till.paying import COINS, NOTES, counted

PIECES_MAX = 99_999


class Pieces(QLineEdit):
    """How many of one note. Enter and the arrow keys go on to the next."""

    entered = Signal()
    moved = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setValidator(QIntValidator(0, PIECES_MAX, self))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setPlaceholderText("0")

    @property
    def number(self) -> int:
        """As a number."""
        return int(self.text() or 0)

    def press(self, key: str) -> None:
        """A key of the pad."""
        self.setText((self.text()[:-1] if key == BACK else self.text() + key)[:5])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Up, down and Enter go elsewhere."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()), 0)
        if step:
            self.moved.emit(step)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.entered.emit()
        else:
            super().keyPressEvent(event)


class Count(Speaking, QWidget):
    """Pieces make a sum; who knows the sum types it."""

    # The sum in minor units
    counted = Signal(int)

    def __init__(self, currency_code: str, answer: str) -> None:
        """`answer` stands on the button, marked for translation."""
        super().__init__()
        self._currency = currency_code
        self._busy = False
        values = [(value, "") for value in NOTES.get(currency_code, ())]
        values += [(value, marked("coin")) for value in COINS.get(currency_code, ())]
        self.pieces: list[tuple[int, Pieces]] = []
        frame, inside = panel()
        rows = QGridLayout()
        rows.setVerticalSpacing(6)
        rows.setHorizontalSpacing(10)
        half = (len(values) + 1) // 2
        for number, (value, kind) in enumerate(values):
            field = Pieces()
            field.setMaximumWidth(130)
            name = label("")
            name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.tell(name.setText, partial(_piece_words, value, kind))
            worth = label("muted")
            worth.setMinimumWidth(96)
            field.textChanged.connect(partial(self._recount, value, field, worth))
            field.moved.connect(partial(self._move, number))
            field.entered.connect(partial(self._move, number, 1))
            self.pieces.append((value, field))
            row, column = number % half, 3 * (number // half)
            for offset, widget in enumerate((name, field, worth)):
                rows.addWidget(widget, row, column + offset)
        rows.setColumnStretch(2, 1)
        rows.setColumnStretch(5, 1)
        inside.addLayout(rows)
        inside.addStretch()
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(SPACE)
        columns.addWidget(frame, 3)
        columns.addWidget(self._sum_side(answer), 2)

    def begin(self) -> None:
        """Nothing is counted yet."""
        for _value, field in self.pieces:
            field.clear()
        self.sum.clear()
        self.counting_goes_on()
        (self.pieces[0][1] if self.pieces else self.sum).setFocus()

    def counting_goes_on(self) -> None:
        """What was counted was not taken."""
        self._busy = False
        self.answer.setEnabled(True)

    def take(self) -> None:
        """That is all there is. Nothing is said by an empty field: no cash is a zero."""
        if self._busy or self.sum.minor is None:
            self.sum.setFocus()
            return
        self._busy = True
        self.answer.setEnabled(False)
        self.counted.emit(self.sum.minor)

    def _sum_side(self, answer: str) -> QWidget:
        frame, inside = panel()
        name = label("heading")
        self.say(name.setText, marked("Cash in the drawer"))
        self.sum = AmountField(self._currency)
        self.sum.returnPressed.connect(self.take)
        pad = Pad()
        pad.pressed.connect(self._press)
        self.answer = button("pay", self.take)
        self.say(self.answer.setText, answer)
        self.answer.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside.addWidget(name)
        inside.addWidget(self.sum)
        inside.addWidget(pad, 1)
        inside.addWidget(self.answer)
        return frame

    def _press(self, key: str) -> None:
        """The pad writes where one is."""
        at = next((field for _value, field in self.pieces if field.hasFocus()), None)
        (at or self.sum).press(key)

    def _move(self, number: int, step: int) -> None:
        following = number + step
        if 0 <= following < len(self.pieces):
            self.pieces[following][1].setFocus()
            self.pieces[following][1].selectAll()
        elif step > 0:
            self.sum.setFocus()

    def _recount(self, value: int, field: Pieces, worth: QWidget, _text: str) -> None:
        alone = counted(self._currency, [(value, field.number)])
        worth.setText(show_amount(alone, self._currency) if alone else "")  # type: ignore[attr-defined]
        self.sum.show_minor(counted(self._currency, [(value, each.number) for value, each in self.pieces]))
        self.sum.deselect()


def _piece_words(value: int, kind: str) -> str:
    return f"{value:,}  {_(kind)}".replace(",", ".").rstrip()
