"""Dates as banks write them; the year of those that have none."""

import datetime as dt
import re
from dataclasses import dataclass

_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})(?:/([0-9]{4}|[0-9]{2}))?")
# Banks date evening and weekend payments forward to the next working day; no holiday season is longer.
DAYS_AHEAD = 14
# 29 February: a leap year may lie this far back (none in 1900, 2100).
_YEARS_BACK = 8


class DateError(ValueError):
    """Not a date, or none that fits; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class DateReader:
    """Reads `DD/MM/YYYY`, `DD/MM/YY` and `DD/MM`.

    With a period, every date must lie in it, and a year that is not written is the one that makes it so.
    Without one, the last such day not later than DAYS_AHEAD after `today` is meant: banks show a few months
    back, never a year.
    """

    today: dt.date
    """The day of the export, or of the import when that is not known; in the bank's time zone."""
    period: tuple[dt.date, dt.date] | None = None
    """First and last day of the statement."""

    def read(self, text: str) -> dt.date:
        """Raises DateError."""
        match = _DATE.fullmatch(text)
        if match is None:
            raise DateError(f"{text!r} is not a date")
        day, month, year = int(match.group(1)), int(match.group(2)), match.group(3)
        if year is None:
            return self._without_year(day, month)
        date = _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
        if date is None:
            raise DateError(f"{text} is no day of the calendar")
        if self.period and not self.period[0] <= date <= self.period[1]:
            raise DateError(f"{text} lies outside the statement's period, {self._period_words()}")
        return date

    def _without_year(self, day: int, month: int) -> dt.date:
        if self.period is None:
            latest = self.today + dt.timedelta(days=DAYS_AHEAD)
            for year in range(latest.year, latest.year - _YEARS_BACK - 1, -1):
                date = _date(year, month, day)
                if date is not None and date <= latest:
                    return date
            raise DateError(f"{day:02}/{month:02} is no day of the calendar")
        first, last = self.period
        years = range(first.year, last.year + 1)
        found = [date for year in years if (date := _date(year, month, day)) and first <= date <= last]
        if not found:
            raise DateError(
                f"{day:02}/{month:02} lies outside the statement's period, {self._period_words()}"
            )
        if len(found) > 1:
            raise DateError(f"{day:02}/{month:02} could be of {found[0].year} or {found[-1].year}")
        return found[0]

    def _period_words(self) -> str:
        return " to ".join(day.isoformat() for day in self.period or ())


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
