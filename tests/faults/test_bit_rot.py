"""Goal: one bit that flips in any record on the disk is found, and said.

Method: a shop's store, closed; in copies of it one bit of one record's key or value is flipped where it lies
in the file, records of every table in turn; `kasir verify` has to find it, replay and hash chain included.
KASIR_FLIPS says how many copies.
"""

import itertools
import os
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import lmdb
import pytest

from engine import Engine
from engine.inspect import opened
from kasir.v1 import sale_pb2, till_pb2
from tests.conftest import RunningServer
from tests.faults.support import verified
from tests.server.support import idr, new_id
from tests.till.world import TillShop

FLIPS = int(os.environ.get("KASIR_FLIPS", "40"))
SEED = int(os.environ.get("KASIR_FLIPS_SEED", "20261127"))
AT_ONCE = 2
# One of these names the damage: what does not hold, or that the store is not to be opened.
SAID = ("BROKEN", "cannot be opened")
# Those of which such a shop has records
TABLES = 28


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The data of a shop that has done a bit of everything."""
    data = tmp_path / "shop"
    with Engine.open(data) as engine:
        server = RunningServer(engine)
        with grpc.insecure_channel(server.target) as channel:
            shop = TillShop(channel)
            shop.courier()
            shop.bank_account()
            shop.request_drop_order()
            shop.hand_over(shop.request_drop_order().drop_order_id)
            shop.cancel(shop.book().order_id)
            shop.book(quantity=2, phone="081299988877", email="pelanggan@example.com")
            shop.sell(shop.pay(shop.book()).order_id)
            opening = till_pb2.OpenShiftRequest(till_id=shop.till_id, opening_cash=idr(50_000))
            opening.request_id = new_id()
            shift = shop.tills.OpenShift(opening).shift
            line = till_pb2.TillLineInput(item_id=shop.kopi, quantity=2)
            sale = till_pb2.TillSaleInput(shift_id=shift.shift_id, lines=[line])
            tender = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(100_000))
            request = till_pb2.CreateTillSaleRequest(request_id=new_id(), sale=sale, tenders=[tender])
            shop.tills.CreateTillSale(request)
        server.stop()
    # Without the pages that LMDB left behind, a record lies there once.
    compact = tmp_path / "compact"
    compact.mkdir()
    with lmdb.open(str(data), max_dbs=1) as environment:
        environment.copy(str(compact), compact=True)
    return compact


def places(data: Path, dice: random.Random) -> Iterator[tuple[str, int, int]]:
    """Tables in turn; in each a record by the dice, as its place in the file and its length. Only records
    that lie there in one piece, and once.
    """
    file = (data / "data.mdb").read_bytes()
    found: dict[str, list[tuple[str, int, int]]] = {}
    with opened(data) as store:
        for table in store.tables:
            with store.txn.cursor(store.database(table)) as cursor:
                for key, value in cursor:
                    # LMDB writes a key's length before it.
                    node = len(key).to_bytes(2, "little") + bytes(key) + bytes(value)
                    at = file.find(node)
                    if at >= 0 and file.find(node, at + 1) < 0:
                        found.setdefault(table, []).append((table, at + 2, len(node) - 2))
    assert len(found) >= TABLES, sorted(found)
    for table in itertools.cycle(sorted(found)):
        yield dice.choice(found[table])


@pytest.mark.timeout(120 + 5 * FLIPS)
def test_a_bit_that_flips_in_any_record_is_found(closed: Path, tmp_path: Path):
    assert verified(closed)[0] == 0
    dice = random.Random(SEED)

    def flip(number: int, table: str, at: int, length: int) -> str:
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(closed, copy)
        byte, bit = at + dice.randrange(length), dice.randrange(8)
        with (copy / "data.mdb").open("r+b") as file:
            file.seek(byte)
            was = file.read(1)[0]
            file.seek(byte)
            file.write(bytes([was ^ 1 << bit]))
        status, said = verified(copy)
        shutil.rmtree(copy)
        if status in {1, 2} and any(words in said for words in SAID) and "Traceback" not in said:
            return ""
        return f"{table}, byte {byte - at} of {length}, bit {bit}: {status} {said[-300:]}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        chosen = itertools.islice(places(closed, dice), FLIPS)
        tried = pool.map(lambda each: flip(each[0], *each[1]), enumerate(chosen))
        missed = [words for words in tried if words]
    assert not missed, "\n".join(missed)
