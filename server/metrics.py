"""Prometheus metrics: what the server counts itself, and what the engine says when it is asked."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from socket import socket
from ssl import CERT_REQUIRED, PROTOCOL_TLS_SERVER, SSLContext, SSLObject, SSLSocket
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine import Code, Engine, EngineError, Status
from engine.rpc import RpcServer
from kasir.v1.hardware_pb2 import Device, DeviceState
from server.beside import Beside
from server.settings import Address, SettingsError, Tls

if TYPE_CHECKING:
    from server.certificate import Certificate
    from server.traces import Traces

# The transport's bounds (engine_rs/transport/src/observe.rs): from a tenth of a millisecond, a bare commit,
# to what nobody waits for.
CALL_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """One server's metrics, in a registry of their own so that several servers fit into one process."""

    def __init__(
        self,
        engine: Engine,
        server: RpcServer,
        methods: frozenset[str],
        devices: Callable[[], list[Device]] = list,
        beside: Beside | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(DeviceCollector(devices))
        self.registry.register(CallCollector(server, methods))
        self.registry.register(EngineCollector(engine))
        if beside is not None and beside.traces is not None:
            self.registry.register(TraceCollector(beside.traces))
        if beside is not None and beside.certificate is not None:
            self.registry.register(CertificateCollector(beside.certificate))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)


class CallCollector(Collector):
    """Asks the transport at every scrape: calls are counted where they end, without Python."""

    def __init__(self, server: RpcServer, methods: frozenset[str]) -> None:
        self.server = server
        self.methods = methods

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Figures of every method that was called."""
        calls = CounterMetricFamily(
            "kasir_calls", "Calls ended, by method and status.", labels=("method", "code")
        )
        seconds = HistogramMetricFamily(
            "kasir_call_seconds",
            "Time from the request to the reply of unary calls and uploads.",
            labels=("method",),
        )
        streams = GaugeMetricFamily("kasir_streams", "Streams open, by method.", labels=("method",))
        messages = CounterMetricFamily(
            "kasir_stream_messages",
            "Messages sent on streams, heartbeats among them.",
            labels=("method",),
        )
        in_progress = 0
        for method, is_stream, ended, latencies, total_s, still_open, sent in self.server.figures():
            in_progress += 0 if is_stream else still_open
            if method not in self.methods or not (still_open or any(ended)):
                continue
            for number, count in enumerate(ended):
                if count:
                    calls.add_metric((method, Code(number).name), count)
            if is_stream:
                streams.add_metric((method,), still_open)
                messages.add_metric((method,), sent)
            else:
                seconds.add_metric((method,), _cumulated(latencies), total_s)
        yield from (calls, seconds, streams, messages)
        yield GaugeMetricFamily(
            "kasir_calls_in_progress",
            "Unary calls and uploads that have no answer yet.",
            value=in_progress,
        )
        refusals = CounterMetricFamily("kasir_refusals", "Calls refused, by reason.", labels=("reason",))
        for reason, count in sorted(self.server.reasons().items()):
            refusals.add_metric((reason,), count)
        yield refusals


def _cumulated(latencies: list[int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus wants them: all calls up to each bound."""
    bounds = [*map(str, CALL_BUCKETS_S), "+Inf"]
    return [(bound, float(below)) for bound, below in zip(bounds, accumulate(latencies), strict=True)]


class DeviceCollector(Collector):
    """Asks for the devices at every scrape."""

    def __init__(self, devices: Callable[[], list[Device]]) -> None:
        self.devices = devices

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One of each device in the state that it is in, and what waits for it."""
        states = GaugeMetricFamily(
            "kasir_devices",
            "Devices as their agents tell, by the state that they are in.",
            labels=("agent", "device", "state"),
        )
        waiting = GaugeMetricFamily(
            "kasir_device_waiting_jobs", "Jobs that wait for a printer.", labels=("agent", "device")
        )
        for device in self.devices():
            state = DeviceState.Name(device.state).removeprefix("DEVICE_STATE_").lower()
            states.add_metric((device.agent, device.name, state), 1)
            if device.document_kinds:
                waiting.add_metric((device.agent, device.name), device.waiting_jobs)
        yield from (states, waiting)


class TraceCollector(Collector):
    """Tells at every scrape what became of traces."""

    def __init__(self, traces: "Traces") -> None:
        self.traces = traces

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Those that were sent, and those that were lost."""
        yield CounterMetricFamily(
            "kasir_traces_sent", "Traced calls that the collector took.", value=self.traces.sent
        )
        lost = CounterMetricFamily(
            "kasir_traces_lost",
            "Traced calls that nobody will see: the collector was away or too slow.",
            labels=("at",),
        )
        lost.add_metric(("collector",), self.traces.refused)
        lost.add_metric(("queue",), self.traces.dropped)
        yield lost


class CertificateCollector(Collector):
    """Tells at every scrape when the certificate ends that is shown now."""

    def __init__(self, certificate: "Certificate") -> None:
        self.certificate = certificate

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are told at the scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One time."""
        yield GaugeMetricFamily(
            "kasir_certificate_end_time_seconds",
            "When the certificate ends that the server shows.",
            value=self.certificate.ends_s,
        )


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
        "kasir_clock_step_seconds",
        "How far the machine's clock is ahead of the shop's time, set by more than is believed.",
        value=status["clock_step_ms"] / 1000,
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
    socket: socket

    def shutdown(self) -> None: ...

    def server_close(self) -> None: ...


class MetricsEndpoint:
    """The HTTP endpoint that Prometheus scrapes, on a thread of its own."""

    def __init__(self, registry: CollectorRegistry, address: Address, tls: Tls | None) -> None:
        """Listens at once. Raises SettingsError when the address is taken."""
        try:
            server, thread = start_http_server(
                address.port,
                address.host,
                registry=registry,
                certfile=str(tls.certificate) if tls else None,
                keyfile=str(tls.key) if tls else None,
                client_cafile=str(tls.client_ca) if tls and tls.client_ca else None,
                client_auth_required=bool(tls and tls.client_ca),
            )
        except OSError as error:
            raise SettingsError(f"Cannot serve metrics on {address}: {error.strerror or error}.") from error
        self._client_ca = tls.client_ca if tls else None
        self._server: _Server = server
        self._thread: Thread = thread
        self.address = Address(address.host, self._server.server_port)

    def show(self, certificate: Path, key: Path) -> None:
        """Shows another certificate to who connects from now on, and lets in whom it let in before. Raises
        OSError.
        """
        if not isinstance(self._server.socket, SSLSocket):
            return
        shown = SSLContext(PROTOCOL_TLS_SERVER)
        shown.load_cert_chain(certificate, key)
        if self._client_ca is not None:
            shown.load_verify_locations(self._client_ca)
            shown.verify_mode = CERT_REQUIRED

        def show(line: SSLSocket | SSLObject, _name: str | None, _before: SSLContext) -> None:
            line.context = shown

        # Asked in every handshake. The context itself stays as it is: somebody may just be connecting.
        self._server.socket.context.sni_callback = show

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
