"""Carts and shifts in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import command
from clients.common.money import parse_money, show_amount, show_money
from clients.common.numbers import id_option, parse_id
from clients.common.output import facts, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.specs import parse_scan, parse_tender
from clients.common.views import lines_table, sale_view, shift_view, shifts_table, totals_pairs
from clients.till.cart import Cart, CartLine, Permission
from clients.till.counting import Report
from clients.till.group import (
    CART,
    SHIFT,
    ApprovedBy,
    Pin,
    TillArgument,
    TillOption,
    app,
    at_till,
    permission,
    say_waits,
)
from clients.till.paying import check_own
from clients.till.till import Till
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_CREDIT,
    TENDER_KIND_POINTS,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Tender,
    TenderKind,
)
from kasir.v1.till_pb2 import (
    GetShiftRequest,
    GetShiftResponse,
    ListShiftsRequest,
    ListShiftsResponse,
    QuoteTillSaleResponse,
)

# In the place of an amount: what the other payments leave.
EXACT = "exact"

ScanOption = Annotated[
    list[str],
    typer.Option(
        "--scan", metavar="CODE[xQTY][~DISCOUNT]", help="What is in the cart; repeatable.", show_default=False
    ),
]
CustomerOption = Annotated[
    str, typer.Option("--customer", metavar="PHONE|#N", help="A known customer, for the points.")
]
PriceList = Annotated[str, typer.Option("--price-list", help="Price list; retail when not said.")]


@command(app, "tills", ["kasir till tills", "kasir till tills --json"], SHIFT)
def tills(shop: Shop) -> None:
    """List the tills, and which have an open shift."""
    rows = (
        (each.code, shop.location_code(each.location_id), str(each.open_shift_id or "closed"))
        for each in shop.tills
    )
    shop.output.emit({"tills": shop.tills}, lambda: table("Tills", ("Till", "Location", "Open shift"), rows))


@command(
    app,
    "open",
    ["kasir till open KASIR-1 --cash 200.000", "KASIR_TILL=KASIR-1 kasir till open --cash 0"],
    SHIFT,
)
def open_(
    shop: Shop,
    till: TillArgument = "",
    *,
    cash: Annotated[str, typer.Option(metavar="AMOUNT", help="Cash counted in the drawer.")],
) -> None:
    """Open a shift with counted cash."""
    with at_till(shop, till) as (here, at):
        _show_shift(here, at, at.open_shift(here.money(cash)))
        at.keep_up()


@command(app, "quote", ["kasir till quote --scan 8991234567891x2 --scan GULA-5~500"], CART)
def quote(
    shop: Shop,
    scan: ScanOption,
    till: TillOption = "",
    customer: CustomerOption = "",
    price_list: PriceList = "",
) -> None:
    """Say what a cart costs. Nothing is sold."""
    with at_till(shop, till) as (here, at):
        made = _cart(shop, at, scan, customer, price_list, None)
        quote = at.quote(made)
        reply = QuoteTillSaleResponse(lines=quote.priced.lines, totals=quote.priced.totals)
        pairs = totals_pairs(reply.totals)
        shop.output.emit(reply, lambda: Group(facts("Cart", pairs), lines_table(here, reply.lines)))
        say_waits(shop, at)


@command(
    app,
    "sell",
    [
        "kasir till sell --scan 8991234567891x2 --scan GULA-5 --cash 100.000",
        "kasir till sell --till KASIR-1 --scan KOPI-01 --card APPR-88121",
        "kasir till sell --scan KOPI-01x3 --qr 50.000=QRIS-5512 --cash exact",
    ],
    CART,
)
def sell(
    shop: Shop,
    scan: Annotated[
        list[str] | None,
        typer.Option("--scan", metavar="CODE[xQTY][~DISCOUNT]", help="What is in the cart; repeatable."),
    ] = None,
    cash: Annotated[
        str, typer.Option(metavar="AMOUNT|exact", help="Cash given; 'exact' is what is left to pay.")
    ] = "",
    card: Annotated[
        list[str] | None,
        typer.Option(metavar="[AMOUNT=]REF", help="Card, with the terminal's approval code; repeatable."),
    ] = None,
    qr: Annotated[
        list[str] | None, typer.Option(metavar="[AMOUNT=]REF", help="QRIS, with its reference; repeatable.")
    ] = None,
    transfer: Annotated[
        list[str] | None,
        typer.Option(metavar="[AMOUNT=]REF", help="Bank transfer, with its reference; repeatable."),
    ] = None,
    points: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Worth of the customer's points to redeem.")
    ] = "",
    credit: Annotated[str, typer.Option(metavar="AMOUNT", help="Of the customer's credit.")] = "",
    till: TillOption = "",
    customer: CustomerOption = "",
    price_list: PriceList = "",
    cart: Annotated[int, typer.Option(metavar="N", help="A cart that was set aside.")] = 0,
    approved_by: ApprovedBy = "",
    pin: Pin = "",
) -> None:
    """Sell a cart: stock falls at once, the receipt is printed, the change is shown.

    A payment without an amount pays what the others leave; there can be one such. While the line to the
    server is down the till sells what it has leased; the sale is kept on this machine and sent when the line
    is back.
    """
    given = _given(cash, card or [], qr or [], transfer or [], points, credit)
    with at_till(shop, till) as (here, at):
        made = at.recall(cart) if cart else Cart()
        allowed = permission(at, approved_by, pin)
        fill(shop, at, made, scan or [], allowed)
        made.customer_id = _who(shop, customer, made.customer_id)
        made.price_list = price_list or made.price_list
        if not made.lines:
            raise BadInput("There is nothing to sell: --scan CODE, or --cart N for one set aside.")
        tenders = _tenders(here, at, made, given)
        sold = at.sell(made, tenders, beyond_lease=allowed)
        value = {"sale": sold.sale, "offline": not sold.online, "receipt": sold.entry.receipt}
        shop.output.emit(value, lambda: sale_view(here, sold.sale))
        say_waits(shop, at)
        if at.leases.due(at.now_ms()):
            at.keep_up()


@dataclass(frozen=True)
class Given:
    """A payment as typed; an empty amount is what the others leave."""

    kind: TenderKind.ValueType
    amount: str
    reference: str = ""


def _cart(
    shop: Shop, till: Till, scans: Sequence[str], customer: str, price_list: str, allowed: Permission | None
) -> Cart:
    made = Cart(customer_id=_who(shop, customer, 0), price_list=price_list)
    fill(shop, till, made, scans, allowed)
    return made


def _who(shop: Shop, customer: str, known: int) -> int:
    """A customer's number; one that is named by it needs no line."""
    if not customer:
        return known
    return (
        parse_id(customer[1:], "customer")
        if customer.startswith("#")
        else shop.customer(customer).customer_id
    )


def fill(shop: Shop, till: Till, cart: Cart, scans: Sequence[str], allowed: Permission | None) -> None:
    """Puts what was typed into the cart. The line up, the server says what a code means. A discount that
    nobody allowed is the cashier's own. Raises BadInput, CallFailed.
    """
    currency = till.settings.currency_code
    for text in scans:
        spec = parse_scan(text)
        if till.line_may_be_up():
            item = till.catalogue.keep(shop.item(spec.code).item)
        else:
            item = till.find(spec.code)
        discount = parse_money(spec.discount, currency).minor_units if spec.discount else 0
        if not discount:
            cart.add(item.item_id, spec.quantity)
            continue
        cart.lines.append(CartLine(item.item_id, spec.quantity))
        cart.discount(len(cart.lines) - 1, discount, allowed or till.own())


def _given(
    cash: str, card: Sequence[str], qr: Sequence[str], transfer: Sequence[str], points: str, credit: str
) -> list[Given]:
    """The payments as typed, in the order of the receipt. Raises BadInput when there are none."""
    given = []
    if cash:
        given.append(Given(TENDER_KIND_CASH, "" if cash == EXACT else cash))
    by_reference = ((TENDER_KIND_CARD, card), (TENDER_KIND_QR, qr), (TENDER_KIND_TRANSFER, transfer))
    given.extend(Given(kind, *parse_tender(text)) for kind, texts in by_reference for text in texts)
    for kind, amount in ((TENDER_KIND_POINTS, points), (TENDER_KIND_CREDIT, credit)):
        if amount:
            given.append(Given(kind, amount))
    return given


def _tenders(shop: Shop, till: Till, cart: Cart, given: Sequence[Given]) -> list[Tender]:
    """Puts amounts to the payments: the one without takes what is left. What costs nothing needs none."""
    if not given:
        if not till.quote(cart).priced.totals.total.minor_units:
            return []
        raise BadInput("Say how it is paid: --cash AMOUNT, --card REF, --qr REF, --transfer REF, …")
    for each in given:
        minor = shop.payment(each.amount).minor_units if each.amount else 0
        check_own(each.kind, minor, cart.customer_id, shop.settings)
    named = sum(shop.payment(each.amount).minor_units for each in given if each.amount)
    open_ones = [each for each in given if not each.amount]
    if len(open_ones) > 1:
        raise BadInput("Two payments have no amount; write AMOUNT=REFERENCE for all but one.")
    rest = Money()
    if open_ones:
        total = till.quote(cart).priced.totals.total
        rest = Money(currency_code=total.currency_code, minor_units=total.minor_units - named)
        if total.minor_units == 0:
            raise BadInput("The cart costs nothing, and a sale has something to pay: take less off.")
        if rest.minor_units <= 0:
            paid = show_amount(named, total.currency_code)
            raise BadInput(
                "{paid} pay the total of {total} already; leave the other payment out.",
                paid=paid,
                total=show_money(total),
            )
    return [
        Tender(
            kind=each.kind, amount=shop.money(each.amount) if each.amount else rest, reference=each.reference
        )
        for each in given
    ]


@command(app, "cash-in", ["kasir till cash-in 100.000 --reason 'small change from the bank'"], SHIFT)
def cash_in(
    shop: Shop,
    amount: Annotated[str, typer.Argument(help="How much.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    till: TillOption = "",
) -> None:
    """Record cash put into the drawer."""
    _move_cash(shop, till, amount, reason, 1)


@command(app, "cash-out", ["kasir till cash-out 50.000 --reason 'parking, receipt 12'"], SHIFT)
def cash_out(
    shop: Shop,
    amount: Annotated[str, typer.Argument(help="How much.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    till: TillOption = "",
) -> None:
    """Record cash taken from the drawer."""
    _move_cash(shop, till, amount, reason, -1)


def _move_cash(shop: Shop, till: str, amount: str, reason: str, sign: int) -> None:
    with at_till(shop, till) as (here, at):
        money = here.payment(amount)
        money.minor_units *= sign
        _show_shift(here, at, at.move_cash(money, reason))


def _show_shift(shop: Shop, till: Till, report: Report) -> None:
    """A report, with what is not in it yet."""
    value = {"shift": report.shift, "offline": not report.online, "waits": report.waits}
    unbooked = (
        show_amount(report.unbooked_minor, till.settings.currency_code) if report.unbooked_minor else ""
    )
    pairs = [("Cash of refused sales", unbooked)]
    view = shift_view(shop, report.shift)
    shop.output.emit(value, lambda: Group(view, facts("Beside it", pairs)) if unbooked else view)
    say_waits(shop, till)


@command(app, "x", ["kasir till x", "kasir till x KASIR-1", "kasir till x --shift 7 --json"], SHIFT)
def x(
    shop: Shop,
    till: TillArgument = "",
    shift: Annotated[int | None, id_option("--shift", "A shift by its number, closed ones too.")] = None,
) -> None:
    """Show the shift as it stands (X report). On paper: kasir print shift-report."""
    if shift:
        reply = shop.call(GetShiftRequest(shift_id=shift), GetShiftResponse)
        shop.output.emit(reply, lambda: shift_view(shop, reply.shift))
        return
    with at_till(shop, till) as (here, at):
        _show_shift(here, at, at.x())


@command(
    app,
    "close",
    ["kasir till close --cash 1.254.000", "kasir till close KASIR-1 --cash 'Rp 1.254.000'"],
    SHIFT,
)
def close(
    shop: Shop,
    till: TillArgument = "",
    *,
    cash: Annotated[str, typer.Option(metavar="AMOUNT", help="Cash counted in the drawer.")],
) -> None:
    """Close the shift with counted cash (Z report). The difference is recorded."""
    with at_till(shop, till) as (here, at):
        _show_shift(here, at, at.close_shift(here.money(cash)))


@command(app, "shifts", ["kasir till shifts", "kasir till shifts --limit 5 --json"], SHIFT)
def shifts(shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20) -> None:
    """List shifts, newest first."""
    found = shop.pages(ListShiftsRequest(), ListShiftsResponse, "shifts", limit)
    shop.output.emit({"shifts": found}, lambda: shifts_table(shop, found))
