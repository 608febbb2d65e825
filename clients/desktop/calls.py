"""Calls to the server beside the window: asked for here, made on threads of their own, told here.

Nothing in this module waits on the window's thread. A piece of work is a function of a `Shop`, as the
commands of the terminal have it; its outcome comes back as a call of `done` or `failed` on the window's
thread, unless the widget that asked is gone by then or the same `latest` was asked anew.
"""

import itertools
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from clients.common.output import Output
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from clients.desktop.door import Door
from clients.desktop.os_words import os_words
from clients.desktop.refusals import sentence
from clients.desktop.texts import _

T = TypeVar("T")
Work = Callable[[Shop], Any]
LogIn = Callable[[Client], bool]

# Looking things up goes on while one answer is slow.
READERS = 3
# Somebody waits before the screen: then it is told, and may be asked again.
READ_PATIENCE = Patience(timeout_s=10.0, tries=3, pause_max_s=1.0)
# A command that may have been done is asked, with its own id, until somebody says so.
COMMAND_PATIENCE = Patience(tries=sys.maxsize)
# A command that has no outcome after that long is said to have none. It is told by the time: on a line
# that is silent the first try alone takes ten seconds.
TOLD_AFTER_MS = 2_500


@dataclass(frozen=True)
class Failure:
    """Why something was not done: a sentence for the person, and the refusal's reason where there is one."""

    words: str
    reason: str = ""
    # The path of the field that was wrong, when one was
    field: str = ""
    # Whether the request is kept, to be asked again: nobody knows whether it was done.
    kept: bool = False
    # Whether nothing was heard of the server
    unheard: bool = False


@dataclass
class _Asked:
    owner: QObject
    work: Work
    done: Callable[[Any], None]
    failed: Callable[[Failure], None]
    latest: tuple[int, str] | None
    number: int
    where: "queue.SimpleQueue[_Asked | None]"
    once: tuple[int, str] | None = None


_Outcome = Callable[[_Asked], None]


def failure_of(failed: CallFailed | BadInput | OSError, shop: Shop) -> Failure:
    """Why something failed, for the person who asked for it."""
    if isinstance(failed, BadInput):
        return Failure(failed.told(_))
    if isinstance(failed, OSError):
        return Failure(os_words(failed))
    words = sentence(failed, shop.describe, shop.client.connection.server)
    return Failure(words, failed.reason, failed.field, kept=failed.kept, unheard=not failed.settled)


def _broken(asked: _Asked) -> None:
    asked.failed(Failure(_("This is a fault of the program; what it wrote to its log helps to find it.")))


class Calls(QObject):
    """The calls of one program. Commands are made one after the other, beside them what only looks and what
    takes long.
    """

    # How many pieces of work are under way
    busy = Signal(int)
    # A failure that whoever asked does not show itself
    failed = Signal(Failure)
    # Why the command under way has no outcome yet, when it takes long; an empty one when it has
    unanswered = Signal(str)

    _begun = Signal()
    # A try of the command under way was in vain (str: why)
    _in_vain = Signal(str)
    _ended = Signal(object, object)

    def __init__(self, connection: Connection, patience: Patience | None = None) -> None:
        """Opens lines; nothing is sent yet. Raises BadInput."""
        super().__init__()
        self.connection = connection
        # Where it is asked who is there
        self.door = Door(connection)
        self._patience = patience
        self._reads: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._commands: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._long: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._newest: dict[tuple[int, str], int] = {}
        self._once: set[tuple[int, str]] = set()
        # Why the last try of the command under way was in vain, and what the person was told
        self._why_in_vain = ""
        self._why_unanswered = ""
        self._long_enough = QTimer(self)
        self._long_enough.setSingleShot(True)
        self._long_enough.setInterval(TOLD_AFTER_MS)
        self._long_enough.timeout.connect(self._tell_unanswered)
        self._begun.connect(self._long_enough.start)
        self._in_vain.connect(self._tried_in_vain)
        self._numbers = itertools.count(1)
        self._under_way = 0
        self._undone = 0
        self._closing = False
        self._edition = 0
        self._clients: list[Client] = []
        self._ended.connect(self._tell)
        self._threads = [
            self._thread(self._commands, patience or COMMAND_PATIENCE),
            self._thread(self._long, patience or Patience()),
        ]
        self._threads += [self._thread(self._reads, patience or READ_PATIENCE) for _ in range(READERS)]

    def look(
        self,
        owner: QObject,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None = None,
        *,
        latest: str = "",
    ) -> None:
        """Asks for something that changes nothing. Under one `latest` name only the newest tells."""
        self._ask(self._reads, owner, work, done, failed, latest)

    def do(
        self,
        owner: QObject,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None = None,
        *,
        once: str = "",
    ) -> bool:
        """Asks for something to be done; commands keep the order in which they were asked for, and each is
        asked until there is an answer.

        What has a name in `once` is not taken a second time while it is under way; False then.
        """
        key = (id(owner), once) if once else None
        if key in self._once:
            if self._why_unanswered:
                self.unanswered.emit(self._why_unanswered)
            return False
        if key is not None:
            self._once.add(key)
        self._ask(self._commands, owner, work, done, failed, "", once=key)
        return True

    def carry(
        self,
        owner: QObject,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None = None,
    ) -> None:
        """Asks for what takes long, like a large file to be sent: no other command waits for it."""
        self._ask(self._long, owner, work, done, failed, "")

    def settings_changed(self) -> None:
        """Has locations, couriers, accounts and settings read anew when they are next needed."""
        self._edition += 1

    def client(self, patience: Patience, log_in: LogIn) -> Client:
        """A line for a thread of its own."""
        told = self._asked_in_vain if patience is COMMAND_PATIENCE else None
        return Client(self.connection, RequestJournal(), patience, told, log_in)

    def acts_as(self, name: str) -> None:
        """Somebody else is at the window: what is asked from now on is theirs."""
        self.connection = replace(self.connection, actor=name)
        for client in self._clients:
            client.acts_as(name)

    @property
    def is_unanswered(self) -> bool:
        """Whether a command has had no outcome for long: the next ones wait for it."""
        return bool(self._why_unanswered)

    @property
    def waiting(self) -> int:
        """How many pieces of work are under way."""
        return self._under_way

    @property
    def undone(self) -> int:
        """How many things were asked to be done, or to be carried, and have no outcome yet."""
        return self._undone

    def close(self) -> None:
        """Ends the lines and the threads. A command that was sent stays in the journal; one that was not is
        dropped.
        """
        self._closing = True
        self.door.close()
        for _reader in range(READERS):
            self._reads.put(None)
        self._commands.put(None)
        self._long.put(None)
        for client in self._clients:
            client.close()
        for thread in self._threads:
            thread.join(2.0)

    def _ask(
        self,
        where: "queue.SimpleQueue[_Asked | None]",
        owner: QObject,
        work: Work,
        done: Callable[[Any], None],
        failed: Callable[[Failure], None] | None,
        latest: str,
        *,
        once: tuple[int, str] | None = None,
    ) -> None:
        number = next(self._numbers)
        key = (id(owner), latest) if latest else None
        if key is not None:
            self._newest[key] = number
        self._under_way += 1
        self._undone += where is not self._reads
        self.busy.emit(self._under_way)
        where.put(_Asked(owner, work, done, failed or self.failed.emit, key, number, where, once))

    def _thread(self, waiting: "queue.SimpleQueue[_Asked | None]", patience: Patience) -> threading.Thread:
        client = self.client(patience, self.door.ask_once if waiting is self._reads else self.door.ask)
        self._clients.append(client)
        return self._start(waiting, client)

    def _start(self, waiting: "queue.SimpleQueue[_Asked | None]", client: Client) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(waiting, client), name="calls", daemon=True)
        thread.start()
        return thread

    def _run(self, waiting: "queue.SimpleQueue[_Asked | None]", client: Client) -> None:
        shop, edition = Shop(client, Output(as_json=False)), 0
        while (asked := waiting.get()) is not None and not self._closing:
            if edition != self._edition:
                shop, edition = Shop(client, shop.output), self._edition
            shop.forget()
            outcome: _Outcome | None = _broken
            if client.patience is COMMAND_PATIENCE:
                self._begun.emit()
            try:
                outcome = None if self._outdated(asked) else self._outcome(asked.work, shop)
            finally:
                if outcome is _broken:
                    # A fault of ours ends this thread with a traceback in the log; another takes its place.
                    self._start(waiting, client)
                self._ended.emit(asked, outcome)

    def _asked_in_vain(self, failed: CallFailed, _pause_s: float) -> None:
        self._in_vain.emit(sentence(failed, "{} {}".format, self.connection.server))

    def _tried_in_vain(self, why: str) -> None:
        self._why_in_vain = why

    def _tell_unanswered(self) -> None:
        if self.door.is_asking:
            # The question stands before the person.
            return
        self._why_unanswered = self._why_in_vain or _("There is no answer yet.")
        self.unanswered.emit(self._why_unanswered)

    def _answered(self) -> None:
        self._why_in_vain = ""
        self._long_enough.stop()
        if self._why_unanswered:
            self._why_unanswered = ""
            self.unanswered.emit("")

    def _outdated(self, asked: _Asked) -> bool:
        return asked.latest is not None and self._newest.get(asked.latest) != asked.number

    def _outcome(self, work: Work, shop: Shop) -> "_Outcome":
        try:
            result = work(shop)
        except (CallFailed, BadInput, OSError) as failed:
            failure = failure_of(failed, shop)
            return lambda asked: asked.failed(failure)
        except ValueError:
            # What gRPC raises on a line that was closed; nobody is there to be told.
            if not self._closing:
                raise
            return lambda _asked: None
        return lambda asked: asked.done(result)

    def _tell(self, asked: _Asked, outcome: "_Outcome | None") -> None:
        self._under_way -= 1
        self._undone -= asked.where is not self._reads
        if asked.where is self._commands:
            self._answered()
        self.busy.emit(self._under_way)
        if asked.once is not None:
            self._once.discard(asked.once)
        if self._closing or outcome is None or self._outdated(asked) or not shiboken6.isValid(asked.owner):
            return
        if asked.latest is not None:
            del self._newest[asked.latest]
        outcome(asked)
