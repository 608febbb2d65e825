"""Lines without a way back, and addresses that are none: what is told of them."""

import socket
import threading
from functools import partial

import pytest

from hardware.devices import Confirmation, Outcome, PrinterStatus, Unreachable
from hardware.drivers import network
from hardware.drivers.drawer import EscposDrawer
from hardware.drivers.escpos import Confirms, EscposPrinter, Waits
from hardware.drivers.tspl import TsplPrinter
from hardware.drivers.zpl import ZplPrinter
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from tests.conftest import PATIENCE_S

WAITS = Waits(answer_s=0.5, silence_s=2.0, confirm_s=1.0)
# More than fits between agent and printer.
JOB = b"Kopi Gayo 250 g\n" * 20_000
TAKEN = Confirmation(Outcome.PRINTED, "taken by the device, which confirms nothing")
LANGUAGES = [EscposPrinter, ZplPrinter, TsplPrinter]


def at_port(line: TcpLine, language: type = EscposPrinter) -> EscposPrinter | ZplPrinter | TsplPrinter:
    connect = partial(network.connect, line.host, line.port, WAITS.answer_s)
    made: EscposPrinter | ZplPrinter | TsplPrinter = language(connect, Confirms.TAKEN, WAITS)
    return made


def ignored(_status: PrinterStatus) -> None:
    pass


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_system_still_has_was_not_taken_by_the_device(language: type) -> None:
    printer = EscposSimulator()
    with TcpLine(printer, window_bytes=4_096) as line:
        opened = at_port(line, language).open()
        printer.hang()
        opened.send(JOB[:100_000], ignored)
        told = opened.confirm(1, ignored)
        assert told == Confirmation(Outcome.UNKNOWN, "the device did not take all of it")
        opened.close()


def test_a_line_that_breaks_behind_the_last_byte_leaves_nobody_knowing() -> None:
    printer = EscposSimulator()
    with TcpLine(printer, window_bytes=4_096) as line:
        opened = at_port(line).open()
        printer.hang()
        opened.send(JOB[:100_000], ignored)
        printer.switch_off()
        told = opened.confirm(1, ignored)
        assert told.outcome is Outcome.UNKNOWN
        assert told.detail.startswith("after sending: ")
        opened.close()


def test_a_device_that_speaks_though_nobody_asked_gets_all_of_its_job() -> None:
    """Closed while its words lie unread, the connection would be cut, and the job with it."""
    sent, got = threading.Event(), []

    def take(listener: socket.socket) -> None:
        opened, _ = listener.accept()
        with opened:
            sent.wait(PATIENCE_S)
            opened.sendall(b"\x14\x00\x00\x0f")
            while data := opened.recv(4_096):
                got.append(len(data))
            got.append(0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        taking = threading.Thread(target=take, args=(listener,))
        taking.start()
        host, port = listener.getsockname()
        opened = EscposPrinter(partial(network.connect, host, port, 1.0), Confirms.TAKEN, WAITS).open()
        opened.send(JOB[:100_000], ignored)
        sent.set()
        assert opened.confirm(1, ignored) == TAKEN
        opened.close()
        taking.join(PATIENCE_S)
        assert (sum(got), got[-1]) == (100_000, 0), "it was ended, not cut"


def test_a_device_that_closes_once_it_has_all_of_a_job_took_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            opened, _ = listener.accept()
            with opened:
                left = len(JOB)
                while left:
                    left -= len(opened.recv(left))

        taking = threading.Thread(target=take)
        taking.start()
        host, port = listener.getsockname()
        opened = EscposPrinter(partial(network.connect, host, port, 1.0), Confirms.TAKEN, WAITS).open()
        opened.send(JOB, ignored)
        taking.join(PATIENCE_S)
        assert opened.confirm(1, ignored) == TAKEN
        opened.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("open_is_high", [False, True])
def test_where_nothing_comes_back_the_drawer_is_not_known_to_be_shut(
    language: type, open_is_high: bool
) -> None:
    with TcpLine(EscposSimulator()) as line:
        opened = at_port(line, language).open()
        status = opened.status()
        opened.close()
    assert status.ready
    assert EscposDrawer(2, open_is_high).is_open(status) is None


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "\u3002"])
def test_what_is_no_name_of_a_machine_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable, match="is no name of a machine"):
        network.connect(host, 9100, 1.0)
