"""Receipt printers that speak ESC/POS, over any line."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hardware.devices import (
    Confirmation,
    LineLost,
    Outcome,
    PrinterStatus,
    Told,
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

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        if self._confirms == Confirms.TAKEN:
            # Nothing comes back over such a line; that it could be opened is all there is to know.
            return read_real_time(0, 0, 0, 0)
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

        def heard(data: bytes) -> None:
            for answer in self._reader.feed(data):
                if isinstance(answer, Automatic):
                    told(answer.status)
                    self._bear(patience, answer.status)
                elif not isinstance(answer, RealTime):
                    # A picture may hold the bytes of a question; nobody asked for that answer.
                    self._early.append(answer)

        self._line.write(job, heard, patience)

    def _bear(self, silence: Patience, status: PrinterStatus) -> None:
        """Sets how long the printer may now say nothing. One that told by itself that it cannot print may be
        too full for a question: it will say so when it goes on.
        """
        self._stands_still = not status.ready
        silence.seconds = _MENDING_S if self._stands_still else self._waits.silence_s
        silence.renew()

    def confirm(self, job_id: int, told: Told) -> Confirmation:
        """See OpenPrinter."""
        if self._confirms == Confirms.TAKEN:
            return Confirmation(Outcome.PRINTED, "taken by the device, which confirms nothing")
        wanted = Echo(process_id(job_id)) if self._confirms == Confirms.ECHO else None
        try:
            return self._await(wanted, told)
        except (LineLost, Unreachable) as error:
            return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")

    def _await(self, wanted: Echo | None, told: Told) -> Confirmation:
        """Waits for what ends the job (None: any answer to GS r), as long as the printer answers. One that
        says it cannot print is waited for: what it has in its buffer comes once somebody has mended it.
        """
        silence = Patience(_MENDING_S if self._stands_still else self._waits.silence_s)
        idle = Patience(self._waits.confirm_s)
        ask_again = Patience(self._waits.answer_s)
        pending, self._early = self._early, []
        told_now: list[int] = []
        while True:
            for answer in pending:
                if answer == wanted or (wanted is None and isinstance(answer, Paper)):
                    return self._confirmed(answer)
                status = None
                if isinstance(answer, RealTime):
                    silence.seconds = self._waits.silence_s
                    told_now.append(answer.byte)
                    if len(told_now) == len(DLE_EOT):
                        status = read_real_time(*told_now)
                elif isinstance(answer, Automatic):
                    status = answer.status
                    self._bear(silence, status)
                silence.renew()
                if status is not None:
                    told(status)
                    if not status.ready:
                        idle.renew()
            if not silence.left_s:
                return Confirmation(Outcome.UNKNOWN, f"silent for {silence.seconds:g} s after sending")
            if not idle.left_s:
                return Confirmation(Outcome.UNKNOWN, "the printer is ready and did not confirm the job")
            if not ask_again.left_s:
                self._line.write(b"".join(DLE_EOT), _ignored, Patience(self._waits.answer_s))
                told_now.clear()
                ask_again.renew()
            pause_s = min(silence.left_s, idle.left_s, ask_again.left_s)
            pending = self._reader.feed(self._line.read(pause_s))

    def _confirmed(self, answer: Answer) -> Confirmation:
        if isinstance(answer, Echo):
            return Confirmation(Outcome.PRINTED, "the printer sent its id back")
        assert isinstance(answer, Paper)
        status = self._ask_all()
        status = with_paper(status, answer) if status.ready else status
        if status.ready:
            return Confirmation(Outcome.PRINTED, "the printer answered after it")
        return Confirmation(Outcome.UNKNOWN, f"after the job the printer says: {status.condition}")

    def close(self) -> None:
        """See OpenPrinter."""
        self._line.close()
