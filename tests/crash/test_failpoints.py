"""Goal: what the server acknowledged survives a kill at every place where its store changes the disk.

Method: `kasir serve` with recorder.c before libc. First it writes down which calls a life has: those of a
new store's first moments, of an opening, of work, of a stop. Then the server dies by SIGKILL before, in the
middle of, or after one of them, while clients work; a new one on the same directory has to hold what
tests/crash/shift.py checks. KASIR_DEATHS says how many there are; `make crash DEATHS=600`.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import grpc
import pytest

from tests.crash import disk
from tests.crash.death import Death, Serve, ends, starts
from tests.crash.ledger import Ledger
from tests.crash.shift import Shift, verify
from tests.crash.shop import BusyShop
from tests.server.support import Shop

DEATHS = int(os.environ.get("KASIR_DEATHS", "12"))
STOCK = 100_000
OLD_ONES_ASKED_AGAIN = 100
# Under load it dies or is asked to stop after so long: then it may die of that.
LOAD_S = 0.8

pytestmark = pytest.mark.crash


def deaths(calls: list[disk.Call], dice: random.Random) -> Iterator[Death]:
    """Every place of a life, at its first call, its second, and any: in any order, again and again."""
    times = Counter(call.point for call in calls if call.name not in disk.NOT_KEPT)
    while True:
        counts = {point: {1, min(2, often), dice.randint(1, often)} for point, often in times.items()}
        all_of_them = [
            Death(*point, count, when)
            for point in times
            for count in counts[point]
            for when in "bma"
            if when != "m" or point[0] == disk.WROTE
        ]
        dice.shuffle(all_of_them)
        yield from all_of_them


@pytest.mark.timeout(120 + 10 * DEATHS)
def test_a_kill_at_any_call_of_a_life_loses_nothing(
    serve: Serve, preloaded: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    dice, began = random.Random(seed), time.monotonic()
    ledger = Ledger(tmp_path / "ledger.jsonl")
    life, data, record = Shift(ledger, seed), tmp_path / "shop", tmp_path / "record"
    first = serve(data=data)
    with grpc.insecure_channel(first.target) as channel:
        shop = BusyShop(channel, stock=STOCK)
    first.stop()
    for death in (Death(disk.SYNCED, "data.mdb", 2, "b"), None):
        preloaded(data, record=record, death=death)
        server = serve(data=data)
        life.work(server.target, shop, lambda server=server: ends(server, LOAD_S))
    calls = disk.recorded(record)
    places, met, known, after = {call.point for call in calls}, Counter[str](), 0, signal.SIGTERM
    for number, death in enumerate(islice(deaths(calls, dice), DEATHS)):
        try:
            preloaded(data, death=death)
            server = starts(serve, data)
            if server is None:
                met["in opening"] += 1
            else:
                died: list[bool] = []
                life.work(
                    server.target, shop, lambda server=server, died=died: died.append(ends(server, LOAD_S))
                )
                met["at work or at a stop" if died[0] else "not at all"] += 1
            preloaded(data)
            server = serve(data=data)
            entries = list(ledger.entries.values())
            old = life.random.sample(entries[:known], min(known, OLD_ONES_ASKED_AGAIN))
            with grpc.insecure_channel(server.target) as channel:
                life.check(channel, entries[known:], old)
                verify(channel)
            known = len(ledger.entries)
            # What a kill leaves is opened otherwise than what was closed.
            server.stop(after := dice.choice((signal.SIGKILL, signal.SIGTERM)))
        except (AssertionError, RuntimeError) as error:
            error.add_note(f"death {number} ({death}) after {after}, seed {seed}")
            raise
    # Work differs from life to life: it need not come to the last call of another.
    assert DEATHS - met["not at all"] >= DEATHS / 4, met
    with capsys.disabled():
        print(
            f"\n{DEATHS} deaths at {len(places)} places in {time.monotonic() - began:.0f} s: "
            f"{', '.join(f'{count} {when}' for when, count in met.items())}; "
            f"{len(ledger.acknowledged):,} acknowledged, lost 0, doubled 0, verify holds"
        )


@pytest.mark.timeout(120 + 5 * DEATHS)
def test_a_kill_in_the_first_moments_of_a_store_costs_nothing(
    serve: Serve, preloaded: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.SystemRandom().getrandbits(64)
    record = tmp_path / "record"
    preloaded(tmp_path / "shop", record=record)
    server = serve(data=tmp_path / "shop")
    serves = time.monotonic_ns()
    server.stop()
    calls = [call for call in disk.recorded(record) if call.end <= serves]
    for number, death in enumerate(islice(deaths(calls, random.Random(seed)), DEATHS // 2)):
        data = tmp_path / f"shop-{number}"
        try:
            preloaded(data, death=death)
            assert starts(serve, data) is None, "it lives"
            preloaded(data)
            server = serve(data=data)
            with grpc.insecure_channel(server.target) as channel:
                shop = Shop(channel)
                shop.book()
                verify(channel)
            server.kill()
        except (AssertionError, RuntimeError) as error:
            error.add_note(f"death {number} ({death}), seed {seed}")
            raise
        shutil.rmtree(data)
    with capsys.disabled():
        print(f"\n{DEATHS // 2} new stores lost their server in their first moments, and were whole")
