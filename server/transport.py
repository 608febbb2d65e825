"""The registry on the wire: handlers know calls and frames, `server.rpc` knows gRPC, and here they meet."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from engine import Code, Engine, EngineError
from engine.rpc import RpcCall
from server.calls import MAX_REQUEST_BYTES, Call, ClientStream, Frame, Registry, ServerStream, Unary
from server.journal import too_slow_error
from server.logs import Logger
from server.rpc import Abort, Context, Handler, Health, Options, RequestStream, Server, TlsFiles
from server.rpc.health import SERVICE as HEALTH_SERVICE
from server.settings import Address, LogCalls, Settings, SettingsError
from server.status import abort_of

if TYPE_CHECKING:
    from server.access.service import AccessControl

MILLION = 1_000_000


def options_of(settings: Settings, log_calls: LogCalls, access: "AccessControl | None" = None) -> Options:
    """The settings in the transport's words."""
    tls = access.tls if access is not None else settings.tls
    return Options(
        workers=settings.workers,
        max_connections=settings.max_connections,
        max_calls=settings.max_calls,
        max_under_way=settings.max_under_way,
        max_receive_bytes=MAX_REQUEST_BYTES,
        tls=TlsFiles(tls.certificate, tls.key, tls.client_ca) if tls is not None else None,
        log_calls=log_calls.value,
        traced_of_million=round(settings.trace_ratio * MILLION) if settings.traces is not None else None,
    )


class Transport:
    """Serves a registry, with health and, when asked for, reflection. `start`, then `stop` once."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        settings: Settings,
        log: Logger,
        log_calls: LogCalls,
        access: "AccessControl | None" = None,
    ) -> None:
        self.registry = registry
        self.settings = settings
        self.log = log
        self.server = Server(options_of(settings, log_calls, access), on_error=self._abort)
        self.server.add_engine(engine)
        for method, unary in registry.unary.items():
            self.server.unary(method, _unary(unary))
        for method, stream in registry.server_streams.items():
            self.server.server_stream(method, _server_stream(stream, settings.stall_s))
        for method, upload in registry.client_streams.items():
            self.server.client_stream(method, _client_stream(upload))
        self.health = Health(self.server)
        if settings.reflection:
            # It needs more of protobuf than all the rest: who starts without it does not wait for that.
            from server.rpc.reflection import add_reflection  # noqa: PLC0415

            add_reflection(self.server, (*registry.services, HEALTH_SERVICE))
        if access is not None:
            access.watch(self.server.native)

    def _abort(self, call: RpcCall, error: BaseException) -> Abort:
        """What a call ends with. Nothing but EngineError is meant to come out of a handler."""
        if isinstance(error, EngineError):
            return abort_of(error)
        self.log.error("bug", method=call.method, actor=call.caller, exc_info=error)
        return abort_of(
            EngineError(
                Code.INTERNAL,
                "INTERNAL",
                "The server made a mistake; its log says which. To learn whether a command took effect, "
                "send it again with the same request_id.",
            )
        )

    async def start(self) -> Address:
        """Listens and serves; returns where, with the port the system chose for 0. Raises SettingsError."""
        address = self.settings.listen
        address.check_free()
        self.health.serving(("", *self.registry.services))
        try:
            return replace(address, port=await self.server.start(_resolved(address)))
        except OSError as error:
            raise SettingsError(f"Cannot listen on {address}: {error.strerror or error}.") from error

    def not_serving(self) -> None:
        """Tells those who ask for its health that the server goes down."""
        self.health.shut_down()

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls, waits for those in progress, at most `grace_s`, and closes."""
        await self.server.stop(grace_s)


def _resolved(address: Address) -> list[str]:
    """Every "ip:port" that an address stands for: localhost is two where there is IPv6."""
    try:
        found = socket.getaddrinfo(
            address.host,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG,
        )
    except OSError:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    return [str(Address(str(entry[4][0]), int(entry[4][1]))) for entry in found]


def _call(context: Context) -> Call:
    return Call(
        context.method,
        context.caller,
        context.device,
        context.token,
        context.peer,
        context.everywhere,
        context.allows,
        context.certificate,
    )


def _no_longer() -> EngineError:
    """A stream ends with the session that opened it."""
    return EngineError(Code.UNAUTHENTICATED, "SESSION_REQUIRED", "The session is over. Log in again.")


def _unary(handler: Unary) -> Handler:
    async def serve(request: bytes, context: Context) -> bytes:
        return await handler(_call(context), request)

    return serve


def _client_stream(handler: ClientStream) -> Handler:
    async def serve(requests: RequestStream, context: Context) -> bytes:
        return await handler(_call(context), aiter(requests))

    return serve


def _server_stream(handler: ServerStream, stall_s: float) -> Handler:
    async def serve(request: bytes, context: Context) -> None:
        frames = handler(_call(context), request)
        delivered = 0
        try:
            async for frame in frames:
                if not context.admitted:
                    raise _no_longer()
                try:
                    async with asyncio.timeout(stall_s):
                        await context.write(frame.data)
                except TimeoutError:
                    await _cut_off(frames, delivered)
                delivered = frame.revision
        finally:
            await frames.aclose()

    return serve


async def _cut_off(frames: AsyncGenerator[Frame, None], delivered: int) -> None:
    """Ends a stream whose reader takes nothing. The reason waits for it in the network."""
    await frames.athrow(too_slow_error(delivered))
