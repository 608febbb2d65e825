"""JNE's HTTP (clients.couriers.carriers.jne): forms in, 200 with words in `detail` out, whatever happened.

What it says to an OLSHOP_ORDERID that it has already could not be verified: the worst is simulated, a second
number. It posts nothing.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from clients.common.times import WIB_CLOCK
from clients.couriers.carrier import TrackingState
from clients.couriers.simulator.shape import Act, Answer, Refusal, Request, Result, nowhere
from clients.couriers.simulator.world import Order, World

_S = TrackingState
WORDS = {
    _S.ORDERED: "SHIPMENT DATA IN MANIFEST",
    _S.COURIER_ASSIGNED: "COURIER ASSIGNED [BANDUNG]",
    _S.PICKING_UP: "COURIER ON THE WAY TO PICK UP [BANDUNG]",
    _S.PICKED_UP: "SHIPMENT PICKED UP BY COURIER [BANDUNG]",
    _S.IN_TRANSIT: "RECEIVED AT SORTING CENTER [BANDUNG]",
    _S.OUT_FOR_DELIVERY: "WITH DELIVERY COURIER [JAKARTA]",
    _S.ON_HOLD: "CONSIGNEE UNKNOWN",
    _S.RETURNING: "RETURN TO SHIPPER",
    _S.DELIVERED: "DELIVERED TO [SARI]",
    _S.RETURNED: "DELIVERED TO SHIPPER",
    _S.CANCELLED: "SHIPMENT CANCELLED",
    _S.LOST: "SHIPMENT LOST",
}
_NEEDED = (
    "OLSHOP_BRANCH",
    "OLSHOP_CUST",
    "OLSHOP_ORDERID",
    "OLSHOP_SHIPPER_NAME",
    "OLSHOP_SHIPPER_ADDR1",
    "OLSHOP_SHIPPER_CITY",
    "OLSHOP_SHIPPER_PHONE",
    "OLSHOP_RECEIVER_NAME",
    "OLSHOP_RECEIVER_ADDR1",
    "OLSHOP_RECEIVER_CITY",
    "OLSHOP_RECEIVER_PHONE",
    "OLSHOP_ORIG",
    "OLSHOP_DEST",
    "OLSHOP_SERVICE",
    "OLSHOP_QTY",
    "OLSHOP_WEIGHT",
    "OLSHOP_GOODSDESC",
)
_MAX_CHARS = {"OLSHOP_ORDERID": 20, "OLSHOP_RECEIVER_ADDR1": 30, "OLSHOP_RECEIVER_NAME": 30}
_API = "/tracing/api"


class Jne:
    """See the module."""

    idempotent: ClassVar[bool] = False

    def __init__(self, world: World, keys: Mapping[str, str]) -> None:
        self._world = world
        self._keys = keys

    def act(self, request: Request) -> Act:
        """See Shape."""
        if request.method != "POST":
            raise nowhere()
        form = request.form()
        if any(form.get(key, "") != self._keys.get(key, form.get(key)) for key in ("username", "api_key")):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "401", "Username or api key is wrong")
        if request.path == f"{_API}/generatecnote":
            return self._create(form)
        if request.path == f"{_API}/pricedev":
            return Act("quote", "", lambda _later_s: Result(_prices(form)))
        if request.path.startswith(f"{_API}/list/v1/cnote/"):
            number = request.path.rpartition("/")[2]
            return Act("track", number, lambda _later_s: Result(self._tracked(number)))
        raise nowhere()

    def refused(self, refusal: Refusal) -> Answer:
        """See Shape: what it does not take is told with 200."""
        if refusal.status is HTTPStatus.UNPROCESSABLE_ENTITY:
            detail = {"status": "Error", "reason": str(refusal), "cnote_no": None}
            return Answer(HTTPStatus.OK, {"detail": [detail]})
        return Answer(refusal.status, {"status": False, "error": str(refusal)})

    def posted(self, order: Order, state: TrackingState, number: str | None) -> tuple[dict[str, str], bytes]:
        """See Shape: it posts nothing; whoever listens gets what no shop believes."""
        return {}, json.dumps({"cnote": number, "order": order.order_id, "state": WORDS[state]}).encode()

    def _create(self, form: dict[str, str]) -> Act:
        reference = form.get("OLSHOP_ORDERID", "")

        def do(_later_s: float) -> Result:
            for key in _NEEDED:
                if not form.get(key):
                    raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, key, f"{key} is required")
            for key, most in _MAX_CHARS.items():
                if len(form[key]) > most:
                    raise Refusal(
                        HTTPStatus.UNPROCESSABLE_ENTITY, key, f"{key} has at most {most} characters"
                    )
            parcel = json.dumps(form, sort_keys=True)
            # Its numbers are there at once.
            order, is_new = self._world.take(reference, form["OLSHOP_SERVICE"], parcel)
            detail = {"status": "sukses", "cnote_no": order.airway_bill}
            return Result(Answer(HTTPStatus.OK, {"detail": [detail]}), order if is_new else None)

        return Act("POST", reference, do)

    def _tracked(self, number: str) -> Answer:
        order = self._world.of_number(number)
        if order is None:
            return Answer(HTTPStatus.OK, {"status": False, "error": "Cnote No. Not Found."})
        history = [
            {"date": step.time.astimezone(WIB_CLOCK).strftime("%d-%m-%Y %H:%M"), "desc": WORDS[step.state]}
            for step in self._world.steps(order)
        ]
        done = "DELIVERED" if order.state is _S.DELIVERED else "ON PROCESS"
        cnote = {"cnote_no": number, "pod_status": done}
        return Answer(HTTPStatus.OK, {"cnote": cnote, "detail": [], "history": history})


def _prices(form: dict[str, str]) -> Answer:
    if not (form.get("from") and form.get("thru")):
        return Answer(HTTPStatus.OK, {"status": False, "error": "Price Not Found."})
    price: list[dict[str, Any]] = [
        {
            "service_code": code,
            "service_display": code,
            "price": cost,
            "etd_from": "1",
            "etd_thru": "2",
            "times": "D",
        }
        for code, cost in (("REG23", "11000"), ("YES23", "20000"))
    ]
    return Answer(HTTPStatus.OK, {"price": price})


SHAPE = Jne
