"""What is kept about one customer, as a file, and its erasure: `kasir customer`."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from clients.common.commands import Refused, command, new_app
from clients.common.output import facts, to_plain
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import unless_zero
from kasir.durable import sync_directory, write_durably
from kasir.v1.booking_pb2 import ListBookingsRequest, ListBookingsResponse
from kasir.v1.customer_pb2 import (
    Customer,
    EraseCustomerRequest,
    EraseCustomerResponse,
    ListMessagesRequest,
    ListMessagesResponse,
)
from kasir.v1.sale_pb2 import ListSalesRequest, ListSalesResponse
from kasir.v1.shipping_pb2 import GetParcelRequest, GetParcelResponse
from kasir.v1.till_pb2 import ListRefundsRequest, ListRefundsResponse

app = new_app("customer", "What is kept about a customer: as a file for them, and its erasure.")

Who = Annotated[str, typer.Argument(metavar="PHONE|#N", help="The customer, by phone or number.")]


@command(
    app,
    "export",
    [
        "kasir customer export 081234567890 --to customer.json",
        "kasir customer export '#12' --to customer.json --force",
    ],
)
def export(
    shop: Shop,
    customer: Who,
    to: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="Where it goes, for you alone.")],
    force: Annotated[bool, typer.Option("--force", help="In the place of a file that is there.")] = False,
) -> None:
    """Write all that is kept about a customer into a file: orders with lines and payments, parcels, sales,
    refunds, messages, points and credit.
    """
    if to.exists() and not force:
        raise BadInput("{file} is there already: another name, or --force.", file=to)
    if not to.parent.is_dir():
        raise BadInput("There is no directory {folder}.", folder=to.parent)
    kept = _kept(shop, shop.customer(customer))
    write_durably(to, json.dumps(to_plain(kept), ensure_ascii=False, indent=2).encode() + b"\n")
    sync_directory(to.parent)
    counts = {name: len(rows) for name, rows in kept.items() if name != "customer"}
    pairs = [(name.capitalize(), str(count)) for name, count in counts.items()]
    shop.output.emit({"file": str(to), **counts}, lambda: facts(f"{to}", pairs))


def _kept(shop: Shop, customer: Customer) -> dict[str, Any]:
    bookings = ListBookingsRequest(customer_id=customer.customer_id)
    orders = list(_shown(shop.each(bookings, ListBookingsResponse, "orders"), "orders"))
    sales = list(_of(customer, shop.each(ListSalesRequest(), ListSalesResponse, "sales"), "sales"))
    refunds = shop.each(ListRefundsRequest(), ListRefundsResponse, "refunds")
    messages = shop.each(ListMessagesRequest(), ListMessagesResponse, "messages")
    return {
        "customer": customer,
        "orders": orders,
        "parcels": [
            shop.call(GetParcelRequest(parcel_id=order.parcel_id), GetParcelResponse).parcel
            for order in _shown(orders, "parcels")
            if order.parcel_id
        ],
        "sales": sales,
        "refunds": list(_of(customer, refunds, "refunds")),
        "messages": list(_of(customer, messages, "messages")),
    }


def _of(customer: Customer, newest_first: Iterator[Any], what: str) -> Iterator[Any]:
    """Those of a customer in a list that leads back to when they came: no list is of one customer."""
    came = customer.create_time.ToNanoseconds()
    since = takewhile(lambda each: each.create_time.ToNanoseconds() >= came, newest_first)
    return (each for each in _shown(since, what) if each.customer_id == customer.customer_id)


def _shown(rows: Iterable[Any], what: str) -> Iterable[Any]:
    """The same, with a bar for people who wait."""
    from rich.console import Console  # noqa: PLC0415 (most commands show none)

    beside = Console(stderr=True)
    return track(rows, f"reading {what}", console=beside, transient=True, disable=not beside.is_terminal)


@command(app, "erase", ["kasir customer erase 081234567890", "kasir customer erase '#12' --yes"])
def erase(
    shop: Shop,
    customer: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase what is told of a customer: name, phone, e-mail, address and notes, in orders, parcels, manifests
    and messages. The books stay: amounts, items, numbers and the bank's statements. It cannot be undone.
    """
    found = shop.customer(customer)
    if not yes:
        _ask(shop, found)
    request = EraseCustomerRequest(customer_id=found.customer_id, version=found.version)
    erased = shop.call(request, EraseCustomerResponse, note=f"erase customer {found.customer_id}").customer
    pairs = [("Erased", shop.time(erased.erase_time))]
    shop.output.emit(erased, lambda: facts(f"Customer {erased.customer_id}", pairs))


def _ask(shop: Shop, customer: Customer) -> None:
    if not sys.stdin.isatty():
        raise BadInput("Nobody is there to ask: --yes erases without asking.")
    shop.output.say(
        f"Erases what is told of customer {customer.customer_id}, {customer.name} ({customer.phone}), "
        "for good: here, in the orders, parcels, manifests and messages, and in the journal. Amounts, "
        "items and the bank's statements stay."
    )
    if customer.points:
        shop.output.say(f"{customer.points} points can be spent no more.")
    if customer.credit.minor_units:
        shop.output.say(f"There is credit, so it will be refused: {unless_zero(customer.credit)}.")
    if not typer.confirm("Erase?", err=True):
        raise Refused
