"""A scan as people read it."""

from datetime import datetime

from clients.common.money import show_money
from kasir.v1.station_pb2 import Scan, Symbology


def scan_line(scan: Scan) -> str:
    """One line: when, by which scanner, what was read, and what it means."""
    at = datetime.fromtimestamp(scan.time.ToMilliseconds() / 1000).astimezone()
    return f"{at:%H:%M:%S}  {scan.scanner}  {scan.code}  {scan_words(scan)}"


def scan_words(scan: Scan) -> str:
    """What a code means, and what is wrong with it."""
    name = Symbology.Name(scan.symbology).removeprefix("SYMBOLOGY_").replace("_", " ")
    kind = name if scan.symbology else "unknown kind"
    facts = (
        ("GTIN", scan.gtin),
        ("SSCC", scan.sscc),
        ("batch", scan.batch),
        ("serial", scan.serial),
        ("good until", scan.expiry_date),
        ("count", str(scan.count) if scan.HasField("count") else ""),
        ("weight", f"{scan.weight_grams} g" if scan.HasField("weight_grams") else ""),
        ("price", show_money(scan.price)),
    )
    words = [kind, *(f"{name} {value}" for name, value in facts if value)]
    if scan.problem:
        words.append(f"WRONG: {scan.problem} (read: {scan.raw})")
    return ", ".join(words)
