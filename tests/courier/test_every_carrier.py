"""Goal: every carrier keeps the promises of the interface, whatever its HTTP looks like.

Method: each adapter against the simulator that speaks its shape; one test, all carriers. A new carrier is
tested as soon as its two modules are there.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.couriers.carrier import (
    Absent,
    Cancelled,
    Done,
    LabelFile,
    NotGenuine,
    Ordered,
    Refused,
    TrackingState,
    Unclear,
    newest,
)
from clients.couriers.signatures import WORD, sign
from clients.couriers.simulator import CourierSimulator, Misbehaviour
from clients.couriers.simulator import shape as simulated
from clients.couriers.simulator.server import JOURNEY
from kasir.v1.common_pb2 import Money
from tests.courier import kit
from tests.server.support import until

ALL = pytest.mark.parametrize("name", kit.NAMES)
Start = Callable[..., tuple[Any, CourierSimulator]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Any] = []

    def make(name: str, misbehaviour: Misbehaviour | None = None, **options: Any) -> Any:
        simulator = CourierSimulator(misbehaviour or Misbehaviour(), carrier=name, keys=kit.KEYS)
        simulator.start()
        asked = kit.carrier(name, simulator.url, tmp_path, **options)
        running.append((asked, simulator))
        return asked, simulator

    yield make
    for asked, simulator in running:
        asked.close()
        simulator.stop()


def test_each_has_a_simulator() -> None:
    assert simulated.names() == kit.NAMES
    assert len(kit.NAMES) == 4


@ALL
def test_an_order_has_its_number_and_goes_its_way(start, name: str) -> None:
    asked, simulator = start(name)
    made = asked.create(kit.shipment())
    assert isinstance(made, Ordered), made
    assert made.airway_bill == simulator.airway_bills()["KASIR-0-1"]
    again = asked.look(made.order_id)
    assert (again.order_id, again.airway_bill) == (made.order_id, made.airway_bill)
    if asked.asks_by_reference:
        assert asked.find("KASIR-0-1") == made
        assert asked.find("KASIR-0-2") == Absent()
    order = simulator.world.find("KASIR-0-1")
    seen = [newest(asked.track(made.airway_bill)).state]
    for state in JOURNEY:
        simulator.move(order, state)
        seen.append(newest(asked.track(made.airway_bill)).state)
    assert seen[0] is TrackingState.ORDERED
    assert TrackingState.PICKED_UP in seen
    assert seen[-1] is TrackingState.DELIVERED
    ranks = [list(TrackingState).index(state) for state in seen]
    assert ranks == sorted(ranks)


@ALL
@pytest.mark.parametrize("end", [state for state in TrackingState if state.is_final])
def test_ends_are_known_as_ends(start, name: str, end: TrackingState) -> None:
    asked, simulator = start(name)
    made = asked.create(kit.shipment())
    simulator.move(simulator.world.find("KASIR-0-1"), end)
    told = newest(asked.track(made.airway_bill)).state
    if (name, end) == ("rajaongkir", TrackingState.LOST):
        # Its words do not tell what is lost from what is in the way.
        assert told is TrackingState.ORDERED
    else:
        assert told is end


@ALL
def test_prices(start, name: str) -> None:
    asked, _ = start(name)
    quotes = asked.quote(kit.shipment())
    assert quotes
    assert all(each.price.minor_units > 100_000 and each.service for each in quotes), quotes


@ALL
def test_what_it_will_never_take(start, name: str) -> None:
    asked, simulator = start(name)
    nowhere = kit.shipment(address=type(kit.ADDRESS)(recipient="Budi", street="x", city="y", postal_code="?"))
    assert isinstance(asked.create(nowhere), Refused)
    dollars = kit.shipment(collect=Money(currency_code="USD", minor_units=500))
    assert isinstance(asked.create(dollars), Refused)
    assert simulator.orders_per_reference() == {}


@ALL
def test_a_wrong_key_is_no_refusal_and_is_not_told(start, name: str) -> None:
    wrong = "kunci-yang-salah-77"
    asked, simulator = start(name, keys=dict.fromkeys(kit.KEYS, wrong))
    found = asked.create(kit.shipment())
    assert isinstance(found, Unclear)
    assert found.nothing_done
    assert wrong not in found.words
    assert wrong not in repr(found)
    assert simulator.orders_per_reference() == {}


@ALL
@pytest.mark.parametrize(
    ("misbehaviour", "orders", "nothing_done"),
    [
        (Misbehaviour(lost=1.0), 1, False),
        (Misbehaviour(errors_after=1.0), 1, False),
        (Misbehaviour(errors=1.0), 0, False),
        (Misbehaviour(dropped=1.0), 0, False),
        (Misbehaviour(busy=1.0), 0, True),
    ],
)
def test_what_is_not_known_is_said_so(
    start, name: str, misbehaviour: Misbehaviour, orders: int, nothing_done: bool
) -> None:
    asked, simulator = start(name, misbehaviour)
    found = asked.create(kit.shipment())
    assert isinstance(found, Unclear), found
    assert found.nothing_done == nothing_done
    assert simulator.orders_per_reference() == ({"KASIR-0-1": 1} if orders else {})


@ALL
def test_nobody_listens(start, name: str, tmp_path: Path) -> None:
    asked, simulator = start(name)
    asked.close()
    url = simulator.url
    with CourierSimulator() as other:
        gone = other.url
    assert gone != url
    silent = kit.carrier(name, gone, tmp_path)
    assert silent.create(kit.shipment()) == Unclear("no connection to the courier", nothing_done=True)
    silent.close()


@ALL
def test_a_number_that_comes_later(start, name: str) -> None:
    asked, simulator = start(name, Misbehaviour(later=1.0, later_seconds=0.6, seed=3))
    made = asked.create(kit.shipment())
    number = simulator.world.find("KASIR-0-1").airway_bill
    if name == "jne":
        assert made.airway_bill == number
        return
    assert isinstance(made, Ordered)
    assert made.airway_bill == ""
    until(lambda: bool(asked.look(made.order_id).airway_bill), "the number")
    found = asked.look(made.order_id)
    assert found.airway_bill == number
    assert found.reference == "KASIR-0-1"


@ALL
def test_an_order_is_taken_back_where_that_can_be_asked(start, name: str) -> None:
    asked, simulator = start(name)
    made = asked.create(kit.shipment())
    found = asked.cancel(made)
    if name == "jne":
        assert isinstance(found, Refused)
        return
    assert found == Done()
    assert simulator.world.find("KASIR-0-1").state is TrackingState.CANCELLED
    # Its number is none to send a parcel with.
    assert asked.look(made.order_id) == Cancelled("KASIR-0-1", made.order_id)
    if asked.asks_by_reference:
        assert asked.find("KASIR-0-1") == Cancelled("KASIR-0-1", made.order_id)
        assert asked.create(kit.shipment()) == Cancelled("KASIR-0-1", made.order_id)
    gone = asked.create(kit.shipment("KASIR-0-2"))
    simulator.move(simulator.world.find("KASIR-0-2"), TrackingState.PICKED_UP)
    assert isinstance(asked.cancel(gone), Refused)


@ALL
@pytest.mark.parametrize("given", ["", sign("", b"{}")])
def test_without_a_secret_no_webhook_is_genuine(name: str, given: str, tmp_path: Path) -> None:
    keys = {key: value for key, value in kit.KEYS.items() if key != "webhook"}
    asked = kit.carrier(name, "http://127.0.0.1:9", tmp_path, keys=keys)
    with pytest.raises(NotGenuine):
        asked.webhook(dict.fromkeys(("x-courier-signature", "x-biteship-signature", WORD), given), b"{}")
    asked.close()


@ALL
def test_labels(start, name: str) -> None:
    asked, _ = start(name)
    made = asked.create(kit.shipment())
    found = asked.label(made)
    assert isinstance(found, LabelFile if name in {"generic", "rajaongkir"} else Refused)


@ALL
def test_cash_at_the_door_reaches_the_carrier(start, name: str) -> None:
    asked, simulator = start(name)
    paid = asked.create(kit.shipment("KASIR-0-1"))
    collects = asked.create(kit.shipment("KASIR-0-2", collect=kit.idr(217_500)))
    assert isinstance(paid, Ordered)
    assert isinstance(collects, Ordered)
    first, second = simulator.world.find("KASIR-0-1"), simulator.world.find("KASIR-0-2")
    assert "217500" not in first.asked
    assert "217500" in second.asked
