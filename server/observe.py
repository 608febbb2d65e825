"""Around every handler: the metrics, the line in the log, and the net under its bugs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from enum import StrEnum
from time import perf_counter

from structlog.typing import FilteringBoundLogger

from engine import Code, EngineError
from server.calls import Call, ClientStream, Frame, ServerStream, Unary
from server.metrics import Metrics


class LogCalls(StrEnum):
    """Which calls get a line in the log."""

    ALL = "all"
    REFUSED = "refused"
    NONE = "none"


# What the one who runs the server has to look at, whatever is asked for.
ALARMING = frozenset({Code.UNKNOWN, Code.INTERNAL, Code.DATA_LOSS})
WARNING = frozenset({Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE})


class Observer:
    """Wraps handlers so that each call is counted, timed and logged, and nothing but EngineError comes
    out.
    """

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger, log_calls: LogCalls) -> None:
        self.metrics = metrics
        self.log = log
        self.log_calls = log_calls
        # Unary calls and uploads without an answer: what a stop waits for.
        self.in_progress = 0
        self._drained: asyncio.Event | None = None

    def unary(self, handler: Unary) -> Unary:
        """Around a unary handler."""

        async def observed(call: Call, request: bytes) -> bytes:
            return await self._answered(call, lambda: handler(call, request))

        return observed

    def client_stream(self, handler: ClientStream) -> ClientStream:
        """Around an upload."""

        async def observed(call: Call, requests: AsyncIterator[bytes]) -> bytes:
            return await self._answered(call, lambda: handler(call, requests))

        return observed

    async def _answered(self, call: Call, answer: Callable[[], Awaitable[bytes]]) -> bytes:
        began = perf_counter()
        self.in_progress += 1
        self.metrics.began()
        code, reason = Code.OK, ""
        try:
            return await answer()
        except EngineError as error:
            code, reason = error.code, error.reason
            raise
        except asyncio.CancelledError:
            # The client went away or its deadline passed. What was accepted is committed all the same.
            code = Code.CANCELLED
            raise
        except Exception as error:
            code, reason = Code.INTERNAL, "INTERNAL"
            raise self._bug(call, error) from error
        finally:
            seconds = perf_counter() - began
            self.in_progress -= 1
            if self._drained is not None and not self.in_progress:
                self._drained.set()
            self.metrics.ended(call.method, code, reason, seconds)
            self._line("call", call, code, reason, seconds)

    def server_stream(self, handler: ServerStream) -> ServerStream:
        """Around a Watch stream."""

        async def observed(call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
            began = perf_counter()
            self.metrics.stream_began(call.method)
            messages = 0
            code, reason = Code.CANCELLED, ""
            frames = handler(call, request)
            try:
                async for frame in frames:
                    yield frame
                    messages += 1
                code = Code.OK
            except EngineError as error:
                code, reason = error.code, error.reason
                raise
            except Exception as error:
                code, reason = Code.INTERNAL, "INTERNAL"
                raise self._bug(call, error) from error
            finally:
                self.metrics.stream_ended(call.method, code, reason, messages)
                self._line("stream", call, code, reason, perf_counter() - began, messages=messages)
                await frames.aclose()

        return observed

    async def drained(self) -> None:
        """Returns once no unary call and no upload waits for its answer. For one caller."""
        if self.in_progress:
            self._drained = asyncio.Event()
            await self._drained.wait()

    def refused(self, call: Call, error: EngineError) -> None:
        """A call that no handler saw, because of who or how it was made."""
        self.metrics.began()
        self.metrics.ended(call.method, error.code, error.reason, 0.0)
        self._line("call", call, error.code, error.reason, 0.0)

    def _bug(self, call: Call, error: Exception) -> EngineError:
        self.log.error("bug", method=call.method, actor=call.actor, exc_info=error)
        return EngineError(
            Code.INTERNAL,
            "INTERNAL",
            "The server made a mistake; its log says which. To learn whether a command took effect, send it "
            "again with the same request_id.",
        )

    def _line(self, event: str, call: Call, code: Code, reason: str, seconds: float, **more: int) -> None:
        if self.log_calls is LogCalls.NONE or (self.log_calls is LogCalls.REFUSED and code == Code.OK):
            return
        fields = {
            "method": call.method,
            "actor": call.actor,
            "code": code.name,
            "reason": reason,
            "ms": round(seconds * 1000, 3),
            **more,
        }
        if code in ALARMING:
            self.log.error(event, **fields)
        elif code in WARNING:
            self.log.warning(event, **fields)
        else:
            self.log.info(event, **fields)
