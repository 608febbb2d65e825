"""Goal: a disk that is slow, full or failing costs nobody what they were told, and the shop goes on when it
may.

Method: `kasir serve` with a small library before libc, which does to writes and syncs what a file says: a
sync takes a second; the disk is full, or fails, KASIR_FULL_DISKS times, or for write-ahead files alone, or
late for pages of LMDB's file alone; a write fails though all of it is there; a sync fails, at once or late.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from kasir.v1 import admin_pb2, admin_pb2_grpc, stock_pb2, stock_pb2_grpc
from tests import preload
from tests.faults.support import verified
from tests.server.support import Shop, new_id, refusal, until

FULL_DISKS = int(os.environ.get("KASIR_FULL_DISKS", "10"))
QUEUE, AT_ONCE = 32, 300
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
static char trouble(void) {
  const char *path = getenv("KASIR_TEST_TROUBLE");
  int saved = errno, file = path ? open(path, O_RDONLY) : -1;
  char letter = 0;
  if (file >= 0) { if (read(file, &letter, 1) != 1) letter = 0; close(file); }
  errno = saved;
  return letter;
}
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)
static int on_disk(int fd) { struct stat s; return fstat(fd, &s) == 0 && S_ISREG(s.st_mode); }
static int is_of(int fd, const char *name) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  return length > 0 && (path[length] = 0, strstr(path, name) != NULL);
}
static int refusal(int fd, size_t bytes) {
  switch (on_disk(fd) ? trouble() : 0) {
  case 'f': return ENOSPC;
  case 'e': return EIO;
  case 'a': return is_of(fd, "/wal.") ? ENOSPC : 0;
  case 'd': return bytes >= 4096 && is_of(fd, "/data.mdb") ? (usleep(100000), EIO) : 0;
  default: return 0;
  }
}
#define MAY_FAIL(bytes) int why = refusal(fd, bytes); if (why) return (errno = why, -1)
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  if (on_disk(fd) && trouble() == 'p' && is_of(fd, "/wal.")) { real(fd, b, n, o); return (errno = EIO, -1); }
  MAY_FAIL(n); return real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { return pwrite(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) {
  REAL(ssize_t, "writev", int, const struct iovec *, int); MAY_FAIL(-1); return real(fd, v, n); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) {
  REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t); MAY_FAIL(-1); return real(fd, v, n, o); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t o) { return pwritev(fd, v, n, o); }
int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  switch (trouble()) {
  case 'w': sleep(1); break;
  case 'l': usleep(5000); return (errno = EIO, -1);
  case 's': return (errno = EIO, -1);
  }
  return real(fd);
}
"""

Trouble = Callable[[str], None]


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch) -> Trouble:
    """What is wrong with the disk of servers that are started from now on: one of wfeadpls, or nothing."""
    said = tmp_path / "trouble"
    said.write_text("")
    monkeypatch.setenv("KASIR_TEST_TROUBLE", str(said))
    monkeypatch.setenv("LD_PRELOAD", str(preload.built(LIBRARY, tmp_path)))
    return lambda letter: said.write_text(letter) and None


def on_hand(shop: Shop) -> int:
    """Of the shop's item."""
    reply = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
    return sum(each.on_hand for each in reply.stocks)


def receive(shop: Shop) -> stock_pb2.ReceiveStockRequest:
    """One more of it."""
    line = stock_pb2.StockLine(item_id=shop.item_id, quantity=1)
    return stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=shop.warehouse_id, lines=[line])


async def insist(
    ask: grpc.aio.UnaryUnaryMultiCallable, request: stock_pb2.ReceiveStockRequest, refused: Counter[str]
) -> None:
    """Asks until it is done; counts why it was not."""
    while True:
        try:
            await ask(request, timeout=30.0)
            break
        except grpc.aio.AioRpcError as error:
            refused[error.code().name] += 1
            await asyncio.sleep(0.01)


async def storm(target: str, shop: Shop, look: Callable[[], int]) -> tuple[Counter[str], list[int]]:
    """Many commands at once; what became of them, and what was seen meanwhile."""
    async with grpc.aio.insecure_channel(target) as channel:
        ask = stock_pb2_grpc.StockServiceStub(channel).ReceiveStock

        async def one() -> str:
            try:
                await ask(receive(shop), timeout=120.0)
            except grpc.aio.AioRpcError as refused:
                return refused.code().name
            return "OK"

        asking = [asyncio.create_task(one()) for _ in range(AT_ONCE)]
        seen = []
        while not all(each.done() for each in asking):
            seen.append(await asyncio.to_thread(look))
            await asyncio.sleep(0.05)
        return Counter([each.result() for each in asking]), seen


@pytest.mark.timeout(300)
def test_while_a_sync_takes_a_second_the_queue_is_bounded_and_reads_go_on(serve, trouble: Trouble):
    server = serve("--max-queue", str(QUEUE))
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        status = admin_pb2_grpc.AdminServiceStub(channel)
        waiting: list[int] = []

        def look() -> int:
            waiting.append(status.GetStatus(admin_pb2.GetStatusRequest(), timeout=10.0).queue_length)
            return waiting[-1]

        trouble("w")
        told, seen = asyncio.run(storm(server.target, shop, look))
        assert told.keys() == {"OK", "RESOURCE_EXHAUSTED"}, told
        assert len(seen) > 3, "it was looked at while commands waited"
        assert max(seen) <= QUEUE
        trouble("")
        assert on_hand(shop) == 1 + told["OK"]
        assert shop.stock.ReceiveStock(receive(shop))


@pytest.mark.timeout(120 + 5 * FULL_DISKS)
@pytest.mark.parametrize("why", [pytest.param("f", id="full"), pytest.param("e", id="broken")])
def test_a_disk_that_takes_nothing_refuses_and_recovers_again_and_again(serve, trouble: Trouble, why: str):
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        # Of what nobody has read yet, reads may miss the last while the disk is full (ADR 14).
        assert on_hand(shop) == 1
        for done in range(1, FULL_DISKS + 1):
            trouble(why)
            request = receive(shop)
            assert refusal(shop.stock.ReceiveStock, request).reason == "STORE_FULL"
            assert on_hand(shop) == done, "reads go on, and nothing was done"
            trouble("")

            def taken(request: stock_pb2.ReceiveStockRequest = request) -> bool:
                try:
                    shop.stock.ReceiveStock(request)
                except grpc.RpcError as refused:
                    if refused.code() != grpc.StatusCode.UNAVAILABLE:
                        raise
                    return False
                return True

            until(taken, "there is room again")
            assert on_hand(shop) == 1 + done
    assert server.stop() == 0


def test_a_disk_that_is_full_now_and_then_loses_and_doubles_nothing_under_load(serve, trouble: Trouble):
    server = serve()
    callers, each = 40, 100
    refused: Counter[str] = Counter()

    async def load(shop: Shop) -> None:
        async with grpc.aio.insecure_channel(server.target) as channel:
            ask = stock_pb2_grpc.StockServiceStub(channel).ReceiveStock

            async def one() -> None:
                for _ in range(each):
                    await insist(ask, receive(shop), refused)

            asking = asyncio.gather(*[one() for _ in range(callers)])
            while not asking.done():
                await asyncio.sleep(0.02)
                # LMDB's own file spared: without its header the server would have to stop.
                trouble("a")
                await asyncio.sleep(0.01)
                trouble("")
            await asking

    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        asyncio.run(load(shop))
        assert refused.keys() == {"UNAVAILABLE"}, refused
        # Reads may miss the last of it until the store has caught up with what was written ahead (ADR 14).
        until(lambda: on_hand(shop) >= 1 + callers * each, "all of it is there")
        assert on_hand(shop) == 1 + callers * each
    assert server.stop() == 0


def test_a_disk_that_refuses_pages_of_the_data_file_late_loses_none_of_what_was_answered(
    serve, trouble: Trouble
):
    server = serve()
    rounds, callers = 12, 3
    answered = 0
    refused: Counter[str] = Counter()

    async def load(shop: Shop) -> None:
        async with grpc.aio.insecure_channel(server.target) as channel:
            ask = stock_pb2_grpc.StockServiceStub(channel).ReceiveStock
            troubled = asyncio.create_task(now_and_then())

            async def one(pause: float) -> None:
                nonlocal answered
                while not troubled.done():
                    await insist(ask, receive(shop), refused)
                    answered += 1
                    # The writer waits for commands while LMDB follows, and some come beside it.
                    await asyncio.sleep(pause)

            await asyncio.gather(troubled, *[one(0.003 + number / 50) for number in range(callers)])

    async def now_and_then() -> None:
        for turn in range(rounds):
            trouble("d")
            await asyncio.sleep(0.1 + 0.03 * (turn % 4))
            trouble("")
            await asyncio.sleep(0.2)

    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        asyncio.run(load(shop))
        assert refused.keys() <= {"UNAVAILABLE"}, refused
        until(lambda: on_hand(shop) >= 1 + answered, "all of it is there")
        assert on_hand(shop) == 1 + answered
    assert server.stop() == 0
    status, said = verified(server.data)
    assert status == 0, said


def test_what_was_refused_stays_undone_though_all_of_its_write_is_there(serve, trouble: Trouble):
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        trouble("p")
        assert refusal(shop.stock.ReceiveStock, receive(shop)).reason == "STORE_FULL"
        server.process.kill()
        server.process.wait(30)
    trouble("")
    again = serve("--listen", server.target)
    with grpc.insecure_channel(again.target) as channel:
        stub = stock_pb2_grpc.StockServiceStub(channel)
        reply = stub.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
        assert sum(each.on_hand for each in reply.stocks) == 1


def test_a_failed_sync_ends_the_server_and_what_was_answered_is_there(serve, trouble: Trouble):
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel, stock=1)
        for _ in range(20):
            shop.receive(shop.item_id, 1)
        trouble("s")
        lost = receive(shop)
        with pytest.raises(grpc.RpcError) as failed:
            shop.stock.ReceiveStock(lost)
        assert failed.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS}
        assert server.process.wait(30) != 0
    trouble("")
    again = serve("--listen", server.target)
    with grpc.insecure_channel(again.target) as channel:
        stub = stock_pb2_grpc.StockServiceStub(channel)
        # Nobody knows whether it was done: asked again it is, once.
        stub.ReceiveStock(lost)
        stub.ReceiveStock(lost)
        reply = stub.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
        assert sum(each.on_hand for each in reply.stocks) == 22


def test_a_sync_that_fails_while_the_next_batch_is_decided_leaves_nobody_waiting(serve, trouble: Trouble):
    server = serve()

    async def until_refused(shop: Shop) -> list[grpc.StatusCode]:
        async with grpc.aio.insecure_channel(server.target) as channel:
            ask = stock_pb2_grpc.StockServiceStub(channel).ReceiveStock

            async def one() -> grpc.StatusCode:
                try:
                    while True:
                        await ask(receive(shop), timeout=30.0)
                except grpc.aio.AioRpcError as refused:
                    return refused.code()

            asking = [asyncio.create_task(one()) for _ in range(40)]
            await asyncio.sleep(0.5)
            trouble("l")
            return await asyncio.gather(*asking)

    with grpc.insecure_channel(server.target) as channel:
        told = asyncio.run(until_refused(Shop(channel, stock=1)))
    assert set(told) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS}, Counter(told)
    assert server.process.wait(30) != 0
