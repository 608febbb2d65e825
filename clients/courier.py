"""Parcels on their way: `kasir courier`."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Group

from clients.common.commands import Refused, command, new_app
from clients.common.numbers import id_option
from clients.common.output import facts, state_words, table
from clients.common.plain_words import sentence
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.common.views import parcels_table
from kasir.v1.booking_pb2 import ORDER_STATE_SOLD, ListBookingsRequest, ListBookingsResponse
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AirwayBillState,
    Courier,
    DeliverParcelRequest,
    DeliverParcelResponse,
    GetParcelRequest,
    GetParcelResponse,
    HandOverParcelRequest,
    HandOverParcelResponse,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
)

app = new_app("courier", "Couriers: get airway bills, hand parcels over by scan, record what arrived.")

# Of orders that are sold and not handed to a courier so many are looked at, the newest.
WAITING_LIMIT = 10 * PAGE_SIZE_MAX
# So few parcels are read one by one rather than by going on through the pages of all.
FEW = 50


@command(app, "list", ["kasir courier list", "kasir courier list --json"])
def list_(shop: Shop) -> None:
    """List the couriers, and whether they give airway bill numbers by themselves."""
    rows = ((each.code, each.name, "connected" if each.connected else "by hand") for each in shop.couriers)
    shop.output.emit({"couriers": shop.couriers}, lambda: table("Couriers", ("Courier", "Name", "AWB"), rows))


@command(app, "waiting", ["kasir courier waiting", "kasir courier waiting --courier JNE"])
def waiting(
    shop: Shop, courier: Annotated[str, typer.Option(metavar="CODE", help="Only this courier's.")] = ""
) -> None:
    """List parcels that have their airway bill and wait for the courier."""
    found = _waiting(shop, shop.courier(courier).courier_id if courier else 0)
    shop.output.emit({"parcels": found}, lambda: parcels_table(shop, found, "Waiting for the courier"))


def _waiting(shop: Shop, courier_id: int) -> list[Parcel]:
    """Parcels that have their airway bill and were not handed over, newest first.

    The contract lists parcels by airway bill, those of years ago too, and not by hand-over; but an order
    whose parcel waits is SOLD and not HANDED_TO_COURIER. So the orders say which parcels are looked for.
    """
    request = ListBookingsRequest(state=ORDER_STATE_SOLD)
    orders = shop.pages(request, ListBookingsResponse, "orders", WAITING_LIMIT + 1)
    if len(orders) > WAITING_LIMIT:
        shop.output.say(
            f"Only the {WAITING_LIMIT} newest orders that are sold and not handed over were looked at:"
            " parcels of older ones may wait, too.",
            "yellow",
        )
    parcels = _parcels(shop, {each.parcel_id for each in orders[:WAITING_LIMIT] if each.parcel_id})
    return [
        each
        for each in sorted(parcels, key=lambda parcel: parcel.parcel_id, reverse=True)
        if each.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
        and not each.HasField("hand_over_time")
        and courier_id in {0, each.courier_id}
    ]


def _parcels(shop: Shop, wanted: set[int]) -> Iterator[Parcel]:
    """These parcels, by pages from the newest for as long as many are missing, then one by one."""
    request = ListParcelsRequest(page_size=PAGE_SIZE_MAX)
    while len(wanted) > FEW:
        reply = shop.call(request, ListParcelsResponse)
        yield from (each for each in reply.parcels if each.parcel_id in wanted)
        wanted = wanted - {each.parcel_id for each in reply.parcels}
        if not reply.next_page_token:
            return
        request.page_token = reply.next_page_token
    for parcel_id in wanted:
        yield shop.call(GetParcelRequest(parcel_id=parcel_id), GetParcelResponse).parcel


@command(
    app,
    "pick-up",
    [
        "kasir courier pick-up --courier JNE",
        "kasir courier pick-up JP1234567890 JP1234567891 --courier JNE",
        "cat scans.txt | kasir courier pick-up --courier JNE --json",
    ],
)
def pick_up(
    shop: Shop,
    awb: Annotated[
        list[str] | None, typer.Argument(help="Airway bills; else lines from the scanner, Ctrl-D ends.")
    ] = None,
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose pick-up it is: only those can be missing.")
    ] = "",
) -> None:
    """Scan parcels out to the courier. Afterwards, those that should have gone and were not scanned are
    called out.

    Ends with status 1 when a scan was refused or a parcel is missing.
    """
    courier_id = shop.courier(courier).courier_id if courier else 0
    handed, refused = [], []
    for scanned in awb or _scanned_lines(shop):
        try:
            handed.append(_hand_over(shop, scanned, courier_id))
        except CallFailed as failed:
            if not failed.settled:
                raise
            words = sentence(failed, shop.describe)
            refused.append((scanned, words))
            shop.output.say(f"{scanned}: {words}", "red")
        else:
            shop.output.say(
                f"{scanned}: order {handed[-1].order_id}, {handed[-1].address.recipient}", "green"
            )
    missing = _waiting(shop, courier_id)
    value = {
        "handed_over": handed,
        "refused": [{"airway_bill": number, "message": words} for number, words in refused],
        "missing": missing,
    }
    shop.output.emit(value, lambda: _pick_up_view(shop, handed, refused, missing))
    if refused or missing:
        raise Refused


def _scanned_lines(shop: Shop) -> Iterator[str]:
    """What a scanner types: one airway bill a line."""
    if sys.stdin.isatty():
        shop.output.say("Scan the parcels; Ctrl-D when the courier has all.", "dim")
    # As bytes: a scanner that sends something else than text must not end the whole pick-up.
    for line in sys.stdin.buffer:
        if number := line.decode("utf-8", "replace").strip():
            yield number


def _hand_over(shop: Shop, number: str, courier_id: int) -> Parcel:
    request = HandOverParcelRequest(airway_bill=number, courier_id=courier_id)
    return shop.call(request, HandOverParcelResponse, note=f"hand over parcel {number}").parcel


def _pick_up_view(
    shop: Shop, handed: Sequence[Parcel], refused: Sequence[tuple[str, str]], missing: Sequence[Parcel]
) -> Group:
    parts = [facts("Pick-up", [("Handed over", str(len(handed))), ("Missing", str(len(missing)))])]
    if refused:
        parts.append(table("Not handed over", ("Scanned", "Why"), refused))
    if missing:
        parts.append(parcels_table(shop, missing, "Missing: not scanned, but waiting for the courier"))
    return Group(*parts)


@command(app, "scan", ["kasir courier scan JP1234567890", "kasir courier scan JP1234567890 --courier JNE"])
def scan(
    shop: Shop,
    awb: Annotated[str, typer.Argument(help="The airway bill on the parcel.")],
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose it is, where two couriers gave the same number.")
    ] = "",
) -> None:
    """Scan one parcel out to the courier."""
    parcel = _hand_over(shop, awb, shop.courier(courier).courier_id if courier else 0)
    shop.output.emit({"parcel": parcel}, lambda: parcels_table(shop, [parcel], "Handed over"))


@command(app, "delivered", ["kasir courier delivered JP1234567890", "kasir courier delivered --parcel 17"])
def delivered(
    shop: Shop,
    awb: Annotated[list[str] | None, typer.Argument(help="Airway bills of what arrived.")] = None,
    parcel: Annotated[list[int] | None, id_option("--parcel", "A parcel by its number.")] = None,
) -> None:
    """Record that parcels arrived."""
    named = (
        shop.call(GetParcelRequest(airway_bill=number), GetParcelResponse).parcel for number in awb or []
    )
    numbers = [*(parcel or []), *(each.parcel_id for each in named)]
    if not numbers:
        raise BadInput("Name what arrived: airway bills, or --parcel N.")
    done = [_deliver(shop, number) for number in numbers]
    shop.output.emit({"parcels": done}, lambda: parcels_table(shop, done, "Delivered"))


def _deliver(shop: Shop, parcel_id: int) -> Parcel:
    request = DeliverParcelRequest(parcel_id=parcel_id)
    return shop.call(request, DeliverParcelResponse, note=f"parcel {parcel_id} arrived").parcel


@command(
    app,
    "agent",
    [
        "kasir courier agent --url https://api.courier.example --courier JNE",
        "kasir courier agent --url http://127.0.0.1:8900 --drain",
    ],
    more_help="It may be stopped at any moment and started again: a parcel is never ordered twice.",
)
def agent(
    shop: Shop,
    url: Annotated[str, typer.Option(metavar="URL", help="Where the courier takes orders.")],
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose parcels; may be left out when one is connected.")
    ] = "",
    token: Annotated[
        str, typer.Option(envvar="KASIR_COURIER_TOKEN", help="The courier's access token.", show_envvar=True)
    ] = "",
    answer_s: Annotated[
        float, typer.Option(min=0.1, max=300.0, help="Seconds to wait for an answer of the courier.")
    ] = 10.0,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Parcels worked on at once.")] = 8,
    drain: Annotated[bool, typer.Option("--drain", help="Leave when no parcel waits any more.")] = False,
) -> None:
    """Get airway bill numbers from a connected courier, for as long as it runs."""
    # Here, so that scanning parcels out needs no HTTP client.
    from clients.courier_agent import CourierAgent, Options  # noqa: PLC0415
    from clients.courier_http import CourierApi  # noqa: PLC0415

    options = Options(concurrency=at_once, courier_id=_connected(shop, courier).courier_id)
    api = CourierApi(url, token=token, timeout_s=answer_s, connections=at_once)
    running = CourierAgent(
        shop.client.connection, api, options, on_report=lambda parcel: _tell_report(shop, parcel)
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread: a handler may not wait for a lock that the interrupted code holds.
        signal.signal(number, lambda *_: threading.Thread(target=running.stop).start())

    def leave_when_idle() -> None:
        if running.wait_idle():
            running.stop()

    if drain:
        threading.Thread(target=leave_when_idle, daemon=True).start()
    try:
        running.run()
    finally:
        api.close()
    counts = running.counts()
    shop.output.emit(counts, lambda: facts("Airway bills", [(key, str(counts[key])) for key in counts]))


def _connected(shop: Shop, code: str) -> Courier:
    """The courier of that code; without one the only one that is connected. Raises BadInput."""
    if code:
        return shop.courier(code)
    found = [each for each in shop.couriers if each.connected]
    if len(found) != 1:
        codes = ", ".join(each.code for each in found) or "none"
        raise BadInput(f"Name the courier with --courier: connected are {codes}.")
    return found[0]


def _tell_report(shop: Shop, parcel: Parcel) -> None:
    words = state_words(AirwayBillState, parcel.airway_bill_state, "AIRWAY_BILL_STATE")
    is_well = parcel.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
    said = parcel.airway_bill if is_well else parcel.airway_bill_detail
    shop.output.say(f"Parcel {parcel.parcel_id}: {words} {said}", "green" if is_well else "yellow")
