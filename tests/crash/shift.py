"""One life of a server under load, and what must hold in the next."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc

from kasir.v1 import admin_pb2, admin_pb2_grpc, watch_pb2
from tests.crash.ledger import Entry, Ledger
from tests.crash.load import CALL_TIMEOUT_S, Worker, call
from tests.crash.shop import BusyShop

CLIENTS = 8
# A server lives so long under load, at least and at most.
LIFE_S = (0.02, 1.2)
DEADLINES = "/deadlines"


def journal(channel: grpc.Channel, after: int) -> list[watch_pb2.JournalRecord]:
    """All records after a revision, gapless."""
    status = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(
        admin_pb2.GetStatusRequest(), timeout=CALL_TIMEOUT_S
    )
    watch = channel.unary_stream(
        "/kasir.v1.WatchService/Watch",
        watch_pb2.WatchRequest.SerializeToString,
        watch_pb2.WatchResponse.FromString,
    )
    records: list[watch_pb2.JournalRecord] = []
    stream = watch(watch_pb2.WatchRequest(start_revision=after), timeout=CALL_TIMEOUT_S)
    for response in stream:
        records += response.records
        if response.revision >= status.revision:
            stream.cancel()
            break
    assert [record.revision for record in records] == list(range(after + 1, after + len(records) + 1))
    return records


def effects(records: list[watch_pb2.JournalRecord]) -> Counter[str]:
    """How often each request took effect."""
    return Counter(record.request_id for record in records if record.method != DEADLINES)


def verify(channel: grpc.Channel) -> None:
    """The store is sound."""
    admin = admin_pb2_grpc.AdminServiceStub(channel)
    verified = admin.VerifyStore(admin_pb2.VerifyStoreRequest(), timeout=CALL_TIMEOUT_S)
    assert verified.ok, verified.violations


class Shift:
    """One life of the server: what was asked in it, and how it is checked in the next."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger = ledger
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.read_to = 0
        self.done: Counter[str] = Counter()

    def effects(self, channel: grpc.Channel) -> Counter[str]:
        """How often each request took effect. What was read in an earlier life is read again after the last
        one; until then `verify` follows its chain.
        """
        records = journal(channel, self.read_to)
        self.read_to += len(records)
        self.done.update(effects(records))
        return Counter(self.done)

    def work(self, target: str, shop: BusyShop, until: Callable[[], object], many: int = 5) -> None:
        """Clients work until `until` has ended the server. `many`: bookings in one request of many."""
        stop = threading.Event()
        workers = [
            Worker(target, shop, self.ledger, self.random.getrandbits(64), stop, number, many)
            for number in range(CLIENTS)
        ]
        for worker in workers:
            worker.start()
        try:
            until()
        finally:
            stop.set()
        for worker in workers:
            worker.join(CALL_TIMEOUT_S + 10)
            assert not worker.is_alive()
            assert worker.failure is None, worker.failure

    def work_until_killed(self, server: Any, shop: BusyShop) -> None:
        """Kills it at a random moment."""

        def sometime() -> None:
            time.sleep(self.random.uniform(*LIFE_S))
            server.kill()

        self.work(server.target, shop, sometime)

    def check(self, channel: grpc.Channel, fresh: list[Entry], old: list[Entry]) -> None:
        """Everything that must hold after a kill. `fresh` was asked in the life that ended, `old` before."""
        before = self.effects(channel)
        acknowledged = [entry for entry in fresh + old if entry.reply is not None]
        lost = [entry.request_id for entry in acknowledged if before[entry.request_id] == 0]
        doubled = [request_id for request_id, times in before.items() if times > 1]
        refused = [entry for entry in fresh if entry.refusal is not None and before[entry.request_id]]
        assert not lost, f"acknowledged and lost: {lost}"
        assert not doubled, f"done twice: {doubled}"
        assert not refused, f"refused, yet done: {refused}"
        self._ask_again(channel, acknowledged)
        self._settle_open_ones(channel, before)
        after = self.effects(channel)
        assert after.keys() >= before.keys()
        assert max(after.values()) == 1

    def _ask_again(self, channel: grpc.Channel, acknowledged: list[Entry]) -> None:
        for entry in acknowledged:
            reply = channel.unary_unary(entry.method)(entry.request, timeout=CALL_TIMEOUT_S)
            assert reply == entry.reply, f"{entry.method} {entry.request_id} is answered otherwise now"
        self.counts["asked again"] += len(acknowledged)

    def _settle_open_ones(self, channel: grpc.Channel, before: Counter[str]) -> None:
        """A client that got no answer asks again: done or not, it learns the outcome, and it is done once."""
        for entry in self.ledger.open:
            self.counts["unanswered"] += 1
            self.counts["unanswered, but done"] += before[entry.request_id]
            reply = call(channel, self.ledger, entry)
            if before[entry.request_id]:
                assert reply is not None, f"{entry.request_id} was done, and is refused now: {entry.refusal}"
            if reply is not None:
                assert channel.unary_unary(entry.method)(entry.request, timeout=CALL_TIMEOUT_S) == reply
        assert self.ledger.open == []
