"""What the rules send: mostly what a shop would, sometimes what it must not."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from kasir.v1 import common_pb2
from tests.model.bank import CARD_NUMBER
from tests.model.base import DAY_MS, HOUR_MS, Record
from tests.properties.driver import now_ms

UNKNOWN_ID = 9_999
# Bytes a call is given: most need half of it, and all steps of a run must fit what Hypothesis draws for one.
CHOICES = st.binary(min_size=48, max_size=48)
EMAILS = ("dewi@example.com", " Dewi.L+toko@EXAMPLE.com")
NO_EMAILS = ("dewi", "dewi@toko", "dé@toko.id", "d@@toko.id", f"d@{'o' * 260}.id")
PHONES = ("081234567801", "+62 812 3456 7802", "0812-3456-7803")
# One call in so many is careless; and in a careless one, one field in so many is wrong.
CARELESS_CALLS, WRONG_FIELDS = 4, 3

T = TypeVar("T")
ADDRESS = common_pb2.Address(
    recipient="Dewi Lestari", phone="0812345678", street="Jl. Melati 5", city="Bandung", postal_code="40111"
)


def money(minor_units: int, currency: str = "IDR") -> common_pb2.Money:
    return common_pb2.Money(currency_code=currency, minor_units=minor_units)


def day(offset: int) -> str:
    """The day it is in the shop, or so many days later."""
    at_ms = now_ms() + 7 * HOUR_MS + offset * DAY_MS
    return dt.datetime.fromtimestamp(at_ms / 1_000, dt.UTC).date().isoformat()


def timestamp(at_ms: int) -> Timestamp:
    time = Timestamp()
    time.FromMilliseconds(at_ms)
    return time


def in_state(*states: str, name: str = "state") -> Callable[[Record], bool]:
    """Records in one of these states."""
    return lambda record: record[name] in states


def is_open(shift: Record) -> bool:
    return shift["close_time"] is None


class Choice:
    """The choices of one call, each a byte that Hypothesis drew; when there is no more, each is the first.

    A byte of zero is the plainest there is: what is right rather than wrong, the first of several, no coin.
    So a failed story shrinks choice by choice. What a byte chooses among depends on the shop, and so on the
    clock, which Hypothesis cannot play again; how many bytes there are does not, as it demands.
    """

    def __init__(self, drawn: bytes) -> None:
        self.left = iter(drawn)
        self.careless = self.once_in(CARELESS_CALLS)
        self.again = self.of(["", "", "", "same", "other"])
        self.actor = self.of(["sari", "budi", "tono"])

    def below(self, count: int) -> int:
        """A number from 0 on, less than `count`, which is at most 256."""
        return next(self.left, 0) * count // 256

    def once_in(self, times: int) -> bool:
        """True one time in so many."""
        return self.below(times) == times - 1

    def wrong(self) -> bool:
        """Whether the next field is wrong."""
        return self.careless and self.once_in(WRONG_FIELDS)

    def of(self, right: Sequence[T], wrong: Sequence[T] = ()) -> T:
        """One of what is right, or of what is wrong."""
        among = wrong if wrong and self.wrong() else right
        return among[self.below(len(among))]

    def maybe(self) -> bool:
        """A coin."""
        return self.once_in(2)

    def seldom(self) -> bool:
        """One time in six."""
        return self.once_in(6)

    def one(self, table: dict[int, Record], wanted: Callable[[Record], bool] | None = None) -> int:
        """An id of a table that `wanted` likes; any, or one that is not there, when careless."""
        liked = [record_id for record_id, record in table.items() if wanted is None or wanted(record)]
        if self.wrong() or not table:
            return self._id_of([UNKNOWN_ID, *sorted(table)])
        return self._id_of(sorted(liked or table))

    def _id_of(self, ids: Sequence[int]) -> int:
        """One of them; of more than a byte can tell apart, one of the newest."""
        among = ids[-256:]
        return among[self.below(len(among))]

    def quantity(self) -> int:
        """Units of a line; the shop has few of everything."""
        return self.of([1, 1, 1, 2, 2, 3], [5, 1_000, 1_000_001, 0, -1])

    def expiry(self) -> dict[str, Any]:
        """An expire_time, or none. Short ones fall due while the machine runs."""
        kind = self.of(["none", "none", "none", "short", "hours"], ["past", "far"])
        if kind == "none":
            return {}
        short = 60 + 2 * self.below(171)
        ahead = {"short": short, "hours": 7_200_000, "past": -1_000, "far": 32 * DAY_MS}
        return {"expire_time": timestamp(now_ms() + ahead[kind])}

    def discount(self) -> dict[str, Any]:
        """A line's discount, or none."""
        amount = self.of([None, None, None, 100, 199], [-1, 10**12, 2 * 10**15])
        return {} if amount is None else {"discount": money(amount, self.of(["IDR"], ["USD", "XXX", ""]))}

    def reference(self) -> str:
        """A payer's reference."""
        return self.of(["", "REF-1"], [CARD_NUMBER])

    def stale(self) -> int:
        """What is taken off a version."""
        return self.of([0], [1, -1])
