"""Why the matcher proposes what it does: its sentences, in the language of now, with what each weighs."""

import re
from functools import cache

from clients.desktop.texts import _, marked

# Every sentence of the matcher, without its weight and point; a test holds them against its source.
SENTENCES: tuple[str, ...] = (
    marked("The amount is exactly the sum of {orders} orders, one of {tried} sums tried"),
    marked("The amount is the sum of {orders} orders without their codes, one of {tried} sums tried"),
    marked("The amount is the sum of {orders} orders less a usual fee, one of {tried} sums tried"),
    marked("{transfers} transfers are together exactly what order {order} has to pay"),
    marked("{transfers} transfers are together a part of what order {order} has to pay"),
    marked("The text names the customer of order {order}"),
    marked("The text does not name the customer of order {order}, or names somebody else"),
    marked("The text holds the number of order {order}"),
    marked("The text holds another number than that of order {order}"),
    marked("This payer paid for the customer of order {order} before"),
    marked("This payer paid for others before, not for the customer of order {order}"),
    marked("Order {order} was waiting for its money on that day"),
    marked("It came {days} days after the deadline of order {order}"),
    marked("It came {days} days before order {order} was booked"),
    marked("Order {order} was cancelled: what comes for it is owed back"),
    marked("Another order had to pay the same as order {order} before"),
    marked("Order {order} has to pay exactly this amount: a person has to look"),
    marked("All that is paid together is the same payer's"),
    marked("Before anything is known, few transfers pay any one order"),
    marked("Several explanations are equally good: a person has to choose"),
    marked("The orders that would fit are better paid by other transfers"),
    marked("No open order fits"),
    marked("The search was stopped at its bound: something may have been missed"),
    marked("The amount is exactly what order {order} has to pay"),
    marked("The amount is what order {order} has to pay without its unique code"),
    marked("The amount is what order {order} has to pay less a usual fee"),
    marked("The amount is what order {order} has to pay with a usual fee added"),
    marked("The amount is a little less than order {order} has to pay"),
    marked("The amount is what order {order} has to pay with two neighbouring digits swapped"),
    marked("The amount differs in one digit from what order {order} has to pay"),
    marked("The amount has one digit more or less than what order {order} has to pay"),
    marked("The amount ends with the unique code of order {order}, but is another one"),
    marked("The amount is what order {order} has to pay, rounded"),
    marked("The amount is less than order {order} has to pay"),
    marked("The amount is more than order {order} has to pay"),
)
_WEIGHT = re.compile(r"(?P<words>.*?)(?: \((?P<weight>[+-]\d+\.\d)\))?\.?", re.DOTALL)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    made = []
    for sentence in SENTENCES:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\d+)", re.escape(sentence))
        made.append((re.compile(pattern), sentence))
    return tuple(made)


def said(reason: str) -> tuple[str, float]:
    """The sentence in the language of now, and its weight: above zero speaks for it, 0 is only said.

    What is not known here stays as the server said it.
    """
    found = _WEIGHT.fullmatch(reason)
    assert found is not None  # it matches everything
    words, weight = found["words"], float(found["weight"] or 0)
    for pattern, sentence in _patterns():
        if match := pattern.fullmatch(words):
            return _(sentence).format(**match.groupdict()), weight
    return words, weight
