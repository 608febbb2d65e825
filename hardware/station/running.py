"""The station put together: a thread for each scanner, display and scale, and the service before them."""

import threading
from collections.abc import Callable
from functools import partial

from hardware.agent.board import Board
from hardware.agent.config import AgentConfig
from hardware.agent.receipts import Receipts
from hardware.station.scanning import ScannerThread
from hardware.station.service import StationServer, StationService
from hardware.station.showing import DisplayThread
from hardware.station.watching import Watchers
from hardware.station.weighing import ScaleThread
from kasir.v1 import station_pb2

# A thread that asks a device looks after so long whether it is to stop.
_STOP_S = 3.0


class Station:
    """`start`, then `stop` once. Without devices it is nothing."""

    def __init__(
        self,
        config: AgentConfig,
        board: Board,
        stopping: threading.Event,
        say: Callable[[str], None],
        receipts: Receipts | None = None,
    ) -> None:
        """Listens. Raises StationInUseError, OSError."""

        def told(name: str) -> Callable[..., None]:
            return partial(board.tell, name)

        scans: Watchers[station_pb2.Scan] = Watchers()
        scanners = [
            ScannerThread(each.name, each.scanner, scans, told(each.name), stopping, say)
            for each in config.scanners
        ]
        displays = [
            DisplayThread(each.name, each.display, told(each.name), stopping) for each in config.displays
        ]
        self._scales = [
            ScaleThread(each.name, each.scale, told(each.name), stopping, config.probe_s)
            for each in config.scales
        ]
        self.threads: tuple[threading.Thread, ...] = (*scanners, *displays, *self._scales)
        service = StationService(
            {each.device: each for each in scanners},
            {each.device: each for each in displays},
            {each.device: each for each in self._scales},
            scans,
            receipts,
        )
        self._server = StationServer(config.station, service) if config.has_station else None

    def start(self) -> None:
        """Starts all threads."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Ends, after whoever set `stopping`."""
        for scale in self._scales:
            scale.wake()
        if self._server is not None:
            self._server.close()
        for thread in self.threads:
            thread.join(_STOP_S)
