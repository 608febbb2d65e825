"""The shop's side of the courier agent: a real gRPC server that keeps parcels as the engine does."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from queue import Empty, Queue
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from kasir.v1 import booking_pb2, booking_pb2_grpc, shipping_pb2, shipping_pb2_grpc
from kasir.v1.booking_pb2 import Allocation, Order, OrderLine
from kasir.v1.common_pb2 import Address, Money
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    Courier,
    Parcel,
    ReportAirwayBillRequest,
    ReportAirwayBillResponse,
)

OPEN = {AIRWAY_BILL_STATE_REQUESTED, AIRWAY_BILL_STATE_UNKNOWN}
HEARTBEAT_S = 0.05


def new_parcel(
    number: int, *, postal_code: str = "40111", state: Any = AIRWAY_BILL_STATE_REQUESTED
) -> Parcel:
    return Parcel(
        parcel_id=number,
        order_id=1_000 + number,
        courier_id=1,
        courier_service="REG",
        address=Address(
            recipient="Budi Santoso",
            phone="+628123456789",
            street=f"Jl. Merdeka {number}",
            district="Sumur Bandung",
            city="Bandung",
            province="Jawa Barat",
            postal_code=postal_code,
        ),
        weight_grams=500,
        airway_bill_state=state,
        courier_reference=f"KASIR-0-{number}",
        version=1,
    )


class ShopServer(shipping_pb2_grpc.ShippingServiceServicer, booking_pb2_grpc.BookingServiceServicer):
    """Parcels and what was reported about them. Requests are idempotent by id, as the contract has it.

    `flaky`: how often a report is answered with UNAVAILABLE, half of them after it was taken.
    """

    def __init__(self, parcels: list[Parcel], *, flaky: float = 0.0, port: int = 0) -> None:
        self.parcels = {parcel.parcel_id: parcel for parcel in parcels}
        self.flaky = flaky
        self.dice = random.Random(7)
        self.lock = threading.Lock()
        self.replies: dict[str, tuple[ReportAirwayBillRequest, ReportAirwayBillResponse]] = {}
        self.taken: list[ReportAirwayBillRequest] = []
        self.received: list[ReportAirwayBillRequest] = []
        self.watchers: list[Queue[Parcel]] = []
        # By order.
        self.at_the_door: dict[int, Money] = {}
        self.start(port)

    def start(self, port: int = 0) -> None:
        self.server = grpc.server(futures.ThreadPoolExecutor(24), options=(("grpc.so_reuseport", 0),))
        shipping_pb2_grpc.add_ShippingServiceServicer_to_server(self, self.server)
        booking_pb2_grpc.add_BookingServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.stopping = threading.Event()
        self.server.start()

    def stop(self) -> None:
        self.stopping.set()
        self.server.stop(grace=0.5).wait()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def put(self, parcel: Parcel) -> None:
        """As when staff change a parcel: it is stored and streamed."""
        with self.lock:
            self.parcels[parcel.parcel_id] = parcel
            for watcher in self.watchers:
                watcher.put(parcel)

    def states(self) -> dict[int, Any]:
        with self.lock:
            return {number: parcel.airway_bill_state for number, parcel in self.parcels.items()}

    def WatchAirwayBillRequests(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        watcher: Queue[Parcel] = Queue()
        with self.lock:
            self.watchers.append(watcher)
            waiting = [parcel for parcel in self.parcels.values() if parcel.airway_bill_state in OPEN]
        for parcel in waiting:
            yield shipping_pb2.WatchAirwayBillRequestsResponse(parcel=parcel)
        yield shipping_pb2.WatchAirwayBillRequestsResponse()
        while context.is_active() and not self.stopping.is_set():
            try:
                yield shipping_pb2.WatchAirwayBillRequestsResponse(parcel=watcher.get(timeout=HEARTBEAT_S))
            except Empty:
                yield shipping_pb2.WatchAirwayBillRequestsResponse()

    def ReportAirwayBill(  # noqa: N802
        self, request: ReportAirwayBillRequest, context: Any
    ) -> ReportAirwayBillResponse:
        with self.lock:
            self.received.append(request)
            before, after = (self.dice.random() < self.flaky / 2 for _ in range(2))
            if before:
                context.abort(grpc.StatusCode.UNAVAILABLE, "not taken")
            reply = self._reply(request, context)
            if after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "taken all the same")
            return reply

    def _reply(self, request: ReportAirwayBillRequest, context: Any) -> ReportAirwayBillResponse:
        if request.request_id in self.replies:
            first, reply = self.replies[request.request_id]
            if first != request:
                refuse(context, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
            return reply
        parcel = self.parcels.get(request.parcel_id)
        if parcel is None:
            refuse(context, grpc.StatusCode.NOT_FOUND, "PARCEL_NOT_FOUND")
        if parcel.airway_bill_state not in OPEN:
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
        others = {each.airway_bill for each in self.parcels.values() if each.parcel_id != parcel.parcel_id}
        if request.state == AIRWAY_BILL_STATE_ASSIGNED and request.airway_bill in others:
            refuse(context, grpc.StatusCode.ALREADY_EXISTS, "AIRWAY_BILL_TAKEN")
        now = Parcel()
        now.CopyFrom(parcel)
        now.airway_bill_state = request.state
        now.airway_bill = request.airway_bill
        now.airway_bill_detail = request.detail
        now.version += 1
        self.parcels[now.parcel_id] = now
        reply = ReportAirwayBillResponse(parcel=now)
        self.replies[request.request_id] = (request, reply)
        self.taken.append(request)
        if request.state == AIRWAY_BILL_STATE_UNKNOWN:
            for watcher in self.watchers:
                watcher.put(now)
        return reply

    def GetParcel(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self.lock:
            found = next(
                (
                    parcel
                    for number, parcel in self.parcels.items()
                    if number == request.parcel_id or (parcel.airway_bill or "-") == request.airway_bill
                ),
                None,
            )
            if found is None:
                refuse(context, grpc.StatusCode.NOT_FOUND, "PARCEL_NOT_FOUND")
            return shipping_pb2.GetParcelResponse(parcel=found)

    def DeliverParcel(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self.lock:
            parcel = self.parcels[request.parcel_id]
            if parcel.HasField("deliver_time"):
                refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
            parcel.deliver_time.GetCurrentTime()
            return shipping_pb2.DeliverParcelResponse(parcel=parcel)

    def GetBooking(self, request: Any, context: Any) -> Any:  # noqa: N802
        money = self.at_the_door.get(request.order_id, Money(currency_code="IDR"))
        paid = [Allocation(method="cod", amount=money)] if money.minor_units else []
        price = Money(currency_code=money.currency_code, minor_units=9_500_000)
        order = Order(
            order_id=request.order_id,
            payable=Money(currency_code=money.currency_code),
            allocations=paid,
            lines=[OrderLine(name="Kopi Luwak 250 g", quantity=1, unit_price=price)],
        )
        return booking_pb2.GetBookingResponse(order=order)

    def ListCouriers(self, request: Any, context: Any) -> Any:  # noqa: N802
        couriers = [
            Courier(courier_id=1, code="JNX", name="JNX Express", connected=True),
            Courier(courier_id=2, code="SLOW", name="By hand", connected=False),
        ]
        return shipping_pb2.ListCouriersResponse(couriers=couriers)


def refuse(context: Any, code: grpc.StatusCode, reason: str) -> None:
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=reason, domain="kasir"))
    status = Status(code=code.value[0], message=reason.lower(), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason.lower())


@pytest.fixture
def shop_server() -> Iterator[Callable[..., ShopServer]]:
    """Starts a shop with parcels; stopped when the test ends."""
    running: list[ShopServer] = []

    def start(parcels: list[Parcel], **options: Any) -> ShopServer:
        running.append(ShopServer(parcels, **options))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def make_parcel() -> Callable[..., Parcel]:
    return new_parcel
