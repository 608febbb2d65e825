"""Awaitables: answers find their loop, whatever happens to loops, callers and the engine meanwhile.

Goal: no answer is lost, none goes to the wrong caller, nobody waits for ever. Method: many loops and
threads, cancelled calls, closed loops, a closed engine, a forked child.
"""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine import Code, Engine, EngineError
from kasir.v1 import booking_pb2, stock_pb2, watch_pb2
from tests.engine.desk import BY_NAME, Shop, new_id

CREATE_HOLD = BY_NAME["CreateHold"]
ROOT = Path(__file__).resolve().parents[2]


def hold_body(shop: Shop, quantity: int = 1, owner: str = "cart") -> bytes:
    hold = stock_pb2.Hold(item_id=shop.item_id, location_id=shop.warehouse_id, quantity=quantity, owner=owner)
    return stock_pb2.CreateHoldRequest(request_id=new_id(), hold=hold).SerializeToString()


def owner_of(reply: bytes) -> str:
    return stock_pb2.CreateHoldResponse.FromString(reply).hold.owner


def held(shop: Shop) -> int:
    return sum(stock.held for stock in shop("GetStock", item_id=shop.item_id).stocks)


def test_a_thousand_calls_in_flight_each_get_their_own_answer(shop):
    shop.receive(shop.warehouse_id, 1_000)

    async def main() -> list[bytes]:
        calls = [
            shop.engine.submit(CREATE_HOLD, hold_body(shop, owner=f"cart-{number}"), "sari")
            for number in range(1_000)
        ]
        return await asyncio.gather(*calls)

    replies = asyncio.run(main())
    assert [owner_of(reply) for reply in replies] == [f"cart-{number}" for number in range(1_000)]
    assert held(shop) == 1_000
    status = shop.engine.status()
    assert status["commits"] < 500, "calls in flight share commits"
    assert sum(status["batch_sizes"]) == status["commits"]


def test_a_refusal_is_raised_where_it_is_awaited(shop):
    async def main() -> None:
        call = shop.engine.submit(CREATE_HOLD, hold_body(shop, quantity=101), "sari")
        with pytest.raises(EngineError) as refused:
            await call
        assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "OUT_OF_STOCK")
        with pytest.raises(EngineError) as refused:
            shop.engine.submit(CREATE_HOLD, b"\x0f", "sari")
        assert refused.value.reason == "MESSAGE_MALFORMED"
        with pytest.raises(EngineError) as refused:
            shop.engine.submit("/kasir.v1.StockService/GetStock", b"", "sari")
        assert refused.value.reason == "METHOD_UNKNOWN"

    asyncio.run(main())


def test_a_loop_that_closes_early_harms_nobody(shop):
    async def leave() -> None:
        for _ in range(50):
            shop.engine.submit(CREATE_HOLD, hold_body(shop), "sari")

    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())
        loop.close()
    revision = shop.engine.revision()

    async def stay() -> bytes:
        return await shop.engine.submit(CREATE_HOLD, hold_body(shop, owner="later"), "sari")

    # 100 are there: the loops that left took some of them, perhaps all.
    shop.receive(shop.warehouse_id, 100)
    assert owner_of(asyncio.run(stay())) == "later"
    assert shop.engine.revision() > revision
    assert shop.engine.verify()["ok"]


def test_a_read_sees_at_least_the_revision_told_before(shop):
    """What streams rely on: revision() is bumped after the commit can be read, never before."""
    stop = threading.Event()
    wrong: list[tuple[int, int]] = []

    def write() -> None:
        while not stop.is_set():
            shop.engine.submit_blocking(CREATE_HOLD, hold_body(shop), "sari")
            shop.receive(shop.warehouse_id, 1)

    def read() -> None:
        while not stop.is_set():
            told = shop.engine.revision()
            _, revision, _ = shop.engine.read_changes(max(told - 1, 0), 10)
            if revision < told:
                wrong.append((told, revision))

    threads = [threading.Thread(target=write), *(threading.Thread(target=read) for _ in range(2))]
    for thread in threads:
        thread.start()
    stop.wait(1.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_journal_is_followed_without_gaps(shop):
    engine = shop.engine
    seen: list[int] = []
    after = 0
    while after < engine.revision():
        changes = engine.read_changes(after, 2)
        response = watch_pb2.WatchResponse.FromString(changes.response)
        assert (response.revision, len(response.records)) == (changes.revision, changes.records)
        seen += [record.revision for record in response.records]
        after = changes.revision
    assert seen == list(range(1, engine.revision() + 1))

    order = shop.book()
    only_orders = engine.read_changes(0, 100, [watch_pb2.RESOURCE_ORDER])
    [record] = watch_pb2.WatchResponse.FromString(only_orders.response).records
    assert (record.actor, record.method) == ("sari", BY_NAME["CreateBooking"])
    assert (watch_pb2.RESOURCE_ORDER, order.order_id, "OrderBooked") in [
        (change.resource, change.id, change.event) for change in record.changes
    ]
    assert only_orders.revision == engine.revision(), "what is filtered out is looked at all the same"
    assert engine.read_changes(engine.revision(), 10) == (
        watch_pb2.WatchResponse(revision=engine.revision()).SerializeToString(),
        engine.revision(),
        0,
    )


def test_what_did_not_change_needs_no_reading(shop):
    engine = shop.engine
    orders, sales = [watch_pb2.RESOURCE_ORDER], [watch_pb2.RESOURCE_SALE, watch_pb2.RESOURCE_MUTATION]
    before = engine.revision()
    assert not engine.may_have_changed(before, orders)
    order = shop.book()
    assert engine.may_have_changed(before, orders)
    assert engine.may_have_changed(before, [watch_pb2.RESOURCE_STOCK])
    assert not engine.may_have_changed(engine.revision(), orders)
    assert not engine.may_have_changed(before, sales)
    nothing = watch_pb2.WatchResponse(revision=engine.revision()).SerializeToString()
    assert engine.read_changes(before, 1, sales) == (nothing, engine.revision(), 0)

    # What it says is what the journal says, from every revision on.
    shop("CancelBooking", order_id=order.order_id)
    shop.receive(shop.warehouse_id, 3)
    kinds = [kind for kind in watch_pb2.Resource.values() if kind != watch_pb2.RESOURCE_UNSPECIFIED]
    for after in range(before, engine.revision() + 1):
        records = watch_pb2.WatchResponse.FromString(engine.read_changes(after, 100).response).records
        changed = {change.resource for record in records for change in record.changes}
        assert {kind for kind in kinds if engine.may_have_changed(after, [kind])} == changed, after
        for kind in kinds:
            assert (engine.read_changes(after, 100, [kind]).records > 0) == (kind in changed), after
    with pytest.raises(EngineError, match="resource"):
        engine.may_have_changed(before, [0])


def test_a_request_id_is_told_as_it_was_sent(shop):
    request_id = new_id()
    shop("CreateBooking", request_id=request_id, booking=shop.booking())
    changes = shop.engine.read_changes(shop.engine.revision() - 1, 1)
    [record] = watch_pb2.WatchResponse.FromString(changes.response).records
    assert record.request_id == request_id


def test_closing_answers_what_was_accepted_and_ends_what_waits(tmp_path):
    engine = Engine.open(tmp_path / "store")
    shop = Shop(engine)

    async def main() -> None:
        waiting = asyncio.ensure_future(engine.wait_readable(10_000))
        calls = [engine.submit(CREATE_HOLD, hold_body(shop), "sari") for _ in range(20)]
        await asyncio.sleep(0)
        engine.close()
        replies = await asyncio.wait_for(asyncio.gather(*calls), 10)
        assert len({stock_pb2.CreateHoldResponse.FromString(reply).hold.hold_id for reply in replies}) == 20
        with pytest.raises(EngineError) as ended:
            await asyncio.wait_for(waiting, 10)
        assert (ended.value.code, ended.value.reason) == (Code.UNAVAILABLE, "WRITER_STOPPED")

    asyncio.run(main())
    engine.close()
    core = engine._core
    for call in (
        lambda: engine.submit_blocking(CREATE_HOLD, hold_body(shop), "sari"),
        lambda: engine.query(BY_NAME["GetStock"], b""),
        lambda: engine.read_changes(0, 1),
        engine.revision,
        engine.status,
        engine.verify,
        lambda: engine.snapshot(tmp_path / "copy"),
        core.revision,
    ):
        with pytest.raises(EngineError) as refused:
            call()
        assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "WRITER_STOPPED")
    with Engine.open(tmp_path / "store") as reopened:
        assert held(_on(reopened, shop)) == 20
        assert reopened.verify()["ok"]


def _on(engine: Engine, shop: Shop) -> Shop:
    """The same shop on another engine."""
    other = Shop.__new__(Shop)
    other.__dict__.update(shop.__dict__)
    other.engine = engine
    return other


def test_the_gil_is_free_while_rust_works(shop):
    """Submits from plain threads overlap: with the GIL held they could not share a commit."""
    commits = shop.engine.status()["commits"]
    shop.receive(shop.warehouse_id, 400)

    def work(_: int) -> None:
        for _ in range(25):
            shop.engine.submit_blocking(CREATE_HOLD, hold_body(shop), "sari")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert shop.engine.status()["commits"] - commits < 400


FORK = """
import os, sys
from engine import Engine, EngineError
engine = Engine.open(sys.argv[1])
core = engine._core
child = os.fork()
if child == 0:
    reasons = set()
    for call in (core.revision, core.status, core.close, engine.revision, lambda: core.query("x", b"")):
        try:
            call()
        except EngineError as error:
            reasons.add(error.reason)
    del core
    engine.close()
    sys.exit(0 if reasons == {"ENGINE_FORKED"} else 1)
_, status = os.waitpid(child, 0)
assert engine.verify()["ok"]
engine.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_told_and_can_leave(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, str(tmp_path / "store")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0


def test_a_booking_race_has_one_winner(shop):
    """64 callers for one last item."""
    shop("AdjustStock", location_id=shop.warehouse_id, reason="hitung", lines=[_line(shop, -99)])

    async def main() -> list[bytes | BaseException]:
        calls = []
        for number in range(64):
            booking = shop.booking(customer_phone=f"0812345{number:05d}")
            body = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=booking)
            calls.append(shop.engine.submit(BY_NAME["CreateBooking"], body.SerializeToString(), "sari"))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(main())
    lost = [outcome for outcome in outcomes if isinstance(outcome, EngineError)]
    assert len(lost) == 63
    assert {outcome.reason for outcome in lost} == {"OUT_OF_STOCK"}
    assert shop.engine.verify()["ok"]


def _line(shop: Shop, quantity: int) -> stock_pb2.StockLine:
    return stock_pb2.StockLine(item_id=shop.item_id, quantity=quantity)
