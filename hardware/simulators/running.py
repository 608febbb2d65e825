"""`kasir hardware simulate`: a receipt printer and two label printers whose paper comes out as files."""

import threading
from collections.abc import Callable
from pathlib import Path

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import PtyLine, TcpLine
from hardware.simulators.picture import png
from hardware.simulators.tspl_printer import TsplSimulator
from hardware.simulators.tspl_reader import picture
from hardware.simulators.zpl_printer import ZplSimulator

# A slip is written once its end has come out.
_LOOK_S = 0.3
_WIDTH_DOTS = {58: 384, 80: 576}
STATES = ("offline", "cover_open", "paper_low", "paper_out", "overheated", "cutter_stuck")
HELP = (
    "Type what happens to the printers: "
    + ", ".join(state.replace("_", " ") for state in STATES)
    + ", hang, off, on, close drawer, cut N (the line, after N bytes), late N (seconds), ok."
)


class Simulation:
    """All printers on ports of this machine, and the receipt printer on a pty beside it when asked for."""

    def __init__(
        self, out: Path, ports: tuple[int, int, int], serial_link: Path | None, width_mm: int
    ) -> None:
        """Listens: slips, labels in ZPL, labels in TSPL. Raises OSError."""
        self.out = out
        self.receipts = EscposSimulator(bytes_per_s=100_000)
        self.labels = ZplSimulator(bytes_per_s=20_000)
        self.tspl_labels = TsplSimulator(bytes_per_s=200_000)
        self._printers = (self.receipts, self.labels, self.tspl_labels)
        self.ports = tuple(TcpLine(each, port) for each, port in zip(self._printers, ports, strict=True))
        self._serial = PtyLine(self.receipts, serial_link) if serial_link is not None else None
        self._width_dots = _WIDTH_DOTS[width_mm]
        self._written = [0, 0, 0]

    def watch(self, stop: threading.Event, say: Callable[[str], None]) -> None:
        """Writes each paper to a file as it comes out, until `stop`."""
        self.out.mkdir(parents=True, exist_ok=True)
        while not stop.wait(_LOOK_S):
            self.write(say)
        self.write(say)

    def write(self, say: Callable[[str], None]) -> None:
        """Writes what came out since the last time."""
        slips = self.receipts.cut_slips
        for number, slip in enumerate(slips[self._written[0] :], start=self._written[0] + 1):
            path = self.out / f"slip-{number:04d}.png"
            path.write_bytes(png(slip, self._width_dots))
            say(f"{path}")
        labels = self.labels.labels
        for number, label in enumerate(labels[self._written[1] :], start=self._written[1] + 1):
            path = self.out / f"label-{number:04d}.zpl"
            path.write_bytes(label)
            say(f"{path}")
        pictures = self.tspl_labels.read_labels
        for number, commands in enumerate(pictures[self._written[2] :], start=self._written[2] + 1):
            path = self.out / f"label-tspl-{number:04d}.png"
            picture(commands).save(path)
            say(f"{path}")
        self._written = [len(slips), len(labels), len(pictures)]

    def happen(self, words: str) -> bool:
        """Does what was typed to all printers; False when it means nothing."""
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
        """Ends the printers."""
        for port in self.ports:
            port.close()
        if self._serial is not None:
            self._serial.close()
