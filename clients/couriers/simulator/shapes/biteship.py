"""Biteship's HTTP (clients.couriers.carriers.biteship): JSON with `success`, a key in Authorization.

Whether it refuses a reference_id that it has already could not be verified: the worst is simulated, a second
order.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from clients.couriers.carrier import TrackingState
from clients.couriers.signatures import sign
from clients.couriers.simulator.shape import (
    Act,
    Answer,
    Refusal,
    Request,
    Result,
    check_filled,
    check_postal_code,
    check_weight,
    nowhere,
)
from clients.couriers.simulator.world import Order, World

_S = TrackingState
WORDS = {
    _S.ORDERED: "confirmed",
    _S.COURIER_ASSIGNED: "allocated",
    _S.PICKING_UP: "picking_up",
    _S.PICKED_UP: "picked",
    _S.IN_TRANSIT: "picked",
    _S.OUT_FOR_DELIVERY: "dropping_off",
    _S.ON_HOLD: "on_hold",
    _S.RETURNING: "return_in_transit",
    _S.DELIVERED: "delivered",
    _S.RETURNED: "returned",
    _S.CANCELLED: "cancelled",
    _S.LOST: "disposed",
}
_COURIERS = frozenset({"jne", "sicepat", "anteraja", "jnt"})


class Biteship:
    """See the module."""

    idempotent: ClassVar[bool] = False

    def __init__(self, world: World, keys: Mapping[str, str]) -> None:
        self._world = world
        self._keys = keys

    def act(self, request: Request) -> Act:
        """See Shape."""
        given = request.headers.get("authorization", "")
        if not given or given != self._keys.get("api_key", given):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "40000001", f"Authorization failed for {given}")
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v1", "orders"]:
                return self._create(request.json())
            case "GET", ["v1", "orders", order_id]:
                return Act("GET", order_id, lambda _later_s: Result(self._found(order_id)))
            case "POST", ["v1", "orders", order_id, "cancel"]:
                return Act("cancel", order_id, lambda _later_s: Result(self._cancelled(order_id)))
            case "POST", ["v1", "rates", "couriers"]:
                asked = request.json()
                return Act("quote", "", lambda _later_s: Result(_rates(asked)))
            case "GET", ["v1", "trackings", number, "couriers", company]:
                return Act("track", number, lambda _later_s: Result(self._tracked(number, company)))
        raise nowhere()

    def refused(self, refusal: Refusal) -> Answer:
        """See Shape: what it does not take is a 400."""
        is_wrong = refusal.status is HTTPStatus.UNPROCESSABLE_ENTITY
        status = HTTPStatus.BAD_REQUEST if is_wrong else refusal.status
        return Answer(status, {"success": False, "error": str(refusal), "code": refusal.code})

    def posted(self, order: Order, state: TrackingState, number: str | None) -> tuple[dict[str, str], bytes]:
        """See Shape."""
        told: dict[str, Any] = {
            "event": "order.status" if state is not _S.ORDERED else "order.waybill_id",
            "order_id": order.order_id,
            "courier_tracking_id": f"t-{order.order_id}",
            "courier_waybill_id": number,
            "status": WORDS[state],
        }
        body = json.dumps(told).encode()
        return {"X-Biteship-Signature": sign(self._keys.get("webhook", ""), body)}, body

    def _create(self, asked: dict[str, Any]) -> Act:
        reference = str(asked.get("reference_id") or "")

        def do(later_s: float) -> Result:
            check_filled(
                "order",
                **{
                    key: asked.get(key)
                    for key in (
                        "origin_contact_name",
                        "origin_contact_phone",
                        "origin_address",
                        "destination_contact_name",
                        "destination_contact_phone",
                        "destination_address",
                        "delivery_type",
                    )
                },
            )
            for end in ("origin_postal_code", "destination_postal_code"):
                check_postal_code(asked.get(end))
            _check_items(asked.get("items"))
            if asked.get("courier_company") not in _COURIERS:
                raise Refusal(HTTPStatus.BAD_REQUEST, "40002030", "There is no such courier")
            service = str(asked.get("courier_type"))
            order, is_new = self._world.take(
                reference, service, json.dumps(asked, sort_keys=True), later_s=later_s, id_prefix="bs"
            )
            return Result(Answer(HTTPStatus.OK, _body(order)), order if is_new else None)

        return Act("POST", reference, do)

    def _order(self, order_id: str) -> Order:
        order = self._world.of_id(order_id)
        if order is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "40402001", "Order not found")
        return order

    def _found(self, order_id: str) -> Answer:
        return Answer(HTTPStatus.OK, _body(self._order(order_id)))

    def _cancelled(self, order_id: str) -> Answer:
        order = self._order(order_id)
        if _S.PICKED_UP in {step.state for step in self._world.steps(order)}:
            raise Refusal(HTTPStatus.BAD_REQUEST, "40003001", "Order has been picked up")
        self._world.move(order, _S.CANCELLED)
        return Answer(HTTPStatus.OK, {"success": True, "id": order_id, "status": "cancelled"})

    def _tracked(self, number: str, company: str) -> Answer:
        order = self._world.of_number(number)
        if order is None or company not in _COURIERS:
            raise Refusal(HTTPStatus.BAD_REQUEST, "40003001", "Waybill is not found")
        history = [
            {
                "note": step.state.value,
                "status": WORDS[step.state],
                "updated_at": step.time.isoformat(),
            }
            for step in self._world.steps(order)
        ]
        status = WORDS[order.state]
        return Answer(
            HTTPStatus.OK,
            {
                "success": True,
                "object": "tracking",
                "waybill_id": number,
                "status": status,
                "history": history,
            },
        )


def _body(order: Order) -> dict[str, Any]:
    return {
        "success": True,
        "message": "Order successfully created",
        "object": "order",
        "id": order.order_id,
        "reference_id": order.reference,
        "courier": {"tracking_id": f"t-{order.order_id}", "waybill_id": order.number},
        "status": WORDS[order.state],
    }


def _check_items(items: Any) -> None:
    """Raises Refusal for items that are none."""
    if not isinstance(items, list) or not items:
        raise Refusal(HTTPStatus.BAD_REQUEST, "40002022", "An order has items")
    for item in items:
        if not isinstance(item, dict) or not item.get("name") or not isinstance(item.get("value"), int):
            raise Refusal(HTTPStatus.BAD_REQUEST, "40002023", "An item has a name and a value")
        if check_weight(item.get("weight")) < 1 or item.get("quantity", 0) < 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "40002024", "An item has a weight and a quantity")


def _rates(asked: dict[str, Any]) -> Answer:
    check_postal_code(asked.get("origin_postal_code"))
    check_postal_code(asked.get("destination_postal_code"))
    _check_items(asked.get("items"))
    pricing = [
        {
            "available_for_cash_on_delivery": True,
            "courier_code": company,
            "courier_service_code": "reg",
            "courier_service_name": "Reguler",
            "duration": "1 - 2 days",
            "price": 11_000,
        }
        for company in str(asked.get("couriers")).split(",")
        if company in _COURIERS
    ]
    return Answer(HTTPStatus.OK, {"success": True, "object": "courier_pricing", "pricing": pricing})


SHAPE = Biteship
