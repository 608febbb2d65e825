"""Indonesian customers: names and streets from Faker, cities with their provinces, postal codes and rates."""

import random
from dataclasses import dataclass

from faker import Faker

from kasir.v1.common_pb2 import Address

# The first digits of Indonesian mobile numbers, after 08
_OPERATORS = ("11", "12", "13", "21", "22", "52", "56", "57", "77", "78", "95", "96", "99")


@dataclass(frozen=True, slots=True)
class Place:
    """Where parcels go."""

    city: str
    province: str
    postal: str
    """The first three digits of its postal codes."""
    rupiah_per_kg: int
    """What the courier takes."""


PLACES = (
    Place("Jakarta Selatan", "DKI Jakarta", "121", 10_000),
    Place("Jakarta Barat", "DKI Jakarta", "115", 10_000),
    Place("Jakarta Timur", "DKI Jakarta", "134", 10_000),
    Place("Bandung", "Jawa Barat", "401", 9_000),
    Place("Bogor", "Jawa Barat", "161", 10_000),
    Place("Bekasi", "Jawa Barat", "171", 10_000),
    Place("Cirebon", "Jawa Barat", "451", 13_000),
    Place("Tangerang", "Banten", "151", 10_000),
    Place("Semarang", "Jawa Tengah", "501", 16_000),
    Place("Surakarta", "Jawa Tengah", "571", 17_000),
    Place("Yogyakarta", "DI Yogyakarta", "552", 17_000),
    Place("Surabaya", "Jawa Timur", "602", 19_000),
    Place("Malang", "Jawa Timur", "651", 20_000),
    Place("Denpasar", "Bali", "801", 24_000),
    Place("Medan", "Sumatera Utara", "201", 34_000),
    Place("Palembang", "Sumatera Selatan", "301", 28_000),
    Place("Padang", "Sumatera Barat", "251", 31_000),
    Place("Pekanbaru", "Riau", "281", 32_000),
    Place("Pontianak", "Kalimantan Barat", "781", 36_000),
    Place("Banjarmasin", "Kalimantan Selatan", "701", 36_000),
    Place("Makassar", "Sulawesi Selatan", "902", 38_000),
    Place("Manado", "Sulawesi Utara", "951", 48_000),
    Place("Kupang", "Nusa Tenggara Timur", "851", 52_000),
    Place("Jayapura", "Papua", "991", 84_000),
)
# Most buy from near by.
_WEIGHTS = tuple(1_000_000 // place.rupiah_per_kg for place in PLACES)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who buys."""

    name: str
    phone: str
    address: Address
    place: Place


def make_customers(count: int, seed: int) -> list[Customer]:
    """So many different customers, each with a phone of their own; the same for the same seed."""
    rng = random.Random(f"customers/{seed}")
    fake = Faker("id_ID")
    fake.seed_instance(f"customers/{seed}")
    phones: set[str] = set()
    made: list[Customer] = []
    while len(made) < count:
        phone = f"08{rng.choice(_OPERATORS)}{rng.randrange(10**8):08d}"
        if phone in phones:
            continue
        phones.add(phone)
        made.append(_customer(rng, fake, phone))
    return made


def _customer(rng: random.Random, fake: Faker, phone: str) -> Customer:
    name = f"{fake.first_name()} {fake.last_name()}"
    place = rng.choices(PLACES, weights=_WEIGHTS)[0]
    address = Address(
        recipient=name,
        phone=phone,
        street=f"{fake.street_address()}, RT {rng.randint(1, 15):03d}/RW {rng.randint(1, 12):02d}",
        district=f"Kec. {fake.last_name()}",
        city=place.city,
        province=place.province,
        postal_code=f"{place.postal}{rng.randint(10, 99)}",
        country_code="ID",
    )
    return Customer(name, phone, address, place)


def with_letters_for_digits(address: Address) -> Address:
    """The address with the letter O typed for a zero in the postal code: no courier's computer takes it."""
    mistyped = Address()
    mistyped.CopyFrom(address)
    mistyped.postal_code = address.postal_code[:3] + "1O"
    return mistyped
