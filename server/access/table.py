"""The table of what may be called by whom (`methods.toml`), read and held against the contract."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, ServiceDescriptor

PACKAGE = "kasir.v1"
TABLE = Path(__file__).with_name("methods.toml")
# grpc.health.v1 has no row: whoever looks after the machines may ask whether the server is there. To wait for
# it is for the shop's devices: such a call lasts as long as its caller likes.
HEALTH = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
# Records that say where they are, by the word in front of a path.
RECORDS = frozenset({"till", "shift", "hold", "order", "print_job", "drop_order.from", "drop_order.to"})


class Role(StrEnum):
    """What somebody is in the shop."""

    CASHIER = "cashier"
    CS = "cs"
    WAREHOUSE = "warehouse"
    COURIER = "courier"
    MANAGER = "manager"
    OWNER = "owner"
    INTEGRATOR = "integrator"
    HARDWARE = "hardware"
    MESSENGER = "messenger"


PEOPLE = frozenset({Role.CASHIER, Role.CS, Role.WAREHOUSE, Role.COURIER, Role.MANAGER, Role.OWNER})
# What a device may be without anybody logged in.
AGENTS = frozenset({Role.HARDWARE, Role.COURIER, Role.MESSENGER})


class Door(StrEnum):
    """Who is let in without a role."""

    STRANGER = "stranger"
    DEVICE = "device"
    SESSION = "session"
    ELSEWHERE = "elsewhere"


class TableError(Exception):
    """The table does not say what it must; the text says where."""


@dataclass(frozen=True)
class Place:
    """A field that says where a call takes place: numbers of fields from the request down, and of which
    record the last one is the id; empty: of a location.
    """

    record: str
    path: tuple[int, ...]
    # That it is missing, or 0, is nothing to refuse: the field is one of several, or says so with a "?".
    optional: bool = False
    # It is a list of ids.
    repeated: bool = False


@dataclass(frozen=True)
class Row:
    """What the table says of one method."""

    method: str
    roles: frozenset[Role]
    door: Door | None = None
    scope: str = ""
    places: tuple[Place, ...] = ()
    deferred: bool = False

    def lets(self, roles: Iterable[Role], scopes: Iterable[str] = ()) -> bool:
        """Whether these roles, or a key of these scopes, may call it."""
        held = frozenset(roles)
        if self.roles & (held - {Role.INTEGRATOR}):
            return True
        return Role.INTEGRATOR in held & self.roles and self.scope in frozenset(scopes)


class Methods:
    """All rows, by full name of the method."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {row.method: row for row in rows}

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def __getitem__(self, method: str) -> Row:
        return self.rows[method]

    def allowed(self, roles: Iterable[Role], scopes: Iterable[str] = ()) -> list[str]:
        """Methods that these roles, or a key of these scopes, may call."""
        held, within = frozenset(roles), frozenset(scopes)
        return [row.method for row in self if row.door is None and row.lets(held, within)]

    def behind(self, door: Door) -> list[str]:
        """Methods that need no role but this."""
        return [row.method for row in self if row.door is door]

    @property
    def scopes(self) -> frozenset[str]:
        """All scopes that a key can have."""
        return frozenset(row.scope for row in self if row.scope)


@cache
def methods() -> Methods:
    """The table as it stands in `methods.toml`. Raises TableError."""
    # Whole contract: only a server with access control needs all of it at once.
    from kasir.contract import SERVICES  # noqa: PLC0415

    return read(tomllib.loads(TABLE.read_text()), SERVICES)


def read(table: dict[str, Any], services: dict[str, ServiceDescriptor]) -> Methods:
    """The rows of a table, one for each method of the contract and none beside. Raises TableError."""
    known = {
        f"{service.name}/{method.name}": (service, method)
        for service in services.values()
        for method in service.methods
    }
    said = {f"{service}/{name}": row for service, rows in table.items() for name, row in rows.items()}
    if missing := sorted(known.keys() - said.keys()):
        raise TableError(f"methods.toml has no row for {', '.join(missing)}")
    if unknown := sorted(said.keys() - known.keys()):
        raise TableError(f"methods.toml has rows for methods that do not exist: {', '.join(unknown)}")
    return Methods(_row(name, said[name], *known[name]) for name in sorted(known))


def _row(name: str, said: dict[str, Any], service: ServiceDescriptor, method: Any) -> Row:
    if unknown := said.keys() - {"roles", "for", "scope", "location", "deferred"}:
        raise TableError(f"{name}: {', '.join(sorted(unknown))} is no part of a row")
    if ("roles" in said) == ("for" in said):
        raise TableError(f"{name}: a row has either roles or for")
    try:
        roles = frozenset(Role(role) for role in said.get("roles", "").split())
        door = Door(said["for"]) if "for" in said else None
    except ValueError as error:
        raise TableError(f"{name}: {error}") from error
    scope = said.get("scope", "")
    if (Role.INTEGRATOR in roles) != bool(scope):
        raise TableError(f"{name}: integrators need a scope, and nobody else does")
    places = tuple(_place(name, text, method.input_type) for text in said.get("location", []))
    return Row(
        f"/{service.full_name}/{method.name}", roles, door, scope, places, bool(said.get("deferred", False))
    )


def _place(name: str, text: str, message: Descriptor) -> Place:
    record, colon, path = text.removesuffix("?").rpartition(":")
    if colon and record not in RECORDS:
        raise TableError(f"{name}: {record} is no record that has a location")
    numbers = []
    *above, last = path.split(".")
    for part in above:
        field = message.fields_by_name.get(part)
        if field is None or field.message_type is None:
            raise TableError(f"{name}: {message.name} has no message {part} ({text})")
        numbers.append(field.number)
        message = field.message_type
    field = message.fields_by_name.get(last)
    if field is None or field.type != field.TYPE_UINT64:
        raise TableError(f"{name}: {message.name} has no id {last} ({text})")
    optional = text.endswith("?") or field.containing_oneof is not None
    return Place(record, (*numbers, field.number), optional, field.is_repeated)
