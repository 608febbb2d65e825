"""A shop's books while a test set is made: who is about, which orders stand open, what the bank received."""

import datetime as dt
import random
from bisect import bisect
from collections import defaultdict
from dataclasses import dataclass, field

from bench.matching import people, texts
from bench.matching.files import SEN, WIB, Allocations, Order
from bench.matching.people import Person
from bench.matching.texts import Note, Text

START = dt.datetime(2026, 10, 26, tzinfo=WIB)
# Prices that many orders share, in rupiah, and how often
POPULAR = (149_000, 99_000, 199_000, 249_000, 129_000, 89_000, 59_000)
POPULAR_WEIGHTS = (9, 5, 4, 2, 2, 2, 1)
SHIPPING = (0, 0, 0, 9_000, 10_000, 10_000, 11_000, 16_000, 18_000, 22_000)
FEES = (2_500, 6_500)
GREATEST_CODE = 999
# A code is given again this long after its order closed.
COOL_DOWN = dt.timedelta(days=3)
FIRST_ORDER_ID = 104_210
# Orders of one account in a day, at which the shop's period grows with its size
ORDERS_A_DAY = 300
LONGEST_PERIOD_DAYS = 30
CODE_TRIES = 60


@dataclass(slots=True)
class Draft:
    """A row of the statement before it has an id."""

    account: str
    date: dt.date
    amount_minor: int
    text: Text
    kind: str
    allocations: Allocations = field(default_factory=dict)
    direction: str = "CR"
    status: str = "POSTED"


@dataclass(frozen=True, slots=True)
class Sent:
    """How a payment is made: by whom, when, with which words, which way."""

    kind: str
    payer: str
    when: dt.datetime
    note: Note | None = None
    """None: whatever people write."""
    way: str = "transfer"
    exactly: bool = False
    """The bank spells the payer's name as the order does: no other spelling comes in between."""


class Shop:
    """The books. All chance comes from `rng`; amounts are rupiah until they are written down."""

    def __init__(self, name: str, seed: int, size: int) -> None:
        self.rough = name == "hard"
        self.rng = random.Random(f"{name}/{seed}/{size}")
        self.size = size
        self.days = min(LONGEST_PERIOD_DAYS, max(5, size // ORDERS_A_DAY))
        self.accounts = ["BCA-0351234567", "BCA-0359876543"][: 1 if size < 500 else 2]
        self.orders: list[Order] = []
        self.drafts: list[Draft] = []
        self._people = iter(people.make_people(2 * size + 400, f"{name}/{seed}"))
        self._known: list[Person] = []
        self._ids: set[int] = set()
        self._open: dict[tuple[str, int], list[tuple[dt.datetime, dt.datetime]]] = defaultdict(list)

    def person(self) -> Person:
        """Somebody new."""
        return next(self._people)

    def customer(self) -> Person:
        """Somebody who orders: often for the first time, sometimes again."""
        if self._known and self.rng.random() < 0.25:
            return self.rng.choice(self._known)
        self._known.append(self.person())
        return self._known[-1]

    def moment(self) -> dt.datetime:
        """A moment of the period while the shop answers; evenings are busy."""
        hour = self.rng.choices(range(8, 23), weights=(2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 7, 8, 6, 3))[0]
        return START + dt.timedelta(
            days=self.rng.randrange(self.days), hours=hour, seconds=self.rng.randrange(3600)
        )

    def price(self) -> int:
        """Goods and shipping."""
        rng = self.rng
        if rng.random() < 0.45:
            goods = rng.choices(POPULAR, weights=POPULAR_WEIGHTS)[0]
        else:
            goods = rng.randrange(35_000, 900_000, rng.choice((500, 1_000, 1_000, 5_000)))
        return goods + rng.choice(SHIPPING)

    def order(
        self,
        customer: Person,
        *,
        coded: bool = True,
        when: dt.datetime | None = None,
        price: int | None = None,
        name: str | None = None,
        account: str | None = None,
    ) -> Order:
        """Books an order; a code makes its payable unique among the account's open ones, as in the engine."""
        rng = self.rng
        created = when or self.moment()
        expires = created + dt.timedelta(hours=rng.choices((12, 24, 48), weights=(1, 6, 2))[0])
        account = account or (self.accounts[0] if rng.random() < 0.8 else self.accounts[-1])
        total, code = self._payable(account, created, expires, price, coded=coded)
        paid = 0
        if self.rough and coded and price is None and rng.random() < 0.015 and total > 100_000:
            paid = 50_000
        made = Order(
            order_id=self._order_id(created),
            account=account,
            payable_minor=(total + code) * SEN,
            unique_code=code,
            paid_minor=paid * SEN,
            customer_name=name or people.chat_name(rng, customer.name, careless=self.rough),
            create_time=created,
            expire_time=expires,
        )
        self._open[account, made.payable_minor].append((created, expires + COOL_DOWN))
        self.orders.append(made)
        return made

    def _payable(
        self, account: str, created: dt.datetime, expires: dt.datetime, price: int | None, *, coded: bool
    ) -> tuple[int, int]:
        total = price or self.price()
        if not coded:
            return total, 0
        for attempt in range(CODE_TRIES):
            code = self.rng.randint(1, GREATEST_CODE)
            if price is None and attempt % 10 == 9:
                total = self.price()
            others = self._open[account, (total + code) * SEN]
            if all(expires + COOL_DOWN < start or created > end for start, end in others):
                return total, code
        return self._payable(account, created, expires, total + 1_000, coded=True)

    def _order_id(self, created: dt.datetime) -> int:
        seconds = (created - START).total_seconds()
        order_id = FIRST_ORDER_ID + int(seconds * 6 * self.size / (self.days * 86_400))
        while order_id in self._ids:
            order_id += 1
        self._ids.add(order_id)
        return order_id

    def soon(self, order: Order) -> dt.datetime:
        """When an order is paid by somebody who pays in time: mostly within hours."""
        room = (order.expire_time - order.create_time) * 0.97
        return order.create_time + min(dt.timedelta(hours=self.rng.expovariate(1 / 5)), room)

    def bank_date(self, when: dt.datetime) -> dt.date:
        """The day the bank books it on; some ways take a night, some a weekend."""
        date = when.astimezone(WIB).date()
        if self.rng.random() < (0.08 if self.rough else 0.04):
            date += dt.timedelta(days=1)
            while date.weekday() >= 5:
                date += dt.timedelta(days=1)
        return date

    def pay(self, sent: Sent, amount: int, allocations: Allocations, account: str) -> Draft:
        """Writes down money in: `amount` rupiah times `SEN`, and what it truly pays."""
        rng = self.rng
        date = self.bank_date(sent.when)
        note = sent.note
        if note is None:
            note = texts.chat_note(rng) if rng.random() < (0.6 if self.rough else 0.35) else Note()
        payer = sent.payer
        if payer and self.rough and not sent.exactly and rng.random() < 0.07:
            payer = people.misspelt(rng, payer)
        if sent.way == "wallet":
            text = texts.wallet(rng, date, amount, note)
        elif sent.way == "cash":
            text = texts.cash(rng, date)
        else:
            text = texts.transfer(rng, date, payer, amount, note, rough=self.rough)
        draft = Draft(account, date, amount, text, sent.kind, allocations)
        self.drafts.append(draft)
        return draft

    def pay_order(self, order: Order, sent: Sent, amount: int | None = None) -> Draft:
        """Money for one order: what is due, or `amount`; what is more than due is nobody's."""
        amount = order.due_minor if amount is None else amount
        return self.pay(sent, amount, {order.order_id: min(amount, order.due_minor)}, order.account)


def pick(rng: random.Random, weighted: dict[str, float]) -> str:
    """A key, by its weight."""
    keys = list(weighted)
    sums: list[float] = []
    for key in keys:
        sums.append((sums[-1] if sums else 0.0) + weighted[key])
    return keys[min(bisect(sums, rng.random() * sums[-1]), len(keys) - 1)]
