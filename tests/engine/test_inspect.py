"""A store read from outside: by Python's lmdb and msgpack, without the engine, while the engine has it open.

Goal: what Kasir keeps stays readable to whoever has the file, and both sides agree on every byte. Method: a
real store written by the engine, read by `kasir inspect` and `kasir export`; the Rust lists of tables
compared with Python's.
"""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import lmdb
import pytest
import typer

from engine import Engine, inspect, layout
from engine.inspect import NotAStoreError, opened
from kasir.v1 import booking_pb2, stock_pb2, watch_pb2
from tests.server.support import Shop

ROOT = Path(__file__).resolve().parent.parent.parent
RUST_TABLES = (ROOT / "engine_rs/core/src/tables.rs", ROOT / "engine_rs/store/src/schema.rs")


def kasir(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`kasir` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kasir.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


@pytest.fixture
def shop(channel):
    shop = Shop(channel)
    drop_order_id = shop.request_drop_order().drop_order_id
    shop.hand_over(drop_order_id)
    shop.bank_account()
    shop.book(quantity=2)
    shop.sell(shop.pay(shop.book()).order_id)
    return shop


def rust_tables() -> dict[str, tuple[str, str]]:
    """Names on disk with codec and layout, as the Rust sources have them."""
    found = {}
    for path in RUST_TABLES:
        for docs, name, codec in re.findall(
            r'((?:\s*///[^\n]*\n)+)\s*\w+ = "(\w+)"(?: (\w+))?;', path.read_text()
        ):
            words = " ".join(line.strip().removeprefix("///").strip() for line in docs.strip().splitlines())
            found[name] = (codec.lower() or "msgpack", words)
    return found


def test_python_knows_every_table_and_how_its_values_are_written():
    rust = rust_tables()
    assert {name: codec for name, (codec, _) in rust.items()} == {
        name: table.codec.value for name, table in layout.TABLES.items()
    }
    assert len(rust) > 30


def test_fixed_numbers_have_the_names_that_rust_gives_them():
    for name, (codec, words) in rust_tables().items():
        if codec != "fixed":
            continue
        _, _, values = words.partition(" -> ")
        for number in layout.TABLES[name].numbers:
            assert number.replace("_", " ").split()[0] in values.replace("_", " "), (
                f"{name}: {number} in {values!r}"
            )


def test_every_entry_of_every_table_can_be_read_beside_the_running_engine(shop, engine):
    engine.snapshot(engine.path.parent / "copy.kasir")
    for path in (engine.path, engine.path.parent / "copy.kasir"):
        with opened(path) as store:
            assert set(store.tables) == set(layout.TABLES)
            for name in store.tables:
                rows = list(store.rows(name))
                assert len(rows) == store.entries(name)
                assert not [row for row in rows if "not_decoded" in row]
            assert store.about["revision"] == engine.revision()


def test_records_say_what_the_engine_says(shop, channel, engine):
    # Whoever asks the engine makes the file follow what was answered.
    shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id))
    with opened(engine.path) as store:
        (stock,) = [
            row
            for row in store.rows("stocks")
            if (row["item_id"], row["location_id"]) == (shop.item_id, shop.warehouse_id)
        ]
        orders = list(store.rows("orders"))
        journal = list(store.rows("journal"))
        requests = {row["request_id"]: row for row in store.rows("requests")}
    said = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=shop.item_id)).stocks
    level = next(level for level in said if level.location_id == shop.warehouse_id)
    assert (stock["on_hand"], stock["held"]) == (level.on_hand, level.held)
    listed = shop.bookings.ListBookings(booking_pb2.ListBookingsRequest()).orders
    assert [order["order_id"] for order in orders] == sorted(order.order_id for order in listed)
    assert orders[0]["customer_name"] == "Siti Rahmawati"
    watched = watch_pb2.WatchResponse.FromString(engine.read_changes(0, 1000).response).records
    assert [record["revision"] for record in journal] == [record.revision for record in watched]
    assert [record["method"] for record in journal] == [record.method for record in watched]
    assert {record.request_id for record in watched} == set(requests)
    assert journal[-1]["hash"].hex() == engine.status()["journal_head"]
    for before, after in pairwise(journal):
        assert after["previous_hash"] == before["hash"]


def test_signed_numbers_in_keys_keep_their_order():
    for number in (-(2**63), -1, 0, 1, 10_840_000, 2**63 - 1):
        key = b"\0" + (7).to_bytes(8) + ((number + (1 << 64)) % (1 << 64) ^ layout.SIGN_BIT).to_bytes(8)
        row = layout.TABLES["payables"].decode(key, (3).to_bytes(8))
        assert row == {"bank_account_id": 7, "payable_minor": number, "order_id": 3}


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("stocks", b"\0" + bytes(15), bytes(16)),
        ("stocks", b"\0" + bytes(17), bytes(16)),
        ("stocks", b"\0" + bytes(16), bytes(15)),
        ("orders", b"\0" + bytes(8), b"\xc1"),
        ("orders", b"\0" + bytes(8), b"\x93\x01"),
        ("orders", b"\0" + bytes(8), b"\x01"),
        ("item_words", b"\0no-end", b""),
        ("item_words", b"\0word\0" + bytes(8), b"value"),
        ("journal", b"\0" + bytes(8), b"\x91\x01"),
        ("requests", b"\0short", b"\x80"),
        ("codes", b"\0\x01\xff\xff", bytes(8)),
        ("counters", b"", bytes(8)),
    ],
)
def test_what_is_broken_is_said_to_be_and_never_stops_the_reading(table, key, value):
    with pytest.raises(layout.BrokenRecordError):
        layout.TABLES[table].decode(key, value)


def test_inspect_lists_the_tables(shop, engine):
    shown = kasir("inspect", str(engine.path))
    assert shown.returncode == 0, shown.stderr
    assert f"revision {engine.revision()}" in " ".join(shown.stdout.split())
    assert re.search(r"orders\W+2\W", shown.stdout)


def test_inspect_shows_entries_as_json_lines(shop, engine):
    shown = kasir("inspect", str(engine.path), "journal", "--limit", "2")
    assert shown.returncode == 0, shown.stderr
    first, second = (json.loads(line) for line in shown.stdout.splitlines())
    assert (first["revision"], second["revision"]) == (1, 2)
    assert (second["previous_hash"], len(first["hash"])) == (first["hash"], 64)
    assert "more with --limit" in shown.stderr


def test_export_writes_every_record_of_one_moment(shop, engine, tmp_path):
    exported = kasir("export", str(engine.path), "--out", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    assert f"revision {engine.revision()}" in exported.stdout
    with opened(engine.path) as store:
        for name in store.tables:
            lines = (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()
            assert len(lines) == store.entries(name)
            assert all(isinstance(json.loads(line), dict) for line in lines)
    assert json.loads((tmp_path / "out" / "items.jsonl").read_text())["sku"] == "KOPI-01"


def test_export_of_some_tables_never_overwrites(shop, engine, tmp_path):
    arguments = (
        "export",
        str(engine.path),
        "--out",
        str(tmp_path / "out"),
        "--table",
        "items",
        "--table",
        "orders",
    )
    assert kasir(*arguments).returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["items.jsonl", "orders.jsonl"]
    again = kasir(*arguments)
    assert again.returncode == 1
    assert "there already" in again.stderr


def test_a_reader_outside_leaves_the_store_as_it_was(shop, engine):
    before = engine.status()
    kasir("inspect", str(engine.path), "orders")
    after = engine.status()
    assert (after["revision"], after["journal_head"]) == (before["revision"], before["journal_head"])
    assert engine.verify()["ok"]


def test_a_store_that_was_not_closed_is_put_in_order_first(shop, engine, tmp_path):
    left = tmp_path / "left"
    shutil.copytree(engine.path, left)
    with pytest.raises(NotAStoreError, match="kasir verify"), opened(left):
        pass
    assert kasir("verify", "--data", str(left)).returncode == 0
    with opened(left) as store:
        assert store.about["revision"] == engine.revision()
        assert store.entries("journal") == engine.revision()


def test_who_reads_while_the_engine_begins_anew_is_told(shop, engine):
    def read() -> None:
        with opened(engine.path) as store:
            store.entries("journal")
            engine.close()
            Engine.open(engine.path).close()

    with pytest.raises(NotAStoreError, match="opened anew"):
        read()
    with opened(engine.path) as store:
        assert store.about["revision"] > 0


def test_who_reads_a_closed_store_is_spared_by_the_first_engine_that_opens_it(shop, engine):
    def read(reopened: int) -> None:
        with opened(engine.path):
            for _ in range(reopened):
                Engine.open(engine.path).close()

    engine.close()
    read(reopened=1)
    with pytest.raises(NotAStoreError, match="opened anew"):
        read(reopened=2)


def test_an_export_that_is_not_of_one_moment_leaves_nothing(shop, engine, tmp_path, monkeypatch, capsys):
    write = inspect._write

    def slowly(rows, file, tell) -> None:
        engine.close()
        Engine.open(engine.path).close()
        write(rows, file, tell)

    monkeypatch.setattr(inspect, "_write", slowly)
    with pytest.raises(typer.Exit):
        inspect.export_store(engine.path, tmp_path / "out", ["meta", "items"])
    said = capsys.readouterr()
    assert "opened anew" in said.err
    assert "written" not in said.out
    assert not list((tmp_path / "out").iterdir())


def test_what_is_no_store_is_said_to_be_none(tmp_path):
    with lmdb.open(str(tmp_path / "other"), max_dbs=2) as other:
        other.open_db(b"something")
    (tmp_path / "file").write_bytes(b"not LMDB" * 1000)
    for path in (tmp_path / "missing", tmp_path, tmp_path / "other", tmp_path / "file"):
        with pytest.raises(NotAStoreError), opened(path):
            pass
        shown = kasir("inspect", str(path))
        assert shown.returncode == 1
        assert str(path) in shown.stderr
        assert "Traceback" not in shown.stderr


def test_an_unknown_table_is_answered_with_the_known_ones(engine):
    shown = kasir("inspect", str(engine.path), "secrets")
    assert shown.returncode == 1
    assert "orders" in shown.stderr
