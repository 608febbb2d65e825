"""Goal: whatever happens in which order to till, line and stock, a sale covered by the lease is booked, every
sale is booked once or looked at, and the till never believes to have leased more than it has.
Method: random days on a real server: sales with the line and without, cuts in the middle of anything, others
who buy, renewals, shifts, retries, a till that starts anew. The seed is printed; KASIR_DAYS_SEED repeats it.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from clients.common.problems import BadInput, CallFailed
from clients.till.cart import Permission
from clients.till.journal import Kind, State, Trouble
from clients.till.till import Till
from kasir.v1 import stock_pb2
from tests.server.support import idr, new_id
from tests.till.line import Line
from tests.till.world import TillShop, cart, cash, till_at

SEED = int(os.environ.get("KASIR_DAYS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
STEPS = 250
STOCK = 40
MANAGER = Permission("budi")


@contextmanager
def failing_by(*words: str) -> Iterator[None]:
    """What may be refused for these reasons."""
    try:
        yield
    except (BadInput, CallFailed, grpc.RpcError) as refused:
        if not any(each in str(refused) for each in words):
            raise


class Day:
    """What is done to a till, and what it told people."""

    def __init__(self, shop: TillShop, line: Line, state, chance: random.Random) -> None:
        self.shop, self.line, self.state, self.chance = shop, line, state, chance
        self.told: dict[str, tuple[int, int]] = {}
        self.others: Counter[int] = Counter()
        self.till = self._start()
        self.till.refresh()
        self.till.open_shift(idr(0))

    def _start(self) -> Till:
        return till_at(self.state, self.line.address)

    def sell(self) -> None:
        items = self.chance.sample(self.shop.items, self.chance.randint(1, 2))
        made = cart(*((item_id, self.chance.randint(1, 3)) for item_id in items))
        beyond = MANAGER if self.chance.random() < 0.1 else None
        with failing_by("has not leased", "OUT_OF_STOCK", "no open shift"):
            sold = self.till.sell(made, cash(50_000_000), beyond_lease=beyond)
            totals = sold.sale.totals.total.minor_units, sold.sale.change.minor_units
            self.told[sold.entry.receipt] = totals

    def cut(self) -> None:
        self.line.cut()

    def restore(self) -> None:
        if self.line.up:
            return
        self.line.restore(self.chance.choice([None, None, 300, 900, 3_000]))
        self.wait_for_line()

    def wait_for_line(self) -> None:
        # Cut again before anybody has seen it, it is not ready: then that is how it is.
        while self.line.up:
            try:
                grpc.channel_ready_future(self.till.client._channel).result(0.2)
            except grpc.FutureTimeoutError:
                continue
            break
        self.till.line_is_back()

    def others_buy(self) -> None:
        item_id, quantity = self.chance.choice(self.shop.items), self.chance.randint(1, 5)
        with failing_by("available"):
            self.shop.others_take(item_id, quantity)
            self.others[item_id] += quantity

    def renew(self) -> None:
        self.till.renew_lease({item_id: self.chance.randint(0, 8) for item_id in self.shop.items})

    def shift(self) -> None:
        try:
            self.till.close_shift(idr(0))
        except BadInput:
            self.till.open_shift(idr(0))

    def look(self) -> None:
        for matter in self.till.journal.matters():
            entry = self.till.journal.entry(matter.seq)
            if entry.state == State.REFUSED and self.chance.random() < 0.5:
                with failing_by("Open a shift"):
                    self.till.retry(matter.seq)
                return

    def start_anew(self) -> None:
        self.till.client.close()
        self.till.store.close()
        self.till = self._start()

    def step(self) -> None:
        doing = self.chance.choices(
            (
                self.sell,
                self.cut,
                self.restore,
                self.others_buy,
                self.renew,
                self.shift,
                self.look,
                self.start_anew,
                self.till.send,
            ),
            (40, 5, 9, 6, 6, 3, 3, 2, 5),
        )[0]
        doing()


@pytest.mark.slow
def test_random_days_end_well(shop, line, tmp_path, capsys):
    with capsys.disabled():
        print(f"\nKASIR_DAYS_SEED={SEED} ", end="", flush=True)
    for item_id in shop.items:
        request = stock_pb2.AdjustStockRequest(
            request_id=new_id(),
            location_id=shop.shop_id,
            lines=[stock_pb2.StockLine(item_id=item_id, quantity=STOCK - 100)],
            reason="less, so that it runs out",
        )
        shop.stock.AdjustStock(request)
    day = Day(shop, line, tmp_path / "state", random.Random(SEED))
    for _ in range(STEPS):
        day.step()
    if not line.up:
        line.restore()
    else:
        line.cut()
        line.restore()
    day.wait_for_line()
    sent = day.till.send()
    assert (sent.failed, sent.left) == (None, 0), [
        (e.kind, e.state, e.reason) for e in day.till.journal.unsettled()
    ]
    check(day)
    day.till.store.close()


def check(day: Day) -> None:
    till, shop = day.till, day.shop
    entries = [entry for entry in till.journal.entries() if entry.kind == Kind.SALE]
    assert {entry.state for entry in entries} <= {State.DONE, State.REFUSED, State.VOID}
    booked = {sale.receipt: sale for sale in shop.sold()}
    assert len(booked) == len(shop.sold())
    assert booked.keys() == {entry.receipt for entry in entries if entry.state == State.DONE}
    refused = [entry for entry in entries if entry.state == State.REFUSED]
    listed = {matter.seq for matter in till.journal.matters() if matter.trouble == Trouble.REFUSED}
    assert {entry.seq for entry in refused} <= listed
    for entry in refused:
        assert entry.uncovered, f"{entry.receipt} was covered: {entry.reason} {entry.message}"
    told_states = {entry.receipt: entry.state for entry in entries}
    for receipt, amounts in day.told.items():
        assert told_states[receipt] in {State.DONE, State.REFUSED}
        if receipt in booked:
            sale = booked[receipt]
            assert (sale.totals.total.minor_units, sale.change.minor_units) == amounts
    leased = till.leases.available(till.now_ms())
    for item_id in shop.items:
        sold = sum(
            line.quantity for sale in booked.values() for line in sale.lines if line.item_id == item_id
        )
        on_hand, held = shop.level(item_id)
        assert on_hand == STOCK - sold - day.others[item_id]
        assert 0 <= leased.get(item_id, 0) <= held <= on_hand
