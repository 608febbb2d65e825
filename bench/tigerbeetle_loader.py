"""A process of its own that fills a new TigerBeetle with stock, loads it with holds, and prints what it
measured as JSON. Only this module needs the client.

A hold is a pending transfer of one unit from an item's account to that of all claims, with a timeout; an
item's account gives no more than it has. Requests are made beforehand, only ids and items are written in
anew, and answers are compared as bytes: the client's own classes would take longer than the server does.

    python -m bench.tigerbeetle_loader '{"port": …, "server_pid": …, "spread": "uniform", …}'
"""

import ctypes
import json
import queue
import random
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import tigerbeetle
from tigerbeetle import bindings
from tigerbeetle.lib import c_uint128

from bench import work
from bench.cells import TIGERBEETLE_BATCH
from bench.measure import BenchError, Meter, Sample, Window
from bench.ports import LOOPBACK
from bench.tigerbeetle import CLUSTER, Task
from bench.work import HOT_ITEM, HOT_STOCK, SEED, Spread

HOLD_S = 3_600
LEDGER = CODE = 1
# Accounts. Those of the items have the items' own numbers, which are less.
CLAIMS, SUPPLIER = 1_000_001, 1_000_002
# A server that answers nothing for so long is stuck.
PATIENCE_S = 30.0
# In words of 64 bits: a transfer, its id's lower half and that of the account that it takes from.
TRANSFER_WORDS, ID_WORD, DEBIT_WORD = 16, 0, 2
# In words of 32 bits: a result, and its status.
RESULT_WORDS, STATUS_WORD = 4, 2
CREATED = int(bindings.CreateTransferStatus.CREATED).to_bytes(4, "little")


@dataclass(frozen=True)
class Answer:
    """To the request that was sent under `number`: how the client fared, and the results as they came."""

    number: int
    status: int
    results: bytes


Answers = queue.SimpleQueue[Answer]


class Holds:
    """Makes requests: so many holds each, all alike but for ids that go up and items by chance."""

    def __init__(self, spread: Spread, batch: int) -> None:
        self._batch = batch
        chance, hot = random.Random(SEED), spread is Spread.HOT
        items = [HOT_ITEM if hot else chance.randint(1, work.ITEMS) for _ in range(work.BODIES)]
        # Wherever among them a request begins, there are enough left.
        self._items = memoryview(array("Q", items * (1 + -(-batch // len(items)))))
        self._different_items, self._made = len(items), 0
        hold = bindings.CTransfer(
            # The upper half. The lower one counts.
            id=c_uint128.from_param(time.time_ns() << 64),
            credit_account_id=c_uint128.from_param(CLAIMS),
            amount=c_uint128.from_param(1),
            timeout=HOLD_S,
            ledger=LEDGER,
            code=CODE,
            flags=bindings.TransferFlags.PENDING,
        )
        self._blank = bytes(hold) * batch

    def next(self, used: bytearray | None = None) -> bytearray:
        """A new request, in the place of one that was answered."""
        request = bytearray(self._blank) if used is None else used
        words, first = memoryview(request).cast("Q"), self._made % self._different_items
        ids = array("Q", range(self._made + 1, self._made + self._batch + 1))
        words[ID_WORD::TRANSFER_WORDS] = memoryview(ids)
        words[DEBIT_WORD::TRANSFER_WORDS] = self._items[first : first + self._batch]
        self._made += self._batch
        return request


def refused(results: bytes, batch: int) -> int:
    """How many holds of a request were not made."""
    statuses = memoryview(results).cast("I")[STATUS_WORD::RESULT_WORDS].tobytes()
    if statuses == CREATED * batch:
        return 0
    return batch - sum(statuses[at : at + 4] == CREATED for at in range(0, len(statuses), 4))


class Client:
    """The client's C interface. A thread of its own puts what is answered into a queue."""

    def __init__(self, port: int, answers: Answers) -> None:
        self._answers = answers
        self._client = bindings.CClient()
        # The library only knows where these lie.
        self._when_answered = bindings.OnCompletion(self._on_answer)
        self._under_way: dict[int, tuple[Any, bytearray]] = {}
        address = f"{LOOPBACK}:{port}".encode()
        cluster = (ctypes.c_uint8 * 16)(*CLUSTER.to_bytes(16, "little"))
        began = bindings.tb_client_init(
            ctypes.byref(self._client),
            ctypes.byref(cluster),
            address,
            len(address),
            None,
            self._when_answered,
        )
        if began != bindings.InitStatus.SUCCESS:
            raise BenchError(f"TigerBeetle's client does not begin: {began!r}.")

    def submit(self, number: int, request: bytearray) -> None:
        """Sends transfers that are to be created; they stay as they are until the answer."""
        packet = bindings.CPacket(
            user_data=number,
            data=ctypes.addressof(ctypes.c_char.from_buffer(request)),
            data_size=len(request),
            operation=bindings.Operation.CREATE_TRANSFERS,
        )
        self._under_way[number] = packet, request
        sent = bindings.tb_client_submit(ctypes.byref(self._client), ctypes.byref(packet))
        if sent != bindings.ClientStatus.OK:
            raise BenchError(f"TigerBeetle's client does not send: {sent!r}.")

    def _on_answer(self, _context: int, packet: Any, _timestamp: int, data: int | None, size: int) -> None:
        # A number of 0 arrives as None, like any null pointer.
        number, results = packet[0].user_data or 0, ctypes.string_at(data, size) if data else b""
        self._answers.put(Answer(number, packet[0].status, results))

    def close(self) -> None:
        """Ends it, and what is still under way."""
        bindings.tb_client_deinit(ctypes.byref(self._client))


class Load:
    """Requests under way, each with a number of its own."""

    def __init__(self, task: Task, client: Client, answers: Answers) -> None:
        self._client, self._answers, self._batch = client, answers, task.batch
        self._holds = Holds(task.spread, task.batch)
        self._requests = [self._holds.next() for _ in range(task.in_flight)]
        # Made while the server works, so that it does not wait for it.
        self._spare = self._holds.next()
        self._sent_s = [0.0] * task.in_flight
        self.made = 0

    def begin(self, number: int) -> None:
        """Sends the next request under this number."""
        used, self._requests[number] = self._requests[number], self._spare
        self._sent_s[number] = perf_counter()
        self._client.submit(number, self._spare)
        self._spare = self._holds.next(used)

    def wait(self) -> tuple[Answer, float, float]:
        """What is answered next, and when it was sent and answered."""
        try:
            answer = self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise BenchError(f"TigerBeetle answered nothing for {PATIENCE_S:.0f} seconds.") from None
        return answer, self._sent_s[answer.number], perf_counter()

    def check(self, answer: Answer) -> None:
        """Counts what was made. BenchError unless it is all."""
        if answer.status != bindings.PacketStatus.OK:
            raise BenchError(f"TigerBeetle's client failed: {bindings.PacketStatus(answer.status)!r}.")
        if missing := refused(answer.results, self._batch):
            raise BenchError(f"{missing} of {self._batch} holds of a request were refused.")
        self.made += self._batch


def run(task: Task) -> Sample:
    """Makes the shop, works on it, sees that all is there."""
    with tigerbeetle.ClientSync(CLUSTER, f"{LOOPBACK}:{task.port}") as shop:
        _seed(shop)
        answers: Answers = queue.SimpleQueue()
        client = Client(task.port, answers)
        try:
            load = Load(task, client, answers)
            sample = _work(load, task)
        finally:
            client.close()
        (claims,) = shop.lookup_accounts([CLAIMS])
        if claims.credits_pending < load.made:
            raise BenchError(f"{load.made} holds were answered, but {claims.credits_pending} are there.")
    return sample


def _work(load: Load, task: Task) -> Sample:
    """Keeps `in_flight` requests under way until the window has ended, then waits for the last answers."""
    # The first waits until the client is registered, half a second or more.
    load.begin(0)
    load.check(load.wait()[0])
    meter = Meter(Window(task.warm_up_s, task.seconds), task.server_pid, task.batch)
    for number in range(task.in_flight):
        load.begin(number)
    sample: Sample | None = None
    under_way = task.in_flight
    while under_way:
        answer, sent_s, answered_s = load.wait()
        meter.done(sent_s, answered_s)
        if answered_s < meter.ends:
            load.begin(answer.number)
        else:
            under_way -= 1
            sample = sample or meter.finish()
        load.check(answer)
    assert sample is not None, "the last answer comes after the end"
    return sample


def _seed(shop: tigerbeetle.ClientSync) -> None:
    """An account with stock for every item."""
    items = range(1, work.ITEMS + 1)
    none, bounded = tigerbeetle.AccountFlags.NONE, tigerbeetle.AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
    accounts = [
        *(tigerbeetle.Account(id=each, ledger=LEDGER, code=CODE, flags=none) for each in (CLAIMS, SUPPLIER)),
        *(tigerbeetle.Account(id=item, ledger=LEDGER, code=CODE, flags=bounded) for item in items),
    ]
    stock = [
        tigerbeetle.Transfer(
            id=item,
            debit_account_id=SUPPLIER,
            credit_account_id=item,
            amount=HOT_STOCK,
            ledger=LEDGER,
            code=CODE,
        )
        for item in items
    ]
    opened = [each for some in _by_request(accounts) for each in shop.create_accounts(some)]
    filled = [each for some in _by_request(stock) for each in shop.create_transfers(some)]
    made = sum(each.status == tigerbeetle.CreateAccountStatus.CREATED for each in opened)
    made += sum(each.status == tigerbeetle.CreateTransferStatus.CREATED for each in filled)
    if missing := len(accounts) + len(stock) - made:
        raise BenchError(f"TigerBeetle refused {missing} accounts and transfers of the shop.")


def _by_request(rows: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(rows[at : at + TIGERBEETLE_BATCH]) for at in range(0, len(rows), TIGERBEETLE_BATCH))


def main() -> None:
    """The process's body."""
    given = json.loads(sys.argv[1])
    task = Task(**{**given, "spread": Spread(given["spread"])})
    try:
        sample = run(task)
    except (tigerbeetle.ClientReleaseTooHighError, tigerbeetle.ClientReleaseTooLowError) as error:
        sys.exit(f"loader: the server's release does not take this client: {error}")
    except BenchError as error:
        sys.exit(f"loader: {error}")
    print(json.dumps(sample.to_json()))


if __name__ == "__main__":
    main()
