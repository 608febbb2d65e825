"""A file's bytes as lines of text, in one pass: encodings, byte order marks and line ends are settled here.

Banks' exports come as UTF-8, UTF-16 and CP1252, with and without a byte order mark, with CRLF, LF or CR.
"""

import codecs
import hashlib
from collections.abc import Iterable, Iterator

from server.statements.model import StatementBrokenError, StatementUnrecognisedError

# What the contract lets a client send.
MAX_FILE_BYTES = 64 * 2**20
# No bank writes a longer row; a longer one is a file of another kind.
MAX_LINE_BYTES = 16 * 2**10
# What a format is recognised by.
HEAD_BYTES = 64 * 2**10
HEAD_LINES = 40
PIECE_BYTES = 64 * 2**10

_UTF16_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# So much of the text must be plain for a file without a byte order mark to be taken for UTF-16.
_UTF16_ZEROS = 0.4


class Source:
    """A file being read once, from bytes or from pieces of bytes of any size.

    `head` is available at once; then either `lines()` or `text()` is called, once. `file_hash` is complete
    after that.
    """

    def __init__(self, data: bytes | Iterable[bytes], *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        pieces = [data] if isinstance(data, bytes) else data
        self._pieces = self._counted(pieces, max_bytes)
        first = bytearray()
        for piece in self._pieces:
            first += piece
            if len(first) >= HEAD_BYTES:
                break
        self._first = bytes(first)
        self._encoding = _encoding(self._first[:HEAD_BYTES])
        self.head: tuple[str, ...] = tuple(self._head())
        """The first lines, without their ends; what cannot be decoded is left out."""

    @property
    def file_hash(self) -> str:
        """BLAKE2b-256 of what was read, hex."""
        return self._hash.hexdigest()

    def lines(self) -> Iterator[tuple[int, str]]:
        """Line number (from 1) and text of each line, without its end. Raises StatementError."""
        left = b""
        number = 0
        for piece in self._utf8():
            left += piece
            # bytes.splitlines knows \n, \r\n and \r only; str.splitlines would also split at form feeds and
            # the like.
            found = left.splitlines(keepends=True)
            # The last line may go on in the next piece; after a \r a \n may follow.
            left = b"" if not found or found[-1].endswith(b"\n") else found.pop()
            for line in found:
                number += 1
                yield number, _decoded(line, number)
            if len(left) > MAX_LINE_BYTES:
                raise StatementBrokenError(
                    f"line {number + 1} is longer than any bank writes: not a line of a statement"
                )
        if left:
            yield number + 1, _decoded(left, number + 1)

    def text(self) -> str:
        """The whole file. Raises StatementError."""
        whole = b"".join(self._utf8())
        try:
            return whole.decode()
        except UnicodeDecodeError:
            return whole.decode("cp1252", errors="replace")

    def _counted(self, pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
        total = 0
        for piece in pieces:
            total += len(piece)
            if total > max_bytes:
                raise StatementUnrecognisedError(f"the file is larger than {max_bytes // 2**20} MiB")
            self._hash.update(piece)
            # Small steps, so that splitting into lines never holds a large file twice.
            for start in range(0, len(piece), PIECE_BYTES):
                yield bytes(piece[start : start + PIECE_BYTES])

    def _raw(self) -> Iterator[bytes]:
        first, self._first = self._first, b""
        yield first
        yield from self._pieces

    def _utf8(self) -> Iterator[bytes]:
        """The file's bytes, UTF-16 turned into UTF-8, without a byte order mark."""
        decoder = codecs.getincrementaldecoder(self._encoding)() if self._encoding else None
        is_start = True
        try:
            for piece in self._raw():
                turned = decoder.decode(piece).encode() if decoder else piece
                yield turned.removeprefix(codecs.BOM_UTF8) if is_start else turned
                is_start = is_start and not turned
            if decoder:
                yield decoder.decode(b"", final=True).encode()
        except UnicodeError as error:
            raise StatementBrokenError("the file is not valid UTF-16: it is damaged or cut off") from error

    def _head(self) -> Iterator[str]:
        start = self._first[:HEAD_BYTES]
        if self._encoding:
            start = start[: len(start) // 2 * 2].decode(self._encoding, errors="ignore").encode()
        for line in start.removeprefix(codecs.BOM_UTF8).splitlines()[:HEAD_LINES]:
            yield line[:MAX_LINE_BYTES].decode(errors="ignore")


def _encoding(start: bytes) -> str | None:
    """The UTF-16 that `start` is written in, or None for what is read as bytes, line by line."""
    for mark, name in _UTF16_BOMS.items():
        if start.startswith(mark):
            return name
    # Bank text is mostly ASCII: in UTF-16 every second byte is then zero.
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) >= half * _UTF16_ZEROS and start[1::2].count(0) > start[::2].count(0):
        return "utf-16-le"
    if start[::2].count(0) >= half * _UTF16_ZEROS:
        return "utf-16-be"
    return None


def _decoded(line: bytes, number: int) -> str:
    line = line.rstrip(b"\r\n")
    if len(line) > MAX_LINE_BYTES:
        raise StatementBrokenError(f"line {number} is longer than any bank writes: not a line of a statement")
    try:
        return line.decode()
    except UnicodeDecodeError:
        # Old exports: one letter of a name in CP1252. Line by line, since the rest of a file tells nothing
        # about it.
        return line.decode("cp1252", errors="replace")
