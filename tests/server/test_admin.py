"""Status, verification and snapshots over the wire.

Goal: whoever runs the shop sees how it does and can copy it while it runs. Method: the real server; a copy is
restored and compared.
"""

import grpc
import pytest

from engine import Engine
from kasir.v1 import admin_pb2, admin_pb2_grpc, stock_pb2
from tests.server.support import Shop, refusal


@pytest.fixture
def shop(channel):
    return Shop(channel)


@pytest.fixture
def admin(channel):
    return admin_pb2_grpc.AdminServiceStub(channel)


def test_the_status_tells_how_the_engine_does(shop, admin, engine):
    status = admin.GetStatus(admin_pb2.GetStatusRequest())
    found = engine.status()
    assert status.revision == found["revision"] == engine.revision() > 0
    assert status.commands == found["commands"]
    assert 0 < status.commits <= status.commands
    assert 0 < status.used_bytes <= status.map_bytes
    assert len(status.journal_head) == 64
    assert status.log_time.seconds > 1_600_000_000
    assert status.version == found["version"]


def test_a_sound_store_verifies(shop, admin, engine):
    shop.book()
    found = admin.VerifyStore(admin_pb2.VerifyStoreRequest())
    assert found.ok
    assert not found.violations
    assert found.revision == engine.revision()
    assert found.records > 0


def test_a_snapshot_is_the_shop_as_it_was(shop, admin, engine, tmp_path):
    shop.book(quantity=3)
    made = admin.CreateSnapshot(admin_pb2.CreateSnapshotRequest(name="evening-1.kasir"))
    assert made.path == str(engine.path / "snapshots" / "evening-1.kasir")
    assert made.revision == engine.revision()
    assert made.bytes > 0
    status = engine.status()
    shop.book(quantity=5)
    restored = Engine.restore(made.path, tmp_path / "copy")
    assert restored["revision"] == made.revision
    with Engine.open(tmp_path / "copy") as copy:
        assert copy.status()["journal_head"] == status["journal_head"]
        assert copy.verify()["ok"]
        request = stock_pb2.GetStockRequest(item_id=shop.item_id).SerializeToString()
        stocks = stock_pb2.GetStockResponse.FromString(
            copy.query("/kasir.v1.StockService/GetStock", request)
        ).stocks
    assert [stock.held for stock in stocks if stock.location_id == shop.warehouse_id] == [3]


def test_a_snapshot_is_never_overwritten(shop, admin):
    admin.CreateSnapshot(admin_pb2.CreateSnapshotRequest(name="monday"))
    refused = refusal(admin.CreateSnapshot, admin_pb2.CreateSnapshotRequest(name="monday"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SNAPSHOT_EXISTS")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "FIELD_REQUIRED"),
        ("a" * 61, "FIELD_TOO_LONG"),
        ("../shop", "FIELD_MALFORMED"),
        ("/etc/passwd", "FIELD_MALFORMED"),
        ("..", "FIELD_MALFORMED"),
        (".hidden", "FIELD_MALFORMED"),
        ("a/b", "FIELD_MALFORMED"),
        ("a\nb", "FIELD_MALFORMED"),
        ("monday\n", "FIELD_MALFORMED"),
        ("späti", "FIELD_MALFORMED"),
    ],
)
def test_a_snapshots_name_stays_in_its_folder(shop, admin, engine, name, reason):
    refused = refusal(admin.CreateSnapshot, admin_pb2.CreateSnapshotRequest(name=name))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.details["field"] == "name"
    assert not (engine.path / "snapshots").exists()
