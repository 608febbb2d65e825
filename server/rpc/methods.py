"""From a handler as it was written, of whichever kind, to what the native server calls."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from engine import Code
from engine.rpc import RpcCall
from server.rpc.context import Abort, Context, RequestStream


class Kind(Enum):
    """How many messages a method takes and gives."""

    UNARY = "unary"
    CLIENT_STREAM = "client_stream"
    SERVER_STREAM = "server_stream"
    BIDIRECTIONAL = "bidirectional"

    @property
    def takes_many(self) -> bool:
        """Requests come as a stream."""
        return self in (Kind.CLIENT_STREAM, Kind.BIDIRECTIONAL)

    @property
    def gives_many(self) -> bool:
        """Replies go as a stream."""
        return self in (Kind.SERVER_STREAM, Kind.BIDIRECTIONAL)


# (request or RequestStream, Context) -> reply, awaitable of one, async iterator, iterator, or None after
# `write`.
Handler = Callable[[Any, Any], Any]
# (context, proceed) -> what proceed gave: the reply, or None once all messages of a stream are written.
Interceptor = Callable[[Context, Callable[[], Awaitable[Any]]], Awaitable[Any]]
# Calls a handler to its end: gives the reply, or None for a stream.
Run = Callable[[Any, Context], Awaitable[Any]]


@dataclass(frozen=True)
class Method:
    """A method and its handler. `request` and `response` are message classes; None: bytes."""

    name: str
    kind: Kind
    handler: Handler
    request: type[Any] | None = None
    response: type[Any] | None = None

    def parse(self) -> Callable[[bytes], Any] | None:
        """Reads a request; None: as it is."""
        if self.request is None:
            return None
        return partial(_parse, self.request)

    def write(self) -> Callable[[Any], bytes] | None:
        """Writes a reply; None: as it is."""
        return None if self.response is None else self.response.SerializeToString


def _parse(message: type[Any], data: bytes) -> Any:
    try:
        return message.FromString(data)
    except DecodeError:
        name = message.DESCRIPTOR.full_name
        raise Abort(Code.INVALID_ARGUMENT, f"The request is not a {name}.") from None


def quick(method: Method) -> Callable[[bytes, RpcCall], bytes]:
    """A sync handler that is called where the mailbox is drained, with the native call as its context."""
    handler, parse, write = method.handler, method.parse(), method.write()
    if parse is None and write is None:
        # No frame of Python between the mailbox and the handler.
        return handler

    def call(data: bytes, call: RpcCall) -> bytes:
        reply = handler(data if parse is None else parse(data), call)
        return reply if write is None else write(reply)

    return call


def runner(method: Method, executor: Executor, interceptors: Sequence[Interceptor]) -> Run:
    """Calls the handler as what it is, with the interceptors around it, the first one outermost."""
    run = _bare(method, executor)
    for interceptor in reversed(interceptors):
        run = _intercepted(interceptor, run)
    return run


def _intercepted(interceptor: Interceptor, inner: Run) -> Run:
    async def run(request: Any, context: Context) -> Any:
        return await interceptor(context, lambda: inner(request, context))

    return run


def _bare(method: Method, executor: Executor) -> Run:
    handler = method.handler
    if inspect.isasyncgenfunction(handler):
        return partial(_written, handler)
    if inspect.iscoroutinefunction(handler):
        return handler
    if method.kind.gives_many:
        return partial(_either_way, handler, executor)
    return partial(_in_a_thread, handler, executor)


async def _written(handler: Handler, request: Any, context: Context) -> None:
    """Sends what an async generator gives, and closes it however that ends."""
    replies = handler(request, context)
    try:
        async for reply in replies:
            await context.write(reply)
    finally:
        if hasattr(replies, "aclose"):
            await replies.aclose()


async def _in_a_thread(handler: Handler, executor: Executor, request: Any, context: Context) -> Any:
    loop = asyncio.get_running_loop()
    reply = await loop.run_in_executor(executor, handler, request, context)
    return await reply if inspect.isawaitable(reply) else reply


async def _either_way(handler: Handler, executor: Executor, request: Any, context: Context) -> None:
    """A plain function whose result says what it is: an async iterator, an awaitable, or an iterator whose
    every step takes place in a thread.
    """
    loop = asyncio.get_running_loop()
    replies = await loop.run_in_executor(executor, handler, request, context)
    if hasattr(replies, "__aiter__"):
        await _written(lambda *_: replies, request, context)
    elif inspect.isawaitable(replies):
        await replies
    elif replies is not None:
        end = object()
        steps: Iterator[Any] = iter(replies)
        while (reply := await loop.run_in_executor(executor, next, steps, end)) is not end:
            await context.write(reply)


def request_of(method: Method, data: bytes | None, context: Context) -> Any:
    """What the handler is given: the message, or the stream of them."""
    if data is None:
        return RequestStream(context, asyncio.get_running_loop())
    parse = method.parse()
    return data if parse is None else parse(data)
