"""A collector of traces: takes OTLP over HTTP as a real one does, and can be slow or refuse."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.server.support import until


@dataclass(frozen=True)
class Seen:
    """A span as it came, with the name of the service that it is of."""

    service: str
    span: Any

    @property
    def attributes(self) -> dict[str, Any]:
        """By name."""
        return values(self.span.attributes)

    @property
    def is_server(self) -> bool:
        """It is a call as the server has it."""
        return self.span.kind == Span.SPAN_KIND_SERVER


def values(pairs: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in pairs}


class Collector:
    """Listens until it is closed. While `room` is not set an answer waits; `status` is what it answers."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = 200
        self.room = threading.Event()
        self.room.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.room.wait(60)
                assert self.path == "/v1/traces"
                if collector.status == 200:
                    collector.bodies.append(body)
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def seen(self) -> list[Seen]:
        """All spans that came."""
        found = []
        for body in list(self.bodies):
            for told in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = values(told.resource.attributes)["service.name"]
                found += [Seen(service, span) for scope in told.scope_spans for span in scope.spans]
        return found

    def calls(self, method: str) -> list[Seen]:
        """The calls of a method, as the server has them."""
        return [each for each in self.seen if each.is_server and each.span.name.endswith(f"/{method}")]

    def wait_for(self, method: str, count: int = 1) -> list[Seen]:
        """The calls of a method, once there are so many."""
        until(lambda: len(self.calls(method)) >= count, f"{count} traces of {method}")
        return self.calls(method)

    def stages(self, call: Seen) -> list[Any]:
        """The spans below one, in their order."""
        below = [each.span for each in self.seen if each.span.parent_span_id == call.span.span_id]
        return sorted(below, key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))

    def close(self) -> None:
        """Is gone."""
        self.room.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector for a while."""
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()
