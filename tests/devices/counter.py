"""A counter whose devices are simulated: the agent's file that describes them, and a station before them."""

import threading
from pathlib import Path

from clients.common.problems import CallFailed
from clients.common.station import Station as Line
from hardware.agent.board import Board
from hardware.agent.config import AgentConfig, read
from hardware.displays.commands import EPSON
from hardware.simulators.display import SimulatedDisplay
from hardware.simulators.scales import SimulatedToledo
from hardware.simulators.scanner import SimulatedScanner
from hardware.station.running import Station
from kasir.v1.station_pb2 import Scan

FILE = """\
name = "counter"
probe_s = 0.2
station = "unix:{folder}/run/s.sock"

[[in_store_code]]
pattern = "20IIIIIWWWWWC"

[[in_store_code]]
pattern = "22IIIIIPPPPPC"
unit = 100

[[scanner]]
name = "scanner"
kind = "serial"
port = "{folder}/tty-scanner"

[[display]]
name = "display"
kind = "epson"
port = "{folder}/tty-display"

[[scale]]
name = "scale"
kind = "toledo"
port = "{folder}/tty-scale"
data_bits = 8
parity = "none"
"""


class Counter:
    """The devices, and their file. `more` is appended to it."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.scanner = SimulatedScanner(folder / "tty-scanner")
        self.display = SimulatedDisplay(EPSON, folder / "tty-display")
        self.scale = SimulatedToledo(folder / "tty-scale")
        self.file = folder / "hardware.toml"
        self.file.write_text(FILE.format(folder=folder) + more)

    @property
    def config(self) -> AgentConfig:
        """The file as the agent reads it."""
        return read(self.file, "counter")

    @property
    def address(self) -> str:
        """Where the station is."""
        return self.config.station

    @property
    def shown(self) -> tuple[str, str]:
        """What stands on the display, without the blanks behind it."""
        top, bottom = self.display.glass.lines
        return top.rstrip(), bottom.rstrip()

    def close(self) -> None:
        """Takes the devices away."""
        for device in (self.scanner, self.display, self.scale):
            device.close()


class Served:
    """A station in this process. `said` is what it told people, `board` how the devices are."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.said: list[str] = []
        config = counter.config
        self.board = Board(tuple(each.name for each in config.devices), self.said.append)
        self._stopping = threading.Event()
        self._station = Station(config, self.board, self._stopping, self.said.append)
        self._station.start()

    def condition(self, name: str) -> str:
        """How a device is, in words."""
        status = next(each.status for each in self.board.all() if each.name == name)
        return f"{status.condition} {status.detail}".strip()

    @property
    def is_whole(self) -> bool:
        """Whether all its threads live."""
        return all(thread.is_alive() for thread in self._station.threads)

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._station.stop()


class Watching:
    """A program that watches scans, from when it is sure to miss none."""

    def __init__(self, address: str, scanner: str = "") -> None:
        self.scans: list[Scan] = []
        self.begun = 0
        self._changed = threading.Condition()
        self._line = Line(address)
        self._scanner = scanner
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for scan in self._line.scans(self._scanner, self._ready):
                with self._changed:
                    self.scans.append(scan)
                    self._changed.notify_all()
        except (CallFailed, ValueError):
            return  # the line was closed under it

    def _ready(self) -> None:
        with self._changed:
            self.begun += 1
            self._changed.notify_all()

    def await_begun(self, times: int, timeout_s: float) -> None:
        """Waits until it watches, for the so manieth time."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.begun >= times, timeout_s)

    def await_scans(self, count: int, timeout_s: float) -> list[Scan]:
        """Waits until so many have come; all of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.scans) >= count, timeout_s), self.scans
            return list(self.scans)

    def close(self) -> None:
        """Ends it."""
        self._line.close()
