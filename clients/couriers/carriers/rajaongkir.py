"""RajaOngkir's Delivery API by Komerce (https://rajaongkir.com/docs/delivery-order-api).

Its documentation has neither a field for our reference nor a request that finds an order by one, and no
keys that make a request safe to repeat: an order is made once, and one whose answer was lost is a question
for a person, unless its webhook comes. Our reference stands in the order's `notes`: where the order's details
repeat them, the webhook of a lost order settles it. A number comes only with a pick-up, which is asked for
when an order has none. What was taken from documentation and what could not be verified: docs/couriers.md.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from clients.common.times import WIB_CLOCK
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
)
from clients.couriers.line import MAX_LABEL_BYTES, REFUSALS, Reply, line_to
from clients.couriers.quotes import read_quotes
from clients.couriers.rupiah import goods_value, money_of, only_rupiah, rupiah, rupiah_of
from clients.couriers.settings import CarrierSettings
from clients.couriers.signatures import WORD, check_same, read_object, text_of
from clients.couriers.steps import read_steps, wib_time

URL = "https://api.collaborator.komerce.id"
_S = TrackingState
STATES = {
    "diajukan": _S.ORDERED,
    "dijemput": _S.PICKED_UP,
    "dikirim": _S.IN_TRANSIT,
    "selesai": _S.DELIVERED,
    "diterima": _S.DELIVERED,
    "retur": _S.RETURNED,
    "dibatalkan": _S.CANCELLED,
}
_UNWEIGHED_GRAMS = 1_000


class RajaOngkir:
    """See the module."""

    asks_by_reference: ClassVar[bool] = False

    def __init__(self, settings: CarrierSettings) -> None:
        """Needs secrets.api_key, options.shipping (e.g. "JNE"), options.shipper_destination_id and the
        sender; secrets.webhook is a word of ours that webhooks have to bring.
        """
        key = settings.secret("api_key")
        self._shipping = settings.option("shipping")
        self._usual_service = settings.option("shipping_type", "")
        self._shipper_id = settings.whole("shipper_destination_id")
        self._pickup_time = settings.option("pickup_time", "10:00")
        self._webhook_secret = settings.secrets.get("webhook", "")
        self._sender = {
            "brand_name": settings.from_sender("name"),
            "shipper_name": settings.from_sender("name"),
            "shipper_phone": settings.from_sender("phone"),
            "shipper_address": settings.from_sender("address"),
            "shipper_email": settings.from_sender("email"),
        }
        self._line = line_to(
            settings,
            URL,
            headers={"x-api-key": key},
            secrets=(key, self._webhook_secret),
        )
        self.close = self._line.close

    def quote(self, shipment: Shipment) -> Sequence[Quote] | Refused | Unclear:
        """See Carrier."""
        place = self._place(shipment)
        if not isinstance(place, int):
            return place
        services = self._services(shipment, place)
        if not isinstance(services, list):
            return services
        return read_quotes(self._line, services, _quote)

    def create(self, shipment: Shipment) -> Ordered | Cancelled | Refused | Unclear:
        """See Carrier: looks for the place and the price, orders, and asks for the pick-up."""
        place = self._place(shipment)
        if not isinstance(place, int):
            return place
        services = self._services(shipment, place)
        if not isinstance(services, list):
            return services
        wanted = (shipment.service or self._usual_service).casefold()
        service = next(
            (each for each in services if str(each.get("service_name")).casefold() == wanted), None
        )
        if service is None:
            offered = ", ".join(str(each.get("service_name")) for each in services) or "nothing"
            return Refused(f"{self._shipping} does not offer {wanted or 'a service'} there, but {offered}")
        try:
            order = self._order(shipment, place, service)
        except (KeyError, ValueError) as error:
            return self._line.odd(f"the answer's price for {wanted} cannot be read: {error}")
        reply = self._line.ask("POST", "/order/api/v1/orders/store", body=order)
        if isinstance(reply, Unclear):
            return reply
        if reply.status in REFUSALS:
            return Refused(reply.words())
        if not reply.is_good:
            return reply.unclear()
        made = checked(shipment.reference, _data(reply).get("order_no"), None)
        if not isinstance(made, Ordered):
            return made
        number = self._pick_up(made.order_id)
        return checked(shipment.reference, made.order_id, number)

    def find(self, reference: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier: no such request is documented."""
        return Unclear(f"RajaOngkir finds no order by its reference, {reference}: look at its dashboard")

    def look(self, order_id: str) -> Ordered | Cancelled | Absent | Unclear:
        """See Carrier; an order without a number is asked to be picked up, which gives it one."""
        reply = self._line.ask("GET", "/order/api/v1/orders/detail", query={"order_no": order_id})
        if isinstance(reply, Unclear):
            return reply
        if not reply.is_good:
            return reply.unclear()
        order = _data(reply)
        if order.get("order_no") != order_id:
            return Unclear("the answer is not about this order")
        number = order.get("awb") or order.get("cnote")
        state = STATES.get(str(order.get("order_status")).casefold())
        if not number and state is _S.ORDERED:
            number = self._pick_up(order_id)
        notes = order.get("notes")
        return checked(notes if isinstance(notes, str) else "", order_id, number, state)

    def cancel(self, order: Ordered) -> Done | Refused | Unclear:
        """See Carrier."""
        reply = self._line.ask("PUT", "/order/api/v1/orders/cancel", body={"order_no": order.order_id})
        if isinstance(reply, Unclear):
            return reply
        if reply.is_good:
            return Done()
        return reply.not_done()

    def label(self, order: Ordered) -> LabelFile | Refused | Unclear:
        """See Carrier: an address from which it can be fetched."""
        query = {"order_no": order.order_id, "page": "page_5"}
        reply = self._line.ask(
            "POST", "/order/api/v1/orders/print-label", query=query, max_bytes=MAX_LABEL_BYTES
        )
        if isinstance(reply, Unclear):
            return reply
        path = _data(reply).get("path") if reply.is_good else None
        if isinstance(path, str) and path and path.isprintable():
            return LabelFile(path.encode(), "url")
        return reply.not_done()

    def track(self, airway_bill: str) -> Sequence[TrackEvent] | Absent | Unclear:
        """See Carrier."""
        query = {"shipping": self._shipping, "airway_bill": airway_bill}
        reply = self._line.ask("GET", "/order/api/v1/orders/history-airway-bill", query=query)
        if isinstance(reply, Unclear):
            return reply
        return read_steps(reply, _data(reply).get("history"), _event)

    def webhook(self, headers: Mapping[str, str], body: bytes) -> News:
        """See Carrier: nothing is signed, so a word of ours has to come with it."""
        check_same(self._webhook_secret, headers.get(WORD, ""))
        told = read_object(body)
        state = STATES.get(text_of(told, "status").casefold())
        return News(order_id=text_of(told, "order_no"), airway_bill=text_of(told, "cnote"), state=state)

    def _place(self, shipment: Shipment) -> int | Refused | Unclear:
        """Komerce's own number of the place; one postal code may have several."""
        if refused := only_rupiah(shipment):
            return refused
        address = shipment.address
        reply = self._line.ask(
            "GET", "/tariff/api/v1/destination/search", query={"keyword": address.postal_code}
        )
        if isinstance(reply, Unclear):
            return Unclear(reply.words, reply.retry_after_s, nothing_done=True)
        if reply.status in REFUSALS:
            return Refused(reply.words())
        found = reply.body.get("data") if reply.is_good else None
        if not isinstance(found, list):
            return Unclear(reply.words(), reply.retry_after_s, nothing_done=True)
        places = [each for each in found if isinstance(each, dict) and type(each.get("id")) is int]
        places = [each for each in places if str(each.get("zip_code")) == address.postal_code]
        district = address.district.casefold()
        named = [each for each in places if str(each.get("district_name")).casefold() == district]
        for fit in (named, places):
            if len({str(each.get("district_name")) for each in fit}) == 1:
                return int(fit[0]["id"])
        if not places:
            return Refused(f"RajaOngkir knows no place with the postal code {address.postal_code!r}")
        districts = ", ".join(sorted({str(each.get("district_name")) for each in places}))
        return Refused(f"the address's district is none of {districts}")

    def _services(self, shipment: Shipment, place: int) -> list[dict[str, Any]] | Unclear:
        grams = shipment.weight_grams or _UNWEIGHED_GRAMS
        query = {
            "shipper_destination_id": str(self._shipper_id),
            "receiver_destination_id": str(place),
            "weight": f"{grams / 1_000:g}",
            "item_value": str(goods_value(shipment)),
            "cod": "yes" if shipment.collect is not None else "no",
        }
        reply = self._line.ask("GET", "/tariff/api/v1/calculate", query=query)
        if isinstance(reply, Unclear):
            return Unclear(reply.words, reply.retry_after_s, nothing_done=True)
        kinds = _data(reply)
        if not reply.is_good or not kinds:
            return Unclear(reply.words(), reply.retry_after_s, nothing_done=True)
        lists = [kinds.get(kind) for kind in ("calculate_reguler", "calculate_cargo")]
        found = [each for several in lists if isinstance(several, list) for each in several]
        return [
            each for each in found if isinstance(each, dict) and each.get("shipping_name") == self._shipping
        ]

    def _order(self, shipment: Shipment, place: int, service: dict[str, Any]) -> dict[str, Any]:
        address = shipment.address
        value, cost = goods_value(shipment), rupiah_of(service["shipping_cost"])
        collect = rupiah(shipment.collect) if shipment.collect is not None else 0
        return {
            **self._sender,
            "order_date": datetime.now(WIB_CLOCK).date().isoformat(),
            "shipper_destination_id": self._shipper_id,
            "receiver_name": address.recipient,
            "receiver_phone": address.phone.removeprefix("+"),
            "receiver_destination_id": place,
            "receiver_address": address_line(address),
            "shipping": self._shipping,
            "shipping_type": service.get("service_name"),
            "payment_method": "COD" if collect else "BANK TRANSFER",
            "shipping_cost": cost,
            "shipping_cashback": rupiah_of(service.get("shipping_cashback") or 0),
            "service_fee": rupiah_of(service.get("service_fee") or 0),
            "additional_cost": 0,
            "grand_total": collect or value + cost,
            "cod_value": collect,
            "insurance_value": 0,
            "notes": shipment.reference,
            "order_details": [
                {
                    "product_name": each.name,
                    "product_price": rupiah(each.value),
                    "product_weight": max(1, (shipment.weight_grams or _UNWEIGHED_GRAMS) // each.quantity),
                    "qty": each.quantity,
                    "subtotal": rupiah(each.value) * each.quantity,
                }
                for each in shipment.goods
            ],
        }

    def _pick_up(self, order_id: str) -> str | None:
        """Asks for the pick-up; the number that it gives, None when that is not known yet."""
        soon = datetime.now(WIB_CLOCK) + timedelta(hours=2)
        asked = {
            "pickup_vehicle": "Motor",
            "pickup_time": self._pickup_time,
            "pickup_date": soon.date().isoformat(),
            "orders": [{"order_no": order_id}],
        }
        reply = self._line.ask("POST", "/order/api/v1/pickup/request", body=asked)
        given = reply.body.get("data") if isinstance(reply, Reply) and reply.is_good else None
        for each in given if isinstance(given, list) else []:
            if isinstance(each, dict) and each.get("order_no") == order_id:
                number = each.get("awb")
                return number if isinstance(number, str) else None
        return None


def _quote(each: dict[str, Any]) -> Quote:
    return Quote(
        str(each["service_name"]),
        f"{each['shipping_name']} {each['service_name']}",
        money_of(each["shipping_cost"]),
        str(each.get("etd", "")),
        bool(each.get("is_cod")),
    )


def _data(reply: Reply) -> dict[str, Any]:
    data = reply.body.get("data")
    return data if isinstance(data, dict) else {}


def _event(event: dict[str, Any]) -> TrackEvent:
    words = str(event.get("desc", ""))
    state = STATES.get(str(event.get("status", "")).casefold())
    return TrackEvent(state, words, wib_time(event.get("date"), "%Y-%m-%d %H:%M:%S"))


CARRIER = RajaOngkir
