"""Saved column mappings: what is a stranger's CSV to Kasir is the account's own file once somebody said how.

Goal: a mapping that was saved is found by its name or by the file's header, never the wrong one, and lasts.
Method: CSV files and spreadsheets sent to the real server.
"""

from pathlib import Path

import grpc
import pytest

from engine import Engine
from kasir.v1 import reconciliation_pb2
from tests.server.support import Shop, new_id, read_refusal
from tests.server.test_import_statement import NUMBER, klikbca, mutations, upload

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
COLUMNS = """
currency = "IDR"
date_format = "DD/MM/YYYY"
decimal = ","

[columns]
date = "Waktu"
description = "Catatan"
amount = "Nominal"
"""
CSV = b"Laporan transaksi\nWaktu;Catatan;Nominal\n02/05/2026;SETORAN;108.401,00\n03/05/2026;BIAYA;-6.500,00\n"
SHEET = """
[columns]
date = "Tanggal"
description = "Uraian"
amount = "Jumlah"
balance = "Saldo"
"""


@pytest.fixture
def shop(channel):
    return Shop(channel)


@pytest.fixture
def account_id(shop):
    return shop.bank_account(NUMBER)


def save(shop: Shop, account_id: int, name: str = "jago", mapping: str = COLUMNS):
    asked = reconciliation_pb2.ColumnMapping(bank_account_id=account_id, name=name, mapping=mapping)
    request = reconciliation_pb2.SaveColumnMappingRequest(request_id=new_id(), column_mapping=asked)
    return shop.reconciliation.SaveColumnMapping(request).column_mapping


def saved(shop: Shop, account_id: int = 0):
    request = reconciliation_pb2.ListColumnMappingsRequest(bank_account_id=account_id)
    return list(shop.reconciliation.ListColumnMappings(request).column_mappings)


def refused_upload(shop: Shop, data: bytes, **header):
    with pytest.raises(grpc.RpcError) as failed:
        upload(shop, data, **header)
    return read_refusal(failed.value)


def test_a_saved_mapping_is_found_by_the_header(shop, account_id):
    assert refused_upload(shop, CSV).reason == "STATEMENT_UNRECOGNISED"
    save(shop, account_id)
    for header in ({}, {"bank_account_id": account_id}):
        reply = upload(shop, CSV, **header)
        assert (reply.format, reply.mapping_name) == ("mapped-csv", "jago")
        assert (reply.bank_account_id, reply.rows) == (account_id, 2)
    assert [each.amount.minor_units for each in mutations(shop)] == [10_840_100, -650_000]


def test_a_spreadsheet_of_the_old_kind_finds_its_mapping_too(shop, account_id):
    data = (SAMPLES / "xls" / "writeexcel_mapped.xls").read_bytes()
    assert refused_upload(shop, data).reason in {"STATEMENT_UNRECOGNISED", "STATEMENT_BROKEN"}
    save(shop, account_id, "sheet", SHEET)
    reply = upload(shop, data)
    assert (reply.mapping_name, reply.bank_account_id, reply.new_rows) == ("sheet", account_id, 4)


def test_it_is_found_by_its_name_in_any_case(shop, account_id):
    save(shop, account_id, "Jago", COLUMNS.replace('"Waktu"', "1"))
    save(shop, account_id, "other", COLUMNS)
    reply = upload(shop, CSV, mapping_name="JAGO")
    assert (reply.mapping_name, reply.new_rows) == ("Jago", 2)
    refused = refused_upload(shop, CSV, mapping_name="jogo")
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "COLUMN_MAPPING_NOT_FOUND")
    assert refused.details["field"] == "header.mapping_name"
    assert "there are: other, Jago" in refused.message
    both = refused_upload(shop, CSV, mapping_name="jago", mapping=COLUMNS)
    assert (both.reason, both.details["field"]) == ("FIELD_MALFORMED", "header.mapping_name")


def test_of_several_that_fit_none_is_taken(shop, account_id):
    save(shop, account_id, "long")
    save(shop, account_id, "short", '[columns]\ndate = "Waktu"\namount = "Nominal"\n')
    refused = refused_upload(shop, CSV)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "COLUMN_MAPPING_AMBIGUOUS")
    assert "short, long" in refused.message
    assert mutations(shop) == []
    assert upload(shop, CSV, mapping_name="long").new_rows == 2


def test_of_two_accounts_each_has_its_own(shop, account_id):
    other = shop.bank_account("5555555555")
    save(shop, account_id)
    save(shop, other)
    assert refused_upload(shop, CSV).reason == "COLUMN_MAPPING_AMBIGUOUS"
    named = refused_upload(shop, CSV, mapping_name="jago")
    assert (named.reason, named.details["field"]) == ("COLUMN_MAPPING_AMBIGUOUS", "header.bank_account_id")
    assert upload(shop, CSV, bank_account_id=other).bank_account_id == other
    assert [each.bank_account_id for each in saved(shop, other)] == [other]


def test_a_file_that_says_what_it_is_needs_none(shop, account_id):
    # Its columns stand in KlikBCA's header too.
    save(shop, account_id, "greedy", '[columns]\ndate = "Date"\namount = "Amount"\n')
    reply = upload(shop, klikbca([1_000]))
    assert (reply.format, reply.mapping_name) == ("klikbca-individual", "")
    sheet = (SAMPLES / "xls" / "xlwt_bni.xls").read_bytes()
    bni = shop.bank_account("0987654321")
    save(shop, bni, "greedy", '[columns]\ndate = "Post Date"\namount = "Credit"\n')
    reply = upload(shop, sheet)
    assert (reply.format, reply.mapping_name, reply.bank_account_id) == ("bni", "", bni)


def test_a_file_that_fits_none_is_refused_with_their_names(shop, account_id):
    save(shop, account_id)
    refused = refused_upload(shop, CSV.replace(b"Nominal", b"Jumlah"))
    assert refused.reason == "STATEMENT_UNRECOGNISED"
    assert "no saved mapping fits its header (jago)" in refused.message


def test_one_of_the_same_name_takes_the_place(shop, account_id, engine):
    first = save(shop, account_id)
    again = save(shop, account_id, "JAGO", COLUMNS.replace("Nominal", "Jumlah"))
    assert again.column_mapping_id == first.column_mapping_id
    assert [(each.name, "Jumlah" in each.mapping) for each in saved(shop)] == [("JAGO", True)]
    assert (again.saved_by, again.save_time.ToMilliseconds() > 0) == ("anonymous", True)
    assert upload(shop, CSV.replace(b"Nominal", b"Jumlah")).new_rows == 2
    assert engine.verify()["ok"]


def test_what_is_deleted_reads_nothing_any_more(shop, account_id, engine):
    made = save(shop, account_id)
    request = reconciliation_pb2.DeleteColumnMappingRequest(
        request_id=new_id(), column_mapping_id=made.column_mapping_id
    )
    assert shop.reconciliation.DeleteColumnMapping(request).column_mapping == made
    assert saved(shop) == []
    assert refused_upload(shop, CSV).reason == "STATEMENT_UNRECOGNISED"
    assert save(shop, account_id).column_mapping_id > made.column_mapping_id
    assert engine.verify()["ok"]


@pytest.mark.parametrize(
    ("name", "mapping", "reason", "field", "words"),
    [
        ("jago", "[columns]\namount = 3\n", "FIELD_MALFORMED", "column_mapping.mapping", "date"),
        ("jago", "colour = 1\n", "FIELD_MALFORMED", "column_mapping.mapping", "colour"),
        ("jago", " \n", "FIELD_REQUIRED", "column_mapping.mapping", ""),
        ("jago", COLUMNS + "#" * 17_000, "FIELD_TOO_LONG", "column_mapping.mapping", "16384"),
        ("bank jago", COLUMNS, "FIELD_MALFORMED", "column_mapping.name", "blanks"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_not_saved(shop, account_id, name, mapping, reason, field, words):
    with pytest.raises(grpc.RpcError) as failed:
        save(shop, account_id, name, mapping)
    refused = read_refusal(failed.value)
    assert (refused.reason, refused.details["field"]) == (reason, field)
    assert words in refused.message
    assert saved(shop) == []


def test_it_lasts(tmp_path):
    columns = '[columns]\ndate = "Waktu"\namount = "Nominal"\n'
    account = reconciliation_pb2.BankAccount(bank="JAGO", number="1", holder="Toko", currency_code="IDR")
    service = "/kasir.v1.ReconciliationService/"
    with Engine.open(tmp_path / "store") as engine:
        made = reconciliation_pb2.CreateBankAccountRequest(request_id=new_id(), bank_account=account)
        engine.submit_blocking(service + "CreateBankAccount", made.SerializeToString(), "sari")
        mapping = reconciliation_pb2.ColumnMapping(bank_account_id=1, name="jago", mapping=columns)
        asked = reconciliation_pb2.SaveColumnMappingRequest(request_id=new_id(), column_mapping=mapping)
        engine.submit_blocking(service + "SaveColumnMapping", asked.SerializeToString(), "sari")
    with Engine.open(tmp_path / "store") as engine:
        answer = engine.query(service + "ListColumnMappings", b"")
        (found,) = reconciliation_pb2.ListColumnMappingsResponse.FromString(answer).column_mappings
        assert (found.name, found.mapping, found.saved_by) == ("jago", columns.strip(), "sari")
        assert engine.verify()["ok"]
