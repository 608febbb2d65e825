"""One account number in two currencies: the bank's file, or whoever sends it, says which account is meant.

Goal: dollars never stand in the account of rupiah. Method: MT940 files of both, and files that name no
currency, sent to the real server.
"""

import grpc
import pytest

from kasir.v1 import reconciliation_pb2
from tests.server.support import Shop, new_id, read_refusal
from tests.server.test_import_statement import mutations, upload

NUMBER = "0111222333"
# BNI's table names no currency.
BNI = (
    f"Account No,{NUMBER}\nPost Date,Value Date,Branch,Journal No.,Description,Debit,Credit,\n"
    '16/03/26 09.34.53,16/03/26 09.34.53,0123,987654,SETORAN,.00,"150,000.00",\n'
).encode()


def mt940(*parts: tuple[str, int]) -> bytes:
    """A message of one row for each currency and amount."""
    return "".join(
        f":20:STMT{place}\n:25:{NUMBER}\n:28C:{place}/1\n:60F:C260501{currency}1000,00\n"
        f":61:2605020502C{amount},00NTRFNONREF//REF{place}\n:86:SETORAN {currency}\n"
        f":62F:C260502{currency}{1000 + amount},00\n-\n"
        for place, (currency, amount) in enumerate(parts, start=1)
    ).encode()


def account(shop: Shop, currency: str, number: str = NUMBER) -> int:
    wanted = reconciliation_pb2.BankAccount(bank="BCA", number=number, holder="Toko", currency_code=currency)
    request = reconciliation_pb2.CreateBankAccountRequest(request_id=new_id(), bank_account=wanted)
    return shop.reconciliation.CreateBankAccount(request).bank_account.bank_account_id


def refused(call, *args, **fields):
    with pytest.raises(grpc.RpcError) as failed:
        call(*args, **fields)
    return read_refusal(failed.value)


@pytest.fixture
def shop(channel):
    return Shop(channel)


@pytest.fixture
def ids(shop):
    return {currency: account(shop, currency) for currency in ("IDR", "USD", "SGD")}


def test_a_number_is_one_accounts_in_each_currency(shop, ids, engine):
    assert len(set(ids.values())) == 3
    for currency in ids:
        taken = refused(account, shop, currency)
        assert (taken.reason, taken.details["field"]) == ("CODE_TAKEN", "bank_account.number")
    assert engine.verify()["ok"]


def test_number_and_currency_of_the_file_say_which(shop, ids):
    for currency, amount in (("USD", 7), ("IDR", 50_000), ("SGD", 3)):
        reply = upload(shop, mt940((currency, amount)))
        assert (reply.bank_account_id, reply.new_rows) == (ids[currency], 1)
    assert [(each.bank_account_id, each.amount.currency_code) for each in mutations(shop)] == [
        (ids[currency], currency) for currency in ("USD", "IDR", "SGD")
    ]


def test_of_a_file_of_both_somebody_says_which(shop, ids):
    both = mt940(("IDR", 50_000), ("USD", 7))
    several = refused(upload, shop, both)
    assert several.reason == "STATEMENT_BROKEN"
    assert f"{NUMBER} IDR, {NUMBER} USD" in several.message
    for currency, minor_units in (("USD", 700), ("IDR", 5_000_000)):
        reply = upload(shop, both, bank_account_id=ids[currency])
        assert (reply.bank_account_id, reply.rows) == (ids[currency], 1)
        assert mutations(shop)[-1].amount.minor_units == minor_units
        assert mutations(shop)[-1].amount.currency_code == currency


def test_a_currency_in_which_the_shop_has_no_account_is_refused(shop, ids):
    wrong = refused(upload, shop, mt940(("EUR", 7)))
    assert (wrong.reason, wrong.details["field"]) == ("CURRENCY_MISMATCH", "header.bank_account_id")
    named = refused(upload, shop, mt940(("USD", 7)), bank_account_id=ids["IDR"])
    assert named.reason == "CURRENCY_MISMATCH"
    assert mutations(shop) == []


def test_a_file_without_a_currency_is_refused_until_somebody_says_which(shop, ids):
    unclear = refused(upload, shop, BNI)
    assert (unclear.code, unclear.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BANK_ACCOUNT_AMBIGUOUS")
    assert unclear.details["field"] == "header.bank_account_id"
    assert "IDR, USD, SGD" in unclear.message
    assert mutations(shop) == []
    assert upload(shop, BNI, bank_account_id=ids["IDR"]).new_rows == 1
    dollars = refused(upload, shop, BNI, bank_account_id=ids["USD"])
    assert (dollars.reason, "read as IDR" in dollars.message) == ("CURRENCY_MISMATCH", True)


def test_a_file_without_a_currency_is_of_the_only_account(shop):
    only = account(shop, "IDR")
    assert upload(shop, BNI).bank_account_id == only


def test_a_mapping_that_names_no_currency_is_not_taken_for_one(shop, ids):
    csv = f"Waktu,Nominal,Rekening\n2026-05-02,7.00,{NUMBER}\n".encode()
    columns = '[columns]\ndate = "Waktu"\namount = "Nominal"\naccount = "Rekening"\n'
    assert refused(upload, shop, csv, mapping=columns).reason == "BANK_ACCOUNT_AMBIGUOUS"
    reply = upload(shop, csv, mapping='currency = "USD"\n' + columns)
    assert reply.bank_account_id == ids["USD"]
