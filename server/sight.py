"""What of the journal a caller may see: changes of what the caller may read, where the caller may read it."""

from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import Message

from engine import Changes, Code, EngineError
from kasir.v1 import (
    booking_pb2,
    catalogue_pb2,
    customer_pb2,
    drop_order_pb2,
    print_pb2,
    reconciliation_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)
from server.calls import Call


class Reading(NamedTuple):
    """How a thing is read: by which method, and the request for one of it; None: the role decides."""

    method: str
    request: Callable[[int], Message] | None = None


def _one(method: str, request: Callable[..., Message], field: str) -> Reading:
    return Reading(f"/kasir.v1.{method}", lambda ident: request(**{field: ident}))


READ_BY: dict[int, Reading] = {
    watch_pb2.RESOURCE_ITEM: _one("CatalogueService/GetItem", catalogue_pb2.GetItemRequest, "item_id"),
    watch_pb2.RESOURCE_STOCK: _one("StockService/GetStock", stock_pb2.GetStockRequest, "item_id"),
    watch_pb2.RESOURCE_DROP_ORDER: _one(
        "DropOrderService/GetDropOrder", drop_order_pb2.GetDropOrderRequest, "drop_order_id"
    ),
    watch_pb2.RESOURCE_ORDER: _one("BookingService/GetBooking", booking_pb2.GetBookingRequest, "order_id"),
    watch_pb2.RESOURCE_CUSTOMER: _one(
        "CustomerService/GetCustomer", customer_pb2.GetCustomerRequest, "customer_id"
    ),
    watch_pb2.RESOURCE_MUTATION: _one(
        "ReconciliationService/GetMutation", reconciliation_pb2.GetMutationRequest, "mutation_id"
    ),
    watch_pb2.RESOURCE_SALE: _one("SaleService/GetSale", sale_pb2.GetSaleRequest, "sale_id"),
    watch_pb2.RESOURCE_SHIFT: _one("TillService/GetShift", till_pb2.GetShiftRequest, "shift_id"),
    watch_pb2.RESOURCE_PARCEL: _one("ShippingService/GetParcel", shipping_pb2.GetParcelRequest, "parcel_id"),
    watch_pb2.RESOURCE_PRINT_JOB: _one(
        "PrintService/GetPrintJob", print_pb2.GetPrintJobRequest, "print_job_id"
    ),
    watch_pb2.RESOURCE_MESSAGE: Reading("/kasir.v1.CustomerService/ListMessages"),
    watch_pb2.RESOURCE_HOLD: _one("StockService/GetHold", stock_pb2.GetHoldRequest, "hold_id"),
    watch_pb2.RESOURCE_SETTING: Reading("/kasir.v1.AdminService/GetSettings"),
}


class Sight:
    """What one caller may see of the journal when a stream is opened; it ends when that changes."""

    def __init__(self, call: Call, wanted: list[int]) -> None:
        """`wanted` are kinds of things; empty: all that the caller may see. Raises ROLE_MISSING."""
        self._call = call
        self._kinds = {kind for kind, reading in READ_BY.items() if call.allows(reading.method, None)}
        if hidden := [kind for kind in wanted if kind not in self._kinds]:
            raise _may_not(watch_pb2.Resource.Name(hidden[0]), READ_BY[hidden[0]].method)  # type: ignore[arg-type]
        if not self._kinds:
            raise _may_not("anything", READ_BY[watch_pb2.RESOURCE_ITEM].method)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden."""
        return self._call.everywhere and len(self._kinds) == len(READ_BY)

    def of(self, page: Changes) -> bytes:
        """The page as this caller sees it. It tells its revision in any case."""
        if self.is_whole:
            return page.response
        found = watch_pb2.WatchResponse.FromString(page.response)
        seen = watch_pb2.WatchResponse(revision=found.revision)
        known: dict[tuple[int, int], bool] = {}
        for record in found.records:
            changes = [change for change in record.changes if self._shows(change, known)]
            if changes:
                del record.changes[:]
                record.changes.extend(changes)
                seen.records.append(record)
        return seen.SerializeToString()

    def _shows(self, change: watch_pb2.Change, known: dict[tuple[int, int], bool]) -> bool:
        if change.resource not in self._kinds:
            return False
        reading = READ_BY[change.resource]
        if self._call.everywhere or reading.request is None:
            return True
        thing = (change.resource, change.id)
        if thing not in known:
            known[thing] = self._call.allows(reading.method, reading.request(change.id).SerializeToString())
        return known[thing]


def _may_not(what: str, method: str) -> EngineError:
    name = method.rpartition("/")[2]
    words = f"You may not watch {what.removeprefix('RESOURCE_').lower()}: that is for who may call {name}."
    return EngineError(Code.PERMISSION_DENIED, "ROLE_MISSING", words, {"method": method})
