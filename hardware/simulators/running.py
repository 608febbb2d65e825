"""The devices of `kasir hardware simulate`, and what can happen to them."""

import threading
from collections.abc import Callable
from pathlib import Path

from hardware.displays.commands import EPSON
from hardware.paper.errors import PaperError
from hardware.simulators import zpl_reader
from hardware.simulators.display import SimulatedDisplay
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import PtyLine, TcpLine
from hardware.simulators.picture import png
from hardware.simulators.pty_device import PtyDevice
from hardware.simulators.scales import SimulatedToledo
from hardware.simulators.scanner import SimulatedScanner
from hardware.simulators.tspl_printer import TsplSimulator
from hardware.simulators.tspl_reader import picture
from hardware.simulators.zpl_printer import ZplSimulator

# A slip is written once its end has come out.
_LOOK_S = 0.3
_WIDTH_DOTS = {58: 384, 80: 576}
STATES = ("offline", "cover_open", "paper_low", "paper_out", "overheated", "cutter_stuck")
HELP = (
    "Type what happens to the scanner, the scale and the display: scan CODE, weigh GRAMS, unplug DEVICE, "
    "plug DEVICE. To the printers: "
    + ", ".join(state.replace("_", " ") for state in STATES)
    + ", hang, off, on, close drawer, cut N (the line, after N bytes), late N (seconds), ok."
)


class Simulation:
    """A receipt printer and two label printers on ports of this machine, the receipt printer on a pty too
    when asked for; scanner, display and scale on ptys with names below `out`.
    """

    def __init__(
        self, out: Path, ports: tuple[int, int, int], serial_link: Path | None, width_mm: int
    ) -> None:
        """Listens: slips, labels in ZPL, labels in TSPL. Raises OSError."""
        out.mkdir(parents=True, exist_ok=True)
        self.out = out
        self.receipts = EscposSimulator(bytes_per_s=100_000)
        self.labels = ZplSimulator(bytes_per_s=20_000)
        self.tspl_labels = TsplSimulator(bytes_per_s=200_000)
        self._printers = (self.receipts, self.labels, self.tspl_labels)
        self.ports = tuple(TcpLine(each, port) for each, port in zip(self._printers, ports, strict=True))
        self._serial = PtyLine(self.receipts, serial_link) if serial_link is not None else None
        self.scanner = SimulatedScanner(out.absolute() / "tty-scanner")
        self.display = SimulatedDisplay(EPSON, out.absolute() / "tty-display")
        self.scale = SimulatedToledo(out.absolute() / "tty-scale")
        self._width_dots = _WIDTH_DOTS[width_mm]
        self._shown = self.display.glass.lines
        self._written = [0, 0, 0]

    def watch(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        """Writes each paper to a file as it comes out and says what the display shows, until `stop`."""
        while not stop.wait(_LOOK_S):
            self.write(say)
        self.write(say)

    def write(self, say: Callable[[str], None]) -> None:
        """Writes what came out, and says what the display shows, since the last time."""
        slips = self.receipts.cut_slips
        for number, slip in enumerate(slips[self._written[0] :], start=self._written[0] + 1):
            path = self.out / f"slip-{number:04d}.png"
            path.write_bytes(png(slip, self._width_dots))
            say(f"{path}")
        labels = self.labels.labels
        for number, label in enumerate(labels[self._written[1] :], start=self._written[1] + 1):
            say(f"{self._label(self.out / f'label-{number:04d}.png', label)}")
        pictures = self.tspl_labels.read_labels
        for number, commands in enumerate(pictures[self._written[2] :], start=self._written[2] + 1):
            path = self.out / f"label-tspl-{number:04d}.png"
            picture(commands).save(path)
            say(f"{path}")
        self._written = [len(slips), len(labels), len(pictures)]
        if self.display.glass.lines != self._shown:
            self._shown = self.display.glass.lines
            say("the display shows " + " ".join(f"[{line}]" for line in self._shown))

    def _label(self, path: Path, label: bytes) -> Path:
        """Draws a label in ZPL; one of another's, with more than we draw, is kept as it came."""
        try:
            zpl_reader.picture(label).save(path)
        except (zpl_reader.NotZpl, PaperError, UnicodeError):
            path = path.with_suffix(".zpl")
            path.write_bytes(label)
        return path

    def happen(self, words: str) -> bool:
        """Does what was typed; False when it means nothing."""
        return self._happen_at_counter(words) or self._happen_to_printers(words)

    @property
    def station(self) -> tuple[PtyDevice, PtyDevice, PtyDevice]:
        """Scanner, display and scale."""
        return self.scanner, self.display, self.scale

    def _happen_at_counter(self, words: str) -> bool:
        name, _, rest = words.strip().partition(" ")
        device = dict(zip(("scanner", "display", "scale"), self.station, strict=True)).get(rest.lower())
        match name.lower():
            case "scan" if rest:
                self.scanner.scan(rest)
            case "weigh" if rest.removeprefix("-").isdecimal():
                self.scale.pan.grams = int(rest)
            case "unplug" if device is not None:
                device.unplug()
            case "plug" if device is not None:
                if not device.plugged:
                    device.plug()
            case _:
                return False
        return True

    def _happen_to_printers(self, words: str) -> bool:
        name, _, number = words.strip().lower().partition(" ")
        state = words.strip().lower().replace(" ", "_")
        for printer in self._printers:
            if state in STATES:
                with printer.changing() as changing:
                    setattr(changing, state, True)
            elif state == "ok":
                printer.switch_on()
                printer.recover()
            elif state in {"off", "on", "hang"}:
                {"off": printer.switch_off, "on": printer.switch_on, "hang": printer.hang}[state]()
            elif state == "close_drawer":
                self.receipts.close_drawer()
            elif name in {"cut", "late"} and number.isdecimal():
                (printer.cut_after if name == "cut" else printer.answer_late)(int(number))
            else:
                return False
        return True

    def close(self) -> None:
        """Ends all devices."""
        for device in self.station:
            device.close()
        for port in self.ports:
            port.close()
        if self._serial is not None:
            self._serial.close()
