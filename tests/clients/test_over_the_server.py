"""The command lines on a real server and a real store: a day of a small shop, told command by command."""

import datetime as dt
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.common.client import Client
from clients.common.connection import Connection
from kasir.v1.booking_pb2 import BookingInput, CreateBookingRequest, CreateBookingResponse, OrderLineInput
from kasir.v1.common_pb2 import CHANNEL_CHAT
from tests.clients.conftest import GULA, KOPI, SARI, TEH, Refusal

ROOT = Path(__file__).resolve().parents[2]

WIB = dt.timezone(dt.timedelta(hours=7))


@pytest.mark.usefixtures("shop")
class TestTheDesk:
    def test_what_is_available_is_found_with_places_and_prices(self, run, ask):
        shown = run("cs", "find", "kopi", "luwak").stdout
        assert "Rp 108.400" in shown
        assert "GUDANG 24, TOKO 5" in shown
        (found,) = ask("cs", "find", KOPI)["items"]
        assert found["item"]["sku"] == "KOPI-01"
        assert found["available_total"] == "29"
        assert "Nothing has these words" in run("cs", "find", "nothing", "like", "this").stdout

    def test_what_is_not_available_comes_with_alternatives(self, run, ask):
        run("catalogue", "add", "TEH-03", "Teh Hijau", "--price", "15.000", "--category", "Teh")
        run("warehouse", "receive", "TEH-03x4")
        found = ask("cs", "find", TEH)
        assert [each["item"]["sku"] for each in found["alternatives"]] == ["TEH-03"]
        assert "Not available; in stock instead" in run("cs", "find", TEH).stdout

    def test_an_address_comes_with_a_booking_stays_and_changes(self, run, ask):
        book = ("cs", "book", "--line", "KOPI-01@GUDANG", *SARI)
        assert "sari@toko.example" in run(*book, "--email", "sari@Toko.example").stdout
        run(*book)
        assert "sari@toko.example" in run("cs", "show", "2").stdout
        run(*book, "--email", "dewi@toko.example")
        assert ask("cs", "show", "1")["order"]["customer_email"] == "sari@toko.example"
        assert ask("cs", "customers")["customers"][0]["email"] == "dewi@toko.example"
        assert "dewi@toko.example" in run("cs", "customers", "#1").stdout
        refused = run(*book, "--email", "sari", status=1)
        assert "is no e-mail address" in " ".join(refused.stderr.split())
        assert len(ask("cs", "bookings")["orders"]) == 3

    def test_an_item_travels_from_the_warehouse_to_the_customer(self, run, ask, tmp_path):
        drop_order = ask("cs", "drop", "KOPI-01x2", "--note", "Bu Sari")["drop_order"]
        assert drop_order["requested_by"] == "sari"
        number = drop_order["drop_order_id"]
        assert "Bu Sari" in run("warehouse", "list").stdout

        wrong = run("warehouse", "hand-over", number, "--scan", GULA, status=1)
        assert "Nothing was moved." in wrong.stderr
        run("warehouse", "hand-over", number, "--scan", KOPI, actor="budi")

        booked = run("cs", "book", "--drop", number, *SARI, "--courier", "JNE", "--shipping", "18.000")
        for words in ("Book Order 1: booked", "Rp 234.800", "unique code", "BCA 1234567890", "WIB"):
            assert words in booked.stdout
        order = ask("cs", "show", "1")["order"]
        code = order["unique_code"]
        assert int(order["payable"]["minor_units"]) == 23_480_000 + code * 100

        run("cs", "pay", "1", "--method", "cash", "--reference", "K-7")
        sold = ask("cs", "sell", "--all-paid")["results"]
        assert [each["order_id"] for each in sold] == ["1"]
        parcel = sold[0]["parcel_id"]
        run("agent", "--out", str(tmp_path), "--once", "--kind", "sales-receipt")
        (receipt,) = tmp_path.glob("receipts/*.txt")
        assert "Tunai" in receipt.read_text()
        assert "Ref. K-7" in " ".join(receipt.read_text().split())
        run("cs", "awb", parcel, "JP1234567890")
        assert ask("cs", "labels", "--all-unprinted")["queued_parcel_ids"] == [parcel]
        assert [each["airway_bill"] for each in ask("courier", "waiting")["parcels"]] == ["JP1234567890"]
        run("courier", "scan", "JP1234567890")
        run("courier", "delivered", "JP1234567890")
        assert ask("cs", "show", "1")["order"]["state"] == "ORDER_STATE_DELIVERED"
        again = run("courier", "scan", "JP1234567890", status=1)
        assert "not possible" in again.stderr
        kinds = [each["kind"] for each in ask("cs", "messages")["messages"]]
        assert "MESSAGE_KIND_AIRWAY_BILL" in kinds

    def test_an_order_paid_at_the_door_is_sent_with_what_to_collect_on_its_label(self, run, ask, tmp_path):
        run("cs", "book", "--line", "KOPI-01x2", *SARI, "--courier", "JNE", "--shipping", "18.000")
        due = int(ask("cs", "show", "1")["order"]["payable"]["minor_units"]) // 100
        run("cs", "pay", "1", "--method", "cod")
        run("cs", "sell", "--all-paid")
        run("cs", "awb", "1", "JP1234567890")
        run("cs", "labels", "--all-unprinted")
        run("agent", "--out", str(tmp_path), "--once", "--kind", "address-label", "--format", "zpl")
        (label,) = tmp_path.glob("labels/*.zpl")
        assert f"^FDCOD Rp {due:,}^FS".replace(",", ".") in label.read_text()

    def test_what_is_not_wanted_goes_back_by_scan(self, run, ask):
        waiting = ask("cs", "drop", "KOPI-01")["drop_order"]["drop_order_id"]
        handed = ask("cs", "drop", "GULA-5")["drop_order"]["drop_order_id"]
        rejected = ask("cs", "drop", "GULA-5")["drop_order"]["drop_order_id"]
        run("warehouse", "hand-over", handed, "--scan", GULA)
        run("warehouse", "reject", rejected, "--reason", "box is torn")
        run("cs", "release", waiting, handed)
        states = {each["drop_order_id"]: each["state"] for each in ask("cs", "drops")["drop_orders"]}
        assert states == {
            waiting: "DROP_ORDER_STATE_CANCELLED",
            handed: "DROP_ORDER_STATE_RETURN_DUE",
            rejected: "DROP_ORDER_STATE_REJECTED",
        }
        nobody = run("warehouse", "hand-over", "--scan", GULA, status=2)
        assert "Nobody asks for GULA-5 now." in nobody.stderr
        run("warehouse", "return", "--scan", GULA)
        assert "has to come back" in run("warehouse", "return", "--scan", GULA, status=2).stderr
        assert ask("cs", "drops", "--state", "returned")["drop_orders"][0]["drop_order_id"] == handed
        stocks = ask("warehouse", "stock", "GULA-5")["stocks"]
        on_hand = {each["location_id"]: (each["on_hand"], each["held"]) for each in stocks}
        assert on_hand["1"] == ("10", "0")

    def test_more_than_there_is_is_refused_with_names_and_nothing_is_claimed(self, run, ask):
        refused = run("cs", "book", "--line", "KOPI-01x100", "--line", "GULA-5", *SARI, status=1)
        assert (
            "Not enough of KOPI-01 Kopi Luwak Bubuk 250 g at GUDANG: 100 wanted, 24 available."
            in refused.stderr
        )
        assert {each["held"] for each in ask("warehouse", "stock")["stocks"]} == {"0"}

    def test_a_quote_books_nothing(self, run, ask):
        totals = ask("cs", "book", "--line", "GULA-5x2~2.000", "--quote")["totals"]
        assert totals["total"]["minor_units"] == "6300000"
        assert ask("cs", "bookings")["orders"] == []

    def test_a_deadline_is_moved_and_a_booking_cancelled(self, run, ask):
        run("cs", "book", "--line", "GULA-5", *SARI, "--no-account", "--until", "+1h")
        before = ask("cs", "show", "1")["order"]
        run("cs", "extend", "1", "--until", "+5h")
        after = ask("cs", "show", "1")["order"]
        assert after["expire_time"] > before["expire_time"]
        run("cs", "cancel", "1", "--reason", "changed her mind")
        assert (
            ask("cs", "bookings", "--state", "cancelled")["orders"][0]["cancel_reason"] == "changed her mind"
        )
        refused = run("cs", "cancel", "1", status=1)
        assert refused.stderr.strip() == "Order 1 is cancelled: 'cancel' is not possible now."

    def test_a_customer_is_known_by_phone_however_it_is_written(self, run, ask):
        run("cs", "book", "--line", "GULA-5", *SARI, "--no-account")
        for phone in ("081234567890", "+6281234567890", "#1"):
            assert ask("cs", "customers", phone)["customer"]["name"] == "Sari Dewi"
        shown = run("cs", "customers", "081234567890").stdout
        assert "Jl. Melati 5, Bandung" in shown
        assert "booked" in shown
        assert "Nobody" not in run("cs", "customers", "080000000000", status=1).stderr


@pytest.mark.usefixtures("shop")
class TestTheTill:
    def test_a_shift_from_opening_to_z(self, run, ask):
        closed = run("till", "sell", "--scan", KOPI, "--cash", "exact", status=2)
        assert "KASIR-1 has no open shift" in closed.stderr
        run("till", "open", "--cash", "200.000")
        assert "close it first" in run("till", "open", "KASIR-1", "--cash", "0", status=1).stderr.lower()

        sold = run("till", "sell", "--scan", f"{KOPI}x2", "--cash", "250.000").stdout
        assert "Rp 33.200" in sold
        quoted = ask("till", "quote", "--scan", KOPI)["totals"]["total"]["minor_units"]
        assert quoted == "10840000"
        sale = ask("till", "sell", "--scan", KOPI, "--qr", "50.000=QRIS-1", "--cash", "exact")["sale"]
        assert sale["cashier"] == "sari"
        assert sale["change"]["minor_units"] == "0"

        for words in (("--cash", "1.000"), ("--card", "4111111111111111"), ("--card", "500.000=APPR")):
            run("till", "sell", "--scan", KOPI, *words, status=1)
        run("till", "sell", "--scan", KOPI, "--cash", "200.000", "--card", "APPR", status=2)
        run("till", "sell", "--scan", KOPI, "--card", "A", "--qr", "B", status=2)
        run("till", "sell", "--scan", KOPI, status=2)

        run("till", "cash-in", "100.000", "--reason", "change")
        run("till", "cash-out", "50.000", "--reason", "parking")
        assert ask("till", "x")["shift"]["expected_cash"]["minor_units"] == "52520000"
        shift = ask("till", "close", "--cash", "Rp 525.000")["shift"]
        assert shift["difference"]["minor_units"] == "-20000"
        assert "-Rp 200" in run("till", "shifts").stdout
        assert "Z report, shift 1" in run("till", "x", "--shift", "1").stdout

    def test_a_shift_is_printed_as_it_stands(self, run, ask, tmp_path):
        out = tmp_path / "prints"
        none = run("shift-report", "--out", str(out), status=2)
        assert "KASIR-1 has no open shift" in none.stderr
        run("till", "open", "--cash", "200.000")
        run("till", "sell", "--scan", f"{KOPI}x2", "--cash", "250.000")
        before = ask("admin", "status")["revision"]
        files = ask("shift-report", "--out", str(out))["files"]
        assert [Path(file).suffix for file in files] == [".escpos", ".png", ".txt"]
        assert all(Path(file).parent == out / "shift-reports" for file in files)
        said = " ".join(Path(files[2]).read_text().split())
        for words in ("LAPORAN KASIR SEMENTARA X-1", "KASIR-1", "Keadaan", "Kas seharusnya Rp 416.800"):
            assert words in said
        narrow = ask("shift-report", "KASIR-1", "--out", str(out), "--format", "txt", "--width", "58")[
            "files"
        ]
        assert max(map(len, Path(narrow[0]).read_text().splitlines())) <= 32
        run("shift-report", "--out", str(out), "--format", "pdf", status=2)
        run("shift-report", "--out", str(out), "--width", "57", status=2)
        assert ask("admin", "status")["revision"] == before
        run("till", "close", "--cash", "416.800")
        closed = run("shift-report", "--shift", "1", "--out", str(out), status=2)
        assert "kasir print reprint" in closed.stderr


@pytest.mark.usefixtures("shop")
class TestTheOffice:
    def test_stock_is_received_counted_and_moved(self, run, ask):
        run("warehouse", "adjust", "KOPI-01-1", "GULA-5+2", "--reason", "count")
        run("warehouse", "transfer", "KOPI-01x3", "--to", "TOKO")
        stocks = {
            each["location_id"]: each["on_hand"] for each in ask("warehouse", "stock", "KOPI-01")["stocks"]
        }
        assert stocks == {"1": "20", "3": "8"}
        desk = run("warehouse", "transfer", "KOPI-01", "--to", "MEJA-CS", status=1)
        assert "Drop Orders only" in desk.stderr
        unknown = run("warehouse", "receive", "KOPI-1", status=1)
        assert "kasir cs find" in unknown.stderr

    def test_a_count_corrects_what_differs_and_can_be_tried_first(self, run, ask, tmp_path):
        tried = ask("warehouse", "count", "KOPI-01x22", "GULA-5x10", "--dry-run")
        assert [each["difference"] for each in tried["counts"]] == [-2, 0]
        assert ask("warehouse", "stock", "KOPI-01")["stocks"][0]["on_hand"] == "24"
        path = tmp_path / "count.csv"
        path.write_text(f"sku,qty\nKOPI-01,20\n{GULA},0\n")
        run("warehouse", "count", "KOPI-01x2", "--file", str(path), "--reason", "count of Friday")
        on_hand = {each["item_id"]: each["on_hand"] for each in ask("warehouse", "stock")["stocks"]}
        assert on_hand == {"1": "22", "2": "0"}
        assert "CODEx0" in run("warehouse", "count", "KOPI-01", status=2).stderr
        run("warehouse", "count", status=2)
        run("warehouse", "count", "KOPI-1x4", status=1)

    def test_what_runs_out_is_listed(self, run, ask):
        run("catalogue", "change", "GULA-5", "--reorder-point", "11")
        short = {each["item"]["sku"]: each["available_total"] for each in ask("warehouse", "to-buy")["items"]}
        assert short["GULA-5"] == "10"
        assert "KOPI-01" not in short

    def test_a_delivery_comes_in_by_file_all_or_nothing(self, run, ask, tmp_path):
        path = tmp_path / "delivery.csv"
        path.write_text(f"code,quantity\nKOPI-01,6\n{GULA},4\n")
        run("warehouse", "receive", "TEH-02x2", "--file", str(path), "--reference", "SJ-2")
        on_hand = {each["item_id"]: each["on_hand"] for each in ask("warehouse", "stock")["stocks"]}
        assert on_hand == {"1": "30", "2": "14", "3": "2"}
        path.write_text("KOPI-01,6\nNOTHING,4\n")
        run("warehouse", "receive", "--file", str(path), status=1)
        path.write_text("KOPI-01,6\nGULA-5,a few\n")
        assert "row 2" in run("warehouse", "receive", "--file", str(path), status=2).stderr
        path.write_text("KOPI-01,6 pcs\nGULA-5,4\n")
        assert "row 1: '6 pcs'" in run("warehouse", "receive", "--file", str(path), status=2).stderr
        run("warehouse", "receive", status=2)
        assert ask("warehouse", "stock", "GULA-5")["stocks"][0]["on_hand"] == "14"
        assert ask("warehouse", "stock", "KOPI-01")["stocks"][0]["on_hand"] == "30"

    def test_a_catalogue_with_wrong_rows_says_which_and_why(self, run, ask, tmp_path):
        path = tmp_path / "more.csv"
        path.write_text(
            "sku,name,price,barcodes\nKOPI-01,again,5000,\nA-1,new,5000,8991234567890\n"
            "A-2,good,5000,\nA-3,bad,5.00,\n"
        )
        outcome = ask("catalogue", "import", str(path), status=1)
        assert outcome["created"] == 1
        assert [(each["line"], each["sku"]) for each in outcome["refused"]] == [
            (2, "KOPI-01"),
            (3, "A-1"),
            (5, "A-3"),
        ]
        assert "check digit" in outcome["refused"][1]["message"].lower()
        again = ask("catalogue", "import", str(path), "--skip-known", status=1)
        assert (again["created"], again["known"]) == (0, 2)

    def test_an_item_is_changed_and_found_changed(self, run, ask):
        run("catalogue", "change", "KOPI-01", "--price", "112.000", "--name", "Kopi Luwak Asli", "--inactive")
        item = ask("catalogue", "show", KOPI)["item"]["item"]
        assert (item["name"], item["inactive"]) == ("Kopi Luwak Asli", True)
        retail = {price["min_quantity"]: price["amount"]["minor_units"] for price in item["prices"][:]}
        assert "11200000" in retail.values()
        assert len(item["prices"]) == 3
        refused = run("cs", "drop", "KOPI-01", status=1)
        assert "not sold any more" in refused.stderr

    def test_codes_that_are_not_there_are_answered_with_those_that_are(self, run):
        assert "Did you mean GUDANG?" in run("warehouse", "stock", "--location", "GUDAN", status=2).stderr
        assert "There are: JNE." in run("cs", "request-awb", "1", "--courier", "SICEPAT", status=2).stderr

    def test_the_day_is_reported_in_tables_json_and_csv(self, run, ask):
        run("cs", "book", "--line", "GULA-5", *SARI, "--no-account")
        shown = run("report", "day").stdout
        assert "Book Orders booked" in shown
        assert "GUDANG" in shown
        groups = ask("report", "day", "--by", "cashier")["groups"]
        assert [group["key"] for group in groups] == ["sari"]
        lines = run("report", "month", "--csv").stdout.splitlines()
        assert lines[0] == "period,group,key,metric,count,currency,amount_minor_units"
        month = dt.datetime.now(WIB).strftime("%Y-%m")
        assert f"{month},location,GUDANG,orders_booked,1,IDR,3250000" in lines
        run("report", "day", "--csv", "--json", status=2)
        assert "Nothing happened." in run("report", "day", "2020-01-01").stdout

    def test_the_server_is_looked_after(self, run, ask):
        assert int(ask("admin", "status")["revision"]) > 5
        assert ask("admin", "verify")["ok"] is True
        assert "Everything holds" in run("verify").stdout
        assert ask("admin", "snapshot", "evening")["path"].endswith("evening")
        settings = ask("admin", "settings", "--booking", "90m", "--point-value", "100")["settings"]
        assert (settings["booking_duration"], settings["point_value_minor_units"]) == ("5400s", "10000")
        assert "1h30m" in run("admin", "settings").stdout
        refused = run("admin", "settings", "--currency", "USD", status=1)
        assert refused.stderr

    def test_a_print_agent_writes_what_was_booked_and_a_copy_is_deliberate(self, run, ask, tmp_path):
        run("cs", "book", "--line", "GULA-5", *SARI, "--no-account")
        assert ask("agent", "--out", str(tmp_path / "prints"), "--once")["printed"] == 1
        (job,) = ask("print", "jobs")["jobs"]
        assert job["state"] == "PRINT_JOB_STATE_PRINTED"
        run("print", "reprint", job["print_job_id"], "--reason", "lost")
        run("print", "settle", job["print_job_id"], "--printed", status=1)
        assert ask("agent", "--out", str(tmp_path / "prints"), "--once")["printed"] == 1
        names = sorted(path.name for path in (tmp_path / "prints").rglob("*.txt"))
        assert names == ["00000001-order-1.txt", "00000002-order-1-copy-1.txt"]


@pytest.mark.usefixtures("shop")
class TestThePickUp:
    def test_missing_parcels_are_called_out(self, run, ask):
        for awb in ("JP1", "JP2"):
            order = ask("cs", "book", "--line", "GULA-5", *SARI, "--no-account", "--courier", "JNE")["order"]
            run("cs", "pay", order["order_id"], "--method", "cash")
            parcel = ask("cs", "sell", order["order_id"])["results"][0]["parcel_id"]
            run("cs", "awb", parcel, awb)
        outcome = json.loads(
            run("courier", "pickup", "--courier", "JNE", "--json", status=1, input="JP1\n\nJP9\n").stdout
        )
        assert [each["airway_bill"] for each in outcome["handed_over"]] == ["JP1"]
        assert [each["airway_bill"] for each in outcome["foreign"]] == ["JP9"]
        assert [each["airway_bill"] for each in outcome["missing"]] == ["JP2"]
        assert "Missing" in run("courier", "pickup", "JP1", status=1).stdout
        run("courier", "pickup", "JP2")


@contextmanager
def running(server_address: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`kasir WORDS` in a process of its own."""
    command = [sys.executable, "-m", "kasir.cli", *words, "--server", server_address, "--as", "budi"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("shop")
def test_the_warehouse_sees_a_request_at_once_and_leaves_by_ctrl_c(server, ask):
    with running(server.target, "warehouse", "watch", "--json") as watch:
        ask("cs", "drop", "KOPI-01", "--note", "Bu Sari")
        assert watch.stdout is not None
        seen = json.loads(watch.stdout.readline())
        assert seen["drop_order"]["note"] == "Bu Sari"
        watch.send_signal(signal.SIGINT)
        _, said = watch.communicate(timeout=30)
    assert watch.returncode == 0
    assert said.strip() == "Stopped watching."


def test_a_person_who_will_not_wait_is_told_that_the_request_is_kept(silent_server, in_a_state_of_its_own):
    with running(silent_server.address, "cs", "cancel", "7", "--timeout", "60") as cancel:
        asked = silent_server.wait_for_request()
        cancel.send_signal(signal.SIGINT)
        _, said = cancel.communicate(timeout=30)
    assert cancel.returncode == 130
    assert "kasir cs pending" in said
    assert "Traceback" not in said
    assert [each.request_id for each in in_a_state_of_its_own()] == [asked.request_id]


@pytest.mark.usefixtures("shop")
def test_a_booking_whose_answer_was_lost_on_the_way_is_made_once(
    server, scripted, ask, in_a_state_of_its_own
):
    """Between client and server stands a line that swallows the first answer."""
    with Client(Connection(server=server.target, actor="sari")) as behind:

        def swallowed(request: Any) -> Refusal:
            behind.call(request, CreateBookingResponse)
            return Refusal(grpc.StatusCode.UNAVAILABLE, message="connection reset")

        def passed_on(request: Any) -> Any:
            return behind.call(request, CreateBookingResponse)

        scripted.answers(CreateBookingRequest, swallowed, passed_on)
        lines = [OrderLineInput(location_id=1, item_id=1, quantity=1)]
        booking = BookingInput(
            customer_name="Budi", customer_phone="0811111111", lines=lines, channel=CHANNEL_CHAT
        )
        with Client(Connection(server=scripted.address, actor="sari")) as client:
            order = client.call(CreateBookingRequest(booking=booking), CreateBookingResponse).order
    assert len(scripted.asked) == 2
    assert [each["order_id"] for each in ask("cs", "bookings")["orders"]] == [str(order.order_id)]
    assert ask("warehouse", "stock", "KOPI-01")["stocks"][0]["held"] == "1"
    assert in_a_state_of_its_own() == []
