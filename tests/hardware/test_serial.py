"""A printer on a serial line, here a pty; and the commands of `kasir hardware` that need no server."""

import json

import pytest
from typer.testing import CliRunner

from hardware.agent import main
from hardware.simulators.command import example
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.interpreter import TextLine
from hardware.simulators.lines import PtyLine, TcpLine
from hardware.simulators.running import STATES, Simulation
from hardware.simulators.tspl_printer import TsplSimulator
from hardware.simulators.tspl_reader import picture as tspl_picture
from hardware.simulators.zpl_printer import ZplSimulator
from tests.hardware.printing_shop import PRINTED, config_text, ledger, printer_papers, untruths
from tests.paper.reading import codes, picture
from tests.server.support import Shop, until


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """What the agent notes of its printers stays with the test."""
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))


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


class Exhausted(EscposSimulator):
    """Says that the page is out, and then nothing more: its power fails, or its firmware."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    def echo(self, process_id: bytes) -> None:
        super().echo(process_id)
        setattr(self, *{"off": ("is_on", False), "hangs": ("_hanging", True)}[self._how])


@pytest.mark.parametrize("how", ["off", "hangs"])
def test_a_page_was_printed_though_nobody_can_say_how_the_drawer_stands(tmp_path, how):
    config = tmp_path / "hardware.toml"
    with TcpLine(Exhausted(how)) as line:
        config.write_text(config_text("slips", line.address, drawer_pin=2))
        result = kasir_hardware("test", "--config", str(config), "--drawer", "--json")
    assert result.exit_code == 0, result.output
    (slips,) = json.loads(result.stdout)["devices"]
    words = "printed: the printer sent its id back; how the drawer stands is not known: "
    assert (slips["works"], slips["words"][: len(words)]) == (True, words)


def test_a_drawer_behind_a_line_without_a_way_back_is_not_known_to_be_shut(printer, line, tmp_path):
    config = tmp_path / "hardware.toml"
    config.write_text(config_text("slips", line.address, drawer_pin=2, confirms="taken"))
    result = kasir_hardware("test", "--config", str(config), "--drawer", "--json")
    (slips,) = json.loads(result.stdout)["devices"]
    assert slips["words"].endswith("; the printer does not say how the drawer stands")


def test_after_a_torn_test_page_the_next_paper_is_clean(channel, printer, line, start_agent, tmp_path):
    config, notes = tmp_path / "hardware.toml", str(tmp_path / "notes")
    config.write_text(config_text("slips", line.address))
    words = ("test", "--config", str(config), "--notes", notes)

    def pages() -> int:
        return sum("slips, 80 mm" in item.text for item in printer.roll if isinstance(item, TextLine))

    def tear(begun: int) -> None:
        # In the middle of a picture.
        printer.cut_after(3_000)
        result = kasir_hardware(*words)
        assert (result.exit_code, "unknown" in result.stdout) == (1, True), result.output
        until(lambda: pages() == begun, "what came of it")

    tear(1)
    assert kasir_hardware(*words).exit_code == 0
    assert pages() == 2
    tear(3)
    agent = start_agent(config_text("slips", line.address))
    shop = Shop(channel)
    order = shop.book().order_id
    until(lambda: [job.state for job in ledger(channel)] == [PRINTED], "a slip")
    papers = printer_papers(printer)
    assert (papers.begun[order], papers.whole[order]) == (1, 1)
    # Beside the agent, and before its next slip.
    until(lambda: "ready" in agent.log.read_text(), "the agent looks at its printer")
    assert kasir_hardware(*words).exit_code == 0
    assert pages() == 4
    shop.book()
    until(lambda: [job.state for job in ledger(channel)] == [PRINTED] * 2, "another slip")
    assert untruths(ledger(channel), printer_papers(printer)) == []
    assert not printer.complaints


def test_a_mistake_in_the_file_is_a_sentence(tmp_path):
    config = tmp_path / "hardware.toml"
    config.write_text(config_text("slips", "127.0.0.1:1", widht_mm=58))
    result = kasir_hardware("run", "--config", str(config))
    assert result.exit_code == 2
    assert "did you mean width_mm" in result.stderr


@pytest.mark.parametrize("command", ["test", "run"])
def test_notes_that_cannot_be_opened_are_a_sentence(tmp_path, command):
    config = tmp_path / "hardware.toml"
    config.write_text(config_text("slips", "127.0.0.1:1"))
    (tmp_path / "notes").write_text("no folder")
    result = kasir_hardware(command, "--config", str(config), "--notes", str(tmp_path))
    assert result.exit_code == 1
    assert "the notes cannot be opened" in result.stderr


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
