"""What a message says: a template in the customer's language, filled with the message's facts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common import times
from clients.common.money import open_amount, show_money
from clients.common.output import clean
from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Money
from kasir.v1.customer_pb2 import (
    MESSAGE_KIND_AIRWAY_BILL,
    MESSAGE_KIND_BOOKING_CONFIRMED,
    MESSAGE_KIND_DEADLINE_REMINDER,
    Message,
    MessageKind,
)
from kasir.v1.shipping_pb2 import GetParcelRequest, GetParcelResponse

LANGUAGES = ("id", "en")
# What templates may name.
NAMES = ("name", "shop", "order", "amount", "deadline", "account", "awb", "courier")
_PAID_INTO = {"id": "Rekening", "en": "Account"}
_NOT_SAID = frozenset({MESSAGE_KIND_BOOKING_CONFIRMED, MESSAGE_KIND_DEADLINE_REMINDER})


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent, and of what it was made, for those who send only that."""

    subject: str
    body: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pair:
    subject: Template
    body: Template


def kind_word(kind: MessageKind.ValueType) -> str:
    """Such as "booking_confirmed", which is what templates are named by."""
    return MessageKind.Name(kind).removeprefix("MESSAGE_KIND_").lower()


_REMINDER = kind_word(MESSAGE_KIND_DEADLINE_REMINDER)


class Wording:
    """The templates of one language."""

    def __init__(self, language: str, own: Path | None = None) -> None:
        """`own`: a shop's file, whose templates stand in the place of ours. Raises BadInput."""
        if language not in LANGUAGES:
            raise BadInput(f"There is no language '{language}'; there are {', '.join(LANGUAGES)}.")
        self.language = language
        self._pairs = dict(_shipped(language))
        if own is not None:
            self._pairs |= _parsed(own.read_text(encoding="utf-8"), str(own))

    def text(self, shop: Shop, message: Message) -> Text:
        """The message in words. Raises CallFailed when the shop cannot be asked for what stands in it."""
        return self._filled(kind_word(message.kind), facts_of(shop, message, self.language))

    def of_order(self, shop: Shop, order: Order, kind: str) -> Text:
        """What there is to say of that kind about an order as it stands now. Raises CallFailed."""
        amount = open_amount(order) if kind == _REMINDER else order.payable
        facts = _facts(shop, order.order_id, order.customer_name, amount, order.expire_time)
        facts["account"] = _account(shop, order, self.language)
        facts["courier"] = _courier(shop, order)
        if order.parcel_id:
            request = GetParcelRequest(parcel_id=order.parcel_id)
            facts["awb"] = shop.call(request, GetParcelResponse).parcel.airway_bill
        return self._filled(kind, _cleaned(facts))

    def _filled(self, kind: str, facts: Mapping[str, str]) -> Text:
        pair = self._pairs[kind]
        lines = pair.body.substitute(facts).strip().splitlines()
        body = "\n".join(clean(line).rstrip() for line in lines)
        return Text(clean(pair.subject.substitute(facts)), body, facts)


def facts_of(shop: Shop, message: Message, language: str) -> dict[str, str]:
    """What templates name: as it was when the message was queued, but a reminder asks for what is open now,
    and who is asked for money is told the deadline that holds.

    Raises CallFailed.
    """
    given = message.facts
    expire = Timestamp()
    expire.FromMilliseconds(int(given.get("expire_ms", "0")))
    amount = Money(
        currency_code=given.get("currency", "IDR"), minor_units=int(given.get("payable_minor", "0"))
    )
    if message.kind == MESSAGE_KIND_DEADLINE_REMINDER:
        amount = open_amount(shop.order_by_id(message.order_id))
    if message.kind in _NOT_SAID:
        expire = shop.order_by_id(message.order_id).expire_time
    facts = _facts(shop, message.order_id, given.get("customer_name", ""), amount, expire)
    facts["awb"] = given.get("airway_bill", "")
    if message.kind in _NOT_SAID:
        facts["account"] = _account(shop, shop.order_by_id(message.order_id), language)
    if message.kind == MESSAGE_KIND_AIRWAY_BILL:
        facts["courier"] = _courier(shop, shop.order_by_id(message.order_id))
    return _cleaned(facts)


def _facts(shop: Shop, order_id: int, name: str, amount: Money, expire: Timestamp) -> dict[str, str]:
    """What all messages may name, and empty places for the rest."""
    return dict.fromkeys(NAMES, "") | {
        "name": name,
        "shop": shop.settings.shop_name,
        "order": str(order_id),
        "amount": show_money(amount),
        "deadline": f"{times.show_time(expire, shop.utc_offset)} {times.zone_name(shop.utc_offset)}",
    }


def _cleaned(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: clean(value) for name, value in facts.items()}


def _account(shop: Shop, order: Order, language: str) -> str:
    """Where the money goes, in a line; empty when the order names no account."""
    found = next((each for each in shop.accounts if each.bank_account_id == order.bank_account_id), None)
    return f"{_PAID_INTO[language]}: {found.bank} {found.number}, {found.holder}" if found else ""


def _courier(shop: Shop, order: Order) -> str:
    found = next((each for each in shop.couriers if each.courier_id == order.courier_id), None)
    return f"{found.name} {order.courier_service}".strip() if found else ""


@cache
def _shipped(language: str) -> Mapping[str, _Pair]:
    file = resources.files("clients.messages.wording").joinpath(f"{language}.toml")
    return _parsed(file.read_text(encoding="utf-8"), file.name)


def _parsed(content: str, name: str) -> dict[str, _Pair]:
    """The templates of a file. Raises BadInput."""
    try:
        tables = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{name} is not TOML: {error}.") from error
    known = {kind_word(kind) for kind in MessageKind.values() if kind}
    pairs = {}
    for kind, table in tables.items():
        if kind not in known:
            raise BadInput(f"{name}: there is no message '{kind}'; there are {', '.join(sorted(known))}.")
        if not isinstance(table, dict) or {"subject", "body"} != table.keys():
            raise BadInput(f"{name}: {kind} has a subject and a body.")
        pairs[kind] = _Pair(*(_template(name, kind, table[part]) for part in ("subject", "body")))
    return pairs


def _template(name: str, kind: str, text: object) -> Template:
    template = Template(str(text))
    if not template.is_valid() or (unknown := set(template.get_identifiers()) - set(NAMES)):
        words = "$$ stands for a $" if not template.is_valid() else f"nothing is called {', '.join(unknown)}"
        raise BadInput(f"{name}: {kind} cannot be filled: {words}.")
    return template
