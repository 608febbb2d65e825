"""Goal: whatever dies and whatever the carrier does, each parcel has one order there, and ends with the right
number or with a question for a person, who can settle it.

Method: `kasir serve` and `kasir courier agent` as processes of their own, each carrier's simulator with all
of its bad manners, webhooks and all; the agent and the server are killed -9 as work goes on. Then somebody
looks at the carrier for each parcel that is a question, as staff would, and says what they found.

KASIR_COURIER_PARCELS says how many parcels there are, over all carriers; `make test-couriers` takes 1,000.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from clients.courier import app as courier_app
from clients.couriers.simulator import CourierSimulator, Misbehaviour, WebhookTarget
from kasir.v1 import booking_pb2, sale_pb2, shipping_pb2
from tests.courier import kit
from tests.server.support import Shop, new_id, patient_channel, until

ROOT = Path(__file__).resolve().parents[2]
PARCELS = int(os.environ.get("KASIR_COURIER_PARCELS", "80")) // len(kit.NAMES)
PATIENCE_S = 120.0
# Of the agent; every third time of the server, too.
KILLS = 3 if PARCELS < 100 else 10
ASSIGNED = shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED
REQUESTED = shipping_pb2.AIRWAY_BILL_STATE_REQUESTED
UNKNOWN = shipping_pb2.AIRWAY_BILL_STATE_UNKNOWN
LATE_S = 0.5
BAD = {
    "errors": 0.06,
    "errors_after": 0.06,
    "dropped": 0.05,
    "lost": 0.08,
    "busy": 0.03,
    "late": 0.1,
    "late_before": 0.05,
    "late_seconds": LATE_S,
    "later": 0.3,
    "later_seconds": 1.0,
    "webhook_first": 0.3,
    "webhook_twice": 0.2,
    "webhook_lost": 0.3,
    "shuffled": True,
}

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1_500)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Town:
    """A shop whose server and courier agent may be killed, beside its carrier."""

    def __init__(self, carrier: str, serve: Callable[..., Any], folder: Path, seed: int) -> None:
        self.carrier = carrier
        self.folder = folder
        self.serve = serve
        self.port, webhooks = free_port(), free_port()
        self.listen = f"127.0.0.1:{webhooks}"
        self.server = serve("--listen", f"127.0.0.1:{self.port}")
        self.target = f"127.0.0.1:{self.port}"
        self.channel = patient_channel(self.target)
        self.shop = Shop(self.channel, stock=10_000)
        self.courier_id = self.shop.courier()
        path = f"/webhooks/{kit.WORD}" if carrier == "rajaongkir" else "/webhooks"
        self.simulator = CourierSimulator(
            Misbehaviour(seed=seed, **BAD),
            carrier=carrier,
            keys=kit.KEYS,
            webhooks=WebhookTarget(f"http://{self.listen}{path}"),
        )
        self.simulator.start()
        self.config = self._config()
        self.agent: subprocess.Popen[str] | None = None

    def _config(self) -> Path:
        places = self.folder / "places.csv"
        places.write_text("10110,CGK10000\n")
        lines = [f"[{self.carrier}]", f'url = "{self.simulator.url}"', 'courier = "JNE"']
        for name, key in kit.KEYS.items():
            (self.folder / f"{name}.key").write_text(key)
            lines.append(f'secrets.{name}.file = "{name}.key"')
        lines += [f'sender.{name} = "{value}"' for name, value in kit.SENDER.items()]
        options = {**kit.OPTIONS.get(self.carrier, {}), "destinations": str(places)}
        lines += [f'options.{name} = "{value}"' for name, value in options.items()]
        path = self.folder / "couriers.toml"
        path.write_text("\n".join(lines))
        return path

    def sell(self, count: int) -> None:
        """So many orders are booked, paid and sold."""
        booking = self.shop.booking(courier_id=self.courier_id)
        booking.courier_service = "REG"
        batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[booking] * count)
        results = self.shop.bookings.BatchCreateBookings(batch).results
        orders = [self.shop.pay(each.order) for each in results]
        ids = [order.order_id for order in orders]
        sold = self.shop.sales.CreateSales(sale_pb2.CreateSalesRequest(request_id=new_id(), order_ids=ids))
        assert all(each.parcel_id for each in sold.results)

    def parcels(self) -> list[shipping_pb2.Parcel]:
        request = shipping_pb2.ListParcelsRequest(page_size=1_000)
        return list(self.shop.shipping.ListParcels(request, wait_for_ready=True).parcels)

    def start_agent(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kasir.cli", "courier", "agent", "--carrier", self.carrier]
        command += ["--config", str(self.config), "--server", self.target, "--as", "agen"]
        command += ["--webhooks", self.listen, "--answer-s", "0.3", "--later-s", "0.3", "--at-once", "6"]
        with (self.folder / "agent.log").open("ab") as log:
            return subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                env={**os.environ, "KASIR_STATE": str(self.folder / "state")},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def kill_agent(self) -> None:
        if self.agent is not None:
            self.agent.send_signal(signal.SIGKILL)
            self.agent.communicate(timeout=PATIENCE_S)
        self.agent = None

    def kill_server(self) -> None:
        self.server.kill()
        self.server = self.serve("--listen", f"127.0.0.1:{self.port}")
        grpc.channel_ready_future(self.channel).result(PATIENCE_S)

    def drain(self) -> None:
        """An agent that nobody kills works until nothing is left to do."""
        agent = self.start_agent("--drain", "--json")
        out, _ = agent.communicate(timeout=PATIENCE_S)
        assert agent.returncode == 0, (self.folder / "agent.log").read_text()
        assert json.loads(out) is not None
        # What an earlier agent asked for may come late.
        time.sleep(LATE_S)

    def made(self) -> int:
        return sum(self.simulator.orders_per_reference().values())

    def close(self) -> None:
        self.kill_agent()
        self.simulator.stop()
        self.channel.close()


@pytest.fixture
def town(serve, tmp_path: Path) -> Iterator[Callable[[str, int], Town]]:
    built: list[Town] = []

    def build(carrier: str, seed: int) -> Town:
        built.append(Town(carrier, serve, tmp_path, seed))
        return built[-1]

    yield build
    for each in built:
        each.close()


def one_order_each(town: Town) -> None:
    """Never two orders of a parcel; a number that stands on a parcel is its own."""
    orders, numbers = town.simulator.orders_per_reference(), town.simulator.airway_bills()
    assert set(orders.values()) <= {1}, {ref: count for ref, count in orders.items() if count > 1}
    for parcel in town.parcels():
        if parcel.airway_bill_state == ASSIGNED:
            assert parcel.airway_bill == numbers[parcel.courier_reference]


@pytest.mark.parametrize("carrier", kit.NAMES)
def test_one_order_a_parcel_whatever_dies(town, carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = town(carrier, 7)
    portion = PARCELS // KILLS
    for kill in range(KILLS):
        here.sell(portion if kill else PARCELS - portion * (KILLS - 1))
        made = here.made()
        here.agent = here.start_agent()
        until(lambda made=made: here.made() > made, "an order", PATIENCE_S)
        if kill % 3 == 1:
            here.kill_server()
        here.kill_agent()
        one_order_each(here)
    # Webhooks of what was lost find somebody at last.
    here.agent = here.start_agent()
    assert here.simulator.wait_posted(PATIENCE_S)
    here.kill_agent()
    here.drain()
    one_order_each(here)
    parcels = here.parcels()
    assert len(parcels) == PARCELS
    questions = [parcel for parcel in parcels if parcel.airway_bill_state != ASSIGNED]
    assert all(parcel.airway_bill_state == UNKNOWN for parcel in questions), questions
    assert all(parcel.airway_bill_detail for parcel in questions)
    if carrier == "generic":
        assert not questions
    settle(here, questions, monkeypatch)
    here.simulator.behave(Misbehaviour())
    here.drain()
    one_order_each(here)
    assert {parcel.airway_bill_state for parcel in here.parcels()} == {ASSIGNED}
    assert len(here.simulator.orders_per_reference()) == PARCELS
    print(f"{carrier}: {PARCELS} parcels, {KILLS} kills, {len(questions)} questions")


def settle(here: Town, questions: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks at the carrier for each, and says what is there."""
    monkeypatch.setenv("KASIR_STATE", str(here.folder / "desk"))
    for parcel in questions:
        found = here.simulator.world.find(parcel.courier_reference)
        said = ["--awb", found.airway_bill] if found is not None else ["--not-ordered"]
        command = ["settle", str(parcel.parcel_id), *said, "--server", here.target, "--as", "sari"]
        shown = CliRunner().invoke(courier_app, command)
        assert shown.exit_code == 0, shown.output
        if found is None:
            again = shipping_pb2.RequestAirwayBillRequest(request_id=new_id(), parcel_id=parcel.parcel_id)
            here.shop.shipping.RequestAirwayBill(again)


def test_webhooks_alone_settle_what_was_lost(town) -> None:
    """Every answer is lost, no order can be found by its reference, and all webhooks come."""
    here = town("biteship", 3)
    here.simulator.behave(Misbehaviour(lost=1.0, webhook_first=0.5, webhook_twice=0.5, late_seconds=0.2))
    here.sell(12)
    here.agent = here.start_agent()

    def settled() -> bool:
        try:
            return {parcel.airway_bill_state for parcel in here.parcels()} == {ASSIGNED}
        except grpc.RpcError:
            return False

    until(settled, "numbers by webhooks", PATIENCE_S)
    one_order_each(here)
    # They go their way, and tell of it in any order, twice.
    from clients.couriers.simulator.server import JOURNEY

    for parcel in here.parcels():
        request = shipping_pb2.HandOverParcelRequest(request_id=new_id(), airway_bill=parcel.airway_bill)
        here.shop.shipping.HandOverParcel(request)
    here.simulator.behave(Misbehaviour(shuffled=True, webhook_twice=0.5, late_seconds=0.2))
    for order in here.simulator.world.all():
        here.simulator.move(order, *JOURNEY)
    until(lambda: all(parcel.HasField("deliver_time") for parcel in here.parcels()), "arrivals", PATIENCE_S)
