"""Goal: whatever a shop does (bookings, money, sales, tills, labels, drop orders), each moment that was
copied while it lasted comes back from the backup, table by table and byte by byte. Method: clients work a
server over a new store; a backup that began with the empty store is taken beside it; snapshots are what is
compared with.
"""

import threading
import time
from pathlib import Path
from typing import Any

import grpc

from engine import Engine
from engine.inspect import opened
from kasir.backup import catalogue, places
from kasir.backup.catalogue import Target
from kasir.backup.taking import Taker, Wanted
from tests.crash.ledger import Ledger
from tests.crash.load import CALL_TIMEOUT_S, Worker
from tests.crash.shop import BusyShop

WORK_S = 4.0
CLIENTS = 4


def rows(store: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    """All that a store has, but for what it says of itself."""
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    with opened(store) as looking:
        for table in looking.tables:
            if table != "meta":
                with looking.txn.cursor(looking.database(table)) as cursor:
                    found[table] = [(bytes(key), bytes(value)) for key, value in cursor]
    return found


def test_each_moment_of_a_busy_shop_comes_back(engine: Any, start_server, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    places.make(to)
    (to / places.LOCK).touch()
    taker = Taker(engine.path, to, Wanted(), lambda _: None)
    taker.step()
    server = start_server()
    with grpc.insecure_channel(server.target) as channel:
        shop = BusyShop(channel, stock=10_000)
    stop = threading.Event()
    ledger = Ledger(tmp_path / "ledger.jsonl")
    workers = [Worker(server.target, shop, ledger, 7 + number, stop, number) for number in range(CLIENTS)]
    for worker in workers:
        worker.start()
    moments: dict[int, Path] = {}
    ends = time.monotonic() + WORK_S
    while time.monotonic() < ends:
        taker.step()
        made = engine.snapshot(tmp_path / f"snapshot {len(moments)}")
        moments[made["revision"]] = Path(made["path"])
        time.sleep(WORK_S / 8)
    stop.set()
    for worker in workers:
        worker.join(CALL_TIMEOUT_S + 10)
        assert worker.failure is None, worker.failure
    last = engine.snapshot(tmp_path / "last")
    moments[last["revision"]] = Path(last["path"])
    taker.step()
    found = catalogue.read(to)
    assert [base.end.revision for base in found[0].bases] == [0]
    methods = set()
    for revision, snapshot in moments.items():
        plan = catalogue.plan(found, Target(revision=revision))
        assert plan is not None
        store = tmp_path / f"at {revision}"
        parts = [part.path for part in plan.parts]
        assert Engine.restore(plan.base.path, store, parts, revision=revision)["revision"] == revision
        here, there = rows(store), rows(snapshot)
        assert here.keys() == there.keys()
        for table, expected in there.items():
            assert here[table] == expected, f"{table} at revision {revision} is another one"
        with opened(store) as looking:
            methods |= {row["method"] for row in looking.rows("journal")}
    assert len(methods) > 15, "the shop did too little to tell"
