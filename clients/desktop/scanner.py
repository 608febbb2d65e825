"""Scans, whatever has the focus: a scanner that types into the window is told from its user, and scans of the
machine's agent come over its station.
"""

import threading
import time
from collections import deque

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QWindow
from PySide6.QtWidgets import QApplication

from clients.common.problems import CallFailed
from clients.common.station import Station
from hardware.scanners.wedge import GAP_S, Scanned, Typed, Wedge, WedgeSettings
from kasir.v1.station_pb2 import Scan

_NO_TEXT = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
)
# They come before the key that they change: a scanner presses Shift for each capital letter.
_MODIFIERS = frozenset(
    (
        Qt.Key.Key_Shift,
        Qt.Key.Key_Control,
        Qt.Key.Key_Alt,
        Qt.Key.Key_AltGr,
        Qt.Key.Key_Meta,
        Qt.Key.Key_CapsLock,
    )
)
_MARGIN_MS = 2
# Between the parts of a GS1 code; scanners type it as Ctrl+].
GS = "\x1d"


def _is_separator(event: QKeyEvent) -> bool:
    control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
    return event.text() == GS or (control and event.key() == Qt.Key.Key_BracketRight)


class TypedScans(QObject):
    """Stands before every window of the program and looks at each key before a widget does.

    A key waits until it is sure that no scanner typed it (35 ms at most); then it goes where it would have
    gone.
    """

    scanned = Signal(str)

    def __init__(self, parent: QObject, settings: WedgeSettings | None = None) -> None:
        super().__init__(parent)
        self._wedge = Wedge(settings)
        self._waiting: deque[tuple[str, QKeyEvent]] = deque()
        self._stamp_s = 0.0
        self._heard_s = 0.0
        # The key that is held down; 0 for none
        self._held = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._pause)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._silence)
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.focusWindowChanged.connect(self.watch)
        self.watch(app.focusWindow())

    def watch(self, window: QWindow | None) -> None:
        """Looks at the keys of a window too."""
        if window is not None:
            window.removeEventFilter(self)
            window.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's)
        """Keeps a key that may be a scanner's; True for one that is kept."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._pressed(event)
        if event.type() == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent) and self._waiting:
            # A button wants its press before its release.
            self._waiting.append(("", event.clone()))
            return True
        return False

    def _pressed(self, event: QKeyEvent) -> bool:
        if event.key() in _MODIFIERS:
            return False
        text = GS if _is_separator(event) else event.text()
        typed = len(text) == 1 and (text.isprintable() or text in "\r\n\t" or text == GS)
        if not typed or (event.modifiers() & _NO_TEXT and text != GS) or self._is_held(event):
            self._hand_on(self._wedge.idle(self._wedge.due))
            return False
        now = time.monotonic()
        self._heard_s = now
        # When it was pressed, not when this program came to look: typing while it was busy is no scan.
        self._stamp_s = event.timestamp() / 1000 if event.timestamp() else now
        self._waiting.append((text, event.clone()))
        self._hand_on(self._wedge.press(text, self._stamp_s))
        self._wait()
        return True

    def _is_held(self, event: QKeyEvent) -> bool:
        """Whether the key repeats because somebody holds it down. A scanner that sends a sign twice within
        one tick of the clock looks the same to Qt; but no keyboard begins to repeat that soon.
        """
        if not event.isAutoRepeat():
            self._held = 0
        elif event.timestamp() / 1000 - self._stamp_s >= GAP_S:
            self._held = event.key()
        return self._held == event.key()

    def _wait(self) -> None:
        if self._waiting and self._wedge.due != float("inf"):
            wait_s = self._wedge.due - self._stamp_s
            self._timer.start(int(wait_s * 1000) + _MARGIN_MS)
        else:
            self._timer.stop()
            self._late.stop()

    def _pause(self) -> None:
        # A program that was busy finds the timer due and keys waiting: those come first.
        self._late.start(0)

    def _silence(self) -> None:
        if self._timer.isActive():
            return
        self._hand_on(self._wedge.idle(self._stamp_s + (time.monotonic() - self._heard_s)))
        self._wait()

    def _hand_on(self, found: list[Typed | Scanned]) -> None:
        for each in found:
            if isinstance(each, Scanned):
                self._waiting.clear()
                self.scanned.emit(each.text)
            else:
                self._replay(len(each.text))

    def _replay(self, presses: int) -> None:
        """Gives the keys to who has the focus now, releases behind the last press included."""
        while self._waiting and (presses > 0 or not self._waiting[0][0]):
            text, event = self._waiting.popleft()
            presses -= bool(text)
            target = QApplication.focusWidget() or QApplication.activeWindow()
            if target is not None:
                QApplication.sendEvent(target, event)


class StationScans(QObject):
    """Scans as the agent beside this program reads them; an agent that is gone is waited for."""

    scanned = Signal(Scan)
    # From now on none is missed.
    listening = Signal()

    def __init__(self, address: str, parent: QObject) -> None:
        """Begins to listen. Raises BadInput for no address of a station."""
        super().__init__(parent)
        self._station = Station(address)
        self._closing = False
        self.heard_of = False
        self.listening.connect(self._listens)
        self._thread = threading.Thread(target=self._run, name="station", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the line to the agent."""
        self._closing = True
        self._station.close()
        self._thread.join(2.0)

    def _run(self) -> None:
        try:
            for scan in self._station.scans(ready=self._ready):
                self.scanned.emit(scan)
        except CallFailed:  # closed, or an agent without a station: its user types
            return
        except ValueError:
            # What gRPC raises on a line that was closed.
            if not self._closing:
                raise

    def _ready(self) -> None:
        self.listening.emit()

    def _listens(self) -> None:
        self.heard_of = True
