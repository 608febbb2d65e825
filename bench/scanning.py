"""How long it takes from a scanner's last byte to the line in the cart.

    python -m bench.scanning
    python -m bench.scanning --scans 5000 --items 10000

The server is a process of its own, as an operator starts it; the scanner is a pseudo terminal that the
till's driver has open. A code goes over that line, the driver takes it apart, the server is asked for the
item, the line is put into the cart, and the server is asked what the cart costs. Then the next code, as
from a cashier who waits for the sound: `found` is when the item is there, `priced` when the cart with its
total is.
"""

import argparse
import queue
import random
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from biip.checksums import gs1_standard_check_digit

from bench.kasir_server import KasirServer
from bench.measure import BenchError
from clients.common.client import Client
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from hardware.scanners.serial_scanner import SerialScanner
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
    """When an item was there and when its cart was priced; `perf_counter` seconds."""

    found: float
    priced: float


class TillAtWork(threading.Thread):
    """A till: reads scans until it is told to stop."""

    def __init__(self, client: Client, port: str, shift_id: int) -> None:
        super().__init__(name="till", daemon=True)
        self.rung: queue.Queue[Rung] = queue.Queue()
        self.ready = threading.Event()
        self._client, self._shift_id = client, shift_id
        self._scanner = SerialScanner(port)
        self._ended = threading.Event()

    def run(self) -> None:
        """Scan, item, line, total."""
        lines: list[TillLineInput] = []
        self._scanner.read(0)
        self.ready.set()
        while not self._ended.is_set():
            scan = self._scanner.read(0.5)
            if scan is None:
                continue
            reply = self._client.call(GetItemRequest(barcode=scan.code), GetItemResponse)
            found = perf_counter()
            lines = [*lines[-CART_LINES + 1 :], TillLineInput(item_id=reply.item.item.item_id, quantity=1)]
            cart = TillSaleInput(shift_id=self._shift_id, lines=lines)
            self._client.call(QuoteTillSaleRequest(sale=cart), QuoteTillSaleResponse)
            self.rung.put(Rung(found, perf_counter()))

    def stop(self) -> None:
        """Ends it."""
        self._ended.set()
        self.join()
        self._scanner.close()


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


def measure(scans: int, items: int, pause_s: float) -> tuple[list[float], list[float]]:
    """Milliseconds to the item and to the priced cart, of each scan."""
    # Each item once in a round: one that is scanned again within 300 ms is the same scan.
    order = random.Random(SEED).sample(range(items), items)
    to_item, to_cart = [], []
    with tempfile.TemporaryDirectory(prefix="kasir-scanning-") as folder:
        journal = RequestJournal(Path(folder) / "state")
        with (
            KasirServer(Path(folder) / "shop") as server,
            Client(Connection(server.target, "bench"), journal) as client,
        ):
            shift_id = open_shop(client, items)
            wire = SimulatedScanner()
            till = TillAtWork(client, wire.path, shift_id)
            till.start()
            till.ready.wait(PATIENCE_S)
            for number in range(scans + WARM_UP):
                sleep(pause_s)
                code = f"]E0{ean(order[number % items])}"
                sent = perf_counter()
                wire.scan(code)
                try:
                    rung = till.rung.get(timeout=PATIENCE_S)
                except queue.Empty as error:
                    raise BenchError("a scan never reached the cart") from error
                if number >= WARM_UP:
                    to_item.append((rung.found - sent) * 1000)
                    to_cart.append((rung.priced - sent) * 1000)
            till.stop()
            wire.close()
    return to_item, to_cart


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
    found, priced = measure(asked.scans, asked.items, asked.pause_ms / 1000)
    for name, values in (("found", found), ("priced", priced)):
        figures = percentiles(values)
        print(f"{name:6}  " + "  ".join(f"{key} {value:6.2f} ms" for key, value in figures.items()))


if __name__ == "__main__":
    main()
