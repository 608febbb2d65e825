"""A delivery or a count as a CSV file: a code and a quantity a row.

The file becomes stock, so no row is passed over in silence: a first row is the columns' names only when it is
known as such, and whatever else is no code with a quantity ends the reading.
"""

import csv
import io
from pathlib import Path
from typing import TextIO

from clients.common.items_csv import delimiter_of
from clients.common.numbers import parse_whole
from clients.common.problems import BadInput
from clients.common.specs import QUANTITY_MAX, QUANTITY_MOST, LineSpec

CODE_NAMES = frozenset({"code", "sku"})
QUANTITY_NAMES = frozenset({"qty", "quantity"})
# A hundred thousand rows; what is larger is another file, or none.
BYTES_MAX = 4 * 1024 * 1024


def read_delivery(path: Path, least: int = 1) -> list[LineSpec]:
    """All rows, in order; a quantity is `least` or more. Raises BadInput naming the row that is none, and
    why.
    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        if len(content) > BYTES_MAX:
            raise BadInput("{path} is larger than 4 MiB: no delivery and no count is.", path=path)
        return _rows(path, io.StringIO(content.decode("utf-8-sig"), newline=""), least)
    except UnicodeDecodeError as error:
        raise BadInput("{path} is not UTF-8 text; save it as CSV UTF-8.", path=path) from error
    except csv.Error as error:
        raise BadInput("{path} is not CSV: {error}.", path=path, error=error) from error


def _rows(path: Path, file: TextIO, least: int) -> list[LineSpec]:
    rows: list[LineSpec] = []
    is_first = True
    reader = csv.reader(file, delimiter=delimiter_of(file), strict=True)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if not (is_first and _names_columns(cells)):
            rows.append(_line(cells, least, path, reader.line_num))
        is_first = False
    return rows


def _names_columns(cells: list[str]) -> bool:
    if len(cells) != 2:
        return False
    code, quantity = (cell.lower() for cell in cells)
    return code in CODE_NAMES and quantity in QUANTITY_NAMES


def _line(cells: list[str], least: int, path: Path, row: int) -> LineSpec:
    if len(cells) != 2:
        raise BadInput(
            "{path}, row {row} has {count} columns: write the code and the quantity, like KOPI-01,24.",
            path=path,
            row=row,
            count=len(cells),
        )
    code, typed = cells
    if not code:
        raise BadInput("{path}, row {row} has no code.", path=path, row=row)
    quantity = parse_whole(typed)
    if quantity is None or not least <= quantity <= QUANTITY_MAX:
        raise BadInput(
            "{path}, row {row}: '{text}' is no quantity, which is a whole number from {least} to {most}.",
            path=path,
            row=row,
            text=typed,
            least=least,
            most=QUANTITY_MOST,
        )
    return LineSpec(code, quantity)
