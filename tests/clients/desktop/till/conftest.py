"""The till's window over a real server, behind a line that can be cut."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QDialog

from clients.common.connection import Connection
from clients.desktop import texts
from clients.desktop.app import application
from clients.desktop.settings import LocalSettings
from clients.desktop.till.window import TillWindow
from tests.clients.desktop.conftest import PATIENCE_MS
from tests.till.line import Line

GATE_S = 30.0


@pytest.fixture
def line(server: Any, shop: None) -> Iterator[Line]:
    made = Line(server.target)
    yield made
    made.cut()


@pytest.fixture
def gate(monkeypatch: Any) -> Iterator[Callable[[Any, str], threading.Event]]:
    """Holds up every call of a method, until the event that is handed out is set."""
    made: list[threading.Event] = []

    def hold_up(kind: Any, name: str) -> threading.Event:
        opens, method = threading.Event(), getattr(kind, name)
        made.append(opens)

        def held_up(*given: Any, **named: Any) -> Any:
            assert opens.wait(GATE_S)
            return method(*given, **named)

        monkeypatch.setattr(kind, name, held_up)
        return opens

    yield hold_up
    for each in made:
        each.set()


@pytest.fixture
def make_till(qtbot: Any, in_a_state_of_its_own: Any, wait: Any) -> Iterator[Callable[..., TillWindow]]:
    """Opens the till's window on an address; closed at the end."""
    opened: list[TillWindow] = []
    settings = LocalSettings("till-desktop")
    settings.language, settings.look = "en", "light"
    application("till-desktop", settings)

    def make(target: str, actor: str = "siti", station: str = "", **more: Any) -> TillWindow:
        window = TillWindow(Connection(target, actor), settings, station, **more)
        opened.append(window)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(
            lambda: window.isActiveWindow() and hasattr(window, "typed_scans"), timeout=PATIENCE_MS
        )
        return window

    yield make
    texts.speak("en")
    for each in opened:
        each.end()


@pytest.fixture
def closed_till(make_till: Callable[..., TillWindow], line: Line, wait: Any) -> TillWindow:
    """A till without a shift, connected, that knows the catalogue."""
    made = make_till(line.address)
    wait(lambda: made.desk.line.connected and made.selling.goods.tiles.items)
    return made


@pytest.fixture
def till(closed_till: TillWindow, wait: Any) -> TillWindow:
    """A till whose shift is open, on the screen that sells."""
    closed_till.shift.opening.sum.show_minor(20_000_000)
    closed_till.shift.opening.take()
    wait(lambda: closed_till.till.state.shift is not None and closed_till.till.state.shift.shift_id)
    closed_till.go(closed_till.selling)
    return closed_till


def cut(window: TillWindow, line: Line, wait: Any) -> None:
    """The line breaks, and the window knows."""
    line.cut()
    wait(lambda: not window.till.state.online)


def asked(window: TillWindow) -> Any:
    """The question that is asked now."""
    return next(each for each in window.findChildren(QDialog) if each.isVisible())


def is_asked(window: TillWindow) -> bool:
    return any(each.isVisible() for each in window.findChildren(QDialog))


def sell(window: TillWindow, wait: Any, *codes: str) -> Any:
    """Sells in cash, exactly; what the last page shows of it."""
    selling = window.selling
    window.go(selling)
    selling.to_cart()
    for code in codes:
        selling.scanned(code)
    wait(lambda: selling.quote and len(selling.quote.priced.lines) == len(set(codes)))
    selling.to_pay()
    selling.pay.take_exact()
    wait(lambda: selling.pages.currentWidget() is selling.done)
    return selling.done.sold
