"""Which Book Orders a bank mutation pays, said by hand; and taking that back."""

from typing import Annotated

import typer
from rich.console import Group

from clients.common.bank_views import mutations_table
from clients.common.commands import command
from clients.common.money import show_money
from clients.common.numbers import id_argument, parse_id
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import left_to_pay, orders_table
from clients.cs.desk import BANK, app
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import (
    GetMutationRequest,
    GetMutationResponse,
    IgnoreMutationRequest,
    IgnoreMutationResponse,
    JoinMutationsRequest,
    JoinMutationsResponse,
    MatchMutationRequest,
    MatchMutationResponse,
    MutationAllocation,
    UndoMatchRequest,
    UndoMatchResponse,
)

Credit = Annotated[bool, typer.Option("--credit", help="Keep what is left over as the customer's credit.")]
WriteOff = Annotated[
    str,
    typer.Option(
        metavar="AMOUNT", help="What the last order is short of and need not pay, like a transfer's fee."
    ),
]


@command(
    app,
    "allocate",
    [
        "kasir cs allocate 31 4711",
        "kasir cs allocate 31 4711=100.000 4712=50.000 --credit",
        "kasir cs allocate 31 4711 --write-off 2.500",
        "kasir cs allocate 31 --credit-to 08123456789",
    ],
    BANK,
)
def allocate(
    shop: Shop,
    mutation: Annotated[int, id_argument("The mutation's number.")],
    order: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ORDER[=AMOUNT]]...", help="What it pays; else all that is due."),
    ] = None,
    credit: Credit = False,
    credit_to: Annotated[
        str, typer.Option(metavar="PHONE|#N", help="Keep it as this customer's credit; no order is needed.")
    ] = "",
    write_off: WriteOff = "",
) -> None:
    """Say by hand which Book Orders a mutation pays."""
    left = shop.call(GetMutationRequest(mutation_id=mutation), GetMutationResponse).mutation.amount
    if left.minor_units <= 0:
        raise BadInput(f"Mutation {mutation} is {show_money(left)}: money that went out pays no order.")
    allocations = []
    for text in order or []:
        number, _, typed = text.partition("=")
        order_id = parse_id(number, "Book Order")
        amount = shop.payment(typed, left.currency_code) if typed else _due(shop, order_id, left)
        left.minor_units -= amount.minor_units
        allocations.append(MutationAllocation(order_id=order_id, amount=amount))
    if write_off:
        if not allocations:
            raise BadInput("Name the order of which --write-off need not be paid.")
        allocations[-1].write_off.CopyFrom(shop.payment(write_off, left.currency_code))
    request = MatchMutationRequest(mutation_id=mutation, allocations=allocations, credit_remainder=credit)
    if credit_to:
        request.credit_remainder = True
        request.credit_customer_id = shop.customer(credit_to).customer_id
    reply = shop.call(request, MatchMutationResponse, note=f"allocate mutation {mutation}")
    shop.output.emit(
        reply,
        lambda: Group(
            mutations_table(shop, [reply.mutation], "Allocated"),
            orders_table(shop, reply.orders, "Orders now"),
        ),
    )


def _due(shop: Shop, order_id: int, at_most: Money) -> Money:
    due = left_to_pay(shop.order_by_id(order_id))
    if at_most.minor_units <= 0:
        raise BadInput(f"Nothing of the money is left for order {order_id}: the orders before take it all.")
    due.minor_units = min(due.minor_units, at_most.minor_units)
    return due


@command(
    app,
    "join",
    [
        "kasir cs join 4711 31 32",
        "kasir cs join 4711 31 32 33 --write-off 2.500",
        "kasir cs join 4711 31 32 --credit",
    ],
    BANK,
)
def join(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    mutation: Annotated[list[int], id_argument("Numbers of the mutations, in the order they came.")],
    write_off: WriteOff = "",
    credit: Credit = False,
) -> None:
    """Say by hand that several transfers pay one Book Order together."""
    request = JoinMutationsRequest(order_id=order, mutation_ids=mutation, credit_remainder=credit)
    if write_off:
        currency_code = shop.order_by_id(order).payable.currency_code
        request.write_off.CopyFrom(shop.payment(write_off, currency_code))
    note = f"join {len(mutation)} mutations for order {order}"
    reply = shop.call(request, JoinMutationsResponse, note=note)
    shop.output.emit(
        reply,
        lambda: Group(
            mutations_table(shop, reply.mutations, "Joined"), orders_table(shop, [reply.order], "Order now")
        ),
    )


@command(app, "undo", ["kasir cs undo 31"], BANK)
def undo(
    shop: Shop, mutation: Annotated[int, id_argument("A confirmed or ignored mutation's number.")]
) -> None:
    """Take a confirmed match back, or that a mutation is ignored. Not once one of its orders was sold."""
    reply = shop.call(
        UndoMatchRequest(mutation_id=mutation), UndoMatchResponse, note=f"undo match {mutation}"
    )
    shop.output.emit(reply, lambda: mutations_table(shop, [reply.mutation], "Taken back"))


@command(app, "ignore", ["kasir cs ignore 31 --reason 'bank interest'"], BANK)
def ignore(
    shop: Shop,
    mutation: Annotated[int, id_argument("The mutation's number.")],
    reason: Annotated[str, typer.Option(help="Why it pays no order.")],
) -> None:
    """Say that a mutation pays no order."""
    request = IgnoreMutationRequest(mutation_id=mutation, reason=reason)
    reply = shop.call(request, IgnoreMutationResponse, note=f"ignore mutation {mutation}")
    shop.output.emit(reply, lambda: mutations_table(shop, [reply.mutation], "Ignored"))
