"""Every method of the contract crosses the line and comes back.

Goal: what Rust answers is exactly what the contract lists for it, garbage never gets past the door, and the
stubs describe the module. Method: the contract's descriptors drive the calls.
"""

from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as engine_package
from engine import Code, Engine, EngineError
from tests.engine.desk import METHODS, Desk, everything, message_of, new_id

ROOT = Path(__file__).resolve().parents[2]
SERVER_ANSWERS = {
    "/kasir.v1.AdminService/CreateSnapshot",
    "/kasir.v1.AdminService/GetStatus",
    "/kasir.v1.AdminService/VerifyStore",
    "/kasir.v1.HardwareService/ListDevices",
    "/kasir.v1.HardwareService/ReportDeviceStates",
    "/kasir.v1.ReconciliationService/ImportStatement",
}
STREAMS = {name for name, method in METHODS.items() if method.server_streaming}
# No request may ever be the cause of these.
BREAKDOWNS = {Code.DATA_LOSS, Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN}
NO_MESSAGE = [b"\x0f", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 12, b"\x0a\x02\xc3\x28", b"{}"]


def test_rust_answers_all_but_streams_and_what_is_about_the_engine(engine):
    assert not engine.commands & engine.queries
    assert engine.commands | engine.queries == METHODS.keys() - SERVER_ANSWERS - STREAMS
    with_id = {
        name for name in METHODS if "request_id" in message_of(name, "input").DESCRIPTOR.fields_by_name
    }
    assert engine.commands == with_id


@pytest.mark.parametrize("method", sorted(METHODS.keys() - SERVER_ANSWERS - STREAMS))
def test_garbage_is_refused_and_changes_nothing(engine, method):
    for body in NO_MESSAGE:
        try:
            message_of(method, "input").FromString(body)
        except DecodeError:
            pass
        else:
            continue  # this message has no field there: it passes over what it does not know
        with pytest.raises(EngineError) as refused:
            Desk(engine).send(method.rsplit("/", 1)[1], body)
        assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "MESSAGE_MALFORMED")
        expected = message_of(method, "input").DESCRIPTOR.full_name
        assert refused.value.details == {"expected": expected}
        assert expected in refused.value.message
    assert engine.revision() == 0


@pytest.mark.parametrize("method", sorted(METHODS.keys() - SERVER_ANSWERS - STREAMS))
def test_a_request_with_every_field_set_is_answered_or_refused_by_name(engine, method):
    request = everything(message_of(method, "input")())
    if method in engine.commands:
        request.request_id = new_id()
    outcome = Desk(engine).attempt(method, request.SerializeToString())
    if isinstance(outcome, EngineError):
        assert outcome.code not in BREAKDOWNS, outcome
        assert outcome.reason
        assert outcome.message.endswith(".")
    else:
        message_of(method, "output").FromString(outcome)
    assert engine.verify()["ok"]


# One store for all examples: they change nothing, or only what verify() checks at the end.
@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_bring_the_engine_down(engine, data):
    method = data.draw(st.sampled_from(sorted(METHODS.keys() - SERVER_ANSWERS - STREAMS)))
    whole = everything(message_of(method, "input")())
    if method in engine.commands:
        whole.request_id = new_id()
    body = bytearray(whole.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        if kind == "flip" and body:
            body[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del body[at:]
        else:
            body[at:at] = data.draw(st.binary(min_size=1, max_size=12))
    outcome = Desk(engine).attempt(method, bytes(body))
    assert isinstance(outcome, bytes) or outcome.code not in BREAKDOWNS, outcome
    assert engine.status()["queue_length"] == 0


def test_a_method_in_the_wrong_place_is_unknown(engine):
    for call, method in [
        (lambda name: engine.query(name, b""), "/kasir.v1.BookingService/CreateBooking"),
        (lambda name: engine.submit_blocking(name, b"", "sari"), "/kasir.v1.BookingService/GetBooking"),
        (lambda name: engine.query(name, b""), "/kasir.v1.WatchService/Watch"),
        (lambda name: engine.query(name, b""), "x" * 10_000),
        (lambda name: engine.submit_blocking(name, b"", "sari"), ""),
    ]:
        with pytest.raises(EngineError) as refused:
            call(method)
        assert (refused.value.code, refused.value.reason) == (Code.UNIMPLEMENTED, "METHOD_UNKNOWN")
        assert len(refused.value.message) < 200


def test_the_module_has_the_version_of_the_distribution(engine):
    assert engine_package.__version__ == engine.status()["version"]
    assert f'version = "{engine_package.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_what_a_method_takes_is_bytes(engine: Engine):
    for wrong in ("text", None, 7, [1]):
        with pytest.raises(TypeError):
            engine.query("/kasir.v1.StockService/ListLocations", wrong)  # type: ignore[arg-type]
