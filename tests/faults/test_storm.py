"""Goal: when the line is back after an outage, all tills send at once, and every sale is booked once.

Method: tills as shops have them, each with its own store on the disk, sell while the server is down; it is
started again, and all send in the same moment. KASIR_STORM_TILLS and KASIR_STORM_SALES make it larger:
1,000 tills take some minutes to be made.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from clients.common.connection import Connection
from clients.till.line import till_client
from clients.till.till import Till, open_till
from kasir.v1 import till_pb2
from tests.conftest import ServerProcess
from tests.server.support import idr, new_id
from tests.till.world import TillShop, cart, cash

TILLS = int(os.environ.get("KASIR_STORM_TILLS", "40"))
SALES = int(os.environ.get("KASIR_STORM_SALES", "5"))
# Tills are made by so many at once.
MAKERS = 8
# One that meets a full queue waits and sends on.
ROUNDS = 50


@pytest.fixture
def opened() -> Iterator[list[Till]]:
    tills: list[Till] = []
    yield tills
    for till in tills:
        till.client.close()
        till.store.close()


def make_till(shop: TillShop, target: str, root: Path, number: int) -> Till:
    """One with an open shift, that has leased what it is going to sell."""
    code = f"KASIR-{number}"
    if number > 1:
        till = till_pb2.Till(code=code, location_id=shop.shop_id)
        shop.tills.CreateTill(till_pb2.CreateTillRequest(request_id=new_id(), till=till))
    made = open_till(root / code, till_client(Connection(target, f"kasir-{number}"), timeout_s=30.0), code)
    made.refresh()
    made.open_shift(idr(100_000))
    assert made.renew_lease({shop.kopi: SALES}).leased == {shop.kopi: SALES}
    return made


@pytest.mark.timeout(300 + 2 * TILLS)
def test_all_tills_send_at_once_and_each_sale_is_booked_once(
    serve: Callable[..., ServerProcess],
    opened: list[Till],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = serve()
    with grpc.insecure_channel(server.target) as channel, ThreadPoolExecutor(MAKERS) as pool:
        shop = TillShop(channel, stock=TILLS * SALES)
        made = pool.map(lambda number: make_till(shop, server.target, tmp_path, number), range(1, TILLS + 1))
        opened.extend(made)
    server.stop()
    receipts: set[str] = set()
    for till in opened:
        for _ in range(SALES):
            sold = till.sell(cart((shop.kopi, 1)), cash(10_000_000))
            assert not sold.online
            receipts.add(sold.entry.receipt)
    assert len(receipts) == TILLS * SALES
    again = serve("--listen", server.target)
    assert again.target == server.target
    gate = threading.Barrier(TILLS + 1)

    def flush(till: Till) -> None:
        gate.wait()
        till.line_is_back()
        for _ in range(ROUNDS):
            if not till.send().left:
                return
            time.sleep(0.2)
            till.line_is_back()

    with ThreadPoolExecutor(TILLS) as pool:
        flushing = [pool.submit(flush, till) for till in opened]
        gate.wait()
        began = time.monotonic()
        for each in flushing:
            each.result()
        took_s = time.monotonic() - began
    assert [till.journal.waits() for till in opened] == [0] * TILLS
    assert not any(till.journal.matters() for till in opened)
    with grpc.insecure_channel(again.target) as channel:
        shop = TillShop.of(channel, shop)
        booked = [sale.receipt for sale in shop.sold()]
        assert sorted(booked) == sorted(receipts)
        assert shop.level(shop.kopi) == (0, 0)
    with capsys.disabled():
        print(f"\n{TILLS} tills sent {TILLS * SALES} sales at once, all in {took_s:.1f} s")
