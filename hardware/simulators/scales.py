"""Scales that are not there, on pseudo terminals: what is on the pan is set, and they can be told to
misbehave.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from hardware.simulators.pty_device import PtyDevice

_MOVING, _OVER_CAPACITY, _UNDER_ZERO = 0x01, 0x02, 0x04
# Bit 6 is always set in a byte of states.
_ALWAYS = 0x40


@dataclass
class Pan:
    """What is on the scale, and how it behaves."""

    grams: int = 0
    moving: bool = False
    capacity_grams: int = 15_000
    # Seconds until an answer, or between two lines of a scale that speaks by itself
    late_s: float = 0.0
    # Answers that are still to be cut after so many bytes: (how many, bytes)
    cut: tuple[int, int] = (0, 0)
    # Sent before each answer
    noise: bytes = b""
    silent: bool = False

    def spoilt(self, answer: bytes) -> bytes:
        """The answer as it leaves a scale that misbehaves."""
        times, length = self.cut
        if times:
            self.cut = (times - 1, length)
            answer = answer[:length]
        return self.noise + answer


class SimulatedToledo(PtyDevice):
    """Answers "W" as protocol 8217 says."""

    def __init__(self, link: str | Path | None = None) -> None:
        self.pan = Pan()
        self.asked = 0
        self._timers: list[threading.Timer] = []
        super().__init__(link)

    def received(self, data: bytes) -> None:
        """Answers each question, at once or late; with the weight of the moment of the question."""
        for _ in range(data.count(b"W")):
            self.asked += 1
            if self.pan.silent:
                continue
            answer = self.pan.spoilt(self._answer())
            if not self.pan.late_s:
                self.send(answer)
                continue
            timer = threading.Timer(self.pan.late_s, self.send, (answer,))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def close(self) -> None:
        """Unplugs it; late answers do not come any more."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        super().close()

    def _answer(self) -> bytes:
        pan = self.pan
        states = (
            (_MOVING if pan.moving else 0)
            | (_OVER_CAPACITY if pan.grams > pan.capacity_grams else 0)
            | (_UNDER_ZERO if pan.grams < 0 else 0)
        )
        if states:
            return b"\x02?" + bytes([states | _ALWAYS]) + b"\r"
        kilograms, rest = divmod(pan.grams, 1000)
        return f"\x02{kilograms:02d}.{rest:03d}\r".encode()


class SimulatedContinuous(PtyDevice):
    """Sends a line every `pan.late_s`, 50 ms when that is 0, in A&D's format."""

    def __init__(self, link: str | Path | None = None) -> None:
        self.pan = Pan()
        self.lines_sent = 0
        self._ended = threading.Event()
        super().__init__(link)
        self._speaker = threading.Thread(target=self._speak, name=f"scale at {self.path}", daemon=True)
        self._speaker.start()

    def received(self, data: bytes) -> None:
        """It listens to nobody."""

    def close(self) -> None:
        """Unplugs it."""
        self._ended.set()
        self._speaker.join()
        super().close()

    def _speak(self) -> None:
        while not self._ended.wait(self.pan.late_s or 0.05):
            if not self.pan.silent:
                self.send(self.pan.spoilt(self._line()))
                with self.changed:
                    self.lines_sent += 1
                    self.changed.notify_all()

    def _line(self) -> bytes:
        pan = self.pan
        if pan.grams > pan.capacity_grams:
            return b"OL,GS,+       .  kg\r\n"
        sign = "-" if pan.grams < 0 else "+"
        kilograms, rest = divmod(abs(pan.grams), 1000)
        return f"{'US' if pan.moving else 'ST'},GS,{sign}{kilograms:4d}.{rest:03d}kg\r\n".encode()
