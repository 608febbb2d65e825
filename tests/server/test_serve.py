"""`kasir serve` as an operator meets it: what it listens on, what it says, how it stops.

Goal: it starts safely or says in a sentence why not, and never loses what it accepted when it stops.
Method: the command itself in a process of its own, over real sockets, with certificates made by openssl.
"""

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from kasir.backup.metrics import Standing, StandingCollector
from kasir.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    booking_pb2,
    hardware_pb2,
    hardware_pb2_grpc,
    print_pb2,
    reconciliation_pb2,
    reconciliation_pb2_grpc,
    stock_pb2,
)
from tests.certificates import make_certificates
from tests.conftest import ROOT, ServerProcess
from tests.server.support import Shop, new_id, patient_channel, read_refusal, until

MOOTA = {
    "account_number": "123",
    "date": "2026-03-16 09:00:00",
    "description": "SETORAN",
    "amount": 5000,
    "type": "CR",
    "balance": 0,
    "mutation_id": "m1",
}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def refused_start(data: Path, *options: str) -> str:
    """Starts a server that must not start, and returns what it says."""
    finished = subprocess.run(
        [sys.executable, "-m", "kasir.cli", "serve", "--data", str(data), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1, finished
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    return finished.stderr


def settings(target: str, credentials: grpc.ChannelCredentials | None = None, name: str = "localhost"):
    options = [("grpc.ssl_target_name_override", name)]
    channel = (
        grpc.insecure_channel(target)
        if credentials is None
        else grpc.secure_channel(target, credentials, options)
    )
    with channel:
        return (
            admin_pb2_grpc.AdminServiceStub(channel)
            .GetSettings(admin_pb2.GetSettingsRequest(), timeout=10)
            .settings
        )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, a server's certificate for localhost, and a client's, all PEM."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder, "ca", "server", "client")
    return folder


def test_the_ready_line_says_where_and_what(serve, tmp_path):
    started = serve()
    assert started.ready_line == f"kasir serving on {started.target} (data {tmp_path / 'shop'})"
    assert started.target.startswith("127.0.0.1:")
    assert settings(started.target).currency_code == "IDR"
    assert started.stop() == 0


@pytest.mark.parametrize(
    ("now", "most", "room"), [(400, 400, 100), (400, 2_000, 1_700), (400, 19_000, 10_000)]
)
def test_connections_are_as_many_as_the_system_has_files_for(now: int, most: int, room: int):
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({now}, {most}));"
        "from server.settings import room_for_connections as room; print(room(10_000));"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [int(line) for line in said.stdout.split()] == [room, room + 300]


def test_a_start_imports_nothing_that_only_some_servers_need():
    """Each of them would take longer than the engine takes to open."""
    code = "import sys, server.main, server.run; print(*sorted(sys.modules))"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(started.stdout.split())
    assert {"server.service", "structlog", "typer"} <= imported
    assert not imported & {"rich", "prometheus_client", "google.protobuf.descriptor_pb2", "grpc_reflection"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean_and_what_was_stored_is_there_again(serve, number):
    started = serve()
    with grpc.insecure_channel(started.target) as channel:
        order = Shop(channel).book(quantity=7)
    assert started.stop(number) == 0
    assert [line["event"] for line in started.log if line["event"] != "call"] == [
        "started",
        "stopping",
        "stopped",
    ]
    again = serve()
    with grpc.insecure_channel(again.target) as channel:
        booking = channel.unary_unary("/kasir.v1.BookingService/GetBooking")
        request = booking_pb2.GetBookingRequest(order_id=order.order_id).SerializeToString()
        assert booking_pb2.GetBookingResponse.FromString(booking(request)).order == order


def test_what_was_acknowledged_survives_a_kill(serve):
    started = serve()
    booked: list[int] = []

    def book() -> None:
        with grpc.insecure_channel(started.target) as channel:
            shop = Shop(channel, stock=100_000)
            try:
                while True:
                    booked.append(shop.book().order_id)
            except grpc.RpcError:
                pass

    caller = threading.Thread(target=book)
    caller.start()
    until(lambda: len(booked) > 50, "fifty bookings")
    started.kill()
    caller.join(30)
    again = serve()
    with grpc.insecure_channel(again.target) as channel:
        get = channel.unary_unary("/kasir.v1.BookingService/GetBooking")
        for order_id in booked:
            get(booking_pb2.GetBookingRequest(order_id=order_id).SerializeToString())
        assert admin_pb2_grpc.AdminServiceStub(channel).VerifyStore(admin_pb2.VerifyStoreRequest()).ok


def test_its_files_are_its_users_alone(serve):
    server = serve()
    Shop(grpc.insecure_channel(server.target))
    assert server.stop() == 0
    for path in (server.data, *server.data.rglob("*")):
        assert not path.stat().st_mode & 0o077, f"{path.name} may be read by others"


def test_a_second_server_on_the_same_data_is_told_so(serve, tmp_path):
    started = serve()
    said = refused_start(tmp_path / "shop", "--listen", "127.0.0.1:0")
    assert f"in use by process {started.process.pid}" in said


def test_the_lock_does_not_outlive_a_killed_server(serve):
    serve().kill()
    assert serve().stop() == 0


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused_start(tmp_path / "shop", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert "port is taken" in said
    assert len(said.strip().splitlines()) == 1


def test_two_servers_never_share_a_port(serve, tmp_path):
    started = serve()
    assert "port is taken" in refused_start(tmp_path / "other", "--listen", started.target)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:50051"])
@pytest.mark.parametrize("option", ["--listen", "--metrics-listen", "--moota-webhook"])
def test_no_other_machine_is_served_without_tls(tmp_path, option, address):
    said = refused_start(tmp_path / "shop", option, address)
    assert "--tls-cert" in said
    assert option in said
    # It is for calls: what else listens is not secured by it.
    assert ("--access" in said) == (option == "--listen")
    assert not (tmp_path / "shop").exists()


def test_no_other_machine_is_let_in_to_everything_unless_that_is_said(serve, certificates, tmp_path):
    tls = ["--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key")]
    said = refused_start(tmp_path / "shop", "--listen", "0.0.0.0:0", *tls)
    assert "--access" in said
    assert "--open" in said
    assert not (tmp_path / "shop").exists()
    assert serve("--listen", "0.0.0.0:0", "--open", *tls).stop() == 0


def test_an_authority_that_is_none_is_named(tmp_path):
    said = refused_start(tmp_path / "shop", "--access", str(tmp_path / "missing"))
    assert "kasir ca init" in said


@pytest.mark.parametrize("other", ["--open", "--reflection"])
def test_what_does_not_go_with_access_control(tmp_path, other):
    assert other in refused_start(tmp_path / "shop", "--access", str(tmp_path), other)


@pytest.mark.parametrize("address", ["50051", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", ""])
def test_an_address_that_is_none(tmp_path, address):
    assert "host:port" in refused_start(tmp_path / "shop", "--listen", address)


def test_moota_posts_over_tls_and_what_was_answered_survives_a_kill(serve, certificates, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    options = ["--moota-webhook", "127.0.0.1:0", "--moota-secret-file", str(secret)]
    tls = ["--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key")]
    authority = certificates / "ca.pem"
    credentials = grpc.ssl_channel_credentials(authority.read_bytes())
    body = json.dumps([MOOTA]).encode()
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()

    def post(started: ServerProcess) -> Any:
        (address,) = (line["moota"] for line in started.log[-5:] if line["event"] == "started")
        request = urllib.request.Request(f"https://{address}/moota", body, {"Signature": signature})
        trusted = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(request, timeout=30, context=trusted) as answer:
            return json.loads(answer.read())

    started = serve(*options, *tls)
    names = [("grpc.ssl_target_name_override", "localhost")]
    with grpc.secure_channel(started.target, credentials, names) as channel:
        Shop(channel).bank_account("123")
    assert post(started) == {"new_rows": 1, "known_rows": 0}
    started.kill()
    again = serve(*options, *tls)
    assert post(again) == {"new_rows": 1, "known_rows": 0}
    with grpc.secure_channel(again.target, credentials, names) as channel:
        stub = reconciliation_pb2_grpc.ReconciliationServiceStub(channel)
        found = stub.ListMutations(reconciliation_pb2.ListMutationsRequest(), timeout=30)
    assert [each.bank_reference for each in found.mutations] == ["m1"]
    assert again.stop() == 0


def test_tls_serves_who_trusts_the_authority(serve, certificates):
    started = serve(
        "--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key")
    )
    authority = (certificates / "ca.pem").read_bytes()
    assert settings(started.target, grpc.ssl_channel_credentials(authority)).currency_code == "IDR"
    with pytest.raises(grpc.RpcError) as failed:
        settings(started.target)
    assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


def test_with_a_client_authority_strangers_stay_outside(serve, certificates):
    started = serve(
        *("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key")),
        *("--tls-client-ca", str(certificates / "ca.pem")),
    )
    authority = (certificates / "ca.pem").read_bytes()
    known = grpc.ssl_channel_credentials(
        authority, (certificates / "client.key").read_bytes(), (certificates / "client.pem").read_bytes()
    )
    assert settings(started.target, known).currency_code == "IDR"
    with pytest.raises(grpc.RpcError) as failed:
        settings(started.target, grpc.ssl_channel_credentials(authority))
    assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


def test_certificates_that_do_not_fit_are_named(tmp_path, certificates):
    key, other = str(certificates / "client.key"), str(certificates / "server.pem")
    assert "are no PEM certificate and its key" in refused_start(
        tmp_path / "shop", "--tls-cert", other, "--tls-key", key
    )
    assert "Cannot read" in refused_start(tmp_path / "shop", "--tls-cert", "missing.pem", "--tls-key", key)
    assert "needs both" in refused_start(tmp_path / "shop", "--tls-cert", other)


def test_health_is_asked_for_the_whole_and_for_each_service(serve):
    started = serve()
    with grpc.insecure_channel(started.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "kasir.v1.BookingService", "kasir.v1.WatchService", "kasir.v1.AdminService"):
            assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
        with pytest.raises(grpc.RpcError) as failed:
            health.Check(health_pb2.HealthCheckRequest(service="kasir.v1.NoService"))
        assert failed.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_stop_is_told_to_those_who_watch_the_health_and_does_not_wait_for_them(serve):
    started = serve("--grace", "30")
    with grpc.insecure_channel(started.target) as channel:
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == SERVING
        started.process.send_signal(signal.SIGTERM)
        assert next(watched).status == NOT_SERVING
    started.process.wait(10)


def services(target: str) -> set[str]:
    with grpc.insecure_channel(target) as channel:
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([ask]), timeout=10
        )
    return {service.name for service in answer.list_services_response.service}


def test_reflection_only_when_asked_for(serve, tmp_path):
    with pytest.raises(grpc.RpcError) as failed:
        services(serve().target)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
    found = services(serve("--reflection", data=tmp_path / "other").target)
    assert {"kasir.v1.BookingService", "kasir.v1.WatchService", "grpc.health.v1.Health"} <= found


def test_metrics_tell_calls_and_engine(serve, free_port, certificates):
    started = serve(
        *("--metrics-listen", f"127.0.0.1:{free_port}", "--traces", "http://127.0.0.1:9"),
        *("--tls-cert", str(certificates / "server.pem"), "--tls-key", str(certificates / "server.key")),
    )
    authority = (certificates / "ca.pem").read_bytes()
    with grpc.secure_channel(started.target, grpc.ssl_channel_credentials(authority)) as channel:
        shop = Shop(channel)
        shop.book()
        with pytest.raises(grpc.RpcError):
            shop.bookings.GetBooking(booking_pb2.GetBookingRequest(order_id=999))
        device = hardware_pb2.Device(
            name="slips",
            kind=hardware_pb2.DEVICE_KIND_RECEIPT_PRINTER,
            state=hardware_pb2.DEVICE_STATE_PAPER_OUT,
            document_kinds=[print_pb2.DOCUMENT_KIND_ORDER_SLIP],
            waiting_jobs=3,
        )
        hardware_pb2_grpc.HardwareServiceStub(channel).ReportDeviceStates(
            hardware_pb2.ReportDeviceStatesRequest(agent="desk", devices=[device])
        )
        revision = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest()).revision
    trusting = ssl.create_default_context(cadata=authority.decode())
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(
        f"https://127.0.0.1:{free_port}/metrics", timeout=10, context=trusting
    ) as answer:
        text = answer.read().decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    booked = 'method="/kasir.v1.BookingService/CreateBooking"'
    assert lines[f'kasir_calls_total{{code="OK",{booked}}}'] == "1.0"
    assert lines[f"kasir_call_seconds_count{{{booked}}}"] == "1.0"
    assert lines['kasir_refusals_total{reason="ORDER_NOT_FOUND"}'] == "1.0"
    assert float(lines["kasir_revision"]) == revision
    assert lines["kasir_queue_length"] == "0.0"
    assert float(lines["kasir_commits_total"]) == float(lines["kasir_batch_size_count"]) > 0
    assert float(lines["kasir_batch_size_sum"]) == float(lines["kasir_commands_total"]) == revision
    assert lines['kasir_devices{agent="desk",device="slips",state="paper_out"}'] == "1.0"
    assert lines['kasir_device_waiting_jobs{agent="desk",device="slips"}'] == "3.0"
    told = {line.partition("{")[0] for line in lines} | set(re.findall(r"# TYPE (\S+)", text))
    told |= {metric.name for metric in StandingCollector(Standing()).collect()}
    assert figures_of_the_dashboard() <= told
    two_days_s = 2 * 86_400
    assert 0 < float(lines["kasir_certificate_end_time_seconds"]) - time.time() <= two_days_s
    assert 0 < float(lines["kasir_store_used_bytes"]) <= float(lines["kasir_store_map_bytes"])


def figures_of_the_dashboard() -> set[str]:
    """What the dashboard and the alerts ask Prometheus for."""
    folder = ROOT / "docs" / "monitoring"
    board = json.loads((folder / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += re.findall(r"expr: (.*)", (folder / "alerts.yml").read_text())
    found = {name for words in asked for name in re.findall(r"kasir_[a-z_]+", words)}
    assert len(found) > 15
    return found


def test_a_full_queue_is_refused_at_once_with_a_retry_time(serve):
    started = serve("--max-queue", "1", "--max-batch", "1")
    refusals = []

    def call(channel: grpc.Channel, request: bytes) -> None:
        try:
            channel.unary_unary("/kasir.v1.StockService/ReceiveStock")(request, timeout=20)
        except grpc.RpcError as error:
            refusals.append(read_refusal(error))

    with patient_channel(started.target) as patient, grpc.insecure_channel(started.target) as channel:
        shop = Shop(patient)
        line = stock_pb2.StockLine(item_id=shop.item_id, quantity=1)
        for _ in range(20):
            requests = [
                stock_pb2.ReceiveStockRequest(
                    request_id=new_id(), location_id=shop.warehouse_id, lines=[line]
                ).SerializeToString()
                for _ in range(64)
            ]
            calls = [threading.Thread(target=call, args=(channel, request)) for request in requests]
            for each in calls:
                each.start()
            for each in calls:
                each.join()
            if refusals:
                break
    assert refusals, "a queue of one was never full"
    assert {(refused.code, refused.reason) for refused in refusals} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    }
    assert all(refused.retry_ms and refused.retry_ms > 0 for refused in refusals)


def test_a_read_only_place_is_said_to_be_one(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    said = refused_start(tmp_path / "file", "--listen", "127.0.0.1:0")
    assert str(tmp_path / "file") in said
    assert os.linesep.join(said.strip().splitlines()[1:]) == ""
