"""Goal: a store whose map fills up goes on in a larger one while it serves; where there is none to be had, it
refuses what needs room, and what falls due is still ended, and it goes on by itself once it may.

Method: `kasir serve` with a map of some MiB, booked full; then with a bound to its addresses (RLIMIT_AS),
which is lifted later.
"""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from kasir.v1 import admin_pb2, admin_pb2_grpc, booking_pb2, stock_pb2
from tests.conftest import ServerProcess
from tests.server.support import Shop, new_id, read_refusal, until

MAP_MIB = 16
SMALL = ("--map-size-mib", str(MAP_MIB))
MEBIBYTE = 1 << 20
# Before so many bookings the map is full that cannot grow.
ENOUGH = 5_000
STOCK = 100_000
HOLD_S = 20.0


class Desk:
    """Somebody who books, and sees how full the store is."""

    def __init__(self, server: ServerProcess, channel: grpc.Channel) -> None:
        self.server = server
        self.shop = Shop(channel, stock=STOCK)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.booked = 0

    def status(self) -> admin_pb2.GetStatusResponse:
        return self.admin.GetStatus(admin_pb2.GetStatusRequest())

    def request(self) -> booking_pb2.CreateBookingRequest:
        return booking_pb2.CreateBookingRequest(request_id=new_id(), booking=self.shop.booking())

    def book(self, request: booking_pb2.CreateBookingRequest | None = None) -> str:
        """OK, or why not."""
        try:
            self.shop.bookings.CreateBooking(request or self.request(), timeout=20.0)
        except grpc.RpcError as refused:
            return read_refusal(refused).reason
        self.booked += 1
        return "OK"

    def hold(self, due: float) -> None:
        hold = stock_pb2.Hold(
            item_id=self.shop.item_id, location_id=self.shop.warehouse_id, quantity=1, owner="chat"
        )
        hold.expire_time.FromNanoseconds(int(due * 1e9))
        self.shop.stock.CreateHold(stock_pb2.CreateHoldRequest(request_id=new_id(), hold=hold))

    def claimed(self) -> int:
        reply = self.shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=self.shop.item_id))
        return sum(each.held for each in reply.stocks)

    def verified(self) -> bool:
        return self.admin.VerifyStore(admin_pb2.VerifyStoreRequest(), timeout=60.0).ok


@pytest.fixture
def desk(serve: Callable[..., ServerProcess]) -> Iterator[Desk]:
    server = serve(*SMALL)
    with grpc.insecure_channel(server.target) as channel:
        yield Desk(server, channel)


def addresses(server: ServerProcess) -> int:
    """Bytes that a server has mapped."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmSize:")[2].split()[0]) * 1024


def bound(server: ServerProcess, most: int) -> None:
    """Lets a server map no more than so many bytes."""
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def test_a_map_that_fills_up_grows_while_it_serves(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = desk.status()
    assert before.map_bytes == MAP_MIB * MEBIBYTE
    while desk.status().map_bytes < 4 * before.map_bytes:
        assert desk.book() == "OK"
        assert desk.booked < ENOUGH
    after = desk.status()
    assert after.used_bytes <= after.map_bytes
    assert desk.claimed() == desk.booked
    assert desk.verified()
    with capsys.disabled():
        print(f"\n{desk.booked} bookings, map {before.map_bytes >> 20} to {after.map_bytes >> 20} MiB")


@pytest.mark.timeout(180)
def test_one_that_cannot_grow_refuses_and_what_is_due_ends_and_it_goes_on_when_it_may(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    due = time.time() + HOLD_S
    for _ in range(20):
        desk.hold(due)
    # Room for what a thread or a buffer takes, and for no larger map.
    bound(desk.server, addresses(desk.server) + MEBIBYTE // 2)
    refused = desk.request()
    while (told := desk.book(refused)) == "OK":
        refused = desk.request()
        assert desk.booked < ENOUGH
    assert told == "STORE_FULL"
    full = desk.status()
    assert full.used_bytes > 0.8 * full.map_bytes, "the alarm of docs/monitoring is on"
    assert time.time() < due, "nothing was due before it was full"
    assert desk.claimed() == desk.booked + 20

    def asked_again() -> bool:
        assert desk.book(refused) == "STORE_FULL", "others go on asking"
        return desk.claimed() == desk.booked

    until(asked_again, "what was due has ended", 30.0)
    bound(desk.server, resource.RLIM_INFINITY)
    until(lambda: desk.book(refused) == "OK", "it grows")
    assert desk.book(refused) == "OK"
    desk.booked -= 1
    for _ in range(100):
        assert desk.book() == "OK"
    assert desk.claimed() == desk.booked
    assert desk.status().map_bytes > full.map_bytes
    assert desk.verified()
    with capsys.disabled():
        share = full.used_bytes / full.map_bytes
        print(f"\nfull at {share:.0%} of {full.map_bytes >> 20} MiB; it went on without a restart")
