"""A receipt printer: ESC/POS with real-time and automatic status, process ids, a drawer, and its paper."""

import re
import time
from itertools import zip_longest

from hardware.simulators.device import BUFFER_BYTES, Device
from hardware.simulators.interpreter import Cut, Feed, Interpreter, Item

_MAKER, _MODEL = b"_EPSON\0", b"_TM-T20III\0"
# DLE EOT, DLE DC4 1, and the start of one at the end of what came.
_QUESTION = re.compile(rb"\x10\x04[\x01-\x04]", re.DOTALL)
_PULSE = re.compile(rb"\x10\x14\x01([\x00\x01])[\x01-\x08]", re.DOTALL)
_BEGUN_QUESTION = re.compile(rb"\x10(?:\x04|\x14(?:\x01[\x00\x01]?)?)?\Z", re.DOTALL)
# Paper is fed so far when it is to be torn off.
_TEAR_LINES = 5


class EscposSimulator(Device):
    """A printer as `hardware.drivers.escpos` meets it. `echoes`: it knows process ids; `tells`: automatic
    status.
    """

    def __init__(
        self,
        buffer_bytes: int = BUFFER_BYTES,
        bytes_per_s: int = 0,
        *,
        echoes: bool = True,
        tells: bool = True,
    ) -> None:
        self.echoes = echoes
        self.tells = tells
        self.kicks = 0
        self._mask = 0
        self._tail = b""
        self._interpreter = Interpreter(self)
        super().__init__(buffer_bytes, bytes_per_s)

    @property
    def roll(self) -> list[Item]:
        """All that was printed since the paper was put in."""
        with self._changed:
            return list(self._interpreter.items)

    @property
    def slips(self) -> list[list[Item]]:
        """The roll as knife and tear bar left it; what hangs at the printer comes last."""
        slips: list[list[Item]] = [[]]
        roll = self.roll
        for item, following in zip_longest(roll, roll[1:]):
            slips[-1].append(item)
            if isinstance(item, Cut) or (_is_torn_off(item) and not isinstance(following, Cut)):
                slips.append([])
        return slips if slips[-1] else slips[:-1]

    @property
    def cut_slips(self) -> list[list[Item]]:
        """Those that have fallen down."""
        return [slip for slip in self.slips if isinstance(slip[-1], Cut) or _is_torn_off(slip[-1])]

    @property
    def complaints(self) -> list[str]:
        """Bytes that meant nothing."""
        with self._changed:
            return list(self._interpreter.complaints)

    def close_drawer(self) -> None:
        """A person pushes it in."""
        with self.changing() as state:
            state.drawer_open = False

    # --- Device ---

    def _interface(self, data: bytes) -> None:
        """Real-time commands are looked for in all bytes, those of pictures too: that is how the interfaces
        of printers do it.
        """
        seen, asked_bytes = self._tail + data, 0
        for question in _QUESTION.finditer(seen):
            self._reply(bytes((self.state.real_time(question[0][2]),)))
            asked_bytes += len(question[0])
        for pulse in _PULSE.finditer(seen):
            self.kick(pulse[1][0])
        begun = _BEGUN_QUESTION.search(seen)
        self._tail = begun[0] if begun else b""
        is_first = self.first_byte_times and not self.first_byte_times[-1]
        if is_first and len(seen) > asked_bytes + len(self._tail):
            self.first_byte_times[-1] = time.monotonic()
        self._interpreter.feed(data)

    def _step(self) -> int:
        return self._interpreter.step()

    def _waiting_bytes(self) -> int:
        return self._interpreter.waiting_bytes

    def _lose_power(self) -> None:
        self._interpreter.clear()
        self._tail, self._mask = b"", 0

    def _state_changed(self) -> None:
        if self._mask:
            self._reply(self.state.automatic())

    # --- Host ---

    def reset(self) -> None:
        """See Host: automatic status ends with it."""
        self._mask = 0

    def automatic_status(self, mask: int) -> None:
        """See Host."""
        self._mask = mask if self.tells else 0
        self._state_changed()

    def asked(self, what: str, n: int) -> None:
        """See Host."""
        if what == "state":
            self._reply(bytes((self.state.asked(n),)))
        else:
            self._reply({66: _MAKER, 67: _MODEL}.get(n, b"\x20"))

    def echo(self, process_id: bytes) -> None:
        """See Host."""
        if self.echoes:
            self._reply(b"\x37\x22" + process_id + b"\0")

    def kick(self, pin: int) -> None:
        """See Host: one drawer, on pin 2."""
        if pin == 0:
            self.kicks += 1
            self.state.drawer_open = True
            self._state_changed()


def _is_torn_off(item: Item) -> bool:
    """Whether it is what a printer without a knife does at the end."""
    return isinstance(item, Feed) and item.lines >= _TEAR_LINES
