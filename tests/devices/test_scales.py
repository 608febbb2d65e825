"""Scales over real serial lines: weights that rest, those that do not, and scales that misbehave."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.scales import Weighing, WeighingState
from hardware.scales.continuous import ContinuousScale
from hardware.scales.toledo import Toledo8217
from hardware.scales.weighing import grams
from hardware.simulators.scales import SimulatedContinuous, SimulatedToledo
from tests.devices.pty_line import PATIENCE_S, PtyLine

KINDS = {"8217": (SimulatedToledo, Toledo8217), "continuous": (SimulatedContinuous, ContinuousScale)}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    simulated_type, driver_type = request.param
    simulated = simulated_type(str(tmp_path / "ttySCALE"))
    driver = driver_type(simulated.path)
    yield simulated, driver
    driver.close()
    simulated.close()


@pytest.fixture
def toledo(tmp_path: Path) -> Iterator[tuple[SimulatedToledo, Toledo8217]]:
    simulated = SimulatedToledo(str(tmp_path / "ttySCALE"))
    driver = Toledo8217(simulated.path)
    yield simulated, driver
    driver.close()
    simulated.close()


def stable(weight: int) -> Weighing:
    return Weighing(WeighingState.STABLE, weight)


@pytest.mark.parametrize("weight", [0, 5, 1250, 15_000])
def test_a_weight_that_rests_is_read_in_grams(both: tuple[Any, Any], weight: int) -> None:
    simulated, driver = both
    simulated.pan.grams = weight
    assert driver.weigh(PATIENCE_S) == stable(weight)
    assert driver.trouble == ""


@pytest.mark.parametrize(
    ("weight", "moving", "state"),
    [
        (1250, True, WeighingState.MOVING),
        (15_001, False, WeighingState.OVERLOAD),
        (-20, False, WeighingState.NEGATIVE),
    ],
)
def test_a_weight_to_sell_by_is_none_of_these(
    both: tuple[Any, Any], weight: int, moving: bool, state: WeighingState
) -> None:
    simulated, driver = both
    simulated.pan.grams, simulated.pan.moving = weight, moving
    weighing = driver.weigh(1.0)
    assert weighing.state is state
    assert weighing.grams in {None, weight if weight < 0 else None}


def test_it_waits_until_the_weight_rests(both: tuple[Any, Any]) -> None:
    simulated, driver = both
    simulated.pan.grams, simulated.pan.moving = 900, True

    def settle() -> None:
        simulated.pan.grams, simulated.pan.moving = 1250, False

    timer = threading.Timer(0.3, settle)
    timer.start()
    assert driver.weigh(PATIENCE_S) == stable(1250)
    timer.join()


def test_each_weighing_is_of_its_own_time(both: tuple[Any, Any]) -> None:
    simulated, driver = both
    for weight in (100, 2000, 3, 14_999, 0):
        simulated.pan.grams = weight
        assert driver.weigh(PATIENCE_S) == stable(weight)


def test_a_silent_scale_is_said_to_be_silent_in_time(both: tuple[Any, Any]) -> None:
    simulated, driver = both
    simulated.pan.silent = True
    started = time.monotonic()
    assert driver.weigh(0.3) == Weighing(WeighingState.SILENT)
    assert 0.3 <= time.monotonic() - started < 5
    simulated.pan.silent = False
    simulated.pan.grams = 750
    assert driver.weigh(PATIENCE_S) == stable(750)


@pytest.mark.parametrize("length", range(9))
def test_lines_cut_short_are_no_weight(both: tuple[Any, Any], length: int) -> None:
    simulated, driver = both
    simulated.pan.grams = 11_250
    simulated.pan.cut = (2, length)
    if length == 0:
        simulated.pan.cut = (2, 1)
    assert driver.weigh(PATIENCE_S) == stable(11_250)


@pytest.mark.parametrize("noise", [b"\x00\xff\x7f~", b"\x02", b"ST,GS,+", b"9", b"\xb2" * 300])
def test_noise_before_an_answer_never_makes_another_weight(both: tuple[Any, Any], noise: bytes) -> None:
    simulated, driver = both
    simulated.pan.grams, simulated.pan.noise = 1250, noise
    assert driver.weigh(0.5) in {stable(1250), Weighing(WeighingState.SILENT)}
    simulated.pan.noise = b""
    assert driver.weigh(PATIENCE_S) == stable(1250)


def test_an_answer_that_comes_too_late_is_not_the_next_weighings(
    toledo: tuple[SimulatedToledo, Toledo8217],
) -> None:
    simulated, driver = toledo
    simulated.pan.grams, simulated.pan.late_s = 1250, 0.6
    assert driver.weigh(0.3).state is WeighingState.SILENT
    # Taken off and another put on, before the answer of then has come.
    simulated.pan.grams = 80
    assert driver.weigh(PATIENCE_S) == stable(80)


def test_it_is_not_asked_faster_than_it_answers(toledo: tuple[SimulatedToledo, Toledo8217]) -> None:
    simulated, driver = toledo
    simulated.pan.moving = True
    driver.weigh(1.0)
    assert 2 <= simulated.asked <= 21
    simulated.pan.silent, before = True, simulated.asked
    driver.weigh(1.5)
    assert 1 <= simulated.asked - before <= 2


def test_unplugged_and_back(both: tuple[Any, Any]) -> None:
    simulated, driver = both
    simulated.pan.grams = 500
    assert driver.weigh(PATIENCE_S) == stable(500)
    link = simulated.path
    simulated.close()
    assert driver.weigh(0.6) == Weighing(WeighingState.SILENT)
    assert "ttySCALE" in driver.trouble
    again = type(simulated)(link)
    again.pan.grams = 640
    assert driver.weigh(PATIENCE_S) == stable(640)
    again.close()


@pytest.mark.parametrize(
    ("sent", "unit", "expected"),
    [
        (b"\x0200125\r", "kg", stable(125)),
        (b"\x02 1.250\r", "kg", stable(1250)),
        (b"\x021.250N\r", "kg", stable(1250)),
        (b"\x02\xb1.\xb25\xb0\r", "kg", stable(1250)),
        (b"\x0201.00\r", "lb", stable(454)),
        (b"\x021.2.3\r", "kg", Weighing(WeighingState.SILENT)),
        (b"\x02?A\r", "kg", Weighing(WeighingState.MOVING)),
        (b"\x02?B\r", "kg", Weighing(WeighingState.OVERLOAD)),
        (b"\x02?D\r", "kg", Weighing(WeighingState.NEGATIVE)),
        (b"\x02?@\r", "kg", Weighing(WeighingState.MOVING)),
    ],
)
def test_answers_of_other_makes(line: PtyLine, sent: bytes, unit: str, expected: Weighing) -> None:
    driver = Toledo8217(str(line.path), unit=unit)

    def answer() -> None:
        assert line.receive() == b"W"
        line.send(sent)

    answering = threading.Thread(target=answer)
    answering.start()
    patience = PATIENCE_S if expected.state is WeighingState.STABLE else 0.8
    assert driver.weigh(patience) == expected
    answering.join()
    driver.close()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("ST,GS,+00001.25kg", stable(1250)),
        ("ST,NT,+   0.850kg", stable(850)),
        ("ST,GS,     125 g", stable(125)),
        ("ST,GS,-   0.000kg", stable(0)),
        ("ST,GS,-   0.125kg", Weighing(WeighingState.NEGATIVE, -125)),
        ("US,GS,+   1.250kg", Weighing(WeighingState.MOVING)),
        ("OL,GS,+       .  kg", Weighing(WeighingState.OVERLOAD)),
        ("QT,GS,+   1.250kg", Weighing(WeighingState.SILENT)),
        ("ST,GS,+   1.2ST,GS,+   1.250kg", Weighing(WeighingState.SILENT)),
    ],
)
def test_lines_of_other_makes(line: PtyLine, lines: str, expected: Weighing) -> None:
    driver = ContinuousScale(str(line.path))
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(0.02):
            line.send(lines.encode() + b"\r\n")

    speaking = threading.Thread(target=speak)
    speaking.start()
    patience = PATIENCE_S if expected.state is WeighingState.STABLE else 0.8
    assert driver.weigh(patience) == expected
    ended.set()
    speaking.join()
    driver.close()


@given(st.integers(0, 10_000_000))
def test_grams_are_whole_and_exact(weight: int) -> None:
    assert grams(f"{weight // 1000}.{weight % 1000:03d}", "kg") == weight
    assert grams(str(weight), "g") == weight


@given(st.text(max_size=12))
def test_a_number_that_is_none_is_no_weight(text: str) -> None:
    assert grams(text, "kg") is None or -10_000_000 <= (grams(text, "kg") or 0) <= 10_000_000
