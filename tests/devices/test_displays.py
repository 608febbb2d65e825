"""The customer's display: amounts whole, letters that it has, both command sets over a real serial line."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.displays import COLUMNS, DisplayError, fitted, pair
from hardware.displays.commands import CD5220, COMMANDS, EPSON, Commands, full
from hardware.displays.serial_display import SerialDisplay
from hardware.simulators.display import Glass, SimulatedDisplay
from tests.devices.pty_line import PATIENCE_S, PtyLine

EACH = pytest.mark.parametrize("commands", COMMANDS.values(), ids=COMMANDS.keys())


@pytest.mark.parametrize(
    ("label", "amount", "line"),
    [
        ("Total", "Rp 108.400", "Total     Rp 108.400"),
        ("Kopi Gayo Arabika 250 g", "Rp 85.000", "Kopi Gayo  Rp 85.000"),
        ("Kembali", "-Rp 5.000", "Kembali    -Rp 5.000"),
        ("Total", "Rp 10.000.000.000.000", "T 10.000.000.000.000"),
        ("Total", "Rp 100.000.000.000,50", "T 100.000.000.000,50"),
        ("Café Ñandú", "Rp 5", "Cafe Nandu      Rp 5"),
        ("王小明", "Rp 5", "???             Rp 5"),
        ("a\x1b@\x0cb", "Rp 5", "a @ b           Rp 5"),
        ("  Kopi \t Gayo ", "Rp 5", "Kopi Gayo       Rp 5"),
    ],
)
def test_an_amount_stands_whole_at_the_right(label: str, amount: str, line: str) -> None:
    shown = pair(label, amount)
    assert len(shown) == COLUMNS
    assert shown.split() == line.split()
    assert shown.endswith(line.split(" ", 1)[1].rsplit(maxsplit=1)[-1])


def test_an_amount_without_room_is_refused_rather_than_cut() -> None:
    with pytest.raises(DisplayError, match="wider than the display"):
        pair("", "Rp 92.233.720.368.547.758,07")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Selamat datang", "Selamat datang"),
        ("Selamat datang di Toko Melati", "Selamat datang di To"),
        ("Diskon sampai Rp 50.000 hari ini", "Diskon sampai"),
        ("Bayar -Rp 5.000 lagi ya", "Bayar -Rp 5.000 lagi"),
        ("Harga Rp 1.000, Rp 2.000.000", "Harga Rp 1.000,"),
    ],
)
def test_a_line_is_cut_before_an_amount_and_not_within(text: str, shown: str) -> None:
    assert fitted(text) == shown


AMOUNTS = st.integers(-(10**10), 10**11).map(lambda value: f"Rp {value:,}".replace(",", "."))


@given(st.text(max_size=40), AMOUNTS)
def test_any_label_leaves_the_amount_whole(label: str, amount: str) -> None:
    shown = pair(label, amount)
    assert len(shown) == COLUMNS
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.endswith(amount)


@given(st.lists(st.one_of(st.text(max_size=8), AMOUNTS), max_size=6), st.integers(1, 24))
def test_a_cut_line_has_no_half_amount(words: list[str], columns: int) -> None:
    amounts = [word for word in words if word.startswith("Rp ")]
    shown = fitted(" ".join(words), columns)
    assert len(shown) <= columns
    assert shown.isascii()
    for amount in amounts:
        for end in range(4, len(amount)):
            # Where a beginning of an amount ends the line, it is the end of another, shorter one.
            if shown.endswith(" " + amount[:end]) and amount[end].isdigit():
                assert any(other == amount[:end] for other in amounts) or amount[:end] in " ".join(
                    word for word in words if not word.startswith("Rp ")
                )


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Callable[[Commands], tuple[SimulatedDisplay, SerialDisplay]]]:
    made: list[SimulatedDisplay | SerialDisplay] = []

    def make(commands: Commands) -> tuple[SimulatedDisplay, SerialDisplay]:
        simulated = SimulatedDisplay(commands, str(tmp_path / "ttyDISPLAY"))
        driver = SerialDisplay(simulated.path, commands)
        made.extend((driver, simulated))
        return simulated, driver

    yield make
    for each in made:
        each.close()


def shows(simulated: SimulatedDisplay, top: str, bottom: str) -> None:
    wanted = (top.ljust(COLUMNS), bottom.ljust(COLUMNS))
    with simulated.changed:
        arrived = simulated.changed.wait_for(lambda: simulated.glass.lines == wanted, PATIENCE_S)
    assert arrived, simulated.glass.lines


Make = Callable[[Commands], tuple[SimulatedDisplay, SerialDisplay]]


@EACH
def test_two_lines_stand_on_the_display(display: Make, commands: Commands) -> None:
    simulated, driver = display(commands)
    assert driver.show("Kopi Gayo 250 g Giling Halus", pair("Total", "Rp 85.000"))
    shows(simulated, "Kopi Gayo 250 g Gili", "Total      Rp 85.000")
    assert driver.show("Terima kasih", "")
    shows(simulated, "Terima kasih", "")
    assert driver.show("#$@[\\]^`{|}~", 'a"b')
    shows(simulated, "#$@[\\]^`{|}~", 'a"b')
    assert simulated.glass.unknown == b""
    # Set up once, not with every line.
    assert simulated.glass.resets == 1
    assert driver.trouble == ""


@EACH
def test_a_command_may_come_in_pieces(commands: Commands) -> None:
    glass = Glass(commands)
    for byte in commands.begin + commands.lines(full("Total"), full("Rp 5")):
        glass.feed(bytes([byte]))
    assert glass.lines == ("Total".ljust(20), "Rp 5".ljust(20))
    assert glass.unknown == b""


@pytest.mark.parametrize(("sent", "read"), [(EPSON, CD5220), (CD5220, EPSON)])
def test_the_wrong_command_set_is_seen_by_the_simulator(sent: Commands, read: Commands) -> None:
    glass = Glass(read)
    glass.feed(sent.begin + sent.lines(full("Total"), full("Rp 5")) + b" " * 30)
    assert glass.unknown


def test_a_display_that_was_away_shows_again_what_it_should(tmp_path: Path) -> None:
    link = str(tmp_path / "ttyDISPLAY")
    first = SimulatedDisplay(EPSON, link)
    driver = SerialDisplay(link, EPSON)
    assert driver.show("Total", "Rp 5")
    shows(first, "Total", "Rp 5")
    first.close()
    while driver.tend():
        time.sleep(0.01)
    assert "ttyDISPLAY" in driver.trouble
    assert not driver.show("Total", "Rp 7")
    second = SimulatedDisplay(EPSON, link)
    deadline = time.monotonic() + PATIENCE_S
    while not driver.tend():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shows(second, "Total", "Rp 7")
    assert second.glass.resets == 1
    assert driver.tend()
    driver.close()
    second.close()


@pytest.mark.parametrize("notices", [True, False])
def test_a_display_that_came_back_is_set_up_before_it_shows(tmp_path: Path, notices: bool) -> None:
    link = str(tmp_path / "ttyDISPLAY")
    first = SimulatedDisplay(CD5220, link)
    driver = SerialDisplay(link, CD5220)
    assert driver.show("Total", "Rp 5")
    first.close()
    if notices:
        while driver.show("Total", "Rp 6"):
            time.sleep(0.01)
    second = SimulatedDisplay(CD5220, link)
    deadline = time.monotonic() + PATIENCE_S
    while second.glass.resets == 0:
        assert time.monotonic() < deadline
        driver.show("Total", "Rp 7")
        time.sleep(0.01)
    assert driver.show("Total", "Rp 7")
    shows(second, "Total", "Rp 7")
    assert second.glass.resets == 1
    driver.close()
    second.close()


def test_a_display_that_takes_nothing_delays_no_sale(line: PtyLine) -> None:
    driver = SerialDisplay(str(line.path), EPSON)
    assert driver.show("x" * 20, "y" * 20)
    # A pseudo terminal holds some KiB that nobody reads; then the display is given up for the moment.
    for _ in range(20_000):
        started = time.monotonic()
        taken = driver.show("x" * 20, "y" * 20)
        assert time.monotonic() - started < 10
        if not taken:
            break
    else:
        raise AssertionError("it was never full")
    assert "timeout" in driver.trouble.lower()
    driver.close()


def test_a_display_that_is_none_says_so(tmp_path: Path) -> None:
    driver = SerialDisplay(str(tmp_path / "none"), CD5220)
    assert not driver.show("Total", "Rp 5")
    assert driver.trouble.endswith("none cannot be opened: No such file or directory")
