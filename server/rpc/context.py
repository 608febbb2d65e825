"""A call as its handler sees it: who calls, how long there is time, what comes in, what goes out."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn, Self

from engine import Code
from engine.rpc import RpcCall


class Abort(Exception):  # noqa: N818 (it ends a call, for good reasons too)
    """Ends the call with a status. `details` is a serialized google.rpc.Status, `reason` a name that is
    counted and logged.
    """

    def __init__(self, code: int, message: str, *, details: bytes = b"", reason: str = "") -> None:
        super().__init__(code, message)
        self.code = Code(code)
        self.message = message
        self.details = details
        self.reason = reason


Metadata = list[tuple[str, str | bytes]]


class Context:
    """A call of an async handler, or of one in a thread. What the native call tells of it (`RpcServer.drain`)
    ends here.
    """

    def __init__(
        self, call: RpcCall, parse: Callable[[bytes], Any] | None, write: Callable[[Any], bytes] | None
    ) -> None:
        self._call = call
        self._parse = parse
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._came: deque[bytes] = deque()
        self._no_more = False
        self._waits_for_message: asyncio.Future[None] | None = None
        self._waits_for_room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._metadata: Metadata | None = None
        self.is_cancelled = False

    @property
    def method(self) -> str:
        """The full name of the method."""
        return self._call.method

    @property
    def caller(self) -> str:
        """Who calls, as far as the server knows."""
        return self._call.caller

    @property
    def peer(self) -> str:
        """Where from, "127.0.0.1:40000"."""
        return self._call.peer

    @property
    def device(self) -> str:
        """The device that the caller works at; "" where nobody keeps watch."""
        return self._call.device

    @property
    def token(self) -> bytes | None:
        """SHA-256 of the caller's token."""
        return self._call.token

    @property
    def certificate(self) -> bytes | None:
        """SHA-256 of the certificate by which a device calls for itself."""
        return self._call.certificate

    @property
    def admitted(self) -> bool:
        """Whether the caller is let in still."""
        return self._call.admitted

    @property
    def everywhere(self) -> bool:
        """Whether nothing says where the caller may work."""
        return self._call.everywhere

    def allows(self, method: str, request: bytes | None) -> bool:
        """Whether the caller may call another method, too; with this request, where one is given."""
        return self._call.allows(method, request)

    @property
    def metadata(self) -> Metadata:
        """What the caller sent beside its messages: bytes for names that end in "-bin"."""
        if self._metadata is None:
            self._metadata = self._call.metadata()
        return self._metadata

    def time_remaining(self) -> float | None:
        """Seconds until the caller stops waiting; None when it gave no time. The call is cancelled then."""
        return self._call.time_remaining()

    def set_initial_metadata(self, pairs: Metadata) -> None:
        """Sets what goes out before the first message."""
        self._call.set_initial_metadata(pairs)

    def send_initial_metadata(self) -> None:
        """Sends it now, ahead of the first message."""
        self._call.send_initial_metadata()

    def set_trailing_metadata(self, pairs: Metadata) -> None:
        """Sets what goes out after the last message, however the call ends."""
        self._call.set_trailing_metadata(pairs)

    def abort(self, code: int, message: str, *, details: bytes = b"", reason: str = "") -> NoReturn:
        """Ends the call with a status, by raising `Abort`."""
        raise Abort(code, message, details=details, reason=reason)

    async def write(self, message: Any) -> None:
        """Sends one of many messages; waits while the caller takes none."""
        data = message if self._write is None else self._write(message)
        if self._call.send(data):
            return
        while self._call.must_wait():
            self._waits_for_room = self._loop.create_future()
            await self._waits_for_room

    async def next_message(self) -> Any:
        """The next message of the caller. Raises StopAsyncIteration after the last one."""
        while not self._came:
            if self._no_more:
                raise StopAsyncIteration
            self._waits_for_message = self._loop.create_future()
            await self._waits_for_message
        data = self._came.popleft()
        self._call.consumed(len(data))
        return data if self._parse is None else self._parse(data)

    # --- What the native call says ---

    def runs_in(self, task: asyncio.Task[None]) -> None:
        """Names the task that ends when the call is cancelled."""
        self._task = task

    def message(self, data: bytes) -> None:
        """One of many messages came."""
        self._came.append(data)
        _wake(self._waits_for_message)

    def half_closed(self) -> None:
        """The last one has come."""
        self._no_more = True
        _wake(self._waits_for_message)

    def writable(self) -> None:
        """There is room again."""
        _wake(self._waits_for_room)

    def cancelled(self) -> None:
        """Nobody waits any more."""
        self.is_cancelled = True
        self._call.forget()
        if self._task is not None:
            self._task.cancel()


def _wake(waits: asyncio.Future[None] | None) -> None:
    if waits is not None and not waits.done():
        waits.set_result(None)


class RequestStream:
    """The messages of a caller, for `async for`; in a thread, for `for`."""

    def __init__(self, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._loop = loop

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self._context.next_message()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        # A coroutine cannot end with StopIteration, so the end is a value on the way.
        found = asyncio.run_coroutine_threadsafe(_next_or(self._context, self), self._loop).result()
        if found is self:
            raise StopIteration
        return found


async def _next_or(context: Context, end: object) -> Any:
    try:
        return await context.next_message()
    except StopAsyncIteration:
        return end
