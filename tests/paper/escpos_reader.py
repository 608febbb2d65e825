"""Reads the ESC/POS that we send as a printer would, and refuses a byte that it does not know."""

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Printed:
    """One line of letters."""

    text: str
    bold: bool
    size: int
    inverse: bool


@dataclass(frozen=True)
class Picture:
    """One raster picture (GS v 0)."""

    image: Image.Image


class Job:
    """What a job does to a printer."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items: list[Printed | Picture] = []
        self.resets = self.cuts = self.lines_fed = 0
        self.bold = self.inverse = self.american = False
        self.size = 1
        while self.at < len(data):
            self._next()

    @property
    def lines(self) -> list[str]:
        return [item.text for item in self.items if isinstance(item, Printed)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def pictures(self) -> list[Image.Image]:
        return [item.image for item in self.items if isinstance(item, Picture)]

    def _take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        assert len(taken) == count, "the job ends inside a command"
        self.at += count
        return taken

    def _next(self) -> None:
        lead = self.data[self.at]
        if lead == 0x1B:
            self._escape(self._take(2)[1:])
        elif lead == 0x1D:
            self._group(self._take(2)[1:])
        else:
            end = self.data.index(b"\n", self.at)
            letters = self._take(end - self.at + 1)[:-1]
            assert all(0x20 <= byte <= 0x7E for byte in letters), f"not printable ASCII: {letters!r}"
            self.items.append(Printed(letters.decode("ascii"), self.bold, self.size, self.inverse))

    def _escape(self, command: bytes) -> None:
        match command:
            case b"@":
                self.resets += 1
                self.american = False
                self.bold, self.inverse, self.size = False, False, 1
            case b"E":
                self.bold = bool(self._take(1)[0])
            case b"R":
                assert self._take(1) == b"\x00", "American letters"
                self.american = True
            case b"d":
                self.lines_fed += self._take(1)[0]
            case _:
                raise AssertionError(f"ESC {command!r}")

    def _group(self, command: bytes) -> None:
        match command:
            case b"!":
                size = self._take(1)[0]
                assert size >> 4 == size & 0x0F, "as wide as high"
                self.size = (size & 0x0F) + 1
            case b"B":
                self.inverse = bool(self._take(1)[0])
            case b"V":
                assert self._take(1) in {b"\x00", b"\x01"}
                self.cuts += 1
            case b"v":
                assert self._take(2) == b"0\x00"
                row, height = (int.from_bytes(self._take(2), "little") for _ in range(2))
                bits = self._take(row * height)
                # A printer's 1 is black.
                picture = Image.frombytes("1", (row * 8, height), bytes(byte ^ 0xFF for byte in bits))
                self.items.append(Picture(picture))
            case _:
                raise AssertionError(f"GS {command!r}")
