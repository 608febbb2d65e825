"""Orders that money may be for, read page by page and searched as one types."""

import heapq
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from clients.common.money import minor_digits
from clients.common.numbers import parse_whole
from clients.common.problems import CallFailed
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.desktop.calls import Calls, Failure, failure_of
from kasir.v1 import booking_pb2 as booking
from kasir.v1.booking_pb2 import (
    GetBookingRequest,
    GetBookingResponse,
    ListBookingsRequest,
    ListBookingsResponse,
)

# Whose are asked for, in this order; of those that money came too late for, the newest page is enough: an
# older one is found by its number.
STATES = (booking.ORDER_STATE_BOOKED, booking.ORDER_STATE_PARTLY_PAID, booking.ORDER_STATE_EXPIRED)
# More are not looked through by eye.
FOUND_MAX = 500
# So many are looked through before it is asked whether other words were typed meanwhile.
CHUNK = 2_000
# Pages that come in are shown together, so that a list that is being read does not jump.
SHOWN_MS = 120
_WHOLE = frozenset({booking.ORDER_STATE_BOOKED, booking.ORDER_STATE_PARTLY_PAID})


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What of an order tells whether money is for it; a hundred thousand of them fit into memory."""

    order_id: int
    name: str
    phone: str
    state: int
    # Minor units
    payable: int
    left: int
    currency_code: str
    words: str


@dataclass(frozen=True)
class Read:
    """A page, and where the next one begins: the number of its state and its token; None at the end."""

    orders: tuple[OpenOrder, ...]
    next: tuple[int, str] | None


def read(at: tuple[int, str], shop: Shop) -> Read:
    """The page there."""
    number, token = at
    state = STATES[number]
    reply = shop.call(
        ListBookingsRequest(state=state, page_size=PAGE_SIZE_MAX, page_token=token), ListBookingsResponse
    )
    following = (
        (number, reply.next_page_token) if reply.next_page_token and state in _WHOLE else (number + 1, "")
    )
    orders = tuple(map(of_order, reply.orders))
    return Read(orders, following if following[0] < len(STATES) else None)


def read_one(order_id: int, shop: Shop) -> OpenOrder:
    """One by its number, whatever its state. Raises CallFailed."""
    return of_order(shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order)


def of_order(order: booking.Order) -> OpenOrder:
    """What is kept of one."""
    payable = order.payable.minor_units
    major = payable // 10 ** minor_digits(order.payable.currency_code)
    words = f"{order.order_id} {order.customer_name} {order.customer_phone} {major}".casefold()
    return OpenOrder(
        order.order_id,
        order.customer_name,
        order.customer_phone,
        order.state,
        payable,
        max(payable - order.paid.minor_units - order.written_off.minor_units, 0),
        order.payable.currency_code,
        words,
    )


def found(orders: Iterable[OpenOrder], query: str, minor_units: int) -> list[OpenOrder]:
    """Those that have all the words, the nearest to an amount first, FOUND_MAX at most.

    An amount may be typed as it is written: "Rp 108.401".
    """
    plain = re.sub(r"(?<=\d)[.](?=\d{3}(?!\d))", "", query.casefold())
    # A phone is kept with its country, and typed as it is dialled.
    words = [re.sub(r"^(?:0|\+62)(?=\d{5})", "", word) for word in plain.split() if word != "rp"]
    fitting = (each for each in orders if all(word in each.words for word in words))
    return nearest(fitting, minor_units)


def nearest(orders: Iterable[OpenOrder], minor_units: int) -> list[OpenOrder]:
    """The nearest to an amount first, the newest of those that are alike, FOUND_MAX at most."""
    return heapq.nsmallest(FOUND_MAX, orders, key=lambda each: (abs(each.left - minor_units), -each.order_id))


@dataclass(frozen=True)
class Looked:
    """What came of a search: those that fit, the one whose number was typed, whatever became of it, and why
    that one could not be read where it could not.
    """

    fitting: list[OpenOrder]
    named: list[OpenOrder]
    failure: Failure | None = None


class OrderSearch(QObject):
    """Reads the open orders page by page and looks through them beside the window, while they come."""

    # Those that fit, the best first
    found = Signal(object)
    # How many were read, and whether these are all
    read = Signal(int, bool)
    failed = Signal(Failure)

    def __init__(self, calls: Calls, minor_units: int, parent: QObject) -> None:
        """`minor_units`: the money whose order is looked for. `start` begins to read."""
        super().__init__(parent)
        self._calls = calls
        self._minor_units = minor_units
        self._orders: list[OpenOrder] = []
        self._words = ""
        self._fitting: list[OpenOrder] = []
        self._named: list[OpenOrder] = []
        # Where it is read on after a page could not be read
        self._unread: tuple[int, str] | None = (0, "")
        self._stop = threading.Event()
        self._looking = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SHOWN_MS)
        self._soon.timeout.connect(self._tell)

    def start(self) -> None:
        """Begins to read; where a page could not be read, once more from there."""
        at, self._unread = self._unread, None
        if at is not None:
            self._read(at)

    def look_for(self, words: str) -> None:
        """Looks through what was read, and from now on through what comes; earlier words are given up."""
        self.start()
        self._stop.set()
        self._stop = threading.Event()
        self._words, self._fitting, self._named = words, [], []
        self._looking = True
        self._soon.stop()
        work = partial(_looked_through, self._orders[:], words, self._minor_units, self._stop)
        self._calls.look(self, work, self._looked, self._not_looked, latest="found")

    def _read(self, at: tuple[int, str]) -> None:
        self._calls.look(self, partial(read, at), self._took, partial(self._not_read, at))

    def _not_read(self, at: tuple[int, str], failure: Failure) -> None:
        self._unread = at
        self.failed.emit(failure)

    def _took(self, page: Read) -> None:
        self._orders += page.orders
        self._add(found(page.orders, self._words, self._minor_units))
        self.read.emit(len(self._orders), page.next is None)
        if page.next is not None:
            self._read(page.next)

    def _add(self, fitting: Sequence[OpenOrder]) -> None:
        merged = nearest([*self._fitting, *fitting], self._minor_units)
        if merged != self._fitting:
            self._fitting = merged
            if not self._looking and not self._soon.isActive():
                self._soon.start()

    def _looked(self, looked: Looked | None) -> None:
        if looked is None:
            return
        self._looking = False
        self._named = looked.named
        # Pages that came meanwhile were looked through as they came.
        self._fitting = nearest([*self._fitting, *looked.fitting], self._minor_units)
        if looked.failure is not None:
            self.failed.emit(looked.failure)
        self._tell()

    def _not_looked(self, failure: Failure) -> None:
        self._looking = False
        self.failed.emit(failure)

    def _tell(self) -> None:
        named = {each.order_id for each in self._named}
        self.found.emit([*self._named, *(each for each in self._fitting if each.order_id not in named)])


def _looked_through(
    orders: Sequence[OpenOrder], words: str, minor_units: int, stop: threading.Event, shop: Shop
) -> Looked | None:
    """None when other words were typed meanwhile."""
    fitting: list[OpenOrder] = []
    for chunk in _chunks(orders):
        if stop.is_set():
            return None
        fitting = nearest([*fitting, *found(chunk, words, minor_units)], minor_units)
    number = parse_whole(words.strip())
    try:
        return Looked(fitting, _numbered(number, orders, shop) if number else [])
    except CallFailed as failed:
        return Looked(fitting, [], failure_of(failed, shop))


def _chunks(orders: Sequence[OpenOrder]) -> Iterator[Sequence[OpenOrder]]:
    return (orders[start : start + CHUNK] for start in range(0, len(orders), CHUNK))


def _numbered(number: int, orders: Sequence[OpenOrder], shop: Shop) -> list[OpenOrder]:
    if known := [each for each in orders if each.order_id == number]:
        return known
    try:
        return [read_one(number, shop)]
    except CallFailed as failed:
        if not failed.settled:
            raise
        return []
