"""Goal: at a carrier that finds no order by our reference, a parcel is ordered once or is a question.

Method: the real agent between a gRPC server that keeps parcels as the engine does and carriers that would
make a second order; two agents at once, agents that come back, a carrier that is away.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.common.client import Patience
from clients.common.connection import Connection
from clients.common.problems import BadInput
from clients.courier_agent import CourierAgent, Options
from clients.couriers.carrier import News, TrackingState
from clients.couriers.hearing import Hearing
from clients.couriers.notes import Note, Notes
from clients.couriers.simulator import CourierSimulator, Misbehaviour
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_UNKNOWN,
    Parcel,
)
from tests.courier import kit
from tests.server.support import until

PATIENCE_S = 20.0
QUICK = Options(concurrency=4, courier_id=1, rounds=3, pause_s=0.02, pause_max_s=0.1, later_s=0.05)
ONCE = [name for name in kit.NAMES if name != "generic"]


class Stage:
    """A shop, a carrier and notes."""

    def __init__(self, name: str, shop: Any, folder: Path, misbehaviour: Misbehaviour) -> None:
        self.name, self.shop, self.folder = name, shop, folder
        self.simulator = CourierSimulator(misbehaviour, carrier=name, keys=kit.KEYS)
        self.simulator.start()

    @contextmanager
    def agent(self, notes: str = "notes", url: str = "") -> Iterator[CourierAgent]:
        kept = Notes(self.folder / notes)
        asked = kit.carrier(self.name, url or self.simulator.url, self.folder, timeout_s=2.0)
        patience = Patience(timeout_s=5.0, pause_s=0.01, pause_max_s=0.1)
        line = Connection(self.shop.target, "agen")
        agent = CourierAgent(line, asked, QUICK, notes=kept, patience=patience)
        thread = threading.Thread(target=agent.run, daemon=True)
        thread.start()
        try:
            yield agent
        finally:
            agent.stop()
            thread.join(PATIENCE_S)
            asked.close()
            kept.close()


@pytest.fixture
def stage(shop_server, make_parcel, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    built: list[Stage] = []

    def build(name: str, count: int = 1, misbehaviour: Misbehaviour | None = None, **shop: Any) -> Stage:
        parcels = [make_parcel(number) for number in range(1, count + 1)]
        built.append(Stage(name, shop_server(parcels, **shop), tmp_path, misbehaviour or Misbehaviour()))
        return built[-1]

    yield build
    for each in built:
        each.simulator.stop()


@pytest.mark.parametrize("name", ONCE)
def test_two_agents_order_each_parcel_once(stage, name: str) -> None:
    here = stage(name, 40, flaky=0.1)
    with here.agent("first") as first, here.agent("second") as second:
        assert first.wait_idle(PATIENCE_S)
        assert second.wait_idle(PATIENCE_S)
        until(
            lambda: set(here.shop.states().values()) == {AIRWAY_BILL_STATE_ASSIGNED},
            "all numbers",
            PATIENCE_S,
        )
    orders = here.simulator.orders_per_reference()
    assert len(orders) == 40
    assert set(orders.values()) == {1}
    numbers = here.simulator.airway_bills()
    assert all(
        parcel.airway_bill == numbers[parcel.courier_reference] for parcel in here.shop.parcels.values()
    )


@pytest.mark.parametrize("name", ONCE)
def test_a_lost_reply_is_a_question_and_asked_only_once(stage, name: str) -> None:
    here = stage(name, 3, Misbehaviour(lost=1.0))
    for _ in range(2):
        with here.agent() as agent:
            assert agent.wait_idle(PATIENCE_S)
    assert set(here.simulator.orders_per_reference().values()) == {1}
    assert set(here.shop.states().values()) == {AIRWAY_BILL_STATE_UNKNOWN}
    for parcel in here.shop.parcels.values():
        assert "kasir courier settle" in parcel.airway_bill_detail
    assert agent.counts() == {"questions": 3}


def test_a_parcel_as_it_was_before_is_not_ordered_again(stage) -> None:
    """A stream that was opened again may bring it so."""
    here = stage("biteship")
    before = Parcel()
    before.CopyFrom(here.shop.parcels[1])
    with here.agent() as agent:
        assert agent.wait_idle(PATIENCE_S)
        for watcher in here.shop.watchers:
            watcher.put(before)
        until(lambda: agent.counts() == {"assigned": 1, "dropped": 1}, "the old parcel is let go", PATIENCE_S)
    assert here.simulator.orders_per_reference() == {"KASIR-0-1": 1}


@pytest.mark.parametrize("name", ONCE)
def test_a_carrier_that_is_away_makes_no_questions(stage, name: str) -> None:
    with CourierSimulator() as other:
        nobody = other.url
    here = stage(name, 2)
    with here.agent(url=nobody) as agent:
        until(lambda: set(here.shop.states().values()) == {AIRWAY_BILL_STATE_UNKNOWN}, "claims", PATIENCE_S)
        assert not agent.wait_idle(0.5)
    # Another agent, after a crash say: the notes tell that surely nothing was done.
    with here.agent() as agent:
        assert agent.wait_idle(PATIENCE_S)
    assert set(here.shop.states().values()) == {AIRWAY_BILL_STATE_ASSIGNED}
    assert set(here.simulator.orders_per_reference().values()) == {1}


def test_without_the_notes_it_is_a_question(stage) -> None:
    with CourierSimulator() as other:
        nobody = other.url
    here = stage("biteship")
    with here.agent(url=nobody):
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN, "the claim", PATIENCE_S)
    with here.agent("others") as agent:
        assert agent.wait_idle(PATIENCE_S)
        assert agent.counts() == {"questions": 1}
    assert here.simulator.orders_per_reference() == {}


@pytest.mark.parametrize("name", ["biteship", "rajaongkir"])
def test_a_number_that_comes_later_is_fetched_by_the_next_agent(stage, name: str) -> None:
    here = stage(name, 2, Misbehaviour(later=1.0, later_seconds=1_000.0))
    with here.agent():
        until(lambda: len(here.simulator.world.all()) == 2, "orders", PATIENCE_S)
        until(
            lambda: all("comes later" in each.airway_bill_detail for each in here.shop.parcels.values()),
            "remarks",
            PATIENCE_S,
        )
    for order in here.simulator.world.all():
        order.number_from = 0.0
    with here.agent() as agent:
        assert agent.wait_idle(PATIENCE_S)
    assert set(here.shop.states().values()) == {AIRWAY_BILL_STATE_ASSIGNED}
    assert set(here.simulator.orders_per_reference().values()) == {1}


@pytest.mark.parametrize("name", ["biteship", "rajaongkir"])
def test_an_order_that_the_carrier_took_back_gives_no_number_and_may_be_made_anew(
    stage, make_parcel, name: str
) -> None:
    here = stage(name, 1, Misbehaviour(later=1.0, later_seconds=1_000.0))
    with here.agent() as agent:
        until(lambda: "comes later" in here.shop.parcels[1].airway_bill_detail, "the order", PATIENCE_S)
        (order,) = here.simulator.world.all()
        order.number_from = 0.0
        here.simulator.move(order, TrackingState.CANCELLED)
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_FAILED, "the refusal", PATIENCE_S)
        assert here.shop.parcels[1].airway_bill_detail.endswith("was cancelled there")
        here.simulator.behave(Misbehaviour())
        again = make_parcel(1)
        again.version = here.shop.parcels[1].version + 1
        here.shop.put(again)
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED, "a number", PATIENCE_S)
        assert agent.wait_idle(PATIENCE_S)
    first, second = here.simulator.world.all()
    assert here.shop.parcels[1].airway_bill == second.airway_bill != first.airway_bill


@pytest.mark.parametrize("name", ["biteship", "rajaongkir"])
def test_a_new_request_counts_while_the_old_order_is_looked_at(stage, make_parcel, name: str) -> None:
    """Staff said that it was not ordered, and asked again: for another service."""
    here = stage(name, 1, Misbehaviour(later=1.0, later_seconds=1_000.0))
    with here.agent() as agent:
        until(lambda: "comes later" in here.shop.parcels[1].airway_bill_detail, "the order", PATIENCE_S)
        here.simulator.behave(Misbehaviour())
        again = make_parcel(1)
        again.courier_service = "YES"
        again.version = here.shop.parcels[1].version + 2
        here.shop.put(again)
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED, "a number", PATIENCE_S)
        assert agent.wait_idle(PATIENCE_S)
    first, second = here.simulator.world.all()
    assert here.shop.parcels[1].airway_bill == second.airway_bill != first.airway_bill
    assert second.service.upper() == "YES"


@pytest.mark.parametrize(
    ("field", "value"), [("courier_id", 2), ("airway_bill_state", AIRWAY_BILL_STATE_FAILED)]
)
def test_what_goes_another_way_is_looked_at_no_more(stage, field: str, value: int) -> None:
    here = stage("biteship", 1, Misbehaviour(later=1.0, later_seconds=1_000.0))
    with here.agent() as agent:
        until(lambda: "comes later" in here.shop.parcels[1].airway_bill_detail, "the order", PATIENCE_S)
        now = Parcel.FromString(here.shop.parcels[1].SerializeToString())
        setattr(now, field, value)
        now.version += 1
        here.shop.put(now)
        assert agent.wait_idle(PATIENCE_S)
        here.simulator.world.all()[0].number_from = 0.0
    assert here.shop.parcels[1] == now


def test_refused_corrected_and_asked_for_again(stage, make_parcel) -> None:
    here = stage("jne")
    here.shop.parcels[1].address.postal_code = "99999"
    with here.agent() as agent:
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_FAILED, "a refusal", PATIENCE_S)
        again = make_parcel(1)
        again.version = here.shop.parcels[1].version + 1
        here.shop.put(again)
        until(lambda: here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED, "a number", PATIENCE_S)
        assert agent.wait_idle(PATIENCE_S)
    assert here.simulator.orders_per_reference() == {"KASIR-0-1": 1}


@pytest.mark.parametrize("name", ONCE)
def test_what_staff_settled_between_claim_and_order_is_not_ordered(stage, name: str) -> None:
    here = stage(name)
    take = here.shop._reply

    def take_and_type(request: Any, context: Any) -> Any:
        reply = take(request, context)
        typed = Parcel.FromString(reply.parcel.SerializeToString())
        typed.airway_bill_state, typed.airway_bill = AIRWAY_BILL_STATE_ASSIGNED, "TYPED"
        typed.version += 1
        here.shop.parcels[1] = typed
        return reply

    here.shop._reply = take_and_type
    with here.agent() as agent:
        assert agent.wait_idle(PATIENCE_S)
        assert agent.counts()["dropped"] == 1
    assert here.simulator.orders_per_reference() == {}
    assert here.shop.parcels[1].airway_bill == "TYPED"


@pytest.mark.parametrize("name", ONCE)
def test_what_staff_settled_while_the_carrier_was_away_is_not_ordered(stage, name: str) -> None:
    here = stage(name, 1, Misbehaviour(busy=1.0))
    with here.agent() as agent:
        until(lambda: "429" in here.shop.parcels[1].airway_bill_detail, "the reason", PATIENCE_S)
        typed = Parcel.FromString(here.shop.parcels[1].SerializeToString())
        typed.airway_bill_state, typed.airway_bill = AIRWAY_BILL_STATE_ASSIGNED, "TYPED"
        typed.version += 1
        here.shop.put(typed)
        until(lambda: agent.counts().get("dropped") == 1, "the parcel is let go", PATIENCE_S)
        here.simulator.behave(Misbehaviour())
        assert agent.wait_idle(PATIENCE_S)
    assert here.simulator.orders_per_reference() == {}


def test_a_shop_that_cannot_be_asked_right_before_the_order_is_asked_again(stage) -> None:
    here = stage("biteship")
    find, failing = here.shop.GetParcel, [True, True]

    def get_parcel(_self: Any, request: Any, context: Any) -> Any:
        if failing:
            failing.pop()
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return find(request, context)

    here.shop.stop()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(here.shop), "GetParcel", get_parcel)
        here.shop.start(here.shop.port)
        with here.agent() as agent:
            assert agent.wait_idle(PATIENCE_S)
    assert not failing
    assert here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED
    assert here.simulator.orders_per_reference() == {"KASIR-0-1": 1}


def test_notes_are_one_agents_and_outlive_it(tmp_path: Path, make_parcel) -> None:
    parcel, other = make_parcel(1), make_parcel(1)
    # A shop that was set up anew counts from 1 again, at another time.
    other.create_time.FromSeconds(1_700_000_000)
    notes = Notes(tmp_path / "notes")
    notes.put(parcel, Note("bs1"))
    with pytest.raises(BadInput, match="Another courier agent"):
        Notes(tmp_path / "notes")
    notes.close()
    again = Notes(tmp_path / "notes")
    assert again.of(parcel) == Note("bs1")
    assert again.of(other) is None
    again.forget(parcel)
    assert again.of(parcel) is None
    again.close()


class TestNews:
    """What webhooks lead to, with what they say asked for first."""

    @pytest.fixture
    def here(self, stage):
        here = stage("biteship", 1, Misbehaviour(lost=1.0))
        with here.agent() as agent:
            assert agent.wait_idle(PATIENCE_S)
        return here

    @pytest.fixture
    def hear(self, here) -> Iterator[Callable[..., bool]]:
        asked = kit.carrier("biteship", here.simulator.url, here.folder, timeout_s=2.0)
        notes = Notes(here.folder / "heard")
        patience = Patience(timeout_s=2.0, tries=2, pause_s=0.01)
        hearing = Hearing(Connection(here.shop.target, "agen"), asked, notes=notes, patience=patience)
        yield lambda **news: hearing.take(News(**news))
        asked.close()
        notes.close()

    def test_the_order_it_names_tells_whose_it_is(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN
        assert hear(order_id=order.order_id)
        assert here.shop.parcels[1].airway_bill == order.airway_bill
        # Again, and again
        assert hear(order_id=order.order_id)
        assert len([each for each in here.shop.taken if each.state == AIRWAY_BILL_STATE_ASSIGNED]) == 1

    def test_what_it_says_itself_is_not_believed(self, here, hear) -> None:
        assert not hear(order_id="forged", airway_bill="FORGED-1", state=TrackingState.DELIVERED)
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN

    def test_repeats_ask_the_carrier_once(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        asked = here.simulator.requests("GET")
        assert all(hear(order_id=order.order_id) for _ in range(20))
        assert here.simulator.requests("GET") == asked + 1
        # Steps of a parcel whose number is known need no look, however many come.
        for state in (TrackingState.PICKED_UP, TrackingState.OUT_FOR_DELIVERY):
            assert hear(order_id=order.order_id, airway_bill=order.airway_bill, state=state)
        assert here.simulator.requests("GET") == asked + 1

    def test_repeats_of_what_could_not_be_acted_on_come_again_after_a_while(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        here.simulator.behave(Misbehaviour(errors=1.0))
        asked = here.simulator.requests("GET")
        assert not any(hear(order_id=order.order_id) for _ in range(20))
        assert here.simulator.requests("GET") == asked + 1
        here.simulator.behave(Misbehaviour())
        until(lambda: hear(order_id=order.order_id), "the pause", PATIENCE_S)
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED

    def test_an_arrival_is_asked_for_once(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        assert hear(order_id=order.order_id)
        here.simulator.move(order, TrackingState.DELIVERED)
        said = {"airway_bill": order.airway_bill, "state": TrackingState.DELIVERED}
        asked = here.simulator.requests("track")
        assert all(hear(**said) for _ in range(5))
        assert all(hear(order_id=f"x{nth}", **said) for nth in range(5))
        assert here.simulator.requests("track") == asked + 1
        assert here.shop.parcels[1].HasField("deliver_time")

    def test_an_order_that_was_taken_back_gives_no_number(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        here.simulator.move(order, TrackingState.CANCELLED)
        assert hear(order_id=order.order_id)
        # Nor is it said of the parcel: it may have another order by now.
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN

    def test_one_that_cannot_be_acted_on_shall_come_again(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        here.simulator.behave(Misbehaviour(errors=1.0))
        assert not hear(order_id=order.order_id)
        here.simulator.behave(Misbehaviour())
        here.shop.stop()
        assert not hear(order_id=order.order_id)
        here.shop.start(here.shop.port)
        until(lambda: hear(order_id=order.order_id), "the pause", PATIENCE_S)
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED

    def test_a_number_that_another_parcel_has_is_for_a_person(self, here, hear, make_parcel) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        taken = make_parcel(2, state=AIRWAY_BILL_STATE_ASSIGNED)
        taken.airway_bill = order.airway_bill
        here.shop.parcels[2] = taken
        assert hear(order_id=order.order_id)
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_FAILED
        assert "AIRWAY_BILL_TAKEN" in here.shop.parcels[1].airway_bill_detail

    def test_news_of_a_number_that_stands_on_another_parcel_are_its_own_parcels(
        self, here, hear, make_parcel
    ) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        taken = make_parcel(2, state=AIRWAY_BILL_STATE_ASSIGNED)
        taken.airway_bill = order.airway_bill
        here.shop.parcels[2] = taken
        here.simulator.move(order, TrackingState.DELIVERED)
        said = {"airway_bill": order.airway_bill, "state": TrackingState.DELIVERED}
        assert hear(reference="KASIR-0-1", order_id=order.order_id, **said)
        assert here.shop.states()[1] == AIRWAY_BILL_STATE_FAILED
        assert "AIRWAY_BILL_TAKEN" in here.shop.parcels[1].airway_bill_detail
        assert not here.shop.parcels[2].HasField("deliver_time")

    def test_an_arrival_counts_for_what_was_ordered_elsewhere_and_numbered_by_hand(self, here, hear) -> None:
        order = here.simulator.world.find("KASIR-0-1")
        here.simulator.move(order, TrackingState.DELIVERED)
        here.shop.parcels[1].airway_bill = order.airway_bill
        here.shop.parcels[1].airway_bill_state = AIRWAY_BILL_STATE_ASSIGNED
        assert hear(reference="WEB-9", airway_bill=order.airway_bill, state=TrackingState.DELIVERED)
        assert here.shop.parcels[1].HasField("deliver_time")


def test_a_number_that_does_not_come_is_looked_for_less_and_less(stage) -> None:
    here = stage("biteship", 1, Misbehaviour(later=1.0, later_seconds=1_000.0))
    with here.agent() as agent:
        until(lambda: "comes later" in here.shop.parcels[1].airway_bill_detail, "the order", PATIENCE_S)
        before = here.simulator.requests("GET")
        assert not agent.wait_idle(2.0)
        # Every 0.05 s it would be 40.
        assert 1 <= here.simulator.requests("GET") - before <= 8


def test_why_a_carrier_is_not_asked_yet_is_told_once(stage) -> None:
    here = stage("jne", 1, Misbehaviour(busy=1.0))
    with here.agent():
        until(lambda: "429" in here.shop.parcels[1].airway_bill_detail, "the reason", PATIENCE_S)
    told = [report.detail for report in here.shop.taken]
    assert len(told) == 2
    assert told[0].startswith("being ordered by")
    here.simulator.behave(Misbehaviour())
    with here.agent() as agent:
        assert agent.wait_idle(PATIENCE_S)
    assert here.shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED
