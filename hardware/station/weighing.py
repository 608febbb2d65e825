"""A scale's thread: weighs for whoever asks, and looks now and then whether the scale is there."""

import threading
import time
from collections.abc import Callable

from hardware.devices import READY, PrinterStatus, unreachable
from hardware.scales import Scale, Weighing, WeighingState
from hardware.scales.weighing import SILENT
from hardware.station.watching import Watcher, Watchers
from kasir.v1 import station_pb2

# A scale may take a second to answer.
_LOOK_S = 1.2
# A weighing is taken up anew so often, so that who asked meanwhile joins it, and a stop is seen.
_SLICE_S = 1.5
# Between two looks while somebody watches.
_WATCHED_S = 0.1
# What a weighing may last beyond its patience: another one, or a look, that had begun.
_MARGIN_S = 0.3
_STATES = {
    WeighingState.STABLE: station_pb2.WEIGHT_STATE_STABLE,
    WeighingState.MOVING: station_pb2.WEIGHT_STATE_MOVING,
    WeighingState.OVERLOAD: station_pb2.WEIGHT_STATE_OVERLOADED,
    WeighingState.NEGATIVE: station_pb2.WEIGHT_STATE_BELOW_ZERO,
    WeighingState.SILENT: station_pb2.WEIGHT_STATE_UNREACHABLE,
}


class _Asked:
    """One who waits for a weight."""

    def __init__(self, patience_s: float) -> None:
        self.asked_at = time.monotonic()
        self.deadline = self.asked_at + patience_s
        self.weighing: Weighing | None = None


class ScaleThread(threading.Thread):
    """Asks one scale until the agent stops. `told` hears how it is; an idle one is looked at every
    `probe_s`.
    """

    def __init__(
        self,
        name: str,
        scale: Scale,
        told: Callable[[PrinterStatus], None],
        stopping: threading.Event,
        probe_s: float,
    ) -> None:
        super().__init__(name=f"scale {name}", daemon=True)
        self.device = name
        self._scale = scale
        self._told = told
        self._stopping = stopping
        self._probe_s = probe_s
        self._changed = threading.Condition()
        self._asked: list[_Asked] = []
        self._last, self._heard_at = SILENT, float("-inf")
        self._watchers: Watchers[station_pb2.WatchWeightsResponse] = Watchers()

    @property
    def trouble(self) -> str:
        """Why it says nothing, in plain words."""
        return self._scale.trouble or "it does not answer"

    def weigh(self, patience_s: float) -> Weighing:
        """A weight that came to rest after this was called, or what hinders. Called by any thread."""
        mine = _Asked(patience_s)
        with self._changed:
            self._asked.append(mine)
            self._changed.notify_all()
            self._changed.wait_for(lambda: mine.weighing is not None, patience_s + _MARGIN_S)
            if mine.weighing is not None:
                return mine.weighing
            self._asked.remove(mine)
            # No round that began after the question has ended: a weight of the one before it is too old to
            # sell by.
            if self._heard_at < mine.asked_at:
                return SILENT
            is_old = self._last.state is WeighingState.STABLE
            return Weighing(WeighingState.MOVING) if is_old else self._last

    def watch(self) -> Watcher[station_pb2.WatchWeightsResponse]:
        """What it says now, then each change."""
        with self._changed:
            self._changed.notify_all()
            return self._watchers.add(first=_message(self._last))

    def unwatch(self, watcher: Watcher[station_pb2.WatchWeightsResponse]) -> None:
        """Nobody watches there any more."""
        self._watchers.remove(watcher)

    def wake(self) -> None:
        """Looks around at once: the agent stops."""
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        """The thread."""
        while not self._stopping.is_set():
            with self._changed:
                asked = list(self._asked)
            if asked:
                self._weigh_for(asked)
            else:
                self._heard(self._scale.look(_LOOK_S))
                self._pause()
        self._scale.close()

    def _weigh_for(self, asked: list[_Asked]) -> None:
        """One round for all who wait; those whose time is not over yet are in the next one too."""
        left_s = max(each.deadline for each in asked) - time.monotonic()
        weighing = self._scale.weigh(min(max(left_s, 0.0), _SLICE_S))
        self._heard(weighing)
        is_stable = weighing.state is WeighingState.STABLE
        with self._changed:
            for each in asked:
                if each in self._asked and (is_stable or time.monotonic() >= each.deadline):
                    each.weighing = weighing
                    self._asked.remove(each)
            self._changed.notify_all()

    def _pause(self) -> None:
        watched = len(self._watchers)
        with self._changed:
            self._changed.wait_for(
                lambda: self._asked or len(self._watchers) > watched or self._stopping.is_set(),
                _WATCHED_S if watched else self._probe_s,
            )

    def _heard(self, weighing: Weighing) -> None:
        with self._changed:
            is_news, self._last, self._heard_at = weighing != self._last, weighing, time.monotonic()
            if is_news:
                self._watchers.tell(_message(weighing))
        if weighing.state is WeighingState.SILENT:
            self._told(unreachable(self.trouble))
        elif weighing.state in {WeighingState.OVERLOAD, WeighingState.NEGATIVE}:
            self._told(READY.worded(weighing.state.value))
        else:
            self._told(READY)


def _message(weighing: Weighing) -> station_pb2.WatchWeightsResponse:
    is_stable = weighing.state is WeighingState.STABLE
    made = station_pb2.WatchWeightsResponse(
        state=_STATES[weighing.state], grams=weighing.grams if is_stable else None
    )
    made.time.FromNanoseconds(time.time_ns())
    return made
