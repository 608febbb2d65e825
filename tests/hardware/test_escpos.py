"""ESC/POS's driver and the simulated printer: how long an answer is waited for, and whose answer it is.

Goal: a printer that said why it stands still is waited for whatever it can still say, and no job is told
printed by the answer to another. Method: buffers that are full to the last byte, lines that take nothing.
"""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Queue

import pytest

from hardware.devices import Condition, Confirmation, Outcome, PrinterStatus
from hardware.drivers import network
from hardware.drivers.escpos import Confirms, EscposPrinter, OpenEscpos, Waits
from hardware.drivers.line import Descriptor
from hardware.escpos_status import AUTOMATIC_STATUS, DLE_EOT, ask_process_id
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.interpreter import TextLine
from hardware.simulators.lines import PtyLine, TcpLine
from tests.conftest import PATIENCE_S
from tests.server.support import until

RESET = b"\x1b@"
LINE = b"Kopi Gayo 250 g                 Rp 85.000\n"
# A busy machine answers late, too. Nothing is confirmed before the printer was asked again.
WAITS = Waits(answer_s=1.0, silence_s=2.0, confirm_s=1.0)
LONGER = Waits(answer_s=1.0, silence_s=2.0, confirm_s=20.0)


def lines_of(printer: EscposSimulator) -> list[str]:
    return [item.text for item in printer.roll if isinstance(item, TextLine)]


class Confirming(threading.Thread):
    """A job's confirmation, awaited aside."""

    def __init__(self, opened: OpenEscpos, job_id: int) -> None:
        super().__init__(daemon=True)
        self.told: list[Condition] = []
        self._opened, self._job_id = opened, job_id
        self._result: Queue[Confirmation] = Queue()
        self.start()

    def run(self) -> None:
        self._result.put(self._opened.confirm(self._job_id, self._hear))

    def _hear(self, status: PrinterStatus) -> None:
        self.told.append(status.condition)

    def still_waits(self) -> bool:
        """Whether it is not over when a printer that says nothing would have been given up long ago."""
        self.join(1.5 * (WAITS.answer_s + WAITS.silence_s + WAITS.confirm_s))
        return self.is_alive()

    def result(self) -> Confirmation:
        return self._result.get(timeout=PATIENCE_S)


@contextmanager
def opened_at(printer: EscposPrinter) -> Iterator[OpenEscpos]:
    """Its line, once it said that it is ready."""
    opened = printer.open()
    try:
        assert opened.status().ready
        yield opened
    finally:
        opened.close()


def at_port(line: TcpLine) -> Callable[[], Descriptor]:
    return partial(network.connect, line.host, line.port, 1.0)


def ignored(_status: PrinterStatus) -> None:
    pass


def fill(line: int, opened: OpenEscpos) -> None:
    """Until the line takes no more: byte by byte, so that none is left over."""
    while select.select([], [line], [], 0.3)[1]:
        opened.send(b"\n", ignored)


def test_a_printer_too_full_for_a_question_is_waited_for_when_it_said_why(tmp_path: Path) -> None:
    printer = EscposSimulator(buffer_bytes=4_000)
    with PtyLine(printer, tmp_path / "ttyPRINTER") as port:
        line = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
        model = EscposPrinter(lambda: Descriptor(line, partial(os.close, line)), Confirms.ECHO, WAITS)
        with opened_at(model) as opened:
            opened.send(RESET + AUTOMATIC_STATUS + LINE, ignored)
            until(lambda: lines_of(printer) != [], "the first line")
            with printer.changing() as state:
                state.paper_out = True
            opened.send(ask_process_id(7), ignored)
            fill(line, opened)
            confirming = Confirming(opened, 7)
            assert confirming.still_waits()
            printer.recover()
            # The id comes while the question waits for its place.
            assert confirming.result() == Confirmation(Outcome.PRINTED, "the printer sent its id back")


def test_a_printer_that_questions_filled_up_is_waited_for_when_it_answered_why() -> None:
    """It knows no automatic status: what it said, it was asked."""
    job = EscposPrinter(Descriptor, Confirms.ECHO, WAITS).framed(RESET + 60 * LINE, 7)
    asked_before = len(b"".join(DLE_EOT))
    printer = EscposSimulator(buffer_bytes=asked_before + len(job) + 3 * asked_before, tells=False)
    with TcpLine(printer) as line, opened_at(EscposPrinter(at_port(line), Confirms.ECHO, WAITS)) as opened:
        with printer.changing() as state:
            state.paper_out = True
        opened.send(job, ignored)
        confirming = Confirming(opened, 7)
        assert confirming.still_waits()
        assert set(confirming.told) == {Condition.PAPER_OUT}
        printer.recover()
        assert confirming.result().outcome is Outcome.PRINTED
        assert len(lines_of(printer)) == 60


@pytest.mark.parametrize("takes", [True, False])
def test_a_printer_that_says_nothing_and_not_why_is_given_up(tmp_path: Path, takes: bool) -> None:
    """Whether or not the line still takes a question."""
    printer = EscposSimulator()
    with PtyLine(printer, tmp_path / "ttyPRINTER") as port:
        line = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
        model = EscposPrinter(lambda: Descriptor(line, partial(os.close, line)), Confirms.ECHO, LONGER)
        with opened_at(model) as opened:
            printer.hang()
            opened.send(model.framed(RESET + LINE, 7), ignored)
            if not takes:
                fill(line, opened)
            told = opened.confirm(7, ignored)
            assert told == Confirmation(Outcome.UNKNOWN, "silent for 2 s after sending")


def test_an_earlier_jobs_answer_confirms_no_later_one(tmp_path: Path) -> None:
    """The printer hung until nobody waited for its answer, and gives it while the next job waits behind."""
    printer = EscposSimulator(bytes_per_s=1_500, echoes=False)
    with PtyLine(printer, tmp_path / "ttyPRINTER") as port:

        def connect() -> Descriptor:
            line = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
            return Descriptor(line, partial(os.close, line))

        model = EscposPrinter(connect, Confirms.STATUS, LONGER)
        with opened_at(model) as opened:
            opened.send(model.framed(RESET + 80 * LINE, 1), ignored)
            until(lambda: lines_of(printer) != [], "the first job begins")
            printer.hang()
            assert opened.confirm(1, ignored).outcome is Outcome.UNKNOWN
        printer.recover()
        with opened_at(model) as opened:
            # It takes longer than the doubt whether an answer is its own.
            second = model.framed(RESET + 100 * LINE + b"second\n", 2)
            opened.send(model.mend(100) + second, ignored)
            assert len(lines_of(printer)) < 80, "the first job is still being printed"
            assert opened.confirm(2, ignored).outcome is Outcome.PRINTED
            assert lines_of(printer)[-1] == "second"


def test_a_printer_without_automatic_status_confirms_by_its_answer_alone() -> None:
    printer = EscposSimulator(echoes=False, tells=False)
    with TcpLine(printer) as line:
        model = EscposPrinter(at_port(line), Confirms.STATUS, LONGER)
        with opened_at(model) as opened:
            for job in (1, 2):
                opened.send(model.framed(RESET + LINE, job), ignored)
                assert opened.confirm(job, ignored).outcome is Outcome.PRINTED
                assert len(lines_of(printer)) == job
