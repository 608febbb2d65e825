"""Airway bill numbers by the list: typed, pasted from a courier's table, or from a file."""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import Refused, command
from clients.common.numbers import parse_whole
from clients.common.output import facts, table
from clients.common.plain_words import sentence
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from clients.courier.desk import NUMBERS, app
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AssignAirwayBillRequest,
    AssignAirwayBillResponse,
    GetParcelRequest,
    GetParcelResponse,
)

MAX_ROWS = 10_000
_NAMES = frozenset({"order", "pesanan", "parcel", "paket", "no", "nomor", "order_id", "parcel_id"})


@dataclass(frozen=True, slots=True)
class Row:
    """A number for a parcel, by its own number or its order's."""

    which: int
    airway_bill: str
    courier: str
    place: str
    """Where it stands, for people."""


def parse(text: str) -> list[Row]:
    """Rows of a number, an airway bill, and perhaps a courier's code: parted by tabs, semicolons, commas or
    blanks. Raises BadInput naming the first row that is none; a number that stands twice is none.
    """
    rows: list[Row] = []
    lines = text.splitlines()
    if len(lines) > MAX_ROWS:
        raise BadInput(f"At most {MAX_ROWS} rows are taken at once.")
    for count, line in enumerate(lines, start=1):
        cells = _cells(line)
        if not cells or (not rows and cells[0].strip("#.").casefold() in _NAMES):
            continue
        place = f"row {count}"
        which = parse_whole(cells[0].lstrip("#"))
        if which is None or which < 1 or not 2 <= len(cells) <= 3:
            raise BadInput(
                f"{place}, '{line.strip()}': write a number and its airway bill, like 17 JP1234567890."
            )
        rows.append(Row(which, cells[1], cells[2] if len(cells) == 3 else "", place))
    for field in ("which", "airway_bill"):
        twice = [value for value, times in Counter(getattr(row, field) for row in rows).items() if times > 1]
        if twice:
            raise BadInput(f"{twice[0]} stands there twice.")
    return rows


def _cells(line: str) -> list[str]:
    for delimiter in "\t;,":
        if delimiter in line:
            (row,) = csv.reader(StringIO(line), delimiter=delimiter)
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            return cells
    return line.split()


@command(
    app,
    "numbers",
    [
        "kasir courier numbers resi.csv --courier JNE",
        "cat resi.txt | kasir courier numbers --by-order --courier JNE",
        "kasir courier numbers",
    ],
    NUMBERS,
)
def numbers(
    shop: Shop,
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="Rows of a number and its airway bill; else typed.")
    ] = None,
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose numbers; else the row's, or the parcel's own courier.")
    ] = "",
    by_order: Annotated[
        bool, typer.Option("--by-order", help="Rows begin with the order's number, not the parcel's.")
    ] = False,
) -> None:
    """Give many parcels the numbers from the courier's slips. Nothing is sent when a row cannot be read;
    pasted twice, it changes nothing.

    Ends with status 1 when a number was refused.
    """
    if file is None and sys.stdin.isatty():
        shop.output.say("Paste a number and its airway bill a row; Ctrl-D ends.", "dim")
    content = file.read_bytes() if file is not None else sys.stdin.buffer.read()
    try:
        rows = parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput("That is not UTF-8 text; save it as CSV UTF-8.") from error
    if not rows:
        raise BadInput("There is no row: write a number and its airway bill, like 17 JP1234567890.")
    courier_ids = {code: shop.courier(code).courier_id if code else 0 for code in _codes(rows, courier)}
    given: list[Row] = []
    known: list[Row] = []
    refused = []
    with shop.progress("Airway bills", len(rows)) as advance:
        for row in rows:
            try:
                is_new = _assign(shop, row, courier_ids[row.courier or courier], by_order)
            except CallFailed as failed:
                if not failed.settled:
                    raise
                refused.append((row.place, str(row.which), row.airway_bill, sentence(failed, shop.describe)))
            else:
                (given if is_new else known).append(row)
            advance(1)
    value = {
        "given": [row.which for row in given],
        "known": [row.which for row in known],
        "refused": [
            {"number": int(which), "airway_bill": awb, "message": words} for _, which, awb, words in refused
        ],
    }
    shop.output.emit(value, lambda: _view(len(given), len(known), refused))
    if refused:
        raise Refused


def _codes(rows: Sequence[Row], courier: str) -> set[str]:
    return {row.courier or courier for row in rows}


def _assign(shop: Shop, row: Row, courier_id: int, by_order: bool) -> bool:
    """Gives one parcel its number; False when it has that one already. Raises CallFailed."""
    request = GetParcelRequest(order_id=row.which) if by_order else GetParcelRequest(parcel_id=row.which)
    parcel = shop.call(request, GetParcelResponse).parcel
    is_same = parcel.airway_bill == row.airway_bill and courier_id in {0, parcel.courier_id}
    if parcel.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED and is_same:
        return False
    assign = AssignAirwayBillRequest(
        parcel_id=parcel.parcel_id, airway_bill=row.airway_bill, courier_id=courier_id
    )
    shop.call(assign, AssignAirwayBillResponse, note=f"airway bill of parcel {parcel.parcel_id}")
    return True


def _view(given: int, known: int, refused: Sequence[tuple[str, str, str, str]]) -> Group:
    parts = [facts("Airway bills", [("Given", str(given)), ("Known already", str(known) if known else "")])]
    if refused:
        parts.append(table("Refused", ("Row", ">Number", "AWB", "Why"), refused))
    return Group(*parts)
