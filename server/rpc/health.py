"""grpc.health.v1: whether a service is served, asked once or watched."""

import asyncio
from collections.abc import AsyncGenerator, Iterable

from grpc_health.v1 import health_pb2

from engine import Code
from server.rpc.context import Abort, Context
from server.rpc.server import Server

SERVICE = "grpc.health.v1.Health"
# Longest name that is watched: a caller's words are kept for as long as it watches.
MAX_NAME_CHARACTERS = 255

_Status = health_pb2.HealthCheckResponse


class Health:
    """The health service of a server."""

    def __init__(self, server: Server) -> None:
        self._statuses: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._ends = False
        request, response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        server.unary(f"/{SERVICE}/Check", self._check, quick=True, request=request, response=response)
        server.server_stream(f"/{SERVICE}/Watch", self._watch, request=request, response=response)

    def serving(self, services: Iterable[str]) -> None:
        """These are served. The name "" stands for the server as a whole."""
        self._statuses.update(dict.fromkeys(services, _Status.SERVING))
        self._tell()

    def shut_down(self) -> None:
        """Nothing is served any more; those who watch are told so, and their streams end."""
        self._statuses = dict.fromkeys(self._statuses, _Status.NOT_SERVING)
        self._ends = True
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _check(self, request: health_pb2.HealthCheckRequest, _call: object) -> health_pb2.HealthCheckResponse:
        status = self._statuses.get(request.service)
        if status is None:
            raise Abort(Code.NOT_FOUND, "No such service.")
        return _Status(status=status)

    async def _watch(
        self, request: health_pb2.HealthCheckRequest, _context: Context
    ) -> AsyncGenerator[health_pb2.HealthCheckResponse, None]:
        if len(request.service) > MAX_NAME_CHARACTERS:
            raise Abort(
                Code.INVALID_ARGUMENT, f"A service's name has at most {MAX_NAME_CHARACTERS} characters."
            )
        told: int | None = None
        while True:
            changed = self._changed
            status = self._statuses.get(request.service, _Status.SERVICE_UNKNOWN)
            if status != told:
                told = status
                yield _Status(status=status)
            if self._ends:
                raise Abort(Code.UNAVAILABLE, "The server is stopping.")
            if changed is self._changed:
                await changed.wait()
