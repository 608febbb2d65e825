"""How windows name what the contract numbers, and how they say amounts of time."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from clients.desktop.texts import _, marked
from kasir.v1 import booking_pb2 as booking
from kasir.v1 import common_pb2 as common

ORDER_STATES: dict[int, str] = {
    booking.ORDER_STATE_BOOKED: marked("waits for payment"),
    booking.ORDER_STATE_PARTLY_PAID: marked("partly paid"),
    booking.ORDER_STATE_PAID: marked("paid"),
    booking.ORDER_STATE_SOLD: marked("sold"),
    booking.ORDER_STATE_HANDED_TO_COURIER: marked("with the courier"),
    booking.ORDER_STATE_DELIVERED: marked("delivered"),
    booking.ORDER_STATE_CANCELLED: marked("cancelled"),
    booking.ORDER_STATE_EXPIRED: marked("expired"),
    booking.ORDER_STATE_REFUND_DUE: marked("refund due"),
    booking.ORDER_STATE_REFUNDED: marked("refunded"),
}
ORDER_TINTS: dict[int, str] = {
    booking.ORDER_STATE_PAID: "good",
    booking.ORDER_STATE_PARTLY_PAID: "warning",
    booking.ORDER_STATE_REFUND_DUE: "bad",
    booking.ORDER_STATE_CANCELLED: "muted",
    booking.ORDER_STATE_EXPIRED: "muted",
    booking.ORDER_STATE_REFUNDED: "muted",
}
CHANNELS: dict[int, str] = {
    common.CHANNEL_CHAT: marked("Chat"),
    common.CHANNEL_PHONE: marked("Phone call"),
    common.CHANNEL_EMAIL: marked("E-mail"),
    common.CHANNEL_WEB: marked("Web shop"),
    common.CHANNEL_MARKETPLACE: marked("Marketplace"),
    common.CHANNEL_WALK_IN: marked("In person"),
    common.CHANNEL_TILL: marked("Till"),
}
# A deadline this near is shown in a colour, in seconds.
SOON_S = 30 * 60
URGENT_S = 5 * 60


def order_state(state: int) -> str:
    """Such as "partly paid"."""
    return _(ORDER_STATES.get(state, ""))


def channel(number: int) -> str:
    """Such as "Web shop"."""
    return _(CHANNELS.get(number, ""))


def seconds_until(stamp: Timestamp) -> float:
    """From now; negative for what is past."""
    return (stamp.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()


def time_left(seconds: float) -> str:
    """Says "2 d 3 h", "1 h 05 min", "04:59"; that it is over."""
    if seconds <= 0:
        return _("over")
    whole = int(seconds)
    if whole >= 86_400:
        return _("{days} d {hours} h").format(days=whole // 86_400, hours=whole % 86_400 // 3600)
    if whole >= 3600:
        return _("{hours} h {minutes:02d} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)
    return f"{whole // 60:02d}:{whole % 60:02d}"


def urgency(seconds: float) -> str:
    """The colour in which a deadline is shown."""
    if seconds <= URGENT_S:
        return "bad"
    return "warning" if seconds <= SOON_S else ""
