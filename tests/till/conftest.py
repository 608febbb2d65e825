from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from clients.till.till import Till
from tests.conftest import RunningServer
from tests.server.support import idr
from tests.till.line import Line
from tests.till.world import TillShop, till_at


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
