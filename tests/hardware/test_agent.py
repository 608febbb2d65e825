"""The agent, a server and a simulated printer: what is on paper is what the ledger says.

Goal: each job is printed once, told truly, and waits while its printer cannot print. Method: processes as an
operator starts them; the printer's paper is read back.
"""

import time

import grpc
import pytest

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from tests.hardware.printing_shop import (
    PRINTED,
    QUEUED,
    SENT,
    UNKNOWN,
    AgentProcess,
    config_text,
    ledger,
    printer_papers,
    untruths,
)
from tests.server.support import Shop, until


@pytest.fixture
def printer():
    return EscposSimulator()


@pytest.fixture
def line(printer):
    with TcpLine(printer) as opened:
        yield opened


@pytest.fixture
def start_agent(tmp_path, server):
    """Starts an agent with printers as TOML; killed at the end."""
    started = []

    def start(*printers: str) -> AgentProcess:
        config = tmp_path / "hardware.toml"
        if printers:
            config.write_text("\n".join(['name = "desk"', "probe_s = 0.2", *printers]))
        started.append(AgentProcess(config, tmp_path / "notes", server.target, tmp_path / "agent.log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()
    print((tmp_path / "agent.log").read_text())


def states(channel: grpc.Channel) -> list[int]:
    return [job.state for job in ledger(channel)]


def test_slips_are_printed_in_order_and_confirmed(channel, printer, line, start_agent):
    shop = Shop(channel)
    orders = [shop.book().order_id for _ in range(3)]
    agent = start_agent(config_text("slips", line.address))
    orders.append(shop.book().order_id)
    until(lambda: states(channel) == [PRINTED] * 4, "four slips")
    papers = printer_papers(printer)
    assert list(papers.whole) == orders
    assert untruths(ledger(channel), papers) == []
    assert not printer.complaints
    assert ledger(channel)[0].detail.startswith("desk: slips [")
    assert agent.stop() == 0


@pytest.mark.parametrize("fault", ["paper_out", "cover_open", "offline", "overheated", "cutter_stuck"])
def test_jobs_wait_while_the_printer_cannot_print(channel, printer, line, start_agent, fault):
    shop = Shop(channel)
    with printer.changing() as state:
        setattr(state, fault, True)
    agent = start_agent(config_text("slips", line.address))
    words = {"paper_out": "paper out", "cover_open": "cover open", "cutter_stuck": "cutter is stuck"}
    until(lambda: words.get(fault, fault) in agent.log.read_text(), "the agent says why")
    shop.book()
    waits = printer.received_bytes
    until(lambda: printer.received_bytes > waits + 50, "it is asked again and again")
    assert set(states(channel)) == {QUEUED}
    printer.recover()
    until(lambda: states(channel) == [PRINTED], "the slip")
    assert untruths(ledger(channel), printer_papers(printer)) == []


@pytest.mark.parametrize("buffer_bytes", [8_000, 64_000])
def test_paper_that_ends_under_a_job_is_waited_for(channel, start_agent, buffer_bytes):
    """With a small buffer the agent cannot even send all; the printer tells by itself what it waits for."""
    printer = EscposSimulator(buffer_bytes=buffer_bytes, bytes_per_s=20_000)
    shop = Shop(channel)
    with TcpLine(printer) as line:
        agent = start_agent(config_text("slips", line.address))
        shop.book()
        until(lambda: printer.roll != [], "the slip begins")
        with printer.changing() as state:
            state.paper_out = True
        until(lambda: "paper out" in agent.log.read_text(), "the agent says so")
        # Longer than the agent bears silence.
        until_it_gave_up = time.monotonic() + 2.0
        while time.monotonic() < until_it_gave_up:
            assert states(channel) == [SENT]
        printer.recover()
        until(lambda: states(channel) == [PRINTED], "the rest of the slip")
        assert untruths(ledger(channel), printer_papers(printer)) == []


def test_a_silent_printer_leaves_the_job_unknown_and_nothing_is_printed_again(
    channel, printer, line, start_agent
):
    shop = Shop(channel)
    printer.cut_after(3_000)
    start_agent(config_text("slips", line.address))
    first = shop.book().order_id
    until(lambda: states(channel) == [UNKNOWN], "nobody knows")
    second = shop.book().order_id
    until(lambda: states(channel) == [UNKNOWN, PRINTED], "the next one")
    papers = printer_papers(printer)
    # The torn slip took nothing of the next one.
    assert (papers.begun[first], papers.whole[first]) == (1, 0)
    assert (papers.begun[second], papers.whole[second]) == (1, 1)
