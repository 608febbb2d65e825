"""Servers that answer as a test says, so that what a client does when things go wrong can be seen; and the
commands of a small shop on a real one.
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from typer.testing import CliRunner

from clients import admin, catalogue, courier, customer, printing, report, setup, warehouse
from clients.common.client import known_method, message_class, method_path
from clients.cs import app as cs_app
from clients.till.terminal import app as till_app
from hardware import digital_receipt, file_agent, shift_report
from kasir import verify
from kasir.contract import SERVICES

APPS = {
    "cs": cs_app,
    "warehouse": warehouse.app,
    "till": till_app,
    "courier": courier.app,
    "catalogue": catalogue.app,
    "setup": setup.app,
    "customer": customer.app,
    "report": report.app,
    "print": printing.app,
    "admin": admin.app,
}
SINGLE = {
    "verify": verify.app,
    "agent": file_agent.app,
    "receipt": digital_receipt.app,
    "shift-report": shift_report.app,
}
KOPI, GULA, TEH = "8991234567891", "8991234500003", "8991234500027"
SARI = ("--name", "Sari Dewi", "--phone", "081234567890", "--street", "Jl. Melati 5", "--city", "Bandung")


@dataclass
class Refusal:
    """A status as Kasir's server sends it."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "no"
    details: dict[str, str] = field(default_factory=dict)
    retry_ms: int | None = None

    def send(self, context: grpc.ServicerContext) -> None:
        packed = []
        if self.reason:
            packed.append(ErrorInfo(reason=self.reason, domain="kasir", metadata=self.details))
        if "field" in self.details:
            violation = BadRequest.FieldViolation(field=self.details["field"], description=self.message)
            packed.append(BadRequest(field_violations=[violation]))
        if self.retry_ms is not None:
            delay = Duration()
            delay.FromMilliseconds(self.retry_ms)
            packed.append(RetryInfo(retry_delay=delay))
        status = Status(code=self.code.value[0], message=self.message)
        for detail in packed:
            carried = AnyMessage()
            carried.Pack(detail)
            status.details.append(carried)
        context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
        context.abort(self.code, self.message)


# What a method answers: a message, a refusal, or a function of the request (and of the call's context).
Answer = Any


class ScriptedServer:
    """Answers each method from a list, the last answer again and again, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        self._answers: dict[str, list[Answer]] = {}
        self._arrived = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        self._server.add_generic_rpc_handlers((_Handlers(self),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def answers(self, request_type: type[Message], *answers: Answer) -> None:
        """Says what the method that takes `request_type` answers."""
        for service in SERVICES.values():
            for method in service.methods:
                if method.input_type is request_type.DESCRIPTOR:
                    self._answers[method_path(method)] = list(answers)
                    return
        raise AssertionError(request_type)

    def next_answer(self, path: str) -> Answer:
        waiting = self._answers.get(
            path, [Refusal(grpc.StatusCode.UNIMPLEMENTED, "", f"{path} is not scripted")]
        )
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def heard(self, request: Any, context: grpc.ServicerContext) -> None:
        with self._arrived:
            self.asked.append(request)
            self.metadata.append(
                {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            )
            self._arrived.notify_all()

    def wait_for_request(self) -> Any:
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.asked, 60), "nothing was asked"
            return self.asked[-1]

    def stop(self) -> None:
        self._server.stop(None).wait(10)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:
        path = handler_call_details.method
        method = known_method(path)
        reads = message_class(method.input_type).FromString
        writes = message_class(method.output_type).SerializeToString

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            self.server.heard(request, context)
            return self._message(self.server.next_answer(path), request, context)

        def uploaded(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            received = list(requests)
            self.server.heard(received, context)
            return self._message(self.server.next_answer(path), received, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            self.server.heard(request, context)
            for answer in self.server.next_answer(path):
                yield self._message(answer, request, context)

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, reads, writes)
        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(uploaded, reads, writes)
        return grpc.unary_unary_rpc_method_handler(unary, reads, writes)

    def _message(self, answer: Answer, request: Any, context: grpc.ServicerContext) -> Any:
        outcome = answer(request) if callable(answer) else answer
        if isinstance(outcome, Refusal):
            outcome.send(context)
        return outcome


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def silent_server(scripted: ScriptedServer) -> Iterator[ScriptedServer]:
    """Hears of cancellations and never answers."""
    from kasir.v1.booking_pb2 import CancelBookingRequest

    over = threading.Event()
    scripted.answers(CancelBookingRequest, lambda _request: over.wait(120))
    yield scripted
    over.set()


@pytest.fixture
def in_a_state_of_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """The clients' state directory is the test's; returns what lists the requests pending there."""
    from clients.common.journal import RequestJournal

    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    for name in (
        "KASIR_SERVER",
        "KASIR_ACTOR",
        "KASIR_TILL",
        "KASIR_ACCOUNT",
        "KASIR_DESK",
        "KASIR_WAREHOUSE",
    ):
        monkeypatch.delenv(name, raising=False)
    return lambda: RequestJournal().pending()


# The commands of one shop: `run(words...)` for people, `ask(words...)` for what --json says.
Run = Callable[..., Any]


@pytest.fixture
def run(server: Any, in_a_state_of_its_own: Callable[[], list[Any]]) -> Run:
    """Runs one command as a person would; `status` is the exit status that is expected."""

    def run_one(*words: str, status: int = 0, actor: str = "sari", **options: Any) -> Any:
        name, *rest = words
        app = SINGLE.get(name) or APPS[name]
        result = CliRunner().invoke(app, [*rest, "--server", server.target, "--as", actor], **options)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        # What was answered, well or badly, is not pending.
        assert in_a_state_of_its_own() == []
        return result

    return run_one


@pytest.fixture
def ask(run: Run) -> Run:
    return lambda *words, **options: json.loads(run(*words, "--json", **options).stdout)


@pytest.fixture
def shop(run: Run, tmp_path: Any) -> None:
    """A shop with a warehouse, a desk, a till, a bank account, a courier, three items and some stock."""
    run("admin", "settings", "--shop-name", "Toko Melati", "--zone", "WIB")
    run("setup", "location", "GUDANG", "Gudang utama", "--kind", "warehouse")
    run("setup", "location", "MEJA-CS", "Meja CS", "--kind", "cs-desk")
    run("setup", "location", "TOKO", "Toko Melati", "--kind", "shop")
    run("setup", "till", "KASIR-1", "--location", "TOKO")
    run("setup", "account", "BCA", "1234567890", "Toko Melati")
    run("setup", "courier", "JNE", "JNE Express")
    run("setup", "tax-class", "PPN11", "PPN 11%", "--rate", "11", "--mode", "inclusive")
    path = tmp_path / "catalogue.csv"
    path.write_text(run("catalogue", "sample").stdout)
    run("catalogue", "import", str(path))
    run("warehouse", "receive", "KOPI-01x24", "GULA-5x10", "--reference", "SJ-1")
    run("warehouse", "receive", f"{KOPI}x5", "--location", "TOKO")
