"""A label printer: takes TSPL, answers ESC ! ? at once, ~!@ in its turn, keeps labels as they were sent."""

import re
import time
from collections import deque

from hardware.simulators.device import BUFFER_BYTES, Device
from hardware.simulators.tspl_reader import Command, Reader

_ASK = b"\x1b!?"
_CANCEL = b"\x1b!."
_IMMEDIATE = re.compile(rb"\x1b![?.]")
_BEGUN_IMMEDIATE = re.compile(rb"\x1b!?\Z")
_ASK_IN_TURN = "~!@"
_MILEAGE_M = b"1234\r"


class TsplSimulator(Device):
    """A printer as `hardware.drivers.tspl` meets it."""

    def __init__(self, buffer_bytes: int = BUFFER_BYTES, bytes_per_s: int = 0) -> None:
        self._reader = Reader()
        self._tail = b""
        self._commands: deque[Command] = deque()
        self._command_bytes = 0
        self._label: list[Command] = []
        self._labels: list[list[Command]] = []
        self._complaints: list[str] = []
        self._under_the_head = 0
        super().__init__(buffer_bytes, bytes_per_s)

    @property
    def labels(self) -> list[bytes]:
        """Labels in the order in which they came out."""
        return [b"".join(command.raw for command in label) for label in self.read_labels]

    @property
    def read_labels(self) -> list[list[Command]]:
        """The same, as they were read."""
        with self._changed:
            return list(self._labels)

    @property
    def complaints(self) -> list[str]:
        """Lines that meant nothing."""
        with self._changed:
            return list(self._complaints)

    def _interface(self, data: bytes) -> None:
        """Immediate commands are looked for in all bytes, those of pictures too, as printers do it."""
        seen, immediate_bytes = self._tail + data, 0
        for found in _IMMEDIATE.finditer(seen):
            immediate_bytes += len(found[0])
        begun = _BEGUN_IMMEDIATE.search(seen)
        self._tail = begun[0] if begun else b""
        is_first = self.first_byte_times and not self.first_byte_times[-1]
        if is_first and len(seen) > immediate_bytes + len(self._tail):
            self.first_byte_times[-1] = time.monotonic()
        taken = 0
        for found in _IMMEDIATE.finditer(seen):
            end = found.end() - len(seen) + len(data)
            self._take(data[taken:end])
            taken = end
            if found[0] == _ASK:
                self._reply(bytes((self._status(),)))
            else:
                self._cancel()
        self._take(data[taken:])

    def _take(self, data: bytes) -> None:
        for command in self._reader.feed(data):
            self._commands.append(command)
            self._command_bytes += len(command.raw)

    def _cancel(self) -> None:
        """Forgets what is not printed. A begun picture goes on: nobody says that its bytes are not wanted."""
        self._commands.clear()
        self._command_bytes = 0
        self._label = []
        if not self._reader.is_in_picture:
            self._reader.drop_rest()

    def _status(self) -> int:
        state = self.state
        return (
            (0x01 if state.cover_open else 0)
            | (0x02 if state.cutter_stuck else 0)
            | (0x04 if state.paper_out else 0)
            | (0x10 if state.offline else 0)
            | (0x20 if self._under_the_head else 0)
            | (0x80 if state.overheated else 0)
        )

    def _step(self) -> int:
        """A command; two steps for the one that prints: it is taken up, and the head has done it."""
        if self._under_the_head:
            self._under_the_head = 0
            return 1
        if not self._commands:
            return 0
        command = self._commands.popleft()
        self._command_bytes -= len(command.raw)
        match command.name:
            case "":
                self._complaints.append(repr(command.raw[:60]))
            case name if name == _ASK_IN_TURN:
                self._reply(_MILEAGE_M)
            case "CLS":
                # What SIZE and GAP said holds on; what was drawn does not.
                kept = [
                    each for each in self._label if each.name in {"SIZE", "GAP", "DIRECTION", "REFERENCE"}
                ]
                self._label = [*kept, command]
            case "PRINT":
                self._labels.append([*self._label, command])
                self._label = []
                self._under_the_head = 1
            case _:
                self._label.append(command)
        return len(command.raw)

    def _waiting_bytes(self) -> int:
        return self._command_bytes + len(self._reader.rest) + self._under_the_head

    def _lose_power(self) -> None:
        self._cancel()
        self._reader.drop_rest()
        self._tail, self._under_the_head = b"", 0

    def _state_changed(self) -> None:
        """Nothing is told unasked."""
