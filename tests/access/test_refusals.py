"""Refusals that no table of methods decides, and a disk that is full.

Goal: whoever is refused for who they are leaves a line; guesses of one keep nobody else out; what cannot be
written waits. Method: a real server; a store that fails for a while.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import lmdb
import pytest

from kasir.v1 import access_pb2 as pb
from kasir.v1 import booking_pb2, customer_pb2
from server.access.audit import Audit, Entry, newest
from server.access.pace import PLACES, Pace
from server.access.refusals import LINES_A_MINUTE, WAITING, Refusals
from server.access.store import Store
from tests.access.conftest import METHODS, OWNER
from tests.access.test_door import refused
from tests.server.support import new_id, until

ENROL = METHODS + "EnrolDevice"
NO_CODE = pb.EnrolDeviceRequest(code="A" * 12, csr="x")


def denied(guarded):
    lines = [line for line in guarded.log() if line.kind == "denied"]
    return [(line.method.rpartition("/")[2], line.reason, line.actor, line.device) for line in lines]


def test_wrong_codes_of_one_keep_nobody_out_who_has_the_right_one(guarded):
    code = guarded.manage("CreateEnrolmentCode", pb.CreateEnrolmentCodeRequest(device="till-1")).code
    for _ in range(25):
        last = refused(guarded.ask, ENROL, NO_CODE, None)
    assert last.reason == "RATE_EXCEEDED"
    assert guarded.enrol(code).name == "till-1"


def test_a_place_is_slowed_down_for_itself_and_for_a_minute():
    now = [0.0]
    pace = Pace(2, lambda: now[0])
    assert [pace.is_over("a") for _ in range(3)] == [False, False, True]
    assert not pace.is_over("b")
    now[0] = 60.0
    assert not pace.is_over("a")
    for number in range(2 * PLACES):
        pace.is_over(str(number))
    assert len(pace._places) == PLACES


def test_what_is_refused_behind_the_door_leaves_a_line(guarded):
    guarded.user("budi", "manager", pin="8462")
    token = guarded.login(guarded.office, "budi", "8462")
    for _ in range(3):
        pin = pb.SetPinRequest(user=OWNER, pin="9753")
        assert refused(guarded.ask, METHODS + "SetPin", pin, guarded.office, token).reason == "ROLE_MISSING"
    refused(guarded.ask, ENROL, NO_CODE, None)
    till = guarded.device("till-1")
    for _ in range(6):
        refused(guarded.login, till, "budi", "0000")
    found = denied(guarded)
    assert ("SetPin", "ROLE_MISSING", "budi", "office") in found
    assert ("EnrolDevice", "ENROLMENT_REFUSED", "stranger", "") in found
    assert ("OpenSession", "LOGIN_LOCKED", "device:till-1", "till-1") in found
    lines = [line for line in guarded.log() if line.method.endswith("SetPin")]
    assert sum(line.count for line in lines) == 3


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def counts(store):
    with store.read() as txn:
        return [(line.entry.reason, line.entry.count) for line in newest(txn, 0, 10_000)]


def test_refusals_alike_are_one_line_and_a_flood_is_a_number(store):
    now = [0.0]
    waiting = Refusals(Audit(b"k" * 32, lambda: now[0]), lambda: now[0])
    for number in range(WAITING + 50):
        waiting.add(Entry("denied", reason=f"{number}"))
        waiting.add(Entry("denied", reason=f"{number}", count=2))
    waiting.write(store)
    waiting.write(store)
    assert counts(store) == [(f"{number}", 3) for number in reversed(range(LINES_A_MINUTE))]
    while now[0] < 3600:
        now[0] += 60
        waiting.write(store)
    found = counts(store)
    assert len(found) == WAITING + 1
    assert found[0] == ("more than are told one by one", 150)


class FullDisk:
    """A store that cannot be written."""

    def write(self):
        raise lmdb.DiskError("no space left on device")


def test_what_cannot_be_written_waits(store):
    waiting = Refusals(Audit(b"k" * 32))
    waiting.add(Entry("denied", reason="no"))
    with pytest.raises(lmdb.DiskError):
        waiting.write(FullDisk())
    waiting.add(Entry("denied", reason="no"))
    waiting.write(store)
    assert counts(store) == [("no", 2)]


def test_a_full_disk_does_not_end_the_writing_of_refusals(guarded, monkeypatch):
    control, whole = guarded.control, guarded.control.store.write

    tries = []

    def full():
        tries.append("")
        raise lmdb.DiskError("no space left on device")

    monkeypatch.setattr(control.store, "write", full)
    refused(guarded.ask, "/kasir.v1.AdminService/GetSettings", b"", None)
    until(lambda: len(tries) > 3, "a further try")
    told = [line["work"] for line in guarded.running.log if "no space left" in str(line)]
    assert "refusals" in told
    assert len(told) == len(set(told))
    monkeypatch.setattr(control.store, "write", whole)
    until(lambda: bool(written(control)), "the refusal")
    assert written(control) == ["/kasir.v1.AdminService/GetSettings"]


def written(control):
    with control.store.read() as txn:
        lines = [line.entry for line in newest(txn, 0, 100)]
    return [line.method for line in lines if line.kind == "denied"]


def test_an_id_that_is_used_for_something_else_leaves_a_line_by_whichever_way_it_comes(guarded, engine):
    guarded.user("sari", "cs")
    token = guarded.login(guarded.office, "sari")
    customer = customer_pb2.Customer(name="Pelanggan", phone="081234567890")
    create = "/kasir.v1.CustomerService/CreateCustomer"
    first = customer_pb2.CreateCustomerRequest(request_id=new_id(), customer=customer)
    told = guarded.ask(create, first, guarded.office, token)
    before = engine.revision()

    def other(number: int) -> str:
        asked = customer_pb2.CreateCustomerRequest()
        asked.CopyFrom(first)
        asked.customer.name = f"Pelanggan {number}"
        return refused(guarded.ask, create, asked, guarded.office, token).reason

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(other, range(50))) == {"REQUEST_ID_REUSED"}
    stream = guarded.line(guarded.office).stream_stream(
        "/kasir.v1.BookingService/StreamCommands",
        booking_pb2.StreamCommandsRequest.SerializeToString,
        booking_pb2.StreamCommandsResponse.FromString,
    )
    hold = booking_pb2.StreamCommandsRequest(sequence=1)
    hold.release_hold.request_id, hold.release_hold.hold_id = first.request_id, 7
    (outcome,) = stream(iter([hold]), timeout=20, metadata=[("authorization", f"Bearer {token}")])
    assert outcome.error.reason == "REQUEST_ID_REUSED"
    assert engine.revision() == before
    assert guarded.ask(create, first, guarded.office, token) == told
    words = "a request id that another request has"
    lines = [line for line in guarded.log() if line.reason == words]
    assert {(line.actor, line.device) for line in lines} == {("sari", "office")}
    counted = Counter()
    for line in lines:
        counted[line.method.rpartition("/")[2]] += line.count
    assert counted == {"CreateCustomer": 50, "ReleaseHold": 1}
