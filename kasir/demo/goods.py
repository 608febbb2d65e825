"""A catalogue of plausible Indonesian goods as `kasir catalogue import` reads it, the same for the same seed.

Barcodes are EAN-13 under GS1 Indonesia's prefix 899, with right check digits. Brands are invented.
"""

import csv
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ITEMS_MAX = 5_000
GS1_INDONESIA = "899"
# Company numbers under the prefix, one a brand
FIRST_COMPANY = 2_100
# Every tenth item also comes by the carton, which has a GTIN-14 of its own.
CARTON_EVERY = 10
CARTON_INDICATOR = "1"

INCLUSIVE = "PPN11"
EXCLUSIVE = "PPN11X"
UNTAXED = ""

BRANDS = (
    *("Melati", "Sinar Pagi", "Rasa Ibu", "Cap Perahu", "Nusantara", "Lestari"),
    *("Kembang Desa", "Dapur Bunda", "Tiga Gunung", "Mutiara", "Sumber Jaya", "Anggrek"),
)


@dataclass(frozen=True, slots=True)
class Good:
    """One thing sold, as it stands on the shelf."""

    sku: str
    name: str
    category: str
    barcode: str
    carton: str
    """GTIN-14 of the carton; empty when it comes in none."""
    rupiah: int
    """Retail price of one."""
    wholesale_rupiah: int
    dozen_rupiah: int
    """Retail price of one from twelve pieces on; 0: no such price."""
    tax_code: str
    weight_grams: int


@dataclass(frozen=True, slots=True)
class _Family:
    """Things of one category that come in the same sizes and kinds."""

    prefix: str
    category: str
    names: Sequence[str]
    kinds: Sequence[str]
    sizes: Sequence[tuple[str, int]]
    """What is printed, and the weight in grams."""
    rupiah_per_kg: int
    tax_code: str = INCLUSIVE


_FAMILIES = (
    _Family(
        *("KOP", "Kopi", ("Kopi Bubuk", "Kopi Biji", "Kopi Saring")),
        ("Gayo", "Toraja", "Kintamani", "Mandailing", "Lampung"),
        (("100 g", 110), ("250 g", 270), ("500 g", 530)),
        190_000,
    ),
    _Family(
        *("TEH", "Teh", ("Teh Celup", "Teh Tubruk", "Teh Hijau")),
        ("Melati", "Vanila", "Jahe", "Serai", "Tawar"),
        (("25 kantong", 60), ("50 kantong", 110), ("200 g", 215)),
        150_000,
    ),
    _Family(
        *("BRS", "Sembako", ("Beras Pandan Wangi", "Beras Rojolele", "Gula Pasir", "Garam Halus")),
        ("Premium", "Medium"),
        (("1 kg", 1_000), ("2 kg", 2_000), ("5 kg", 5_000)),
        16_500,
        UNTAXED,
    ),
    _Family(
        *("CML", "Camilan", ("Keripik Singkong", "Keripik Tempe", "Rempeyek", "Kacang Atom")),
        ("Balado", "Asin", "Pedas", "Jagung Bakar", "Rumput Laut"),
        (("80 g", 95), ("150 g", 165), ("300 g", 320)),
        98_000,
    ),
    _Family(
        *("BMB", "Bumbu", ("Bumbu Rendang", "Bumbu Soto", "Bumbu Opor", "Sambal Botol", "Kecap Manis")),
        ("Asli", "Pedas", "Tanpa MSG"),
        (("60 g", 75), ("135 ml", 190), ("275 ml", 360)),
        85_000,
    ),
    _Family(
        *("SBN", "Perawatan Diri", ("Sabun Batang", "Sabun Cair", "Sampo", "Losion Badan")),
        ("Zaitun", "Lidah Buaya", "Sirih", "Bengkoang"),
        (("90 g", 105), ("200 g", 230), ("450 g", 490)),
        72_000,
    ),
    _Family(
        *("RTG", "Rumah Tangga", ("Deterjen Bubuk", "Pelembut Pakaian", "Pembersih Lantai", "Sabun Cuci")),
        ("Lavender", "Jeruk Nipis", "Apel"),
        (("400 g", 420), ("800 g", 830), ("1,5 kg", 1_530)),
        28_000,
    ),
    _Family(
        *("BTK", "Batik", ("Kemeja Batik Pria", "Blus Batik Wanita", "Daster Batik", "Sarung Batik")),
        ("Parang", "Kawung", "Mega Mendung", "Truntum"),
        (("M", 260), ("L", 280), ("XL", 300)),
        720_000,
    ),
    _Family(
        *("DPR", "Alat Dapur", ("Wajan", "Panci", "Kukusan", "Dandang", "Teko")),
        ("Aluminium", "Baja", "Enamel"),
        (("kecil", 650), ("sedang", 1_100), ("besar", 1_900)),
        92_000,
    ),
    _Family(
        *("TLS", "Alat Tulis", ("Buku Tulis", "Buku Gambar", "Map Plastik", "Pensil Warna")),
        ("Merah", "Biru", "Hijau", "Kuning"),
        (("isi 10", 300), ("isi 12", 360), ("isi 24", 700)),
        88_000,
    ),
    _Family(
        *("LMP", "Elektronik", ("Lampu LED", "Senter", "Kipas Meja", "Stop Kontak")),
        ("Putih", "Kuning", "Hitam"),
        (("5 W", 90), ("12 W", 160), ("20 W", 420)),
        420_000,
    ),
    _Family(
        *("HRB", "Herbal", ("Jamu Beras Kencur", "Wedang Jahe", "Madu Hutan", "Minyak Kayu Putih")),
        ("Asli", "Instan", "Tanpa Gula"),
        (("60 ml", 95), ("150 ml", 210), ("350 ml", 440)),
        165_000,
    ),
    _Family(
        *("HMP", "Hampers", ("Parsel Lebaran", "Hampers Ulang Tahun", "Bingkisan Kantor")),
        ("Sederhana", "Keluarga", "Istimewa"),
        (("isi 5", 1_500), ("isi 8", 2_600), ("isi 12", 4_100)),
        115_000,
        EXCLUSIVE,
    ),
)


def make_goods(count: int, seed: int) -> list[Good]:
    """The first `count` goods of a shuffled assortment, categories taking turns. Raises ValueError beyond
    `ITEMS_MAX`.
    """
    if not 1 <= count <= ITEMS_MAX:
        raise ValueError(f"a catalogue has 1 to {ITEMS_MAX} items")
    rng = random.Random(f"goods/{seed}")
    shelves = [_assortment(family, rng) for family in _FAMILIES]
    turns = itertools.cycle(zip(_FAMILIES, shelves, strict=True))
    goods: list[Good] = []
    while len(goods) < count:
        family, shelf = next(turns)
        found = next(shelf, None)
        if found is not None:
            goods.append(_good(family, found, len(goods) + 1, rng))
    return goods


def _assortment(family: _Family, rng: random.Random) -> Iterator[tuple[str, int, int]]:
    """Every brand, name, kind and size of a family once, in any order: name, grams, number of the brand."""
    every = [
        (f"{name} {kind} {brand} {size}", grams, number)
        for (number, brand), name, kind, (size, grams) in itertools.product(
            enumerate(BRANDS), family.names, family.kinds, family.sizes
        )
    ]
    rng.shuffle(every)
    return iter(every)


def _good(family: _Family, found: tuple[str, int, int], number: int, rng: random.Random) -> Good:
    name, grams, brand = found
    # Larger packs cost less a gram; nobody asks for odd hundreds.
    price = family.rupiah_per_kg * grams / 1_000 * rng.uniform(0.85, 1.25) * (300 / (200 + grams)) ** 0.15
    rupiah = max(round(price / 500) * 500, 2_000)
    digits = f"{GS1_INDONESIA}{FIRST_COMPANY + brand}{number:05d}"
    return Good(
        sku=f"{family.prefix}-{number:04d}",
        name=name,
        category=family.category,
        barcode=digits + check_digit(digits),
        carton=CARTON_INDICATOR + digits + check_digit(CARTON_INDICATOR + digits)
        if number % CARTON_EVERY == 0
        else "",
        rupiah=rupiah,
        wholesale_rupiah=round(rupiah * 0.88 / 100) * 100,
        dozen_rupiah=round(rupiah * 0.95 / 100) * 100 if rng.random() < 0.3 else 0,
        tax_code=family.tax_code,
        weight_grams=grams,
    )


def check_digit(digits: str) -> str:
    """The check digit of a GTIN of any length (GS1 General Specifications, 7.9.1)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def write_csv(path: Path, goods: Sequence[Good]) -> None:
    """Writes the catalogue as `kasir catalogue import` reads it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            (
                *("sku", "name", "category", "barcodes", "price", "price:retail:12", "price:wholesale"),
                *("tax_class", "weight_grams", "reorder_point"),
            )
        )
        for good in goods:
            writer.writerow(
                (
                    good.sku,
                    good.name,
                    good.category,
                    f"{good.barcode} {good.carton}".strip(),
                    _typed(good.rupiah),
                    _typed(good.dozen_rupiah) if good.dozen_rupiah else "",
                    _typed(good.wholesale_rupiah),
                    good.tax_code,
                    good.weight_grams,
                    5,
                )
            )


def _typed(rupiah: int) -> str:
    """An amount as Indonesians type it: a dot groups thousands."""
    return f"{rupiah:,}".replace(",", ".")
