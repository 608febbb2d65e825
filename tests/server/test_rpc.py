"""The server for Python handlers, as who writes handlers meets it.

Goal: every sort of handler answers every sort of method, and whatever ends a call ends its handler too.
Method: a small server in this process, grpcio's client, bytes and messages.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from engine import Code
from server.rpc import Abort, Context, Health, Options, Server
from server.rpc.reflection import add_reflection
from tests.server.support import refusal, until

PATIENCE_S = 30.0


class Rpc:
    """A server in a loop and thread of its own, and a channel to it."""

    def __init__(self, prepare: Callable[[Server], object], **settings: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        interceptors = settings.pop("interceptors", ())

        async def start() -> int:
            self.server = Server(Options(**settings), interceptors=interceptors)
            prepare(self.server)
            return await self.server.start(["127.0.0.1:0"])

        self.port = self.run(start())
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self.port}", [("grpc.max_receive_message_length", -1)]
        )

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def stop(self, grace_s: float = 0.1) -> None:
        if self.thread.is_alive():
            self.run(self.server.stop(grace_s))
            self.channel.close()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(PATIENCE_S)


@pytest.fixture
def serve() -> Iterator[Callable[..., Rpc]]:
    started: list[Rpc] = []

    def start(prepare: Callable[[Server], object], **settings: Any) -> Rpc:
        started.append(Rpc(prepare, **settings))
        return started[-1]

    yield start
    for each in started:
        each.stop()


# --- Every sort of handler ---


async def doubled(request: bytes, _context: Context) -> bytes:
    return request * 2


def doubled_in_a_thread(request: bytes, _context: Context) -> bytes:
    time.sleep(0.01)
    return request * 2


@pytest.mark.parametrize(("handler", "quick"), [(doubled, False), (doubled_in_a_thread, False)])
def test_one_and_one(serve, handler, quick):
    rpc = serve(lambda server: server.unary("/t.T/M", handler, quick=quick))
    assert rpc.channel.unary_unary("/t.T/M")(b"ab", timeout=5) == b"abab"


def test_one_and_one_quickly_and_many_at_once(serve):
    rpc = serve(lambda server: server.unary("/t.T/M", lambda request, _: request * 2, quick=True))
    calls = [rpc.channel.unary_unary("/t.T/M").future(b"%d" % number, timeout=20) for number in range(500)]
    assert [call.result() for call in calls] == [b"%d" % number * 2 for number in range(500)]


async def summed(requests, _context: Context) -> bytes:
    return b"".join([request async for request in requests])


def summed_in_a_thread(requests, _context: Context) -> bytes:
    return b"".join(requests)


@pytest.mark.parametrize("handler", [summed, summed_in_a_thread])
def test_many_and_one(serve, handler):
    rpc = serve(lambda server: server.client_stream("/t.T/M", handler))
    assert rpc.channel.stream_unary("/t.T/M")(iter([b"a", b"", b"bc"]), timeout=5) == b"abc"
    assert rpc.channel.stream_unary("/t.T/M")(iter([]), timeout=5) == b""


async def each(request: bytes, _context: Context):
    for byte in request:
        yield bytes([byte])


def each_in_a_thread(request: bytes, _context: Context):
    for byte in request:
        yield bytes([byte])


async def each_written(request: bytes, context: Context) -> None:
    for byte in request:
        await context.write(bytes([byte]))


@pytest.mark.parametrize("handler", [each, each_in_a_thread, each_written])
def test_one_and_many(serve, handler):
    rpc = serve(lambda server: server.server_stream("/t.T/M", handler))
    assert list(rpc.channel.unary_stream("/t.T/M")(b"abc", timeout=5)) == [b"a", b"b", b"c"]
    assert list(rpc.channel.unary_stream("/t.T/M")(b"", timeout=5)) == []


async def echoed(requests, _context: Context):
    async for request in requests:
        yield request


def echoed_in_a_thread(requests, _context: Context):
    yield from requests


@pytest.mark.parametrize("handler", [echoed, echoed_in_a_thread])
def test_many_and_many(serve, handler):
    rpc = serve(lambda server: server.bidirectional("/t.T/M", handler))
    sent = [b"%d" % number for number in range(50)]
    assert list(rpc.channel.stream_stream("/t.T/M")(iter(sent), timeout=10)) == sent


@pytest.mark.parametrize("quick", [False, True])
def test_message_classes(serve, quick):
    def handler(request: health_pb2.HealthCheckRequest, _context: object) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=len(request.service))

    classes = {"request": health_pb2.HealthCheckRequest, "response": health_pb2.HealthCheckResponse}
    rpc = serve(lambda server: server.unary("/t.T/M", handler, quick=quick, **classes))
    call = rpc.channel.unary_unary("/t.T/M")
    reply = call(health_pb2.HealthCheckRequest(service="ab").SerializeToString(), timeout=5)
    assert health_pb2.HealthCheckResponse.FromString(reply).status == 2
    refused = refusal(call, b"\xff\xff\xff")
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "HealthCheckRequest" in refused.message


def test_large_messages(serve):
    large = bytes(range(256)) * 4096 * 3
    rpc = serve(lambda server: server.unary("/t.T/M", doubled))
    assert rpc.channel.unary_unary("/t.T/M")(large, timeout=20) == large * 2
    assert refusal(rpc.channel.unary_unary("/t.T/M"), large * 2).code == grpc.StatusCode.RESOURCE_EXHAUSTED


# --- What travels beside the messages ---


def test_metadata_both_ways(serve):
    async def handler(request: bytes, context: Context) -> bytes:
        context.set_initial_metadata([("first", "1"), ("first-bin", b"\x00\xff")])
        context.set_trailing_metadata([("last-bin", b"\xfe\x00"), ("last", "2")])
        return repr(sorted(context.metadata)).encode()

    rpc = serve(lambda server: server.unary("/t.T/M", handler))
    sent = (("note", "so"), ("bytes-bin", b"\x01\x02,"), ("note", "too"))
    reply, call = rpc.channel.unary_unary("/t.T/M").with_call(b"", metadata=sent, timeout=5)
    seen = [pair for pair in eval(reply) if pair[0] in ("note", "bytes-bin")]
    assert seen == [("bytes-bin", b"\x01\x02,"), ("note", "so"), ("note", "too")]
    assert {"first": "1", "first-bin": b"\x00\xff"}.items() <= dict(call.initial_metadata()).items()
    assert {"last-bin": b"\xfe\x00", "last": "2"}.items() <= dict(call.trailing_metadata()).items()


@pytest.mark.parametrize("pair", [("grpc-status", "0"), ("Upper", "x"), ("note", "\n"), (":path", "/")])
def test_metadata_that_cannot_be_sent_is_a_bug_of_the_handler(serve, pair, caplog):
    async def handler(_request: bytes, context: Context) -> bytes:
        context.set_trailing_metadata([pair])
        return b""

    rpc = serve(lambda server: server.unary("/t.T/M", handler))
    assert refusal(rpc.channel.unary_unary("/t.T/M"), b"").code == grpc.StatusCode.INTERNAL
    assert "/t.T/M failed" in caplog.text


@pytest.mark.parametrize("quick", [False, True])
def test_an_abort_has_code_words_details_and_trailers(serve, quick):
    def handler(_request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata([("note", "x")])
        raise Abort(Code.ABORTED, "Größe: 100 %\n☺", details=b"\x01\x02", reason="SO_IT_IS")

    rpc = serve(lambda server: server.unary("/t.T/M", handler, quick=quick), log_calls="refused")
    with pytest.raises(grpc.RpcError) as caught:
        rpc.channel.unary_unary("/t.T/M")(b"", timeout=5)
    trailers = dict(caught.value.trailing_metadata())
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.ABORTED, "Größe: 100 %\n☺")
    assert (trailers["grpc-status-details-bin"], trailers["note"]) == (b"\x01\x02", "x")
    ((method, _, code, reason, _, _),), dropped = rpc.server.native.take_log(10)
    assert (method, code, reason, dropped) == ("/t.T/M", Code.ABORTED, "SO_IT_IS", 0)


def test_a_bug_tells_the_caller_nothing(serve, caplog):
    def handler(_request: bytes, _call: object) -> bytes:
        raise ZeroDivisionError("a secret")

    def wrong(_request: bytes, _call: object) -> Any:
        return "no bytes"

    def prepare(server: Server) -> None:
        server.unary("/t.T/Quick", handler, quick=True)
        server.unary("/t.T/Thread", handler)
        server.unary("/t.T/Wrong", wrong, quick=True)

    rpc = serve(prepare)
    for name in ("Quick", "Thread", "Wrong"):
        refused = refusal(rpc.channel.unary_unary(f"/t.T/{name}"), b"")
        assert refused.code == grpc.StatusCode.INTERNAL
        assert "secret" not in refused.message
    assert caplog.text.count("a secret") >= 2


def test_interceptors_stand_around_every_handler(serve):
    seen = []

    def intercept(name: str):
        async def interceptor(context: Context, proceed) -> Any:
            if dict(context.metadata).get("password") != "sesame":
                context.abort(Code.UNAUTHENTICATED, "Who are you?")
            seen.append((name, "before", context.method))
            try:
                return await proceed()
            finally:
                seen.append((name, "after", context.method))

        return interceptor

    def prepare(server: Server) -> None:
        server.unary("/t.T/Quick", lambda request, _: request, quick=True)
        server.server_stream("/t.T/Each", each)

    rpc = serve(prepare, interceptors=[intercept("outer"), intercept("inner")])
    known = {"metadata": (("password", "sesame"),), "timeout": 5}
    assert refusal(rpc.channel.unary_unary("/t.T/Quick"), b"").code == grpc.StatusCode.UNAUTHENTICATED
    assert seen == []
    assert rpc.channel.unary_unary("/t.T/Quick")(b"x", **known) == b"x"
    assert list(rpc.channel.unary_stream("/t.T/Each")(b"ab", **known)) == [b"a", b"b"]
    order = [("outer", "before"), ("inner", "before"), ("inner", "after"), ("outer", "after")]
    assert [entry[:2] for entry in seen] == order * 2


# --- What ends a call ---


class Waiting:
    """A handler that waits until it is cancelled."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.left: float | None = None

    async def unary(self, _request: Any, context: Context) -> bytes:
        self.left = context.time_remaining()
        self.began.set()
        try:
            await asyncio.sleep(PATIENCE_S)
        finally:
            self.ended.set()
        return b""

    async def stream(self, _request: Any, context: Context):
        yield b"first"
        await self.unary(b"", context)


def test_a_deadline_ends_the_handler(serve):
    waiting = Waiting()
    rpc = serve(lambda server: server.unary("/t.T/M", waiting.unary))
    refused = refusal(rpc.channel.unary_unary("/t.T/M"), b"", timeout=0.3)
    assert refused.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert waiting.ended.wait(5)
    assert waiting.left is not None
    # Clients round up.
    assert 0 < waiting.left < 0.4


def test_a_caller_that_cancels_ends_the_handler(serve):
    unary, stream, chat = Waiting(), Waiting(), Waiting()

    def prepare(server: Server) -> None:
        server.unary("/t.T/Unary", unary.unary)
        server.server_stream("/t.T/Stream", stream.stream)
        server.bidirectional("/t.T/Chat", chat.stream)

    rpc = serve(prepare)
    pending = rpc.channel.unary_unary("/t.T/Unary").future(b"")
    watched = rpc.channel.unary_stream("/t.T/Stream")(b"")
    never = threading.Event()

    def requests():
        never.wait(PATIENCE_S)
        yield b""

    talked = rpc.channel.stream_stream("/t.T/Chat")(requests())
    assert next(watched) == next(talked) == b"first"
    for waiting, call in ((unary, pending), (stream, watched), (chat, talked)):
        assert waiting.began.wait(5)
        assert waiting.left is None
        assert not waiting.ended.is_set()
        call.cancel()
        assert waiting.ended.wait(5)
    never.set()


def test_a_slow_reader_makes_the_writer_wait(serve):
    written = 0
    done = threading.Event()

    async def handler(_request: bytes, context: Context) -> None:
        nonlocal written
        for _ in range(200):
            await context.write(bytes(20_000))
            written += 1
        done.set()

    rpc = serve(lambda server: server.server_stream("/t.T/M", handler))
    # A window that does not grow by itself.
    with grpc.insecure_channel(f"127.0.0.1:{rpc.port}", [("grpc.http2.bdp_probe", 0)]) as slow:
        stream = slow.unary_stream("/t.T/M")(b"", timeout=PATIENCE_S)
        next(stream)
        time.sleep(0.5)
        assert written < 100
        assert not done.is_set()
        assert sum(1 for _ in stream) == 199
    assert done.is_set()


def test_a_handler_in_a_thread_does_not_hold_up_the_others(serve):
    release = threading.Event()

    def blocked(_request: bytes, _context: Context) -> bytes:
        release.wait(PATIENCE_S)
        return b"at last"

    def prepare(server: Server) -> None:
        server.unary("/t.T/Blocked", blocked)
        server.unary("/t.T/Quick", lambda request, _: request, quick=True)

    rpc = serve(prepare)
    pending = rpc.channel.unary_unary("/t.T/Blocked").future(b"")
    assert rpc.channel.unary_unary("/t.T/Quick")(b"x", timeout=5) == b"x"
    release.set()
    assert pending.result(5) == b"at last"


def test_a_stop_ends_what_does_not_end_by_itself(serve):
    waiting = Waiting()
    rpc = serve(lambda server: server.unary("/t.T/M", waiting.unary))
    pending = rpc.channel.unary_unary("/t.T/M").future(b"")
    assert waiting.began.wait(5)
    rpc.stop(0.2)
    assert waiting.ended.is_set()
    assert pending.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_a_method_twice_or_after_the_start_is_refused():
    async def twice() -> None:
        server = Server()
        server.unary("/t.T/M", doubled)
        server.unary("/t.T/M", doubled)
        with pytest.raises(OSError, match="twice"):
            await server.start(["127.0.0.1:0"])

    async def late() -> None:
        server = Server()
        await server.start(["127.0.0.1:0"])
        with contextlib.suppress(RuntimeError):
            server.unary("/t.T/M", doubled)
            raise AssertionError("it was taken")
        await server.stop(0)

    asyncio.run(twice())
    asyncio.run(late())


# --- Services of every server ---


def test_health_and_reflection(serve):
    healths = []

    def prepare(server: Server) -> None:
        healths.append(Health(server))
        healths[0].serving(["", "t.T"])
        add_reflection(server, ["t.T"])

    rpc = serve(prepare)
    watch = rpc.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", response_deserializer=health_pb2.HealthCheckResponse.FromString
    )
    known = watch(health_pb2.HealthCheckRequest(service="t.T").SerializeToString())
    unknown = watch(health_pb2.HealthCheckRequest(service="t.U").SerializeToString())
    statuses = health_pb2.HealthCheckResponse
    assert (next(known).status, next(unknown).status) == (statuses.SERVING, statuses.SERVICE_UNKNOWN)
    rpc.loop.call_soon_threadsafe(healths[0].serving, ["t.U"])
    assert next(unknown).status == statuses.SERVING
    rpc.loop.call_soon_threadsafe(healths[0].shut_down)
    assert next(known).status == statuses.NOT_SERVING
    until(lambda: known.code() is not None, "the end of the stream")

    from grpc_reflection.v1alpha import reflection_pb2

    for version in ("v1", "v1alpha"):
        ask = rpc.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        questions = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health"),
            reflection_pb2.ServerReflectionRequest(file_by_filename="no/such.proto"),
        ]
        answers = [
            reflection_pb2.ServerReflectionResponse.FromString(answer)
            for answer in ask(iter([question.SerializeToString() for question in questions]), timeout=10)
        ]
        assert "t.T" in [service.name for service in answers[0].list_services_response.service]
        assert answers[1].file_descriptor_response.file_descriptor_proto
        assert answers[2].error_response.error_code == Code.NOT_FOUND
