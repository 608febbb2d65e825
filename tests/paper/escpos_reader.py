"""Reads the ESC/POS that we send as a printer would, and refuses a byte that it does not know."""

from dataclasses import dataclass

from PIL import Image

from hardware.simulators.interpreter import Cut, Feed, Interpreter, Raster, TextLine


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
        # A printer that was set up for France: letters are American only where the job says so.
        reading = Interpreter(country=1)
        reading.feed(data)
        while reading.step():
            assert reading.code_page == 0, "each model numbers its code pages by itself"
        assert reading.waiting_bytes == 0, "the job ends inside a command"
        assert not reading.complaints, reading.complaints
        self.items = [item for each in reading.items if (item := _plain(each))]
        self.resets = reading.resets
        self.cuts = sum(isinstance(item, Cut) for item in reading.items)
        self.lines_fed = sum(item.lines for item in reading.items if isinstance(item, Feed))
        self.size, self.inverse, self.bold = (
            reading.style.high,
            reading.style.inverse,
            reading.style.bold,
        )
        self.american = reading.country == 0

    @property
    def lines(self) -> list[str]:
        return [item.text for item in self.items if isinstance(item, Printed)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def pictures(self) -> list[Image.Image]:
        return [item.image for item in self.items if isinstance(item, Picture)]


def _plain(item: object) -> Printed | Picture | None:
    if isinstance(item, Raster):
        return Picture(item.image)
    if not isinstance(item, TextLine):
        return None
    (run,) = item.runs
    assert run.style.wide == run.style.high, "as wide as high"
    assert run.text.isascii(), f"not printable ASCII: {run.text!r}"
    return Printed(run.text, run.style.bold, run.style.high, run.style.inverse)
