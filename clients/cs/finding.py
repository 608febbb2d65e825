"""Looking items up, and fetching them from the warehouse by Drop Order."""

from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group

from clients.common.commands import command
from clients.common.drop_orders import give_up
from clients.common.finding import alternatives, scanned_item
from clients.common.numbers import id_argument
from clients.common.output import state_number
from clients.common.shop import Shop
from clients.common.specs import parse_stock_line
from clients.common.views import drop_orders_table, items_table
from clients.cs.desk import GOODS, app
from kasir.v1.catalogue_pb2 import (
    FindItemsRequest,
    FindItemsResponse,
    ItemAvailability,
)
from kasir.v1.drop_order_pb2 import (
    DropOrderState,
    ListDropOrdersRequest,
    ListDropOrdersResponse,
    RequestDropOrderRequest,
    RequestDropOrderResponse,
)
from kasir.v1.stock_pb2 import LOCATION_KIND_CS_DESK, LOCATION_KIND_WAREHOUSE

FIND_LIMIT_MAX = 200


@command(
    app,
    "find",
    ["kasir cs find kopi luwak", "kasir cs find 8991234567891", "kasir cs find kopi --in-stock --json"],
    GOODS,
)
def find(
    shop: Shop,
    words: Annotated[list[str], typer.Argument(help="Words of the name, a SKU, or a scanned barcode.")],
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only items that can be booked now.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=FIND_LIMIT_MAX, help="At most this many.")] = 20,
) -> None:
    """Look up items: price, and what is available where.

    When nothing of what was found is available, items of the same category that are in stock are offered.
    """
    items = _found(shop, " ".join(words), in_stock, limit)
    instead: list[ItemAvailability] = []
    if items and not any(item.available_total for item in items):
        instead = alternatives(shop, items[0].item.item_id)
    if not items:
        shop.output.emit(
            {"items": [], "alternatives": []}, lambda: "Nothing has these words, SKU or barcode."
        )
        return
    tables = [items_table(shop, items, "Items")]
    if instead:
        tables.append(items_table(shop, instead, "Not available; in stock instead"))
    shop.output.emit({"items": items, "alternatives": instead}, lambda: Group(*tables))


def _found(shop: Shop, query: str, in_stock: bool, limit: int) -> list[ItemAvailability]:
    """A scanned code names one item whatever it is called; all else is searched for."""
    if (item := scanned_item(shop, query)) is not None:
        return [item] if item.available_total or not in_stock else []
    request = FindItemsRequest(query=query, in_stock_only=in_stock)
    return shop.pages(request, FindItemsResponse, "items", limit)


@command(
    app,
    "drop",
    [
        "kasir cs drop KOPI-01",
        "kasir cs drop KOPI-01x2 --from GUDANG --to MEJA-CS --note 'Bu Sari' --until +30m",
    ],
    GOODS,
)
def drop(
    shop: Shop,
    line: Annotated[str, typer.Argument(metavar="CODE[xQTY]", help="SKU or barcode, and how many.")],
    from_: Annotated[
        str, typer.Option("--from", metavar="LOCATION", help="The warehouse; not needed where there is one.")
    ] = "",
    to: Annotated[
        str,
        typer.Option(
            "--to", envvar="KASIR_DESK", metavar="LOCATION", help="Your desk; not needed if the only one."
        ),
    ] = "",
    note: Annotated[str, typer.Option(help="For whom or what.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="When your claim ends, like +1h or 17:00.")] = "",
) -> None:
    """Ask the warehouse for an item (a Drop Order). It is claimed for your desk at once."""
    spec = parse_stock_line(line)
    request = RequestDropOrderRequest(
        item_id=shop.item(spec.code).item.item_id,
        quantity=spec.quantity,
        from_location_id=shop.location(from_, LOCATION_KIND_WAREHOUSE).location_id,
        to_location_id=shop.location(to, LOCATION_KIND_CS_DESK).location_id,
        note=note,
        expire_time=_time(shop, until),
    )
    reply = shop.call(request, RequestDropOrderResponse, note=f"drop order for {line}")
    shop.output.emit(reply, lambda: drop_orders_table(shop, [reply.drop_order], "Asked for"))


def _time(shop: Shop, until: str) -> Timestamp | None:
    return shop.deadline(until) if until else None


@command(
    app,
    "drops",
    ["kasir cs drops", "kasir cs drops --state handed-over", "kasir cs drops --state return-due --json"],
    GOODS,
)
def drops(
    shop: Shop,
    state: Annotated[
        str, typer.Option(help="Only these: requested, handed-over, booked, return-due, …")
    ] = "",
    from_: Annotated[str, typer.Option("--from", metavar="LOCATION", help="Only from this warehouse.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List Drop Orders, newest first."""
    request = ListDropOrdersRequest(state=state_number(DropOrderState, state, "DROP_ORDER_STATE"))
    if from_:
        request.from_location_id = shop.location(from_).location_id
    found = shop.pages(request, ListDropOrdersResponse, "drop_orders", limit)
    shop.output.emit({"drop_orders": found}, lambda: drop_orders_table(shop, found, "Drop Orders"))


@command(app, "release", ["kasir cs release 12", "kasir cs release 12 13 14"], GOODS)
def release(
    shop: Shop,
    drop_orders: Annotated[list[int], id_argument("Their numbers.", metavar="DROP_ORDER...")],
) -> None:
    """Give up Drop Orders that nobody will book.

    One not handed over yet is taken back. What is on the desk waits there to be scanned into the warehouse
    again.
    """
    changed = [give_up(shop, number) for number in drop_orders]
    shop.output.emit({"drop_orders": changed}, lambda: drop_orders_table(shop, changed, "Given up"))
