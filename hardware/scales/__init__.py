"""Scales at a counter: a weight in whole grams that stands still, or plain words why there is none.

scale = Toledo8217("/dev/ttyS0")                # hardware.scales.toledo
weighing = scale.weigh(timeout_s=2.0)
if weighing.state is WeighingState.STABLE: weighing.grams …
"""

from typing import Protocol

from hardware.scales.weighing import Weighing, WeighingState

__all__ = ["Scale", "Weighing", "WeighingState"]


class Scale(Protocol):
    """A scale that is asked when something is to be weighed. For one thread."""

    @property
    def name(self) -> str:
        """Which device it is."""

    @property
    def trouble(self) -> str:
        """Why it cannot be asked now, in plain words; empty while it works."""

    def weigh(self, timeout_s: float) -> Weighing:
        """A weight that came to rest after this was called, as soon as there is one.

        After `timeout_s` what it is that hinders: moving, overloaded, below zero, silent.
        """

    def look(self, timeout_s: float) -> Weighing:
        """What it says now, stable or not; silence after `timeout_s`."""

    def close(self) -> None:
        """Lets the device go."""
