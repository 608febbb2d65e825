"""A catalogue as a CSV file: which columns there are, and how a row becomes an item."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from clients.common.numbers import parse_whole
from clients.common.problems import BadInput
from kasir.v1.catalogue_pb2 import Item, Price
from kasir.v1.common_pb2 import Money

REQUIRED = ("sku", "name", "price")
OPTIONAL = ("category", "barcodes", "tax_class", "weight_grams", "reorder_point")
PRICE_PREFIX = "price:"
RETAIL = "retail"

COLUMNS_HELP = """Columns, named in the first line, in any order; comma, semicolon or tab between them; UTF-8:
  sku            needed; the shop's own code
  name           needed
  price          needed; retail price of one, like 108400 or 108.400,50
  category       what is offered instead when this is out of stock
  barcodes       one or more, with spaces between
  tax_class      code of a tax class (kasir setup tax-class); empty is untaxed
  weight_grams   of one, for couriers
  reorder_point  stock below it is listed for buying
  price:LIST     price in another list, like price:wholesale
  price:LIST:N   price from N pieces on, like price:retail:12"""

SAMPLE = """\
sku,name,category,barcodes,price,price:retail:12,price:wholesale,tax_class,weight_grams,reorder_point
KOPI-01,Kopi Luwak Bubuk 250 g,Kopi,8991234567891,108.400,102.000,95.000,PPN11,270,12
GULA-5,Gula Aren 500 g,Gula,8991234500003 18991234500000,32.500,,,PPN11,520,20
TEH-02,"Teh Melati, isi 25",Teh,8991234500027,12.750,,11.000,PPN11,60,0
"""


@dataclass(frozen=True)
class Row:
    """One row of the file: its line, its SKU, and the item, or why it is none."""

    line: int
    sku: str
    item: Item | None
    problem: str = ""


@dataclass(frozen=True)
class Shop:
    """What a row needs to know of the shop: how amounts are read, and the ids of tax classes by code."""

    money: Callable[[str], Money]
    tax_class_id: Callable[[str], int]


def read_rows(path: Path, shop: Shop) -> Iterator[Row]:
    """The file's rows, in order. A row that is wrong is told, and does not stop the others.

    Raises BadInput when the file as a whole is no catalogue.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file, shop)
    except UnicodeDecodeError as error:
        raise BadInput("{path} is not UTF-8 text; save it as CSV UTF-8.", path=path) from error
    except csv.Error as error:
        raise BadInput("{path} is not CSV: {error}.", path=path, error=error) from error


def delimiter_of(file: TextIO) -> str:
    """What stands between the columns: spreadsheets of a country with a decimal comma write semicolons."""
    first = file.readline()
    file.seek(0)
    return max(",;\t", key=first.count)


def _rows(path: Path, file: TextIO, shop: Shop) -> Iterator[Row]:
    reader = csv.DictReader(file, delimiter=delimiter_of(file), strict=True)
    columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    _check_columns(path, columns)
    reader.fieldnames = columns
    for cells in reader:
        line = reader.line_num
        if None in cells or None in cells.values():
            yield Row(line, cells.get("sku") or "", None, f"The row does not have {len(columns)} columns.")
            continue
        stripped = {name: value.strip() for name, value in cells.items()}
        if not any(stripped.values()):
            continue
        try:
            yield Row(line, stripped["sku"], _item(stripped, shop))
        except BadInput as wrong:
            yield Row(line, stripped["sku"], None, str(wrong))


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise BadInput(
            "{path} has no column {columns} in its first line: see kasir catalogue import -h.",
            path=path,
            columns=", ".join(missing),
        )
    unknown = [name for name in columns if name not in REQUIRED + OPTIONAL and not _is_price(name)]
    if unknown:
        raise BadInput(
            "{path} has columns that mean nothing here: {columns}.",
            path=path,
            columns=", ".join(map(repr, unknown)),
        )
    doubled = {name for name in columns if columns.count(name) > 1}
    if doubled:
        raise BadInput("{path} has a column twice: {columns}.", path=path, columns=", ".join(sorted(doubled)))


def _is_price(column: str) -> bool:
    _, _, quantity = column.removeprefix(PRICE_PREFIX).partition(":")
    return column.startswith(PRICE_PREFIX) and parse_whole(quantity or "1") is not None


def _item(cells: dict[str, str], shop: Shop) -> Item:
    item = Item(
        sku=cells["sku"],
        name=cells["name"],
        category=cells.get("category", ""),
        barcodes=cells.get("barcodes", "").split(),
        weight_grams=_number("weight_grams", cells),
        reorder_point=_number("reorder_point", cells),
    )
    if not cells["price"]:
        raise BadInput("The price is missing.")
    item.prices.append(Price(price_list=RETAIL, min_quantity=1, amount=shop.money(cells["price"])))
    for column, text in cells.items():
        if column.startswith(PRICE_PREFIX) and text:
            price_list, _, quantity = column.removeprefix(PRICE_PREFIX).partition(":")
            amount = shop.money(text)
            item.prices.append(
                Price(price_list=price_list, min_quantity=parse_whole(quantity or "1") or 0, amount=amount)
            )
    if code := cells.get("tax_class", ""):
        item.tax_class_id = shop.tax_class_id(code)
    return item


def _number(column: str, cells: dict[str, str]) -> int:
    text = cells.get(column, "") or "0"
    value = parse_whole(text)
    if value is None:
        raise BadInput("{column} is '{text}', not a whole number.", column=column, text=text)
    return value
