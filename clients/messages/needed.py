"""Whether a message still tells what holds: it may wait for hours, and its order goes on."""

import time

from clients.common.output import state_words
from clients.common.shop import Shop
from kasir.v1.booking_pb2 import ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID, OrderState
from kasir.v1.customer_pb2 import (
    MESSAGE_KIND_BOOKING_CONFIRMED,
    MESSAGE_KIND_DEADLINE_REMINDER,
    MESSAGE_STATE_FAILED,
    Message,
)

# Kinds that ask for money.
_ASKING = frozenset({MESSAGE_KIND_BOOKING_CONFIRMED, MESSAGE_KIND_DEADLINE_REMINDER})
_OPEN = frozenset({ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID})
# What the report of such a message begins with: the contract knows it as FAILED.
_MARK = "not needed: "


def why_not_needed(shop: Shop, message: Message) -> str:
    """What a report says of a message that would ask for what is not to be paid any more; empty while it is.

    A deadline that was moved is reminded of anew; a confirmation comes once, and tells the one that holds.
    Raises CallFailed when the order cannot be read.
    """
    if message.kind not in _ASKING:
        return ""
    order = shop.order_by_id(message.order_id)
    deadline_ms = order.expire_time.ToMilliseconds()
    if order.state not in _OPEN:
        return f"{_MARK}the order is {state_words(OrderState, order.state, 'ORDER_STATE')}"
    told_ms = int(message.facts.get("expire_ms", "0"))
    if message.kind == MESSAGE_KIND_DEADLINE_REMINDER and deadline_ms != told_ms:
        return f"{_MARK}its deadline was moved"
    if deadline_ms <= time.time() * 1000:
        return f"{_MARK}its deadline has passed"
    return ""


def is_not_needed(message: Message) -> bool:
    """Whether a message was let go because nobody needed it any more."""
    return message.state == MESSAGE_STATE_FAILED and message.detail.startswith(_MARK)
