"""Goal: whatever comes to the port, who is honest is served, the server does not grow, and who breaks the
protocol is cut off. Method: frames by hand against `kasir serve`.
"""

import os
import random
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import grpc
import pytest
from google.protobuf.message import Message

from kasir.v1 import catalogue_pb2, catalogue_pb2_grpc
from tests.attacks.conftest import ACTOR, Honest
from tests.attacks.wire import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Wire,
    call_headers,
    frame,
    literal,
)
from tests.server.support import idr, new_id

METHOD = "/kasir.v1.AdminService/GetSettings"
COMMAND = "/kasir.v1.CatalogueService/CreateItem"
LIST = "/kasir.v1.CatalogueService/ListItems"
CALL = call_headers(METHOD)
SEED = 20_261_127
EMPTY_MESSAGE = b"\x00\x00\x00\x00\x00"


def framed(request: Message) -> bytes:
    """As gRPC frames it."""
    body = request.SerializeToString()
    return struct.pack(">BI", 0, len(body)) + body


@contextmanager
def attacked(honest: Honest, how_long_s: float, ask_one: Callable[[], float] | None = None) -> Iterator[None]:
    """Meanwhile the honest caller asks, and waits for no answer longer than that."""
    ask_one = ask_one or honest.ask
    over, waits, failed = threading.Event(), [0.0], []

    def ask() -> None:
        while not over.is_set():
            try:
                waits.append(ask_one())
            except grpc.RpcError as error:
                failed.append(error)
                return
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
    assert not failed, failed
    assert max(waits) < how_long_s, f"an honest call waited {max(waits):.1f} s"


def endless(wire: Wire, chunk: bytes, most: int) -> int:
    """Says it again and again until the other side hangs up; how many bytes it took. Reads nothing."""
    said = 0
    wire.socket.settimeout(5.0)
    while said < most:
        try:
            if not wire.say(chunk):
                break
        except TimeoutError:
            # It takes no more: what it owes an answer to is not read.
            break
        said += len(chunk)
    return said


def test_garbage_is_hung_up_on(honest):
    dice = random.Random(SEED)
    with attacked(honest, 2.0):
        for number in range(300):
            with closing(Wire(honest.target, hello=number % 2 == 0)) as wire:
                wire.say(dice.randbytes(dice.choice((1, 24, 100, 5_000, 70_000))))
                with suppress(OSError):
                    # It may have hung up already.
                    wire.socket.shutdown(socket.SHUT_WR)
                assert wire.is_cut_off()


@pytest.mark.parametrize(
    "hello",
    [
        b"GET /metrics HTTP/1.1\r\nHost: kasir\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: kasir\r\nUpgrade: h2c\r\nContent-Length: 99999999\r\n\r\n",
        # The hello of TLS
        bytes.fromhex("16030100f8010000f40303") + b"\x07" * 240,
        PREFACE[:12] + b"XX" + PREFACE[14:],
    ],
)
def test_other_protocols_are_hung_up_on(honest, hello):
    with closing(Wire(honest.target, hello=False)) as wire:
        wire.say(hello)
        assert wire.is_cut_off()


def test_a_slow_hello_is_not_waited_for(honest):
    """Its bytes come one by one; the server gives it ten seconds."""
    began = time.monotonic()
    with attacked(honest, 2.0), closing(Wire(honest.target, hello=False)) as wire:
        for byte in PREFACE:
            if not wire.say(bytes([byte])):
                break
            time.sleep(1.0)
        assert wire.is_cut_off()
        assert 8 < time.monotonic() - began < 20


@pytest.mark.parametrize(
    "wrong",
    [
        frame(DATA, 0, 0, b"x"),
        frame(DATA, 0, 1, b"of no stream"),
        frame(HEADERS, END_HEADERS, 2, CALL),
        frame(HEADERS, END_HEADERS, 0, CALL),
        frame(HEADERS, END_HEADERS, 1, b"\xff" * 50),
        frame(SETTINGS, 0, 0, b"12345"),
        frame(SETTINGS, ACK, 0, b"123456"),
        frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x8000_0000)),
        frame(PING, 0, 0, b"short"),
        frame(PING, 0, 7, b"12345678"),
        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0)),
        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFF_FFFF)) * 2,
        frame(RST_STREAM, 0, 99, struct.pack(">I", 8)),
        frame(CONTINUATION, END_HEADERS, 1, CALL),
        frame(HEADERS, 0, 1, CALL) + frame(PING, 0, 0, b"12345678"),
        frame(GOAWAY, 0, 3, b"12345678"),
        # Longer than a frame may be
        struct.pack(">I", 1 << 20)[1:] + b"\x00\x00\x00\x00\x00\x01" + b"x" * 20_000,
    ],
)
def test_a_frame_that_breaks_the_protocol_ends_the_connection(honest, wrong):
    with closing(Wire(honest.target)) as wire:
        wire.say(wrong)
        assert wire.is_cut_off()


def test_headers_without_an_end_are_cut_off(honest):
    """Continuations that never come to an end, each with more to remember."""
    with attacked(honest, 2.0), closing(Wire(honest.target)) as wire:
        wire.say(frame(HEADERS, 0, 1, call_headers(METHOD)))
        chunk = frame(CONTINUATION, 0, 1, literal(b"note", b"x" * 8_000))
        assert endless(wire, chunk, 200 << 20) < 100 << 20
        assert wire.is_cut_off()


def test_headers_that_unfold_are_refused(honest):
    """One large field is remembered, and named thousands of times by one byte each."""
    with attacked(honest, 2.0), closing(Wire(honest.target)) as wire:
        remembered = call_headers(METHOD, literal(b"note", b"x" * 3_000, kept=True))
        wire.say(frame(HEADERS, END_HEADERS, 1, remembered) + frame(DATA, END_STREAM, 1, EMPTY_MESSAGE))
        # Dynamic entry 62
        named = call_headers(METHOD) + b"\xbe" * 15_000
        for stream in range(3, 203, 2):
            begun = frame(HEADERS, END_HEADERS, stream, named)
            if not wire.say(begun + frame(DATA, END_STREAM, stream, EMPTY_MESSAGE)):
                break
        # Until it hangs up
        answered = {stream for kind, _, stream, _ in wire.frames() if kind == DATA}
        assert answered <= {1}


def test_calls_begun_and_broken_off_are_cut_off(honest):
    """Rapid reset (CVE-2023-44487)."""
    with attacked(honest, 2.0), closing(Wire(honest.target)) as wire:
        cut = False
        for stream in range(1, 400_001, 2):
            begun = frame(HEADERS, END_HEADERS, stream, CALL)
            if not wire.say(begun + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))):
                cut = True
                break
        assert cut or wire.is_cut_off()


@pytest.mark.parametrize(
    "chunk",
    [
        frame(PING, 0, 0, b"12345678") * 1_000,
        frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 70_000)) * 1_000,
        frame(PRIORITY, 0, 5, b"\x00\x00\x00\x00\x10") * 1_000,
        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1_000,
        # Of a kind that nobody knows
        frame(0xBB, 0, 0, b"x" * 100) * 200,
    ],
    ids=["ping", "settings", "priority", "window", "unknown"],
)
def test_a_flood_of_small_frames_holds_up_nobody(honest, chunk):
    with attacked(honest, 2.0), closing(Wire(honest.target)) as wire:
        endless(wire, chunk, 40 << 20)
        honest.is_served()


def test_empty_frames_without_end_are_cut_off(honest):
    with attacked(honest, 2.0), closing(Wire(honest.target)) as wire:
        wire.say(frame(HEADERS, END_HEADERS, 1, call_headers(COMMAND)))
        assert endless(wire, frame(DATA, 0, 1) * 1_000, 40 << 20) < 40 << 20
        assert wire.is_cut_off()


def test_a_message_that_says_it_is_huge_takes_no_memory(honest):
    with closing(Wire(honest.target)) as wire:
        for stream in range(1, 1_001, 2):
            wire.say(frame(HEADERS, END_HEADERS, stream, call_headers(COMMAND)))
            wire.say(frame(DATA, 0, stream, b"\x00\xff\xff\xff\xff" + b"x" * 100))
        honest.is_served()


def test_calls_that_are_never_sent_whole_leave_room_for_others(honest):
    """Ten connections begin as many calls as each may, and send no more."""
    wires = [Wire(honest.target) for _ in range(12)]
    try:
        for wire in wires:
            calls = b"".join(frame(HEADERS, END_HEADERS, stream, CALL) for stream in range(1, 2_049, 2))
            assert wire.say(calls)
        time.sleep(0.5)
        honest.is_served()
    finally:
        for wire in wires:
            wire.close()


@contextmanager
def who_take_no_answers(honest: Honest, path: str, message: bytes, connections: int) -> Iterator[None]:
    """As many calls as each connection may have, whose window is closed: the answers wait in the server."""
    with ExitStack() as wires:
        for _ in range(connections):
            wire = wires.enter_context(closing(Wire(honest.target)))
            wire.say(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
            for stream in range(1, 2_049, 2):
                begun = frame(HEADERS, END_HEADERS, stream, call_headers(path))
                if not wire.say(begun + frame(DATA, END_STREAM, stream, message)):
                    break
        yield


def test_answers_that_nobody_takes_leave_room_for_others(honest):
    with who_take_no_answers(honest, METHOD, EMPTY_MESSAGE, 12):
        time.sleep(0.5)
        honest.is_served()


def test_large_answers_that_nobody_takes_fill_no_memory(honest):
    honest.fill(1_000)
    request = catalogue_pb2.ListItemsRequest(page_size=1_000)
    with who_take_no_answers(honest, LIST, framed(request), 2), attacked(honest, 5.0, honest.ask_much):
        time.sleep(2.0)
        honest.is_served()


def test_a_command_whose_answer_was_given_up_is_asked_again(honest):
    """Its caller is told that nobody knows what became of it, and learns it by asking with the same id."""
    honest.fill(1_000)
    item = catalogue_pb2.Item(
        sku="LOST-1",
        name="Kopi",
        prices=[catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(25_000))],
    )
    command = catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item)
    request = catalogue_pb2.ListItemsRequest(page_size=1_000)
    with closing(Wire(honest.target)) as wire:
        wire.say(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
        wire.say(frame(HEADERS, END_HEADERS, 1, call_headers(COMMAND)))
        wire.say(frame(DATA, END_STREAM, 1, framed(command)))
        with who_take_no_answers(honest, LIST, framed(request), 2):
            resets = (
                struct.unpack(">I", payload)[0]
                for kind, _, stream, payload in wire.frames()
                if (kind, stream) == (RST_STREAM, 1)
            )
            assert next(resets) == CANCEL
    with grpc.insecure_channel(honest.target) as channel:
        catalogue = catalogue_pb2_grpc.CatalogueServiceStub(channel)
        as_before = (("kasir-actor", "penyerang"),)
        made = catalogue.CreateItem(command, metadata=as_before).item
        assert catalogue.CreateItem(command, metadata=as_before).item == made


def test_connections_that_say_nothing_leave_room_for_others(honest):
    """As many as a process may have open here."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as wires:
        for _ in range(min(1_500, files - 200)):
            wires.enter_context(closing(Wire(honest.target)))
        with attacked(honest, 2.0):
            time.sleep(1.0)


def test_half_a_frame_is_nothing(honest):
    with attacked(honest, 2.0):
        wires = [Wire(honest.target) for _ in range(100)]
        for number, wire in enumerate(wires):
            whole = frame(HEADERS, END_HEADERS, 1, CALL)
            wire.say(whole[: 1 + number % (len(whole) - 1)])
        honest.is_served()
        for wire in wires:
            wire.close()


def test_random_frames_break_nothing(honest):
    """Sound frames of every kind with random flags, streams and contents; the seed is said."""
    seed = int(os.environ.get("KASIR_ATTACK_SEED", "0")) or time.time_ns()
    print(f"KASIR_ATTACK_SEED={seed}")
    dice = random.Random(seed)
    with attacked(honest, 2.0):
        for _ in range(200):
            with closing(Wire(honest.target)) as wire:
                for _ in range(dice.randrange(1, 60)):
                    payload = dice.choice((dice.randbytes(dice.randrange(40)), CALL, EMPTY_MESSAGE, b""))
                    stream = dice.choice((0, 1, 3, dice.randrange(1 << 31)))
                    if not wire.say(frame(dice.randrange(12), dice.randrange(256), stream, payload)):
                        break


def test_what_an_attacker_sends_is_no_call(honest):
    """A call whose message is random bytes ends with a status."""
    dice = random.Random(SEED)
    with grpc.insecure_channel(honest.target) as channel:
        for path in (
            METHOD,
            COMMAND,
            "/kasir.v1.BookingService/CreateBooking",
            "/kasir.v1.StockService/CreateHold",
        ):
            ask = channel.unary_unary(path)
            for _ in range(200):
                ended = ended_with(
                    lambda ask=ask: ask(dice.randbytes(dice.randrange(1, 300)), timeout=5.0, metadata=ACTOR)
                )
                assert ended not in FAULTS, ended


FAULTS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}


def ended_with(call) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
