"""Many labels in one go: in order, each printed once and told only when it was, whatever happens half-way.

Goal: a bulk print that breaks off goes on at the right label. Method: a simulated printer of ZPL or TSPL
keeps labels; what came out is held against the ledger. `make test-hardware` prints 1,000 of each.
"""

import json
import os
import re

import pytest
from typer.testing import CliRunner

from clients import cs
from hardware.simulators.lines import TcpLine
from hardware.simulators.tspl_printer import TsplSimulator
from hardware.simulators.zpl_printer import ZplSimulator
from kasir.v1 import print_pb2, sale_pb2, shipping_pb2
from tests.conftest import PATIENCE_S
from tests.hardware.printing_shop import PRINTED, QUEUED, UNKNOWN, config_text, ledger
from tests.server.support import Shop, new_id, until

LABELS = int(os.environ.get("KASIR_PRINT_LABELS", "40"))
LABEL = print_pb2.DOCUMENT_KIND_ADDRESS_LABEL
SIMULATORS = {"zpl": ZplSimulator, "tspl": TsplSimulator}
# The order's number, in the square.
_ORDER = re.compile(rb'(?:\^FDMA,[^^]*?0*|QRCODE [^"]*")(\d+)(?:\^FS|"\r\n)')


@pytest.fixture(params=SIMULATORS)
def language(request):
    return request.param


@pytest.fixture
def printer(language):
    return SIMULATORS[language]()


@pytest.fixture
def line(printer):
    with TcpLine(printer) as opened:
        yield opened


@pytest.fixture
def label_printer(line, language) -> str:
    return config_text("labels", line.address, language=language, documents=["address-label"])


def sold(shop: Shop, count: int, courier_id: int = 0) -> list[int]:
    """Orders that are paid and sold: each has a parcel."""
    orders = [shop.book(courier_id=courier_id) for _ in range(count)]
    for order in orders:
        shop.pay(order)
    for begin in range(0, count, 500):
        ids = [order.order_id for order in orders[begin : begin + 500]]
        reply = shop.sales.CreateSales(sale_pb2.CreateSalesRequest(request_id=new_id(), order_ids=ids))
        assert not any(result.HasField("error") for result in reply.results)
    return [order.order_id for order in orders]


def label_all(shop: Shop) -> shipping_pb2.PrintLabelsResponse:
    request = shipping_pb2.PrintLabelsRequest(request_id=new_id(), all_unprinted=True)
    return shop.shipping.PrintLabels(request)


def labels(channel) -> list[print_pb2.PrintJob]:
    return [job for job in ledger(channel) if job.kind == LABEL]


def parcels(printer: ZplSimulator | TsplSimulator) -> list[str]:
    """The order numbers of the labels that came out."""
    return [found[1].decode() for label in printer.labels if (found := _ORDER.search(label))]


@pytest.mark.timeout(120 + LABELS)
def test_a_bulk_print_goes_on_at_the_right_label(channel, printer, label_printer, start_agent):
    shop = Shop(channel, stock=LABELS)
    orders = sold(shop, LABELS)
    agent = start_agent(label_printer)
    queued = label_all(shop)
    assert len(queued.print_job_ids) == LABELS
    until(lambda: len(printer.labels) > LABELS // 8, "the first labels", PATIENCE_S + LABELS)
    with printer.changing() as state:
        state.paper_out = True
    until(lambda: "paper out" in agent.log.read_text(), "the agent says why it waits")
    printer.recover()
    until(lambda: len(printer.labels) > LABELS // 4, "more labels", PATIENCE_S + LABELS)
    # Torn: whether it is on a label is for a person to say.
    printer.cut_after(700)
    until(lambda: any(job.state == UNKNOWN for job in labels(channel)), "a torn one")
    until(lambda: len(printer.labels) > LABELS // 2, "half of them", PATIENCE_S + LABELS)
    agent.kill()
    agent = start_agent()
    until(lambda: not any(job.state < PRINTED for job in labels(channel)), "all end", PATIENCE_S + LABELS)
    jobs, printed = labels(channel), parcels(printer)
    assert printed == sorted(printed, key=int), "in order"
    assert len(set(printed)) == len(printed), "none twice"
    on_paper = {job.print_job_id: str(order) in printed for job, order in zip(jobs, orders, strict=True)}
    assert all(on_paper[job.print_job_id] for job in jobs if job.state == PRINTED)
    # One was torn, and at most one was on its way when the agent was killed.
    unknown = [job for job in jobs if job.state == UNKNOWN]
    assert 1 <= len(unknown) <= 2, [job.detail for job in unknown]
    assert {job.state for job in jobs} == {PRINTED, UNKNOWN}
    assert len(printed) >= LABELS - len(unknown)


def test_a_label_that_has_no_airway_bill_yet_waits_and_the_others_do_not(
    channel, printer, label_printer, start_agent
):
    shop = Shop(channel)
    courier_id = shop.courier()
    waits, goes = sold(shop, 1, courier_id)[0], sold(shop, 1)[0]
    start_agent(label_printer)
    queued = label_all(shop)
    (waiting,) = queued.waiting_parcel_ids
    until(lambda: parcels(printer) == [str(goes)], "the one that can be printed")
    report = shipping_pb2.ReportAirwayBillRequest(
        request_id=new_id(),
        parcel_id=waiting,
        state=shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED,
        airway_bill="JP1234567890",
    )
    shop.shipping.ReportAirwayBill(report)
    assert list(label_all(shop).queued_parcel_ids) == [waiting]
    until(lambda: parcels(printer) == [str(goes), str(waits)], "the other one")
    assert b"JP1234567890" in printer.labels[1]


def test_labels_wait_while_the_printer_cannot_print(channel, printer, label_printer, start_agent):
    shop = Shop(channel)
    agent = start_agent(label_printer)
    faults = {
        "paper_out": "paper out",
        "cover_open": "cover open",
        "offline": "offline",
        # By one bit TSPL tells of all that has no other.
        "overheated": "overheated" if isinstance(printer, ZplSimulator) else "error",
    }
    for number, (fault, words) in enumerate(faults.items()):
        with printer.changing() as state:
            setattr(state, fault, True)
        until(lambda words=words: words in agent.log.read_text(), "the agent says why")
        sold(shop, 1)
        label_all(shop)
        asked = printer.received_bytes
        until(lambda asked=asked: printer.received_bytes > asked + 10, "it is asked again and again")
        assert [job.state for job in labels(channel)] == [PRINTED] * number + [QUEUED]
        printer.recover()
        until(
            lambda number=number: [job.state for job in labels(channel)] == [PRINTED] * (number + 1),
            "the label",
        )


def test_the_desk_follows_its_labels_to_the_last(
    channel, server, printer, label_printer, start_agent, tmp_path, monkeypatch
):
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    shop = Shop(channel)
    sold(shop, 5)
    start_agent(label_printer)
    words = ["labels", "--all-unprinted", "--follow", "--json", "--server", server.target]
    result = CliRunner().invoke(cs.app, words)
    assert result.exit_code == 0, result.output
    jobs = json.loads(result.stdout)["jobs"]
    assert jobs == {"printed": [job.print_job_id for job in labels(channel)]}
    assert len(printer.labels) == 5
    sold(shop, 2)
    printer.cut_after(500)
    result = CliRunner().invoke(cs.app, words)
    assert result.exit_code == 1
    jobs = json.loads(result.stdout)["jobs"]
    assert {state: len(of) for state, of in jobs.items()} == {"unknown": 1, "printed": 1}
