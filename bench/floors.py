"""The floor under every durable figure: how long this disk takes to say that it has the bytes.

python -m bench floors
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import lmdb

from bench.measure import percentile

PAGE_BYTES = 4096
SYNC_PAGES = (1, 16, 64, 256)
COMMIT_COMMANDS = (1, 8, 64, 256, 1024)
PUTS_A_COMMAND = 4
VALUE_BYTES = 200
MAP_BYTES = 1 << 30


def sync_times(folder: Path, seconds: float) -> list[dict[str, float]]:
    """fdatasync after writing so many pages in a row into a file that is there already: p50 and p99 in
    microseconds. What PostgreSQL's log does, and nearly what LMDB does.
    """
    rows: list[dict[str, float]] = []
    path = folder / "fdatasync"
    for pages in SYNC_PAGES:
        block = os.urandom(PAGE_BYTES * pages)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, bytes(64 * len(block)), 0)
            os.fsync(descriptor)
            times: list[float] = []
            ends = perf_counter() + seconds
            while perf_counter() < ends:
                os.pwrite(descriptor, block, len(times) % 64 * len(block))
                begins = perf_counter()
                os.fdatasync(descriptor)
                times.append(perf_counter() - begins)
        finally:
            os.close(descriptor)
            path.unlink()
        times.sort()
        rows.append(
            {
                "kib": PAGE_BYTES * pages // 1024,
                "p50_us": round(percentile(times, 0.5) * 1e6, 1),
                "p99_us": round(percentile(times, 0.99) * 1e6, 1),
            }
        )
    return rows


def commit_times(
    folder: Path, seconds: float, sizes: Sequence[int] = COMMIT_COMMANDS
) -> list[dict[str, float]]:
    """Bare LMDB from Python, default sync: commits of so many commands of four puts, keys ascending."""
    rows: list[dict[str, float]] = []
    path = folder / "lmdb"
    for commands in sizes:
        shutil.rmtree(path, ignore_errors=True)
        value = os.urandom(VALUE_BYTES)
        times: list[float] = []
        with lmdb.open(str(path), map_size=MAP_BYTES) as environment:
            number = 0
            ends = perf_counter() + seconds
            while perf_counter() < ends:
                begins = perf_counter()
                with environment.begin(write=True) as txn:
                    for _ in range(commands * PUTS_A_COMMAND):
                        number += 1
                        txn.put(number.to_bytes(8), value, append=True)
                times.append(perf_counter() - begins)
                if environment.info()["last_pgno"] * PAGE_BYTES > MAP_BYTES * 3 // 4:
                    break
        times.sort()
        middle = percentile(times, 0.5)
        rows.append(
            {
                "commands": commands,
                "p50_us": round(middle * 1e6, 1),
                "p99_us": round(percentile(times, 0.99) * 1e6, 1),
                "commands_per_s": round(commands / middle),
            }
        )
    shutil.rmtree(path, ignore_errors=True)
    return rows
