"""Figures with their names, one below the other."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from clients.desktop.parts import label

# A row that a finger hits
TOUCH_ROW_PX = 52


class Figures(QWidget):
    """Pairs of a name and an amount; the last may be the one that counts."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = QGridLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setVerticalSpacing(6)
        self._inside.setColumnStretch(0, 1)
        self.pairs: list[tuple[str, str]] = []

    def put(self, pairs: Sequence[tuple[str, str]], strong: str = "") -> None:
        """Shows pairs whose amount is not empty; the one named `strong` stands out."""
        self.pairs = [pair for pair in pairs if pair[1]]
        while (item := self._inside.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for row, (name, amount) in enumerate(self.pairs):
            role = "figure" if name == strong else ""
            words, figure = label("heading" if role else "muted"), label(role or "heading")
            words.setText(name)
            figure.setText(amount)
            figure.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._inside.addWidget(words, row, 0)
            self._inside.addWidget(figure, row, 1)
