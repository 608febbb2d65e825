"""Goal: every encoding and line end a bank uses gives the same statement; what is no text is refused.

Method: one file, written in all of them.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.statements import StatementBrokenError, StatementUnrecognisedError, parse
from server.statements.registry import MAX_FILE_BYTES

TODAY = dt.date(2026, 5, 20)
SAMPLES = Path(__file__).parent.parent / "samples" / "indonesia"
TEXT = (SAMPLES / "rekapimutasi_personal_input.csv").read_text()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("size", [1, 3, 64, 10_000])
def test_encodings_and_line_ends(encoding: str, end: str, size: int) -> None:
    text = (
        TEXT.replace("JOHN DOE", "RENÉ DOE")
        .replace("ACME CORPORATION", "ACMÉ CORPORATION")
        .replace("\n", end)
    )
    data = text.encode(encoding)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    statement = parse(pieces, today=TODAY)
    assert statement.holder == "RENÉ DOE"
    assert statement.rows[0].counterparty == "ACMÉ CORPORATION"
    assert statement.rows[0].amount_minor == 10_840_000
    assert statement.rows[0].row == 6


def test_the_same_bytes_have_the_same_hash() -> None:
    whole = parse(TEXT.encode(), today=TODAY).file_hash
    assert parse((bytes([byte]) for byte in TEXT.encode()), today=TODAY).file_hash == whole
    assert parse(TEXT.replace("JOHN", "JANE").encode(), today=TODAY).file_hash != whole
    assert len(whole) == 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n\n",
        b"\x00" * 1000,
        bytes(range(256)) * 10,
        b"\xff\xfe",
        b"\xfe\xff\xd8",
        b"PK\x03\x04" + bytes(500),
        b"%PDF-1.7\n",
        b"<html><table></table></html>",
        "Date,Amount\n2026-05-02,5.00\n".encode("utf-16"),
        b"x" * 200_000,
    ],
)
def test_what_is_no_statement_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(StatementUnrecognisedError) as caught:
        parse(data, today=TODAY)
    assert caught.value.reason == "STATEMENT_UNRECOGNISED"


def test_damaged_utf16_is_refused() -> None:
    data = TEXT.encode("utf-16-le")
    with pytest.raises(StatementBrokenError, match="UTF-16"):
        parse(data[:400] + b"\x00\xd8" + data[400:], today=TODAY)


def test_letters_of_two_encodings_in_one_file_do_not_touch_the_money() -> None:
    data = TEXT.encode().replace(b"JOHN", b"J\x81\xd6HN")
    assert parse(data, today=TODAY).rows[0].amount_minor == 10_840_000


def test_a_file_that_is_too_large_is_refused_before_it_is_held() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield TEXT.encode()
        while True:
            taken += 1
            yield (b" " * 1023 + b"\n") * 2**10

    with pytest.raises(StatementUnrecognisedError, match="larger than 64 MiB"):
        parse(endless(), today=TODAY)
    assert taken <= MAX_FILE_BYTES // 2**20 + 1
