"""The demo as a newcomer runs it: `kasir demo` in full size, on a real server.

Goal: a day of the shop goes from catalogue to close, and its numbers hang together. Method: the command runs
once in a process of its own; what it left (summary, papers, the courier's book, the store) is read with
other programs than it was written with, and the numbers are held against one another.
"""

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from server.statements.registry import parse
from tests.conftest import ROOT, ServerProcess

pytestmark = pytest.mark.slow

# The day takes about thirty seconds of processor time; on two cores this is less than a minute.
CPU_SECONDS_MAX = 90.0
PARCEL_OF_LABEL = re.compile(r"-parcel-(\d+)\.png$")


def play(out: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "kasir.cli", "demo", "--out", str(out), *options],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=ROOT,
    )


def summary_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Path:
    """The directory of one day in full size."""
    out = tmp_path_factory.mktemp("demo") / "day"
    finished = play(out)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    assert "Report 20" in finished.stdout
    return out


@pytest.fixture(scope="module")
def summary(day) -> dict[str, Any]:
    return summary_of(day)


class TestTheNumbers:
    def test_the_day_has_its_size_and_ends_well(self, summary):
        assert summary["invariants_ok"] is True
        assert summary["items"] == 1_000
        assert summary["orders"] == summary["booked"] == 300
        assert summary["till_sales"] == 300
        assert 270 <= summary["mutations"] <= 290
        assert summary["requests"] > 3_000
        assert summary["cpu_seconds"] < CPU_SECONDS_MAX

    def test_every_book_order_comes_to_one_end(self, summary):
        ends = ("cancelled", "expired", "paid", "refund_due", "open")
        assert summary["booked"] == sum(summary[end] for end in ends)
        assert summary["open"] == 0
        assert summary["cancelled"] > 10
        assert summary["expired"] > 10

    def test_only_paid_orders_are_sold(self, summary):
        assert 200 < summary["sold"] <= summary["paid"]

    def test_late_money_finds_the_goods_or_goes_back(self, summary):
        assert summary["rebooked"] == 1
        assert summary["refund_due"] == 1

    def test_every_drop_order_comes_to_one_end(self, summary):
        assert summary["drop_orders"] == summary["handed_over"] + summary["rejected"]
        assert summary["handed_over"] == summary["consumed"] + summary["returned"]
        assert summary["rejected"] > 0
        assert summary["released"] > 0
        assert summary["wrong_scans"] > 0

    def test_money_is_matched_at_once_by_hand_and_again(self, summary):
        assert summary["matched_by_hand"] == 2
        assert summary["undone"] == 1
        paid_otherwise = summary["sold"] - (summary["mutations_confirmed"] - summary["refund_due"])
        assert paid_otherwise > 0, "the marketplace pays without the bank"
        known = summary["mutations_confirmed"] + summary["mutations_ignored"] + summary["mutations_pending"]
        assert known == summary["mutations"]

    def test_every_parcel_has_one_label_and_one_number(self, summary):
        assert summary["labels"] == summary["parcels"] == summary["awb_assigned"]
        assert summary["parcels"] == summary["handed_to_courier"]
        assert summary["parcels"] < summary["sold"], "some fetch it themselves"
        assert summary["awb_assigned"] == summary["awb_by_courier"] + summary["awb_by_hand"]
        assert summary["awb_by_hand"] > summary["awb_refused"] == 1
        assert summary["labels_waited"] > 0

    def test_one_cashier_is_short(self, summary):
        assert summary["cash_difference_minor"] == -500_000
        assert summary["shift_reports"] == 3


class TestThePapers:
    def count(self, day: Path, folder: str, suffix: str) -> int:
        return len(list((day / folder).glob(f"*.{suffix}")))

    def test_every_order_sale_and_parcel_has_its_paper(self, day, summary):
        assert self.count(day, "slips", "escpos") == summary["order_slips"] == summary["orders"]
        receipts = summary["sold"] + summary["till_sales"]
        assert self.count(day, "receipts", "escpos") == summary["receipts"] == receipts
        assert self.count(day, "labels", "zpl") == summary["labels"]
        assert self.count(day, "shift-reports", "escpos") == summary["shift_reports"]

    def test_pictures_show_what_was_printed(self, day):
        for folder in ("slips", "receipts", "shift-reports"):
            pictures = list((day / folder).glob("*.png"))
            assert len(pictures) >= 3
            for picture in pictures:
                with Image.open(picture) as opened:
                    assert opened.width > 400
                    assert opened.height > 400

    def test_all_labels_stand_in_one_pdf_a_page_each(self, day, summary):
        pdf = pypdfium2.PdfDocument(day / "labels.pdf")
        try:
            assert len(pdf) == summary["labels"]
            first = pdf[0].get_textpage().get_text_bounded()
        finally:
            pdf.close()
        assert "Toko Melati Sejahtera" in first

    def test_scanned_labels_are_the_numbers_that_the_courier_gave(self, day):
        book = json.loads((day / "courier.json").read_text())
        given = {int(reference.rpartition("-")[2]): row["airway_bill"] for reference, row in book.items()}
        read = {}
        for picture in (day / "labels").glob("*.png"):
            parcel = int(PARCEL_OF_LABEL.search(picture.name)[1])
            with Image.open(picture) as opened:
                found = zxingcpp.read_barcodes(opened, formats=zxingcpp.BarcodeFormat.Code128)
            read[parcel] = [each.text for each in found]
        by_courier = {parcel: texts for parcel, texts in read.items() if parcel in given}
        assert len(by_courier) >= 30
        assert by_courier == {parcel: [given[parcel]] for parcel in by_courier}
        by_hand = [texts for parcel, texts in read.items() if parcel not in given]
        assert by_hand
        assert all(len(texts) == 1 and texts[0].startswith("P") for texts in by_hand)


class TestTheCourier:
    def test_it_has_exactly_one_order_for_each_parcel_whatever_was_lost(self, day, summary):
        book = json.loads((day / "courier.json").read_text())
        assert {row["orders"] for row in book.values()} == {1}
        assert len({row["airway_bill"] for row in book.values()}) == len(book)
        assert len(book) == summary["courier_orders"] == summary["awb_by_courier"]
        # One question and one order each would be enough, if every answer came.
        assert summary["courier_requests"] > 2 * len(book)


class TestWhatIsLeft:
    def test_the_banks_file_is_read_again_with_all_its_rows(self, day, summary):
        today = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=7)).date()
        statement = parse((day / "mutasi-bca.csv").read_bytes(), today=today)
        assert statement.format == "klikbca-individual"
        assert statement.adds_up
        assert len(statement.rows) == summary["mutations"]

    def test_no_request_waits_for_an_answer(self, day):
        assert list((day / "state" / "pending").glob("*.request")) == []

    def test_a_newcomer_can_serve_the_shop_and_sees_the_same_day(self, day, summary, tmp_path):
        server = ServerProcess(day / "data", log=tmp_path / "server.log")
        try:
            shown = subprocess.run(
                [sys.executable, "-m", "kasir.cli", "cs", "refunds", "--json", "--server", server.target],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            assert len(json.loads(shown.stdout)["orders"]) == summary["refund_due"]
            # The data is in use: another day must not tear it away.
            refused = play(day, "--orders", "40", "--items", "130")
        finally:
            assert server.stop() == 0
        assert refused.returncode == 1
        assert "stop it first" in " ".join(refused.stdout.split())
        assert summary_of(day) == summary


def test_another_seed_makes_another_small_day(tmp_path):
    finished = play(tmp_path / "day", "--orders", "40", "--items", "130", "--seed", "12")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    summary = summary_of(tmp_path / "day")
    assert summary["orders"] == 40
    assert summary["items"] == 130
    assert summary["invariants_ok"] is True
    assert summary["refund_due"] == summary["rebooked"] == 1


def test_a_directory_of_somebody_else_is_left_alone(tmp_path):
    treasure = tmp_path / "data" / "letters.txt"
    treasure.parent.mkdir()
    treasure.write_text("dear diary")
    finished = play(tmp_path)
    assert finished.returncode == 1
    assert "is not empty" in " ".join(finished.stdout.split())
    assert treasure.read_text() == "dear diary"
