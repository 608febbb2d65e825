"""The devices of this machine as its programs reach them: by the station service of the agent beside them."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote

from google.protobuf.duration_pb2 import Duration

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.journal import state_dir
from clients.common.problems import BadInput, CallFailed
from kasir.v1.admin_pb2 import Settings
from kasir.v1.sale_pb2 import Sale
from kasir.v1.station_pb2 import (
    DisplayLine,
    PrintReceiptRequest,
    PrintReceiptResponse,
    Scan,
    ShowOnDisplayRequest,
    ShowOnDisplayResponse,
    WatchScansRequest,
    WatchScansResponse,
    WeighRequest,
    WeighResponse,
)
from kasir.v1.till_pb2 import Till

STATION_VARIABLE = "KASIR_STATION"
SCHEME = "unix:"
# struct sockaddr_un of sys/un.h, without the NUL
PATH_BYTES_MAX = 107
# An agent that was started again is found again this soon; a customer waits.
_PATIENCE = Patience(timeout_s=5.0, tries=1, pause_max_s=0.3)
# The agent answers within 15.
_RECEIPT_S = 20.0
# What the way there and back may take beside the weighing.
_MARGIN_S = 2.0


def station_address(given: str = "") -> str:
    """Where an agent serves its devices: what was given, or KASIR_STATION says, or a place of this user's.
    Raises BadInput for what is no unix socket.
    """
    address = given or os.environ.get(STATION_VARIABLE, "")
    if not address:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        folder = Path(runtime, "kasir") if runtime else state_dir()
        address = f"{SCHEME}{folder.absolute() / 'station.sock'}"
    path = address.removeprefix(SCHEME)
    if path == address or not path.startswith("/"):
        raise BadInput("'{address}' is no station: write unix:/PATH/TO/station.sock.", address=address)
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise BadInput(
            "'{address}' is too long: a socket's path has at most {most} bytes.",
            address=address,
            most=PATH_BYTES_MAX,
        )
    return address


def target(address: str) -> str:
    """A station's address as gRPC reads it: as a URI, in which %, ? and # have a meaning."""
    return SCHEME + quote(address.removeprefix(SCHEME))


class Station:
    """One line to the station. Not for use by several threads at once, except `scans`."""

    def __init__(self, address: str, on_retry: Callable[[CallFailed, float], None] | None = None) -> None:
        """Opens the line; nothing is sent yet. `on_retry` hears while nobody answers a watch."""
        self.address = address
        self._client = Client(Connection(target(address), "station"), None, _PATIENCE, on_retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the line and every watch on it."""
        self._client.close()

    def scans(self, scanner: str = "", ready: Callable[[], None] = lambda: None) -> Iterator[Scan]:
        """Each scan as it is read, for ever; an agent that is gone is waited for. `ready` is called whenever
        from now on none is missed. Raises CallFailed.
        """
        for reply in self._client.watch(WatchScansRequest(scanner=scanner), WatchScansResponse):
            if reply.HasField("scan"):
                yield reply.scan
            else:
                ready()

    def weigh(self, patience_s: float = 3.0, scale: str = "") -> int:
        """A weight in grams that came to rest after this was called. Raises CallFailed, which says why there
        is none.
        """
        patience = Duration()
        patience.FromTimedelta(timedelta(seconds=patience_s))
        request = WeighRequest(scale=scale, patience=patience)
        return self._client.call(request, WeighResponse, timeout_s=patience_s + _MARGIN_S).grams

    def print_receipt(self, sale: Sale, shop: Settings, till: Till) -> PrintReceiptResponse:
        """Prints a receipt beside the server, once however often it is asked for. Raises CallFailed."""
        request = PrintReceiptRequest(sale=sale, shop=shop, till=till)
        return self._client.call(request, PrintReceiptResponse, timeout_s=_RECEIPT_S)

    def show(self, top: DisplayLine, bottom: DisplayLine, display: str = "") -> str:
        """Shows two lines to the customer; why they do not stand there, empty when they do. Raises
        CallFailed.
        """
        request = ShowOnDisplayRequest(display=display, top=top, bottom=bottom)
        return self._client.call(request, ShowOnDisplayResponse).problem
