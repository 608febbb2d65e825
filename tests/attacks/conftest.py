"""A real server of its own process, and an honest caller who is served through each attack."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import grpc
import pytest

from kasir.v1 import admin_pb2, admin_pb2_grpc, catalogue_pb2, catalogue_pb2_grpc
from tests.conftest import ServerProcess
from tests.server.support import idr, new_id

# Above what the server takes when it is at rest, whatever comes.
GROWTH_MAX_MIB = 150
ACTOR = (("kasir-actor", "sari"),)


class Honest:
    """Somebody who asks for what anybody may."""

    def __init__(self, server: ServerProcess) -> None:
        self.target = server.target
        self._status = Path(f"/proc/{server.process.pid}/status")
        self._channel = grpc.insecure_channel(server.target)
        self.ask()
        self._before = self.resident_mib()

    def ask(self, channel: grpc.Channel | None = None) -> float:
        """One call that has to be answered; the seconds that it took."""
        began = monotonic()
        stub = admin_pb2_grpc.AdminServiceStub(channel or self._channel)
        stub.GetSettings(admin_pb2.GetSettingsRequest(), timeout=10.0, metadata=ACTOR)
        return monotonic() - began

    def ask_much(self) -> float:
        """One call with a large answer, that has to come whole; the seconds that it took. See `fill`."""
        began = monotonic()
        catalogue = catalogue_pb2_grpc.CatalogueServiceStub(self._channel)
        request = catalogue_pb2.ListItemsRequest(page_size=1_000)
        assert catalogue.ListItems(request, timeout=10.0, metadata=ACTOR).items
        return monotonic() - began

    def fill(self, items: int) -> None:
        """A catalogue with names as long as they may be."""
        prices = [catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(25_000))]
        catalogue = catalogue_pb2_grpc.CatalogueServiceStub(self._channel)
        wanted = [
            catalogue_pb2.Item(sku=f"SKU-{number}", name=f"{number} ".ljust(100, "x"), prices=prices)
            for number in range(items)
        ]
        made = catalogue.BatchCreateItems(
            catalogue_pb2.BatchCreateItemsRequest(request_id=new_id(), items=wanted), metadata=ACTOR
        )
        assert not any(each.HasField("error") for each in made.results)

    def resident_mib(self) -> float:
        """What the server holds in memory."""
        return int(self._status.read_text().partition("VmRSS:")[2].split()[0]) / 1024

    def is_served(self) -> None:
        """On the old line and on a new one, by a server that did not grow."""
        self.ask()
        with grpc.insecure_channel(self.target) as fresh:
            self.ask(fresh)
        grown = self.resident_mib() - self._before
        assert grown < GROWTH_MAX_MIB, f"the server grew by {grown:.0f} MiB"

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path / "shop", log=tmp_path / "serve.log")
    yield made
    assert made.stop() == 0
    said = made.log_path.read_text()
    assert "panicked" not in said, said


@pytest.fixture
def honest(server: ServerProcess) -> Iterator[Honest]:
    made = Honest(server)
    yield made
    made.is_served()
    made.close()
