"""Receipt printers that speak ESC/POS, over any line."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from hardware.devices import (
    Condition,
    Confirmation,
    LineLost,
    Outcome,
    PrinterStatus,
    Told,
    TookNothing,
    Unreachable,
    unreachable,
)
from hardware.drivers.line import Line, Patience
from hardware.escpos_status import (
    ASK_PAPER,
    AUTOMATIC_STATUS,
    DLE_EOT,
    NO_AUTOMATIC_STATUS,
    Answer,
    Automatic,
    Echo,
    Paper,
    RealTime,
    StatusReader,
    ask_process_id,
    process_id,
    read_real_time,
    with_paper,
)

# What ends a command that a torn job left open: NUL is white in a picture and nothing elsewhere.
_FILL = b"\x00"
_RESET = b"\x1b@"
_FEED_AND_CUT = b"\n\x1bd\x06\x1dV\x00"
# A printer that says what it waits for while it takes no more bytes is waited for: until somebody comes.
_MENDING_S = 7 * 24 * 3600.0
_NO_DOUBT = Patience(math.inf)


@dataclass(frozen=True)
class Waits:
    """How long, in seconds, a printer may take: to answer a question; to say or take anything at all while
    it has a job; to confirm that job while it says that it is ready.
    """

    answer_s: float = 2.0
    silence_s: float = 10.0
    confirm_s: float = 60.0


class Confirms(StrEnum):
    """How a printer tells that a job is on paper."""

    # GS ( H: it sends a job's id back. Epson's and those that follow them.
    ECHO = "echo"
    # GS r, which is answered in turn, then DLE EOT.
    STATUS = "status"
    # A line without a way back: what the device took is held for printed.
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class EscposPrinter:
    """A receipt printer. `connect` opens its line or raises Unreachable."""

    connect: Callable[[], Line]
    confirms: Confirms
    waits: Waits

    def open(self) -> "OpenEscpos":
        """See Printer."""
        return OpenEscpos(self.connect(), self.confirms, self.waits)

    def mend(self, torn_bytes: int) -> bytes:
        """See Printer. The torn command gets the rest of its bytes; what it left on the paper is cut off."""
        return _FILL * torn_bytes + _RESET + _FEED_AND_CUT

    def framed(self, job: bytes, job_id: int) -> bytes:
        """See Printer. ESC @ switches automatic status off: it is asked for behind the one that begins the
        job.
        """
        if self.confirms == Confirms.TAKEN:
            return job
        ask = ask_process_id(job_id) if self.confirms == Confirms.ECHO else ASK_PAPER
        return b"".join((_RESET, AUTOMATIC_STATUS, job.removeprefix(_RESET), ask, NO_AUTOMATIC_STATUS))


def taken(line: Line, waits: Waits) -> Confirmation:
    """What is known of a job behind a line without a way back. Raises nothing."""
    try:
        if line.drain(Patience(waits.silence_s)):
            return Confirmation(Outcome.PRINTED, "taken by the device, which confirms nothing")
    except LineLost as lost:
        return Confirmation(Outcome.UNKNOWN, f"after sending: {lost}")
    return Confirmation(Outcome.UNKNOWN, "the device did not take all of it")


def _ignored(_data: bytes) -> None:
    """What comes while a question is written is no answer to it."""


class OpenEscpos:
    """An ESC/POS printer as long as its line is up."""

    def __init__(self, line: Line, confirms: Confirms, waits: Waits) -> None:
        self._line = line
        self._confirms = confirms
        self._waits = waits
        self._reader = StatusReader()
        # What came while a job was sent and was no state.
        self._early: list[Answer] = []
        self._stands_still = False
        # The answers to DLE EOT since it was asked last.
        self._told_now: list[int] = []
        # The last answer to GS r, and how long nothing may follow it until it is believed. Where the job
        # before was not answered its answer may still come, and then the state that GS a at the head of this
        # one asks for.
        self._paper, self._doubt = Paper(0), _NO_DOUBT
        self._doubt_s = 0.0

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        if self._confirms == Confirms.TAKEN:
            # Nothing comes back over such a line; that it could be opened is all there is to know.
            return PrinterStatus(Condition.READY)
        try:
            return self._ask_all()
        except (LineLost, Unreachable) as error:
            return unreachable(error)

    def _ask_all(self) -> PrinterStatus:
        """DLE EOT 1 to 4, one after the other: an answer does not say to which it is."""
        self._drop_old_answers()
        answers = []
        for question in DLE_EOT:
            patience = Patience(self._waits.answer_s)
            self._line.write(question, _ignored, patience)
            answers.append(self._next(RealTime, patience).byte)
        return read_real_time(*answers)

    def _drop_old_answers(self) -> None:
        """A serial line keeps what an earlier job's printer said late."""
        while self._line.read(0.0):
            pass
        self._reader = StatusReader()

    def _next(self, wanted: type[RealTime], patience: Patience) -> RealTime:
        while patience.left_s:
            for answer in self._reader.feed(self._line.read(patience.left_s)):
                if isinstance(answer, wanted):
                    return answer
        raise Unreachable(f"no answer within {patience.seconds:g} s")

    def send(self, job: bytes, told: Told) -> None:
        """See OpenPrinter. A printer that stands still and says why has all the time it needs."""
        patience = Patience(self._waits.silence_s)
        self._doubt = _NO_DOUBT
        follows_torn = job.startswith(_FILL)
        self._doubt_s = min(self._waits.silence_s, self._waits.confirm_s) if follows_torn else 0.0

        def heard(data: bytes) -> None:
            for answer in self._reader.feed(data):
                if isinstance(answer, Automatic):
                    told(answer.status)
                    self._bear(patience, answer.status)
                elif isinstance(answer, Echo) or (isinstance(answer, Paper) and not follows_torn):
                    # A picture may hold the bytes of a real-time question; nobody asked for that answer.
                    self._early.append(answer)

        self._line.write(job, heard, patience)

    def _bear(self, silence: Patience, status: PrinterStatus) -> None:
        """Sets how long the printer may now say nothing. One that told that it cannot print may be too full
        for a question: it will answer when it goes on.
        """
        self._stands_still = not status.ready
        silence.seconds = _MENDING_S if self._stands_still else self._waits.silence_s
        silence.renew()

    def confirm(self, job_id: int, told: Told) -> Confirmation:
        """See OpenPrinter."""
        if self._confirms == Confirms.TAKEN:
            return taken(self._line, self._waits)
        wanted = Echo(process_id(job_id)) if self._confirms == Confirms.ECHO else None
        try:
            return self._await(wanted, told)
        except (LineLost, Unreachable) as error:
            return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")

    def _await(self, wanted: Echo | None, told: Told) -> Confirmation:
        """Waits for what ends the job (None: an answer to GS r), as long as the printer answers. One that
        says it cannot print is waited for: what it has in its buffer comes once somebody has mended it.
        """
        silence = Patience(_MENDING_S if self._stands_still else self._waits.silence_s)
        idle = Patience(self._waits.confirm_s)
        ask_again = Patience(min(self._waits.answer_s, self._waits.confirm_s / 2))
        pending, self._early = self._early, []
        while True:
            for answer in pending:
                if wanted is not None and answer == wanted:
                    return Confirmation(Outcome.PRINTED, "the printer sent its id back")
                if wanted is None and isinstance(answer, Paper):
                    self._paper, self._doubt = answer, Patience(self._doubt_s)
                    idle.renew()
                silence.renew()
                if status := self._state(answer):
                    self._bear(silence, status)
                    told(status)
            if self._stands_still:
                idle.renew()
            if not self._doubt.left_s:
                return self._confirmed(self._paper)
            if not silence.left_s:
                return Confirmation(Outcome.UNKNOWN, f"silent for {silence.seconds:g} s after sending")
            if not idle.left_s:
                return Confirmation(Outcome.UNKNOWN, "the printer is ready and did not confirm the job")
            if ask_again.left_s:
                pause_s = min(self._doubt.left_s, silence.left_s, idle.left_s, ask_again.left_s)
                pending = self._reader.feed(self._line.read(pause_s))
            else:
                pending = self._asked_again()
                ask_again.renew()

    def _state(self, answer: Answer) -> PrinterStatus | None:
        """The state that the answer tells, or completes."""
        if isinstance(answer, Automatic):
            self._doubt = _NO_DOUBT
            return answer.status
        if isinstance(answer, RealTime):
            self._told_now.append(answer.byte)
            if len(self._told_now) == len(DLE_EOT):
                return read_real_time(*self._told_now)
        return None

    def _asked_again(self) -> list[Answer]:
        """Asks all DLE EOT; what came meanwhile. A printer may be too full for them as long as it may be
        silent.
        """
        self._told_now.clear()
        came: list[Answer] = []

        def heard(data: bytes) -> None:
            came.extend(self._reader.feed(data))

        with suppress(TookNothing):
            self._line.write(b"".join(DLE_EOT), heard, Patience(self._waits.answer_s))
        return came

    def _confirmed(self, answer: Paper) -> Confirmation:
        """What an answer to GS r means: it comes when all before it is printed, or given up."""
        status = self._ask_all()
        status = with_paper(status, answer) if status.ready else status
        if status.ready:
            return Confirmation(Outcome.PRINTED, "the printer answered after it")
        return Confirmation(Outcome.UNKNOWN, f"after the job the printer says: {status.condition}")

    def close(self) -> None:
        """See OpenPrinter."""
        self._line.close()
