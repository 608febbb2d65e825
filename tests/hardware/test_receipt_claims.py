"""Goal: of all printers that a receipt reaches, one prints it, and what became of it is remembered.
Method: the agent's notes on a disk, two printers of the test's own, both ready at the same moment.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hardware.agent import notes as module
from hardware.agent import receipts
from hardware.agent.config import PrinterConfig, read
from hardware.agent.notes import Given, Notes
from hardware.agent.receipts import Wish, claimed_elsewhere, give, print_wish
from hardware.devices import Confirmation, LineLost, Outcome, PrinterStatus
from kasir.v1.admin_pb2 import Settings
from kasir.v1.print_pb2 import DOCUMENT_KIND_SALES_RECEIPT, PrintJob
from kasir.v1.sale_pb2 import Sale
from kasir.v1.station_pb2 import PrintReceiptRequest
from kasir.v1.till_pb2 import Till
from tests.hardware.printing_shop import config_text

NUMBER = "KASIR-1-7QXM-42"


class Roll:
    """A printer that keeps what it got; `breaks` before the first byte."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.papers: list[bytes] = []
        self.breaks = breaks

    def status(self) -> PrinterStatus:
        raise AssertionError

    def send(self, job: bytes, told: Any) -> None:
        if self.breaks:
            raise LineLost("unplugged", 0)
        self.papers.append(job)

    def confirm(self, job_id: int, told: Any) -> Confirmation:
        return Confirmation(Outcome.PRINTED, "all of it")

    def close(self) -> None:
        raise AssertionError


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    with closing(Notes(tmp_path / "notes")) as made:
        yield made


@pytest.fixture
def printers(tmp_path: Path) -> list[PrinterConfig]:
    file = tmp_path / "hardware.toml"
    file.write_text("\n".join(config_text(name, "127.0.0.1:9") for name in ("counter", "office")))
    return list(read(file, "desk").printers)


def wish() -> Wish:
    sale, shop = Sale(receipt=NUMBER), Settings(shop_name="Toko Melati", currency_code="IDR")
    return Wish(PrintReceiptRequest(sale=sale, shop=shop, till=Till(code="KASIR-1")))


def job(number: int) -> PrintJob:
    return PrintJob(print_job_id=number, kind=DOCUMENT_KIND_SALES_RECEIPT, sale=Sale(receipt=NUMBER))


def no_matter(_status: PrinterStatus) -> None:
    pass


def test_of_two_printers_that_are_ready_at_once_one_prints_a_receipt(notes, printers, monkeypatch):
    both = threading.Barrier(2)
    render: Callable[..., bytes] = receipts._rendered

    def rendered(*given: Any) -> bytes:
        both.wait(10)
        return render(*given)

    monkeypatch.setattr(receipts, "_rendered", rendered)
    rolls, wishes = [Roll(), Roll()], [wish(), wish()]
    with ThreadPoolExecutor(2) as pool:
        printing = [
            pool.submit(print_wish, roll, each, config, notes, no_matter)
            for roll, each, config in zip(rolls, wishes, printers, strict=True)
        ]
        for each in printing:
            each.result(20)
    assert sum(len(roll.papers) for roll in rolls) == 1
    assert Outcome.FAILED not in {each.outcome for each in wishes}
    monkeypatch.undo()
    late = wish()
    print_wish(rolls[0], late, printers[0], notes, no_matter)
    assert late.outcome is Outcome.PRINTED
    assert sum(len(roll.papers) for roll in rolls) == 1


def test_a_job_and_a_till_do_not_both_print_a_receipt(notes, printers):
    roll = Roll()
    assert claimed_elsewhere(notes, job(7)) is None
    print_wish(roll, asked := wish(), printers[0], notes, no_matter)
    assert (asked.outcome, roll.papers) == (Outcome.UNKNOWN, [])
    assert claimed_elsewhere(notes, job(7)) is None, "its own claim, of which no byte has left"
    assert claimed_elsewhere(notes, job(8)).outcome is Outcome.UNKNOWN
    give(notes, job(7), Outcome.FAILED, "")
    print_wish(roll, asked := wish(), printers[0], notes, no_matter)
    assert (asked.outcome, len(roll.papers)) == (Outcome.PRINTED, 1)
    assert claimed_elsewhere(notes, job(7)).outcome is Outcome.PRINTED


def test_a_receipt_of_which_no_byte_left_may_be_asked_for_again(notes, printers):
    print_wish(Roll(breaks=True), asked := wish(), printers[0], notes, no_matter)
    assert asked.outcome is Outcome.FAILED
    assert notes.torn_bytes(printers[0].name) == 0
    print_wish(roll := Roll(), asked := wish(), printers[0], notes, no_matter)
    assert (asked.outcome, len(roll.papers)) == (Outcome.PRINTED, 1)


def test_a_claim_is_on_the_disk(tmp_path):
    with closing(Notes(tmp_path / "notes")) as notes:
        assert notes.claim(NUMBER, "on its way", 1, again=False) is None
    with closing(Notes(tmp_path / "notes")) as notes:
        assert notes.claim(NUMBER, "on its way", 2, again=False).outcome is Outcome.UNKNOWN


DAY_MS = 24 * 3_600_000


def printed(day: int) -> Given:
    return Given(Outcome.PRINTED, "all of it", day * DAY_MS)


def remembers(notes: Notes, receipt: str) -> bool:
    is_free = notes.claim(receipt, "looked for", 0, again=False) is None
    if is_free:
        notes.take_back(receipt)
    return not is_free


def test_receipts_are_forgotten_after_two_months_and_the_others_are_not_looked_at(notes, monkeypatch):
    with notes._written() as transaction:
        for number in range(2_000):
            notes._put_receipt(transaction, f"KASIR-1-{number}", printed(day=100 + number % 40))
    notes.give("KASIR-1-0", printed(day=150))
    unpacked: list[bytes] = []
    unpackb = module.msgpack.unpackb
    monkeypatch.setattr(module.msgpack, "unpackb", lambda value: unpacked.append(value) or unpackb(value))
    notes.give("KASIR-1-new", printed(day=150))
    assert len(unpacked) < 3
    notes.give("KASIR-1-later", printed(day=163))
    for _ in range(5):
        notes.give("KASIR-1-later", printed(day=163))
    assert not remembers(notes, "KASIR-1-40"), "of the day 100"
    assert remembers(notes, "KASIR-1-0"), "it was asked for again since"
    assert remembers(notes, "KASIR-1-1")
    assert remembers(notes, "KASIR-1-new")


def test_receipts_of_an_agent_before_this_one_are_forgotten_too(tmp_path):
    with closing(Notes(tmp_path / "notes")) as notes:
        notes.give("KASIR-1-1", printed(day=100))
        notes.give("KASIR-1-2", printed(day=150))
        with notes._written() as transaction:
            transaction.drop(notes._receipt_times, delete=False)
    with closing(Notes(tmp_path / "notes")) as notes:
        notes.give("KASIR-1-3", printed(day=163))
        kept = [number for number in range(1, 4) if remembers(notes, f"KASIR-1-{number}")]
    assert kept == [2, 3]
