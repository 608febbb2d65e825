"""grpc.testing.TestService in Python on our transport, as the official interop client expects it."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from server.rpc import Abort, Context, Options, RequestStream, Server

PROTO = Path(__file__).with_name("interop.proto")
SERVICE = "/grpc.testing.TestService/"
INITIAL_KEY, TRAILING_KEY = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def messages() -> dict[str, type[Any]]:
    """The classes of interop.proto by name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        status = protoc.main(["", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", str(PROTO)])
        assert status == 0
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name for file in files.file], pool)
    return {name.rsplit(".", 1)[1]: found for name, found in classes.items()}


def echo_metadata(context: Any, pairs: list[tuple[str, str | bytes]]) -> None:
    """Sends back what the client asks for."""
    context.set_initial_metadata([pair for pair in pairs if pair[0] == INITIAL_KEY])
    context.set_trailing_metadata([pair for pair in pairs if pair[0] == TRAILING_KEY])


class TestService:
    """One handler of each sort."""

    def __init__(self, classes: dict[str, type[Any]]) -> None:
        self.classes = classes

    def payload(self, size: int) -> Any:
        """So many zeros."""
        return self.classes["Payload"](body=bytes(size))

    def empty_call(self, request: Any, _call: object) -> Any:
        """Quick."""
        return request

    async def unary_call(self, request: Any, context: Context) -> Any:
        """A coroutine."""
        echo_metadata(context, context.metadata)
        self.check(request)
        return self.classes["SimpleResponse"](payload=self.payload(request.response_size))

    def streaming_input(self, requests: RequestStream, _context: Context) -> Any:
        """In a thread."""
        size = sum(len(request.payload.body) for request in requests)
        return self.classes["StreamingInputCallResponse"](aggregated_payload_size=size)

    async def streaming_output(self, request: Any, _context: Context) -> AsyncIterator[Any]:
        """An async generator."""
        for parameters in request.response_parameters:
            await asyncio.sleep(parameters.interval_us / 1e6)
            yield self.classes["StreamingOutputCallResponse"](payload=self.payload(parameters.size))

    async def full_duplex(self, requests: RequestStream, context: Context) -> None:
        """A coroutine that writes."""
        echo_metadata(context, context.metadata)
        async for request in requests:
            self.check(request)
            async for response in self.streaming_output(request, context):
                await context.write(response)

    def check(self, request: Any) -> None:
        """Fails the call as the client asks for."""
        if request.HasField("response_status"):
            raise Abort(request.response_status.code, request.response_status.message)


def build() -> Server:
    """The service, not started."""
    classes = messages()
    service = TestService(classes)
    server = Server(Options(log_calls="none"))
    empty = classes["Empty"]
    server.unary(SERVICE + "EmptyCall", service.empty_call, quick=True, request=empty, response=empty)
    for name, handler, add, request, response in (
        ("UnaryCall", service.unary_call, server.unary, "SimpleRequest", "SimpleResponse"),
        (
            "StreamingInputCall",
            service.streaming_input,
            server.client_stream,
            "StreamingInputCallRequest",
            "StreamingInputCallResponse",
        ),
        (
            "StreamingOutputCall",
            service.streaming_output,
            server.server_stream,
            "StreamingOutputCallRequest",
            "StreamingOutputCallResponse",
        ),
        (
            "FullDuplexCall",
            service.full_duplex,
            server.bidirectional,
            "StreamingOutputCallRequest",
            "StreamingOutputCallResponse",
        ),
    ):
        add(SERVICE + name, handler, request=classes[request], response=classes[response])
    return server


async def main() -> None:
    """Serves until its input ends."""
    server = build()
    print(await server.start(["127.0.0.1:0"]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(1.0)


if __name__ == "__main__":
    asyncio.run(main())
