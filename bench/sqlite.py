"""A process of its own that holds units in SQLite, and prints what it measured as JSON.

SQLite has one writer, so one caller asks, as many holds a transaction as the cell says. Python's own sqlite3,
WAL, synchronous=FULL: every commit waits for the disk.

    python -m bench.sqlite '{"path": …, "spread": "uniform", "batch": 100, …}'
"""

import json
import os
import random
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from bench import work
from bench.measure import BenchError, Meter, Sample, Window
from bench.work import HOT_ITEM, SEED, Spread

HOLD_S = 3_600
SYNCHRONOUS_FULL = 2
# The same shop and statement as PostgreSQL's, as SQLite writes it.
SCHEMA = """
CREATE TABLE stock (
    item_id INTEGER PRIMARY KEY,
    on_hand INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held BETWEEN 0 AND on_hand)
);
CREATE TABLE holds (
    hold_id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL UNIQUE,
    item_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    owner TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL
);
CREATE INDEX holds_by_deadline ON holds (expire_time);
"""
_TAKE = "UPDATE stock SET held = held + 1 WHERE item_id = ? AND on_hand - held >= 1"
_HOLD = """INSERT INTO holds (request_id, item_id, quantity, owner, create_time, expire_time)
    VALUES (?, ?, 1, ?, ?, ?)"""


@dataclass(frozen=True)
class Task:
    """What to do, in a new file at `path`."""

    path: str
    spread: Spread
    batch: int
    warm_up_s: float
    seconds: float

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def run(task: Task) -> Sample:
    """Makes the shop, works on it, sees that all is there."""
    with sqlite3.connect(task.path, isolation_level=None) as store:
        _seed(store)
        if store.execute("PRAGMA synchronous").fetchone() != (SYNCHRONOUS_FULL,):
            raise BenchError("SQLite says that its commits do not wait for the disk.")
        sample = _work(store, task)
        (there,) = store.execute("SELECT count(*) FROM holds").fetchone()
        if there < sample.operations:
            raise BenchError(f"{sample.operations} holds were answered, but {there} are there.")
    store.close()
    return sample


def _seed(store: sqlite3.Connection) -> None:
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    store.executescript(SCHEMA)
    store.execute("BEGIN")
    rows = ((item, work.HOT_STOCK) for item in range(1, work.ITEMS + 1))
    store.executemany("INSERT INTO stock VALUES (?, ?, 0)", rows)
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _work(store: sqlite3.Connection, task: Task) -> Sample:
    items = _items(task.spread)
    execute, count = store.execute, len(items)
    meter = Meter(Window(task.warm_up_s, task.seconds), os.getpid(), task.batch)
    request, now = 0, perf_counter()
    while now < meter.ends:
        sent, second = now, int(time.time())
        execute("BEGIN IMMEDIATE")
        for _ in range(task.batch):
            request += 1
            item = items[request % count]
            if execute(_TAKE, (item,)).rowcount != 1:
                raise BenchError(f"Item {item} is out of stock.")
            execute(_HOLD, (request, item, "cart-1", second, second + HOLD_S))
        execute("COMMIT")
        now = perf_counter()
        meter.done(sent, now)
    return meter.finish()


def _items(spread: Spread) -> list[int]:
    """Items in the order in which they are asked for."""
    if spread is Spread.HOT:
        return [HOT_ITEM]
    chance = random.Random(SEED)
    return [chance.randint(1, work.ITEMS) for _ in range(work.BODIES)]


def main() -> None:
    """The process's body."""
    given = json.loads(sys.argv[1])
    task = Task(**{**given, "spread": Spread(given["spread"])})
    Path(task.path).parent.mkdir(parents=True, exist_ok=True)
    print(json.dumps(run(task).to_json()))


if __name__ == "__main__":
    main()
