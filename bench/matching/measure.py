"""What a matcher's answers are worth, compared with truth: counts that add up over kinds, seeds and sets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import sqrt
from statistics import NormalDist

from bench.matching.files import Allocations, Match, MatchingError, Mutation, Order, TestSet, Truth

CANDIDATES = 3
CONFIDENCE = 0.95
PLOT_POINTS = 240


@dataclass(slots=True)
class Counts:
    """Mutations of one kind, set or all. Adding two adds their counts."""

    mutations: int = 0
    paying: int = 0
    """Truly pay an order."""
    decidable: int = 0
    """Of those, a careful person would be certain, and right."""
    auto: int = 0
    auto_right: int = 0
    decidable_found: int = 0
    """Decidable, AUTO and right."""
    findable: int = 0
    in_three: int = 0
    """Findable, and AUTO and right or the true orders among the first three candidates."""
    several: int = 0
    """One transfer for several orders, findable."""
    several_found: int = 0
    """AUTO and right, or the first candidate right."""
    parts: int = 0
    """One of several transfers for one order, findable."""
    parts_found: int = 0
    ties: int = 0
    ties_auto: int = 0
    nothing: int = 0
    """Pay no order: unrelated, pending, money out."""
    nothing_auto: int = 0
    """Of those, given to an order by itself."""
    misleading: int = 0
    """The evidence points elsewhere: whoever is certain errs."""
    misleading_auto: int = 0

    def add(self, other: "Counts") -> None:
        """Adds the other's counts."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong AUTO, or something decidable that was not decided."""

    what: str
    mutation: Mutation
    truth: Truth
    match: Match


@dataclass(slots=True)
class Judged:
    """All that was measured on one or more sets."""

    by_kind: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    ranked: list[tuple[float, bool]] = field(default_factory=list)
    """Score of each mutation's best proposal, and whether that is right."""
    mistakes: list[Mistake] = field(default_factory=list)

    def total(self) -> Counts:
        """Over all kinds."""
        return total(self.by_kind.values())

    def add(self, other: "Judged") -> None:
        """Adds what was measured on another set."""
        for kind, counts in other.by_kind.items():
            self.by_kind[kind].add(counts)
        self.ranked += other.ranked
        self.mistakes += other.mistakes


def total(parts: Iterable[Counts]) -> Counts:
    """The sum."""
    summed = Counts()
    for each in parts:
        summed.add(each)
    return summed


def judge(made: TestSet, matches: Mapping[str, Match]) -> Judged:
    """Compares matches with truth. MatchingError when a mutation has no line or a line no mutation."""
    missing = [truth.mutation_id for truth in made.truth if truth.mutation_id not in matches]
    if missing or len(matches) != len(made.truth):
        raise MatchingError(
            f"{len(matches)} lines for {len(made.truth)} mutations; without one: {missing[:3]}"
        )
    orders = {order.order_id: order for order in made.orders}
    payments = Counter(order for truth in made.truth for order in truth.allocations)
    right = _right(made, matches, orders)
    groups = _alike_sets(made.truth)
    judged = Judged()
    for mutation, truth in zip(made.mutations, made.truth, strict=True):
        match = matches[truth.mutation_id]
        true_sets = groups[truth.alike] if truth.alike else {frozenset(truth.allocations)}
        is_right = truth.mutation_id in right
        counts = _counts(truth, match, is_right=is_right, true_sets=true_sets, payments=payments)
        judged.by_kind[truth.kind].add(counts)
        proposed = frozenset(match.allocations) or (match.candidates[0] if match.candidates else frozenset())
        if proposed:
            judged.ranked.append(
                (match.score, is_right if match.decision == "AUTO" else proposed in true_sets)
            )
        if match.decision == "AUTO" and not is_right:
            judged.mistakes.append(Mistake("wrong AUTO", mutation, truth, match))
        elif truth.decidable and truth.allocations and not is_right:
            judged.mistakes.append(Mistake("missed", mutation, truth, match))
    return judged


def _counts(
    truth: Truth,
    match: Match,
    *,
    is_right: bool,
    true_sets: set[frozenset[int]],
    payments: Mapping[int, int],
) -> Counts:
    auto, pays = match.decision == "AUTO", bool(truth.allocations)
    findable = pays and truth.findable
    first = is_right or (bool(match.candidates) and match.candidates[0] in true_sets)
    several = findable and len(truth.allocations) > 1
    parts = findable and len(truth.allocations) == 1 and payments[next(iter(truth.allocations))] > 1
    return Counts(
        mutations=1,
        paying=pays,
        decidable=pays and truth.decidable,
        auto=auto,
        auto_right=is_right,
        decidable_found=pays and truth.decidable and is_right,
        findable=findable,
        in_three=findable and (is_right or any(each in true_sets for each in match.candidates[:CANDIDATES])),
        several=several,
        several_found=several and first,
        parts=parts,
        parts_found=parts and first,
        ties=truth.tie,
        ties_auto=truth.tie and auto,
        nothing=not pays,
        nothing_auto=not pays and auto and not is_right,
        misleading=truth.misleading,
        misleading_auto=truth.misleading and auto,
    )


def _right(made: TestSet, matches: Mapping[str, Match], orders: Mapping[int, Order]) -> set[str]:
    """Mutations that are AUTO and right. Among mutations alike each truth is used once, whoever has it."""
    unused: dict[str, list[Allocations]] = defaultdict(list)
    for truth in made.truth:
        unused[truth.alike or truth.mutation_id].append(truth.allocations)
    right: set[str] = set()
    for truth in made.truth:
        match = matches[truth.mutation_id]
        if match.decision != "AUTO":
            continue
        truths = unused[truth.alike or truth.mutation_id]
        found = next((each for each in truths if _same(match.allocations, each, orders)), None)
        if found is not None:
            truths.remove(found)
            right.add(truth.mutation_id)
    return right


def _same(said: Allocations, true: Allocations, orders: Mapping[int, Order]) -> bool:
    """The same orders and amounts. What several orders lack together may be taken off any of them."""
    if not true or said.keys() != true.keys():
        return False
    if said == true:
        return True
    lacking = sum(true.values()) < sum(orders[order].due_minor for order in true)
    within = all(0 < amount <= orders[order].due_minor for order, amount in said.items())
    return len(true) > 1 and lacking and within and sum(said.values()) == sum(true.values())


def _alike_sets(truths: Iterable[Truth]) -> dict[str, set[frozenset[int]]]:
    groups: dict[str, set[frozenset[int]]] = defaultdict(set)
    for truth in truths:
        if truth.alike and truth.allocations:
            groups[truth.alike].add(frozenset(truth.allocations))
    return groups


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Bounds that hold the true share with 95 % confidence (E. B. Wilson, 1927); 0 to 1 of nothing."""
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def precision_by_coverage(ranked: Iterable[tuple[float, bool]], paying: int) -> list[tuple[float, float]]:
    """(coverage, precision) as ever lower scores are accepted. Coverage is what is proposed rightly, as a
    share of what truly pays. Equal scores are accepted together.
    """
    ordered = sorted(ranked, key=lambda each: -each[0])
    points: list[tuple[float, float]] = []
    hits = 0
    for count, (score, is_right) in enumerate(ordered, 1):
        hits += is_right
        if count == len(ordered) or ordered[count][0] != score:
            points.append((hits / paying if paying else 0.0, hits / count))
    step = max(1, len(points) // PLOT_POINTS)
    return points[::step] + points[-1:]
