"""What will happen on the day, decided beforehand from a seed: who orders what, who pays, who does not.

The plan knows nothing of the server. What it foresees is played by people (see `desk`, `warehouse`,
`counter`, `bank`), and what the server counts afterwards is compared with what they did.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from kasir.demo.goods import ITEMS_MAX, Good, make_goods
from kasir.demo.people import Customer, make_customers
from kasir.v1.common_pb2 import (
    CHANNEL_CHAT,
    CHANNEL_EMAIL,
    CHANNEL_MARKETPLACE,
    CHANNEL_PHONE,
    CHANNEL_WALK_IN,
    CHANNEL_WEB,
    Channel,
)

ORDERS_MIN, ORDERS_MAX = 40, 5_000
ITEMS_MIN = 130
TILLS = 2

WAREHOUSE, DESK, SHOP_FLOOR = "GUDANG", "CS", "TOKO"
CONNECTED_COURIER, OTHER_COURIER = "JNE", "POS"
# Heavier pieces are bought one at a time, so that every parcel stays below what couriers carry.
HEAVY_GRAMS = 1_500


class Fate(Enum):
    """What becomes of a Book Order."""

    PAYS = "transfers what is asked for"
    PAYS_TOO_MUCH = "transfers more: matched by hand, the rest becomes credit"
    PAYS_TOO_LITTLE = "transfers less: matched by hand, the rest is paid at the desk"
    PAYS_MARKETPLACE = "pays through the marketplace"
    CANCELS = "changes their mind"
    EXPIRES = "never pays"
    PAYS_LATE = "pays after the deadline, the goods are still there"
    PAYS_TOO_LATE = "pays after the deadline, the goods are gone"
    TAKES_THE_LAST = "books what the one before did not pay for"


SHORT_DEADLINE = frozenset({Fate.EXPIRES, Fate.PAYS_LATE, Fate.PAYS_TOO_LATE})
# Shares of the day's orders
CANCELS, EXPIRES, MARKETPLACE, WEB = 0.08, 0.10, 0.05, 0.09
NOT_FOUND, SOLD_OUT, UNBOOKED, BY_OTHER_COURIER = 0.03, 0.015, 0.04, 0.06
TILL_SALES = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """One line that a customer asks for."""

    good: Good
    quantity: int
    discount_rupiah: int = 0
    """Taken off the line."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One customer's order, as it is asked for."""

    customer: Customer
    channel: Channel.ValueType
    wishes: tuple[Wish, ...]
    fate: Fate
    price_list: str
    courier: str
    """Code of the courier; empty when the customer picks it up."""
    from_stock: str
    """Location whose stock is booked straight away; empty: by Drop Orders."""
    bad_address: bool = False
    """The postal code was mistyped; the courier's computer will refuse it."""


@dataclass
class Plan:
    """The whole day."""

    seed: int
    goods: list[Good]
    chats: list[Chat]
    """Served by the CS agents, in this order."""
    straight: list[Chat]
    """From the web shop and the marketplace, booked straight from stock."""
    last_taker: Chat
    """Comes when the deadline of PAYS_TOO_LATE has passed."""
    unbooked: list[Wish]
    """Handed over by the warehouse, and then not wanted."""
    carts: list[list[tuple[Wish, ...]]]
    """Per till, per sale."""
    not_found: frozenset[str]
    """SKUs that stand in the books and not on the shelf."""
    stock: dict[str, dict[str, int]] = field(default_factory=dict)
    """What is delivered in the morning: by location, by SKU."""

    @property
    def orders(self) -> list[Chat]:
        """Every Book Order that will be made."""
        return [*self.chats, *self.straight, self.last_taker]


def make_plan(orders: int, items: int, seed: int) -> Plan:
    """A day of so many orders in a shop of so many items, the same for the same seed. Raises ValueError."""
    if not ORDERS_MIN <= orders <= ORDERS_MAX:
        raise ValueError(f"A day has {ORDERS_MIN} to {ORDERS_MAX} orders.")
    if not ITEMS_MIN <= items <= ITEMS_MAX:
        raise ValueError(f"A shop has {ITEMS_MIN} to {ITEMS_MAX} items.")
    return _Planner(orders, items, seed).plan()


class _Planner:
    def __init__(self, orders: int, items: int, seed: int) -> None:
        self.orders, self.seed = orders, seed
        self.rng = random.Random(f"plan/{seed}")
        self.goods = make_goods(items, seed)
        self.customers = make_customers(orders * 9 // 10, seed)
        self.new_customers = iter(self.customers)
        # Some goods that nobody asks for beside their own story.
        not_found, sold_out = (min(self.share(share), items // 30) for share in (NOT_FOUND, SOLD_OUT))
        self.rare, *apart = self.rng.sample(self.goods, 1 + not_found + sold_out)
        self.not_found, self.sold_out = apart[:not_found], apart[not_found:]
        self.asked_in_vain = list(apart)
        own_story = {self.rare.sku, *(good.sku for good in apart)}
        self.everyday = [good for good in self.goods if good.sku not in own_story]
        self.on_the_floor = self.rng.sample(self.everyday, len(self.everyday) * 6 // 10)
        self.demand: dict[str, Counter[str]] = {WAREHOUSE: Counter(), SHOP_FLOOR: Counter()}

    def share(self, share: float) -> int:
        return max(round(share * self.orders), 2)

    def plan(self) -> Plan:
        straight = self.straight()
        chats = self.chats(self.orders - len(straight) - 1)
        mistyped = next(
            at
            for at, chat in enumerate(chats)
            if chat.fate is Fate.PAYS and chat.courier == CONNECTED_COURIER
        )
        chats[mistyped] = replace(chats[mistyped], bad_address=True)
        last_taker = self.order(Fate.TAKES_THE_LAST, (Wish(self.rare, 1),))
        unbooked = [
            wish
            for _ in range(self.share(UNBOOKED))
            for wish in self.wishes(WAREHOUSE, self.everyday, most=1)
        ]
        sales = max(round(TILL_SALES * self.orders), 1)
        carts = [
            [self.wishes(SHOP_FLOOR, self.on_the_floor, most=5) for _ in range(sales)] for _ in range(TILLS)
        ]
        return Plan(
            seed=self.seed,
            goods=self.goods,
            chats=chats,
            straight=straight,
            last_taker=last_taker,
            unbooked=unbooked,
            carts=carts,
            not_found=frozenset(good.sku for good in self.not_found),
            stock=self.stock(),
        )

    def straight(self) -> list[Chat]:
        """The web shop sells from the warehouse, the marketplace from the shop floor."""
        fates = [Fate.CANCELS, Fate.EXPIRES, *[Fate.PAYS] * (self.share(WEB) - 2)]
        web = [
            self.order(fate, self.wishes(WAREHOUSE, self.everyday), CHANNEL_WEB, from_stock=WAREHOUSE)
            for fate in fates
        ]
        marketplace = [
            self.order(
                Fate.PAYS_MARKETPLACE,
                self.wishes(SHOP_FLOOR, self.on_the_floor, most=2),
                CHANNEL_MARKETPLACE,
                from_stock=SHOP_FLOOR,
            )
            for _ in range(self.share(MARKETPLACE))
        ]
        straight = [*web, *marketplace]
        self.rng.shuffle(straight)
        return straight

    def chats(self, count: int) -> list[Chat]:
        """In the order in which they come. What will expire comes early: nobody waits for the last one."""
        others = [
            *[Fate.CANCELS] * (self.share(CANCELS) - 1),
            *(Fate.PAYS_TOO_MUCH, Fate.PAYS_TOO_LITTLE),
        ]
        early = [*[Fate.EXPIRES] * (self.share(EXPIRES) - 1), Fate.PAYS_LATE, Fate.PAYS_TOO_LATE]
        others += [Fate.PAYS] * (count - len(others) - len(early))
        self.rng.shuffle(others)
        early += others[: count // 2]
        self.rng.shuffle(early)
        return [self.chat(fate) for fate in [*early, *others[count // 2 :]]]

    def chat(self, fate: Fate) -> Chat:
        if fate is Fate.PAYS_TOO_LATE:
            return self.order(fate, (Wish(self.rare, 1),))
        if fate is not Fate.PAYS:
            return self.order(fate, self.wishes(WAREHOUSE, self.everyday))
        if self.rng.random() < 0.05:
            wholesale = self.wishes(WAREHOUSE, self.everyday, pieces=(4, 8))
            return self.order(fate, wholesale, price_list="wholesale")
        wishes = self.wishes(WAREHOUSE, self.everyday, most=3)
        if self.asked_in_vain:
            wishes = (*wishes, Wish(self.asked_in_vain.pop(), 1))
        channel = self.rng.choices((CHANNEL_CHAT, CHANNEL_PHONE, CHANNEL_EMAIL), weights=(90, 6, 4))[0]
        if self.rng.random() < 0.04:
            return self.order(fate, wishes, CHANNEL_WALK_IN, courier="")
        return self.order(fate, wishes, channel)

    def order(
        self,
        fate: Fate,
        wishes: tuple[Wish, ...],
        channel: Channel.ValueType = CHANNEL_CHAT,
        *,
        price_list: str = "",
        courier: str | None = None,
        from_stock: str = "",
    ) -> Chat:
        customer = next(self.new_customers, None) or self.rng.choice(self.customers)
        if courier is None:
            courier = OTHER_COURIER if self.rng.random() < BY_OTHER_COURIER else CONNECTED_COURIER
        return Chat(customer, channel, wishes, fate, price_list, courier, from_stock)

    def wishes(
        self, location: str, goods: Sequence[Good], *, most: int = 4, pieces: tuple[int, int] = (1, 3)
    ) -> tuple[Wish, ...]:
        """A few different goods from a location, which will be delivered there."""
        count = self.rng.choices(range(1, most + 1), weights=(60, 22, 10, 5, 3)[:most])[0]
        return tuple(self.wish(location, good, pieces) for good in self.rng.sample(goods, count))

    def wish(self, location: str, good: Good, pieces: tuple[int, int]) -> Wish:
        quantity = 1 if good.weight_grams > HEAVY_GRAMS else self.rng.randint(*pieces)
        self.demand[location][good.sku] += quantity
        gets_discount = good.rupiah > 20_000 and self.rng.random() < 0.08
        # Five percent of one, in whole five hundreds
        return Wish(good, quantity, good.rupiah // 10_000 * 500 if gets_discount else 0)

    def stock(self) -> dict[str, dict[str, int]]:
        """Enough of everything for the day, and for those who are offered it instead of something else."""
        spare = 5 + len(self.not_found) + len(self.sold_out)
        stock = {
            location: {
                good.sku: self.demand[location][good.sku] + spare + self.rng.randint(0, 15) for good in goods
            }
            for location, goods in ((WAREHOUSE, self.everyday), (SHOP_FLOOR, self.on_the_floor))
        }
        # Few, so that nobody is offered one instead of something else.
        stock[WAREHOUSE] |= {self.rare.sku: 1} | {good.sku: 2 for good in self.not_found}
        return stock
