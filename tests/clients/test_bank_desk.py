"""Bank reconciliation at the desk, told command by command, on a real server and a real store."""

import datetime as dt
from typing import Any

import pytest

from clients.common import bank
from clients.cs import bank as cs_bank
from kasir.demo import bank_file
from tests.clients.conftest import SARI, Run

WIB = dt.timezone(dt.timedelta(hours=7))
BUDI = ("--name", "Budi Santoso", "--phone", "0811111111")

pytestmark = pytest.mark.usefixtures("shop")


def minor(money: dict[str, str]) -> int:
    return int(money["minor_units"])


def ids(mutations: list[dict[str, Any]]) -> list[str]:
    """Their numbers, oldest first."""
    return sorted((each["mutation_id"] for each in mutations), key=int)


def statement(tmp_path: Any, *rows: int | tuple[str, int]) -> str:
    """A bank's file of transfers: amounts, or texts and amounts."""
    account = bank_file.Account("1234567890", "TOKO MELATI")
    day = dt.datetime.now(WIB).date()
    named = [
        row if isinstance(row, tuple) else (f"TRSF E-BANKING CR {number} SARI DEWI", row)
        for number, row in enumerate(rows, start=1)
    ]
    path = tmp_path / "mutasi.csv"
    made = [bank_file.BankRow(day, text, amount) for text, amount in named]
    path.write_bytes(bank_file.write(account, made, opening_sen=100_000_00))
    return str(path)


def booked(ask: Run, *words: str) -> dict[str, Any]:
    order: dict[str, Any] = ask("cs", "book", "--line", "GULA-5", *(words or SARI))["order"]
    return order


def test_a_statement_pays_the_orders_it_names(run, ask, tmp_path):
    first, second = booked(ask), booked(ask)
    payable = [int(order["payable"]["minor_units"]) for order in (first, second)]
    path = statement(tmp_path, *payable, 12_345_00)
    imported = ask("cs", "import", path)
    assert (imported["rows"], imported["new_rows"]) == (3, 3)
    assert imported["bank_account_id"] == "1"
    again = ask("cs", "import", path)
    assert (again["new_rows"], again["known_rows"], again["file_known"]) == (0, 3, True)

    proposed = ask("cs", "match")
    assert (proposed["auto"], proposed["unmatched"]) == (2, 1)
    confirmed = ask("cs", "confirm", "--all-auto")["results"]
    assert {order for each in confirmed for order in each["order_ids"]} == {"1", "2"}
    assert {each["state"] for each in ask("cs", "bookings")["orders"]} == {"ORDER_STATE_PAID"}

    (left,) = ask("cs", "mutations", "--state", "posted")["mutations"]
    run("cs", "ignore", left["mutation_id"], "--reason", "interest")
    assert "interest" in run("cs", "mutations", "--state", "ignored").stdout

    taken_back = confirmed[0]["mutation_id"]
    run("cs", "undo", taken_back)
    assert ask("cs", "bookings", "--state", "booked")["orders"][0]["order_id"] == confirmed[0]["order_ids"][0]
    run("cs", "allocate", taken_back, confirmed[0]["order_ids"][0])
    assert len(ask("cs", "sell", "--all-paid")["results"]) == 2
    refused = run("cs", "undo", taken_back, status=1)
    assert "A sold order keeps its payment." in refused.stderr


def test_too_much_money_becomes_credit_only_when_said_so(run, ask, tmp_path):
    booked(ask)
    run("cs", "import", statement(tmp_path, 50_000_00))
    (mutation,) = ask("cs", "mutations")["mutations"]
    refused = run("cs", "allocate", mutation["mutation_id"], "1", status=1)
    assert "--credit" in refused.stderr
    run("cs", "allocate", mutation["mutation_id"], "1", "--credit")
    assert int(ask("cs", "customers", "#1")["customer"]["credit"]["minor_units"]) > 17_000_00


def test_the_money_of_a_cancelled_order_is_given_back(run, ask):
    booked(ask, *SARI, "--no-account")
    run("cs", "pay", "1", "--amount", "10.000", "--method", "cash")
    run("cs", "cancel", "1")
    assert "Rp 10.000" in run("cs", "refunds").stdout
    run("cs", "refund", "1", "--reference", "BCA-77")
    assert ask("cs", "refunds")["orders"] == []
    assert ask("cs", "show", "1")["order"]["refund_reference"] == "BCA-77"


@pytest.mark.parametrize("content", [b"\x00\xff" * 500, b"hello\nworld\n", b"PK\x03\x04 zip"])
def test_a_file_that_is_no_statement_is_refused_in_words(run, ask, tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert "Nothing was imported." in run("cs", "import", str(path), status=1).stderr
    assert ask("cs", "mutations")["mutations"] == []


def test_an_empty_file_is_not_even_sent(run, tmp_path):
    path = tmp_path / "x.csv"
    path.touch()
    assert "is empty" in run("cs", "import", str(path), status=2).stderr


def test_two_transfers_for_one_order_are_proposed_and_confirmed_together(run, ask, tmp_path):
    order = booked(ask)
    half = minor(order["payable"]) // 2
    run("cs", "import", statement(tmp_path, half, minor(order["payable"]) - half))
    run("cs", "match")
    (proposal,) = ask("cs", "proposals")["proposals"]
    assert len(proposal["mutations"]) == 2
    assert proposal["orders"] == [{"order_id": "1", "customer_name": "Sari Dewi"}]
    shown = run("cs", "proposals").stdout
    assert "order 1 Sari Dewi, booked" in shown
    assert f"together {minor(order['payable']) // 100:,}".replace(",", ".") in shown.replace("Rp ", "")
    first, second = ids(proposal["mutations"])
    assert f"order 1 with {second}?" in run("cs", "mutations").stdout
    confirmed = run("cs", "confirm", first).stdout
    assert f"{first} + {second}" in confirmed
    assert "Paid together" in confirmed
    assert ask("cs", "show", "1")["order"]["state"] == "ORDER_STATE_PAID"


def test_two_equal_transfers_for_one_order_are_left_to_a_person(run, ask, tmp_path):
    payable = minor(booked(ask)["payable"])
    # Nobody's name: each may be the one.
    nameless = ("TRSF E-BANKING CR", payable)
    run("cs", "import", statement(tmp_path, nameless, nameless))
    run("cs", "match")
    assert ask("cs", "proposals", "--decision", "auto")["proposals"] == []
    listed = ask("cs", "proposals", "--decision", "ambiguous")["proposals"]
    first, second = ids([mutation for each in listed for mutation in each["mutations"]])
    shown = run("cs", "proposals", "--decision", "ambiguous").stdout
    assert "several fit equally" in shown
    assert "order 1 Sari Dewi, booked" in shown
    refused = run("cs", "confirm", first, status=1).stdout
    assert "kasir cs allocate MUTATION ORDER" in refused
    run("cs", "allocate", first, "1")
    run("cs", "allocate", second, "--credit-to", "#1")
    assert minor(ask("cs", "customers", "#1")["customer"]["credit"]) == payable


def test_a_mutation_says_who_paid_and_what_it_may_pay_and_why(run, ask, tmp_path):
    order = booked(ask)
    run("cs", "import", statement(tmp_path, minor(order["payable"])))
    run("cs", "match")
    shown = run("cs", "mutation", "1").stdout
    for words in ("Mutation 1: proposed", "order 1 Sari Dewi, booked", "sure", "Because"):
        assert words in shown
    run("cs", "confirm", "--all-auto")
    assert "order 1 Sari Dewi, paid" in run("cs", "mutation", "1").stdout
    assert "mutation 1" in run("cs", "show", "1").stdout
    assert "MUTATION_STATE_CONFIRMED" in str(ask("cs", "mutation", "1"))


def test_what_was_sure_before_more_money_came_is_not_confirmed_with_all(run, ask, tmp_path):
    row = ("TRSF E-BANKING CR", minor(booked(ask)["payable"]))
    run("cs", "import", statement(tmp_path, row))
    assert ask("cs", "match")["auto"] == 1
    assert ask("cs", "import", statement(tmp_path, row, row))["new_rows"] == 1
    assert ask("cs", "confirm", "--all-auto")["results"] == []
    assert {each["state"] for each in ask("cs", "bookings")["orders"]} == {"ORDER_STATE_BOOKED"}


def test_what_a_transfer_is_short_of_is_written_off_within_the_rules(run, ask, tmp_path):
    payable = minor(booked(ask)["payable"])
    run("cs", "import", statement(tmp_path, payable - 2_500_00))
    refused = run("cs", "allocate", "1", "1", "--write-off", "2.500", status=1)
    assert "Order 1 would have Rp 2.500 left to pay" in refused.stderr
    assert "kasir cs rules" in refused.stderr
    run("cs", "rules", "--write-off-max", "2.500")
    run("cs", "allocate", "1", "1", "--write-off", "2.500")
    shown = run("cs", "show", "1").stdout
    assert "Book Order 1: paid" in shown
    assert "Written off" in shown
    assert "Rp 2.500 written off" in run("cs", "mutations").stdout
    assert "nothing left to pay" in run("cs", "pay", "1", "--method", "cash", status=2).stderr
    nobodys = run("cs", "allocate", "1", "--credit-to", "#1", "--write-off", "2.500", status=2)
    assert "Name the order" in nobodys.stderr


def test_transfers_are_joined_by_hand(run, ask, tmp_path):
    payable = minor(booked(ask)["payable"])
    rows = [("TRSF E-BANKING CR ANI", 10_000_00), ("TRSF E-BANKING CR BUDI", payable - 11_000_00)]
    run("cs", "import", statement(tmp_path, *rows))
    run("cs", "rules", "--write-off-max", "1.000")
    outcome = ask("cs", "join", "1", "1", "2", "--write-off", "1.000")
    assert outcome["order"]["state"] == "ORDER_STATE_PAID"
    assert minor(outcome["order"]["written_off"]) == 1_000_00
    assert [each["state"] for each in outcome["mutations"]] == ["MUTATION_STATE_CONFIRMED"] * 2
    run("cs", "undo", "2")
    run("cs", "undo", "1")
    alone = run("cs", "join", "1", "1", status=1)
    assert "Traceback" not in alone.stderr


def test_too_much_of_joined_transfers_becomes_credit_only_when_said_so(run, ask, tmp_path):
    payable = minor(booked(ask)["payable"])
    run("cs", "import", statement(tmp_path, 10_000_00, payable))
    assert "--credit" in run("cs", "join", "1", "1", "2", status=1).stderr
    run("cs", "join", "1", "1", "2", "--credit")
    assert minor(ask("cs", "customers", "#1")["customer"]["credit"]) == 10_000_00


def test_rules_are_shown_and_only_what_is_named_changes(run, ask):
    shown = run("cs", "rules").stdout
    assert "nothing" in shown
    run("cs", "rules", "--write-off-max", "6.500", "--propose")
    changed = ask("cs", "rules", "--confirm")["bank_account"]["matching_rules"]
    assert minor(changed["write_off_max"]) == 6_500_00
    assert (changed["propose_by_itself"], changed["confirm_by_itself"]) == (True, True)
    assert "Rp 6.500" in run("cs", "rules").stdout
    assert "--no-confirm" in run("cs", "rules", "--no-propose", status=2).stderr
    off = ask("cs", "rules", "--no-propose", "--no-confirm", "--write-off-max", "0")["bank_account"]
    assert off["matching_rules"] == {
        "write_off_max": {"currency_code": "IDR", "minor_units": "0"},
        "propose_by_itself": False,
        "confirm_by_itself": False,
    }


def test_a_file_too_large_to_keep_is_sent_and_known_when_it_comes_again(run, ask, tmp_path, monkeypatch):
    monkeypatch.setattr(bank, "KEPT_BYTES_MAX", 10)
    monkeypatch.setattr(bank, "PIECE_BYTES", 64)
    path = statement(tmp_path, 10_000_00, 20_000_00)
    assert ask("cs", "import", path)["new_rows"] == 2
    assert ask("cs", "import", path)["known_rows"] == 2


def test_a_mapping_that_is_no_text_is_not_sent(run, tmp_path):
    path, mapping = statement(tmp_path, 10_000_00), tmp_path / "columns.toml"
    mapping.write_bytes(b"\xff\xfe")
    assert "no text" in run("cs", "import", path, "--mapping", str(mapping), status=2).stderr
    mapping.write_bytes(b"x" * (cs_bank.MAPPING_BYTES_MAX + 1))
    assert "too long" in run("cs", "import", path, "--mapping", str(mapping), status=2).stderr


def test_open_money_is_reported_and_listed(run, ask, tmp_path):
    assert "No money stands open." in run("report", "money").stdout
    payable = minor(booked(ask)["payable"])
    run("cs", "import", statement(tmp_path, payable + 5_000_00, 7_000_00))
    run("cs", "allocate", "1", "1", "--credit")
    booked(ask, *BUDI, "--no-account")
    run("cs", "pay", "2", "--amount", "10.000", "--method", "cash")
    run("cs", "cancel", "2")
    report = ask("report", "money")
    assert {each["kind"]: (each["count"], minor(each["amount"])) for each in report["open_money"]} == {
        "OPEN_KIND_REFUND_DUE": ("1", 10_000_00),
        "OPEN_KIND_CREDIT": ("1", 5_000_00),
        "OPEN_KIND_UNMATCHED": ("1", 7_000_00),
    }
    assert {each["metric"] for each in report["totals"]} == {"METRIC_REFUNDS_DUE", "METRIC_CREDITS"}
    shown = run("report", "money").stdout
    for words in ("To give back", "Rp 10.000", "kasir cs refunds", "Customers' credit", "Today, "):
        assert words in shown
    (with_credit,) = ask("cs", "credits")["customers"]
    assert (with_credit["name"], minor(with_credit["credit"])) == ("Sari Dewi", 5_000_00)
    assert "Rp 5.000" in run("cs", "credits").stdout


def test_a_mapping_that_is_saved_reads_the_next_file_by_itself(run, ask, tmp_path):
    columns, bad, file = (tmp_path / name for name in ("columns.toml", "bad.toml", "mutasi.csv"))
    columns.write_text('[columns]\ndate = "Waktu"\ndescription = "Catatan"\namount = "Nominal"\n')
    bad.write_text("[columns]\namount = 3\n")
    file.write_text("Waktu,Catatan,Nominal\n2026-05-02,SETORAN,108401.00\n")
    refused = run("cs", "save-mapping", "jago", str(bad), status=1)
    assert "date" in refused.stderr
    made = ask("cs", "save-mapping", "jago", str(columns))["column_mapping"]
    assert (made["name"], made["bank_account_id"]) == ("jago", "1")
    assert [each["name"] for each in ask("cs", "mappings")["column_mappings"]] == ["jago"]
    assert "Nominal" in run("cs", "mappings", "JAGO").stdout
    assert ask("cs", "import", str(file))["mapping_name"] == "jago"
    assert ask("cs", "import", str(file), "--saved", "jago")["known_rows"] == 1
    assert "kasir cs mappings" in run("cs", "import", str(file), "--saved", "nobody", status=1).stderr
    assert "There are: jago" in run("cs", "delete-mapping", "nobody", status=2).stderr
    run("cs", "delete-mapping", "jago")
    assert ask("cs", "mappings").get("column_mappings", []) == []


def test_a_number_in_two_currencies_is_said_with_its_own(run, ask):
    run("setup", "account", "BCA", "1234567890", "Toko Melati", "--currency", "usd")
    unclear = run("cs", "rules", "--account", "1234567890", status=2).stderr
    assert "say 1234567890 IDR or 1234567890 USD" in unclear
    for name, account_id in (("1234567890 USD", "2"), ("bca usd", "2"), ("1234567890 idr", "1")):
        assert ask("cs", "rules", "--account", name)["bank_account"]["bank_account_id"] == account_id
