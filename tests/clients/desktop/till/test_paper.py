"""Receipts beside the server: a sale without the line comes out of this machine's printer, and is told."""

import tempfile
from pathlib import Path

import pytest

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked, cut, sell
from tests.hardware.printing_shop import AgentProcess, config_text
from tests.server.support import until
from tests.till.line import Line


@pytest.fixture
def printer():
    return EscposSimulator()


@pytest.fixture
def station(printer, line: Line, tmp_path: Path):
    """The agent beside the till, behind the same line."""
    with TcpLine(printer) as opened, tempfile.TemporaryDirectory() as sockets:
        address, log = f"unix:{sockets}/s.sock", tmp_path / "agent.log"
        file = tmp_path / "hardware.toml"
        head = ['name = "desk"', "probe_s = 0.2", f'station = "{address}"']
        file.write_text("\n".join([*head, config_text("counter", opened.address, location="TOKO")]))
        agent = AgentProcess(file, tmp_path / "notes", line.address, log)
        until(lambda: "counter: ready" in log.read_text(), "the printer is ready")
        yield address
        agent.kill()


@pytest.fixture
def till(make_till, line, station, wait):
    window = make_till(line.address, station=station)
    wait(lambda: window.desk.line.connected and window.selling.goods.tiles.items)
    window.shift.opening.sum.show_minor(20_000_000)
    window.shift.opening.take()
    wait(lambda: window.till.state.shift is not None and window.till.state.shift.shift_id)
    window.go(window.selling)
    return window


def papers(printer: EscposSimulator) -> str:
    return "\n".join(getattr(item, "text", "") for item in printer.roll)


def test_with_the_line_and_without_each_sale_has_one_receipt_with_the_tills_number(till, line, printer, wait):
    first = sell(till, wait, KOPI)
    wait(lambda: first.entry.receipt in papers(printer))
    till.line_screen.lease()
    wait(lambda: till.till.state.leased_units)
    cut(till, line, wait)
    second = sell(till, wait, KOPI)
    wait(lambda: till.selling.done.printed.text() == "The receipt is printed.")
    assert second.entry.receipt in papers(printer)
    line.restore()
    wait(lambda: till.till.state.online and not till.till.state.waits)
    third = sell(till, wait, KOPI)
    wait(lambda: third.entry.receipt in papers(printer))
    for sold in (first, second, third):
        assert papers(printer).count(f"No. {sold.entry.receipt}") == 1


def test_a_printer_that_prints_nothing_is_told_and_can_be_asked_again(till, line, printer, wait):
    cut(till, line, wait)
    with printer.changing() as state:
        state.cover_open = True
    till.selling.scanned(KOPI)
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(till.selling.pay.why_not.isVisible)
    allowing = asked(till)
    allowing.name.setText("budi")
    allowing.take()
    wait(lambda: "No receipt was printed" in till.selling.done.printed.text())
    assert till.selling.done.paper.isVisible()
    with printer.changing() as state:
        state.cover_open = False
    till.selling.done.paper.click()
    wait(lambda: till.selling.done.printed.text() == "The receipt is printed.")
    assert not till.selling.done.paper.isVisible()


def test_a_receipt_by_e_mail_is_made_beside_the_window_and_its_failure_is_told(
    make_till, line, wait, monkeypatch
):
    monkeypatch.setenv("KASIR_SMTP", "127.0.0.1:1")
    monkeypatch.setenv("KASIR_MAIL_FROM", "kasir@example.com")
    window = make_till(line.address)
    wait(lambda: window.desk.line.connected and window.selling.goods.tiles.items)
    window.shift.opening.sum.show_minor(0)
    window.shift.opening.take()
    wait(lambda: window.till.state.shift is not None and window.till.state.shift.shift_id)
    sell(window, wait, KOPI)
    assert window.selling.done.mail.isVisible()
    window.selling.mail_receipt()
    question = asked(window)
    question.field.setText("sri@example.com")
    question.take()
    wait(window.desk.notice.isVisible)
    assert "sri@example.com: down" in window.desk.notice.words.text()
