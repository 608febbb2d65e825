"""The files of a set: orders and mutations, which a matcher sees, truth, which it does not, and matches."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

WIB = dt.timezone(dt.timedelta(hours=7))
"""Western Indonesian time: the bank's days and the shop's."""
SEN = 100
"""Minor units in a rupiah."""


class MatchingError(Exception):
    """A matcher that failed, or wrote what cannot be judged; the text says what, in plain words."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one customer is to pay."""

    order_id: int
    account: str
    payable_minor: int
    """Total and unique code."""
    unique_code: int
    """In rupiah; 0 when there is none."""
    paid_minor: int
    """Paid before, by mutations that are not in the file."""
    customer_name: str
    """As customer service typed it from the chat."""
    create_time: dt.datetime
    expire_time: dt.datetime
    currency: str = "IDR"

    @property
    def due_minor(self) -> int:
        """What is left to pay."""
        return self.payable_minor - self.paid_minor


@dataclass(frozen=True, slots=True)
class Mutation:
    """One row of a statement."""

    mutation_id: str
    account: str
    date: dt.date
    amount_minor: int
    direction: str
    """CR or DB."""
    status: str
    """POSTED or PENDING."""
    description: str
    currency: str = "IDR"

    @property
    def can_pay(self) -> bool:
        """Whether it is money in that the bank has posted."""
        return self.direction == "CR" and self.status == "POSTED"


Allocations = dict[int, int]
"""Minor units by order."""


@dataclass(slots=True)
class Truth:
    """What a mutation truly paid, and whether anybody could know."""

    mutation_id: str
    kind: str
    allocations: Allocations = field(default_factory=dict)
    """Empty for money that pays no order."""
    decidable: bool = False
    """A careful person with only the two files would be certain, and right. See `evidence`."""
    findable: bool = False
    """At most two other explanations are as good as the true one: it belongs among three candidates."""
    tie: bool = False
    """The evidence fits another set of orders just as well."""
    misleading: bool = False
    """The evidence is certain and wrong: the person would err too."""
    alike: str = ""
    """The first of several mutations that nobody could tell apart: any may have what another of them paid."""
    why: str = ""
    """The person's reasoning, for people who look at mistakes."""


@dataclass(slots=True)
class TestSet:
    """One shop's orders and mutations with their truth."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    name: str
    seed: int
    orders: list[Order]
    mutations: list[Mutation]
    truth: list[Truth]


@dataclass(slots=True)
class Match:
    """What a matcher says of one mutation."""

    mutation_id: str
    decision: str
    allocations: Allocations
    score: float
    margin: float
    candidates: list[frozenset[int]]
    reasons: list[str]


DECISIONS = ("AUTO", "SUGGESTED", "AMBIGUOUS", "NONE")


def write_set(made: TestSet, folder: Path) -> None:
    """Writes orders.jsonl and mutations.jsonl: all that a matcher may see."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "orders.jsonl", (_order_line(order) for order in made.orders))
    _write(folder / "mutations.jsonl", (_mutation_line(mutation) for mutation in made.mutations))


def write_truth(made: TestSet, folder: Path) -> None:
    """Writes truth.jsonl; not before the matcher is done."""
    _write(folder / "truth.jsonl", (asdict(truth) for truth in made.truth))


def read_orders(path: Path) -> list[Order]:
    """The orders of a file that `write_set` wrote."""
    return [
        Order(
            **{
                **line,
                "create_time": dt.datetime.fromisoformat(line["create_time"]),
                "expire_time": dt.datetime.fromisoformat(line["expire_time"]),
            }
        )
        for line in _read(path)
    ]


def read_mutations(path: Path) -> list[Mutation]:
    """The mutations of a file that `write_set` wrote."""
    return [Mutation(**{**line, "date": dt.date.fromisoformat(line["date"])}) for line in _read(path)]


def read_matches(path: Path) -> dict[str, Match]:
    """What a matcher wrote, by mutation. MatchingError when a line lacks something or speaks of one again."""
    found: dict[str, Match] = {}
    for number, line in enumerate(_read(path), 1):
        try:
            match = _match(line)
        except (KeyError, TypeError, ValueError) as error:
            raise MatchingError(f"{path.name}:{number}: not a match: {error!r}") from error
        if match.decision not in DECISIONS:
            raise MatchingError(f"{path.name}:{number}: no such decision: {match.decision}")
        if match.mutation_id in found:
            raise MatchingError(f"{path.name}:{number}: a second line for {match.mutation_id}")
        found[match.mutation_id] = match
    return found


def write_matches(matches: Iterable[Match], path: Path) -> None:
    """Writes matches the way `kasir match` does."""
    _write(path, (_match_line(match) for match in matches))


def _match(line: dict[str, Any]) -> Match:
    pairs = [(int(each["order_id"]), int(each["amount_minor"])) for each in line["allocations"]]
    allocations = dict(pairs)
    if len(allocations) != len(pairs):
        raise ValueError("an order is allocated twice")
    return Match(
        str(line["mutation_id"]),
        str(line["decision"]),
        allocations,
        float(line["score"] or 0),
        float(line["margin"] or 0),
        [frozenset(int(order) for order in each["order_ids"]) for each in line["candidates"]],
        [str(reason) for reason in line["reasons"]],
    )


def _match_line(match: Match) -> dict[str, Any]:
    return {
        "mutation_id": match.mutation_id,
        "decision": match.decision,
        "allocations": [
            {"order_id": order, "amount_minor": amount} for order, amount in match.allocations.items()
        ],
        "score": match.score,
        "margin": match.margin,
        "reasons": match.reasons,
        "candidates": [{"order_ids": sorted(orders), "score": match.score} for orders in match.candidates],
    }


def _order_line(order: Order) -> dict[str, Any]:
    return asdict(order) | {
        "create_time": order.create_time.isoformat(),
        "expire_time": order.expire_time.isoformat(),
    }


def _mutation_line(mutation: Mutation) -> dict[str, Any]:
    return asdict(mutation) | {"date": mutation.date.isoformat()}


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _read(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
