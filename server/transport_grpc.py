"""gRPC over grpcio's asyncio server: the only module that knows grpcio. Bytes come in, handlers answer, bytes
go out.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from engine import EngineError
from server.calls import (
    ANONYMOUS,
    MAX_REQUEST_BYTES,
    Call,
    ClientStream,
    Registry,
    ServerStream,
    Unary,
    checked_actor,
)
from server.journal import too_slow_error
from server.observe import Observer
from server.settings import Address, Settings, SettingsError
from server.status import DETAILS_KEY, message_of, status_of

ACTOR_KEY = "kasir-actor"
# How long the server waits for a cut-off reader to take the reason.
CUT_OFF_S = 5.0
# What was answered is still on its way out when the last handler returns.
FLUSH_S = 0.5

OPTIONS: tuple[tuple[str, int], ...] = (
    # Up to twice the limit is read, so that the refusal can name reason and limit; more is refused by grpcio
    # itself.
    ("grpc.max_receive_message_length", 2 * MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),
    # Two servers on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    # A screen that lost its network is noticed within a minute and a half; clients may ask every five
    # seconds.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)

_STATUS = {code.value[0]: code for code in grpc.StatusCode}
Context = grpc.aio.ServicerContext[bytes, bytes]
# Generic in the stubs only.
Method: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


async def _abort(context: Context, error: EngineError) -> NoReturn:
    await context.abort(
        _STATUS[int(error.code)],
        message_of(error),
        ((DETAILS_KEY, status_of(error).SerializeToString()),),
    )
    raise AssertionError("abort raises")


def _actor(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == ACTOR_KEY:
            return checked_actor(value if isinstance(value, str) else value.decode(errors="replace"))
    return checked_actor(None)


class _Methods(grpc.GenericRpcHandler):
    """Looks a method up by its full name; what is not in the table is UNIMPLEMENTED."""

    def __init__(self, table: dict[str, Method]) -> None:
        self.table = table

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Method | None":
        return self.table.get(handler_call_details.method)


class GrpcTransport:
    """Serves a registry. `start`, then `stop` once."""

    def __init__(self, registry: Registry, observer: Observer, settings: Settings) -> None:
        self.registry = registry
        self.observer = observer
        self.settings = settings
        self.health = health.aio.HealthServicer()
        self.server: grpc.aio.Server | None = None

    async def start(self) -> Address:
        """Listens and serves; returns where, with the port the system chose for 0. Raises SettingsError."""
        server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=self.settings.max_calls)
        server.add_generic_rpc_handlers((_Methods(self._table()),))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        for service in ("", *self.registry.services):
            await self.health.set(service, health_pb2.HealthCheckResponse.SERVING)
        if self.settings.reflection:
            names = (*self.registry.services, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        port = self._bind(server)
        await server.start()
        self.server = server
        return Address(self.settings.listen.host, port)

    def _bind(self, server: grpc.aio.Server) -> int:
        address, tls = self.settings.listen, self.settings.tls
        # grpcio would print its own lines first, and say less.
        address.check_free()
        try:
            if tls is None:
                port = server.add_insecure_port(str(address))
            else:
                credentials = grpc.ssl_server_credentials(
                    [(tls.key.read_bytes(), tls.certificate.read_bytes())],
                    root_certificates=tls.client_ca.read_bytes() if tls.client_ca else None,
                    require_client_auth=tls.client_ca is not None,
                )
                port = server.add_secure_port(str(address), credentials)
        except RuntimeError as error:
            raise SettingsError(f"Cannot listen on {address}: {error}.") from error
        return port

    async def not_serving(self) -> None:
        """Tells those who ask for its health that the server goes down."""
        await self.health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls, waits for those in progress, at most `grace_s`, and closes."""
        if self.server is None:
            return
        closing = asyncio.ensure_future(self.server.stop(grace_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self.observer.drained()
        # Streams of others (health watchers) would hold the server for the whole grace.
        await self.server.stop(min(grace_s, FLUSH_S))
        await closing

    def _table(self) -> dict[str, Method]:
        table: dict[str, Method] = {}
        for method, unary in self.registry.unary.items():
            table[method] = grpc.unary_unary_rpc_method_handler(self._unary(method, unary))
        for method, stream in self.registry.server_streams.items():
            table[method] = grpc.unary_stream_rpc_method_handler(self._server_stream(method, stream))
        for method, upload in self.registry.client_streams.items():
            table[method] = grpc.stream_unary_rpc_method_handler(self._client_stream(method, upload))
        return table

    async def _called(self, method: str, context: Context) -> Call:
        """Who calls what; or the refusal, before a handler is troubled. Deadlines are grpcio's."""
        try:
            return Call(method, _actor(context))
        except EngineError as error:
            self.observer.refused(Call(method, ANONYMOUS), error)
            await _abort(context, error)

    def _unary(self, method: str, handler: Unary) -> Callable[[bytes, Context], Awaitable[bytes]]:
        observed = self.observer.unary(handler)

        async def serve(request: bytes, context: Context) -> bytes:
            call = await self._called(method, context)
            try:
                return await observed(call, request)
            except EngineError as error:
                await _abort(context, error)

        return serve

    def _client_stream(
        self, method: str, handler: ClientStream
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
        observed = self.observer.client_stream(handler)

        async def serve(requests: AsyncIterator[bytes], context: Context) -> bytes:
            call = await self._called(method, context)
            try:
                return await observed(call, aiter(requests))
            except EngineError as error:
                await _abort(context, error)

        return serve

    def _server_stream(
        self, method: str, handler: ServerStream
    ) -> Callable[[bytes, Context], Awaitable[None]]:
        observed = self.observer.server_stream(handler)
        stall_s = self.settings.stall_s

        async def serve(request: bytes, context: Context) -> None:
            call = await self._called(method, context)
            frames = observed(call, request)
            delivered = 0
            try:
                async for frame in frames:
                    try:
                        async with asyncio.timeout(stall_s):
                            await context.write(frame.data)
                    except TimeoutError:
                        # Into the stream, so that it ends there too, and is counted and logged with its
                        # reason.
                        await frames.athrow(too_slow_error(delivered))
                    delivered = frame.revision
            except EngineError as error:
                # A reader that takes nothing does not take the reason either; it waits for it in the network.
                with suppress(TimeoutError):
                    async with asyncio.timeout(CUT_OFF_S):
                        await _abort(context, error)
            finally:
                await frames.aclose()

        return serve
