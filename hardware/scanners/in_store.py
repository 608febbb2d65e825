"""A shop's own EAN-13 with weight or price in it, as scales print them on fruit and cheese.

GS1 leaves the numbers 02 and 20 to 29 to each country and Indonesia's leaves them to each shop, so a shop
says in a pattern what its scale prints. Sources: GS1 General Specifications 2.1.11 and 7.9 (check digit of
a measure).
"""

import re
from dataclasses import dataclass

from biip.checksums import gs1_price_weight_check_digit, gs1_standard_check_digit

_LETTERS = "IWPVC"
_LENGTH = 13
# A measure has a check digit of its own only where it has four or five digits.
_SHAPE = re.compile(r"(02|2\d)I+(V?(W{4,5}|P{4,5})|W{6}|P{6})C")


class InStoreError(ValueError):
    """A measure whose own check digit is wrong; the message says so in plain words."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What such a code says: the code of the item, which has zeros for the measure, and the measure."""

    code: str
    weight_grams: int | None = None
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class InStoreCode:
    """How one scale fills its thirteen digits.

    `pattern`: digits for themselves, I for the item, W for the weight or P for the price, V for the
    measure's own check digit, C for the code's at the end; as "20IIIIIWWWWWC". `unit` is what one W or P
    stands for, in grams or in minor units of the currency: 100 where prices are printed in whole rupiah.
    Raises ValueError for a pattern that makes no sense.
    """

    pattern: str
    unit: int = 1

    def __post_init__(self) -> None:
        if len(self.pattern) != _LENGTH or _SHAPE.fullmatch(self.pattern) is None or self.unit < 1:
            raise ValueError(f"{self.pattern!r} is no pattern of 13 digits as 20IIIIIWWWWWC")

    def matches(self, digits: str) -> bool:
        """Whether thirteen digits begin as this scale's do."""
        return all(
            mark in _LETTERS or mark == digit for mark, digit in zip(self.pattern, digits, strict=True)
        )

    def read(self, digits: str) -> Measured:
        """Takes thirteen matching digits apart. Raises InStoreError for a wrong check digit."""
        measure = self._of("WP", digits)
        stated = self._of("V", digits)
        if stated and int(stated) != gs1_price_weight_check_digit(measure):
            right = gs1_price_weight_check_digit(measure)
            raise InStoreError(
                f"measure {measure} with a wrong check digit: {stated} was read, {right} is right"
            )
        zeroed = "".join(
            "0" if mark in "WPV" else digit for mark, digit in zip(self.pattern, digits, strict=True)
        )
        code = zeroed[:-1] + str(gs1_standard_check_digit(zeroed[:-1]))
        value = int(measure) * self.unit
        return Measured(code, value, None) if "W" in self.pattern else Measured(code, None, value)

    def _of(self, marks: str, digits: str) -> str:
        return "".join(digit for mark, digit in zip(self.pattern, digits, strict=True) if mark in marks)
