"""What a server does when three times as much is asked of it as it can do: `python -m bench.overload`.

First the peak is found: holds of one item over gRPC, so many under way at once, the best of some numbers.
Then holds are sent at a multiple of that rate, whether earlier ones are answered or not. Told are the good
answers a second beside the peak, what the others were told and how soon, the server's memory, and how soon a
call is answered once it is over. At the end the store is asked how many holds there are: as many as were said
to be.

Load and server share the machine, so the load is cheap: the bytes of all requests are made beforehand, and of
the answers only their ends are counted. One connection is followed call by call.
"""

import argparse
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, time_ns

import grpc

from bench import http2
from bench.kasir_server import ROOT, KasirServer
from bench.machine import load_average, own_memory_mib, process_cpu_s
from bench.measure import BenchError, percentile
from bench.ports import LOOPBACK
from bench.work import ACTOR, CREATE_HOLD, HOT_ITEM, Kind, Requests, Spread, seed_store
from kasir.v1 import stock_pb2, stock_pb2_grpc

# More than fills the calls that a server has in progress at once, though no connection has more than it may.
LINES = 32
STREAMS_MAX = 1_000
UNDER_WAY = (64, 256, 1_024)
WARM_UP_S = 0.5
TICK_S = 0.002
# A server that answers nothing for so long is stuck.
PATIENCE_S = 30.0
ID_AT, ID_BYTES, TIME_DIGITS = 2, 36, 12
# "grpc-status: 0" and ": 8" (RESOURCE_EXHAUSTED) as the transport writes them, Huffman-coded.
GOOD = b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07"
EXHAUSTED = b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x7b"
# More room for the whole connection.
WINDOW = re.compile(rb"\x00\x00\x04\x08\x00\x00\x00\x00\x00(....)", re.DOTALL)
WINDOW_BYTES = 13
_SEND = struct.Struct(">BHBBI")


@dataclass(frozen=True)
class Offer:
    """What is sent to a server: at a rate, or so many under way."""

    port: int
    seconds: float
    rate_per_s: float = 0.0
    under_way: int = 0


@dataclass(frozen=True)
class Told:
    """What became of it. Rates are of the seconds after the warm-up; counts are of all."""

    sent: int
    good: int
    exhausted: int
    offered_per_s: float
    good_per_s: float
    # From the last request to the last answer
    drained_s: float
    good_ms: dict[str, float]
    refused_ms: dict[str, float]
    loader_cores: float


def requests(count: int) -> tuple[bytes, int]:
    """The bytes of so many holds on one connection, one after the other, and how many bytes of each count for
    the connection's window.
    """
    body = Requests(Kind.HOLD, Spread.HOT).next()
    headers = http2.request_headers(f"{LOOPBACK}:0", CREATE_HOLD, ACTOR)
    data = b"\0" + len(body).to_bytes(4) + body
    head = _SEND.pack(0, len(headers), http2.HEADERS, http2.END_HEADERS, 0) + headers
    frame = _SEND.pack(0, len(data), http2.DATA, http2.END_STREAM, 0) + data
    one = head + frame
    block = bytearray(one * count)
    streams = struct.pack(f">{count}I", *range(1, 2 * count, 2))
    for place in (5, len(head) + 5):
        for column in range(4):
            block[place + column :: len(one)] = streams[column::4]
    # Ids in the order of time, as clients make them; what is behind the time tells the connections apart.
    now_ms = time_ns() // 1_000_000
    times = b"".join(b"%012x" % (now_ms + number) for number in range(count))
    at = len(head) + 9 + 5 + ID_AT
    digits = [*range(8), *range(9, 13)]
    for column, digit in enumerate(digits):
        block[at + digit :: len(one)] = times[column::TIME_DIGITS]
    return bytes(block), len(data)


class Line:
    """One connection that sends what is ready, and counts."""

    def __init__(self, port: int, count: int) -> None:
        self._bytes, self._data = requests(count)
        self._size = len(self._bytes) // count
        self._count = count
        self._socket = socket.create_connection((LOOPBACK, port), timeout=http2.CONNECT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._out = memoryview(b"")
        self._window = http2.FIRST_WINDOW
        self.sent = self.good = self.exhausted = 0
        self._greet()

    def _greet(self) -> None:
        """No table of headers, all the room there is for answers."""
        wanted = (
            (http2.HEADER_TABLE_SIZE, 0),
            (http2.ENABLE_PUSH, 0),
            (http2.INITIAL_WINDOW_SIZE, http2.LARGEST_WINDOW),
        )
        settings = b"".join(struct.pack(">HI", *each) for each in wanted)
        room = (http2.LARGEST_WINDOW - http2.FIRST_WINDOW).to_bytes(4)
        self._socket.sendall(
            http2.PREFACE
            + _SEND.pack(0, len(settings), http2.SETTINGS, 0, 0)
            + settings
            + _SEND.pack(0, 4, http2.WINDOW_UPDATE, 0, 0)
            + room
        )
        self._take(self._socket.recv(http2.RECEIVE_BYTES))
        self._socket.sendall(_SEND.pack(0, 0, http2.SETTINGS, http2.ACK, 0))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    @property
    def under_way(self) -> int:
        """Calls without an answer."""
        return self.sent - self.good - self.exhausted

    def send(self, wanted: int) -> None:
        """Sends so many more, or as many as there may be."""
        room = min(STREAMS_MAX - self.under_way, self._window // self._data, self._count - self.sent)
        number = max(0, min(wanted, room))
        if number and not self._out:
            first = self.sent * self._size
            self._out = memoryview(self._bytes)[first : first + number * self._size]
            self._window -= number * self._data
            self.sent += number
        if self._out:
            with suppress(BlockingIOError):
                self._out = self._out[self._socket.send(self._out) :]

    def receive(self) -> None:
        """Counts what has come."""
        fresh = self._socket.recv(http2.RECEIVE_BYTES)
        if not fresh:
            raise BenchError("The server closed the connection.")
        self._take(fresh)

    def _take(self, fresh: bytes) -> None:
        told = self._rest[-len(GOOD) + 1 :] + fresh
        self.good += told.count(GOOD)
        self.exhausted += told.count(EXHAUSTED)
        windows = self._rest + fresh
        for found in WINDOW.finditer(windows):
            self._window += int.from_bytes(found[1])
        self._rest = windows[-WINDOW_BYTES + 1 :]


class Followed(http2.Connection):
    """One connection whose calls are timed one by one."""

    def __init__(self, port: int) -> None:
        super().__init__(LOOPBACK, port, CREATE_HOLD, ACTOR)
        self._requests = Requests(Kind.HOLD, Spread.HOT)
        self.sent = 0
        self.good_s: list[float] = []
        self.refused_s: list[float] = []

    @property
    def under_way(self) -> int:
        """Calls without an answer."""
        return len(self.open)

    def send(self, wanted: int) -> None:
        """Calls so often, or as often as it may."""
        number = max(0, min(wanted, STREAMS_MAX - self.under_way))
        now = perf_counter()
        for _ in range(number):
            self.call(self._requests.next(), now)
        self.sent += number
        self.flush()

    def _head(self, stream: int, flags: int, block: bytes) -> list[float]:
        if flags & http2.END_STREAM:
            took_s = perf_counter() - self.open.pop(stream)
            if GOOD in block:
                self.good_s.append(took_s)
            elif EXHAUSTED in block:
                self.refused_s.append(took_s)
            else:
                raise BenchError(f"A call ended otherwise than it should. Its trailers: {block!r}")
        return []

    def _other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        # Refused before all of it had come.
        if kind != http2.RST_STREAM or any(payload):
            super()._other(kind, flags, stream, payload)

    @property
    def good(self) -> int:
        """Calls that were carried out."""
        return len(self.good_s)

    @property
    def exhausted(self) -> int:
        """Calls that were refused."""
        return len(self.refused_s)


class Load:
    """All connections, as one offer wants them."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        # More than any server answers.
        most = int((offer.rate_per_s or 200_000) * (WARM_UP_S + offer.seconds) / LINES) + STREAMS_MAX
        self._followed = Followed(offer.port)
        self._lines: list[Line | Followed] = [
            self._followed,
            *(Line(offer.port, most) for _ in range(LINES - 1)),
        ]

    def run(self) -> Told:
        """Sends until the time is over, and waits for the last answers."""
        poll = select.epoll()
        by_descriptor = {line.fileno(): line for line in self._lines}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        began, cpu_s = perf_counter(), process_cpu_s(os.getpid())
        measures, ends = began + WARM_UP_S, began + WARM_UP_S + self._offer.seconds
        first = last = (0.0, 0, 0)
        heard = began
        while (now := perf_counter()) < ends or self._under_way():
            if not first[0] and now >= measures:
                first = (now, *self._counts())
            if now < ends:
                self._send(now - began)
                last = (now, *self._counts())
            for descriptor, _ in poll.poll(TICK_S):
                by_descriptor[descriptor].receive()
                heard = now
            if now - heard > PATIENCE_S:
                raise BenchError(f"The server answered nothing for {PATIENCE_S:.0f} seconds.")
        seconds = last[0] - first[0]
        return Told(
            sent=sum(line.sent for line in self._lines),
            good=sum(line.good for line in self._lines),
            exhausted=sum(line.exhausted for line in self._lines),
            offered_per_s=(last[1] - first[1]) / seconds,
            good_per_s=(last[2] - first[2]) / seconds,
            drained_s=perf_counter() - ends,
            good_ms=_times(self._followed.good_s),
            refused_ms=_times(self._followed.refused_s),
            loader_cores=(process_cpu_s(os.getpid()) - cpu_s) / (perf_counter() - began),
        )

    def _under_way(self) -> int:
        return sum(line.under_way for line in self._lines)

    def _counts(self) -> tuple[int, int]:
        return sum(line.sent for line in self._lines), sum(line.good for line in self._lines)

    def _send(self, after_s: float) -> None:
        for line in self._lines:
            if self._offer.rate_per_s:
                line.send(int(self._offer.rate_per_s / LINES * after_s) - line.sent)
            else:
                line.send(self._offer.under_way // LINES - line.under_way)

    def close(self) -> None:
        """Closes the connections."""
        for line in self._lines:
            line.close()


def _times(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    seconds.sort()
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(seconds, share) * 1000, 2) for name, share in shares.items()}


def offer(wanted: Offer) -> Told:
    """Makes an offer from a process of its own."""
    command = [sys.executable, "-m", "bench.overload", "--offer", json.dumps(asdict(wanted))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise BenchError(done.stderr.strip().rpartition("\n")[2])
    return Told(**json.loads(done.stdout))


@contextmanager
def most_memory(pid: int) -> Iterator[list[float]]:
    """The most memory that a process has meanwhile, MiB, as the one number of a list."""
    most, over = [own_memory_mib(pid)], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], own_memory_mib(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def held(server: KasirServer) -> int:
    """Units of the item that are held, as the shop shows it."""
    with grpc.insecure_channel(server.target) as channel:
        reply = stock_pb2_grpc.StockServiceStub(channel).GetStock(stock_pb2.GetStockRequest(item_id=HOT_ITEM))
    return sum(stock.held for stock in reply.stocks)


@dataclass(frozen=True)
class Result:
    """One round: the peak, and what became of more."""

    peak_per_s: float
    told: Told
    share: float
    memory_mib: tuple[float, float, float]
    # Microseconds of a core that the server spends on a good call, and on one that it refuses
    good_us: float
    refused_us: float
    first_call_ms: float
    peak_after_per_s: float
    load: float


def measure(server: KasirServer, seconds: float, times: float) -> Result:
    """One round. Raises BenchError when the store has not what was said."""
    before = held(server)
    used_s = process_cpu_s(server.pid)
    told = [offer(Offer(server.port, seconds, under_way=each)) for each in UNDER_WAY]
    good_s = (process_cpu_s(server.pid) - used_s) / sum(each.good for each in told)
    peak = max(each.good_per_s for each in told)
    calm = own_memory_mib(server.pid)
    used_s = process_cpu_s(server.pid)
    with most_memory(server.pid) as most:
        over = offer(Offer(server.port, seconds, rate_per_s=times * peak))
    refused_s = (process_cpu_s(server.pid) - used_s - good_s * over.good) / max(1, over.exhausted)
    call_s = http2.unary(LOOPBACK, server.port, CREATE_HOLD, ACTOR, Requests(Kind.HOLD, Spread.HOT).next())
    after = offer(Offer(server.port, seconds, under_way=UNDER_WAY[-1]))
    good = sum(each.good for each in (*told, over, after)) + 1
    if held(server) - before != good:
        raise BenchError(f"{good} holds were said to be made, and {held(server) - before} are there.")
    memory = (round(calm), round(most[0]), round(own_memory_mib(server.pid)))
    share = over.good_per_s / peak
    return Result(
        peak,
        over,
        share,
        memory,
        good_s * 1e6,
        refused_s * 1e6,
        call_s * 1000,
        after.good_per_s,
        load_average(),
    )


def show(result: Result) -> None:
    """For people."""
    told = result.told
    print(f"peak {result.peak_per_s:,.0f}/s; offered {told.offered_per_s:,.0f}/s, ", end="")
    print(f"good {told.good_per_s:,.0f}/s: {result.share:.0%} of the peak")
    print(f"  {told.good:,} good, {result.good_us:.0f} µs of the server each, after {told.good_ms} ms")
    print(f"  {told.exhausted:,} refused, {result.refused_us:.0f} µs each, after {told.refused_ms} ms")
    print(f"  all answered {told.drained_s:.2f} s after the last; the next call took ", end="")
    print(f"{result.first_call_ms:.1f} ms, and {result.peak_after_per_s:,.0f}/s at once")
    print(f"  memory {result.memory_mib} MiB before, at most, after; the load took ", end="")
    print(f"{told.loader_cores:.2f} cores; load average {result.load:.1f}", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="What a server does when more is asked than it can do.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--times", type=float, default=3.0, help="How many times the peak is offered.")
    parser.add_argument("--offer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        if arguments.offer:
            load = Load(Offer(**json.loads(arguments.offer)))
            print(json.dumps(asdict(load.run())))
            load.close()
            return
        with tempfile.TemporaryDirectory(prefix="kasir-bench-overload-", dir=ROOT) as scratch:
            data = Path(scratch) / "shop"
            for _ in seed_store(data):
                pass
            with KasirServer(data) as server:
                for _ in range(arguments.rounds):
                    show(measure(server, arguments.seconds, arguments.times))
    except BenchError as error:
        sys.exit(f"overload: {error}")


if __name__ == "__main__":
    main()
