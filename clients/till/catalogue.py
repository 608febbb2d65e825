"""The catalogue on the till's disk: items, prices, barcodes and taxes, found without a server.

Filled by paging through all items, then kept up by the journal's changes (WatchService). Names are found by
an index of their words, codes by themselves and by their beginnings.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from clients.common.client import Client
from clients.common.problems import CallFailed
from clients.till.prices import Item, PricePoint, TaxClass
from clients.till.scans import canonical, readings
from clients.till.store import Store, Table, Transaction, number, packer
from clients.till.words import ROWS_MAX, beginning, bits_of, change, numbers_of, packed_rows, words_of
from kasir.v1.catalogue_pb2 import (
    TAX_MODE_INCLUSIVE,
    GetItemRequest,
    GetItemResponse,
    ListItemsRequest,
    ListItemsResponse,
    ListTaxClassesRequest,
    ListTaxClassesResponse,
)
from kasir.v1.catalogue_pb2 import Item as ServerItem
from kasir.v1.watch_pb2 import RESOURCE_ITEM, RESOURCE_SETTING, WatchRequest, WatchResponse

PAGE_SIZE = 1_000
FOUND_MAX = 20
# Further behind than this, paging through all items is the shorter way.
CHANGES_MAX = 50_000
# More changed items than this are not asked for one by one.
ITEMS_MAX = 5_000
REVISION = b"catalogue_revision"


@dataclass(frozen=True)
class Refreshed:
    """What a refresh brought: so many items, up to a revision of the journal."""

    items: int
    revision: int
    whole: bool


class Catalogue:
    """The copy. What it says is as old as its last refresh."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- Looking up ---

    def count(self) -> int:
        """How many items there are."""
        with self._store.read() as txn:
            return txn.count(Table.ITEMS)

    def by_id(self, item_id: int) -> Item | None:
        """An item by its number."""
        with self._store.read() as txn:
            return _item(item_id, txn.get(Table.ITEMS, number(item_id)))

    def by_code(self, code: str) -> Item | None:
        """An item by what was scanned or typed: a barcode, a GS1 element string, or a SKU."""
        with self._store.read() as txn:
            for key in (*map(_barcode_key, readings(code)), _sku_key(code.strip())):
                found = txn.get(Table.CODES, key)
                if found is not None:
                    return _item(found, txn.get(Table.ITEMS, number(found)))
        return None

    def search(self, text: str, limit: int = FOUND_MAX) -> list[Item]:
        """Items with a word of the name, or a code, that begins so, for each of the words; by number."""
        wanted = words_of(text)
        if not wanted:
            return []
        found = -1
        with self._store.read() as txn:
            for word in sorted(wanted, key=len, reverse=True):
                found &= beginning(txn, word) | bits_of(_codes_beginning(txn, word))
                if not found:
                    return []
            numbers = islice(numbers_of(found), limit)
            items = [_item(item_id, txn.get(Table.ITEMS, number(item_id))) for item_id in numbers]
        return [item for item in items if item is not None]

    def first(self, limit: int) -> list[Item]:
        """The items that came first."""
        with self._store.read() as txn:
            rows = list(islice(txn.scan(Table.ITEMS), limit))
        found = (_item(int.from_bytes(key, "big"), row) for key, row in rows)
        return [item for item in found if item is not None]

    def taxes(self) -> dict[int, TaxClass]:
        """All tax classes by their number."""
        with self._store.read() as txn:
            return {
                int.from_bytes(key, "big"): TaxClass(int.from_bytes(key, "big"), *row)
                for key, row in txn.scan(Table.TAXES)
            }

    # --- Keeping up ---

    def refresh(self, client: Client, on_page: Callable[[int], None] | None = None) -> Refreshed:
        """Brings what changed since the last time, or everything. Raises CallFailed."""
        known = self._store.meta(REVISION.decode())
        self.refresh_taxes(client)
        now = _revision_now(client)
        if known is None or now < known or now - known > CHANGES_MAX:
            return self._fill(client, now, on_page)
        try:
            changed = _changed(client, known, now)
        except CallFailed as failed:
            if failed.reason != "REVISION_COMPACTED":
                raise
            return self._fill(client, now, on_page)
        if RESOURCE_SETTING in {resource for resource, _ in changed}:
            self.refresh_taxes(client)
        ids = sorted(ident for resource, ident in changed if resource == RESOURCE_ITEM)
        if len(ids) > ITEMS_MAX:
            return self._fill(client, now, on_page)
        items = _items(client, ids)
        with self._store.write() as txn:
            self._put(txn, items)
            txn.put(Table.META, REVISION, now)
        return Refreshed(len(items), now, whole=False)

    def renew(self, client: Client, item_ids: Iterable[int]) -> None:
        """Brings these items; how far the copy follows the journal stays as it was. Raises CallFailed."""
        items = _items(client, item_ids)
        with self._store.write() as txn:
            self._put(txn, items)

    def refresh_taxes(self, client: Client) -> None:
        """Brings the tax classes, which are few. Raises CallFailed."""
        classes = client.call(ListTaxClassesRequest(), ListTaxClassesResponse).tax_classes
        with self._store.write() as txn:
            for each in classes:
                row = (each.code, each.rate_basis_points, each.mode == TAX_MODE_INCLUSIVE)
                txn.put(Table.TAXES, number(each.tax_class_id), row)

    def keep(self, item: ServerItem) -> Item:
        """Takes one item in that the server has told."""
        with self._store.write() as txn:
            self._put(txn, [item])
        found = self.by_id(item.item_id)
        assert found is not None, "it was written just now"
        return found

    def _fill(self, client: Client, revision: int, on_page: Callable[[int], None] | None) -> Refreshed:
        """Everything anew, in one transaction: the old copy serves until the new one is whole."""
        count = 0
        items: list[tuple[bytes, bytes]] = []
        codes: list[tuple[bytes, bytes]] = []
        words: dict[str, list[int]] = defaultdict(list)
        pack = packer()
        for page in _pages(client):
            for item in page:
                item_id, row = item.item_id, _row(item)
                items.append((number(item_id), pack(row)))
                packed_id = pack(item_id)
                codes.extend([(key, packed_id) for key in _keys(row[0], row[3])])
                for word in set(words_of(row[1])):
                    words[word].append(item_id)
            count += len(page)
            if on_page is not None:
                on_page(count)
        codes.sort()
        with self._store.write() as txn:
            for table in (Table.ITEMS, Table.CODES, Table.WORDS):
                txn.clear(table)
            txn.put_all(Table.ITEMS, items)
            txn.put_all(Table.CODES, codes)
            txn.put_all(Table.WORDS, packed_rows(words))
            txn.put(Table.META, REVISION, revision)
        return Refreshed(count, revision, whole=True)

    def _put(self, txn: Transaction, items: list[ServerItem]) -> None:
        """Takes items in; codes and words that they gave up are forgotten."""
        for item in items:
            key = number(item.item_id)
            old = txn.get(Table.ITEMS, key)
            if old is not None:
                if old[7] >= item.version:
                    continue
                for code in _keys(old[0], old[3]):
                    if txn.get(Table.CODES, code) == item.item_id:
                        txn.delete(Table.CODES, code)
            txn.put(Table.ITEMS, key, _row(item))
            for code in _keys(item.sku, item.barcodes):
                txn.put(Table.CODES, code, item.item_id)
            change(txn, item.item_id, words_of(old[1] if old else ""), words_of(item.name))


def _items(client: Client, item_ids: Iterable[int]) -> list[ServerItem]:
    return [client.call(GetItemRequest(item_id=item_id), GetItemResponse).item.item for item_id in item_ids]


def _codes_beginning(txn: Transaction, start: str) -> Iterator[int]:
    """Items with a SKU or a barcode that begins so; of a beginning that very many have, the first."""
    for key in (_sku_key(start), _barcode_key(start)):
        for found, item_id in islice(txn.scan(Table.CODES, key), ROWS_MAX):
            if not found.startswith(key):
                break
            yield item_id


def _pages(client: Client) -> Iterator[Sequence[ServerItem]]:
    """All items by the page; the next one is on its way while one is worked on."""
    request = ListItemsRequest(page_size=PAGE_SIZE)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(client.call, request, ListItemsResponse)
        while True:
            reply = coming.result()
            if reply.next_page_token:
                request = ListItemsRequest(page_size=PAGE_SIZE, page_token=reply.next_page_token)
                coming = pool.submit(client.call, request, ListItemsResponse)
            yield reply.items
            if not reply.next_page_token:
                return


def _revision_now(client: Client) -> int:
    """How far the journal is: the first word of a stream from now on."""
    stream = client.watch(WatchRequest(start_revision=-1), WatchResponse)
    try:
        return next(stream).revision
    finally:
        stream.close()  # type: ignore[attr-defined]


def _changed(client: Client, after: int, until: int) -> set[tuple[int, int]]:
    """What changed after one revision up to another: pairs of resource and id. Raises CallFailed."""
    changed: set[tuple[int, int]] = set()
    if after >= until:
        return changed
    stream = client.watch(WatchRequest(start_revision=after), WatchResponse)
    try:
        for reply in stream:
            for record in reply.records:
                changed.update((change.resource, change.id) for change in record.changes)
            if reply.revision >= until:
                return changed
    finally:
        stream.close()  # type: ignore[attr-defined]
    raise AssertionError("a watch does not end")


def _row(item: ServerItem) -> tuple[Any, ...]:
    prices = [
        (price.price_list, price.min_quantity, price.amount.minor_units, price.amount.currency_code)
        for price in item.prices
    ]
    barcodes = list(item.barcodes)
    return (
        item.sku,
        item.name,
        item.category,
        barcodes,
        prices,
        item.tax_class_id,
        item.inactive,
        item.version,
    )


def _item(item_id: int, row: Any) -> Item | None:
    if row is None:
        return None
    sku, name, category, barcodes, prices, tax_class_id, inactive, version = row
    points = tuple(PricePoint(*price) for price in prices)
    return Item(item_id, sku, name, category, tuple(barcodes), points, tax_class_id, inactive, version)


def _keys(sku: str, barcodes: Any) -> list[bytes]:
    return [_sku_key(sku), *(_barcode_key(canonical(code)) for code in barcodes)]


def _sku_key(sku: str) -> bytes:
    return b"s" + sku.casefold().encode()


def _barcode_key(barcode: str) -> bytes:
    return b"b" + barcode.encode()
