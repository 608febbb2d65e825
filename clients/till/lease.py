"""The till's stock lease: holds in the till's name, taken while the line is up, so that what it sells while
the line is down is its own already.

Sized by what the till sold: of each item the most of one of the last days, never more than half of what
others could still have. Renewed by replacing one hold by another in one commit; returned when the shift
closes. An offline sale takes from the lease on the disk in the transaction that journals it, and names the
holds, so that the engine takes the same units out of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.client import Client
from clients.common.problems import CallFailed
from clients.common.request_ids import new_request_id
from clients.till import journal
from clients.till.store import Store, Table, Transaction, number
from kasir.v1.stock_pb2 import (
    BatchCreateHoldsRequest,
    BatchCreateHoldsResponse,
    GetStockRequest,
    GetStockResponse,
    Hold,
    ListHoldsRequest,
    ListHoldsResponse,
    ReleaseHoldRequest,
    ReleaseHoldResponse,
)

DAY_MS = 24 * 3_600_000
# Longer than an outage, and than the shift that takes it.
DURATION = timedelta(hours=14)
# So long before its deadline a lease is not sold from any more: the server's clock is another one.
MARGIN_MS = 60_000
# Days whose sales say how much is leased.
DAYS = 7
ITEMS_MAX = 1_000
# Holds of an item that are listed at a time.
HOLDS_PAGE = 1_000
# A lease is renewed once this part of its time is over.
RENEW_AFTER = 0.5
# Between two looks at what is to be leased, which asks the server about each item.
PAUSE_MS = 10 * 60_000
PENDING = b"lease_request"
RENEWED = b"lease_ms"


@dataclass
class Lease:
    """One hold of the till's. `quantity` is what the till has not sold of it; `until_ms` is by the till's
    clock.
    """

    hold_id: int
    item_id: int
    quantity: int
    until_ms: int
    from_ms: int


@dataclass(frozen=True)
class Taken:
    """What became of a wish to lease: items leased, and those of which nothing more was to be had."""

    leased: dict[int, int]
    short: dict[int, int]


class Leases:
    """The leases of one till. One thread at a time changes them; who puts one hold in the place of another
    has the turn to send, too.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def held(self, now_ms: int) -> list[Lease]:
        """What the till may sell from."""
        with self._store.read() as txn:
            return [lease for lease in _all(txn) if lease.until_ms > now_ms]

    def available(self, now_ms: int) -> dict[int, int]:
        """Units by item."""
        units: dict[int, int] = {}
        for lease in self.held(now_ms):
            units[lease.item_id] = units.get(lease.item_id, 0) + lease.quantity
        return units

    def due(self, now_ms: int) -> bool:
        """Whether it is time to renew: half its time is over, or less is left than half of what a day sold;
        and the last time is a while ago.
        """
        if now_ms - (self._store.meta(RENEWED.decode()) or 0) < PAUSE_MS:
            return False
        held = self.held(now_ms)
        if any(now_ms >= each.from_ms + (each.until_ms - each.from_ms) * RENEW_AFTER for each in held):
            return True
        units = self.available(now_ms)
        return any(2 * units.get(item_id, 0) < wanted for item_id, wanted in self.by_sales(now_ms).items())

    def by_sales(self, now_ms: int) -> dict[int, int]:
        """What to lease: of each item the most that one of the last days sold, of the items sold most."""
        today = now_ms // DAY_MS
        most: dict[int, int] = {}
        with self._store.read() as txn:
            for key, units in txn.scan(Table.SOLD, number(max(0, today - DAYS))):
                item_id = int.from_bytes(key[8:], "big")
                most[item_id] = max(most.get(item_id, 0), units)
        ranked = sorted(most.items(), key=lambda pair: (-pair[1], pair[0]))
        return dict(ranked[:ITEMS_MAX])

    def fair(
        self, client: Client, wanted: Mapping[int, int], location_id: int, now_ms: int
    ) -> dict[int, int]:
        """`wanted`, where others keep half of what they could still have. Raises CallFailed."""
        units = self.available(now_ms)
        fair = {}
        for item_id, quantity in wanted.items():
            stocks = client.call(GetStockRequest(item_id=item_id), GetStockResponse).stocks
            free = sum(stock.available for stock in stocks if stock.location_id == location_id)
            fair[item_id] = min(quantity, units.get(item_id, 0) + (free + 1) // 2)
        return fair

    def take(
        self, client: Client, wanted: Mapping[int, int], *, location_id: int, owner: str, now_ms: int
    ) -> Taken:
        """Leases so much of each item, in place of what is leased of it now.

        Where less is to be had, that is taken. Raises CallFailed; what was asked then is asked again first
        the next time.
        """
        self.recover(client)
        taken = Taken({}, {})
        with self._store.write() as txn:
            txn.put(Table.META, RENEWED, now_ms)
        open_ones = dict(wanted)
        while open_ones:
            part = dict(list(open_ones.items())[:ITEMS_MAX])
            open_ones = {item_id: open_ones[item_id] for item_id in open_ones if item_id not in part}
            request = self._request(part, location_id, owner, now_ms)
            less = self._asked(client, request, now_ms, taken)
            open_ones |= {item_id: units for item_id, units in less.items() if 0 < units < part[item_id]}
            taken.short.update({item_id: part[item_id] for item_id in less})
        return taken

    def recover(self, client: Client) -> None:
        """Asks again what was asked and never answered. Raises CallFailed."""
        pending = self._store.meta(PENDING.decode())
        if pending is not None:
            request = BatchCreateHoldsRequest.FromString(pending["request"])
            self._asked(client, request, pending["sent_ms"], Taken({}, {}), asked_before=True)

    def give_back(self, client: Client, item_id: int = 0) -> int:
        """Releases the leases (of one item), and says how many; not those of sales that wait to be sent. One
        that ended is gone anyhow. From one whose release may have been done nothing is sold any more. Raises
        CallFailed.
        """
        with self._store.write() as txn:
            drawn = {hold_id for entry in journal.waiting(txn) for hold_id, _, _ in entry.draws}
            given = [
                lease for lease in _all(txn) if item_id in {0, lease.item_id} and lease.hold_id not in drawn
            ]
            for lease in given:
                _keep_most(txn, lease.hold_id, 0)
        for lease in given:
            request = ReleaseHoldRequest(request_id=new_request_id(), hold_id=lease.hold_id)
            try:
                client.call(request, ReleaseHoldResponse)
            except CallFailed as failed:
                if failed.code is not grpc.StatusCode.NOT_FOUND:
                    raise
            with self._store.write() as txn:
                txn.delete(Table.LEASES, number(lease.hold_id))
        return len(given)

    def _request(
        self, wanted: Mapping[int, int], location_id: int, owner: str, now_ms: int
    ) -> BatchCreateHoldsRequest:
        expire = Timestamp()
        expire.FromMilliseconds(now_ms + int(DURATION.total_seconds() * 1_000))
        with self._store.read() as txn:
            replaced = {lease.item_id: lease.hold_id for lease in _all(txn)}
        return BatchCreateHoldsRequest(
            request_id=new_request_id(),
            holds=[
                Hold(
                    item_id=item_id,
                    location_id=location_id,
                    quantity=quantity,
                    owner=owner,
                    expire_time=expire,
                    replaced_hold_id=replaced.get(item_id, 0),
                )
                for item_id, quantity in wanted.items()
            ],
        )

    def _asked(
        self,
        client: Client,
        request: BatchCreateHoldsRequest,
        now_ms: int,
        taken: Taken,
        *,
        asked_before: bool = False,
    ) -> dict[int, int]:
        """Sends one batch, which is on the disk before; returns of which items only less is to be had, and
        how much. Until it is answered no more is sold than both the old lease and the new one have.
        """
        with self._store.write() as txn:
            txn.put(Table.META, PENDING, {"request": request.SerializeToString(), "sent_ms": now_ms})
            for hold in request.holds:
                _keep_most(txn, hold.replaced_hold_id, hold.quantity)
        less: dict[int, int] = {}
        try:
            reply = client.call(request, BatchCreateHoldsResponse)
        except CallFailed as failed:
            failed.asked_before = failed.asked_before or asked_before
            if failed.was_done:
                return self._looked_up(client, request, now_ms, taken)
            if failed.settled:
                with self._store.write() as txn:
                    txn.delete(Table.META, PENDING)
            raise
        with self._store.write() as txn:
            for asked, result in zip(request.holds, reply.results, strict=True):
                if result.HasField("hold"):
                    _replace(txn, asked.replaced_hold_id, result.hold, now_ms)
                    taken.leased[asked.item_id] = result.hold.quantity
                else:
                    row = txn.get(Table.LEASES, number(asked.replaced_hold_id))
                    leased = row["quantity"] if row else 0
                    free = result.error.details.get("available", "0")
                    less[asked.item_id] = leased + max(0, int(free)) if free.lstrip("-").isdigit() else 0
            txn.delete(Table.META, PENDING)
        return less

    def _looked_up(
        self, client: Client, request: BatchCreateHoldsRequest, now_ms: int, taken: Taken
    ) -> dict[int, int]:
        """Takes over what a batch has leased whose answer is lost, as it stands at the server; what is not
        there any more is not sold from. Raises CallFailed.
        """
        stands = [_newest(client, asked) for asked in request.holds]
        with self._store.write() as txn:
            for asked, hold in zip(request.holds, stands, strict=True):
                if hold is None:
                    txn.delete(Table.LEASES, number(asked.replaced_hold_id))
                elif hold.hold_id != asked.replaced_hold_id:
                    _replace(txn, asked.replaced_hold_id, hold, now_ms)
                    taken.leased[asked.item_id] = hold.quantity
            txn.delete(Table.META, PENDING)
        return {}


def _newest(client: Client, asked: Hold) -> Hold | None:
    """The owner's last hold of an item at a place; None where there is none. Raises CallFailed."""
    request = ListHoldsRequest(item_id=asked.item_id, page_size=HOLDS_PAGE)
    while True:
        page = client.call(request, ListHoldsResponse)
        for hold in page.holds:
            if (hold.owner, hold.location_id) == (asked.owner, asked.location_id):
                return hold
        if not page.next_page_token:
            return None
        request.page_token = page.next_page_token


def draw(txn: Transaction, wanted: Mapping[int, int], now_ms: int) -> tuple[list[list[int]], list[list[int]]]:
    """Takes units out of the leases for a sale: what each hold gives (hold, item, units), and what none
    covers (item, units).
    """
    left = dict(wanted)
    draws = []
    for lease in _all(txn):
        units = min(left.get(lease.item_id, 0), lease.quantity)
        if units <= 0 or lease.until_ms <= now_ms:
            continue
        left[lease.item_id] -= units
        draws.append([lease.hold_id, lease.item_id, units])
        _add(txn, lease.hold_id, -units)
    return draws, [[item_id, units] for item_id, units in left.items() if units]


def undraw(txn: Transaction, draws: Iterable[list[int]]) -> None:
    """Puts back what a sale took that was not made."""
    for hold_id, _, units in draws:
        _add(txn, hold_id, units)


def count_sold(txn: Transaction, wanted: Mapping[int, int], now_ms: int) -> None:
    """Remembers what was sold, for the next lease; days before the last ones are forgotten."""
    today = now_ms // DAY_MS
    for item_id, units in wanted.items():
        key = number(today) + number(item_id)
        txn.put(Table.SOLD, key, (txn.get(Table.SOLD, key) or 0) + units)
    over = []
    for key, _ in txn.scan(Table.SOLD):
        if int.from_bytes(key[:8], "big") >= today - DAYS:
            break
        over.append(key)
    for key in over:
        txn.delete(Table.SOLD, key)


def _all(txn: Transaction) -> list[Lease]:
    return [Lease(**row) for _, row in txn.scan(Table.LEASES)]


def _add(txn: Transaction, hold_id: int, units: int) -> None:
    row = txn.get(Table.LEASES, number(hold_id))
    if row is not None:
        row["quantity"] += units
        assert row["quantity"] >= 0, f"hold {hold_id} is drawn below nothing"
        txn.put(Table.LEASES, number(hold_id), row)


def _keep_most(txn: Transaction, hold_id: int, units: int) -> None:
    """Leaves at most so many units to be sold of a lease."""
    row = txn.get(Table.LEASES, number(hold_id))
    if row is not None and row["quantity"] > units:
        row["quantity"] = units
        txn.put(Table.LEASES, number(hold_id), row)


def _replace(txn: Transaction, replaced_hold_id: int, hold: Hold, now_ms: int) -> None:
    """A new hold stands for an old one. What sales journalled meanwhile took of the old one, they take of
    it; and what they lacked, as far as it goes: the engine fills a sale from the holds that it names.
    """
    txn.delete(Table.LEASES, number(replaced_hold_id))
    left = hold.quantity
    for entry in list(journal.waiting(txn)):
        if entry.state != journal.State.WAITING or all(each[0] != replaced_hold_id for each in entry.draws):
            continue
        for drawn in entry.draws:
            if drawn[0] == replaced_hold_id:
                drawn[0] = hold.hold_id
                left -= drawn[2]
        for lacking in entry.uncovered:
            more = min(lacking[1], left) if lacking[0] == hold.item_id else 0
            if more > 0:
                entry.draws.append([hold.hold_id, hold.item_id, more])
                lacking[1] -= more
                left -= more
        entry.uncovered = [lacking for lacking in entry.uncovered if lacking[1]]
        journal.put_entry(txn, entry)
    lasts_ms = hold.expire_time.ToMilliseconds() - hold.create_time.ToMilliseconds()
    lease = Lease(
        hold.hold_id,
        hold.item_id,
        max(0, left),
        now_ms + lasts_ms - MARGIN_MS,
        now_ms,
    )
    txn.put(Table.LEASES, number(hold.hold_id), asdict(lease))
