"""A label printer: takes ZPL labels, answers ~HS, keeps each label as it was sent."""

import re
import time

from hardware.simulators.device import BUFFER_BYTES, Device

_ASK = re.compile(rb"~HS")
_BEGUN_ASK = re.compile(rb"~H?\Z")
_LABEL = re.compile(rb"\^XA.*?\^XZ\r?\n?", re.DOTALL)
_CANCEL_PART = b"~JX"


class ZplSimulator(Device):
    """A printer as `hardware.drivers.zpl` meets it. `labels_per_s` 0 prints as fast as it can."""

    def __init__(self, buffer_bytes: int = BUFFER_BYTES, bytes_per_s: int = 0) -> None:
        self._buffer = b""
        self._tail = b""
        self._labels: list[bytes] = []
        self._under_the_head = 0
        super().__init__(buffer_bytes, bytes_per_s)

    @property
    def labels(self) -> list[bytes]:
        """Labels in the order in which they came out."""
        with self._changed:
            return list(self._labels)

    def _interface(self, data: bytes) -> None:
        seen, asked_bytes = self._tail + data, 0
        for question in _ASK.finditer(seen):
            asked_bytes += len(question[0])
        begun = _BEGUN_ASK.search(seen)
        self._tail = begun[0] if begun else b""
        is_first = self.first_byte_times and not self.first_byte_times[-1]
        if is_first and len(seen) > asked_bytes + len(self._tail):
            self.first_byte_times[-1] = time.monotonic()
        # A question stands between commands: what came before it is in the buffer when it is answered.
        self._buffer = _ASK.sub(b"", self._buffer + data)
        part, cancelled, rest = self._buffer.rpartition(_CANCEL_PART)
        if cancelled:
            self._buffer = b"".join(_LABEL.findall(part)) + rest
        for _ in range(asked_bytes // len(b"~HS")):
            self._reply(self._host_status())

    def _host_status(self) -> bytes:
        state = self.state
        whole = _LABEL.findall(self._buffer)
        partial = int(b"^XA" in self._buffer[sum(map(len, whole)) :])
        first = (
            f"030,{state.paper_out:d},{state.offline:d},1245,{len(whole):03d},0,0,{partial},000,0,0,"
            f"{state.overheated:d}"
        )
        second = f"001,0,{state.cover_open:d},{state.cutter_stuck:d},0,2,4,0,{self._under_the_head:08d},1,000"
        return b"".join(b"\x02" + each.encode() + b"\x03\r\n" for each in (first, second, "1234,0"))

    def _step(self) -> int:
        """Two steps a label: it leaves the buffer, and the head has done it."""
        if self._under_the_head:
            self._under_the_head = 0
            return 1
        found = _LABEL.search(self._buffer)
        if found is None:
            return 0
        self._labels.append(found[0])
        self._buffer = self._buffer[: found.start()] + self._buffer[found.end() :]
        self._under_the_head = 1
        return len(found[0])

    def _waiting_bytes(self) -> int:
        return len(self._buffer) + self._under_the_head

    def _lose_power(self) -> None:
        self._buffer, self._tail, self._under_the_head = b"", b"", 0

    def _state_changed(self) -> None:
        """Nothing is told unasked."""
