"""The benchmark measures what it says: its requests are what the contract takes, its light loader counts what
is committed and stops at a refusal, its figures are medians of what came in.

Method: a small shop, a real server in this process, runs of a fraction of a second. No figure is judged.
"""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import cells, compare, due, in_process, loader, report, work
from bench.http2 import Connection, unary
from bench.http2_stream import StreamConnection
from bench.measure import BenchError, Meter, Sample, Window, percentile, summary
from bench.results import Results
from bench.work import Commands, Ids, Kind, Requests, Spread
from engine import Engine
from kasir.v1 import booking_pb2, stock_pb2

SMALL = {"ITEMS": 40, "CUSTOMERS": 20, "BODIES": 50, "SEED_THREADS": 8}


@pytest.fixture(autouse=True)
def small_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(work, name, value)


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    assert list(work.seed_store(store))[-1] == 100
    return store


def sample(rate: float, p99_ms: float = 1.0) -> Sample:
    cpu = {"system": 1.0, "sequencer": 0.5, "loader": 0.2, "machine": 1.3, "others": 0.1}
    return Sample(int(rate), 1.0, 0.5, p99_ms, 2 * p99_ms, cpu)


def test_ids_are_ascending_uuids_of_version_7() -> None:
    ids = Ids()
    made = [ids.next().decode() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert {uuid.UUID(each).version for each in made} == {7}


def test_a_booking_is_what_the_contract_takes() -> None:
    requests = Requests(Kind.BOOKING, Spread.UNIFORM)
    read = booking_pb2.CreateBookingRequest.FromString(requests.next())
    assert uuid.UUID(read.request_id)
    assert len(read.booking.lines) == 2
    assert read.booking.lines[0].item_id != read.booking.lines[1].item_id
    assert read.booking.address.city == "Bandung"


def test_everybody_wants_the_hot_item() -> None:
    bookings, holds = Requests(Kind.BOOKING, Spread.HOT), Requests(Kind.HOLD, Spread.HOT)
    for _ in range(30):
        read = booking_pb2.CreateBookingRequest.FromString(bookings.next())
        assert read.booking.lines[0].item_id == work.HOT_ITEM
        assert stock_pb2.CreateHoldRequest.FromString(holds.next()).hold.item_id == work.HOT_ITEM


@pytest.mark.parametrize("caller", ["asyncio", "threads"])
@pytest.mark.parametrize("kind", [Kind.BOOKING, Kind.HOLD])
def test_in_process_work_is_committed_and_sound(seeded: Path, kind: Kind, caller: in_process.Caller) -> None:
    measured = in_process.run(in_process.Task(str(seeded), caller, kind, Spread.UNIFORM, 8, 0.05, 0.3))
    assert 0 < measured.operations <= measured.engine["commands"]
    assert 0 < measured.p50_ms <= measured.p99_ms <= measured.max_ms
    with Engine.open(seeded) as engine:
        assert engine.verify()["ok"]


def test_the_light_loader_counts_what_is_committed(seeded: Path, tmp_path: Path) -> None:
    from tests.conftest import RunningServer

    with Engine.open(seeded) as engine:
        server = RunningServer(engine)
        try:
            before = engine.status()["commands"]
            port = int(server.target.rpartition(":")[2])
            task = loader.Task(port, 1, Kind.BOOKING, Spread.UNIFORM, 16, 3, 0.05, 0.4)
            measured = loader.run(task)
            committed = engine.status()["commands"] - before
        finally:
            server.stop()
        assert 0 < measured.operations <= committed
        # All that was sent was answered, and nothing was refused.
        assert engine.status()["refused"] == 0
        assert engine.verify()["ok"]


@pytest.mark.parametrize("streams", [1, 3])
def test_commands_on_streams_are_counted_too(seeded: Path, streams: int) -> None:
    from tests.conftest import RunningServer

    with Engine.open(seeded) as engine:
        server = RunningServer(engine)
        try:
            before = engine.status()["commands"]
            port = int(server.target.rpartition(":")[2])
            task = loader.Task(port, 1, Kind.HOLD, Spread.HOT, 200, streams, 0.05, 0.4, stream=True)
            measured = loader.run(task)
            committed = engine.status()["commands"] - before
        finally:
            server.stop()
        assert 200 < measured.operations <= committed
        assert 0 < measured.p50_ms <= measured.max_ms
        assert engine.status()["refused"] == 0


def test_a_command_of_a_stream_is_what_the_contract_takes() -> None:
    commands = Commands(Spread.HOT)
    read = [booking_pb2.StreamCommandsRequest.FromString(commands.next()) for _ in range(300)]
    assert [each.sequence for each in read] == list(range(1, 301))
    assert all(each.create_hold.hold.item_id == work.HOT_ITEM for each in read)
    assert len({each.create_hold.request_id for each in read}) == len(read)


def test_a_refusal_on_a_stream_stops_the_loader(server: Any) -> None:
    port = int(server.target.rpartition(":")[2])
    task = loader.Task(port, 1, Kind.HOLD, Spread.HOT, 2, 1, 0.05, 0.4, stream=True)
    with pytest.raises(BenchError, match="refused"):
        loader.run(task)


def test_more_commands_than_the_servers_windows_wait_for_room(seeded: Path) -> None:
    """Two megabytes of commands at once: they only pass as the server reads."""
    from tests.conftest import RunningServer

    # An unknown field, skipped by whoever reads the message.
    padding = b"\xf2\x07" + b"\x80\x40" + bytes(8192)
    with Engine.open(seeded) as engine:
        server = RunningServer(engine)
        port = int(server.target.rpartition(":")[2])
        stream = StreamConnection("127.0.0.1", port, work.STREAM_COMMANDS, "bench")
        commands, answered = Commands(Spread.HOT), 0
        try:
            for _ in range(256):
                stream.call(commands.next() + padding, 0.0)
            while stream.is_busy:
                stream.flush()
                answered += len(stream.receive())
        finally:
            stream.close()
            server.stop()
        assert answered == 256


def test_a_large_answer_is_read_whole(server: Any) -> None:
    port = int(server.target.rpartition(":")[2])
    assert unary("127.0.0.1", port, "/kasir.v1.StockService/ListLocations", "bench", b"") > 0


def test_the_light_loader_stops_at_a_refusal(server: Any) -> None:
    port = int(server.target.rpartition(":")[2])
    request = Requests(Kind.HOLD, Spread.UNIFORM).next()
    with pytest.raises(BenchError, match="refused"):
        unary("127.0.0.1", port, work.CREATE_HOLD, "bench", request)


def test_more_than_the_servers_window_waits_for_room(server: Any) -> None:
    """The window of a connection is 64 KiB at first: 40 requests of 8 KiB only pass as the server reads."""
    port = int(server.target.rpartition(":")[2])
    connection = Connection("127.0.0.1", port, "/kasir.v1.StockService/ListLocations", "bench")
    # An unknown field, skipped by whoever reads the message.
    padding = b"\x7a" + b"\x80\x40" + bytes(8192)
    answered = 0
    try:
        for _ in range(40):
            connection.call(padding, 0.0)
        while answered < 40:
            connection.flush()
            answered += len(connection.receive())
    finally:
        connection.close()
    assert not connection.open


def test_percentiles() -> None:
    ascending = [float(value) for value in range(1, 101)]
    assert percentile(ascending, 0.5) == 51.0
    assert percentile(ascending, 0.99) == 100.0
    assert percentile([], 0.5) == 0.0


def test_nothing_answered_is_no_measurement() -> None:
    with pytest.raises(BenchError):
        summary([], 1.0, {})
    with pytest.raises(BenchError):
        Meter(Window(0.0, 1.0), 1).finish()


def test_figures_are_medians_and_ratios_go_round_by_round(tmp_path: Path) -> None:
    results = Results({"cores": 2, "load_before": 0.0})
    ours, theirs = cells.QUICK[2], cells.QUICK[3]
    assert (ours.system, theirs.system) == ("kasir", "postgresql")
    # Given a machine that was half as fast in the second round
    for rate in (4_000.0, 2_000.0, 5_000.0):
        results.samples[ours].append(sample(rate))
        results.samples[theirs].append(sample(rate / 4, p99_ms=8.0))
    results.write(tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    assert [run["rate_per_s"] for run in written["runs"]] == [4_000.0, 1_000.0]
    assert [len(run["rounds"]) for run in written["runs"]] == [3, 3]
    ratio = written["ratios"][0]
    assert ratio["name"] == "booking uniform: unary gRPC over PostgreSQL"
    assert (ratio["least"], ratio["median"], ratio["greatest"]) == (4.0, 4.0, 4.0)
    keys = {
        "system",
        "path",
        "work",
        "spread",
        "in_flight",
        "batch",
        "durable",
        "rate_per_s",
        "p50_ms",
        "p99_ms",
    }
    assert all(keys <= set(run) and run["cpu"] for run in written["runs"])
    # Then the report shows them, and says what shook
    report.write_html(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "4,000" in page
    assert "<script" not in page
    assert any("quarter" in warning for warning in report.warnings(results))


def test_every_cell_has_a_name_of_its_own() -> None:
    for plan in (cells.QUICK, cells.FULL):
        assert len({cell.name for cell in plan}) == len(plan)
    assert {cell.name for cell in cells.QUICK} <= {cell.name for cell in cells.FULL}


def test_help_of_every_part(run_bench: Callable[..., str]) -> None:
    for words in ([], ["floors"], ["boundary"], ["locust"], ["compare"], ["growth"], ["due"]):
        assert "Usage" in run_bench(*words, "--help")


def test_the_cores_medians_are_compared(tmp_path: Path) -> None:
    def measured(folder: str, nanoseconds: float) -> Path:
        path = tmp_path / folder / "expire" / "hold" / "new"
        path.mkdir(parents=True)
        bounds = {"lower_bound": nanoseconds * 0.99, "upper_bound": nanoseconds * 1.01}
        median = {"point_estimate": nanoseconds, "confidence_interval": bounds}
        (path / "estimates.json").write_text(json.dumps({"median": median}))
        return tmp_path / folder

    none = tmp_path / "results.json"
    old = compare.latest(none, measured("before", 1_000))
    new = compare.latest(none, measured("after", 2_000))
    (change,) = compare.core_changes(old, new)
    assert change.name == "core expire/hold"
    assert change.figures == {"rate_per_s": 0.5, "p50_ms": 2.0}
    assert change.verdict == "slower"
    # A baseline keeps what was not measured again.
    baseline = tmp_path / "baseline.json"
    compare.keep({"machine": {}, "runs": [{"work": "hold"}], "core": old["core"]}, baseline)
    compare.keep(new, baseline)
    assert compare.read(baseline)["runs"] == [{"work": "hold"}]
    assert compare.read(baseline)["core"] == new["core"]
    compare.keep({"machine": {}, "runs": [{"work": "booking"}], "core": {}}, baseline)
    assert compare.read(baseline)["core"] == new["core"]


def test_without_any_results_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="make bench"):
        compare.latest(tmp_path / "results.json", tmp_path / "criterion")


def test_waits_are_medians_of_the_runs() -> None:
    def run(max_us: int, over: int) -> dict[str, Any]:
        waits = {"count": 9, "p50_us": 500, "p99_us": 900, "max_us": 1_000, "over_20_ms": 0}
        due_waits = waits | {"max_us": max_us, "over_20_ms": over}
        words = {"what": "holds", "deadlines": 100, "callers": 1, "settled_ms": 70, "commits": 3}
        return words | {"calm": waits, "due": due_waits}

    (waits,) = due.summary([run(9_000, 0), run(70_000, 2), run(11_000, 0)])
    assert (waits.calm_max_ms, waits.max_ms, waits.runs_over, waits.calm_runs_over) == (1.0, 11.0, 1, 0)
    assert waits.reached


@pytest.fixture
def run_bench() -> Callable[..., str]:
    from typer.testing import CliRunner

    from bench.__main__ import app

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return result.output

    return run
