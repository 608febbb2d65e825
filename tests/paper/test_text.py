"""Breaking, cleaning and turning text round loses nothing that a reader needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.paper.document import width_of
from hardware.paper.fonts import clusters, columns
from hardware.paper.text import clean, visual, wrap

TEXTS = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(" abcXYZ019.,-/王小明안녕ナルトéñ😀❤️👨\u200dمحمدשלםไทย"),
    ),
    max_size=300,
)


def squeezed(text: str) -> str:
    return text.replace(" ", "")


@given(TEXTS, st.integers(2, 60))
def test_wrapping_loses_no_character_and_exceeds_no_line(text: str, limit: int) -> None:
    text = clean(text)
    lines = wrap(text, limit, width_of)
    assert squeezed("".join(lines)) == squeezed(text)
    assert all(sum(columns(cluster) for cluster in clusters(line)) <= limit for line in lines)
    assert all(line == line.strip() for line in lines)


def test_a_300_character_address_is_all_there() -> None:
    address = ("Perumahan Griya Asri Blok C-7 No. 12, RT 004/RW 011, Jl. Kenanga Raya, " * 5)[:300].strip()
    for limit in (20, 32, 48):
        assert " ".join(wrap(address, limit, width_of)) == address


def test_lines_end_between_words_and_inside_only_the_longest() -> None:
    assert wrap("satu dua tiga", 8, width_of) == ["satu dua", "tiga"]
    assert wrap("ke Antikonstitusional!", 10, width_of) == ["ke", "Antikonsti", "tusional!"]
    assert wrap("", 10, width_of) == [""]
    assert wrap("北京市朝阳区 Blok C", 7, width_of) == ["北京市", "朝阳区", "Blok C"]


def test_an_accent_stays_with_its_letter() -> None:
    decomposed = "q\u0301" * 4
    assert wrap(decomposed, 2, width_of) == ["q\u0301q\u0301"] * 2


@pytest.mark.parametrize(
    ("given_text", "cleaned"),
    [
        ("  Jl.\tMawar \r\n No. 5\u00a0A\u2028RT 1 ", "Jl. Mawar No. 5 A RT 1"),
        ("evil\x1b@\x1dV\x00", "evil\ufffd@\ufffdV\ufffd"),
        ("e\u0301", "é"),
        ("Rp 5\u202e000.1", "Rp 5000.1"),
        ("soft\u00adhyphen\ufeff", "softhyphen"),
    ],
)
def test_cleaning_leaves_nothing_that_commands_a_printer_or_deceives_a_reader(
    given_text: str, cleaned: str
) -> None:
    assert clean(given_text) == cleaned


@given(TEXTS)
def test_cleaned_text_has_no_control_character(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in cleaned)


def test_arabic_is_joined_and_runs_from_right_to_left() -> None:
    # Meem at the word's start, hah and meem inside, dal at its end: presentation forms, last letter first.
    assert visual("Ahmad محمد RT") == "Ahmad \ufeaa\ufee4\ufea4\ufee3 RT"
    assert visual("שלום") == "םולש"
    assert visual("Siti Rahmawati") == "Siti Rahmawati"
