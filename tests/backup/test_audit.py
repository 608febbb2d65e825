"""Goal: who changes the journal, a record or all of it, is found. Method: stores and heads are forged."""

import json
from pathlib import Path

import pytest

from clients.common.problems import BadInput
from kasir.audit.heads import SignedHead, Signer, make_keys, read_heads, read_public
from tests.backup.conftest import Kasir, Shop
from tests.backup.test_backup import step, take


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "audit.key")
    return tmp_path / "audit.key"


def sign(kasir: Kasir, data: Path, key: Path) -> Path:
    heads = key.parent / "heads.jsonl"
    done = kasir("audit", "head", "--data", data, "--key", key, "--to", heads)
    assert done.returncode == 0, done.stderr
    return heads


def verify(kasir: Kasir, *what: object, key: Path, heads: Path):
    return kasir("audit", "verify", *what, "--heads", heads, "--public", f"{key}.pub")


def test_a_store_is_followed_beside_its_engine(shop: Shop, kasir: Kasir) -> None:
    shop.happen(3)
    shop.settle()
    done = kasir("audit", "verify", "--data", shop.folder)
    assert done.returncode == 0, done.stderr
    assert "revisions 1 to 3" in done.stdout
    assert shop.engine.status()["journal_head"] in done.stdout


def test_a_store_that_was_written_anew_is_found_by_its_signed_heads(
    shop: Shop, kasir: Kasir, key: Path, tmp_path: Path
) -> None:
    shop.happen(3)
    shop.settle()
    heads = sign(kasir, shop.folder, key)
    shop.happen(3)
    shop.settle()
    sign(kasir, shop.folder, key)
    good = verify(kasir, "--data", shop.folder, key=key, heads=heads)
    assert good.returncode == 0, good.stderr
    assert "2 of 2" in good.stdout

    # As long, sound in itself, verified: and another one.
    forged = Shop(tmp_path / "forged")
    forged.happen(8)
    assert forged.engine.verify(replay=True)["ok"]
    forged.close()
    assert kasir("audit", "verify", "--data", forged.folder).returncode == 0
    found = verify(kasir, "--data", forged.folder, key=key, heads=heads)
    assert found.returncode == 1
    assert "revision 3 is not as signed" in found.stderr
    assert "revision 6 is not as signed" in found.stderr


def test_records_that_were_cut_off_are_missed(shop: Shop, kasir: Kasir, key: Path, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    shop.happen(3)
    step(take(shop, to), shop)
    shop.happen(3)
    shop.settle()
    heads = sign(kasir, shop.folder, key)
    restored = kasir("restore", to, "--data", tmp_path / "short")
    assert restored.returncode == 0, restored.stderr
    found = verify(kasir, "--data", tmp_path / "short", key=key, heads=heads)
    assert found.returncode == 1
    assert "revision 6" in found.stderr
    assert "missing" in found.stderr


def test_a_backup_is_compared_with_the_heads_that_were_signed_with_it(
    shop: Shop, kasir: Kasir, key: Path, tmp_path: Path
) -> None:
    to, heads = tmp_path / "backup", tmp_path / "heads.jsonl"
    shop.happen(2)
    taker = take(shop, to)
    taker.signer = Signer(key, heads)
    for _ in range(3):
        step(taker, shop)
        taker.sign()
        taker.sign()
        shop.happen(2)
    signed = [json.loads(line)["revision"] for line in heads.read_text().splitlines()]
    assert signed == [2, 4, 6]
    good = verify(kasir, to, key=key, heads=heads)
    assert good.returncode == 0, good.stderr
    assert "3 of 3" in good.stdout

    # A place that cannot be written to for a while: what is signed then is not left out.
    shop.happen(1)
    heads.rename(tmp_path / "away")
    heads.mkdir()
    step(taker, shop)
    with pytest.raises(OSError, match="heads"):
        taker.sign()
    heads.rmdir()
    (tmp_path / "away").rename(heads)
    taker.sign()
    assert json.loads(heads.read_text().splitlines()[-1])["revision"] == shop.engine.revision()

    part = to / "0001" / "000000000003-000000000004.journal"
    part.unlink()
    found = verify(kasir, to, key=key, heads=heads)
    assert found.returncode == 1
    assert "revisions 3 to 4" in found.stderr


def test_two_histories_that_differ_at_a_signed_revision_are_told_apart(
    shop: Shop, kasir: Kasir, key: Path, tmp_path: Path
) -> None:
    to, heads = tmp_path / "backup", tmp_path / "heads.jsonl"
    forged = Shop(tmp_path / "forged")
    for each in (shop, forged):
        each.happen(2)
        step(take(each, to), each)
    forged.close()
    shop.settle()
    sign(kasir, shop.folder, key)
    found = verify(kasir, to, key=key, heads=heads)
    assert found.returncode == 1
    assert "as signed in 0001 and another one in 0002" in " ".join(found.stderr.split())


def test_heads_that_were_changed_or_signed_by_others_are_told(shop: Shop, key: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    make_keys(tmp_path / "other.key")
    Signer(key, heads).sign(1, b"\1" * 32, 5)
    Signer(tmp_path / "other.key", heads).sign(2, b"\2" * 32, 6)
    changed = json.loads(heads.read_text().splitlines()[0]) | {"revision": 9}
    with heads.open("a") as file:
        file.write(json.dumps(changed) + "\n" + '{"revision": 3, "hash": "')
    # After a line that a crash cut short the next one stands by itself.
    Signer(key, heads).sign(4, b"\4" * 32, 7)
    found = list(read_heads(heads, read_public(Path(f"{key}.pub"))))
    assert [each.revision for each in found if isinstance(each, SignedHead)] == [1, 4]
    assert len([each for each in found if isinstance(each, str)]) == 3


def test_a_key_is_its_owners_alone_and_never_written_over(key: Path) -> None:
    assert oct(key.stat().st_mode & 0o777) == "0o600"
    with pytest.raises(BadInput):
        make_keys(key)
    key.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        Signer(key, key.parent / "heads")
    for content in (Path(f"{key}.pub").read_bytes(), b"no key"):
        key.write_bytes(content)
        key.chmod(0o600)
        with pytest.raises(BadInput):
            Signer(key, key.parent / "heads")
