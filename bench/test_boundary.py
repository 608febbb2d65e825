"""What crossing from Python into Rust costs: a durable commit, a query, a record as Python reads it.

    python -m bench boundary

Not among the tests: a benchmark's time is no test's result.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgpack
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.work import ACTOR, Kind, Requests, Spread, seed_store
from engine import Engine
from kasir.v1 import booking_pb2, catalogue_pb2

GET_ITEM = "/kasir.v1.CatalogueService/GetItem"
GET_BOOKING = "/kasir.v1.BookingService/GetBooking"
QUOTE = "/kasir.v1.BookingService/QuoteBooking"
BATCH = 64


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The shop of the benchmark, with one order."""
    store = tmp_path_factory.mktemp("boundary") / "store"
    for _percent in seed_store(store):
        pass
    with Engine.open(store) as opened:
        booking = Requests(Kind.BOOKING, Spread.UNIFORM)
        opened.submit_blocking(booking.method, booking.next(), ACTOR)
        yield opened


@pytest.mark.parametrize("kind", [Kind.HOLD, Kind.BOOKING])
def test_one_commit(benchmark: BenchmarkFixture, engine: Engine, kind: Kind) -> None:
    """One caller, one command, one commit: what a scan waits for."""
    requests = Requests(kind, Spread.UNIFORM)
    reply = benchmark(lambda: engine.submit_blocking(requests.method, requests.next(), ACTOR))
    assert reply


@pytest.mark.parametrize("kind", [Kind.HOLD, Kind.BOOKING])
def test_sixty_four_at_once(benchmark: BenchmarkFixture, engine: Engine, kind: Kind) -> None:
    """64 awaitables, mostly one commit; the time is that of all 64."""
    requests = Requests(kind, Spread.UNIFORM)

    async def submit_all() -> list[bytes]:
        method = requests.method
        return await asyncio.gather(*(engine.submit(method, requests.next(), ACTOR) for _ in range(BATCH)))

    with asyncio.Runner() as runner:
        replies = benchmark(lambda: runner.run(submit_all()))
    assert len(replies) == BATCH


def test_a_repeated_request(benchmark: BenchmarkFixture, engine: Engine) -> None:
    """The same request again: found in the table of requests, committed once."""
    requests = Requests(Kind.BOOKING, Spread.UNIFORM)
    request = requests.next()
    first = engine.submit_blocking(requests.method, request, ACTOR)
    assert benchmark(lambda: engine.submit_blocking(requests.method, request, ACTOR)) == first


def test_query_an_item(benchmark: BenchmarkFixture, engine: Engine) -> None:
    """An item with its stock."""
    request = catalogue_pb2.GetItemRequest(item_id=7).SerializeToString()
    assert benchmark(lambda: engine.query(GET_ITEM, request))


def test_query_an_order(benchmark: BenchmarkFixture, engine: Engine) -> None:
    """A Book Order of two lines."""
    request = booking_pb2.GetBookingRequest(order_id=1).SerializeToString()
    assert benchmark(lambda: engine.query(GET_BOOKING, request))


def test_query_a_quote(benchmark: BenchmarkFixture, engine: Engine) -> None:
    """What an order would cost: decided, not written."""
    booking = booking_pb2.CreateBookingRequest.FromString(Requests(Kind.BOOKING, Spread.UNIFORM).next())
    request = booking_pb2.QuoteBookingRequest(booking=booking.booking).SerializeToString()
    assert benchmark(lambda: engine.query(QUOTE, request))


def test_an_unknown_method(benchmark: BenchmarkFixture, engine: Engine) -> None:
    """The way there and back, with nothing done: what an exception costs on top."""

    def ask() -> str:
        try:
            engine.query("/kasir.v1.NoService/NoMethod", b"")
        except Exception as error:  # noqa: BLE001 # whatever it is, it is what is measured
            return type(error).__name__
        return ""

    assert benchmark(ask) == "EngineError"


def test_decode_a_record(benchmark: BenchmarkFixture, engine: Engine, tmp_path: Path) -> None:
    """An order as `kasir inspect` reads it: msgpack from LMDB's file."""
    engine.snapshot(tmp_path / "snapshot")
    record: Any
    with (
        lmdb.open(str(tmp_path / "snapshot"), subdir=False, readonly=True, lock=False, max_dbs=128) as store,
        store.begin() as txn,
    ):
        orders = store.open_db(b"orders", txn=txn, create=False)
        with txn.cursor(orders) as cursor:
            assert cursor.first()
            raw = bytes(cursor.value())
    record = benchmark(lambda: msgpack.unpackb(raw))
    assert record["order_id"] == 1
