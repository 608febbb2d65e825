"""Which of its eight masks a QR code gets: the one with the fewest penalty points (ISO/IEC 18004, 7.8.3).

The library counts them module by module, which takes longer than all else of a label. Here a whole symbol is
one number, a bit a module, and a rule is a handful of shifts over it; the choice is the library's.
"""

from collections.abc import Sequence
from functools import cache

import qrcode
from qrcode.constants import ERROR_CORRECT_M

_MASKS = 8
# Dark, light, dark three times, light, dark, with four light ones before it or behind it.
_FINDER_LIKE = (0b10111010000, 0b00001011101)
_FINDER_LIKE_LENGTH = 11

Modules = Sequence[Sequence[bool]]


def best_mask(code: qrcode.QRCode) -> int:
    """The mask with the fewest points, the first of several. The code has its data and its version."""
    code.makeImpl(True, 0)
    rows, columns = _packed(code.modules)
    points = [
        _points(rows ^ by_row, columns ^ by_column, code.modules_count)
        for by_row, by_column in _differences(code.version)
    ]
    return points.index(min(points))


def _packed(modules: Modules) -> tuple[int, int]:
    """The modules row by row and column by column, each as one number."""
    return _number(modules), _number(list(zip(*modules, strict=True)))


def _number(modules: Modules) -> int:
    return int("".join("1" if dark else "0" for row in modules for dark in row), 2)


@cache
def _differences(version: int) -> tuple[tuple[int, int], ...]:
    """What each mask turns round that the first does not, whatever the symbol says."""
    code = qrcode.QRCode(version=version, error_correction=ERROR_CORRECT_M)
    code.add_data("0")
    masked = []
    for mask in range(_MASKS):
        code.makeImpl(True, mask)
        masked.append(_packed(code.modules))
    first_rows, first_columns = masked[0]
    return tuple((rows ^ first_rows, columns ^ first_columns) for rows, columns in masked)


@cache
def _line_starts(side: int, length: int) -> int:
    """The modules at which so many of one row begin."""
    row = "1" * (side - length + 1) + "0" * (length - 1)
    return int(row * side, 2) >> (length - 1)


def _points(rows: int, columns: int, side: int) -> int:
    return (
        _runs(rows, side)
        + _runs(columns, side)
        + _blocks(rows, side)
        + _finder_likes(rows, side)
        + _finder_likes(columns, side)
        + _imbalance(rows, side)
    )


def _alike(rows: int, side: int) -> int:
    """The modules whose neighbour in the row is of their colour."""
    return ~(rows ^ (rows >> 1)) & _line_starts(side, 2)


def _runs(rows: int, side: int) -> int:
    """Five of one colour in a row are three points, each further one is one more."""
    alike = _alike(rows, side)
    fives = alike & (alike >> 1) & (alike >> 2) & (alike >> 3)
    runs = fives & ~(fives << 1)
    return fives.bit_count() + 2 * runs.bit_count()


def _blocks(rows: int, side: int) -> int:
    """Two by two of one colour are three points."""
    alike = _alike(rows, side)
    return 3 * (alike & (alike >> side) & ~(rows ^ (rows >> side))).bit_count()


def _finder_likes(rows: int, side: int) -> int:
    """What looks like a corner is forty points."""
    points = 0
    for pattern in _FINDER_LIKE:
        found = _line_starts(side, _FINDER_LIKE_LENGTH)
        for at in range(_FINDER_LIKE_LENGTH):
            shifted = rows >> at
            found &= shifted if pattern >> at & 1 else ~shifted
        points += 40 * found.bit_count()
    return points


def _imbalance(rows: int, side: int) -> int:
    """Each five percent away from half dark, half light are ten points."""
    percent = 100 * rows.bit_count() / side**2
    return 10 * int(abs(percent - 50) / 5)
