"""The plain interface of clients.couriers.carriers.generic, and GET /v1/health, which answers at once."""

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
    malformed,
    nowhere,
)
from clients.couriers.simulator.world import Order, World

MAX_REFERENCE_CHARS = 100
MAX_SERVICE_CHARS = 50
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\ntrailer<</Root 1 0 R>>\n"
)


class Generic:
    """See the module."""

    idempotent: ClassVar[bool] = True

    def __init__(self, world: World, keys: Mapping[str, str]) -> None:
        self._world = world
        self._keys = keys

    def act(self, request: Request) -> Act:
        """See Shape."""
        if (request.method, request.path) == ("GET", "/v1/health"):
            return Act("", "", lambda _later_s: Result(Answer(HTTPStatus.OK, {"status": "ok"})))
        token = self._keys.get("token")
        if token is not None and request.headers.get("authorization") != f"Bearer {token}":
            raise Refusal(HTTPStatus.UNAUTHORIZED, "TOKEN_WRONG", "who is asking?")
        match request.method, request.path:
            case "POST", "/v1/orders":
                return self._create(request)
            case "GET", "/v1/orders":
                reference = _reference(request)
                return Act("GET", reference, lambda _later_s: Result(self._found(reference)))
            case "GET", "/v1/orders/label":
                reference = _reference(request)
                return Act("label", reference, lambda _later_s: Result(self._label(reference)))
            case "POST", "/v1/orders/cancel":
                reference = _text(request.json(), "reference", MAX_REFERENCE_CHARS)
                return Act("cancel", reference, lambda _later_s: Result(self._cancelled(reference)))
            case "POST", "/v1/quotes":
                asked = request.json()
                _check_parcel(asked.get("address"), asked.get("weight_grams"))
                return Act("quote", "", lambda _later_s: Result(_quotes(asked)))
            case "GET", "/v1/tracking":
                number = request.query.get("airway_bill", "")
                return Act("track", number, lambda _later_s: Result(self._tracked(number)))
        raise nowhere()

    def refused(self, refusal: Refusal) -> Answer:
        """See Shape."""
        return Answer(refusal.status, {"code": refusal.code, "message": str(refusal)})

    def posted(self, order: Order, state: TrackingState, number: str | None) -> tuple[dict[str, str], bytes]:
        """See Shape."""
        told = {"reference": order.reference, "airway_bill": number, "state": _word(state)}
        body = json.dumps(told).encode()
        return {"X-Courier-Signature": sign(self._keys.get("webhook", ""), body)}, body

    def _create(self, request: Request) -> Act:
        asked = request.json()
        reference = _text(asked, "reference", MAX_REFERENCE_CHARS)
        if not reference:
            raise Refusal(HTTPStatus.BAD_REQUEST, "REFERENCE_MISSING", "an order needs a reference")
        service = _text(asked, "service", MAX_SERVICE_CHARS)

        def do(later_s: float) -> Result:
            address, grams = asked.get("address"), asked.get("weight_grams")
            _check_parcel(address, grams)
            collects = asked.get("cash_on_delivery")
            _check_collects(collects)
            parcel = json.dumps([service, address, grams, collects], sort_keys=True)
            order, is_new = self._world.take(reference, service, parcel, later_s=later_s)
            if order.asked != parcel:
                message = "this reference has an order for another parcel"
                raise Refusal(HTTPStatus.CONFLICT, "REFERENCE_REUSED", message)
            answer = Answer(HTTPStatus.CREATED if is_new else HTTPStatus.OK, _body(order))
            return Result(answer, order if is_new else None)

        return Act("POST", reference, do)

    def _order(self, reference: str) -> Order:
        order = self._world.find(reference)
        if order is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "REFERENCE_UNKNOWN", "no order has this reference")
        return order

    def _found(self, reference: str) -> Answer:
        return Answer(HTTPStatus.OK, _body(self._order(reference)))

    def _label(self, reference: str) -> Answer:
        self._order(reference)
        return Answer(HTTPStatus.OK, _PDF)

    def _cancelled(self, reference: str) -> Answer:
        order = self._order(reference)
        if TrackingState.PICKED_UP in {step.state for step in self._world.steps(order)}:
            raise Refusal(HTTPStatus.CONFLICT, "GONE", "the parcel has gone already")
        self._world.move(order, TrackingState.CANCELLED)
        return Answer(HTTPStatus.OK, {"reference": reference})

    def _tracked(self, number: str) -> Answer:
        order = self._world.of_number(number)
        if order is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "AIRWAY_BILL_UNKNOWN", "no parcel has this number")
        events = [
            {"state": _word(step.state), "words": step.state.value, "time": step.time.isoformat()}
            for step in self._world.steps(order)
        ]
        return Answer(HTTPStatus.OK, {"events": events})


def _word(state: TrackingState) -> str:
    return state.value.replace(" ", "_")


def _body(order: Order) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "airway_bill": order.number,
        "service": order.service,
        "state": _word(order.state),
        "created": order.created_ms,
    }


def _reference(request: Request) -> str:
    reference = request.query.get("reference", "")
    if not reference:
        raise Refusal(HTTPStatus.BAD_REQUEST, "REFERENCE_MISSING", "name one reference")
    return reference


def _quotes(asked: dict[str, Any]) -> Answer:
    kilograms = max(1, -(-asked["weight_grams"] // 1_000))
    quotes = [
        {
            "service": service,
            "name": name,
            "price": {"currency_code": "IDR", "minor_units": rupiah * 100 * kilograms},
            "time": time,
            "collects": True,
        }
        for service, name, rupiah, time in (
            ("REG", "Regular", 10_000, "2-3"),
            ("YES", "Next day", 19_000, "1"),
        )
    ]
    return Answer(HTTPStatus.OK, {"quotes": quotes})


def _text(body: dict[str, Any], key: str, max_chars: int) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or len(value) > max_chars:
        raise malformed(f"{key} is a text of at most {max_chars} characters")
    return value


def _check_collects(collects: Any) -> None:
    """Refuses an amount that is none, or in a currency that its people do not carry."""
    if collects is None:
        return
    amount = collects.get("minor_units") if isinstance(collects, dict) else None
    if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        raise malformed("cash_on_delivery has minor_units above 0")
    if collects.get("currency_code") != "IDR":
        message = "rupiah are collected, nothing else"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "CURRENCY_REFUSED", message)


def _check_parcel(address: Any, grams: Any) -> None:
    """Refuses for good what the courier does not carry, or where it cannot go."""
    if not isinstance(address, dict):
        raise malformed("an order has weight_grams and address")
    check_weight(grams)
    check_filled("address", **{key: address.get(key) for key in ("recipient", "street", "city")})
    if address.get("country_code") not in {None, "", "ID"}:
        message = f"{address['country_code']}: only Indonesia is served"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "ADDRESS_REFUSED", message)
    check_postal_code(address.get("postal_code", ""))


SHAPE = Generic
