"""Redis as Debian ships it, in a folder of its own on loopback, loaded by its own redis-benchmark.

redis-benchmark is a C program that makes the load at next to no cost. It counts requests, not seconds, and
has no warm-up: a first run tells how many requests fill the window.
"""

import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.machine import cpu_times
from bench.measure import BenchError, Sample, Window, cores
from bench.peer import Peer
from bench.ports import LOOPBACK, free_port
from bench.work import HOT_ITEM, HOT_STOCK, ITEMS, Spread

SCRIPT = Path(__file__).resolve().with_name("redis.lua")
START_S = 30.0
HOLD_S = 3_600
# Some tenths of a second even where they are few at once: the clock of redis-benchmark is coarse.
FIRST_REQUESTS = 2_000
# Every answer waits for fdatasync. Spared: snapshots, and the rewrite of a log that has grown.
SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "auto-aof-rewrite-percentage": "0",
}
# What a running server must say of itself.
DURABLE = {"appendonly": "yes", "appendfsync": "always"}
# redis-benchmark writes twelve digits in the place of this, any below what -r says.
RANDOM_NUMBER = "__rand_int__"
_SEED = """
for i = 0, tonumber(ARGV[1]) - 1 do
    redis.call('HSET', string.format('stock:%012d', i), 'on_hand', ARGV[2], 'held', 0)
end
"""


def find_programs() -> tuple[str, str]:
    """redis-server and redis-benchmark. BenchError when there is none."""
    server, benchmark = shutil.which("redis-server"), shutil.which("redis-benchmark")
    if server is None or benchmark is None:
        raise BenchError("Redis is missing. Install Debian's package: apt-get install redis-server")
    return server, benchmark


@dataclass(frozen=True)
class Load:
    """Who asks for holds: so many clients, each with so many requests on their way."""

    spread: Spread
    clients: int
    pipeline: int = 1


@dataclass(frozen=True)
class Figures:
    """What redis-benchmark says of a run."""

    rate_per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def read_figures(text: str) -> Figures:
    """Reads what `redis-benchmark --csv` prints: a line of names, a line of figures."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    try:
        (row,) = csv.DictReader(lines)
        return Figures(
            rate_per_s=float(row["rps"]),
            p50_ms=float(row["p50_latency_ms"]),
            p99_ms=float(row["p99_latency_ms"]),
            max_ms=float(row["max_latency_ms"]),
        )
    except (KeyError, ValueError) as error:
        raise BenchError(f"redis-benchmark printed what is not read here: {text[-500:]!r}") from error


class Redis(Peer):
    """A new server on an empty folder with a seeded shop, running until the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        self._program, self._benchmark = find_programs()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._port = free_port()
        self._log = folder / "redis.log"
        settings = {**SETTINGS, "bind": LOOPBACK, "port": str(self._port), "dir": str(folder.resolve())}
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                [self._program, *(word for name, value in settings.items() for word in (f"--{name}", value))],
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
            self._seed()
        except (BenchError, OSError):
            self.stop()
            raise

    def _seed(self) -> None:
        self.ask("EVAL", _SEED, "0", str(ITEMS), str(HOT_STOCK))
        self._script = self.ask("SCRIPT", "LOAD", SCRIPT.read_text())
        found = self.ask("INFO", "server").partition("redis_version:")[2]
        self.version = found.split("\r\n", 1)[0]

    def _wait(self) -> None:
        give_up = time.monotonic() + START_S
        while True:
            try:
                self.ask("PING")
            except OSError as error:
                if self._server.poll() is not None or time.monotonic() > give_up:
                    raise BenchError(f"Redis does not start: {self._log.read_text()[-2000:]}") from error
                time.sleep(0.02)
            else:
                return

    def ask(self, *words: str) -> str:
        """One command over a connection of its own (RESP2); its answer as text, of an array its last text."""
        sent = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        with socket.create_connection((LOOPBACK, self._port), timeout=START_S) as connection:
            connection.sendall(f"*{len(words)}\r\n{''.join(sent)}".encode())
            with connection.makefile("rb") as answer:
                return _read_answer(answer.readline, answer.read)

    def durable(self) -> bool:
        """Whether an answer waits for the disk, as the server itself says."""
        return all(self.ask("CONFIG", "GET", name) == value for name, value in DURABLE.items())

    def held(self) -> int:
        """Holds that claim."""
        return int(self.ask("ZCARD", "deadlines"))

    def measure(self, load: Load, window: Window) -> Sample:
        """Loads it with holds for about the seconds of the window, after about those of its warm-up."""
        if not self.durable():
            raise BenchError("Redis says that its answers do not wait for the disk.")
        # Short at first, for a server whose rate is unknown; then as long as the warm-up says.
        least = max(FIRST_REQUESTS, load.clients * load.pipeline)
        rate = self._run(load, least)[0].rate_per_s
        rate = self._run(load, max(least, int(rate * window.warm_up_s)))[0].rate_per_s
        asked, before = max(least, int(rate * window.seconds)), self.held()
        figures, cpu = self._run(load, asked)
        if self.held() - before < asked:
            raise BenchError(f"{asked} holds were answered, but {self.held() - before} are there.")
        return Sample(
            operations=asked,
            seconds=asked / figures.rate_per_s,
            p50_ms=figures.p50_ms,
            p99_ms=figures.p99_ms,
            max_ms=figures.max_ms,
            cpu=cpu,
        )

    def _run(self, load: Load, requests: int) -> tuple[Figures, dict[str, float]]:
        """So many requests; redis-benchmark rounds down to what its clients can share evenly."""
        item = f"{HOT_ITEM:012d}" if load.spread is Spread.HOT else RANDOM_NUMBER
        loader = subprocess.Popen(
            [
                self._benchmark,
                *("-h", LOOPBACK, "-p", str(self._port), "--csv", "-n", str(requests)),
                *("-c", str(load.clients), "-P", str(load.pipeline), "-r", str(ITEMS)),
                *("EVALSHA", self._script, "1", f"stock:{item}", f"cart-{RANDOM_NUMBER}", str(HOLD_S)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begins, before = time.perf_counter(), cpu_times(self._server.pid, loader.pid)
        # Its CPU is read while it still exists: it ends, but is not yet waited for.
        assert loader.stdout is not None
        said = loader.stdout.read()
        after = cpu_times(self._server.pid, loader.pid)
        seconds = time.perf_counter() - begins
        if loader.wait(START_S):
            raise BenchError(f"redis-benchmark failed: {said[-2000:]}")
        return read_figures(said), cores(before, after, seconds)


def _read_answer(read_line: Callable[[], bytes], read: Callable[[int], bytes]) -> str:
    """One value of RESP2."""
    line = read_line()
    kind, rest = line[:1], line[1:].strip().decode()
    if kind == b"-":
        raise BenchError(f"Redis refused a command: {rest}")
    if kind == b"$":
        return read(int(rest) + 2)[:-2].decode() if rest != "-1" else ""
    if kind == b"*":
        values = [_read_answer(read_line, read) for _ in range(int(rest))]
        return values[-1] if values else ""
    return rest
