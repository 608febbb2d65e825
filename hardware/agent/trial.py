"""`kasir hardware test`: a page that shows whether a printer prints as it should, sent past the ledger."""

import time

from hardware.agent.config import ESCPOS, PrinterConfig, label_bytes
from hardware.devices import Confirmation, LineLost, Outcome, Unreachable
from hardware.paper import Label, label, thermal
from hardware.paper.document import Align, Barcode, Document, Element, Pair, QrCode, Rule, Space, Text
from hardware.paper.marks import Bars, Paragraph, fit

_RESET = b"\x1b@"
# Of its own, so that no job's answer is taken for the page's.
_JOB_ID = 0
_TEXTS = ("Sampai jumpa", "你好 谢谢", "مرحبا", "😀 ✓ €")


def page(printer: PrinterConfig) -> bytes:
    """What is sent."""
    if printer.language != ESCPOS:
        return label_bytes(_label(printer), printer)
    elements: list[Element] = [
        Text("KASIR", Align.CENTER, bold=True, large=True),
        Text(f"{printer.name}, {printer.width_mm} mm", Align.CENTER),
        Rule(heavy=True),
        Pair("Rupiah", "Rp 1.234.567"),
        *(Text(text) for text in _TEXTS),
        Space(),
        Barcode("KASIR-TEST", "Code128"),
        QrCode("https://example.com/kasir", "QR"),
    ]
    return thermal.escpos(Document(printer.width_mm, tuple(elements)))


def _label(printer: PrinterConfig) -> Label:
    lines = [printer.name, printer.place, f"{printer.language}, {printer.dots_per_mm} dots/mm"]
    words = fit([Paragraph(line) for line in lines], 40, 40, label.WIDTH - 80, 180, 44)
    return Label((*words, Bars(40, 260, label.WIDTH - 80, 120, "KASIR-TEST")), label.SIZE)


def print_page(printer: PrinterConfig, *, drawer: bool) -> Confirmation:
    """Prints the page, after opening the drawer when asked to. Raises Unreachable."""
    opened = printer.printer.open()
    try:
        status = opened.status()
        if not status.ready:
            words = f"{status.condition} ({status.detail})" if status.detail else str(status.condition)
            raise Unreachable(words)
        kick = printer.drawer.kick() if drawer and printer.drawer else b""
        job = _RESET + kick + page(printer).removeprefix(_RESET) if kick else page(printer)
        try:
            opened.send(printer.printer.framed(job, _JOB_ID), lambda _status: None)
        except LineLost as lost:
            return Confirmation(Outcome.UNKNOWN, str(lost))
        return opened.confirm(_JOB_ID, lambda _status: None)
    finally:
        opened.close()


def drawer_words(printer: PrinterConfig, patience_s: float) -> str:
    """How the drawer stands after a kick: it takes a moment to open. Raises Unreachable."""
    if printer.drawer is None:
        return "no drawer is configured"
    until = time.monotonic() + patience_s
    while True:
        opened = printer.printer.open()
        try:
            is_open = printer.drawer.is_open(opened.status())
        finally:
            opened.close()
        if is_open is None:
            return "the printer does not say how the drawer stands"
        if is_open or time.monotonic() > until:
            return "the drawer is open" if is_open else "the drawer stayed shut"
