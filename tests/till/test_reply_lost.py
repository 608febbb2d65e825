"""Goal: a sale whose answer the server has lost is booked, once, and holds up nothing behind it. Method: the
line breaks before the answer comes; the stored answer is damaged on the disk of a real server, which starts
again.
"""

from collections.abc import Iterator
from pathlib import Path

import grpc
import lmdb
import pytest

from clients.till.journal import State, Trouble
from clients.till.till import Till
from engine import Engine
from kasir.v1.sale_pb2 import ListSalesRequest
from tests.conftest import RunningServer
from tests.server.support import idr
from tests.till.line import Line
from tests.till.world import TillShop, back, cart, cash, till_at


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def first(data: Path) -> Iterator[RunningServer]:
    """A server, stopped and its store closed by the test."""
    with Engine.open(data) as engine:
        server = RunningServer(engine)
        yield server
        server.stop()


def damage(data: Path, request_id: str) -> None:
    """Flips a bit of what was answered to a request."""
    key = b"\x00" + bytes.fromhex(request_id.replace("-", ""))
    with lmdb.open(str(data), max_dbs=64) as store:
        requests = store.open_db(b"requests", create=False)
        with store.begin(write=True, db=requests) as txn:
            kept = bytearray(txn.get(key))
            kept[-12] ^= 1
            txn.put(key, bytes(kept))


def test_it_is_booked_once_and_holds_up_nothing(first: RunningServer, data: Path, tmp_path: Path) -> None:
    line = Line(first.target)
    with grpc.insecure_channel(first.target) as channel:
        shop = TillShop(channel)
    till: Till = till_at(tmp_path / "state", line.address)
    till.refresh()
    till.open_shift(idr(100_000))
    till.renew_lease({shop.teh: 5})
    line.cut()
    sold = till.sell(cart((shop.teh, 1)), cash(250_000)).entry
    back(till, line, cut_after=60)
    assert till.send().left == 1
    line.cut()
    assert till.journal.entry(sold.seq).state == State.SENT
    first.stop()
    first.engine.close()
    damage(data, till.journal.entry(sold.seq).request_id)
    with Engine.open(data) as engine:
        again = RunningServer(engine)
        line.serve(again.target)
        back(till, line)
        till.sell(cart((shop.teh, 1)), cash(250_000))
        assert till.send().left == 0
        assert till.journal.entry(sold.seq).state == State.DONE
        assert [(matter.seq, matter.trouble) for matter in till.journal.matters()] == [
            (sold.seq, Trouble.DIFFERS)
        ]
        with grpc.insecure_channel(again.target) as channel:
            made = TillShop.of(channel, shop).sales.ListSales(ListSalesRequest()).sales
            assert len(made) == 2
        till.client.close()
        till.store.close()
        line.cut()
        again.stop()
