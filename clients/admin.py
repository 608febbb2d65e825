"""Looking after a running server: `kasir admin`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration
from rich.console import RenderableType

from clients.common.client import LONG_TIMEOUT_S
from clients.common.commands import Refused, command, new_app
from clients.common.money import show_amount
from clients.common.numbers import WHOLE_MAX
from clients.common.output import facts, state_number, state_words, table
from clients.common.shop import Shop
from clients.common.times import parse_duration, parse_offset, show_duration, zone_name
from kasir.v1.admin_pb2 import (
    CreateSnapshotRequest,
    CreateSnapshotResponse,
    GetSettingsRequest,
    GetSettingsResponse,
    GetStatusRequest,
    GetStatusResponse,
    Settings,
    UpdateSettingsRequest,
    UpdateSettingsResponse,
    VerifyStoreRequest,
    VerifyStoreResponse,
)
from kasir.v1.watch_pb2 import JournalRecord, Resource, WatchRequest, WatchResponse

app = new_app("admin", "Look after a running server: status, verify, snapshot, settings, journal.")

MEBIBYTE = 1024 * 1024


@command(
    app,
    "status",
    ["kasir admin status", "kasir admin status --server kasir.toko.id:50051 --tls-ca ca.pem --json"],
)
def status(shop: Shop) -> None:
    """How the server does."""
    reply = shop.call(GetStatusRequest(), GetStatusResponse)
    pairs = [
        ("Server", shop.client.connection.server),
        ("Version", reply.version),
        ("Revision", str(reply.revision)),
        ("Its time", shop.time(reply.log_time)),
        *clock_set(reply),
        ("Commands waiting", str(reply.queue_length)),
        ("Commands since start", f"{reply.commands} in {reply.commits} commits"),
        ("Store", f"{reply.used_bytes / MEBIBYTE:.1f} of {reply.map_bytes / MEBIBYTE:.0f} MiB"),
        ("Journal's head", reply.journal_head),
    ]
    shop.output.emit(reply, lambda: facts("", pairs))


def clock_set(reply: GetStatusResponse) -> Iterator[tuple[str, str]]:
    """That the machine's clock was set, and is not believed."""
    step = reply.clock_step.ToTimedelta()
    if step:
        yield ("Machine's clock", clock_words(step))


def clock_words(step: timedelta) -> str:
    """How far a clock that is not believed is from the shop's time."""
    side = "ahead of" if step > timedelta() else "behind"
    return f"{about(abs(step))} {side} the shop's time and not believed: set it right"


def about(duration: timedelta) -> str:
    """A length of time as one says it: whole minutes where there are some."""
    if duration >= timedelta(minutes=2):
        duration -= timedelta(seconds=duration.total_seconds() % 60)
    return show_duration(duration)


@command(app, "verify", ["kasir admin verify", "kasir verify", "kasir verify --json"])
def verify(shop: Shop) -> None:
    """Check every invariant over the whole store of a running server, while it works. Status 1 when one is
    broken.
    """
    reply = shop.call(VerifyStoreRequest(), VerifyStoreResponse, timeout_s=LONG_TIMEOUT_S)
    shop.output.emit(reply, lambda: verify_view(reply))
    if not reply.ok:
        raise Refused


def verify_view(reply: VerifyStoreResponse) -> RenderableType:
    """What does not hold, or that all does."""
    words = "Everything holds" if reply.ok else "BROKEN"
    title = f"{words}: {reply.records} records at revision {reply.revision}"
    return (
        table(title, ("What does not hold",), ([each] for each in reply.violations))
        if reply.violations
        else facts(title, ())
    )


@command(app, "snapshot", ["kasir admin snapshot", "kasir admin snapshot before-stocktaking"])
def snapshot(
    shop: Shop,
    name: Annotated[
        str, typer.Argument(help="File name: letters, digits, dot, dash. Else the revision.")
    ] = "",
) -> None:
    """Write a consistent copy of the store into the server's snapshot directory."""
    name = name or f"revision-{shop.call(GetStatusRequest(), GetStatusResponse).revision}"
    reply = shop.call(CreateSnapshotRequest(name=name), CreateSnapshotResponse, timeout_s=LONG_TIMEOUT_S)
    pairs = [
        ("File", reply.path),
        ("Revision", str(reply.revision)),
        ("Size", f"{reply.bytes / MEBIBYTE:.1f} MiB"),
    ]
    shop.output.emit(reply, lambda: facts("Snapshot, on the server", pairs))


@command(
    app,
    "settings",
    [
        "kasir admin settings",
        "kasir admin settings --shop-name 'Toko Melati' --shop-address 'Jl. Melati 5, Bandung'",
        "kasir admin settings --booking 3h --hold 1h --cooldown 7d --reminder 30m --zone WIB",
    ],
)
def settings(
    shop: Shop,
    shop_name: Annotated[str | None, typer.Option(help="Printed on slips and receipts.")] = None,
    shop_address: Annotated[str | None, typer.Option(help="Printed below it.")] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217; fixed once anything was priced.")] = "",
    zone: Annotated[str, typer.Option(help="WIB, WITA, WIT or an offset like +7.")] = "",
    booking: Annotated[
        str, typer.Option(metavar="TIME", help="Payment deadline of a booking, like 3h.")
    ] = "",
    hold: Annotated[
        str, typer.Option(metavar="TIME", help="Deadline of Drop Orders and holds, like 1h.")
    ] = "",
    cooldown: Annotated[
        str, typer.Option(metavar="TIME", help="How long late money finds its order, like 7d.")
    ] = "",
    reminder: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="How long before its deadline an unpaid order is reminded of; 0h is off."
        ),
    ] = "",
    points_per: Annotated[
        str, typer.Option(metavar="AMOUNT", help="A till sale earns a point for each; 0 is off.")
    ] = "",
    point_value: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Worth of a point; 0: not redeemed.")
    ] = "",
) -> None:
    """Show the shop's settings, or change those that are named."""
    current = shop.call(GetSettingsRequest(), GetSettingsResponse).settings
    wanted = Settings()
    wanted.CopyFrom(current)
    if shop_name is not None:
        wanted.shop_name = shop_name
    if shop_address is not None:
        wanted.shop_address = shop_address
    wanted.currency_code = currency.upper() or current.currency_code
    if zone:
        wanted.utc_offset.FromTimedelta(parse_offset(zone))
    for field, text in (
        ("booking_duration", booking),
        ("hold_duration", hold),
        ("payable_cooldown", cooldown),
        ("reminder_before", reminder),
    ):
        if text:
            duration: Duration = getattr(wanted, field)
            duration.FromTimedelta(parse_duration(text))
    if points_per:
        wanted.points_per_minor_units = shop.money(points_per, wanted.currency_code).minor_units
    if point_value:
        wanted.point_value_minor_units = shop.money(point_value, wanted.currency_code).minor_units
    if wanted != current:
        request = UpdateSettingsRequest(settings=wanted)
        current = shop.call(request, UpdateSettingsResponse, note="change settings").settings
    shop.output.emit({"settings": current}, lambda: _settings_view(current))


def _or_never(before: timedelta) -> str:
    return show_duration(before) if before else "never"


def _settings_view(current: Settings) -> RenderableType:
    code = current.currency_code
    pairs = [
        ("Shop", current.shop_name),
        ("Address", current.shop_address),
        ("Currency", code),
        ("Time zone", zone_name(current.utc_offset.ToTimedelta())),
        ("Payment deadline", show_duration(current.booking_duration.ToTimedelta())),
        ("Drop Orders and holds", show_duration(current.hold_duration.ToTimedelta())),
        ("Late money finds its order", show_duration(current.payable_cooldown.ToTimedelta())),
        ("Reminder before a deadline", _or_never(current.reminder_before.ToTimedelta())),
        (
            "One point per",
            show_amount(current.points_per_minor_units, code) if current.points_per_minor_units else "off",
        ),
        ("Worth of a point", show_amount(current.point_value_minor_units, code)),
        ("Changed so often", str(current.version)),
    ]
    return facts("Settings", pairs)


@command(
    app,
    "watch",
    [
        "kasir admin watch",
        "kasir admin watch --since 0 --only order --only mutation",
        "kasir admin watch --json",
    ],
)
def watch(
    shop: Shop,
    since: Annotated[
        int,
        typer.Option(
            min=-1, max=WHOLE_MAX, help="After this revision; 0 is from the beginning, -1 is from now."
        ),
    ] = -1,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Only what touches this: item, stock, order, …; repeatable."),
    ] = None,
) -> None:
    """Show the journal as it grows: who did what, and what changed. Until Ctrl-C."""
    kinds = [state_number(Resource, words, "RESOURCE") for words in only or []]
    request = WatchRequest(start_revision=since, resources=kinds)
    try:
        for reply in shop.client.watch(request, WatchResponse):
            for record in reply.records:
                shop.output.emit(record, lambda record=record: _record_view(shop, record))  # type: ignore[misc]
    except KeyboardInterrupt:
        shop.output.say("Stopped watching.", "dim")


def _record_view(shop: Shop, record: JournalRecord) -> str:
    method = record.method.rpartition("/")[2]
    changes = ", ".join(
        f"{state_words(Resource, each.resource, 'RESOURCE')} {each.id} {each.event}"
        for each in record.changes
    )
    return f"{record.revision}  {shop.time(record.time)}  {record.actor}  {method}: {changes}"
