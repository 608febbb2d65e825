"""The journal as a stream: gapless, resumable, bounded.

Goal: whoever resumes after the last revision seen misses nothing and gets nothing twice, however the stream
ended. Method: the real server under writers that do not pause, readers that come late, go away, sleep, or are
too many.
"""

import threading
import time

import grpc
import pytest

from kasir.v1 import stock_pb2, watch_pb2, watch_pb2_grpc
from tests.server.support import Refused, Shop, new_id, read_refusal, take, until

DROP_ORDER = watch_pb2.RESOURCE_DROP_ORDER


@pytest.fixture
def shop(channel):
    return Shop(channel)


def watch(channel, **request):
    return watch_pb2_grpc.WatchServiceStub(channel).Watch(watch_pb2.WatchRequest(**request))


def records(stream, until_revision: int) -> list[watch_pb2.JournalRecord]:
    """Records of a stream until it has looked at a revision."""
    found = []
    for response in stream:
        found.extend(response.records)
        if response.revision >= until_revision:
            break
    stream.cancel()
    return found


def to_the_end(stream) -> tuple[list[watch_pb2.WatchResponse], Refused]:
    """What still comes of a stream that the server ends, and why it ended it."""
    late = []
    try:
        for response in stream:
            late.append(response)  # noqa: PERF402 (what came before the error counts)
    except grpc.RpcError as error:
        return late, read_refusal(error)
    raise AssertionError("the stream ended without a reason")


class Writer:
    """Receives goods until it is told to stop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.stop = threading.Event()
        self.made = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self.stop.is_set():
            self.shop.receive(self.shop.item_id, 1)
            self.made += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)


def test_from_the_beginning_every_record_comes_once_in_order(shop, channel, engine):
    shop.request_drop_order()
    last = engine.revision()
    found = records(watch(channel, start_revision=0), last)
    assert [record.revision for record in found] == list(range(1, last + 1))
    assert all(record.method.startswith("/kasir.v1.") and record.request_id for record in found)
    times = [record.time.ToMilliseconds() for record in found]
    assert times == sorted(times)


def test_who_asked_stands_in_the_journal(shop, channel, engine):
    before = engine.revision()
    request = stock_pb2.ReceiveStockRequest(
        request_id=new_id(),
        location_id=shop.warehouse_id,
        lines=[stock_pb2.StockLine(item_id=shop.item_id, quantity=1)],
    )
    shop.stock.ReceiveStock(request, metadata=(("kasir-actor", "sari"),))
    (record,) = records(watch(channel, start_revision=before), before + 1)
    assert (record.actor, record.request_id) == ("sari", request.request_id)


def test_from_now_the_past_is_left_out_and_the_first_message_says_where_now_is(shop, channel, engine):
    stream = watch(channel, start_revision=-1)
    assert next(stream) == watch_pb2.WatchResponse(revision=engine.revision())
    drop_order = shop.request_drop_order()
    (response,) = take(stream, 1, lambda response: response.records)
    change = response.records[0].changes[0]
    assert (change.resource, change.id) == (DROP_ORDER, drop_order.drop_order_id)
    stream.cancel()


def test_a_change_is_seen_at_once(shop, channel):
    stream = watch(channel, start_revision=-1)
    next(stream)
    delays = []
    for _ in range(10):
        began = time.monotonic()
        shop.receive(shop.item_id, 1)
        take(stream, 1, lambda response: response.records)
        delays.append(time.monotonic() - began)
        time.sleep(0.05)
    stream.cancel()
    # Far below the heartbeat (0.2 s): it is the commit that wakes the stream.
    assert sorted(delays)[len(delays) // 2] < 0.1


def test_only_what_was_asked_for_comes_and_the_revision_moves_on_all_the_same(shop, channel, engine):
    start = engine.revision()
    shop.receive(shop.item_id, 1)
    shop.request_drop_order()
    shop.receive(shop.item_id, 1)
    stream = watch(channel, start_revision=start, resources=[DROP_ORDER])
    seen = []
    for response in stream:
        seen.extend(response.records)
        if response.revision == engine.revision():
            break
    stream.cancel()
    assert [record.revision for record in seen] == [start + 2]


def test_an_idle_stream_says_that_it_lives(shop, channel, engine):
    stream = watch(channel, start_revision=-1)
    began = time.monotonic()
    heartbeats = [next(stream) for _ in range(4)]
    stream.cancel()
    assert all(not beat.records and beat.revision == engine.revision() for beat in heartbeats)
    # The first comes at once, the others every fifth of a second.
    assert 0.4 < time.monotonic() - began < 5


def test_nothing_is_missed_or_doubled_by_readers_that_come_and_go_under_load(shop, channel, engine):
    start = engine.revision()
    seen: list[int] = []
    last = start
    with Writer(shop) as writer:
        for _ in range(15):
            stream = watch(channel, start_revision=last)
            for response in stream:
                seen.extend(record.revision for record in response.records)
                last = response.revision
                if response.records:
                    break
            stream.cancel()
        until(lambda: writer.made > 50, "fifty writes")
    end = engine.revision()
    seen += [record.revision for record in records(watch(channel, start_revision=last), end)]
    assert seen == list(range(start + 1, end + 1))


def test_many_readers_see_the_same(shop, channel, engine):
    start = engine.revision()
    streams = [watch(channel, start_revision=start) for _ in range(20)]
    with Writer(shop) as writer:
        until(lambda: writer.made > 30, "thirty writes")
    end = engine.revision()
    found = [[record.revision for record in records(stream, end)] for stream in streams]
    assert all(revisions == list(range(start + 1, end + 1)) for revisions in found)


@pytest.mark.parametrize("start_revision", [-2, 10**6])
def test_a_revision_that_is_none_is_refused(shop, channel, start_revision):
    with pytest.raises(grpc.RpcError) as failed:
        next(watch(channel, start_revision=start_revision))
    refused = read_refusal(failed.value)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE")
    assert refused.details["field"] == "start_revision"


@pytest.mark.parametrize("resource", [0, 99])
def test_a_kind_of_thing_that_is_none_is_refused(shop, channel, resource):
    with pytest.raises(grpc.RpcError) as failed:
        next(watch(channel, resources=[DROP_ORDER, resource]))
    assert read_refusal(failed.value).details["field"] == "resources[1]"


def test_too_many_streams_are_refused_with_a_retry_time(start_server):
    server = start_server(max_streams=2)
    with grpc.insecure_channel(server.target) as channel:
        open_streams = [watch(channel, start_revision=-1) for _ in range(2)]
        for stream in open_streams:
            next(stream)
        with pytest.raises(grpc.RpcError) as failed:
            next(watch(channel, start_revision=-1))
        refused = read_refusal(failed.value)
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS")
        assert refused.retry_ms
        open_streams[0].cancel()
        until(lambda: server.service.clock.streams == 1, "the closed stream's place")
        assert next(watch(channel, start_revision=-1)).revision >= 0
        open_streams[1].cancel()


def test_a_reader_that_takes_nothing_is_cut_off_and_can_resume(start_server, engine):
    server = start_server(stall_s=0.5)
    # A window that does not grow: the server notices after kilobytes rather than megabytes.
    small = [("grpc.http2.bdp_probe", 0)]
    with (
        grpc.insecure_channel(server.target) as writing,
        grpc.insecure_channel(server.target, small) as reading,
    ):
        shop = Shop(writing)
        start = engine.revision()
        for _ in range(300):
            shop.receive(shop.item_id, 1)
        sleeper = watch(reading, start_revision=start)
        first = next(sleeper)
        seen = [record.revision for record in first.records]
        last = first.revision
        cut_off = "READER_TOO_SLOW"
        with Writer(shop):
            until(lambda: any(line.get("reason") == cut_off for line in server.log), "the cut-off", 40)
        late, refused = to_the_end(sleeper)
        seen += [record.revision for response in late for record in response.records]
        last = max([last, *(response.revision for response in late)])
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, cut_off)
        assert int(refused.details["resume_revision"]) <= last
        end = engine.revision()
        seen += [record.revision for record in records(watch(writing, start_revision=last), end)]
        assert seen == list(range(start + 1, end + 1))


def test_a_reader_that_falls_too_far_behind_is_cut_off(start_server, engine):
    server = start_server(max_lag=100)
    options = [("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(server.target, options) as channel:
        shop = Shop(channel)
        start = engine.revision()
        stream = watch(channel, start_revision=-1)
        next(stream)
        # More than fits into what lies between the two, a page of the journal, and the lag together.
        with Writer(shop), Writer(shop):
            until(lambda: engine.revision() >= start + 4_000, "many changes are made", 60.0)
        _, refused = to_the_end(stream)
        assert refused.reason == "READER_TOO_SLOW"


def test_a_stop_ends_the_streams_with_where_to_resume(server, shop, channel, engine):
    stream = watch(channel, start_revision=-1)
    next(stream)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    _, refused = to_the_end(stream)
    stopping.join(20)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert refused.details["resume_revision"] == str(engine.revision())
