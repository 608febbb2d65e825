"""kill -9, again and again.

Goal: what the server acknowledged survives a kill at any moment, and nothing happens twice. Method: `kasir
serve` as an operator starts it; eight clients work the shop and write every request to a file before they
send it; at a random moment SIGKILL; a new server on the same directory; then
- the journal holds every acknowledged request, and no request twice;
- every acknowledged request, sent again, gets the same bytes back;
- every request without an answer, sent again, gets one, has one effect, and gets the same bytes once more;
- what was refused left no trace;
- orders, payments, the bank's money, sales, tills, labels and stock add up to what was acknowledged; `verify`
  holds, the journal's chain too.
KASIR_KILLS sets how often; `make crash N=200`. After a hundred kills another shop begins: who looks at all of
a shop after each kill would look for ever.
"""

import os
import random
import time
from pathlib import Path

import grpc
import pytest

from bench.measure import percentile
from kasir.v1 import admin_pb2, admin_pb2_grpc
from tests.crash.ledger import Ledger
from tests.crash.load import CALL_TIMEOUT_S
from tests.crash.shift import Shift, effects, journal, verify
from tests.crash.shop import BusyShop
from tests.crash.totals import labels_queued, totals_acknowledged, totals_there

KILLS = int(os.environ.get("KASIR_KILLS", "20"))
KILLS_A_SHOP = 100
# After a kill a server is to answer within so many seconds; on a busy machine it is only told.
SERVING_AGAIN_S = 2.0
STOCK = 100_000
# Of the requests of earlier lives so many are asked again after each kill; after the last one, all.
OLD_ONES_ASKED_AGAIN = 200


@pytest.mark.crash
@pytest.mark.timeout(120 + 30 * KILLS_A_SHOP)
@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(min(KILLS_A_SHOP, KILLS - before), id=f"{before}..")
        for before in range(0, KILLS, KILLS_A_SHOP)
    ],
)
def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(
    serve, tmp_path: Path, capsys, kills: int
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    began = time.monotonic()
    ledger = Ledger(tmp_path / "ledger.jsonl")
    life = Shift(ledger, seed)
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = BusyShop(channel, stock=STOCK)
    known = 0
    back_s: list[float] = []
    try:
        for kill in range(1, kills + 1):
            life.work_until_killed(server, shop)
            killed = time.monotonic()
            server = serve(data=server.data)
            with grpc.insecure_channel(server.target) as channel:
                admin_pb2_grpc.AdminServiceStub(channel).GetStatus(
                    admin_pb2.GetStatusRequest(), timeout=CALL_TIMEOUT_S
                )
            back_s.append(time.monotonic() - killed)
            entries = list(ledger.entries.values())
            old = (
                entries[:known]
                if kill == kills
                else life.random.sample(entries[:known], min(known, OLD_ONES_ASKED_AGAIN))
            )
            with grpc.insecure_channel(server.target) as channel:
                life.check(channel, entries[known:], old)
                verify(channel)
            known = len(entries)
        with grpc.insecure_channel(server.target) as channel:
            assert effects(journal(channel, 0)) == life.done
            told = totals_acknowledged(ledger)
            assert totals_there(shop.on(channel)) == told
        assert max(labels_queued(ledger).values(), default=1) == 1, "a label was queued twice"
        # What the clients wrote down is what they knew.
        assert Ledger.read(ledger.path).entries == ledger.entries
    except AssertionError as error:
        error.add_note(f"seed {seed}, ledger {ledger.path}")
        raise
    refused = sum(entry.refusal is not None for entry in ledger.entries.values())
    counts = life.counts
    back_s.sort()
    within = sum(each < SERVING_AGAIN_S for each in back_s)
    asked, acknowledged = len(ledger.entries), len(ledger.acknowledged)
    with capsys.disabled():
        print(
            f"\n{kills} kills in {time.monotonic() - began:.0f} s: {asked:,} requests, {acknowledged:,} "
            f"acknowledged, {refused} refused, {counts['unanswered']} unanswered when killed "
            f"({counts['unanswered, but done']} of them done); {counts['asked again']:,} asked again, "
            "the same bytes each time; lost 0, doubled 0, verify holds\n"
            f"serving again, Python's start included, after p50 {percentile(back_s, 0.5):.2f} s, "
            f"p99 {percentile(back_s, 0.99):.2f} s, at most {back_s[-1]:.2f} s; "
            f"{within} of {kills} within {SERVING_AGAIN_S:.0f} s\n"
            f"done: {', '.join(f'{count:,} {what}' for what, count in told.items())}"
        )
