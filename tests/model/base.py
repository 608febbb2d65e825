"""What every part of the model stands on: tables, refusals, checks of fields, the day's totals, its clock."""

import datetime as dt
import re
from collections import Counter, defaultdict
from typing import Any

QUANTITY_MAX = 1_000_000
AMOUNT_MAX = 10**15
# What a shift, and a customer's credit and points, add up to at most.
SUM_MAX = 1_000 * AMOUNT_MAX
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DEADLINE_MAX_MS = 31 * DAY_MS
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")

# A record as the contract shows it, by field name; names with an underscore in front are the model's own.
Record = dict[str, Any]


class Refused(Exception):  # noqa: N818 - the contract's word
    """A command is not carried out: the reason and the facts that must come with it."""

    def __init__(self, reason: str, **details: Any) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = {name: str(value) for name, value in details.items()}


def refuse_field(reason: str, field: str) -> Refused:
    """A refusal that names a field of the request."""
    return Refused(reason, field=field)


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of numbers not below zero, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


class Base:
    """Tables are dicts by id. `now` and `actor` are those of the call under way."""

    def __init__(self) -> None:
        self.now = 0
        self.actor = ""
        self.settings: Record = {
            "shop_name": "Kasir",
            "shop_address": "",
            "currency_code": "IDR",
            "utc_offset": 7 * HOUR_MS,
            "booking_duration": 3 * HOUR_MS,
            "hold_duration": HOUR_MS,
            "payable_cooldown": 7 * DAY_MS,
            "reminder_before": 0,
            "points_per_minor_units": 0,
            "point_value_minor_units": 0,
            "version": 0,
        }
        self.counters: Counter[str] = Counter()
        self.tax_classes: dict[int, Record] = {}
        self.items: dict[int, Record] = {}
        self.locations: dict[int, Record] = {}
        # (item, location): units physically there. What is held is not counted, always summed from claims.
        self.on_hand: dict[tuple[int, int], int] = {}
        self.holds: dict[int, Record] = {}
        self.drop_orders: dict[int, Record] = {}
        self.orders: dict[int, Record] = {}
        # (bank account, amount to pay): the order it belongs to.
        self.payables: dict[tuple[int, int], int] = {}
        # Unique codes that the next bookings took, told by the test.
        self.codes_taken: list[int] = []
        # What the matcher proposes next, by mutation, told by the test.
        self.proposals_made: dict[int, Record] = {}
        # Mutations whose proposal it changes, if only in its weights, which the model does not see.
        self.reweighed: set[int] = set()
        self.customers: dict[int, Record] = {}
        self.messages: dict[int, Record] = {}
        self.bank_accounts: dict[int, Record] = {}
        self.column_mappings: dict[int, Record] = {}
        self.mutations: dict[int, Record] = {}
        self.statement_files: set[tuple[int, str]] = set()
        self.tills: dict[int, Record] = {}
        self.shifts: dict[int, Record] = {}
        self.sales: dict[int, Record] = {}
        self.refunds: dict[int, Record] = {}
        self.couriers: dict[int, Record] = {}
        self.parcels: dict[int, Record] = {}
        self.manifests: dict[int, Record] = {}
        self.print_jobs: dict[int, Record] = {}
        # day -> metric -> [count, amount], over everything.
        self.totals: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))

    # --- Ids, days, totals ---

    def next_id(self, kind: str) -> int:
        """Ids of each kind count from 1."""
        self.counters[kind] += 1
        return self.counters[kind]

    def day(self) -> str:
        """Today in the shop's time zone."""
        shop_ms = self.now + self.settings["utc_offset"]
        return dt.datetime.fromtimestamp(shop_ms // 1000, dt.UTC).date().isoformat()

    def count(self, metric: str, count: int = 1, amount: int = 0) -> None:
        """Adds to a total of today."""
        total = self.totals[self.day()][metric]
        total[0] += count
        total[1] += amount

    # --- Checks of fields ---

    @staticmethod
    def need(table: dict[int, Record], record_id: int, what: str) -> Record:
        """The record of this id; refused with <what>_NOT_FOUND."""
        if record_id not in table:
            raise Refused(f"{what}_NOT_FOUND")
        return table[record_id]

    @staticmethod
    def required(field: str) -> Refused:
        """The refusal of an empty field."""
        return refuse_field("FIELD_REQUIRED", field)

    def text(self, field: str, value: str, longest: int, *, optional: bool = False) -> str:
        """A text that fits, without blanks around it."""
        value = value.strip()
        if len(value) > longest:
            raise refuse_field("FIELD_TOO_LONG", field)
        if not value and not optional:
            raise self.required(field)
        return value

    def code(self, field: str, value: str, longest: int) -> str:
        """A short code of printable ASCII without blanks."""
        value = self.text(field, value, longest)
        if not all(0x21 <= ord(character) <= 0x7E for character in value):
            raise refuse_field("FIELD_MALFORMED", field)
        return value

    @staticmethod
    def within(field: str, value: int, lowest: int, highest: int) -> int:
        """A number within bounds."""
        if not lowest <= value <= highest:
            raise refuse_field("FIELD_OUT_OF_RANGE", field)
        return value

    def quantity(self, field: str, value: int) -> int:
        """Units of one line."""
        return self.within(field, value, 1, QUANTITY_MAX)

    def length(self, field: str, elements: list[Any], most: int) -> None:
        """A list of one to `most` elements."""
        if not elements:
            raise self.required(field)
        if len(elements) > most:
            raise refuse_field("TOO_MANY_ELEMENTS", field)

    def money(self, field: str, value: Any, lowest: int = 0) -> int:
        """An amount of the shop's currency."""
        if value is None:
            raise self.required(field)
        if isinstance(value, tuple):
            raise self.currency_refusal(field, value[0])
        if not lowest <= value <= AMOUNT_MAX:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", f"{field}.minor_units")
        return int(value)

    @staticmethod
    def sum_grows(field: str, total: int, more: int) -> None:
        """Refuses what would make a sum too large."""
        if total + more > SUM_MAX:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", field)

    def currency_refusal(self, field: str, currency: str) -> Refused:
        """Why an amount of another currency is refused; the tests name one real one, and one that is none."""
        if not currency:
            return self.required(f"{field}.currency_code")
        if currency == "USD":
            return refuse_field("CURRENCY_MISMATCH", field)
        return refuse_field("CURRENCY_UNKNOWN", f"{field}.currency_code")

    def optional_money(self, field: str, value: Any) -> int:
        """An amount that may be unset, which is zero."""
        return 0 if value is None else self.money(field, value)

    def deadline(self, field: str, value: int | None, default_ms: int) -> int:
        """A time ahead, or the shop's default from now."""
        if value is None:
            return self.now + default_ms
        if value <= self.now:
            raise refuse_field("DEADLINE_PASSED", field)
        if value - self.now > DEADLINE_MAX_MS:
            raise refuse_field("FIELD_OUT_OF_RANGE", field)
        return value

    @staticmethod
    def free_code(table: dict[int, Record], name: str, field: str, code: str) -> None:
        """Refuses a code that another record has."""
        if any(record[name] == code for record in table.values()):
            raise refuse_field("CODE_TAKEN", field)

    @staticmethod
    def may(record_id: int, state: str, *allowed: str) -> None:
        """Refuses what cannot follow from a state."""
        if state not in allowed:
            raise Refused("WRONG_STATE", id=record_id)

    def phone(self, field: str, value: str) -> str:
        """A phone as it is stored: digits, Indonesian numbers as 62…"""
        if not value.strip():
            raise self.required(field)
        digits = "".join(character for character in value if character.isdigit())
        if set(value) - set("0123456789+ -.()"):
            raise refuse_field("FIELD_MALFORMED", field)
        digits = "62" + digits[1:] if digits.startswith("0") else digits
        if not 7 <= len(digits) <= 20:
            raise refuse_field("FIELD_MALFORMED", field)
        return digits

    def email(self, field: str, value: str) -> str:
        """An e-mail address as it is stored, its domain in lower case; empty when there is none."""
        text = self.text(field, value, 254, optional=True)
        if not text:
            return ""
        local, at, domain = text.partition("@")
        if not (at and _EMAIL.fullmatch(text) and len(local) <= 64):
            raise refuse_field("FIELD_MALFORMED", field)
        return f"{local}@{domain.lower()}"

    def address(self, field: str, value: Record | None) -> Record | None:
        """An address as it is stored."""
        if value is None:
            return None
        stored = dict(value)
        for part, longest in (("recipient", 100), ("street", 300), ("city", 100)):
            stored[part] = self.text(f"{field}.{part}", value[part], longest)
        stored["phone"] = self.phone(f"{field}.phone", value["phone"]) if value["phone"] else ""
        stored["country_code"] = value["country_code"].upper() or "ID"
        return stored
