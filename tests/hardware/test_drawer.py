"""Receipts of a till: for which printer, in how many copies, and when the drawer opens."""

import pytest

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from kasir.v1 import print_pb2, print_pb2_grpc, sale_pb2, till_pb2
from tests.crash.shop import BusyShop
from tests.hardware.printing_shop import PRINTED, UNKNOWN, config_text, ledger
from tests.server.support import idr, new_id, until

CASH, CARD = sale_pb2.TENDER_KIND_CASH, sale_pb2.TENDER_KIND_CARD
RECEIPT = print_pb2.DOCUMENT_KIND_SALES_RECEIPT


class Till:
    """An open shift of a shop."""

    def __init__(self, channel) -> None:
        self.channel = channel
        self.shop = BusyShop(channel, stock=100)
        request = till_pb2.OpenShiftRequest(
            request_id=new_id(), till_id=self.shop.till_ids[0], opening_cash=idr(200_000)
        )
        self.shift_id = self.shop.tills.OpenShift(request).shift.shift_id

    def sell(self, kind: int) -> None:
        """One item, paid in one way."""
        line = till_pb2.TillLineInput(item_id=self.shop.item_id, quantity=1)
        reference = "" if kind == CASH else "ref 1"
        tender = sale_pb2.Tender(kind=kind, amount=idr(25_000), reference=reference)
        self.shop.tills.CreateTillSale(
            till_pb2.CreateTillSaleRequest(
                request_id=new_id(),
                sale=till_pb2.TillSaleInput(shift_id=self.shift_id, lines=[line]),
                tenders=[tender],
            )
        )

    def ends(self, *states: int) -> None:
        """The receipts come to these states."""
        until(lambda: [job.state for job in self.jobs()] == list(states), f"{states}")

    def jobs(self) -> list[print_pb2.PrintJob]:
        return [job for job in ledger(self.channel) if job.kind == RECEIPT]


@pytest.fixture
def till(channel):
    return Till(channel)


def test_the_drawer_opens_for_cash_once_and_for_nothing_else(till, printer, line, start_agent):
    start_agent(config_text("till", line.address, drawer_pin=2, copies=2))
    till.sell(CASH)
    till.ends(PRINTED)
    # Two papers, one kick.
    assert (len(printer.slips), printer.kicks) == (2, 1)
    printer.close_drawer()
    till.sell(CARD)
    till.ends(PRINTED, PRINTED)
    assert printer.kicks == 1
    request = print_pb2.ReprintDocumentRequest(
        request_id=new_id(), print_job_id=till.jobs()[0].print_job_id, reason="lost"
    )
    till.shop.printing.ReprintDocument(request)
    till.ends(PRINTED, PRINTED, PRINTED)
    assert (len(printer.slips), printer.kicks) == (6, 1)


def test_a_drawer_is_not_kicked_again_when_nobody_knows(till, printer, line, start_agent):
    agent = start_agent(config_text("till", line.address, drawer_pin=2))
    until(lambda: "ready" in agent.log.read_text(), "the agent runs")
    # After the kick, within the receipt.
    printer.cut_after(2_000)
    till.sell(CASH)
    till.ends(UNKNOWN)
    agent.kill()
    start_agent()
    till.sell(CARD)
    till.ends(UNKNOWN, PRINTED)
    assert printer.kicks == 1


def test_a_receipt_goes_to_the_printer_of_its_location(till, printer, line, start_agent):
    elsewhere = EscposSimulator()
    with TcpLine(elsewhere) as other:
        start_agent(
            config_text("warehouse", other.address, location="GUDANG"),
            config_text("shop", line.address, location="TOKO", width_mm=58),
        )
        till.sell(CARD)
        till.ends(PRINTED)
        assert (len(printer.slips), elsewhere.roll) == (1, [])
        till.shop.book()
        until(lambda: len(elsewhere.slips) == 1, "the slip of the warehouse")
        assert len(printer.slips) == 1


def test_it_opens_for_cash_that_is_given_back_and_for_no_copy(till, printer, line, start_agent):
    # Where receipts come out, those of refunds do, too.
    start_agent(config_text("till", line.address, documents=["sales-receipt"], drawer_pin=2))
    till.sell(CASH)
    till.ends(PRINTED)
    printer.close_drawer()
    refund = till_pb2.RefundInput(
        shift_id=till.shift_id,
        sale_id=1,
        lines=[till_pb2.RefundLineInput(line=0, quantity=1)],
        kind=CASH,
        reason="wrong size",
        approved_by="Budi",
    )
    request = till_pb2.RefundSaleRequest(request_id=new_id(), refund=refund)
    till.shop.tills.RefundSale(request)

    def refunds() -> list[print_pb2.PrintJob]:
        kind = print_pb2.DOCUMENT_KIND_REFUND_RECEIPT
        return [job for job in ledger(till.channel) if job.kind == kind]

    until(lambda: [job.state for job in refunds()] == [PRINTED], "the refund's receipt")
    assert (len(printer.slips), printer.kicks) == (2, 2)
    printer.close_drawer()
    again = print_pb2.ReprintDocumentRequest(
        request_id=new_id(), print_job_id=refunds()[0].print_job_id, reason="lost"
    )
    print_pb2_grpc.PrintServiceStub(till.channel).ReprintDocument(again)
    until(lambda: [job.state for job in refunds()] == [PRINTED, PRINTED], "its copy")
    assert (len(printer.slips), printer.kicks) == (3, 2)
