"""How windows name what the contract numbers, and how they say amounts of time."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from clients.desktop.texts import _, marked
from kasir.v1 import booking_pb2 as booking
from kasir.v1 import common_pb2 as common
from kasir.v1 import drop_order_pb2 as drop_order
from kasir.v1 import reconciliation_pb2 as bank
from kasir.v1 import shipping_pb2 as shipping

ORDER_STATES: dict[int, str] = {
    booking.ORDER_STATE_BOOKED: marked("unpaid"),
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
DROP_ORDER_STATES: dict[int, str] = {
    drop_order.DROP_ORDER_STATE_REQUESTED: marked("asked for"),
    drop_order.DROP_ORDER_STATE_HANDED_OVER: marked("on the desk"),
    drop_order.DROP_ORDER_STATE_BOOKED: marked("booked"),
    drop_order.DROP_ORDER_STATE_CONSUMED: marked("sold"),
    drop_order.DROP_ORDER_STATE_REJECTED: marked("rejected"),
    drop_order.DROP_ORDER_STATE_CANCELLED: marked("cancelled"),
    drop_order.DROP_ORDER_STATE_RETURN_DUE: marked("must go back"),
    drop_order.DROP_ORDER_STATE_RETURNED: marked("went back"),
}
DROP_ORDER_TINTS: dict[int, str] = {
    drop_order.DROP_ORDER_STATE_HANDED_OVER: "good",
    drop_order.DROP_ORDER_STATE_REJECTED: "bad",
    drop_order.DROP_ORDER_STATE_RETURN_DUE: "warning",
    drop_order.DROP_ORDER_STATE_CONSUMED: "muted",
    drop_order.DROP_ORDER_STATE_CANCELLED: "muted",
    drop_order.DROP_ORDER_STATE_RETURNED: "muted",
}
LABEL_STATES: dict[int, str] = {
    shipping.LABEL_STATE_DUE: marked("label not printed"),
    shipping.LABEL_STATE_QUEUED: marked("label at the printer"),
    shipping.LABEL_STATE_LABELLED: marked("labelled"),
}
AIRWAY_BILL_STATES: dict[int, str] = {
    shipping.AIRWAY_BILL_STATE_NONE: marked("none yet"),
    shipping.AIRWAY_BILL_STATE_REQUESTED: marked("asked for"),
    shipping.AIRWAY_BILL_STATE_FAILED: marked("the courier refused"),
    shipping.AIRWAY_BILL_STATE_UNKNOWN: marked("not known"),
}
PARCEL_TINTS: dict[int, str] = {
    shipping.AIRWAY_BILL_STATE_NONE: "muted",
    shipping.AIRWAY_BILL_STATE_REQUESTED: "warning",
    shipping.AIRWAY_BILL_STATE_FAILED: "bad",
    shipping.AIRWAY_BILL_STATE_UNKNOWN: "bad",
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
MUTATION_STATES: dict[int, str] = {
    bank.MUTATION_STATE_PENDING: marked("not posted yet"),
    bank.MUTATION_STATE_POSTED: marked("without a match"),
    bank.MUTATION_STATE_PROPOSED: marked("to be confirmed"),
    bank.MUTATION_STATE_CONFIRMED: marked("confirmed"),
    bank.MUTATION_STATE_IGNORED: marked("pays no order"),
}
MUTATION_TINTS: dict[int, str] = {
    bank.MUTATION_STATE_PENDING: "muted",
    bank.MUTATION_STATE_POSTED: "warning",
    bank.MUTATION_STATE_CONFIRMED: "good",
    bank.MUTATION_STATE_IGNORED: "muted",
}
DECISIONS: dict[int, str] = {
    bank.MATCH_DECISION_AUTO: marked("sure"),
    bank.MATCH_DECISION_SUGGESTED: marked("likely"),
    bank.MATCH_DECISION_AMBIGUOUS: marked("several fit"),
}
DECISION_TINTS: dict[int, str] = {
    bank.MATCH_DECISION_AUTO: "good",
    bank.MATCH_DECISION_SUGGESTED: "warning",
    bank.MATCH_DECISION_AMBIGUOUS: "bad",
}
# A deadline this near is shown in a colour, in seconds.
SOON_S = 30 * 60
URGENT_S = 5 * 60


def order_state(state: int) -> str:
    """Such as "partly paid"."""
    return _(ORDER_STATES.get(state, ""))


def drop_order_state(state: int) -> str:
    """Such as "on the desk"."""
    return _(DROP_ORDER_STATES.get(state, ""))


def label_state(state: int) -> str:
    """Such as "labelled"."""
    return _(LABEL_STATES.get(state, ""))


def airway_bill_state(state: int) -> str:
    """Such as "asked for"; empty where there is a number."""
    return _(AIRWAY_BILL_STATES.get(state, ""))


def channel(number: int) -> str:
    """Such as "Web shop"."""
    return _(CHANNELS.get(number, ""))


def mutation_state(mutation: bank.Mutation) -> str:
    """Such as "confirmed"; of a proposal how sure it is."""
    if mutation.state == bank.MUTATION_STATE_PROPOSED:
        return _(DECISIONS.get(mutation.proposal.decision, ""))
    return _(MUTATION_STATES.get(mutation.state, ""))


def mutation_tint(mutation: bank.Mutation) -> str:
    """The colour of that."""
    if mutation.state == bank.MUTATION_STATE_PROPOSED:
        return DECISION_TINTS.get(mutation.proposal.decision, "")
    return MUTATION_TINTS.get(mutation.state, "")


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
