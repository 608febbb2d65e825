"""What is told to a customer about an order, ready to paste into a chat."""

from PySide6.QtWidgets import QApplication

from clients.common.money import show_money
from clients.common.shop import Shop
from clients.common.times import zone_name
from clients.desktop.texts import _
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order


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
