"""What the matcher proposes, side by side: the bank's lines, and what they may pay and why."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from clients.common.bank_views import how_sure, mutation_lines, other_lines, proposed_lines
from clients.common.commands import command
from clients.common.money import show_amount
from clients.common.output import side_by_side, state_number
from clients.common.problems import CallFailed
from clients.common.shop import Shop, first
from clients.cs.desk import BANK, OnlyAccount, app
from kasir.v1.reconciliation_pb2 import (
    MATCH_DECISION_AMBIGUOUS,
    MUTATION_STATE_PROPOSED,
    GetMutationRequest,
    GetMutationResponse,
    ListMutationsRequest,
    ListMutationsResponse,
    MatchDecision,
    Mutation,
)

# Mutations that pay one order together, by id; most are alone.
Together = list[Mutation]


@command(
    app,
    "proposals",
    [
        "kasir cs proposals",
        "kasir cs proposals --decision ambiguous",
        "kasir cs proposals --account BCA --decision suggested --json",
    ],
    BANK,
)
def proposals(
    shop: Shop,
    account: OnlyAccount = "",
    decision: Annotated[str, typer.Option(help="Only these: auto, suggested, ambiguous.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List what mutations may pay, newest first: which orders, how sure, why, and what else it may be.

    Transfers that pay one order together stand together.
    """
    wanted = state_number(MatchDecision, decision, "MATCH_DECISION")
    request = ListMutationsRequest(state=MUTATION_STATE_PROPOSED)
    if account:
        request.bank_account_id = shop.account(account).bank_account_id
    proposed = shop.each(request, ListMutationsResponse, "mutations")
    of_decision = (each for each in proposed if wanted in {0, each.proposal.decision})
    found = first(_together(shop, of_decision), limit)
    shop.output.emit({"proposals": [_plain(shop, each) for each in found]}, lambda: _view(shop, found))


def _together(shop: Shop, mutations: Iterable[Mutation]) -> Iterator[Together]:
    """The mutations, those that pay one order together as one, where the first of them stands."""
    told: set[int] = set()
    for mutation in mutations:
        if mutation.mutation_id in told:
            continue
        others = [number for number in mutation.proposal.joined_mutation_ids if number not in told]
        read = [
            shop.call(GetMutationRequest(mutation_id=number), GetMutationResponse).mutation
            for number in others
        ]
        told.update(others)
        yield sorted([mutation, *read], key=lambda each: each.mutation_id)


def _plain(shop: Shop, together: Together) -> dict[str, Any]:
    """For scripts: the mutations, and of each order that is named whose it is."""
    order_ids = {
        order_id
        for mutation in together
        for order_id in (
            *(each.order_id for each in mutation.proposal.allocations),
            *(order_id for each in mutation.proposal.candidates for order_id in each.order_ids),
        )
    }
    orders = []
    for order_id in sorted(order_ids):
        try:
            order = shop.order_by_id(order_id)
        except CallFailed:
            continue
        orders.append({"order_id": str(order_id), "customer_name": order.customer_name})
    return {"mutations": together, "orders": orders}


def _view(shop: Shop, found: list[Together]) -> RenderableType:
    if not found:
        return Text("Nothing is proposed. See: kasir cs match.")
    columns = ("Mutation", "Pays", "How sure, and why")
    parts = [side_by_side("Proposals", columns, (_row(shop, each) for each in found))]
    if any(each[0].proposal.decision == MATCH_DECISION_AMBIGUOUS for each in found):
        parts.append(Text("Where several fit equally, say which: kasir cs allocate MUTATION ORDER."))
    return Group(*parts)


def _row(shop: Shop, together: Together) -> tuple[list[str], list[str], list[str]]:
    left: list[str] = []
    pays: list[str] = []
    why: list[str] = []
    for mutation in together:
        proposal = mutation.proposal
        left += mutation_lines(mutation)
        pays += proposed_lines(shop, proposal)
        why += [line for line in (how_sure(proposal), *proposal.reasons) if line not in why]
    for line in dict.fromkeys(_others(shop, together)):
        pays.append(f"or {line}" if pays else line)
    if len(together) > 1:
        money = together[0].amount
        total = show_amount(sum(each.amount.minor_units for each in together), money.currency_code)
        left.append(f"together {total}")
    return left, pays, why


def _others(shop: Shop, together: Together) -> Iterator[str]:
    for mutation in together:
        yield from other_lines(shop, mutation.proposal)
