"""How often what goes wrong."""

import math
import random
from dataclasses import dataclass, fields

# Times, beside which all else is a probability.
_TIMES = frozenset({"late_seconds", "later_seconds"})


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """How often what goes wrong, as probabilities from 0 to 1.

    The same seed and the same requests of a reference, in the same order, go wrong in the same way, however
    threads and references interleave.
    """

    seed: int = 0
    errors: float = 0.0
    """500, and nothing was done."""
    errors_after: float = 0.0
    """500, although the order was taken."""
    dropped: float = 0.0
    """The connection is closed before anything is done."""
    lost: float = 0.0
    """The connection is closed after the order was taken."""
    late: float = 0.0
    """The deed is done at once, the answer comes late."""
    late_before: float = 0.0
    """The deed itself comes late: whoever asks meanwhile hears that the reference is unknown."""
    late_seconds: float = 1.0
    """How late, at most."""
    busy: float = 0.0
    """429 with Retry-After, and nothing was done."""
    later: float = 0.0
    """The order has no number yet."""
    later_seconds: float = 1.0
    """When it has one, at most."""
    webhook_first: float = 0.0
    """An order's webhook comes before the answer to it."""
    webhook_twice: float = 0.0
    """A webhook comes twice."""
    webhook_lost: float = 0.0
    """A webhook never comes."""
    shuffled: bool = False
    """Webhooks of a parcel's steps come in any order."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in {"seed", "shuffled"}:
                continue
            if each.name in _TIMES:
                if value < 0 or not math.isfinite(value):
                    raise ValueError(f"{each.name} is a time: 0 or more")
            elif not 0.0 <= value <= 1.0:
                raise ValueError(f"{each.name} is a probability: from 0 to 1")

    def dice(self, kind: str, reference: str, nth: int) -> random.Random:
        """Decides about the nth request of this kind for this reference."""
        return random.Random(f"{self.seed}/{kind}/{reference}/{nth}")


GOOD = Misbehaviour()
