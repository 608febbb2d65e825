"""A client's side of a trace: a span for each call, and what tells the server of it (W3C's Trace Context).

It is on where the environment names a collector by OpenTelemetry's own variables, and costs nothing else. A
span has the method, how it ended, the tries, and the request id; nothing of a message, a name, a token or a
number.
"""

import atexit
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Protocol

from clients.common.problems import CallFailed
from kasir.traces import TracesError, exporter, resource, told_endpoint

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

LOG = logging.getLogger("kasir.traces")
SERVICE = "kasir-client"
# How long the end of a program waits for a collector, seconds
EXIT_S = 1.0
Metadata = tuple[tuple[str, str], ...]


class Tracing(Protocol):
    """One call, as it is traced."""

    @property
    def metadata(self) -> Metadata:
        """What goes with the call."""

    def failed(self, failed: CallFailed, pause_s: float) -> None:
        """A try failed, and there is another one after a pause."""


class _Untraced:
    metadata: Metadata = ()

    def failed(self, failed: CallFailed, pause_s: float) -> None:
        pass


class _Traced:
    def __init__(self, span: "Span") -> None:
        self.span = span
        self._tries = 1

    @property
    def metadata(self) -> Metadata:
        context = self.span.get_span_context()
        flags = int(context.trace_flags)
        return (("traceparent", f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"),)

    def failed(self, failed: CallFailed, pause_s: float) -> None:
        self._tries += 1
        self.span.add_event(
            "retry",
            {
                "rpc.response.status_code": failed.code.name,
                "kasir.reason": failed.reason,
                "kasir.pause_s": pause_s,
            },
        )

    def ended(self, code: str, reason: str) -> None:
        """How the call ended."""
        self.span.set_attribute("rpc.response.status_code", code)
        if self._tries > 1:
            self.span.set_attribute("kasir.tries", self._tries)
        if reason:
            self.span.set_attribute("kasir.reason", reason)


UNTRACED = _Untraced()


@contextmanager
def traced(method: str, request_id: str) -> Iterator[Tracing]:
    """Traces one call, whatever tries it takes, until the block ends."""
    found = tracer()
    if found is None:
        yield UNTRACED
        return
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415  (an extra)

    name = method.removeprefix("/")
    span = found.start_span(
        name, kind=SpanKind.CLIENT, attributes={"rpc.system.name": "grpc", "rpc.method": name}
    )
    if request_id:
        span.set_attribute("kasir.request_id", request_id)
    call = _Traced(span)
    try:
        yield call
    except CallFailed as failed:
        call.ended(failed.code.name, failed.reason)
        span.set_attribute("error.type", failed.code.name)
        # Without words: they may name people.
        span.set_status(StatusCode.ERROR)
        raise
    else:
        call.ended("OK", "")
    finally:
        span.end()


@cache
def tracer() -> "Tracer | None":
    """Of this process; None where nothing is to be traced."""
    collector = told_endpoint()
    if collector is None:
        return None
    try:
        sends = exporter(collector)
    except TracesError as error:
        LOG.warning("%s", error)
        return None
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  (an extra)
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    # A person at a terminal has no use for each try of it.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    provider = TracerProvider(resource=resource(SERVICE), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(sends))
    atexit.register(_finish, provider.shutdown)
    return provider.get_tracer("kasir.client")


def _finish(shutdown: Callable[[], None]) -> None:
    """Sends what is left. Nobody waits long for a collector that is away."""
    last = threading.Thread(target=shutdown, name="kasir-traces", daemon=True)
    last.start()
    last.join(EXIT_S)
