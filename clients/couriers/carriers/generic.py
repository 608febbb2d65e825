"""A carrier with a plain interface, for whoever writes one of their own; also what the demo's courier speaks.

    POST /v1/orders  {"reference", "service", "address": {…}, "weight_grams"}
        and, when it is to collect something, {"cash_on_delivery": {"currency_code", "minor_units"}}
        200, 201 {"reference", "airway_bill", "state"}; the bill is null while there is none yet, the state
        may be left out
        400, 413, 415, 422 it will never take this parcel; 409 {"code": "REFERENCE_REUSED"}
    GET  /v1/orders?reference=R   200 as above; 404 {"code": "REFERENCE_UNKNOWN"} there is no such order
    POST /v1/orders/cancel {"reference"}   200; 409 it has gone already
    GET  /v1/orders/label?reference=R      200, a PDF
    POST /v1/quotes  as an order, 200 {"quotes": [{"service", "name", "price": {…}, "time", "collects"}]}
    GET  /v1/tracking?airway_bill=N
        200 {"events": [{"state", "words", "time"}]}; 404 {"code": "AIRWAY_BILL_UNKNOWN"}
    webhook {"reference", "airway_bill", "state"} with X-Courier-Signature: HMAC-SHA256 of the body, in hex

States are those of TrackingState, with underscores. The token goes as a bearer token.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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
    checked,
)
from clients.couriers.line import MAX_LABEL_BYTES, REFUSALS, Reply, line_to
from clients.couriers.quotes import read_quotes
from clients.couriers.settings import CarrierSettings
from clients.couriers.signatures import check_hmac, read_object, text_of
from clients.couriers.steps import iso_time, read_steps
from kasir.v1.common_pb2 import Address, Money

SIGNATURE = "x-courier-signature"
_CURRENCY = re.compile("[A-Z]{3}")
# No parcel costs more, in any currency.
_MAX_MINOR_UNITS = 10**15
_ADDRESS_FIELDS = tuple(field.name for field in Address.DESCRIPTOR.fields)


class Generic:
    """See the module."""

    asks_by_reference: ClassVar[bool] = True

    def __init__(self, settings: CarrierSettings) -> None:
        """Needs `url`; secrets.token and secrets.webhook where the carrier asks for them."""
        token = settings.secrets.get("token", "")
        self._webhook_secret = settings.secrets.get("webhook", "")
        self._line = line_to(
            settings,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            secrets=(token,),
        )
        self.close = self._line.close

    def quote(self, shipment: Shipment) -> Sequence[Quote] | Refused | Unclear:
        """See Carrier."""
        reply = self._line.ask("POST", "/v1/quotes", body=_order(shipment))
        if isinstance(reply, Unclear):
            return reply
        if reply.status in REFUSALS:
            return Refused(reply.words())
        found = reply.body.get("quotes") if reply.is_good else None
        if not isinstance(found, list):
            return reply.unclear()
        return read_quotes(self._line, found, _quote)

    def create(self, shipment: Shipment) -> Ordered | Cancelled | Refused | Unclear:
        """See Carrier."""
        reply = self._line.ask("POST", "/v1/orders", body=_order(shipment))
        if isinstance(reply, Unclear):
            return reply
        if reply.is_good:
            return _ordered(reply, shipment.reference)
        if reply.status in REFUSALS or reply.body.get("code") == "REFERENCE_REUSED":
            return Refused(reply.words())
        return reply.unclear()

    def find(self, reference: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier."""
        reply = self._line.ask("GET", "/v1/orders", query={"reference": reference})
        if isinstance(reply, Unclear):
            return reply
        if reply.status == 200:
            return _ordered(reply, reference)
        if reply.status == 404 and reply.body.get("code") == "REFERENCE_UNKNOWN":
            return Absent()
        # A 404 without these words may come from a proxy, or from a wrong address: it denies nothing.
        return reply.unclear()

    def look(self, order_id: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier: an order's name is its reference."""
        return self.find(order_id)

    def cancel(self, order: Ordered) -> Done | Refused | Unclear:
        """See Carrier."""
        reply = self._line.ask("POST", "/v1/orders/cancel", body={"reference": order.reference})
        if isinstance(reply, Unclear):
            return reply
        if reply.is_good:
            return Done()
        return Refused(reply.words()) if reply.status in REFUSALS | {409} else reply.unclear()

    def label(self, order: Ordered) -> LabelFile | Refused | Unclear:
        """See Carrier."""
        query = {"reference": order.reference}
        reply = self._line.ask("GET", "/v1/orders/label", query=query, max_bytes=MAX_LABEL_BYTES)
        if isinstance(reply, Unclear):
            return reply
        if reply.status == 200 and reply.content.startswith(b"%PDF"):
            return LabelFile(reply.content, "pdf")
        return reply.not_done()

    def track(self, airway_bill: str) -> Sequence[TrackEvent] | Absent | Unclear:
        """See Carrier."""
        reply = self._line.ask("GET", "/v1/tracking", query={"airway_bill": airway_bill})
        if isinstance(reply, Unclear):
            return reply
        if reply.status == 404 and reply.body.get("code") == "AIRWAY_BILL_UNKNOWN":
            return Absent()
        return read_steps(reply, reply.body.get("events"), _event)

    def webhook(self, headers: Mapping[str, str], body: bytes) -> News:
        """See Carrier: signed with the secret that both sides know."""
        check_hmac(self._webhook_secret, body, headers.get(SIGNATURE, ""))
        told = read_object(body)
        reference = text_of(told, "reference")
        return News(reference, reference, text_of(told, "airway_bill"), _state(told.get("state")))


def _quote(each: dict[str, Any]) -> Quote:
    return Quote(
        str(each["service"]),
        str(each["name"]),
        _price(each["price"]),
        str(each["time"]),
        bool(each["collects"]),
    )


def _price(told: object) -> Money:
    """Raises ValueError, TypeError for what is no price."""
    if not isinstance(told, dict):
        raise TypeError(f"{repr(told)[:40]} is no price")
    code, minor_units = told.get("currency_code"), told.get("minor_units")
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        raise ValueError(f"{repr(code)[:40]} is no price's currency")
    if type(minor_units) is not int or not 0 <= minor_units <= _MAX_MINOR_UNITS:
        raise ValueError(f"{repr(minor_units)[:40]} is no price")
    return Money(currency_code=code, minor_units=minor_units)


def _order(shipment: Shipment) -> dict[str, Any]:
    order: dict[str, Any] = {
        "reference": shipment.reference,
        "service": shipment.service,
        "address": {name: getattr(shipment.address, name) for name in _ADDRESS_FIELDS},
        "weight_grams": shipment.weight_grams,
    }
    if shipment.collect is not None:
        order["cash_on_delivery"] = {
            "currency_code": shipment.collect.currency_code,
            "minor_units": shipment.collect.minor_units,
        }
    return order


def _ordered(reply: Reply, reference: str) -> Ordered | Cancelled | Unclear:
    body = reply.body
    if body.get("reference") != reference:
        return Unclear("the answer is not about this reference")
    if "airway_bill" not in body:
        return Unclear("the answer has no airway bill number")
    return checked(reference, reference, body["airway_bill"], _state(body.get("state")))


def _event(event: dict[str, Any]) -> TrackEvent:
    return TrackEvent(_state(event.get("state")), str(event.get("words", "")), iso_time(event.get("time")))


def _state(word: object) -> TrackingState | None:
    words = str(word).replace("_", " ")
    return next((state for state in TrackingState if state.value == words), None)


CARRIER = Generic
