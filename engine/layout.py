"""How keys and values of a store's tables are written, for looking into one without the engine.

The Rust side says the same in `engine_rs/core/src/tables.rs` and `engine_rs/store/src/schema.rs`; a test
compares the two, and docs/store.md explains them. Every key begins with the shard byte; numbers are
big-endian.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgpack

# The formats that this program reads: `format` in the table "meta".
FORMATS = (3, 4)
SIGN_BIT = 1 << 63


class BrokenRecordError(ValueError):
    """Bytes that are not what the table holds."""


class Codec(Enum):
    """How a table's values are written."""

    # A map with field names
    MSGPACK = "msgpack"
    # 8-byte signed numbers, named by the table
    FIXED = "fixed"
    # No value: the key says it all
    EMPTY = "empty"


Reader = Callable[[bytes], tuple[Any, bytes]]


def _number(width: int) -> Reader:
    def read(data: bytes) -> tuple[int, bytes]:
        if len(data) < width:
            raise BrokenRecordError(f"{width} bytes expected, {len(data)} left")
        return int.from_bytes(data[:width]), data[width:]

    return read


def _ordered(data: bytes) -> tuple[int, bytes]:
    """A signed number whose bytes sort as numbers do: the sign bit is flipped."""
    number, rest = U64(data)
    number ^= SIGN_BIT
    return (number - (1 << 64) if number & SIGN_BIT else number), rest


def _text(data: bytes) -> tuple[str, bytes]:
    """Text up to a zero byte."""
    text, zero, rest = data.partition(b"\0")
    if not zero:
        raise BrokenRecordError("a text has no end")
    return text.decode(), rest


def _rest(data: bytes) -> tuple[str, bytes]:
    return data.decode(), b""


def _hash(data: bytes) -> tuple[str, bytes]:
    return data.hex(), b""


def _uuid(data: bytes) -> tuple[str, bytes]:
    return str(uuid.UUID(bytes=data)), b""


def _currency(data: bytes) -> tuple[str, bytes]:
    return data[:3].decode("ascii"), data[3:]


U8, U32, U64 = _number(1), _number(4), _number(8)
ORDERED, TEXT, REST, HASH, UUID, CURRENCY = _ordered, _text, _rest, _hash, _uuid, _currency


@dataclass(frozen=True)
class Table:
    """A table: the parts of its keys, how values are written, the names of fixed values."""

    name: str
    codec: Codec
    key: tuple[tuple[str, Reader], ...]
    numbers: tuple[str, ...] = ()

    def decode(self, key: bytes, value: bytes) -> dict[str, Any]:
        """One entry, key and value together, by field name. Raises BrokenRecordError."""
        try:
            row = dict(self._parts(key))
            if self.codec is Codec.FIXED:
                row |= self._fixed(value)
            elif self.codec is Codec.MSGPACK:
                row |= self._record(value)
            elif value:
                raise BrokenRecordError("a value where none is expected")
        except (ValueError, msgpack.UnpackException) as error:
            raise BrokenRecordError(f"{self.name}: {error}") from error
        return row

    def _parts(self, key: bytes) -> Iterator[tuple[str, Any]]:
        shard, rest = U8(key)
        # There is one shard until there are several.
        if shard:
            yield "shard", shard
        for name, read in self.key:
            part, rest = read(rest)
            yield name, part
        if rest:
            raise BrokenRecordError(f"{len(rest)} bytes too many in a key")

    def _fixed(self, value: bytes) -> dict[str, int]:
        if len(value) != 8 * len(self.numbers):
            raise BrokenRecordError(f"{8 * len(self.numbers)} bytes expected, {len(value)} found")
        return {
            name: int.from_bytes(value[8 * index : 8 * index + 8], signed=True)
            for index, name in enumerate(self.numbers)
        }

    def _record(self, value: bytes) -> dict[str, Any]:
        found = unpack(value)
        if self.name == "journal":
            if not isinstance(found, list) or len(found) != 3:
                raise BrokenRecordError("a journal record has three parts")
            body, previous_hash, own_hash = found
            found = {**unpack(body), "previous_hash": previous_hash, "hash": own_hash}
        if not isinstance(found, dict):
            raise BrokenRecordError("a record is a map")
        return found


def unpack(data: bytes) -> Any:
    """Reads msgpack: maps with text keys, texts, numbers, lists, and bytes."""
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def _records(name: str, *key: str) -> Table:
    return Table(name, Codec.MSGPACK, tuple((part, U64) for part in key))


def _index(name: str, *key: tuple[str, Reader]) -> Table:
    return Table(name, Codec.EMPTY, key)


def _fixed(name: str, key: tuple[tuple[str, Reader], ...], *numbers: str) -> Table:
    return Table(name, Codec.FIXED, key, numbers)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _fixed("counters", (("kind", U8),), "last_id"),
        _records("settings"),
        _fixed("codes", (("kind", U8), ("code", REST)), "id"),
        _records("tax_classes", "tax_class_id"),
        _records("items", "item_id"),
        _index("item_words", ("word", TEXT), ("item_id", U64)),
        _index("items_by_category", ("category", TEXT), ("item_id", U64)),
        _records("locations", "location_id"),
        _fixed("stocks", (("item_id", U64), ("location_id", U64)), "on_hand", "held"),
        _index("stocks_by_location", ("location_id", U64), ("item_id", U64)),
        _fixed("item_flows", (("item_id", U64),), "received", "adjusted", "sold"),
        _records("holds", "hold_id"),
        _records("drop_orders", "drop_order_id"),
        _index("drop_orders_by_state", ("state", U8), ("drop_order_id", U64)),
        _records("orders", "order_id"),
        _index("orders_by_state", ("state", U8), ("order_id", U64)),
        _index("orders_by_customer", ("customer_id", U64), ("order_id", U64)),
        _fixed("payables", (("bank_account_id", U64), ("payable_minor", ORDERED)), "order_id"),
        _index("deadlines", ("due_ms", ORDERED), ("kind", U8), ("id", U64)),
        _records("customers", "customer_id"),
        _index("credits", ("customer_id", U64)),
        _fixed("erasures", (("erase_ms", ORDERED), ("customer_id", U64)), "create_ms"),
        _records("bank_accounts", "bank_account_id"),
        _records("column_mappings", "column_mapping_id"),
        _records("mutations", "mutation_id"),
        _index("mutations_by_state", ("bank_account_id", U64), ("state", U8), ("mutation_id", U64)),
        _fixed("mutation_keys", (("row_hash", HASH),), "mutation_id"),
        _fixed("statement_files", (("file_hash", HASH),), "import_ms"),
        _fixed("payers", (("payer", TEXT), ("customer_id", U64)), "confirmations"),
        _index(
            "proposals", ("bank_account_id", U64), ("changed", U8), ("decision", U8), ("mutation_id", U64)
        ),
        _index("proposals_by_order", ("order_id", U64), ("mutation_id", U64)),
        _index("pending_mutations", ("row_hash", HASH), ("mutation_id", U64)),
        _records("sales", "sale_id"),
        _index("sales_by_shift", ("shift_id", U64), ("sale_id", U64)),
        _index("sales_by_receipt", ("receipt", TEXT), ("sale_id", U64)),
        _records("refunds", "refund_id"),
        _index("refunds_by_sale", ("sale_id", U64), ("refund_id", U64)),
        _records("tills", "till_id"),
        _records("shifts", "shift_id"),
        _records("couriers", "courier_id"),
        _records("parcels", "parcel_id"),
        _index("parcels_by_label", ("label_state", U8), ("parcel_id", U64)),
        _index("labels_due", ("waits", U8), ("parcel_id", U64)),
        _index("parcels_by_airway_bill", ("airway_bill_state", U8), ("parcel_id", U64)),
        _records("manifests", "manifest_id"),
        _records("print_jobs", "print_job_id"),
        _index("print_jobs_by_state", ("state", U8), ("print_job_id", U64)),
        _records("messages", "message_id"),
        _index("messages_by_state", ("state", U8), ("message_id", U64)),
        _fixed(
            "totals",
            (("day", U32), ("dimension", U8), ("group", TEXT), ("currency", CURRENCY), ("metric", U8)),
            "count",
            "amount_minor",
        ),
        _fixed("open_money", (("kind", U8), ("currency", CURRENCY)), "count", "amount_minor"),
        Table("meta", Codec.MSGPACK, (("name", REST),)),
        Table("requests", Codec.MSGPACK, (("request_id", UUID),)),
        _records("journal", "revision"),
        _records("keys", "customer_id"),
    )
}
