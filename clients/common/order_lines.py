"""What a Book Order asks for, as the server wants to hear it."""

from typing import Any

from clients.common.shop import Shop
from kasir.v1.booking_pb2 import OrderLineInput
from kasir.v1.common_pb2 import Address


def order_line(shop: Shop, item_id: int, quantity: int, discount: str, **source: Any) -> OrderLineInput:
    """One line; `source` is its location_id, drop_order_id or hold_id, the discount an amount as typed.
    Raises BadInput.
    """
    line = OrderLineInput(item_id=item_id, quantity=quantity, **source)
    if discount:
        line.discount.CopyFrom(shop.money(discount))
    return line


def account_id(shop: Shop, name: str) -> int:
    """The account named; without a name the only one, and none where the shop has none. Raises BadInput."""
    return shop.account(name).bank_account_id if name or shop.accounts else 0


def to_the_customer(typed: Address, recipient: str, phone: str, name: str, customer_phone: str) -> Address:
    """The address as typed, to the customer unless somebody else is named."""
    typed.recipient = recipient or name
    typed.phone = phone or customer_phone
    return typed
