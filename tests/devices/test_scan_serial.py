"""A scanner on a serial port, over a real pseudo terminal: whole codes, late halves, unplugged and back."""

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hardware.scanners import Scan, Symbology
from hardware.scanners.serial_scanner import SerialScanner
from tests.devices.pty_line import PATIENCE_S, PtyLine

KOPI = "8991234567891"


@pytest.fixture
def scanner(line: PtyLine) -> Iterator[SerialScanner]:
    made = SerialScanner(str(line.path))
    assert made.read(0) is None
    yield made
    made.close()


def until(made: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not made():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_code_is_read(line: PtyLine, scanner: SerialScanner, end: bytes) -> None:
    line.send(b"]E0" + KOPI.encode() + end)
    scan = scanner.read(PATIENCE_S)
    assert scan == Scan(f"]E0{KOPI}", KOPI, Symbology.EAN_13, gtin=f"0{KOPI}")
    assert scanner.trouble == ""


def test_fnc1_stx_and_letters_beyond_ascii_come_through(line: PtyLine, scanner: SerialScanner) -> None:
    line.send(b"\x02]C101" + b"0" + KOPI.encode() + b"10AB\x1d17261231\x03\r")
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert (scan.batch, str(scan.expiry)) == ("AB", "2026-12-31")
    line.send("]Q1Café 王\r".encode())
    assert (scan := scanner.read(PATIENCE_S)) is not None
    assert scan.code == "Café 王"
    line.send("]Q1Café\r".encode("latin-1"))
    assert (scan := scanner.read(PATIENCE_S)) is not None
    assert scan.code == "Café"


def test_codes_that_come_at_once_are_all_read_in_order(line: PtyLine, scanner: SerialScanner) -> None:
    line.send(b"".join(b"CODE-%02d\r\n" % number for number in range(50)))
    read = [scanner.read(PATIENCE_S) for _ in range(50)]
    assert [scan.code for scan in read if scan] == [f"CODE-{number:02d}" for number in range(50)]
    assert scanner.read(0) is None


def test_a_code_in_two_halves_is_one(line: PtyLine, scanner: SerialScanner) -> None:
    line.send(KOPI[:6].encode())
    assert scanner.read(0.02) is None
    line.send(KOPI[6:].encode() + b"\r")
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert (scan.code, scan.problem) == (KOPI, "")


def test_a_code_whose_end_never_comes_is_shown_and_spoils_no_other(
    line: PtyLine, scanner: SerialScanner
) -> None:
    line.send(KOPI[:6].encode())
    cut = scanner.read(PATIENCE_S)
    assert cut is not None
    assert (cut.raw, cut.problem) == (KOPI[:6], "cut off before its end")
    line.send(KOPI.encode() + b"\r")
    whole = scanner.read(PATIENCE_S)
    assert whole is not None
    assert (whole.code, whole.problem) == (KOPI, "")


def test_a_scanner_without_terminator_ends_with_silence(line: PtyLine) -> None:
    scanner = SerialScanner(str(line.path), terminator="")
    assert scanner.read(0) is None
    line.send(KOPI.encode())
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert (scan.code, scan.problem) == (KOPI, "")
    scanner.close()


class Clock:
    """A clock that stands until it is set forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_twice_within_300_ms_is_once_and_later_is_twice(line: PtyLine) -> None:
    clock = Clock()
    scanner = SerialScanner(str(line.path), clock=clock)
    assert scanner.read(0) is None

    def codes_of(*sent: str) -> list[str]:
        """What is read of codes sent now; the last is one of a kind, so that the end is known."""
        line.send("".join(f"{code}\r" for code in sent).encode())
        found = []
        while not found or found[-1] != sent[-1]:
            scan = scanner.read(0)
            if scan is not None:
                found.append(scan.code)
        return found

    assert codes_of(KOPI, KOPI, "END-1") == [KOPI, "END-1"]
    clock.now += 0.25
    assert codes_of(KOPI, "END-2") == ["END-2"]
    clock.now += 0.31
    assert codes_of(KOPI, "END-3") == [KOPI, "END-3"]
    scanner.close()


def test_unplugged_and_back(line: PtyLine, scanner: SerialScanner) -> None:
    line.send(b"HALF")
    assert scanner.read(0.05) is None
    line.unplug()
    cut = scanner.read(PATIENCE_S)
    assert cut is not None
    assert (cut.raw, cut.problem) == ("HALF", "cut off before its end")
    assert scanner.read(0.3) is None
    assert scanner.trouble == f"{line.path} cannot be opened: No such file or directory"
    line.plug()

    def comes_back() -> bool:
        scanner.read(0.05)
        return scanner.trouble == ""

    until(comes_back)
    line.send(KOPI.encode() + b"\r")
    scan = scanner.read(PATIENCE_S)
    assert scan is not None
    assert scan.code == KOPI


def test_no_read_takes_longer_than_it_was_given(line: PtyLine, scanner: SerialScanner) -> None:
    """Neither when nothing comes, nor when noise never ends, nor when the port is gone."""

    def took(timeout_s: float) -> float:
        started = time.monotonic()
        scanner.read(timeout_s)
        return time.monotonic() - started

    assert 0.1 <= took(0.1) < 5
    ended = threading.Event()

    def noise() -> None:
        while not ended.is_set():
            line.send(b"~")
            time.sleep(0.01)

    thread = threading.Thread(target=noise)
    thread.start()
    try:
        assert took(0.15) < 5
    finally:
        ended.set()
        thread.join()
    line.unplug()
    assert took(0.1) < 5
    assert took(0.1) < 5


def test_a_port_is_for_one_program(line: PtyLine, scanner: SerialScanner) -> None:
    second = SerialScanner(str(line.path))
    assert second.read(0) is None
    assert "cannot be opened" in second.trouble
    second.close()


def test_a_port_that_is_none_says_so() -> None:
    scanner = SerialScanner(os.devnull)
    assert scanner.read(0) is None
    assert "/dev/null cannot be opened" in scanner.trouble
