"""Who is there, asked while the window is open: what needs somebody logged in waits, and is asked again."""

import threading

from PySide6.QtCore import QObject, Signal

from clients.common.client import Client
from clients.common.connection import Connection


class _Question:
    """One that is open: several threads may wait for what comes of it."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._is_in = False

    def answer(self, *, is_in: bool) -> None:
        self._is_in = is_in
        self._told.set()

    def wait(self) -> bool:
        """Whether somebody is logged in by now."""
        self._told.wait()
        return self._is_in


class Door(QObject):
    """Of one window. `ask` and `ask_once` are for threads that call the server, all else is the window's."""

    # Somebody waits until somebody logs in
    wanted = Signal()
    # Who is logged in now
    entered = Signal(str)

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._enrolment = connection.enrolment
        self._name = connection.actor
        self._lock = threading.Lock()
        self._question: _Question | None = None
        self._is_left = self._is_closed = False

    @property
    def is_asking(self) -> bool:
        """Whether something waits until somebody logs in."""
        return self._question is not None

    def ask(self, _client: Client) -> bool:
        """Waits until somebody is logged in, or nobody wants to be; which of both it is."""
        return self._ask(again=True)

    def ask_once(self, _client: Client) -> bool:
        """The same for what nobody at the window asked for: after a no it does not ask again."""
        return self._ask(again=False)

    def _ask(self, *, again: bool) -> bool:
        assert self._enrolment is not None, "who is not enrolled is not asked"
        with self._lock:
            # In another window, by the command, or since this was sent.
            is_in = self._enrolment.session(self._name) is not None
            if is_in:
                self._is_left = False
                self.entered.emit(self._name)
            if is_in or self._is_closed or (self._is_left and not again):
                return is_in
            if self._question is None:
                self._question = _Question()
                self.wanted.emit()
            question = self._question
        return question.wait()

    def answer(self, name: str) -> None:
        """Who logged in; nobody where that is empty."""
        with self._lock:
            question, self._question = self._question, None
            self._is_left = not name
            self._name = name or self._name
        if question is not None:
            question.answer(is_in=bool(name))
        if name:
            self.entered.emit(name)

    def close(self) -> None:
        """Nobody is asked any more."""
        with self._lock:
            self._is_closed = True
        self.answer("")
