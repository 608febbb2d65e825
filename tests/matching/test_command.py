"""`kasir match`: files in, decisions out, and nothing written when a line is wrong.

Method: the command as people call it, in this process; files of a few lines.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kasir.cli import app

ORDER = {
    "order_id": "INV-2026-000123",
    "account": "0111222333",
    "currency": "IDR",
    "payable_minor": 10_843_700,
    "unique_code": 437,
    "paid_minor": 0,
    "customer_name": "Budi Santoso",
    "create_time": "2026-11-20T08:00:00+07:00",
    "expire_time": "2026-11-21T08:00:00+07:00",
    "channel": "unknown to the matcher",
}
MUTATION = {
    "mutation_id": 1,
    "account": "0111222333",
    "currency": "IDR",
    "date": "2026-11-20",
    "amount_minor": 10_843_700,
    "direction": "CR",
    "status": "POSTED",
    "description": "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO",
}


def write(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def match(folder: Path, orders: list[dict], mutations: list[dict], *more: str) -> tuple[Result, list[dict]]:
    out = folder / "matches.jsonl"
    command = [
        "match",
        "--orders",
        str(write(folder / "orders.jsonl", orders)),
        "--mutations",
        str(write(folder / "mutations.jsonl", mutations)),
        "--out",
        str(out),
        *more,
    ]
    result = CliRunner().invoke(app, command)
    return result, [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def test_each_mutation_gets_a_line_in_its_place(tmp_path):
    mutations = [
        MUTATION | {"mutation_id": "out", "direction": "DB"},
        MUTATION,
        MUTATION | {"mutation_id": "pending", "status": "PENDING"},
        MUTATION | {"mutation_id": "elsewhere", "account": "999"},
        MUTATION | {"mutation_id": "salary", "amount_minor": 500_000_000, "description": "GAJI"},
    ]
    result, lines = match(tmp_path, [ORDER], mutations)
    assert result.exit_code == 0, result.output
    assert [line["mutation_id"] for line in lines] == ["out", 1, "pending", "elsewhere", "salary"]
    assert [line["decision"] for line in lines] == ["NONE", "AUTO", "NONE", "NONE", "NONE"]
    assert lines[0]["reasons"] == ["It is money out."]
    assert lines[2]["reasons"] == ["It is pending: the bank has not posted it."]
    found = lines[1]
    assert found["allocations"] == [
        {"order_id": "INV-2026-000123", "amount_minor": 10_843_700, "write_off_minor": 0}
    ]
    assert found["candidates"][0]["order_ids"] == ["INV-2026-000123"]
    assert found["score"] > 4_000
    assert found["margin"] > 3_000
    assert found["reasons"][0] == "The amount is exactly what order INV-2026-000123 has to pay (+7.0)."
    assert "5 mutations, 1 orders: 1 AUTO, 0 SUGGESTED, 0 AMBIGUOUS, 4 NONE" in result.output


def test_the_number_at_the_end_of_an_id_names_the_order(tmp_path):
    orders = [ORDER | {"order_id": f"INV-2026-{number:06}", "customer_name": ""} for number in (4123, 4124)]
    mutation = MUTATION | {"description": "TRSF E-BANKING CR 2011/FTSCY/WS95031  108437.00inv 004124"}
    _, lines = match(tmp_path, orders, [mutation])
    assert [allocation["order_id"] for allocation in lines[0]["allocations"]] == ["INV-2026-004124"]


def test_a_paid_order_is_matched_no_more(tmp_path):
    _, lines = match(tmp_path, [ORDER | {"paid_minor": 10_843_700}], [MUTATION])
    assert lines[0]["decision"] == "NONE"


def test_a_fee_is_let_go_as_far_as_asked(tmp_path):
    mutation = MUTATION | {"amount_minor": 10_843_700 - 250_000}
    _, lines = match(tmp_path, [ORDER], [mutation])
    assert lines[0]["allocations"][0]["write_off_minor"] == 250_000
    _, lines = match(tmp_path, [ORDER], [mutation], "--write-off-max", "0")
    assert lines[0]["decision"] != "AUTO"


@pytest.mark.parametrize(
    ("orders", "mutations", "words"),
    [
        ([{"order_id": 1}], [MUTATION], "orders.jsonl, line 1: missing field `account`"),
        ([ORDER, ORDER], [MUTATION], "orders.jsonl, line 2: order INV-2026-000123 stands in line 1 too"),
        ([ORDER | {"create_time": "yesterday"}], [MUTATION], "line 1: yesterday is no RFC 3339 time"),
        ([ORDER | {"currency": "RPX"}], [MUTATION], "line 1: RPX is no currency"),
        ([ORDER | {"payable_minor": 0}], [MUTATION], "line 1: payable_minor has to be above 0"),
        ([ORDER], [MUTATION, MUTATION | {"mutation_id": 2, "date": "2026-13-01"}], "mutations.jsonl, line 2"),
        ([ORDER], [MUTATION | {"direction": "UP"}], "line 1: UP is no direction"),
        ([ORDER], [MUTATION | {"status": "SOON"}], "line 1: SOON is no status"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(tmp_path, orders, mutations, words):
    result, lines = match(tmp_path, orders, mutations)
    assert result.exit_code == 2
    assert words in result.output
    assert lines == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mutations.jsonl", "orders.jsonl"]


def test_a_missing_file_is_named(tmp_path):
    command = ["match", "--orders", "none.jsonl", "--mutations", "none.jsonl", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "none.jsonl" in result.output


def test_an_offset_that_is_none_is_refused(tmp_path):
    result, lines = match(tmp_path, [ORDER], [MUTATION], "--utc-offset", "WIB")
    assert result.exit_code == 2
    assert lines == []


def test_help_shows_an_example():
    result = CliRunner().invoke(app, ["match", "--help"])
    assert result.exit_code == 0
    assert "kasir match --orders orders.jsonl" in result.output
