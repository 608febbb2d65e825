"""How long a till takes to know 100,000 items, to find one, and to have a sale on its disk.

    python -m bench.till
    python -m bench.till --items 10000

The server is a process of its own with a catalogue of its own making. Figures: the catalogue brought to an
empty till (cold from the server), a till started on the copy it has (cold from the disk, up to its first
search by name), what is found by barcode, code and name, and a sale without the line, synced, before its
receipt could be printed.
"""

import argparse
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grpc

from bench.kasir_server import KasirServer
from clients.common.connection import Connection
from clients.till.cart import Permission
from clients.till.catalogue import Catalogue
from clients.till.line import till_client
from clients.till.store import Store
from clients.till.till import Till, open_till
from kasir.v1 import catalogue_pb2
from tests.server.support import idr, new_id
from tests.till.world import CODE, TillShop, cart, cash

BATCH = 1_000
# What is sold: a kind, a maker, a size; as repetitive as shops' names are.
KINDS = (
    "Kopi",
    "Teh",
    "Gula",
    "Beras",
    "Minyak goreng",
    "Sabun mandi",
    "Mie instan",
    "Susu",
    "Kecap manis",
    "Keripik",
)
MAKERS = (
    "Melati",
    "Cap Gajah",
    "Nusantara",
    "Bintang",
    "Sinar",
    "Makmur",
    "Jaya",
    "Sejahtera",
    "Merapi",
    "Kartika",
)
SIZES = ("50 g", "100 g", "250 g", "500 g", "1 kg", "200 ml", "600 ml", "1 L", "isi 5", "isi 12")


def barcode(number: int) -> str:
    """An EAN-13 of the shop's own range."""
    digits = f"899{number:09}"
    total = sum(int(digit) * (1 + 2 * (index % 2)) for index, digit in enumerate(digits))
    return digits + str(-total % 10)


def name(number: int) -> str:
    kind, maker, size = (
        words[(number // step) % 10] for words, step in ((KINDS, 1), (MAKERS, 10), (SIZES, 100))
    )
    return f"{kind} {maker} {size} rasa {number // 1_000}"


def fill_server(channel: grpc.Channel, items: int) -> TillShop:
    """A shop with so many items and a till."""
    shop = TillShop(channel, stock=1_000_000)
    for start in range(0, items, BATCH):
        made = [
            catalogue_pb2.Item(
                sku=f"SKU-{number:06}",
                name=name(number),
                category=KINDS[number % 10],
                barcodes=[barcode(number)],
                tax_class_id=shop.included,
                prices=[catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(1_000 + number))],
            )
            for number in range(start, min(start + BATCH, items))
        ]
        request = catalogue_pb2.BatchCreateItemsRequest(request_id=new_id(), items=made)
        assert not any(
            result.HasField("error") for result in shop.catalogue.BatchCreateItems(request).results
        )
    return shop


def timed(calls: Iterator[Callable[[], object]]) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for call in calls:
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1_000)
    return sorted(times)


def told(what: str, times: Sequence[float], bound_ms: float | None = None) -> None:
    p50, p99, most = statistics.median(times), times[int(len(times) * 0.99)], times[-1]
    bound = f"  (at most {bound_ms:g} ms)" if bound_ms else ""
    print(f"{what:<44} p50 {p50:8.3f} ms   p99 {p99:8.3f} ms   max {most:8.3f} ms{bound}", flush=True)


def measure_catalogue(till: Till, state: Path, items: int, chance: random.Random) -> None:
    begun, cpu = time.perf_counter(), time.process_time()
    found = till.catalogue.refresh(till.client)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"{found.items} items from the server to the disk: {took:.2f} s  (at most 3 s)")
    print(f"  of that the till's own work {cpu:.2f} s; its memory at most {peak:.0f} MB")
    till.store.close()

    begun = time.perf_counter()
    store = Store(state)
    copy = Catalogue(store)
    assert copy.by_code(barcode(items - 1)) is not None
    scanned = time.perf_counter() - begun
    assert copy.search("kopi melati")
    print(
        f"started on the copy: first scan after {scanned * 1_000:.1f} ms, "
        f"first search by name after {(time.perf_counter() - begun) * 1_000:.1f} ms  (at most 3 s)"
    )

    numbers = [chance.randrange(items) for _ in range(2_000)]
    told("found by barcode", timed(lambda n=n: copy.by_code(barcode(n)) for n in numbers), 20)
    told("found by code", timed(lambda n=n: copy.by_code(f"SKU-{n:06}") for n in numbers), 20)
    told("found by name, all its words", timed(lambda n=n: copy.search(name(n)) for n in numbers[:500]), 20)
    for words in (
        "kopi",
        "k",
        "kopi melati",
        "melati 250 rasa",
        "rasa zzz",
        "teh sinar rasa 99",
        "gula kopi",
    ):
        told(f"found by '{words}'", timed(lambda each=words: copy.search(each) for _ in range(100)), 20)
    store.close()


def measure_sales(till: Till, shop: TillShop, sales: int) -> None:
    till.stay_offline()
    allowed = Permission("bench")
    made = [cart((shop.kopi, 1), (shop.gula, 2)) for _ in range(sales)]
    calls = (lambda each=each: till.sell(each, cash(10_000_000), beyond_lease=allowed) for each in made)
    told(f"{sales} sales without the line, on the disk", timed(calls))
    till.line_is_back()
    begun = time.perf_counter()
    sent = till.send()
    took = time.perf_counter() - begun
    print(f"{sent.done} sent when it is back: {took:.2f} s, {sent.done / took:.0f} a second")
    online = [cart((shop.kopi, 1), (shop.gula, 2)) for _ in range(200)]
    told(
        "sales with the line up",
        timed(lambda each=each: till.sell(each, cash(10_000_000)) for each in online),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--sales", type=int, default=500)
    options = parser.parse_args()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="kasir-bench-") as folder, KasirServer(Path(folder)) as server:
        with grpc.insecure_channel(server.target) as channel:
            shop = fill_server(channel, options.items)
        client = till_client(Connection(server.target, "bench"), timeout_s=60.0)
        till = open_till(Path(folder), client, CODE)
        directory = till.store.directory
        measure_catalogue(till, directory, options.items, chance)
        till = open_till(Path(folder), client, CODE)
        till.open_shift(idr(0))
        measure_sales(till, shop, options.sales)
        till.store.close()


if __name__ == "__main__":
    sys.exit(main())
