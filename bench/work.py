"""The work that is measured: one shop's catalogue, and requests as bytes that cost the loader next to
nothing.

Every system does the same: bookings of two lines for a customer known by phone, and holds of one item. A
request is a body made beforehand with a fresh request id put in front, so that what is measured is the other
side.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine import Engine
from kasir.v1 import (
    booking_pb2,
    catalogue_pb2,
    common_pb2,
    customer_pb2,
    reconciliation_pb2,
    shipping_pb2,
    stock_pb2,
)

ITEMS = 10_000
CUSTOMERS = 10_000
# Which of the shop's accounts bookings are to be paid to.
BANK_ACCOUNT_ID = 1
# More than any run books: what is measured are reservations, not refusals.
STOCK_PER_ITEM = 1_000_000
# The hot item's, which batches want a hundred thousand of a second.
HOT_STOCK = 20 * STOCK_PER_ITEM
HOT_ITEM = 1
# One a request of a few seconds' run; then they come round again under new request ids.
BODIES = 20_000
# The same for requests that carry a batch.
BATCH_BODIES = 200
BATCH_MAX = 1_000
# Customers are seeded one command each; so many together share a commit.
SEED_THREADS = 64
# Codes do not run out: so many, for each of thousands of different totals.
UNIQUE_CODE_MAX = 99_999
SEED = 20_260_101
ACTOR = "bench"

CREATE_BOOKING = "/kasir.v1.BookingService/CreateBooking"
CREATE_HOLD = "/kasir.v1.StockService/CreateHold"
BATCH_CREATE_BOOKINGS = "/kasir.v1.BookingService/BatchCreateBookings"
BATCH_CREATE_HOLDS = "/kasir.v1.StockService/BatchCreateHolds"
STREAM_COMMANDS = "/kasir.v1.BookingService/StreamCommands"
# Answered by the benchmark's own server, see `bench.echo_server`.
ECHO = "/kasir.bench.EchoService/Echo"


class Kind(StrEnum):
    """What is asked for."""

    BOOKING = "booking"
    HOLD = "hold"
    ECHO = "echo"


class Spread(StrEnum):
    """Which items: any of all, or everybody the same one (a booking's second line is any item)."""

    UNIFORM = "uniform"
    HOT = "hot"


@dataclass(frozen=True)
class Shop:
    """Ids that requests name, as the engine gives them in a new store."""

    warehouse_id: int = 1
    courier_id: int = 1


def price_of(item_id: int) -> int:
    """Retail price in rupiah: Rp 15.000 to Rp 1.500.000, all different enough that totals seldom meet."""
    return 15_000 + item_id * 7_919 % 1_485_000


def phone_of(customer: int) -> str:
    """A customer's number."""
    return f"0812{customer:08d}"


def rupiah(amount: int) -> common_pb2.Money:
    """An amount of whole rupiah."""
    return common_pb2.Money(currency_code="IDR", minor_units=amount * 100)


class Ids:
    """Request ids as Kasir's clients make them: UUIDv7, so that they arrive in order. One maker a thread."""

    def __init__(self) -> None:
        self._suffix = os.urandom(5).hex()
        self._count = 0

    def next(self) -> bytes:
        """A new one, 36 bytes."""
        self._count += 1
        milliseconds = time.time_ns() // 1_000_000
        count = self._count
        return b"%08x-%04x-7%03x-8%03x-%s%02x" % (
            milliseconds >> 16,
            milliseconds & 0xFFFF,
            count >> 20 & 0xFFF,
            count >> 8 & 0xFFF,
            self._suffix.encode(),
            count & 0xFF,
        )


# Field 1 of every command, length-delimited, 36 bytes.
_ID_FIELD = b"\x0a\x24"


class Requests:
    """An endless, repeatable series of serialized requests of one kind, each for `batch` of it."""

    def __init__(
        self,
        kind: Kind,
        spread: Spread,
        seed: int = SEED,
        *,
        batch: int = 1,
        bodies: list[bytes] | None = None,
    ) -> None:
        self.kind = kind
        self.spread = spread
        self.method = {Kind.BOOKING: CREATE_BOOKING, Kind.HOLD: CREATE_HOLD, Kind.ECHO: ECHO}[kind]
        self._ids = Ids()
        chance = random.Random(seed)
        if batch > 1:
            assert kind is Kind.HOLD, "only holds are measured in batches"
            self.method = BATCH_CREATE_HOLDS
            self._bodies = bodies or [_holds(chance, spread, batch) for _ in range(BATCH_BODIES)]
        else:
            make = {Kind.BOOKING: _booking, Kind.HOLD: _hold, Kind.ECHO: _echo}[kind]
            self._bodies = bodies or [make(chance, spread) for _ in range(BODIES)]
        self._next = chance.randrange(len(self._bodies))

    def beside(self) -> "Requests":
        """The same series from another place on, with ids of its own: for another thread."""
        return Requests(self.kind, self.spread, random.randrange(BODIES), bodies=self._bodies)

    def next(self) -> bytes:
        """The next request: fields of a protobuf message may be put one behind the other, the id first."""
        self._next = index = (self._next + 1) % len(self._bodies)
        return _ID_FIELD + self._ids.next() + self._bodies[index]


class Commands(Requests):
    """The same series of holds for streams of commands. Sequences begin at 1 and grow from one to the next,
    so they grow on each of several streams too.
    """

    def __init__(self, spread: Spread) -> None:
        super().__init__(Kind.HOLD, spread)
        self.method = STREAM_COMMANDS
        self._sequence = 0

    def next(self) -> bytes:
        """A StreamCommandsRequest with its fields `sequence` and `create_hold`."""
        body = super().next()
        self._sequence += 1
        return b"\x08" + _varint(self._sequence) + b"\x12" + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    low: list[int] = []
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*low, number))


def _item(chance: random.Random, spread: Spread) -> int:
    return HOT_ITEM if spread is Spread.HOT else chance.randint(1, ITEMS)


def _booking(chance: random.Random, spread: Spread) -> bytes:
    return booking_pb2.CreateBookingRequest(booking=_one_booking(chance, spread)).SerializeToString()


def bookings(chance: random.Random, batch: int) -> bytes:
    """A request for many bookings at once, to fill a shop with."""
    inputs = [_one_booking(chance, Spread.UNIFORM) for _ in range(batch)]
    request = booking_pb2.BatchCreateBookingsRequest(request_id=Ids().next().decode(), bookings=inputs)
    return request.SerializeToString()


def _one_booking(chance: random.Random, spread: Spread) -> booking_pb2.BookingInput:
    shop = Shop()
    customer = chance.randrange(CUSTOMERS)
    first = _item(chance, spread)
    second = chance.randint(1, ITEMS - 1)
    second += second >= first
    lines = [
        booking_pb2.OrderLineInput(location_id=shop.warehouse_id, item_id=item, quantity=quantity)
        for item, quantity in ((first, 1), (second, chance.randint(1, 3)))
    ]
    return booking_pb2.BookingInput(
        customer_name=f"Siti Rahmawati {customer}",
        customer_phone=phone_of(customer),
        address=address_of(customer),
        lines=lines,
        channel=common_pb2.CHANNEL_CHAT,
        shipping=rupiah(chance.randint(8, 60) * 1_000),
        courier_id=shop.courier_id,
        courier_service="REG",
        bank_account_id=BANK_ACCOUNT_ID,
    )


def address_of(customer: int) -> common_pb2.Address:
    """Where a customer lives."""
    return common_pb2.Address(
        recipient=f"Siti Rahmawati {customer}",
        phone=phone_of(customer),
        street=f"Jl. Merdeka No. {customer}, RT 03/RW 07",
        district="Coblong",
        city="Bandung",
        province="Jawa Barat",
        postal_code="40132",
    )


def _one_hold(chance: random.Random, spread: Spread) -> stock_pb2.Hold:
    return stock_pb2.Hold(
        item_id=_item(chance, spread),
        location_id=Shop.warehouse_id,
        quantity=1,
        owner=f"cart-{chance.randrange(100_000)}",
    )


def _hold(chance: random.Random, spread: Spread) -> bytes:
    return stock_pb2.CreateHoldRequest(hold=_one_hold(chance, spread)).SerializeToString()


def _holds(chance: random.Random, spread: Spread, batch: int) -> bytes:
    holds = [_one_hold(chance, spread) for _ in range(batch)]
    return stock_pb2.BatchCreateHoldsRequest(holds=holds).SerializeToString()


def refused_holds(reply: bytes) -> int:
    """How many of a batch were refused, by its serialized reply."""
    read = stock_pb2.BatchCreateHoldsResponse.FromString(reply)
    return sum(result.HasField("error") for result in read.results)


def _echo(_chance: random.Random, _spread: Spread) -> bytes:
    # With the id in front: 100 bytes.
    return b"\x12\x3c" + b"x" * 60


def seed_store(path: Path) -> Iterator[int]:
    """Makes the shop in a new store at `path`; yields how many percent are done."""
    with Engine.open(path) as engine:

        def send(method: str, request: Any) -> None:
            request.request_id = str(uuid.uuid4())
            engine.submit_blocking(f"/kasir.v1.{method}", request.SerializeToString(), ACTOR)

        _seed_places(send)
        for first in range(1, ITEMS + 1, BATCH_MAX):
            numbers = range(first, min(first + BATCH_MAX, ITEMS + 1))
            send(
                "CatalogueService/BatchCreateItems",
                catalogue_pb2.BatchCreateItemsRequest(items=[_catalogue_item(number) for number in numbers]),
            )
            lines = [stock_pb2.StockLine(item_id=number, quantity=STOCK_PER_ITEM) for number in numbers]
            send(
                "StockService/ReceiveStock",
                stock_pb2.ReceiveStockRequest(location_id=Shop.warehouse_id, lines=lines, reference="SJ-1"),
            )
            yield first * 50 // ITEMS
        hot = stock_pb2.StockLine(item_id=HOT_ITEM, quantity=STOCK_PER_ITEM)
        for _ in range(HOT_STOCK // STOCK_PER_ITEM - 1):
            more = stock_pb2.ReceiveStockRequest(location_id=Shop.warehouse_id, lines=[hot], reference="SJ-2")
            send("StockService/ReceiveStock", more)

        def customer(number: int) -> None:
            made = customer_pb2.Customer(
                name=f"Siti Rahmawati {number}", phone=phone_of(number), address=address_of(number)
            )
            send("CustomerService/CreateCustomer", customer_pb2.CreateCustomerRequest(customer=made))

        with ThreadPoolExecutor(SEED_THREADS) as threads:
            for number, _ in enumerate(threads.map(customer, range(CUSTOMERS))):
                if number % 100 == 0:
                    yield 50 + number * 50 // CUSTOMERS
    yield 100


def _seed_places(send: Any) -> None:
    tax = catalogue_pb2.TaxClass(
        code="PPN11", name="PPN 11%", rate_basis_points=1_100, mode=catalogue_pb2.TAX_MODE_INCLUSIVE
    )
    send("CatalogueService/CreateTaxClass", catalogue_pb2.CreateTaxClassRequest(tax_class=tax))
    for code, kind in (
        ("GUDANG", stock_pb2.LOCATION_KIND_WAREHOUSE),
        ("CS", stock_pb2.LOCATION_KIND_CS_DESK),
        ("TOKO", stock_pb2.LOCATION_KIND_SHOP),
    ):
        location = stock_pb2.Location(code=code, name=code.title(), kind=kind)
        send("StockService/CreateLocation", stock_pb2.CreateLocationRequest(location=location))
    send("ReconciliationService/CreateBankAccount", bank_account("1234567890"))
    courier = shipping_pb2.Courier(code="JNE", name="JNE", connected=True)
    send("ShippingService/CreateCourier", shipping_pb2.CreateCourierRequest(courier=courier))


def bank_account(number: str) -> reconciliation_pb2.CreateBankAccountRequest:
    """An account with codes for as many unpaid orders as any run leaves."""
    account = reconciliation_pb2.BankAccount(
        bank="BCA",
        number=number,
        holder="Toko Kasir",
        currency_code="IDR",
        unique_code_min=1,
        unique_code_max=UNIQUE_CODE_MAX,
    )
    return reconciliation_pb2.CreateBankAccountRequest(bank_account=account)


def _catalogue_item(number: int) -> catalogue_pb2.Item:
    return catalogue_pb2.Item(
        sku=f"SKU-{number:05d}",
        name=f"Tas selempang {number}",
        category=f"tas {number % 50}",
        barcodes=[f"B{number:08d}"],
        prices=[catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=rupiah(price_of(number)))],
        tax_class_id=1,
        weight_grams=200 + number % 800,
    )
