"""What an ESC/POS printer says of itself, read in whatever pieces it comes.

Goal: every state is told as it is, silence never as anything better, and noise stops nobody. Method: the
states of the simulated printer in all combinations, cut into pieces; random bytes.
"""

from dataclasses import fields
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.devices import Condition, Outcome, Unreachable
from hardware.drivers import network
from hardware.drivers.escpos import Confirms, EscposPrinter, Waits
from hardware.escpos_status import (
    Automatic,
    Echo,
    Paper,
    RealTime,
    StatusReader,
    ask_process_id,
    process_id,
    read_automatic,
    read_real_time,
)
from hardware.paper import thermal
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from hardware.simulators.state import State
from tests.server.support import until

FLAGS = [field.name for field in fields(State)]
STATES = st.builds(State, **{name: st.booleans() for name in FLAGS})


def expected(state: State) -> Condition:
    if state.cover_open:
        return Condition.COVER_OPEN
    if state.paper_out:
        return Condition.PAPER_OUT
    if state.cutter_stuck:
        return Condition.ERROR
    if state.overheated:
        return Condition.OVERHEATED
    return Condition.OFFLINE if state.offline else Condition.READY


@given(STATES)
def test_both_ways_of_asking_tell_the_same(state):
    asked = read_real_time(*(state.real_time(n) for n in (1, 2, 3, 4)))
    told = read_automatic(state.automatic())
    assert asked == told
    assert asked.condition is expected(state)
    assert asked.drawer_high is state.drawer_open
    assert asked.paper_low is (state.paper_low or state.paper_out)


ANSWERS = st.one_of(
    st.builds(lambda state, n: (bytes([state.real_time(n)]), RealTime), STATES, st.integers(1, 4)),
    st.builds(lambda state: (state.automatic(), Automatic), STATES),
    st.builds(lambda state: (bytes([state.asked(1)]), Paper), STATES),
    st.builds(lambda job: (b"\x37\x22" + process_id(job) + b"\0", Echo), st.integers(0, 2**63)),
)


@given(st.lists(ANSWERS), st.lists(st.integers(1, 5), min_size=1))
def test_answers_are_told_apart_however_they_are_cut(answers, lengths):
    data, reader, read = b"".join(sent for sent, _ in answers), StatusReader(), []
    while data:
        for length in lengths:
            read += reader.feed(data[:length])
            data = data[length:]
    assert [type(answer) for answer in read] == [kind for _, kind in answers]
    assert reader.strange_bytes == 0


@given(st.binary())
def test_noise_is_passed_over(noise):
    reader = StatusReader()
    reader.feed(noise)
    # Whatever was begun has ended after this, and what follows is read.
    reader.feed(b"\xff" * 8)
    assert reader.feed(b"\x37\x22" + process_id(7) + b"\0") == [Echo(process_id(7))]


@given(st.integers(0, 95**4 - 1))
def test_a_process_id_is_made_of_what_the_command_takes(job_id):
    assert all(0x20 <= byte <= 0x7E for byte in process_id(job_id))
    assert ask_process_id(job_id)[:7] == b"\x1d(H\x06\x00\x30\x30"
    assert process_id(job_id) != process_id(job_id + 1)


def printer_at(line: TcpLine, answer_s: float = 0.3) -> EscposPrinter:
    connect = partial(network.connect, line.host, line.port, answer_s)
    return EscposPrinter(connect, Confirms.ECHO, Waits(answer_s, 1.0, 3.0))


@pytest.mark.parametrize("how", ["hang", "late"])
def test_a_dead_line_is_unreachable_and_not_adequate(how):
    """python-escpos 3.1 calls this one's paper adequate."""
    simulated = EscposSimulator()
    with TcpLine(simulated) as line:
        if how == "hang":
            simulated.hang()
        else:
            simulated.answer_late(1.0)
        opened = printer_at(line).open()
        assert opened.status().condition is Condition.UNREACHABLE
        assert opened.status().paper_low is False
        opened.close()


def test_a_printer_that_is_off_cannot_be_opened():
    simulated = EscposSimulator()
    with TcpLine(simulated) as line:
        simulated.switch_off()

        def refused() -> bool:
            try:
                printer_at(line).open().close()
            except Unreachable:
                return True
            return False

        # The port closes a moment after the switch.
        until(refused, "nobody listens")


def test_dots_that_look_like_a_pulse_do_not_open_the_drawer():
    """Printers obey real-time commands inside pictures; ours have none in them."""
    dots = b"\x10\x14\x01\x00\x01" + b"\x00\x10\x14\x02\x01\x08" + b"\x00"
    picture = b"\x1b@\x1dv0\x00\x0c\x00\x01\x00" + dots
    for job, kicks in (picture, 1), (thermal._without_real_time(picture), 0):
        simulated = EscposSimulator()
        with TcpLine(simulated) as line:
            printer = printer_at(line)
            opened = printer.open()
            opened.send(printer.framed(job, 1), lambda status: None)
            assert opened.confirm(1, lambda status: None).outcome is Outcome.PRINTED
            opened.close()
        assert simulated.kicks == kicks
        assert not simulated.complaints
