"""What a scan may stand for, read as the engine reads it (`engine_rs/core/src/scan.rs`), without asking it.

Sources: ISO/IEC 15424 (AIM prefixes), GS1 General Specifications 3.2 (application identifiers) and 7.8
(element strings).
"""

import re
from collections.abc import Iterator

GTIN_DIGITS = frozenset({8, 12, 13, 14})
# FNC1 as scanners send it.
SEPARATOR = "\x1d"
_AIM = re.compile(r"\][A-Za-z0-9]{2}")
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)([^(]*)")
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,92}")
_DATE = re.compile(r"[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])")
# Characters of an element, identifier and all, whose identifier gives its length (figure 7.8.5-2).
_LENGTHS = (
    {0: 20, 1: 16, 2: 16, 3: 16, 4: 18, 20: 4, 41: 16}
    | dict.fromkeys((*range(11, 14), *range(15, 20)), 8)
    | dict.fromkeys(range(31, 37), 10)
)
# Identifiers that are given out and whose elements end with a separator.
_BY_SEPARATOR = frozenset(
    {10, *range(21, 26), 30, 37, 39, 40, 42, 43, 70, 71, 72, 80, 81, 82, *range(90, 100)}
)
_DATES = frozenset({*range(11, 14), *range(15, 20)})


def readings(scan: str) -> list[str]:
    """Likeliest first, in the form under which barcodes are kept: the code without what the scanner put
    before it, then the GTINs that it holds as a well-formed GS1 element string. Never empty.
    """
    body = scan.strip(" \t\r\n\x0c")
    if _AIM.match(body):
        body = body[3:]
    body = body.strip(SEPARATOR)
    elements = _bracketed(body) if body.startswith("(") else _string(body)
    try:
        gtins = [data for identifier, data in elements if _is_gtin_of(identifier, data)]
    except ValueError:
        gtins = []
    return [canonical(body), *map(canonical, gtins)]


def canonical(barcode: str) -> str:
    """A GTIN without the zeros that only fill it up: 13 digits, 8, or 14; any other code as it is."""
    if not _is_digits(barcode) or len(barcode) not in GTIN_DIGITS:
        return barcode
    if len(barcode) == 13 and barcode[0] != "0":
        return barcode
    padded = barcode.zfill(14)
    zeros = 14 - len(padded.lstrip("0"))
    digits = 14 if zeros == 0 else 13 if zeros <= 5 else 8
    return padded[14 - digits :]


def _string(body: str) -> Iterator[tuple[int, str]]:
    """Elements as scanners send them. Raises ValueError where it is not well formed."""
    rest = body
    while rest:
        if not _is_digits(rest[:2]) or len(rest) < 2:
            raise ValueError(rest)
        identifier = int(rest[:2])
        if length := _LENGTHS.get(identifier):
            element = rest[:length]
            if len(element) < length or not _is_digits(element):
                raise ValueError(rest)
        elif identifier in _BY_SEPARATOR:
            element = rest.partition(SEPARATOR)[0]
        else:
            raise ValueError(rest)
        yield identifier, element[2:]
        rest = rest[len(element) :].lstrip(SEPARATOR)


def _bracketed(body: str) -> Iterator[tuple[int, str]]:
    """Elements as they are printed below a symbol: "(01)…(10)…". Raises ValueError where they are not."""
    if not re.fullmatch(f"(?:{_BRACKETED.pattern})+", body):
        raise ValueError(body)
    for identifier, data in _BRACKETED.findall(body):
        yield int(identifier[:2]), data


def _is_gtin_of(identifier: int, data: str) -> bool:
    """(01) is what was scanned, (02) what is in it. Raises ValueError where one is not well formed."""
    if identifier in {1, 2}:
        if len(data) != 14 or not _is_digits(data) or not _check_digit_is_right(data):
            raise ValueError(data)
        return True
    if not (_DATE if identifier in _DATES else _PRINTABLE).fullmatch(data):
        raise ValueError(data)
    return False


def _check_digit_is_right(gtin: str) -> bool:
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(reversed(gtin)))
    return total % 10 == 0


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
