"""Traces of calls: the transport and the sequencer note when a call was where, here that becomes spans and
goes to a collector.

A collector that is slow or away costs calls nothing: what was traced waits in a ring of the transport's, what
finds no room there is dropped, and both are counted. No span has anything of a message, a name or a token.
"""

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from engine import Code
from kasir.traces import TracesError, exporter, resource
from server.logs import Logger
from server.settings import SettingsError

if TYPE_CHECKING:
    from engine.rpc import RpcServer, Traced

SERVICE = "kasir-server"
# How often it looks for traces, how many it sends at once, and how long a stop waits for the last; seconds.
PACE_S, AT_ONCE, STOP_S = 0.5, 256, 2.0
# Codes that are the server's fault; the others are answers (OpenTelemetry's conventions for RPC).
FAULTS = frozenset(
    {
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.UNIMPLEMENTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
    }
)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("kasir.server")


class Traces:
    """Takes traced calls from a server and sends them, on a thread of its own. `methods` are those told of:
    nobody reads of health checks.
    """

    def __init__(self, server: "RpcServer", methods: frozenset[str], collector: str, log: Logger) -> None:
        """Raises SettingsError for what is no collector, and where OpenTelemetry is not installed."""
        try:
            self._exporter = exporter(collector)
        except TracesError as error:
            raise SettingsError(f"--traces: {error}") from error
        self._server = server
        self._methods = methods
        self._collector = collector
        self._log = log
        self._words = _LastWords()
        self._resource = resource(SERVICE)
        self._ids = RandomIdGenerator()
        self._stop = threading.Event()
        self._is_away = self._is_given_up = False
        # Traces that the collector took, and that it did not.
        self.sent = self.refused = 0
        self._thread = threading.Thread(target=self._run, name="kasir-traces", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Traces that found no room while they waited."""
        return self._server.dropped_traces()

    @property
    def lost(self) -> int:
        """Traces that nobody will see."""
        return self.refused + self.dropped

    def close(self) -> None:
        """Sends what is left, and waits no longer than some seconds for it."""
        self._stop.set()
        self._thread.join(STOP_S)
        self._is_given_up = True
        self._exporter.shutdown()
        self._words.forget()

    def _run(self) -> None:
        while True:
            is_last = self._stop.wait(PACE_S)
            while not self._is_given_up and (rows := self._server.take_traces(AT_ONCE)):
                self._send(rows)
            if is_last:
                return

    def _send(self, rows: "list[Traced]") -> None:
        told = [row for row in rows if row[0] in self._methods]
        if not told:
            return
        result = self._exporter.export([span for row in told for span in self._spans(row)])
        if result is SpanExportResult.SUCCESS:
            self.sent += len(told)
            if self._is_away:
                self._log.info("traces are taken again", collector=self._collector)
        else:
            self.refused += len(told)
            if not self._is_away:
                self._log.warning("traces are lost", collector=self._collector, why=self._words.last)
        self._is_away = result is not SpanExportResult.SUCCESS

    def _spans(self, row: "Traced") -> Iterator[ReadableSpan]:
        """The call, and the stages of its way."""
        method, parent, number, reason, began_ns, stages, facts = row
        code, name = Code(number), method.removeprefix("/")
        trace = int.from_bytes(parent[0]) if parent else self._ids.generate_trace_id()
        call = self._context(trace)
        attributes: dict[str, str | int] = {
            "rpc.system.name": "grpc",
            "rpc.method": name,
            "rpc.response.status_code": code.name,
            **{f"kasir.{fact}": value for fact, value in facts},
        }
        if reason:
            attributes["kasir.reason"] = reason
        if code in FAULTS:
            attributes["error.type"] = code.name
        yield ReadableSpan(
            name,
            call,
            SpanContext(trace, int.from_bytes(parent[1]), is_remote=True, trace_flags=_SAMPLED)
            if parent
            else None,
            self._resource,
            attributes,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if code in FAULTS else StatusCode.UNSET),
            start_time=began_ns,
            end_time=stages[-1][1],
            instrumentation_scope=_SCOPE,
        )
        for stage, ended_ns in stages:
            yield ReadableSpan(
                stage,
                self._context(trace),
                call,
                self._resource,
                start_time=began_ns,
                end_time=ended_ns,
                instrumentation_scope=_SCOPE,
            )
            began_ns = ended_ns

    def _context(self, trace: int) -> SpanContext:
        return SpanContext(trace, self._ids.generate_span_id(), is_remote=False, trace_flags=_SAMPLED)


class _LastWords(logging.Handler):
    """What the library says of a collector: kept for the one line in the log that tells of it, and not said
    again with each try.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._library = logging.getLogger("opentelemetry")
        self._library.addHandler(self)
        self._library.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()

    def forget(self) -> None:
        """The library speaks for itself again."""
        self._library.removeHandler(self)
        self._library.propagate = True
