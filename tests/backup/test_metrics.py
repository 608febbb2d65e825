"""Goal: Prometheus is told how old a backup is and whether it is good, by the program that takes it.

Method: `kasir backup --follow` as an operator starts it, beside a store in which things happen.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from kasir.backup import places
from kasir.backup.metrics import Standing
from kasir.backup.places import Checked
from tests.backup.conftest import ROOT, Kasir, Shop
from tests.conftest import PATIENCE_S
from tests.server.support import until


@contextmanager
def following(shop: Shop, to: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    words = ["--to", str(to), "--follow", "--metrics-listen", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "kasir.cli", "backup", str(shop.folder), *words]
    with said_by(to).open("w") as said:
        process = subprocess.Popen(command, stderr=said, text=True, cwd=ROOT)
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=PATIENCE_S)


def said_by(to: Path) -> Path:
    """What the follower of this backup says."""
    return to.with_name("said")


def figures(port: int) -> dict[str, float]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except URLError:
        return {}
    return {name: float(value) for name, value in (line.split(" ") for line in lines if line[0] != "#")}


def test_the_follower_tells_how_the_backup_stands(shop: Shop, tmp_path: Path, free_port: int) -> None:
    to = tmp_path / "backup"
    shop.happen(3)
    shop.settle()
    with following(shop, to, free_port) as process:
        until(lambda: figures(free_port).get("kasir_backup_checked_time_seconds", 0) > 0, "a check", 60)
        told = figures(free_port)
        assert told["kasir_backup_revision"] == 3
        assert told["kasir_backup_problems"] == 0
        assert time.time() - 60 < told["kasir_backup_complete_time_seconds"] <= time.time()
        shop.happen()
        shop.settle()
        until(lambda: figures(free_port)["kasir_backup_revision"] == 4, "the next revision", 60)

        # Nothing can be taken: the time stands still.
        shop.close()
        shop.folder.rename(tmp_path / "away")
        missing = f"{shop.folder} cannot be opened"
        until(lambda: missing in said_by(to).read_text(), "the words", PATIENCE_S)
        before = figures(free_port)["kasir_backup_complete_time_seconds"]
        time.sleep(1.5)
        assert figures(free_port)["kasir_backup_complete_time_seconds"] == before
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_a_follower_that_starts_knows_how_it_stood(tmp_path: Path) -> None:
    assert Standing.of(tmp_path) == Standing()
    places.write_checked(tmp_path, Checked(time="2026-11-27T10:00:00+00:00", problems=["it is torn"]))
    (tmp_path / places.LOCK).touch()
    os.utime(tmp_path / places.LOCK, (1_000, 1_000))
    stood = Standing.of(tmp_path)
    assert (stood.complete_s, stood.checked_s, stood.problems) == (1_000.0, 1_795_773_600.0, 1)
    stood.heed(Checked(problems=["it could not be done"]))
    assert (stood.checked_s, stood.problems) == (1_795_773_600.0, 1), "that was no check"


def test_wrong_words_are_told(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    words = ("backup", shop.folder, "--to", tmp_path / "backup", "--metrics-listen")
    once = kasir(*words, "127.0.0.1:0")
    assert (once.returncode, "goes with --follow" in once.stderr) == (2, True)
    for address, said in (("0.0.0.0:9465", "other machines"), ("nowhere", "no address")):
        refused = kasir(*words, address, "--follow")
        assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
