"""An order as it was typed, and what the server is asked with it."""

from dataclasses import dataclass, field

from clients.common.order_lines import account_id, order_line, to_the_customer
from clients.common.shop import Shop
from kasir.v1.booking_pb2 import BookingInput
from kasir.v1.common_pb2 import Address

# In the place of an account's number: paid otherwise.
NO_ACCOUNT = "-"


@dataclass(frozen=True)
class DraftLine:
    """One line as typed."""

    item_id: int
    quantity: int
    location_id: int
    discount: str = ""
    drop_order_id: int = 0


@dataclass(frozen=True)
class Draft:
    """The form's fields, untouched."""

    lines: tuple[DraftLine, ...]
    customer_id: int = 0
    name: str = ""
    phone: str = ""
    email: str = ""
    recipient: str = ""
    recipient_phone: str = ""
    address: Address = field(default_factory=Address)
    channel: int = 0
    courier_id: int = 0
    service: str = ""
    shipping: str = ""
    # An account's number, empty for the only one, NO_ACCOUNT
    account: str = ""
    until: str = ""
    note: str = ""


def booking_input(shop: Shop, draft: Draft) -> BookingInput:
    """What the server is asked. Raises BadInput for amounts and times that cannot be read."""
    lines = []
    for each in draft.lines:
        source = (
            {"drop_order_id": each.drop_order_id} if each.drop_order_id else {"location_id": each.location_id}
        )
        lines.append(order_line(shop, each.item_id, each.quantity, each.discount, **source))
    address = None
    if draft.address.ByteSize():
        address = Address()
        address.CopyFrom(draft.address)
        to_the_customer(address, draft.recipient, draft.recipient_phone, draft.name, draft.phone)
    return BookingInput(
        customer_id=draft.customer_id,
        customer_name=draft.name,
        customer_phone=draft.phone,
        customer_email=draft.email,
        address=address,
        lines=lines,
        channel=draft.channel,  # type: ignore[arg-type]
        shipping=shop.money(draft.shipping) if draft.shipping else None,
        courier_id=draft.courier_id,
        courier_service=draft.service,
        bank_account_id=0 if draft.account == NO_ACCOUNT else account_id(shop, draft.account),
        expire_time=shop.deadline(draft.until) if draft.until else None,
        note=draft.note,
    )
