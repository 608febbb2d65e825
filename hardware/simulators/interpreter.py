"""Reads ESC/POS as a printer does: one command after the other off a buffer, until one is not complete.

What is on the paper is kept as items in order. What only a printer can answer (states, ids, the drawer) is
given to a `Host`. A byte that means nothing here is noted as a complaint and passed over, as printers do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from PIL import Image

LINE_PITCH = 34
CELL_WIDTH = 12
_ESC, _GS, _FS, _DLE = 0x1B, 0x1D, 0x1C, 0x10
# Python's names of the code pages that ESC t chooses.
_CODE_PAGES = {0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 16: "cp1252", 17: "cp866"}
_CODE_PAGES |= {18: "cp852", 19: "cp858"}
# What ESC R puts in the place of these letters: America, France, Germany, Britain, Denmark, Sweden, Italy,
# Spain.
_AMERICAN = "#$@[\\]^`{|}~"
_NATIONAL: tuple[str, ...] = (
    _AMERICAN,
    "#$à°ç§^`éùè¨",
    "#$§ÄÖÜ^`äöüß",
    "£$@[\\]^`{|}~",
    "#$@ÆØÅ^`æøå~",
    "#¤ÉÄÖÅÜéäöåü",
)
_NATIONAL += ("#$@°\\é^ùàòèì", "₧$@¡Ñ¿^`¨ñ}~")
# Page 1 of Epson's is Katakana; of it the lines of tables are used by those who print Latin letters.
_KATAKANA_LINES = dict(zip(range(0x90, 0xA0), "┴┬┤├▔─│▕┌┐└┘╭╮╰╯", strict=True))

_LETTERS_OF = tuple(str.maketrans(_AMERICAN, letters) for letters in _NATIONAL)


@dataclass(frozen=True, slots=True)
class Style:
    """How letters are printed."""

    bold: bool = False
    wide: int = 1
    high: int = 1
    inverse: bool = False
    align: int = 0


@dataclass(frozen=True, slots=True)
class Letters:
    """A run of letters on one line, `at` dots from the left where a position was given."""

    text: str
    style: Style
    at: int | None = None


@dataclass(frozen=True, slots=True)
class TextLine:
    """One printed line."""

    runs: tuple[Letters, ...]
    pitch: int = LINE_PITCH

    @property
    def text(self) -> str:
        """Its letters, with a space where a run was moved to a place of its own."""
        return "".join(f" {run.text}" if run.at and at else run.text for at, run in enumerate(self.runs))


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture, black on white."""

    image: Image.Image
    align: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """A bar code that the printer draws itself. `kind` is "qr" or the number of GS k."""

    kind: str
    data: bytes
    module: int
    height: int
    align: int = 0


@dataclass(frozen=True, slots=True)
class Feed:
    """Blank paper, in lines."""

    lines: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The knife."""


Item = TextLine | Raster | Code | Feed | Cut


class Host(Protocol):
    """The printer around the interpreter."""

    def reset(self) -> None:
        """ESC @."""

    def automatic_status(self, mask: int) -> None:
        """GS a."""

    def asked(self, what: str, n: int) -> None:
        """GS r ("state") or GS I ("identity"), in turn."""

    def echo(self, process_id: bytes) -> None:
        """GS ( H, in turn."""

    def kick(self, pin: int) -> None:
        """ESC p: a pulse to the drawer."""


def _picture(bits: bytes, width: int, height: int) -> Image.Image:
    """Rows of dots, where 1 is black."""
    wanted = width // 8 * height
    white = bits[:wanted].ljust(wanted, b"\0")
    return Image.frombytes("1", (width, height), bytes(byte ^ 0xFF for byte in white))


Command = Callable[["Interpreter"], None]


def _passing(count: int) -> Command:
    """What changes nothing that is looked at here."""
    return lambda printer: printer.skip(count)


def _sizing(name: str) -> Command:
    return lambda printer: printer.keep(name)


class _Short(Exception):  # noqa: N818 (the command is not complete yet)
    pass


class Interpreter:
    """A printer's reading of its bytes."""

    def __init__(self, host: Host | None = None, country: int = 0) -> None:
        """`country` is what the printer was set up for, as ESC R counts; a reset goes back to it."""
        self.items: list[Item] = []
        self.complaints: list[str] = []
        self.resets = 0
        self._host = host
        self._home = country
        self._buffer = b""
        self._at = 0
        self._start()

    def _start(self) -> None:
        self.style = Style()
        self.code_page = 0
        self.country = self._home
        self._pitch = LINE_PITCH
        self._runs: list[Letters] = []
        self._position: int | None = None
        self._code_height, self._code_module, self._qr_module = 162, 3, 3
        self._qr_data = b""
        self._stored: Image.Image | None = None

    def feed(self, data: bytes) -> None:
        """Bytes come in; nothing is done yet."""
        self._buffer = self._buffer[self._at :] + data
        self._at = 0

    def step(self) -> int:
        """Does one command; how many bytes it had, 0 when the next one is not complete."""
        begin = self._at
        if begin >= len(self._buffer):
            return 0
        try:
            self._next()
        except _Short:
            self._at = begin
            return 0
        return self._at - begin

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not done yet."""
        return len(self._buffer) - self._at

    def clear(self) -> None:
        """Loses what waits and every setting, as when the power goes. The paper stays."""
        self._buffer, self._at = b"", 0
        self._start()

    def _take(self, count: int) -> bytes:
        taken = self._buffer[self._at : self._at + count]
        if len(taken) < count:
            raise _Short
        self._at += count
        return taken

    def skip(self, count: int) -> None:
        """Passes a command's parameters over."""
        self._take(count)

    def keep(self, name: str) -> None:
        """Keeps a command's one parameter."""
        setattr(self, name, self._byte())

    def _byte(self) -> int:
        return self._take(1)[0]

    def _peek(self) -> int:
        return self._buffer[self._at] if self._at < len(self._buffer) else -1

    def _word(self) -> int:
        return int.from_bytes(self._take(2), "little")

    def _next(self) -> None:
        lead = self._byte()
        table = {_ESC: self._ESCAPES, _GS: self._GROUPS, _FS: self._FIELDS}.get(lead)
        if table is not None:
            key = self._byte()
            command = table.get(key)
            if command is None:
                self.complaints.append(f"{lead:02x} {key:02x}")
            else:
                command(self)
        elif lead == 0x0A:
            self._line_feed()
        elif lead == _DLE:
            # Answered when it came in; the printer's interface took it out of turn.
            key = self._byte()
            self._take(8 if (key, self._peek()) == (0x14, 8) else {0x04: 1, 0x05: 1, 0x14: 3}.get(key, 0))
        elif lead >= 0x20:
            self._letters(lead)
        elif lead == 0x00:
            # What ends a torn command is thousands of them.
            end = len(self._buffer) - len(self._buffer[self._at :].lstrip(b"\0"))
            self._take(end - self._at)
        elif lead not in {0x09, 0x0C, 0x0D}:
            self.complaints.append(f"{lead:02x}")

    def _letters(self, first: int) -> None:
        end = self._at
        while end < len(self._buffer) and self._buffer[end] >= 0x20:
            end += 1
        raw = bytes([first]) + self._take(end - self._at)
        if self.code_page == 1:
            text = "".join(_KATAKANA_LINES.get(byte, chr(byte)) for byte in raw)
        else:
            text = raw.decode(_CODE_PAGES.get(self.code_page, "latin-1"), "replace")
        text = text.translate(_LETTERS_OF[self.country])
        self._runs.append(Letters(text, self.style, self._position))
        self._position = None

    def _line_feed(self) -> None:
        if self._runs:
            self.items.append(TextLine(tuple(self._runs), self._pitch))
            self._runs = []
        else:
            self.items.append(TextLine((Letters("", self.style),), self._pitch))

    def _flush(self) -> None:
        """A picture or a feed prints the line that was begun."""
        if self._runs:
            self._line_feed()

    # --- ESC ---

    def _initialize(self) -> None:
        self._start()
        self.resets += 1
        if self._host:
            self._host.reset()

    def _print_mode(self) -> None:
        mode = self._byte()
        self.style = replace(
            self.style, bold=bool(mode & 8), high=2 if mode & 16 else 1, wide=2 if mode & 32 else 1
        )

    def _bold(self) -> None:
        self.style = replace(self.style, bold=bool(self._byte() & 1))

    def _align(self) -> None:
        self.style = replace(self.style, align=self._byte() & 3)

    def _feed_lines(self) -> None:
        lines = self._byte()
        self._flush()
        self.items.append(Feed(lines))

    def _feed_dots(self) -> None:
        dots = self._byte()
        self._flush()
        self.items.append(Feed(round(dots / LINE_PITCH)))

    def _spacing(self) -> None:
        self._pitch = self._byte()

    def _standard_spacing(self) -> None:
        self._pitch = LINE_PITCH

    def _choose_page(self) -> None:
        self.code_page = self._byte()

    def _choose_country(self) -> None:
        country = self._byte()
        if country < len(_NATIONAL):
            self.country = country

    def _go_to(self) -> None:
        self._position = self._word()

    def _go_on_to(self) -> None:
        offset = int.from_bytes(self._take(2), "little", signed=True)
        self._position = max(0, self._cursor() + offset)

    def _cursor(self) -> int:
        """Dots from the left where the next letter would stand."""
        if self._position is not None:
            return self._position
        at = 0
        for run in self._runs:
            at = (at if run.at is None else run.at) + len(run.text) * CELL_WIDTH * run.style.wide
        return at

    def _kick(self) -> None:
        pin, _on, _off = self._take(3)
        if self._host:
            self._host.kick(pin & 1)

    def _column_picture(self) -> None:
        mode, columns = self._byte(), self._word()
        rows = 24 if mode >= 32 else 8
        bits = self._take(columns * rows // 8)
        image = Image.new("1", (columns, rows), 1)
        for at, byte in enumerate(bits):
            for bit in range(8):
                if byte & (0x80 >> bit):
                    image.putpixel((at // (rows // 8), at % (rows // 8) * 8 + bit), 0)
        self.items.append(Raster(image, self.style.align))

    # --- GS ---

    def _size(self) -> None:
        size = self._byte()
        self.style = replace(self.style, wide=(size >> 4 & 7) + 1, high=(size & 7) + 1)

    def _inverse(self) -> None:
        self.style = replace(self.style, inverse=bool(self._byte() & 1))

    def _cut(self) -> None:
        if self._byte() in {65, 66, 97, 98, 103, 104}:
            self._take(1)
        self._flush()
        self.items.append(Cut())

    def _raster(self) -> None:
        what, _mode = self._take(2)
        row_bytes, rows = self._word(), self._word()
        bits = self._take(row_bytes * rows)
        if what != 0x30:
            self.complaints.append(f"1d 76 {what:02x}")
            return
        self._flush()
        self.items.append(Raster(_picture(bits, row_bytes * 8, rows), self.style.align))

    def _automatic(self) -> None:
        mask = self._byte()
        if self._host:
            self._host.automatic_status(mask)

    def _ask_state(self) -> None:
        n = self._byte()
        if self._host:
            self._host.asked("state", n)

    def _ask_identity(self) -> None:
        n = self._byte()
        if self._host:
            self._host.asked("identity", n)

    def _barcode(self) -> None:
        kind = self._byte()
        if kind >= 65:
            data = self._take(self._byte())
        else:
            end = self._buffer.find(b"\0", self._at)
            if end < 0:
                raise _Short
            data = self._take(end - self._at + 1)[:-1]
        self._flush()
        code = Code(str(kind), data, self._code_module, self._code_height, self.style.align)
        self.items.append(code)

    def _parenthesis(self) -> None:
        key = self._byte()
        data = self._take(self._word())
        if key == ord("H") and data[:2] == b"00" and len(data) == 6:
            if self._host:
                self._host.echo(data[2:])
        elif key == ord("k"):
            self._qr(data)
        elif key == ord("L"):
            self._graphics(data)
        elif key not in {ord("D"), ord("E"), ord("K"), ord("A")}:
            self.complaints.append(f"1d 28 {key:02x}")

    def _long_graphics(self) -> None:
        if self._byte() != ord("L"):
            self.complaints.append("1d 38")
            return
        self._graphics(self._take(int.from_bytes(self._take(4), "little")))

    def _graphics(self, data: bytes) -> None:
        function = data[1] if len(data) > 1 else -1
        if function in {112, 64} and len(data) >= 10:
            width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
            whole = _picture(data[10:], -(-width // 8) * 8, height)
            self._stored = whole.crop((0, 0, width, height))
        elif function in {2, 50} and self._stored is not None:
            self._flush()
            self.items.append(Raster(self._stored, self.style.align))
            self._stored = None

    def _qr(self, data: bytes) -> None:
        if data[:1] != b"1" or len(data) < 3:
            self.complaints.append("a two-dimensional code other than QR")
        elif data[1] == 67:
            self._qr_module = data[2]
        elif data[1] == 80:
            self._qr_data = data[3:]
        elif data[1] == 81:
            self._flush()
            self.items.append(Code("qr", self._qr_data, self._qr_module, 0, self.style.align))

    # What follows ESC, GS and FS.
    _ESCAPES: ClassVar[dict[int, Command]] = {
        ord("@"): _initialize,
        ord("!"): _print_mode,
        ord("E"): _bold,
        ord("G"): _bold,
        ord("a"): _align,
        ord("d"): _feed_lines,
        ord("J"): _feed_dots,
        ord("3"): _spacing,
        ord("2"): _standard_spacing,
        ord("t"): _choose_page,
        ord("$"): _go_to,
        ord("\\"): _go_on_to,
        ord("p"): _kick,
        ord("*"): _column_picture,
        ord("R"): _choose_country,
        **{ord(key): _passing(1) for key in " -MV{TU=r"},
        ord("c"): _passing(2),
    }
    _GROUPS: ClassVar[dict[int, Command]] = {
        ord("!"): _size,
        ord("B"): _inverse,
        ord("V"): _cut,
        ord("v"): _raster,
        ord("a"): _automatic,
        ord("r"): _ask_state,
        ord("I"): _ask_identity,
        ord("k"): _barcode,
        ord("h"): _sizing("_code_height"),
        ord("w"): _sizing("_code_module"),
        ord("("): _parenthesis,
        ord("8"): _long_graphics,
        **{ord(key): _passing(1) for key in "Hfb/:"},
        **{ord(key): _passing(2) for key in "LWP"},
    }
    _FIELDS: ClassVar[dict[int, Command]] = {
        ord("("): _parenthesis,
        **{ord(key): _passing(0) for key in ".&"},
        **{ord(key): _passing(1) for key in "C-W!"},
        ord("S"): _passing(2),
    }
