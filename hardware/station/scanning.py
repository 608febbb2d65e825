"""A scanner's thread: what is read goes to all who watch."""

import threading
import time
from collections.abc import Callable

from hardware.devices import READY, PrinterStatus, unreachable
from hardware.scanners import Scan, Scanner
from hardware.station.watching import Watchers
from kasir.v1 import station_pb2

# How soon it is seen that a scanner is gone, or that the agent stops.
_READ_S = 0.25


class ScannerThread(threading.Thread):
    """Reads one scanner until the agent stops. `told` hears how it is, `say` what nobody watched for."""

    def __init__(
        self,
        name: str,
        scanner: Scanner,
        watchers: Watchers[station_pb2.Scan],
        told: Callable[[PrinterStatus], None],
        stopping: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"scanner {name}", daemon=True)
        self.device = name
        self._scanner = scanner
        self._watchers = watchers
        self._told = told
        self._stopping = stopping
        self._say = say

    def run(self) -> None:
        """The thread."""
        while not self._stopping.is_set():
            scan = self._scanner.read(_READ_S)
            if scan is not None and not self._watchers.tell(message(self.device, scan), self.device):
                self._say(f"{self.device}: {scan.raw!r} was read and no program watches: it is lost")
            trouble = self._scanner.trouble
            self._told(unreachable(trouble) if trouble else READY)
        self._scanner.close()


def message(scanner: str, scan: Scan) -> station_pb2.Scan:
    """A scan that was read now, as the contract has it."""
    made = station_pb2.Scan(
        scanner=scanner,
        raw=scan.raw,
        symbology_identifier=scan.symbology_identifier,
        symbology=_symbology(scan),
        code=scan.code,
        gtin=scan.gtin,
        sscc=scan.sscc,
        batch=scan.batch,
        serial=scan.serial,
        expiry_date=scan.expiry.isoformat() if scan.expiry else "",
        count=scan.count,
        weight_grams=scan.weight_grams,
        price=scan.price,
        problem=scan.problem,
    )
    made.time.FromNanoseconds(time.time_ns())
    return made


def _symbology(scan: Scan) -> station_pb2.Symbology.ValueType:
    name = "UNSPECIFIED" if scan.symbology.name == "UNKNOWN" else scan.symbology.name
    return station_pb2.Symbology.Value(f"SYMBOLOGY_{name}")
