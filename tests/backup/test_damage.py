"""Goal: bits that flip in any file of a backup, a file that is cut short or missing: found, named, and what
can still be restored is said. Method: each damage is done to a sound backup.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from engine import Code, EngineError
from engine.backup import merge_journal
from kasir.backup import catalogue, checking, places
from kasir.backup.checking import check
from kasir.backup.taking import Taker
from tests.backup.conftest import Kasir, Shop, codes
from tests.backup.test_backup import restored, step, take

PARTS = ["000000000002-000000000004.journal", "000000000005-000000000007.journal"]


@pytest.fixture
def backup(shop: Shop, tmp_path: Path) -> Path:
    """One copy at revision 1, two parts, a copy at 7, a third part to 10."""
    to = tmp_path / "backup"
    taker = take(shop, to)
    shop.happen(1)
    step(taker, shop)
    for _ in range(2):
        shop.happen(3)
        step(taker, shop)
    taker._base_now = True
    step(taker, shop)
    shop.happen(3)
    step(taker, shop)
    assert check(to).problems == []
    return to


def files(backup: Path) -> list[str]:
    return sorted(path.name for path in (backup / "0001").iterdir())


def flip(at: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int((len(content) - 1) * at)] ^= 1
        path.write_bytes(content)

    return damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {"begin": flip(0), "middle": flip(0.5), "late": flip(0.97), "end": flip(1), "cut": cut}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_found_and_named(backup: Path, damage: str) -> None:
    for name in files(backup):
        path = backup / "0001" / name
        sound = path.read_bytes()
        DAMAGES[damage](path)
        checked = check(backup)
        assert any(name in problem for problem in checked.problems), (name, checked.problems)
        assert checked.broken == [f"0001/{name}"]
        path.write_bytes(sound)
        assert check(backup).problems == [], "what a check found before is no damage"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (PARTS[0], "revisions 2 to 4 is missing"),
        (PARTS[1], "revisions 5 to 7 is missing"),
        ("000000000008-000000000010.journal", "revisions 8 to 10 are missing"),
    ],
)
def test_a_part_that_is_missing_is_told(backup: Path, name: str, told: str) -> None:
    (backup / "0001" / name).unlink()
    assert any(told in problem for problem in check(backup).problems), check(backup).problems


def test_what_an_earlier_check_found_is_missed_by_every_later_one(backup: Path, shop: Shop) -> None:
    last = backup / "0001" / "000000000008-000000000010.journal"
    last.unlink()
    for _ in range(3):
        assert any("revisions 8 to 10 are missing" in problem for problem in check(backup).problems)
    step(take(shop, backup), shop)
    assert check(backup).problems == []


def test_what_was_set_aside_makes_nothing_needless(backup: Path, shop: Shop) -> None:
    taker = take(shop, backup)
    step(taker, shop)
    whole = "000000000002-000000000007.journal"
    merge_journal([backup / "0001" / name for name in PARTS], backup / "0001")
    taker.look_anew()
    step(taker, shop)
    flip(0.5)(backup / "0001" / whole)
    taker.set_aside([backup / "0001" / whole])
    taker.tidy()
    assert set(PARTS) <= set(files(backup))
    assert check(backup).problems == []


def test_a_gap_under_a_running_follower_is_closed(backup: Path, shop: Shop) -> None:
    taker = take(shop, backup)
    step(taker, shop)
    for name in PARTS[1], "000000000007.base":
        (backup / "0001" / name).unlink()
    taker.tidy()
    step(taker, shop)
    assert check(backup).problems == []


def test_a_backup_whose_disk_went_away_is_not_begun_anew_in_its_place(
    backup: Path, shop: Shop, tmp_path: Path
) -> None:
    taker = take(shop, backup)
    step(taker, shop)
    backup.rename(tmp_path / "away")
    backup.mkdir()
    taker.look_anew()
    with pytest.raises(OSError, match="not there any more"):
        step(taker, shop)
    assert not list(backup.iterdir())
    backup.rmdir()
    (tmp_path / "away").rename(backup)
    step(taker, shop)
    assert check(backup).problems == []


def test_a_file_under_a_foreign_name_is_named_and_passed_by(backup: Path, shop: Shop, kasir: Kasir) -> None:
    for name in ("x.journal", "x.base"):
        (backup / "0001" / name).write_bytes(b"dear")
    step(take(shop, backup), shop)
    done = kasir("backup", "check", backup)
    assert done.returncode == 0, done.stderr
    assert "0001/x.journal is no file of a backup" in done.stderr
    assert "0001/x.base" in kasir("backup", "list", backup).stderr


def test_a_check_that_cannot_be_kept_is_told_and_is_no_failure(backup: Path, kasir: Kasir) -> None:
    (backup / places.CHECKED).unlink()
    (backup / places.CHECKED / "full").mkdir(parents=True)
    done = kasir("backup", "check", backup)
    assert done.returncode == 0, done.stderr
    assert "not kept" in done.stderr
    assert not list(backup.glob(f"*{places.PART_SUFFIX}"))


def test_a_copy_that_is_missing_costs_nothing_while_an_older_one_leads_on(
    backup: Path, tmp_path: Path
) -> None:
    (backup / "0001" / "000000000007.base").unlink()
    with restored(backup, tmp_path / "new") as engine:
        assert engine.revision() == 10


def test_a_restore_goes_round_a_broken_copy(backup: Path, tmp_path: Path, kasir: Kasir) -> None:
    flip(0.5)(backup / "0001" / "000000000007.base")
    done = kasir("restore", backup, "--data", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "000000000007.base" in done.stderr
    assert "revision 10" in done.stdout


def test_a_restore_says_what_can_be_had(backup: Path, tmp_path: Path, kasir: Kasir) -> None:
    flip(0.6)(backup / "0001" / "000000000008-000000000010.journal")
    done = kasir("restore", backup, "--data", tmp_path / "new")
    assert done.returncode == 1
    assert "0001/000000000008-000000000010.journal (revisions 8 to 10)" in done.stderr
    assert "--revision 7" in done.stderr
    assert not (tmp_path / "new").exists()
    assert kasir("restore", backup, "--data", tmp_path / "new", "--revision", 7).returncode == 0
    checked = kasir("backup", "check", backup)
    assert checked.returncode == 1
    assert "Can be restored, from 0001: revision 1 " in checked.stderr
    assert "to revision 7 " in checked.stderr


def away(*_: object) -> NoReturn:
    raise EngineError(Code.FAILED_PRECONDITION, "STORE_UNUSABLE", "Input/output error (os error 5)")


@pytest.mark.parametrize("call", ["check_base", "check_journal"])
def test_a_check_of_a_share_that_is_away_for_a_moment_blames_no_file(
    backup: Path, monkeypatch, call: str
) -> None:
    before = places.read_checked(backup)
    assert before is not None
    with monkeypatch.context() as hiccup:
        hiccup.setattr(checking, call, away)
        checked = check(backup)
    assert checked.problems == ["it could not be done: Input/output error (os error 5)"]
    assert (checked.broken, checked.seen) == ([], before.seen)
    assert check(backup).problems == []


@pytest.mark.parametrize("call", ["store_head", "read_journal"])
def test_a_share_that_is_away_for_a_moment_brings_no_new_copy(
    backup: Path, shop: Shop, monkeypatch, call: str
) -> None:
    taker = take(shop, backup)
    step(taker, shop)
    there = files(backup)
    shop.happen(1)
    taker.look_anew()
    with monkeypatch.context() as hiccup:
        hiccup.setattr(catalogue, call, away)
        with pytest.raises(EngineError, match="Input/output"):
            step(taker, shop)
    step(taker, shop)
    assert files(backup) == sorted([*there, "000000000011-000000000011.journal"])


def test_a_copy_that_passes_for_one_of_another_program_is_broken(backup: Path, monkeypatch) -> None:
    def head(_: Path) -> NoReturn:
        raise EngineError(
            Code.FAILED_PRECONDITION, "STORE_FORMAT", "a format that this program does not know"
        )

    monkeypatch.setattr(catalogue, "store_head", head)
    with pytest.raises(EngineError, match="STORE_FORMAT"):
        catalogue.read(backup)
    for base in ("000000000001.base", "000000000007.base"):
        flip(0.5)(backup / "0001" / base)
    assert len(catalogue.read(backup)[0].broken) == 2


def test_a_restore_goes_round_a_file_that_cannot_be_read(backup: Path, tmp_path: Path, kasir: Kasir) -> None:
    for name in ("000000000007.base", "000000000008-000000000010.journal"):
        (backup / "0001" / name).unlink()
        (backup / "0001" / name).symlink_to(name)
    done = kasir("restore", backup, "--data", tmp_path / "new", "--revision", 7)
    assert done.returncode == 0, done.stderr
    refused = kasir("restore", backup, "--data", tmp_path / "all")
    assert refused.returncode == 1
    assert "0001/000000000008-000000000010.journal (revisions 8 to 10)" in refused.stderr
    checked = kasir("backup", "check", backup)
    assert checked.returncode == 1
    assert "cannot be" in checked.stderr
    assert "to revision 7 " in checked.stderr


def test_the_writer_takes_again_what_was_broken(backup: Path, shop: Shop, tmp_path: Path) -> None:
    for name in (PARTS[0], "000000000007.base"):
        flip(0.5)(backup / "0001" / name)
    taker: Taker = take(shop, backup)
    taker.set_aside(backup / each for each in check(backup).broken)
    step(taker, shop)
    assert check(backup).problems == []
    assert len(list((backup / "0001").glob("*.broken"))) == 2
    with restored(backup, tmp_path / "third", catalogue.Target(revision=3)) as engine:
        assert codes(engine) == ["T0", "T1", "T2"]


def test_a_history_without_any_copy_does_not_pass_for_an_older_one(
    backup: Path, shop: Shop, tmp_path: Path, kasir: Kasir
) -> None:
    taker = take(shop, backup)
    taker._begin_anew(catalogue.store_head(shop.folder), "for the test")
    newest = places.histories(backup)[-1]
    flip(0)(next(newest.glob("*.base")))
    cut(next(newest.glob("*.base")))
    done = kasir("restore", backup, "--data", tmp_path / "new")
    assert done.returncode == 1
    assert "0002/" in done.stderr
    assert "--history 0001 --revision 10" in done.stderr
