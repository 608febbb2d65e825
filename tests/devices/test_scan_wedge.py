"""A scanner that types where a person types: which is which, with nothing lost, doubled or out of order."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.scanners.layouts import DE, US
from hardware.scanners.wedge import GAP_S, LENGTH_MIN, Scanned, Typed, Wedge, WedgeSettings

KOPI = "8991234567891"


def play(wedge: Wedge, keys: list[tuple[str, float]]) -> list[Typed | Scanned]:
    """Presses keys at their times, with the timer of a client between them."""
    found: list[Typed | Scanned] = []
    for char, at in keys:
        if wedge.due < at:
            found += wedge.idle(wedge.due)
        found += wedge.press(char, at)
    if wedge.due < float("inf"):
        found += wedge.idle(wedge.due)
    return found


def at_pace(text: str, start: float, pace: float) -> list[tuple[str, float]]:
    return [(char, start + number * pace) for number, char in enumerate(text)]


def texts(found: list[Typed | Scanned]) -> list[str]:
    return [each.text for each in found if isinstance(each, Scanned)]


def typing(found: list[Typed | Scanned]) -> str:
    return "".join(each.text for each in found if isinstance(each, Typed))


def test_fast_keys_with_an_end_are_a_scan() -> None:
    found = play(Wedge(), at_pace(KOPI + "\r", 10.0, 0.005))
    assert found == [Scanned(KOPI, pytest.approx(10.0 + 13 * 0.005))]


def test_a_person_types_and_presses_enter() -> None:
    found = play(Wedge(), at_pace("kopi\r", 10.0, 0.08))
    assert (texts(found), typing(found)) == ([], "kopi\r")


def test_enter_and_line_feed_are_one_end() -> None:
    keys = at_pace(KOPI + "\r\n", 10.0, 0.005)
    assert play(Wedge(), keys) == [Scanned(KOPI, pytest.approx(10.065))]
    # An Enter that a person presses afterwards is the person's.
    found = play(Wedge(), [*at_pace(KOPI + "\r", 10.0, 0.005), ("\r", 10.5)])
    assert (texts(found), typing(found)) == ([KOPI], "\r")


def test_two_keys_rolled_over_and_enter_are_no_scan() -> None:
    found = play(Wedge(), at_pace("ab\r", 10.0, 0.01))
    assert (texts(found), typing(found)) == ([], "ab\r")


def test_without_terminator_silence_is_the_end() -> None:
    settings_ = WedgeSettings(terminator="")
    assert texts(play(Wedge(settings_), at_pace(KOPI, 10.0, 0.005))) == [KOPI]
    assert typing(play(Wedge(settings_), at_pace("kopi", 10.0, 0.1))) == "kopi"


def test_a_prefix_tells_a_scan_from_letters_typed_right_before_it() -> None:
    wedge = Wedge(WedgeSettings(prefix="~"))
    found = play(wedge, at_pace("ab~" + KOPI + "\r", 10.0, 0.005))
    assert (texts(found), typing(found)) == ([KOPI], "ab")
    # Without it, nothing is a scan, however fast.
    assert texts(play(wedge, at_pace(KOPI + "\r", 20.0, 0.005))) == []


def test_a_us_scanner_on_a_german_computer() -> None:
    wedge = Wedge(WedgeSettings(computer=DE, scanner=US))
    assert texts(play(wedge, at_pace("KOPIß01\r", 10.0, 0.005))) == ["KOPI-01"]


@dataclass(frozen=True)
class Act:
    """Something done at the keyboard: by a scanner, or by a person."""

    text: str
    pace: float
    pause: float
    is_scan: bool


SCANS = st.builds(
    Act,
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-./ ]\x1d", min_size=LENGTH_MIN, max_size=30),
    st.floats(0.0005, GAP_S * 0.9),
    st.floats(GAP_S * 1.1, 3.0),
    st.just(True),
)
PERSONS = st.builds(
    Act,
    st.text("abcdefghij 0123456789\r\t", min_size=1, max_size=20),
    st.floats(GAP_S * 1.1, 0.6),
    st.floats(GAP_S * 1.1, 3.0),
    st.just(False),
)


@settings(max_examples=300)
@given(st.lists(st.one_of(SCANS, PERSONS), max_size=12), st.sampled_from(["\r", "\t", "\r\n"]))
def test_typing_and_scans_mixed_are_told_apart(acts: list[Act], end: str) -> None:
    keys: list[tuple[str, float]] = []
    now = 1.0
    for act in acts:
        now += act.pause
        keys += at_pace(act.text + (end if act.is_scan else ""), now, act.pace)
        now = keys[-1][1]
    found = play(Wedge(), keys)
    assert texts(found) == [act.text for act in acts if act.is_scan]
    assert typing(found) == "".join(act.text for act in acts if not act.is_scan)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from("ab1\r\t~"), st.floats(0, 0.1)), max_size=60),
    st.sampled_from([WedgeSettings(), WedgeSettings(terminator=""), WedgeSettings(prefix="~")]),
)
def test_no_key_is_lost_or_doubled(steps: list[tuple[str, float]], given_: WedgeSettings) -> None:
    keys, now = [], 0.0
    for char, pause in steps:
        now += pause
        keys.append((char, now))
    found = play(Wedge(given_), keys)
    # Ends and prefixes of scans apart, which are the scanner's own, all that was pressed comes out in order.
    pressed = "".join(char for char, _ in keys)
    shown = "".join(each.text for each in found)
    rest = iter(pressed)
    left_out = "".join(pressed) if not shown else ""
    for char in shown:
        for candidate in rest:
            if candidate == char:
                break
            left_out += candidate
        else:
            raise AssertionError(f"{char!r} was never pressed in this place")
    if not any(isinstance(each, Scanned) for each in found):
        assert shown == pressed
    else:
        assert set(left_out) <= set("\r\t~")


def test_what_never_ends_is_let_go() -> None:
    wedge = Wedge()
    found = [each for char, at in at_pace("x" * 20_000, 0.0, 0.001) for each in wedge.press(char, at)]
    assert sum(len(each.text) for each in found) >= 16_000
