"""Windows without a screen, over a real server; keys come as a keyboard or a scanner sends them."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from clients.common.client import Patience
from clients.common.connection import Connection
from clients.desktop import texts
from clients.desktop.app import application
from clients.desktop.calls import Calls
from clients.desktop.cs.window import CsWindow
from clients.desktop.settings import LocalSettings

# Longer than anything here takes on a busy machine, in milliseconds
PATIENCE_MS = 30_000
# A scanner presses a key every 5 ms, a person one every 150.
SCANNER_MS, PERSON_MS = 5, 150

# Of the stamps on keys; each run of keys is long after the one before.
_clock = itertools.count(1_000_000, 100_000)


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Callable[[], Any]], None]:
    """Waits for a condition, as long as it takes."""
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


@pytest.fixture
def settings(qapp: Any, in_a_state_of_its_own: Any) -> LocalSettings:
    """Of a machine that was never used; the window speaks English."""
    stored = LocalSettings("cs-desktop")
    stored.language = "en"
    stored.look = "light"
    application("cs-desktop", stored)
    return stored


@pytest.fixture
def make_window(qtbot: Any, settings: LocalSettings) -> Iterator[Callable[..., Any]]:
    """Opens a window, customer service's unless another is named, on an address, as somebody; closed at the
    end.
    """
    opened: list[Any] = []

    def make(target: str, actor: str = "sari", station: str = "", kind: Any = CsWindow) -> Any:
        window = kind(Connection(target, actor), settings, station)
        opened.append(window)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(
            lambda: bool(QApplication.activeWindow()) and hasattr(window, "typed_scans"), timeout=PATIENCE_MS
        )
        return window

    yield make
    for each in opened:
        each.end()
    texts.speak("en")


@pytest.fixture
def window(make_window: Callable[..., Any], server: Any, shop: None, wait: Any) -> CsWindow:
    """Customer service's window on the small shop, connected."""
    made: CsWindow = make_window(server.target)
    wait(lambda: made.desk.line.connected)
    return made


@pytest.fixture
def calls(qapp: Any, in_a_state_of_its_own: Any) -> Iterator[Callable[..., Calls]]:
    """Makes the calls of a program on an address, which speaks English; closed at the end."""
    texts.speak("en")
    opened: list[Calls] = []

    def make(target: str, patience: Patience | None = None) -> Calls:
        opened.append(Calls(Connection(target, "sari"), patience))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def press(
    window: QWidget,
    text: str,
    key: Qt.Key | int,
    stamp_ms: int,
    *,
    repeats: bool = False,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """One key down and up, as the windowing system hands it to the window; `repeats`: as it hands a key over
    that is held down.
    """
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        event = QKeyEvent(kind, key, modifiers, text, repeats)
        event.setTimestamp(stamp_ms)
        QApplication.sendEvent(window.windowHandle(), event)


def keys_of(text: str) -> Iterator[tuple[str, int]]:
    for char in text:
        yield char, Qt.Key.Key_Return if char == "\r" else ord(char.upper())


def send(window: QWidget, text: str, pace_ms: int) -> None:
    start = next(_clock)
    for number, (char, key) in enumerate(keys_of(text)):
        press(window, char, key, start + number * pace_ms)


def scan(window: QWidget, code: str) -> None:
    """What a scanner types: the code, fast, and Enter."""
    send(window, code + "\r", SCANNER_MS)


def typed(window: QWidget, text: str) -> None:
    """What a person types."""
    send(window, text, PERSON_MS)
