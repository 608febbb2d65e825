"""Goal: many who only look, or do nothing at all, cost those who work nothing that they would feel.

Method: a real server. KASIR_WATCHERS (1,000 in the long form) follow the journal, one of them reads nothing,
while KASIR_CROWD_COMMANDS are carried out: every watcher sees every revision once and in order, and the store
grows no more than without them. Another reads some bytes a second, for KASIR_SLOW_S seconds (600 in the long
form): it is cut off, goes on and misses nothing. KASIR_IDLE (5,000 in the long form) callers stand at the
port with TLS and say nothing, while others work: what these wait is told, and the server's memory stays
within bounds.
"""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import pytest

from bench.measure import percentile
from engine import Engine
from kasir.v1 import admin_pb2, admin_pb2_grpc, stock_pb2, watch_pb2, watch_pb2_grpc
from tests.attacks.wire import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    call_headers,
    frame,
)
from tests.certificates import make_certificates
from tests.conftest import RunningServer, ServerProcess
from tests.server.support import Shop, new_id, until

WATCHERS = int(os.environ.get("KASIR_WATCHERS", "40"))
COMMANDS = int(os.environ.get("KASIR_CROWD_COMMANDS", "4000"))
IDLE = int(os.environ.get("KASIR_IDLE", "300"))
CALLERS = 8
# What a connection with TLS may cost the server, KiB
IDLE_KIB = 120
GROWTH_MAX, SHORT_GROWTH_MAX = 1.1, 1.5
SLOW_S = float(os.environ.get("KASIR_SLOW_S", "8"))
# What the slow one takes each tenth of a second
SLOW_BYTES = 64
# Who takes no message for so long is cut off; the server's own patience is longer.
STALL_S = 1.0
# After so long a server asks whether its caller still lives.
KEEPALIVE_S = 60.0
# More than the buffers between the two hold: so many commands at least, each of so many holds
SLOW_COMMANDS, HOLDS = 300, 100


def work(
    target: str, shop: Shop, credentials: grpc.ChannelCredentials | None = None, lasts_s: float = 0.0
) -> list[float]:
    """Makes the commands, spread over so many seconds at least; the seconds of each."""
    start = time.perf_counter()

    def caller(_number: int) -> list[float]:
        opened = grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target)
        with opened as channel:
            own = Shop.__new__(Shop)
            own.__dict__.update(vars(shop))
            own.stock = type(shop.stock)(channel)
            times = []
            for number in range(COMMANDS // CALLERS):
                due = start + lasts_s * number / (COMMANDS // CALLERS)
                time.sleep(max(0.0, due - time.perf_counter()))
                began = time.perf_counter()
                own.receive(own.item_id, 1)
                times.append(time.perf_counter() - began)
            return times

    with ThreadPoolExecutor(CALLERS) as pool:
        return sorted(each for times in pool.map(caller, range(CALLERS)) for each in times)


def used_bytes(channel: grpc.Channel) -> int:
    """Of the store's file."""
    status = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest())
    return int(status.used_bytes)


class Watchers:
    """Those who follow from the first revision to the last one; and one who reads nothing."""

    def __init__(self, target: str, start: int) -> None:
        self.target, self.start = target, start
        self.end = 0
        self.coming = WATCHERS
        self.all_there = asyncio.Event()

    async def follow(self) -> list[int]:
        """The revisions that one saw."""
        seen: list[int] = []
        request = watch_pb2.WatchRequest(start_revision=self.start)
        async with grpc.aio.insecure_channel(self.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            self.coming -= 1
            if not self.coming:
                self.all_there.set()
            while True:
                try:
                    async for response in watch_pb2_grpc.WatchServiceStub(channel).Watch(request):
                        seen += [record.revision for record in response.records]
                        request.start_revision = response.revision
                        if self.end and response.revision >= self.end:
                            return seen
                except grpc.aio.AioRpcError as ended:
                    # Cut off: it goes on where it was.
                    if ended.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                        raise

    async def together(self, works: Callable[[], int]) -> list[list[int]]:
        """All of them, while `works` runs, which says what the last revision is."""
        following = [asyncio.create_task(self.follow()) for _ in range(WATCHERS)]
        request = watch_pb2.WatchRequest(start_revision=self.start)
        async with grpc.aio.insecure_channel(self.target, [("grpc.http2.bdp_probe", 0)]) as channel:
            sleeper = watch_pb2_grpc.WatchServiceStub(channel).Watch(request)
            await sleeper.initial_metadata()
            await self.all_there.wait()
            self.end = await asyncio.to_thread(works)
            found = await asyncio.gather(*following)
            sleeper.cancel()
        return found


@pytest.mark.timeout(120 + WATCHERS + COMMANDS // 50)
def test_watchers_see_all_and_the_store_grows_no_more_for_them(serve, tmp_path: Path, capsys):
    grown, lasts_s = [], 0.0
    # The same load both times, also for as long: each moment that the store's file follows costs it pages.
    for watched in (True, False):
        server = serve("--max-streams", str(WATCHERS + 10), data=tmp_path / str(watched))
        with grpc.insecure_channel(server.target) as channel:
            shop = Shop(channel)
            before = used_bytes(channel)
            status = admin_pb2_grpc.AdminServiceStub(channel)

            def works(server: ServerProcess = server, shop: Shop = shop, status=status) -> int:
                nonlocal lasts_s
                began = time.perf_counter()
                work(server.target, shop, lasts_s=lasts_s)
                lasts_s = time.perf_counter() - began
                # Who reads what was answered has the file follow.
                shop.stock.ListStocks(stock_pb2.ListStocksRequest(location_id=shop.warehouse_id))
                return int(status.GetStatus(admin_pb2.GetStatusRequest()).revision)

            if watched:
                start = int(status.GetStatus(admin_pb2.GetStatusRequest()).revision)
                watchers = Watchers(server.target, start)
                for seen in asyncio.run(watchers.together(works)):
                    assert seen == list(range(start + 1, watchers.end + 1))
                assert watchers.end == start + COMMANDS
            else:
                works()
            grown.append(used_bytes(channel) - before)
        server.stop()
    beside, alone = grown
    assert beside < GROWTH_MAX * alone, grown
    with capsys.disabled():
        print(
            f"\n{WATCHERS} watchers saw {COMMANDS} commands; the store grew by {beside / alone:.3f} of alone"
        )


async def stand_idle(target: str, authority: Path, works: Callable[[], None]) -> None:
    """So many connections, greeted and then silent, while `works` runs."""
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols(["h2"])
    host, port = target.rsplit(":", 1)
    opened = []
    for _ in range(IDLE):
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(PREFACE + frame(SETTINGS, 0, 0))
        assert len(await reader.readexactly(9)) == 9
        opened.append(writer)
    try:
        await asyncio.to_thread(works)
    finally:
        for writer in opened:
            writer.transport.abort()


@pytest.mark.timeout(120 + IDLE // 10 + COMMANDS // 20)
def test_idle_connections_with_tls_cost_little(serve, tmp_path: Path, capsys):
    make_certificates(tmp_path, "ca", "server")
    files = ("--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key"))
    server = serve(*files)
    credentials = grpc.ssl_channel_credentials((tmp_path / "ca.pem").read_bytes())

    def resident_kib() -> int:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    with grpc.secure_channel(server.target, credentials) as channel:
        shop = Shop(channel)
        alone = work(server.target, shop, credentials)
        before_kib = resident_kib()
        grown: list[int] = []
        beside: list[float] = []

        def works() -> None:
            grown.append(resident_kib() - before_kib)
            beside.extend(work(server.target, shop, credentials))

        asyncio.run(stand_idle(server.target, tmp_path / "ca.pem", works))
    assert len(beside) == len(alone)
    assert grown[0] < IDLE * IDLE_KIB, f"{grown[0] / IDLE:.0f} KiB a connection"
    with capsys.disabled():
        print(
            f"\nbeside {IDLE} idle connections: p50 {percentile(alone, 0.5) * 1000:.2f} → "
            f"{percentile(beside, 0.5) * 1000:.2f} ms, p99 {percentile(alone, 0.99) * 1000:.2f} → "
            f"{percentile(beside, 0.99) * 1000:.2f} ms; {grown[0] / IDLE:.0f} KiB each"
        )


class SlowReader(threading.Thread):
    """Follows the journal by hand, and takes some bytes of it every now and then. Its windows are small, so
    that the server feels it soon.
    """

    def __init__(self, target: str) -> None:
        super().__init__(daemon=True)
        host, port = target.rsplit(":", 1)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.connect((host, int(port)))
        self._over = threading.Event()
        self.told = b""
        self._pings = 0
        self._is_hung_up = False

    def ask(self, start: int) -> None:
        """Opens the stream."""
        request = watch_pb2.WatchRequest(start_revision=start).SerializeToString()
        self._socket.sendall(
            PREFACE
            + frame(SETTINGS, 0, 0)
            + frame(HEADERS, END_HEADERS, 1, call_headers("/kasir.v1.WatchService/Watch"))
            + frame(DATA, END_STREAM, 1, b"\0" + len(request).to_bytes(4) + request)
        )

    def run(self) -> None:
        """Reads slowly, and says that there is room for as much as it has read."""
        while not self._over.wait(0.1) and self._take(SLOW_BYTES):
            pass

    def _take(self, most: int) -> bytes:
        """What comes next. Who is so slow sees pings too late, and is hung up on: what was sent before is
        still there to be read then.
        """
        fresh = b""
        try:
            fresh = self._socket.recv(most)
            self.told += fresh
            self._answer(fresh)
        except (ConnectionResetError, BrokenPipeError):
            self._is_hung_up = True
        return fresh

    def _answer(self, fresh: bytes) -> None:
        if fresh and not self._is_hung_up:
            for stream in (0, 1):
                self._socket.sendall(frame(WINDOW_UPDATE, 0, stream, len(fresh).to_bytes(4)))
            pings = [body for kind, flags, body in frames_of(self.told) if kind == PING and not flags & ACK]
            for each in pings[self._pings :]:
                self._socket.sendall(frame(PING, ACK, 0, each))
            self._pings = len(pings)

    def to_the_end(self) -> list[watch_pb2.WatchResponse]:
        """All whole messages that were sent to it until the stream ended."""
        self._over.set()
        self.join()
        self._socket.settimeout(20.0)
        while not self._ended() and self._take(1 << 16):
            pass
        is_late_for_pings = self._is_hung_up and SLOW_S > KEEPALIVE_S
        assert self._ended() or is_late_for_pings, [each[:2] for each in frames_of(self.told)][-5:]
        self._socket.close()
        return list(split(b"".join(body for kind, _, body in frames_of(self.told) if kind == DATA)))

    def _ended(self) -> bool:
        return any(
            kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM)
            for kind, flags, _ in frames_of(self.told)
        )


def frames_of(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, flags and payload of whole frames of the one stream."""
    at = 0
    while len(received) - at >= 9:
        end = at + 9 + int.from_bytes(received[at : at + 3])
        if end > len(received):
            return
        yield received[at + 3], received[at + 4], received[at + 9 : end]
        at = end


def split(messages: bytes) -> Iterator[watch_pb2.WatchResponse]:
    """Whole messages behind their lengths."""
    while len(messages) >= 5 and len(messages) >= (end := 5 + int.from_bytes(messages[1:5])):
        yield watch_pb2.WatchResponse.FromString(messages[5:end])
        messages = messages[end:]


def following(channel: grpc.Channel, start: int, end: int) -> list[int]:
    """The revisions that a stream gives from one to another."""
    seen: list[int] = []
    stream = watch_pb2_grpc.WatchServiceStub(channel).Watch(watch_pb2.WatchRequest(start_revision=start))
    for response in stream:
        seen += [record.revision for record in response.records]
        if response.revision >= end:
            break
    stream.cancel()
    return seen


def hold_many(shop: Shop) -> None:
    """Makes many changes in the journal, by two commands."""
    shop.receive(shop.item_id, HOLDS)
    hold = stock_pb2.Hold(item_id=shop.item_id, location_id=shop.warehouse_id, quantity=1, owner="chat")
    shop.stock.BatchCreateHolds(
        stock_pb2.BatchCreateHoldsRequest(request_id=new_id(), holds=[hold] * HOLDS), timeout=20.0
    )


def was_cut_off(server: RunningServer) -> bool:
    """Whether somebody was too slow."""
    return any(line.get("reason") == "READER_TOO_SLOW" for line in server.log)


@pytest.mark.timeout(180 + 4 * int(SLOW_S))
def test_who_reads_some_bytes_a_second_is_cut_off_and_goes_on_missing_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grown, commands = [], 0
    for beside in (False, True):
        with Engine.open(tmp_path / f"beside-{beside}") as engine:
            server = RunningServer(engine, stall_s=STALL_S)
            with grpc.insecure_channel(server.target) as channel:
                shop = Shop(channel)
                start, before = engine.revision(), used_bytes(channel)
                reader = SlowReader(server.target)
                if beside:
                    reader.ask(start)
                    reader.start()
                # The same load both times: as many as there was time for the first time.
                ends, done = time.monotonic() + SLOW_S, 0
                while done < commands if beside else done < SLOW_COMMANDS or time.monotonic() < ends:
                    hold_many(shop)
                    done += 1
                commands = done
                grown.append(used_bytes(channel) - before)
                if beside:
                    until(partial(was_cut_off, server), "it is cut off", 40.0)
                    told = reader.to_the_end()
                    seen = [record.revision for response in told for record in response.records]
                    assert len(seen) < commands, "it was cut off before the end"
                    last = max(response.revision for response in told)
                    end = engine.revision()
                    assert seen + following(channel, last, end) == list(range(start + 1, end + 1))
            server.stop()
    alone, with_it = grown
    # In some seconds a checkpoint more or less counts; pages that are kept for a reader count many times.
    assert with_it < (GROWTH_MAX if SLOW_S >= 60 else SHORT_GROWTH_MAX) * alone, grown
    with capsys.disabled():
        print(f"\n{commands} commands beside a slow reader: the store grew by {with_it / alone:.3f} of alone")
