"""The yardstick: amount and date, nothing else, as a spreadsheet would match.

python -m bench.matching.naive --orders orders.jsonl --mutations mutations.jsonl --out matches.jsonl
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.matching.files import WIB, Match, Mutation, Order, read_mutations, read_orders, write_matches

# Days after the deadline that money is still taken for an order's.
GRACE_DAYS = 3


def match(orders: Sequence[Order], mutations: Sequence[Mutation]) -> list[Match]:
    """The order of the same amount that was booked last before the money, if none had it before."""
    by_amount: dict[tuple[str, int], list[Order]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: order.create_time, reverse=True):
        by_amount[order.account, order.due_minor].append(order)
    return [_match(mutation, by_amount[mutation.account, mutation.amount_minor]) for mutation in mutations]


def _match(mutation: Mutation, same: list[Order]) -> Match:
    open_ones = [order for order in same if mutation.can_pay and _is_open(order, mutation)]
    if not open_ones:
        return Match(mutation.mutation_id, "NONE", {}, 0.0, 0.0, [], [])
    chosen = open_ones[0]
    same.remove(chosen)
    return Match(
        mutation.mutation_id,
        "AUTO",
        {chosen.order_id: mutation.amount_minor},
        score=1 / len(open_ones),
        margin=0.0,
        candidates=[frozenset((order.order_id,)) for order in open_ones],
        reasons=["same amount, in time"],
    )


def _is_open(order: Order, mutation: Mutation) -> bool:
    late = (mutation.date - order.expire_time.astimezone(WIB).date()).days
    return order.create_time.astimezone(WIB).date() <= mutation.date and late <= GRACE_DAYS


def main(
    orders: Annotated[Path, typer.Option(help="Orders, a JSON object a line.")],
    mutations: Annotated[Path, typer.Option(help="Mutations, likewise.")],
    out: Annotated[Path, typer.Option(help="Where the matches go.")],
) -> None:
    """Match by amount and date alone."""
    write_matches(match(read_orders(orders), read_mutations(mutations)), out)


if __name__ == "__main__":
    typer.run(main)
