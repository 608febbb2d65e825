"""The same money in several files: it is counted once, and new money is never taken for known.

Goal: whatever overlaps, the sum of what was imported is the sum of what was paid. Method: files of several
formats that tell of the same payments, one behind the other, through the real server.
"""

import datetime as dt
import json
from typing import Any

import grpc
import pytest

from kasir.v1 import reconciliation_pb2
from server import imports
from server.imports import StatementImporter
from tests.server.support import Shop, read_refusal
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
    in_detail = camt(
        first, entry("300.00", detail("100.00", "A"), detail("200.00", "B"), reference=reference)
    )
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
        f":20:X\n:25:1234567890\n:28C:1/1\n:60F:C260501IDR1000,00\n{rows}:62F:C260531IDR{closing},00\n-\n"
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
    # Twice in one file it is one row there already.
    assert (again.new_rows, again.known_rows) == (0, 1)
    assert upload(shop, moota("m2", "m2", "m1")).new_rows == 1
    assert posted(shop) == [5_000, 5_000]


PREAMBLE = (
    "Account No.,=,'0111222333\nName,=,TOKO\nCurrency,=,IDR\n\nDate,Description,Branch,Amount,,Balance\n"
)


def klikbca(*rows: tuple[str, str, int], opening: int = 1_000) -> bytes:
    """Rows of day, text and whole rupiah; the posted ones have a balance that adds up."""
    lines, balance = [], opening
    for day, text, amount in rows:
        balance += amount
        lines.append(f"'{day},{text},'0000,{amount}.00,CR,{balance}.00\n")
    totals = f"Credit,=,{balance - opening}.00\nDebet,=,\nEnding Balance,=,{balance}.00\n"
    return (PREAMBLE + "".join(lines) + f"Starting Balance,=,{opening}.00\n" + totals).encode()


def test_a_file_without_years_is_known_a_year_later(shop, monkeypatch):
    shop.bank_account("0111222333")
    data = klikbca(("08/01", "A", 100))
    today = dt.date(2026, 1, 10)
    monkeypatch.setattr(StatementImporter, "_today", lambda _: today)
    first = upload(shop, data)
    assert (first.new_rows, first.file_known) == (1, False)
    today = dt.date(2026, 12, 27)
    again = upload(shop, data)
    assert (again.rows, again.new_rows, again.known_rows, again.file_known) == (1, 0, 1, True)
    assert [each.date for each in mutations(shop)] == ["2026-01-08"]


MAPPING = """account = "0111222333"
date_format = "DD/MM/YYYY"
decimal = "."
[columns]
date = 1
description = 2
amount = 3
"""


def test_a_file_read_by_another_mapping_is_another(shop):
    shop.bank_account("0111222333")
    data = b"02/05/2026,A,1.00,7.00\n03/05/2026,B,2.00,8.00\n"
    assert upload(shop, data, mapping=MAPPING).new_rows == 2
    assert upload(shop, data, mapping=MAPPING).file_known
    mended = upload(shop, data, mapping=MAPPING.replace("amount = 3", "amount = 4"))
    assert (mended.new_rows, mended.file_known) == (2, False)


def test_a_text_that_the_bank_completes_when_it_posts_the_row(shop):
    shop.bank_account("0111222333")
    before = "02/05/2026", "SETORAN", 50
    upload(shop, klikbca(before, ("PEND", "BI-FAST CR TRANSFER DR 014 SITI", 100)))
    row = "02/05/2026", "BI-FAST CR TRANSFER   DR 014 SITI AMINAH", 100
    again = upload(shop, klikbca(before, row))
    assert (again.new_rows, again.posted_rows) == (0, 1)
    assert posted(shop) == [50, 100]
    # The same payer pays as much again.
    more = upload(
        shop, klikbca(("03/05/2026", "SETORAN", 50), ("PEND", "BI-FAST CR TRANSFER DR 014 SITI", 100))
    )
    assert (more.new_rows, more.pending_rows) == (2, 1)


def test_an_entry_that_gets_its_reference_when_it_is_booked(shop):
    shop.bank_account(IBAN)
    upload(shop, camt("052", entry("100.00", detail("100.00", "PAY 1"), status="PDNG")))
    assert posted(shop) == []
    again = upload(shop, camt("053", entry("100.00", detail("100.00", "PAY 1"), reference="REF123456789012")))
    assert (again.new_rows, again.posted_rows) == (0, 1)
    assert posted(shop) == [100]


def test_rows_of_nobodys_account_are_not_lost_in_silence(shop):
    shop.bank_account("123")
    good, damaged = json.loads(moota("m3", "m4"))
    data = json.dumps([good, damaged | {"account_number": "1Z3"}]).encode()
    with pytest.raises(grpc.RpcError) as failed:
        upload(shop, data)
    assert read_refusal(failed.value).reason == "STATEMENT_BROKEN"
    assert mutations(shop) == []
    reply = upload(shop, data, allow_broken=True)
    assert (reply.new_rows, reply.refused_count) == (1, 1)
    # A number that is another account's is no concern of this one.
    other = json.dumps([good, damaged | {"account_number": "999"}]).encode()
    assert upload(shop, other).known_rows == 1


def in_currency(currency: str, text: str) -> bytes:
    return (
        f":20:X\n:25:1234567890\n:28C:1/1\n:60F:C260501{currency}1000,00\n"
        f":61:2605020502C100,00NTRFNONREF\n:86:{text}\n:62F:C260502{currency}1100,00\n-\n"
    ).encode()


@pytest.mark.parametrize("is_named", [False, True])
def test_an_account_of_several_currencies(shop, is_named):
    account_id = shop.bank_account("1234567890")
    header = {"bank_account_id": account_id} if is_named else {}
    reply = upload(shop, in_currency("USD", "A") + in_currency("IDR", "B"), **header)
    assert reply.new_rows == 1
    assert [each.description for each in mutations(shop)] == ["B"]
    with pytest.raises(grpc.RpcError) as failed:
        upload(shop, in_currency("USD", "A") + in_currency("EUR", "C"), **header)
    assert read_refusal(failed.value).reason == "CURRENCY_MISMATCH"


def test_only_rows_that_were_not_taken_are_counted_as_such(shop):
    shop.bank_account("0111222333")
    rows = "".join(f"02/05/2026,t {index},1.00,{index * 7}.00\n" for index in range(1_500))
    mapping = MAPPING + "balance = 4\n"
    reply = upload(
        shop, (rows + "02/05/2026,last,x,1.00\n").encode(), size=60_000, mapping=mapping, allow_broken=True
    )
    assert (reply.new_rows, reply.refused_count) == (1_500, 1)


def test_a_row_that_the_engine_refuses_refuses_the_whole_file(shop, engine, monkeypatch):
    """Nothing of a file is imported when its 5,001st row is refused."""
    shop.bank_account("0111222333")
    rows = "".join(f"02/05/2026,t {index},{index + 1}.00\n" for index in range(5_001)).encode()
    revision = engine.revision()
    with monkeypatch.context() as patched:
        made = imports._command

        def spoilt(*args: Any) -> bytes:
            command = reconciliation_pb2.ImportMutationsRequest.FromString(made(*args))
            for mutation in command.mutations:
                if mutation.amount.minor_units == 500_100:
                    mutation.date = "3026-05-02"
            return command.SerializeToString()

        patched.setattr(imports, "_command", spoilt)
        with pytest.raises(grpc.RpcError) as failed:
            upload(shop, rows, size=60_000, mapping=MAPPING)
    refused = read_refusal(failed.value)
    assert (refused.reason, refused.details["line"]) == ("FIELD_MALFORMED", "5001")
    assert engine.revision() == revision
    assert upload(shop, rows, size=60_000, mapping=MAPPING).new_rows == 5_001
