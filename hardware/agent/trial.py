"""`kasir hardware test`: each device does what it is for, past server and ledger."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from hardware.agent.board import Board
from hardware.agent.config import ESCPOS, AgentConfig, PrinterConfig, page_bytes
from hardware.agent.notes import TornNotes
from hardware.agent.sending import NotBegunError, send
from hardware.agent.station_tables import DisplayConfig, ScaleConfig, ScannerConfig
from hardware.devices import Confirmation, Outcome, PrinterStatus, Unreachable, unreachable
from hardware.paper import Label, label, thermal
from hardware.paper.document import Align, Barcode, Document, Element, Pair, QrCode, Rule, Space, Text
from hardware.paper.marks import Bars, Paragraph, fit
from hardware.scales import WeighingState
from hardware.station.scanning import ScannerThread
from hardware.station.watching import Watchers
from kasir.v1 import station_pb2

_RESET = b"\x1b@"
# Of its own, so that no job's answer is taken for the page's.
_JOB_ID = 0
# How long a drawer takes to open, and a weight to come to rest.
_DRAWER_S = 1.0
_WEIGHING_S = 3.0
_TEXTS = ("Sampai jumpa", "你好 谢谢", "مرحبا", "😀 ✓ €")


@dataclass(frozen=True, slots=True)
class Tried:
    """How one device did."""

    name: str
    works: bool
    words: str


def results(config: AgentConfig, only: str, notes: TornNotes, *, drawer: bool) -> list[Tried]:
    """What became of all devices but scanners, or of the one of that name."""
    tries = (
        *((each.name, partial(_printer, each, notes, drawer=drawer)) for each in config.printers),
        *((each.name, partial(_display, each)) for each in config.displays),
        *((each.name, partial(_scale, each)) for each in config.scales),
    )
    return [attempt() for name, attempt in tries if only in {"", name}]


def _printer(printer: PrinterConfig, notes: TornNotes, *, drawer: bool) -> Tried:
    try:
        confirmation = print_page(printer, notes, drawer=drawer)
    except Unreachable as why:
        return Tried(printer.name, False, f"not printed: {why}")
    words = f"{confirmation.outcome}: {confirmation.detail}"
    words += f"; {drawer_words(printer)}" if drawer else ""
    return Tried(printer.name, confirmation.outcome is Outcome.PRINTED, words)


def _display(display: DisplayConfig) -> Tried:
    lines = ("KASIR", display.name)
    works = display.display.show(*lines)
    words = f"shows {lines[0]!r} and {lines[1]!r}" if works else f"not shown: {display.display.trouble}"
    display.display.close()
    return Tried(display.name, works, words)


def _scale(scale: ScaleConfig) -> Tried:
    weighing = scale.scale.weigh(_WEIGHING_S)
    works = weighing.state is WeighingState.STABLE
    words = f"{weighing.grams} g" if works else f"no weight: {scale.scale.trouble or weighing.state.value}"
    scale.scale.close()
    return Tried(scale.name, works, words)


def scans(
    scanners: Sequence[ScannerConfig], count: int, say: Callable[[str], None]
) -> Iterator[station_pb2.Scan]:
    """What these scanners read, `count` scans or, when that is 0, for ever. `say` hears what hinders them."""
    watchers: Watchers[station_pb2.Scan] = Watchers()
    watcher, stopping = watchers.add(), threading.Event()
    board = Board(tuple(each.name for each in scanners), say)
    for each in scanners:
        told = partial(board.tell, each.name)
        ScannerThread(each.name, each.scanner, watchers, told, stopping, say).start()
    try:
        yield from islice(watcher, count or None)
    finally:
        stopping.set()


def page(printer: PrinterConfig) -> bytes:
    """What is sent."""
    if printer.language != ESCPOS:
        return page_bytes([_label(printer)], printer)
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


def print_page(printer: PrinterConfig, notes: TornNotes, *, drawer: bool) -> Confirmation:
    """Prints the page, after opening the drawer when asked to. A page that was torn is noted as a job is, and
    one before it mended. Raises Unreachable.
    """
    name = printer.name
    opened = printer.printer.open()
    try:
        status = opened.status()
        if not status.ready:
            words = f"{status.condition} ({status.detail})" if status.detail else str(status.condition)
            raise Unreachable(words)
        kick = printer.drawer.kick() if drawer and printer.drawer else b""
        job = _RESET + kick + page(printer).removeprefix(_RESET) if kick else page(printer)
        torn = notes.torn_bytes(name)
        try:
            confirmation = send(
                opened,
                printer,
                job,
                _JOB_ID,
                torn_bytes=torn,
                begins=partial(notes.tears, name),
                told=lambda _status: None,
            )
        except NotBegunError:
            notes.tears(name, torn)
            raise
        if confirmation.outcome is Outcome.PRINTED:
            notes.tears(name, 0)
        return confirmation
    finally:
        opened.close()


def drawer_words(printer: PrinterConfig) -> str:
    """How the drawer stands after a kick: it takes a moment to open."""
    if printer.drawer is None:
        return "no drawer is configured"
    until = time.monotonic() + _DRAWER_S
    while True:
        status = _status(printer)
        if not status.answered:
            return f"how the drawer stands is not known: {status.detail}"
        is_open = printer.drawer.is_open(status)
        if is_open is None:
            return "the printer does not say how the drawer stands"
        if is_open or time.monotonic() > until:
            return "the drawer is open" if is_open else "the drawer stayed shut"


def _status(printer: PrinterConfig) -> PrinterStatus:
    try:
        opened = printer.printer.open()
    except Unreachable as error:
        return unreachable(error)
    try:
        return opened.status()
    finally:
        opened.close()
