"""The group of commands that the modules beside this one fill, and what several of them take."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.common.commands import new_app
from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.shipping_pb2 import Courier

if TYPE_CHECKING:
    from clients.couriers.carrier import Carrier
    from clients.couriers.settings import CarrierSettings

app = new_app("courier", "Couriers: get airway bills, hand parcels over by scan, record what arrived.")

# How the list of commands is divided.
PARCELS = "Parcels"
NUMBERS = "Airway bill numbers"
CONNECTED = "A connected courier"
_TOKEN_VARIABLE = "KASIR_COURIER_TOKEN"  # noqa: S105 (its name, not itself)

CarrierName = Annotated[
    str,
    typer.Option("--carrier", metavar="NAME", help="Whose interface: biteship, generic, jne, rajaongkir."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="KASIR_COURIER_CONFIG",
        dir_okay=False,
        metavar="FILE",
        help="What the carrier needs (TOML).",
    ),
]
Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="Where the carrier listens, in the place of the file's.")
]
CourierCode = Annotated[str, typer.Option("--courier", metavar="CODE", help="Only this courier's.")]


def settings_of(
    carrier: str, config: Path | None, url: str, *, timeout_s: float = 10.0, connections: int = 8
) -> "CarrierSettings":
    """How the carrier is spoken to. Raises BadInput."""
    # Here, so that scanning parcels out needs no HTTP client.
    from dataclasses import replace  # noqa: PLC0415

    from clients.couriers import settings  # noqa: PLC0415

    if config is not None:
        found = settings.read(config, carrier)
    else:
        if not url:
            raise BadInput("Say how the courier is reached: --config FILE, or --url URL for a generic one.")
        token = os.environ.get(_TOKEN_VARIABLE, "")
        found = settings.CarrierSettings(carrier, secrets={"token": token} if token else {})
    return replace(found, url=url or found.url, timeout_s=timeout_s, connections=connections)


def carrier_of(carrier: str, config: Path | None, url: str) -> "tuple[Carrier, CarrierSettings]":
    """The carrier that a command asks. Raises BadInput."""
    from clients.couriers import registry  # noqa: PLC0415 (see above)

    settings = settings_of(carrier, config, url)
    return registry.make(settings), settings


def connected_courier(shop: Shop, code: str) -> Courier:
    """The courier of that code; without one the only one that is connected. Raises BadInput."""
    if code:
        return shop.courier(code)
    found = [each for each in shop.couriers if each.connected]
    if len(found) != 1:
        codes = ", ".join(each.code for each in found) or "none"
        raise BadInput(f"Name the courier with --courier: connected are {codes}.")
    return found[0]
