"""The agent's one file: which devices there are, on which lines, and what each printer prints."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clients.common.problems import BadInput
from clients.common.station import station_address
from hardware.agent import station_tables
from hardware.agent.station_tables import DisplayConfig, ScaleConfig, ScannerConfig
from hardware.agent.toml_table import ConfigError, Document, Table
from hardware.devices import CashDrawer, Printer
from hardware.drivers import places
from hardware.drivers.cups import CupsPrinter
from hardware.drivers.drawer import EscposDrawer
from hardware.drivers.escpos import Confirms, EscposPrinter, Waits
from hardware.drivers.tspl import TsplPrinter
from hardware.drivers.zpl import ZplPrinter
from hardware.paper import Label, Logo, PaperError, labels_pdf, logo
from kasir.v1.print_pb2 import DocumentKind

__all__ = ["AgentConfig", "ConfigError", "PrinterConfig", "read"]

ESCPOS = "escpos"
ZPL = "zpl"
TSPL = "tspl"
PDF = "pdf"
KINDS = {
    name.removeprefix("DOCUMENT_KIND_").replace("_", "-").lower(): value
    for name, value in DocumentKind.items()
    if value
}
_LABEL = "address-label"
_MANIFEST = "pickup-manifest"
_RECEIPT = "sales-receipt"
_REFUND = "refund-receipt"
_NAME_MAX = 40
_NAME = re.compile(r"\w+(?:[ .-]+\w+)*")


@dataclass(frozen=True, slots=True)
class PrinterConfig:
    """One printer. `location` is a code, empty for all; `kinds` are names of KINDS."""

    name: str
    language: str
    place: str
    printer: Printer
    kinds: tuple[str, ...]
    location: str
    copies: int
    width_mm: int
    dots_per_mm: int
    gap_mm: int
    logo: Logo | None
    drawer: CashDrawer | None

    @property
    def kind_numbers(self) -> frozenset[int]:
        """`kinds` as the contract numbers them. Where sales receipts come out, those of refunds do, too."""
        also = {_REFUND} if _RECEIPT in self.kinds else set()
        return frozenset(KINDS[kind] for kind in {*self.kinds, *also})


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Everything the agent drives. `name` tells it from other agents in the ledger; at `station` it serves
    scanners, displays and scales, and receipts where the file says so.
    """

    name: str
    printers: tuple[PrinterConfig, ...]
    scanners: tuple[ScannerConfig, ...]
    displays: tuple[DisplayConfig, ...]
    scales: tuple[ScaleConfig, ...]
    station: str
    # Whether the file names the station: then tills may ask for receipts, whatever else there is.
    names_station: bool
    probe_s: float

    @property
    def devices(self) -> tuple[PrinterConfig | ScannerConfig | DisplayConfig | ScaleConfig, ...]:
        """All of them."""
        return (*self.printers, *self.scanners, *self.displays, *self.scales)

    @property
    def has_station(self) -> bool:
        """Whether there is anything for other programs to ask."""
        return bool(self.names_station or self.scanners or self.displays or self.scales)


def read(path: Path, default_name: str) -> AgentConfig:
    """Reads the file. Raises ConfigError naming key and line."""
    root = Document(path).root
    name = _named(root, default_name)
    probe_s = root.seconds("probe_s", 5.0)
    currency_code = root.read("currency", _currency, "IDR")
    named_station = root.text("station", "")
    try:
        station = station_address(named_station)
    except BadInput as wrong:
        raise root.wrong("station", str(wrong)) from wrong
    in_store_tables = root.tables("in_store_code")
    tables = {kind: root.tables(kind) for kind in ("printer", "scanner", "display", "scale")}
    shops_logo = root.text("logo", "")
    root.end()
    in_store = station_tables.in_store_codes(in_store_tables)
    names: set[str] = set()

    def new_name(table: Table) -> str:
        found = _named(table)
        if found in names:
            raise table.wrong("name", f"there is another device named {found!r}.")
        names.add(found)
        return found

    config = AgentConfig(
        name=name,
        printers=tuple(
            _printer(table, new_name(table), _logo(table, root, path.parent, shops_logo))
            for table in tables["printer"]
        ),
        scanners=tuple(
            station_tables.scanner(table, new_name(table), currency_code, in_store)
            for table in tables["scanner"]
        ),
        displays=tuple(station_tables.display(table, new_name(table)) for table in tables["display"]),
        scales=tuple(station_tables.scale(table, new_name(table)) for table in tables["scale"]),
        station=station,
        names_station=bool(named_station),
        probe_s=probe_s,
    )
    if not config.devices:
        words = "there is no device; write one as [[printer]], [[scanner]], [[display]] or [[scale]]."
        raise root.wrong("printer", words)
    return config


def _named(table: Table, default: str | None = None) -> str:
    name = table.text("name", default)
    if len(name) > _NAME_MAX:
        raise table.wrong("name", f"it has more than {_NAME_MAX} characters.")
    if _NAME.fullmatch(name) is None:
        raise table.wrong("name", "letters, digits, and '-', '_', '.' or a space between them.")
    return name


def _currency(code: str) -> str:
    if re.fullmatch("[A-Z]{3}", code) is None:
        raise ValueError(f"{code!r} is no currency; write its ISO 4217 code, like IDR.")
    return code


def page_bytes(pages: Sequence[Label], printer: PrinterConfig, copies: int = 1) -> bytes:
    """A label in a label printer's words, or pages for an office one, so many times. Raises PaperError."""
    if printer.language == PDF:
        return labels_pdf([*pages] * copies, "Kasir")
    (label,) = pages
    if printer.language == TSPL:
        return label.tspl(printer.dots_per_mm, printer.gap_mm) * copies
    return label.zpl(printer.dots_per_mm) * copies


def _logo(table: Table, root: Table, folder: Path, shops: str) -> Logo | None:
    """A printer's own logo, else the shop's; "" is none. Files lie beside the agent's."""
    own = table.text("logo", shops)
    try:
        return logo.read(folder / own) if own else None
    except PaperError as wrong:
        raise (table if table.has("logo") else root).wrong("logo", f"{wrong}.") from wrong


def _printer(table: Table, name: str, logo: Logo | None) -> PrinterConfig:
    place = table.read("line", places.parse)
    language = table.choice("language", (*LANGUAGES, PDF))
    kinds = tuple(dict.fromkeys(table.choices("documents", KINDS)))
    for kind in kinds:
        if kind not in _printed_in(language):
            raise table.wrong("documents", f"a printer that speaks {language} does not print {kind}.")
    if table.has("logo") and language != ESCPOS:
        raise table.wrong("logo", f"a printer that speaks {language} prints no slips to bear one.")
    waits = Waits(
        table.seconds("answer_s", Waits.answer_s),
        table.seconds("silence_s", Waits.silence_s),
        table.seconds("confirm_s", Waits.confirm_s),
    )
    if isinstance(place, places.Cups):
        printer: Printer = CupsPrinter(place.uri, waits, pdf=language == PDF)
    elif language == PDF:
        raise table.wrong("line", "a printer that takes PDF is reached through CUPS: cups://HOST/QUEUE.")
    else:
        printer = LANGUAGES[language](table, partial(places.connect, place, waits.answer_s), waits)
    drawer = _drawer(table, language)
    made = PrinterConfig(
        name=name,
        language=language,
        place=str(place),
        printer=printer,
        kinds=kinds,
        location=table.text("location", ""),
        copies=table.whole("copies", 1, range(1, 6)),
        width_mm=table.whole("width_mm", 80, range(58, 81)),
        dots_per_mm=table.whole("dots_per_mm", 8, range(8, 13)),
        gap_mm=table.whole("gap_mm", 3, range(11)),
        drawer=drawer,
        logo=logo,
    )
    if made.width_mm not in {58, 80}:
        raise table.wrong("width_mm", "paper is 58 or 80 mm wide.")
    if made.dots_per_mm not in {8, 12}:
        raise table.wrong("dots_per_mm", "label printers have 8 or 12 dots a millimetre.")
    table.end()
    return made


def _printed_in(language: str) -> frozenset[str]:
    """What a printer of this language prints."""
    if language == ESCPOS:
        return frozenset(KINDS) - {_LABEL}
    return frozenset({_LABEL, _MANIFEST} if language == PDF else {_LABEL})


def _drawer(table: Table, language: str) -> CashDrawer | None:
    pin = table.whole("drawer_pin", 0, range(6))
    open_is_high = table.flag("drawer_open_is_high", True)
    if not pin:
        return None
    if language != ESCPOS:
        raise table.wrong("drawer_pin", "a drawer hangs on a printer that speaks escpos.")
    if pin not in {2, 5}:
        raise table.wrong("drawer_pin", "a drawer hangs on pin 2 or 5.")
    return EscposDrawer(pin, open_is_high)


def _escpos(table: Table, connect: places.Connect, waits: Waits) -> Printer:
    confirms = table.choice("confirms", [each.value for each in Confirms], Confirms.ECHO.value)
    return EscposPrinter(connect, Confirms(confirms), waits)


def _label_confirms(table: Table) -> Confirms:
    allowed = (Confirms.STATUS.value, Confirms.TAKEN.value)
    return Confirms(table.choice("confirms", allowed, Confirms.STATUS.value))


def _zpl(table: Table, connect: places.Connect, waits: Waits) -> Printer:
    return ZplPrinter(connect, _label_confirms(table), waits)


def _tspl(table: Table, connect: places.Connect, waits: Waits) -> Printer:
    return TsplPrinter(connect, _label_confirms(table), waits)


LANGUAGES: dict[str, Callable[[Table, places.Connect, Waits], Printer]] = {
    ESCPOS: _escpos,
    ZPL: _zpl,
    TSPL: _tspl,
}
