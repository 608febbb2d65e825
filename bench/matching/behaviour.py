"""How customers order and pay: each function books the orders of one kind of case and sends its money."""

import datetime as dt
from collections.abc import Callable

from bench.matching import people, texts
from bench.matching.files import SEN, Order
from bench.matching.people import Person
from bench.matching.shop import FEES, POPULAR, START, Sent, Shop

_HOUR = dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)


def unpaid(shop: Shop) -> None:
    """An order that nobody pays."""
    shop.order(shop.customer(), coded=not shop.rough or shop.rng.random() < 0.75)


def exact(shop: Shop) -> None:
    """What is due, with the code, by the customer."""
    _simple(shop, "exact")


def no_code(shop: Shop) -> None:
    """What is due, where no code was given."""
    _simple(shop, "no_code", coded=False)


def wallet(shop: Shop) -> None:
    """What is due, by a service that hides the payer."""
    _simple(shop, "wallet", way="wallet")


def wallet_no_code(shop: Shop) -> None:
    """The same without a code: hardly anything to go by."""
    _simple(shop, "wallet_no_code", coded=False, way="wallet")


def cash(shop: Shop) -> None:
    """What is due, put in as cash; machines take whole thousands only, so mostly without a code."""
    _simple(shop, "cash", coded=shop.rng.random() < 0.4, way="cash")


def other_payer(shop: Shop) -> None:
    """A relative pays once; some say for whom, some orders have no code."""
    customer, payer = shop.customer(), shop.person()
    order = shop.order(customer, coded=not shop.rough or shop.rng.random() < 0.75)
    payer = people.relative(shop.rng, customer, payer)
    named = shop.rough and shop.rng.random() < 0.3
    note = texts.named_note(shop.rng, order.customer_name) if named else None
    shop.pay_order(order, Sent("other_payer", payer.name, shop.soon(order), note))


def known_payer(shop: Shop) -> None:
    """A relative always pays: the first orders, with codes, teach what the last ones need."""
    rng = shop.rng
    customer = shop.person()
    payer = people.relative(rng, customer, shop.person())
    count = min(rng.randint(4, 6), shop.days)
    days = sorted(rng.sample(range(shop.days), count))
    account = rng.choice(shop.accounts)
    for index, day in enumerate(days):
        when = shop.moment()
        when += (day - (when.date() - START.date()).days) * _DAY
        taught = index < max(2, count - 2)
        order = shop.order(
            customer, coded=taught or rng.random() < 0.5, when=when, name=customer.name, account=account
        )
        sent = Sent("other_payer" if taught else "known_payer", payer.name, shop.soon(order))
        dropped = 0 if taught else order.unique_code * SEN
        shop.pay_order(order, sent, order.due_minor - dropped)


def code_dropped(shop: Shop) -> None:
    """The price without its code."""
    order, customer = _ordered(shop)
    shop.pay_order(
        order, _by(shop, "code_dropped", order, customer), order.due_minor - order.unique_code * SEN
    )


def code_rounded(shop: Shop) -> None:
    """Rounded to thousands, mostly up."""
    order, customer = _ordered(shop)
    step = shop.rng.choice((500, 1_000, 1_000)) * SEN
    up = 1 if shop.rng.random() < 0.85 else 0
    amount = (order.due_minor // step + up) * step
    if amount == order.due_minor - order.unique_code * SEN:
        amount += step
    shop.pay_order(order, _by(shop, "code_rounded", order, customer), amount)


def fee(shop: Shop) -> None:
    """The sending bank took its fee off the amount."""
    order, customer = _ordered(shop, coded=shop.rng.random() < 0.7)
    amount = order.due_minor - shop.rng.choice(FEES) * SEN
    shop.pay_order(order, _by(shop, "fee", order, customer), amount)


def digits(shop: Shop) -> None:
    """Two digits swapped, or one missing."""
    order, customer = _ordered(shop)
    rupiah = str(order.due_minor // SEN)
    if shop.rng.random() < 0.75:
        places = [at for at in range(1, len(rupiah) - 1) if rupiah[at] != rupiah[at + 1]]
        at = shop.rng.choice(places or [1])
        typed = rupiah[:at] + rupiah[at : at + 2][::-1] + rupiah[at + 2 :]
    else:
        at = shop.rng.randrange(1, len(rupiah))
        typed = rupiah[:at] + rupiah[at + 1 :]
    if int(typed) != int(rupiah):
        shop.pay_order(order, _by(shop, "digits", order, customer), int(typed) * SEN)


def order_number(shop: Shop) -> None:
    """The order's number in the note; the amount is often without a code, the payer often another."""
    _numbered(shop, "order_number", mangled=False)


def number_mangled(shop: Shop) -> None:
    """The order's number, written in a way nobody asked for."""
    _numbered(shop, "number_mangled", mangled=True)


def number_wrong(shop: Shop) -> None:
    """Another order's number, or one that is nobody's: a digit is wrong."""
    order, customer = _ordered(shop, coded=shop.rng.random() < 0.5)
    number = str(order.order_id)
    at = shop.rng.randrange(len(number) - 2, len(number))
    wrong = number[:at] + str((int(number[at]) + shop.rng.randint(1, 9)) % 10) + number[at + 1 :]
    note = texts.number_note(shop.rng, wrong, mangled=False)
    shop.pay_order(order, Sent("number_wrong", customer.name, shop.soon(order), note))


def several_orders(shop: Shop) -> None:
    """One transfer for two to four orders of one customer."""
    _bundle(shop, "several_orders", dropped=False)


def several_no_codes(shop: Shop) -> None:
    """The same, with the codes left off."""
    _bundle(shop, "several_no_codes", dropped=True)


def instalments(shop: Shop) -> None:
    """Two or three transfers that make up what is due; sometimes the last one never comes."""
    rng = shop.rng
    order, customer = _ordered(shop, coded=rng.random() < 0.7)
    count = rng.choice((2, 2, 2, 3))
    left = order.due_minor
    when = shop.soon(order)
    complete = rng.random() < 0.85
    for index in range(count):
        last = index == count - 1
        step = 5_000 * SEN
        share = left if last else max(step, round(left * rng.uniform(0.3, 0.6) / step) * step)
        if share >= left and not last:
            share = left // 2
        if not (last and not complete):
            sent = Sent("instalments", customer.name, when, texts.part_note(rng, index, count))
            shop.pay_order(order, sent, share)
        left -= share
        when = min(when + rng.uniform(0.5, 20) * _HOUR, max(when, order.expire_time))


def partial(shop: Shop) -> None:
    """Less than due, and never more."""
    order, customer = _ordered(shop, coded=shop.rng.random() < 0.7)
    amount = max(10_000, int(order.due_minor / SEN * shop.rng.uniform(0.3, 0.8)) // 10_000 * 10_000) * SEN
    if amount < order.due_minor:
        note = texts.part_note(shop.rng, 0, 1)
        shop.pay_order(order, Sent("partial", customer.name, shop.soon(order), note), amount)


def over(shop: Shop) -> None:
    """More than due: rounded up to tens of thousands, or an old price."""
    order, customer = _ordered(shop, coded=shop.rng.random() < 0.7)
    step = shop.rng.choice((5_000, 10_000, 10_000, 50_000)) * SEN
    shop.pay_order(order, _by(shop, "over", order, customer), (order.due_minor // step + 1) * step)


def late(shop: Shop) -> None:
    """What is due, one to seven days after the deadline."""
    order, customer = _ordered(shop, coded=not shop.rough or shop.rng.random() < 0.75)
    when = order.expire_time + shop.rng.uniform(1, 7) * _DAY
    shop.pay_order(order, Sent("late", customer.name, when))


def twins(shop: Shop) -> None:
    """Two customers of one name, or nearly, at one price without codes; one pays, or both."""
    rng = shop.rng
    first = shop.person()
    second = first if rng.random() < 0.6 else Person(people.misspelt(rng, first.name))
    when, price, account = shop.moment(), rng.choice(POPULAR), rng.choice(shop.accounts)
    options = {"coded": False, "price": price, "account": account}
    one = shop.order(first, when=when, name=first.name, **options)  # type: ignore[arg-type]
    two = shop.order(second, when=when + rng.uniform(0, 6) * _HOUR, name=second.name, **options)  # type: ignore[arg-type]
    for order, person in rng.sample([(one, first), (two, second)], rng.choice((1, 2))):
        paid = max(shop.soon(order), one.create_time, two.create_time)
        shop.pay_order(order, Sent("twins", person.name, paid, exactly=True))


def identical(shop: Shop) -> None:
    """One customer, two orders of one price, two transfers alike: both are genuine."""
    rng = shop.rng
    customer, when, price = shop.person(), shop.moment(), rng.choice(POPULAR)
    for _ in range(2):
        order = shop.order(
            customer, coded=False, when=when, price=price, name=customer.name, account=shop.accounts[0]
        )
        paid = when + rng.uniform(0.1, 3) * _HOUR
        shop.pay_order(order, Sent("identical", customer.name, paid, exactly=True))
        when += rng.uniform(0, 1) * _HOUR


def paid_twice(shop: Shop) -> None:
    """The customer pays, forgets, and pays again: the second money is for nothing."""
    order, customer = _ordered(shop, coded=shop.rng.random() < 0.7)
    when = shop.soon(order)
    first = shop.pay_order(order, Sent("exact" if order.unique_code else "no_code", customer.name, when))
    sent = Sent("paid_twice", customer.name, when + shop.rng.uniform(1, 40) * _HOUR)
    again = shop.pay(sent, order.due_minor, {}, order.account)
    again.date = max(again.date, first.date)
    if again.date == first.date:
        again.text = first.text


Behaviour = Callable[[Shop], None]

EASY: dict[Behaviour, float] = {unpaid: 8, exact: 86, wallet: 3, other_payer: 2, late: 1}
HARD: dict[Behaviour, float] = {
    unpaid: 9, exact: 22, no_code: 11, wallet: 3, wallet_no_code: 1, cash: 1.5, other_payer: 6,
    known_payer: 1, code_dropped: 6, code_rounded: 4, fee: 4, digits: 3, order_number: 4, number_mangled: 2,
    number_wrong: 1, several_orders: 4, several_no_codes: 1.5, instalments: 4, partial: 2, over: 3, late: 4,
    twins: 1.5, identical: 0.7, paid_twice: 1,
}  # fmt: skip


def _simple(shop: Shop, kind: str, *, coded: bool = True, way: str = "transfer") -> None:
    order, customer = _ordered(shop, coded=coded)
    shop.pay_order(order, Sent(kind, customer.name, shop.soon(order), way=way))


def _ordered(shop: Shop, *, coded: bool = True) -> tuple[Order, Person]:
    customer = shop.customer()
    name = None
    if shop.rough and shop.rng.random() < 0.08:
        name = people.misspelt(shop.rng, customer.name)
    return shop.order(customer, coded=coded, name=name), customer


def _by(shop: Shop, kind: str, order: Order, customer: Person) -> Sent:
    """The customer's own payment, now and then by another."""
    payer = shop.person() if shop.rng.random() < 0.05 else customer
    return Sent(kind, payer.name, shop.soon(order))


def _numbered(shop: Shop, kind: str, *, mangled: bool) -> None:
    rng = shop.rng
    order, customer = _ordered(shop, coded=rng.random() < 0.4)
    payer = people.relative(rng, customer, shop.person()) if rng.random() < 0.4 else customer
    note = texts.number_note(rng, str(order.order_id), mangled=mangled)
    dropped = order.unique_code * SEN if rng.random() < 0.3 else 0
    shop.pay_order(order, Sent(kind, payer.name, shop.soon(order), note), order.due_minor - dropped)


def _bundle(shop: Shop, kind: str, *, dropped: bool) -> None:
    rng = shop.rng
    customer, when = shop.person(), shop.moment()
    account = rng.choice(shop.accounts)
    name = people.chat_name(rng, customer.name, careless=rng.random() < 0.4)
    orders = []
    for _ in range(rng.choices((2, 3, 4), weights=(6, 3, 1))[0]):
        coded = dropped or rng.random() < 0.8
        orders.append(shop.order(customer, coded=coded, when=when, name=name, account=account))
        when += rng.uniform(0.05, 3) * _HOUR
    parts = {
        order.order_id: order.due_minor - (order.unique_code * SEN if dropped else 0) for order in orders
    }
    first_deadline = min(order.expire_time for order in orders)
    paid = max(orders[-1].create_time, min(first_deadline, when + rng.expovariate(1 / 4) * _HOUR))
    payer = people.relative(rng, customer, shop.person()) if rng.random() < 0.08 else customer
    if rng.random() < 0.05:
        parts[orders[-1].order_id] -= rng.choice(FEES) * SEN
    shop.pay(Sent(kind, payer.name, paid), sum(parts.values()), parts, account)
