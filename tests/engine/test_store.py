"""Opening, locking, snapshots: what the line says of stores.

Goal: a store is open once, its copies are whole, and what cannot be opened says why. Method: real
directories.
"""

from pathlib import Path

import pytest

from engine import Code, Engine, EngineError
from tests.engine.desk import Desk, Shop

ROOT = Path(__file__).resolve().parents[2]


def test_what_was_told_is_there_after_opening_again(tmp_path):
    with Engine.open(tmp_path / "shop") as engine:
        order = Shop(engine).book()
        revision, head = engine.revision(), engine.status()["journal_head"]
    with Engine.open(tmp_path / "shop") as engine:
        assert Desk(engine)("GetBooking", order_id=order.order_id).order == order
        assert (engine.revision(), engine.status()["journal_head"]) == (revision, head)
        assert engine.verify() == {
            "ok": True,
            "revision": revision,
            "records": engine.verify()["records"],
            "violations": [],
        }


def test_what_is_no_directory_is_unusable(tmp_path):
    (tmp_path / "file").write_text("not a store")
    with pytest.raises(EngineError) as refused:
        Engine.open(tmp_path / "file")
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "STORE_UNUSABLE")


@pytest.mark.parametrize("name", ["max_queue", "max_batch"])
def test_bounds_are_at_least_one(tmp_path, name):
    with pytest.raises(EngineError) as refused:
        Engine.open(tmp_path / "shop", **{name: 0})
    assert (refused.value.reason, refused.value.field) == ("FIELD_OUT_OF_RANGE", name)
    Engine.open(tmp_path / "shop", **{name: 1}).close()


def test_a_snapshot_is_a_whole_store(shop, tmp_path):
    order = shop.book()
    made = shop.engine.snapshot(tmp_path / "copy")
    assert made["path"] == str(tmp_path / "copy")
    assert made["revision"] == shop.engine.revision()
    assert made["bytes"] == (tmp_path / "copy").stat().st_size
    shop("CancelBooking", order_id=order.order_id, reason="batal")

    restored = Engine.restore(tmp_path / "copy", tmp_path / "other")
    assert restored["revision"] == made["revision"]
    with Engine.open(tmp_path / "other") as other:
        assert Desk(other)("GetBooking", order_id=order.order_id).order == order
        assert other.verify()["ok"]

    for call, reason in [
        (lambda: shop.engine.snapshot(tmp_path / "copy"), "SNAPSHOT_EXISTS"),
        (lambda: Engine.restore(tmp_path / "copy", tmp_path / "other"), "STORE_EXISTS"),
    ]:
        with pytest.raises(EngineError) as refused:
            call()
        assert (refused.value.code, refused.value.reason) == (Code.ALREADY_EXISTS, reason)


def test_a_damaged_snapshot_is_not_restored(shop, tmp_path):
    shop.engine.snapshot(tmp_path / "copy")
    whole = (tmp_path / "copy").read_bytes()
    for number, damaged in enumerate([whole[: len(whole) // 2], b"", b"PK\x03\x04" + whole[4:]]):
        file = tmp_path / f"damaged-{number}"
        file.write_bytes(damaged)
        with pytest.raises(EngineError) as refused:
            Engine.restore(file, tmp_path / f"store-{number}")
        assert (refused.value.code, refused.value.reason) == (Code.DATA_LOSS, "SNAPSHOT_BROKEN")


def test_a_full_queue_says_when_to_come_back(tmp_path):
    import asyncio

    from kasir.v1 import stock_pb2
    from tests.engine.desk import BY_NAME, new_id

    async def main(engine: Engine) -> list[EngineError]:
        refused = []
        for number in range(200):
            location = stock_pb2.Location(code=f"L{number}", name="L", kind=stock_pb2.LOCATION_KIND_SHOP)
            body = stock_pb2.CreateLocationRequest(request_id=new_id(), location=location)
            try:
                engine.submit(BY_NAME["CreateLocation"], body.SerializeToString(), "sari")
            except EngineError as error:
                refused.append(error)
        return refused

    with Engine.open(tmp_path / "shop", max_queue=1, max_batch=1) as engine:
        refused = asyncio.run(main(engine))
        assert refused, "200 calls do not fit a queue of one"
        assert {error.reason for error in refused} == {"QUEUE_FULL"}
        assert {error.code for error in refused} == {Code.RESOURCE_EXHAUSTED}
        assert all(error.retry_ms is not None and error.retry_ms > 0 for error in refused)
