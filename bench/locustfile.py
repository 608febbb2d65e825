"""People at work in a shop: customer service, warehouse, tills and courier, over gRPC, at human speed.

    python -m bench locust --users 20 --seconds 20
    python -m bench locust --page                                        (watched on locust's own page)

The shop is made when the test starts, with codes of its own, so any server without TLS will do. They work
together as in the real thing: what customer service asks for, the warehouse hands over; what is sold, the
courier takes.
"""

import random
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
import grpc.experimental.gevent as grpc_gevent
from locust import User, between, events, task
from locust.env import Environment

from bench.work import address_of, phone_of, rupiah
from kasir.v1 import (
    booking_pb2,
    booking_pb2_grpc,
    catalogue_pb2,
    catalogue_pb2_grpc,
    common_pb2,
    drop_order_pb2,
    drop_order_pb2_grpc,
    reconciliation_pb2,
    reconciliation_pb2_grpc,
    sale_pb2,
    sale_pb2_grpc,
    shipping_pb2,
    shipping_pb2_grpc,
    stock_pb2,
    stock_pb2_grpc,
    till_pb2,
    till_pb2_grpc,
)

grpc_gevent.init_gevent()

ITEMS = 200
STOCK = 1_000_000
SHELF = 1_000
CALL_TIMEOUT_S = 10.0
WEIGHT_CUSTOMER_SERVICE, WEIGHT_WAREHOUSE, WEIGHT_TILL, WEIGHT_COURIER = 4, 2, 3, 1


class Reporting(grpc.UnaryUnaryClientInterceptor):
    """Tells locust of every call."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Makes the call, and waits for it."""
        began = time.perf_counter()
        call = continuation(details, request)
        failure = call.exception()
        self.environment.events.request.fire(  # type: ignore[no-untyped-call] # locust has no types here
            request_type="gRPC",
            name=details.method.rsplit("/", 1)[1],
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0 if failure else call.result().ByteSize(),
            exception=failure,
            context={},
        )
        return call


@dataclass
class Shop:
    """What everybody in the shop knows, and what one leaves for another."""

    warehouse_id: int
    desk_id: int
    floor_id: int
    courier_id: int
    first_item_id: int
    barcodes: list[str]
    requested: deque[int] = field(default_factory=deque)
    handed_over: deque[int] = field(default_factory=deque)
    to_return: deque[int] = field(default_factory=deque)
    parcels: deque[int] = field(default_factory=deque)
    # A Drop Order's item, which its scan has to name.
    item_of: dict[int, int] = field(default_factory=dict)

    def any_item(self) -> int:
        """An item's id."""
        return self.first_item_id + random.randrange(ITEMS)

    def barcode(self, drop_order_id: int) -> str:
        """What is scanned for a Drop Order."""
        return self.barcodes[self.item_of[drop_order_id] - self.first_item_id]


def new_id() -> str:
    """A request id."""
    return str(uuid.uuid4())


class Desk:
    """Calls by service over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.catalogue = catalogue_pb2_grpc.CatalogueServiceStub(channel)
        self.stock = stock_pb2_grpc.StockServiceStub(channel)
        self.drop_orders = drop_order_pb2_grpc.DropOrderServiceStub(channel)
        self.bookings = booking_pb2_grpc.BookingServiceStub(channel)
        self.payments = reconciliation_pb2_grpc.ReconciliationServiceStub(channel)
        self.sales = sale_pb2_grpc.SaleServiceStub(channel)
        self.shipping = shipping_pb2_grpc.ShippingServiceStub(channel)
        self.tills = till_pb2_grpc.TillServiceStub(channel)


def open_shop(desk: Desk) -> Shop:
    """Makes a shop whose codes nobody has."""
    mark = uuid.uuid4().hex[:6].upper()

    def location(code: str, kind: stock_pb2.LocationKind.ValueType) -> int:
        made = stock_pb2.Location(code=f"{code}-{mark}", name=code.title(), kind=kind)
        request = stock_pb2.CreateLocationRequest(request_id=new_id(), location=made)
        return desk.stock.CreateLocation(request).location.location_id

    barcodes = [f"{mark}{number:05d}" for number in range(ITEMS)]
    items = [
        catalogue_pb2.Item(
            sku=barcode,
            name=f"Tas {barcode}",
            category=f"tas {number % 10}",
            barcodes=[barcode],
            prices=[
                catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=rupiah(20_000 + number * 500))
            ],
            weight_grams=300,
        )
        for number, barcode in enumerate(barcodes)
    ]
    made = desk.catalogue.BatchCreateItems(
        catalogue_pb2.BatchCreateItemsRequest(request_id=new_id(), items=items)
    )
    courier = shipping_pb2.Courier(code=f"ANTAR-{mark}", name="Antar", connected=False)
    shop = Shop(
        warehouse_id=location("GUDANG", stock_pb2.LOCATION_KIND_WAREHOUSE),
        desk_id=location("CS", stock_pb2.LOCATION_KIND_CS_DESK),
        floor_id=location("TOKO", stock_pb2.LOCATION_KIND_SHOP),
        courier_id=desk.shipping.CreateCourier(
            shipping_pb2.CreateCourierRequest(request_id=new_id(), courier=courier)
        ).courier.courier_id,
        first_item_id=made.results[0].item.item_id,
        barcodes=barcodes,
    )
    ids = range(shop.first_item_id, shop.first_item_id + ITEMS)
    lines = [stock_pb2.StockLine(item_id=item_id, quantity=STOCK) for item_id in ids]
    for place in (shop.warehouse_id, shop.floor_id):
        desk.stock.ReceiveStock(
            stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=place, lines=lines)
        )
    return shop


@events.test_start.add_listener  # type: ignore[untyped-decorator] # nor here
def _before(environment: Environment, **_more: object) -> None:
    with grpc.insecure_channel(environment.host or "127.0.0.1:50051") as channel:
        Staff.shop = open_shop(Desk(channel))


class Staff(User):
    """Somebody who works here."""

    abstract = True
    wait_time = between(0.05, 0.3)
    shop: ClassVar[Shop]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.channel = grpc.insecure_channel(environment.host or "127.0.0.1:50051")
        self.desk = Desk(grpc.intercept_channel(self.channel, Reporting(environment)))

    def on_stop(self) -> None:
        """Goes home."""
        self.channel.close()

    def take(self, waiting: deque[int], work: Callable[[int], None]) -> None:
        """Does the next thing that waits, if any."""
        try:
            next_one = waiting.popleft()
        except IndexError:
            return
        work(next_one)


class CustomerService(Staff):
    """Looks items up, asks for them, books, takes the money, sells."""

    weight = WEIGHT_CUSTOMER_SERVICE

    @task(4)
    def look_up(self) -> None:
        """A customer asks what there is."""
        barcode = random.choice(self.shop.barcodes)
        self.desk.catalogue.FindItems(
            catalogue_pb2.FindItemsRequest(query=barcode[:9], in_stock_only=True, page_size=10),
            timeout=CALL_TIMEOUT_S,
        )
        self.desk.catalogue.GetItem(catalogue_pb2.GetItemRequest(barcode=barcode), timeout=CALL_TIMEOUT_S)

    @task(3)
    def ask_the_warehouse(self) -> None:
        """A Drop Order."""
        item_id = self.shop.any_item()
        request = drop_order_pb2.RequestDropOrderRequest(
            request_id=new_id(),
            item_id=item_id,
            quantity=1,
            from_location_id=self.shop.warehouse_id,
            to_location_id=self.shop.desk_id,
        )
        made = self.desk.drop_orders.RequestDropOrder(request, timeout=CALL_TIMEOUT_S).drop_order
        self.shop.item_of[made.drop_order_id] = item_id
        self.shop.requested.append(made.drop_order_id)

    @task(4)
    def book_what_came(self) -> None:
        """A Drop Order that was handed over becomes an order; a few customers change their mind."""
        self.take(self.shop.handed_over, self._book_drop_order)

    def _book_drop_order(self, drop_order_id: int) -> None:
        line = booking_pb2.OrderLineInput(
            drop_order_id=drop_order_id, item_id=self.shop.item_of[drop_order_id], quantity=1
        )
        order = self._book(line)
        if random.random() < 0.1:
            request = booking_pb2.CancelBookingRequest(
                request_id=new_id(), order_id=order.order_id, reason="changed their mind"
            )
            self.desk.bookings.CancelBooking(request, timeout=CALL_TIMEOUT_S)
            self.shop.to_return.append(drop_order_id)
        else:
            self._sell(order)

    @task(2)
    def book_from_stock(self) -> None:
        """An order of the web shop."""
        line = booking_pb2.OrderLineInput(
            location_id=self.shop.warehouse_id, item_id=self.shop.any_item(), quantity=random.randint(1, 3)
        )
        self._sell(self._book(line))

    def _book(self, line: booking_pb2.OrderLineInput) -> booking_pb2.Order:
        customer = random.randrange(1_000)
        booking = booking_pb2.BookingInput(
            customer_name=f"Siti Rahmawati {customer}",
            customer_phone=phone_of(customer),
            address=address_of(customer),
            lines=[line],
            channel=common_pb2.CHANNEL_CHAT,
            shipping=rupiah(15_000),
            courier_id=self.shop.courier_id,
        )
        request = booking_pb2.CreateBookingRequest(request_id=new_id(), booking=booking)
        return self.desk.bookings.CreateBooking(request, timeout=CALL_TIMEOUT_S).order

    def _sell(self, order: booking_pb2.Order) -> None:
        payment = reconciliation_pb2.RecordPaymentRequest(
            request_id=new_id(), order_id=order.order_id, amount=order.payable, method="marketplace"
        )
        self.desk.payments.RecordPayment(payment, timeout=CALL_TIMEOUT_S)
        request = sale_pb2.CreateSalesRequest(request_id=new_id(), order_ids=[order.order_id])
        for result in self.desk.sales.CreateSales(request, timeout=CALL_TIMEOUT_S).results:
            if result.HasField("error"):
                raise RuntimeError(f"Order {order.order_id} was not sold: {result.error.reason}")
            self.shop.parcels.append(result.parcel_id)


class Warehouse(Staff):
    """Hands over what is asked for, scans back what comes back."""

    weight = WEIGHT_WAREHOUSE

    @task(8)
    def hand_over(self) -> None:
        """The scan that gives an item to the desk."""
        self.take(self.shop.requested, self._hand_over)

    def _hand_over(self, drop_order_id: int) -> None:
        request = drop_order_pb2.HandOverDropOrderRequest(
            request_id=new_id(), drop_order_id=drop_order_id, barcode=self.shop.barcode(drop_order_id)
        )
        self.desk.drop_orders.HandOverDropOrder(request, timeout=CALL_TIMEOUT_S)
        self.shop.handed_over.append(drop_order_id)

    @task(2)
    def take_back(self) -> None:
        """The scan that takes an item back."""
        self.take(self.shop.to_return, self._take_back)

    def _take_back(self, drop_order_id: int) -> None:
        request = drop_order_pb2.ReturnDropOrderRequest(
            request_id=new_id(), drop_order_id=drop_order_id, barcode=self.shop.barcode(drop_order_id)
        )
        self.desk.drop_orders.ReturnDropOrder(request, timeout=CALL_TIMEOUT_S)

    @task(1)
    def count(self) -> None:
        """A look at a shelf."""
        self.desk.stock.ListStocks(
            stock_pb2.ListStocksRequest(location_id=self.shop.warehouse_id, page_size=100),
            timeout=CALL_TIMEOUT_S,
        )


class Till(Staff):
    """Sells in the shop, for cash, in a shift of its own."""

    weight = WEIGHT_TILL

    def on_start(self) -> None:
        """Opens a new till's shift."""
        till = till_pb2.Till(code=f"K-{uuid.uuid4().hex[:10]}", location_id=self.shop.floor_id)
        made = self.desk.tills.CreateTill(
            till_pb2.CreateTillRequest(request_id=new_id(), till=till), timeout=CALL_TIMEOUT_S
        )
        opening = till_pb2.OpenShiftRequest(
            request_id=new_id(), till_id=made.till.till_id, opening_cash=rupiah(500_000)
        )
        self.shift_id = self.desk.tills.OpenShift(opening, timeout=CALL_TIMEOUT_S).shift.shift_id

    @task(10)
    def sell(self) -> None:
        """Scan, total, pay."""
        lines = [
            till_pb2.TillLineInput(item_id=self.shop.any_item(), quantity=random.randint(1, 2))
            for _ in range(random.randint(1, 4))
        ]
        sale = till_pb2.TillSaleInput(shift_id=self.shift_id, lines=lines)
        quote = self.desk.tills.QuoteTillSale(
            till_pb2.QuoteTillSaleRequest(sale=sale), timeout=CALL_TIMEOUT_S
        )
        cash = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=quote.totals.total)
        self.desk.tills.CreateTillSale(
            till_pb2.CreateTillSaleRequest(request_id=new_id(), sale=sale, tenders=[cash]),
            timeout=CALL_TIMEOUT_S,
        )

    @task(1)
    def x_report(self) -> None:
        """How the shift does."""
        self.desk.tills.GetShift(till_pb2.GetShiftRequest(shift_id=self.shift_id), timeout=CALL_TIMEOUT_S)

    def on_stop(self) -> None:
        """Counts the drawer and closes the shift."""
        shift = self.desk.tills.GetShift(
            till_pb2.GetShiftRequest(shift_id=self.shift_id), timeout=CALL_TIMEOUT_S
        ).shift
        request = till_pb2.CloseShiftRequest(
            request_id=new_id(), shift_id=self.shift_id, counted_cash=shift.expected_cash
        )
        self.desk.tills.CloseShift(request, timeout=CALL_TIMEOUT_S)
        super().on_stop()


class Courier(Staff):
    """Labels parcels, types the courier's numbers in, scans parcels out."""

    weight = WEIGHT_COURIER

    @task
    def pick_up(self) -> None:
        """A parcel, from label to van."""
        self.take(self.shop.parcels, self._pick_up)

    def _pick_up(self, parcel_id: int) -> None:
        airway_bill = f"JX{uuid.uuid4().int % 10**12:012d}"
        assign = shipping_pb2.AssignAirwayBillRequest(
            request_id=new_id(), parcel_id=parcel_id, airway_bill=airway_bill, courier_id=self.shop.courier_id
        )
        self.desk.shipping.AssignAirwayBill(assign, timeout=CALL_TIMEOUT_S)
        labels = shipping_pb2.PrintLabelsRequest(request_id=new_id(), parcel_ids=[parcel_id])
        self.desk.shipping.PrintLabels(labels, timeout=CALL_TIMEOUT_S)
        scan = shipping_pb2.HandOverParcelRequest(request_id=new_id(), airway_bill=airway_bill)
        self.desk.shipping.HandOverParcel(scan, timeout=CALL_TIMEOUT_S)
