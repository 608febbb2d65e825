"""What a scale says, whatever its protocol."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import Enum

GRAMS = {
    "kg": Decimal(1000),
    "g": Decimal(1),
    "t": Decimal(1_000_000),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}
# No counter's scale weighs more: what is heavier was garbled on its way.
_GRAMS_MAX = 10_000_000


class WeighingState(Enum):
    """Whether a weight may be sold by, and if not, why not."""

    STABLE = "stable"
    MOVING = "moving"
    OVERLOAD = "too heavy"
    NEGATIVE = "below zero"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class Weighing:
    """`grams` is set when the weight is STABLE, and where a scale says more, what it showed when it was
    not.
    """

    state: WeighingState
    grams: int | None = None


SILENT = Weighing(WeighingState.SILENT)


def grams(number: str, unit: str) -> int | None:
    """A scale's number in grams, rounded half up; None when it is none."""
    try:
        value = Decimal(number.replace(" ", "")) * GRAMS[unit]
    except (InvalidOperation, KeyError):
        return None
    if not value.is_finite() or abs(value) > _GRAMS_MAX:
        return None
    return int(value.to_integral_value(ROUND_HALF_UP))
