"""Goal: what a till sold and the server lost with its disk is found and sold once more, once. Method: a real
server that is restored from an earlier snapshot behind the till's line.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from clients.common.problems import CallFailed
from clients.till.till import Till
from engine import Engine
from kasir.v1.sale_pb2 import ListSalesRequest
from tests.conftest import RunningServer
from tests.server.support import idr
from tests.till.conftest import Ask
from tests.till.line import Line
from tests.till.world import TillShop, back, cart, cash


@pytest.fixture
def earlier(
    till: Till, shop: TillShop, server: RunningServer, line: Line, tmp_path: Path
) -> Iterator[TillShop]:
    """The shop at a server that came back from a snapshot: of two sales it has the first."""
    till.renew_lease({shop.kopi: 5})
    till.sell(cart((shop.kopi, 1)), cash(5_000_000))
    snapshot = tmp_path / "snapshot"
    server.engine.snapshot(snapshot)
    till.renew_lease({shop.kopi: 9})
    till.sell(cart((shop.kopi, 2), (shop.teh, 1)), cash(5_000_000))
    (tmp_path / "again").mkdir()
    snapshot.rename(tmp_path / "again" / "data.mdb")
    line.cut()
    with Engine.open(tmp_path / "again") as engine:
        restored = RunningServer(engine)
        line.serve(restored.target)
        with grpc.insecure_channel(restored.target) as channel:
            yield TillShop.of(channel, shop)
        restored.stop()


def receipts(shop: TillShop) -> list[str]:
    return [sale.receipt for sale in shop.sales.ListSales(ListSalesRequest()).sales][::-1]


def lost(till: Till) -> list[str]:
    """Receipts that are found to be lost."""
    booked = till.booked_since(timedelta(hours=1))
    return [entry.receipt for entry in booked if till.is_lost(entry)]


def test_a_sale_that_the_server_lost_is_found_and_sold_once_more(
    till: Till, earlier: TillShop, line: Line
) -> None:
    back(till, line)
    ours = [entry.receipt for entry in reversed(till.journal.receipts(2))]
    assert receipts(earlier) == ours[:1]
    assert lost(till) == ours[1:]
    assert lost(till) == [], "found once"
    (matter,) = till.journal.matters()
    assert (matter.receipt, matter.amount_minor) == (ours[1], 2_916_600)
    assert till.retry(matter.seq).done == 1
    assert receipts(earlier) == ours
    assert (lost(till), till.journal.matters()) == ([], [])
    assert till.x().shift.expected_cash == idr(100_000 + 3 * 13_333 + 2_500)


def test_what_was_booked_by_hand_is_settled(till: Till, earlier: TillShop, line: Line, ask: Ask) -> None:
    back(till, line)
    till.client.close()
    till.store.close()
    found = ask("compare", "--since", "1h")
    assert (found["compared"], len(found["lost"])) == (2, 1)
    entry = found["lost"][0]["seq"]
    assert ask("settle", str(entry), "--note", "booked by hand")["exceptions"] == []
    assert ask("compare") == {"compared": 1, "lost": []}
    assert len(receipts(earlier)) == 1


def test_a_line_that_is_down_finds_nothing_lost(till: Till, shop: TillShop, line: Line) -> None:
    till.sell(cart((shop.kopi, 1)), cash(5_000_000))
    assert lost(till) == []
    line.cut()
    with pytest.raises(CallFailed):
        lost(till)
    assert till.journal.matters() == []
