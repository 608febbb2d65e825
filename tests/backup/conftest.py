"""What the tests of backups share: a shop whose history is a list of locations, and the command `kasir`."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Engine
from kasir.v1.stock_pb2 import CreateLocationRequest, ListLocationsRequest, ListLocationsResponse, Location

CREATE = "/kasir.v1.StockService/CreateLocation"
LIST = "/kasir.v1.StockService/ListLocations"
ROOT = Path(__file__).resolve().parents[2]

Kasir = Callable[..., subprocess.CompletedProcess[str]]


class Shop:
    """A store, open in this process, in which only locations happen. Each is one revision."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine.open(folder)
        self.sent: list[tuple[bytes, bytes]] = []

    def happen(self, times: int = 1) -> None:
        for _ in range(times):
            name = f"T{len(self.sent)}"
            request = CreateLocationRequest(
                request_id=str(uuid.uuid4()),
                location=Location(code=name, name=f"Toko {name}", kind="LOCATION_KIND_SHOP"),
            ).SerializeToString()
            self.sent.append((request, self.engine.submit_blocking(CREATE, request, "sari")))

    def settle(self) -> None:
        """What looks in from outside sees all that was answered."""
        self.codes()

    def codes(self) -> list[str]:
        return codes(self.engine)

    def close(self) -> None:
        self.engine.close()


def codes(engine: Engine) -> list[str]:
    reply = engine.query(LIST, ListLocationsRequest(page_size=1000).SerializeToString())
    return [location.code for location in ListLocationsResponse.FromString(reply).locations]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path / "live")
    yield opened
    opened.close()


@pytest.fixture
def kasir() -> Kasir:
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kasir.cli", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run
