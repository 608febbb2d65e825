"""The HTTP of RajaOngkir's Delivery API (clients.couriers.carriers.rajaongkir): `meta` and `data`, x-api-key.

An order comes twice where it is stored twice. Its number comes with the pick-up, or with a webhook later.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from clients.couriers.carrier import TrackingState
from clients.couriers.simulator.shape import (
    Act,
    Answer,
    Refusal,
    Request,
    Result,
    check_filled,
    check_postal_code,
    malformed,
    nowhere,
)
from clients.couriers.simulator.world import Order, World

_S = TrackingState
WORDS = {
    _S.ORDERED: "Diajukan",
    _S.COURIER_ASSIGNED: "Diajukan",
    _S.PICKING_UP: "Diajukan",
    _S.PICKED_UP: "Dijemput",
    _S.IN_TRANSIT: "Dikirim",
    _S.OUT_FOR_DELIVERY: "Dikirim",
    _S.ON_HOLD: "Bermasalah",
    _S.RETURNING: "Bermasalah",
    _S.DELIVERED: "Selesai",
    _S.RETURNED: "Retur",
    _S.CANCELLED: "Dibatalkan",
    _S.LOST: "Bermasalah",
}
_SHIPPING = "JNE"


class RajaOngkir:
    """See the module."""

    idempotent: ClassVar[bool] = False

    def __init__(self, world: World, keys: Mapping[str, str]) -> None:
        self._world = world
        self._keys = keys

    def act(self, request: Request) -> Act:
        """See Shape."""
        given = request.headers.get("x-api-key", "")
        if not given or given != self._keys.get("api_key", given):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "401", "The api key is not valid")
        order_no = request.query.get("order_no", "")
        match request.method, request.path:
            case "GET", "/tariff/api/v1/destination/search":
                return Act("", "", lambda _later_s: Result(_places(request.query.get("keyword", ""))))
            case "GET", "/tariff/api/v1/calculate":
                return Act("", "", lambda _later_s: Result(_prices()))
            case "POST", "/order/api/v1/orders/store":
                return self._create(request.json())
            case "POST", "/order/api/v1/pickup/request":
                asked = request.json()
                return Act("pick-up", "", lambda _later_s: Result(self._picked_up(asked)))
            case "GET", "/order/api/v1/orders/detail":
                return Act("GET", order_no, lambda _later_s: Result(self._detail(order_no)))
            case "PUT", "/order/api/v1/orders/cancel":
                number = str(request.json().get("order_no"))
                return Act("cancel", number, lambda _later_s: Result(self._cancelled(number)))
            case "POST", "/order/api/v1/orders/print-label":
                return Act("label", order_no, lambda _later_s: Result(self._label(order_no)))
            case "GET", "/order/api/v1/orders/history-airway-bill":
                number = request.query.get("airway_bill", "")
                return Act("track", number, lambda _later_s: Result(self._tracked(number)))
        raise nowhere()

    def refused(self, refusal: Refusal) -> Answer:
        """See Shape."""
        meta = {"message": str(refusal), "code": refusal.status.value, "status": "error"}
        return Answer(refusal.status, {"meta": meta, "data": None})

    def posted(self, order: Order, state: TrackingState, number: str | None) -> tuple[dict[str, str], bytes]:
        """See Shape: nothing is signed."""
        return {}, json.dumps({"order_no": order.order_id, "cnote": number, "status": WORDS[state]}).encode()

    def _create(self, asked: dict[str, Any]) -> Act:
        reference = str(asked.get("notes") or "")

        def do(later_s: float) -> Result:
            check_filled(
                "order",
                **{
                    key: asked.get(key)
                    for key in (
                        "order_date",
                        "brand_name",
                        "shipper_name",
                        "shipper_phone",
                        "shipper_destination_id",
                        "shipper_address",
                        "shipper_email",
                        "receiver_name",
                        "receiver_phone",
                        "receiver_destination_id",
                        "receiver_address",
                        "shipping",
                        "shipping_type",
                    )
                },
            )
            if asked.get("payment_method") not in {"COD", "BANK TRANSFER"} or not asked.get("order_details"):
                raise malformed("payment_method or order_details are wrong")
            order, is_new = self._world.take(
                reference,
                str(asked["shipping_type"]),
                json.dumps(asked, sort_keys=True),
                later_s=later_s,
                id_prefix="KOM",
            )
            data = {"order_id": order.created_ms, "order_no": order.order_id}
            return Result(_good(data, HTTPStatus.CREATED), order if is_new else None)

        return Act("POST", reference, do)

    def _order(self, order_no: str) -> Order:
        order = self._world.of_id(order_no)
        if order is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "404", "order not found")
        return order

    def _picked_up(self, asked: dict[str, Any]) -> Answer:
        wanted = asked.get("orders")
        if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
            raise malformed("a pick-up has orders")
        orders = [self._order(str(each.get("order_no"))) for each in wanted]
        data = [{"status": "success", "order_no": each.order_id, "awb": each.number or ""} for each in orders]
        return _good(data)

    def _detail(self, order_no: str) -> Answer:
        order = self._order(order_no)
        data = {
            "order_no": order_no,
            "awb": order.number or "",
            "order_status": WORDS[order.state],
            "notes": order.reference,
        }
        return _good(data)

    def _cancelled(self, order_no: str) -> Answer:
        order = self._order(order_no)
        if order.state not in {_S.ORDERED, _S.COURIER_ASSIGNED, _S.PICKING_UP}:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "422", "order cannot be cancelled any more")
        self._world.move(order, _S.CANCELLED)
        return _good({})

    def _label(self, order_no: str) -> Answer:
        self._order(order_no)
        return _good({"path": f"https://label.example/{order_no}.pdf", "base_64": ""})

    def _tracked(self, number: str) -> Answer:
        order = self._world.of_number(number)
        if order is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "404", "airway bill not found")
        history = [
            {
                "date": step.time.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                "desc": step.state.value,
                "status": WORDS[step.state],
            }
            for step in self._world.steps(order)
        ]
        return _good({"airway_bill": number, "last_status": WORDS[order.state], "history": history})


def _good(data: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    meta = {"message": "success", "code": status.value, "status": "success"}
    return Answer(status, {"meta": meta, "data": data})


def _places(keyword: str) -> Answer:
    check_postal_code(keyword)
    place = {
        "id": int(keyword),
        "subdistrict_name": "BRAGA",
        "district_name": "SUMUR BANDUNG",
        "city_name": "BANDUNG",
        "zip_code": keyword,
    }
    return _good([place])


def _prices() -> Answer:
    services = [
        {
            "shipping_name": _SHIPPING,
            "service_name": name,
            "is_cod": True,
            "shipping_cost": cost,
            "shipping_cashback": 2_500,
            "service_fee": 0,
            "etd": "1-2 day",
        }
        for name, cost in (("REG", 10_000), ("YES", 19_000))
    ]
    return _good({"calculate_reguler": services, "calculate_cargo": [], "calculate_instant": []})


SHAPE = RajaOngkir
