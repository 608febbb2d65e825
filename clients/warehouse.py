"""The warehouse: `kasir warehouse`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from clients.common.commands import command, new_app
from clients.common.delivery_csv import read_delivery
from clients.common.drop_orders import hand_over as hand_over_scanned
from clients.common.drop_orders import take_back
from clients.common.numbers import WHOLE_MAX, id_argument
from clients.common.output import state_number, to_plain
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.specs import LineSpec, parse_adjustment, parse_count, parse_stock_line
from clients.common.stock_count import Counted, correct, on_hand
from clients.common.views import (
    counts_table,
    drop_order_state,
    drop_orders_table,
    items_table,
    stocks_table,
    to_buy_table,
)
from kasir.v1.catalogue_pb2 import ListItemsRequest, ListItemsResponse
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_REQUESTED,
    DropOrderState,
    HandOverDropOrderRequest,
    HandOverDropOrderResponse,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    RejectDropOrderRequest,
    RejectDropOrderResponse,
    ReturnDropOrderRequest,
    ReturnDropOrderResponse,
    WatchDropOrdersRequest,
    WatchDropOrdersResponse,
)
from kasir.v1.stock_pb2 import (
    LOCATION_KIND_WAREHOUSE,
    AdjustStockRequest,
    AdjustStockResponse,
    ListStocksRequest,
    ListStocksResponse,
    ReceiveStockRequest,
    ReceiveStockResponse,
    StockLine,
    TransferStockRequest,
    TransferStockResponse,
)

app = new_app("warehouse", "Warehouse: see what is asked for, hand over and take back by scan, move stock.")

REQUESTS = "Drop Orders"
STOCK = "Stock"

Location = Annotated[
    str,
    typer.Option(
        "--location",
        envvar="KASIR_WAREHOUSE",
        metavar="CODE",
        help="The location; not needed if the only warehouse.",
    ),
]
Scan = Annotated[str, typer.Option("--scan", metavar="BARCODE", help="The barcode on the item.")]

DropOrderNumber = Annotated[int, id_argument("Its number.")]


@command(
    app,
    "watch",
    [
        "kasir warehouse watch",
        "kasir warehouse watch --location GUDANG --bell",
        "kasir warehouse watch --json --since 1200",
    ],
    REQUESTS,
)
def watch(
    shop: Shop,
    location: Annotated[str, typer.Option(metavar="CODE", help="Only what is asked of this location.")] = "",
    since: Annotated[
        int,
        typer.Option(min=0, max=WHOLE_MAX, help="Changes after this revision; else all open requests first."),
    ] = 0,
    bell: Annotated[bool, typer.Option("--bell", help="Ring when something is asked for.")] = False,
) -> None:
    """Show Drop Orders as they come and change, until Ctrl-C.

    A line that breaks is taken up again where it stopped. With --json each line is one change, with the
    revision to give to --since.
    """
    place = shop.location(location).location_id if location else 0
    request = WatchDropOrdersRequest(from_location_id=place, start_revision=since)
    try:
        for reply in shop.client.watch(request, WatchDropOrdersResponse, restart_revision=0):
            if reply.HasField("drop_order"):
                _show_change(shop, reply)
                if bell and reply.drop_order.state == DROP_ORDER_STATE_REQUESTED:
                    print("\a", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        shop.output.say("Stopped watching.", "dim")


def _show_change(shop: Shop, reply: WatchDropOrdersResponse) -> None:
    drop_order = reply.drop_order
    if shop.output.as_json:
        sys.stdout.write(json.dumps(to_plain(reply), ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    note = drop_order.reject_reason or drop_order.note
    places = (drop_order.from_location_id, drop_order.to_location_id)
    parts = (
        shop.time(drop_order.update_time),
        f"Drop Order {drop_order.drop_order_id}",
        drop_order_state(drop_order).upper(),
        f"{drop_order.quantity} x {shop.item_words(drop_order.item_id)}",
        " → ".join(shop.location_code(place) for place in places),
        f"by {drop_order.requested_by}" + (f": {note}" if note else ""),
    )
    shop.output.line("  ".join(parts))


@command(
    app,
    "list",
    ["kasir warehouse list", "kasir warehouse list --state return-due", "kasir warehouse list --state all"],
    REQUESTS,
)
def list_(
    shop: Shop,
    state: Annotated[str, typer.Option(help="requested, handed-over, return-due, …, or all.")] = "requested",
    location: Annotated[str, typer.Option(metavar="CODE", help="Only from this location.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
) -> None:
    """List Drop Orders, those to be handed over unless another state is asked for."""
    wanted = "" if state == "all" else state
    request = ListDropOrdersRequest(state=state_number(DropOrderState, wanted, "DROP_ORDER_STATE"))
    if location:
        request.from_location_id = shop.location(location).location_id
    found = shop.pages(request, ListDropOrdersResponse, "drop_orders", limit)
    shop.output.emit({"drop_orders": found}, lambda: drop_orders_table(shop, found, f"Drop Orders: {state}"))


@command(
    app,
    "hand-over",
    ["kasir warehouse hand-over --scan 8991234567891", "kasir warehouse hand-over 12 --scan 8991234567891"],
    REQUESTS,
)
def hand_over(
    shop: Shop,
    scan: Scan,
    drop_order: Annotated[
        int | None, id_argument("Its number; else the one that waits longest for it.")
    ] = None,
    location: Location = "",
) -> None:
    """Scan an item and hand it over to the CS desk."""
    if drop_order:
        request = HandOverDropOrderRequest(drop_order_id=drop_order, barcode=scan)
        handed = shop.call(
            request, HandOverDropOrderResponse, note=f"hand over drop order {drop_order}"
        ).drop_order
    else:
        handed = hand_over_scanned(shop, shop.location(location, LOCATION_KIND_WAREHOUSE).location_id, scan)
    shop.output.emit({"drop_order": handed}, lambda: drop_orders_table(shop, [handed], "Handed over"))


@command(app, "reject", ["kasir warehouse reject 12 --reason 'box is damaged'"], REQUESTS)
def reject(
    shop: Shop,
    drop_order: DropOrderNumber,
    reason: Annotated[str, typer.Option(help="Why it cannot be given.")],
) -> None:
    """Say that an item cannot be handed over, and why."""
    request = RejectDropOrderRequest(drop_order_id=drop_order, reason=reason)
    reply = shop.call(request, RejectDropOrderResponse, note=f"reject drop order {drop_order}")
    shop.output.emit(reply, lambda: drop_orders_table(shop, [reply.drop_order], "Rejected"))


@command(
    app,
    "return",
    ["kasir warehouse return --scan 8991234567891", "kasir warehouse return 12 --scan 8991234567891"],
    REQUESTS,
)
def return_(
    shop: Shop,
    scan: Scan,
    drop_order: Annotated[
        int | None, id_argument("Its number; else the one that waits longest to come back.")
    ] = None,
    location: Location = "",
) -> None:
    """Scan an item back into the warehouse: the Drop Order is closed."""
    if drop_order:
        request = ReturnDropOrderRequest(drop_order_id=drop_order, barcode=scan)
        back = shop.call(request, ReturnDropOrderResponse, note=f"return drop order {drop_order}").drop_order
    else:
        back = take_back(shop, shop.location(location, LOCATION_KIND_WAREHOUSE).location_id, scan)
    shop.output.emit({"drop_order": back}, lambda: drop_orders_table(shop, [back], "Returned"))


@command(
    app,
    "receive",
    [
        "kasir warehouse receive KOPI-01x24 GULA-5x10 --reference 'SJ-2231'",
        "kasir warehouse receive 8991234567891x12 --location TOKO",
        "kasir warehouse receive --file delivery.csv --reference 'SJ-2232'",
    ],
    STOCK,
)
def receive(
    shop: Shop,
    line: Annotated[list[str] | None, typer.Argument(metavar="[CODE[xQTY]...]", help="What came in.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            exists=True,
            dir_okay=False,
            help="A CSV file of code and quantity, at most 1,000 lines; the first may name them so.",
        ),
    ] = None,
    location: Location = "",
    reference: Annotated[str, typer.Option(help="Delivery note or supplier.")] = "",
) -> None:
    """Goods came in. All lines or none."""
    place = shop.location(location, LOCATION_KIND_WAREHOUSE).location_id
    specs = [parse_stock_line(text) for text in line or []] + (read_delivery(file) if file else [])
    lines = _stock_lines(shop, specs)
    if not lines:
        raise BadInput("Say what came in: CODExQUANTITY, or --file.")
    request = ReceiveStockRequest(location_id=place, lines=lines, reference=reference)
    reply = shop.call(request, ReceiveStockResponse, note=f"receive {len(lines)} lines")
    shop.output.emit(reply, lambda: stocks_table(shop, reply.stocks, "Stock now"))


@command(
    app,
    "adjust",
    [
        "kasir warehouse adjust KOPI-01-1 --reason 'broken'",
        "kasir warehouse adjust GULA-5+2 KOPI-01-1 --reason count",
    ],
    STOCK,
)
def adjust(
    shop: Shop,
    line: Annotated[
        list[str], typer.Argument(metavar="CODE+N|CODE-N...", help="What differs, and by how much.")
    ],
    reason: Annotated[str, typer.Option(help="Why.")],
    location: Location = "",
) -> None:
    """Correct the stock where a count differs. All lines or none."""
    corrections = [parse_adjustment(text) for text in line]
    lines = [
        StockLine(item_id=shop.item(code).item.item_id, quantity=difference)
        for code, difference in corrections
    ]
    place = shop.location(location, LOCATION_KIND_WAREHOUSE).location_id
    request = AdjustStockRequest(location_id=place, lines=lines, reason=reason)
    reply = shop.call(request, AdjustStockResponse, note=f"adjust {len(line)} lines")
    shop.output.emit(reply, lambda: stocks_table(shop, reply.stocks, "Stock now"))


@command(
    app,
    "count",
    [
        "kasir warehouse count KOPI-01x12 GULA-5x0",
        "kasir warehouse count --file count.csv --dry-run",
    ],
    STOCK,
)
def count(
    shop: Shop,
    line: Annotated[
        list[str] | None, typer.Argument(metavar="[CODExQTY]...", help="What was counted.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            exists=True,
            dir_okay=False,
            help="A CSV file of code and quantity, at most 1,000 lines; the first may name them so.",
        ),
    ] = None,
    location: Location = "",
    reason: Annotated[str, typer.Option(help="What stands beside the correction.")] = "count",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what differs.")] = False,
) -> None:
    """Count what lies there: the books are corrected by what differs. All lines or none.

    Count while nothing moves: what was sold between the count and this command is taken for a difference.
    """
    place = shop.location(location, LOCATION_KIND_WAREHOUSE).location_id
    specs = [parse_count(text) for text in line or []] + (read_delivery(file, least=0) if file else [])
    if not specs:
        raise BadInput("Say what was counted: CODExQUANTITY, or --file.")
    counts = _counts(shop, place, specs)
    stocks = [] if dry_run else correct(shop, place, counts, reason)
    differences = [
        {
            "sku": each.item.sku,
            "counted": each.counted,
            "on_hand": each.on_hand,
            "difference": each.difference,
        }
        for each in counts
    ]
    title = "What differs" if dry_run else "Counted"
    shop.output.emit({"counts": differences, "stocks": stocks}, lambda: counts_table(counts, title))


def _counts(shop: Shop, location_id: int, specs: Sequence[LineSpec]) -> list[Counted]:
    """The same item counted in two places of the warehouse is one count."""
    counts: dict[int, Counted] = {}
    for spec in specs:
        found = shop.item(spec.code)
        before = counts.get(found.item.item_id)
        counted = spec.quantity + (before.counted if before else 0)
        counts[found.item.item_id] = Counted(found.item, counted, on_hand(found, location_id))
    return list(counts.values())


@command(app, "transfer", ["kasir warehouse transfer KOPI-01x6 GULA-5x2 --from GUDANG --to TOKO"], STOCK)
def transfer(
    shop: Shop,
    line: Annotated[list[str], typer.Argument(metavar="CODE[xQTY]...", help="What goes.")],
    to: Annotated[str, typer.Option(metavar="CODE", help="To where.")],
    from_: Annotated[
        str, typer.Option("--from", metavar="CODE", help="From where; else the only warehouse.")
    ] = "",
) -> None:
    """Move goods from one location to another. All lines or none."""
    request = TransferStockRequest(
        from_location_id=shop.location(from_, LOCATION_KIND_WAREHOUSE).location_id,
        to_location_id=shop.location(to).location_id,
        lines=_stock_lines(shop, [parse_stock_line(text) for text in line]),
    )
    reply = shop.call(request, TransferStockResponse, note=f"transfer {len(line)} lines")
    shop.output.emit(reply, lambda: stocks_table(shop, reply.stocks, "Stock now"))


def _stock_lines(shop: Shop, specs: Sequence[LineSpec]) -> list[StockLine]:
    return [StockLine(item_id=shop.item(spec.code).item.item_id, quantity=spec.quantity) for spec in specs]


@command(
    app,
    "stock",
    [
        "kasir warehouse stock --location GUDANG",
        "kasir warehouse stock KOPI-01 GULA-5",
        "kasir warehouse stock --json",
    ],
    STOCK,
)
def stock(
    shop: Shop,
    code: Annotated[list[str] | None, typer.Argument(help="Only these items, at every location.")] = None,
    location: Location = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200,
) -> None:
    """Show what is where: on hand, held for somebody, available."""
    if code:
        items = [shop.item(each) for each in code]
        stocks = [line for item in items for line in item.stocks]
        if not stocks:
            shop.output.emit({"stocks": []}, lambda: items_table(shop, items, "Never in stock"))
            return
    else:
        place = shop.location(location, LOCATION_KIND_WAREHOUSE).location_id
        stocks = shop.pages(ListStocksRequest(location_id=place), ListStocksResponse, "stocks", limit)
    shop.output.emit({"stocks": stocks}, lambda: stocks_table(shop, stocks, "Stock"))


@command(app, "to-buy", ["kasir warehouse to-buy", "kasir warehouse to-buy --json"], STOCK)
def to_buy(shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200) -> None:
    """Items of which less is available than their reorder point."""
    found = shop.pages(ListItemsRequest(to_reorder_only=True), ListItemsResponse, "items", limit)
    items = [shop.item_by_id(each.item_id) for each in found]
    shop.output.emit({"items": items}, lambda: to_buy_table(items))
