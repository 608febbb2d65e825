"""Orders that money may be for, read page by page and searched as one types."""

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass

from clients.common.money import minor_digits
from clients.common.shop import PAGE_SIZE_MAX, Shop
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
    fitting = [each for each in orders if all(word in each.words for word in words)]
    return heapq.nsmallest(
        FOUND_MAX, fitting, key=lambda each: (abs(each.left - minor_units), -each.order_id)
    )
