"""The courier's people are at the door: parcels are scanned out, and what does not fit is called out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.console import Group

from clients.common.at_the_door import at_the_door
from clients.common.commands import Refused, command
from clients.common.output import facts, table
from clients.common.plain_words import sentence
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from clients.common.views import parcels_table
from clients.courier.desk import PARCELS, app
from clients.courier.manifest import Manifest, Row
from clients.courier.parcels import hand_over, waiting_parcels
from clients.courier.printed import print_manifests
from kasir.v1.shipping_pb2 import GetParcelRequest, GetParcelResponse, Parcel


@dataclass
class PickUp:
    """What was scanned so far."""

    handed: list[Parcel] = field(default_factory=list)
    foreign: list[tuple[str, str]] = field(default_factory=list)
    """Numbers that are no parcel of this courier's, and why."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Its parcels that cannot go, and why: scanned already, say."""
    files: list[Path] = field(default_factory=list)
    """Of the manifest."""
    print_jobs: list[int] = field(default_factory=list)
    """That print it."""

    def value(self, missing: Sequence[Parcel]) -> dict[str, Any]:
        """As JSON."""
        return {
            "handed_over": self.handed,
            "foreign": _told(self.foreign),
            "refused": _told(self.refused),
            "missing": missing,
            "manifest": [str(path) for path in self.files],
            "print_job_ids": self.print_jobs,
        }

    def view(self, shop: Shop, missing: Sequence[Parcel]) -> Group:
        """For people."""
        counts = [
            ("Handed over", str(len(self.handed))),
            ("Missing", str(len(missing))),
            ("Foreign", str(len(self.foreign))),
            ("Manifest", ", ".join(str(path) for path in self.files)),
            ("Print jobs", ", ".join(str(each) for each in self.print_jobs)),
        ]
        parts = [facts("Pick-up", counts)]
        if self.foreign:
            parts.append(table("Foreign: not to go with this courier", ("Scanned", "Why"), self.foreign))
        if self.refused:
            parts.append(table("Not handed over", ("Scanned", "Why"), self.refused))
        if missing:
            parts.append(parcels_table(shop, missing, "Missing: not scanned, but waiting for the courier"))
        return Group(*parts)


@command(
    app,
    "pickup",
    [
        "kasir courier pickup --courier JNE --print",
        "kasir courier pickup JP1234567890 JP1234567891 --courier JNE --manifest out/manifests",
        "cat scans.txt | kasir courier pickup --courier JNE --json",
    ],
    PARCELS,
)
def pickup(
    shop: Shop,
    awb: Annotated[
        list[str] | None, typer.Argument(help="Airway bills; else lines from the scanner, Ctrl-D ends.")
    ] = None,
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Who stands there: only theirs go, and can be missing.")
    ] = "",
    manifest: Annotated[
        Path | None,
        typer.Option(file_okay=False, metavar="DIRECTORY", help="Write what went there, as text and HTML."),
    ] = None,
    prints: Annotated[
        bool, typer.Option("--print", help="Print what went, on the printer for pick-up manifests.")
    ] = False,
) -> None:
    """Scan parcels out to the courier. Foreign ones are called out at once and stay; afterwards those that
    should have gone and were not scanned.

    Ends with status 1 when anything was called out.
    """
    courier_id = shop.courier(courier).courier_id if courier else 0
    done = PickUp()
    for scanned in awb or _scanned_lines(shop):
        _scan(shop, done, scanned, courier_id)
    missing = waiting_parcels(shop, courier_id)
    if manifest is not None and done.handed:
        done.files = _manifest(shop, done.handed, courier).write(manifest)
    if prints:
        done.print_jobs = [job for _, job in print_manifests(shop, done.handed)]
    shop.output.emit(done.value(missing), lambda: done.view(shop, missing))
    if done.foreign or done.refused or missing:
        raise Refused


def _scan(shop: Shop, done: PickUp, scanned: str, courier_id: int) -> None:
    """One scan, and what is said of it at once."""
    try:
        if words := _foreign(shop, scanned, courier_id):
            done.foreign.append((scanned, words))
            shop.output.say(f"{scanned}: FOREIGN, keep it here: {words}", "bold red")
            return
        parcel = hand_over(shop, scanned, courier_id)
    except CallFailed as failed:
        if not failed.settled:
            raise
        words = sentence(failed, shop.describe)
        is_foreign = failed.code is grpc.StatusCode.NOT_FOUND
        (done.foreign if is_foreign else done.refused).append((scanned, words))
        shop.output.say(f"{scanned}: {'FOREIGN, keep it here: ' if is_foreign else ''}{words}", "bold red")
        return
    done.handed.append(parcel)
    shop.output.say(f"{scanned}: order {parcel.order_id}, {parcel.address.recipient}", "green")


def _foreign(shop: Shop, scanned: str, courier_id: int) -> str:
    """Whose parcel it is, when it is another courier's; empty when it may go. Raises CallFailed."""
    if not courier_id:
        return ""
    parcel = shop.call(GetParcelRequest(airway_bill=scanned), GetParcelResponse).parcel
    if parcel.courier_id in {0, courier_id}:
        return ""
    # Another courier may have the number, too; which is meant, the hand-over tells.
    candidates = [each for each in waiting_parcels(shop, courier_id) if each.airway_bill == scanned]
    return "" if candidates else f"parcel {parcel.parcel_id} goes by {shop.courier_code(parcel.courier_id)}"


def _manifest(shop: Shop, handed: Sequence[Parcel], courier: str) -> Manifest:
    rows = []
    for number, parcel in enumerate(handed, start=1):
        collect = at_the_door(shop.order_by_id(parcel.order_id))
        rows.append(Row(number, parcel, collect))
    first = handed[0]
    code = shop.courier_code(first.courier_id) if courier == "" else courier
    return Manifest(
        shop.settings.shop_name,
        shop.settings.shop_address,
        code,
        shop.time(handed[-1].hand_over_time),
        handed[-1].hand_over_time.seconds,
        rows,
    )


def _scanned_lines(shop: Shop) -> Iterator[str]:
    """What a scanner types: one airway bill a line."""
    if sys.stdin.isatty():
        shop.output.say("Scan the parcels; Ctrl-D when the courier has all.", "dim")
    # As bytes: a scanner that sends something else than text must not end the whole pick-up.
    for line in sys.stdin.buffer:
        if number := line.decode("utf-8", "replace").strip():
            yield number


def _told(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"airway_bill": number, "message": words} for number, words in pairs]
