"""Goal: a window that is open for weeks does not end Python by itself.

Method: what Qt's Python bindings must keep count of is counted: PySide6 6.12.0 dropped a reference to True
with each signal and to None with each call that returns nothing, until Python 3.11 gave up.
"""

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPushButton

ROUNDS = 500


class Sender(QObject):
    told = Signal(bool)


def test_signals_and_calls_keep_count_of_true_false_and_none(qapp):
    sender, button = Sender(), QPushButton()
    button.setCheckable(True)
    heard = []
    sender.told.connect(heard.append)
    kept = (True, False, None)
    before = [sys.getrefcount(each) for each in kept]
    for number in range(ROUNDS):
        sender.told.emit(bool(number % 2))
        button.toggle()
        button.setVisible(False)
    heard.clear()
    after = [sys.getrefcount(each) for each in kept]
    for then, now in zip(before, after, strict=True):
        assert now - then > -ROUNDS / 10
