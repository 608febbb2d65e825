"""The tables of scanners, displays and scales in the agent's file."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware.agent.toml_table import Table
from hardware.displays import Display
from hardware.displays.commands import COMMANDS
from hardware.displays.serial_display import SerialDisplay
from hardware.scales import Scale, continuous, toledo
from hardware.scales.continuous import ContinuousScale
from hardware.scales.toledo import Toledo8217
from hardware.scales.weighing import GRAMS
from hardware.scanners import InStoreCode, Reader, Scanner
from hardware.scanners.layouts import LAYOUTS
from hardware.scanners.scan import SEPARATOR
from hardware.scanners.serial_scanner import SerialScanner
from hardware.serial_line import BAUD_RATES, FLOWS, LineSettings

_PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
_LETTERS = {letter: word for word, letter in _PARITIES.items()}
_DECIMALS_MAX = 4
_UNIT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class ScannerConfig:
    """One scanner. `place` is its port or device."""

    name: str
    place: str
    scanner: Scanner


@dataclass(frozen=True, slots=True)
class DisplayConfig:
    """One customer display."""

    name: str
    place: str
    display: Display


@dataclass(frozen=True, slots=True)
class ScaleConfig:
    """One scale."""

    name: str
    place: str
    scale: Scale


def in_store_codes(tables: Sequence[Table]) -> tuple[InStoreCode, ...]:
    """The shop's own codes with weight or price. Raises ConfigError."""
    found = []
    for table in tables:
        unit = table.whole("unit", 1, range(1, _UNIT_MAX + 1))

        def parse(pattern: str, unit: int = unit) -> InStoreCode:
            return InStoreCode(pattern, unit)

        found.append(table.read("pattern", parse))
        table.end()
    return tuple(found)


def scanner(table: Table, name: str, currency_code: str, in_store: Sequence[InStoreCode]) -> ScannerConfig:
    """One [[scanner]]. Raises ConfigError."""
    kind = table.choice("kind", ("serial", "evdev"))
    separators = table.text("gs1_separator", SEPARATOR)
    reader = Reader(currency_code, in_store, separators)
    if kind == "serial":
        place = table.text("port")
        terminator = table.text("terminator", "\r\n")
        made: Scanner = SerialScanner(
            place, line_settings(table, LineSettings()), terminator=terminator, reader=reader
        )
    else:
        # Only Linux has it.
        from hardware.scanners.evdev_scanner import EvdevScanner  # noqa: PLC0415

        place = table.text("device")
        layout = LAYOUTS[table.choice("layout", LAYOUTS, "us")]
        terminator = table.text("terminator", "\r\n\t")
        made = EvdevScanner(place, layout=layout, terminator=terminator, reader=reader)
    table.end()
    return ScannerConfig(name, place, made)


def display(table: Table, name: str) -> DisplayConfig:
    """One [[display]]. Raises ConfigError."""
    commands = COMMANDS[table.choice("kind", COMMANDS)]
    place = table.text("port")
    made = SerialDisplay(place, commands, line_settings(table, LineSettings()))
    table.end()
    return DisplayConfig(name, place, made)


def scale(table: Table, name: str) -> ScaleConfig:
    """One [[scale]]. Raises ConfigError."""
    kind = table.choice("kind", ("toledo", "continuous"))
    place, unit = table.text("port"), table.choice("unit", GRAMS, "kg")
    if kind == "toledo":
        decimals = table.whole("decimals", 3, range(_DECIMALS_MAX + 1))
        settings = line_settings(table, toledo.SETTINGS)
        made: Scale = Toledo8217(place, settings, unit=unit, decimals=decimals)
    else:
        made = ContinuousScale(place, line_settings(table, continuous.SETTINGS), unit=unit)
    table.end()
    return ScaleConfig(name, place, made)


def line_settings(table: Table, usual: LineSettings) -> LineSettings:
    """Speed and framing of a serial port, as usual where nothing is said. Raises ConfigError."""
    return LineSettings(
        baud_rate=table.number_of("baud_rate", usual.baud_rate, BAUD_RATES),
        data_bits=table.number_of("data_bits", usual.data_bits, (7, 8)),
        parity=_PARITIES[table.choice("parity", _PARITIES, _LETTERS[usual.parity])],
        stop_bits=table.number_of("stop_bits", int(usual.stop_bits), (1, 2)),
        flow=table.choice("flow", FLOWS, usual.flow),
    )
