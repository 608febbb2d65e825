"""A label printer that reads what we send as the simulated one does. Its bar codes are zxing-cpp's, as those
of a printer's own firmware are not ours either.
"""

import zxingcpp
from PIL import Image

from hardware.simulators.tspl_reader import Drawer, Reader

_FORMATS = {
    "128": zxingcpp.BarcodeFormat.Code128,
    "EAN13": zxingcpp.BarcodeFormat.EAN13,
    "EAN8": zxingcpp.BarcodeFormat.EAN8,
}


class Printer(Drawer):
    """Prints a stream of jobs; `labels` are what came out. Whatever it does not know breaks it."""

    def __init__(self, dots_per_mm: int = 8) -> None:
        super().__init__(dots_per_mm)
        self.labels: list[Image.Image] = []
        self.commands: list[str] = []

    def feed(self, data: bytes) -> None:
        reader = Reader()
        for command in reader.feed(data):
            self.commands.append(command.name)
            if label := self.draw(command):
                self.labels.append(label)
        assert not reader.rest, "the job ends inside a command"

    def bars(self, kind: str, data: str) -> Image.Image:
        drawn = _drawn(zxingcpp.create_barcode(data, _FORMATS[kind]))
        return drawn.crop((0, 0, drawn.width, 1))

    def square(self, data: str) -> Image.Image:
        return _drawn(zxingcpp.create_barcode(data, zxingcpp.BarcodeFormat.QRCode, ec_level="M"))


def _drawn(code: zxingcpp.Barcode) -> Image.Image:
    """One pixel a module, no quiet zone."""
    drawn = code.to_image(scale=1, add_quiet_zones=False)
    return Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), bytes(memoryview(drawn)))


def printed(data: bytes, dots_per_mm: int = 8) -> list[Image.Image]:
    """The labels that come out of a printer for these bytes."""
    printer = Printer(dots_per_mm)
    printer.feed(data)
    return printer.labels
