"""How long it takes from a scanner's last byte to the line in the cart.

    python -m bench.scanning
    python -m bench.scanning --scans 5000 --items 10000

Server and hardware agent are processes of their own, as an operator starts them; the scanner is a pseudo
terminal that the agent has open. A code goes over that line, the agent takes it apart and hands it over its
station's socket to the till, the till asks the server for the item, puts the line into the cart and asks
what the cart costs. Then the next code, as from a cashier who waits for the sound: `heard` is when the till
has the scan, `found` when the item is there, `priced` when the cart with its total is.
"""

import argparse
import os
import queue
import random
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from biip.checksums import gs1_standard_check_digit

from bench.hardware_agent import hardware_agent
from bench.kasir_server import KasirServer
from bench.measure import BenchError
from clients.common.client import Client
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from clients.common.problems import CallFailed
from clients.common.station import Station
from hardware.simulators.scanner import SimulatedScanner
from kasir.v1.catalogue_pb2 import (
    BatchCreateItemsRequest,
    BatchCreateItemsResponse,
    GetItemRequest,
    GetItemResponse,
    Item,
    Price,
)
from kasir.v1.common_pb2 import Money
from kasir.v1.hardware_pb2 import DEVICE_STATE_READY, ListDevicesRequest, ListDevicesResponse
from kasir.v1.stock_pb2 import LOCATION_KIND_SHOP, CreateLocationRequest, CreateLocationResponse, Location
from kasir.v1.till_pb2 import (
    CreateTillRequest,
    CreateTillResponse,
    OpenShiftRequest,
    OpenShiftResponse,
    QuoteTillSaleRequest,
    QuoteTillSaleResponse,
    Till,
    TillLineInput,
    TillSaleInput,
)

PATIENCE_S = 30.0
BATCH = 1_000
# A cart of this many lines is paid and a new one begun.
CART_LINES = 20
WARM_UP = 50
SEED = 20_261_127


def ean(number: int) -> str:
    """The EAN of the n-th item."""
    body = f"899{number:09d}"
    return body + str(gs1_standard_check_digit(body))


@dataclass(frozen=True, slots=True)
class Rung:
    """When a scan, its item and the price of its cart were there; `perf_counter` seconds."""

    heard: float
    found: float
    priced: float


class TillAtWork(threading.Thread):
    """A till: takes scans from the station until it is told to stop."""

    def __init__(self, client: Client, station: str, shift_id: int) -> None:
        super().__init__(name="till", daemon=True)
        self.rung: queue.Queue[Rung] = queue.Queue()
        self.ready = threading.Event()
        self._client, self._shift_id = client, shift_id
        self._station = Station(station)

    def run(self) -> None:
        """Scan, item, line, total."""
        lines: list[TillLineInput] = []
        try:
            for scan in self._station.scans(ready=self.ready.set):
                heard = perf_counter()
                reply = self._client.call(GetItemRequest(barcode=scan.code), GetItemResponse)
                found = perf_counter()
                line = TillLineInput(item_id=reply.item.item.item_id, quantity=1)
                lines = [*lines[-CART_LINES + 1 :], line]
                cart = TillSaleInput(shift_id=self._shift_id, lines=lines)
                self._client.call(QuoteTillSaleRequest(sale=cart), QuoteTillSaleResponse)
                self.rung.put(Rung(heard, found, perf_counter()))
        except (CallFailed, ValueError):
            return  # the line was closed under it

    def stop(self) -> None:
        """Ends it."""
        self._station.close()
        self.join()


def open_shop(client: Client, items: int) -> int:
    """A shop with so many items; returns the shift of its open till."""
    location = Location(code="TOKO", name="Toko", kind=LOCATION_KIND_SHOP)
    shop = client.call(CreateLocationRequest(location=location), CreateLocationResponse).location
    for first in range(0, items, BATCH):
        numbers = range(first, min(first + BATCH, items))
        made = [
            Item(
                sku=f"SKU-{number}",
                name=f"Barang nomor {number}",
                barcodes=[ean(number)],
                prices=[Price(price_list="retail", min_quantity=1, amount=idr(1_000 + number))],
            )
            for number in numbers
        ]
        client.call(BatchCreateItemsRequest(items=made), BatchCreateItemsResponse)
    till = Till(code="KASIR-1", location_id=shop.location_id)
    till_id = client.call(CreateTillRequest(till=till), CreateTillResponse).till.till_id
    opened = client.call(OpenShiftRequest(till_id=till_id, opening_cash=idr(0)), OpenShiftResponse)
    return opened.shift.shift_id


def idr(rupiah: int) -> Money:
    """An amount."""
    return Money(currency_code="IDR", minor_units=rupiah * 100)


def await_scanner(client: Client) -> None:
    """Waits until the agent has the scanner open, as the server sees it."""
    give_up = perf_counter() + PATIENCE_S
    while perf_counter() < give_up:
        devices = client.call(ListDevicesRequest(), ListDevicesResponse).devices
        if any(each.state == DEVICE_STATE_READY for each in devices):
            return
        sleep(0.05)
    raise BenchError("the agent never opened the scanner")


def measure(scans: int, items: int, pause_s: float) -> dict[str, list[float]]:
    """Milliseconds to the scan at the till, to the item and to the priced cart, of each scan."""
    # Each item once in a round: one that is scanned again within 300 ms is the same scan.
    order = random.Random(SEED).sample(range(items), items)
    times: dict[str, list[float]] = {"heard": [], "found": [], "priced": []}
    with tempfile.TemporaryDirectory(prefix="kasir-scanning-") as name, SimulatedScanner() as scanner:
        folder, station = Path(name), f"unix:{name}/station.sock"
        devices = f'station = "{station}"\n[[scanner]]\nname = "scanner"\nkind = "serial"\n'
        with (
            KasirServer(folder / "shop") as server,
            Client(Connection(server.target, "bench"), RequestJournal(folder / "state")) as client,
            hardware_agent(folder, server.target, f'{devices}port = "{scanner.path}"\n') as agent_log,
        ):
            till = TillAtWork(client, station, open_shop(client, items))
            till.start()
            till.ready.wait(PATIENCE_S)
            await_scanner(client)
            for number in range(scans + WARM_UP):
                sleep(pause_s)
                sent = perf_counter()
                scanner.scan(f"]E0{ean(order[number % items])}")
                try:
                    rung = till.rung.get(timeout=PATIENCE_S)
                except queue.Empty as error:
                    log = agent_log.read_text()[-2000:]
                    raise BenchError(f"a scan never reached the cart: {log}") from error
                if number >= WARM_UP:
                    times["heard"].append((rung.heard - sent) * 1000)
                    times["found"].append((rung.found - sent) * 1000)
                    times["priced"].append((rung.priced - sent) * 1000)
            till.stop()
    return times


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The median, the 99th percentile and the longest."""
    ordered = sorted(values)
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "max": ordered[-1],
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.scanning", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scans", type=int, default=1_000, help="scans measured (default %(default)s)")
    parser.add_argument("--items", type=int, default=10_000, help="items of the shop (default %(default)s)")
    parser.add_argument("--pause-ms", type=float, default=5.0, help="between scans (default %(default)s)")
    asked = parser.parse_args()
    print("load " + " ".join(f"{each:.2f}" for each in os.getloadavg()))
    for name, values in measure(asked.scans, asked.items, asked.pause_ms / 1000).items():
        figures = percentiles(values)
        print(f"{name:6}  " + "  ".join(f"{key} {value:6.2f} ms" for key, value in figures.items()))


if __name__ == "__main__":
    main()
