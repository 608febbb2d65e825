"""TigerBeetle in the benchmark: when it is measured, what it is asked for, what is made of it, and what is
said when it cannot be.

Method: a small shop; programs that only seem to be TigerBeetle; where TIGERBEETLE names a real one, that too.
No figure is judged.
"""

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tigerbeetle import bindings

from bench import cells, compare, report, tigerbeetle, tigerbeetle_loader, work
from bench.cells import Cell, System
from bench.cells import Path as Way
from bench.measure import BenchError, Sample, Window
from bench.results import Results
from bench.run import Bench, Plan
from bench.tigerbeetle_loader import CREATED, Holds, refused
from bench.work import Kind, Spread

SMALL = {"ITEMS": 40, "CUSTOMERS": 20, "BODIES": 50, "SEED_THREADS": 8}
REFUSED = int(bindings.CreateTransferStatus.EXCEEDS_CREDITS).to_bytes(4, "little")
needs_program = pytest.mark.skipif(
    not os.environ.get(cells.TIGERBEETLE), reason="TIGERBEETLE names no program"
)


@pytest.fixture(autouse=True)
def small_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(work, name, value)


def sample(rate: float) -> Sample:
    cpu = {"system": 1.0, "sequencer": 0.5, "loader": 0.2, "machine": 1.3, "others": 0.1}
    return Sample(int(rate), 1.0, 0.5, 1.0, 2.0, cpu)


def measured(rates: dict[System, float], some: list[Cell] = cells.FULL + cells.TIGERBEETLE_FULL) -> Results:
    results = Results({"cores": 2})
    for cell in some:
        results.samples[cell].append(sample(rates.get(cell.system, 1_000.0)))
    return results


def transfers(request: bytearray) -> list[Any]:
    return [
        bindings.CTransfer.from_buffer_copy(request, at).to_python() for at in range(0, len(request), 128)
    ]


def test_a_hold_is_a_pending_transfer_that_times_out() -> None:
    (hold,) = transfers(Holds(Spread.HOT, 1).next())
    assert (hold.debit_account_id, hold.credit_account_id) == (work.HOT_ITEM, tigerbeetle_loader.CLAIMS)
    assert (hold.amount, hold.timeout, hold.flags) == (1, 3_600, bindings.TransferFlags.PENDING)


@pytest.mark.parametrize("batch", [1, 7, 120])
def test_requests_go_through_the_items_with_ids_that_go_up(batch: int) -> None:
    # Given more holds than there are different ones, some requests in the place of earlier ones
    holds, made, used = Holds(Spread.UNIFORM, batch), [], None
    for number in range(400 // batch):
        used = holds.next(used if number % 3 else None)
        assert len(used) == batch * 128
        made += transfers(used)
    assert all(later.id > hold.id for hold, later in pairwise(made))
    items = [hold.debit_account_id for hold in made]
    assert set(items) <= set(range(1, SMALL["ITEMS"] + 1))
    assert len(set(items)) > SMALL["ITEMS"] / 2
    repeated = SMALL["BODIES"]
    assert batch > repeated or items[:repeated] == items[repeated : 2 * repeated]


def test_the_largest_request_is_what_a_message_takes() -> None:
    header = 256
    assert len(Holds(Spread.HOT, cells.TIGERBEETLE_BATCH).next()) + header <= 1 << 20


def test_refusals_in_an_answer_are_counted() -> None:
    def answer(*statuses: bytes) -> bytes:
        return b"".join(bytes(8) + status + bytes(4) for status in statuses)

    assert refused(answer(CREATED, CREATED), 2) == 0
    assert refused(answer(CREATED, REFUSED, REFUSED), 3) == 2
    # What is not answered was not made.
    assert refused(answer(CREATED), 2) == 1
    assert refused(b"", 2) == 2


def test_it_is_measured_where_its_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIGERBEETLE", raising=False)
    assert (cells.available(quick=True), cells.available(quick=False)) == (cells.QUICK, cells.FULL)
    monkeypatch.setenv("TIGERBEETLE", "")
    assert cells.available(quick=False) == cells.FULL
    monkeypatch.setenv("TIGERBEETLE", "/opt/tigerbeetle")
    quick, full = cells.available(quick=True), cells.available(quick=False)
    assert [cell.name for cell in quick[len(cells.QUICK) :]] == [
        "tigerbeetle native hold uniform by 8,189 x1"
    ]
    assert len({cell.name for cell in full}) == len(full) == len(cells.FULL) + 4
    assert set(quick) <= set(full)


def test_what_was_not_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIGERBEETLE", raising=False)
    assert [each.why for each in cells.not_measured(cells.FULL)] == ["TIGERBEETLE is not set"]
    monkeypatch.setenv("TIGERBEETLE", "/opt/tigerbeetle")
    assert [each.why for each in cells.not_measured(cells.FULL)] == ["was not asked for"]
    assert cells.not_measured(cells.TIGERBEETLE_QUICK) == []


def test_its_rows_have_the_form_of_the_others(tmp_path: Path) -> None:
    results = measured({})
    rows = results.to_json()["runs"]
    assert len({compare._key(row) for row in rows}) == len(rows)
    ours = [row for row in rows if row["system"] == "tigerbeetle"]
    assert [(row["spread"], row["in_flight"], row["clients"], row["batch"]) for row in ours] == [
        ("uniform", 1, 1, 8_189),
        ("uniform", 32, 1, 1),
        ("hot", 1, 1, 8_189),
        ("hot", 32, 1, 1),
    ]
    assert all((row["path"], row["work"], row["durable"]) == ("native", "hold", True) for row in ours)
    report.write_html(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "tigerbeetle native hold hot by 8,189 x1" in page
    assert "<p class=note>Nothing.</p>" in page


@pytest.mark.parametrize(("rate", "reached"), [(800.0, True), (801.0, False)])
def test_kasirs_fastest_way_is_held_against_it(rate: float, reached: bool) -> None:
    results = measured({System.TIGERBEETLE: rate})
    # Given that streams are slower than calls in the same process
    for cell in results.samples:
        if cell.path is Way.STREAM:
            results.samples[cell] = [sample(10.0)]
    by_name = {target.name: target for target in results.targets()}
    for spread in Spread:
        target = by_name[f"holds {spread}, in-process or streamed over TigerBeetle"]
        assert target.needed == "≥ 1.25"
        assert target.found == f"1.25 (kasir in-process asyncio hold {spread} by 1,000 x8)"
        assert target.reached is reached
    # Then PostgreSQL's batches are no more than compared.
    beside = [each for each in results.compared() if "in-process by 1,000 over PostgreSQL" in each.name]
    assert len(beside) == 2
    assert all(each.reached is None and each.name not in by_name for each in beside)
    names = [each.name for each in results.compared()]
    assert len(names) == len(set(names))
    assert "hold hot: in-process by 1,000 over TigerBeetle by 8,189" in names


def test_a_stream_that_is_faster_is_what_counts() -> None:
    results = measured({System.TIGERBEETLE: 500.0})
    streams = Cell(System.KASIR, Way.STREAM, Kind.HOLD, Spread.HOT, 1_024, pipeline=128)
    results.samples[streams] = [sample(2_000.0)]
    found = {target.name: target.found for target in results.targets()}
    assert found["holds hot, in-process or streamed over TigerBeetle"] == f"4.00 ({streams.name})"


def test_without_it_postgresql_is_what_counts() -> None:
    names = {target.name: target.reached for target in measured({}, cells.FULL).targets()}
    assert not any("TigerBeetle" in name for name in names)
    assert names["holds hot, in-process by 1,000 over PostgreSQL by 100"] is False
    # Each spread by itself
    both = {target.name for target in measured({}, cells.FULL + cells.TIGERBEETLE_QUICK).targets()}
    assert "holds uniform, in-process or streamed over TigerBeetle" in both
    assert "holds hot, in-process by 1,000 over PostgreSQL by 100" in both


def test_it_alone_is_nothing_to_judge_by() -> None:
    targets = measured({}, cells.TIGERBEETLE_FULL).targets()
    assert {target.found for target in targets} == {"not measured"}


def program(folder: Path, body: str) -> Path:
    """One that says it is TigerBeetle, and formats like it."""
    path = folder / "tigerbeetle"
    path.write_text(
        f"#!{sys.executable}\nimport os, socket, sys, time\n"
        "if sys.argv[1] == 'version': print('TigerBeetle version 0.0.1+abc')\n"
        "elif sys.argv[1] == 'format': open(sys.argv[-1], 'w').close()\n"
        f"else:\n    {body}\n"
    )
    path.chmod(0o755)
    return path


def test_a_program_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "pass")
    monkeypatch.setenv("TIGERBEETLE", str(path))
    assert tigerbeetle.find_program() == tigerbeetle.Program(path.resolve(), "0.0.1+abc")


@pytest.mark.parametrize("named", ["", "/nowhere/tigerbeetle", "/etc/passwd"])
def test_what_is_no_program_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIGERBEETLE", named)
    with pytest.raises(BenchError, match="TIGERBEETLE has to name"):
        tigerbeetle.find_program()


def test_another_program_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIGERBEETLE", "/bin/true")
    with pytest.raises(BenchError, match="does not say that it is TigerBeetle"):
        Bench(Plan(cells.TIGERBEETLE_QUICK, 1, Window(0.1, 0.1)), tmp_path, Results({}), lambda *_: None)


def test_a_missing_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIGERBEETLE", str(program(tmp_path, "pass")))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BenchError, match=r"client is missing\. `make setup`"):
        tigerbeetle.find_program()


LISTENS = "s = socket.create_server(('127.0.0.1', int(sys.argv[2].rpartition(':')[2])))"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.exit('no room')", "does not start: no room"),
        (f"f = open(sys.argv[-1]); {LISTENS}; time.sleep(60)", "do not wait for the disk"),
        (f"{LISTENS}; time.sleep(60)", "do not wait for the disk"),
    ],
)
def test_a_server_that_is_no_use_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    started: list[int] = []
    popen = subprocess.Popen

    def remember(*arguments: Any, **named: Any) -> Any:
        process = popen(*arguments, **named)
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", remember)
    path = program(tmp_path, body)
    with pytest.raises(BenchError, match=words):
        tigerbeetle.TigerBeetle(tigerbeetle.Program(path, ""), tmp_path / "server")
    formatted, served = started
    assert not any(Path(f"/proc/{each}").exists() for each in (formatted, served))


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tigerbeetle"
    path.write_text("#!/bin/sh\necho no direct I/O >&2; exit 1\n")
    path.chmod(0o755)
    with pytest.raises(BenchError, match=r"does not format .*: no direct I/O"):
        tigerbeetle.TigerBeetle(tigerbeetle.Program(path, ""), tmp_path / "server")


def task(server: tigerbeetle.TigerBeetle, spread: Spread, in_flight: int, batch: int) -> tigerbeetle.Task:
    return tigerbeetle.Task(server.port, server.pid, spread, in_flight, batch, 0.1, 0.4)


@needs_program
@pytest.mark.slow
@pytest.mark.parametrize(("spread", "in_flight", "batch"), [(Spread.UNIFORM, 1, 8_189), (Spread.HOT, 8, 1)])
def test_the_real_one_holds_what_it_says(tmp_path: Path, spread: Spread, in_flight: int, batch: int) -> None:
    from tigerbeetle import ClientSync

    with tigerbeetle.TigerBeetle(tigerbeetle.find_program(), tmp_path / "server") as server:
        sampled = tigerbeetle_loader.run(task(server, spread, in_flight, batch))
        with ClientSync(tigerbeetle.CLUSTER, f"127.0.0.1:{server.port}") as client:
            items = client.lookup_accounts(list(range(1, SMALL["ITEMS"] + 1)))
            (claims,) = client.lookup_accounts([tigerbeetle_loader.CLAIMS])
    assert sampled.operations % batch == 0
    assert 0 < sampled.p50_ms <= sampled.p99_ms <= sampled.max_ms
    held = [item.debits_pending for item in items]
    assert sum(held) == claims.credits_pending >= sampled.operations > 0
    assert claims.credits_pending % batch == 0
    assert (held[work.HOT_ITEM - 1] == sum(held)) is (spread is Spread.HOT)


@needs_program
@pytest.mark.slow
def test_the_real_one_gives_no_more_than_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tigerbeetle_loader, "HOT_STOCK", 70)
    with tigerbeetle.TigerBeetle(tigerbeetle.find_program(), tmp_path / "server") as server:
        # Three requests of 30 are answered, the last with what is left.
        with pytest.raises(BenchError, match="20 of 30 holds of a request were refused"):
            tigerbeetle_loader.run(task(server, Spread.HOT, 1, 30))
        # A shop that is there already is no new one.
        with pytest.raises(BenchError, match="refused 82 accounts and transfers"):
            tigerbeetle_loader.run(task(server, Spread.HOT, 1, 30))


@needs_program
@pytest.mark.slow
def test_the_real_one_is_measured_like_the_others(tmp_path: Path) -> None:
    results = Results({"cores": 2})
    Bench(Plan(cells.TIGERBEETLE_QUICK, 1, Window(0.1, 0.4)), tmp_path, results, lambda *_: None).run()
    (row,) = results.to_json()["runs"]
    assert (row["system"], row["batch"]) == ("tigerbeetle", 8_189)
    assert row["rate_per_s"] > 0
    assert results.machine["tigerbeetle"] == tigerbeetle.find_program().version
