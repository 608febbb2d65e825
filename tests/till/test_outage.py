"""Goal: a till that sells through an outage, killed with power-cut suddenness, over a line that breaks
again while what waited is sent: every sale arrives once, receipts and stock agree, nothing is oversold.
Method: the till is a process of its own on a real LMDB, killed at random points; the server is a process
behind a relay that is cut after random numbers of bytes of replies, and killed once on the way. Others take
all that the till did not lease.

KASIR_OUTAGE_SALES says how many sales; `make outage` sells 500.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from clients.till.journal import Kind, State
from kasir.v1 import admin_pb2, admin_pb2_grpc, stock_pb2, till_pb2
from tests.conftest import ROOT, ServerProcess
from tests.server.support import idr, new_id, refusal, until
from tests.till.line import Line
from tests.till.world import CODE, TillShop, back, till_at

SALES = int(os.environ.get("KASIR_OUTAGE_SALES", "60"))
SEED = int(os.environ.get("KASIR_OUTAGE_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
KILLS = 3


class Customers:
    """What people have in hand: receipts by entry, as the till said them before it was killed."""

    def __init__(self) -> None:
        self.receipts: dict[int, tuple[str, int, int]] = {}

    def buy(self, state: Path, address: str, until: int, kill: bool, chance: random.Random) -> None:
        """Runs the till until so many receipts are out, and kills it if so; else to its end."""
        command = [sys.executable, "-m", "tests.till.worker", str(state), address, str(SALES)]
        seed = str(chance.randrange(2**32))
        process = subprocess.Popen([*command, seed], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            for said in process.stdout:
                if not said.endswith("\n"):
                    break
                seq, receipt, total, change = said.split()
                assert int(seq) not in self.receipts
                self.receipts[int(seq)] = (receipt, int(total), int(change))
                if kill and len(self.receipts) >= until:
                    process.send_signal(signal.SIGKILL)
            status = process.wait(60)
        assert status == (-signal.SIGKILL if kill else 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_outage_loses_nothing_and_sells_nothing_twice(
    serve: Callable[..., ServerProcess], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nKASIR_OUTAGE_SEED={SEED} ", end="", flush=True)
    chance = random.Random(SEED)
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = TillShop(channel, stock=4 * SALES)
    line = Line(server.target)
    state = tmp_path / "state"
    till = till_at(state, line.address)
    till.refresh()
    till.open_shift(idr(100_000))
    leased = dict.fromkeys(shop.items, 3 * SALES)
    assert till.renew_lease(leased).leased == leased
    till.client.close()
    till.store.close()

    line.cut()
    customers = Customers()
    for kill in sorted(chance.sample(range(1, SALES), KILLS)):
        customers.buy(state, line.address, kill, True, chance)
    customers.buy(state, line.address, SALES, False, chance)

    line.restore()
    with grpc.insecure_channel(server.target) as channel:
        _others_take_all(TillShop.of(channel, shop))
        _send_until_killed(state, line.address, TillShop.of(channel, shop), chance.randrange(1, SALES // 3))
    line.cut()

    till = till_at(state, line.address)
    entries = [entry for entry in till.journal.entries() if entry.kind == Kind.SALE]
    assert len(entries) == SALES
    assert [entry.receipt.rpartition("-")[2] for entry in entries] == [str(n + 1) for n in range(SALES)]
    rounds = 0
    while till.journal.waits():
        rounds += 1
        if not line.up:
            back(till, line, None if rounds > 8 else chance.randrange(200, 40 * SALES + 400))
        if rounds == 3:
            line.cut()
            server.kill()
            server = serve()
            line.serve(server.target)
            back(till, line)
        till.send()
        assert rounds < 50
    assert rounds > 2, "the line was cut while it sent"
    if not line.up:
        back(till, line)

    with grpc.insecure_channel(server.target) as channel:
        _check(TillShop.of(channel, shop), entries, customers, till)
        z = till.close_shift(idr(0))
        assert z.online
        assert z.shift.sale_count == SALES
        assert TillShop.of(channel, shop).level(shop.kopi)[1] == 0, "the lease went back"
        report = admin_pb2_grpc.AdminServiceStub(channel).VerifyStore(admin_pb2.VerifyStoreRequest())
        assert not report.violations


def _others_take_all(shop: TillShop) -> None:
    """Nobody gets a unit of what the till has leased, and nothing else is left for it."""
    for item_id, more in [
        *((item_id, 1) for item_id in shop.items),
        *((item_id, 0) for item_id in shop.items),
    ]:
        line = stock_pb2.StockLine(item_id=item_id, quantity=SALES + more)
        request = stock_pb2.TransferStockRequest(
            request_id=new_id(), from_location_id=shop.shop_id, to_location_id=shop.warehouse_id, lines=[line]
        )
        if more:
            assert refusal(shop.stock.TransferStock, request).reason == "OUT_OF_STOCK"
        else:
            shop.stock.TransferStock(request)


def _send_until_killed(state: Path, address: str, shop: TillShop, arrived: int) -> None:
    """The till is killed once more, while it sends."""
    command = [sys.executable, "-m", "tests.till.worker", str(state), address]
    with subprocess.Popen(command, cwd=ROOT) as process:
        until(lambda: len(shop.sold()) >= arrived, f"{arrived} sales to arrive", 60)
        process.send_signal(signal.SIGKILL)


def _check(shop: TillShop, entries: list, customers: Customers, till) -> None:
    """Receipts, journal and server say the same; stock fell by what was sold; a lease gave what it
    promised.
    """
    booked = shop.sold()
    assert [sale.receipt for sale in booked] == [entry.receipt for entry in entries]
    for sale, entry in zip(booked, entries, strict=True):
        said = (sale.receipt, sale.totals.total.minor_units, sale.change.minor_units)
        assert customers.receipts.get(entry.seq, said) == said
    assert customers.receipts.keys() <= {entry.seq for entry in entries}
    assert len(customers.receipts) >= SALES - KILLS, "at most the sale under way was not told"
    assert till.journal.matters() == []
    assert {till.journal.entry(entry.seq).state for entry in entries} == {State.DONE}
    left = till.leases.available(till.now_ms())
    for item_id in shop.items:
        sold = sum(line.quantity for sale in booked for line in sale.lines if line.item_id == item_id)
        assert shop.level(item_id) == (3 * SALES - sold, 3 * SALES - sold)
        assert left[item_id] == 3 * SALES - sold
    shift = shop.tills.GetShift(till_pb2.GetShiftRequest(shift_id=1)).shift
    assert shift.sale_count == SALES
    assert shift.sale_total.minor_units == sum(sale.totals.total.minor_units for sale in booked)
    assert till.x().shift == shift
    assert CODE in booked[0].receipt
