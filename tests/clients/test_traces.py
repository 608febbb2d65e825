"""Goal: a call is seen on its whole way, by who is allowed to know; nobody waits for who looks.

Method: the real client and server send to a collector that reads OTLP as a real one does.
"""

import os
import subprocess
import sys
import time
from itertools import pairwise
from urllib.request import urlopen

import grpc
import pytest
from faker import Faker

from clients.common import tracing
from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from kasir import traces
from kasir.v1.admin_pb2 import GetStatusRequest, GetStatusResponse
from kasir.v1.booking_pb2 import (
    CancelBookingRequest,
    CancelBookingResponse,
    CreateBookingRequest,
    CreateBookingResponse,
    GetBookingRequest,
    GetBookingResponse,
    Order,
    StreamCommandsRequest,
)
from kasir.v1.stock_pb2 import CreateHoldRequest, Hold
from server.service import SettingsError
from server.settings import parse_address
from tests.clients.conftest import Refusal
from tests.collector import Collector, collecting, values
from tests.conftest import ROOT
from tests.server.support import Shop, new_id, until

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_SAMPLED = SAMPLED[:-1] + "0"
GET_STATUS = "/kasir.v1.AdminService/GetStatus"
QUICK = Patience(timeout_s=5.0, tries=3, pause_s=0.01, pause_max_s=0.02)
AWAY = "http://127.0.0.1:9"


@pytest.fixture
def collector():
    with collecting() as opened:
        yield opened


@pytest.fixture
def tracing_client(monkeypatch, collector):
    """Clients of this process are traced."""
    for name in (traces.TRACES_ENDPOINT, traces.DISABLED, traces.EXPORTER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(traces.ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    tracing.tracer.cache_clear()
    yield
    tracing.tracer.cache_clear()


@pytest.fixture
def person():
    return Faker("id_ID")


@pytest.fixture
def traced_server(start_server, collector):
    return start_server(traces=collector.url)


@pytest.fixture
def shop(traced_server):
    with grpc.insecure_channel(traced_server.target) as channel:
        yield Shop(channel)


def client_span(collector: Collector, method: str):
    def found():
        return [
            each
            for each in collector.seen
            if each.service == tracing.SERVICE and each.span.name.endswith(f"/{method}")
        ]

    until(lambda: bool(found()), f"the client's {method}")
    return found()[0]


def booking(shop: Shop, person: Faker) -> CreateBookingRequest:
    made = shop.booking()
    made.customer_name = made.address.recipient = person.name()
    made.customer_phone = made.address.phone = "0812" + person.numerify("########")
    made.customer_email, made.address.street = person.email(), person.street_address()
    return CreateBookingRequest(booking=made)


@pytest.mark.usefixtures("tracing_client")
def test_a_booking_is_one_trace_from_the_client_to_the_disk(traced_server, shop, collector, person):
    request = booking(shop, person)
    actor = person.user_name()
    with Client(Connection(traced_server.target, actor), patience=QUICK) as client:
        reply = client.call(request, CreateBookingResponse)
    (call,) = collector.wait_for("CreateBooking")
    asked = client_span(collector, "CreateBooking")

    assert call.span.trace_id == asked.span.trace_id
    assert call.span.parent_span_id == asked.span.span_id
    assert asked.span.parent_span_id == b""
    assert (call.service, asked.service) == ("kasir-server", "kasir-client")
    assert asked.attributes["kasir.request_id"] == request.request_id
    assert asked.attributes["rpc.response.status_code"] == call.attributes["rpc.response.status_code"] == "OK"
    assert call.attributes["rpc.method"] == "kasir.v1.BookingService/CreateBooking"
    assert call.attributes["kasir.batch.commands"] == 1
    assert call.attributes["kasir.batch.revision"] == traced_server.engine.revision()

    stages = collector.stages(call)
    names = [stage.name for stage in stages]
    assert names in (
        ["read", "queue", "decide", "write", "sync", "answer"],
        ["read", "queue", "decide", "write", "sync", "follow", "answer"],
    )
    assert all(stage.trace_id == call.span.trace_id for stage in stages)
    assert stages[0].start_time_unix_nano == call.span.start_time_unix_nano
    assert stages[-1].end_time_unix_nano == call.span.end_time_unix_nano
    for before, after in pairwise(stages):
        assert before.start_time_unix_nano <= before.end_time_unix_nano == after.start_time_unix_nano
    assert asked.span.start_time_unix_nano <= call.span.start_time_unix_nano
    assert call.span.end_time_unix_nano <= asked.span.end_time_unix_nano
    took_ns = {stage.name: stage.end_time_unix_nano - stage.start_time_unix_nano for stage in stages}
    assert took_ns["decide"] > 0 < took_ns["sync"], "they were measured"

    # Nobody is named
    given = request.booking
    personal = [given.customer_name, given.customer_phone, given.customer_phone[1:], given.customer_email]
    personal += [given.address.street, given.address.city, actor, reply.order.customer_phone]
    for body in collector.bodies:
        for words in personal:
            assert words
            assert words.encode() not in body, words


@pytest.mark.usefixtures("tracing_client")
def test_a_refused_call_tells_its_reason_and_is_no_fault_of_the_server(
    traced_server, shop, collector, person
):
    request = booking(shop, person)
    request.booking.lines[0].quantity = 100_000
    with Client(Connection(traced_server.target), patience=QUICK) as client, pytest.raises(CallFailed):
        client.call(request, CreateBookingResponse)
    (call,) = collector.wait_for("CreateBooking")
    asked = client_span(collector, "CreateBooking")
    for each, is_error in ((call, False), (asked, True)):
        assert each.attributes["rpc.response.status_code"] == "FAILED_PRECONDITION"
        assert each.attributes["kasir.reason"] == "OUT_OF_STOCK"
        assert (each.span.status.code == each.span.status.STATUS_CODE_ERROR) is is_error
        assert each.span.status.message == "", "words may name people"
    # Where somebody reads, LMDB follows first.
    assert [stage.name for stage in collector.stages(call)] in (
        ["read", "queue", "decide", "answer"],
        ["read", "queue", "decide", "follow", "answer"],
    )


@pytest.mark.usefixtures("tracing_client")
def test_tries_are_told_and_belong_to_one_call(scripted, collector):
    scripted.answers(
        CancelBookingRequest,
        Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "Bu Sari may be named here."),
        Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING"),
        CancelBookingResponse(order=Order(order_id=7)),
    )
    with Client(Connection(scripted.address, "kasir-1"), patience=QUICK) as client:
        client.call(CancelBookingRequest(order_id=7), CancelBookingResponse)
    asked = client_span(collector, "CancelBooking")
    assert asked.attributes["kasir.tries"] == 3
    events = [(event.name, values(event.attributes)) for event in asked.span.events]
    assert [name for name, _ in events] == ["retry", "retry"]
    assert events[0][1]["kasir.reason"] == "SERVER_STOPPING"
    (sent,) = {metadata["traceparent"] for metadata in scripted.metadata}
    assert sent.startswith(f"00-{asked.span.trace_id.hex()}-{asked.span.span_id.hex()}-")
    assert int(sent[-2:], 16) & 1, "it is sampled"
    assert b"Sari" not in b"".join(collector.bodies)


def test_a_client_that_is_told_of_no_collector_sends_nothing(scripted, monkeypatch):
    for name in (traces.TRACES_ENDPOINT, traces.ENDPOINT):
        monkeypatch.delenv(name, raising=False)
    tracing.tracer.cache_clear()
    scripted.answers(GetBookingRequest, GetBookingResponse())
    with Client(Connection(scripted.address, "kasir-1"), patience=QUICK) as client:
        client.call(GetBookingRequest(order_id=1), GetBookingResponse)
    assert "traceparent" not in scripted.metadata[0]


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ({}, None),
        ({traces.ENDPOINT: "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({traces.ENDPOINT: "http://c:4318", traces.TRACES_ENDPOINT: "http://d/here"}, "http://d/here"),
        ({traces.ENDPOINT: "http://c:4318", traces.DISABLED: "true"}, None),
        ({traces.ENDPOINT: "http://c:4318", traces.EXPORTER: "none"}, None),
    ],
)
def test_opentelemetrys_own_variables_are_heeded(monkeypatch, given, endpoint):
    for name in (traces.ENDPOINT, traces.TRACES_ENDPOINT, traces.DISABLED, traces.EXPORTER):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert traces.told_endpoint() == endpoint


@pytest.mark.parametrize("given", ["collector:4318", "ftp://c", "http://", "http://a:b@c", "http://[::1"])
def test_what_is_no_collector_is_said(start_server, given):
    with pytest.raises(SettingsError, match="no collector's address"):
        start_server(traces=given)


@pytest.mark.parametrize("given", ["http://user:geheim@c:4318", "ftp://c"])
def test_an_environment_that_is_wrong_stops_no_server_and_is_not_repeated(serve, monkeypatch, given):
    monkeypatch.setenv(traces.ENDPOINT, given)
    server = serve()
    assert server.stop() == 0
    said = server.log_path.read_text()
    assert "Nothing is traced: That is no collector's address" in said
    assert "geheim" not in said


def test_a_key_in_a_collectors_address_is_in_no_log():
    assert traces.shown("https://c:4318/v1/traces?api-key=geheim") == "https://c:4318/v1/traces"


def test_who_lacks_the_library_is_told_what_to_install(start_server, monkeypatch):
    monkeypatch.delitem(sys.modules, "server.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"kasir\[traces\]"):
        start_server(traces=AWAY)


# --- Which calls ---


def ask(target: str, traceparent: str = "", count: int = 1) -> None:
    metadata = [("traceparent", traceparent)] if traceparent else []
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(GET_STATUS)
        for _ in range(count):
            call(b"", metadata=metadata, timeout=20)


def test_a_caller_decides_and_the_ratio_decides_for_those_who_do_not(start_server, collector):
    by_caller = start_server(traces=collector.url)
    for traceparent in ("", NOT_SAMPLED, "nonsense", SAMPLED):
        ask(by_caller.target, traceparent)
    (call,) = collector.wait_for("GetStatus")
    assert call.span.trace_id.hex() in SAMPLED
    assert call.span.parent_span_id.hex() in SAMPLED
    by_caller.stop()
    assert len(collector.calls("GetStatus")) == 1

    collector.bodies.clear()
    by_ratio = start_server(traces=collector.url, trace_ratio=1.0)
    ask(by_ratio.target, NOT_SAMPLED)
    ask(by_ratio.target, count=3)
    calls = collector.wait_for("GetStatus", 3)
    by_ratio.stop()
    assert len(collector.calls("GetStatus")) == 3
    assert len({each.span.trace_id for each in calls}) == 3, "each is a trace of its own"
    assert all(each.span.parent_span_id == b"" for each in calls)


def test_a_server_that_traces_nothing_heeds_no_caller(server):
    ask(server.target, SAMPLED)
    assert server.service._native.take_traces(10) == []


def test_what_python_answers_and_what_is_read_has_its_own_stages(traced_server, shop, collector):
    ask(traced_server.target, SAMPLED)
    (status,) = collector.wait_for("GetStatus")
    assert [stage.name for stage in collector.stages(status)] == ["read", "wait", "handle", "answer"]
    order = shop.book()
    metadata = [("traceparent", SAMPLED)]
    shop.bookings.GetBooking(GetBookingRequest(order_id=order.order_id), metadata=metadata)
    (got,) = collector.wait_for("GetBooking")
    assert [stage.name for stage in collector.stages(got)] == ["read", "query", "answer"]


def test_a_stream_of_commands_is_one_call(shop, collector):
    wanted = Hold(item_id=shop.item_id, location_id=shop.warehouse_id, quantity=1, owner="kasir-1")
    hold = CreateHoldRequest(request_id=new_id(), hold=wanted)
    asked = [StreamCommandsRequest(sequence=number, create_hold=hold) for number in (1, 2, 3)]
    replies = list(shop.bookings.StreamCommands(iter(asked), metadata=[("traceparent", SAMPLED)], timeout=20))
    assert [reply.WhichOneof("outcome") for reply in replies] == ["create_hold"] * 3
    (call,) = collector.wait_for("StreamCommands")
    assert call.attributes["kasir.messages"] == 3
    assert [stage.name for stage in collector.stages(call)] == ["answer"]


# --- Collectors that do not keep up ---


def asked_at_once(target: str, count: int) -> None:
    """So many traced calls, each of which is answered."""
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary("/kasir.v1.BookingService/GetBooking")
        calls = [call.future(b"", metadata=[("traceparent", SAMPLED)], timeout=60) for _ in range(count)]
        assert {each.code() for each in calls} == {grpc.StatusCode.NOT_FOUND}


def figures(server) -> dict[str, float]:
    with urlopen(f"http://{server.service.metrics_address}/metrics", timeout=10) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in lines if name.startswith("kasir_traces")}


LOST_AT_COLLECTOR = 'kasir_traces_lost_total{at="collector"}'
LOST_AT_QUEUE = 'kasir_traces_lost_total{at="queue"}'


def test_a_collector_that_hangs_holds_nobody_up_and_what_is_lost_is_counted(
    start_server, collector, monkeypatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    server = start_server(traces=collector.url, metrics_listen=parse_address("127.0.0.1:0"))
    collector.room.clear()
    asked_at_once(server.target, 300)
    # One lot is on its way to the collector, and never arrives; the ring holds 4,096 more.
    asked_at_once(server.target, 5_000)
    found = figures(server)
    assert found["kasir_traces_sent_total"] == 0
    assert found[LOST_AT_QUEUE] > 0
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 30.0, "a stop does not wait for it"


def test_a_collector_that_is_away_is_told_of_once_and_found_again(start_server, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    server = start_server(traces=collector.url, metrics_listen=parse_address("127.0.0.1:0"))
    collector.status = 503
    for lost in (1, 2):
        ask(server.target, SAMPLED)
        until(lambda lost=lost: figures(server)[LOST_AT_COLLECTOR] == lost, "it is counted")
    collector.status = 200
    ask(server.target, SAMPLED)
    until(lambda: figures(server)["kasir_traces_sent_total"] == 1, "it is taken")
    told = [line["event"] for line in server.log if "traces" in line["event"]]
    assert told == ["traces are lost", "traces are taken again"]


def test_a_command_ends_soon_whose_collector_is_away(server, tmp_path):
    environment = {**os.environ, traces.ENDPOINT: AWAY, "KASIR_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "kasir.cli", "admin", "status", "--server", server.target]
    began = time.monotonic()
    done = subprocess.run(
        command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "Revision" in done.stdout or "revision" in done.stdout
    assert done.stderr == "", "nobody at a terminal is told of it"
    assert time.monotonic() - began < 20.0


def test_a_command_is_traced_to_its_end(start_server, collector):
    server = start_server(traces=collector.url)
    environment = {**os.environ, traces.ENDPOINT: collector.url}
    command = [sys.executable, "-m", "kasir.cli", "admin", "status", "--server", server.target]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)
    (call,) = collector.wait_for("GetStatus")
    assert call.span.parent_span_id == client_span(collector, "GetStatus").span.span_id


def test_serve_is_told_where_traces_go(serve, collector):
    started = serve("--traces", collector.url, "--trace-ratio", "1")
    with Client(Connection(started.target), patience=QUICK) as client:
        client.call(GetStatusRequest(), GetStatusResponse)
    started.stop()
    assert len(collector.calls("GetStatus")) == 1, "the stop sent what was left"
