"""The whole way: simulated devices, the agent as a process, a server that sees them, programs beside it."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from clients.common.station import Station
from hardware.scanners.attached import keyboards
from hardware.simulators.command import example
from hardware.simulators.running import Simulation
from kasir.v1 import hardware_pb2, hardware_pb2_grpc
from kasir.v1.station_pb2 import DisplayLine
from server.settings import parse_address
from tests.conftest import ROOT
from tests.devices.counter import Counter, Served, Watching
from tests.devices.pty_line import PATIENCE_S
from tests.hardware.printing_shop import PRINTED, AgentProcess, config_text, ledger
from tests.server.support import Shop, until

KOPI = "8991234567891"
READY = hardware_pb2.DEVICE_STATE_READY
UNREACHABLE = hardware_pb2.DEVICE_STATE_UNREACHABLE


class Desk:
    """Simulated devices and the agent that drives them."""

    def __init__(self, folder: Path, server: str, channel: grpc.Channel) -> None:
        self.simulation = Simulation(folder / "sim", (0, 0, 0), None, 80)
        self.address = f"unix:{folder}/s.sock"
        self.file = folder / "hardware.toml"
        head = f'name = "desk"\nprobe_s = 0.2\nstation = "{self.address}"\n'
        self.file.write_text(head + example(self.simulation, 80))
        self._folder, self._server = folder, server
        self._stub = hardware_pb2_grpc.HardwareServiceStub(channel)
        self.start()

    def start(self) -> None:
        self.agent = AgentProcess(self.file, self._folder / "notes", self._server, self._folder / "agent.log")

    def device(self, name: str) -> hardware_pb2.Device | None:
        """How the server sees it."""
        reply = self._stub.ListDevices(hardware_pb2.ListDevicesRequest(), timeout=PATIENCE_S)
        return next((each for each in reply.devices if each.name == name), None)

    def await_state(self, name: str, state: int) -> hardware_pb2.Device:
        """Waits until the server sees it so."""
        found: list[hardware_pb2.Device] = []

        def is_so() -> bool:
            device = self.device(name)
            found.extend([device] if device is not None and device.state == state else [])
            return bool(found)

        until(is_so, f"{name} in state {state}")
        return found[0]

    def close(self) -> None:
        self.agent.kill()
        self.simulation.close()
        # Shown by pytest when the test failed.
        print((self._folder / "agent.log").read_text())


@pytest.fixture
def desk(tmp_path: Path, server: Any, channel: grpc.Channel) -> Iterator[Desk]:
    made = Desk(tmp_path, server.target, channel)
    yield made
    made.close()


@pytest.fixture
def program(desk: Desk) -> Iterator[Watching]:
    made = Watching(desk.address)
    made.await_begun(1, PATIENCE_S)
    desk.await_state("scanner", READY)
    yield made
    made.close()


def test_devices_work_through_the_agent_and_the_server_sees_them(desk: Desk, program: Watching) -> None:
    kinds = {
        "scanner": hardware_pb2.DEVICE_KIND_SCANNER,
        "display": hardware_pb2.DEVICE_KIND_CUSTOMER_DISPLAY,
        "scale": hardware_pb2.DEVICE_KIND_SCALE,
        "slips": hardware_pb2.DEVICE_KIND_RECEIPT_PRINTER,
    }
    for name, kind in kinds.items():
        device = desk.await_state(name, READY)
        assert (device.agent, device.kind, device.detail) == ("desk", kind, "")
    for words in (f"scan {KOPI}", "weigh 1250"):
        assert desk.simulation.happen(words)
    assert program.await_scans(1, PATIENCE_S)[0].code == KOPI
    with Station(desk.address) as station:
        assert station.weigh(PATIENCE_S) == 1250
        assert station.show(DisplayLine(text="Kopi Gayo"), DisplayLine(text="Rp 85.000")) == ""
    said: list[str] = []

    def is_shown() -> bool:
        desk.simulation.write(said.append)
        return any("[Rp 85.000           ]" in words for words in said)

    until(is_shown, "the display's lines")


@pytest.mark.parametrize("name", ["scanner", "display", "scale"])
def test_unplugged_and_back_as_the_server_sees_it(desk: Desk, name: str) -> None:
    desk.await_state(name, READY)
    assert desk.simulation.happen(f"unplug {name}")
    gone = desk.await_state(name, UNREACHABLE)
    assert f"tty-{name}" in gone.detail
    assert gone.since_time.ToMilliseconds() / 1000 <= time.time() + 1
    assert desk.simulation.happen(f"plug {name}")
    assert desk.await_state(name, READY).detail == ""


def test_an_agent_that_was_killed_comes_back_to_its_devices_and_programs(
    desk: Desk, program: Watching
) -> None:
    desk.simulation.happen("scan BEFORE-1")
    program.await_scans(1, PATIENCE_S)
    desk.agent.kill()
    desk.start()
    program.await_begun(2, PATIENCE_S)
    # What the server knows may be what the first agent said.
    until(lambda: desk.agent.log.read_text().count("scanner: ready") == 2, "the scanner")
    desk.simulation.happen("scan AFTER-1")
    assert [each.code for each in program.await_scans(2, PATIENCE_S)] == ["BEFORE-1", "AFTER-1"]
    with Station(desk.address) as station:
        desk.simulation.happen("weigh 640")
        assert station.weigh(PATIENCE_S) == 640
    assert desk.agent.stop() == 0
    until(lambda: desk.device("scanner") is None, "an agent that left")


def test_devices_that_hang_delay_no_printer(desk: Desk, channel: grpc.Channel) -> None:
    desk.simulation.scale.pan.silent = True
    for name in ("scanner", "display"):
        desk.simulation.happen(f"unplug {name}")
        desk.await_state(name, UNREACHABLE)
    shop = Shop(channel)
    shop.book()
    until(lambda: [job.state for job in ledger(channel)] == [PRINTED], "the slip")
    until(lambda: desk.await_state("scale", UNREACHABLE).detail == "it does not answer", "the silent scale")


def test_an_agent_with_a_scanner_alone_prints_nothing_and_asks_for_nothing(
    tmp_path: Path, server: Any, channel: grpc.Channel
) -> None:
    counter = Counter(tmp_path)
    Shop(channel).book()
    agent = AgentProcess(counter.file, tmp_path / "notes", server.target, tmp_path / "agent.log")
    program = Watching(counter.address)
    try:
        program.await_begun(1, PATIENCE_S)
        until(lambda: "scanner: ready" in agent.log.read_text(), "the scanner")
        counter.scanner.scan(KOPI)
        assert program.await_scans(1, PATIENCE_S)[0].code == KOPI
        assert agent.stop() == 0
        assert "print" not in agent.log.read_text()
    finally:
        program.close()
        agent.kill()
        counter.close()


def test_a_till_has_its_devices_while_the_server_is_not_there(tmp_path: Path) -> None:
    printer = config_text("slips", "127.0.0.1:9", location="TOKO")
    counter = Counter(tmp_path, f"\n{printer}")
    agent = AgentProcess(counter.file, tmp_path / "notes", "127.0.0.1:1", tmp_path / "agent.log")
    program = Watching(counter.address)
    try:
        program.await_begun(1, PATIENCE_S)
        until(lambda: "scanner: ready" in agent.log.read_text(), "the scanner")
        counter.scanner.scan(KOPI)
        assert program.await_scans(1, PATIENCE_S)[0].code == KOPI
        until(
            lambda: "the server at 127.0.0.1:1 does not answer" in agent.log.read_text(),
            "what is said of the server",
        )
    finally:
        program.close()
        agent.kill()
        counter.close()


def test_an_agent_for_a_location_that_there_is_not_ends_though_somebody_watches(
    tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    counter = Counter(tmp_path, "\n" + config_text("slips", "127.0.0.1:9", location="NOWHERE"))
    agent = AgentProcess(counter.file, tmp_path / "notes", f"127.0.0.1:{port}", tmp_path / "agent.log")
    program = Watching(counter.address)
    try:
        program.await_begun(1, PATIENCE_S)
        start_server(listen=parse_address(f"127.0.0.1:{port}"))
        assert agent.process.wait(PATIENCE_S) == 2
        assert "NOWHERE" in agent.log.read_text()
    finally:
        program.close()
        agent.kill()
        counter.close()


# --- The commands ---


def kasir(*words: str, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kasir.cli", "hardware", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_programs_without_a_line_of_code_reach_the_station(
    counter: Counter, served: Served, start_scans: Callable[..., "subprocess.Popen[str]"]
) -> None:
    at = ("--station", counter.address)
    watching = start_scans("scans", "--count", "2", "--json", *at)
    assert watching.stderr is not None
    assert "Watching" in watching.stderr.readline()
    until(lambda: served.condition("scanner") == "ready", "the scanner")
    counter.scanner.scan(f"]E0{KOPI}")
    counter.scanner.scan("8991234567890")
    out, _ = watching.communicate(timeout=PATIENCE_S)
    assert watching.returncode == 0
    good, wrong = map(json.loads, out.splitlines())
    assert (good["gtin"], good["symbology"], good["symbology_identifier"]) == (
        f"0{KOPI}",
        "SYMBOLOGY_EAN_13",
        "]E0",
    )
    assert "wrong check digit" in wrong["problem"]
    counter.scale.pan.grams = 1250
    assert json.loads(kasir("weigh", "--json", *at).stdout) == {"grams": 1250}
    counter.scale.pan.grams = 20_000
    overloaded = kasir("weigh", "--patience", "0.5", *at)
    assert (overloaded.returncode, overloaded.stderr.strip()) == (1, "More is on the scale than it weighs.")
    assert kasir("show", "Kopi Gayo Arabika 250 g=85.000", "Total=108.400", *at).returncode == 0
    until(lambda: counter.shown == ("Kopi Gayo  Rp 85.000", "Total     Rp 108.400"), "item and total")
    assert kasir("show", "Total=1.0", *at).returncode == 2


@pytest.fixture
def start_scans() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "kasir.cli", "hardware", *words]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_without_an_agent_a_program_is_told_so(tmp_path: Path) -> None:
    failed = kasir("weigh", "--station", f"unix:{tmp_path}/none.sock")
    assert failed.returncode == 1
    assert "No agent serves devices at" in failed.stderr


def test_each_device_is_tried_and_scans_are_echoed_until_ctrl_c(
    counter: Counter, start_scans: Callable[..., "subprocess.Popen[str]"]
) -> None:
    counter.scale.pan.grams = 750
    trying = start_scans("test", "--config", str(counter.file), "--scans", "1")
    assert trying.stderr is not None
    assert "Scan something" in trying.stderr.readline()
    assert "scanner: ready" in trying.stderr.readline()
    counter.scanner.scan(KOPI)
    out, _ = trying.communicate(timeout=PATIENCE_S)
    assert trying.returncode == 0
    assert "750 g" in out
    assert counter.shown == ("KASIR", "display")
    assert f"EAN 13, GTIN 0{KOPI}" in out
    counter.display.unplug()
    failed = kasir("test", "--config", str(counter.file), "--device", "display", "--json")
    assert failed.returncode == 1
    (tried,) = json.loads(failed.stdout)["devices"]
    assert (tried["name"], tried["works"]) == ("display", False)
    endless = start_scans("test", "--config", str(counter.file), "--device", "scanner")
    assert endless.stderr is not None
    endless.stderr.readline()
    assert "scanner: ready" in endless.stderr.readline()
    endless.send_signal(signal.SIGINT)
    _, err = endless.communicate(timeout=PATIENCE_S)
    assert "Stopped." in err


def test_keyboards_that_may_be_scanners_are_listed_scanners_first(tmp_path: Path) -> None:
    for name in (
        "usb-Dell_KB216-event-kbd",
        "usb-Newland_Auto-ID_NLS-HR22-event-kbd",
        "usb-Dell-event-mouse",
    ):
        (tmp_path / name).touch()
    (scanner, what), (keyboard, what_else) = keyboards(tmp_path)
    assert scanner.endswith("usb-Newland_Auto-ID_NLS-HR22-event-kbd")
    assert what == "Newland Auto-ID NLS-HR22: a scanner by its name"
    assert keyboard.endswith("usb-Dell_KB216-event-kbd")
    assert what_else == "Dell KB216: a keyboard, or a scanner that types"
