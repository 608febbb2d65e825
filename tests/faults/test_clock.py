"""Goal: nobody's reservation ends because a clock was set wrong, and no stamp goes back.

Method: `kasir serve` whose clock of day is set by libfaketime while it runs.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from kasir.v1 import admin_pb2, admin_pb2_grpc, stock_pb2, stock_pb2_grpc
from kasir.v1.watch_pb2 import WatchRequest
from tests.conftest import ServerProcess
from tests.server.support import Shop, new_id, until

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# More than passes while one test runs.
MEANWHILE = timedelta(minutes=10)


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch) -> Callable[[timedelta], None]:
    """Sets the clock of servers that are started from now on, to so much from the right one."""
    if not LIBRARIES:
        pytest.skip("faketime is not installed: see system-packages.txt")
    hand = tmp_path / "hand"
    monkeypatch.setenv("LD_PRELOAD", str(LIBRARIES[0]))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(hand))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")

    def set_to(by: timedelta) -> None:
        new = hand.with_suffix(".new")
        new.write_text(f"{by.total_seconds():+.0f}")
        new.replace(hand)

    set_to(timedelta())
    return set_to


class Desk:
    """Somebody who sees the shop's time and one hold of an hour."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.channel = grpc.insecure_channel(server.target)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.shop = Shop(self.channel)

    def now(self) -> Any:
        self.shop.receive(self.shop.item_id, 1)
        return self.status().log_time.ToDatetime()

    def status(self) -> admin_pb2.GetStatusResponse:
        return self.admin.GetStatus(admin_pb2.GetStatusRequest())

    def step(self) -> timedelta:
        return self.status().clock_step.ToTimedelta()

    def hold(self, ends: Any) -> None:
        hold = stock_pb2.Hold(
            item_id=self.shop.item_id, location_id=self.shop.warehouse_id, quantity=1, owner="chat"
        )
        hold.expire_time.FromDatetime(ends)
        self.shop.stock.CreateHold(stock_pb2.CreateHoldRequest(request_id=new_id(), hold=hold))

    def held(self) -> int:
        reply = self.shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=self.shop.item_id))
        return sum(each.held for each in reply.stocks)

    def stamps(self) -> list[int]:
        end = self.status().revision
        stream = self.shop.watch.Watch(WatchRequest())
        times: list[int] = []
        for response in stream:
            times += [record.time.ToMilliseconds() for record in response.records]
            if response.revision >= end:
                break
        stream.cancel()
        assert len(times) == end
        return times


@pytest.mark.parametrize("by", [DAY, -DAY, HOUR, -HOUR], ids=str)
def test_a_clock_that_is_set_far_is_not_believed_and_that_is_told(serve, set_clock, by: timedelta):
    desk = Desk(serve())
    begun = desk.now()
    desk.hold(begun + HOUR)
    set_clock(by)
    until(lambda: abs(desk.step() - by) < MEANWHILE, "it is told")
    assert begun <= desk.now() < begun + MEANWHILE
    assert desk.held() == 1
    until(lambda: "clock_not_believed" in desk.server.log_path.read_text(), "a line in the log")
    set_clock(timedelta())
    until(lambda: not desk.step(), "it is believed again")
    assert begun <= desk.now() < begun + MEANWHILE
    until(lambda: "clock_believed" in desk.server.log_path.read_text(), "a line in the log")
    stamps = desk.stamps()
    assert stamps == sorted(stamps)


def test_a_minute_either_way_is_followed_and_no_stamp_goes_back(serve, set_clock):
    desk = Desk(serve())
    begun = desk.now()
    minute = timedelta(minutes=1)
    for by, least in ((minute, minute), (timedelta(), minute), (minute, minute)):
        set_clock(by)
        assert begun + least <= desk.now() + timedelta(seconds=2)
        assert not desk.step()
    stamps = desk.stamps()
    assert stamps == sorted(stamps)


def test_a_server_that_is_started_anew_believes_the_clock(serve, set_clock):
    desk = Desk(serve())
    begun = desk.now()
    desk.hold(begun + HOUR)
    set_clock(DAY)
    until(lambda: bool(desk.step()), "it is told")
    assert desk.held() == 1
    desk.server.stop()
    with grpc.insecure_channel(serve().target) as channel:
        status = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest())
        assert not status.clock_step.ToTimedelta()
        ask = stock_pb2_grpc.StockServiceStub(channel).GetStock
        request = stock_pb2.GetStockRequest(item_id=desk.shop.item_id)
        until(lambda: sum(each.held for each in ask(request).stocks) == 0, "a day has passed")
