"""Every refusal is told in words, with names instead of numbers."""

import re
from pathlib import Path

import grpc
import pytest

from clients.common.plain_words import WORDS, batch_sentence, field_words, sentence
from clients.common.problems import CallFailed
from kasir.v1.common_pb2 import BatchError

ROOT = Path(__file__).resolve().parents[2]
NAMES = {("item", "7"): "KOPI-01 Kopi Luwak", ("location", "2"): "GUDANG"}


def describe(kind: str, ident: str) -> str:
    return NAMES.get((kind, ident), f"{kind} {ident}")


def failed(reason: str, message: str = "The server's words", field: str = "", **details: str) -> CallFailed:
    return CallFailed(grpc.StatusCode.FAILED_PRECONDITION, reason, message, details, field)


def catalogue() -> list[str]:
    source = (ROOT / "engine_rs/core/src/refusal.rs").read_text()
    return re.findall(r'^    \w+ = "([A-Z_]+)" \w+ "', source, re.MULTILINE)


def test_every_reason_of_the_engine_has_words():
    reasons = catalogue()
    assert len(reasons) > 50
    assert [reason for reason in reasons if reason not in WORDS] == []


@pytest.mark.parametrize("reason", WORDS)
def test_words_are_whole_sentences_with_and_without_facts(reason):
    bare = sentence(failed(reason), describe)
    full = sentence(
        failed(reason, field="lines[0].x", item_id="7", location_id="2", wanted="3", available="1"), describe
    )
    for words in (bare, full):
        assert words[0].isupper()
        assert words[-1] in ".!?"
        assert "{" not in words
        assert reason not in words


def test_things_have_their_names():
    words = sentence(
        failed("OUT_OF_STOCK", item_id="7", location_id="2", wanted="3", available="1"), describe
    )
    assert words == "Not enough of KOPI-01 Kopi Luwak at GUDANG: 3 wanted, 1 available."


def test_without_the_facts_the_servers_own_words_stand():
    assert sentence(failed("OUT_OF_STOCK", "Only 1 left", item_id="7"), describe) == "Only 1 left."


def test_the_field_is_named_as_people_say_it():
    words = sentence(
        failed("FIELD_OUT_OF_RANGE", "It must be 1 or more", "booking.lines[2].quantity"), describe
    )
    assert words == "Line 3, quantity: It must be 1 or more."
    assert (
        sentence(failed("FIELD_REQUIRED", "x", "booking.customer_name"), describe)
        == "Customer name is missing."
    )


def test_an_unknown_reason_still_says_what_the_server_said():
    assert sentence(failed("SOMETHING_NEW", "Tomorrow's words."), describe) == "Tomorrow's words."
    assert sentence(failed("SOMETHING_NEW", ""), describe) == "Refused: SOMETHING_NEW."


@pytest.mark.parametrize(
    ("reason", "details", "words"),
    [
        ("TENDERS_TOO_LOW", {"missing_minor": "10840000"}, "Rp 108.400 is missing."),
        ("NOT_PAID", {"order_id": "7", "due_minor": "3250000"}, "Order 7 is not paid: Rp 32.500 is missing."),
        ("OVER_ALLOCATED", {"order_id": "7", "due_minor": "0"}, "Order 7 has Rp 0 to pay, and no more."),
        (
            "OVER_ALLOCATED",
            {"available_minor": "5000000", "wanted_minor": "7500050"},
            "The money is Rp 50.000, and Rp 75.000,50 are given out.",
        ),
        (
            "WRITE_OFF_TOO_HIGH",
            {"order_id": "7", "left_minor": "300000", "max_minor": "250000"},
            "Order 7 would have Rp 3.000 left to pay; the account's rules write off Rp 2.500 at most.",
        ),
        ("REMAINDER_LEFT", {"remainder_minor": "100"}, "Rp 1 is left over."),
        (
            "AMOUNT_OUT_OF_RANGE",
            {"value_minor": "0", "min_minor": "1", "max_minor": "100000"},
            "Amount is Rp 0: it must lie between Rp 0,01 and Rp 1.000.",
        ),
        (
            "AMOUNT_OUT_OF_RANGE",
            {"expected_cash_minor": "20000000"},
            "There is Rp 200.000 in the drawer: no more can be taken, and zero moves nothing.",
        ),
    ],
)
def test_amounts_are_told_as_money_is_written(reason, details, words):
    refused = failed(reason, "9 of 8 minor units.", "amount.minor_units", currency="IDR", **details)
    assert sentence(refused, describe).startswith(words)


@pytest.mark.parametrize(
    ("reason", "details", "words"),
    [
        ("TENDERS_TOO_LOW", {"missing_minor": "5"}, "The payments do not reach the total."),
        ("NOT_PAID", {"order_id": "7", "due_minor": "5"}, "Order 7 is not paid in full."),
        ("OVER_ALLOCATED", {"order_id": "7", "due_minor": "5"}, "Order 7 has less to pay than that."),
        ("OVER_ALLOCATED", {"available_minor": "5"}, "The money is less than what is given out."),
        ("WRITE_OFF_TOO_HIGH", {"order_id": "7", "left_minor": "5"}, "More would be written off than"),
        ("REMAINDER_LEFT", {"remainder_minor": "5"}, "Some of the money is left over."),
        ("AMOUNT_OUT_OF_RANGE", {"max": "1000000000000000"}, "Amount is nothing, less than nothing, or more"),
    ],
)
def test_nobody_is_told_an_amount_without_its_currency(reason, details, words):
    refused = failed(reason, "9 of 8 minor units.", "amount.minor_units", **details)
    assert sentence(refused, describe).startswith(words)
    assert "minor" not in sentence(refused, describe)


def test_an_amount_out_of_range_says_of_what():
    outside = failed("AMOUNT_OUT_OF_RANGE", "x minor units", "tenders[0].amount.minor_units", max="1")
    assert sentence(outside, describe).startswith("Tender 1, amount is nothing, less than nothing, or more")
    free = failed("AMOUNT_OUT_OF_RANGE", "x minor units", "booking.lines", max="1")
    assert sentence(free, describe).startswith("What is asked for comes to nothing,")
    discount = failed(
        "AMOUNT_OUT_OF_RANGE",
        "booking.lines[0].discount is more than the line costs.",
        "booking.lines[0].discount",
    )
    assert sentence(discount, describe) == "Line 1, discount is more than the line costs."


def test_a_field_is_told_by_its_name_and_not_by_its_path():
    path = "booking.address.street"
    assert (
        sentence(failed("FIELD_TOO_LONG", f"{path} takes at most 300 characters.", path), describe)
        == "Address, street takes at most 300 characters."
    )
    assert (
        sentence(
            failed(
                "FIELD_MALFORMED", "What is in allocations[1].order_id is no id.", "allocations[1].order_id"
            ),
            describe,
        )
        == "What is in allocation 2, order id is no id."
    )


def test_what_to_do_is_not_said_twice():
    words = sentence(failed("SHIFT_OPEN", "KASIR-1 has shift 2 open; close it first."), describe)
    assert words == "KASIR-1 has shift 2 open; close it first. See: kasir till close."


def test_an_element_of_a_batch_is_told_in_the_same_words():
    error = BatchError(code=9, reason="ITEM_INACTIVE", message="x", details={"item_id": "7"})
    assert batch_sentence(error, describe) == "KOPI-01 Kopi Luwak is not sold any more."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (grpc.StatusCode.UNAVAILABLE, "The server at h:1 does not answer. Is it running?"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "The server at h:1 did not answer in time."),
        (grpc.StatusCode.INTERNAL, "The server at h:1 failed: boom."),
    ],
)
def test_a_broken_line_is_told_as_one(code, words):
    assert sentence(CallFailed(code, "", "boom"), describe, "h:1") == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("quantity", "Quantity"),
        ("items[3].barcodes[1]", "Item 4, barcode 2"),
        ("booking.address.phone", "Address, phone"),
        ("addresses[0]", "Address 1"),
        ("settings.utc_offset", "Utc offset"),
        ("tenders[0].amount.minor_units", "Tender 1, amount"),
        ("lines[²].x", "Lines, x"),
    ],
)
def test_paths_as_people_say_them(path, words):
    assert field_words(path) == words
