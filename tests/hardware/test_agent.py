"""The agent, a server and a simulated printer: what is on paper is what the ledger says.

Goal: each job is printed once, told truly, and waits while its printer cannot print. Method: processes as an
operator starts them; the printer's paper is read back.
"""

import socket
import time
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from PIL import Image, ImageChops

from clients.common.client import Client
from clients.common.connection import Connection
from hardware.agent.ledger import report_sent, taking
from hardware.agent.notes import Notes, TornNotes
from hardware.paper.logo import logo_dots, read
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.interpreter import Raster
from hardware.simulators.lines import TcpLine
from kasir.v1 import hardware_pb2, hardware_pb2_grpc
from tests.conftest import PATIENCE_S, ServerProcess
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
from tests.till.line import Line as CutLine


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


def test_the_shops_logo_heads_its_slips(channel, printer, line, start_agent, tmp_path):
    Image.linear_gradient("L").save(tmp_path / "logo.png")
    Shop(channel).book()
    start_agent(config_text("slips", line.address, logo="logo.png"))
    until(lambda: states(channel) == [PRINTED], "a slip")
    head = printer.roll[0]
    assert isinstance(head, Raster)
    asked = logo_dots(read(tmp_path / "logo.png"), 576)
    assert ImageChops.difference(head.image.convert("L"), asked.convert("L")).getbbox() is None
    assert not printer.complaints


FAULTS = {
    "paper_out": "paper out",
    "cover_open": "cover open",
    "offline": "offline",
    "overheated": "overheated",
    "cutter_stuck": "cutter is stuck",
}


def test_jobs_wait_while_the_printer_cannot_print(channel, printer, line, start_agent):
    shop = Shop(channel)
    agent = start_agent(config_text("slips", line.address))
    for number, (fault, words) in enumerate(FAULTS.items()):
        with printer.changing() as state:
            setattr(state, fault, True)
        until(lambda words=words: words in agent.log.read_text(), "the agent says why")
        shop.book()
        waits = printer.received_bytes
        until(lambda waits=waits: printer.received_bytes > waits + 50, "it is asked again and again")
        assert states(channel) == [PRINTED] * number + [QUEUED]
        printer.recover()
        until(lambda number=number: states(channel) == [PRINTED] * (number + 1), "the slip")
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


def test_paper_that_ends_under_the_second_copy_is_waited_for(channel, start_agent):
    """The reset that begins a slip would switch off that the printer tells by itself what it waits for."""
    printer = EscposSimulator(buffer_bytes=8_000, bytes_per_s=20_000)
    Shop(channel).book()
    with TcpLine(printer) as line:
        agent = start_agent(config_text("slips", line.address, copies=2))
        until(lambda: len(printer.cut_slips) == 1 and len(printer.slips) == 2, "the second slip begins")
        with printer.changing() as state:
            state.paper_out = True
        until(lambda: "paper out" in agent.log.read_text(), "the agent says so")
        until_it_gave_up = time.monotonic() + 2.0
        while time.monotonic() < until_it_gave_up:
            assert states(channel) == [SENT]
        printer.recover()
        until(lambda: states(channel) == [PRINTED], "the rest of the slip")
        # Pictures are compared as pictures: the second bears no trace of the first.
        first, second = printer.slips
        assert first == second


def taken_earlier(server, tmp_path: Path, job_id: int) -> None:
    """An agent before this one took the job for a printer that there is no more, and ended."""
    note = taking("desk", "gone", job_id)
    with Client(Connection(server.target, "agent")) as client:
        assert report_sent(client, note)
    with closing(Notes(tmp_path / "notes")) as notes:
        notes.keep(note)


def test_a_job_that_another_printer_was_to_print_tears_the_one_that_does(
    channel, server, printer, line, start_agent, tmp_path
):
    shop = Shop(channel)
    first = shop.book().order_id
    taken_earlier(server, tmp_path, ledger(channel)[0].print_job_id)
    printer.cut_after(3_000)
    agent = start_agent(config_text("slips", line.address))
    until(lambda: states(channel) == [UNKNOWN], "nobody knows")
    agent.kill()
    with closing(TornNotes(tmp_path / "notes")) as notes:
        assert (notes.torn_bytes("slips") > 3_000, notes.torn_bytes("gone")) == (True, 0)
    start_agent()
    second = shop.book().order_id
    until(lambda: states(channel) == [UNKNOWN, PRINTED], "the next one")
    papers = printer_papers(printer)
    assert (papers.begun[first], papers.whole[first]) == (1, 0)
    assert (papers.begun[second], papers.whole[second]) == (1, 1)


def test_a_job_taken_earlier_that_no_printer_is_for_is_told(channel, server, line, start_agent, tmp_path):
    Shop(channel).book()
    job_id = ledger(channel)[0].print_job_id
    taken_earlier(server, tmp_path, job_id)
    agent = start_agent(config_text("till", line.address, documents=["sales-receipt"]))
    until(lambda: f"job {job_id} waits: no printer here is for it" in agent.log.read_text(), "it is told")
    agent.kill()
    start_agent(config_text("slips", line.address))
    until(lambda: states(channel) == [PRINTED], "another file has a printer for it")


def test_a_server_that_is_gone_is_told_once_and_once_that_it_is_back(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    config, log = tmp_path / "hardware.toml", tmp_path / "agent.log"

    def serve() -> ServerProcess:
        return ServerProcess(tmp_path / "shop", "--listen", listen, log=tmp_path / "serve.log")

    def told(words: str, times: int) -> bool:
        return log.read_text().count(words) == times

    away, back = f"the server at {listen} does not answer", f"the server at {listen} answers again"
    server = serve()
    printer = EscposSimulator(bytes_per_s=20_000)
    with TcpLine(printer) as line, grpc.insecure_channel(listen) as channel:
        config.write_text(f'name = "desk"\n{config_text("slips", line.address, location="GUDANG")}')
        shop = Shop(channel)
        server.kill()
        agent = AgentProcess(config, tmp_path / "notes", listen, log)
        try:
            # As it starts it asks for the printer's location.
            until(lambda: told(away, 1), "it is away")
            server = serve()
            until(lambda: told(back, 1), "it is back")
            grpc.channel_ready_future(channel).result(PATIENCE_S)
            shop.book()
            until(lambda: printer.roll != [], "a slip begins")
            server.kill()
            unheard = "the server does not know yet"
            until(lambda: told(unheard, 1) and told(away, 2), "it is away again")
            until_it_asked_often = time.monotonic() + 5.0
            while time.monotonic() < until_it_asked_often:
                assert told(unheard, 1)
                assert told(away, 2)
            server = serve()
            until(lambda: told(back, 2), "it is back again")
            grpc.channel_ready_future(channel).result(PATIENCE_S)
            until(lambda: states(channel) == [PRINTED], "it hears of the slip")
            assert told(away, 2)
            assert told(back, 2)
        finally:
            agent.kill()
            server.kill()
            print(log.read_text())


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


def test_the_server_shows_how_each_printer_is_and_a_stopped_agent_is_gone(
    channel, printer, line, start_agent
):
    hardware = hardware_pb2_grpc.HardwareServiceStub(channel)

    def shown():
        return hardware.ListDevices(hardware_pb2.ListDevicesRequest()).devices

    agent = start_agent(config_text("slips", line.address, drawer_pin=2), config_text("dead", "127.0.0.1:1"))
    until(
        lambda: (
            [each.state for each in shown()]
            == [hardware_pb2.DEVICE_STATE_UNREACHABLE, hardware_pb2.DEVICE_STATE_READY]
        ),
        "one is dead, the other ready",
    )
    with printer.changing() as state:
        state.paper_out = state.drawer_open = True
    until(lambda: shown()[1].state == hardware_pb2.DEVICE_STATE_PAPER_OUT, "paper out")
    assert shown()[1].drawer_open
    printer.recover()
    Shop(channel).book()
    until(lambda: shown()[1].printed == 1, "it printed")
    assert agent.stop() == 0
    assert not shown()


def test_a_dead_printer_delays_no_other(channel, printer, line, start_agent):
    """Both are for slips: the one that is ready takes them."""
    shop = Shop(channel)
    with TcpLine(EscposSimulator()) as hanging:
        hanging.device.hang()
        start_agent(config_text("hanging", hanging.address), config_text("slips", line.address))
        for _ in range(5):
            shop.book()
        until(lambda: states(channel) == [PRINTED] * 5, "all slips")
        assert hanging.device.roll == []


def test_two_agents_with_one_file_by_mistake_print_each_job_once(
    channel, printer, line, server, start_agent, tmp_path
):
    shop = Shop(channel)
    first = start_agent(config_text("slips", line.address))
    log = tmp_path / "other.log"
    other = AgentProcess(tmp_path / "hardware.toml", tmp_path / "other notes", server.target, log)
    try:
        until(lambda: all("slips: ready" in each.log.read_text() for each in (first, other)), "both run")
        for _ in range(20):
            shop.book()
        until(lambda: states(channel) == [PRINTED] * 20, "all slips")
        assert untruths(ledger(channel), printer_papers(printer)) == []
    finally:
        other.kill()


def test_one_set_of_notes_is_for_one_agent(line, start_agent, server, tmp_path):
    first = start_agent(config_text("slips", line.address))
    until(lambda: "slips: ready" in first.log.read_text(), "it runs")
    log = tmp_path / "other.log"
    other = AgentProcess(tmp_path / "hardware.toml", tmp_path / "notes", server.target, log)
    assert other.process.wait(20) == 2
    assert "another agent" in log.read_text()


def test_a_location_that_there_is_none_of_stops_its_own_printers_only(channel, server, tmp_path):
    printer = EscposSimulator()
    shop = Shop(channel)
    line = CutLine(server.target)
    with TcpLine(printer) as good, TcpLine(EscposSimulator()) as lost:
        config, log = tmp_path / "hardware.toml", tmp_path / "agent.log"
        printers = [config_text("slips", good.address), config_text("gone", lost.address, location="LAMA")]
        config.write_text("\n".join(['name = "desk"', *printers]))
        # With the server there it would not start.
        line.cut()
        agent = AgentProcess(config, tmp_path / "notes", line.address, log)
        try:
            until(lambda: "does not answer" in log.read_text(), "it is away")
            line.restore()
            until(lambda: "Its printers print nothing" in log.read_text(), "it is told")
            shop.book()
            until(lambda: states(channel) == [PRINTED], "the other one prints")
        finally:
            agent.kill()
            line.cut()
            print(log.read_text())
