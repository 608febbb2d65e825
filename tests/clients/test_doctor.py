"""Goal: the doctor names what is wrong, and nothing that is not.

Method: a real server, brought into each state.
"""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import admin, doctor
from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.output import Output
from clients.common.shop import Shop
from clients.doctor import Health
from kasir.v1 import admin_pb2, hardware_pb2, hardware_pb2_grpc, print_pb2, print_pb2_grpc, reconciliation_pb2
from kasir.v1.booking_pb2 import ORDER_STATE_PARTLY_PAID
from server.settings import Tls
from tests.certificates import make_certificates
from tests.conftest import ROOT
from tests.server.support import Shop as Furnished
from tests.server.support import idr, new_id
from tests.server.test_reconciler import booked, comes_in

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")


@pytest.fixture
def shop(channel, server):
    furnished = Furnished(channel)
    with Client(Connection(server.target, "dokter")) as client:
        made = Shop(client, Output(as_json=True))
        made.furnished = furnished
        yield made


def ill(shop: Shop, data: Path | None = None, backup: Path | None = None) -> dict[str, tuple[Health, str]]:
    """What is not well, by name."""
    found = doctor.findings(shop, data, backup)
    return {each.name: (each.health, each.words) for each in found if each.health is not Health.WELL}


def test_a_new_shop_lacks_nothing_but_an_agent(shop):
    assert ill(shop) == {"Devices": (Health.LOOK, "no agent tells of any: kasir hardware run")}


def test_a_server_that_is_away_is_all_there_is_to_say(shop, server):
    server.stop()
    shop.client.patience = Patience(timeout_s=1.0, tries=1)
    found = ill(shop)
    assert list(found) == ["Server"]
    health, words = found["Server"]
    assert health is Health.WRONG
    assert "does not answer" in words
    assert "kasir serve" in words


def test_what_waits_for_an_agent_that_is_not_there_is_told_with_what_to_start(shop, monkeypatch):
    shop.furnished.book()
    assert "Print jobs" not in ill(shop), "it has waited for no time yet"
    monkeypatch.setattr(doctor, "AGENT_MAX", timedelta())
    found = ill(shop)
    assert found["Print jobs"][0] is Health.WRONG
    assert "1 wait" in found["Print jobs"][1]
    assert "kasir messages agent" in found["Messages"][1]


def test_what_nobody_knows_is_asked_for(shop, channel):
    shop.furnished.book()
    stub = print_pb2_grpc.PrintServiceStub(channel)
    for state in (print_pb2.PRINT_JOB_STATE_SENT, print_pb2.PRINT_JOB_STATE_UNKNOWN):
        report = print_pb2.PrintReport(print_job_id=1, state=state, detail="desk: slips")
        stub.ReportPrintJob(print_pb2.ReportPrintJobRequest(request_id=new_id(), report=report))
    assert ill(shop)["Print jobs"] == (
        Health.LOOK,
        "of 1 nobody knows whether it happened: look at the paper, then kasir print settle",
    )


def test_devices_that_do_not_work_are_named(shop, channel):
    device = hardware_pb2.Device(
        name="slips",
        kind=hardware_pb2.DEVICE_KIND_RECEIPT_PRINTER,
        state=hardware_pb2.DEVICE_STATE_PAPER_OUT,
        waiting_jobs=3,
        document_kinds=[print_pb2.DOCUMENT_KIND_ORDER_SLIP],
    )
    stub = hardware_pb2_grpc.HardwareServiceStub(channel)
    stub.ReportDeviceStates(hardware_pb2.ReportDeviceStatesRequest(agent="desk", devices=[device]))
    assert ill(shop)["desk: slips"] == (Health.WRONG, "paper out, 3 jobs wait for it")
    device.state, device.paper_low = hardware_pb2.DEVICE_STATE_READY, True
    stub.ReportDeviceStates(hardware_pb2.ReportDeviceStatesRequest(agent="desk", devices=[device]))
    assert ill(shop) == {"Paper": (Health.LOOK, "runs out at desk: slips")}


def test_a_server_of_another_time_or_version_is_told(shop, monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda _name: "9.9.9")
    assert "9.9.9" in ill(shop)["Server"][1]
    monkeypatch.setattr(doctor, "CLOCK_MAX", timedelta(days=-1))
    assert "NTP" in ill(shop)["Clock"][1]


def test_a_servers_clock_that_was_set_is_told(shop):
    status = admin_pb2.GetStatusResponse(version="1")
    for step, side in ((timedelta(days=1), "ahead of"), (-timedelta(days=1), "behind")):
        status.clock_step.FromTimedelta(step)
        found = {each.name: each for each in doctor.server(shop, status, 1.0)}
        assert found["Server's clock"].health is Health.WRONG
        assert f"1d {side}" in found["Server's clock"].words
        assert f"1d {side}" in dict(admin.clock_set(status))["Machine's clock"]


def test_a_certificate_that_ends_soon_and_traces_that_are_lost_are_told(shop):
    status = admin_pb2.GetStatusResponse(version="1", lost_traces=7)

    def told() -> dict[str, doctor.Finding]:
        return {each.name: each for each in doctor.server(shop, status, 1.0)}

    assert "Certificate" not in told(), "this server has none"
    assert told()["Traces"].health is Health.LOOK
    assert "7 were lost" in told()["Traces"].words
    for days, health in ((60, Health.WELL), (15, Health.WELL), (13, Health.WRONG), (-1, Health.WRONG)):
        status.certificate_expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days, hours=1))
        assert told()["Certificate"].health is health, days
        assert f"{max(0, days)} days" in told()["Certificate"].words


class Ends(NamedTuple):
    """Of an enrolment, as far as the doctor asks."""

    device: "Ends | None"
    expires_s: float

    def now_s(self) -> float:
        return 0.0


@pytest.mark.parametrize(("days", "is_told"), [(29, False), (13, True)])
def test_this_machines_certificate_is_told_when_it_was_not_renewed(shop, days, is_told):
    enrolment = Ends(Ends(None, days * 86_400.0), 0.0)
    shop.client.connection = replace(shop.client.connection, enrolment=enrolment)
    found = {each.name: each for each in doctor.this_machine(shop)}
    assert ("Certificate here" in found) is is_told


def test_the_server_itself_tells_of_its_certificate(start_server, tmp_path):
    make_certificates(tmp_path, "ca", "server")
    server = start_server(tls=Tls(tmp_path / "server.pem", tmp_path / "server.key"))
    line = Connection(server.target, "dokter", tls_ca=str(tmp_path / "ca.pem"))
    with Client(line) as client:
        status = client.call(admin_pb2.GetStatusRequest(), admin_pb2.GetStatusResponse)
    left = status.certificate_expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(days=1) < left <= timedelta(days=2)


class Tomorrow(datetime):
    """This machine's clock is wrong by a day."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + timedelta(days=1)


@pytest.mark.parametrize("share", [0, 10_000], ids=["booked", "partly paid"])
def test_a_wrong_clock_of_this_machine_is_no_server_that_hangs(shop, monkeypatch, share):
    order = shop.furnished.book()
    if share:
        request = reconciliation_pb2.RecordPaymentRequest(
            request_id=new_id(), order_id=order.order_id, amount=idr(share), method="marketplace"
        )
        assert shop.furnished.reconciliation.RecordPayment(request).order.state == ORDER_STATE_PARTLY_PAID
    assert "Deadlines" not in ill(shop)
    monkeypatch.setattr(doctor, "datetime", Tomorrow)
    health, words = ill(shop)["Deadlines"]
    assert health is Health.LOOK
    assert f"order {order.order_id} for" in words
    assert "NTP" in words
    # Past its deadline by the server's own time
    monkeypatch.setattr(doctor, "EXPIRY_MAX", timedelta(days=-30))
    health, words = ill(shop)["Deadlines"]
    assert health is Health.WRONG
    assert "writer hangs" in words


def test_many_booked_orders_hide_none_that_is_partly_paid(shop, monkeypatch):
    orders = [shop.furnished.book() for _ in range(2)]
    pay = reconciliation_pb2.RecordPaymentRequest(
        request_id=new_id(), order_id=orders[0].order_id, amount=idr(10_000), method="marketplace"
    )
    shop.furnished.reconciliation.RecordPayment(pay)
    monkeypatch.setattr(doctor, "datetime", Tomorrow)
    monkeypatch.setattr(doctor, "LOOKED_AT", 1)
    assert ill(shop)["Deadlines"][1].startswith("2 orders")


def test_money_that_nobody_has_looked_at(shop, monkeypatch):
    furnished = shop.furnished
    account_id = furnished.bank_account()
    comes_in(furnished, account_id, booked(furnished, account_id))
    monkeypatch.setattr(doctor, "MONEY_MAX", timedelta())
    assert "1 transfers" in ill(shop)["Bank"][1]
    request = reconciliation_pb2.ProposeMatchesRequest(request_id=new_id(), bank_account_id=account_id)
    furnished.reconciliation.ProposeMatches(request)
    found = ill(shop)
    assert "Bank" not in found
    assert found["Matches"] == (
        Health.LOOK,
        "1 transfers came more than two days ago and wait for their match's yes: kasir cs proposals",
    )


def test_the_servers_disk_and_snapshots(shop, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert ill(shop, empty)["Data"][0] is Health.WRONG
    data = tmp_path / "store"
    assert "there is none" in ill(shop, data)["Snapshots"][1]
    snapshot = data / "snapshots" / "monday"
    snapshot.parent.mkdir()
    snapshot.write_bytes(b"")
    assert "Snapshots" not in ill(shop, data)
    old = time.time() - 3 * 24 * 3600 - 60
    os.utime(snapshot, (old, old))
    assert "monday, is 3d1m old" in ill(shop, data)["Snapshots"][1]
    monkeypatch.setattr(doctor, "DISK_MIN_BYTES", 1 << 60)
    assert ill(shop, data)["Disk"][0] is Health.WRONG


def test_the_backup_is_asked_for_and_makes_up_for_snapshots(shop, tmp_path):
    data, folder = tmp_path / "store", tmp_path / "backup"
    assert "there is no backup" in ill(shop, data, folder)["Backup"][1]
    command = [sys.executable, "-m", "kasir.cli", "backup", str(data), "--to", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    # A single run checks what it took: all is well.
    found = ill(shop, data, folder)
    assert "Snapshots" not in found
    assert "Backup" not in found, found
    old = time.time() - 3 * 24 * 3600
    os.utime(folder / "lock", (old, old))
    health, words = ill(shop, data, folder)["Backup"]
    assert health is Health.WRONG
    assert "nobody looks after it" in words
