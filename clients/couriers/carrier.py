"""What a carrier can be asked for, and what its answers mean, whichever carrier it is.

An answer says what is now known. Everything else (no connection, no answer in time, 429, 5xx, a body that
cannot be) is `Unclear`: the request may have been carried out or not. Nothing is ever repeated behind these
calls: whoever asks decides that, see clients.courier_agent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar, Protocol

from clients.common.at_the_door import at_the_door
from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Address, Money
from kasir.v1.shipping_pb2 import Parcel

# The contract's bound of an airway bill.
MAX_AIRWAY_BILL_CHARS = 50
MAX_ORDER_ID_CHARS = 100


class TrackingState(Enum):
    """Where a parcel is, in the order in which it usually goes there. Carriers' words map onto these."""

    ORDERED = "ordered"
    """The carrier has the order."""
    COURIER_ASSIGNED = "courier assigned"
    """Somebody is to fetch it."""
    PICKING_UP = "picking up"
    """On the way to the shop."""
    PICKED_UP = "picked up"
    """The carrier has the parcel."""
    IN_TRANSIT = "in transit"
    """Between the carrier's places."""
    OUT_FOR_DELIVERY = "out for delivery"
    """On the way to the customer."""
    ON_HOLD = "on hold"
    """Something is in the way: nobody at home, an address that is wrong. It may go on."""
    RETURNING = "returning"
    """On its way back to the shop."""
    DELIVERED = "delivered"
    """The customer has it."""
    RETURNED = "returned"
    """The shop has it again."""
    CANCELLED = "cancelled"
    """The order was taken back."""
    LOST = "lost"
    """Lost, damaged or disposed of: it will not come."""

    @property
    def is_final(self) -> bool:
        """Nothing comes after it."""
        return self in _FINAL


_FINAL = frozenset(
    {TrackingState.DELIVERED, TrackingState.RETURNED, TrackingState.CANCELLED, TrackingState.LOST}
)
_RANK = {state: rank for rank, state in enumerate(TrackingState)}


@dataclass(frozen=True, slots=True)
class Goods:
    """What is in a parcel, one line of its order."""

    name: str
    quantity: int
    value: Money
    """Of one unit."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel as a carrier has to know it."""

    reference: str
    """The same for every attempt; at the carrier it names the order."""
    service: str
    """In the carrier's words, e.g. "REG"; empty: the carrier's usual one."""
    address: Address
    weight_grams: int
    """0 when it was not weighed."""
    goods: tuple[Goods, ...] = ()
    collect: Money | None = None
    """To be collected at the door for the shop."""


def address_line(address: Address) -> str:
    """Where it goes, in one line, for carriers that take it so."""
    parts = (address.street, address.district, address.city, address.province)
    return ", ".join(part for part in parts if part)


def shipment_of(parcel: Parcel, order: Order) -> Shipment:
    """The parcel of an order."""
    goods = tuple(Goods(line.name, line.quantity, line.unit_price) for line in order.lines)
    return Shipment(
        parcel.courier_reference,
        parcel.courier_service,
        parcel.address,
        parcel.weight_grams,
        goods,
        at_the_door(order),
    )


@dataclass(frozen=True, slots=True)
class Ordered:
    """The carrier has the order."""

    reference: str
    order_id: str
    """The carrier's own name for it."""
    airway_bill: str = ""
    """Opaque; empty while the carrier has not given it yet."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier will never do this as it was asked."""

    words: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The carrier says that it has no such order."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The carrier had the order, and it was taken back: its number is none to send a parcel with."""

    reference: str
    order_id: str

    @property
    def words(self) -> str:
        """For people."""
        return f"the courier's order {self.order_id} was cancelled there"


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing is known: the request may have been carried out or not."""

    words: str
    retry_after_s: float = 0.0
    """How long the carrier asks to be left alone."""
    nothing_done: bool = False
    """The request surely came to nothing, and may be made again."""


@dataclass(frozen=True, slots=True)
class Done:
    """It was carried out."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What one service would cost."""

    service: str
    name: str
    price: Money
    time_words: str
    """How long it takes, in the carrier's words."""
    collects: bool
    """Whether it collects money at the door."""


@dataclass(frozen=True, slots=True)
class TrackEvent:
    """One step of a parcel."""

    state: TrackingState | None
    """None for a word of the carrier's that is none of ours: it is shown and moves nothing."""
    words: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label as the carrier prints it."""

    content: bytes
    suffix: str
    """"pdf", or "url" when the content is an address to fetch it from."""


@dataclass(frozen=True, slots=True)
class News:
    """What a webhook is about. It is a hint: what it says is asked for before it is believed."""

    reference: str = ""
    order_id: str = ""
    airway_bill: str = ""
    state: TrackingState | None = None


class NotGenuine(Exception):  # noqa: N818 (an outcome)
    """A webhook that was not signed as the carrier signs, or cannot be read."""


class Carrier(Protocol):
    """One carrier. For use by several threads at once."""

    asks_by_reference: ClassVar[bool]
    """Whether `find` can tell. Where it cannot, an order whose answer was lost is a question for a person,
    unless a webhook names it."""

    def close(self) -> None:
        """Closes the connections that are kept."""

    def quote(self, shipment: Shipment) -> Sequence[Quote] | Refused | Unclear:
        """What its services would cost."""

    def create(self, shipment: Shipment) -> Ordered | Cancelled | Refused | Unclear:
        """Orders the parcel's way to its address."""

    def find(self, reference: str) -> Ordered | Cancelled | Absent | Unclear:
        """Asks whether there is an order of this reference. Unclear where the carrier cannot be asked so."""

    def look(self, order_id: str) -> Ordered | Cancelled | Absent | Unclear:
        """Asks for an order by the carrier's own name for it: for its number, and its reference."""

    def cancel(self, order: Ordered) -> Done | Refused | Unclear:
        """Takes an order back."""

    def label(self, order: Ordered) -> LabelFile | Refused | Unclear:
        """The carrier's own label."""

    def track(self, airway_bill: str) -> Sequence[TrackEvent] | Absent | Unclear:
        """The steps of a parcel so far, in any order."""

    def webhook(self, headers: Mapping[str, str], body: bytes) -> News:
        """Reads what the carrier posted; names of headers are in lower case. Raises NotGenuine."""


def newest(events: Iterable[TrackEvent]) -> TrackEvent | None:
    """Where a parcel is: an end if there is one, else the step with the latest time, else the farthest.

    None when no step says where it is.
    """
    known = [each for each in events if each.state is not None]
    if not known:
        return None

    def order(event: TrackEvent) -> tuple[bool, float, int]:
        assert event.state is not None
        return event.state.is_final, event.time.timestamp() if event.time else 0.0, _RANK[event.state]

    return max(known, key=order)


def unread(events: Iterable[TrackEvent]) -> TrackEvent | None:
    """The latest step, where its words are none of ours and no known one is as late: a person has to read it.

    Until then nothing is recorded of the parcel, least of all that it arrived.
    """
    events = list(events)
    times = [each.time.timestamp() for each in events if each.state is not None and each.time]
    strange = [each for each in events if each.state is None and each.time]
    last = max(strange, key=lambda each: each.time.timestamp() if each.time else 0.0, default=None)
    if last is None or last.time is None or last.time.timestamp() <= max(times, default=0.0):
        return None
    return last


def has_arrived(events: Sequence[TrackEvent]) -> bool:
    """Whether the steps surely say so."""
    last = newest(events)
    return last is not None and last.state is TrackingState.DELIVERED and unread(events) is None


def unsupported(carrier: str, what: str) -> Refused:
    """The carrier's interface has no such request."""
    return Refused(f"{carrier} cannot be asked {what}")


def checked(
    reference: str, order_id: object, airway_bill: object, state: TrackingState | None = None
) -> Ordered | Cancelled | Unclear:
    """An order as the carrier told it, if its names can be ones. A missing number is one that comes later."""
    if not _is_name(order_id, MAX_ORDER_ID_CHARS):
        return Unclear("the answer does not name the order")
    if state is TrackingState.CANCELLED:
        return Cancelled(reference, str(order_id))
    if airway_bill in {None, ""}:
        return Ordered(reference, str(order_id))
    if not _is_name(airway_bill, MAX_AIRWAY_BILL_CHARS):
        return Unclear("the answer has no airway bill number that can be one")
    return Ordered(reference, str(order_id), str(airway_bill))


def _is_name(value: object, max_chars: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_chars and value.isprintable()
