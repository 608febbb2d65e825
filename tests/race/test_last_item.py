"""Many clients, one last item.

Goal: whatever the number of clients that want the last unit in the same moment, exactly one gets it, all
others are told OUT_OF_STOCK, and nothing is promised twice. Method: a server of its own process, 64 clients
with a connection each; a round is one item with one unit, asked for by all 64 at once; afterwards every stock
and `verify` are read. KASIR_RACE_ROUNDS sets the number of rounds.
"""

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from kasir.v1 import admin_pb2, admin_pb2_grpc, booking_pb2, catalogue_pb2, stock_pb2
from tests.server.support import TIMEOUT_S, Shop, idr, new_id, read_refusal

CLIENTS = 64
# Of bookings, and of holds: the rule is the same one, so every day's tests race less for those.
ROUNDS = int(os.environ.get("KASIR_RACE_ROUNDS", "1000"))
HOLD_ROUNDS = int(os.environ.get("KASIR_RACE_ROUNDS", "250"))
BATCH = 1_000
# Clients wait for each other, and the machine may be busy with other tests.
CALL_TIMEOUT_S = 60.0


@dataclass
class Race:
    """How one kind of claim is asked for, and what a reply holds."""

    method: str
    requests: list[list[bytes]]
    response: type[Any]


def last_items(shop: Shop, rounds: int) -> list[int]:
    """So many items, of each one unit in the warehouse."""
    item_ids: list[int] = []
    for start in range(0, rounds, BATCH):
        numbers = range(start, min(start + BATCH, rounds))
        price = catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(10_000))
        items = [catalogue_pb2.Item(sku=f"LAST-{n}", name=f"Last {n}", prices=[price]) for n in numbers]
        reply = shop.catalogue.BatchCreateItems(
            catalogue_pb2.BatchCreateItemsRequest(request_id=new_id(), items=items)
        )
        found = [result.item.item_id for result in reply.results]
        lines = [stock_pb2.StockLine(item_id=item_id, quantity=1) for item_id in found]
        shop.stock.ReceiveStock(
            stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=shop.warehouse_id, lines=lines)
        )
        item_ids += found
    return item_ids


def bookings(shop: Shop, item_ids: list[int]) -> Race:
    """Every client books every item, each with an id of its own."""
    requests = []
    for item_id in item_ids:
        booking = shop.booking(phone="081234567890")
        booking.lines[0].item_id = item_id
        same = booking_pb2.CreateBookingRequest(booking=booking).SerializeToString()
        # A message may come in pieces: fields of both are one message.
        ids = [
            booking_pb2.CreateBookingRequest(request_id=new_id()).SerializeToString() for _ in range(CLIENTS)
        ]
        requests.append([request_id + same for request_id in ids])
    return Race("/kasir.v1.BookingService/CreateBooking", requests, booking_pb2.CreateBookingResponse)


def holds(shop: Shop, item_ids: list[int]) -> Race:
    """Every client holds every item."""
    requests = []
    for item_id in item_ids:
        hold = stock_pb2.Hold(item_id=item_id, location_id=shop.warehouse_id, quantity=1, owner="cart")
        requests.append(
            [
                stock_pb2.CreateHoldRequest(request_id=new_id(), hold=hold).SerializeToString()
                for _ in range(CLIENTS)
            ]
        )
    return Race("/kasir.v1.StockService/CreateHold", requests, stock_pb2.CreateHoldResponse)


async def run(target: str, race: Race) -> tuple[list[Counter[str]], list[Any], float]:
    """All rounds: what became of the calls of each, the replies of the winners, seconds."""
    # Each client has a connection of its own, as 64 tills have.
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(target, options=options) for _ in range(CLIENTS)]
    calls = [channel.unary_unary(race.method) for channel in channels]
    winners: list[Any] = []

    async def ask(client: int, request: bytes) -> str:
        try:
            reply = await calls[client](request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            refused = read_refusal(error)
            return f"{refused.code.name} {refused.reason}"
        winners.append(race.response.FromString(reply))
        return "won"

    try:
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        began = time.perf_counter()
        rounds = []
        for requests in race.requests:
            outcomes = await asyncio.gather(
                *(ask(client, request) for client, request in enumerate(requests))
            )
            rounds.append(Counter(outcomes))
        return rounds, winners, time.perf_counter() - began
    finally:
        for channel in channels:
            await channel.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("make", "count"), [(bookings, ROUNDS), (holds, HOLD_ROUNDS)])
def test_exactly_one_of_64_clients_gets_the_last_item(serve, make, count: int, capsys) -> None:
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel)
        item_ids = last_items(shop, count)
        race = make(shop, item_ids)

        rounds, winners, seconds = asyncio.run(run(server.target, race))

        expected = Counter({"won": 1, "FAILED_PRECONDITION OUT_OF_STOCK": CLIENTS - 1})
        wrong = [
            (item_id, found) for item_id, found in zip(item_ids, rounds, strict=True) if found != expected
        ]
        assert not wrong, wrong[:5]
        assert len(winners) == count
        oversold = 0
        for item_id in item_ids:
            stocks = shop.stock.GetStock(stock_pb2.GetStockRequest(item_id=item_id), timeout=TIMEOUT_S).stocks
            assert [(stock.on_hand, stock.held, stock.available) for stock in stocks] == [(1, 1, 0)]
            oversold += sum(max(stock.held - stock.on_hand, 0) for stock in stocks)
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        verified = admin.VerifyStore(admin_pb2.VerifyStoreRequest(), timeout=CALL_TIMEOUT_S)
        assert verified.ok, verified.violations
    asked = count * CLIENTS
    with capsys.disabled():
        print(
            f"\n{make.__name__}: {count:,} rounds of {CLIENTS} clients for one last item in {seconds:.1f} s "
            f"({asked / seconds:,.0f} calls/s); won {len(winners):,}, oversold {oversold}"
        )
