"""One command's view of the shop: the client, what is printed, and names for what the contract numbers."""

import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from clients.common import money, specs, times
from clients.common.client import Client, Reply
from clients.common.numbers import parse_id, parse_whole
from clients.common.output import Output
from clients.common.plain_words import batch_sentence
from clients.common.problems import BadInput, CallFailed, Word
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse, Settings
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order
from kasir.v1.catalogue_pb2 import (
    GetItemRequest,
    GetItemResponse,
    ItemAvailability,
    ListTaxClassesRequest,
    ListTaxClassesResponse,
    TaxClass,
)
from kasir.v1.common_pb2 import BatchError, Money
from kasir.v1.customer_pb2 import Customer, GetCustomerRequest, GetCustomerResponse
from kasir.v1.reconciliation_pb2 import BankAccount, ListBankAccountsRequest, ListBankAccountsResponse
from kasir.v1.shipping_pb2 import Courier, ListCouriersRequest, ListCouriersResponse
from kasir.v1.stock_pb2 import ListLocationsRequest, ListLocationsResponse, Location, LocationKind
from kasir.v1.till_pb2 import ListTillsRequest, ListTillsResponse, Till

Thing = TypeVar("Thing")

PAGE_SIZE_MAX = 1_000
_BARCODE_LENGTHS = frozenset({8, 12, 13, 14})


class Shop:
    """What a command is given: calls, names, money and times as this shop has them."""

    def __init__(self, client: Client, output: Output) -> None:
        self.client = client
        self.output = output
        self._items: dict[int, ItemAvailability] = {}
        self._orders: dict[int, Order] = {}

    def forget(self) -> None:
        """Forgets the items and orders that were read: a window lives longer than a command."""
        self._items.clear()
        self._orders.clear()

    def call(
        self, request: Message, reply_type: type[Reply], *, note: str = "", timeout_s: float | None = None
    ) -> Reply:
        """See Client.call."""
        return self.client.call(request, reply_type, note=note, timeout_s=timeout_s)

    def pages(self, request: Any, reply_type: type[Any], field: str, limit: int) -> list[Any]:
        """The first `limit` things of a list that comes in pages; `field` is where a page has them."""
        request.page_size = min(limit, PAGE_SIZE_MAX)
        return first(self.each(request, reply_type, field), limit)

    def each(self, request: Any, reply_type: type[Any], field: str) -> Iterator[Any]:
        """All things of a list that comes in pages, a page read when its first one is wanted."""
        request.page_size = request.page_size or PAGE_SIZE_MAX
        while True:
            reply = self.call(request, reply_type)
            yield from getattr(reply, field)
            if not reply.next_page_token:
                return
            request.page_token = reply.next_page_token

    @cached_property
    def settings(self) -> Settings:
        """The shop's settings, read once a command."""
        return self.call(GetSettingsRequest(), GetSettingsResponse).settings

    @property
    def utc_offset(self) -> timedelta:
        """The shop's time zone."""
        return self.settings.utc_offset.ToTimedelta()

    def money(self, text: str, currency_code: str = "", *, signed: bool = False) -> Money:
        """An amount as typed, in the shop's currency unless another is named. Raises BadInput."""
        return money.parse_money(text, currency_code or self.settings.currency_code, signed=signed)

    def payment(self, text: str, currency_code: str = "") -> Money:
        """An amount that pays something, or moves cash: more than zero. Raises BadInput."""
        amount = self.money(text, currency_code)
        if not amount.minor_units:
            raise BadInput("'{text}' is nothing: an amount here is more than zero.", text=text)
        return amount

    def deadline(self, text: str) -> Timestamp:
        """A time as typed. Raises BadInput."""
        return times.parse_timestamp(text, self.utc_offset)

    def time(self, stamp: Timestamp) -> str:
        """A time for people, in the shop's zone; empty when unset."""
        return times.show_time(stamp, self.utc_offset) if stamp.seconds or stamp.nanos else ""

    @cached_property
    def locations(self) -> Sequence[Location]:
        """All locations."""
        return self.call(ListLocationsRequest(), ListLocationsResponse).locations

    @cached_property
    def accounts(self) -> Sequence[BankAccount]:
        """All bank accounts."""
        return self.call(ListBankAccountsRequest(), ListBankAccountsResponse).bank_accounts

    @cached_property
    def couriers(self) -> Sequence[Courier]:
        """All couriers."""
        return self.call(ListCouriersRequest(), ListCouriersResponse).couriers

    @cached_property
    def tills(self) -> Sequence[Till]:
        """All tills."""
        return self.call(ListTillsRequest(), ListTillsResponse).tills

    @cached_property
    def tax_classes(self) -> Sequence[TaxClass]:
        """All tax classes."""
        return self.call(ListTaxClassesRequest(), ListTaxClassesResponse).tax_classes

    def location(self, code: str, *kinds: LocationKind.ValueType) -> Location:
        """The location of that code. Without a code: the only one of these kinds. Raises BadInput."""
        of_kind = [location for location in self.locations if not kinds or location.kind in kinds]
        words = " or ".join(LocationKind.Name(kind).removeprefix("LOCATION_KIND_").lower() for kind in kinds)
        if not code:
            return _only(words or Word("location"), of_kind, lambda location: location.code)
        return _pick(Word("location"), code, self.locations, lambda location: location.code)

    def account(self, name: str) -> BankAccount:
        """The bank account of that number, or the only one at that bank; "NUMBER USD" or "BANK USD" where the
        currency tells. Without a name: the only one. Raises BadInput.
        """
        if not name:
            return _only(Word("bank account"), self.accounts, self._account_code)
        words = " ".join(name.lower().split())
        at_bank = [
            account
            for account in self.accounts
            if words in {account.bank.lower(), f"{account.bank} {account.currency_code}".lower()}
        ]
        if len(at_bank) == 1:
            return at_bank[0]
        alike = [self._account_code(each) for each in self.accounts if each.number.lower() == words]
        if len(alike) > 1:
            raise BadInput(
                "Several bank accounts have the number {name}: say {these} or {last}.",
                name=name,
                these=", ".join(alike[:-1]),
                last=alike[-1],
            )
        return _pick(Word("bank account"), " ".join(name.split()), self.accounts, self._account_code)

    def _account_code(self, account: BankAccount) -> str:
        """An account's number, with its currency where others have the number too."""
        alike = [each for each in self.accounts if each.number == account.number]
        return f"{account.number} {account.currency_code}" if len(alike) > 1 else account.number

    def courier(self, code: str) -> Courier:
        """The courier of that code. Raises BadInput."""
        return _pick(Word("courier"), code, self.couriers, lambda courier: courier.code)

    def till(self, code: str) -> Till:
        """The till of that code; without a code the only one. Raises BadInput."""
        if not code:
            return _only(Word("till"), self.tills, lambda till: till.code)
        return _pick(Word("till"), code, self.tills, lambda till: till.code)

    def tax_class(self, code: str) -> TaxClass:
        """The tax class of that code. Raises BadInput."""
        return _pick(Word("tax class"), code, self.tax_classes, lambda tax_class: tax_class.code)

    def open_shift_id(self, till_code: str) -> int:
        """The open shift of a till. Raises BadInput when there is none."""
        till = self.till(till_code)
        if not till.open_shift_id:
            raise BadInput(
                "{till} has no open shift. Open one: kasir till open {till} --cash AMOUNT.", till=till.code
            )
        return till.open_shift_id

    def customer(self, name: str) -> Customer:
        """The customer of that phone, or of that number when written as #NUMBER.

        Raises BadInput, CallFailed.
        """
        if name.startswith("#"):
            request = GetCustomerRequest(customer_id=parse_id(name[1:], Word("customer")))
        else:
            request = GetCustomerRequest(phone=name)
        return self.call(request, GetCustomerResponse).customer

    def item(self, code: str) -> ItemAvailability:
        """The item that a code means: what looks like a barcode is one first, all else is a SKU first.

        Raises CallFailed when it is neither.
        """
        as_barcode, as_sku = GetItemRequest(barcode=code), GetItemRequest(sku=code)
        first, second = (as_barcode, as_sku) if looks_scanned(code) else (as_sku, as_barcode)
        try:
            found = self.call(first, GetItemResponse).item
        except CallFailed as failed:
            if failed.code not in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}:
                raise
            try:
                found = self.call(second, GetItemResponse).item
            except CallFailed:
                if failed.settled and specs.hides_a_quantity(code):
                    raise BadInput(
                        "There is no item '{code}'. A quantity is a whole number from 1, like KOPI-01x3.",
                        code=code,
                    ) from None
                raise failed from None
        self._items[found.item.item_id] = found
        return found

    def item_by_id(self, item_id: int) -> ItemAvailability:
        """An item by its number, read once a command. Raises CallFailed."""
        if item_id not in self._items:
            self._items[item_id] = self.call(GetItemRequest(item_id=item_id), GetItemResponse).item
        return self._items[item_id]

    def order_by_id(self, order_id: int) -> Order:
        """A Book Order by its number, read once a command. Raises CallFailed."""
        if order_id not in self._orders:
            self._orders[order_id] = self.call(GetBookingRequest(order_id=order_id), GetBookingResponse).order
        return self._orders[order_id]

    def item_words(self, item_id: int) -> str:
        """Says "KOPI-01 Kopi Luwak" to people; the bare number where the item cannot be read."""
        try:
            item = self.item_by_id(item_id).item
        except CallFailed:
            return f"item {item_id}"
        return f"{item.sku} {item.name}"

    def location_code(self, location_id: int) -> str:
        """A location's code for people; the bare number where it is unknown."""
        return next(
            (each.code for each in self.locations if each.location_id == location_id), str(location_id)
        )

    def courier_code(self, courier_id: int) -> str:
        """A courier's code for people; empty for none."""
        return next(
            (each.code for each in self.couriers if each.courier_id == courier_id), str(courier_id or "")
        )

    def account_words(self, account_id: int) -> str:
        """Says "BCA 1234567890" to people; empty for none."""
        found = next((each for each in self.accounts if each.bank_account_id == account_id), None)
        return f"{found.bank} {self._account_code(found)}" if found else ""

    def till_code(self, till_id: int) -> str:
        """A till's code for people."""
        return next((each.code for each in self.tills if each.till_id == till_id), str(till_id))

    def describe(self, kind: str, ident: str) -> str:
        """Names a thing of a refusal. Asks the server, and says the number where that fails too."""
        try:
            number = parse_whole(ident)
            if kind == "item" and number is not None:
                return self.item_words(number)
            if kind == "location" and number is not None:
                return self.location_code(number)
            if kind == "till" and number is not None:
                return self.till_code(number)
        except CallFailed:
            pass
        return f"{kind} {ident}"

    def why(self, error: BatchError) -> str:
        """Why one element of a batch was refused, in plain words."""
        return batch_sentence(error, self.describe)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar on standard error while something long runs; yields what to call with the steps done."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        hidden = self.output.as_json or not self.output.beside.is_terminal
        with Progress(*columns, console=self.output.beside, disable=hidden) as bar:
            task = bar.add_task(what, total=total)
            yield lambda steps: bar.advance(task, steps)


def first(things: Iterable[Thing], limit: int) -> list[Thing]:
    """The first `limit` things, however large a limit was typed."""
    return list(islice(things, min(limit, sys.maxsize)))


def looks_scanned(code: str) -> bool:
    """GTINs and GS1 element strings, with or without the scanner's symbology identifier."""
    gtin = code.isascii() and code.isdigit() and len(code) in _BARCODE_LENGTHS
    return gtin or code.startswith(("]", "(01)", "\x1d"))


def _pick(kind: str, wanted: str, things: Sequence[Thing], code_of: Callable[[Thing], str]) -> Thing:
    """The thing whose code is `wanted`, whatever the case. Raises BadInput naming what there is."""
    for thing in things:
        if code_of(thing).lower() == wanted.strip().lower():
            return thing
    codes = [code_of(thing) for thing in things]
    if not codes:
        raise BadInput(
            "There is no {kind} '{wanted}'. None was set up yet: see kasir setup --help.",
            kind=kind,
            wanted=wanted,
        )
    if close := difflib.get_close_matches(wanted.upper(), codes, n=1):
        raise BadInput(
            "There is no {kind} '{wanted}'. Did you mean {close}?", kind=kind, wanted=wanted, close=close[0]
        )
    raise BadInput(
        "There is no {kind} '{wanted}'. There are: {codes}.", kind=kind, wanted=wanted, codes=_listed(codes)
    )


def _only(kind: str, things: Sequence[Thing], code_of: Callable[[Thing], str]) -> Thing:
    """The one thing there is. Raises BadInput when there are none or several to choose from."""
    if len(things) == 1:
        return things[0]
    if not things:
        raise BadInput("No {kind} was set up yet: see kasir setup --help.", kind=kind)
    codes = _listed([code_of(thing) for thing in things])
    raise BadInput("Say which {kind}: {codes}.", kind=kind, codes=codes)


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(codes[:20]) + (", …" if len(codes) > 20 else "")
