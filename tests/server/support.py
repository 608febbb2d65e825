"""Words of the server's tests: a call with its refusal read, a small shop, patience."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from kasir.v1 import (
    booking_pb2,
    booking_pb2_grpc,
    catalogue_pb2,
    catalogue_pb2_grpc,
    common_pb2,
    customer_pb2_grpc,
    drop_order_pb2,
    drop_order_pb2_grpc,
    print_pb2_grpc,
    reconciliation_pb2,
    reconciliation_pb2_grpc,
    sale_pb2,
    sale_pb2_grpc,
    shipping_pb2,
    shipping_pb2_grpc,
    stock_pb2,
    stock_pb2_grpc,
    watch_pb2_grpc,
)

DETAILS_KEY = "grpc-status-details-bin"
TIMEOUT_S = 20.0


def new_id() -> str:
    """A request id."""
    return str(uuid.uuid4())


def idr(rupiah: int) -> common_pb2.Money:
    """An amount of whole rupiah."""
    return common_pb2.Money(currency_code="IDR", minor_units=rupiah * 100)


@dataclass
class Refused:
    """A refusal as a client reads it."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    details: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    retry_ms: int | None = None


def read_refusal(error: grpc.RpcError) -> Refused:
    """Code, words and google.rpc details of a failed call."""
    refused = Refused(error.code(), error.details())
    for key, value in error.trailing_metadata() or ():
        if key != DETAILS_KEY:
            continue
        status = status_pb2.Status.FromString(value)
        assert status.code == error.code().value[0]
        for packed in status.details:
            if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(packed.value)
                refused.reason, refused.domain, refused.details = (
                    info.reason,
                    info.domain,
                    dict(info.metadata),
                )
            elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = error_details_pb2.BadRequest.FromString(packed.value)
                refused.violations = [(found.field, found.description) for found in bad.field_violations]
            elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                retry = error_details_pb2.RetryInfo.FromString(packed.value)
                refused.retry_ms = retry.retry_delay.ToMilliseconds()
    return refused


def refusal(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Refused:
    """Makes a call that must fail, to its end if it is a stream, and returns why."""
    keywords.setdefault("timeout", TIMEOUT_S)
    try:
        result = call(*arguments, **keywords)
        if isinstance(result, Iterator):
            for _ in result:
                pass
    except grpc.RpcError as error:
        return read_refusal(error)
    raise AssertionError("the call was not refused")


def raw(channel: grpc.Channel, method: str) -> Callable[..., bytes]:
    """A unary method that takes and gives bytes."""
    return channel.unary_unary(method)


def until(condition: Callable[[], bool], what: str, seconds: float = TIMEOUT_S) -> None:
    """Waits for what another thread or process does."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"waited {seconds} s for: {what}"
        time.sleep(0.01)


def take(stream: Iterable[Message], count: int, wanted: Callable[[Any], bool]) -> list[Any]:
    """The next `count` messages of a stream that are wanted; heartbeats, say, are not."""
    found: list[Any] = []
    for message in stream:
        if wanted(message):
            found.append(message)
        if len(found) == count:
            break
    return found


def patient_channel(target: str) -> grpc.Channel:
    """A channel that asks again when the queue is full, as a client does."""
    policy = {
        "maxAttempts": 5,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
    }
    config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
    return grpc.insecure_channel(target, options=[("grpc.service_config", json.dumps(config))])


class Shop:
    """A shop with a warehouse, a CS desk and one item, worked through the contract alone."""

    def __init__(self, channel: grpc.Channel, stock: int = 100) -> None:
        self.catalogue = catalogue_pb2_grpc.CatalogueServiceStub(channel)
        self.stock = stock_pb2_grpc.StockServiceStub(channel)
        self.drop_orders = drop_order_pb2_grpc.DropOrderServiceStub(channel)
        self.bookings = booking_pb2_grpc.BookingServiceStub(channel)
        self.reconciliation = reconciliation_pb2_grpc.ReconciliationServiceStub(channel)
        self.sales = sale_pb2_grpc.SaleServiceStub(channel)
        self.shipping = shipping_pb2_grpc.ShippingServiceStub(channel)
        self.printing = print_pb2_grpc.PrintServiceStub(channel)
        self.customers = customer_pb2_grpc.CustomerServiceStub(channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(channel)
        self.warehouse_id = self._location("GUDANG", stock_pb2.LOCATION_KIND_WAREHOUSE)
        self.desk_id = self._location("CS", stock_pb2.LOCATION_KIND_CS_DESK)
        self.barcode = "8991002101234"
        self.item_id = self.item("KOPI-01", self.barcode)
        self.receive(self.item_id, stock)

    def _location(self, code: str, kind: stock_pb2.LocationKind.ValueType) -> int:
        location = stock_pb2.Location(code=code, name=code.title(), kind=kind)
        request = stock_pb2.CreateLocationRequest(request_id=new_id(), location=location)
        return self.stock.CreateLocation(request).location.location_id

    def item(self, sku: str, barcode: str, rupiah: int = 25_000) -> int:
        """Adds an item with one retail price."""
        item = catalogue_pb2.Item(
            sku=sku,
            name=f"Item {sku}",
            barcodes=[barcode],
            weight_grams=250,
            prices=[catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(rupiah))],
        )
        request = catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)
        return self.catalogue.CreateItem(request).item.item_id

    def receive(self, item_id: int, quantity: int) -> None:
        """Goods come into the warehouse."""
        line = stock_pb2.StockLine(item_id=item_id, quantity=quantity)
        self.stock.ReceiveStock(
            stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=self.warehouse_id, lines=[line])
        )

    def bank_account(self, number: str = "1234567890") -> int:
        """Adds a bank account."""
        account = reconciliation_pb2.BankAccount(
            bank="BCA", number=number, holder="Toko", currency_code="IDR"
        )
        request = reconciliation_pb2.CreateBankAccountRequest(request_id=new_id(), bank_account=account)
        return self.reconciliation.CreateBankAccount(request).bank_account.bank_account_id

    def courier(self, *, connected: bool = True) -> int:
        """Adds a courier."""
        courier = shipping_pb2.Courier(code="JNE", name="JNE", connected=connected)
        request = shipping_pb2.CreateCourierRequest(request_id=new_id(), courier=courier)
        return self.shipping.CreateCourier(request).courier.courier_id

    def request_drop_order(self, quantity: int = 1) -> drop_order_pb2.DropOrder:
        """The desk asks the warehouse."""
        request = drop_order_pb2.RequestDropOrderRequest(
            request_id=new_id(),
            item_id=self.item_id,
            quantity=quantity,
            from_location_id=self.warehouse_id,
            to_location_id=self.desk_id,
        )
        return self.drop_orders.RequestDropOrder(request).drop_order

    def hand_over(self, drop_order_id: int) -> drop_order_pb2.DropOrder:
        """The warehouse scans the item and gives it."""
        request = drop_order_pb2.HandOverDropOrderRequest(
            request_id=new_id(), drop_order_id=drop_order_id, barcode=self.barcode
        )
        return self.drop_orders.HandOverDropOrder(request).drop_order

    def booking(
        self,
        quantity: int = 1,
        drop_order_id: int = 0,
        courier_id: int = 0,
        phone: str = "081234567890",
        email: str = "",
    ) -> booking_pb2.BookingInput:
        """One line of the shop's item, from a Drop Order or from the warehouse."""
        line = booking_pb2.OrderLineInput(item_id=self.item_id, quantity=quantity)
        if drop_order_id:
            line.drop_order_id = drop_order_id
        else:
            line.location_id = self.warehouse_id
        return booking_pb2.BookingInput(
            customer_name="Siti Rahmawati",
            customer_phone=phone,
            customer_email=email,
            address=common_pb2.Address(
                recipient="Siti Rahmawati",
                phone=phone,
                street="Jl. Merdeka 1",
                district="Gambir",
                city="Jakarta Pusat",
                province="DKI Jakarta",
                postal_code="10110",
            ),
            lines=[line],
            channel=common_pb2.CHANNEL_CHAT,
            courier_id=courier_id,
        )

    def book(self, **keywords: Any) -> booking_pb2.Order:
        """Books it."""
        request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=self.booking(**keywords))
        return self.bookings.CreateBooking(request).order

    def cancel(self, order_id: int) -> booking_pb2.Order:
        """Cancels a booking."""
        request = booking_pb2.CancelBookingRequest(
            request_id=new_id(), order_id=order_id, reason="changed their mind"
        )
        return self.bookings.CancelBooking(request).order

    def pay(self, order: booking_pb2.Order) -> booking_pb2.Order:
        """Pays what is due, otherwise than by bank."""
        request = reconciliation_pb2.RecordPaymentRequest(
            request_id=new_id(), order_id=order.order_id, amount=order.payable, method="marketplace"
        )
        return self.reconciliation.RecordPayment(request).order

    def sell(self, order_id: int) -> None:
        """Makes the sale."""
        reply = self.sales.CreateSales(sale_pb2.CreateSalesRequest(request_id=new_id(), order_ids=[order_id]))
        assert not any(result.HasField("error") for result in reply.results), reply
