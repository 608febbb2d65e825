"""One request, one effect: what a client does when answers fail, are late, or never come."""

import socket
import struct
import threading

import grpc
import pytest

from clients.common.client import Client, Patience
from clients.common.connection import Connection, connection, is_local
from clients.common.problems import BadInput, CallFailed
from clients.common.request_ids import new_request_id
from kasir.v1.booking_pb2 import (
    CancelBookingRequest,
    CancelBookingResponse,
    GetBookingRequest,
    GetBookingResponse,
    Order,
)
from kasir.v1.drop_order_pb2 import DropOrder, WatchDropOrdersRequest, WatchDropOrdersResponse
from kasir.v1.reconciliation_pb2 import ImportStatementRequest, ImportStatementResponse
from tests.attacks.wire import ACK, RST_STREAM, SETTINGS, frame
from tests.clients.conftest import Refusal

Code = grpc.StatusCode
QUICK = Patience(timeout_s=0.5, tries=3, pause_s=0.01, pause_max_s=0.02)
DONE = CancelBookingResponse(order=Order(order_id=7))

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")


@pytest.fixture
def client(scripted):
    with Client(Connection(server=scripted.address, actor="sari"), patience=QUICK) as opened:
        yield opened


def cancel(client):
    return client.call(CancelBookingRequest(order_id=7), CancelBookingResponse, note="cancel order 7")


def test_a_request_says_who_asks_and_is_forgotten_when_answered(client, scripted, in_a_state_of_its_own):
    pending_while_asked = []

    def answer(_request):
        pending_while_asked.extend(in_a_state_of_its_own())
        return DONE

    scripted.answers(CancelBookingRequest, answer)
    assert cancel(client) == DONE
    assert scripted.metadata[0]["kasir-actor"] == "sari"
    assert [each.request_id for each in pending_while_asked] == [scripted.asked[0].request_id]
    assert in_a_state_of_its_own() == []


@pytest.mark.parametrize(
    "failure",
    [
        Refusal(Code.UNAVAILABLE),
        Refusal(Code.UNAVAILABLE, "WRITER_STOPPED"),
        Refusal(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", retry_ms=20),
        Refusal(Code.DEADLINE_EXCEEDED),
    ],
)
def test_what_may_heal_is_asked_again_with_the_same_id(client, scripted, failure):
    scripted.answers(CancelBookingRequest, failure, failure, DONE)
    assert cancel(client) == DONE
    ids = [request.request_id for request in scripted.asked]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_a_server_that_says_how_long_to_wait_is_believed():
    failed = CallFailed(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", "", retry_s=0.25)
    pauses = [QUICK.pause(failed, tries) for tries in range(20)]
    assert all(0.25 <= pause <= 0.25 + QUICK.pause_max_s for pause in pauses)
    assert len(set(pauses)) > 1


def test_tries_are_bounded_and_the_request_is_kept(client, scripted, in_a_state_of_its_own):
    scripted.answers(CancelBookingRequest, Refusal(Code.UNAVAILABLE))
    with pytest.raises(CallFailed) as failed:
        cancel(client)
    assert failed.value.code is Code.UNAVAILABLE
    assert len(scripted.asked) == QUICK.tries
    (pending,) = in_a_state_of_its_own()
    assert pending.request_id == scripted.asked[0].request_id
    assert pending.note == "cancel order 7"


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS, Code.CANCELLED])
def test_an_outcome_that_nobody_knows_is_kept_and_not_repeated_blindly(
    client, scripted, in_a_state_of_its_own, code
):
    scripted.answers(CancelBookingRequest, Refusal(code))
    with pytest.raises(CallFailed):
        cancel(client)
    assert len(scripted.asked) == 1
    assert len(in_a_state_of_its_own()) == 1


def test_an_answer_that_is_broken_off_is_an_outcome_that_nobody_knows():
    """The server resets the call (CANCEL) when it has no room to keep its answer: what was asked is done."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            here, _ = listener.accept()
            with here:
                here.sendall(frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))
                received = b""
                while b"CancelBooking" not in received:
                    received += here.recv(65_536)
                here.sendall(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
                # Until the caller hangs up
                while here.recv(65_536):
                    pass

        server = threading.Thread(target=break_off)
        server.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            Client(Connection(server=address, actor="sari"), patience=QUICK) as client,
            pytest.raises(CallFailed) as failed,
        ):
            cancel(client)
        server.join()
    assert failed.value.code is Code.CANCELLED
    assert not failed.value.settled


@pytest.mark.parametrize(
    "code",
    [
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.ALREADY_EXISTS,
        Code.FAILED_PRECONDITION,
        Code.ABORTED,
        Code.OUT_OF_RANGE,
        Code.PERMISSION_DENIED,
        Code.UNAUTHENTICATED,
        Code.UNIMPLEMENTED,
        Code.RESOURCE_EXHAUSTED,  # without a time to wait: too large, now and later
    ],
)
def test_a_refusal_changed_nothing_and_is_forgotten(client, scripted, in_a_state_of_its_own, code):
    scripted.answers(CancelBookingRequest, Refusal(code))
    with pytest.raises(CallFailed):
        cancel(client)
    assert len(scripted.asked) == 1
    assert in_a_state_of_its_own() == []


def test_a_refusal_carries_reason_facts_field_and_waiting_time(client, scripted):
    details = {"field": "booking.lines[0].quantity", "item_id": "7"}
    refusal = Refusal(Code.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE", "quantity is 0", details, retry_ms=1500)
    scripted.answers(CancelBookingRequest, refusal)
    with pytest.raises(CallFailed) as caught:
        cancel(client)
    failed = caught.value
    assert (failed.reason, failed.message) == ("FIELD_OUT_OF_RANGE", "quantity is 0")
    assert failed.details == details
    assert failed.field == "booking.lines[0].quantity"
    assert failed.retry_s == 1.5


def test_details_that_are_not_ours_do_not_hide_the_status(client, scripted):
    class Garbled(Refusal):
        def send(self, context):
            context.set_trailing_metadata([("grpc-status-details-bin", b"\xff\xff\xff")])
            context.abort(self.code, self.message)

    scripted.answers(CancelBookingRequest, Garbled(Code.NOT_FOUND, message="gone"))
    with pytest.raises(CallFailed) as failed:
        cancel(client)
    assert (failed.value.code, failed.value.message, failed.value.reason) == (Code.NOT_FOUND, "gone", "")


def test_a_late_answer_is_waited_for_no_longer_than_said(silent_server, in_a_state_of_its_own):
    patience = Patience(timeout_s=0.1, tries=2, pause_s=0.01)
    client = Client(Connection(server=silent_server.address), patience=patience)
    with client, pytest.raises(CallFailed) as failed:
        cancel(client)
    assert failed.value.code is Code.DEADLINE_EXCEEDED
    assert len({request.request_id for request in silent_server.asked}) == 1
    assert len(in_a_state_of_its_own()) == 1


def test_a_question_is_repeated_and_never_kept(client, scripted, in_a_state_of_its_own):
    found = GetBookingResponse(order=Order(order_id=7))
    scripted.answers(GetBookingRequest, Refusal(Code.UNAVAILABLE), found)
    assert client.call(GetBookingRequest(order_id=7), GetBookingResponse) == found
    scripted.answers(GetBookingRequest, Refusal(Code.INTERNAL))
    with pytest.raises(CallFailed):
        client.call(GetBookingRequest(order_id=7), GetBookingResponse)
    assert in_a_state_of_its_own() == []


def test_what_comes_with_an_id_of_its_own_is_its_callers_to_repeat(client, scripted, in_a_state_of_its_own):
    scripted.answers(CancelBookingRequest, Refusal(Code.INTERNAL))
    request = CancelBookingRequest(order_id=7, request_id=new_request_id())
    with pytest.raises(CallFailed):
        client.call(request, CancelBookingResponse)
    assert in_a_state_of_its_own() == []


def test_what_was_never_answered_is_asked_again_by_the_same_person_with_the_same_bytes(
    client, scripted, in_a_state_of_its_own
):
    scripted.answers(CancelBookingRequest, Refusal(Code.INTERNAL), DONE)
    with pytest.raises(CallFailed):
        cancel(client)
    (pending,) = in_a_state_of_its_own()
    with Client(Connection(server=scripted.address, actor="another"), patience=QUICK) as later:
        assert later.resend(pending) == DONE
    assert scripted.asked[0] == scripted.asked[1]
    assert [metadata["kasir-actor"] for metadata in scripted.metadata] == ["sari", "sari"]
    assert in_a_state_of_its_own() == []


def test_the_same_words_are_that_command_again_only_while_it_is_kept(client, scripted, in_a_state_of_its_own):
    scripted.answers(CancelBookingRequest, Refusal(Code.INTERNAL), Refusal(Code.INTERNAL), DONE)
    for _each in range(2):
        with pytest.raises(CallFailed):
            cancel(client)
    (pending,) = in_a_state_of_its_own()
    with Client(Connection(server=scripted.address), patience=QUICK) as another:
        another.resend(pending)
    cancel(client)
    first, again, settled, anew = [request.request_id for request in scripted.asked]
    assert first == again == settled
    assert anew != first, "the server would give the old answer and do nothing"


def test_an_upload_is_repeated_whole_and_kept_whole(client, scripted, in_a_state_of_its_own):
    head = ImportStatementRequest(header=ImportStatementRequest.Header(request_id="r1"))
    parts = [ImportStatementRequest(chunk=bytes([number]) * 1000) for number in range(5)]
    done = ImportStatementResponse(rows=3)
    counts = []
    scripted.answers(ImportStatementRequest, Refusal(Code.UNAVAILABLE), Refusal(Code.INTERNAL), done)
    with pytest.raises(CallFailed):
        client.upload(
            head, lambda: parts, "r1", ImportStatementResponse, note="import x", on_sent=counts.append
        )
    assert scripted.asked == [[head, *parts]] * 2
    assert counts == [1, 2, 3, 4, 5, 6] * 2
    (pending,) = in_a_state_of_its_own()
    assert client.resend(pending) == done
    assert scripted.asked[2] == [head, *parts]
    assert in_a_state_of_its_own() == []


def test_an_upload_too_large_to_keep_is_read_piece_by_piece_and_never_kept(
    client, scripted, in_a_state_of_its_own
):
    head = ImportStatementRequest(header=ImportStatementRequest.Header(request_id="r1"))
    part = ImportStatementRequest(chunk=b"x")
    reads = []

    def parts():
        reads.append(0)
        for _ in range(500):
            reads[-1] += 1
            yield part

    scripted.answers(ImportStatementRequest, Refusal(Code.UNAVAILABLE), Refusal(Code.INTERNAL))
    with pytest.raises(CallFailed):
        client.upload(head, parts, "r1", ImportStatementResponse, kept=False)
    assert reads == [500, 500]
    assert in_a_state_of_its_own() == []


def test_a_file_that_cannot_be_read_to_its_end_is_not_taken_for_a_whole_one(client, scripted):
    head = ImportStatementRequest(header=ImportStatementRequest.Header(request_id="r1"))

    def parts():
        yield ImportStatementRequest(chunk=b"x")
        raise OSError(5, "Input/output error", "mutasi.csv")

    scripted.answers(ImportStatementRequest, ImportStatementResponse(rows=3))
    with pytest.raises(OSError, match="Input/output error"):
        client.upload(head, parts, "r1", ImportStatementResponse, kept=False)
    assert scripted.asked == []


def test_a_watch_that_breaks_goes_on_after_the_last_revision_seen(client, scripted):
    def change(revision):
        return WatchDropOrdersResponse(drop_order=DropOrder(drop_order_id=revision), revision=revision)

    too_slow = Refusal(Code.RESOURCE_EXHAUSTED, "READER_TOO_SLOW")
    scripted.answers(
        WatchDropOrdersRequest,
        [change(5), WatchDropOrdersResponse(revision=8), Refusal(Code.UNAVAILABLE)],
        [change(9), too_slow],
        [change(12)],
        [change(13)],
    )
    watch = client.watch(WatchDropOrdersRequest(), WatchDropOrdersResponse)
    assert [next(watch).revision for _ in range(5)] == [5, 8, 9, 12, 13]
    watch.close()
    assert [request.start_revision for request in scripted.asked] == [0, 8, 9, 12]


def test_a_watch_behind_what_the_server_keeps_starts_from_how_things_stand(client, scripted):
    compacted = Refusal(Code.OUT_OF_RANGE, "REVISION_COMPACTED")
    scripted.answers(WatchDropOrdersRequest, [compacted], [WatchDropOrdersResponse(revision=40)])
    request = WatchDropOrdersRequest(start_revision=3)
    watch = client.watch(request, WatchDropOrdersResponse, restart_revision=0)
    assert next(watch).revision == 40
    watch.close()
    assert [asked.start_revision for asked in scripted.asked] == [3, 0]
    scripted.answers(WatchDropOrdersRequest, [compacted])
    with pytest.raises(CallFailed, match="REVISION_COMPACTED"):
        next(client.watch(WatchDropOrdersRequest(start_revision=3), WatchDropOrdersResponse))


@pytest.mark.parametrize(
    "server", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9:1", "unix:/run/kasir.sock"]
)
def test_this_machine_may_be_called_in_the_clear(server):
    assert is_local(server)


@pytest.mark.parametrize(
    "server", ["192.168.1.5:1", "kasir.toko.id:1", "[fe80::1]:1", "localhost.evil.example:1"]
)
def test_another_machine_is_not_called_in_the_clear(server):
    assert not is_local(server)
    with pytest.raises(BadInput, match="--tls-ca"):
        Connection(server=server).channel()


def test_who_and_where_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("KASIR_SERVER", "127.0.0.1:9")
    monkeypatch.setenv("KASIR_ACTOR", "sari")
    assert connection() == Connection(server="127.0.0.1:9", actor="sari")
    assert connection("127.0.0.1:8", "budi") == Connection(server="127.0.0.1:8", actor="budi")


@pytest.mark.parametrize(
    "server", ["", "localhost", "host:", ":5", "host:0", "host:65536", "host:x", "host:٣"]
)
def test_an_address_has_a_host_and_a_port(server, monkeypatch):
    monkeypatch.delenv("KASIR_SERVER", raising=False)
    if not server:
        assert connection().server == "127.0.0.1:50051"
        return
    with pytest.raises(BadInput, match="HOST:PORT"):
        connection(server)


@pytest.mark.parametrize("name", ["Sári", "a\nb", "x" * 61, " sari"])
def test_a_name_that_cannot_be_sent_is_refused(name):
    with pytest.raises(BadInput, match="cannot be sent"):
        connection("127.0.0.1:1", name)


def test_certificates_belong_together(tmp_path):
    with pytest.raises(BadInput, match="need --tls-ca"):
        Connection(tls_cert=tmp_path / "c").channel()
    with pytest.raises(BadInput, match="belong together"):
        Connection(tls_ca="system", tls_cert=tmp_path / "c").channel()
    with pytest.raises(BadInput, match="cannot be read"):
        Connection(tls_ca=str(tmp_path / "missing.pem")).channel()
