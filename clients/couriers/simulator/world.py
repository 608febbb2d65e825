"""What a simulated carrier has: its orders and where their parcels are. Every access is under one lock."""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clients.couriers.carrier import TrackingState


@dataclass(frozen=True, slots=True)
class Step:
    """Where a parcel came to, and when."""

    state: TrackingState
    time: datetime


@dataclass(slots=True, eq=False)
class Order:
    """One order as the carrier has it."""

    reference: str
    order_id: str
    airway_bill: str
    """The number, from `number_from` on."""
    service: str
    asked: str
    """What was ordered, as it came: to tell a repeat from another parcel under the same reference."""
    created_ms: int
    number_from: float = 0.0
    """Monotonic; before, there is no number yet."""
    steps: list[Step] = field(default_factory=list)

    @property
    def number(self) -> str | None:
        """Its number, if it has one by now."""
        return self.airway_bill if time.monotonic() >= self.number_from else None

    @property
    def state(self) -> TrackingState:
        """Where its parcel is."""
        return self.steps[-1].state


class World:
    """One carrier's orders."""

    def __init__(self, *, idempotent: bool) -> None:
        """`idempotent` false: a second request makes a second order."""
        self.idempotent = idempotent
        self.lock = threading.Lock()
        self.orders: dict[str, list[Order]] = {}
        self.asked: dict[tuple[str, str], int] = {}
        self._by_id: dict[str, Order] = {}
        self._by_number: dict[str, Order] = {}

    def ask(self, kind: str, reference: str) -> int:
        """Counts a request; returns which one of its kind for its reference it is, from 1."""
        with self.lock:
            nth = self.asked.get((kind, reference), 0) + 1
            self.asked[kind, reference] = nth
            return nth

    def take(
        self, reference: str, service: str, asked: str, *, later_s: float = 0.0, id_prefix: str = ""
    ) -> tuple[Order, bool]:
        """Takes an order, or finds the one that the reference already has; whether it is new.

        It gets its number `later_s` from now.
        """
        with self.lock:
            orders = self.orders.setdefault(reference, [])
            if orders and self.idempotent:
                return orders[0], False
            number = self._number(reference)
            order = Order(
                reference,
                f"{id_prefix}{number.lower()}" if id_prefix else reference,
                number,
                service,
                asked,
                int(time.time() * 1000),
                time.monotonic() + later_s if later_s else 0.0,
                [Step(TrackingState.ORDERED, datetime.now(UTC))],
            )
            orders.append(order)
            self._by_id[order.order_id] = order
            self._by_number[number] = order
            return order, True

    def find(self, reference: str) -> Order | None:
        """The first order of a reference."""
        with self.lock:
            orders = self.orders.get(reference)
            return orders[0] if orders else None

    def of_id(self, order_id: str) -> Order | None:
        """The order of the carrier's own id."""
        with self.lock:
            return self._by_id.get(order_id)

    def of_number(self, airway_bill: str) -> Order | None:
        """The order of an airway bill that was told."""
        with self.lock:
            order = self._by_number.get(airway_bill)
        return order if order is not None and order.number else None

    def move(self, order: Order, state: TrackingState) -> Step:
        """The parcel comes somewhere."""
        step = Step(state, datetime.now(UTC))
        with self.lock:
            order.steps.append(step)
        return step

    def steps(self, order: Order) -> list[Step]:
        """Where its parcel was so far."""
        with self.lock:
            return list(order.steps)

    def all(self) -> list[Order]:
        """All orders, second ones too."""
        with self.lock:
            return [order for orders in self.orders.values() for order in orders]

    def _number(self, reference: str) -> str:
        """A number that no other order has; the same reference gets the same one in every run."""
        attempt = 0
        while True:
            digest = hashlib.blake2b(f"{reference}/{attempt}".encode(), digest_size=8).digest()
            airway_bill = f"JX{int.from_bytes(digest) % 10**10:010}"
            if airway_bill not in self._by_number:
                return airway_bill
            attempt += 1
