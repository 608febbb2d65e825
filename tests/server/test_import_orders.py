"""Files that overlap, in any order and again: the same mutations in the end.

Goal: importing again adds nothing, and genuine twins stay two. Method: four files of one account whose
periods overlap, sent ten times in ten orders to ten shops; what stands is compared.
"""

import json
import random

import pytest

from kasir.v1 import reconciliation_pb2
from tests.server.support import Shop, new_id
from tests.server.test_import_statement import NUMBER, mutations, upload

OPENING = 1_000_000


def row(day: str, text: str, amount: int) -> tuple[str, str, int]:
    return day, text, amount


TWINS = [row("02/05/2026", "SETORAN", 75_000), row("02/05/2026", "SETORAN", 75_000)]
DAYS = [
    [row("01/05/2026", "TRSF E-BANKING CR 0105/FTSCY/WS95 SITI", 149_017), *TWINS],
    [*TWINS, row("03/05/2026", "BIAYA ADM", -6_500)],
    [row("03/05/2026", "BIAYA ADM", -6_500), row("04/05/2026", "BI-FAST CR TRANSFER   DR 014 BUDI", 88_123)],
]


def moota() -> bytes:
    """The same account over another door, whose rows have ids of their own."""
    mutation = {
        "account_number": NUMBER,
        "date": "2026-05-05 10:00:00",
        "description": "QR",
        "amount": 5_000,
        "type": "CR",
        "balance": 0,
        "mutation_id": "M-1",
        "bank_id": "B-1",
    }
    return json.dumps([mutation]).encode()


def klikbca(rows: list[tuple[str, str, int]], opening: int) -> bytes:
    lines = [
        f"Account No.,=,'{NUMBER}",
        "Name,=,TOKO MAJU",
        "Currency,=,IDR",
        "",
        "Date,Description,Branch,Amount,,Balance",
    ]
    balance = opening
    for day, text, amount in rows:
        balance += amount
        sign = "CR" if amount > 0 else "DB"
        lines.append(f"'{day},{text},'0000,{abs(amount)}.00,{sign},{balance}.00")
    credit = sum(amount for *_, amount in rows if amount > 0)
    debit = -sum(amount for *_, amount in rows if amount < 0)
    lines += [
        f"Starting Balance,=,{opening}.00",
        f"Credit,=,{credit}.00",
        f"Debet,=,{debit}.00",
        f"Ending Balance,=,{balance}.00",
        "",
    ]
    return "\n".join(lines).encode()


def files() -> list[bytes]:
    after_first = OPENING + 149_017
    after_twins = after_first + 150_000
    first = klikbca(DAYS[0], OPENING)
    second = klikbca(DAYS[1], after_first)
    third = klikbca(DAYS[2], after_twins)
    return [first, second, third, moota()]


def told(mutation: reconciliation_pb2.Mutation) -> tuple[object, ...]:
    return (
        mutation.date,
        mutation.amount.minor_units,
        mutation.balance.minor_units,
        mutation.description,
        mutation.bank_reference,
        mutation.occurrence,
        mutation.state,
    )


@pytest.mark.parametrize("seed", range(10))
def test_ten_times_in_any_order_leaves_the_same(seed, channel):
    shop = Shop(channel)
    shop.bank_account(NUMBER)
    chance = random.Random(seed)
    news = 0
    for _ in range(10):
        order = files()
        chance.shuffle(order)
        for data in order:
            reply = upload(shop, data, request_id=new_id())
            assert reply.new_rows + reply.known_rows == reply.rows
            assert len(reply.mutation_ids) == reply.new_rows
            assert len(reply.known_mutation_ids) == reply.known_rows
            news += reply.new_rows
    found = [told(each) for each in mutations(shop)]
    # One of the first day, two twins, one fee, one of the fourth day, one of another door.
    assert len(found) == news == 6
    assert len(set(found)) == 6
    assert sum(amount == 7_500_000 for _, amount, *_ in found) == 2
