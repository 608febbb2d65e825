"""What a careful person with the two files, and nothing else, could be certain of.

The person reads each description (`texts.Reading`: what is legible, never who truly paid), looks at every
order of the account, and weighs each explanation in points: the amount, the name, an order number in the
note, the deadline. Certain means `CERTAIN` points and `LEAD` more than any other explanation in the whole
file. The rules were written down before any matcher was measured and know nothing of one:

- amount: what is due, with a code, 3; what is due without one (many orders share it), or with its code left
  off, a bank's fee off, rounded to 500 or 1,000, or two digits swapped or one missing, 2; a little too much
  0.5; anything else -0.5. A note that calls it a part gives 0.25 to less than due: never enough. Instalments
  of one payer that add up to what is due: as what is due without a code, half a point more with one.
- name: `names.fit`, 0 to 3; the same for a name in the note. A payer who paid two other orders of that
  customer with exact codes, and nobody else's, 2.5. Another's name takes nothing away: families pay for each
  other.
- the order's number in the note: 3.
- deadline: money before the order is impossible, up to a day after it costs nothing, two or three days 0.25,
  up to 14 days 0.5; later is impossible.
- several orders at once, 2 to 4 of one name, or of names that all fit well (2.25 or more): the sum of what is
  due 3, or 2 when none has a code or all are left off; 1.5 with a fee off; the weakest name counts.
- what is certain settles its orders, and the rest is looked at again without them, until nothing changes. Two
  that claim one order: the better one by `RIVAL_LEAD`, else the earlier one; on the same day neither.

So an exact amount with a code is enough by itself unless a name speaks for another order; an exact amount
without a code needs a name or a number; anything else needs a good name and no second order that it fits.
`decidable` is certain and true. Certain and false is `misleading`: kept, and counted against a matcher. Rows
of one amount whose best explanations are the same orders, each good enough to be certain of alone, are
`alike`: nobody could or need tell which pays which, so their truth may be exchanged. When there are fewer of
them than such orders, or the best explanations are worth less, that is a `tie`, unless a closer look than
points tells them apart (`ties`): ELA and Ellla are two letters apart and fit nothing by the rules above, yet
nobody would think of Dono instead.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.matching import names, ties
from bench.matching.files import SEN, WIB, Mutation, Order, TestSet, Truth
from bench.matching.shop import FEES
from bench.matching.texts import Reading

CERTAIN = 3.0
LEAD = 1.0
# Of two that claim one order, the later one is believed only when the earlier one's name fits nothing.
RIVAL_LEAD = 2.0
# An explanation worth mentioning
PLAUSIBLE = 2.0
# Below it even a lone explanation does not keep a person from calling money unrelated.
UNRELATED = 2.5
CANDIDATES = 3
LATEST_DAYS = 14
ALIAS_TIMES = 2
ALIAS_POINTS = 2.5
NUMBER_POINTS = 3.0
MOST_ORDERS = 4
MOST_PARTS = 4
# More orders or parts of one name than this are not tried in every combination.
POOL = 10
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """Orders that a mutation may pay."""

    orders: frozenset[int]
    points: float
    why: str
    whole: bool
    """Nothing is left to pay afterwards."""


def judge(made: TestSet, readings: Sequence[Reading]) -> None:
    """Fills in what could be known of each mutation. `readings` stand in the order of the mutations."""
    accounts = {order.account for order in made.orders} | {each.account for each in made.mutations}
    for account in sorted(accounts):
        orders = [order for order in made.orders if order.account == account]
        rows = [
            Row(mutation, reading, truth)
            for mutation, reading, truth in zip(made.mutations, readings, made.truth, strict=True)
            if mutation.account == account and mutation.can_pay
        ]
        Clerk(orders, rows).judge()
    for mutation, truth in zip(made.mutations, made.truth, strict=True):
        if not mutation.can_pay:
            truth.decidable, truth.why = True, "not posted money in"


@dataclass(slots=True)
class Row:
    """A mutation that may pay something, what is legible, and the truth that is to be completed."""

    mutation: Mutation
    reading: Reading
    truth: Truth


class Clerk:
    """Somebody who works through one account's mutations."""

    def __init__(self, orders: list[Order], rows: list[Row]) -> None:
        self.orders = {order.order_id: order for order in orders}
        self.rows = rows
        self._by_due: dict[int, list[Order]] = defaultdict(list)
        self._by_piece: dict[str, set[str]] = defaultdict(set)
        self._by_name: dict[str, list[Order]] = defaultdict(list)
        for order in orders:
            self._by_due[order.due_minor].append(order)
            self._by_name[order.customer_name].append(order)
            for piece in _pieces(order.customer_name):
                self._by_piece[piece].add(order.customer_name)
        self._fits = [self._fitting(row.reading) for row in rows]
        self._parts: dict[int, list[int]] = defaultdict(list)
        for index, fits in enumerate(self._fits):
            for order_id in fits:
                self._parts[order_id].append(index)
        self._certain: dict[int, Explanation] = {}
        self._contested: set[int] = set()

    def judge(self) -> None:
        """Decides what can be decided, round by round, and completes the truth of all."""
        for _ in range(ROUNDS):
            settled = self._settled()
            found = {
                index: best
                for index in range(len(self.rows))
                if index not in self._certain and index not in self._contested
                if (best := _certain(self._explanations(index, settled))) is not None
            }
            before = dict(self._certain)
            self._certain |= found
            self._settle_rivals()
            self._learn_payers()
            if self._certain == before:
                break
        self._complete()

    def _complete(self) -> None:
        """Writes down what was found."""
        settled = self._settled()
        alike: dict[tuple[int, frozenset[frozenset[int]]], list[int]] = defaultdict(list)
        for index, row in enumerate(self.rows):
            certain = self._certain.get(index)
            if certain is not None:
                truth = row.truth
                truth.why = f"{certain.points:g}: {certain.why}"
                truth.decidable = truth.findable = certain.orders == frozenset(truth.allocations)
                truth.misleading = not truth.decidable
                continue
            found = self._explanations(index, settled)
            _complete_undecided(row.truth, found)
            if not found or found[0].points < PLAUSIBLE:
                continue
            best = [each for each in found if each.points == found[0].points]
            best_sets = frozenset(each.orders for each in best)
            row.truth.tie = frozenset(row.truth.allocations) in best_sets and ties.even(
                [self._look(index, each) for each in best]
            )
            if found[0].points >= CERTAIN:
                alike[row.mutation.amount_minor, best_sets].append(index)
        for (_, best_sets), indices in alike.items():
            for index in indices if len(indices) > 1 else ():
                truth = self.rows[index].truth
                truth.alike = self.rows[indices[0]].truth.mutation_id
                truth.tie = truth.tie and len(indices) < len(best_sets)

    def _look(self, index: int, explanation: Explanation) -> ties.Look:
        """An explanation of a mutation, seen closely."""
        row = self.rows[index]
        orders = [self.orders[order_id] for order_id in sorted(explanation.orders)]
        customers = {names.words_of(order.customer_name) for order in orders}
        known = any(
            _same_payer(row.reading, self.rows[other].reading.name)
            for other, certain in self._certain.items()
            if customers & {names.words_of(self.orders[each].customer_name) for each in certain.orders}
        )
        adds_up = [
            self.rows[other].mutation.amount_minor + row.mutation.amount_minor == orders[0].due_minor
            and _same_payer(row.reading, self.rows[other].reading.name)
            for other in self._parts[orders[0].order_id]
            if other != index
        ]
        return ties.Look(
            amount=explanation.why.partition(", name")[0],
            name=ties.likeness(row.reading, [order.customer_name for order in orders]),
            known=known,
            adds_up=any(adds_up),
        )

    def _settled(self) -> set[int]:
        """Orders that nothing is left to pay of, by what is certain."""
        paid: Counter[int] = Counter()
        done: set[int] = set()
        for index, explanation in self._certain.items():
            if explanation.whole:
                done |= explanation.orders
            elif len(explanation.orders) == 1:
                paid[next(iter(explanation.orders))] += self.rows[index].mutation.amount_minor
        return done | {order for order, amount in paid.items() if amount >= self.orders[order].due_minor}

    def _settle_rivals(self) -> None:
        """Of several that are certain of one whole order, one stays: the better or the earlier, or none."""
        claims: dict[int, list[int]] = defaultdict(list)
        for index, explanation in self._certain.items():
            for order in explanation.orders if explanation.whole else ():
                claims[order].append(index)
        for claimants in claims.values():
            rivals = [index for index in claimants if index in self._certain]
            if len(rivals) < 2:
                continue
            rivals.sort(key=lambda index: (-self._certain[index].points, self.rows[index].mutation.date))
            first, second = rivals[:2]
            better = self._certain[first].points - self._certain[second].points >= RIVAL_LEAD
            dates = sorted((self.rows[index].mutation.date, index) for index in rivals)
            if not better and dates[0][0] == dates[1][0]:
                self._contested.update(rivals)
                for index in rivals:
                    del self._certain[index]
                continue
            kept = first if better else dates[0][1]
            for index in rivals:
                if index != kept:
                    del self._certain[index]

    def _learn_payers(self) -> None:
        """Who pays for somebody else again and again, by exact codes alone."""
        taught: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for index, explanation in self._certain.items():
            row = self.rows[index]
            if len(names.words_of(row.reading.name)) > 1 and len(explanation.orders) == 1:
                order = self.orders[next(iter(explanation.orders))]
                if row.mutation.amount_minor == order.due_minor and _has_code(order):
                    taught[row.reading.name[:3]].append(
                        (row.reading.name, names.words_of(order.customer_name))
                    )
        for index, row in enumerate(self.rows):
            if index in self._certain or not row.reading.name:
                continue
            paid_for = Counter(
                customer
                for payer, customer in taught.get(row.reading.name[:3], ())
                if _same_payer(row.reading, payer)
            )
            if len(paid_for) == 1 and paid_for.total() >= ALIAS_TIMES:
                self._add_alias(index, next(iter(paid_for)))

    def _add_alias(self, index: int, customer: tuple[str, ...]) -> None:
        fits = self._fits[index]
        for order in self.orders.values():
            if names.words_of(order.customer_name) == customer:
                fits[order.order_id] = max(fits.get(order.order_id, 0.0), ALIAS_POINTS)

    def _fitting(self, reading: Reading) -> dict[int, float]:
        """Points of name and number, for orders that have any."""
        found: dict[int, float] = {}
        for name, cut in ((reading.name, reading.cut), (reading.named, False)):
            for customer in {each for piece in _pieces(name) for each in self._by_piece.get(piece, ())}:
                points = names.fit(name, customer, cut)
                if points:
                    for order in self._by_name[customer]:
                        found[order.order_id] = max(points, found.get(order.order_id, 0.0))
        return found

    def _explanations(self, index: int, settled: set[int]) -> list[Explanation]:
        """What the mutation may pay, best first."""
        row = self.rows[index]
        if row.reading.unrelated:
            return []
        fits = self._fits[index]
        amount = row.mutation.amount_minor
        numbered = int(row.reading.number) if row.reading.number else 0
        ids = {order.order_id for order in self._by_due.get(amount, ())} | set(fits)
        ids |= {numbered} & set(self.orders)
        found: dict[frozenset[int], Explanation] = {}
        pool: list[Order] = []
        for order_id in sorted(ids - settled):
            order = self.orders[order_id]
            time = _in_time(row.mutation.date, order)
            if time is None:
                continue
            name = fits.get(order_id, 0.0) + (NUMBER_POINTS if order_id == numbered else 0.0)
            points, why, whole = self._amount(index, order, name)
            found[frozenset((order_id,))] = Explanation(
                frozenset((order_id,)), points + name + time, f"{why}, name {name:g}, time {time:g}", whole
            )
            if fits.get(order_id):
                pool.append(order)
        for several in _several(amount, pool, fits):
            found[several.orders] = several
        return sorted(found.values(), key=lambda each: -each.points)

    def _amount(self, index: int, order: Order, name: float) -> tuple[float, str, bool]:
        row = self.rows[index]
        amount = row.mutation.amount_minor
        points, why, whole = weigh_amount(amount, order)
        if amount < order.due_minor and not whole:
            if row.reading.part:
                points, why = points + 0.25, f"{why}, called a part"
            if name and self._adds_up(index, order):
                points, why = max(points, 2.5 if _has_code(order) else 2.0), "instalments add up"
        return points, why, whole

    def _adds_up(self, index: int, order: Order) -> bool:
        """Whether other parts by the same name complete this one."""
        missing = order.due_minor - self.rows[index].mutation.amount_minor
        others = [
            self.rows[other].mutation.amount_minor
            for other in self._parts[order.order_id]
            if other != index
            and _same_payer(self.rows[index].reading, self.rows[other].reading.name)
            and self._may_be_part(other, order)
        ]
        return any(
            sum(parts) == missing
            for count in range(1, MOST_PARTS)
            for parts in combinations(others[:POOL], count)
        )

    def _may_be_part(self, index: int, order: Order) -> bool:
        certain = self._certain.get(index)
        free = certain is None or certain.orders == frozenset((order.order_id,))
        return free and _in_time(self.rows[index].mutation.date, order) is not None


def weigh_amount(amount: int, order: Order) -> tuple[float, str, bool]:
    """Points for an amount in minor units, why, and whether it leaves nothing to pay."""
    due, code = order.due_minor, order.unique_code * SEN
    fees = [fee * SEN for fee in FEES]
    if amount == due:
        return (3.0, "exact with code", True) if _has_code(order) else (2.0, "exact without code", True)
    if code and amount == due - code:
        return 2.0, "code left off", True
    if due - amount in fees:
        return 2.0, "fee taken off", True
    if code and due - code - amount in fees:
        return 1.5, "code left off and fee taken off", True
    if _has_code(order) and amount % (500 * SEN) == 0 and abs(amount - due) < 1_000 * SEN:
        return 2.0, "rounded", True
    if amount % SEN == 0 and _one_slip(str(amount // SEN), str(due // SEN)):
        return (2.0 if _has_code(order) else 1.5), "a digit swapped or missing", True
    if due < amount <= due + max(due // 10, 10_000 * SEN) and amount % (5_000 * SEN) == 0:
        return 0.5, "a little too much", True
    return -0.5, "another amount", amount > due


def _one_slip(typed: str, meant: str) -> bool:
    """Two neighbouring digits swapped, or one missing; not one that is wrong."""
    if len(typed) == len(meant):
        return sorted(typed) == sorted(meant) and names.one_change(typed, meant)
    return len(typed) == len(meant) - 1 and names.one_change(typed, meant)


def _several(amount: int, pool: list[Order], fits: dict[int, float]) -> Iterable[Explanation]:
    """Two to four orders of one customer that a transfer pays at once."""
    by_name: dict[tuple[str, ...], list[Order]] = defaultdict(list)
    for order in pool:
        by_name[names.words_of(order.customer_name)].append(order)
    groups = [*by_name.values(), [order for order in pool if fits[order.order_id] >= names.MISSPELT]]
    for group in groups:
        for count in range(2, min(MOST_ORDERS, len(group)) + 1):
            for orders in combinations(group[:POOL], count):
                points, why = _weigh_sum(amount, orders)
                if points:
                    name = min(fits[order.order_id] for order in orders)
                    found = frozenset(order.order_id for order in orders)
                    yield Explanation(found, points + name, f"{why}, name {name:g}", whole=True)


def _weigh_sum(amount: int, orders: Sequence[Order]) -> tuple[float, str]:
    due = sum(order.due_minor for order in orders)
    codes = sum(order.unique_code * SEN for order in orders)
    if amount == due:
        return (3.0 if any(map(_has_code, orders)) else 2.0), "sum of what is due"
    if amount == due - codes:
        return 2.0, "sum without codes"
    if due - amount in {fee * SEN for fee in FEES}:
        return 1.5, "sum with a fee taken off"
    return 0.0, ""


def _complete_undecided(truth: Truth, found: list[Explanation]) -> None:
    true = frozenset(truth.allocations)
    truth.why = "; ".join(f"{each.points:g}: {each.why} {sorted(each.orders)}" for each in found[:4])
    if not true:
        truth.decidable = not found or found[0].points < UNRELATED
        return
    points = next((each.points for each in found if each.orders == true), 0.0)
    rivals = [each for each in found if each.orders != true and each.points >= points]
    truth.findable = points >= PLAUSIBLE and len(rivals) < CANDIDATES


def _certain(found: list[Explanation]) -> Explanation | None:
    if not found or found[0].points < CERTAIN:
        return None
    return found[0] if len(found) == 1 or found[0].points - found[1].points >= LEAD else None


def _in_time(date: dt.date, order: Order) -> float | None:
    """Points for the day, or None when that order cannot have been meant."""
    late = (date - order.expire_time.astimezone(WIB).date()).days
    if date < order.create_time.astimezone(WIB).date() or late > LATEST_DAYS:
        return None
    return 0.0 if late <= 1 else -0.25 if late <= 3 else -0.5


def _has_code(order: Order) -> bool:
    """Whether what is due ends in digits that no price has."""
    return order.unique_code > 0 and order.due_minor % (500 * SEN) != 0


def _same_payer(reading: Reading, name: str) -> bool:
    """Whether two names as the bank shows them may be one, cut off at different places."""
    return max(names.fit(reading.name, name, True), names.fit(name, reading.name, True)) >= names.SHORT


def _pieces(name: str) -> set[str]:
    """Starts and ends of the words: a name that fits shares one of them."""
    words = names.words_of(name)
    return {word[:3] for word in words if len(word) > 2} | {
        f"-{word[-3:]}" for word in words if len(word) > 3
    }
