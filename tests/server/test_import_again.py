"""The same money in several files: it is counted once, and new money is never taken for known.

Goal: whatever overlaps, the sum of what was imported is the sum of what was paid. Method: files of several
formats that tell of the same payments, one behind the other, through the real server.
"""

import json
from typing import Any

import pytest

from kasir.v1 import reconciliation_pb2
from tests.server.support import Shop
from tests.server.test_import_statement import mutations, upload

IBAN = "NL91ABNA0417164300"
POSTED = reconciliation_pb2.MUTATION_STATE_POSTED


@pytest.fixture
def shop(channel):
    return Shop(channel)


def posted(shop: Shop) -> list[int]:
    """Whole units of the money in that waits for an order."""
    return [each.amount.minor_units // 100 for each in mutations(shop) if each.state == POSTED]


def camt(kind: str, *entries: str) -> bytes:
    message, statement = {
        "052": ("BkToCstmrAcctRpt", "Rpt"),
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[kind]
    account = f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>IDR</Ccy></Acct>"
    inner = f"<{statement}>{account}{''.join(entries)}</{statement}>"
    return f"<Document><{message}>{inner}</{message}></Document>".encode()


def entry(amount: str, *details: str, reference: str = "", status: str = "BOOK") -> str:
    return (
        f'<Ntry><Amt Ccy="IDR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>{status}</Sts>'
        "<BookgDt><Dt>2026-05-02</Dt></BookgDt>"
        + (f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else "")
        + (f"<NtryDtls>{''.join(details)}</NtryDtls>" if details else "")
        + "</Ntry>"
    )


def detail(amount: str, text: str) -> str:
    return (
        f'<TxDtls><Amt Ccy="IDR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


@pytest.mark.parametrize("first", ["052", "054"])
def test_a_batch_told_in_detail_and_as_a_whole_is_counted_once(shop, first):
    shop.bank_account(IBAN)
    reference = "REF123456789012"
    in_detail = camt(first, entry("300.00", detail("100.00", "A"), detail("200.00", "B"), reference=reference))
    whole = camt("053", entry("300.00", reference=reference))
    assert upload(shop, in_detail).new_rows == 2
    again = upload(shop, whole)
    assert (again.new_rows, again.known_rows) == (0, 1)
    assert posted(shop) == [100, 200]


def test_a_batch_told_as_a_whole_and_in_detail_is_counted_once(shop):
    shop.bank_account(IBAN)
    reference = "REF123456789012"
    upload(shop, camt("053", entry("300.00", reference=reference)))
    details = detail("100.00", "A"), detail("200.00", "B")
    again = upload(shop, camt("054", entry("300.00", *details, reference=reference)))
    assert (again.new_rows, again.known_rows) == (0, 2)
    assert posted(shop) == [300]


def mt940(*days: str) -> bytes:
    rows = "".join(
        f":61:2605{day}05{day}C100,00NTRFNONREF//BATCH00012345678\n:86:SETORAN HARIAN {day}\n" for day in days
    )
    closing = 1_000 + 100 * len(days)
    return (
        ":20:X\n:25:1234567890\n:28C:1/1\n:60F:C260501IDR1000,00\n"
        f"{rows}:62F:C260531IDR{closing},00\n-\n"
    ).encode()


def test_a_banks_id_that_comes_again_on_another_day_is_new_money(shop):
    shop.bank_account("1234567890")
    assert upload(shop, mt940("01", "03")).new_rows == 2
    second = upload(shop, mt940("03", "05"))
    assert (second.new_rows, second.known_rows) == (1, 1)
    assert [each.date for each in mutations(shop)] == ["2026-05-01", "2026-05-03", "2026-05-05"]


def moota(*ids: str, **more: Any) -> bytes:
    one = {
        "account_number": "123",
        "date": "2026-03-16 09:00:00",
        "description": "x",
        "amount": 5000,
        "type": "CR",
        "balance": 0,
    }
    return json.dumps([one | {"mutation_id": each} | more for each in ids]).encode()


def test_an_id_that_is_given_once_is_one_row(shop):
    shop.bank_account("123")
    assert upload(shop, moota("m1")).new_rows == 1
    again = upload(shop, moota("m1", "m1", date="2026-03-17 09:00:00"))
    assert (again.new_rows, again.known_rows) == (0, 2)
    assert upload(shop, moota("m2", "m2", "m1")).new_rows == 1
    assert posted(shop) == [5_000, 5_000]
