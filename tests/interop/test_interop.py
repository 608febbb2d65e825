"""The transport as others see it: gRPC's own interop client, h2spec, and programs in Go and for Node.

Goal: what others take for gRPC and HTTP/2 is what we speak. Method: their programs, unchanged, against a
service in Python on our transport, and against the real server.
"""

import re
import subprocess
from pathlib import Path

import pytest

from kasir.v1 import booking_pb2
from tests.server.support import Shop, new_id

# https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "custom_metadata",
]

# What h2spec holds against us, and why we leave it so.
H2SPEC_DEVIATIONS = {
    # Bytes of the wrong preface are left unread, so the system resets the connection: that ends it as well.
    "3.5/2",
}
H2SPEC_S = 120.0


@pytest.mark.parametrize("case", CASES)
def test_the_official_interop_client(go_programs: Path, test_service: int, case: str) -> None:
    finished = subprocess.run(
        [
            go_programs / "client",
            "--server_host=127.0.0.1",
            f"--server_port={test_service}",
            f"--test_case={case}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def failures(report: str) -> set[str]:
    """Section and number of each failed case of a report of h2spec, from its list of failures."""
    found, section = set(), ""
    for line in report.partition("Failures:")[2].splitlines():
        if heading := re.fullmatch(r"\s*([0-9.]+)\. .*", line):
            section = heading[1]
        elif failed := re.fullmatch(r"\s*\S ([0-9]+): .*", line):
            found.add(f"{section}/{failed[1]}")
    return found


def test_h2spec_finds_nothing_but_what_we_know(go_programs: Path, test_service: int) -> None:
    finished = subprocess.run(
        [go_programs / "h2spec", "-h", "127.0.0.1", "-p", str(test_service), "-o", "3"],
        capture_output=True,
        text=True,
        timeout=H2SPEC_S,
        check=False,
    )
    summary = re.search(r"(\d+) tests, (\d+) passed", finished.stdout)
    assert summary is not None, finished.stdout + finished.stderr
    assert int(summary[1]) > 140
    assert failures(finished.stdout) <= H2SPEC_DEVIATIONS, finished.stdout


def call(command: list[str | Path], target: str, *calls: tuple[str, bytes]) -> list[str]:
    """What a caller of another language is answered, a line a call."""
    lines = "".join(f"{method} {request.hex()}\n" for method, request in calls)
    finished = subprocess.run(
        [*command, target], input=lines, capture_output=True, text=True, timeout=60, check=True
    )
    return finished.stdout.split()


def books(command: list[str | Path], target: str, channel, engine) -> None:
    """A program of another language books an item, and is refused one that there is not."""
    shop = Shop(channel, stock=1)
    method = "/kasir.v1.BookingService/CreateBooking"

    def request() -> bytes:
        return booking_pb2.CreateBookingRequest(
            request_id=new_id(), booking=shop.booking()
        ).SerializeToString()

    before = engine.revision()
    booked, refused, unknown = call(
        command, target, (method, request()), (method, request()), ("/kasir.v1.BookingService/Steal", b"")
    )
    order = booking_pb2.CreateBookingResponse.FromString(bytes.fromhex(booked)).order
    assert order.lines[0].item_id == shop.item_id
    assert engine.revision() == before + 1
    assert refused.replace("_", "").upper() == "FAILEDPRECONDITION"
    assert unknown.upper() == "UNIMPLEMENTED"


def test_a_program_in_go_books(go_programs, server, channel, engine) -> None:
    books([go_programs / "call"], server.target, channel, engine)


def test_a_program_for_node_books(node_caller, server, channel, engine) -> None:
    books(node_caller, server.target, channel, engine)
