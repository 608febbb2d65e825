"""What a shop's size costs: one that grows order by order, measured at each size.

    python -m bench growth --orders 10000,100000,1000000 --items 10000

At each size: rate and p99 of bookings in-process, bytes an order, the server's start after a clean stop and
after kill -9 in the middle of a load, its own memory (the file's pages in the page cache aside), and the
report of the day. All in a process of its own, since the shop's size is the whole module's.
"""

import asyncio
import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from uvloop import new_event_loop

from bench import in_process, loader, work
from bench.http2 import Connection, unary
from bench.kasir_server import ROOT, KasirServer
from bench.machine import IN_MEMORY, file_system
from bench.measure import BenchError, median
from bench.work import ACTOR, BATCH_CREATE_BOOKINGS, Kind, Spread
from engine import Engine
from engine.inspect import opened
from kasir.v1 import booking_pb2, report_pb2

GET_DAY_REPORT = "/kasir.v1.ReportService/GetDayReport"
FILL_BATCH = 200
FILLS_IN_FLIGHT = 8
# Made once and sent over and over, under new request ids.
FILL_BODIES = 50
WARM_UP_S = 0.5
LOAD_S = 1.0
CALLS_AT_THE_KILL = 64
REPORTS = 30
# What growth may cost.
LEAST_RATE_KEPT = 0.8
MOST_START_S = 1.0
MOST_MEMORY_MIB = 300.0
MOST_REPORT_MS = 5.0
# To see beforehand whether the disk has room.
BYTES_PER_ORDER = 5_000


@dataclass(frozen=True)
class Task:
    """Where, how large, how long a size is measured."""

    store: str
    items: int
    orders: list[int]
    seconds: float

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Size:
    """What was found at one size."""

    orders: int
    items: int
    fill_per_s: float
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    bytes_per_order: float
    # From the start of the server's process to its first line, Python's own start included.
    start_clean_s: float
    start_killed_s: float
    # The engine alone, after a clean stop.
    open_s: float
    # Of a server that has answered some load; the page cache aside.
    memory_mib: float
    day_report_ms: float


def in_child(task: Task) -> list[Size]:
    """Runs it in a process of its own, whose progress goes to our stderr."""
    folder = Path(task.store).parent
    needed = max(task.orders) * BYTES_PER_ORDER
    if shutil.disk_usage(folder).free < needed:
        raise BenchError(f"{folder} has no room for {max(task.orders):,} orders: {needed >> 30} GiB.")
    if file_system(folder) in IN_MEMORY:
        raise BenchError(f"{folder} is in memory. Name a folder on a disk with --scratch.")
    command = [sys.executable, "-m", "bench.growth", task.to_json()]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if child.returncode:
        raise BenchError("growth was not measured, see above.")
    return [Size(**row) for row in json.loads(child.stdout)]


def run(task: Task) -> list[Size]:
    """Makes the shop, lets it grow, measures it at each size, prints how far it is to stderr."""
    work.ITEMS = task.items
    store = Path(task.store)
    for _percent in work.seed_store(store):
        continue
    made, found = 0, []
    for orders in sorted(task.orders):
        print(f"growing to {orders:,} orders", file=sys.stderr, flush=True)
        found.append(_measure(task, store, made, orders))
        made = orders
    return found


def _bytes(store: Path) -> int:
    """Of all tables' pages; those that wait to be used again do not count."""
    with opened(store) as found:
        return sum(found.pages_bytes(table) for table in found.tables)


def _measure(task: Task, store: Path, made: int, orders: int) -> Size:
    before = _bytes(store)
    with Engine.open(store) as engine:
        begins = perf_counter()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_fill(engine, orders - made))
        took = perf_counter() - begins
    grown = _bytes(store) - before
    begins = perf_counter()
    with Engine.open(store) as engine:
        open_s = perf_counter() - begins
        report_ms = _day_report_ms(engine)
    measured = in_process.run(
        in_process.Task(str(store), "asyncio", Kind.BOOKING, Spread.UNIFORM, 64, WARM_UP_S, task.seconds)
    )
    clean_s, killed_s, memory_mib = _starts(store)
    return Size(
        orders=orders,
        items=task.items,
        fill_per_s=round((orders - made) / took, 1),
        rate_per_s=round(measured.rate_per_s, 1),
        p50_ms=round(measured.p50_ms, 3),
        p99_ms=round(measured.p99_ms, 3),
        bytes_per_order=round(grown / max(1, orders - made), 1),
        start_clean_s=round(clean_s, 3),
        start_killed_s=round(killed_s, 3),
        open_s=round(open_s, 4),
        memory_mib=round(memory_mib, 1),
        day_report_ms=round(report_ms, 3),
    )


async def _fill(engine: Engine, orders: int) -> None:
    """Books so many orders, in batches."""
    chance = random.Random(orders)
    bodies = [work.bookings(chance, FILL_BATCH) for _ in range(FILL_BODIES)]
    ids = work.Ids()
    left = orders

    async def filler() -> None:
        nonlocal left
        while left > 0:
            batch = min(FILL_BATCH, left)
            left -= batch
            body = chance.choice(bodies) if batch == FILL_BATCH else work.bookings(chance, batch)
            # A field that comes again counts: the id behind is the one that is read.
            request = body + b"\x0a\x24" + ids.next()
            reply = await engine.submit(BATCH_CREATE_BOOKINGS, request, ACTOR)
            results = booking_pb2.BatchCreateBookingsResponse.FromString(reply).results
            if refused := [each.error.message for each in results if each.HasField("error")]:
                raise BenchError(f"{len(refused)} of {batch} bookings were refused: {refused[0]}")

    await asyncio.gather(*(filler() for _ in range(FILLS_IN_FLIGHT)))


def _day_report_ms(engine: Engine) -> float:
    request = report_pb2.GetDayReportRequest().SerializeToString()
    times: list[float] = []
    for _ in range(REPORTS):
        begins = perf_counter()
        engine.query(GET_DAY_REPORT, request)
        times.append(perf_counter() - begins)
    return median(times) * 1_000


def _starts(store: Path) -> tuple[float, float, float]:
    """Seconds to start after a clean stop and after kill -9 under load, and MiB of memory after a load."""
    begins = perf_counter()
    with KasirServer(store) as server:
        clean_s = perf_counter() - begins
        kind, spread = Kind.BOOKING, Spread.UNIFORM
        loader.run(loader.Task(server.port, server.pid, kind, spread, 64, 8, WARM_UP_S, LOAD_S))
        memory_mib = _own_memory_mib(server.pid)
        _send(server.port, work.Requests(kind, spread))
        server.kill()
    begins = perf_counter()
    with KasirServer(store) as again:
        killed_s = perf_counter() - begins
        # It does not only say that it serves.
        unary(loader.HOST, again.port, GET_DAY_REPORT, ACTOR, b"")
    return clean_s, killed_s, memory_mib


def _send(port: int, requests: work.Requests) -> None:
    """Calls that nobody waits for."""
    connection = Connection(loader.HOST, port, requests.method, ACTOR)
    for _ in range(CALLS_AT_THE_KILL):
        connection.call(requests.next(), perf_counter())
    connection.flush()


def _own_memory_mib(pid: int) -> float:
    """Memory of a process that is no file's."""
    found = re.search(r"^RssAnon:\s*(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@dataclass(frozen=True)
class Verdict:
    """What growth may cost, what it did, and whether that is within it."""

    name: str
    needed: str
    found: str
    reached: bool


def verdicts(sizes: list[Size]) -> list[Verdict]:
    """The largest size against the smallest, and against what was to be reached."""
    first, last = sizes[0], sizes[-1]
    kept = last.rate_per_s / first.rate_per_s
    start_s = max(last.start_clean_s, last.start_killed_s)
    name = f"rate at {last.orders:,} orders over that at {first.orders:,}"
    return [
        Verdict(name, f"≥ {LEAST_RATE_KEPT:g}", f"{kept:.2f}", kept >= LEAST_RATE_KEPT),
        Verdict(
            "start, clean or killed, in s", f"≤ {MOST_START_S:g}", f"{start_s:.2f}", start_s <= MOST_START_S
        ),
        Verdict(
            "memory in MiB, page cache aside",
            f"≤ {MOST_MEMORY_MIB:g}",
            f"{last.memory_mib:.0f}",
            last.memory_mib <= MOST_MEMORY_MIB,
        ),
        Verdict(
            "day report in ms",
            f"≤ {MOST_REPORT_MS:g}",
            f"{last.day_report_ms:.2f}",
            last.day_report_ms <= MOST_REPORT_MS,
        ),
    ]


def main() -> None:
    """The process's body."""
    task = Task(**json.loads(sys.argv[1]))
    try:
        sizes = run(task)
    except BenchError as error:
        sys.exit(f"growth: {error}")
    print(json.dumps([asdict(size) for size in sizes]))


if __name__ == "__main__":
    main()
