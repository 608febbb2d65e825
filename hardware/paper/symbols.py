"""Bar codes as patterns, the same on every paper: Code128 (ISO/IEC 15417), EAN (ISO/IEC 15420), QR (ISO/IEC
18004).
"""

from enum import Enum
from functools import lru_cache
from itertools import groupby

import barcode
import qrcode
from qrcode.constants import ERROR_CORRECT_M

from hardware.paper.errors import PaperError
from hardware.paper.qr_mask import best_mask

# Widths of bar, space, bar, space, bar, space of each symbol value; the stop has a bar more (ISO/IEC 15417).
_WIDTHS = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232 2331112"
)
_PATTERNS = tuple(_WIDTHS.split(" "))
_CODE_C, _CODE_B, _START_B, _START_C, _STOP = 99, 100, 104, 105, 106
_CHECK_MODULUS = 103
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E
# Empty modules that a reader needs on either side.
QUIET_MODULES = 10
# The same for a QR code, on all sides.
QR_QUIET_MODULES = 4
# Digits in a row from which set C (two digits a symbol) is shorter, at the ends and between other characters.
_DIGITS_AT_END, _DIGITS_BETWEEN = 4, 6
_SYMBOLS_KEPT = 4096


class BarKind(Enum):
    """The bar codes that we print, by python-barcode's names."""

    CODE_128 = "code128"
    EAN_13 = "ean13"
    EAN_8 = "ean8"


# Empty modules that a reader needs on either side; of an EAN-13's two the wider.
QUIET_MODULES_OF = {BarKind.CODE_128: QUIET_MODULES, BarKind.EAN_13: 11, BarKind.EAN_8: 7}
_EAN_LENGTHS = {13: BarKind.EAN_13, 12: BarKind.EAN_13, 8: BarKind.EAN_8}


def fits_code128(data: str) -> bool:
    """Whether Code128 can say it: one or more printable ASCII characters."""
    return bool(data) and all(_FIRST_PRINTABLE <= ord(char) <= _LAST_PRINTABLE for char in data)


def code128_parts(data: str) -> list[tuple[bool, str]]:
    """The data cut into parts of set C (digits in pairs: True) and set B, so that the symbol is short.

    Raises PaperError for what Code128 cannot say (see `fits_code128`).
    """
    if not fits_code128(data):
        raise PaperError(f"{data!r} has characters that a Code128 bar code cannot hold")
    parts: list[tuple[bool, str]] = []
    at = 0
    while at < len(data):
        end = at
        while end < len(data) and data[end].isdigit():
            end += 1
        digits = end - at
        at_end = at == 0 or end == len(data)
        worth = digits >= (_DIGITS_AT_END if at_end else _DIGITS_BETWEEN) or (
            digits == 2 and digits == len(data)
        )
        if worth:
            # An odd digit is said in set B: before the pairs, unless they start the symbol.
            odd = digits % 2
            head = odd if at > 0 else 0
            _append(parts, in_c=False, text=data[at : at + head])
            _append(parts, in_c=True, text=data[at + head : end - odd + head])
            _append(parts, in_c=False, text=data[end - odd + head : end])
            at = end
        else:
            stop = max(end, at + 1)
            _append(parts, in_c=False, text=data[at:stop])
            at = stop
    return parts


def _append(parts: list[tuple[bool, str]], *, in_c: bool, text: str) -> None:
    if not text:
        return
    if parts and not in_c and not parts[-1][0]:
        parts[-1] = (False, parts[-1][1] + text)
    else:
        parts.append((in_c, text))


@lru_cache(_SYMBOLS_KEPT)
def code128(data: str) -> tuple[int, ...]:
    """Widths in modules of bars and spaces in turn, a bar first; without quiet zones."""
    values: list[int] = []
    for in_c, text in code128_parts(data):
        if values:
            values.append(_CODE_C if in_c else _CODE_B)
        else:
            values.append(_START_C if in_c else _START_B)
        if in_c:
            values += [int(text[at : at + 2]) for at in range(0, len(text), 2)]
        else:
            values += [ord(char) - _FIRST_PRINTABLE for char in text]
    check = (values[0] + sum(at * value for at, value in enumerate(values))) % _CHECK_MODULUS
    pattern = "".join(_PATTERNS[value] for value in [*values, check, _STOP])
    return tuple(int(width) for width in pattern)


def code128_modules(data: str) -> int:
    """Width of the whole symbol in modules, quiet zones included."""
    return sum(code128(data)) + 2 * QUIET_MODULES


def ean_kind(data: str) -> BarKind | None:
    """Which EAN a number is, its check digit being right; a UPC-A is an EAN-13 that begins with 0."""
    kind = _EAN_LENGTHS.get(len(data)) if data.isascii() and data.isdecimal() else None
    return kind if kind and _ean(kind, data).get_fullcode() == _full(kind, data) else None


def _full(kind: BarKind, data: str) -> str:
    return data.zfill(13) if kind is BarKind.EAN_13 else data


def _ean(kind: BarKind, data: str) -> barcode.base.Barcode:
    return barcode.get(kind.value, _full(kind, data)[:-1])


@lru_cache(_SYMBOLS_KEPT)
def bar_widths(kind: BarKind, data: str) -> tuple[int, ...]:
    """Widths in modules of bars and spaces in turn, a bar first; without quiet zones.

    Raises PaperError for what the kind cannot say, a wrong check digit included.
    """
    if kind is BarKind.CODE_128:
        return code128(data)
    if ean_kind(data) is not kind:
        raise PaperError(f"{data!r} is no {kind.name.replace('_', '-')}")
    (modules,) = _ean(kind, data).build()
    return tuple(len(list(run)) for _, run in groupby(modules))


def _qr(data: str) -> qrcode.QRCode:
    code = qrcode.QRCode(border=0, error_correction=ERROR_CORRECT_M)
    code.add_data(data)
    return code


@lru_cache(_SYMBOLS_KEPT)
def qr_modules(data: str) -> int:
    """Modules on one side of `qr`, which a printer that draws it by itself needs no more of."""
    return 4 * int(_qr(data).best_fit()) + 17


@lru_cache(_SYMBOLS_KEPT)
def qr(data: str) -> tuple[tuple[bool, ...], ...]:
    """Rows of modules, True is dark; without quiet zone. Error correction M, which survives a scratched
    label.
    """
    code = _qr(data)
    code.best_fit()
    code.mask_pattern = best_mask(code)
    code.make(fit=False)
    return tuple(tuple(bool(dark) for dark in row) for row in code.get_matrix())
