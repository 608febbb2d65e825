import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from clients.till.terminal import app
from clients.till.till import Till
from tests.conftest import RunningServer
from tests.server.support import idr
from tests.till.line import Line
from tests.till.world import TillShop, till_at

Run = Callable[..., Result]
Ask = Callable[..., Any]


@pytest.fixture
def shop(channel: grpc.Channel) -> TillShop:
    return TillShop(channel)


@pytest.fixture
def line(server: RunningServer) -> Iterator[Line]:
    made = Line(server.target)
    yield made
    made.cut()


@pytest.fixture
def till(shop: TillShop, line: Line, tmp_path: Path) -> Iterator[Till]:
    """A till that knows the catalogue, with an open shift, behind a line that can be cut."""
    made = till_at(tmp_path / "state", line.address)
    made.refresh()
    made.open_shift(idr(100_000))
    yield made
    made.client.close()
    # Closing twice is no matter.
    made.store.close()


@pytest.fixture
def run(shop: TillShop, line: Line, tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))

    def run(*words: str, status: int = 0) -> Result:
        options = ["--server", line.address, "--as", "siti", "--timeout", "5"]
        result = CliRunner().invoke(app, [*words, *options])
        assert result.exit_code == status, result.output
        return result

    return run


@pytest.fixture
def ask(run: Run) -> Ask:
    return lambda *words, **options: json.loads(run(*words, "--json", **options).stdout)
