"""Goal: every message has words in both languages; a shop's own words are checked before they are used."""

from pathlib import Path

import pytest

from clients.common.problems import BadInput
from clients.messages.channels.whatsapp import PARAMETERS
from clients.messages.phones import digits
from clients.messages.texts import LANGUAGES, NAMES, Wording, _shipped, kind_word
from kasir.v1.customer_pb2 import MessageKind

KINDS = [kind_word(kind) for kind in MessageKind.values() if kind]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_words(language: str) -> None:
    pairs = _shipped(language)
    assert sorted(pairs) == sorted(KINDS) == sorted(PARAMETERS)
    for kind, pair in pairs.items():
        named = set(pair.body.get_identifiers()) | set(pair.subject.get_identifiers())
        assert {"order", "shop"} <= named
        # What WhatsApp's template gets is what the text says.
        assert set(PARAMETERS[kind]) == named
    assert {"amount", "deadline", "account"} <= set(pairs["deadline_reminder"].body.get_identifiers())
    assert "awb" in pairs["airway_bill"].body.get_identifiers()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[booking_confirmed", "not TOML"),
        ('[bokking]\nsubject = ""\nbody = ""', "there is no message 'bokking'"),
        ('[airway_bill]\nsubject = "x"', "a subject and a body"),
        ('[airway_bill]\nsubject = "x"\nbody = "$resi"', "nothing is called resi"),
        ('[airway_bill]\nsubject = "x"\nbody = "US$ 5"', "stands for"),
    ],
)
def test_own_words_that_cannot_be_used(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match=words.replace("$", r"\$")):
        Wording("id", path)


def test_own_words_stand_in_the_place_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[airway_bill]\nsubject = "Resi"\nbody = "Resi $awb"')
    wording = Wording("id", path)
    assert wording._pairs["airway_bill"].body.template == "Resi $awb"
    assert wording._pairs["refund_due"] == _shipped("id")["refund_due"]
    assert NAMES


def test_no_such_language() -> None:
    with pytest.raises(BadInput, match="id, en"):
        Wording("nl")


@pytest.mark.parametrize("phone", ["081234567890", "+6281234567890", "62 812-3456-7890"])
def test_a_number_is_the_same_however_it_is_written(phone: str) -> None:
    assert digits(phone) == "6281234567890"
