"""Clients that work a shop until its server is gone: all that a day brings to desk, till and bank."""

import datetime as dt
import random
import threading
import uuid
from collections import deque
from typing import Any

import grpc
from google.protobuf.message import Message

from kasir.v1 import (
    booking_pb2,
    catalogue_pb2,
    catalogue_pb2_grpc,
    drop_order_pb2,
    print_pb2,
    reconciliation_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    till_pb2_grpc,
)
from tests.crash.ledger import Entry, Ledger
from tests.crash.shop import BusyShop
from tests.server.support import idr, read_refusal

# A call that takes longer belongs to a server that is gone.
CALL_TIMEOUT_S = 20.0
# Statuses that say nothing about whether the request had its effect.
UNKNOWN_OUTCOMES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)


class GoneError(Exception):
    """The server does not answer any more."""


def call(channel: grpc.Channel, ledger: Ledger, entry: Entry) -> bytes | None:
    """Sends a request that stands in the ledger; None when it was refused. Raises GoneError."""
    try:
        reply: bytes = channel.unary_unary(entry.method)(entry.request, timeout=CALL_TIMEOUT_S)
    except grpc.RpcError as error:
        if error.code() in UNKNOWN_OUTCOMES:
            raise GoneError from error
        ledger.refused(entry, read_refusal(error).reason)
        return None
    ledger.got(entry, reply)
    return reply


class Worker(threading.Thread):
    """One client with a connection of its own; ends when the server is gone or `stop` is set."""

    def __init__(
        self,
        target: str,
        shop: BusyShop,
        ledger: Ledger,
        seed: int,
        stop: threading.Event,
        number: int,
        many: int = 5,
    ) -> None:
        super().__init__(daemon=True, name=f"client {seed}")
        self.target = target
        self.shop = shop
        self.ledger = ledger
        self.random = random.Random(seed)
        self.stop_event = stop
        self.failure: BaseException | None = None
        self.many = many
        self.till_id = shop.till_ids[number % len(shop.till_ids)]
        self.shift_id = 0
        self.transferred: deque[booking_pb2.Order] = deque(maxlen=50)
        self.labels: deque[int] = deque(maxlen=500)
        self.booked: deque[booking_pb2.Order] = deque(maxlen=50)
        self.paid: deque[int] = deque(maxlen=50)
        self.held: deque[int] = deque(maxlen=50)
        self.asked: deque[int] = deque(maxlen=50)
        self.on_desk: deque[int] = deque(maxlen=50)

    def run(self) -> None:
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        with grpc.insecure_channel(self.target, options=options) as self.channel:
            steps = (
                self._book,
                self._book,
                self._book_many,
                self._hold,
                self._release,
                self._pay,
                self._sell,
            )
            steps += (self._receive, self._ask, self._hand_over, self._return)
            steps += (self._book_by_bank, self._import, self._match, self._confirm)
            steps += (self._ring_up, self._ring_up, self._change_shift)
            steps += (self._print_labels, self._report_printed, self._change_item)
            try:
                while not self.stop_event.is_set():
                    self.random.choice(steps)()
            except GoneError:
                pass
            except BaseException as error:  # noqa: BLE001 - told to the test, which runs in another thread
                self.failure = error

    def _send(self, method: str, request: Any, response: type[Message]) -> Any:
        request.request_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        path = f"/kasir.v1.{method}"
        reply = call(
            self.channel,
            self.ledger,
            self.ledger.sends(request.request_id, path, request.SerializeToString()),
        )
        return None if reply is None else response.FromString(reply)

    def _booking(self) -> booking_pb2.BookingInput:
        quantity, phone = self.random.randint(1, 3), f"08123456{self.random.randint(100, 999)}"
        return self.shop.booking(quantity=quantity, phone=phone)

    def _book(self) -> None:
        request = booking_pb2.CreateBookingRequest(booking=self._booking())
        reply = self._send("BookingService/CreateBooking", request, booking_pb2.CreateBookingResponse)
        if reply:
            self.booked.append(reply.order)

    def _book_many(self) -> None:
        request = booking_pb2.BatchCreateBookingsRequest(bookings=[self._booking() for _ in range(self.many)])
        reply = self._send(
            "BookingService/BatchCreateBookings", request, booking_pb2.BatchCreateBookingsResponse
        )
        if reply:
            self.booked.extend(result.order for result in reply.results if result.HasField("order"))

    def _hold(self) -> None:
        hold = stock_pb2.Hold(item_id=self.shop.item_id, location_id=self.shop.warehouse_id, quantity=1)
        request = stock_pb2.CreateHoldRequest(hold=hold)
        reply = self._send("StockService/CreateHold", request, stock_pb2.CreateHoldResponse)
        if reply:
            self.held.append(reply.hold.hold_id)

    def _release(self) -> None:
        if self.held:
            request = stock_pb2.ReleaseHoldRequest(hold_id=self.held.popleft())
            self._send("StockService/ReleaseHold", request, stock_pb2.ReleaseHoldResponse)

    def _pay(self) -> None:
        if self.booked:
            order = self.booked.popleft()
            request = reconciliation_pb2.RecordPaymentRequest(
                order_id=order.order_id, amount=order.payable, method="marketplace"
            )
            reply = self._send(
                "ReconciliationService/RecordPayment", request, reconciliation_pb2.RecordPaymentResponse
            )
            if reply:
                self.paid.append(order.order_id)

    def _sell(self) -> None:
        if self.paid:
            ids = [self.paid.popleft() for _ in range(min(3, len(self.paid)))]
            request = sale_pb2.CreateSalesRequest(order_ids=ids)
            self._send("SaleService/CreateSales", request, sale_pb2.CreateSalesResponse)

    def _receive(self) -> None:
        line = stock_pb2.StockLine(item_id=self.shop.item_id, quantity=20)
        request = stock_pb2.ReceiveStockRequest(location_id=self.shop.warehouse_id, lines=[line])
        self._send("StockService/ReceiveStock", request, stock_pb2.ReceiveStockResponse)

    def _ask(self) -> None:
        request = drop_order_pb2.RequestDropOrderRequest(
            item_id=self.shop.item_id,
            quantity=1,
            from_location_id=self.shop.warehouse_id,
            to_location_id=self.shop.desk_id,
        )
        reply = self._send(
            "DropOrderService/RequestDropOrder", request, drop_order_pb2.RequestDropOrderResponse
        )
        if reply:
            self.asked.append(reply.drop_order.drop_order_id)

    def _hand_over(self) -> None:
        if self.asked:
            drop_order_id = self.asked.popleft()
            request = drop_order_pb2.HandOverDropOrderRequest(
                drop_order_id=drop_order_id, barcode=self.shop.barcode
            )
            reply = self._send(
                "DropOrderService/HandOverDropOrder", request, drop_order_pb2.HandOverDropOrderResponse
            )
            if reply:
                self.on_desk.append(drop_order_id)

    def _return(self) -> None:
        if self.on_desk:
            request = drop_order_pb2.ReturnDropOrderRequest(
                drop_order_id=self.on_desk.popleft(), barcode=self.shop.barcode
            )
            self._send("DropOrderService/ReturnDropOrder", request, drop_order_pb2.ReturnDropOrderResponse)

    # --- The bank ---

    def _book_by_bank(self) -> None:
        booking = self._booking()
        booking.bank_account_id = self.shop.account_id
        request = booking_pb2.CreateBookingRequest(booking=booking)
        reply = self._send("BookingService/CreateBooking", request, booking_pb2.CreateBookingResponse)
        if reply:
            self.transferred.append(reply.order)

    def _import(self) -> None:
        orders = [self.transferred.popleft() for _ in range(min(3, len(self.transferred)))]
        amounts = [order.payable for order in orders] + [idr(self.random.randint(1, 999))]
        # Where the bank is.
        today = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date().isoformat()
        rows = [
            reconciliation_pb2.MutationInput(
                date=today, amount=amount, description=f"TRSF {self.random.getrandbits(64):x}"
            )
            for amount in amounts
        ]
        request = reconciliation_pb2.ImportMutationsRequest(
            bank_account_id=self.shop.account_id, mutations=rows
        )
        self._send(
            "ReconciliationService/ImportMutations", request, reconciliation_pb2.ImportMutationsResponse
        )

    def _match(self) -> None:
        request = reconciliation_pb2.ProposeMatchesRequest(bank_account_id=self.shop.account_id)
        self._send("ReconciliationService/ProposeMatches", request, reconciliation_pb2.ProposeMatchesResponse)

    def _confirm(self) -> None:
        request = reconciliation_pb2.ConfirmMatchesRequest(
            bank_account_id=self.shop.account_id, all_auto=True
        )
        reply = self._send(
            "ReconciliationService/ConfirmMatches", request, reconciliation_pb2.ConfirmMatchesResponse
        )
        if reply:
            self.paid.extend(order_id for result in reply.results for order_id in result.order_ids)

    # --- The till ---

    def _look_for_shift(self) -> None:
        """The till's open shift, which the one that shares the till may have opened or closed."""
        try:
            tills = till_pb2_grpc.TillServiceStub(self.channel).ListTills(
                till_pb2.ListTillsRequest(), timeout=CALL_TIMEOUT_S
            )
        except grpc.RpcError as error:
            raise GoneError from error
        self.shift_id = next(till.open_shift_id for till in tills.tills if till.till_id == self.till_id)

    def _ring_up(self) -> None:
        if not self.shift_id:
            self._look_for_shift()
        if not self.shift_id:
            self._change_shift()
            return
        lines = [till_pb2.TillLineInput(item_id=self.shop.item_id, quantity=self.random.randint(1, 3))]
        cash = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(100_000))
        request = till_pb2.CreateTillSaleRequest(
            sale=till_pb2.TillSaleInput(shift_id=self.shift_id, lines=lines), tenders=[cash]
        )
        if not self._send("TillService/CreateTillSale", request, till_pb2.CreateTillSaleResponse):
            self.shift_id = 0

    def _change_shift(self) -> None:
        """Closes the shift that is open, or opens one: the till is never long without."""
        if self.shift_id:
            close = till_pb2.CloseShiftRequest(shift_id=self.shift_id, counted_cash=idr(500_000))
            self._send("TillService/CloseShift", close, till_pb2.CloseShiftResponse)
            self.shift_id = 0
        request = till_pb2.OpenShiftRequest(till_id=self.till_id, opening_cash=idr(200_000))
        reply = self._send("TillService/OpenShift", request, till_pb2.OpenShiftResponse)
        if reply:
            self.shift_id = reply.shift.shift_id

    # --- Labels, and the office ---

    def _print_labels(self) -> None:
        request = shipping_pb2.PrintLabelsRequest(all_unprinted=True)
        reply = self._send("ShippingService/PrintLabels", request, shipping_pb2.PrintLabelsResponse)
        if reply:
            self.labels.extend(reply.print_job_ids)

    def _report_printed(self) -> None:
        jobs = [self.labels.popleft() for _ in range(min(20, len(self.labels)))]
        if jobs:
            printed = print_pb2.PRINT_JOB_STATE_PRINTED
            reports = [print_pb2.PrintReport(print_job_id=job, state=printed) for job in jobs]
            request = print_pb2.BatchReportPrintJobsRequest(reports=reports)
            self._send("PrintService/BatchReportPrintJobs", request, print_pb2.BatchReportPrintJobsResponse)

    def _change_item(self) -> None:
        """At times somebody else was faster, and the version is stale."""
        try:
            found = catalogue_pb2_grpc.CatalogueServiceStub(self.channel).GetItem(
                catalogue_pb2.GetItemRequest(item_id=self.shop.changing_item_id), timeout=CALL_TIMEOUT_S
            )
        except grpc.RpcError as error:
            raise GoneError from error
        item = found.item.item
        item.name = f"Teh {self.random.getrandbits(32):x}"
        request = catalogue_pb2.UpdateItemRequest(item=item)
        self._send("CatalogueService/UpdateItem", request, catalogue_pb2.UpdateItemResponse)
