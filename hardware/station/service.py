"""The station service: what programs on this machine ask of its scanners, displays, scales
and receipt printers.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from clients.common.money import show_money
from clients.common.problems import STATUS_DETAILS_KEY
from clients.common.station import target
from hardware.agent.receipts import Receipts
from hardware.displays import DisplayError, pair
from hardware.scales import WeighingState
from hardware.station.bounds import beyond
from hardware.station.scanning import ScannerThread
from hardware.station.showing import DisplayThread
from hardware.station.socket import Claim, private_files
from hardware.station.watching import TooSlowError, Watcher, Watchers
from hardware.station.weighing import ScaleThread
from kasir.v1 import station_pb2, station_pb2_grpc

# Calls at once: as many watches and weighings as this, and room beside them for displays, which keep nobody.
WATCHES_MAX = 16
WEIGHINGS_MAX = 16
CALLS_MAX = WATCHES_MAX + WEIGHINGS_MAX + 8
PATIENCE_S = 3.0
PATIENCE_MAX_S = 60.0
TEXT_LENGTH_MAX = 200
# Until a printer is ready for a receipt, and until it has it out.
RECEIPT_PATIENCE_S = 5.0
RECEIPT_PRINTING_S = 9.0
_HINDERS = {
    WeighingState.MOVING: ("SCALE_MOVING", "The weight does not come to rest."),
    WeighingState.OVERLOAD: ("SCALE_OVERLOADED", "More is on the scale than it weighs."),
    WeighingState.NEGATIVE: ("SCALE_BELOW_ZERO", "The scale shows less than nothing: set it to zero."),
}
Thing = TypeVar("Thing", ScannerThread, DisplayThread, ScaleThread)
News = TypeVar("News")


class Refusal(Exception):  # noqa: N818 (an outcome)
    """A call ends without what was asked for."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.field = field

    def end(self, context: grpc.ServicerContext) -> None:
        """Ends the call as the server ends its own: with google.rpc's details. Raises what gRPC wants."""
        details = {"field": self.field} if self.field else {}
        packed = AnyMessage()
        packed.Pack(ErrorInfo(reason=self.reason, domain="kasir", metadata=details))
        number: int = self.code.value[0]
        status = Status(code=number, message=str(self), details=[packed])
        context.set_trailing_metadata(((STATUS_DETAILS_KEY, status.SerializeToString()),))
        context.abort(self.code, str(self))


def _unary(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def answer(service: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(service, request, context)
        except Refusal as refusal:
            refusal.end(context)

    return answer


def _stream(method: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(method)
    def answer(service: Any, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from method(service, request, context)
        except TooSlowError:
            words = "This watcher took nothing while too much came."
            Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "READER_TOO_SLOW", words).end(context)
        except Refusal as refusal:
            refusal.end(context)

    return answer


class StationService(station_pb2_grpc.StationServiceServicer):
    """The methods; each runs on a thread of the service."""

    def __init__(
        self,
        scanners: Mapping[str, ScannerThread],
        displays: Mapping[str, DisplayThread],
        scales: Mapping[str, ScaleThread],
        scans: Watchers[station_pb2.Scan],
        receipts: Receipts | None = None,
    ) -> None:
        self._scanners = scanners
        self._displays = displays
        self._scales = scales
        self._scans = scans
        self._receipts = receipts
        self._watches = threading.BoundedSemaphore(WATCHES_MAX)
        self._weighings = threading.BoundedSemaphore(WEIGHINGS_MAX)

    @_stream
    def WatchScans(  # noqa: N802 (gRPC's name)
        self, request: station_pb2.WatchScansRequest, context: grpc.ServicerContext
    ) -> Iterator[station_pb2.WatchScansResponse]:
        """See the contract."""
        if request.scanner or not self._scanners:
            _named(self._scanners, "scanner", request.scanner)
        with _Place(self._watches, "watches"):
            watcher = self._scans.add(request.scanner)
            try:
                yield station_pb2.WatchScansResponse()
                for scan in _until_left(watcher, context):
                    yield station_pb2.WatchScansResponse(scan=scan)
            finally:
                self._scans.remove(watcher)

    @_unary
    def ShowOnDisplay(  # noqa: N802 (gRPC's name)
        self, request: station_pb2.ShowOnDisplayRequest, _context: grpc.ServicerContext
    ) -> station_pb2.ShowOnDisplayResponse:
        """See the contract."""
        display = _named(self._displays, "display", request.display)
        problem = display.show(_line("top", request.top), _line("bottom", request.bottom))
        return station_pb2.ShowOnDisplayResponse(shown=not problem, problem=problem)

    @_unary
    def Weigh(  # noqa: N802 (gRPC's name)
        self, request: station_pb2.WeighRequest, _context: grpc.ServicerContext
    ) -> station_pb2.WeighResponse:
        """See the contract."""
        scale = _named(self._scales, "scale", request.scale)
        patience_s = PATIENCE_S
        if request.HasField("patience"):
            patience_s = request.patience.ToTimedelta().total_seconds()
        if not 0 < patience_s <= PATIENCE_MAX_S:
            words = f"A weighing is waited for from 0 to {PATIENCE_MAX_S:.0f} seconds."
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE", words, "patience")
        with _Place(self._weighings, "weighings"):
            weighing = scale.weigh(patience_s)
        if weighing.state in _HINDERS:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, *_HINDERS[weighing.state])
        if weighing.grams is None:
            words = f"The scale {scale.device} cannot be asked: {scale.trouble}."
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SCALE_UNREACHABLE", words)
        return station_pb2.WeighResponse(grams=weighing.grams)

    @_stream
    def WatchWeights(  # noqa: N802 (gRPC's name)
        self, request: station_pb2.WatchWeightsRequest, context: grpc.ServicerContext
    ) -> Iterator[station_pb2.WatchWeightsResponse]:
        """See the contract."""
        scale = _named(self._scales, "scale", request.scale)
        with _Place(self._watches, "watches"):
            watcher = scale.watch()
            try:
                yield from _until_left(watcher, context)
            finally:
                scale.unwatch(watcher)

    @_unary
    def PrintReceipt(  # noqa: N802 (gRPC's name)
        self, request: station_pb2.PrintReceiptRequest, _context: grpc.ServicerContext
    ) -> station_pb2.PrintReceiptResponse:
        """See the contract."""
        if not request.sale.receipt:
            words = "A receipt has a number of the till's."
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED", words, "sale.receipt")
        field, wrong = beyond(request)
        if wrong:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE", wrong, field)
        if self._receipts is None or not self._receipts.has_printer(request):
            words = "This agent has no printer for receipts of that till's location."
            raise Refusal(grpc.StatusCode.NOT_FOUND, "DEVICE_NOT_FOUND", words)
        wish = self._receipts.wanted(request, RECEIPT_PATIENCE_S, RECEIPT_PRINTING_S)
        outcome = "UNKNOWN" if wish.outcome is None else wish.outcome.name
        return station_pb2.PrintReceiptResponse(
            outcome=station_pb2.ReceiptOutcome.Value(f"RECEIPT_OUTCOME_{outcome}"), detail=wish.detail
        )


class _Place:
    """One of so many that there may be at once. Raises Refusal when there is none."""

    def __init__(self, places: threading.BoundedSemaphore, what: str) -> None:
        self._places = places
        self._what = what

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            words = f"There are too many {self._what} already."
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", words)

    def __exit__(self, *_exception: object) -> None:
        self._places.release()


def _until_left(watcher: Watcher[News], context: grpc.ServicerContext) -> Iterator[News]:
    """News until the client is gone or the service stops."""
    if context.add_callback(watcher.end):
        yield from watcher


def _named(things: Mapping[str, Thing], what: str, name: str) -> Thing:
    """The device of that name; without a name the only one. Raises Refusal."""
    if name in things:
        return things[name]
    names = ", ".join(things)
    if not name and len(things) == 1:
        return next(iter(things.values()))
    if not name and things:
        words = f"There are several: say {names}."
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED", words, what)
    known = f"it has: {names}" if things else "there is none in its file"
    words = f"This agent has no {what} {name}".rstrip() + f"; {known}."
    raise Refusal(grpc.StatusCode.NOT_FOUND, "DEVICE_NOT_FOUND", words)


def _line(field: str, line: station_pb2.DisplayLine) -> str:
    """A line's characters. Raises Refusal."""
    if len(line.text) > TEXT_LENGTH_MAX:
        words = f"A text has at most {TEXT_LENGTH_MAX} characters."
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_TOO_LONG", words, f"{field}.text")
    if not line.HasField("amount"):
        return line.text
    try:
        return pair(line.text, show_money(line.amount))
    except DisplayError as error:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE", f"{error}.", f"{field}.amount"
        ) from error


class StationServer:
    """The service at its socket. Made, then `close` once."""

    def __init__(self, address: str, service: StationService) -> None:
        """Listens; only this user may connect. Raises StationInUseError, OSError."""
        self._claim = Claim(address)
        pool = ThreadPoolExecutor(CALLS_MAX, thread_name_prefix="station")
        self._server = grpc.server(pool, maximum_concurrent_rpcs=CALLS_MAX)
        station_pb2_grpc.add_StationServiceServicer_to_server(service, self._server)
        try:
            with private_files():
                self._server.add_insecure_port(target(address))
        except RuntimeError as error:
            self._claim.close()
            raise OSError(f"cannot listen at {address}: {error}") from error
        self._server.start()

    def close(self) -> None:
        """Ends every call and lets the address go."""
        self._server.stop(grace=None).wait()
        self._claim.close()
