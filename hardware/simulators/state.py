"""The state of a simulated printer, and how it is said in ESC/POS."""

from dataclasses import dataclass


@dataclass(slots=True)
class State:
    """What a person could see and do at the printer."""

    offline: bool = False
    cover_open: bool = False
    paper_low: bool = False
    paper_out: bool = False
    overheated: bool = False
    cutter_stuck: bool = False
    drawer_open: bool = False

    @property
    def can_print(self) -> bool:
        """Whether the head moves."""
        return not (self.offline or self.cover_open or self.paper_out or self.overheated or self.cutter_stuck)

    def real_time(self, n: int) -> int:
        """The answer to DLE EOT n."""
        bits = 0x12
        if n == 1:
            bits |= 0x04 if self.drawer_open else 0
            bits |= 0 if self.can_print else 0x08
        elif n == 2:
            bits |= 0x04 if self.cover_open else 0
            bits |= 0x20 if self.paper_out else 0
            bits |= 0x40 if self.overheated or self.cutter_stuck else 0
        elif n == 3:
            bits |= 0x08 if self.cutter_stuck else 0
            bits |= 0x40 if self.overheated else 0
        else:
            bits |= 0x0C if self.paper_low or self.paper_out else 0
            bits |= 0x60 if self.paper_out else 0
        return bits

    def automatic(self) -> bytes:
        """GS a's four bytes."""
        first = 0x10 | (0x04 if self.drawer_open else 0) | (0 if self.can_print else 0x08)
        first |= 0x20 if self.cover_open else 0
        second = (0x08 if self.cutter_stuck else 0) | (0x40 if self.overheated else 0)
        third = (0x03 if self.paper_low or self.paper_out else 0) | (0x0C if self.paper_out else 0)
        return bytes((first, second, third, 0x0F))

    def asked(self, n: int) -> int:
        """The answer to GS r n: 1 paper, 2 drawer."""
        if n in {2, 50}:
            return int(self.drawer_open)
        return (0x03 if self.paper_low or self.paper_out else 0) | (0x0C if self.paper_out else 0)
