"""The same scan counts once, a deliberate second one counts."""

from hypothesis import given
from hypothesis import strategies as st

from hardware.scanners.repeats import Repeats


def test_within_300_ms_it_is_the_same_scan() -> None:
    repeats = Repeats()
    assert repeats.counts("A", 10.0)
    assert not repeats.counts("A", 10.2)
    assert repeats.counts("A", 10.6)


def test_a_code_that_stays_in_the_light_counts_once() -> None:
    repeats = Repeats()
    assert [repeats.counts("A", at / 10) for at in range(0, 50, 2)] == [True] + [False] * 24
    assert repeats.counts("A", 5.2)


def test_two_codes_beside_each_other_count_once_each() -> None:
    repeats = Repeats()
    said = [(code, repeats.counts(code, at / 10)) for at, code in enumerate("ABABAB")]
    assert [code for code, counts in said if counts] == ["A", "B"]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 900)), max_size=200))
def test_a_reading_counts_when_its_code_was_not_seen_for_300_ms(steps: list[tuple[str, int]]) -> None:
    repeats, seen, now = Repeats(), {}, 0
    for code, pause in steps:
        # In 1/1024 s, which a float holds exactly: 300 ms are between 307 and 308 of them.
        now += pause
        expected = code not in seen or now - seen[code] >= 308
        seen[code] = now
        assert repeats.counts(code, now / 1024) == expected


def test_memory_is_bounded() -> None:
    repeats = Repeats()
    assert all(repeats.counts(str(number), number / 1000) for number in range(10_000))
    assert len(repeats._seen) <= 64
