"""Goal: a backup has what happened, to the second, and any moment of it comes back; it survives crashes,
trims and stores that went another way. Method: the real engine, a backup beside it, the command `kasir`.
"""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import Engine, EngineError
from engine.backup import store_head
from kasir.backup import catalogue, commands, places, taking
from kasir.backup.catalogue import Target
from kasir.backup.checking import check
from kasir.backup.places import Checked
from kasir.backup.taking import MERGED_PARTS, Copying, Taker, Wanted
from tests.backup.conftest import CREATE, Kasir, Shop, codes
from tests.server.support import until


def take(shop: Shop, to: Path, wanted: Wanted = Wanted()) -> Taker:  # noqa: B008 (it cannot be changed)
    places.make(to)
    (to / places.LOCK).touch()
    return Taker(shop.folder, to, wanted, said.append)


said: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    said.clear()


def restored(to: Path, at: Path, target: Target | None = None) -> Engine:
    target = target or Target()
    plan = catalogue.plan(catalogue.read(to), target)
    assert plan is not None
    parts = [part.path for part in plan.parts]
    Engine.restore(plan.base.path, at, parts, revision=target.revision, time_ms=target.time_ms)
    return Engine.open(at)


def step(taker: Taker, shop: Shop) -> None:
    """Takes all that was answered: an onlooker may miss the last milliseconds."""
    while store_head(shop.folder)["revision"] < shop.engine.revision():
        time.sleep(0.005)
    taker.step()


def begun(shop: Shop, to: Path, happened: int = 1) -> Taker:
    """A backup that has taken the first things that happened."""
    shop.happen(happened)
    taker = take(shop, to)
    step(taker, shop)
    return taker


def test_each_look_takes_what_is_new_and_every_revision_comes_back(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    for _ in range(3):
        shop.happen(2)
        step(taker, shop)
    step(taker, shop)  # nothing new
    assert sorted(path.name for path in (to / "0001").iterdir()) == [
        "000000000002.base",
        "000000000003-000000000004.journal",
        "000000000005-000000000006.journal",
        "000000000007-000000000008.journal",
    ]
    for revision in range(2, 9):
        with restored(to, tmp_path / f"at {revision}", Target(revision=revision)) as engine:
            assert engine.revision() == revision
            assert codes(engine) == [f"T{number}" for number in range(revision)]
            assert engine.verify(replay=True)["ok"]
    with restored(to, tmp_path / "last") as engine:
        for request, reply in shop.sent:
            assert engine.submit_blocking(CREATE, request, "sari") == reply
        assert engine.status()["repeated"] == 8


def test_the_journal_does_not_wait_for_a_copy(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    taker.copy_beside = True
    taker._base_now = True
    shop.happen(1)
    step(taker, shop)
    assert taker._copying is not None
    shop.happen(1)
    step(taker, shop)
    assert taker.end is not None
    assert taker.end.revision == 4
    deadline = time.monotonic() + 60
    while taker._copying is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        taker.step()
    assert taker.fresh_base is not None
    assert [base.end.revision for base in catalogue.read(to)[0].bases] in ([2, 3], [2, 4])
    assert check(to).problems == []


def test_a_copy_is_given_up_when_the_server_dies(shop: Shop, tmp_path: Path, monkeypatch) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    taker.copy_beside = True
    taker._base_now = True
    shop.happen(1)
    step(taker, shop)
    copying = taker._copying
    assert copying is not None
    shop.settle()
    taker.store = tmp_path / "gone"
    taker.store.mkdir()
    with pytest.raises(EngineError, match="no store"):
        taker.step()
    assert copying.is_done
    assert taker._copying is None
    # A copy that fails is no reason to copy again each second.
    taker.store = shop.folder
    taker._copying = Copying(tmp_path / "gone", to / "0001" / "new.base.part")
    while taker._copying is not None:
        time.sleep(0.05)
        taker.step()
    shop.happen(1)
    taker._base_now = True
    step(taker, shop)
    assert taker._copying is None
    assert any("tried again later" in words for words in said)


def test_a_place_that_hangs_does_not_keep_the_server_from_starting(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    shop.happen(1)
    shop.settle()
    assert taker.history is not None
    hanging = taker.history.path / "000000000003.journal.part"
    os.mkfifo(hanging)
    failed: list[EngineError] = []

    def write() -> None:
        try:
            taker.step()
        except EngineError as error:  # a pipe is no file
            failed.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    time.sleep(0.5)
    assert writing.is_alive()
    try:
        with (shop.folder / "onlookers").open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        hanging.read_bytes()
        writing.join()
    assert failed


# A copy that never ends, in the program that takes it: that begins by reading this file again.
PROGRAM = """
import os, pathlib, sys, time
from kasir.backup import taking

def write_base(store, path):
    path.write_text(str(os.getpid()))
    time.sleep(3600)

taking.write_base = write_base
if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    taking.Copying(path, path).wait(lambda: path.exists() and print(path.read_text(), flush=True))
"""


def dies(store: Path, path: Path, told: object) -> None:
    """As LMDB may end the program when pages change under it."""
    path.write_bytes(b"half")
    os.abort()


def test_a_copy_whose_program_dies_ends_no_backup(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "backup"
    shop.happen(1)
    taker = take(shop, to)
    with monkeypatch.context() as patched:
        patched.setattr(taking, "_copy_in_child", dies)
        with pytest.raises(OSError, match="was ended before"):
            step(taker, shop)
    assert not list(to.glob("0001/*"))
    taker._no_copy_before = 0.0
    step(taker, shop)
    assert [path.name for path in (to / "0001").iterdir()] == ["000000000001.base"]


def test_a_copy_ends_with_the_program_that_wants_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    begun = subprocess.Popen(
        [sys.executable, script, pid],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    with begun:
        assert begun.stdout is not None
        copying = int(begun.stdout.readline())
        begun.kill()
    until(lambda: not Path(f"/proc/{copying}").exists(), "the copy to end")


def test_only_its_owner_reads_a_backup(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    shop.happen(2)
    shop.close()
    to = tmp_path / "backup"
    assert kasir("backup", shop.folder, "--to", to).returncode == 0
    modes = {oct(path.stat().st_mode & 0o777) for path in to.rglob("*") if path.is_file()}
    assert modes == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in (to, to / "0001")} == {"0o700"}
    at = tmp_path / "restored"
    assert kasir("restore", to, "--data", at).returncode == 0
    modes = {oct(path.stat().st_mode & 0o777) for path in at.rglob("*") if path.is_file()}
    assert (modes, oct(at.stat().st_mode & 0o777)) == ({"0o600"}, "0o700")


def test_a_program_that_begins_again_goes_on_where_it_was(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    shop.happen(2)
    step(take(shop, to), shop)
    shop.happen(3)
    step(take(shop, to), shop)
    shop.happen(1)
    # What a crash leaves of a file is taken away.
    left = to / "0001" / "000000000006.journal.part"
    left.write_bytes(b"half")
    with places.writing(to):
        assert not left.exists()
        step(take(shop, to), shop)
    history = catalogue.read(to)[0]
    assert [part.first_revision for part in history.parts] == [3, 6]
    assert check(to).problems == []


def test_two_do_not_write_one_backup(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    to = tmp_path / "backup"
    shop.happen()
    shop.settle()
    places.make(to)
    with places.writing(to):
        refused = kasir("backup", shop.folder, "--to", to)
    assert refused.returncode == 1
    assert "Another kasir backup" in refused.stderr


def test_a_journal_that_was_trimmed_away_is_told_and_a_new_copy_taken(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    # The store is replaced by one whose journal begins later: a copy whose first records are gone.
    head = store_head(shop.folder)
    taker._take_journal({**head, "first_revision": 5, "revision": 6})
    assert any("trimmed revisions 3 to 4" in words for words in said)
    assert [path.name for path in places.histories(to)] == ["0001", "0002"]


def test_a_store_that_went_another_way_begins_a_history_of_its_own(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to, 2)
    shop.happen(4)
    step(taker, shop)
    # Back to revision 4, and on from there, as after a restore.
    restored(to, tmp_path / "earlier", Target(revision=4)).close()
    shop.close()
    shutil.rmtree(shop.folder)
    (tmp_path / "earlier").rename(shop.folder)
    again = Shop(shop.folder)
    again.sent = shop.sent[:4]
    taker = take(again, to)
    taker.step()
    assert any("behind" in words for words in said)
    assert len(places.histories(to)) == 1, "nothing new yet"
    again.happen(1)
    for _ in range(3):
        step(taker, again)
    assert len(places.histories(to)) == 2, "one, however often nothing new is seen"
    again.happen(1)
    step(taker, again)
    again.close()
    with restored(to, tmp_path / "new") as engine:
        assert codes(engine) == [f"T{number}" for number in range(6)]
        assert engine.submit_blocking(CREATE, again.sent[-1][0], "sari") == again.sent[-1][1]
    # What was, is there still.
    plan = catalogue.plan(catalogue.read(to)[:1], Target(revision=6))
    assert plan is not None
    assert plan.end.revision == 6
    assert check(to).problems == []


def test_many_small_parts_become_one(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    shop.happen(1)
    taker = take(shop, to)
    for _ in range(MERGED_PARTS + 2):
        step(taker, shop)
        shop.happen(1)
    taker.tidy()
    history = catalogue.read(to)[0]
    assert [part.merges for part in sorted(history.parts, key=lambda part: part.first_revision)] == [1, 0]
    step(taker, shop)
    assert check(to).problems == []
    with restored(to, tmp_path / "middle", Target(revision=30)) as engine:
        assert engine.revision() == 30


def test_a_check_that_failed_is_told_and_the_next_one_is_done(
    shop: Shop, tmp_path: Path, monkeypatch
) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    done: list[int] = []

    def fail(*_: object, **__: object) -> Checked:
        done.append(1)
        raise RuntimeError("out of order")

    checks = commands._Checks(taker, None, said.append)
    monkeypatch.setattr(commands, "check", fail)
    with ThreadPoolExecutor(max_workers=1) as beside:
        for _ in range(6):
            checks.look(beside)
            time.sleep(0.02)
        assert (len(done), checks.is_running) == (1, False)
        assert any("out of order" in words for words in said)
        taker.fresh_base = catalogue.read(to)[0].bases[0]
        monkeypatch.setattr(commands, "check", check)
        checks.look(beside)
    checks.look(beside)
    assert any(words.startswith("Checked") for words in said)


def test_a_signer_whose_place_is_away_stops_nothing_else(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    to = tmp_path / "backup"
    shop.happen(2)
    shop.settle()
    assert kasir("audit", "keygen", tmp_path / "key").returncode == 0
    heads = tmp_path / "away" / "heads.jsonl"
    done = kasir("backup", shop.folder, "--to", to, "--heads", heads, "--key", tmp_path / "key")
    assert done.returncode == 1
    assert "heads.jsonl" in done.stderr
    assert "Checked" in done.stderr


def test_a_copy_that_is_broken_is_not_relied_on(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    shop.happen(1)
    step(taker, shop)
    taker._base_now = True
    step(taker, shop)
    newest = to / "0001" / "000000000002.base"
    content = bytearray(newest.read_bytes())
    content[-100] ^= 1
    newest.write_bytes(content)
    time.sleep(0.01)
    shop.happen(1)
    step(taker, shop)
    taker.wanted = Wanted(keep_s=0.001)
    with pytest.raises(EngineError, match=r"000000000002\.base"):
        taker.tidy()
    assert (to / "0001" / "000000000001.base").exists()
    taker.tidy()  # it is known, and not read again
    taker.look_anew()
    with pytest.raises(EngineError, match=r"000000000002\.base"):
        taker.tidy()


def test_a_moment_is_named_in_the_shops_own_time(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    to = tmp_path / "backup"
    taker = begun(shop, to)
    shop.happen(1)
    step(taker, shop)
    time.sleep(1.1)
    between = datetime.now(UTC) + timedelta(hours=7)
    time.sleep(1.1)
    shop.happen(1)
    step(taker, shop)
    at = tmp_path / "then"
    done = kasir("restore", to, "--data", at, "--time", f"{between:%Y-%m-%dT%H:%M:%S}")
    assert done.returncode == 0, done.stderr
    assert "revision 2" in done.stdout
    before = kasir("restore", to, "--data", tmp_path / "no", "--time", "2020-01-01T00:00")
    assert before.returncode == 1
    assert "Can be restored" in before.stderr
    assert not (tmp_path / "no").exists()
    late = kasir("restore", to, "--data", tmp_path / "late", "--time", "2090-01-01T00:00")
    assert late.returncode == 0
    assert "ends before that time" in late.stderr


def test_the_list_and_the_check_say_what_there_is(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    to = tmp_path / "backup"
    shop.happen(2)
    shop.settle()
    done = kasir("backup", shop.folder, "--to", to)
    assert done.returncode == 0, done.stderr
    assert "Checked" in done.stderr
    shop.happen(2)
    step(take(shop, to), shop)
    listed = json.loads(kasir("backup", "list", to, "--json").stdout)
    assert [base["revision"] for base in listed["histories"][0]["bases"]] == [2]
    assert [part["last_revision"] for part in listed["histories"][0]["segments"]] == [4]
    ranges = listed["histories"][0]["ranges"]
    assert [(each["first_revision"], each["last_revision"]) for each in ranges] == [(2, 4)]
    checked = kasir("backup", "check", to, "--replay")
    assert checked.returncode == 0, checked.stderr
    assert "revision 4" in checked.stderr
    kept = places.read_checked(to)
    assert kept is not None
    assert (kept.revision, kept.is_well) == (4, True)
    assert not list(to.glob("checking*"))


def test_how_a_backup_is_is_told_in_a_sentence(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    assert not places.health(to)[0].is_well
    shop.happen(2)
    step(take(shop, to), shop)
    assert [each.words for each in places.health(to)] == [f"it was never checked: kasir backup check {to}"]
    check(to)
    assert [each.is_well for each in places.health(to)] == [True]
    os.utime(to / places.LOCK, (0, 0))
    assert any("nobody looks after it" in each.words for each in places.health(to))
    # One that runs and cannot take what is new is told as that.
    with places.writing(to):
        hour_ago = time.time() - 3_600
        os.utime(to / places.LOCK, (hour_ago, hour_ago))
        assert any("60 min behind, though kasir backup runs" in each.words for each in places.health(to))


def test_a_wrong_command_is_told_in_words(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    shop.happen()
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    for words in (
        ("backup", shop.folder, "--to", shop.folder / "backup"),
        ("backup", shop.folder, "--to", other),
        ("backup", shop.folder, "--to", tmp_path / "b", "--every", "soon"),
        ("backup", shop.folder, "--to", tmp_path / "b", "--heads", tmp_path / "heads"),
        ("backup", shop.folder, "--to", tmp_path / "b", "--heads", tmp_path / "b" / "heads", "--key", "k"),
        ("backup", "check", other),
        ("backup", "list", other),
        ("restore", other, "--data", tmp_path / "new"),
    ):
        refused = kasir(*words)
        assert refused.returncode == 2, words
        assert refused.stderr.strip()
    none = kasir("backup", other, "--to", tmp_path / "b")
    assert none.returncode == 1
    assert "no store" in none.stderr


def test_a_disk_without_room_leaves_nothing_half_and_is_told(
    shop: Shop, tmp_path: Path, kasir: Kasir
) -> None:
    to = tmp_path / "backup"
    shop.happen(2)
    step(take(shop, to), shop)
    shop.happen(200)
    shop.close()
    command = [sys.executable, "-m", "kasir.cli", "backup", str(shop.folder), "--to", str(to)]
    room = resource.RLIMIT_FSIZE, (8_192, resource.RLIM_INFINITY)
    full = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=lambda: resource.setrlimit(*room)
    )
    assert full.returncode == 1
    assert ".journal.part cannot be written" in full.stderr
    assert "Traceback" not in full.stderr
    assert sorted(path.name for path in (to / "0001").iterdir()) == ["000000000002.base"]
    assert kasir("backup", shop.folder, "--to", to).returncode == 0
    assert check(to).revision == 202
