"""Goal: what the server acknowledged survives a power cut at any moment, and so does the store.

Method: `kasir serve` with recorder.c before libc, over four lives: a new store is worked until a kill when
its write-ahead files have taken turns, opened and worked until a stop, again until a kill in a checkpoint,
and again until a stop. Out of what was written down come images of the disk as a power cut may leave it
(tests/crash/disk.py), at moments by the dice; in each, everything that was acknowledged before has to be
there, once, and be answered the same way again. KASIR_IMAGES says how many; `make crash IMAGES=2000`. When
syncs do nothing the same check has to fail.
"""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import grpc
import pytest

from engine import Engine, EngineError
from tests.conftest import PATIENCE_S, RunningServer, ServerProcess
from tests.crash import disk
from tests.crash.death import Death, ends, preload
from tests.crash.ledger import Entry, Ledger
from tests.crash.load import CALL_TIMEOUT_S
from tests.crash.shift import Shift, effects, journal, verify
from tests.crash.shop import BusyShop

IMAGES = int(os.environ.get("KASIR_IMAGES", "20"))
# So many images at most are made until a check without syncs fails.
CONTROL_IMAGES = 60
STOCK = 1_000_000
ASKED_AGAIN = 60
# `verify`, replay included, looks at each so manyth image.
VERIFIED = 4
# How likely a call from before the first answer is one to cut at.
EARLY = 0.02
# How likely is there what nothing made durable.
KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
LOAD_S = 1.0
# Write-ahead files of 8 MiB are to turn.
MANY = 150

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300 + 3 * IMAGES)]


@dataclass
class Recording:
    """What was asked, and what became of the disk."""

    ledger: Ledger
    calls: list[disk.Call]
    directory: Path

    def acknowledged(self, at: int) -> list[Entry]:
        """What the clients had been answered."""
        return [entry for entry in self.ledger.acknowledged if entry.answered <= at]

    @property
    def refused(self) -> set[str]:
        """Ids of requests that were refused at any time."""
        return {entry.request_id for entry in self.ledger.entries.values() if entry.refusal is not None}

    def moment(self, dice: random.Random) -> int:
        """Within or just after a call, mostly when something was answered before; calls that are rare come as
        often as others.
        """
        first = min(entry.answered for entry in self.ledger.acknowledged)
        calls = [call for call in self.calls if call.begin > first or dice.random() < EARLY]
        place = dice.choice(sorted({call.point for call in calls}))
        call = dice.choice([call for call in calls if call.point == place])
        return dice.choice([call.begin, call.end, dice.randint(call.begin, call.end)])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Four lives."""
    top = tmp_path_factory.mktemp("power")
    record, data, library = top / "record", top / "shop", disk.recorder(top)
    ledger = Ledger(top / "ledger.jsonl")
    life, lives = Shift(ledger, seed=random.SystemRandom().getrandbits(64)), count()

    def live(death: Death | None, longest_s: float, shop: BusyShop | None = None) -> BusyShop:
        with pytest.MonkeyPatch.context() as patch:
            preload(patch, library, data, record=record, death=death)
            server = ServerProcess(data, log=top / f"serve-{next(lives)}.log")
        try:
            if shop is None:
                with grpc.insecure_channel(server.target) as channel:
                    shop = BusyShop(channel, stock=STOCK)
            died: list[bool] = []
            life.work(server.target, shop, lambda: died.append(ends(server, longest_s)), many=MANY)
            assert died == [death is not None], f"it did not come to {death}"
        finally:
            server.kill()
        return shop

    # When the write-ahead files have taken turns; and in a checkpoint.
    shop = live(Death(disk.SYNCED, "wal.1", 9, "b"), PATIENCE_S)
    live(None, LOAD_S, shop)
    live(Death(disk.RENAMED, "checkpoint", 2, "b"), PATIENCE_S, shop)
    live(None, LOAD_S / 5, shop)
    calls = disk.recorded(record)
    # All that was done was written down.
    everything = disk.PowerCut(calls, max(call.end for call in calls), 1.0, random.Random(0))
    assert everything.files() == disk.on_disk(data)
    yield Recording(ledger, calls, top)
    shutil.rmtree(top)


def check(
    directory: Path, acknowledged: list[Entry], refused: set[str], dice: random.Random, verified: bool
) -> None:
    """What was acknowledged is there, once, and is answered the same way again; what was refused is not."""
    with Engine.open(directory) as engine:
        server = RunningServer(engine)
        try:
            with grpc.insecure_channel(server.target) as channel:
                there = effects(journal(channel, 0))
                lost = [entry.request_id for entry in acknowledged if there[entry.request_id] == 0]
                assert not lost, f"acknowledged and lost: {lost}"
                assert max(there.values(), default=1) == 1, "done twice"
                assert not refused & there.keys(), "refused, yet done"
                for entry in dice.sample(acknowledged, min(len(acknowledged), ASKED_AGAIN)):
                    reply = channel.unary_unary(entry.method)(entry.request, timeout=CALL_TIMEOUT_S)
                    assert reply == entry.reply, f"{entry.method} {entry.request_id} is answered otherwise"
                if verified:
                    verify(channel)
        finally:
            server.stop()


def test_a_power_cut_at_any_moment_loses_nothing(recording: Recording, capsys: pytest.CaptureFixture[str]):
    seed = random.SystemRandom().getrandbits(64)
    began = time.monotonic()
    image = recording.directory / "image"
    checked, kinds = 0, Counter[str]()
    for number in range(IMAGES):
        dice = random.Random(seed + number)
        at, kept = recording.moment(dice), dice.choice(KEPT)
        try:
            cut = disk.PowerCut(recording.calls, at, kept, dice)
            disk.lay_down(cut.files(), image)
            acknowledged = recording.acknowledged(at)
            check(image, acknowledged, recording.refused, dice, verified=number % VERIFIED == 0)
        except (AssertionError, EngineError, grpc.RpcError) as error:
            error.add_note(
                f"image {number} of seed {seed}, at {at}, kept {kept}; record and ledger beside it"
            )
            raise
        checked += len(acknowledged)
        kinds["before anything was answered" if not acknowledged else "at work"] += 1
        shutil.rmtree(image)
    with capsys.disabled():
        print(
            f"\n{IMAGES} images in {time.monotonic() - began:.0f} s of {len(recording.calls):,} calls at "
            f"{len({call.point for call in recording.calls})} places: {checked:,} acknowledged requests "
            "looked for, lost 0, doubled 0, unopenable 0; "
            f"{', '.join(f'{count} {when}' for when, count in kinds.items())}"
        )


@pytest.mark.parametrize(
    "idle",
    [
        pytest.param(lambda call: call.name.startswith("wal."), id="write-ahead"),
        pytest.param(lambda call: call.name == "data.mdb", id="NOSYNC"),
        pytest.param(lambda call: call.name.startswith("checkpoint"), id="NOMETASYNC"),
    ],
)
def test_without_a_sync_the_same_check_fails(recording: Recording, idle: Callable[[disk.Call], bool]):
    image, dice = recording.directory / "image", random.Random(1)

    def is_whole(at: int, kept: float, seed: int, idle: Callable[[disk.Call], bool]) -> bool:
        cut = disk.PowerCut(recording.calls, at, kept, random.Random(seed), idle)
        disk.lay_down(cut.files(), image)
        try:
            check(image, recording.acknowledged(at), recording.refused, random.Random(seed), verified=True)
        except (AssertionError, EngineError, grpc.RpcError):
            return False
        finally:
            shutil.rmtree(image)
        return True

    for seed in range(CONTROL_IMAGES):
        at, kept = recording.moment(dice), dice.choice(KEPT[:3])
        if not is_whole(at, kept, seed, idle):
            assert is_whole(at, kept, seed, lambda _: False), "it is lost with syncs, too"
            return
    pytest.fail("nothing was lost: the check proves nothing")
