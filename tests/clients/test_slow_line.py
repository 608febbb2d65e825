"""A server behind a slow line is reached, and one that comes up late is found soon."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from kasir.v1.admin_pb2 import GetStatusRequest, GetStatusResponse
from kasir.v1.admin_pb2_grpc import AdminServiceServicer, add_AdminServiceServicer_to_server

# Of everything each way: a satellite, or a telephone in a basement.
DELAY_S = 0.4
ONE_TRY = Patience(timeout_s=10.0, tries=1)


class SlowLine:
    """Passes bytes on to a port, each some time after it came."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result(10)
        self.address = f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self._passed_on(reader, back), self._passed_on(there, writer))

    async def _passed_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65_536):
            self.loop.call_later(DELAY_S, writer.write, content)
        self.loop.call_later(DELAY_S, writer.close)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Status(AdminServiceServicer):
    def GetStatus(self, _request, _context):  # noqa: N802 (gRPC's name)
        return GetStatusResponse(version="reached")


def serve(address: str = "127.0.0.1:0") -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(2))
    add_AdminServiceServicer_to_server(Status(), server)
    port = server.add_insecure_port(address)
    server.start()
    return server, port


@pytest.fixture
def slow_line() -> Iterator[SlowLine]:
    server, port = serve()
    line = SlowLine(port)
    yield line
    line.stop()
    server.stop(None)


@pytest.mark.usefixtures("in_a_state_of_its_own")
def test_a_server_behind_a_slow_line_is_reached_at_the_first_try(slow_line):
    with Client(Connection(server=slow_line.address), patience=ONE_TRY) as client:
        assert client.call(GetStatusRequest(), GetStatusResponse).version == "reached"


@pytest.mark.usefixtures("in_a_state_of_its_own")
def test_a_server_that_comes_up_late_is_found_soon():
    server, port = serve()
    server.stop(None).wait(10)
    with Client(Connection(server=f"127.0.0.1:{port}"), patience=ONE_TRY) as client:
        began = time.monotonic()
        with pytest.raises(CallFailed):
            client.call(GetStatusRequest(), GetStatusResponse)
        assert time.monotonic() - began < 5, "a refused connection needs no waiting"
        server, _ = serve(f"127.0.0.1:{port}")
        patient = Patience(timeout_s=1.0, tries=40, pause_s=0.05, pause_max_s=0.1)
        client.patience = patient
        began = time.monotonic()
        assert client.call(GetStatusRequest(), GetStatusResponse).version == "reached"
        assert time.monotonic() - began < 5, "a broken line is tried again long before an attempt is given up"
        server.stop(None)
