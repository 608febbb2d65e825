"""What the till keeps, in the terminal: what waits, exceptions, the lease, carts, the catalogue."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType

from clients.common.commands import command
from clients.common.money import show_amount
from clients.common.numbers import id_argument
from clients.common.output import facts, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.specs import parse_stock_line
from clients.common.times import parse_duration
from clients.common.views import sale_view
from clients.till import prices
from clients.till.cart import Cart
from clients.till.group import (
    CART,
    LINE,
    ApprovedBy,
    Pin,
    TillOption,
    app,
    at_till,
    permission,
    say_waits,
)
from clients.till.journal import Entry, Matter
from clients.till.prices import Item
from clients.till.selling import ScanOption, fill
from clients.till.sender import Sent
from clients.till.shop import TillShop
from clients.till.till import Till

EntryArgument = Annotated[int, id_argument("The entry, as kasir till outbox numbers it.")]


@command(app, "outbox", ["kasir till outbox", "kasir till outbox --all --json"], LINE)
def outbox(
    shop: Shop,
    till: TillOption = "",
    *,
    settled: Annotated[bool, typer.Option("--all", help="Exceptions that were settled, too.")] = False,
) -> None:
    """List what waits for the line, and the exceptions that somebody has to look at."""
    with at_till(shop, till) as (here, at):
        entries, matters = at.journal.outbox(), at.journal.matters(settled=settled)
        value = {
            "waiting": [_plain(entry) for entry in entries],
            "exceptions": [asdict(matter) for matter in matters],
        }
        shop.output.emit(value, lambda: Group(_entries(here, entries), _matters(here, matters)))
        say_waits(shop, at)


@command(app, "send", ["kasir till send", "kasir till send --till KASIR-1"], LINE)
def send(shop: Shop, till: TillOption = "") -> None:
    """Send what waits, in order, each once."""
    with at_till(shop, till) as (_, at):
        _show_sent(shop, at, at.send())


@command(app, "retry", ["kasir till retry 12"], LINE)
def retry(shop: Shop, entry: EntryArgument, till: TillOption = "") -> None:
    """Send once more what the server refused, when the reason is gone. It counts in the open shift."""
    with at_till(shop, till) as (_, at):
        _show_sent(shop, at, at.retry(entry))


@command(app, "compare", ["kasir till compare", "kasir till compare --since 3d --till KASIR-1"], LINE)
def compare(
    shop: Shop,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back, like 12h or 3d.")] = "1d",
    till: TillOption = "",
) -> None:
    """After the server came back from a backup: find sales of this till that it does not have any more.

    They are exceptions then (kasir till outbox): send each once more with kasir till retry, or settle it.
    Sales alone are compared: count the drawer for cash movements and refunds.
    """
    length = parse_duration(since)
    with at_till(shop, till) as (here, at):
        booked = at.booked_since(length)
        with shop.progress("Comparing", len(booked)) as advance:
            lost = [entry for entry in booked if _is_lost(at, entry, advance)]
        value = {"compared": len(booked), "lost": [_plain(entry) for entry in lost]}
        pairs = [("Compared", str(len(booked))), ("Lost", str(len(lost)))]
        shop.output.emit(value, lambda: Group(facts("Sales", pairs), _matters(here, at.journal.matters())))
        say_waits(shop, at)


def _is_lost(till: Till, entry: Entry, advance: Callable[[int], None]) -> bool:
    lost = till.is_lost(entry)
    advance(1)
    return lost


@command(app, "settle", ["kasir till settle 12 --note 'counted: the goods were there'"], LINE)
def settle(
    shop: Shop,
    entry: EntryArgument,
    note: Annotated[str, typer.Option(help="What was done about it.")],
    till: TillOption = "",
) -> None:
    """Take an entry's exceptions off the list: somebody has taken care of them.

    What was refused stays unbooked.
    """
    with at_till(shop, till) as (here, at):
        at.settle(entry, note)
        left = at.journal.matters()
        shop.output.emit({"exceptions": [asdict(matter) for matter in left]}, lambda: _matters(here, left))


@command(
    app,
    "lease",
    ["kasir till lease", "kasir till lease --item KOPI-01x20 --item GULA-5x10", "kasir till lease --return"],
    LINE,
)
def lease(
    shop: Shop,
    item: Annotated[
        list[str] | None,
        typer.Option(metavar="CODExQTY", help="Lease so many; else by what the till sold. Repeatable."),
    ] = None,
    till: TillOption = "",
    *,
    give_back: Annotated[bool, typer.Option("--return", help="Give the lease back.")] = False,
) -> None:
    """Lease stock for the time when the line is down, renew the lease, or give it back."""
    with at_till(shop, till) as (here, at):
        if give_back:
            at.give_back()
        elif at.line_may_be_up():
            specs = [parse_stock_line(text) for text in item or []]
            wanted = {at.find(spec.code).item_id: spec.quantity for spec in specs}
            kept = at.leases.available(at.now_ms())
            at.renew_lease(kept | wanted if item else None)
        held = at.leases.held(at.now_ms())
        if not held and not item and not give_back and at.line_may_be_up():
            shop.output.say("This till has sold nothing yet to go by: say --item CODExQTY.", "yellow")
        rows = [
            (here.item_words(each.item_id), str(each.quantity), _time(here, each.until_ms)) for each in held
        ]
        shop.output.emit(
            {"leases": [asdict(each) for each in held]},
            lambda: table("Leased", ("Item", ">Units", "Until"), rows),
        )
        say_waits(shop, at)


@command(app, "refresh", ["kasir till refresh"], LINE)
def refresh(shop: Shop, till: TillOption = "") -> None:
    """Bring the till's copy of the catalogue up to date."""
    with at_till(shop, till) as (_, at):
        at.refresh()
        count = at.catalogue.count()
        shop.output.emit({"items": count}, lambda: facts("Catalogue", [("Items", str(count))]))
        say_waits(shop, at)


@command(app, "find", ["kasir till find kopi bubuk", "kasir till find 8991234567891"], CART)
def find(
    shop: Shop,
    words: Annotated[list[str], typer.Argument(help="A code, or beginnings of words of the name.")],
    till: TillOption = "",
) -> None:
    """Find an item in the till's copy of the catalogue, with its price."""
    with at_till(shop, till) as (_, at):
        text = " ".join(words)
        exact = at.catalogue.by_code(text)
        found = [exact] if exact is not None else at.catalogue.search(text)
        value = {"items": [asdict(each) for each in found]}
        shop.output.emit(value, lambda: _items(at, found))
        say_waits(shop, at)


@command(app, "receipt", ["kasir till receipt", "kasir till receipt KASIR-1-7QXM-42"], CART)
def receipt(
    shop: Shop,
    number: Annotated[
        str, typer.Argument(help="The number on the receipt; the last one when not said.")
    ] = "",
    till: TillOption = "",
) -> None:
    """Show the sale of a receipt that this till gave, sent or not.

    After a power cut it says whether the last one was made.
    """
    with at_till(shop, till) as (here, at):
        entry = at.journal.by_receipt(number)
        if entry is None:
            raise BadInput("This till has no receipt '{number}'; it keeps two months of them.", number=number)
        sale = entry.receipt_sale
        sale.sale_id = entry.sale_id
        value = {"entry": entry.seq, "state": entry.state, "sale": sale}
        shop.output.emit(value, lambda: Group(sale_view(here, sale), facts("", [("State", entry.state)])))


@command(
    app,
    "approver",
    ["kasir till approver budi", "kasir till approver budi --remove --approved-by sari"],
    CART,
)
def approver(
    shop: Shop,
    name: Annotated[str, typer.Argument(help="Who may allow discounts and goods beyond the lease.")],
    new_pin: Annotated[str, typer.Option(metavar="PIN", help="Their PIN; asked for when not given.")] = "",
    approved_by: ApprovedBy = "",
    pin: Pin = "",
    till: TillOption = "",
    *,
    remove: Annotated[bool, typer.Option("--remove", help="They may not any longer.")] = False,
) -> None:
    """Say who may allow what a cashier may not alone. Once there is somebody, only they can add others."""
    with at_till(shop, till) as (_, at):
        if at.approvers.names():
            allowed = permission(at, approved_by, pin)
            if allowed is None:
                raise BadInput("Somebody who may has to allow that: --approved-by NAME.")
        if remove:
            at.approvers.remove(name)
        else:
            words = f"New PIN of {name}"
            new_pin = new_pin or typer.prompt(words, hide_input=True, confirmation_prompt=True)
            at.approvers.put(name, new_pin)
        names = at.approvers.names()
        shop.output.emit({"approvers": names}, lambda: facts("Approvers", [("Names", ", ".join(names))]))


@command(app, "set-aside", ["kasir till set-aside --scan KOPI-01x2 --name 'Ibu Sri'"], CART)
def set_aside(
    shop: Shop,
    scan: ScanOption,
    name: Annotated[str, typer.Option(help="Whose it is.")] = "",
    till: TillOption = "",
) -> None:
    """Keep a cart for later. It is sold with kasir till sell --cart N."""
    with at_till(shop, till) as (_, at):
        made = Cart()
        fill(shop, at, made, scan, None)
        number = at.set_aside(made, name)
        shop.output.emit({"cart": number}, lambda: f"Cart {number} is set aside.")


@command(app, "carts", ["kasir till carts"], CART)
def carts(shop: Shop, till: TillOption = "") -> None:
    """List the carts that were set aside."""
    with at_till(shop, till) as (here, at):
        kept = at.carts()
        rows = [
            (
                str(cart.number),
                cart.name,
                ", ".join(f"{line.quantity} {here.item_words(line.item_id)}" for line in cart.lines),
            )
            for cart in kept
        ]
        value = {"carts": [cart.to_row() for cart in kept]}
        shop.output.emit(value, lambda: table("Carts set aside", (">Cart", "Name", "Lines"), rows))


@command(app, "drop-cart", ["kasir till drop-cart 3"], CART)
def drop_cart(
    shop: Shop,
    cart: Annotated[int, id_argument("The cart, as kasir till carts numbers it.")],
    till: TillOption = "",
) -> None:
    """Forget a cart that was set aside."""
    with at_till(shop, till) as (_, at):
        at.drop(cart)
        shop.output.emit({"cart": cart}, lambda: f"Cart {cart} is forgotten.")


def _show_sent(shop: Shop, till: Till, sent: Sent) -> None:
    value = {"done": sent.done, "refused": sent.refused, "left": sent.left}
    pairs = [("Done", str(sent.done)), ("Refused", str(sent.refused)), ("Left", str(sent.left))]
    shop.output.emit(value, lambda: facts("Sent", pairs))
    say_waits(shop, till)


def _plain(entry: Entry) -> dict[str, Any]:
    """An entry for scripts: without what is the machine's own."""
    hidden = {"request", "sale", "draws"}
    row = {name: value for name, value in asdict(entry).items() if name not in hidden}
    return row | {"total_minor": entry.receipt_sale.totals.total.minor_units}


def _entries(shop: TillShop, entries: Sequence[Entry]) -> RenderableType:
    rows = (
        (
            str(entry.seq),
            entry.kind,
            _time(shop, entry.time_ms),
            entry.receipt,
            _total(entry),
            entry.actor,
            entry.state,
        )
        for entry in entries
    )
    columns = (">Entry", "What", "Time", "Receipt", ">Total", "By", "State")
    return table("Waits for the line", columns, rows)


def _matters(shop: TillShop, matters: Sequence[Matter]) -> RenderableType:
    currency = shop.settings.currency_code
    rows = (
        (
            str(matter.seq),
            matter.trouble,
            _time(shop, matter.time_ms),
            matter.receipt,
            show_amount(matter.amount_minor, currency) if matter.amount_minor else "",
            matter.message,
            f"{matter.settled_by}: {matter.settled_note}" if matter.settled_ms else "",
        )
        for matter in matters
    )
    columns = (">Entry", "What", "Time", "Receipt", ">Amount", "Why", "Settled")
    return table("To look at", columns, rows)


def _total(entry: Entry) -> str:
    total = entry.receipt_sale.totals.total
    return show_amount(total.minor_units, total.currency_code) if entry.sale else ""


def _items(till: Till, items: Sequence[Item]) -> RenderableType:
    currency = till.settings.currency_code

    def price(item: Item) -> str:
        try:
            return show_amount(prices.unit_price(item, 1, prices.RETAIL, currency), currency)
        except BadInput:
            return ""

    rows = (
        (
            item.sku,
            item.name + (" (not sold any more)" if item.inactive else ""),
            price(item),
            ", ".join(item.barcodes),
        )
        for item in items
    )
    return table("Items", ("SKU", "Name", ">Price", "Barcodes"), rows)


def _time(shop: TillShop, time_ms: int) -> str:
    stamp = Timestamp()
    stamp.FromMilliseconds(time_ms)
    return shop.time(stamp)
