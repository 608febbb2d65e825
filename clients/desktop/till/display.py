"""The customer's display, by the station of this machine's agent. One that is not there is no matter."""

import queue
import threading

from PySide6.QtCore import QObject, Signal

from clients.common.problems import CallFailed
from clients.common.station import Station
from kasir.v1.common_pb2 import Money
from kasir.v1.station_pb2 import DisplayLine

Lines = tuple[DisplayLine, DisplayLine]


class CustomerDisplay(QObject):
    """Shows the newest lines on a thread of its own; what was to be shown before is forgotten."""

    # The display took the lines, or not and why
    showed = Signal(str)

    def __init__(self, address: str, parent: QObject) -> None:
        """Raises BadInput for no address of a station."""
        super().__init__(parent)
        self._station = Station(address)
        self._waiting: queue.SimpleQueue[Lines | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="customer display", daemon=True)
        self._thread.start()

    def show_lines(
        self, top: str, bottom: str = "", *, price: Money | None = None, sum_: Money | None = None
    ) -> None:
        """Two lines, each with an amount at its right where one is given."""
        self._waiting.put(
            (DisplayLine(text=top[:200], amount=price), DisplayLine(text=bottom[:200], amount=sum_))
        )

    def close(self) -> None:
        """Ends it."""
        self._closing = True
        self._waiting.put(None)
        self._station.close()
        self._thread.join(2.0)

    def _run(self) -> None:
        while (lines := self._waiting.get()) is not None:
            while not self._waiting.empty():
                newer = self._waiting.get()
                if newer is None:
                    return
                lines = newer
            try:
                self.showed.emit(self._station.show(*lines))
            except CallFailed as failed:
                self.showed.emit(failed.message)
            except ValueError:
                # What gRPC raises on a line that was closed.
                if not self._closing:
                    raise
