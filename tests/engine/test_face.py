"""The engine's Python face: awaitables, event loops, forks, closing.

Goal: every accepted command is answered exactly once in the loop that sent it, whatever else the process
does; what must not happen (two environments on one file, a store used after a fork) is refused. Method: a
real store, no server.
"""

import asyncio
import gc
import multiprocessing
import subprocess
import sys
import threading
import time
import uuid

import pytest
import uvloop

from engine import Code, Engine, EngineError
from kasir.v1 import stock_pb2, watch_pb2

CREATE_LOCATION = "/kasir.v1.StockService/CreateLocation"
LIST_LOCATIONS = "/kasir.v1.StockService/ListLocations"
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


def location(code: str, request_id: str | None = None) -> bytes:
    return stock_pb2.CreateLocationRequest(
        request_id=request_id or str(uuid.uuid4()),
        location=stock_pb2.Location(code=code, name=code, kind=stock_pb2.LOCATION_KIND_WAREHOUSE),
    ).SerializeToString()


def code_of(reply: bytes) -> str:
    return stock_pb2.CreateLocationResponse.FromString(reply).location.code


def run(new_loop, work):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)


@LOOPS
def test_many_awaitables_get_each_its_own_reply(engine, new_loop):
    async def work():
        codes = [f"L{number}" for number in range(500)]
        replies = await asyncio.gather(
            *(engine.submit(CREATE_LOCATION, location(code), "sari") for code in codes)
        )
        assert [code_of(reply) for reply in replies] == codes

    run(new_loop, work())
    assert engine.revision() == 500
    # They waited together and were committed together.
    assert engine.status()["commits"] < 250


def test_a_refusal_comes_out_of_the_awaitable(engine):
    async def work():
        await engine.submit(CREATE_LOCATION, location("A"), "sari")
        with pytest.raises(EngineError) as refused:
            await engine.submit(CREATE_LOCATION, location("A"), "sari")
        return refused.value

    error = asyncio.run(work())
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "CODE_TAKEN")
    assert error.field == "location.code"
    assert str(error).startswith("CODE_TAKEN: ")


@pytest.mark.parametrize(
    ("method", "request_bytes", "reason"),
    [
        ("/kasir.v1.StockService/Steal", b"", "METHOD_UNKNOWN"),
        (LIST_LOCATIONS, b"", "METHOD_UNKNOWN"),
        (CREATE_LOCATION, b"\xff\xff", "MESSAGE_MALFORMED"),
    ],
)
def test_what_is_known_at_once_is_refused_at_once(engine, method, request_bytes, reason):
    async def work():
        with pytest.raises(EngineError) as refused:
            engine.submit(method, request_bytes, "sari")
        return refused.value.reason

    assert asyncio.run(work()) == reason
    with pytest.raises(EngineError) as refused:
        engine.submit_blocking(method, request_bytes, "sari")
    assert refused.value.reason == reason


def test_commands_and_queries_are_told_apart(engine):
    assert CREATE_LOCATION in engine.commands
    assert LIST_LOCATIONS in engine.queries
    assert not engine.commands & engine.queries


def test_a_cancelled_wait_loses_the_reply_and_not_the_command(engine):
    request_id = str(uuid.uuid4())

    async def work():
        waiting = asyncio.ensure_future(engine.submit(CREATE_LOCATION, location("A", request_id), "sari"))
        waiting.cancel()
        # Another one after it: its reply proves that the mailbox survived the cancelled one.
        await engine.submit(CREATE_LOCATION, location("B"), "sari")

    asyncio.run(work())
    first = engine.submit_blocking(CREATE_LOCATION, location("A", request_id), "sari")
    assert code_of(first) == "A"
    assert engine.revision() == 2


def test_threads_and_loops_side_by_side(engine):
    """Four loops and four plain threads at once; each gets the replies to its own commands."""
    failures: list[BaseException] = []

    def in_a_loop(name: str) -> None:
        async def work():
            for number in range(50):
                assert (
                    code_of(await engine.submit(CREATE_LOCATION, location(f"{name}-{number}"), name))
                    == f"{name}-{number}"
                )

        asyncio.run(work())

    def in_a_thread(name: str) -> None:
        for number in range(50):
            assert (
                code_of(engine.submit_blocking(CREATE_LOCATION, location(f"{name}-{number}"), name))
                == f"{name}-{number}"
            )

    def guarded(work, name):
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 (told to the test's own thread)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(in_a_loop, f"loop{number}")) for number in range(4)]
    threads += [
        threading.Thread(target=guarded, args=(in_a_thread, f"thread{number}")) for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert engine.revision() == 400


def test_a_busy_thread_does_not_hold_up_the_replies(engine):
    """No native thread waits for the GIL: a thread that never lets go of it costs the loop its share, no
    more.
    """
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    thread.start()

    async def work() -> float:
        began = time.perf_counter()
        for number in range(50):
            await engine.submit(CREATE_LOCATION, location(f"L{number}"), "sari")
        return (time.perf_counter() - began) / 50

    try:
        # The interpreter's switch interval is 5 ms; two switches a command, and room for a slow machine.
        assert asyncio.run(work()) < 0.05
    finally:
        stop.set()
        thread.join()


def test_waiting_for_a_revision(engine):
    async def work():
        assert await engine.wait_readable(-1) == 0
        waits = [asyncio.ensure_future(engine.wait_readable(after)) for after in (0, 0, 1, 2)]
        await asyncio.sleep(0.05)
        assert not any(wait.done() for wait in waits)
        await engine.submit(CREATE_LOCATION, location("A"), "sari")
        assert await asyncio.gather(*waits[:2]) == [1, 1]
        assert not any(wait.done() for wait in waits[2:])
        await engine.submit(CREATE_LOCATION, location("B"), "sari")
        assert await waits[2] == 2
        await engine.submit(CREATE_LOCATION, location("C"), "sari")
        assert await waits[3] == 3

    asyncio.run(work())


def test_who_waits_for_less_than_others_is_told_first(engine):
    async def work():
        later = asyncio.ensure_future(engine.wait_readable(1))
        await asyncio.sleep(0)
        first = asyncio.ensure_future(engine.wait_readable(0))
        await engine.submit(CREATE_LOCATION, location("A"), "sari")
        assert await asyncio.wait_for(first, 20) == 1
        assert not later.done()
        await engine.submit(CREATE_LOCATION, location("B"), "sari")
        assert await asyncio.wait_for(later, 20) == 2

    asyncio.run(work())


def test_waits_that_are_given_up_leave_nothing_behind(engine):
    async def work():
        for _ in range(1000):
            wait = asyncio.ensure_future(engine.wait_readable(0))
            wait.cancel()
        await asyncio.sleep(0)
        side = engine._side(asyncio.get_running_loop())
        assert not side.waiting
        # One native waiter at most, however many came and went.
        assert side.completions.pending() <= 1
        await engine.submit(CREATE_LOCATION, location("A"), "sari")
        assert await engine.wait_readable(0) == 1

    asyncio.run(work())


def test_changes_are_read_in_pages(engine):
    for number in range(10):
        engine.submit_blocking(CREATE_LOCATION, location(f"L{number}"), "sari")
    page = engine.read_changes(0, 4)
    assert (page.revision, page.records) == (4, 4)
    response = watch_pb2.WatchResponse.FromString(page.response)
    assert [record.revision for record in response.records] == [1, 2, 3, 4]
    assert response.revision == 4
    assert {record.actor for record in response.records} == {"sari"}
    assert engine.read_changes(10, 4)[1:] == (10, 0)
    assert engine.read_changes(0, 100, [watch_pb2.RESOURCE_ORDER])[1:] == (10, 0)
    assert engine.read_changes(0, 100, [watch_pb2.RESOURCE_SETTING])[1:] == (10, 10)
    for wrong in (-1, 11):
        with pytest.raises(EngineError) as refused:
            engine.read_changes(wrong, 4)
        assert refused.value.reason == "FIELD_OUT_OF_RANGE"


def test_a_store_is_opened_once_in_a_process(engine):
    with pytest.raises(EngineError) as refused:
        Engine.open(engine.path)
    assert refused.value.reason == "ENGINE_OPEN"
    engine.close()
    with Engine.open(engine.path) as again:
        assert again.revision() == 0


def test_an_engine_that_is_dropped_is_closed(tmp_path):
    dropped = Engine.open(tmp_path / "dropped")
    dropped.submit_blocking(CREATE_LOCATION, location("A"), "sari")
    del dropped
    gc.collect()
    with Engine.open(tmp_path / "dropped") as again:
        assert again.revision() == 1


def test_a_program_that_ends_without_closing_loses_nothing(tmp_path):
    program = (
        "from engine import Engine; import sys\n"
        "from tests.engine.test_face import CREATE_LOCATION, location\n"
        f"engine = Engine.open({str(tmp_path / 'store')!r})\n"
        "engine.submit_blocking(CREATE_LOCATION, location('A'), 'sari')\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    with Engine.open(tmp_path / "store") as again:
        assert again.revision() == 1


def test_a_store_in_use_by_another_process_is_said_to_be(tmp_path):
    program = (
        "from engine import Engine; import sys\n"
        f"engine = Engine.open({str(tmp_path / 'store')!r})\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(EngineError) as refused:
            Engine.open(tmp_path / "store")
        other.communicate("")
    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "STORE_LOCKED")
    with Engine.open(tmp_path / "store") as opened:
        assert opened.revision() == 0


def _open_and_count(path: str) -> int:
    with Engine.open(path) as opened:
        return opened.revision()


def test_a_spawned_child_may_have_its_own(engine, tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(_open_and_count, (str(tmp_path / "other"),)) == 0


def test_the_status_has_every_key_that_is_promised(engine):
    from engine import Status

    status = engine.status()
    assert set(status) == set(Status.__annotations__)
    assert len(status["batch_sizes"]) == 16
    assert sum(status["batch_sizes"]) == status["commits"]
