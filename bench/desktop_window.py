"""The window that `bench.desktop` measures, the hands before it, and a watch on what is painted."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from bench.measure import BenchError
from bench.scanning import ean
from clients.common.connection import Connection
from clients.desktop.app import application
from clients.desktop.cs.window import CsWindow
from clients.desktop.settings import LocalSettings

PATIENCE_S = 30.0
# An order of this many lines is thrown away and a new one begun.
LINES = 20
KEYS = "kopi gayo bubuk teh melati madu hutan gula aren "


class Painted(QObject):
    """Remembers which widgets were painted."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's)
        """Looks at every event of the program."""
        if event.type() == QEvent.Type.Paint:
            self.seen.add(id(watched))
        return False


class Hands:
    """Somebody at the window."""

    def __init__(self, target: str) -> None:
        self.app = application("cs-desktop", LocalSettings("cs-desktop"))
        self.window = CsWindow(Connection(target, "bench"), LocalSettings("cs-desktop"))
        self.painted = Painted()
        self.app.installEventFilter(self.painted)
        self.window.show()
        window = self.window
        self.until(
            lambda: (
                id(window) in self.painted.seen
                and window.desk.line.connected
                and hasattr(window, "typed_scans")
            )
        )

    def until(self, condition: Callable[[], object]) -> float:
        """Lets the window live until the condition holds; when that was. Raises BenchError."""
        end = perf_counter() + PATIENCE_S
        while not condition():
            self.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 5)
            if perf_counter() > end:
                raise BenchError("the window did not do what was measured")
        return perf_counter()

    def press(self, key: int, text: str) -> float:
        """One key; when it went down."""
        at = perf_counter()
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text)
            event.setTimestamp(int(monotonic() * 1000))
            QApplication.sendEvent(self.window.windowHandle(), event)
        return at

    def type_words(self) -> list[float]:
        """Seconds from each key to its letter on the screen."""
        field = self.window.finding.query
        waits = []
        for char in KEYS * 4:
            field.clear()
            self.until(lambda: not self.window.desk.calls.waiting)
            self.painted.seen.clear()
            at = self.press(ord(char.upper()), char)
            done = self.until(lambda char=char: field.text() == char and id(field) in self.painted.seen)
            waits.append(done - at)
        return waits

    def scan(self, scans: int, items: int) -> tuple[list[float], list[float]]:
        """Seconds from each scan's last key to its line, and to its price, on the screen."""
        booking = self.window.booking
        self.window.go(booking)
        rows = booking.lines.rows
        shown, priced = [], []
        for number in range(scans):
            if len(rows) == LINES:
                booking.begin_anew()
            before = len(rows)
            self.painted.seen.clear()
            for char in ean(number % items):
                self.press(ord(char), char)
            at = self.press(Qt.Key.Key_Return, "\r")
            done = self.until(lambda before=before: len(rows) > before and id(rows[-1]) in self.painted.seen)
            shown.append(done - at)
            priced.append(self.until(lambda: rows[-1].total.text() != "…") - at)
        return shown, priced


def run(target: str, began: float, scans: int, items: int) -> None:
    """Prints what was measured as JSON. `began` is when the program was started, in monotonic seconds."""
    hands = Hands(target)
    start = monotonic() - began
    keys = hands.type_words()
    shown, priced = hands.scan(scans, items)
    resident_kib = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
    hands.window.close()
    found = {"start": [start], "key": keys, "scan": shown, "priced": priced}
    sys.stdout.write(json.dumps(found | {"memory_mib": [resident_kib / 1024]}) + "\n")
