"""The till's window that `bench.desktop --window till` measures: a key, a scan, its price by the server."""

import json
import sys
from pathlib import Path
from time import monotonic

from PySide6.QtCore import Qt

from bench.desktop_window import KEYS, LINES, Hands, Painted
from bench.scanning import ean
from clients.common.connection import Connection
from clients.desktop.app import application
from clients.desktop.settings import LocalSettings
from clients.desktop.till.window import TillWindow
from clients.till.cart import Cart


class TillHands(Hands):
    """A cashier."""

    window: TillWindow  # type: ignore[assignment]

    def __init__(self, target: str) -> None:
        settings = LocalSettings("till-desktop")
        self.app = application("till-desktop", settings)
        self.window = TillWindow(Connection(target, "bench"), settings)
        self.painted = Painted()
        self.app.installEventFilter(self.painted)
        self.window.show()
        self.until(
            lambda: (
                id(self.window) in self.painted.seen
                and hasattr(self.window, "selling")
                and hasattr(self.window, "typed_scans")
                and self.window.till.state.online
                and self.window.till.state.shift is not None
            )
        )

    def type_words(self) -> list[float]:
        """Seconds from each key to its letter on the screen."""
        self.window.go(self.window.selling)
        field = self.window.selling.goods.query
        waits = []
        for char in KEYS * 4:
            field.clear()
            self.until(lambda: not self.window.desk.calls.waiting)
            self.painted.seen.clear()
            at = self.press(ord(char.upper()), char)
            done = self.until(lambda char=char: field.text() == char and id(field) in self.painted.seen)
            waits.append(done - at)
        field.clear()
        return waits

    def scan(self, scans: int, items: int) -> tuple[list[float], list[float]]:
        """Seconds from each scan's last key to its line on the screen, and to the server's price of it."""
        selling = self.window.selling
        lines, view = selling.view.cart_lines, id(selling.view.viewport())
        shown, priced = [], []
        for number in range(scans):
            if len(lines.lines) == LINES:
                selling.recall(Cart())
            before = len(lines.lines)
            self.painted.seen.clear()
            for char in ean(number % items):
                self.press(ord(char), char)
            at = self.press(Qt.Key.Key_Return, "\r")
            shown.append(
                self.until(lambda before=before: len(lines.lines) > before and view in self.painted.seen) - at
            )
            priced.append(self.until(lambda: selling.quote is not None and selling.quote.online) - at)
        return shown, priced


def run(target: str, began: float, scans: int, items: int) -> None:
    """Prints what was measured as JSON. `began` is when the program was started, in monotonic seconds."""
    hands = TillHands(target)
    start = monotonic() - began
    keys = hands.type_words()
    shown, priced = hands.scan(scans, items)
    resident_kib = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
    hands.window.close()
    found = {"start": [start], "key": keys, "scan": shown, "priced": priced}
    sys.stdout.write(json.dumps(found | {"memory_mib": [resident_kib / 1024]}) + "\n")
