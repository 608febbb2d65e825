"""Goods given back, in the terminal."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import command
from clients.common.numbers import parse_whole
from clients.common.output import facts
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import left_table, refund_view, tenders_words
from clients.till.group import CART, ApprovedBy, Pin, TillOption, app, at_till, permission, say_waits
from clients.till.refunds import UNANSWERED, Refunds, Wanted
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_CREDIT,
    TENDER_KIND_QR,
    TENDER_KIND_TRANSFER,
    Sale,
    TenderKind,
)
from kasir.v1.till_pb2 import RefundLineInput

_LINE = re.compile(r"(?P<line>[0-9]+)(?:[x*](?P<quantity>[0-9]+))?")
Way = tuple[TenderKind.ValueType, str]


@command(
    app,
    "refund",
    [
        "kasir till refund KASIR-1-7QXM-42",
        "kasir till refund KASIR-1-7QXM-42 --line 1x2 --cash --quote",
        "kasir till refund KASIR-1-7QXM-42 --line 1 --damaged 2x1 --cash --reason torn --approved-by budi",
        "kasir till refund KASIR-1-7QXM-42 --all --card RF-5512 --reason 'wrong size' --approved-by budi",
        "kasir till refund --again",
    ],
    CART,
)
def refund(
    shop: Shop,
    receipt: Annotated[
        str, typer.Argument(help="The number on the receipt, of whichever till; or the sale's.")
    ] = "",
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE[xQTY]", help="Comes back and can be sold again; repeatable."),
    ] = None,
    damaged: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE[xQTY]", help="Comes back and is written off; repeatable."),
    ] = None,
    card: Annotated[str, typer.Option(metavar="REF", help="Paid back to the card: its reference.")] = "",
    qr: Annotated[str, typer.Option(metavar="REF", help="Paid back by QRIS: its reference.")] = "",
    transfer: Annotated[str, typer.Option(metavar="REF", help="Paid back by transfer: its reference.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    approved_by: ApprovedBy = "",
    pin: Pin = "",
    till: TillOption = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that the sale still has.")] = False,
    cash: Annotated[bool, typer.Option("--cash", help="Paid out of the drawer.")] = False,
    credit: Annotated[bool, typer.Option("--credit", help="Becomes the customer's credit.")] = False,
    quote: Annotated[bool, typer.Option("--quote", help="Only say what it comes to.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask again where the answer was lost.")] = False,
) -> None:
    """Give goods of a till's sale back. With a receipt alone: show what can still be given back.

    Needs the line to the server. Lines are numbered as shown; without a quantity all that is left of one
    comes back. What points paid goes back as points first.
    """
    with at_till(shop, till) as (here, at):
        refunds = Refunds(at)
        if again:
            made = refunds.ask_again()
            shop.output.emit(
                {"refund": made}, lambda: refund_view(here, made) if made else "Nothing waits for an answer."
            )
            return
        if refunds.unanswered() is not None:
            raise BadInput("{words} kasir till refund --again.", words=UNANSWERED)
        sale = refunds.find(receipt)
        lines = _lines(sale, line or [], damaged or [], everything=everything)
        if not lines:
            paid = facts("", [("Paid", tenders_words(sale.tenders))])
            shop.output.emit({"sale": sale}, lambda: Group(left_table(here, sale), paid))
            return
        kind, reference = _way(card, qr, transfer, cash=cash, credit=credit)
        wanted = Wanted(sale.sale_id, lines, kind, reference)
        if quote:
            quoted = refunds.quote(wanted)
            shop.output.emit({"refund": quoted}, lambda: refund_view(here, quoted))
            return
        if not approved_by:
            raise BadInput("Say who allows it: --approved-by NAME.")
        made = refunds.give(wanted, reason, permission(at, approved_by, pin))
        shop.output.emit({"refund": made}, lambda: refund_view(here, made))
        say_waits(shop, at)


def _lines(
    sale: Sale, lines: Sequence[str], damaged: Sequence[str], *, everything: bool
) -> list[RefundLineInput]:
    """What was typed, by the numbers that are shown. Raises BadInput."""
    left = [line.quantity for line in sale.lines]
    for place, back in enumerate(sale.refunded):
        left[place] -= back.quantity
    if everything:
        if lines or damaged:
            raise BadInput("Say --all, or which lines.")
        return [RefundLineInput(line=place, quantity=units) for place, units in enumerate(left) if units]
    return [_line(text, left, damaged=False) for text in lines] + [
        _line(text, left, damaged=True) for text in damaged
    ]


def _line(text: str, left: Sequence[int], *, damaged: bool) -> RefundLineInput:
    match = _LINE.fullmatch(text.strip())
    number = parse_whole(match["line"]) if match else None
    if match is None or not number or number > len(left):
        raise BadInput("'{text}' is no line of this sale: write LINE or LINExQUANTITY.", text=text)
    units = parse_whole(match["quantity"]) if match["quantity"] else left[number - 1]
    if not units:
        raise BadInput("'{text}': nothing of it is left to give back.", text=text)
    return RefundLineInput(line=number - 1, quantity=units, damaged=damaged)


def _way(card: str, qr: str, transfer: str, *, cash: bool, credit: bool) -> Way:
    """How the money goes out. Raises BadInput."""
    ways: list[Way] = [
        (kind, reference)
        for kind, reference in (
            (TENDER_KIND_CARD, card),
            (TENDER_KIND_QR, qr),
            (TENDER_KIND_TRANSFER, transfer),
        )
        if reference
    ]
    ways += [(TENDER_KIND_CASH, "")] if cash else []
    ways += [(TENDER_KIND_CREDIT, "")] if credit else []
    if len(ways) != 1:
        raise BadInput("Say how it is paid back: --cash, --card REF, --qr REF, --transfer REF or --credit.")
    return ways[0]
