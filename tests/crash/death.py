"""Servers that write down what they do to their disk, or die at a place of it: recorder.c before libc."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import PATIENCE_S, ServerProcess

Serve = Callable[..., ServerProcess]


class Death(NamedTuple):
    """Where a server dies: kind of call, file, the how manyth such call, and b(efore), m(idway), a(fter)."""

    kind: str
    name: str
    count: int
    when: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.count} {self.when}"


def preload(
    patch: pytest.MonkeyPatch,
    library: Path,
    data: Path,
    record: Path | None = None,
    death: Death | None = None,
) -> None:
    """Has servers that are started from now on recorded or dying; without either, they are as they are."""
    wanted: dict[str, Any] = {"KASIR_TEST_RECORD": record, "KASIR_TEST_DIE": death, "KASIR_TEST_DIR": data}
    wanted["LD_PRELOAD"] = library if record or death else None
    for name, value in wanted.items():
        if value is None:
            patch.delenv(name, raising=False)
        else:
            patch.setenv(name, str(value))


def starts(serve: Serve, data: Path) -> ServerProcess | None:
    """A server, unless it dies before it serves."""
    try:
        return serve(data=data)
    except RuntimeError as error:
        if f"ended with {-signal.SIGKILL}:" not in str(error):
            raise
        return None


def ends(server: ServerProcess, after_s: float) -> bool:
    """Waits until it dies; whether it did, else it is asked to stop after so many seconds."""
    try:
        server.process.wait(after_s)
    except subprocess.TimeoutExpired:
        server.process.terminate()
    return server.process.wait(PATIENCE_S) == -signal.SIGKILL
