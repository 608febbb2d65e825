"""The pick-up manifest (daftar serah terima): on receipt paper, and on pages of A4.

Both say the same: which parcels went with the courier, where to, how heavy, what is collected, and who signs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hardware.paper.document import Document, Element, Pair, Rule, Space, Text
from hardware.paper.errors import PaperError
from hardware.paper.marks import Box, Mark, Paragraph, Size, Words, fit
from hardware.paper.parts import copy_mark, fields, head
from hardware.paper.wording import amount, date_time, number, weight
from kasir.v1.admin_pb2 import Settings
from kasir.v1.common_pb2 import Money
from kasir.v1.shipping_pb2 import Courier, Manifest, ManifestLine

TITLE = "DAFTAR SERAH TERIMA"
PAGE = Size(210, 297)
_SHOP, _COURIER = "Petugas toko", "Kurir"

_MARGIN = 120
_INNER = PAGE.width - 2 * _MARGIN
_BOTTOM = PAGE.height - _MARGIN
# Heads of the columns and their widths in dots.
_COLUMNS = (
    ("No", 70),
    ("No. resi", 370),
    ("Pesanan", 150),
    ("Penerima", 350),
    ("Kota", 220),
    ("Berat", 110),
    ("COD", 170),
)
_ROW, _CELL, _PAD = 68, 26, 8
_HEAD_HEIGHT, _SIGNED_HEIGHT = 330, 340
_TOP = _MARGIN + _HEAD_HEIGHT


def slip(manifest: Manifest, shop: Settings, courier: Courier | None, width_mm: int, copy: int) -> Document:
    """See `hardware.paper.pickup_manifest`."""
    _check(manifest, courier)
    elements = head(shop, TITLE, f"No. {manifest.manifest_id}", copy)
    elements += [Rule(), *fields(_facts(manifest, shop, courier)), Rule()]
    for at, line in enumerate(manifest.lines, start=1):
        elements.append(Text(f"{at}. {line.airway_bill or '-'}", bold=True))
        elements.append(Text(", ".join(part for part in (line.recipient, line.city) if part)))
        elements.append(Pair(f"Pesanan {line.order_id}", weight(line.weight_grams), indent=2))
        if line.HasField("collect"):
            elements.append(Pair("COD", amount(line.collect), bold=True, indent=2))
    elements.append(Rule(heavy=True))
    elements += [Pair(label, value, bold=True) for label, value in _sums(manifest)]
    signed: list[Element] = [Space(), Pair(_SHOP, _COURIER), Space(), Space(), Space()]
    return Document(width_mm, (*elements, *signed, Pair("(............)", "(............)")))


def pages(
    manifest: Manifest, shop: Settings, courier: Courier | None, copy: int
) -> tuple[tuple[Mark, ...], ...]:
    """See `hardware.paper.manifest_pages`."""
    _check(manifest, courier)
    if copy < 0:
        raise PaperError(f"a copy's number is 0 or more, not {copy}")
    parts = list(_divided(manifest))
    made = []
    for at, (rows, is_signed) in enumerate(parts, start=1):
        marks = _page_head(manifest, shop, courier, copy, f"Halaman {at} dari {len(parts)}")
        top = _TOP
        for row in (_HEADS, *rows):
            marks += row.marks(top)
            top += row.height
        if is_signed:
            marks += _signed(manifest, top)
        made.append(tuple(marks))
    return tuple(made)


def _check(manifest: Manifest, courier: Courier | None) -> None:
    given = courier.courier_id if courier is not None else 0
    if manifest.courier_id != given:
        wanted = manifest.courier_id or "none"
        raise PaperError(
            f"manifest {manifest.manifest_id} is courier {wanted}'s, given was {given or 'none'}"
        )


def _facts(manifest: Manifest, shop: Settings, courier: Courier | None) -> list[tuple[str, str]]:
    name = " ".join(dict.fromkeys((courier.code, courier.name))).strip() if courier is not None else ""
    return [
        ("Kurir", name),
        ("Diserahkan", date_time(manifest.hand_over_time, shop)),
        ("Oleh", manifest.handed_over_by),
    ]


def _sums(manifest: Manifest) -> list[tuple[str, str]]:
    """How many parcels, how heavy, and what is to be collected in each currency."""
    grams = sum(line.weight_grams for line in manifest.lines)
    sums: dict[str, int] = {}
    for line in manifest.lines:
        if line.HasField("collect"):
            code = line.collect.currency_code
            sums[code] = sums.get(code, 0) + line.collect.minor_units
    collected = [amount(Money(currency_code=code, minor_units=each)) for code, each in sorted(sums.items())]
    return [
        ("Jumlah paket", number(len(manifest.lines))),
        ("Berat", weight(grams)),
        *(("COD ditagih", each) for each in collected),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table: the words of its cells."""

    cells: tuple[str, ...]
    height: int
    bold: bool = False

    def marks(self, top: int) -> list[Mark]:
        """In their frames. Raises PaperError when they do not fit."""
        marks: list[Mark] = []
        left = _MARGIN
        for text, (_, width) in zip(self.cells, _COLUMNS, strict=True):
            marks.append(Box(left, top, width + 2, self.height + 2, 2))
            inside = Paragraph(text, bold=self.bold)
            marks += fit([inside], left + _PAD, top + _PAD, width - 2 * _PAD, self.height - _PAD, _CELL)
            left += width
        return marks


_HEADS = _Row(tuple(name for name, _ in _COLUMNS), _ROW, bold=True)


def _row(at: int, line: ManifestLine) -> _Row:
    """A parcel's row, as high as its words need."""
    collect = amount(line.collect) if line.HasField("collect") else ""
    cells = (
        str(at),
        line.airway_bill or "-",
        str(line.order_id),
        line.recipient,
        line.city,
        weight(line.weight_grams),
        collect,
    )
    for height in range(_ROW, _BOTTOM - _TOP - _ROW - _SIGNED_HEIGHT, _ROW):
        row = _Row(cells, height)
        try:
            row.marks(_TOP)
        except PaperError:
            continue
        return row
    raise PaperError(f"parcel {line.parcel_id} has more words than a page holds")


def _divided(manifest: Manifest) -> Iterator[tuple[list[_Row], bool]]:
    """The rows of each page, and whether it is signed there."""
    rows: list[_Row] = []
    used = _ROW
    for at, line in enumerate(manifest.lines, start=1):
        row = _row(at, line)
        if _TOP + used + row.height > _BOTTOM:
            yield rows, False
            rows, used = [], _ROW
        rows.append(row)
        used += row.height
    if _TOP + used + _SIGNED_HEIGHT > _BOTTOM:
        # Nobody signs a page on which nothing stands.
        yield rows[:-1], False
        rows = rows[-1:]
    yield rows, True


def _page_head(
    manifest: Manifest, shop: Settings, courier: Courier | None, copy: int, page: str
) -> list[Mark]:
    half = _INNER // 2
    title = [Paragraph(TITLE, bold=True), Paragraph(f"No. {manifest.manifest_id}", bold=True, scale=0.8)]
    if copy:
        title.append(Paragraph(copy_mark(copy), bold=True, scale=0.8))
    marks = fit(title, _MARGIN, _MARGIN, half - 40, _HEAD_HEIGHT - 60, 56)
    facts = [Paragraph(f"{label}: {value}") for label, value in _facts(manifest, shop, courier) if value]
    beside = [Paragraph(shop.shop_name, bold=True, scale=1.2), Paragraph(shop.shop_address), *facts]
    marks += fit([*beside, Paragraph(page)], _MARGIN + half, _MARGIN, half, _HEAD_HEIGHT - 30, 30)
    return marks


def _signed(manifest: Manifest, top: int) -> list[Mark]:
    """The sums, and room for two to sign."""
    told = "   ".join(f"{label}: {value}" for label, value in _sums(manifest))
    marks = fit([Paragraph(told, bold=True)], _MARGIN, top + 24, _INNER, 80, 34)
    half = _INNER // 2
    line = top + _SIGNED_HEIGHT - 60
    for left, who in ((_MARGIN, _SHOP), (_MARGIN + half, _COURIER)):
        marks.append(Box(left, line, half - 80, 2))
        marks.append(Words(left, line + 12, _CELL, who))
    return marks
