"""Measures every cell in turn, round after round, each from the same beginning."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import grpc

from bench import floors, in_process, loader, sqlite, tigerbeetle
from bench.cells import Cell, System
from bench.cells import Path as Way
from bench.kasir_server import ROOT, KasirServer
from bench.machine import IN_MEMORY, file_system, load_average, machine_cpu_s
from bench.measure import BenchError, Sample, Window
from bench.postgres import Postgres
from bench.redis import Load, Redis
from bench.results import Results
from bench.work import ACTOR, Kind, Requests, refused_holds, seed_store
from kasir.v1 import admin_pb2, admin_pb2_grpc

CONNECTIONS = 8
# Beyond the measured seconds: start, warm-up, the last answers, on a busy machine.
CHILD_PATIENCE_S = 120.0
# More of others' work than this disturbs.
QUIET_CORES = 0.2
LOOK_S = 1.0
# A bare LMDB commit is timed for so long in every round.
FLOOR_S = 0.5
STATUS_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What to measure, how often, how long."""

    cells: list[Cell]
    rounds: int
    window: Window
    # Seconds a cell of a round may wait for a quiet machine, and be measured again when it was not.
    patience_s: float = 0.0

    @property
    def steps(self) -> int:
        """Cells to run, over all rounds."""
        return len(self.cells) * self.rounds


# What is being done, and how many steps of all are done.
Tell = Callable[[str, int], None]


class Bench:
    """Runs a plan in a scratch folder, which has to be on a real disk."""

    def __init__(self, plan: Plan, scratch: Path, results: Results, tell: Tell) -> None:
        kind = file_system(scratch)
        if kind in IN_MEMORY:
            raise BenchError(
                f"{scratch} is on {kind}, which keeps nothing: a durable commit would cost nothing there. "
                "Name a folder on a disk with --scratch."
            )
        self._plan = plan
        self._scratch = scratch
        self._template = scratch / "template"
        self._results = results
        self._tell = tell
        self._postgres: Postgres | None = None
        self._tigerbeetle: tigerbeetle.Program | None = None
        if any(cell.system is System.TIGERBEETLE for cell in plan.cells):
            self._tigerbeetle = tigerbeetle.find_program()
            results.machine["tigerbeetle"] = self._tigerbeetle.version

    def run(self) -> None:
        """Seeds, measures, cleans up behind itself."""
        for percent in seed_store(self._template):
            self._tell(f"seeding a shop, {percent} %", 0)
        with self._start_postgres() as self._postgres:
            if self._postgres is not None:
                if not self._postgres.durable():
                    raise BenchError("PostgreSQL says that its commits do not wait for the disk.")
                self._results.machine["postgresql"] = self._postgres.version
            self._rounds()

    def _start_postgres(self) -> AbstractContextManager[Postgres | None]:
        if not any(cell.system is System.POSTGRESQL for cell in self._plan.cells):
            return nullcontext()
        self._tell("starting PostgreSQL", 0)
        return Postgres(self._scratch / "postgres")

    def _rounds(self) -> None:
        done = 0
        for number in range(self._plan.rounds):
            # Every other round backwards: what drifts over a round favours nobody.
            for cell in self._plan.cells[:: -1 if number % 2 else 1]:
                self._tell(f"round {number + 1}: {cell.name}", done)
                self._results.samples[cell].append(self._undisturbed(cell))
                done += 1
            floor = floors.commit_times(self._scratch, FLOOR_S, sizes=(1,))[0]
            self._results.machine.setdefault("lmdb_commit_p50_us", []).append(floor["p50_us"])
            self._results.machine.setdefault("load_averages", []).append(round(load_average(), 2))
        self._tell("done", done)

    def _undisturbed(self, cell: Cell) -> Sample:
        """A sample of a quiet machine, or the quietest that could be had in the time."""
        give_up = monotonic() + self._plan.patience_s
        best: Sample | None = None
        while best is None or (best.cpu["others"] > QUIET_CORES and monotonic() < give_up):
            while monotonic() < give_up and machine_is_busy():
                continue
            sample = self._measure(cell)
            if best is None or sample.cpu["others"] < best.cpu["others"]:
                best = sample
        return best

    def _measure(self, cell: Cell) -> Sample:
        window = self._plan.window
        match cell.system:
            case System.POSTGRESQL:
                assert self._postgres is not None, "started for this cell"
                self._postgres.seed()
                return self._postgres.measure(cell.work, cell.spread, cell.in_flight, window, cell.batch)
            case System.REDIS:
                with Redis(self._scratch / "redis") as redis:
                    self._results.machine["redis"] = redis.version
                    load = Load(cell.spread, cell.in_flight // cell.pipeline, cell.pipeline)
                    return redis.measure(load, window)
            case System.SQLITE:
                return self._sqlite(cell)
            case System.GRPCIO:
                with KasirServer(self._scratch / "grpcio", module="bench.grpcio_echo") as server:
                    return self._load(cell, server)
            case System.KASIR:
                return self._kasir(cell)
            case System.TIGERBEETLE:
                return self._two_phase(cell)

    def _sqlite(self, cell: Cell) -> Sample:
        folder = self._scratch / "sqlite"
        shutil.rmtree(folder, ignore_errors=True)
        window, path = self._plan.window, str(folder / "shop.db")
        self._results.machine["sqlite"] = sqlite3.sqlite_version
        task = sqlite.Task(path, cell.spread, cell.batch, window.warm_up_s, window.seconds)
        return self._child("bench.sqlite", task.to_json())

    def _two_phase(self, cell: Cell) -> Sample:
        assert self._tigerbeetle is not None, "found for this cell"
        window = self._plan.window
        with tigerbeetle.TigerBeetle(self._tigerbeetle, self._scratch / "tigerbeetle") as server:
            task = tigerbeetle.Task(
                port=server.port,
                server_pid=server.pid,
                spread=cell.spread,
                in_flight=cell.in_flight,
                batch=cell.batch,
                warm_up_s=window.warm_up_s,
                seconds=window.seconds,
            )
            return self._child("bench.tigerbeetle_loader", task.to_json())

    def _kasir(self, cell: Cell) -> Sample:
        store = self._scratch / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self._template, store)
        if cell.path is Way.IN_PROCESS:
            return self._in_process(cell, store)
        return self._unary(cell, store)

    def _in_process(self, cell: Cell, store: Path) -> Sample:
        window = self._plan.window
        task = in_process.Task(
            store=str(store),
            caller=cell.caller,
            kind=cell.work,
            spread=cell.spread,
            in_flight=cell.in_flight,
            warm_up_s=window.warm_up_s,
            seconds=window.seconds,
            batch=cell.batch,
        )
        return self._child("bench.in_process", task.to_json())

    def _unary(self, cell: Cell, store: Path) -> Sample:
        if cell.work is Kind.ECHO:
            with KasirServer(store, module="bench.echo_server") as server:
                return self._load(cell, server)
        with KasirServer(store) as server:
            before = _status(server.target)
            sample = self._load(cell, server)
            after = _status(server.target)
            if cell.batch > 1:
                _check_batch(server.target, cell)
        commits, commands = after.commits - before.commits, after.commands - before.commands
        if commands * cell.batch < sample.operations:
            raise BenchError(f"{sample.operations} were answered, but {commands} commands are committed.")
        sample.engine = {
            "commands": commands,
            "commits": commits,
            "commands_per_commit": round(commands / max(1, commits), 1),
            "bytes_per_command": round((after.used_bytes - before.used_bytes) / max(1, commands), 1),
        }
        return sample

    def _load(self, cell: Cell, server: KasirServer) -> Sample:
        window, stream = self._plan.window, cell.path is Way.STREAM
        task = loader.Task(
            port=server.port,
            server_pid=server.pid,
            kind=cell.work,
            spread=cell.spread,
            in_flight=cell.in_flight,
            connections=cell.in_flight // cell.pipeline if stream else CONNECTIONS,
            warm_up_s=window.warm_up_s,
            seconds=window.seconds,
            batch=cell.batch,
            stream=stream,
        )
        return self._child("bench.loader", task.to_json())

    def _child(self, module: str, task: str) -> Sample:
        patience_s = CHILD_PATIENCE_S + self._plan.window.warm_up_s + self._plan.window.seconds
        child = subprocess.run(
            [sys.executable, "-m", module, task],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=patience_s,
            check=False,
        )
        if child.returncode:
            raise BenchError(f"{module} failed: {child.stderr.strip()[-2000:]}")
        return Sample(**json.loads(child.stdout))


def machine_is_busy() -> bool:
    """Whether others work, looked at for a second while we do not."""
    before = machine_cpu_s()
    sleep(LOOK_S)
    return (machine_cpu_s() - before) / LOOK_S > QUIET_CORES


def _status(target: str) -> admin_pb2.GetStatusResponse:
    with grpc.insecure_channel(target) as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        return stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=STATUS_TIMEOUT_S)


def _check_batch(target: str, cell: Cell) -> None:
    """One batch more, read whole: the light loader does not look into answers, and a batch with refusals
    in it ends well. Stock only went down, so what is granted now was granted all along.
    """
    requests = Requests(cell.work, cell.spread, batch=cell.batch)
    with grpc.insecure_channel(target) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(requests.method)
        reply = call(requests.next(), timeout=STATUS_TIMEOUT_S, metadata=(("kasir-actor", ACTOR),))
    if refused := refused_holds(reply):
        raise BenchError(f"{refused} of {cell.batch} holds of a batch were refused.")
