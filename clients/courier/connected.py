"""What is asked of a connected courier: numbers by an agent; prices, steps, labels by people."""

import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.common.commands import Refused, command
from clients.common.journal import state_dir
from clients.common.money import show_money
from clients.common.numbers import id_argument, parse_whole
from clients.common.output import facts, state_words, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.courier.desk import (
    CONNECTED,
    CarrierName,
    Config,
    CourierCode,
    Url,
    app,
    carrier_of,
    connected_courier,
    settings_of,
)
from kasir.v1.booking_pb2 import ORDER_STATE_HANDED_TO_COURIER, ListBookingsRequest, ListBookingsResponse
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AirwayBillState,
    DeliverParcelRequest,
    DeliverParcelResponse,
    GetParcelRequest,
    GetParcelResponse,
    Parcel,
)

if TYPE_CHECKING:
    from clients.courier_agent import CourierAgent
    from clients.couriers.carrier import Carrier, Ordered, TrackEvent

GENERIC = "generic"
TRACKED_MAX = 10_000


@command(
    app,
    "agent",
    [
        "kasir courier agent --carrier biteship --config couriers.toml --webhooks 127.0.0.1:8901",
        "kasir courier agent --url http://127.0.0.1:8900 --drain",
    ],
    CONNECTED,
    more_help="It may be killed at any moment and started again: a parcel is never ordered twice.",
)
def agent(
    shop: Shop,
    carrier: CarrierName = GENERIC,
    config: Config = None,
    url: Url = "",
    courier: Annotated[
        str, typer.Option(metavar="CODE", help="Whose parcels; may be left out when one is connected.")
    ] = "",
    webhooks: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Listen there for what the carrier posts.")
    ] = "",
    webhook_cert: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Encrypt that line: a certificate (PEM).")
    ] = None,
    webhook_key: Annotated[Path | None, typer.Option(dir_okay=False, help="And its key (PEM).")] = None,
    answer_s: Annotated[
        float, typer.Option(min=0.1, max=300.0, help="Seconds to wait for an answer of the courier.")
    ] = 10.0,
    later_s: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=3600.0,
            help="Seconds before a look for a number that comes later; each waits longer.",
        ),
    ] = 15.0,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Parcels worked on at once.")] = 8,
    drain: Annotated[bool, typer.Option("--drain", help="Leave when no parcel waits any more.")] = False,
) -> None:
    """Get airway bill numbers from a connected courier, for as long as it runs."""
    # Here, so that scanning parcels out needs no HTTP client.
    from clients.courier_agent import CourierAgent, Options  # noqa: PLC0415
    from clients.couriers import registry  # noqa: PLC0415
    from clients.couriers.hearing import Hearing  # noqa: PLC0415
    from clients.couriers.notes import Notes  # noqa: PLC0415
    from clients.couriers.webhooks import Webhooks  # noqa: PLC0415

    if (webhook_cert is None) != (webhook_key is None):
        raise BadInput("--webhook-cert and --webhook-key belong together: give both or none.")
    settings = settings_of(carrier, config, url, timeout_s=answer_s, connections=at_once)
    company = connected_courier(shop, courier or settings.courier)
    options = Options(concurrency=at_once, courier_id=company.courier_id, later_s=later_s)
    with ExitStack() as open_now:
        asked = registry.make(settings)
        open_now.callback(asked.close)
        notes = None
        if not asked.asks_by_reference:
            notes = Notes(state_dir() / "couriers" / f"{carrier}-{company.code}")
            open_now.callback(notes.close)
        line = shop.client.connection
        running = CourierAgent(
            line, asked, options, notes=notes, on_report=lambda parcel: _tell_report(shop, parcel)
        )
        if webhooks:
            tls = (webhook_cert, webhook_key) if webhook_cert and webhook_key else None
            hearing = Hearing(line, asked, courier_id=company.courier_id, notes=notes)
            listening = Webhooks(
                asked,
                hearing.take,
                _host_and_port(webhooks),
                tls=tls,
                on_refused=lambda words: shop.output.say(f"A webhook was refused: {words}.", "yellow"),
            )
            open_now.callback(listening.close)
            shop.output.say(f"Webhooks are taken at {listening.address}/webhooks", "dim")
        _run(running, drain=drain)
    counts = running.counts()
    shop.output.emit(counts, lambda: facts("Airway bills", [(key, str(counts[key])) for key in counts]))


def _run(running: "CourierAgent", *, drain: bool) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread: a handler may not wait for a lock that the interrupted code holds.
        signal.signal(number, lambda *_: threading.Thread(target=running.stop).start())

    def leave_when_idle() -> None:
        if running.wait_idle():
            running.stop()

    if drain:
        threading.Thread(target=leave_when_idle, daemon=True).start()
    running.run()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    number = parse_whole(port)
    if not host or number is None or number > 65_535:
        raise BadInput(f"'{address}' is no address to listen on: write HOST:PORT, like 127.0.0.1:8901.")
    return host.strip("[]"), number


def _tell_report(shop: Shop, parcel: Parcel) -> None:
    words = state_words(AirwayBillState, parcel.airway_bill_state, "AIRWAY_BILL_STATE")
    is_well = parcel.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
    said = parcel.airway_bill if is_well else parcel.airway_bill_detail
    shop.output.say(f"Parcel {parcel.parcel_id}: {words} {said}", "green" if is_well else "yellow")


@command(
    app,
    "quote",
    ["kasir courier quote 4711 --carrier biteship --config couriers.toml --weight 800"],
    CONNECTED,
)
def quote(
    shop: Shop,
    order: Annotated[int, id_argument("The Book Order's number.")],
    weight: Annotated[int, typer.Option(min=0, metavar="GRAMS", help="How heavy; 0: not weighed.")] = 0,
    carrier: CarrierName = GENERIC,
    config: Config = None,
    url: Url = "",
) -> None:
    """Ask the carrier what sending an order would cost. Nothing is ordered."""
    from clients.couriers.carrier import Refused as No  # noqa: PLC0415
    from clients.couriers.carrier import Unclear, shipment_of  # noqa: PLC0415

    booked = shop.order_by_id(order)
    if not booked.HasField("address"):
        raise BadInput(f"Order {order} is picked up: it has no address.")
    parcel = Parcel(address=booked.address, weight_grams=weight)
    asked, _ = carrier_of(carrier, config, url)
    found = asked.quote(shipment_of(parcel, booked))
    asked.close()
    if isinstance(found, No | Unclear):
        raise BadInput(f"No price: {found.words}.")
    rows = [
        (each.service, each.name, show_money(each.price), each.time_words, "yes" if each.collects else "")
        for each in found
    ]
    value = [{"service": each.service, "name": each.name, "price": each.price} for each in found]
    columns = ("Service", "Name", ">Price", "Days", "Collects")
    shop.output.emit({"quotes": value}, lambda: table(f"Order {order}", columns, rows))


@command(
    app,
    "track",
    [
        "kasir courier track JP1234567890 --carrier biteship --config couriers.toml",
        "kasir courier track --all --record --carrier biteship --config couriers.toml",
    ],
    CONNECTED,
    more_help="With --all --record every hour, arrivals are recorded where the carrier posts no webhooks.",
)
def track(
    shop: Shop,
    awb: Annotated[list[str] | None, typer.Argument(help="Airway bills.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are with the courier.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Record those that arrived.")] = False,
    carrier: CarrierName = GENERIC,
    config: Config = None,
    url: Url = "",
    courier: CourierCode = "",
) -> None:
    """Ask the carrier where parcels are.

    Ends with status 1 when the carrier could not tell of one.
    """
    from clients.couriers.carrier import Absent, Unclear, has_arrived, newest, unread  # noqa: PLC0415

    asked, settings = carrier_of(carrier, config, url)
    if bool(awb) == all_:
        raise BadInput("Say which parcels: airway bills, or --all.")
    if awb:
        parcels = [shop.call(GetParcelRequest(airway_bill=each), GetParcelResponse).parcel for each in awb]
    else:
        parcels = _with_courier(shop, connected_courier(shop, courier or settings.courier).courier_id)
    rows: list[tuple[str, ...]] = []
    told, silent = [], False
    for parcel in parcels:
        steps = asked.track(parcel.airway_bill)
        if isinstance(steps, Absent | Unclear):
            silent = True
            words = steps.words if isinstance(steps, Unclear) else "the carrier has no such number"
            rows.append((parcel.airway_bill, str(parcel.order_id), "?", words, ""))
            continue
        last, strange = newest(steps), unread(steps)
        state = last.state if last is not None else None
        if record and has_arrived(steps) and not parcel.HasField("deliver_time"):
            request = DeliverParcelRequest(parcel_id=parcel.parcel_id)
            shop.call(request, DeliverParcelResponse, note=f"parcel {parcel.parcel_id} arrived")
        rows.append(_row(parcel, last, strange))
        said = {"not_understood": strange.words} if strange is not None else {}
        told.append({"airway_bill": parcel.airway_bill, "state": state.value if state else None, **said})
    asked.close()
    columns = ("AWB", ">Order", "State", "Last step", "When")
    shop.output.emit({"parcels": told}, lambda: table("Parcels", columns, rows))
    if silent:
        raise Refused


def _row(parcel: Parcel, last: "TrackEvent | None", strange: "TrackEvent | None") -> tuple[str, ...]:
    """A step after the last known one that is not understood is shown with a question mark."""
    state = last.state.value if last is not None and last.state is not None else "?"
    if strange is not None:
        state, last = f"{state} ?".replace("? ?", "?"), strange
    words = last.words if last is not None else "nothing yet"
    when = last.time.isoformat(timespec="minutes") if last is not None and last.time else ""
    return parcel.airway_bill, str(parcel.order_id), state, words, when


def _with_courier(shop: Shop, courier_id: int) -> list[Parcel]:
    """Parcels that were scanned out to this courier and are not recorded as arrived."""
    request = ListBookingsRequest(state=ORDER_STATE_HANDED_TO_COURIER)
    orders = shop.pages(request, ListBookingsResponse, "orders", TRACKED_MAX)
    parcels = [
        shop.call(GetParcelRequest(parcel_id=order.parcel_id), GetParcelResponse).parcel
        for order in orders
        # Its parcel may go by another courier than was booked.
        if order.parcel_id
    ]
    return [each for each in parcels if each.courier_id == courier_id and each.airway_bill]


@command(
    app,
    "carrier-label",
    ["kasir courier carrier-label 17 --out out/labels --carrier rajaongkir --carrier-order KOM123"],
    CONNECTED,
)
def carrier_label(
    shop: Shop,
    parcel: Annotated[int, id_argument("The parcel's number.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="The directory to write to.")],
    carrier: CarrierName = GENERIC,
    config: Config = None,
    url: Url = "",
    carrier_order: Annotated[
        str,
        typer.Option(metavar="ID", help="The carrier's own number of the order, where it finds no other."),
    ] = "",
) -> None:
    """Fetch the carrier's own label of a parcel, where it has one. Kasir's own: kasir cs labels."""
    asked, _ = carrier_of(carrier, config, url)
    made = asked.label(_order_there(shop, asked, parcel, carrier_order))
    asked.close()
    content, suffix = getattr(made, "content", None), getattr(made, "suffix", "")
    if content is None:
        raise BadInput(f"No label: {getattr(made, 'words', 'no reason given')}.")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"parcel-{parcel}.{suffix}"
    path.write_bytes(content)
    shop.output.emit({"file": str(path)}, lambda: f"{path}")


@command(
    app,
    "cancel-order",
    ["kasir courier cancel-order 17 --carrier biteship --config couriers.toml --carrier-order 5dd599eb"],
    CONNECTED,
)
def cancel_order(
    shop: Shop,
    parcel: Annotated[int, id_argument("The parcel's number.")],
    carrier: CarrierName = GENERIC,
    config: Config = None,
    url: Url = "",
    carrier_order: Annotated[
        str,
        typer.Option(metavar="ID", help="The carrier's own number of the order, where it finds no other."),
    ] = "",
) -> None:
    """Take an order back at the carrier. The parcel keeps its number here: give it another by hand."""
    from clients.couriers.carrier import Done  # noqa: PLC0415

    asked, _ = carrier_of(carrier, config, url)
    found = asked.cancel(_order_there(shop, asked, parcel, carrier_order))
    asked.close()
    if not isinstance(found, Done):
        raise BadInput(f"Not cancelled: {found.words}.")
    shop.output.emit({"cancelled": parcel}, lambda: f"The carrier took the order of parcel {parcel} back.")


def _order_there(shop: Shop, asked: "Carrier", parcel_id: int, order_id: str) -> "Ordered":
    """A parcel's order at the carrier. Raises BadInput when it cannot be found."""
    from clients.couriers.carrier import Ordered  # noqa: PLC0415

    parcel = shop.call(GetParcelRequest(parcel_id=parcel_id), GetParcelResponse).parcel
    if order_id:
        return Ordered(parcel.courier_reference, order_id, parcel.airway_bill)
    found = asked.find(parcel.courier_reference)
    if isinstance(found, Ordered):
        return found
    words = getattr(found, "words", "the carrier has no such order")
    raise BadInput(f"The order of parcel {parcel_id} was not found: {words}. Give --carrier-order.")
