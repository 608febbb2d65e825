"""The station service over its real socket: what programs on a machine hear of its devices and ask of them.

Devices are simulated behind pseudo terminals; drivers, threads and service are those of the agent.
"""

import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from biip.checksums import gs1_standard_check_digit

from clients.common.problems import BadInput, CallFailed
from clients.common.station import Station, station_address
from hardware.scanners import Symbology
from hardware.station.socket import StationInUseError
from hardware.station.watching import WAITING_MAX, TooSlowError, Watchers
from kasir.v1 import station_pb2, station_pb2_grpc
from kasir.v1.common_pb2 import Money
from kasir.v1.station_pb2 import DisplayLine
from tests.devices.counter import Counter, Served, Watching
from tests.devices.pty_line import PATIENCE_S
from tests.server.support import until

KOPI = "8991234567891"
# A device that is asked for nothing is looked at five times a second.
SOON_S = 10.0
Watch = Callable[..., Watching]


def is_ready(served: Served, name: str) -> bool:
    return served.condition(name) == "ready"


def ean13(body: str) -> str:
    return body + str(gs1_standard_check_digit(body))


# --- Scans ---


def test_a_scan_comes_with_all_that_it_says(served: Served, watch: Watch) -> None:
    program = watch()
    before_s = time.time()
    scanner = served.counter.scanner
    scanner.scan(f"]C1010{KOPI}17261231310300125010AB-1\x1d21S77")
    scanner.scan(ean13("201234501250"))
    scanner.scan(ean13("225432105000"))
    scanner.scan(f"]E0{KOPI}")
    scanner.scan("JP0001234567")
    gs1, weighed, priced, plain, unknown = program.await_scans(5, PATIENCE_S)
    assert (gs1.scanner, gs1.symbology_identifier, gs1.symbology) == (
        "scanner",
        "]C1",
        station_pb2.SYMBOLOGY_GS1_128,
    )
    assert (gs1.gtin, gs1.batch, gs1.serial, gs1.expiry_date) == (f"0{KOPI}", "AB-1", "S77", "2026-12-31")
    assert (gs1.weight_grams, gs1.code, gs1.problem) == (1250, f"0{KOPI}", "")
    assert before_s - 1 <= gs1.time.ToMilliseconds() / 1000 <= time.time() + 1
    assert (weighed.weight_grams, weighed.HasField("price")) == (1250, False)
    assert weighed.code.startswith("201234500000")
    assert (priced.price, priced.HasField("weight_grams")) == (
        Money(currency_code="IDR", minor_units=500_000),
        False,
    )
    assert (plain.raw, plain.code, plain.symbology) == (f"]E0{KOPI}", KOPI, station_pb2.SYMBOLOGY_EAN_13)
    assert (unknown.code, unknown.symbology, unknown.problem) == ("JP0001234567", 0, "")


def test_a_sockets_path_may_hold_what_has_a_meaning_in_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "100%25 toko?#1"
    folder.mkdir()
    counter = Counter(folder)
    served = Served(counter)
    try:
        assert Path(folder, "run", "s.sock").is_socket()
        with Station(counter.address) as line:
            assert line.show(DisplayLine(text="Kopi"), DisplayLine(text="Teh")) == ""
    finally:
        served.stop()
        counter.close()


def test_a_wrong_check_digit_is_delivered_and_marked(served: Served, watch: Watch) -> None:
    program = watch()
    served.counter.scanner.scan("]E08991234567890")
    (scan,) = program.await_scans(1, PATIENCE_S)
    assert (scan.raw, scan.code, scan.gtin) == ("]E08991234567890", "8991234567890", "")
    assert scan.problem == "13 digits with a wrong check digit: 0 was read, 1 is right"


def test_what_stays_in_the_light_counts_once(served: Served, watch: Watch) -> None:
    program = watch()
    for code in (KOPI, KOPI, "NEXT", KOPI, "END"):
        served.counter.scanner.scan(code)
    assert [scan.code for scan in program.await_scans(3, PATIENCE_S)] == [KOPI, "NEXT", "END"]


def test_each_program_gets_each_scan_of_the_scanners_that_it_names(tmp_path: Path) -> None:
    counter = Counter(
        tmp_path, f'\n[[scanner]]\nname = "other"\nkind = "serial"\nport = "{tmp_path}/tty-other"\n'
    )
    served = Served(counter)
    programs = [Watching(counter.address), Watching(counter.address, "scanner")]
    missing = Watching(counter.address, "other")
    try:
        for each in (*programs, missing):
            each.await_begun(1, PATIENCE_S)
        until(lambda: is_ready(served, "scanner"), "the scanner")
        counter.scanner.scan(KOPI)
        for each in programs:
            assert each.await_scans(1, PATIENCE_S)[0].code == KOPI
        assert missing.scans == []
        assert served.condition("other").startswith("unreachable")
        assert is_ready(served, "scanner")
    finally:
        for each in (*programs, missing):
            each.close()
        served.stop()
        counter.close()


def test_a_scan_that_nobody_watches_for_is_lost_and_never_comes_late(served: Served, watch: Watch) -> None:
    until(lambda: is_ready(served, "scanner"), "the scanner")
    served.counter.scanner.scan("OLD-1")
    until(lambda: any("'OLD-1' was read" in words for words in served.said), "what is said")
    program = watch()
    served.counter.scanner.scan("NEW-1")
    assert [scan.code for scan in program.await_scans(1, PATIENCE_S)] == ["NEW-1"]


def test_a_program_that_left_is_not_filled_any_more(served: Served, watch: Watch) -> None:
    watch().close()
    scanner = served.counter.scanner
    number = 0

    def is_lost() -> bool:
        nonlocal number
        number += 1
        scanner.scan(f"GONE-{number}")
        return any("is lost" in words for words in served.said)

    until(is_lost, "a scan for nobody")
    assert served.is_whole


def test_who_does_not_keep_up_is_cut_off_and_gets_no_gap() -> None:
    watchers: Watchers[int] = Watchers()
    watcher = watchers.add()
    for number in range(WAITING_MAX + 3):
        assert watchers.tell(number)
    taken: list[int] = []

    def take() -> None:
        for number in watcher:
            taken.append(number)
            watchers.tell(1_000 + number)

    with pytest.raises(TooSlowError):
        take()
    assert taken == list(range(WAITING_MAX))
    watchers.remove(watcher)
    assert not watchers.tell(1)


def test_a_scanner_unplugged_and_back(served: Served, watch: Watch) -> None:
    program = watch()
    scanner = served.counter.scanner
    until(lambda: is_ready(served, "scanner"), "the scanner")
    scanner.unplug()
    until(
        lambda: served.condition("scanner").endswith("cannot be opened: No such file or directory"),
        "the missing scanner",
    )
    assert served.condition("scanner").startswith("unreachable")
    scanner.plug()
    until(lambda: is_ready(served, "scanner"), "the scanner that is back")
    scanner.scan(KOPI)
    assert program.await_scans(1, PATIENCE_S)[0].code == KOPI


# --- The display ---


def rupiah(amount: int) -> Money:
    return Money(currency_code="IDR", minor_units=amount * 100)


def test_two_lines_and_amounts_stand_on_the_display(served: Served, station: Station) -> None:
    counter = served.counter
    assert station.show(DisplayLine(text="Selamat datang"), DisplayLine(text="Toko Melati")) == ""
    until(lambda: counter.shown == ("Selamat datang", "Toko Melati"), "the greeting")
    item = DisplayLine(text="Kopi Gayo Arabika 250 g", amount=rupiah(85_000))
    assert station.show(item, DisplayLine(text="Total", amount=rupiah(108_400)), "display") == ""
    until(lambda: counter.shown == ("Kopi Gayo  Rp 85.000", "Total     Rp 108.400"), "item and total")
    assert counter.display.glass.unknown == b""


@pytest.mark.parametrize(
    ("line", "display", "reason"),
    [
        (DisplayLine(text="x" * 201), "", "FIELD_TOO_LONG"),
        (DisplayLine(amount=Money(currency_code="IDR", minor_units=-(2**63) + 1)), "", "FIELD_OUT_OF_RANGE"),
        (DisplayLine(text="x"), "none", "DEVICE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(
    station: Station, line: DisplayLine, display: str, reason: str
) -> None:
    with pytest.raises(CallFailed) as failed:
        station.show(line, DisplayLine(), display)
    assert failed.value.reason == reason
    assert not failed.value.retriable


def test_a_display_that_is_gone_delays_nobody_and_shows_it_when_it_is_back(
    served: Served, station: Station
) -> None:
    counter = served.counter
    until(lambda: is_ready(served, "display"), "the display")
    counter.display.unplug()
    until(lambda: not is_ready(served, "display"), "the missing display")
    started = time.monotonic()
    assert "tty-display" in station.show(DisplayLine(text="Total"), DisplayLine(text="Rp 5"))
    assert time.monotonic() - started < SOON_S
    counter.display.plug()
    until(lambda: counter.shown == ("Total", "Rp 5"), "what should stand there")
    assert is_ready(served, "display")


# --- The scale ---


def refused(station: Station, patience_s: float, scale: str = "") -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        station.weigh(patience_s, scale)
    return failed.value


@pytest.mark.parametrize("grams", [0, 5, 1250, 15_000])
def test_a_weight_that_rests_is_told_in_grams(served: Served, station: Station, grams: int) -> None:
    served.counter.scale.pan.grams = grams
    assert station.weigh(PATIENCE_S) == grams


@pytest.mark.parametrize(
    ("grams", "moving", "reason", "condition"),
    [
        (1250, True, "SCALE_MOVING", "ready"),
        (15_001, False, "SCALE_OVERLOADED", "ready too heavy"),
        (-20, False, "SCALE_BELOW_ZERO", "ready below zero"),
    ],
)
def test_what_hinders_is_told_in_time(
    served: Served, station: Station, grams: int, moving: bool, reason: str, condition: str
) -> None:
    served.counter.scale.pan.grams, served.counter.scale.pan.moving = grams, moving
    started = time.monotonic()
    failed = refused(station, 0.5)
    assert 0.4 <= time.monotonic() - started < SOON_S
    assert (failed.code, failed.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    until(lambda: served.condition("scale") == condition, condition)


def test_it_is_waited_until_the_weight_rests(served: Served, station: Station) -> None:
    pan = served.counter.scale.pan
    pan.grams, pan.moving = 900, True
    asked = served.counter.scale.asked

    def settle() -> None:
        until(lambda: served.counter.scale.asked > asked + 3, "questions")
        pan.grams = 1250
        pan.moving = False

    settling = threading.Thread(target=settle)
    settling.start()
    assert station.weigh(PATIENCE_S) == 1250
    settling.join()


def test_each_weighing_is_of_its_own_time(served: Served, station: Station) -> None:
    for grams in (100, 2000, 3, 14_999, 0):
        served.counter.scale.pan.grams = grams
        assert station.weigh(PATIENCE_S) == grams


def test_a_scale_unplugged_silent_and_back(served: Served, station: Station) -> None:
    scale = served.counter.scale
    until(lambda: is_ready(served, "scale"), "the scale")
    scale.unplug()
    failed = refused(station, 0.5)
    assert (failed.code, failed.reason) == (grpc.StatusCode.UNAVAILABLE, "SCALE_UNREACHABLE")
    assert "tty-scale" in failed.message
    until(lambda: served.condition("scale").startswith("unreachable"), "the missing scale")
    scale.plug()
    scale.pan.grams = 640
    until(lambda: is_ready(served, "scale"), "the scale that is back")
    assert station.weigh(PATIENCE_S) == 640
    scale.pan.silent = True
    failed = refused(station, 0.5)
    assert (failed.reason, failed.message) == (
        "SCALE_UNREACHABLE",
        "The scale scale cannot be asked: it does not answer.",
    )
    until(lambda: served.condition("scale") == "unreachable it does not answer", "the silent scale")


@pytest.mark.parametrize("patience_s", [-1.0, 61.0])
def test_a_weighing_has_its_bounds(station: Station, patience_s: float) -> None:
    assert refused(station, patience_s).reason == "FIELD_OUT_OF_RANGE"
    assert refused(station, 1.0, "none").reason == "DEVICE_NOT_FOUND"


def test_a_weight_is_watched(served: Served) -> None:
    pan = served.counter.scale.pan
    pan.grams = 200
    with grpc.insecure_channel(served.counter.address) as channel:
        stub = station_pb2_grpc.StationServiceStub(channel)
        stream = stub.WatchWeights(station_pb2.WatchWeightsRequest(), timeout=PATIENCE_S)
        wanted = iter([200, 1250, None, 80])
        awaited = next(wanted)
        for news in stream:
            is_it = (
                news.grams == awaited
                if awaited is not None
                else news.state == station_pb2.WEIGHT_STATE_MOVING
            )
            if not is_it:
                continue
            awaited = next(wanted, -1)
            if awaited == -1:
                break
            pan.grams, pan.moving = awaited or 1250, awaited is None
        stream.cancel()


# --- One device and the others, one agent and the others ---


def test_devices_that_are_gone_delay_no_other(served: Served, station: Station, watch: Watch) -> None:
    program = watch()
    counter = served.counter
    counter.display.unplug()
    counter.scale.pan.silent = True
    until(lambda: not is_ready(served, "display"), "the missing display")
    reasons: list[str] = []
    done = threading.Event()

    def weigh() -> None:
        with Station(counter.address) as own:
            while not done.wait(0.05):
                reasons.append(refused(own, 3.0).reason)

    weighing = [threading.Thread(target=weigh) for _ in range(20)]
    for thread in weighing:
        thread.start()
    # More than there is room for are told so at once, and never keep others out.
    until(lambda: "TOO_MANY_CALLS" in reasons, "a full scale")
    started = time.monotonic()
    for number in range(20):
        counter.scanner.scan(f"CODE-{number:02d}")
        scans = program.await_scans(number + 1, SOON_S)
        assert scans[-1].code == f"CODE-{number:02d}"
        assert "tty-display" in station.show(DisplayLine(text="x"), DisplayLine())
    # One weighing after the other would be a minute.
    assert time.monotonic() - started < 30
    done.set()
    for thread in weighing:
        thread.join()
    assert set(reasons) == {"SCALE_UNREACHABLE", "TOO_MANY_CALLS"}


def test_only_its_user_may_open_the_socket(served: Served) -> None:
    socket = Path(served.counter.address.removeprefix("unix:"))
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_a_second_agent_does_not_take_the_socket_away(served: Served, station: Station) -> None:
    with pytest.raises(StationInUseError, match="another agent serves"):
        Served(served.counter)
    assert station.show(DisplayLine(text="still"), DisplayLine(text="here")) == ""


def test_a_station_that_stopped_ends_its_calls_and_may_be_served_again(counter: Counter) -> None:
    first = Served(counter)
    program = Watching(counter.address)
    program.await_begun(1, PATIENCE_S)
    first.stop()
    second = Served(counter)
    program.await_begun(2, PATIENCE_S)
    until(lambda: is_ready(second, "scanner"), "the scanner")
    counter.scanner.scan(KOPI)
    assert program.await_scans(1, PATIENCE_S)[0].code == KOPI
    program.close()
    second.stop()


def test_a_station_without_scanner_says_so(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    text = counter.file.read_text()
    start, end = text.index("[[scanner]]"), text.index("[[display]]")
    counter.file.write_text(text[:start] + text[end:])
    served = Served(counter)
    try:
        with Station(counter.address) as station, pytest.raises(CallFailed) as failed:
            next(station.scans())
        assert (failed.value.reason, failed.value.message) == (
            "DEVICE_NOT_FOUND",
            "This agent has no scanner; there is none in its file.",
        )
    finally:
        served.stop()
        counter.close()


def test_where_a_station_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KASIR_STATION", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert station_address() == "unix:/run/user/1000/kasir/station.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("KASIR_STATE", "/var/lib/kasir")
    assert station_address() == "unix:/var/lib/kasir/station.sock"
    monkeypatch.setenv("KASIR_STATION", "unix:/run/kasir.sock")
    assert station_address() == "unix:/run/kasir.sock"
    assert station_address("unix:/run/other.sock") == "unix:/run/other.sock"
    for wrong in ("127.0.0.1:50052", "unix:relative.sock", "unix:/" + "x" * 107):
        with pytest.raises(BadInput):
            station_address(wrong)


def test_a_scan_says_every_symbology_that_scanners_know() -> None:
    names = {name.removeprefix("SYMBOLOGY_") for name, _ in station_pb2.Symbology.items()}
    assert names - {"UNSPECIFIED"} == {each.name for each in Symbology} - {"UNKNOWN"}
