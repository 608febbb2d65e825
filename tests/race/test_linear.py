"""Goal: what concurrent callers are told of one item is explained by one order of their calls, which keeps to
who was answered before who asked.

Method: histories of holds, releases, receipts and looks, by several callers at once over gRPC to a real
server; some give up before they hear the answer. Each history, on an item of its own, is checked by porcupine
(in Go). KASIR_HISTORIES says how many; 1,000 take some minutes.
"""

import json
import os
import random
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from kasir.v1 import stock_pb2, stock_pb2_grpc
from tests.server.support import Shop, new_id

HISTORIES = int(os.environ.get("KASIR_HISTORIES", "40"))
SEED = int(os.environ.get("KASIR_HISTORIES_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
CALLERS, CALLS = 6, 8
# In so many of all calls nobody waits for the answer: so long, seconds.
GIVEN_UP, PATIENCE_S = 0.08, (0.0002, 0.002)
TIMEOUT_S = 30.0
BUILD_S = 280.0
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Call:
    """One, as the checker reads it. Times in nanoseconds."""

    client: int
    kind: str
    quantity: int = 0
    hold: int = 0
    called: int = 0
    returned: int = 0
    outcome: str = "done"
    on_hand: int = 0
    held: int = 0


class Caller:
    """One of those who want the same item."""

    def __init__(
        self, number: int, stub: stock_pb2_grpc.StockServiceStub, item: int, place: int, seed: int
    ) -> None:
        self.number, self.stub, self.item, self.place = number, stub, item, place
        self.dice = random.Random(seed)
        self.mine: list[tuple[int, int]] = []
        self.calls: list[Call] = []

    def work(self, begin: threading.Barrier) -> list[Call]:
        """Makes the calls."""
        begin.wait(TIMEOUT_S)
        for _ in range(CALLS):
            kind = self.dice.choices(("hold", "release", "look", "receive"), (6, 3, 3, 1))[0]
            if kind == "release" and not self.mine:
                kind = "hold"
            self.make(kind)
        return self.calls

    def make(self, kind: str) -> None:
        """One call, and what became of it."""
        quantity, hold = self.dice.randint(1, 3), 0
        if kind == "release":
            # Sometimes once more: then it is there no longer.
            hold, quantity = self.dice.choice(self.mine)
        patience = self.dice.uniform(*PATIENCE_S) if self.dice.random() < GIVEN_UP else TIMEOUT_S
        call = Call(self.number, kind, quantity, hold, called=time.monotonic_ns())
        try:
            call = replace(call, **getattr(self, kind)(quantity, hold, patience))
        except grpc.RpcError as failed:
            if failed.code() in {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}:
                call = replace(call, outcome="refused")
            elif failed.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
                call = replace(call, outcome="unknown")
            else:
                raise
        self.calls.append(replace(call, returned=time.monotonic_ns()))

    def hold(self, quantity: int, _hold: int, patience: float) -> dict[str, Any]:
        """Until much later."""
        wanted = stock_pb2.Hold(item_id=self.item, location_id=self.place, quantity=quantity, owner="chat")
        request = stock_pb2.CreateHoldRequest(request_id=new_id(), hold=wanted)
        made = self.stub.CreateHold(request, timeout=patience).hold
        self.mine.append((made.hold_id, quantity))
        return {"hold": made.hold_id}

    def release(self, _quantity: int, hold: int, patience: float) -> dict[str, Any]:
        """Gives back one of one's own."""
        request = stock_pb2.ReleaseHoldRequest(request_id=new_id(), hold_id=hold)
        self.stub.ReleaseHold(request, timeout=patience)
        return {}

    def receive(self, quantity: int, _hold: int, patience: float) -> dict[str, Any]:
        """More of it comes."""
        line = stock_pb2.StockLine(item_id=self.item, quantity=quantity)
        request = stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=self.place, lines=[line])
        self.stub.ReceiveStock(request, timeout=patience)
        return {}

    def look(self, _quantity: int, _hold: int, patience: float) -> dict[str, Any]:
        """How the item stands."""
        stocks = self.stub.GetStock(stock_pb2.GetStockRequest(item_id=self.item), timeout=patience).stocks
        return {"on_hand": sum(each.on_hand for each in stocks), "held": sum(each.held for each in stocks)}


def play(
    shop: Shop, channels: list[grpc.Channel], pool: ThreadPoolExecutor, dice: random.Random
) -> list[Call]:
    """One history."""
    code = new_id()[:18]
    item = shop.item(f"SKU-{code}", f"B-{code}")
    begin = threading.Barrier(CALLERS)
    callers = [
        Caller(
            number, stock_pb2_grpc.StockServiceStub(channel), item, shop.warehouse_id, dice.randrange(2**32)
        )
        for number, channel in enumerate(channels)
    ]
    first = Caller(CALLERS, shop.stock, item, shop.warehouse_id, dice.randrange(2**32))
    first.make("receive")
    calls = first.calls + [call for each in pool.map(lambda each: each.work(begin), callers) for call in each]
    end = max(call.returned for call in calls)
    # Whose answer nobody heard may still be under way at the end.
    return [replace(call, returned=end) if call.outcome == "unknown" else call for call in calls]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that finds orders."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    program = tmp_path_factory.mktemp("go") / "linear"
    fetched = subprocess.run(
        ["go", "mod", "download"], cwd=HERE / "go", capture_output=True, timeout=BUILD_S, check=False
    )
    if fetched.returncode != 0:
        pytest.skip("porcupine cannot be fetched")
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "go", timeout=BUILD_S, check=True)
    return program


def checked(program: Path, histories: list[list[Call]]) -> str:
    """What the checker says."""
    lines = "".join(json.dumps([asdict(call) for call in calls]) + "\n" for calls in histories)
    done = subprocess.run([str(program)], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


@pytest.mark.timeout(300 + HISTORIES)
def test_concurrent_calls_are_explained_by_one_order(serve, checker: Path, tmp_path: Path, capsys):
    dice = random.Random(SEED)
    server = serve()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(server.target, options) for _ in range(CALLERS)]
    with grpc.insecure_channel(server.target) as own, ThreadPoolExecutor(CALLERS) as pool:
        shop = Shop(own)
        histories = [play(shop, channels, pool, dice) for _ in range(HISTORIES)]
    for channel in channels:
        channel.close()
    said = checked(checker, histories)
    outcomes = [call.outcome for calls in histories for call in calls]
    with capsys.disabled():
        told = {outcome: outcomes.count(outcome) for outcome in ("done", "refused", "unknown")}
        print(f"\nKASIR_HISTORIES_SEED={SEED} {said.strip()}: {told}")
    assert f"{HISTORIES} histories, 0 wrong" in said
    assert min(told.values()) > 0


def test_the_checker_finds_what_no_order_explains(checker: Path):
    def call(number: int, kind: str, **told: Any) -> Call:
        return Call(number, kind, **{"called": number * 10, "returned": number * 10 + 5, **told})

    received, held = call(0, "receive", quantity=1), call(1, "hold", quantity=1, hold=7)
    given_up = call(1, "hold", quantity=1, outcome="unknown", returned=99)
    released = [call(number, "release", quantity=1, hold=7) for number in (2, 3)]
    wrong = {
        "sold twice": [received, held, call(2, "hold", quantity=1, hold=8)],
        "refused though there": [received, call(1, "hold", quantity=1, outcome="refused")],
        "seen too late": [received, held, call(2, "look", on_hand=1, held=0)],
        "released twice": [received, held, *released],
    }
    right = [
        # At the same time: either may have come first.
        [received, held, call(1, "look", on_hand=1, held=0)],
        [received, given_up, call(2, "look", on_hand=1, held=0)],
        [received, given_up, call(2, "look", on_hand=1, held=1)],
    ]
    for words, history in wrong.items():
        assert "1 wrong" in checked(checker, [history]), words
    assert "3 histories, 0 wrong" in checked(checker, right)
