"""Prometheus metrics: what the server counts itself, and what the engine says when it is asked."""

from collections.abc import Iterable, Iterator
from threading import Thread
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine import Code, Engine, EngineError, Status
from server.settings import Address, SettingsError, Tls

# From a tenth of a millisecond, a bare commit, to what nobody waits for.
CALL_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
UNKNOWN_CODE = "UNKNOWN"


class Metrics:
    """One server's metrics, in a registry of their own so that several servers fit into one process."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "kasir_calls", "Calls ended, by method and status.", ("method", "code"), registry=self.registry
        )
        self._refusals = Counter(
            "kasir_refusals", "Calls refused, by reason.", ("reason",), registry=self.registry
        )
        self._seconds = Histogram(
            "kasir_call_seconds",
            "Time from the request to the reply of unary calls and uploads.",
            ("method",),
            buckets=CALL_BUCKETS_S,
            registry=self.registry,
        )
        self._in_progress = Gauge(
            "kasir_calls_in_progress",
            "Unary calls and uploads that have no answer yet.",
            registry=self.registry,
        )
        self._streams = Gauge(
            "kasir_streams", "Streams open, by method.", ("method",), registry=self.registry
        )
        self._messages = Counter(
            "kasir_stream_messages",
            "Messages sent on streams, heartbeats among them.",
            ("method",),
            registry=self.registry,
        )
        # A labelled child costs more to find than to count with.
        self._counted: dict[tuple[str, Code], Counter] = {}
        self._timed: dict[str, Histogram] = {}
        self.registry.register(EngineCollector(engine))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def began(self) -> None:
        """A unary call or an upload came in."""
        self._in_progress.inc()

    def ended(self, method: str, code: Code, reason: str, seconds: float) -> None:
        """It was answered."""
        self._in_progress.dec()
        timed = self._timed.get(method)
        if timed is None:
            timed = self._timed[method] = self._seconds.labels(method)
        timed.observe(seconds)
        self._count(method, code, reason)

    def stream_began(self, method: str) -> None:
        """A stream was opened."""
        self._streams.labels(method).inc()

    def stream_ended(self, method: str, code: Code, reason: str, messages: int) -> None:
        """A stream ended, by whichever side."""
        self._streams.labels(method).dec()
        self._messages.labels(method).inc(messages)
        self._count(method, code, reason)

    def _count(self, method: str, code: Code, reason: str) -> None:
        counted = self._counted.get((method, code))
        if counted is None:
            counted = self._counted[method, code] = self._calls.labels(method, code.name)
        counted.inc()
        if reason:
            self._refusals.labels(reason).inc()


class EngineCollector(Collector):
    """Asks the engine at every scrape, so that nothing is counted twice over."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape, without asking an engine that may be closing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The engine's figures; none once it is closed."""
        try:
            status = self.engine.status()
        except EngineError:
            return
        yield from _gauges(status)
        yield from _counters(status)
        yield _batch_sizes(status)


def _gauges(status: Status) -> Iterator[Metric]:
    yield GaugeMetricFamily("kasir_queue_length", "Commands that wait.", value=status["queue_length"])
    yield GaugeMetricFamily("kasir_queue_limit", "Commands that may wait.", value=status["max_queue"])
    yield GaugeMetricFamily("kasir_revision", "The last committed revision.", value=status["revision"])
    yield GaugeMetricFamily(
        "kasir_log_time_seconds", "The sequencer's clock as last stamped.", value=status["log_time_ms"] / 1000
    )
    yield GaugeMetricFamily(
        "kasir_store_used_bytes", "Bytes of the store in use.", value=status["used_bytes"]
    )
    yield GaugeMetricFamily("kasir_store_map_bytes", "Bytes of the memory map.", value=status["map_bytes"])
    yield GaugeMetricFamily("kasir_readers", "Read transactions open.", value=status["readers"])


def _counters(status: Status) -> Iterator[Metric]:
    yield CounterMetricFamily("kasir_commands", "Commands committed.", value=status["commands"])
    yield CounterMetricFamily("kasir_commands_refused", "Commands refused.", value=status["refused"])
    yield CounterMetricFamily(
        "kasir_commands_repeated",
        "Commands answered with the reply of an earlier one.",
        value=status["repeated"],
    )
    yield CounterMetricFamily("kasir_commits", "Commits.", value=status["commits"])
    yield CounterMetricFamily(
        "kasir_commit_seconds", "Time spent in commits.", value=status["commit_time_us"] / 1e6
    )
    yield CounterMetricFamily("kasir_deadlines_expired", "Deadlines that fell due.", value=status["expired"])


def _batch_sizes(status: Status) -> Metric:
    """Commands a commit, as a histogram over powers of two."""
    below = 0
    buckets: list[tuple[str, float]] = []
    for power, commits in enumerate(status["batch_sizes"]):
        below += commits
        buckets.append((str(float(1 << power)), below))
    buckets.append(("+Inf", status["commits"]))
    return HistogramMetricFamily(
        "kasir_batch_size", "Commands one commit took.", buckets=buckets, sum_value=status["commands"]
    )


class _Server(Protocol):
    server_port: int

    def shutdown(self) -> None: ...

    def server_close(self) -> None: ...


class MetricsEndpoint:
    """The HTTP endpoint that Prometheus scrapes, on a thread of its own."""

    def __init__(self, metrics: Metrics, address: Address, tls: Tls | None) -> None:
        """Listens at once. Raises SettingsError when the address is taken."""
        try:
            server, thread = start_http_server(
                address.port,
                address.host,
                registry=metrics.registry,
                certfile=str(tls.certificate) if tls else None,
                keyfile=str(tls.key) if tls else None,
                client_cafile=str(tls.client_ca) if tls and tls.client_ca else None,
                client_auth_required=bool(tls and tls.client_ca),
            )
        except OSError as error:
            raise SettingsError(f"Cannot serve metrics on {address}: {error.strerror or error}.") from error
        self._server: _Server = server
        self._thread: Thread = thread
        self.address = Address(address.host, self._server.server_port)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
