"""Codes that silence cut off: what is read whole counts, and a code's rest does not pass for another code."""

from hardware.scanners.codes import Codes
from hardware.scanners.frames import SILENCE_S, Frames
from hardware.scanners.scan import Scan

KOPI = "8991234567891"
CUT = "cut off before its end"
REST = "perhaps the rest of one that was cut off"


def read(*pieces: tuple[str, float]) -> list[tuple[str, str]]:
    """Text and problem of the scans in pieces that came at these seconds."""
    codes = Codes(None, Frames())
    for text, at in pieces:
        codes.idle(at)
        codes.feed(text, at)
    codes.idle(pieces[-1][1] + SILENCE_S)
    found: list[Scan] = []
    while scan := codes.next():
        found.append(scan)
    return [(scan.raw, scan.problem) for scan in found]


def test_the_whole_code_behind_one_without_its_end_is_no_repeat() -> None:
    assert read((KOPI, 0.0), (f"{KOPI}\r", 0.29)) == [(KOPI, CUT), (KOPI, "")]


def test_the_rest_of_a_code_without_check_digit_is_marked() -> None:
    assert read(("JP00", 0.0), ("12345\r", 0.25)) == [("JP00", CUT), ("12345", REST)]
    assert read(("JP00", 0.0), ("JP0012345\r", 0.5)) == [("JP00", CUT), ("JP0012345", "")]
