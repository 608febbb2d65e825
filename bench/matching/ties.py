"""Whether explanations worth the same points are really even.

A person's points are coarse, so that they rest on nothing doubtful: a name that no rule fits is worth none.
But whoever has to choose between two orders looks closer, and where that settles it, it was no tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from bench.matching import names
from bench.matching.texts import Reading

APART = 0.2
"""By so much more likeness, of 1, a name is seen to be the one that is meant."""


@dataclass(frozen=True, slots=True)
class Look:
    """One explanation, seen closely."""

    amount: str
    """How the amount is explained: equal words, equal weight."""
    name: float
    """Likeness of the payer, or of whom the note names, to the customer, 0 to 1."""
    known: bool
    """The payer surely paid for this customer before."""
    adds_up: bool
    """With another transfer of the payer it is exactly what is due."""


def even(looks: Sequence[Look]) -> bool:
    """Whether nothing in two or more explanations tells the one that is meant."""
    if len(looks) < 2 or len({(look.amount, look.known, look.adds_up) for look in looks}) > 1:
        return False
    first, second = sorted((look.name for look in looks), reverse=True)[:2]
    return first - second < APART


def likeness(reading: Reading, customers: Sequence[str]) -> float:
    """How like the best of the names in a text is to the least like of the customers."""
    shown = [" ".join(names.words_of(name)) for name in (reading.name, reading.named) if name]
    wanted = [" ".join(names.words_of(name)) for name in customers]
    return min(
        max((SequenceMatcher(None, one, name, autojunk=False).ratio() for one in shown), default=0.0)
        for name in wanted
    )
