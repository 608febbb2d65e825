"""What is told to a customer about an order, ready to paste into a chat."""

from functools import cache

from PySide6.QtWidgets import QApplication

from clients.common.money import show_money
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.times import zone_name
from clients.desktop.texts import _, marked
from clients.messages.texts import Wording
from kasir.v1 import booking_pb2 as booking
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order

# A message's template, and how it is called here
KINDS: tuple[tuple[str, str], ...] = (
    ("booking_confirmed", marked("Confirmation")),
    ("deadline_reminder", marked("Reminder")),
    ("payment_received", marked("Paid")),
    ("airway_bill", marked("Airway bill")),
    ("booking_expired", marked("Expired")),
    ("booking_cancelled", marked("Cancelled")),
    ("refund_due", marked("Money back")),
)
_FITTING = {
    booking.ORDER_STATE_BOOKED: "booking_confirmed",
    booking.ORDER_STATE_PARTLY_PAID: "deadline_reminder",
    booking.ORDER_STATE_PAID: "payment_received",
    booking.ORDER_STATE_SOLD: "airway_bill",
    booking.ORDER_STATE_HANDED_TO_COURIER: "airway_bill",
    booking.ORDER_STATE_DELIVERED: "airway_bill",
    booking.ORDER_STATE_CANCELLED: "booking_cancelled",
    booking.ORDER_STATE_EXPIRED: "booking_expired",
    booking.ORDER_STATE_REFUND_DUE: "refund_due",
    booking.ORDER_STATE_REFUNDED: "refund_due",
}


def fitting(order: Order) -> int:
    """The number of the kind that an order's state calls for."""
    names = [name for name, _words in KINDS]
    return names.index(_FITTING.get(order.state, "booking_confirmed"))


def of_kind(order_id: int, kind: str, language: str, shop: Shop) -> str:
    """A message as the customer would get it. Raises BadInput where there is nothing to tell, CallFailed."""
    order = shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order
    told = _wording(language).of_order(shop, order, kind)
    if kind == "airway_bill" and not told.facts["awb"]:
        raise BadInput("The parcel of this order has no airway bill yet.")
    return told.body


@cache
def _wording(language: str) -> Wording:
    return Wording(language)


def text(order_id: int, shop: Shop) -> str:
    """The order, the amount, where it goes and until when. Raises CallFailed."""
    return of_order(shop.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order, shop)


def of_order(order: Order, shop: Shop) -> str:
    """The same for an order that is known."""
    lines = [f"- {line.quantity} x {line.name}: {show_money(line.total)}" for line in order.lines]
    account = next((each for each in shop.accounts if each.bank_account_id == order.bank_account_id), None)
    told = [_("Order {number} for {name}").format(number=order.order_id, name=order.customer_name), *lines]
    if order.totals.shipping.minor_units:
        told.append(_("- Shipping: {amount}").format(amount=show_money(order.totals.shipping)))
    told.append(_("To pay, exactly: {amount}").format(amount=show_money(order.payable)))
    if account is not None:
        told.append(
            _("Into: {bank} {number}, {holder}").format(
                bank=account.bank, number=account.number, holder=account.holder
            )
        )
    if order.HasField("expire_time"):
        until = f"{shop.time(order.expire_time)} {zone_name(shop.utc_offset)}"
        told.append(_("Please pay until {time}.").format(time=until))
    return "\n".join(told)


def to_clipboard(words: str) -> None:
    """Puts them where Ctrl+V finds them."""
    QApplication.clipboard().setText(words)
