"""Times as people type and read them, in the shop's time zone, which is a fixed offset from UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.bad_input import BadInput

_AFTER = re.compile(
    r"\+(?=[0-9])(?:(?P<days>[0-9]{1,3})d)?(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,5})m)?"
    r"(?:(?P<seconds>[0-9]{1,6}(?:\.[0-9]{1,6})?)s)?"
)
_CLOCK = re.compile(
    r"(?:(?P<day>today|tomorrow)\s+)?(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})", re.IGNORECASE
)
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})")
# What the server knows as a date.
REPORT_YEARS = range(1900, 3000)
# Western Indonesia's offset from UTC, where a shop is that says nothing else, and clocks there.
WIB = timedelta(hours=7)
WIB_CLOCK = timezone(WIB)
# What Indonesians call their zones.
_ZONE_NAMES = {WIB: "WIB", timedelta(hours=8): "WITA", timedelta(hours=9): "WIT"}

FORMS = "17:00, tomorrow 09:30, +3h, +1d12h, 2026-03-05T17:00"


def parse_time(text: str, now: datetime, utc_offset: timedelta) -> datetime:
    """Reads a point in time: "17:00" (today), "tomorrow 09:30", "+3h", "+90m", "+1d12h" or ISO 8601.

    `now` is aware. Without an offset of its own an ISO time is in the shop's zone. Raises BadInput for
    anything else, and for a bare clock time that is over today: nobody is served by guessing the day.
    """
    assert now.tzinfo is not None
    zone = timezone(utc_offset)
    text = text.strip()
    if after := _AFTER.fullmatch(text):
        length = _length(after)
        if not length:
            raise BadInput("'{text}' is no time from now; write it like +3h, +90m or +1d12h.", text=text)
        return now + length
    if clock := _CLOCK.fullmatch(text):
        return _today_or_tomorrow(text, clock, now.astimezone(zone))
    if _ISO.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadInput("'{text}' is not a time that exists.", text=text) from error
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    raise BadInput("'{text}' is not a time: write one of {forms}.", text=text, forms=FORMS)


def _today_or_tomorrow(text: str, clock: re.Match[str], now: datetime) -> datetime:
    hour, minute = int(clock["hour"]), int(clock["minute"])
    if hour > 23 or minute > 59:
        raise BadInput("'{text}' is not a time of the day.", text=text)
    tomorrow = (clock["day"] or "").lower() == "tomorrow"
    moment = datetime.combine(now.date() + timedelta(days=int(tomorrow)), time(hour, minute), now.tzinfo)
    if moment <= now:
        raise BadInput(
            "{hour}:{minute} is over today: write 'tomorrow {time}'.",
            hour=clock["hour"],
            minute=clock["minute"],
            time=moment.strftime("%H:%M"),
        )
    return moment


def parse_timestamp(text: str, utc_offset: timedelta) -> Timestamp:
    """`parse_time` from now on, as the contract carries it."""
    stamp = Timestamp()
    try:
        stamp.FromDatetime(parse_time(text, datetime.now(UTC), utc_offset).astimezone(UTC))
    except (OverflowError, ValueError) as error:  # the year 1 in Jakarta begins in no year of UTC
        raise BadInput("'{text}' lies outside of the calendar.", text=text) from error
    return stamp


def parse_duration(text: str) -> timedelta:
    """Reads "3h", "90m", "7d", "1d12h", "90s" or "0.5s". Raises BadInput."""
    match = _AFTER.fullmatch("+" + text.strip().removeprefix("+"))
    if match is None:
        raise BadInput("'{text}' is not a length of time: write it like 3h, 90m or 7d.", text=text)
    return _length(match)


def _length(match: re.Match[str]) -> timedelta:
    """The length of time that `_AFTER` found."""
    return timedelta(**{unit: float(value) for unit, value in match.groupdict().items() if value})


def parse_offset(text: str) -> timedelta:
    """Reads a zone as "+7", "+07:00", "-3", "WIB", "WITA" or "WIT". Raises BadInput."""
    for offset, name in _ZONE_NAMES.items():
        if text.strip().upper() == name:
            return offset
    match = re.fullmatch(r"([+-]?)([0-9]{1,2})(?::([0-9]{2}))?", text.strip())
    if match is None or int(match[2]) > 14 or int(match[3] or 0) > 59:
        raise BadInput(
            "'{text}' is not a time zone: write WIB, WITA, WIT or an offset like +7 or +05:30.", text=text
        )
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return -offset if match[1] == "-" else offset


def parse_day(text: str) -> str:
    """Checks "YYYY-MM-DD". Raises BadInput."""
    text = text.strip()
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise BadInput("'{text}' is not a day: write it like 2026-03-05.", text=text)
    _check_year(text, day.year)
    return day.isoformat()


def _check_year(text: str, year: int) -> None:
    if year not in REPORT_YEARS:
        raise BadInput("'{text}' is too far away: reports are of the years 1900 to 2999.", text=text)


def parse_month(text: str) -> str:
    """Checks "YYYY-MM". Raises BadInput."""
    text = text.strip()
    try:
        match = _MONTH.fullmatch(text)
        first = date(int(match["year"]), int(match["month"]), 1) if match else None
    except ValueError:
        first = None
    if first is None:
        raise BadInput("'{text}' is not a month: write it like 2026-03.", text=text)
    _check_year(text, first.year)
    return f"{first:%Y-%m}"


def zone_name(utc_offset: timedelta) -> str:
    """Says "WIB" for +7 h, "UTC+05:30" for what has no name here."""
    return _ZONE_NAMES.get(utc_offset) or str(timezone(utc_offset))


def show_time(stamp: Timestamp, utc_offset: timedelta) -> str:
    """Writes "2026-03-05 17:00" in the shop's zone; an unset time is empty."""
    if not stamp.seconds and not stamp.nanos:
        return ""
    return stamp.ToDatetime(timezone(utc_offset)).strftime("%Y-%m-%d %H:%M")


def show_duration(duration: timedelta) -> str:
    """Writes "3h", "1d12h", "90s": the shortest form that `parse_duration` reads back, in whole seconds."""
    seconds = int(duration.total_seconds())
    if seconds % 60 or seconds < 60:
        return f"{seconds}s"
    days, minutes = divmod(seconds // 60, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{value}{unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if value)
