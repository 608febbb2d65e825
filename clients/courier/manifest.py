"""What went with a courier, to be signed: as text for any printer, as HTML for a page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.common.money import show_money
from clients.common.output import clean
from kasir.durable import READABLE, sync_directory, write_durably
from kasir.v1.common_pb2 import Money
from kasir.v1.shipping_pb2 import Parcel

_COLUMNS = ("No", "AWB", "Order", "To", "City", "g", "Collect")
_STYLE = (
    "body{font:12px sans-serif;margin:15mm}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #999;padding:3px 5px;text-align:left}tr{break-inside:avoid}"
    ".sign{display:inline-block;width:45%;margin-top:25mm;border-top:1px solid}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One parcel that went."""

    number: int
    parcel: Parcel
    collect: Money | None

    def cells(self) -> tuple[str, ...]:
        """As it is printed, in the order of the columns."""
        parcel = self.parcel
        return (
            str(self.number),
            parcel.airway_bill,
            str(parcel.order_id),
            clean(parcel.address.recipient),
            clean(parcel.address.city),
            str(parcel.weight_grams or ""),
            show_money(self.collect) if self.collect is not None else "",
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """One pick-up."""

    shop_name: str
    shop_address: str
    courier: str
    time: str
    """Of the last scan, for people."""
    seconds: int
    """The same, Unix time: it names the files."""
    rows: Sequence[Row]

    def totals(self) -> str:
        """How many parcels, how heavy, and what is to be collected."""
        grams = sum(row.parcel.weight_grams for row in self.rows)
        words = [f"{len(self.rows)} parcels", f"{grams} g"]
        sums: dict[str, int] = {}
        for row in self.rows:
            if row.collect is not None:
                code = row.collect.currency_code
                sums[code] = sums.get(code, 0) + row.collect.minor_units
        words += [
            f"{show_money(Money(currency_code=code, minor_units=total))} to collect"
            for code, total in sorted(sums.items())
        ]
        return ", ".join(words)

    def text(self) -> str:
        """In columns."""
        lines = [_COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        head = [f"Manifest / Daftar serah terima: {self.courier}", clean(self.shop_name), self.time, ""]
        foot = ["", self.totals(), "", "", "_" * 24 + "    " + "_" * 24, f"{'Shop / Toko':28}Courier / Kurir"]
        return "\n".join([*head, *shown, *foot]) + "\n"

    def html(self) -> str:
        """A page that prints by itself, with nothing to load."""
        heads = "".join(f"<th>{column}</th>" for column in _COLUMNS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells()) + "</tr>"
            for row in self.rows
        )
        title = f"Manifest {html.escape(self.courier)}"
        return (
            f'<!doctype html><html><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
            f"<p>{html.escape(clean(self.shop_name))}<br>{html.escape(clean(self.shop_address))}"
            f"<br>{html.escape(self.time)}</p>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f"<p>{html.escape(self.totals())}</p>"
            '<span class="sign">Shop / Toko</span> <span class="sign">Courier / Kurir</span>'
            "</body></html>\n"
        )

    def write(self, directory: Path) -> list[Path]:
        """Writes both, durably. Raises OSError."""
        directory.mkdir(parents=True, exist_ok=True)
        code = "".join(char for char in self.courier if char.isalnum()) or "all"
        stem = f"manifest-{code}-{self.seconds}-{self.rows[0].parcel.parcel_id}"
        files = [
            (directory / f"{stem}.txt", self.text()),
            (directory / f"{stem}.html", self.html()),
        ]
        for path, content in files:
            write_durably(path, content.encode(), mode=READABLE)
        sync_directory(directory)
        return [path for path, _ in files]
