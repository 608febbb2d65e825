"""What every simulated printer has: a switch, a line with its faults, a buffer that fills up, a head that
takes its time.

The line's thread puts bytes into the buffer and stands still when it is full, as a printer's interface does.
The head's thread takes them out. Whoever plays with the printer calls the methods below from any thread.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from hardware.simulators.state import State

BUFFER_BYTES = 64 * 1024
_TICK_S = 0.2


class Wire(Protocol):
    """The way back to whoever prints."""

    def reply(self, data: bytes) -> None:
        """Sends it, or loses it when nobody is there."""

    def cut(self) -> None:
        """Breaks the line."""


class Device(ABC):
    """A printer without a language. Its buffer holds at least the longest command; `bytes_per_s` 0 prints as
    fast as it can.
    """

    def __init__(self, buffer_bytes: int = BUFFER_BYTES, bytes_per_s: int = 0) -> None:
        self.state = State()
        self.is_on = True
        self.received_bytes = 0
        # When, on each connection, the first byte came that was no question (time.monotonic).
        self.first_byte_times: list[float] = []
        self._buffer_bytes = buffer_bytes
        self._bytes_per_s = bytes_per_s
        self._changed = threading.Condition(threading.RLock())
        self._hanging = False
        self._cut_after: int | None = None
        self._late_s = 0.0
        self._wire: Wire | None = None
        self._ended = False
        # The rest of a command has to come before the head can go on.
        self._is_short = False
        self._head = threading.Thread(target=self._print, name="print head", daemon=True)
        self._head.start()

    # --- What the language adds ---

    @abstractmethod
    def _interface(self, data: bytes) -> None:
        """Takes bytes as they come in: answers what is answered out of turn, puts all into the buffer."""

    @abstractmethod
    def _step(self) -> int:
        """Does the next command in the buffer; its bytes, 0 when there is none."""

    @abstractmethod
    def _waiting_bytes(self) -> int:
        """Bytes in the buffer."""

    @abstractmethod
    def _lose_power(self) -> None:
        """Forgets all but the paper."""

    @abstractmethod
    def _state_changed(self) -> None:
        """Hears that the state is another."""

    # --- The line's side ---

    def connected(self, wire: Wire) -> None:
        """A line was opened."""
        with self._changed:
            self._wire = wire
            self.first_byte_times.append(0.0)

    def disconnected(self, wire: Wire) -> None:
        """It was closed. What is in the buffer is printed all the same."""
        with self._changed:
            if self._wire is wire:
                self._wire = None

    def receive(self, wire: Wire, data: bytes) -> None:
        """Takes what came on a line; returns when all of it is in the buffer. Answers go back there."""
        while data:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or not self.is_on or self._room() > 0)
                if self._ended or not self.is_on:
                    return
                self._wire = wire
                piece = data[: min(self._room(), self._until_cut())]
                self.received_bytes += len(piece)
                self._interface(piece)
                self._is_short = False
                self._changed.notify_all()
                data = data[len(piece) :]
                if self._cut_after is not None:
                    self._cut_after -= len(piece)
                    if self._cut_after <= 0:
                        self._cut_after = None
                        if self._wire is not None:
                            self._wire.cut()
                        return

    def _room(self) -> int:
        return 0 if self._hanging else self._buffer_bytes - self._waiting_bytes()

    def _until_cut(self) -> int:
        return self._buffer_bytes if self._cut_after is None else self._cut_after

    def _reply(self, data: bytes) -> None:
        """Answers, late if so told; not at all when hanging or switched off."""
        wire = self._wire
        if wire is None or self._hanging or not self.is_on:
            return
        if self._late_s:
            timer = threading.Timer(self._late_s, wire.reply, (data,))
            timer.daemon = True
            timer.start()
        else:
            wire.reply(data)

    # --- The head's side ---

    @property
    def is_busy(self) -> bool:
        """Whether there is something in the buffer that it can print."""
        with self._changed:
            return self._may_print() and not self._is_short

    def _print(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._may_print())
                if self._ended:
                    return
                done = self._step()
                self._is_short = not done
                if done:
                    self._changed.notify_all()
                else:
                    self._changed.wait(_TICK_S)
            if done and self._bytes_per_s:
                time.sleep(done / self._bytes_per_s)

    def _may_print(self) -> bool:
        return self.is_on and not self._hanging and self.state.can_print and self._waiting_bytes() > 0

    # --- The hands at the printer ---

    @contextmanager
    def changing(self) -> Iterator[State]:
        """The state, to be changed; the printer notices once when it is left."""
        with self._changed:
            yield self.state
            self._state_changed()
            self._changed.notify_all()

    def hang(self) -> None:
        """Takes nothing, says nothing, prints nothing."""
        with self._changed:
            self._hanging = True

    def recover(self) -> None:
        """Ends `hang`, `answer_late` and every state that keeps from printing."""
        with self.changing() as state:
            self._hanging, self._late_s, self._cut_after = False, 0.0, None
            state.offline = state.cover_open = state.paper_out = state.paper_low = False
            state.overheated = state.cutter_stuck = False

    def cut_after(self, count: int) -> None:
        """Breaks the line once `count` more bytes have come."""
        with self._changed:
            self._cut_after = count
            if count <= 0 and self._wire is not None:
                self._cut_after = None
                self._wire.cut()

    def answer_late(self, seconds: float) -> None:
        """Each answer comes this much later."""
        with self._changed:
            self._late_s = seconds

    def switch_off(self) -> None:
        """The power goes: the buffer is lost, and the rest of a command with it."""
        with self._changed:
            self.is_on = False
            self._hanging, self._late_s, self._cut_after = False, 0.0, None
            if self._wire is not None:
                self._wire.cut()
            self._lose_power()
            self._changed.notify_all()

    def switch_on(self) -> None:
        """The power is back."""
        with self._changed:
            self.is_on = True
            self._changed.notify_all()

    def end(self) -> None:
        """Ends the threads."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._head.join(5 * _TICK_S)

    def settled(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Waits until `condition` holds; looked at whenever something changed."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)
