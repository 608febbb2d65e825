"""Every carrier beside its simulator, set up as a shop would."""

from pathlib import Path
from typing import Any

from clients.couriers import registry
from clients.couriers.carrier import Carrier, Goods, Shipment
from clients.couriers.settings import CarrierSettings
from kasir.v1.common_pb2 import Address, Money

KEY = "rahasia-sekali-4471"
WORD = "kata-rahasia-9"
KEYS = {"token": KEY, "api_key": KEY, "username": KEY, "webhook": WORD}
SENDER = {
    "name": "Toko Melati",
    "phone": "+622287654321",
    "email": "toko@melati.example",
    "address": "Jl. Melati 5, Kelurahan Cihapit, Kecamatan Bandung Wetan",
    "city": "Bandung",
    "postal_code": "40115",
}
OPTIONS = {
    "biteship": {"courier_company": "jne"},
    "rajaongkir": {"shipping": "JNE", "shipper_destination_id": "4715", "shipping_type": "REG"},
    "jne": {"branch": "BDO000", "customer": "TESTAKUN", "origin": "BDO10000"},
}
ADDRESS = Address(
    recipient="Budi Santoso",
    phone="+628123456789",
    street="Jl. Merdeka 1, Gedung Serba Guna Lantai 2",
    district="Sumur Bandung",
    city="Bandung",
    province="Jawa Barat",
    postal_code="40111",
)
NAMES = registry.names()


def idr(rupiah: int) -> Money:
    return Money(currency_code="IDR", minor_units=rupiah * 100)


def shipment(reference: str = "KASIR-0-1", **changes: Any) -> Shipment:
    values = {
        "service": "REG",
        "address": ADDRESS,
        "weight_grams": 800,
        "goods": (Goods("Kopi Luwak 250 g", 2, idr(95_000)), Goods("Gula", 1, idr(18_000))),
    }
    return Shipment(reference, **{**values, **changes})


def carrier(name: str, url: str, tmp_path: Path, *, keys: Any = None, **options: Any) -> Carrier:
    """The carrier of that name, as a shop sets it up."""
    destinations = tmp_path / "jne-places.csv"
    destinations.write_text("40111,BDO10000\n10110,CGK10000\n")
    settings = CarrierSettings(
        name,
        url,
        secrets=KEYS if keys is None else keys,
        sender=SENDER,
        options={**OPTIONS.get(name, {}), "destinations": str(destinations)},
        **{"timeout_s": 5.0, **options},
    )
    return registry.make(settings)
