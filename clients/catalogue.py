"""What the shop sells: `kasir catalogue`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from clients.common.commands import Refused, command, new_app
from clients.common.items_csv import COLUMNS_HELP, SAMPLE, Row, read_rows
from clients.common.items_csv import Shop as CsvShop
from clients.common.money import show_money
from clients.common.numbers import WHOLE_MAX, parse_whole
from clients.common.output import facts, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import retail_price, stocks_table
from kasir.v1.catalogue_pb2 import (
    BatchCreateItemsRequest,
    BatchCreateItemsResponse,
    CreateItemRequest,
    CreateItemResponse,
    Item,
    ItemAvailability,
    ListItemsRequest,
    ListItemsResponse,
    Price,
    UpdateItemRequest,
    UpdateItemResponse,
)

app = new_app("catalogue", "The catalogue: import, add, change and look at items.")

# Small enough that a batch is answered within a blink, large enough that commits do not count.
BATCH_SIZE = 500

Barcodes = Annotated[list[str] | None, typer.Option("--barcode", help="A barcode; repeatable.")]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price", metavar="AMOUNT|LIST[:N]=AMOUNT", help="Price of one; or of a list, from N pieces on."
    ),
]


@command(
    app,
    "import",
    ["kasir catalogue sample > catalogue.csv", "kasir catalogue import catalogue.csv"],
    more_help=COLUMNS_HELP,
)
def import_(
    shop: Shop,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A CSV file; 'kasir catalogue sample' shows one."),
    ],
    skip_known: Annotated[
        bool, typer.Option("--skip-known", help="Leave rows out whose SKU is there already, without a word.")
    ] = False,
) -> None:
    """Import items from a CSV file. Each row is accepted or refused by itself.

    Refused rows are listed with their line and the reason, and the command ends with status 1.
    """
    csv_shop = CsvShop(shop.money, lambda code: shop.tax_class(code).tax_class_id)
    rows = list(read_rows(file, csv_shop))
    if not rows:
        raise BadInput(f"{file} has no rows below its first line.")
    refused = [(row.line, row.sku, row.problem) for row in rows if row.item is None]
    created, known = 0, 0
    with shop.progress("Importing", len(rows)) as advance:
        advance(len(refused))
        for batch in _batches([row for row in rows if row.item is not None]):
            request = BatchCreateItemsRequest(items=[row.item for row in batch if row.item is not None])
            note = f"import {file.name} from line {batch[0].line}"
            reply = shop.call(request, BatchCreateItemsResponse, note=note)
            for row, result in zip(batch, reply.results, strict=True):
                if not result.HasField("error"):
                    created += 1
                elif skip_known and result.error.reason == "SKU_TAKEN":
                    known += 1
                else:
                    refused.append((row.line, row.sku, shop.why(result.error)))
            advance(len(batch))
    refused.sort()
    value = {
        "created": created,
        "known": known,
        "refused": [{"line": line, "sku": sku, "message": why} for line, sku, why in refused],
    }
    shop.output.emit(value, lambda: _import_view(created, known, refused))
    if refused:
        raise Refused


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH_SIZE):
        yield rows[start : start + BATCH_SIZE]


def _import_view(created: int, known: int, refused: Sequence[tuple[int, str, str]]) -> Group:
    parts = [
        facts(
            "Catalogue",
            [("Added", str(created)), ("Known", str(known or "")), ("Refused", str(len(refused)))],
        )
    ]
    if refused:
        rows = ((str(line), sku, why) for line, sku, why in refused)
        parts.append(table("Refused", (">Line", "SKU", "Why"), rows))
    return Group(*parts)


@command(app, "sample", ["kasir catalogue sample", "kasir catalogue sample > catalogue.csv"])
def sample(_shop: Shop) -> None:
    """Print a small valid CSV file to begin with."""
    sys.stdout.write(SAMPLE)


@command(
    app,
    "add",
    [
        "kasir catalogue add KOPI-01 'Kopi Luwak Bubuk 250 g' --price 108.400 --barcode 8991234567891",
        "kasir catalogue add TEH-02 'Teh Melati' --price 12.750 --price retail:12=12.000 --tax-class PPN11",
    ],
)
def add(
    shop: Shop,
    sku: Annotated[str, typer.Argument(help="The shop's own code.")],
    name: Annotated[str, typer.Argument(help="The name that staff see and receipts show.")],
    price: Prices = None,
    barcode: Barcodes = None,
    category: Annotated[str, typer.Option(help="What is offered instead when this is out of stock.")] = "",
    tax_class: Annotated[str, typer.Option(metavar="CODE", help="Its tax class; none is untaxed.")] = "",
    weight: Annotated[int, typer.Option(min=0, max=WHOLE_MAX, metavar="GRAMS", help="Weight of one.")] = 0,
    reorder_point: Annotated[
        int, typer.Option(min=0, max=WHOLE_MAX, help="Stock below it is listed for buying.")
    ] = 0,
) -> None:
    """Add an item."""
    item = Item(
        sku=sku,
        name=name,
        category=category,
        barcodes=barcode or [],
        prices=[_price(shop, text) for text in price or []],
        tax_class_id=shop.tax_class(tax_class).tax_class_id if tax_class else 0,
        weight_grams=weight,
        reorder_point=reorder_point,
    )
    reply = shop.call(CreateItemRequest(item=item), CreateItemResponse, note=f"add item {sku}")
    shop.output.emit(reply, lambda: _item_view(shop, ItemAvailability(item=reply.item)))


def _price(shop: Shop, text: str) -> Price:
    """Reads "108.400", "wholesale=95.000" or "retail:12=102.000". Raises BadInput."""
    where, equals, amount = text.rpartition("=")
    price_list, _, quantity = where.partition(":")
    from_ = parse_whole(quantity or "1")
    if (equals and not price_list) or from_ is None:
        raise BadInput(f"'{text}' is no price: write AMOUNT, LIST=AMOUNT or LIST:QUANTITY=AMOUNT.")
    return Price(price_list=price_list or "retail", min_quantity=from_, amount=shop.money(amount))


@command(
    app,
    "change",
    [
        "kasir catalogue change KOPI-01 --price 112.000",
        "kasir catalogue change KOPI-01 --name 'Kopi Luwak 250 g' --barcode 8991234567891",
        "kasir catalogue change TEH-02 --inactive",
    ],
)
def change(
    shop: Shop,
    code: Annotated[str, typer.Argument(help="SKU or barcode.")],
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    price: Prices = None,
    barcode: Annotated[
        list[str] | None, typer.Option("--barcode", help="All its barcodes from now on; repeatable.")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Another category.")] = None,
    tax_class: Annotated[
        str | None, typer.Option(metavar="CODE", help="Another tax class; '' is untaxed.")
    ] = None,
    weight: Annotated[
        int | None, typer.Option(min=0, max=WHOLE_MAX, metavar="GRAMS", help="Weight of one.")
    ] = None,
    reorder_point: Annotated[
        int | None, typer.Option(min=0, max=WHOLE_MAX, help="Stock below it is listed for buying.")
    ] = None,
    inactive: Annotated[
        bool | None, typer.Option("--inactive/--active", help="Not sold any more, or sold again.")
    ] = None,
) -> None:
    """Change what is named of an item; the rest stays. A price replaces the one of its list and quantity."""
    item = shop.item(code).item
    changes: dict[str, Any] = {"category": category, "weight_grams": weight, "reorder_point": reorder_point}
    changes |= {"name": name or None, "inactive": inactive}
    for field, value in changes.items():
        if value is not None:
            setattr(item, field, value)
    if tax_class is not None:
        item.tax_class_id = shop.tax_class(tax_class).tax_class_id if tax_class else 0
    if barcode:
        item.barcodes[:] = barcode
    for new in [_price(shop, text) for text in price or []]:
        kept = [
            each
            for each in item.prices
            if (each.price_list, each.min_quantity) != (new.price_list, new.min_quantity)
        ]
        del item.prices[:]
        item.prices.extend([*kept, new])
    reply = shop.call(UpdateItemRequest(item=item), UpdateItemResponse, note=f"change item {item.sku}")
    shop.output.emit(reply, lambda: _item_view(shop, ItemAvailability(item=reply.item)))


@command(app, "show", ["kasir catalogue show KOPI-01", "kasir catalogue show 8991234567891 --json"])
def show(shop: Shop, code: Annotated[str, typer.Argument(help="SKU or barcode.")]) -> None:
    """Show an item: prices, barcodes, tax, and what is where."""
    found = shop.item(code)
    shop.output.emit({"item": found}, lambda: _item_view(shop, found))


def _item_view(shop: Shop, found: ItemAvailability) -> Group:
    item = found.item
    prices = [
        (
            f"Price {each.price_list}" + (f" from {each.min_quantity}" if each.min_quantity > 1 else ""),
            show_money(each.amount),
        )
        for each in item.prices
    ]
    tax = next((each.name for each in shop.tax_classes if each.tax_class_id == item.tax_class_id), "untaxed")
    pairs = [
        ("Name", item.name),
        ("Category", item.category),
        ("Barcodes", " ".join(item.barcodes)),
        *prices,
        ("Tax", tax),
        ("Weight", f"{item.weight_grams} g" if item.weight_grams else ""),
        ("Reorder point", str(item.reorder_point or "")),
        ("Sold", "not any more" if item.inactive else ""),
    ]
    parts = [facts(f"Item {item.item_id}: {item.sku}", pairs)]
    if found.stocks:
        parts.append(stocks_table(shop, found.stocks, ""))
    return Group(*parts)


@command(app, "list", ["kasir catalogue list", "kasir catalogue list --limit 1000 --json"])
def list_(shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100) -> None:
    """List items in the order in which they were added."""
    found = shop.pages(ListItemsRequest(), ListItemsResponse, "items", limit)
    rows = (
        (
            each.sku,
            each.name,
            each.category,
            " ".join(each.barcodes),
            retail_price(each),
            "no" if each.inactive else "",
        )
        for each in found
    )
    columns = ("SKU", "Name", "Category", "Barcodes", ">Price", "Sold")
    shop.output.emit({"items": found}, lambda: table("Catalogue", columns, rows))
