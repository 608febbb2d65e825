"""Kasir's neighbours in the benchmark, and what is made of a run: batches, Redis, SQLite, grpcio's echo, the
form of results.json, what was to be reached, what changed.

Method: a small shop, real servers of a fraction of a second where the programs are installed. No figure is
judged.
"""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import cells, compare, growth, in_process, loader, postgres, redis, report, sqlite, work
from bench.cells import Cell, System
from bench.cells import Path as Way
from bench.http2 import FIRST_WINDOW, FRAME_MAX, Connection, unary
from bench.kasir_server import KasirServer
from bench.measure import BenchError, Meter, Sample, Window
from bench.results import Results
from bench.work import Kind, Requests, Spread
from engine import Engine
from kasir.v1 import booking_pb2, stock_pb2

SMALL = {"ITEMS": 40, "CUSTOMERS": 20, "BODIES": 50, "BATCH_BODIES": 4, "SEED_THREADS": 8}
SYSTEMS = {"kasir", "postgresql", "redis", "sqlite", "tigerbeetle", "grpcio"}
PATHS = {"in_process", "unary", "batch", "stream", "native"}
CSV = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",'
    '"max_latency_ms"\n"EVALSHA x","39123.45","1.6","0.5","1.503","2.4","2.703","9.1"\n'
)


@pytest.fixture(autouse=True)
def small_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(work, name, value)
    monkeypatch.setattr(redis, "FIRST_REQUESTS", 200)


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    assert list(work.seed_store(store))[-1] == 100
    return store


def sample(rate: float, p50_ms: float = 0.5) -> Sample:
    cpu = {"system": 1.0, "sequencer": 0.5, "loader": 0.2, "machine": 1.3, "others": 0.1}
    return Sample(int(rate), 1.0, p50_ms, 2 * p50_ms, 3 * p50_ms, cpu)


@pytest.fixture
def measured() -> Results:
    """One sample of every cell there is, all alike."""
    floor = {"commands": 1, "p50_us": 9_000.0, "p99_us": 9_400.0}
    results = Results({"cores": 2, "lmdb_commit": [floor], "lmdb_commit_p50_us": [5_000.0, 300.0, 290.0]})
    for cell in cells.FULL:
        results.samples[cell].append(sample(1_000.0))
    return results


def test_a_batch_is_what_the_contract_takes() -> None:
    requests = Requests(Kind.HOLD, Spread.HOT, batch=7)
    assert requests.method == work.BATCH_CREATE_HOLDS
    read = stock_pb2.BatchCreateHoldsRequest.FromString(requests.next())
    assert [hold.item_id for hold in read.holds] == [work.HOT_ITEM] * 7
    assert read.request_id


def test_refusals_within_a_batch_are_counted() -> None:
    reply = stock_pb2.BatchCreateHoldsResponse()
    reply.results.add().hold.hold_id = 1
    reply.results.add().error.reason = "INSUFFICIENT_STOCK"
    assert work.refused_holds(reply.SerializeToString()) == 1


def test_a_batch_in_process_counts_each_hold(seeded: Path) -> None:
    task = in_process.Task(str(seeded), "asyncio", Kind.HOLD, Spread.UNIFORM, 4, 0.05, 0.3, batch=50)
    sampled = in_process.run(task)
    assert sampled.operations % 50 == 0
    assert 0 < sampled.operations <= sampled.engine["commands"] * 50
    with Engine.open(seeded) as engine:
        assert engine.verify()["ok"]


def test_a_batch_with_refusals_is_no_measurement(seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given requests for an item that there is nothing of
    monkeypatch.setattr(work, "HOT_ITEM", SMALL["ITEMS"] + 1)
    task = in_process.Task(str(seeded), "asyncio", Kind.HOLD, Spread.HOT, 2, 0.0, 0.1, batch=5)
    with pytest.raises(BenchError, match="5 of 5 holds of a batch were refused"):
        in_process.run(task)


def test_a_batch_larger_than_a_frame_reaches_the_server(seeded: Path) -> None:
    from tests.conftest import RunningServer

    with Engine.open(seeded) as engine:
        server = RunningServer(engine)
        try:
            port = int(server.target.rpartition(":")[2])
            request = Requests(Kind.HOLD, Spread.UNIFORM, batch=1_000).next()
            assert FRAME_MAX < len(request) < FIRST_WINDOW
            before = engine.status()["commands"]
            assert unary("127.0.0.1", port, work.BATCH_CREATE_HOLDS, "bench", request) > 0
            assert engine.status()["commands"] == before + 1
            # More than a call's first window is refused here, not left to hang.
            connection = Connection("127.0.0.1", port, work.BATCH_CREATE_HOLDS, "bench")
            connection._window *= 2
            with pytest.raises(BenchError, match="more than the light loader sends"):
                connection.call(bytes(FIRST_WINDOW), 0.0)
            connection.close()
        finally:
            server.stop()


def test_a_meter_of_batches_multiplies() -> None:
    import os
    from time import perf_counter

    meter = Meter(Window(0.0, 10.0), os.getpid(), batch=100)
    now = perf_counter()
    meter.done(now, now + 0.001)
    meter.done(now, now + 0.002)
    assert meter.finish().operations == 200


@pytest.mark.parametrize("module", ["bench.grpcio_echo", "bench.echo_server"])
def test_the_echoes_answer_the_light_loader(tmp_path: Path, module: str) -> None:
    with KasirServer(tmp_path / "store", module=module) as server:
        task = loader.Task(server.port, server.pid, Kind.ECHO, Spread.UNIFORM, 8, 2, 0.1, 0.3)
        assert loader.run(task).operations > 0


def test_figures_of_redis_benchmark_are_read() -> None:
    figures = redis.read_figures("WARNING: something\n" + CSV)
    assert (figures.rate_per_s, figures.p50_ms, figures.p99_ms, figures.max_ms) == (
        39123.45,
        1.503,
        2.703,
        9.1,
    )


@pytest.mark.parametrize("text", ["", "Error from server: OUT_OF_STOCK\n", CSV.splitlines()[0], '"a"\n"b"\n'])
def test_other_words_of_redis_benchmark_are_an_error(text: str) -> None:
    with pytest.raises(BenchError, match="redis-benchmark printed"):
        redis.read_figures(text)


@pytest.mark.skipif(shutil.which("redis-benchmark") is None, reason="Debian's redis-server is not installed")
@pytest.mark.parametrize("spread", list(Spread))
def test_redis_holds_what_it_says(tmp_path: Path, spread: Spread) -> None:
    with redis.Redis(tmp_path / "redis") as server:
        assert server.durable()
        assert server.version.startswith(("6.", "7.", "8."))
        sampled = server.measure(redis.Load(spread, clients=8, pipeline=4), Window(0.05, 0.2))
        assert 0 < sampled.operations <= server.held()
        hot = int(server.ask("HGET", f"stock:{work.HOT_ITEM:012d}", "held"))
        assert (hot == server.held()) is (spread is Spread.HOT)
        # A hold has its deadline; and what is not there cannot be held.
        assert float(server.ask("ZSCORE", "deadlines", "1")) > 1.7e9
        server.ask("HSET", "stock:000000000002", "on_hand", "0", "held", "0")
        with pytest.raises(BenchError, match="OUT_OF_STOCK"):
            server.ask("EVALSHA", server._script, "1", "stock:000000000002", "cart-1", "60")
        server.ask("CONFIG", "SET", "appendfsync", "everysec")
        with pytest.raises(BenchError, match="do not wait for the disk"):
            server.measure(redis.Load(spread, clients=1), Window(0.05, 0.1))


@pytest.mark.skipif(not list(postgres.DEBIAN.glob("*/bin/pgbench")), reason="postgresql is not installed")
def test_postgres_grants_or_refuses_each_hold_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its user has to get there, so not into a folder of pytest's.
    with tempfile.TemporaryDirectory(prefix="kasir-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        for name in ("ITEMS", "CUSTOMERS"):
            monkeypatch.setattr(postgres, name, 40)
        with postgres.Postgres(Path(folder) / "postgres") as server:
            server.seed()
            with server._connect() as connection:
                connection.execute("UPDATE stock SET on_hand = 2 WHERE item_id = 1")
                granted = connection.execute("SELECT hold_many(7000, ARRAY[1, 2, 1, 1]::bigint[], 'cart-1')")
                assert granted.fetchone() == (3,)
                held = connection.execute("SELECT item_id, held FROM stock WHERE held > 0 ORDER BY item_id")
                assert held.fetchall() == [(1, 2), (2, 1)]
                ids = connection.execute("SELECT request_id FROM holds ORDER BY request_id")
                assert ids.fetchall() == [(7001,), (7002,), (7003,)]
            # Nothing is left of the hot item: calls are answered, and hold nothing.
            with pytest.raises(BenchError, match="were answered, but 3 are there"):
                server.measure(Kind.HOLD, Spread.HOT, 2, Window(0.0, 0.1), batch=10)


@pytest.mark.parametrize(("spread", "batch"), [(Spread.UNIFORM, 1), (Spread.HOT, 100)])
def test_sqlite_holds_what_it_says(tmp_path: Path, spread: Spread, batch: int) -> None:
    import sqlite3

    path = tmp_path / "shop.db"
    sampled = sqlite.run(sqlite.Task(str(path), spread, batch, 0.05, 0.2))
    assert sampled.operations % batch == 0
    with sqlite3.connect(path) as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        holds, items = store.execute("SELECT count(*), count(DISTINCT item_id) FROM holds").fetchone()
        (held,) = store.execute("SELECT sum(held) FROM stock").fetchone()
    assert held == holds >= sampled.operations > 0
    assert (items == 1) is (spread is Spread.HOT)


def test_results_have_their_form(measured: Results, tmp_path: Path) -> None:
    measured.write(tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    assert {"machine", "runs"} <= set(written)
    assert len(written["runs"]) == len(cells.FULL)
    for run in written["runs"]:
        assert run["system"] in SYSTEMS
        assert run["path"] in PATHS
        assert run["work"] in {"hold", "booking", "echo"}
        assert run["spread"] in {"uniform", "hot"}
        assert run["durable"] is (run["work"] != "echo")
        assert all(isinstance(run[name], int) for name in ("in_flight", "batch"))
        assert all(isinstance(run[name], float) for name in ("rate_per_s", "p50_ms", "p99_ms"))
        assert isinstance(run["cpu"], dict)
    # Every row is known by its key, or a comparison would mix rows up.
    assert len({compare._key(run) for run in written["runs"]}) == len(written["runs"])
    batches = {(run["system"], run["path"], run["batch"]) for run in written["runs"] if run["batch"] > 1}
    assert ("kasir", "batch", 1_000) in batches
    assert ("postgresql", "native", 100) in batches
    assert ("sqlite", "native", 1_000) in batches


def test_what_was_to_be_reached_is_judged(measured: Results) -> None:
    by_name = {target.name: target for target in measured.targets()}
    # All alike: nothing is faster than anything.
    assert by_name["holds, unary gRPC over PostgreSQL"].reached is False
    assert by_name["holds, unary gRPC over Redis"].reached is True
    one = by_name["hold, unary gRPC, one at a time: p50 in ms"]
    assert (one.needed, one.found) == ("≤ 0.450 (bare LMDB commit + 0.15)", "0.500")
    assert one.reached is False
    assert all(target.reached is None for target in Results({"cores": 2}).targets())


def test_every_target_is_measured_by_the_whole_benchmark(measured: Results) -> None:
    assert all(target.reached is not None for target in measured.targets())
    assert len({ratio.name for ratio in cells.ratios()}) == len(cells.ratios())


def test_what_is_left_out_says_why(measured: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIGERBEETLE", raising=False)
    (row,) = [each for each in measured.to_json()["not_measured"] if each["system"] == "tigerbeetle"]
    assert row["why"] == "TIGERBEETLE is not set"


def test_the_report_draws_every_kind(measured: Results, tmp_path: Path) -> None:
    report.write_html(measured, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == len(report.charts(measured)) > 10
    for words in ("TIGERBEETLE is not set", "redis native hold", "by 1,000", "bare LMDB commit", "To reach"):
        assert words in page


def test_a_comparison_is_in_ratios(measured: Results, tmp_path: Path) -> None:
    old = measured.to_json()
    # Given the same run, with one cell twice as fast and a cell that was not there
    later = Results(measured.machine)
    holds = Cell(System.KASIR, Way.UNARY, Kind.HOLD)
    later.samples[holds].append(sample(2_000.0))
    later.samples[Cell(System.KASIR, Way.UNARY, Kind.HOLD, in_flight=5)].append(sample(1.0))
    later.samples[cells.ECHO].append(sample(1_030.0))
    faster, same = compare.changes(old, later.to_json())
    assert (faster.name, faster.figures["rate_per_s"], faster.verdict) == (
        "kasir unary hold uniform x64",
        2.0,
        "faster",
    )
    assert same.verdict == ""
    ((name, then, now),) = compare.ratio_changes(old, later.to_json())
    assert (name, then, now) == ("holds over the echo of the same server, unary gRPC", 1.0, 1.942)


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"LOAD_S": 0.2, "WARM_UP_S": 0.05, "AT_WORK_S": 0.05, "REPORTS": 3, "ROUNDS": 1, "STARTS": 1}
    for name, value in short.items():
        monkeypatch.setattr(growth, name, value)


@pytest.mark.timeout(900)
def test_shops_of_growing_size_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _hurry(monkeypatch)
    task = growth.Task(str(tmp_path), SMALL["ITEMS"], [900, 500], 0.2)
    small, larger = growth.run(task)
    assert (small.orders, larger.orders, larger.items) == (500, 900, SMALL["ITEMS"])
    assert min(vars(larger).values()) > 0
    # The smallest shop is kept beside the others as it was made, and nothing of theirs.
    with Engine.open(tmp_path / "smallest-500") as engine:
        wanted = booking_pb2.GetBookingRequest(order_id=500).SerializeToString()
        assert engine.query("/kasir.v1.BookingService/GetBooking", wanted)
        assert engine.verify()["ok"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["smallest-500"]


@pytest.mark.timeout(900)
def test_a_shop_that_was_kept_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _hurry(monkeypatch)
    task = growth.Task(str(tmp_path), SMALL["ITEMS"], [400], 0.2, keep=True)
    (first,) = growth.run(task)
    monkeypatch.setattr(growth, "PROGRAM", ("false",))
    (again,) = growth.run(task)
    assert (again.orders, again.made_per_s, again.open) == (first.orders, first.made_per_s, first.open)
    with pytest.raises(BenchError, match="other --items"):
        growth.run(replace(task, items=task.items + 1))


def test_growth_is_judged() -> None:
    first = growth.Size(10, 1, 1.0, 1, 1_000.0, 1.0, 1.0, 1.0, 9.0, 0.5, 0.5, 0.1, 40.0, 0.1)
    worse = replace(first, orders=99, rate_kept=0.79, start_killed_s=1.1, memory_mib=301.0, day_report_ms=5.1)
    assert all(verdict.reached for verdict in growth.verdicts([first, first]))
    assert not any(verdict.reached for verdict in growth.verdicts([first, worse]))


def test_a_shop_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="has no room"):
        growth.in_child(growth.Task(str(tmp_path), 10, [10**15], 1.0))


def test_a_baseline_is_kept_and_read(measured: Results, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from bench.__main__ import app

    results, baseline = tmp_path / "results.json", tmp_path / "baseline.json"
    words = ["compare", "--results", str(results), "--baseline", str(baseline)]
    assert "holds no results" in CliRunner().invoke(app, words).output
    measured.write(results)
    assert CliRunner().invoke(app, [*words, "--keep"]).exit_code == 0
    shown: Any = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "Now over then" in shown.output
    results.write_text("[]")
    assert CliRunner().invoke(app, words).exit_code == 1
