"""What a carrier's shape has to say: which request is what, and how answers and webhooks look."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import parse_qs

from clients.couriers.carrier import TrackingState
from clients.couriers.simulator import shapes
from clients.couriers.simulator.world import Order, World

MAX_WEIGHT_GRAMS = 50_000
_POSTAL_CODE_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Its body. Raises Refusal."""
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "the body is not JSON") from error
        if not isinstance(body, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", "the body is not an object")
        return body

    def form(self) -> dict[str, str]:
        """Its body, when it is a form."""
        return {key: values[0] for key, values in parse_qs(self.content.decode("utf-8", "replace")).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: a dictionary as JSON, bytes as they are."""

    status: HTTPStatus
    body: dict[str, Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 (an answer)
    """Says no."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Act:
    """What a request wants: of which kind, about which reference, and how it is done.

    `do` is told in how many seconds a new order gets its number. `made` is the order that it made or found.
    """

    kind: str
    reference: str
    do: Callable[[float], "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """What was done."""

    answer: Answer
    made: Order | None = None
    """The order, when it is new."""


class Shape(Protocol):
    """One carrier's words."""

    idempotent: ClassVar[bool]
    """Whether it knows a reference again when an order comes twice."""

    def __init__(self, world: World, keys: Mapping[str, str]) -> None:
        """`keys`: what requests have to bring, and what webhooks are signed with ("webhook")."""

    def act(self, request: Request) -> Act:
        """What the request wants. Raises Refusal."""

    def refused(self, refusal: Refusal) -> Answer:
        """How it says no."""

    def posted(self, order: Order, state: TrackingState, number: str | None) -> tuple[dict[str, str], bytes]:
        """A webhook's headers and body."""


def names() -> list[str]:
    """All shapes."""
    return sorted(module.name for module in pkgutil.iter_modules(shapes.__path__))


def shape_of(name: str) -> type[Shape]:
    """The shape of that name. Raises ValueError."""
    if name not in names():
        raise ValueError(f"there is no carrier {name!r}; there are {', '.join(names())}")
    module = importlib.import_module(f"{shapes.__name__}.{name}")
    return cast("type[Shape]", module.SHAPE)


def nowhere() -> Refusal:
    """No such page."""
    return Refusal(HTTPStatus.NOT_FOUND, "NO_SUCH_PAGE", "there is nothing here")


def malformed(message: str) -> Refusal:
    """A request that cannot be read."""
    return Refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", message)


def check_weight(grams: Any) -> int:
    """0: it is weighed at the pick-up. Raises Refusal."""
    if not isinstance(grams, int) or isinstance(grams, bool):
        raise malformed("a weight is a whole number of grams")
    if not 0 <= grams <= MAX_WEIGHT_GRAMS:
        message = f"{grams} g: up to {MAX_WEIGHT_GRAMS} g are carried"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "WEIGHT_REFUSED", message)
    return grams


def check_postal_code(postal_code: Any) -> None:
    """Raises Refusal for what is no postal code of Indonesia."""
    said = str(postal_code).strip()
    if not (said.isascii() and said.isdigit() and len(said) == _POSTAL_CODE_DIGITS):
        message = f"{said!r} is not a postal code of Indonesia"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "ADDRESS_REFUSED", message)


def check_filled(what: str, **values: Any) -> None:
    """Raises Refusal for what is missing."""
    if missing := [name for name, value in values.items() if not str(value or "").strip()]:
        message = f"the {what} lacks {', '.join(missing)}"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "ADDRESS_REFUSED", message)
