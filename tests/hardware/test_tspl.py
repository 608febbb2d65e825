"""TSPL's driver and the simulated printer: what a state byte says, and that a torn label never comes out."""

import itertools

import pytest

from hardware.devices import Condition, Outcome
from hardware.drivers import places
from hardware.drivers.escpos import Confirms, Waits
from hardware.drivers.tspl import TsplPrinter, read_status
from hardware.paper import address_label
from hardware.simulators.lines import TcpLine
from hardware.simulators.tspl_printer import TsplSimulator
from tests.paper import samples
from tests.server.support import until

WAITS = Waits(answer_s=0.5, silence_s=1.0, confirm_s=1.0)
JOB = address_label(samples.parcel(), samples.order(), samples.shop(), samples.courier()).tspl()


@pytest.fixture
def printer():
    return TsplSimulator()


@pytest.fixture
def line(printer):
    with TcpLine(printer) as opened:
        yield opened


def driver(line: TcpLine) -> TsplPrinter:
    return TsplPrinter(
        lambda: places.connect(places.parse(f"tcp://{line.address}"), 1.0), Confirms.STATUS, WAITS
    )


def ignored(_status: object) -> None:
    pass


@pytest.mark.parametrize(
    ("byte", "condition", "detail"),
    [
        (0x00, Condition.READY, ""),
        (0x20, Condition.READY, ""),
        (0x01, Condition.COVER_OPEN, ""),
        (0x05, Condition.COVER_OPEN, ""),
        (0x04, Condition.PAPER_OUT, ""),
        (0x08, Condition.PAPER_OUT, "the ribbon"),
        (0x0C, Condition.PAPER_OUT, ""),
        (0x02, Condition.ERROR, "the paper is jammed"),
        (0x10, Condition.OFFLINE, "paused"),
        (0x30, Condition.OFFLINE, "paused"),
        (0x80, Condition.ERROR, "it does not say which"),
    ],
)
def test_a_state_is_one_byte(byte, condition, detail):
    status = read_status(byte)
    assert (status.condition, status.detail) == (condition, detail)


class Nobody:
    """A line on which nothing is heard."""

    def reply(self, data: bytes) -> None:
        pass

    def cut(self) -> None:
        pass


def test_wherever_a_label_is_torn_only_the_next_one_comes_out(printer):
    model, wire = driver_without_line(), Nobody()
    framed = model.framed(JOB, 1)
    is_printed_at = framed.rindex(b"PRINT 1,1\r\n") + len(b"PRINT 1,1\r\n")
    within = range(is_printed_at - 15, len(framed))
    for torn in itertools.chain(range(1, 120), range(120, is_printed_at, 997), within):
        before = len(printer.labels)
        printer.connected(wire)
        printer.receive(wire, framed[:torn])
        until(lambda: not printer.is_busy, "all that it can do is done")
        printer.receive(wire, model.mend(len(framed)) + framed)
        wanted = before + 1 + (torn >= is_printed_at)
        until(lambda wanted=wanted: len(printer.labels) >= wanted, f"the label after one torn at {torn}")
        assert printer.labels[-1] == JOB
        until(lambda: not printer.is_busy, "all that it can do is done")
        assert len(printer.labels) == wanted
    printer.end()


def driver_without_line() -> TsplPrinter:
    return TsplPrinter(lambda: places.connect(places.parse("tcp://127.0.0.1"), 1.0), Confirms.STATUS, WAITS)


def test_a_label_is_printed_when_it_is_out_and_not_when_it_was_taken(printer, line):
    model = driver(line)
    opened = model.open()
    assert opened.status().ready
    opened.send(model.framed(JOB, 1), ignored)
    assert opened.confirm(1, ignored).outcome is Outcome.PRINTED
    assert printer.labels == [JOB]
    heard = []
    with printer.changing() as state:
        state.paper_out = True
    opened.send(model.framed(JOB, 2), ignored)

    def told(status):
        heard.append(status.condition)
        if len(heard) == 3:
            printer.recover()

    assert opened.confirm(2, told).outcome is Outcome.PRINTED
    assert heard[:3] == [Condition.PAPER_OUT] * 3
    assert len(printer.labels) == 2
    printer.hang()
    opened.send(model.framed(JOB, 3), ignored)
    assert opened.confirm(3, ignored).outcome is Outcome.UNKNOWN
    opened.close()


def test_a_printer_that_never_takes_the_label_up_is_not_believed(printer, line):
    model = driver(line)
    opened = model.open()
    # Without its end the label waits for it, and the printer says that all is well.
    opened.send(JOB[:-4], ignored)
    confirmed = opened.confirm(1, ignored)
    assert (confirmed.outcome, confirmed.detail) == (
        Outcome.UNKNOWN,
        "the printer is ready and did not confirm the label",
    )
    assert not printer.labels
    opened.close()
