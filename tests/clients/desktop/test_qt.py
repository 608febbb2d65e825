"""Goal: a window that is open for weeks does not end Python by itself.

Method: what Qt's Python bindings must keep count of is counted: PySide6 6.12.0 dropped a reference to True
with each signal and to None with each call that returns nothing, until Python 3.11 gave up.
"""

import os
import subprocess
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


def test_a_machine_without_a_screen_is_told_so_in_a_sentence(tmp_path):
    screens = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    environment = {name: value for name, value in os.environ.items() if name not in screens}
    ended = subprocess.run(
        [sys.executable, "-m", "kasir.cli", "cs-desktop"],
        env=environment | {"KASIR_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.strip()) == (
        2,
        "There is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set.",
    )
