"""What a shop's size costs: shops of the same trade, each older and so larger than the one before, measured.

    python -m bench growth --orders 10000,100000,1000000 --items 10000

A shop is made by an example of the store (`engine_rs/store/examples/years`): its orders are booked, paid and
sold, cancelled or left to expire, 20,000 a day, up to the present. So few are open, however many there are.

At each size: rate and p99 of bookings in-process, side by side with fresh copies of the smallest shop, so
that what else the machine does counts for both, and of shops that have been at work for a while; the size of
the file; the server's start after a clean stop and after kill -9 in the middle of a load; its own memory (the
file's pages in the page cache aside); the report of the day. All in a process of its own, since the shop's
size is the whole module's.

Ten million orders take an hour to make: with --keep the shops stay in --scratch, and the next run measures
them again, each a little older for the bookings that were measured.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, time_ns
from uuid import uuid4

import lmdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

from bench import in_process, loader, work
from bench.http2 import Connection, unary
from bench.kasir_server import ROOT, KasirServer
from bench.machine import IN_MEMORY, file_system, own_memory_mib
from bench.measure import BenchError, Sample, median
from bench.work import ACTOR, Kind, Spread
from engine import Engine
from engine.inspect import DATA_FILE
from kasir.v1 import reconciliation_pb2, report_pb2

GET_DAY_REPORT = "/kasir.v1.ReportService/GetDayReport"
CREATE_BANK_ACCOUNT = "/kasir.v1.ReconciliationService/CreateBankAccount"
PROGRAM = (
    "cargo",
    "run",
    "--release",
    "--locked",
    "--quiet",
    "-p",
    "kasir-store",
    "--example",
    "years",
    "--",
)
# One of ten orders is a new customer's; a shop knows so many at least. As in the program.
ORDERS_PER_CUSTOMER = 10
CUSTOMERS_LEAST = 10_000
# Times that each size and the smallest are measured, one after the other, and that each start is timed.
ROUNDS = 3
STARTS = 3
WARM_UP_S = 0.5
# So long a shop is at work before its rate is measured: at first each page that it looks up is mapped anew.
AT_WORK_S = 15.0
LOAD_S = 1.0
CALLS_AT_THE_KILL = 64
REPORTS = 30
# What bookings look up all over the shop, and a shop at work has in memory: a small part of its file.
LOOKED_UP = (
    "items",
    "stocks",
    "item_flows",
    "customers",
    "keys",
    "codes",
    "orders_by_customer",
    "payables",
)
# What growth may cost.
LEAST_RATE_KEPT = 0.8
MOST_START_S = 1.0
MOST_MEMORY_MIB = 300.0
MOST_REPORT_MS = 5.0
# To see beforehand whether the disk has room: of an order, and of an item.
BYTES_PER_ORDER = 4_500
BYTES_PER_ITEM = 1_000


@dataclass(frozen=True)
class Task:
    """In which folder, how large, how long a size is measured; whether shops stay, to be used again."""

    folder: str
    items: int
    orders: list[int]
    seconds: float
    keep: bool = False

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Size:
    """What was found at one size."""

    orders: int
    items: int
    # Orders that went through the shop in a second when it was made.
    made_per_s: float
    # Orders that are not paid, or not sold.
    open: int
    # Bookings a second, beside those of the smallest shop: the median of the rounds' ratios.
    rate_per_s: float
    rate_kept: float
    p50_ms: float
    p99_ms: float
    file_mib: float
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
    folder = Path(task.folder)
    needed = max(task.orders) * BYTES_PER_ORDER + task.items * BYTES_PER_ITEM
    begun = folder / f"shop-{max(task.orders)}" / DATA_FILE
    there = begun.stat().st_size if begun.exists() else 0
    if shutil.disk_usage(folder).free + there < needed:
        raise BenchError(f"{folder} has no room for {max(task.orders):,} orders: {needed >> 30} GiB.")
    if file_system(folder) in IN_MEMORY:
        raise BenchError(f"{folder} is in memory. Name a folder on a disk with --scratch.")
    command = [sys.executable, "-m", "bench.growth", task.to_json()]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if child.returncode:
        raise BenchError("growth was not measured, see above.")
    return [Size(**row) for row in json.loads(child.stdout)]


def run(task: Task) -> list[Size]:
    """Makes a shop of each size, measures it, prints how far it is to stderr."""
    work.ITEMS = task.items
    folder = Path(task.folder)
    smallest = folder / f"smallest-{min(task.orders)}"
    found = []
    for orders in sorted(task.orders):
        store = folder / f"shop-{orders}"
        made = _made_before(store, task.items) or _make(store, orders, task.items)
        if not smallest.exists():
            shutil.copytree(store, smallest)
        found.append(_measure(task, orders, store, smallest, made))
        if not task.keep:
            shutil.rmtree(store)
    return found


def _note(store: Path) -> Path:
    """What the program said of a shop, in its folder: it is there when the shop is whole."""
    return store / "made.json"


def _made_before(store: Path, items: int) -> "_Made | None":
    """A shop that an earlier run kept. One that was left half made is none: the program goes on with it."""
    if not _note(store).exists():
        return None
    kept = json.loads(_note(store).read_text())
    if kept.pop("items") != items:
        raise BenchError(f"{store} was kept with other --items; delete it, or name another --scratch.")
    return _Made(**kept)


@dataclass(frozen=True)
class _Made:
    """What the program says of the shop that it made."""

    booked: int
    seconds: float
    open: int
    records: int
    trimmed: int
    used_bytes: int


def _make(store: Path, orders: int, items: int) -> _Made:
    """A shop that has had so many orders."""
    words = [*PROGRAM, "--dir", str(store.resolve()), "--orders", str(orders), "--items", str(items)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    last: dict[str, float] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("orders", total=orders)
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            for line in program.stdout:
                last = json.loads(line)
                progress.update(task, completed=last["booked"])
    if program.returncode != 0 or "open" not in last:
        raise BenchError("the store's example `years` failed; it says why above.")
    _note(store).write_text(json.dumps({**last, "items": items}))
    return _Made(**last)  # type: ignore[arg-type]


def _open_account(store: Path) -> None:
    """Has bookings be paid to an account of their own: a run leaves many unpaid, the shop has few codes."""
    made = reconciliation_pb2.CreateBankAccountResponse()
    with Engine.open(store) as engine:
        # Digits, and never the same ones.
        request = work.bank_account(str(time_ns()))
        request.request_id = str(uuid4())
        made.ParseFromString(engine.submit_blocking(CREATE_BANK_ACCOUNT, request.SerializeToString(), ACTOR))
    work.BANK_ACCOUNT_ID = made.bank_account.bank_account_id


def _rate(store: Path, orders: int, seconds: float) -> Sample:
    work.CUSTOMERS = max(CUSTOMERS_LEAST, orders // ORDERS_PER_CUSTOMER)
    _open_account(store)
    return in_process.run(
        in_process.Task(str(store), "asyncio", Kind.BOOKING, Spread.UNIFORM, 64, AT_WORK_S, seconds)
    )


def _warm(store: Path) -> None:
    """Reads what bookings look up, so that the rate is that of a shop at work and not of one just copied."""
    with (
        lmdb.open(str(store), readonly=True, lock=False, max_dbs=len(LOOKED_UP), readahead=False) as env,
        env.begin() as txn,
    ):
        for name in LOOKED_UP:
            table = env.open_db(name.encode(), txn=txn, create=False)
            for _ in txn.cursor(table):
                pass


def _measure(task: Task, orders: int, store: Path, smallest: Path, made: _Made) -> Size:
    file_mib = (store / DATA_FILE).stat().st_size / (1 << 20)
    begins = perf_counter()
    with Engine.open(store) as engine:
        open_s = perf_counter() - begins
        report_ms = _day_report_ms(engine)
    beside = smallest.with_name("beside")
    rounds: list[tuple[Sample, Sample]] = []
    console = Console(stderr=True)
    for _ in track(range(ROUNDS), f"rounds at {orders:,} orders", console=console):
        shutil.copytree(smallest, beside)
        _warm(beside)
        least = _rate(beside, min(task.orders), task.seconds)
        shutil.rmtree(beside)
        _warm(store)
        rounds.append((least, _rate(store, orders, task.seconds)))
    starts = [_starts(store) for _ in range(STARTS)]
    return Size(
        orders=orders,
        items=task.items,
        made_per_s=round(orders / made.seconds, 1),
        open=made.open,
        rate_per_s=round(median([own.rate_per_s for _, own in rounds]), 1),
        rate_kept=round(median([own.rate_per_s / least.rate_per_s for least, own in rounds]), 3),
        p50_ms=round(median([own.p50_ms for _, own in rounds]), 3),
        p99_ms=round(median([own.p99_ms for _, own in rounds]), 3),
        file_mib=round(file_mib, 1),
        start_clean_s=round(median([clean_s for clean_s, _, _ in starts]), 3),
        start_killed_s=round(median([killed_s for _, killed_s, _ in starts]), 3),
        open_s=round(open_s, 4),
        memory_mib=round(max(memory_mib for _, _, memory_mib in starts), 1),
        day_report_ms=round(report_ms, 3),
    )


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
        memory_mib = own_memory_mib(server.pid)
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


@dataclass(frozen=True)
class Verdict:
    """What growth may cost, what it did, and whether that is within it."""

    name: str
    needed: str
    found: str
    reached: bool


def verdicts(sizes: list[Size]) -> list[Verdict]:
    """The largest size, beside the smallest, against what was to be reached."""
    first, last = sizes[0], sizes[-1]
    start_s = max(last.start_clean_s, last.start_killed_s)
    name = f"rate at {last.orders:,} orders over that at {first.orders:,}"
    return [
        Verdict(name, f"≥ {LEAST_RATE_KEPT:g}", f"{last.rate_kept:.2f}", last.rate_kept >= LEAST_RATE_KEPT),
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
