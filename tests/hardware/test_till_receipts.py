"""Goal: a receipt that a till asks for beside the server is printed once, whichever of the two asks first.

Method: an agent with a simulated printer behind a line to the server that is cut; the till
asks at the station.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.common.problems import CallFailed
from clients.common.station import Station
from kasir.v1 import admin_pb2, sale_pb2, station_pb2, till_pb2
from tests.hardware.printing_shop import PRINTED, UNKNOWN, AgentProcess, config_text, ledger
from tests.server.support import idr, new_id, until
from tests.till.line import Line
from tests.till.world import TillShop

ON_PAPER = station_pb2.RECEIPT_OUTCOME_PRINTED
NOT_ON_PAPER = station_pb2.RECEIPT_OUTCOME_FAILED
NOBODY_KNOWS = station_pb2.RECEIPT_OUTCOME_UNKNOWN
NUMBER = "KASIR-1-7QXM-42"
SETTINGS = admin_pb2.Settings(shop_name="Toko Melati", currency_code="IDR")


class Counter:
    """A till beside an agent."""

    def __init__(self, channel, target: str, printer_address: str, folder: Path) -> None:
        self.channel = channel
        self.shop = TillShop(channel)
        self.line = Line(target)
        self._folder = folder
        # A socket's path is short.
        self._sockets = tempfile.TemporaryDirectory()
        self.address = f"unix:{self._sockets.name}/s.sock"
        printer = config_text("counter", printer_address, drawer_pin=2, location="TOKO")
        head = ['name = "desk"', "probe_s = 0.2", f'station = "{self.address}"']
        (folder / "hardware.toml").write_text("\n".join([*head, printer]))
        self.station = Station(self.address)
        self.start()

    def start(self) -> None:
        log = self._folder / "agent.log"
        before = log.read_text().count("ready") if log.exists() else 0
        config, notes = self._folder / "hardware.toml", self._folder / "notes"
        self.agent = AgentProcess(config, notes, self.line.address, log)
        until(lambda: log.read_text().count("ready") > before, "the printer is ready")

    def asks(self, number: str = NUMBER) -> int:
        """What became of a receipt that the till asks for."""
        till = till_pb2.Till(till_id=self.shop.till_id, code="KASIR-1", location_id=self.shop.shop_id)
        return self.station.print_receipt(self.sale(number), SETTINGS, till).outcome

    def sale(self, number: str) -> sale_pb2.Sale:
        return sale_pb2.Sale(
            till_id=self.shop.till_id,
            receipt=number,
            tenders=[sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(25_000))],
            cashier="siti",
        )

    def sells(self, number: str = NUMBER) -> None:
        """The server books the sale and queues its receipt, as for a till whose line broke just then."""
        opened = self.shop.tills.OpenShift(
            till_pb2.OpenShiftRequest(request_id=new_id(), till_id=self.shop.till_id, opening_cash=idr(0))
        )
        line = till_pb2.TillLineInput(item_id=self.shop.teh, quantity=10)
        cart = till_pb2.TillSaleInput(shift_id=opened.shift.shift_id, lines=[line], receipt=number)
        tender = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(25_000))
        request = till_pb2.CreateTillSaleRequest(request_id=new_id(), sale=cart, tenders=[tender])
        self.shop.tills.CreateTillSale(request)

    def job_is(self, state: int) -> None:
        until(lambda: [job.state for job in ledger(self.channel)] == [state], "the receipt's job")

    def close(self) -> None:
        self.agent.kill()
        self.station.close()
        self.line.cut()
        self._sockets.cleanup()


@pytest.fixture
def counter(channel, server, line, tmp_path) -> Iterator[Counter]:
    made = Counter(channel, server.target, line.address, tmp_path)
    yield made
    made.close()
    print((tmp_path / "agent.log").read_text())


def test_without_the_line_a_receipt_is_printed_once_and_the_drawer_opens_once(counter, printer):
    counter.line.cut()
    assert counter.asks() == ON_PAPER
    assert (len(printer.slips), printer.kicks) == (1, 1)
    assert any(NUMBER in getattr(item, "text", "") for item in printer.roll)
    assert counter.asks() == ON_PAPER
    assert (len(printer.slips), printer.kicks) == (1, 1)
    assert counter.asks("KASIR-1-7QXM-43") == ON_PAPER
    assert len(printer.slips) == 2
    assert not printer.complaints


def test_its_own_job_prints_nothing_more_even_after_the_agent_was_killed(counter, printer):
    counter.line.cut()
    assert counter.asks() == ON_PAPER
    counter.agent.kill()
    counter.sells()
    counter.line.restore()
    counter.start()
    counter.job_is(PRINTED)
    assert (len(printer.slips), printer.kicks) == (1, 1)
    assert "given by the till" in ledger(counter.channel)[0].detail


def test_what_the_server_had_printed_is_not_printed_for_the_till(counter, printer):
    counter.sells()
    counter.job_is(PRINTED)
    counter.line.cut()
    assert counter.asks() == ON_PAPER
    assert len(printer.slips) == 1


def test_a_printer_that_is_not_ready_prints_nothing_later(counter, printer):
    counter.line.cut()
    with printer.changing() as state:
        state.cover_open = True
    assert counter.asks() == NOT_ON_PAPER
    with printer.changing() as state:
        state.cover_open = False
    assert counter.asks("KASIR-1-7QXM-43") == ON_PAPER
    assert len(printer.slips) == 1
    assert counter.asks() == ON_PAPER


def test_a_receipt_that_was_cut_off_is_unknown_and_never_printed_by_itself(counter, printer):
    counter.line.cut()
    printer.cut_after(500)
    assert counter.asks() == NOBODY_KNOWS
    assert counter.asks() == NOBODY_KNOWS
    counter.sells()
    counter.line.restore()
    counter.job_is(UNKNOWN)


def test_a_till_of_another_location_finds_no_printer_here(counter):
    till = till_pb2.Till(till_id=9, code="KASIR-9", location_id=counter.shop.shop_id + 100)
    with pytest.raises(CallFailed) as failed:
        counter.station.print_receipt(counter.sale(NUMBER), SETTINGS, till)
    assert failed.value.reason == "DEVICE_NOT_FOUND"
    with pytest.raises(CallFailed) as failed:
        counter.station.print_receipt(counter.sale(""), SETTINGS, till)
    assert failed.value.reason == "FIELD_REQUIRED"


def test_an_agent_that_is_started_without_the_line_prints_for_the_till(counter, printer):
    counter.agent.kill()
    counter.line.cut()
    counter.start()
    assert counter.asks() == ON_PAPER
    assert len(printer.slips) == 1
    # And goes on with the server's jobs when the line is back.
    counter.line.restore()
    counter.sells("KASIR-1-7QXM-43")
    counter.job_is(PRINTED)
    assert len(printer.slips) == 2


def test_a_receipt_with_a_strange_time_is_refused_and_the_next_one_printed(counter, printer):
    counter.line.cut()
    till = till_pb2.Till(till_id=counter.shop.till_id, code="KASIR-1", location_id=counter.shop.shop_id)
    strange = counter.sale(NUMBER)
    strange.create_time.seconds = 10**12
    with pytest.raises(CallFailed) as failed:
        counter.station.print_receipt(strange, SETTINGS, till)
    assert (failed.value.reason, failed.value.field) == ("FIELD_OUT_OF_RANGE", "sale.create_time")
    assert counter.asks() == ON_PAPER
    assert len(printer.slips) == 1
