"""The server: methods by name, start and stop, and the one place where handlers are called and their ends are
told.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine import Code, Engine
from engine.rpc import RpcCall, RpcServer
from server.rpc.context import Abort, Context
from server.rpc.methods import Handler, Interceptor, Kind, Method, Run, quick, request_of, runner
from server.rpc.options import Options

# What was answered is still on its way out when the last handler returns.
FLUSH_S = 0.5
_LOG = logging.getLogger(__name__)


def log_and_abort(call: RpcCall, error: BaseException) -> Abort:
    """What a call ends with whose handler broke. The caller learns nothing of it; the log does."""
    _LOG.error("%s failed", call.method, exc_info=error)
    return Abort(Code.INTERNAL, "The server made a mistake.", reason="INTERNAL")


class Server:
    """Register handlers, `start` in the event loop they are to run in, `stop` once.

    A handler takes (request, context). Coroutine functions and async generators run in the loop, plain
    functions and generators in threads, unless they are declared `quick`: those are called between two steps
    of the loop, and get the native call as their context. `on_error` says what a call ends with whose handler
    raised something else than `Abort`. Interceptors see every call that Python answers; they make quick
    handlers ordinary ones.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        interceptors: Sequence[Interceptor] = (),
        on_error: Callable[[RpcCall, BaseException], Abort] = log_and_abort,
    ) -> None:
        self.options = options or Options()
        self._interceptors = tuple(interceptors)
        self._on_error = on_error
        self.native = RpcServer(self._refuse)
        self._executor = ThreadPoolExecutor(self.options.threads, thread_name_prefix="rpc")
        # Held here: the loop itself keeps tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.methods: list[str] = []

    def add_engine(self, engine: Engine) -> None:
        """Answers all methods of the engine without Python."""
        engine.answer(self.native)
        self.methods += sorted(engine.commands | engine.queries | engine.streams)

    def unary(
        self,
        name: str,
        handler: Handler,
        *,
        quick: bool = False,
        request: type[Any] | None = None,
        response: type[Any] | None = None,
    ) -> None:
        """One request, one reply. A `quick` handler is sync and takes some microseconds."""
        self._add(Method(name, Kind.UNARY, handler, request, response), is_quick=quick)

    def client_stream(
        self,
        name: str,
        handler: Handler,
        *,
        request: type[Any] | None = None,
        response: type[Any] | None = None,
    ) -> None:
        """A `RequestStream`, one reply."""
        self._add(Method(name, Kind.CLIENT_STREAM, handler, request, response))

    def server_stream(
        self,
        name: str,
        handler: Handler,
        *,
        request: type[Any] | None = None,
        response: type[Any] | None = None,
    ) -> None:
        """One request, many replies: a generator, or a coroutine that calls `context.write`."""
        self._add(Method(name, Kind.SERVER_STREAM, handler, request, response))

    def bidirectional(
        self,
        name: str,
        handler: Handler,
        *,
        request: type[Any] | None = None,
        response: type[Any] | None = None,
    ) -> None:
        """A `RequestStream`, many replies."""
        self._add(Method(name, Kind.BIDIRECTIONAL, handler, request, response))

    def _add(self, method: Method, *, is_quick: bool = False) -> None:
        self.methods.append(method.name)
        if is_quick and not self._interceptors:
            self.native.add(method.name, "quick", quick(method))
            return
        run = runner(method, self._executor, self._interceptors)
        parse, write = method.parse(), method.write()

        def begin(data: bytes | None, call: RpcCall) -> None:
            context = Context(call, parse, write)
            task = asyncio.ensure_future(self._serve(method, run, data, context, call))
            context.runs_in(task)
            call.listen(context)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.native.add(method.name, method.kind.value, begin)

    async def _serve(
        self, method: Method, run: Run, data: bytes | None, context: Context, call: RpcCall
    ) -> None:
        """Runs one call to its end, and tells the caller of it."""
        try:
            reply = await run(request_of(method, data, context), context)
            if method.kind.gives_many:
                call.finish()
            else:
                write = method.write()
                call.reply(reply if write is None else write(reply))
        except asyncio.CancelledError:
            # The caller went away, its time is over, or the server closes: nobody reads more of it than this.
            call.fail(Code.CANCELLED, "The call was cancelled.", b"", "")
            raise
        except Exception as error:  # noqa: BLE001 (whatever a handler raises ends its call, and nothing else)
            self._refuse(call, error)

    def _refuse(self, call: RpcCall, error: BaseException) -> None:
        if call.done:
            return
        abort = error if isinstance(error, Abort) else self._on_error(call, error)
        call.fail(abort.code, abort.message, abort.details, abort.reason)

    async def start(self, addresses: Sequence[str]) -> int:
        """Listens on every "ip:port" and serves; returns the port. Raises OSError."""
        options = self.options
        port = self.native.start(
            list(addresses),
            workers=options.workers,
            max_connections=options.max_connections,
            max_streams=options.max_streams_per_connection,
            max_calls=options.max_calls,
            max_under_way=options.max_under_way,
            max_receive_bytes=options.max_receive_bytes,
            max_send_bytes=options.max_send_bytes,
            keepalive_s=options.keepalive_s,
            keepalive_timeout_s=options.keepalive_timeout_s,
            handshake_timeout_s=options.handshake_timeout_s,
            compress_from=options.compress_from_bytes,
            tls=options.tls.read() if options.tls is not None else None,
            log_calls=options.log_calls,
            traced_of_million=options.traced_of_million,
        )
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.native.fileno(), self.native.drain)
        return port

    async def stop(self, grace_s: float, flush_s: float = FLUSH_S) -> None:
        """Takes no new connections, waits at most `grace_s` for unary calls and uploads, then at most
        `flush_s` for the streams; cancels what is left.
        """
        if self._loop is not None:
            # A thread of its own: those of the handlers may all be busy.
            with ThreadPoolExecutor(1) as aside:
                await self._loop.run_in_executor(aside, self.native.stop, grace_s, flush_s)
            self.native.drain()
            self._loop.remove_reader(self.native.fileno())
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._loop = None
        self._executor.shutdown(wait=False, cancel_futures=True)
