"""What a courier collects at the door for the shop (RecordPaymentRequest.method)."""

from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Money

# How such a payment is recorded.
COD = "cod"


def at_the_door(order: Order) -> Money | None:
    """What the courier is to collect: all that was recorded as "cod"; None when that is nothing."""
    owed = sum(each.amount.minor_units for each in order.allocations if each.method.casefold() == COD)
    return Money(currency_code=order.payable.currency_code, minor_units=owed) if owed else None
