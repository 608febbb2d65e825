"""Goal: whatever the server refuses is told in the language of now, and by keys that the window has.

Method: the contract's list of reasons (docs/refusals.md, itself held against the sources) is gone through in
both languages; some are provoked in a real window.
"""

import re
from pathlib import Path

import grpc
import pytest

from clients.common.problems import CallFailed
from clients.desktop import texts
from clients.desktop.refusal_words import FIELDS, NO_ANSWER, STATES, WORDS
from clients.desktop.refusals import sentence, where
from kasir.v1 import booking_pb2, customer_pb2, drop_order_pb2, reconciliation_pb2, shipping_pb2
from tests.clients.conftest import KOPI, SARI
from tests.clients.desktop.conftest import scan

ROOT = Path(__file__).resolve().parents[3]
REASONS = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/refusals.md").read_text(), re.MULTILINE)
NAMES = {("item", "7"): "KOPI-01 Kopi Luwak", ("location", "2"): "GUDANG"}
FACTS = {
    "currency": "IDR",
    "id": "7",
    "order_id": "7",
    "item_id": "7",
    "location_id": "2",
    "wanted": "3",
    "available": "1",
    "due_minor": "100000",
    "remainder_minor": "100000",
    "missing_minor": "100000",
    "entity": "Order",
    "state": "Cancelled",
}


def describe(kind: str, ident: str) -> str:
    return NAMES.get((kind, ident), f"{kind} {ident}")


def failed(reason: str, message: str = "The server's words.", field: str = "", **details: str) -> CallFailed:
    return CallFailed(grpc.StatusCode.FAILED_PRECONDITION, reason, message, details, field)


@pytest.fixture(params=["id", "en"])
def spoken(request, settings) -> str:
    texts.speak(request.param)
    yield request.param
    texts.speak("en")


def test_the_contract_has_reasons_and_no_other_is_worded():
    assert len(REASONS) > 80
    assert set(WORDS) == set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_told_in_both_languages(reason, settings):
    told = {}
    for language in texts.LANGUAGES:
        texts.speak(language)
        bare = sentence(failed(reason, ""), describe, "")
        full = sentence(failed(reason, "", "booking.lines[0].quantity", **FACTS), describe, "")
        for words in (bare, full):
            assert words[0].isupper() or words[0].isdigit()
            assert words[-1] in ".!?"
            assert "{" not in words
            assert "kasir cs" not in words
            assert reason not in words
        told[language] = (bare, full)
    texts.speak("en")
    assert told["id"][0] != told["en"][0]
    assert told["id"][1] != told["en"][1]


@pytest.mark.parametrize("code", NO_ANSWER)
def test_a_broken_line_is_told_in_both_languages(code, settings):
    told = []
    for language in texts.LANGUAGES:
        texts.speak(language)
        told.append(sentence(CallFailed(code, "", "boom"), describe, "h:1"))
    texts.speak("en")
    assert all("h:1" in words for words in told)
    assert told[0] != told[1]


def test_facts_are_named_in_the_language_of_now(settings):
    texts.speak("id")
    refused = failed("OUT_OF_STOCK", "Only 1 left.", **FACTS)
    assert sentence(refused, describe, "") == ("KOPI-01 Kopi Luwak di GUDANG kurang: diminta 3, tersedia 1.")
    assert sentence(failed("WRONG_STATE", "x", **FACTS), describe, "") == (
        "Pesanan 7 berstatus batal: itu tidak bisa sekarang."
    )
    assert sentence(failed("REMAINDER_LEFT", "x", **FACTS), describe, "").startswith("Tersisa Rp 1.000.")
    assert (
        sentence(failed("FIELD_REQUIRED", "x", "booking.customer_name"), describe, "") == "Nama belum diisi."
    )
    assert where("booking.lines[2].quantity") == "Baris 3, jumlah"
    # What only the server can say is heard in its own words.
    broken = failed("STATEMENT_BROKEN", "Row 6: the balance differs.")
    assert sentence(broken, describe, "").endswith("(Row 6: the balance differs.) Tidak ada yang diimpor.")
    unknown = sentence(failed("SOMETHING_NEW", "Tomorrow's words."), describe, "")
    assert unknown == "Server menolaknya (SOMETHING_NEW). (Tomorrow's words.)"
    texts.speak("en")
    assert sentence(failed("OUT_OF_STOCK", "Only 1 left."), describe, "") == "Only 1 left."


@pytest.mark.parametrize(
    ("entity", "kind"),
    [
        ("Order", booking_pb2.OrderState),
        ("Drop Order", drop_order_pb2.DropOrderState),
        ("Mutation", reconciliation_pb2.MutationState),
    ],
)
def test_every_state_is_known_by_the_engines_name(entity, kind):
    source = (ROOT / "engine_rs/core/src/states.rs").read_text()
    assert len(STATES[entity]) == len(kind.values()) - 1
    for name in STATES[entity]:
        assert re.search(rf"\b{name}\b", source), name


def test_fields_are_those_of_the_contract():
    known = set()
    for file in (booking_pb2, customer_pb2, drop_order_pb2, reconciliation_pb2, shipping_pb2):
        for message in file.DESCRIPTOR.message_types_by_name.values():
            known |= set(message.fields_by_name)
    known |= set(booking_pb2.Order.DESCRIPTOR.fields_by_name["address"].message_type.fields_by_name)
    assert set(FIELDS) <= known


def test_a_window_tells_a_refusal_in_its_language(window, wait, run, spoken):
    run("cs", "book", "--line", "KOPI-01x24@GUDANG", *SARI)
    window.go(window.drops)
    wait(lambda: window.drops.to.count() == 1)
    scan(window, KOPI)
    expected = {"id": "KOPI-01 Kopi Luwak", "en": "Not enough of KOPI-01"}[spoken]
    wait(lambda: window.desk.notice.words.text().startswith(expected))
    assert ("kurang: diminta 1, tersedia 0" in window.desk.notice.words.text()) is (spoken == "id")
