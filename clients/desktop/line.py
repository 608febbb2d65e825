"""The line to the server: whether it stands, and what changes behind it."""

import threading
from collections import defaultdict
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import AT_THE_DOOR, CallFailed
from clients.desktop.refusals import sentence
from kasir.v1.watch_pb2 import Resource, WatchRequest, WatchResponse

FROM_NOW = -1
# A server that is back is found again this soon.
PATIENCE = Patience(tries=4, pause_max_s=1.0)
# Who was not let in may be by then: somebody logs in, or a role is given.
REFUSED_PAUSE_S = 15.0
# Changes that come within this time are told together: a thousand sales are one look, not a thousand.
GATHER_MS = 60


Changes = dict[Resource.ValueType, set[int]]


class Line(QObject):
    """Follows the server's journal on a thread of its own; a line that broke goes on where it stopped, and so
    does one that is let in again.
    """

    # True: connected. False: looking for the server.
    stands = Signal(bool)
    # Ids by kind of thing (Changes)
    changed = Signal(object)
    # What changed is not known: look at everything again.
    missed = Signal()
    # The server will not have us watch, and why
    refused = Signal(str)

    _heard = Signal()
    _state = Signal(bool)

    def __init__(self, connection: Connection, log_in: Callable[[Client], bool] | None = None) -> None:
        """Opens the line; `start` begins to follow. `log_in` as of `Client`. Raises BadInput."""
        super().__init__()
        self.connected = False
        self._client = Client(connection, None, PATIENCE, self._stumbled, log_in)
        self._server = connection.server
        self._lock = threading.Lock()
        self._gathered: defaultdict[Resource.ValueType, set[int]] = defaultdict(set)
        self._told = True
        self._seen = False
        self._closing = False
        self._again = threading.Event()
        self._compacted = False
        self._is_refused = False
        self._heard.connect(self._gather)
        self._state.connect(self._set_state)
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def start(self) -> None:
        """Begins to follow, from now on."""
        self._thread.start()

    def acts_as(self, name: str) -> None:
        """Somebody is logged in: follows as they may, at once where it was refused."""
        self._client.acts_as(name)
        self._again.set()

    def close(self) -> None:
        """Ends the line."""
        self._closing = True
        self._again.set()
        self._client.close()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        request = WatchRequest(start_revision=FROM_NOW)
        while self._followed(request) in AT_THE_DOOR and not self._closing:
            self._again.wait(REFUSED_PAUSE_S)
            self._again.clear()

    def _followed(self, request: WatchRequest) -> str:
        """Takes what changes until the server will not have us watch: the reason, which is told once."""
        try:
            for reply in self._client.watch(request, WatchResponse, restart_revision=FROM_NOW):
                self._is_refused = False
                self._state.emit(True)
                if reply.records or self._compacted:
                    self._take(reply)
        except CallFailed as failed:
            if not self._closing:
                self._refuse(failed)
            return failed.reason
        except ValueError:
            # What gRPC raises on a line that was closed.
            if not self._closing:
                raise
        return ""

    def _refuse(self, failed: CallFailed) -> None:
        self._state.emit(False)
        if not self._is_refused:
            self._is_refused = True
            self.refused.emit(sentence(failed, lambda kind, ident: f"{kind} {ident}", self._server))

    def _take(self, reply: WatchResponse) -> None:
        with self._lock:
            for record in reply.records:
                for change in record.changes:
                    self._gathered[change.resource].add(change.id)
            tell, self._told = self._told, False
        if tell:
            self._heard.emit()

    def _stumbled(self, failed: CallFailed, _pause_s: float) -> None:
        self._compacted = self._compacted or failed.reason == "REVISION_COMPACTED"
        self._state.emit(False)

    def _gather(self) -> None:
        QTimer.singleShot(GATHER_MS, self, self._tell)

    def _tell(self) -> None:
        with self._lock:
            gathered: Changes = dict(self._gathered)
            self._gathered.clear()
            self._told = True
            compacted, self._compacted = self._compacted, False
        if compacted:
            self.missed.emit()
        elif gathered:
            self.changed.emit(gathered)

    def _set_state(self, connected: bool) -> None:
        first, self._seen = not self._seen, True
        if connected != self.connected or first:
            self.connected = connected
            self.stands.emit(connected)
