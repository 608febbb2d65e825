"""Biteship, which passes orders on to many couriers (https://biteship.com/en/docs/api).

It takes our reference as `reference_id` and gives it back with the order, but its documentation has no
request that finds an order by it. So an order whose answer was lost is found by its webhook: that names
Biteship's own id, and the order of that id tells our reference. What was taken from documentation and what
could not be verified: docs/couriers.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote as quoted

from clients.couriers.carrier import (
    Absent,
    Cancelled,
    Done,
    LabelFile,
    News,
    Ordered,
    Quote,
    Refused,
    Shipment,
    TrackEvent,
    TrackingState,
    Unclear,
    address_line,
    checked,
    unsupported,
)
from clients.couriers.line import REFUSALS, Reply, line_to
from clients.couriers.quotes import read_quotes
from clients.couriers.rupiah import money_of, only_rupiah, rupiah
from clients.couriers.settings import CarrierSettings
from clients.couriers.signatures import check_hmac, check_same, read_object, text_of
from clients.couriers.steps import iso_time, read_steps

URL = "https://api.biteship.com"
_S = TrackingState
STATES = {
    "placed": _S.ORDERED,
    "scheduled": _S.ORDERED,
    "confirmed": _S.ORDERED,
    "allocated": _S.COURIER_ASSIGNED,
    "picking_up": _S.PICKING_UP,
    "picked": _S.PICKED_UP,
    "dropping_off": _S.OUT_FOR_DELIVERY,
    "on_hold": _S.ON_HOLD,
    "return_in_transit": _S.RETURNING,
    "delivered": _S.DELIVERED,
    "returned": _S.RETURNED,
    "cancelled": _S.CANCELLED,
    "rejected": _S.CANCELLED,
    "courier_not_found": _S.CANCELLED,
    "disposed": _S.LOST,
}
_UNWEIGHED_GRAMS = 1_000


class Biteship:
    """See the module."""

    asks_by_reference: ClassVar[bool] = False

    def __init__(self, settings: CarrierSettings) -> None:
        """Needs secrets.api_key, options.courier_company and the sender. secrets.webhook is what its
        dashboard calls the signature's secret; options.signature_header its key; options.signature is "value"
        where the secret itself is sent in that header, else "hmac".
        """
        key = settings.secret("api_key")
        self._company = settings.option("courier_company")
        self._usual_service = settings.option("courier_type", "reg")
        self._unweighed = settings.whole("unweighed_grams", _UNWEIGHED_GRAMS)
        self._webhook_secret = settings.secrets.get("webhook", "")
        self._signature_header = settings.option("signature_header", "x-biteship-signature").lower()
        self._signs = settings.option("signature", "hmac")
        self._origin = {
            "origin_contact_name": settings.from_sender("name"),
            "origin_contact_phone": settings.from_sender("phone"),
            "origin_address": settings.from_sender("address"),
            "origin_postal_code": settings.from_sender("postal_code"),
        }
        self._line = line_to(
            settings,
            URL,
            headers={"Authorization": key},
            secrets=(key, self._webhook_secret),
        )
        self.close = self._line.close

    def quote(self, shipment: Shipment) -> Sequence[Quote] | Refused | Unclear:
        """See Carrier."""
        if refused := only_rupiah(shipment):
            return refused
        asked = {
            "origin_postal_code": self._origin["origin_postal_code"],
            "destination_postal_code": shipment.address.postal_code,
            "couriers": self._company,
            "items": self._items(shipment),
        }
        reply = self._line.ask("POST", "/v1/rates/couriers", body=asked)
        if isinstance(reply, Unclear):
            return reply
        if reply.status in REFUSALS:
            return Refused(reply.words())
        found = reply.body.get("pricing") if reply.is_good else None
        if not isinstance(found, list):
            return reply.unclear()
        return read_quotes(self._line, found, _quote)

    def create(self, shipment: Shipment) -> Ordered | Cancelled | Refused | Unclear:
        """See Carrier."""
        if refused := only_rupiah(shipment):
            return refused
        address = shipment.address
        order: dict[str, Any] = {
            **self._origin,
            "destination_contact_name": address.recipient,
            "destination_contact_phone": address.phone,
            "destination_address": address_line(address),
            "destination_postal_code": address.postal_code,
            "courier_company": self._company,
            "courier_type": (shipment.service or self._usual_service).lower(),
            "delivery_type": "now",
            "reference_id": shipment.reference,
            "items": self._items(shipment),
        }
        if shipment.collect is not None:
            order["destination_cash_on_delivery"] = rupiah(shipment.collect)
        reply = self._line.ask("POST", "/v1/orders", body=order)
        if isinstance(reply, Unclear):
            return reply
        if reply.is_good and reply.body.get("success") is True:
            return _ordered(reply, shipment.reference)
        return reply.not_done()

    def find(self, reference: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier: no such request is documented."""
        return Unclear(f"Biteship finds no order by its reference, {reference}: look at its dashboard")

    def look(self, order_id: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier."""
        reply = self._line.ask("GET", f"/v1/orders/{quoted(order_id, safe='')}")
        if isinstance(reply, Unclear):
            return reply
        if not (reply.is_good and reply.body.get("success") is True):
            return reply.unclear()
        reference = reply.body.get("reference_id")
        return _ordered(reply, reference if isinstance(reference, str) else "")

    def cancel(self, order: Ordered) -> Done | Refused | Unclear:
        """See Carrier."""
        path = f"/v1/orders/{quoted(order.order_id, safe='')}/cancel"
        said = {"cancellation_reason_code": "others", "cancellation_reason": "Cancelled by the shop"}
        reply = self._line.ask("POST", path, body=said)
        if isinstance(reply, Unclear):
            return reply
        if reply.is_good and reply.body.get("success") is True:
            return Done()
        return reply.not_done()

    def label(self, order: Ordered) -> LabelFile | Refused | Unclear:
        """See Carrier: labels are printed from Biteship's dashboard."""
        return unsupported("Biteship", f"for the label of {order.order_id}: its dashboard prints it")

    def track(self, airway_bill: str) -> Sequence[TrackEvent] | Absent | Unclear:
        """See Carrier."""
        path = f"/v1/trackings/{quoted(airway_bill, safe='')}/couriers/{quoted(self._company, safe='')}"
        reply = self._line.ask("GET", path)
        if isinstance(reply, Unclear):
            return reply
        return read_steps(reply, reply.body.get("history"), _event)

    def webhook(self, headers: Mapping[str, str], body: bytes) -> News:
        """See Carrier."""
        given = headers.get(self._signature_header, "")
        if self._signs == "value":
            check_same(self._webhook_secret, given)
        else:
            check_hmac(self._webhook_secret, body, given)
        told = read_object(body)
        return News(
            order_id=text_of(told, "order_id"),
            airway_bill=text_of(told, "courier_waybill_id"),
            state=STATES.get(text_of(told, "status")),
        )

    def _items(self, shipment: Shipment) -> list[dict[str, Any]]:
        """The goods. Weights are per parcel with us: the first line bears it all."""
        weights = [shipment.weight_grams or self._unweighed, *[0] * len(shipment.goods)]
        return [
            {
                "name": each.name,
                "value": rupiah(each.value),
                "quantity": each.quantity,
                # A weight is of one unit.
                "weight": max(1, -(-weight // each.quantity)),
            }
            for each, weight in zip(shipment.goods, weights, strict=False)
        ]


def _ordered(reply: Reply, reference: str) -> Ordered | Cancelled | Unclear:
    courier = reply.body.get("courier")
    number = courier.get("waybill_id") if isinstance(courier, dict) else None
    return checked(reference, reply.body.get("id"), number, STATES.get(str(reply.body.get("status"))))


def _quote(each: dict[str, Any]) -> Quote:
    return Quote(
        str(each["courier_service_code"]),
        str(each["courier_service_name"]),
        money_of(each["price"]),
        str(each.get("duration", "")),
        bool(each.get("available_for_cash_on_delivery")),
    )


def _event(event: dict[str, Any]) -> TrackEvent:
    return TrackEvent(
        STATES.get(str(event.get("status"))), str(event.get("note", "")), iso_time(event.get("updated_at"))
    )


CARRIER = Biteship
