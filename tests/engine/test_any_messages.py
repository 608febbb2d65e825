"""Goal: whatever requests come, in whatever order, each is answered or refused with a reason, and the shop's
books hold afterwards.

Method: a shop that trades; requests of every method made by dice from the contract's descriptors, out of
numbers at their bounds, ids that exist and such that do not, texts that are empty, long or strange; some are
damaged byte by byte. At the end every invariant is checked, replay included. What broke once is kept in
tests/engine/messages and tried each time. KASIR_FUZZ_MESSAGES and KASIR_FUZZ_SEED: how many, and which.
"""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from engine import Engine, EngineError
from tests.engine.desk import METHODS, Desk, message_of, new_id
from tests.engine.test_contract import BREAKDOWNS, SERVER_ANSWERS, STREAMS
from tests.till.world import TillShop

MESSAGES = int(os.environ.get("KASIR_FUZZ_MESSAGES", "4000"))
SEED = int(os.environ.get("KASIR_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
KEPT = Path(__file__).parent / "messages"
ASKED = sorted(METHODS.keys() - SERVER_ANSWERS - STREAMS)
# Tried this many times by number, that is with ids that most often exist.
SMALL = range(1, 8)
NUMBERS = (0, 1, 2, 99, 100, 1_000, 10_000, 1_000_000, 2**31 - 1, 2**31, 2**53, 2**62, 2**63 - 1)
TEXTS = (
    "",
    "1",
    "KOPI-9",
    "8991002101241",
    "retail",
    "IDR",
    "USD",
    "GUDANG",
    "TOKO",
    "081299988877",
    "+62812",
    "2026-11-27",
    "2026-11",
    "sari",
    " ",
    "\u202e",
    "\x00",
    "é" * 50,
    "x" * 101,
    "x" * 5_000,
    "4111 1111 1111 1111",
    "pelanggan@example.com",
    "KASIR-1-ABCD-1",
)
NOW_S = 1_800_000_000


class Maker:
    """Makes requests by dice."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.ids = [new_id() for _ in range(20)]

    def request(self, method: str) -> bytes:
        message = message_of(method, "input")()
        self.fill(message, 5)
        if "request_id" in message.DESCRIPTOR.fields_by_name and self.dice.random() < 0.98:
            again = self.dice.random() < 0.05
            message.request_id = self.dice.choice(self.ids) if again else new_id()
        body = bytearray(message.SerializeToString())
        while body and self.dice.random() < 0.03:
            body[self.dice.randrange(len(body))] ^= 1 << self.dice.randrange(8)
        return bytes(body)

    def fill(self, message: Message, depth: int) -> None:
        """Fields by dice; of a time or a duration, one that makes sense more often than not."""
        name = message.DESCRIPTOR.full_name
        if name == "google.protobuf.Timestamp" and self.dice.random() < 0.9:
            message.seconds = NOW_S + self.dice.choice((-86_400, 0, 60, 3_600, 86_400, 40 * 86_400))  # type: ignore[attr-defined]
            return
        for field in message.DESCRIPTOR.fields:
            if self.dice.random() < 0.2:
                continue
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                self.fill_inner(message, field, depth)
            elif field.is_repeated:
                getattr(message, field.name).extend(
                    self.value(field) for _ in range(self.dice.choice((0, 1, 1, 2)))
                )
            else:
                setattr(message, field.name, self.value(field))

    def fill_inner(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        """A message within."""
        assert field.message_type is not None
        if depth == 0 or field.message_type.GetOptions().map_entry:
            return
        inner = getattr(message, field.name)
        if not field.is_repeated:
            inner.SetInParent()
            self.fill(inner, depth - 1)
            return
        for _ in range(self.dice.choice((0, 1, 1, 1, 2, 3))):
            self.fill(inner.add(), depth - 1)

    def value(self, field: FieldDescriptor) -> Any:
        """One that the field can hold."""
        if field.type == FieldDescriptor.TYPE_ENUM:
            assert field.enum_type is not None
            known = [each.number for each in field.enum_type.values]
            return self.dice.choice([*known, 99])
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                text = self.text(field.name)
                return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.dice.random() < 0.5
            case FieldDescriptor.CPPTYPE_INT32 | FieldDescriptor.CPPTYPE_UINT32:
                return self.number(
                    field.name, 2**31 - 1, signed=field.cpp_type == FieldDescriptor.CPPTYPE_INT32
                )
            case FieldDescriptor.CPPTYPE_INT64 | FieldDescriptor.CPPTYPE_UINT64:
                return self.number(
                    field.name, 2**63 - 1, signed=field.cpp_type == FieldDescriptor.CPPTYPE_INT64
                )
            case _:
                return self.dice.random()

    def number(self, name: str, most: int, *, signed: bool) -> int:
        """Small where it is an id, most often."""
        if name.endswith("_id") or self.dice.random() < 0.5:
            return self.dice.choice(SMALL) if self.dice.random() < 0.95 else self.dice.choice((0, most))
        number = min(self.dice.choice(NUMBERS), most)
        return -number if signed and self.dice.random() < 0.1 else number

    def text(self, name: str) -> str:
        """What fits the field's name, most often."""
        plausible = {
            "currency_code": "IDR",
            "price_list": "retail",
            "sku": "KOPI-9",
            "barcode": "8991002101241",
            "actor": "sari",
            "date": "2026-11-27",
            "month": "2026-11",
        }
        if name in plausible and self.dice.random() < 0.9:
            return plausible[name]
        return self.dice.choice(TEXTS) if self.dice.random() < 0.5 else f"{name} {self.dice.randrange(50)}"


def trade(channel: grpc.Channel) -> None:
    """A bit of everything, so that ids are there."""
    shop = TillShop(channel)
    shop.courier()
    shop.bank_account()
    for _ in range(3):
        shop.request_drop_order()
    shop.hand_over(1)
    for number in range(4):
        shop.book(phone=f"0812999888{number}")
    paid = shop.pay(shop.book())
    shop.sell(paid.order_id)


@pytest.mark.timeout(120 + MESSAGES // 50)
def test_any_requests_in_any_order_leave_books_that_hold(engine: Engine, server, channel, capsys):
    with capsys.disabled():
        print(f"\nKASIR_FUZZ_SEED={SEED} ", end="", flush=True)
    trade(channel)
    server.stop()
    dice = random.Random(SEED)
    maker, desk = Maker(dice), Desk(engine)
    outcomes: Counter[str] = Counter()
    answered: set[str] = set()
    for _ in range(MESSAGES):
        method = dice.choice(ASKED)
        body = maker.request(method)
        outcome = desk.attempt(method, body)
        if isinstance(outcome, EngineError):
            outcomes[outcome.reason] += 1
            where = f"{method} {body.hex()}: {outcome.reason} {outcome.message}"
            assert outcome.code not in BREAKDOWNS, where
            assert outcome.message.endswith("."), where
        else:
            answered.add(method)
            message_of(method, "output").FromString(outcome)
    found = engine.verify(replay=True)
    assert found["ok"], found["violations"]
    assert len(outcomes) > 20, outcomes
    with capsys.disabled():
        print(
            f"{len(answered)} of {len(ASKED)} methods had answers, {len(outcomes)} reasons of refusals",
            end=" ",
        )


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.bin")), ids=lambda path: path.stem)
def test_what_broke_once_breaks_no_more(engine: Engine, server, channel, path: Path):
    trade(channel)
    server.stop()
    method, body = path.read_bytes().split(b"\n", 1)
    outcome = Desk(engine).attempt(method.decode(), body)
    assert isinstance(outcome, bytes) or outcome.code not in BREAKDOWNS
    assert engine.verify(replay=True)["ok"]
