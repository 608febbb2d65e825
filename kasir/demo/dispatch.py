"""From paid orders to the courier's van: sales, labels, airway bills, the scan at the door."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from clients.common.connection import Connection
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from clients.courier_agent import CourierAgent, Options
from clients.couriers.carriers.generic import Generic
from clients.couriers.settings import CarrierSettings
from clients.couriers.simulator import CourierSimulator, Misbehaviour
from clients.cs import selling
from kasir.demo.live import Meeting
from kasir.demo.opening import Facts
from kasir.demo.plan import CONNECTED_COURIER, OTHER_COURIER
from kasir.demo.stage import COURIER, DemoFailed, Person, Stage
from kasir.v1.sale_pb2 import CreateSalesResult
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_NONE,
    AssignAirwayBillRequest,
    AssignAirwayBillResponse,
    HandOverParcelRequest,
    HandOverParcelResponse,
    ListParcelsRequest,
    ListParcelsResponse,
    Parcel,
)

# A courier as couriers are in the evening: late, busy, and sometimes not sure what it has done.
_OFTEN: dict[str, Any] = {
    "errors": 0.08,
    "errors_after": 0.05,
    "dropped": 0.04,
    "lost": 0.06,
    "late": 0.3,
    "late_before": 0.04,
}
LATE_S = 0.6
# Answers that come later than this are no answers.
COURIER_TIMEOUT_S = 0.5
PARCELS_AT_ONCE = 12
SETTLED = frozenset({AIRWAY_BILL_STATE_ASSIGNED, AIRWAY_BILL_STATE_FAILED})
PARCELS_MAX = 100_000


@contextmanager
def courier_connection(
    stage: Stage, facts: Facts, seed: int, settled: Meeting, on_report: Callable[[Parcel], None]
) -> Iterator[CourierSimulator]:
    """The courier's server, and the agent that asks it for airway bills; `settled` hears of parcels."""

    def tell(parcel: Parcel) -> None:
        settled.tell(parcel.parcel_id, parcel.airway_bill_state)
        on_report(parcel)

    with CourierSimulator(Misbehaviour(seed, **_OFTEN, late_seconds=LATE_S)) as simulator:
        carrier = Generic(
            CarrierSettings(
                "generic", simulator.url, timeout_s=COURIER_TIMEOUT_S, connections=PARCELS_AT_ONCE
            )
        )
        options = Options(
            concurrency=PARCELS_AT_ONCE,
            courier_id=facts.couriers[CONNECTED_COURIER],
            pause_s=0.1,
            pause_max_s=1.0,
        )
        agent = CourierAgent(Connection(stage.address, "agen-jne"), carrier, options, on_report=tell)
        with ThreadPoolExecutor(1, thread_name_prefix="courier agent") as pool:
            running = pool.submit(stage.guarded(agent.run))
            try:
                yield simulator
            finally:
                agent.stop()
        running.result()
        carrier.close()


def sell_all(stage: Stage, shop: Person, till: str) -> list[CreateSalesResult]:
    """Makes sales from all paid orders in one go; the till's open shift counts the receipts."""
    selling.sell(shop, all_paid=True, till=till)
    results: list[CreateSalesResult] = shop.told["results"]
    stage.ledger.add("order_sales", len(results))
    stage.ledger.add("parcels", sum(bool(each.parcel_id) for each in results))
    stage.ledger.add("units_sold", sum(line.quantity for each in results for line in each.sale.lines))
    return results


def print_labels(stage: Stage, shop: Person) -> int:
    """Queues every label that can be printed; returns how many wait for an airway bill."""
    selling.labels(shop, all_unprinted=True)
    reply = shop.told
    stage.ledger.add("labels", len(reply.queued_parcel_ids))
    return len(reply.waiting_parcel_ids)


def enter_by_hand(stage: Stage, facts: Facts, shop: Shop) -> None:
    """Types the numbers from the other courier's slips, also for parcels that the connected one refused."""
    courier_id = facts.couriers[OTHER_COURIER]
    for state in (AIRWAY_BILL_STATE_NONE, AIRWAY_BILL_STATE_FAILED):
        request = ListParcelsRequest(airway_bill_state=state)
        for parcel in shop.pages(request, ListParcelsResponse, "parcels", PARCELS_MAX):
            number = f"P{26_000_000 + parcel.parcel_id:010d}ID"
            assign = AssignAirwayBillRequest(
                parcel_id=parcel.parcel_id, airway_bill=number, courier_id=courier_id
            )
            shop.call(assign, AssignAirwayBillResponse)
            stage.ledger.add("awb_by_hand")
            stage.ledger.add("awb_refused", int(state == AIRWAY_BILL_STATE_FAILED))


def pick_up(stage: Stage, name: str, courier_id: int, on_done: Callable[[], None]) -> None:
    """The courier's driver scans each of their parcels out; the last one twice, which moves nothing."""
    with stage.shop(name) as shop:
        request = ListParcelsRequest(airway_bill_state=AIRWAY_BILL_STATE_ASSIGNED)
        parcels = shop.pages(request, ListParcelsResponse, "parcels", PARCELS_MAX)
        scanned = [parcel.airway_bill for parcel in parcels if parcel.courier_id == courier_id]
        for airway_bill in scanned:
            shop.call(HandOverParcelRequest(airway_bill=airway_bill), HandOverParcelResponse)
            stage.ledger.add("handed_to_courier")
            on_done()
        if scanned:
            _scan_twice(shop, scanned[-1])


def _scan_twice(shop: Shop, airway_bill: str) -> None:
    try:
        shop.call(HandOverParcelRequest(airway_bill=airway_bill), HandOverParcelResponse)
    except CallFailed as failed:
        if failed.reason != "WRONG_STATE":
            raise
    else:
        raise DemoFailed(f"The parcel of {airway_bill} was handed over twice.")


def check_courier(stage: Stage, simulator: CourierSimulator, parcels: list[Parcel]) -> None:
    """The courier has one order for each parcel whose number it gave, and that number; tells what it has in
    courier.json. Raises DemoFailed.
    """
    orders, given = simulator.orders_per_reference(), simulator.airway_bills()
    has = {
        reference: {"airway_bill": given[reference], "orders": count} for reference, count in orders.items()
    }
    stage.path(COURIER).write_text(json.dumps(has, indent=1, sort_keys=True) + "\n")
    ours = {parcel.courier_reference: parcel.airway_bill for parcel in parcels}
    if doubled := sorted(reference for reference, count in orders.items() if count != 1):
        raise DemoFailed(f"The courier has several orders for one parcel: {', '.join(doubled[:10])}.")
    if ours != given:
        raise DemoFailed(f"The courier gave {len(given)} numbers, {len(ours)} stand on its parcels.")
