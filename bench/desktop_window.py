"""The window that `bench.desktop` measures, the hands before it, and a watch on what is painted."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, perf_counter
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from bench.measure import BenchError
from bench.scanning import ean
from clients.common.connection import Connection
from clients.desktop.app import application
from clients.desktop.cs.window import CsWindow
from clients.desktop.settings import LocalSettings
from clients.desktop.warehouse.window import WarehouseWindow
from clients.desktop.window import Window

W = TypeVar("W", bound=Window)

PATIENCE_S = 30.0
# An order of this many lines is thrown away and a new one begun.
LINES = 20
# Of the shop that is measured in
PLACE = "TOKO"
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


class Hands(Generic[W]):
    """Somebody at a window."""

    def __init__(self, kind: Callable[[Connection, LocalSettings], W], target: str) -> None:
        self.app = application("bench", LocalSettings("bench"))
        self.window = kind(Connection(target, "bench"), LocalSettings("bench"))
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

    def scan_code(self, code: str) -> float:
        """What a scanner types; when its last key went down."""
        for char in code:
            self.press(ord(char), char)
        return self.press(Qt.Key.Key_Return, "\r")

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


class Desk(Hands[CsWindow]):
    """Somebody at customer service's."""

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
            at = self.scan_code(ean(number % items))
            done = self.until(lambda before=before: len(rows) > before and id(rows[-1]) in self.painted.seen)
            shown.append(done - at)
            priced.append(self.until(lambda: rows[-1].total.text() != "…") - at)
        return shown, priced


class Warehouse(Hands[WarehouseWindow]):
    """Somebody in the warehouse, with a delivery."""

    def scan(self, scans: int, items: int) -> list[float]:
        """Seconds from each scan's last key to the line painted in the delivery."""
        receiving = self.window.receiving
        self.until(lambda: self.window.place.location_id)
        self.window.go(receiving)
        shown = []
        table = receiving.table.viewport()
        # A paint before the line came is not its own.
        receiving.goods.modelReset.connect(lambda: self.painted.seen.discard(id(table)))
        for number in range(scans):
            if receiving.goods.rowCount() == LINES:
                receiving.clear()
            before = receiving.goods.rowCount()
            at = self.scan_code(ean(number % items))
            done = self.until(
                lambda before=before: receiving.goods.rowCount() > before and id(table) in self.painted.seen
            )
            shown.append(done - at)
        return shown


def run(target: str, began: float, scans: int, items: int, kind: str) -> None:
    """Prints what was measured of a kind of window as JSON. `began` is when the program was started, in
    monotonic seconds.
    """
    hands: Desk | Warehouse
    found: dict[str, list[float]] = {}
    if kind == "warehouse":
        hands = Warehouse(lambda line, settings: WarehouseWindow(line, settings, location=PLACE), target)
        found["start"] = [monotonic() - began]
        found["scan"] = hands.scan(scans, items)
    else:
        hands = Desk(CsWindow, target)
        found["start"] = [monotonic() - began]
        found["key"] = hands.type_words()
        found["scan"], found["priced"] = hands.scan(scans, items)
    resident_kib = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
    hands.window.close()
    sys.stdout.write(json.dumps(found | {"memory_mib": [resident_kib / 1024]}) + "\n")
