"""One till: cart, prices, lease, journal and shift put together, with the line and without it.

Every sale is journalled before anybody is told of it, the line up or not, and carries the till's own
receipt number: the till's code, four signs of this journal, and a count. While the line is up the server
totals the cart and takes the sale at once; while it is down the catalogue's copy does, and the sale waits.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from clients.common.client import Client
from clients.common.problems import BadInput, CallFailed
from clients.common.request_ids import new_request_id
from clients.till import journal, lease, prices, shifts
from clients.till.cart import Cart, Permission
from clients.till.counting import ShiftDesk
from clients.till.journal import Entry, Kind, Trouble
from clients.till.line import TURN_MAX_S, TURN_S, NeedsLine
from clients.till.prices import Item, Priced, Wanted
from clients.till.sender import Sent, down
from clients.till.shifts import TillShift
from clients.till.store import Store, Table, Transaction, known_tills, number, till_directory
from clients.till.turns import turn
from kasir.v1.catalogue_pb2 import GetItemRequest, GetItemResponse
from kasir.v1.common_pb2 import CHANNEL_TILL, Money
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CREDIT,
    TENDER_KIND_POINTS,
    GetSaleRequest,
    GetSaleResponse,
    Sale,
    Tender,
)
from kasir.v1.till_pb2 import (
    CreateTillSaleRequest,
    ListTillsRequest,
    ListTillsResponse,
    QuoteTillSaleRequest,
    QuoteTillSaleResponse,
    TillCharge,
    TillLineInput,
    TillSaleInput,
)

# Of more changed items the catalogue is brought up to date as a whole.
FOLLOWED_MAX = 200


class NotCovered(NeedsLine):
    """More is wanted than the till has leased, and the line is down: somebody has to allow it.
    `uncovered` has units by item.
    """

    def __init__(self, template: str, /, *, uncovered: Mapping[int, int], **facts: object) -> None:
        super().__init__(template, **facts)
        self.uncovered = dict(uncovered)


@dataclass(frozen=True)
class Quote:
    """What a cart comes to; `online`: the server said so."""

    priced: Priced
    online: bool


@dataclass(frozen=True)
class Sold:
    """A sale that is on the disk. `sale` is the server's once it has it, else what the receipt says."""

    entry: Entry
    sale: Sale
    online: bool


class Till(ShiftDesk):
    """All that a till does."""

    # --- The catalogue ---

    def refresh(self) -> bool:
        """Brings settings, the till and the catalogue up to date; False when the line is down."""
        try:
            self.meet(self.record.till_id)
            self.catalogue.refresh(self.client)
        except CallFailed as failed:
            self.broke(failed)
            return False
        return True

    def find(self, code: str) -> Item:
        """The item of a scan or a code: of the copy, or else of the server. Raises BadInput."""
        found = self.catalogue.by_code(code)
        if found is not None:
            return found
        for request in (GetItemRequest(barcode=code), GetItemRequest(sku=code)):
            if not self.line_may_be_up():
                break
            try:
                return self.catalogue.keep(self.client.call(request, GetItemResponse).item.item)
            except CallFailed as failed:
                if down(failed):
                    self.broke(failed)
        if self.line_may_be_up():
            raise BadInput("There is no item '{code}'.", code=code)
        raise BadInput(
            "There is no item '{code}'. The line is down; the till knows what it was told before.", code=code
        )

    def follow(self, item_ids: Collection[int], *, settings: bool) -> bool:
        """Takes in what the server said has changed: these items, and the shop's settings. False when the
        line is down.
        """
        if settings or len(item_ids) > FOLLOWED_MAX:
            return self.refresh()
        try:
            self.catalogue.renew(self.client, item_ids)
        except CallFailed as failed:
            self.broke(failed)
            return False
        return True

    def favourites(self, limit: int) -> list[Item]:
        """What the till sold most in the last days, then what the catalogue begins with."""
        sold = map(self.catalogue.by_id, self.leases.by_sales(self.now_ms()))
        items = list(islice((item for item in sold if item is not None and not item.inactive), limit))
        if len(items) < limit:
            shown = {item.item_id for item in items}
            first = (item for item in self.catalogue.first(limit) if not item.inactive)
            items.extend(item for item in first if item.item_id not in shown)
        return items[:limit]

    # --- Carts ---

    def own(self) -> Permission:
        """What the cashier allows alone, where the till has nobody who may more."""
        return Permission(self.client.connection.actor)

    def quote(self, cart: Cart) -> Quote:
        """What a cart comes to: by the server, or by the copy while the line is down. Raises BadInput,
        CallFailed.
        """
        self._wanted(cart)
        with self.store.read() as txn:
            shift_id = shifts.need_current(txn).shift_id
        if shift_id and self.line_may_be_up():
            request = QuoteTillSaleRequest(sale=self._input(cart, shift_id))
            try:
                reply = self.client.call(request, QuoteTillSaleResponse)
            except CallFailed as failed:
                self.broke(failed)
            else:
                return Quote(self._as_quoted(reply), online=True)
        return self.estimate(cart)

    def estimate(self, cart: Cart) -> Quote:
        """What a cart comes to by the copy, whatever the line: at once. Raises BadInput."""
        priced = prices.price(
            self._wanted(cart),
            self.catalogue.taxes(),
            currency_code=self.settings.currency_code,
            price_list=cart.price_list,
            location_id=self.record.location_id,
        )
        return Quote(priced, online=False)

    def _wanted(self, cart: Cart) -> list[Wanted]:
        found = []
        for line in cart.lines:
            item = self.catalogue.by_id(line.item_id)
            if item is None:
                raise BadInput("Item {item} is not known here: scan it again.", item=line.item_id)
            found.append(Wanted(item, line.quantity, line.discount_minor))
        return found

    def _as_quoted(self, reply: QuoteTillSaleResponse) -> Priced:
        """The server names taxes by code, a sale by number."""
        by_code = {tax.code: tax.tax_class_id for tax in self.catalogue.taxes().values()}
        if not {line.tax_code for line in reply.lines if line.tax_code} <= by_code.keys():
            self.catalogue.refresh_taxes(self.client)
            by_code = {tax.code: tax.tax_class_id for tax in self.catalogue.taxes().values()}
        tax_class_ids = [by_code[line.tax_code] if line.tax_code else 0 for line in reply.lines]
        return Priced(list(reply.lines), reply.totals, tax_class_ids)

    def _input(self, cart: Cart, shift_id: int) -> TillSaleInput:
        currency = self.settings.currency_code
        lines = [
            TillLineInput(
                item_id=line.item_id,
                quantity=line.quantity,
                discount=Money(currency_code=currency, minor_units=line.discount_minor)
                if line.discount_minor
                else None,
            )
            for line in cart.lines
        ]
        return TillSaleInput(
            shift_id=shift_id, lines=lines, customer_id=cart.customer_id, price_list=cart.price_list
        )

    def set_aside(self, cart: Cart, name: str) -> int:
        """Keeps a cart for later, under its number; it is on the list until it is sold or dropped."""
        with self.store.write() as txn:
            kept = replace(cart, number=cart.number or (txn.get(Table.META, b"carts") or 0) + 1, name=name)
            if not cart.number:
                txn.put(Table.META, b"carts", kept.number)
            txn.put(Table.CARTS, number(kept.number), kept.to_row())
        cart.number, cart.name = kept.number, name
        return cart.number

    def carts(self) -> list[Cart]:
        """Carts set aside, oldest first."""
        with self.store.read() as txn:
            return [Cart.from_row(row) for _, row in txn.scan(Table.CARTS)]

    def recall(self, cart_number: int) -> Cart:
        """A cart that was set aside. Raises BadInput."""
        with self.store.read() as txn:
            row = txn.get(Table.CARTS, number(cart_number))
        if row is None:
            raise BadInput("There is no cart {cart} set aside.", cart=cart_number)
        return Cart.from_row(row)

    def drop(self, cart_number: int) -> None:
        """Forgets a cart that was set aside. Raises BadInput."""
        self.recall(cart_number)
        with self.store.write() as txn:
            txn.delete(Table.CARTS, number(cart_number))

    # --- Selling ---

    def sell(self, cart: Cart, tenders: Sequence[Tender], *, beyond_lease: Permission | None = None) -> Sold:
        """Sells a cart: on the disk when this returns, at the server if the line is up.

        Raises BadInput for what cannot be sold, NotCovered for what somebody has to allow, and CallFailed
        when the server refused it; nothing is sold then.
        """
        self.approvers.check(beyond_lease, *(line.permission for line in cart.lines))
        with self._turn(TURN_S) as is_ours:
            if is_ours:
                return self._sold_at_once(cart, tenders, beyond_lease)
        try:
            return self._sold_alone(cart, self.quote(cart), tenders, beyond_lease)
        except NeedsLine:
            with self._turn(TURN_MAX_S) as is_ours:
                if is_ours:
                    return self._sold_at_once(cart, tenders, beyond_lease)
            raise

    def _sold_at_once(self, cart: Cart, tenders: Sequence[Tender], beyond_lease: Permission | None) -> Sold:
        """Sells in this thread's turn to send."""
        if self.journal.waits():
            self.send()
        quote = self.quote(cart)
        if not quote.online:
            return self._sold_alone(cart, quote, tenders, beyond_lease)
        entry = self._journalled(cart, quote, tenders, beyond_lease)
        sent = self.send(entry.seq)
        if sent.void is not None:
            if cart.number:
                self.set_aside(cart, cart.name)
            raise sent.void
        if sent.sale is not None:
            return Sold(entry, sent.sale, online=True)
        # The line broke in between: it may be sold at the server or not, and here it is.
        with self.store.write() as txn:
            entry = journal.get_entry(txn, entry.seq)
            if entry.uncovered:
                self._uncovered(txn, entry)
        return Sold(entry, entry.receipt_sale, online=False)

    def _sold_alone(
        self, cart: Cart, quote: Quote, tenders: Sequence[Tender], beyond_lease: Permission | None
    ) -> Sold:
        """Sells what somebody sends later: the line is down, or others take it up."""
        if any(tender.kind in {TENDER_KIND_POINTS, TENDER_KIND_CREDIT} for tender in tenders):
            raise NeedsLine("Points and credit are known to the server only, and the line is down.")
        entry = self._journalled(cart, replace(quote, online=False), tenders, beyond_lease)
        return Sold(entry, entry.receipt_sale, online=False)

    def _journalled(
        self, cart: Cart, quote: Quote, tenders: Sequence[Tender], beyond_lease: Permission | None
    ) -> Entry:
        change_minor = prices.change(tenders, quote.priced.totals)
        wanted: dict[int, int] = {}
        for line in cart.lines:
            wanted[line.item_id] = wanted.get(line.item_id, 0) + line.quantity
        now_ms = self.now_ms()
        permissions = cart.permissions()
        with self.store.write() as txn:
            shift = shifts.need_current(txn)
            draws, uncovered = lease.draw(txn, wanted, now_ms)
            if uncovered and not quote.online:
                if beyond_lease is None:
                    raise self._not_covered(uncovered)
                permissions.append({"what": "beyond the lease"} | asdict(beyond_lease))
            signs, count = txn.get(Table.META, b"receipts")
            txn.put(Table.META, b"receipts", [signs, count + 1])
            receipt = f"{self.record.code}-{signs}-{count + 1}"
            request = self._request(cart, quote, tenders, receipt, now_ms)
            entry = Entry(
                seq=0,
                kind=Kind.SALE,
                request_id=new_request_id(),
                actor=self.cashier(online=quote.online),
                time_ms=now_ms,
                shift=shift.number,
                request=request.SerializeToString(),
                receipt=receipt,
                offline=not quote.online,
                sale=self._receipt(quote, request, change_minor).SerializeToString(),
                draws=draws,
                uncovered=uncovered,
                permissions=permissions,
            )
            journal.add(txn, entry)
            lease.count_sold(txn, wanted, now_ms)
            txn.delete(Table.CARTS, number(cart.number))
            if uncovered and not quote.online:
                self._uncovered(txn, entry)
        return entry

    def _not_covered(self, uncovered: list[list[int]]) -> NotCovered:
        words = []
        for item_id, units in uncovered:
            item = self.catalogue.by_id(item_id)
            words.append(f"{units} {item.name if item else f'#{item_id}'}")
        return NotCovered(
            "The line is down, and the till has not leased {units}: somebody has to allow it.",
            units=", ".join(words),
            uncovered={pair[0]: pair[1] for pair in uncovered},
        )

    def _uncovered(self, txn: Transaction, entry: Entry) -> None:
        units = sum(units for _, units in entry.uncovered)
        by = next((each["by"] for each in entry.permissions if each["what"] == "beyond the lease"), "")
        words = f"{units} sold beyond the lease{f', allowed by {by}' if by else ''}."
        journal.raise_matter(
            txn, entry, Trouble.UNCOVERED, self.now_ms(), words, entry.receipt_sale.totals.total.minor_units
        )

    def _request(
        self, cart: Cart, quote: Quote, tenders: Sequence[Tender], receipt: str, now_ms: int
    ) -> CreateTillSaleRequest:
        """What is sent; shift and holds are put in when it is made final."""
        made = self._input(cart, 0)
        for line, priced, tax_class_id in zip(
            made.lines, quote.priced.lines, quote.priced.tax_class_ids, strict=True
        ):
            line.charge.CopyFrom(TillCharge(unit_price=priced.unit_price, tax_class_id=tax_class_id))
        made.receipt = receipt
        made.sold_time.FromMilliseconds(now_ms)
        made.receipt_given = not quote.online
        return CreateTillSaleRequest(sale=made, tenders=tenders)

    def _receipt(self, quote: Quote, request: CreateTillSaleRequest, change_minor: int) -> Sale:
        currency = self.settings.currency_code
        return Sale(
            till_id=self.record.till_id,
            customer_id=request.sale.customer_id,
            lines=quote.priced.lines,
            totals=quote.priced.totals,
            tenders=request.tenders,
            change=Money(currency_code=currency, minor_units=change_minor),
            channel=CHANNEL_TILL,
            cashier=self.client.connection.actor,
            receipt=request.sale.receipt,
            sold_time=request.sale.sold_time,
            create_time=request.sale.sold_time,
        )

    # --- Between customers ---

    def keep_up(self) -> None:
        """Sends what waits, follows the catalogue, renews the lease when due; as far as the line allows.

        A window calls it now and then, on a thread of its own with a `Till` of its own on the same store.
        """
        if not self.line_may_be_up() or self.send().left:
            return
        if not self.line_may_be_up() or not self.refresh():
            return
        if self.shift is not None and self.leases.due(self.now_ms()):
            self.renew_lease(in_shift=True)

    @property
    def shift(self) -> TillShift | None:
        """The open one, as the till knows it."""
        with self.store.read() as txn:
            return shifts.current(txn)

    # --- The lease ---

    def renew_lease(
        self, wanted: Mapping[int, int] | None = None, *, in_shift: bool = False
    ) -> lease.Taken | None:
        """Leases stock: so much of each item as said, or by what was sold. None while the line is down, and
        with `in_shift` where the shift was closed meanwhile.
        """
        now_ms = self.now_ms()
        record = self.record
        with turn(self._leasing_lock, TURN_S) as is_ours:
            if not is_ours or (self.journal.waits() and self.send().left):
                return None
            try:
                # What takes long is asked before the turn to send: nobody who sells waits for it.
                if wanted is None:
                    sized = self.leases.by_sales(now_ms)
                    wanted = self.leases.fair(self.client, sized, record.location_id, now_ms)
                    gone = self.leases.available(now_ms).keys() - wanted.keys()
                    wanted |= dict.fromkeys(gone, 0)
                for item_id in [item_id for item_id, quantity in wanted.items() if not quantity]:
                    self.leases.give_back(self.client, item_id)
                # Nobody sends meanwhile: what was sent under way names the holds that are replaced here.
                with self._sender.lock:
                    if (self.journal.waits() and self.send().left) or (in_shift and self.shift is None):
                        return None
                    return self.leases.take(
                        self.client,
                        {item_id: quantity for item_id, quantity in wanted.items() if quantity},
                        location_id=record.location_id,
                        owner=f"till {record.code}",
                        now_ms=now_ms,
                    )
            except CallFailed as failed:
                self.broke(failed)
                return None

    # --- Exceptions ---

    def retry(self, seq: int) -> Sent:
        """Sends once more what was refused, in the shift that is open now. Raises BadInput."""
        with self.store.read() as txn:
            entry = journal.get_entry(txn, seq)
            open_one = shifts.current(txn)
        if entry.kind in journal.IN_A_SHIFT and open_one is None and not entry.unsure:
            raise BadInput("Open a shift first: it is to count in one.")
        shift = open_one.number if open_one else entry.shift
        self.journal.retry(seq, new_request_id(), shift, self.client.connection.actor)
        sent = self.send()
        if open_one is not None and sent.done:
            self.ask_shift(open_one.number)
        return sent

    def booked_since(self, length: timedelta) -> list[Entry]:
        """Sales of the last time that the server has booked, oldest first."""
        return self.journal.booked_since(self.now_ms() - int(length.total_seconds() * 1_000))

    def is_lost(self, entry: Entry) -> bool:
        """Whether the server, restored from a backup, has a booked sale no more: an exception from then on.
        Raises CallFailed.
        """
        try:
            self.client.call(GetSaleRequest(receipt=entry.receipt), GetSaleResponse)
        except CallFailed as failed:
            if failed.reason != "SALE_NOT_FOUND":
                raise
            self.journal.lost(entry.seq, self.now_ms())
            return True
        return False

    def settle(self, seq: int, note: str) -> None:
        """Somebody has taken care of an exception. Raises BadInput."""
        self.journal.settle(seq, self.client.connection.actor, note, self.now_ms())


def open_till(root: Path, client: Client, code: str = "", *, clock: Callable[[], float] = time.time) -> Till:
    """The till of that code at the client's server, or the only one; from the disk while the line is down.

    Raises BadInput when there is none, or several to choose from, or the line is down and the till was
    never here.
    """
    server = client.connection.server
    try:
        tills = list(client.call(ListTillsRequest(), ListTillsResponse).tills)
    except CallFailed as failed:
        if not down(failed) or not known_tills(root, server):
            raise
        name = _chosen(code, known_tills(root, server), is_up=False)
        till = Till(Store(till_directory(root, server, name)), client, clock=clock)
        till.broke(failed)
        return till
    name = _chosen(code, [each.code for each in tills], is_up=True)
    record = next(each for each in tills if each.code == name)
    till = Till(Store(till_directory(root, server, name)), client, clock=clock)
    try:
        till.meet(record.till_id)
    except CallFailed as failed:
        if not down(failed) or till.store.meta("till") is None:
            till.store.close()
            raise
        till.broke(failed)
    return till


def known_till(
    root: Path, client: Client, code: str = "", *, clock: Callable[[], float] = time.time
) -> Till | None:
    """The same from the disk at once, the line up or not: what changed since comes with `refresh`. None when
    the till was never here, or several were and none is named.
    """
    server = client.connection.server
    names = [name for name in known_tills(root, server) if not code or name.lower() == code.strip().lower()]
    if len(names) != 1:
        return None
    till = Till(Store(till_directory(root, server, names[0])), client, clock=clock)
    if till.store.meta("till") is None:
        till.store.close()
        return None
    return till


def _chosen(code: str, codes: Sequence[str], *, is_up: bool) -> str:
    """Of the tills there are, or those this machine knows while the line is down. Raises BadInput."""
    if not code and len(codes) == 1:
        return codes[0]
    for each in codes:
        if code and each.lower() == code.strip().lower():
            return each
    listed = ", ".join(codes[:20])
    if not codes and is_up:
        raise BadInput("No till was set up yet.")
    if not codes:
        raise BadInput("The line is down, and this machine knows no till.")
    if not code:
        raise BadInput("Say which till: {tills}.", tills=listed)
    if is_up:
        raise BadInput("There is no till '{code}'. There are the tills {tills}.", code=code, tills=listed)
    raise BadInput(
        "There is no till '{code}'. The line is down, and this machine knows {tills}.",
        code=code,
        tills=listed,
    )
