"""JNE itself, by the interface it gives its customers (forms in, JSON out).

A number comes with the order at once. Its interface has no request that finds an order by our number, and
nothing that takes one back: an order whose answer was lost is a question for a person. JNE counts places in
codes of its own, which it gives its customers as a list. What could not be verified: docs/couriers.md.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote as quoted

from clients.common.problems import BadInput
from clients.couriers.carrier import (
    Absent,
    Cancelled,
    Done,
    LabelFile,
    News,
    NotGenuine,
    Ordered,
    Quote,
    Refused,
    Shipment,
    TrackEvent,
    TrackingState,
    Unclear,
    checked,
    unsupported,
)
from clients.couriers.line import Reply, line_to
from clients.couriers.quotes import read_quotes
from clients.couriers.rupiah import goods_value, money_of, only_rupiah, rupiah
from clients.couriers.settings import CarrierSettings
from clients.couriers.steps import read_steps, wib_time

URL = "https://apiv2.jne.co.id:10205"
_API = "/tracing/api"
MAX_ORDERID_CHARS = 20
_LINE_CHARS = 30
_UNWEIGHED_GRAMS = 1_000
_S = TrackingState
# What a step's description says, whole, without the places and names that stand in it in brackets.
STATES = {
    "MANIFEST": _S.ORDERED,
    "MANIFESTED": _S.ORDERED,
    "SHIPMENT DATA IN MANIFEST": _S.ORDERED,
    "COURIER ASSIGNED": _S.COURIER_ASSIGNED,
    "COURIER ON THE WAY TO PICK UP": _S.PICKING_UP,
    "PICKED UP BY COURIER": _S.PICKED_UP,
    "SHIPMENT PICKED UP BY COURIER": _S.PICKED_UP,
    "SHIPMENT PICKED UP BY JNE COURIER": _S.PICKED_UP,
    "SHIPMENT RECEIVED BY JNE COUNTER OFFICER AT": _S.PICKED_UP,
    "RECEIVED AT SORTING CENTER": _S.IN_TRANSIT,
    "PROCESSED AT SORTING CENTER": _S.IN_TRANSIT,
    "RECEIVED AT ORIGIN GATEWAY": _S.IN_TRANSIT,
    "DEPARTED FROM TRANSIT": _S.IN_TRANSIT,
    "RECEIVED AT WAREHOUSE": _S.IN_TRANSIT,
    "RECEIVED AT INBOUND STATION": _S.IN_TRANSIT,
    "RECEIVED ON DESTINATION": _S.IN_TRANSIT,
    "SHIPMENT FORWARDED TO DESTINATION": _S.IN_TRANSIT,
    "SHIPMENT FORWARDED FROM TRANSIT CITY TO DESTINATION CITY": _S.IN_TRANSIT,
    "ON TRANSIT": _S.IN_TRANSIT,
    "ON PROCESS": _S.IN_TRANSIT,
    "WITH DELIVERY COURIER": _S.OUT_FOR_DELIVERY,
    "OUT FOR DELIVERY": _S.OUT_FOR_DELIVERY,
    "CONSIGNEE UNKNOWN": _S.ON_HOLD,
    "NOT AT HOME": _S.ON_HOLD,
    "BAD ADDRESS": _S.ON_HOLD,
    "RETURN TO SHIPPER": _S.RETURNING,
    "DELIVERED": _S.DELIVERED,
    "DELIVERED TO": _S.DELIVERED,
    "DELIVERED TO SHIPPER": _S.RETURNED,
    "SHIPMENT CANCELLED": _S.CANCELLED,
    "SHIPMENT LOST": _S.LOST,
    "SHIPMENT DAMAGED": _S.LOST,
}
_IN_BRACKETS = re.compile(r"\[[^\[\]]*\]|\(JNE:\w*\)", re.IGNORECASE)
_NO_SUCH_NUMBER = "cnote no. not found."


class Jne:
    """See the module."""

    asks_by_reference: ClassVar[bool] = False

    def __init__(self, settings: CarrierSettings) -> None:
        """Needs secrets.username, secrets.api_key, options.branch, options.customer, options.origin (JNE's
        code), options.destinations (a CSV file: postal code, JNE's code) and the sender.
        """
        self._keys = {"username": settings.secret("username"), "api_key": settings.secret("api_key")}
        self._usual_service = settings.option("service", "REG")
        self._origin = settings.option("origin")
        self._destinations = _read_destinations(Path(settings.option("destinations")))
        self._shop = {
            "OLSHOP_BRANCH": settings.option("branch"),
            "OLSHOP_CUST": settings.option("customer"),
            "OLSHOP_ORIG": self._origin,
            "OLSHOP_SHIPPER_NAME": settings.from_sender("name")[:_LINE_CHARS],
            **_lines("OLSHOP_SHIPPER_ADDR", settings.from_sender("address")),
            "OLSHOP_SHIPPER_CITY": settings.from_sender("city")[:20],
            "OLSHOP_SHIPPER_ZIP": settings.from_sender("postal_code"),
            "OLSHOP_SHIPPER_PHONE": _digits(settings.from_sender("phone")),
        }
        self._line = line_to(
            settings,
            URL,
            secrets=tuple(self._keys.values()),
        )
        self.close = self._line.close

    def quote(self, shipment: Shipment) -> Sequence[Quote] | Refused | Unclear:
        """See Carrier."""
        destination = self._destinations.get(shipment.address.postal_code)
        if destination is None:
            return _no_place(shipment)
        form = {"from": self._origin, "thru": destination, "weight": str(_kilograms(shipment))}
        reply = self._ask("/pricedev", form)
        if isinstance(reply, Unclear):
            return reply
        prices = reply.body.get("price") if reply.is_good else None
        if not isinstance(prices, list):
            return reply.unclear()
        return read_quotes(self._line, prices, _quote)

    def create(self, shipment: Shipment) -> Ordered | Cancelled | Refused | Unclear:
        """See Carrier."""
        if refused := only_rupiah(shipment):
            return refused
        destination = self._destinations.get(shipment.address.postal_code)
        if destination is None:
            return _no_place(shipment)
        if len(shipment.reference) > MAX_ORDERID_CHARS:
            return Refused(f"JNE takes order numbers of {MAX_ORDERID_CHARS} characters")
        reply = self._ask("/generatecnote", self._order(shipment, destination))
        if isinstance(reply, Unclear):
            return reply
        detail = reply.body.get("detail")
        told = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
        status = str(told.get("status", "")).casefold()
        if reply.is_good and status == "sukses":
            number = told.get("cnote_no")
            if not number:
                return Unclear("the answer has no airway bill number")
            return checked(shipment.reference, number, number)
        if reply.is_good and status == "error":
            return Refused(reply.said(str(told.get("reason") or told.get("cnote_no") or "no reason given")))
        return reply.not_done()

    def find(self, reference: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier: no such request is documented."""
        return Unclear(f"JNE finds no order by its reference, {reference}: ask JNE")

    def look(self, order_id: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier: JNE's name for an order is its number."""
        return checked("", order_id, order_id)

    def cancel(self, order: Ordered) -> Done | Refused | Unclear:
        """See Carrier: no such request is documented."""
        return unsupported("JNE", f"to take {order.order_id} back: call it")

    def label(self, order: Ordered) -> LabelFile | Refused | Unclear:
        """See Carrier: Kasir's own label bears the number."""
        return unsupported("JNE", f"for the label of {order.order_id}: print Kasir's own")

    def track(self, airway_bill: str) -> Sequence[TrackEvent] | Absent | Unclear:
        """See Carrier."""
        reply = self._ask(f"/list/v1/cnote/{quoted(airway_bill, safe='')}", {})
        if isinstance(reply, Unclear):
            return reply
        # It denies with 200: a 404 comes from a proxy, and says nothing of the number.
        if reply.is_good and str(reply.body.get("error", "")).casefold() == _NO_SUCH_NUMBER:
            return Absent()
        return read_steps(reply, reply.body.get("history"), _event)

    def webhook(self, headers: Mapping[str, str], body: bytes) -> News:
        """See Carrier: none is documented."""
        raise NotGenuine(f"JNE posts nothing ({len(headers)} headers, {len(body)} bytes)")

    def _ask(self, path: str, form: Mapping[str, str]) -> Reply | Unclear:
        return self._line.ask("POST", _API + path, form={**self._keys, **form})

    def _order(self, shipment: Shipment, destination: str) -> dict[str, str]:
        address = shipment.address
        collect = rupiah(shipment.collect) if shipment.collect is not None else 0
        goods = ", ".join(f"{each.quantity}x {each.name}" for each in shipment.goods)
        return {
            **self._shop,
            "OLSHOP_ORDERID": shipment.reference,
            "OLSHOP_RECEIVER_NAME": address.recipient[:_LINE_CHARS],
            **_lines("OLSHOP_RECEIVER_ADDR", ", ".join(filter(None, (address.street, address.district)))),
            "OLSHOP_RECEIVER_CITY": address.city[:20],
            "OLSHOP_RECEIVER_REGION": address.province[:20],
            "OLSHOP_RECEIVER_ZIP": address.postal_code,
            "OLSHOP_RECEIVER_PHONE": _digits(address.phone),
            "OLSHOP_DEST": destination,
            "OLSHOP_SERVICE": shipment.service or self._usual_service,
            "OLSHOP_QTY": "1",
            "OLSHOP_WEIGHT": str(_kilograms(shipment)),
            "OLSHOP_GOODSDESC": (goods or "Goods")[:60],
            "OLSHOP_GOODSVALUE": str(goods_value(shipment)),
            "OLSHOP_GOODSTYPE": "2",
            "OLSHOP_INS_FLAG": "N",
            "OLSHOP_COD_FLAG": "YES" if collect else "N",
            "OLSHOP_COD_AMOUNT": str(collect),
        }


def _read_destinations(path: Path) -> dict[str, str]:
    """JNE's code of each postal code. Raises BadInput."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}, JNE's list of places, cannot be read: {error}.") from error
    found = {row[0]: row[1] for row in rows if len(row) == 2 and row[0].isdigit() and row[1]}
    if not found:
        raise BadInput(f"{path} has no row of a postal code and JNE's code, like 40111,BDO10000.")
    return found


def _quote(each: dict[str, Any]) -> Quote:
    return Quote(
        str(each["service_code"]),
        str(each["service_display"]),
        money_of(each["price"]),
        f"{each.get('etd_from') or '?'} to {each.get('etd_thru') or '?'} days",
        collects=True,
    )


def _no_place(shipment: Shipment) -> Refused:
    return Refused(f"JNE's list of places has no postal code {shipment.address.postal_code!r}")


def _kilograms(shipment: Shipment) -> int:
    return max(1, -(-(shipment.weight_grams or _UNWEIGHED_GRAMS) // 1_000))


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit())[:15]


def _lines(field: str, text: str) -> dict[str, str]:
    """An address in three lines of JNE's length."""
    pieces = [text[start : start + _LINE_CHARS] for start in range(0, 3 * _LINE_CHARS, _LINE_CHARS)]
    return {f"{field}{number}": piece for number, piece in enumerate(pieces, start=1)}


def _event(event: dict[str, Any]) -> TrackEvent:
    words = str(event.get("desc", ""))
    state = STATES.get(" ".join(_IN_BRACKETS.sub(" ", words).upper().split()))
    return TrackEvent(state, words, wib_time(event.get("date"), "%d-%m-%Y %H:%M"))


CARRIER = Jne
