"""Goal: what no moment needs any more goes, and nothing else, whatever clocks and disks do. Method: the real
engine, a backup beside it.
"""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.backup import store_head
from kasir.backup import catalogue, places
from kasir.backup.checking import check
from kasir.backup.taking import MERGED_PARTS, Wanted, copy_base
from tests.backup.conftest import Shop
from tests.backup.test_backup import begun, step, take


def test_nothing_is_removed_while_somebody_reads(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    shop.happen(1)
    taker = take(shop, to)
    for _ in range(MERGED_PARTS + 1):
        step(taker, shop)
        shop.happen(1)
    with places.reading(to):
        taker.tidy()
        assert len(list((to / "0001").glob("*.journal"))) == MERGED_PARTS + 1
    (to / "checking left").mkdir()
    taker.tidy()
    assert len(list((to / "0001").glob("*.journal"))) == 1
    assert not (to / "checking left").exists()


def test_what_is_too_old_goes_but_never_what_the_rest_needs(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    for _ in range(3):
        shop.happen(2)
        step(taker, shop)
        taker._base_now = True
        step(taker, shop)
    first = [base.end.revision for base in catalogue.read(to)[0].bases]
    assert first == [1, 3, 5, 7]
    # All is younger than an hour: nothing goes.
    taker.wanted = Wanted(keep_s=3600)
    taker.tidy()
    assert [base.end.revision for base in catalogue.read(to)[0].bases] == first
    # All is older than no time at all: the newest copy, and what follows it, stays.
    shop.happen(1)
    step(taker, shop)
    time.sleep(0.01)
    taker.wanted = Wanted(keep_s=0.001)
    taker.tidy()
    history = catalogue.read(to)[0]
    assert [base.end.revision for base in history.bases] == [7]
    assert [part.first_revision for part in history.parts] == [8]
    assert check(to).problems == []


def test_a_clock_that_leaps_ahead_removes_nothing(shop: Shop, tmp_path: Path, monkeypatch) -> None:
    to = tmp_path / "backup"
    taker = take(shop, to, Wanted(keep_s=3600))
    for _ in range(2):
        shop.happen(1)
        taker._base_now = True
        step(taker, shop)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 86_400)
    taker.tidy()
    assert [base.end.revision for base in catalogue.read(to)[0].bases] == [1, 2]


def test_what_was_noted_by_a_clock_ahead_is_not_fresh(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    checked = check(to)
    checked.time = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    places.write_checked(to, checked)
    ahead = time.time() + 400 * 86_400
    os.utime(to / places.LOCK, (ahead, ahead))
    assert [each.is_well for each in places.health(to)] == [False, False]
    base = to / "0001" / "000000000001.base"
    os.utime(base, (ahead, ahead))
    shop.happen(1)
    step(taker, shop)
    assert [each.end.revision for each in catalogue.read(to)[0].bases] == [1, 2]


def test_a_share_whose_clock_is_ahead_makes_no_copy_due(shop: Shop, tmp_path: Path, monkeypatch) -> None:
    to = tmp_path / "backup"
    on_the_share = os.utime

    def utime(path: Path, times: tuple[float, float] | None = None) -> None:
        ahead = time.time() + 3600
        on_the_share(path, times or (ahead, ahead))

    def copy(store: Path, path: Path, bytes_most: int) -> None:
        copy_base(store, path, bytes_most)
        utime(path)

    monkeypatch.setattr(os, "utime", utime)
    taker = take(shop, to)
    taker.copy = copy
    for _ in range(3):
        shop.happen(1)
        step(taker, shop)
    assert [each.end.revision for each in catalogue.read(to)[0].bases] == [1]
    check(to)
    assert [each.words for each in places.health(to) if not each.is_well] == []


def test_a_copy_without_room_waits_and_the_journal_goes_on(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    tried = []

    def full(store: Path, path: Path, bytes_most: int) -> None:
        tried.append(path)
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    shop.happen(1)
    taker = take(shop, to)
    taker.copy = full
    for _ in range(3):
        with pytest.raises(OSError, match=r"No space|tried again"):
            step(taker, shop)
    assert len(tried) == 1
    assert not list(to.glob("0001/*"))
    taker._no_copy_before = 0.0
    taker.copy = copy_base
    step(taker, shop)
    taker.copy = full
    taker._base_now = True
    shop.happen(1)
    with pytest.raises(OSError, match="No space"):
        step(taker, shop)
    for _ in range(2):
        shop.happen(1)
        step(taker, shop)
    assert len(tried) == 2
    assert check(to).revision == 4


def test_a_copy_is_not_begun_where_it_has_no_room(shop: Shop, tmp_path: Path, monkeypatch) -> None:
    shop.happen(1)
    taker = take(shop, tmp_path / "backup")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(OSError, match="MiB are free"):
        step(taker, shop)


def test_what_a_full_disk_keeps_needlessly_goes_before_a_copy(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = take(shop, to)
    for _ in range(2):
        shop.happen(1)
        taker._base_now = True
        step(taker, shop)
    shop.happen(1)
    time.sleep(0.01)
    step(taker, shop)
    there: list[list[str]] = []

    def look(store: Path, path: Path, bytes_most: int) -> None:
        there.append(sorted(each.name for each in path.parent.glob("*.base")))
        copy_base(store, path, bytes_most)

    taker.copy, taker.wanted, taker._base_now = look, Wanted(keep_s=0.001), True
    step(taker, shop)
    assert there == [["000000000002.base"]]


def test_what_was_set_aside_goes_when_it_is_too_old(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    taker._base_now = True
    shop.happen(1)
    step(taker, shop)
    base = to / "0001" / "000000000001.base"
    os.utime(base, (0, 0))
    taker.set_aside([base])
    taker.wanted = Wanted(keep_s=3600)
    taker.tidy()
    aside = base.with_name(f"{base.name}{places.BROKEN_SUFFIX}")
    assert aside.exists(), "it was set aside just now"
    os.utime(aside, (time.time() - 7200,) * 2)
    taker.tidy()
    assert not aside.exists()


def test_an_old_history_goes_with_all_that_is_in_it(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    (to / "0001" / "notes").mkdir()
    shop.happen(1)
    shop.settle()
    taker._begin_anew(store_head(shop.folder), "for the test")
    time.sleep(0.01)
    shop.happen(1)
    step(taker, shop)
    taker.wanted = Wanted(keep_s=0.001)
    taker.tidy()
    assert [path.name for path in places.histories(to)] == ["0002"]
