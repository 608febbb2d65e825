"""The machine dies: server and backup killed under load, the data directory gone.

Goal: what was acknowledged before the backup's last segment is there after the restore, and answers the
same bytes when asked again; what is lost is younger than some seconds. Method: `kasir serve` and `kasir
backup --follow` as an operator starts them; clients work the shop; SIGKILL to both; the data is deleted, and
restored by the command. KASIR_DRILL_S sets how long they work; `make backup-drill` works longer.
"""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from engine.backup import store_head
from kasir.backup import catalogue, places
from kasir.v1 import admin_pb2, admin_pb2_grpc
from tests.backup.conftest import ROOT, Kasir
from tests.conftest import PATIENCE_S
from tests.crash.ledger import Entry, Ledger
from tests.crash.load import CALL_TIMEOUT_S, Worker
from tests.crash.shop import BusyShop

WORK_S = float(os.environ.get("KASIR_DRILL_S", "6"))
CLIENTS = 4
# On a machine that is busy with other tests.
LOST_MAX_S = 15.0


@dataclass
class TimedLedger(Ledger):
    """Knows when each acknowledgement came."""

    times: dict[str, float] = field(default_factory=dict)

    def got(self, entry: Entry, reply: bytes) -> None:
        super().got(entry, reply)
        self.times[entry.request_id] = time.time()


@contextmanager
def following(data: Path, to: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "kasir.cli", "backup", str(data), "--to", str(to), "--follow", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def eventually(what: str, done) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.mark.crash
@pytest.mark.timeout(180 + 10 * WORK_S)
def test_a_machine_that_dies_costs_seconds(serve, tmp_path: Path, kasir: Kasir, capsys) -> None:
    to, ledger = tmp_path / "backup", TimedLedger(tmp_path / "ledger.jsonl")
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = BusyShop(channel, stock=100_000)
    seed = random.SystemRandom().getrandbits(64)
    stop = threading.Event()
    workers = [Worker(server.target, shop, ledger, seed + number, stop, number) for number in range(CLIENTS)]
    with following(server.data, to) as backup:
        eventually("the first copy", lambda: places.is_backup(to) and any(to.glob("0001/*.base")))
        for worker in workers:
            worker.start()
        time.sleep(WORK_S)
        died = time.time()
        server.kill()
        backup.kill()
    stop.set()
    for worker in workers:
        worker.join(CALL_TIMEOUT_S + 10)
        assert worker.failure is None, worker.failure
    shutil.rmtree(server.data)

    history = catalogue.read(to)[-1]
    assert history.broken == []
    last = max((part.end for part in history.parts), key=lambda end: end.revision)
    lags = [part.path.stat().st_mtime - part.first_ms / 1000 for part in history.parts]
    restored = kasir("restore", to, "--data", server.data)
    assert restored.returncode == 0, restored.stderr

    again = serve(data=server.data)
    kept = [each for each in ledger.acknowledged if ledger.times[each.request_id] * 1000 < last.time_ms]
    with grpc.insecure_channel(again.target) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        before = admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=CALL_TIMEOUT_S).revision
        assert before >= last.revision
        for entry in kept:
            reply = channel.unary_unary(entry.method)(entry.request, timeout=CALL_TIMEOUT_S)
            assert reply == entry.reply, f"{entry.method} {entry.request_id} is answered otherwise now"
        verified = admin.VerifyStore(admin_pb2.VerifyStoreRequest(), timeout=CALL_TIMEOUT_S)
        assert verified.ok, verified.violations
    assert kept, "nothing was acknowledged before the last segment"
    assert died - last.time_ms / 1000 < LOST_MAX_S
    with capsys.disabled():
        print(
            f"\ndrill: {len(ledger.acknowledged):,} acknowledged, {len(kept):,} before the last segment: "
            f"all there, the same bytes; the backup ended {died - last.time_ms / 1000:.2f} s before the end; "
            f"{len(history.parts)} segments, at most {max(lags):.2f} s after their first record"
        )


def test_a_backup_follows_its_server_through_a_restart_and_stops_well(
    serve, tmp_path: Path, kasir: Kasir
) -> None:
    to = tmp_path / "backup"
    server = serve()
    with following(server.data, to) as backup:
        eventually("the first copy", lambda: places.is_backup(to) and any(to.glob("0001/*.base")))
        server.kill()
        time.sleep(1.5)
        assert backup.poll() is None, "it waits for the server"
        server = serve(data=server.data)
        with grpc.insecure_channel(server.target) as channel:
            BusyShop(channel, stock=10)
            admin = admin_pb2_grpc.AdminServiceStub(channel)
            # Who reads finds all that was answered, and whoever looks in from outside does then.
            revision = admin.VerifyStore(admin_pb2.VerifyStoreRequest(), timeout=CALL_TIMEOUT_S).revision
        backup.terminate()
        backup.wait(PATIENCE_S)
        assert backup.returncode == 0
    history = catalogue.read(to)[-1]
    assert len(places.histories(to)) == 1
    assert max(part.end.revision for part in history.parts) == revision
    assert kasir("backup", "check", to).returncode == 0
    assert places.read_checked(to).problems == []


KILLS = 5


@pytest.mark.crash
@pytest.mark.timeout(240)
def test_a_backup_that_is_killed_again_and_again_is_whole(serve, tmp_path: Path, kasir: Kasir) -> None:
    to, ledger = tmp_path / "backup", Ledger(tmp_path / "ledger.jsonl")
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = BusyShop(channel, stock=100_000)
    seed = random.SystemRandom().getrandbits(64)
    dice, stop = random.Random(seed), threading.Event()
    workers = [Worker(server.target, shop, ledger, seed + number, stop, number) for number in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(KILLS):
            with following(server.data, to, "--every", "0.02s") as backup:
                before = len(list(to.glob("0001/*.journal")))
                eventually("a segment", lambda: len(list(to.glob("0001/*.journal"))) > before)  # noqa: B023
                time.sleep(dice.uniform(0, 0.3))
                backup.kill()
            assert all(each.broken == [] and list(each.gaps()) == [] for each in catalogue.read(to))
    finally:
        stop.set()
        for worker in workers:
            worker.join(CALL_TIMEOUT_S + 10)
    assert server.stop() == 0
    last = kasir("backup", server.data, "--to", to)
    assert last.returncode == 0, last.stderr
    checked = kasir("backup", "check", to)
    assert checked.returncode == 0, checked.stderr
    assert len(places.histories(to)) == 1
    assert places.read_checked(to).revision == store_head(server.data)["revision"]
    assert not list(to.glob("*/*.part"))
