"""Customers, what is told to them, and requests of this machine that were never answered."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from clients.common.asking_again import Answered, ask_again
from clients.common.commands import Refused, command
from clients.common.journal import PendingRequest
from clients.common.output import facts, state_number, table
from clients.common.plain_words import sentence
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from clients.common.views import ERASED, address_words, messages_table, orders_table, unless_zero
from clients.cs.desk import PEOPLE, app
from kasir.v1.booking_pb2 import ListBookingsRequest, ListBookingsResponse
from kasir.v1.customer_pb2 import (
    Customer,
    ListCreditsRequest,
    ListCreditsResponse,
    ListCustomersRequest,
    ListCustomersResponse,
    ListMessagesRequest,
    ListMessagesResponse,
    MessageState,
)


@command(
    app,
    "customers",
    ["kasir cs customers", "kasir cs customers 081234567890", "kasir cs customers '#12' --json"],
    PEOPLE,
)
def customers(
    shop: Shop,
    customer: Annotated[
        str, typer.Argument(metavar="[PHONE|#N]", help="Only this one, with the orders.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
) -> None:
    """List customers, or show one with the Book Orders."""
    if customer:
        _show_customer(shop, shop.customer(customer), limit)
        return
    found = shop.pages(ListCustomersRequest(), ListCustomersResponse, "customers", limit)
    shop.output.emit({"customers": found}, lambda: _customers_table(found, "Customers"))


@command(app, "credits", ["kasir cs credits", "kasir cs credits --json"], PEOPLE)
def with_credit(
    shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200
) -> None:
    """List customers who have credit: money that came too much and is still theirs.

    What all of it comes to: kasir report money.
    """
    found = shop.pages(ListCreditsRequest(), ListCreditsResponse, "customers", limit)
    shop.output.emit({"customers": found}, lambda: _customers_table(found, "Customers with credit"))


def _customers_table(customers: Sequence[Customer], title: str) -> RenderableType:
    rows = (
        (
            str(each.customer_id),
            each.name or ERASED,
            each.phone,
            each.email,
            each.address.city,
            str(each.points or ""),
            unless_zero(each.credit),
        )
        for each in customers
    )
    return table(title, (">Customer", "Name", "Phone", "E-mail", "City", ">Points", ">Credit"), rows)


def _show_customer(shop: Shop, customer: Customer, limit: int) -> None:
    request = ListBookingsRequest(customer_id=customer.customer_id)
    orders = shop.pages(request, ListBookingsResponse, "orders", limit)
    pairs = [
        ("Phone", customer.phone),
        ("E-mail", customer.email),
        ("Address", address_words(customer.address)),
        ("Points", str(customer.points or "")),
        ("Credit", unless_zero(customer.credit)),
        ("Known since", shop.time(customer.create_time)),
    ]
    title = f"Customer {customer.customer_id}: {customer.name or ERASED}"
    shop.output.emit(
        {"customer": customer, "orders": orders},
        lambda: Group(facts(title, pairs), orders_table(shop, orders, "Book Orders")),
    )


@command(app, "messages", ["kasir cs messages", "kasir cs messages --state failed --json"], PEOPLE)
def messages(
    shop: Shop,
    state: Annotated[str, typer.Option(help="Only these: queued, sent, failed, unknown.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List what is to be told to customers, newest first."""
    request = ListMessagesRequest(state=state_number(MessageState, state, "MESSAGE_STATE"))
    found = shop.pages(request, ListMessagesResponse, "messages", limit)
    shop.output.emit({"messages": found}, lambda: messages_table(shop, found, "Messages"))


@command(
    app,
    "pending",
    [
        "kasir cs pending",
        "kasir cs pending --resend-all",
        "kasir cs pending --resend 0198c5e2-7c1a-7d31-a5b7-3f0d9c5a1e42",
    ],
    PEOPLE,
)
def pending(
    shop: Shop,
    resend: Annotated[
        list[str] | None,
        typer.Option("--resend", metavar="REQUEST_ID", help="Ask this one again; repeatable."),
    ] = None,
    resend_all: Annotated[bool, typer.Option("--resend-all", help="Ask all of this server's again.")] = False,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="REQUEST_ID", help="Drop it without asking; repeatable."),
    ] = None,
) -> None:
    """Show requests of this machine that were sent and never answered, and ask them again.

    Asking again has no second effect: the server knows the request by its id, and gives the answer it gave
    before.
    """
    waiting = shop.client.journal.pending()
    for request_id in forget or []:
        shop.client.journal.remove(_named(waiting, request_id).request_id)
    if forget:
        waiting = shop.client.journal.pending()
    here = shop.client.connection.server
    chosen = [_named(waiting, request_id) for request_id in resend or []]
    if resend_all:
        chosen = [request for request in waiting if request.server == here]
    if chosen:
        _resend(shop, chosen, here)
        return
    rows = (
        (
            each.request_id,
            each.create_time.replace("T", " ")[:19] + " UTC",
            each.note,
            each.actor,
            each.server,
        )
        for each in waiting
    )
    listed = [
        {"request_id": each.request_id, "method": each.method, "note": each.note, "actor": each.actor}
        | {"server": each.server, "create_time": each.create_time}
        for each in waiting
    ]
    columns = ("Request", "Sent", "What", "By", "Server")
    view = (
        table("Never answered", columns, rows) if waiting else "Every request of this machine was answered."
    )
    shop.output.emit({"pending": listed}, lambda: view)


def _resend(shop: Shop, chosen: list[PendingRequest], here: str) -> None:
    for request in chosen:
        if request.server != here:
            raise BadInput(f"{request.request_id} was for {request.server}: add --server {request.server}.")
    answered = ask_again(shop.client, chosen)
    outcomes = [(each.request.note, _outcome(shop, each, here)) for each in answered]
    listed = [{"note": note, "outcome": outcome} for note, outcome in outcomes]
    shop.output.emit({"outcomes": listed}, lambda: table("Asked again", ("What", "Outcome"), outcomes))
    if any(each.failed for each in answered):
        raise Refused


def _outcome(shop: Shop, answered: Answered, here: str) -> str:
    if isinstance(answered.failed, CallFailed):
        return sentence(answered.failed, shop.describe, here)
    return str(answered.failed or "Done.")


def _named(waiting: list[PendingRequest], request_id: str) -> PendingRequest:
    for request in waiting:
        if request.request_id == request_id:
            return request
    raise BadInput(f"There is no unanswered request {request_id}.")
