"""A bank's file over the wire: taken whole or not at all, once however often it is sent.

Goal: no mutation is lost, doubled or half imported. Method: KlikBCA files made here, with running balances
that add up, sent in pieces to the real server.
"""

import uuid

import grpc
import pytest

from kasir.v1 import reconciliation_pb2
from tests.server.support import Shop, new_id, read_refusal, refusal

NUMBER = "0111222333"
OPENING = 1_000_000
Request = reconciliation_pb2.ImportStatementRequest
POSTED = reconciliation_pb2.MUTATION_STATE_POSTED
IGNORED = reconciliation_pb2.MUTATION_STATE_IGNORED


@pytest.fixture
def shop(channel):
    return Shop(channel)


@pytest.fixture
def account_id(shop):
    return shop.bank_account(NUMBER)


def klikbca(amounts: list[int], number: str = NUMBER, closing_error: int = 0, note: str = "SETORAN") -> bytes:
    """A file of rows of whole rupiah, negative for money out, all on one day."""
    lines = [
        f"Account No.,=,'{number}",
        "Name,=,TOKO MAJU",
        "Currency,=,IDR",
        "",
        "Date,Description,Branch,Amount,,Balance",
    ]
    balance = OPENING
    for index, amount in enumerate(amounts):
        balance += amount
        lines.append(
            f"'02/05/2026,{note} {index},'0000,{abs(amount)}.00,{'CR' if amount > 0 else 'DB'},{balance}.00"
        )
    credit = sum(amount for amount in amounts if amount > 0)
    debit = -sum(amount for amount in amounts if amount < 0)
    lines += [
        f"Starting Balance,=,{OPENING}.00",
        f"Credit,=,{credit}.00",
        f"Debet,=,{debit}.00",
        f"Ending Balance,=,{balance + closing_error}.00",
        "",
    ]
    return "\n".join(lines).encode()


def pieces(data: bytes, size: int = 1000, **header):
    yield Request(header=Request.Header(**{"request_id": new_id(), **header}))
    for start in range(0, len(data), size):
        yield Request(chunk=data[start : start + size])


def upload(shop: Shop, data: bytes, size: int = 1000, **header) -> reconciliation_pb2.ImportStatementResponse:
    return shop.reconciliation.ImportStatement(pieces(data, size, **header), timeout=60)


def mutations(shop: Shop) -> list[reconciliation_pb2.Mutation]:
    found, token = [], ""
    while True:
        page = shop.reconciliation.ListMutations(
            reconciliation_pb2.ListMutationsRequest(page_size=1000, page_token=token)
        )
        found.extend(page.mutations)
        token = page.next_page_token
        if not token:
            return found[::-1]


def test_a_file_in_pieces_becomes_mutations_in_file_order(shop, account_id):
    reply = upload(shop, klikbca([108_401, -50_000, 25_117]), size=7)
    assert (reply.format, reply.bank_account_id) == ("klikbca-individual", account_id)
    assert (reply.rows, reply.new_rows, reply.known_rows, reply.pending_rows) == (3, 3, 0, 0)
    found = mutations(shop)
    assert [mutation.mutation_id for mutation in found] == list(reply.mutation_ids)
    assert [mutation.amount.minor_units for mutation in found] == [10_840_100, -5_000_000, 2_511_700]
    assert [mutation.balance.minor_units for mutation in found] == [110_840_100, 105_840_100, 108_351_800]
    assert {mutation.date for mutation in found} == {"2026-05-02"}
    # Money out pays for no order.
    assert [mutation.state for mutation in found] == [POSTED, IGNORED, POSTED]


def test_the_same_request_again_gets_the_first_reply(shop, account_id, engine):
    header = {"request_id": new_id()}
    data = klikbca([1_000, 2_000])
    first = upload(shop, data, **header)
    revision = engine.revision()
    assert upload(shop, data, size=13, **header) == first
    assert engine.revision() == revision


def test_the_same_file_again_adds_nothing(shop, account_id):
    upload(shop, klikbca([1_000, 2_000]))
    again = upload(shop, klikbca([1_000, 2_000]))
    assert (again.new_rows, again.known_rows, list(again.mutation_ids)) == (0, 2, [])


def test_a_longer_file_of_the_same_day_adds_what_is_new(shop, account_id):
    upload(shop, klikbca([1_000, 2_000]))
    longer = upload(shop, klikbca([1_000, 2_000, 3_000]))
    assert (longer.new_rows, longer.known_rows) == (1, 2)


def test_the_same_request_id_with_another_file_is_refused(shop, account_id):
    header = {"request_id": new_id()}
    upload(shop, klikbca([1_000]), **header)
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([2_000]), **header))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_a_format_that_nobody_knows_is_refused(shop, account_id):
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000]), format="klikbcb"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_OUT_OF_RANGE")
    assert [field for field, _ in refused.violations] == ["header.format"]
    assert "klikbca-individual" in refused.message
    assert mutations(shop) == []


def test_a_file_longer_than_one_command_is_taken_whole(shop, account_id):
    amounts = [10_000 + index % 3 for index in range(12_001)]
    header = {"request_id": new_id()}
    first = upload(shop, klikbca(amounts), size=1 << 20, **header)
    assert (first.rows, first.new_rows) == (12_001, 12_001)
    assert len(set(first.mutation_ids)) == 12_001
    assert list(first.mutation_ids) == sorted(first.mutation_ids)
    assert upload(shop, klikbca(amounts), size=1 << 20, **header) == first
    assert len(mutations(shop)) == 12_001


def test_sums_that_do_not_add_up_are_refused_and_nothing_is_imported(shop, account_id, engine):
    before = engine.revision()
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000, 2_000], closing_error=5)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "STATEMENT_BROKEN")
    assert refused.details["problems"] == "1"
    assert refused.message.endswith(".")
    assert engine.revision() == before


def test_a_truncated_file_is_refused(shop, account_id, engine):
    before = engine.revision()
    data = klikbca([1_000, 2_000])
    refused = refusal(shop.reconciliation.ImportStatement, pieces(data[: len(data) // 2]))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "STATEMENT_BROKEN")
    assert engine.revision() == before


def test_a_broken_file_is_imported_when_that_is_wanted(shop, account_id):
    reply = upload(shop, klikbca([1_000, 2_000], closing_error=5), allow_broken=True)
    assert reply.new_rows == 2
    # Both rows were taken; what is wrong concerns the file as a whole.
    assert [row.row for row in reply.refused_rows] == [0]
    assert "Ending Balance" in reply.refused_rows[0].reason or "closing" in reply.refused_rows[0].reason


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 not a statement", b"\x00\xff" * 500, b"Dear sir,\nplease find\n"]
)
def test_what_is_no_statement_is_said_to_be_none(shop, account_id, data):
    refused = refusal(shop.reconciliation.ImportStatement, pieces(data))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "STATEMENT_UNRECOGNISED")


def test_an_account_that_is_not_the_shops(shop, account_id):
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000], number="9999999999")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "BANK_ACCOUNT_NOT_FOUND")
    assert "9999999999" in refused.message


def test_a_file_of_another_account_than_the_one_named(shop, account_id):
    other = shop.bank_account("5555555555")
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000]), bank_account_id=other))
    assert refused.reason == "STATEMENT_BROKEN"
    assert (
        refusal(shop.reconciliation.ImportStatement, pieces(b"", bank_account_id=77)).code
        != grpc.StatusCode.OK
    )


@pytest.mark.parametrize(
    ("header", "reason", "field"),
    [
        ({"request_id": ""}, "FIELD_REQUIRED", "header.request_id"),
        ({"request_id": "today"}, "FIELD_MALFORMED", "header.request_id"),
    ],
)
def test_the_upload_needs_a_uuid(shop, account_id, header, reason, field):
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000]), **header))
    assert (refused.reason, refused.details["field"]) == (reason, field)


def test_the_header_comes_first_and_once(shop, account_id):
    upload = shop.reconciliation.ImportStatement
    assert refusal(upload, iter([])).details["field"] == "header"
    assert refusal(upload, iter([Request(chunk=b"x")])).details["field"] == "header"
    header = Request(header=Request.Header(request_id=str(uuid.uuid4())))
    assert refusal(upload, iter([header, header])).details["field"] == "chunk"


def test_a_piece_that_is_too_large(shop, account_id):
    refused = refusal(shop.reconciliation.ImportStatement, pieces(b"x" * (2 << 20), size=2 << 20))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


def test_a_file_that_is_too_large_is_refused_while_it_comes(shop, account_id):
    def endless():
        yield Request(header=Request.Header(request_id=new_id()))
        while True:
            yield Request(chunk=b"," * (1 << 20))

    with pytest.raises(grpc.RpcError) as failed:
        shop.reconciliation.ImportStatement(endless(), timeout=60)
    refused = read_refusal(failed.value)
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "FILE_TOO_LARGE")


def test_a_foreign_currency_is_refused(shop):
    account = reconciliation_pb2.BankAccount(bank="BCA", number=NUMBER, holder="Toko", currency_code="USD")
    shop.reconciliation.CreateBankAccount(
        reconciliation_pb2.CreateBankAccountRequest(request_id=new_id(), bank_account=account)
    )
    refused = refusal(shop.reconciliation.ImportStatement, pieces(klikbca([1_000])))
    assert refused.reason == "CURRENCY_MISMATCH"
