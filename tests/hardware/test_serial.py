"""A printer on a serial line, here a pty; and the commands of `kasir hardware` that need no server."""

import json

import pytest
from typer.testing import CliRunner

from hardware.agent import main
from hardware.simulators.command import example
from hardware.simulators.interpreter import TextLine
from hardware.simulators.lines import PtyLine, TcpLine
from hardware.simulators.running import STATES, Simulation
from hardware.simulators.tspl_printer import TsplSimulator
from hardware.simulators.tspl_reader import picture as tspl_picture
from hardware.simulators.zpl_printer import ZplSimulator
from tests.hardware.printing_shop import PRINTED, config_text, ledger, printer_papers, untruths
from tests.paper.reading import codes, picture
from tests.server.support import Shop, until


def kasir_hardware(*words: str):
    return CliRunner().invoke(main.app, list(words))


@pytest.fixture
def pty(printer, tmp_path):
    with PtyLine(printer, tmp_path / "ttyPRINTER") as opened:
        yield opened


@pytest.mark.parametrize("confirms", ["echo", "status"])
def test_slips_come_out_of_a_printer_on_a_serial_line(channel, printer, pty, start_agent, confirms):
    shop = Shop(channel)
    printer.echoes = confirms == "echo"
    start_agent(config_text("slips", "", line=f"serial:{pty.path}?baud=115200&flow=none", confirms=confirms))
    for _ in range(3):
        shop.book()
    until(lambda: [job.state for job in ledger(channel)] == [PRINTED] * 3, "three slips")
    assert untruths(ledger(channel), printer_papers(printer)) == []
    assert not printer.complaints
    # Its cable is pulled and put back.
    printer.switch_off()
    shop.book()
    printer.switch_on()
    until(lambda: [job.state for job in ledger(channel)] == [PRINTED] * 4, "the fourth")


def test_a_test_page_is_printed_and_the_drawer_opens(printer, line, tmp_path):
    labels, tspl_labels = ZplSimulator(), TsplSimulator()
    config = tmp_path / "hardware.toml"
    with TcpLine(labels) as label_line, TcpLine(tspl_labels) as tspl_line:
        config.write_text(
            config_text("slips", line.address, drawer_pin=2)
            + config_text("labels", label_line.address, language="zpl", documents=["address-label"])
            + config_text(
                "labels-tspl", tspl_line.address, language="tspl", gap_mm=2, documents=["address-label"]
            )
        )
        result = kasir_hardware("test", "--config", str(config), "--drawer", "--json")
        assert result.exit_code == 0, result.output
        slips, *pages = json.loads(result.stdout)["devices"]
        assert slips == {
            "name": "slips",
            "works": True,
            "words": "printed: the printer sent its id back; the drawer is open",
        }
        assert [page["works"] for page in pages] == [True, True]
        assert b"KASIR-TEST" in labels.labels[0]
        (page,) = tspl_labels.read_labels
        assert codes(tspl_picture(page)) == {("Code 128", "KASIR-TEST")}
        assert b"GAP 2 mm,0 mm" in tspl_labels.labels[0]
        assert not tspl_labels.complaints
        assert printer.kicks == 1
        assert any("slips, 80 mm" in item.text for item in printer.roll if isinstance(item, TextLine))
        with printer.changing() as state:
            state.cover_open = True
        result = kasir_hardware("test", "--config", str(config), "--device", "slips")
        assert result.exit_code == 1
        assert "cover open" in result.stdout
        assert kasir_hardware("test", "--config", str(config), "--device", "other").exit_code == 2


def test_a_mistake_in_the_file_is_a_sentence(tmp_path):
    config = tmp_path / "hardware.toml"
    config.write_text(config_text("slips", "127.0.0.1:1", widht_mm=58))
    result = kasir_hardware("run", "--config", str(config))
    assert result.exit_code == 2
    assert "did you mean width_mm" in result.stderr


def test_what_hangs_on_this_machine_is_listed():
    result = kasir_hardware("list", "--json")
    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(result.stdout)["lines"], list)


def test_simulated_printers_write_their_papers_to_files(tmp_path):
    simulation = Simulation(tmp_path / "paper", (0, 0, 0), tmp_path / "tty", 58)
    try:
        config = tmp_path / "hardware.toml"
        config.write_text(example(simulation, 58))
        for device in ("slips", "labels", "labels-tspl"):
            result = kasir_hardware("test", "--config", str(config), "--device", device)
            assert result.exit_code == 0, result.output
        written: list[str] = []
        simulation.write(written.append)
        simulation.write(written.append)
        assert [name.rpartition("/")[2] for name in written] == [
            "slip-0001.png",
            "label-0001.png",
            "label-tspl-0001.png",
        ]
        slip = picture((tmp_path / "paper" / "slip-0001.png").read_bytes())
        assert slip.width == 384 + 64
        for state in STATES:
            assert simulation.happen(state.replace("_", " "))
            assert getattr(simulation.receipts.state, state)
        assert kasir_hardware("test", "--config", str(config), "--device", "slips").exit_code == 1
        for words in ("ok", "off", "on", "hang", "ok", "cut 100", "late 1", "ok", "close drawer"):
            assert simulation.happen(words), words
        assert not simulation.happen("set fire")
        assert simulation.receipts.state.can_print
    finally:
        simulation.close()
