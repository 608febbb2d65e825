"""What an ESC/POS printer says of itself, read byte by byte.

Four kinds of answers share one line and are told apart by their fixed bits (Epson's ESC/POS command
reference, "Status transmission"):

    DLE EOT n   one byte, 0xx1xx10, answered at once, off-line too
    GS a        four bytes whenever something changes, the first 0xx1xx00
    GS r n      one byte, 0xx0xxxx, answered when all before it is printed
    GS ( H      37 22 d1 d2 d3 d4 00: the process id, when all before it is printed

python-escpos reads one byte without a deadline that means anything and takes silence for "adequate"; here
silence is silence.
"""

from dataclasses import dataclass, replace

from hardware.devices import Condition, PrinterStatus

DLE_EOT = tuple(bytes((0x10, 0x04, n)) for n in (1, 2, 3, 4))
AUTOMATIC_STATUS = b"\x1da\xff"
NO_AUTOMATIC_STATUS = b"\x1da\x00"
ASK_PAPER = b"\x1dr\x01"
_ECHO_HEAD = 0x37
_ECHO_PROCESS_ID = 0x22
# Characters that a process id is made of: space to tilde.
_ID_FIRST, _ID_COUNT = 0x20, 95
_ID_BYTES = 4


def process_id(job_id: int) -> bytes:
    """The four characters by which a printer names this job: 81 million of them, in turn."""
    digits = []
    for _ in range(_ID_BYTES):
        job_id, digit = divmod(job_id, _ID_COUNT)
        digits.append(_ID_FIRST + digit)
    return bytes(reversed(digits))


def ask_process_id(job_id: int) -> bytes:
    """GS ( H, function 48: the printer sends the id back once all before it is printed."""
    return b"\x1d(H\x06\x00\x30\x30" + process_id(job_id)


@dataclass(frozen=True, slots=True)
class RealTime:
    """The answer to a DLE EOT; it does not say to which."""

    byte: int


@dataclass(frozen=True, slots=True)
class Automatic:
    """Four bytes of automatic status."""

    status: PrinterStatus


@dataclass(frozen=True, slots=True)
class Paper:
    """The answer to GS r."""

    byte: int


@dataclass(frozen=True, slots=True)
class Echo:
    """A process id that came back."""

    process_id: bytes


Answer = RealTime | Automatic | Paper | Echo


class StatusReader:
    """Takes what comes from a printer, in whatever pieces, and gives answers. Bytes that are no answer are
    counted and passed over: a flipped bit must not stop a shop.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.strange_bytes = 0

    def feed(self, data: bytes) -> list[Answer]:
        """The answers that `data` completes."""
        self._rest += data
        answers: list[Answer] = []
        while self._rest:
            taken = self._take(answers)
            if taken == 0:
                break
            self._rest = self._rest[taken:]
        return answers

    def _take(self, answers: list[Answer]) -> int:
        """Reads one answer off the front; how many bytes it had, 0 when it is not complete yet."""
        rest, first = self._rest, self._rest[0]
        if first == _ECHO_HEAD:
            return self._take_echo(answers)
        if first & 0x93 == 0x12:
            answers.append(RealTime(first))
            return 1
        if first & 0x93 == 0x10:
            if len(rest) < 4:
                return 0
            if any(byte & 0x90 for byte in rest[1:4]):
                self.strange_bytes += 1
                return 1
            answers.append(Automatic(read_automatic(rest[:4])))
            return 4
        if first & 0x90 == 0:
            answers.append(Paper(first))
            return 1
        self.strange_bytes += 1
        return 1

    def _take_echo(self, answers: list[Answer]) -> int:
        rest = self._rest
        length = 3 + _ID_BYTES
        if len(rest) < length and rest[1:2] in {b"", bytes((_ECHO_PROCESS_ID,))}:
            return 0
        if rest[1] != _ECHO_PROCESS_ID or rest[length - 1] != 0:
            self.strange_bytes += 1
            return 1
        answers.append(Echo(rest[2 : 2 + _ID_BYTES]))
        return length


def read_automatic(four: bytes) -> PrinterStatus:
    """GS a's four bytes as a state."""
    first, second, third, _ = four
    return _status(
        drawer_high=bool(first & 0x04),
        offline=bool(first & 0x08),
        cover_open=bool(first & 0x20),
        feeding=bool(first & 0x40),
        cutter_error=bool(second & 0x08),
        broken=bool(second & 0x20),
        recovers_alone=bool(second & 0x40),
        error=bool(second & 0x04),
        paper_low=bool(third & 0x03),
        paper_out=bool(third & 0x0C),
    )


def read_real_time(printer: int, offline: int, error: int, paper: int) -> PrinterStatus:
    """The answers to DLE EOT 1, 2, 3 and 4 as a state."""
    return _status(
        drawer_high=bool(printer & 0x04),
        offline=bool(printer & 0x08),
        cover_open=bool(offline & 0x04),
        feeding=bool(offline & 0x08),
        cutter_error=bool(error & 0x08),
        broken=bool(error & 0x20),
        recovers_alone=bool(error & 0x40),
        error=bool(error & 0x04),
        paper_low=bool(paper & 0x0C),
        # DLE EOT 2 tells of paper that ended under a job, also where there is no sensor for DLE EOT 4.
        paper_out=bool(paper & 0x60) or bool(offline & 0x20),
    )


def with_paper(status: PrinterStatus, answer: Paper) -> PrinterStatus:
    """What GS r 1 adds to a state that is ready otherwise."""
    if status.ready and answer.byte & 0x0C:
        return replace(status, condition=Condition.PAPER_OUT)
    return replace(status, paper_low=bool(answer.byte & 0x03))


def _status(
    *,
    drawer_high: bool,
    offline: bool,
    cover_open: bool,
    feeding: bool,
    cutter_error: bool,
    broken: bool,
    recovers_alone: bool,
    error: bool,
    paper_low: bool,
    paper_out: bool,
) -> PrinterStatus:
    """The one condition that a person, or time, has to mend first."""
    condition, detail = Condition.READY, ""
    if cover_open:
        condition = Condition.COVER_OPEN
    elif paper_out:
        condition = Condition.PAPER_OUT
    elif broken:
        condition, detail = Condition.ERROR, "unrecoverable: switch it off and on"
    elif cutter_error:
        condition, detail = Condition.ERROR, "the cutter is stuck"
    elif error:
        condition, detail = Condition.ERROR, "recoverable: look at the printer"
    elif recovers_alone:
        condition = Condition.OVERHEATED
    elif offline:
        condition, detail = Condition.OFFLINE, "paper is being fed by hand" if feeding else ""
    return PrinterStatus(condition, detail, paper_low, drawer_high)
