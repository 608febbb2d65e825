"""A shop in which every refusal can be provoked, and what it takes to provoke one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from kasir.v1 import booking_pb2, catalogue_pb2, common_pb2, reconciliation_pb2, sale_pb2, stock_pb2, till_pb2
from tests.properties.driver import METHODS
from tests.server.support import TIMEOUT_S, Refused, Shop, idr, new_id, read_refusal

NOBODY = 999_999


@dataclass(frozen=True)
class Attempt:
    """A call that must be refused, and the field that the refusal must name ("" when none is at fault).

    `element`: the call is a batch, and its first element is refused by itself.
    """

    method: str
    field: str
    body: bytes | list[bytes]
    element: bool = False


def attempt(name: str, field: str = "", /, *, element: bool = False, **fields: Any) -> Attempt:
    """A unary call with these fields of its request."""
    request = METHODS[name].request(**fields)
    if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
        request.request_id = new_id()
    return Attempt(METHODS[name].path, field, request.SerializeToString(), element)


def is_a_sentence(message: str, field: str) -> bool:
    """Words for people: whole sentences, which may begin with the field's path, nothing of the program's."""
    begins = message[:1].isupper() or message[:1] in {'"', *"0123456789"}
    begins = begins or bool(field and message.startswith(field))
    return begins and message.endswith(".") and not any(part in message for part in ("::", "Some(", "{", "}"))


class World:
    """A shop worked through the contract alone; what one attempt needs is made when it is asked for."""

    def __init__(self, channel: grpc.Channel, engine: Any) -> None:
        self.channel = channel
        self.engine = engine
        self.shop = Shop(channel)
        self.item_id = self.shop.item_id
        self.warehouse_id = self.shop.warehouse_id
        self.desk_id = self.shop.desk_id

    def do(self, name: str, /, **fields: Any) -> Any:
        """Makes a call that must succeed."""
        made = attempt(name, **fields)
        assert isinstance(made.body, bytes)
        reply = self.channel.unary_unary(made.method)(made.body, timeout=TIMEOUT_S)
        return METHODS[name].response.FromString(reply)

    def make(self, tried: Attempt) -> Refused:
        """Makes an attempt and returns why it was refused."""
        try:
            if isinstance(tried.body, list):
                reply = self.channel.stream_unary(tried.method)(iter(tried.body), timeout=TIMEOUT_S)
            else:
                reply = self.channel.unary_unary(tried.method)(tried.body, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return read_refusal(error)
        assert tried.element, f"{tried.method} was not refused"
        name = tried.method.rsplit("/", 1)[1]
        error = METHODS[name].response.FromString(reply).results[0].error
        status = next(code for code in grpc.StatusCode if code.value[0] == error.code)
        field = [(error.details["field"], error.message)] if "field" in error.details else []
        return Refused(status, error.message, error.reason, "kasir", dict(error.details), field)

    def seen(self) -> list[Message]:
        """Everything that lists show: the same before and after what was refused."""
        lists = (
            "ListItems", "ListTaxClasses", "ListLocations", "ListDropOrders", "ListBookings", "ListCustomers",
            "ListMessages", "ListBankAccounts", "ListMutations", "ListSales", "ListRefunds", "ListTills",
            "ListShifts",
            "ListCouriers", "ListParcels", "ListPrintJobs", "GetDayReport", "GetSettings", "ListCredits",
            "GetOpenMoney", "ListColumnMappings",
        )  # fmt: skip
        stocks = [self.do("ListStocks", location_id=place) for place in (self.warehouse_id, self.desk_id)]
        return [self.do(name) for name in lists] + stocks

    def refuses(self, tried: Attempt) -> Refused:
        """Makes an attempt that must be refused, name its field, and change nothing."""
        before, revision = self.seen(), self.engine.revision()
        refused = self.make(tried)
        fields = [field for field, _ in refused.violations]
        assert fields == ([tried.field] if tried.field else []), refused
        assert refused.details.get("field", "") == tried.field
        assert is_a_sentence(refused.message, tried.field), refused.message
        # A batch is accepted, and is a journal record, even when each of its elements is refused.
        assert self.engine.revision() == revision + tried.element
        assert self.seen() == before
        return refused

    # --- What attempts need ---

    def shelf(self, quantity: int = 5) -> int:
        """A shop floor with stock."""
        place = stock_pb2.Location(code="TOKO", name="Toko", kind=stock_pb2.LOCATION_KIND_SHOP)
        location_id: int = self.do("CreateLocation", location=place).location.location_id
        line = stock_pb2.StockLine(item_id=self.item_id, quantity=quantity)
        self.do("ReceiveStock", location_id=location_id, lines=[line])
        return location_id

    def shift(self) -> int:
        """An open shift at a till with stock."""
        till = till_pb2.Till(code="KASIR-1", location_id=self.shelf())
        till_id = self.do("CreateTill", till=till).till.till_id
        shift_id: int = self.do("OpenShift", till_id=till_id, opening_cash=idr(0)).shift.shift_id
        return shift_id

    def till_sale(self, **fields: Any) -> till_pb2.TillSaleInput:
        """A cart of one item (25,000 rupiah) in an open shift."""
        line = till_pb2.TillLineInput(item_id=self.item_id, quantity=1)
        return till_pb2.TillSaleInput(**{"shift_id": self.shift(), "lines": [line]} | fields)

    def refund(self, **fields: Any) -> till_pb2.RefundInput:
        """A refund in cash of a sale that was paid by card, one unit; the drawer has 25,000 rupiah."""
        sale = self.till_sale()
        card = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CARD, amount=idr(25_000), reference="OK-1")
        sale_id = self.do("CreateTillSale", sale=sale, tenders=[card]).sale.sale_id
        self.do("RecordCashMovement", shift_id=sale.shift_id, amount=idr(25_000), reason="change")
        given = {
            "shift_id": sale.shift_id,
            "sale_id": sale_id,
            "lines": [till_pb2.RefundLineInput(line=0, quantity=1)],
            "kind": sale_pb2.TENDER_KIND_CASH,
            "reason": "wrong size",
            "approved_by": "Budi",
        }
        return till_pb2.RefundInput(**given | fields)

    def order(self, **fields: Any) -> booking_pb2.Order:
        """A Book Order straight from the warehouse."""
        booking = self.shop.booking()
        booking.MergeFrom(booking_pb2.BookingInput(**fields))
        order: booking_pb2.Order = self.do("CreateBooking", booking=booking).order
        return order

    def pay(self, order: booking_pb2.Order) -> None:
        """Pays what is due, otherwise than by bank."""
        payment = {"order_id": order.order_id, "amount": order.payable, "method": "marketplace"}
        self.do("RecordPayment", **payment)

    def parcel(self, **fields: Any) -> int:
        """The parcel of a sold order."""
        order = self.order(**fields)
        self.pay(order)
        parcel_id: int = self.do("CreateSales", order_ids=[order.order_id]).results[0].parcel_id
        return parcel_id

    def mutation(self, minor_units: int, account_id: int = 0, **fields: Any) -> int:
        """Money in on a bank account."""
        account_id = account_id or self.shop.bank_account()
        row = reconciliation_pb2.MutationInput(
            amount=common_pb2.Money(currency_code="IDR", minor_units=minor_units),
            **{"date": "2026-11-22", "description": "TRSF E-BANKING CR"} | fields,
        )
        reply = self.do("ImportMutations", bank_account_id=account_id, mutations=[row])
        mutation_id: int = reply.mutation_ids[0]
        return mutation_id

    def item(self, **fields: Any) -> catalogue_pb2.Item:
        """An item as a client would add it."""
        price = catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(1_000))
        return catalogue_pb2.Item(**{"sku": "TEH-01", "name": "Teh", "prices": [price]} | fields)

    def hold(self, **fields: Any) -> stock_pb2.Hold:
        """A hold as a client would ask for it."""
        return stock_pb2.Hold(
            **{"item_id": self.item_id, "location_id": self.warehouse_id, "quantity": 1} | fields
        )

    def drop_order(self, *, handed_over: bool = False) -> int:
        """A Drop Order, asked for or on the desk."""
        drop_order_id: int = self.shop.request_drop_order().drop_order_id
        if handed_over:
            self.shop.hand_over(drop_order_id)
        return drop_order_id

    def statement(self, *pieces: bytes) -> Attempt:
        """An upload to the shop's bank account."""
        part = reconciliation_pb2.ImportStatementRequest
        header = part.Header(request_id=new_id(), bank_account_id=self.shop.bank_account("0111222333"))
        body = [part(header=header).SerializeToString()]
        body += [part(chunk=piece).SerializeToString() for piece in pieces]
        return Attempt("/kasir.v1.ReconciliationService/ImportStatement", "chunk", body)


Provoke = Callable[[World], Attempt]
