"""Goal: each parcel is ordered once and ends ASSIGNED or FAILED, whatever courier, line and engine do.

Method: the real agent between a real gRPC server, which keeps parcels as the engine does, and a courier that
misbehaves over HTTP. Where it matters the courier is one that would make a second order when asked twice.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.common.client import Patience
from clients.common.connection import Connection
from clients.courier_agent import CourierAgent, Options
from clients.couriers.carrier import TrackingState, shipment_of
from clients.couriers.carriers.generic import Generic
from clients.couriers.settings import CarrierSettings
from clients.couriers.simulator import CourierSimulator, Misbehaviour
from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Money
from kasir.v1.shipping_pb2 import (
    AIRWAY_BILL_STATE_ASSIGNED,
    AIRWAY_BILL_STATE_FAILED,
    AIRWAY_BILL_STATE_REQUESTED,
    AIRWAY_BILL_STATE_UNKNOWN,
    Parcel,
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
QUICK = Options(rounds=4, pause_s=0.01, pause_max_s=0.1)


def generic(url: str, **options: Any) -> Generic:
    return Generic(CarrierSettings("generic", url, **options))


@contextmanager
def running(
    target: str, url: str, options: Options = QUICK, *, timeout_s: float = 2.0
) -> Iterator[CourierAgent]:
    api = generic(url, timeout_s=timeout_s, connections=options.concurrency)
    patience = Patience(timeout_s=5.0, pause_s=0.01, pause_max_s=0.1)
    agent = CourierAgent(Connection(target, "courier-agent"), api, options, patience=patience)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            agent.run()
        except BaseException as failure:
            failures.append(failure)
            raise

    thread = threading.Thread(target=run, name="agent", daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        agent.stop()
        thread.join(PATIENCE_S)
        api.close()
        assert not thread.is_alive()
        assert not failures


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def assert_settled(shop: Any, courier: CourierSimulator, bad: set[int]) -> None:
    """One order for each good parcel and none for a bad one; each reported once, with its own number."""
    assert courier.orders_per_reference() == {
        parcel.courier_reference: 1 for number, parcel in shop.parcels.items() if number not in bad
    }
    numbers = courier.airway_bills()
    for number, parcel in shop.parcels.items():
        if number in bad:
            assert parcel.airway_bill_state == AIRWAY_BILL_STATE_FAILED
            assert "postal code" in parcel.airway_bill_detail
        else:
            assert parcel.airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
            assert parcel.airway_bill == numbers[parcel.courier_reference]
    ends = Counter(report.parcel_id for report in shop.taken if report.state != AIRWAY_BILL_STATE_UNKNOWN)
    assert set(ends.values()) == {1}


def test_all_is_well(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(number) for number in range(1, 21)])
    with CourierSimulator() as courier, running(shop.target, courier.url) as agent:
        assert agent.wait_idle(PATIENCE_S)
        assert_settled(shop, courier, bad=set())
        assert agent.counts() == {"assigned": 20}
        assert courier.requests("POST") == 20


def test_a_courier_hears_what_it_is_to_collect(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(1), make_parcel(2)])
    shop.at_the_door[1_001] = Money(currency_code="IDR", minor_units=15_000_000)
    # This courier's people carry rupiah only.
    shop.at_the_door[1_002] = Money(currency_code="USD", minor_units=1_200)
    with CourierSimulator() as courier, running(shop.target, courier.url) as agent:
        assert agent.wait_idle(PATIENCE_S)
        assert agent.counts() == {"assigned": 1, "failed": 1}
        assert "rupiah are collected" in shop.parcels[2].airway_bill_detail


@pytest.mark.parametrize("seed", [1, 2])
def test_300_parcels_and_a_courier_that_misbehaves_in_every_way(shop_server, make_parcel, seed: int) -> None:
    bad = set(range(10, 301, 10))
    parcels = [
        make_parcel(number, postal_code="4011" if number in bad else "40111") for number in range(1, 301)
    ]
    shop = shop_server(parcels, flaky=0.2)
    misbehaviour = Misbehaviour(
        seed=seed,
        errors=0.15,
        errors_after=0.15,
        dropped=0.1,
        lost=0.15,
        late=0.1,
        late_before=0.1,
        late_seconds=0.6,
    )
    with CourierSimulator(misbehaviour) as courier:
        # Some answers are later than the agent waits.
        with running(shop.target, courier.url, timeout_s=0.3) as agent:
            assert agent.wait_idle(PATIENCE_S)
        # An order that came late may still be under way; then it changes nothing.
        time.sleep(misbehaviour.late_seconds)
        assert_settled(shop, courier, bad)
        assert courier.requests("POST") > 300


def test_a_courier_that_keeps_no_references_gets_no_second_order(shop_server, make_parcel) -> None:
    """Here a second request would make a second order: the question before it is all that prevents one."""
    shop = shop_server([make_parcel(number) for number in range(1, 151)], flaky=0.2)
    misbehaviour = Misbehaviour(
        seed=3, errors=0.2, errors_after=0.2, dropped=0.1, lost=0.2, late=0.2, late_seconds=0.4
    )
    with CourierSimulator(misbehaviour, idempotent=False) as courier:
        with running(shop.target, courier.url, timeout_s=0.2) as agent:
            assert agent.wait_idle(PATIENCE_S)
        assert_settled(shop, courier, bad=set())


def test_an_unknown_one_is_settled_by_asking(shop_server, make_parcel) -> None:
    """An earlier agent ordered it and crashed before it could say so."""
    parcel = make_parcel(1, state=AIRWAY_BILL_STATE_UNKNOWN)
    shop = shop_server([parcel])
    with CourierSimulator(idempotent=False) as courier:
        api = generic(courier.url)
        ordered = api.create(shipment_of(parcel, Order()))
        api.close()
        with running(shop.target, courier.url) as agent:
            assert agent.wait_idle(PATIENCE_S)
        assert courier.requests("POST") == 1
        assert shop.parcels[1].airway_bill == ordered.airway_bill
        assert_settled(shop, courier, bad=set())


def test_an_order_that_the_courier_took_back_gives_no_number_however_often_it_is_asked_for(
    shop_server, make_parcel
) -> None:
    parcel = make_parcel(1, state=AIRWAY_BILL_STATE_UNKNOWN)
    shop = shop_server([parcel])
    with CourierSimulator() as courier:
        api = generic(courier.url)
        api.create(shipment_of(parcel, Order()))
        api.close()
        courier.move(courier.world.find("KASIR-0-1"), TrackingState.CANCELLED)
        for _ in range(2):
            with running(shop.target, courier.url) as agent:
                assert agent.wait_idle(PATIENCE_S)
            assert shop.states()[1] == AIRWAY_BILL_STATE_FAILED
            said = shop.parcels[1].airway_bill_detail
            assert "cancelled there" in said
            assert said.endswith("or choose another courier (kasir cs request-awb --courier)")
            again = make_parcel(1)
            again.version = shop.parcels[1].version + 1
            shop.put(again)
        assert courier.requests("POST") == 1


def test_a_courier_that_is_down_makes_it_unknown_once_and_is_asked_until_it_is_back(
    shop_server, make_parcel
) -> None:
    shop = shop_server([make_parcel(1)])
    with (
        CourierSimulator(Misbehaviour(errors=1.0)) as courier,
        running(shop.target, courier.url) as agent,
    ):
        eventually(lambda: shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN)
        asked = courier.requests("GET")
        eventually(lambda: courier.requests("GET") > asked + 3)
        assert [report.state for report in shop.taken] == [AIRWAY_BILL_STATE_UNKNOWN]
        assert "500" in shop.taken[0].detail
        assert not agent.wait_idle(0.05)
        courier.behave(Misbehaviour())
        assert agent.wait_idle(PATIENCE_S)
        assert_settled(shop, courier, bad=set())
        assert agent.counts() == {"unknown": 1, "assigned": 1}


def test_a_courier_that_asks_to_be_left_alone_is(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(1)])
    with (
        CourierSimulator(Misbehaviour(busy=1.0)) as courier,
        running(shop.target, courier.url),
    ):
        eventually(lambda: courier.requests("GET") == 1)
        time.sleep(0.5)
        assert courier.requests("GET") == 1


def test_nobody_listens_there(shop_server, make_parcel) -> None:
    with CourierSimulator() as courier:
        url = courier.url
    shop = shop_server([make_parcel(1)])
    with running(shop.target, url):
        eventually(lambda: shop.states()[1] == AIRWAY_BILL_STATE_UNKNOWN)
        assert shop.taken[0].detail == "no connection to the courier"


def test_refused_asked_for_again_and_refused_with_the_same_words(shop_server, make_parcel) -> None:
    """The second refusal is another report, although it says the same: its id must be another one."""
    parcel = make_parcel(1, postal_code="?")
    shop = shop_server([parcel])
    with CourierSimulator() as courier, running(shop.target, courier.url):
        for times in (1, 2):
            eventually(lambda times=times: len(shop.taken) == times)
            assert shop.states()[1] == AIRWAY_BILL_STATE_FAILED
            asked_again = make_parcel(1, postal_code="?")
            asked_again.version = shop.parcels[1].version + 1
            if times == 1:
                shop.put(asked_again)
        first, second = shop.taken
        assert first.detail == second.detail
        assert first.request_id != second.request_id
        # Corrected, it goes.
        corrected = make_parcel(1)
        corrected.version = shop.parcels[1].version + 1
        shop.put(corrected)
        eventually(lambda: shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED)
        assert courier.orders_per_reference() == {"KASIR-0-1": 1}


def test_asked_for_again_while_the_last_report_is_under_way(shop_server, make_parcel) -> None:
    """The stream may bring the new request before the agent has heard the reply to its report."""
    shop = shop_server([make_parcel(1, postal_code="?")])
    reply = shop._reply

    def reply_and_ask_again(request: Any, context: Any) -> Any:
        answer = reply(request, context)
        if len(shop.taken) == 1:
            again = make_parcel(1)
            again.version = answer.parcel.version + 1
            shop.parcels[1] = again
            for watcher in shop.watchers:
                watcher.put(again)
            time.sleep(0.3)
        return answer

    shop._reply = reply_and_ask_again
    with CourierSimulator() as courier, running(shop.target, courier.url):
        eventually(lambda: shop.states()[1] == AIRWAY_BILL_STATE_ASSIGNED)


def test_a_number_that_another_parcel_has_is_for_a_person(shop_server, make_parcel) -> None:
    taken = make_parcel(1, state=AIRWAY_BILL_STATE_ASSIGNED)
    with CourierSimulator() as courier:
        api = generic(courier.url)
        taken.airway_bill = api.create(shipment_of(make_parcel(2), Order())).airway_bill
        api.close()
        shop = shop_server([taken, make_parcel(2)])
        with running(shop.target, courier.url) as agent:
            assert agent.wait_idle(PATIENCE_S)
        assert shop.states()[2] == AIRWAY_BILL_STATE_FAILED
        assert taken.airway_bill in shop.parcels[2].airway_bill_detail
        assert "AIRWAY_BILL_TAKEN" in shop.parcels[2].airway_bill_detail


def test_what_staff_settled_meanwhile_is_let_go(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(1), make_parcel(2)])
    watched = {
        number: Parcel.FromString(parcel.SerializeToString()) for number, parcel in shop.parcels.items()
    }
    with CourierSimulator(Misbehaviour(errors=1.0)) as courier:
        options = Options(rounds=1_000, pause_s=0.05, pause_max_s=0.05)
        with running(shop.target, courier.url, options) as agent:
            eventually(lambda: courier.requests("GET") >= 2)
            with shop.lock:
                shop.parcels[1].airway_bill_state = AIRWAY_BILL_STATE_ASSIGNED
                shop.parcels[1].airway_bill = "TYPED"
                shop.parcels[1].version += 1
            courier.behave(Misbehaviour())
            assert agent.wait_idle(PATIENCE_S)
            assert agent.counts() == {"assigned": 1, "dropped": 1}
        # Not even ordered
        assert courier.orders_per_reference() == {"KASIR-0-2": 1}
    assert shop.parcels[1].airway_bill == "TYPED"
    assert shop.parcels[2].airway_bill_state == AIRWAY_BILL_STATE_ASSIGNED
    assert watched[1].airway_bill_state == AIRWAY_BILL_STATE_REQUESTED


def test_parcels_of_other_couriers_are_left_to_their_agents(shop_server, make_parcel) -> None:
    other = make_parcel(1)
    other.courier_id = 2
    shop = shop_server([other, make_parcel(2)])
    with CourierSimulator() as courier:
        options = Options(courier_id=1, pause_s=0.01)
        with running(shop.target, courier.url, options) as agent:
            assert agent.wait_idle(PATIENCE_S)
        assert courier.orders_per_reference() == {"KASIR-0-2": 1}
    assert shop.states()[1] == AIRWAY_BILL_STATE_REQUESTED


def test_the_server_is_started_anew(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(1)])
    with CourierSimulator() as courier, running(shop.target, courier.url) as agent:
        assert agent.wait_idle(PATIENCE_S)
        shop.stop()
        shop.parcels[2] = make_parcel(2)
        shop.start(shop.port)
        eventually(lambda: shop.states()[2] == AIRWAY_BILL_STATE_ASSIGNED)
        assert_settled(shop, courier, bad=set())


def test_no_more_parcels_at_once_than_it_is_told(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(number) for number in range(1, 41)])
    at_once: list[int] = []
    with CourierSimulator(Misbehaviour(late=1.0, late_seconds=0.05)) as courier:
        api = generic(courier.url, connections=3)
        find, under_way, lock = api.find, Counter(), threading.Lock()

        def counted(reference: str) -> Any:
            with lock:
                under_way["now"] += 1
                at_once.append(under_way["now"])
            try:
                return find(reference)
            finally:
                with lock:
                    under_way["now"] -= 1

        api.find = counted
        agent = CourierAgent(Connection(shop.target, "agent"), api, Options(concurrency=3))
        thread = threading.Thread(target=agent.run)
        thread.start()
        assert agent.wait_idle(PATIENCE_S)
        agent.stop()
        thread.join(PATIENCE_S)
        api.close()
        assert_settled(shop, courier, bad=set())
    assert max(at_once) == 3


def start_command(shop: Any, courier: CourierSimulator, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kasir.cli", "courier", "agent"]
    command += ["--server", shop.target, "--url", courier.url, *options]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_and_started_again_it_orders_nothing_twice(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(number) for number in range(1, 121)])
    misbehaviour = Misbehaviour(seed=5, late=1.0, late_seconds=0.1)
    # This courier would make a second order.
    with CourierSimulator(misbehaviour, idempotent=False) as courier:
        for share in (20, 50):
            process = start_command(shop, courier, "--at-once", "16")
            eventually(lambda share=share: len(courier.orders_per_reference()) >= share)
            process.kill()
            process.communicate(timeout=PATIENCE_S)
        # The courier has orders that nobody was told about.
        assert len(shop.taken) < len(courier.orders_per_reference())
        process = start_command(shop, courier, "--drain", "--json")
        out, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
        assert '"assigned"' in out
        assert_settled(shop, courier, bad=set())


def test_asked_to_stop_it_finishes_what_is_under_way(shop_server, make_parcel) -> None:
    shop = shop_server([make_parcel(number) for number in range(1, 61)])
    with CourierSimulator(Misbehaviour(late=1.0, late_seconds=0.1)) as courier:
        process = start_command(shop, courier, "--courier", "JNX")
        eventually(lambda: len(shop.taken) >= 5)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
        orders = courier.orders_per_reference()
        assert 5 <= len(orders) < 60
        assert len(shop.taken) == len(orders)
