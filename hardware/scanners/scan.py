"""What a scanner read, taken apart: which symbology, which GTIN, what GS1 says beside it.

Decoded by biip. Sources: ISO/IEC 15424 (AIM prefixes), GS1 General Specifications 3 (application
identifiers) and 7.9 (check digits).

    read("]C10108991234567891172612311012AB")
    Scan(code="08991234567891", gtin="08991234567891", batch="12AB", expiry=date(2026, 12, 31), …)

Nothing that was read is dropped: what is wrong with it stands in `problem`, what was read in `raw`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message
from biip.symbology import ISOSymbology, SymbologyIdentifier
from biip.upc import Upc

from clients.common.money import minor_digits
from hardware.scanners.in_store import InStoreCode, InStoreError, Measured
from kasir.v1.common_pb2 import Money

# FNC1 as scanners send it.
SEPARATOR = "\x1d"
_GTIN_LENGTHS = (8, 12, 13, 14)
_UPC_E_LENGTH, _UPC_A_LENGTH, _EAN_13_LENGTH, _GTIN_14_LENGTH = 8, 12, 13, 14
# Left out at both ends of what was read.
_ENDS = " \r\n\t"
# An AIM prefix: "]", a letter for the symbology, a modifier.
_PREFIX_LENGTH = 3
# Shortest element string that is told without an AIM prefix: identifier and GTIN, or identifier and SSCC.
_PLAIN_ELEMENT = {"01": 16, "02": 16, "00": 20}
_GRAMS_PER_POUND = Decimal("453.59237")
# Currencies that GS1 names by number (ISO 4217), of those seen in Indonesian shops.
_CURRENCIES = {
    "360": "IDR",
    "702": "SGD",
    "458": "MYR",
    "840": "USD",
    "978": "EUR",
    "156": "CNY",
    "392": "JPY",
}


class Symbology(Enum):
    """What kind of bar code it was, as far as the scanner's prefix or the code's own form tells."""

    EAN_13 = "EAN-13"
    EAN_8 = "EAN-8"
    UPC_A = "UPC-A"
    UPC_E = "UPC-E"
    ITF = "ITF"
    ITF_14 = "ITF-14"
    CODE_39 = "Code 39"
    CODE_93 = "Code 93"
    CODE_128 = "Code 128"
    CODABAR = "Codabar"
    GS1_128 = "GS1-128"
    GS1_DATABAR = "GS1 DataBar"
    GS1_DATA_MATRIX = "GS1 DataMatrix"
    GS1_QR = "GS1 QR code"
    GS1 = "GS1"
    DATA_MATRIX = "DataMatrix"
    QR = "QR code"
    PDF417 = "PDF417"
    AZTEC = "Aztec"
    OTHER = "other"
    UNKNOWN = "unknown"


# By AIM prefix without its "]"; where only the letter counts, by the letter.
_BY_PREFIX = {
    "E0": Symbology.EAN_13,
    "E3": Symbology.EAN_13,
    "E4": Symbology.EAN_8,
    "I1": Symbology.ITF_14,
    "C1": Symbology.GS1_128,
    "e0": Symbology.GS1_DATABAR,
    "d2": Symbology.GS1_DATA_MATRIX,
    "Q3": Symbology.GS1_QR,
    "J1": Symbology.GS1,
    "I": Symbology.ITF,
    "A": Symbology.CODE_39,
    "G": Symbology.CODE_93,
    "C": Symbology.CODE_128,
    "F": Symbology.CODABAR,
    "d": Symbology.DATA_MATRIX,
    "Q": Symbology.QR,
    "L": Symbology.PDF417,
    "z": Symbology.AZTEC,
}
_BY_GTIN_LENGTH = {
    8: Symbology.EAN_8,
    12: Symbology.UPC_A,
    13: Symbology.EAN_13,
    14: Symbology.ITF_14,
}
_GTIN_SYMBOLOGIES = {Symbology.EAN_13, Symbology.EAN_8, Symbology.ITF_14}
_GS1_SYMBOLOGIES = {
    Symbology.GS1_128,
    Symbology.GS1_DATABAR,
    Symbology.GS1_DATA_MATRIX,
    Symbology.GS1_QR,
    Symbology.GS1,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan. Empty and None where the code says nothing of it."""

    # As it came, with its AIM prefix, without terminator.
    raw: str
    # What to look up: the item's code of a measured one, else the GTIN or SSCC of an element string, else
    # the text without its prefix. Where nobody knows it, `raw` may still be known.
    code: str
    symbology: Symbology = Symbology.UNKNOWN
    # 14 digits, check digit verified.
    gtin: str = ""
    # 18 digits, check digit verified: the number of a pallet or parcel.
    sscc: str = ""
    batch: str = ""
    serial: str = ""
    # Last good day: use by (17), else best before (15), else sell by (16).
    expiry: date | None = None
    count: int | None = None
    weight_grams: int | None = None
    price: Money | None = None
    # Plain words; empty when nothing is wrong. Without a known symbology it is a doubt: 12 digits may as
    # well be an airway bill.
    problem: str = ""

    @property
    def symbology_identifier(self) -> str:
        """The AIM prefix, "]E0"; empty when the scanner sent none."""
        text = self.raw.strip(_ENDS)
        return text[: len(text) - len(_prefix(text)[1])]


@dataclass(frozen=True, slots=True)
class Reader:
    """How codes are read in one shop: its currency, its own codes with weight or price, other separators
    than FNC1.
    """

    currency_code: str = "IDR"
    in_store: Sequence[InStoreCode] = ()
    separators: str = SEPARATOR

    def read(self, raw: str) -> Scan:
        """Takes one scan apart; never raises and never loses it."""
        text = raw.strip(_ENDS)
        symbology, body = _prefix(text)
        body = body.strip(self.separators + SEPARATOR)
        scan = Scan(raw, body, symbology)
        if not body:
            return replace(scan, code=text, problem="nothing was read")
        if symbology in _GS1_SYMBOLOGIES:
            return self._gs1(scan)
        if symbology in _GTIN_SYMBOLOGIES:
            return self._trade_item(scan)
        if symbology in {Symbology.UNKNOWN, Symbology.ITF}:
            return self._by_form(scan)
        return self._link(scan) if symbology is Symbology.QR and _is_link(body) else scan

    def _by_form(self, scan: Scan) -> Scan:
        """A scan whose scanner does not say what it is: its own form must be beyond doubt."""
        code = scan.code
        if scan.symbology is Symbology.UNKNOWN:
            if any(separator in code for separator in self.separators + SEPARATOR) or code.startswith("("):
                read = self._gs1(replace(scan, symbology=Symbology.GS1))
                return scan if read.problem else read
            if len(code) >= _PLAIN_ELEMENT.get(code[:2], len(code) + 1):
                read = self._gs1(replace(scan, symbology=Symbology.GS1))
                if not read.problem and (read.gtin or read.sscc):
                    return read
            if _is_link(code):
                return self._link(scan)
        if len(code) not in _GTIN_LENGTHS or not _is_number(code):
            return scan
        guessed = self._trade_item(replace(scan, symbology=_BY_GTIN_LENGTH[len(code)]))
        return guessed if guessed.gtin else replace(guessed, symbology=scan.symbology)

    def _trade_item(self, scan: Scan) -> Scan:
        """EAN, UPC, ITF-14: digits with a check digit."""
        code = scan.code
        if scan.symbology is Symbology.EAN_13 and len(code) > _EAN_13_LENGTH and _is_number(code):
            # An add-on of two or five digits beside it: a magazine's issue.
            code = code[:_EAN_13_LENGTH]
        if scan.symbology is Symbology.ITF_14 and len(code) != _GTIN_14_LENGTH:
            return replace(scan, symbology=Symbology.ITF)
        if not _is_number(code) or len(code) not in _GTIN_LENGTHS:
            return replace(scan, problem=f"{scan.symbology.value} with {len(code)} characters")
        right = gs1_standard_check_digit(code[:-1])
        if int(code[-1]) != right:
            expanded = _upc_e(code)
            if expanded:
                return replace(
                    scan, code=expanded, symbology=Symbology.UPC_E, gtin=expanded.zfill(_GTIN_14_LENGTH)
                )
            said = f"{len(code)} digits with a wrong check digit: {code[-1]} was read, {right} is right"
            return replace(scan, code=code, problem=said)
        if scan.symbology is Symbology.EAN_13 and len(code) == _UPC_A_LENGTH:
            scan = replace(scan, symbology=Symbology.UPC_A)
        scan = replace(scan, code=code, gtin=code.zfill(_GTIN_14_LENGTH))
        return self._measured(scan)

    def _measured(self, scan: Scan) -> Scan:
        digits = scan.gtin[1:]
        rule = next((rule for rule in self.in_store if scan.gtin[0] == "0" and rule.matches(digits)), None)
        if rule is None:
            return scan
        try:
            found: Measured = rule.read(digits)
        except InStoreError as error:
            return replace(scan, problem=str(error))
        price = None if found.price_minor is None else self._money(found.price_minor)
        return replace(scan, code=found.code, weight_grams=found.weight_grams, price=price)

    def _money(self, minor: int) -> Money:
        return Money(currency_code=self.currency_code, minor_units=minor)

    def _gs1(self, scan: Scan) -> Scan:
        """An element string as scanners send it, or as it is printed below its bars: "(01)…(10)…"."""
        text = scan.code
        if scan.symbology in {Symbology.GS1_QR, Symbology.GS1_DATA_MATRIX} and _is_link(text):
            return self._link(scan)
        for separator in self.separators:
            text = text.replace(separator, SEPARATOR)
        try:
            bracketed = text.startswith("(")
            message = GS1Message.parse_hri(text) if bracketed else GS1Message.parse(text)
        except (ParseError, ValueError) as error:
            return replace(scan, problem=f"no GS1 element string: {_first_sentence(error)}")
        return self._with_elements(scan, message.element_strings)

    def _link(self, scan: Scan) -> Scan:
        """A QR code with a web address: the item's GTIN may be part of it (GS1 Digital Link)."""
        try:
            link = GS1DigitalLinkURI.parse(scan.code)
        except (ParseError, ValueError, IndexError):
            return scan
        symbology = Symbology.GS1_QR if scan.symbology is Symbology.UNKNOWN else scan.symbology
        return self._with_elements(replace(scan, symbology=symbology), link.element_strings)

    def _with_elements(self, scan: Scan, elements: Sequence[GS1ElementString]) -> Scan:
        dates: dict[str, date] = {}
        for element in elements:
            identifier = element.ai.ai
            if identifier in {"01", "02"} and not scan.gtin:
                if element.gtin is None:
                    return replace(scan, problem=_wrong_digit("GTIN", element.value))
                scan = replace(scan, code=element.value, gtin=element.value)
            elif identifier == "00":
                if element.sscc is None:
                    return replace(scan, problem=_wrong_digit("SSCC", element.value))
                scan = replace(scan, sscc=element.value, code=scan.gtin or element.value)
            elif identifier == "10":
                scan = replace(scan, batch=element.value)
            elif identifier == "21":
                scan = replace(scan, serial=element.value)
            elif identifier in {"30", "37"}:
                scan = replace(scan, count=int(element.value))
            elif element.date is not None:
                dates[identifier] = element.date
            elif element.decimal is not None:
                scan = self._with_number(scan, element, element.decimal)
        return replace(scan, expiry=next((dates[each] for each in ("17", "15", "16") if each in dates), None))

    def _with_number(self, scan: Scan, element: GS1ElementString, value: Decimal) -> Scan:
        kind = element.ai.ai[:3]
        if kind in {"310", "320"}:
            grams = value * (1000 if kind == "310" else _GRAMS_PER_POUND)
            return replace(scan, weight_grams=int(grams.to_integral_value(ROUND_HALF_UP)))
        if kind in {"390", "392"}:
            currency: str | None = self.currency_code
        elif kind in {"391", "393"}:
            currency = _CURRENCIES.get(element.pattern_groups[0])
        else:
            return scan
        if currency is None:
            return replace(scan, problem=f"a price in the unknown currency {element.pattern_groups[0]}")
        minor = (value * 10 ** minor_digits(currency)).to_integral_value(ROUND_HALF_UP)
        return replace(scan, price=Money(currency_code=currency, minor_units=int(minor)))


def read(raw: str) -> Scan:
    """Takes one scan apart as a shop without codes of its own does."""
    return Reader().read(raw)


def _prefix(text: str) -> tuple[Symbology, str]:
    """The symbology that an AIM prefix names, and what follows it; a text that only looks like one stays
    whole.
    """
    if len(text) < _PREFIX_LENGTH or not text.startswith("]") or not text[1:3].isalnum() or text[1] == "Y":
        return Symbology.UNKNOWN, text
    try:
        found = SymbologyIdentifier.extract(text)
    except ParseError:
        return Symbology.UNKNOWN, text
    letter: ISOSymbology = found.iso_symbology
    by_letter = _BY_PREFIX.get(letter.value, Symbology.OTHER)
    return _BY_PREFIX.get(letter.value + found.modifiers, by_letter), text[len(found) :]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _is_link(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _upc_e(code: str) -> str:
    """The UPC-A that eight digits stand for as a UPC-E; empty when they do not."""
    if len(code) != _UPC_E_LENGTH or code[0] not in "01":
        return ""
    try:
        return Upc.parse(code).as_upc_a()
    except ParseError:
        return ""


def _wrong_digit(name: str, digits: str) -> str:
    right = gs1_standard_check_digit(digits[:-1])
    return f"{name} {digits} with a wrong check digit: {digits[-1]} was read, {right} is right"


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0].rstrip(".")
