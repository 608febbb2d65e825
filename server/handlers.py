"""All methods of the contract, put together: the engine's own, which never come here, and those that Python
answers.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from engine import Code, Engine, EngineError, Snapshot
from kasir.v1 import admin_pb2
from server.beside import Beside
from server.calls import Call, Registry, field_error, parse
from server.devices import METHODS as HARDWARE
from server.devices import Devices
from server.imports import StatementImporter
from server.journal import JournalClock
from server.settings import Settings
from server.watches import Watches

ADMIN = "/kasir.v1.AdminService/"
IMPORT_STATEMENT = "/kasir.v1.ReconciliationService/ImportStatement"
SNAPSHOT_FOLDER = "snapshots"
MAX_SNAPSHOT_NAME = 60
# No separator, and no dot in front: a name can neither leave the folder nor hide in it.
_SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9.-]*")

R = TypeVar("R")


def build(
    engine: Engine,
    clock: JournalClock,
    executor: Executor,
    settings: Settings,
    importer: StatementImporter,
    beside: Beside | None = None,
) -> Registry:
    """The registry of everything the server answers. `executor` takes what would hold up the event loop."""
    registry = Registry(native=engine.commands | engine.queries | engine.streams)
    admin = Admin(engine, executor, settings.snapshots or engine.path / SNAPSHOT_FOLDER, beside or Beside())
    registry.unary[ADMIN + "GetStatus"] = admin.get_status
    registry.unary[ADMIN + "VerifyStore"] = admin.verify_store
    registry.unary[ADMIN + "CreateSnapshot"] = admin.create_snapshot
    watches = Watches(
        engine,
        clock,
        max_streams=settings.max_streams,
        heartbeat_s=settings.heartbeat_s,
        max_lag=settings.max_lag,
    )
    registry.server_streams.update(watches.handlers())
    devices = Devices(clock, settings.heartbeat_s)
    registry.devices = devices.all
    registry.unary[HARDWARE + "ReportDeviceStates"] = devices.report
    registry.unary[HARDWARE + "ListDevices"] = devices.list_all
    registry.server_streams[HARDWARE + "WatchDevices"] = watches.bounded(devices.watch)
    registry.client_streams[IMPORT_STATEMENT] = importer.handle
    return registry


class Admin:
    """Status, verification and snapshots: what concerns the store as a whole."""

    def __init__(self, engine: Engine, executor: Executor, snapshots: Path, beside: Beside) -> None:
        self.engine = engine
        self.executor = executor
        self.snapshots = snapshots
        self.beside = beside
        # They read the whole store: one at a time, the next ones wait.
        self.one_at_a_time = asyncio.Lock()

    async def _aside(self, work: Callable[[], R]) -> R:
        """Runs long work in the executor. A caller that goes away does not let the next one in beside it."""

        async def alone() -> R:
            async with self.one_at_a_time:
                return await asyncio.get_running_loop().run_in_executor(self.executor, work)

        return await asyncio.shield(alone())

    async def get_status(self, _call: Call, request: bytes) -> bytes:
        """AdminService.GetStatus."""
        parse(admin_pb2.GetStatusRequest, request)
        status = self.engine.status()
        response = admin_pb2.GetStatusResponse(
            version=status["version"],
            revision=status["revision"],
            queue_length=status["queue_length"],
            commands=status["commands"],
            commits=status["commits"],
            used_bytes=status["used_bytes"],
            map_bytes=status["map_bytes"],
            journal_head=status["journal_head"],
        )
        response.log_time.FromMilliseconds(status["log_time_ms"])
        if status["clock_step_ms"]:
            response.clock_step.FromMilliseconds(status["clock_step_ms"])
        if self.beside.certificate is not None:
            response.certificate_expire_time.FromSeconds(int(self.beside.certificate.ends_s))
        if self.beside.traces is not None:
            response.lost_traces = self.beside.traces.lost
        return response.SerializeToString()

    async def verify_store(self, _call: Call, request: bytes) -> bytes:
        """AdminService.VerifyStore."""
        parse(admin_pb2.VerifyStoreRequest, request)
        found = await self._aside(self.engine.verify)
        return admin_pb2.VerifyStoreResponse(
            ok=found["ok"],
            revision=found["revision"],
            records=found["records"],
            violations=found["violations"],
        ).SerializeToString()

    async def create_snapshot(self, _call: Call, request: bytes) -> bytes:
        """AdminService.CreateSnapshot: only ever a new file, in the one folder meant for it."""
        name = parse(admin_pb2.CreateSnapshotRequest, request).name
        if not name:
            raise field_error("FIELD_REQUIRED", "name", "A snapshot needs a name.")
        if len(name) > MAX_SNAPSHOT_NAME:
            raise field_error(
                "FIELD_TOO_LONG", "name", f"A snapshot's name has at most {MAX_SNAPSHOT_NAME} characters."
            )
        if not _SNAPSHOT_NAME.fullmatch(name):
            raise field_error(
                "FIELD_MALFORMED",
                "name",
                "A snapshot's name has letters, digits, dots and dashes only, and no dot in front.",
            )
        made = await self._aside(lambda: self._snapshot(name))
        return admin_pb2.CreateSnapshotResponse(
            path=made["path"], revision=made["revision"], bytes=made["bytes"]
        ).SerializeToString()

    def _snapshot(self, name: str) -> Snapshot:
        try:
            self.snapshots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(
                Code.FAILED_PRECONDITION,
                "SNAPSHOT_UNWRITABLE",
                f"The snapshot directory {self.snapshots} cannot be made: {error.strerror}.",
            ) from error
        return self.engine.snapshot(self.snapshots / name)
