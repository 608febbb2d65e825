"""Goal: many who only look, or do nothing at all, cost those who work nothing that they would feel.

Method: a real server. KASIR_WATCHERS (1,000 in the long form) follow the journal, one of them reads nothing,
while KASIR_CROWD_COMMANDS are carried out: every watcher sees every revision once and in order, and the store
grows no more than without them. KASIR_IDLE (5,000 in the long form) callers stand at the port with TLS and
say nothing, while others work: what these wait is told, and the server's memory stays within bounds.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from bench.measure import percentile
from kasir.v1 import admin_pb2, admin_pb2_grpc, watch_pb2, watch_pb2_grpc
from tests.attacks.wire import PREFACE, SETTINGS, frame
from tests.certificates import make_certificates
from tests.conftest import ServerProcess
from tests.server.support import Shop

WATCHERS = int(os.environ.get("KASIR_WATCHERS", "40"))
COMMANDS = int(os.environ.get("KASIR_CROWD_COMMANDS", "4000"))
IDLE = int(os.environ.get("KASIR_IDLE", "300"))
CALLERS = 8
# What a connection with TLS may cost the server, KiB
IDLE_KIB = 120
GROWTH_MAX = 1.1


def work(target: str, shop: Shop, credentials: grpc.ChannelCredentials | None = None) -> list[float]:
    """Makes the commands; the seconds of each."""

    def caller(_number: int) -> list[float]:
        opened = grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target)
        with opened as channel:
            own = Shop.__new__(Shop)
            own.__dict__.update(vars(shop))
            own.stock = type(shop.stock)(channel)
            times = []
            for _ in range(COMMANDS // CALLERS):
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
    grown = []
    for watched in (False, True):
        server = serve("--max-streams", str(WATCHERS + 10), data=tmp_path / str(watched))
        with grpc.insecure_channel(server.target) as channel:
            shop = Shop(channel)
            before = used_bytes(channel)
            status = admin_pb2_grpc.AdminServiceStub(channel)

            def works(server: ServerProcess = server, shop: Shop = shop, status=status) -> int:
                work(server.target, shop)
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
    alone, beside = grown
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
