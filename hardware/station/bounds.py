"""What a receipt may be that a program asks for: as large as a sale is, of a time that there is."""

from collections.abc import Iterator

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.money import MINOR_UNITS_MAX
from kasir.v1.common_pb2 import Money
from kasir.v1.station_pb2 import PrintReceiptRequest

# The longest text of a sale or of the settings, a shop's address, has 300 characters.
TEXT_MAX = 300
# Lines of a sale; each makes up to a dozen lines on paper.
ELEMENTS_MAX = 200
# Characters of the till's number, under which the agent remembers it
NUMBER_MAX = 40
BYTES_MAX = 256 * 1024
# Totals are at most what a shift may come to.
MINOR_MAX = 1_000 * MINOR_UNITS_MAX
# Seconds since 1970 until the year 2200, and the widest offset of a time zone.
SECONDS_MAX = 7_258_118_400
OFFSET_MAX_S = 14 * 3_600
NANOS = 1_000_000_000


def beyond(message: PrintReceiptRequest) -> tuple[str, str]:
    """The path of the first field that is out of bounds and why, in plain words; empty when none is."""
    if message.ByteSize() > BYTES_MAX:
        return "sale", f"A receipt has at most {BYTES_MAX:,} bytes."
    if len(message.sale.receipt) > NUMBER_MAX:
        return "sale.receipt", f"A receipt's number has at most {NUMBER_MAX} characters."
    return next(_wrong(message, ""), ("", ""))


def _wrong(message: Message, path: str) -> Iterator[tuple[str, str]]:
    if words := _wrong_value(message, path):
        yield path, words
        return
    for field, value in message.ListFields():
        name = f"{path}.{field.name}".lstrip(".")
        is_list = field.is_repeated
        if is_list and len(value) > ELEMENTS_MAX:
            yield name, f"A receipt has at most {ELEMENTS_MAX} of them."
            return
        for index, each in enumerate(value if is_list else (value,)):
            where = f"{name}[{index}]" if is_list else name
            if isinstance(each, Message):
                yield from _wrong(each, where)
            elif isinstance(each, str) and len(each) > TEXT_MAX:
                yield where, f"A text has at most {TEXT_MAX} characters."


def _wrong_value(message: Message, path: str) -> str:
    if isinstance(message, Timestamp) and not (
        0 <= message.seconds <= SECONDS_MAX and 0 <= message.nanos < NANOS
    ):
        return "There is no such time."
    if isinstance(message, Duration) and path.endswith("utc_offset") and not _is_offset(message):
        return "There is no such time zone."
    if isinstance(message, Money) and abs(message.minor_units) > MINOR_MAX:
        return "The amount is too large."
    return ""


def _is_offset(duration: Duration) -> bool:
    return abs(duration.seconds) <= OFFSET_MAX_S and not duration.nanos
