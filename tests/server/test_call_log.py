"""Goal: the log of calls costs little when it would cost most: calls refused for want of room have some lines
a second, and their number. Method: a transport that gives records as told.
"""

import time
from typing import Any, cast

import pytest

from engine import Code
from engine.rpc import RpcServer
from server.logs import Logger
from server.observe import NO_ROOM_LINES, CallLog

METHOD = "/kasir.v1.StockService/CreateHold"


class Transport:
    """Gives what ended."""

    def __init__(self) -> None:
        self.ended: list[Any] = []

    def take_log(self, most: int) -> tuple[list[Any], int]:
        taken, self.ended = self.ended[:most], self.ended[most:]
        return taken, 0


class Lines:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.told.append((event, fields))

    info = error = warning


def record(code: Code, reason: str) -> tuple[Any, ...]:
    return METHOD, "sari", code.value, reason, 0.001, None


def test_of_many_that_found_no_room_some_are_told_and_how_many_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    transport, lines = Transport(), Lines()
    log = CallLog(cast("RpcServer", transport), frozenset({METHOD}), cast("Logger", lines))
    refused = [record(Code.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")] * 5_000
    transport.ended = [*refused, record(Code.PERMISSION_DENIED, "ROLE_MISSING"), *refused]
    log.finish()
    reasons = [fields.get("reason") for _, fields in lines.told]
    assert reasons.count("ROLE_MISSING") == 1
    told = reasons.count("TOO_MANY_CALLS")
    assert 0 < told <= 2 * NO_ROOM_LINES
    assert sum(fields.get("calls", 0) for _, fields in lines.told) == 10_000 - told
    # The next second has its own lines.
    monkeypatch.setattr(time, "monotonic", lambda: 101.0)
    transport.ended = []
    log.write()
    transport.ended = [refused[0]]
    log.write()
    assert lines.told[-1][1]["reason"] == "TOO_MANY_CALLS"
