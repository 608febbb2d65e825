"""Pick-up manifests of the shop's printers: queued, and looked at."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from clients.common.commands import command
from clients.common.numbers import id_option
from clients.common.output import facts, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import unless_zero
from clients.courier.desk import PARCELS, app
from kasir.v1.shipping_pb2 import (
    CreateManifestRequest,
    CreateManifestResponse,
    GetManifestRequest,
    GetManifestResponse,
    GetParcelRequest,
    GetParcelResponse,
    Manifest,
    Parcel,
)

# Parcels on one manifest.
PARCELS_MAX = 1_000


def print_manifests(shop: Shop, parcels: Sequence[Parcel]) -> list[tuple[Manifest, int]]:
    """Queues the print of what went, a manifest for each courier, each with its job. Raises CallFailed."""
    of_courier: dict[int, list[int]] = {}
    for parcel in parcels:
        of_courier.setdefault(parcel.courier_id, []).append(parcel.parcel_id)
    made = []
    for ids in of_courier.values():
        for begin in range(0, len(ids), PARCELS_MAX):
            request = CreateManifestRequest(parcel_ids=ids[begin : begin + PARCELS_MAX])
            reply = shop.call(
                request, CreateManifestResponse, note=f"manifest of {len(request.parcel_ids)} parcels"
            )
            made.append((reply.manifest, reply.print_job_id))
    return made


@command(
    app,
    "manifest",
    ["kasir courier manifest JP1234567890 JP1234567891", "kasir courier manifest --number 3 --json"],
    PARCELS,
)
def manifest(
    shop: Shop,
    awb: Annotated[list[str] | None, typer.Argument(help="Airway bills of what went.")] = None,
    number: Annotated[int | None, id_option("--number", "Show this manifest; nothing is printed.")] = None,
) -> None:
    """Print a manifest of parcels that went, where a pick-up was broken off before it; or show one.

    One that was printed is printed again with: kasir print reprint JOB --reason WHY.
    """
    if (number is None) == (not awb):
        raise BadInput("Name what went: airway bills; or a manifest to be shown: --number N.")
    if number is not None:
        found = shop.call(GetManifestRequest(manifest_id=number), GetManifestResponse).manifest
        shop.output.emit({"manifest": found}, lambda: _view(shop, found))
        return
    gone = dict.fromkeys(awb or ())
    parcels = [shop.call(GetParcelRequest(airway_bill=each), GetParcelResponse).parcel for each in gone]
    made = print_manifests(shop, parcels)
    shop.output.emit(
        {"manifests": [each for each, _ in made], "print_job_ids": [job for _, job in made]},
        lambda: Group(*(_view(shop, each, job) for each, job in made)),
    )


def _view(shop: Shop, manifest: Manifest, print_job_id: int = 0) -> RenderableType:
    """A manifest in full."""
    pairs = [
        ("Courier", shop.courier_code(manifest.courier_id)),
        ("Handed over", f"{shop.time(manifest.hand_over_time)}, by {manifest.handed_over_by}"),
        ("Print job", str(print_job_id or "")),
    ]
    rows = (
        (
            line.airway_bill,
            str(line.order_id),
            line.recipient,
            line.city,
            str(line.weight_grams or ""),
            unless_zero(line.collect),
        )
        for line in manifest.lines
    )
    columns = ("AWB", ">Order", "To", "City", ">g", ">Collect")
    return Group(facts(f"Manifest {manifest.manifest_id}", pairs), table("Parcels", columns, rows))
