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
    ],
)
def test_paths_as_people_say_them(path, words):
    assert field_words(path) == words
