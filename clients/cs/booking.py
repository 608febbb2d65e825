"""Book Orders: made, looked at, extended, cancelled."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import command
from clients.common.numbers import id_argument
from clients.common.order_lines import account_id, order_line, to_the_customer
from clients.common.output import facts, state_number
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.specs import parse_line, parse_source
from clients.common.views import lines_table, order_view, orders_table, totals_pairs
from clients.cs.desk import ORDERS, app
from kasir.v1.booking_pb2 import (
    BookingInput,
    CancelBookingRequest,
    CancelBookingResponse,
    CreateBookingRequest,
    CreateBookingResponse,
    ExtendBookingRequest,
    ExtendBookingResponse,
    GetBookingRequest,
    GetBookingResponse,
    ListBookingsRequest,
    ListBookingsResponse,
    OrderLineInput,
    OrderState,
    QuoteBookingRequest,
    QuoteBookingResponse,
)
from kasir.v1.common_pb2 import Address, Channel
from kasir.v1.customer_pb2 import Customer
from kasir.v1.drop_order_pb2 import GetDropOrderRequest, GetDropOrderResponse
from kasir.v1.stock_pb2 import LOCATION_KIND_WAREHOUSE, GetHoldRequest, GetHoldResponse

# The options of `book`: many, since a Book Order says much at once.
DropOrders = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="N[~DISCOUNT]", help="A Drop Order on your desk; repeatable."),
]
Lines = Annotated[
    list[str] | None,
    typer.Option(
        "--line",
        metavar="CODE[xQTY][@LOCATION][~DISCOUNT]",
        help="Goods straight from stock; repeatable.",
    ),
]
Holds = Annotated[
    list[str] | None, typer.Option("--hold", metavar="N[~DISCOUNT]", help="A hold to use up; repeatable.")
]
From = Annotated[
    str, typer.Option("--from", metavar="LOCATION", help="Where lines without @LOCATION come from.")
]
KnownCustomer = Annotated[str, typer.Option("--customer", metavar="PHONE|#N", help="A known customer.")]
Name = Annotated[str, typer.Option(help="Name of a new customer.")]
Phone = Annotated[str, typer.Option(help="Phone of a new customer.")]
Email = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="The customer's e-mail address; kept, and takes the place of another."
    ),
]
Recipient = Annotated[str, typer.Option(help="Who receives the parcel, when another.")]
RecipientPhone = Annotated[str, typer.Option(help="The recipient's phone, when another.")]
Street = Annotated[str, typer.Option(help="Street, number, RT/RW. Without an address it is picked up.")]
District = Annotated[str, typer.Option(help="Kelurahan, kecamatan.")]
City = Annotated[str, typer.Option(help="City or regency.")]
Province = Annotated[str, typer.Option(help="Province.")]
PostalCode = Annotated[str, typer.Option(help="Postal code.")]
Country = Annotated[str, typer.Option(help="ISO 3166 code; ID when not said.")]
CourierCode = Annotated[str, typer.Option("--courier", metavar="CODE", help="Who takes the parcel.")]
Service = Annotated[str, typer.Option(help="The courier's service, like REG.")]
Shipping = Annotated[str, typer.Option(metavar="AMOUNT", help="Shipping cost.")]
Account = Annotated[
    str,
    typer.Option(
        "--account",
        envvar="KASIR_ACCOUNT",
        metavar="NUMBER|BANK",
        help="Where the customer transfers the money to; not needed if the only one.",
    ),
]
NoAccount = Annotated[bool, typer.Option("--no-account", help="Paid otherwise (marketplace, cash).")]
ChannelName = Annotated[
    str, typer.Option("--channel", help="chat, phone, email, web, marketplace or walk-in.")
]
PriceList = Annotated[str, typer.Option(help="Price list; retail when not said.")]
Until = Annotated[
    str, typer.Option(metavar="TIME", help="Payment deadline: 17:00, tomorrow 09:00, +3h; else the shop's.")
]
Note = Annotated[str, typer.Option(help="For staff.")]
Quote = Annotated[bool, typer.Option("--quote", help="Only say what it would cost; nothing is booked.")]


@command(
    app,
    "book",
    [
        """kasir cs book --drop 12 --name 'Sari Dewi' --phone 081234567890 \\
      --email sari@example.com --street 'Jl. Melati 5' --city Bandung --courier JNE --shipping 18.000""",
        "kasir cs book --line KOPI-01x2 --line GULA-5~2.000 --from GUDANG --customer 081234567890",
        "kasir cs book --line KOPI-01@TOKO --channel marketplace --no-account --until +2d",
        "kasir cs book --line KOPI-01x3 --quote",
    ],
    ORDERS,
)
def book(
    shop: Shop,
    drop: DropOrders = None,
    line: Lines = None,
    hold: Holds = None,
    from_: From = "",
    customer: KnownCustomer = "",
    name: Name = "",
    phone: Phone = "",
    email: Email = "",
    recipient: Recipient = "",
    recipient_phone: RecipientPhone = "",
    street: Street = "",
    district: District = "",
    city: City = "",
    province: Province = "",
    postal_code: PostalCode = "",
    country: Country = "",
    courier: CourierCode = "",
    service: Service = "",
    shipping: Shipping = "",
    account: Account = "",
    no_account: NoAccount = False,
    channel: ChannelName = "chat",
    price_list: PriceList = "",
    until: Until = "",
    note: Note = "",
    quote: Quote = False,
) -> None:
    """Set items aside for a customer until a payment deadline (a Book Order).

    Shows the totals, the unique code, what the customer has to transfer and until when. The order slip and
    the customer's message are queued. Either every line is claimed or none.
    """
    known = shop.customer(customer) if customer else Customer(name=name, phone=phone)
    typed = Address(
        street=street,
        district=district,
        city=city,
        province=province,
        postal_code=postal_code,
        country_code=country,
    )
    booking = BookingInput(
        customer_id=known.customer_id,
        customer_name=name,
        customer_phone=phone,
        customer_email=email,
        address=_address(typed, recipient, recipient_phone, known),
        lines=_lines(shop, drop or [], line or [], hold or [], from_),
        channel=state_number(Channel, channel, "CHANNEL"),
        price_list=price_list,
        shipping=shop.money(shipping) if shipping else None,
        courier_id=shop.courier(courier).courier_id if courier else 0,
        courier_service=service,
        bank_account_id=0 if no_account else account_id(shop, account),
        expire_time=shop.deadline(until) if until else None,
        note=note,
    )
    if quote:
        _quote(shop, booking)
        return
    request = CreateBookingRequest(booking=booking)
    reply = shop.call(request, CreateBookingResponse, note=f"book for {name or customer or 'a customer'}")
    shop.output.emit(reply, lambda: order_view(shop, reply.order))


def _address(typed: Address, recipient: str, phone: str, customer: Customer) -> Address | None:
    """The address as typed, to the customer unless somebody else is named; None when it is picked up."""
    if not (typed.street or typed.city):
        if typed.ByteSize() or recipient or phone:
            raise BadInput("An address needs at least --street and --city.")
        return None
    return to_the_customer(typed, recipient, phone, customer.name, customer.phone)


def _quote(shop: Shop, booking: BookingInput) -> None:
    reply = shop.call(QuoteBookingRequest(booking=booking), QuoteBookingResponse)
    pairs = totals_pairs(reply.totals)
    shop.output.emit(
        reply, lambda: Group(facts("Quote, without unique code", pairs), lines_table(shop, reply.lines))
    )


def _lines(
    shop: Shop, drops: Sequence[str], lines: Sequence[str], holds: Sequence[str], from_: str
) -> list[OrderLineInput]:
    """The order's lines, in the order typed: Drop Orders, holds, then goods from stock."""
    made = []
    for text in drops:
        number, discount = parse_source(text, "Drop Order")
        found = shop.call(GetDropOrderRequest(drop_order_id=number), GetDropOrderResponse).drop_order
        made.append(order_line(shop, found.item_id, found.quantity, discount, drop_order_id=number))
    for text in holds:
        number, discount = parse_source(text, "hold")
        held = shop.call(GetHoldRequest(hold_id=number), GetHoldResponse).hold
        made.append(order_line(shop, held.item_id, held.quantity, discount, hold_id=number))
    for text in lines:
        spec = parse_line(text)
        place = shop.location(spec.place or from_, LOCATION_KIND_WAREHOUSE)
        item_id = shop.item(spec.code).item.item_id
        made.append(order_line(shop, item_id, spec.quantity, spec.discount, location_id=place.location_id))
    if not made:
        raise BadInput("Say what is booked: --drop N for goods on your desk, or --line CODE from stock.")
    return made


@command(
    app,
    "bookings",
    [
        "kasir cs bookings",
        "kasir cs bookings --state booked",
        "kasir cs bookings --customer 081234567890 --json",
    ],
    ORDERS,
)
def bookings(
    shop: Shop,
    state: Annotated[
        str, typer.Option(help="Only these: booked, partly-paid, paid, sold, expired, refund-due, …")
    ] = "",
    customer: Annotated[
        str, typer.Option(metavar="PHONE|#N", help="Only this customer's; not with --state.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List Book Orders, newest first."""
    request = ListBookingsRequest(state=state_number(OrderState, state, "ORDER_STATE"))
    if customer:
        request.customer_id = shop.customer(customer).customer_id
    found = shop.pages(request, ListBookingsResponse, "orders", limit)
    shop.output.emit({"orders": found}, lambda: orders_table(shop, found, "Book Orders"))


@command(app, "show", ["kasir cs show 4711", "kasir cs show 4711 --json"], ORDERS)
def show(shop: Shop, order: Annotated[int, id_argument("The order's number.")]) -> None:
    """Show a Book Order: lines, totals, unique code, what is paid, deadline."""
    reply = shop.call(GetBookingRequest(order_id=order), GetBookingResponse)
    shop.output.emit(reply, lambda: order_view(shop, reply.order))


@command(
    app,
    "extend",
    ["kasir cs extend 4711 --until +2h", "kasir cs extend 4711 --until 'tomorrow 12:00'"],
    ORDERS,
)
def extend(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    until: Annotated[
        str, typer.Option(metavar="TIME", help="The new payment deadline: 17:00, tomorrow 09:00, +3h.")
    ],
) -> None:
    """Move the payment deadline of a Book Order."""
    deadline = shop.deadline(until)
    version = shop.call(GetBookingRequest(order_id=order), GetBookingResponse).order.version
    request = ExtendBookingRequest(order_id=order, version=version, expire_time=deadline)
    reply = shop.call(request, ExtendBookingResponse, note=f"extend order {order}")
    shop.output.emit(reply, lambda: orders_table(shop, [reply.order], "Extended"))


@command(app, "cancel", ["kasir cs cancel 4711 --reason 'changed her mind'", "kasir cs cancel 4711"], ORDERS)
def cancel(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Cancel a Book Order: the claim ends at once, goods on the desk wait for their return scan."""
    request = CancelBookingRequest(order_id=order, reason=reason)
    reply = shop.call(request, CancelBookingResponse, note=f"cancel order {order}")
    shop.output.emit(reply, lambda: orders_table(shop, [reply.order], "Cancelled"))
