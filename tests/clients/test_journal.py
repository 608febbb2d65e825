"""What was sent and not answered is found again, whatever happened in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clients.common.journal import RequestJournal, new_pending, state_dir


def some_request(request_id: str = "0198c5e2-7c1a-7d31-a5b7-3f0d9c5a1e42", *messages: bytes):
    method = "/kasir.v1.BookingService/CreateBooking"
    return new_pending(
        request_id, method, "127.0.0.1:50051", "sari", "book for Budi", *(messages or (b"one",))
    )


def test_a_request_is_found_until_it_is_removed(tmp_path):
    journal = RequestJournal(tmp_path)
    request = some_request()
    journal.add(request)
    assert RequestJournal(tmp_path).pending() == [request]
    journal.remove(request.request_id)
    assert journal.pending() == []
    journal.remove(request.request_id)


def test_the_messages_of_a_stream_come_back_in_order_whatever_bytes_they_hold(tmp_path):
    journal = RequestJournal(tmp_path)
    journal.add(some_request("a", b"\n\n{}", b"", b"\x00\xff" * 1_000))
    assert journal.pending()[0].messages == (b"\n\n{}", b"", b"\x00\xff" * 1_000)


def test_only_its_owner_reads_it(tmp_path):
    journal = RequestJournal(tmp_path)
    journal.add(some_request())
    assert journal.directory.stat().st_mode & 0o777 == 0o700
    assert next(journal.directory.iterdir()).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [0, 10, -1])
def test_a_torn_file_is_told_in_words(tmp_path, cut):
    journal = RequestJournal(tmp_path)
    journal.add(some_request())
    path = next(journal.directory.iterdir())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(OSError, match=rf"{path.name} is no pending request"):
        journal.pending()


def test_where_nothing_was_ever_pending_nothing_is(tmp_path):
    assert RequestJournal(tmp_path / "never").pending() == []


def test_a_disk_that_takes_nothing_leaves_no_half_request(tmp_path, monkeypatch):
    journal = RequestJournal(tmp_path)
    journal.directory.mkdir(parents=True)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.add(some_request())
    assert list(journal.directory.iterdir()) == []


def test_the_state_directory_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    assert state_dir() == tmp_path / "state"
    monkeypatch.delenv("KASIR_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_dir() == tmp_path / "xdg" / "kasir"


def test_a_client_killed_while_it_waits_leaves_its_request(tmp_path, silent_server):
    program = (
        "import sys\n"
        "from clients.common.client import Client\n"
        "from clients.common.connection import Connection\n"
        "from kasir.v1.booking_pb2 import CancelBookingRequest, CancelBookingResponse\n"
        "client = Client(Connection(server=sys.argv[1], actor='sari'))\n"
        "client.call(CancelBookingRequest(order_id=7), CancelBookingResponse, note='cancel order 7')\n"
    )
    environment = {**os.environ, "KASIR_STATE": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    client = subprocess.Popen(
        [sys.executable, "-c", program, silent_server.address], cwd=root, env=environment
    )
    try:
        seen = silent_server.wait_for_request()
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait(30)
    (pending,) = RequestJournal(tmp_path).pending()
    assert pending.request_id == seen.request_id
    assert (pending.note, pending.actor, pending.server) == ("cancel order 7", "sari", silent_server.address)
