"""The agent's file: what it may say, and what is said of what it may not."""

import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from hardware.agent.config import ConfigError, read
from hardware.agent.main import load
from hardware.agent.station_tables import line_settings
from hardware.agent.toml_table import Document, Table
from hardware.drivers.cups import CupsPrinter
from hardware.drivers.drawer import EscposDrawer
from hardware.drivers.escpos import Confirms, EscposPrinter, Waits
from hardware.drivers.zpl import ZplPrinter
from hardware.scales import toledo
from hardware.scales.continuous import ContinuousScale
from hardware.scales.toledo import Toledo8217
from hardware.scanners.evdev_scanner import EvdevScanner
from hardware.scanners.serial_scanner import SerialScanner
from hardware.serial_line import LineSettings
from tests.conftest import ROOT

PRINTER = """\
name = "desk"

[[printer]]
name = "first"
line = "tcp://10.0.0.1"
language = "escpos"
documents = ["order-slip"]

[[printer]]
name = "second"
line = "serial:/dev/ttyS0?baud=9600&flow=none"
language = "escpos"
documents = ["sales-receipt"]
"""

SCANNER = """\
[[scanner]]
name = "scan"
kind = "serial"
port = "/dev/ttyACM0"
baud_rate = 9600
[[display]]
name = "till"
kind = "cd5220"
port = "/dev/ttyUSB1"
[[scale]]
name = "fruit"
kind = "toledo"
port = "/dev/ttyUSB2"
unit = "kg"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hardware.toml"
    path.write_text(text)
    return path


def test_the_documented_example_is_read():
    config = read(ROOT / "docs" / "hardware.toml", "other")
    assert config.name == "kasir-1"
    slips, labels = config.printers
    assert isinstance(slips.printer, EscposPrinter)
    assert slips.printer.confirms is Confirms.ECHO
    assert slips.printer.waits == Waits()
    assert (slips.kinds, slips.location) == (
        ("order-slip", "sales-receipt", "shift-report", "pickup-manifest"),
        "TOKO",
    )
    assert slips.drawer == EscposDrawer(2, open_is_high=True)
    assert isinstance(labels.printer, ZplPrinter)
    assert (labels.kinds, labels.place) == (("address-label",), "tcp://192.168.1.51:9100")


def test_the_documented_scanners_displays_and_scales_are_read():
    config = read(ROOT / "docs" / "hardware.toml", "other")
    assert config.station == "unix:/run/kasir/station.sock"
    counter, handheld = config.scanners
    assert isinstance(counter.scanner, SerialScanner)
    assert isinstance(handheld.scanner, EvdevScanner)
    assert handheld.place == handheld.scanner.name
    (customer,) = config.displays
    assert (customer.name, customer.display.name) == ("customer", "/dev/ttyUSB1")
    fruit, bench = config.scales
    assert isinstance(fruit.scale, Toledo8217)
    assert isinstance(bench.scale, ContinuousScale)
    assert [each.name for each in config.devices] == [
        *("slips", "labels", "counter", "handheld", "customer", "fruit", "bench"),
    ]


def test_a_file_may_have_only_a_scanner(tmp_path):
    config = read(written(tmp_path, SCANNER.partition("[[display]]")[0]), "other")
    assert (config.printers, config.displays, config.scales) == ((), (), ())
    assert config.scanners[0].place == "/dev/ttyACM0"
    assert config.has_station


def test_serial_settings_are_those_of_the_device_where_nothing_is_said():
    assert line_settings(table_of("[[scale]]\n"), toledo.SETTINGS) == toledo.SETTINGS
    said = '[[scale]]\nbaud_rate = 19200\ndata_bits = 8\nparity = "odd"\nstop_bits = 2\nflow = "xonxoff"\n'
    assert line_settings(table_of(said), toledo.SETTINGS) == LineSettings(19200, 8, "O", 2, "xonxoff")


def table_of(text: str) -> Table:
    with TemporaryDirectory() as folder:
        return Document(written(Path(folder), text)).root.tables("scale")[0]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('name = "till"', 'name = "scan"', 7, "another device named 'scan'"),
        ('kind = "serial"', 'kind = "seriell"', 3, "did you mean serial"),
        ('kind = "serial"', 'kind = "evdev"', 1, "device: it is missing"),
        ('port = "/dev/ttyACM0"', 'device = "/dev/ttyACM0"', 1, "port: it is missing"),
        ("baud_rate = 9600", "baud_rate = 9601", 5, "there is no 9601"),
        ("baud_rate = 9600", "baud_rate = true", 5, "there is no True"),
        ("baud_rate = 9600", "baudrate = 9600", 5, "did you mean baud_rate"),
        ("baud_rate = 9600", 'layout = "us"', 5, "no such key"),
        ("baud_rate = 9600", 'parity = "uneven"', 5, "there is no 'uneven'"),
        ("baud_rate = 9600", 'flow = "xon"', 5, "did you mean xonxoff"),
        ('kind = "cd5220"', 'kind = "cd5520"', 8, "did you mean cd5220"),
        ('unit = "kg"', 'unit = "kilo"', 14, "there is no 'kilo'"),
        ('unit = "kg"', "decimals = 9", 14, "from 0 to 4"),
        ('unit = "kg"', 'unit = "kg"\n\n[[in_store_code]]\npattern = "20IIC"', 17, "no pattern of 13 digits"),
        ("[[scanner]]", 'currency = "rupiah"\n[[scanner]]', 1, "no currency"),
        ("[[scanner]]", 'station = "127.0.0.1:5"\n[[scanner]]', 1, "is no station"),
    ],
)
def test_a_mistake_beside_printers_is_named_with_its_key_and_line(tmp_path, old, new, line, words):
    with pytest.raises(ConfigError, match=words) as wrong:
        read(written(tmp_path, SCANNER.replace(old, new, 1)), "other")
    assert f"line {line}:" in str(wrong.value), wrong.value


def test_what_is_left_out_has_a_default(tmp_path):
    config = read(written(tmp_path, PRINTER.replace('name = "desk"\n', "")), "this machine")
    assert config.name == "this machine"
    assert [printer.place for printer in config.printers] == [
        "tcp://10.0.0.1:9100",
        "serial:/dev/ttyS0?baud=9600&flow=none",
    ]
    assert config.printers[0].drawer is None


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('documents = ["sales-receipt"]', 'documents = ["sales-reciept"]', 13, "did you mean sales-receipt"),
        ('documents = ["sales-receipt"]', 'documents = ["address-label"]', 13, "escpos does not print"),
        ('documents = ["sales-receipt"]', "documents = []", 13, "empty"),
        ('documents = ["sales-receipt"]', 'documents = [["a"]]', 13, r"there is no \['a'\]"),
        ('documents = ["sales-receipt"]', "documents = [{ a = 1 }]", 13, "there is no {'a': 1}"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:0", 5, "there is no port 0"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:99999", 5, "[Pp]ort"),
        ("serial:/dev/ttyS0?baud=9600&flow=none", "usb:/dev/\\u0000", 11, "what is no character"),
        ('name = "desk"', 'name = "../desk"', 1, "letters, digits"),
        ('name = "desk"', 'name = "/etc/desk"', 1, "letters, digits"),
        ('name = "second"', 'name = "a\\u0007"', 10, "letters, digits"),
        ('documents = ["sales-receipt"]\n', "", 9, "documents: it is missing"),
        ("serial:/dev/ttyS0?baud=9600&flow=none", "com1", 11, "is no line"),
        ("baud=9600", "baud=9601", 11, "no baud rate 9601"),
        ("flow=none", "flow=nun", 11, "no flow 'nun'"),
        ('name = "second"', 'name = "first"', 10, "another device named 'first'"),
        ('name = "second"', 'name = "second"\nwidht_mm = 58', 11, "did you mean width_mm"),
        ('name = "second"', 'name = "second"\nwidth_mm = 70', 11, "58 or 80"),
        ('name = "second"', 'name = "second"\nwidth_mm = "58"', 11, "must be a whole number"),
        ('name = "second"', 'name = "second"\ncopies = 9', 11, "from 1 to 5"),
        ('name = "second"', 'name = "second"\ndrawer_pin = 3', 11, "pin 2 or 5"),
        ('name = "second"', 'name = "second"\nanswer_s = 0', 11, "more than 0"),
        ('name = "desk"', 'naem = "desk"', 1, "did you mean name"),
        ('language = "escpos"', 'language = "escpas"', 6, "did you mean escpos"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_line(tmp_path, old, new, line, words):
    with pytest.raises(ConfigError, match=words) as wrong:
        read(written(tmp_path, PRINTER.replace(old, new, 1)), "other")
    assert f"line {line}:" in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "words"), [("[[printer]\n", "line 1"), ('name = "x"\n', "no device"), ("\ufeff=", "line 1")]
)
def test_what_is_no_file_of_an_agent(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        read(written(tmp_path, text), "other")
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "nowhere.toml", "other")


def test_names_that_people_give(tmp_path):
    for name in ("slips", "Kasir 1", "Dapur-2.kiri", "厨房", "Café_é"):
        text = PRINTER.replace('name = "first"', f'name = "{name}"')
        assert read(written(tmp_path, text), "other").printers[0].name == name


def test_a_machines_name_that_is_too_long_is_cut_to_one_that_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "k" * 39 + "-1.example")
    assert load(written(tmp_path, PRINTER.replace('name = "desk"\n', ""))).name == "k" * 39


def test_an_editors_mark_before_the_first_line_is_no_part_of_it(tmp_path):
    assert read(written(tmp_path, "\ufeff" + PRINTER), "other").name == "desk"


def test_one_logo_for_all_and_another_for_one(tmp_path):
    for name, side in (("shop.png", 50), ("small.png", 10)):
        Image.new("L", (side, side)).save(tmp_path / name)
    text = 'logo = "shop.png"\n' + PRINTER
    read_logos = [each.logo.width for each in read(written(tmp_path, text), "other").printers]
    assert read_logos == [50, 50]
    text = text.replace('name = "second"', 'name = "second"\nlogo = "small.png"')
    assert [each.logo.width for each in read(written(tmp_path, text), "other").printers] == [50, 10]
    text = text.replace('logo = "small.png"', 'logo = ""')
    assert read(written(tmp_path, text), "other").printers[1].logo is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('logo = "shop.png"\n' + PRINTER, 1, "cannot be read: No such file"),
        ('logo = "a\\u0000b"\n' + PRINTER, 1, "cannot be read: there can be no such file"),
        (PRINTER.replace('name = "second"', 'name = "second"\nlogo = "hardware.toml"'), 11, "is no picture"),
        (
            PRINTER.replace('name = "second"', 'name = "second"\nlogo = ""').replace(
                'language = "escpos"\ndocuments = ["sales-receipt"]',
                'language = "tspl"\ndocuments = ["address-label"]',
            ),
            11,
            "prints no slips",
        ),
    ],
)
def test_a_logo_that_is_none_is_named_with_its_line(tmp_path, text, line, words):
    with pytest.raises(ConfigError, match=words) as wrong:
        read(written(tmp_path, text), "other")
    assert f"line {line}: logo:" in str(wrong.value)


def test_an_office_printer_takes_labels_as_pdf_through_cups_only(tmp_path):
    office = PRINTER.replace(
        '"escpos"\ndocuments = ["sales-receipt"]', '"pdf"\ndocuments = ["address-label"]'
    )
    with pytest.raises(ConfigError, match=r"line 11: line: .*through CUPS"):
        read(written(tmp_path, office), "other")
    through_cups = office.replace("serial:/dev/ttyS0?baud=9600&flow=none", "cups://localhost/office")
    _, printer = read(written(tmp_path, through_cups), "other").printers
    assert printer.printer == CupsPrinter("ipp://localhost:631/printers/office", Waits(), pdf=True)


def test_manifests_come_out_of_receipt_printers_and_office_printers(tmp_path):
    both = '["pickup-manifest", "sales-receipt"]'
    _, printer = read(written(tmp_path, PRINTER.replace('["sales-receipt"]', both)), "other").printers
    assert printer.kinds == ("pickup-manifest", "sales-receipt")
    office = PRINTER.replace("serial:/dev/ttyS0?baud=9600&flow=none", "cups://localhost/office").replace(
        '"escpos"\ndocuments = ["sales-receipt"]', '"pdf"\ndocuments = ["address-label", "pickup-manifest"]'
    )
    _, printer = read(written(tmp_path, office), "other").printers
    assert printer.kinds == ("address-label", "pickup-manifest")
    for language, kind in (("pdf", "sales-receipt"), ("zpl", "pickup-manifest")):
        wrong = office.replace('"pdf"', f'"{language}"').replace('"pickup-manifest"', f'"{kind}"')
        with pytest.raises(ConfigError, match=f"{language} does not print {kind}"):
            read(written(tmp_path, wrong), "other")
