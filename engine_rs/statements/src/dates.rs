//! Dates as banks write them; the year of those that have none.

use time::{Date, Duration, Month};

use crate::text::shown;

/// Banks date evening and weekend payments forward to the next working day; no holiday season is longer.
const DAYS_AHEAD: i64 = 14;
/// 29 February: a leap year may lie this far back (none in 1900, 2100).
const YEARS_BACK: i32 = 8;
/// Years of the days that the engine keeps.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1_900..=2_999;

/// Reads `DD/MM/YYYY`, `DD/MM/YY` and `DD/MM`, with `/`, `-` or `.` between.
///
/// With a period, every date must lie in it, and a year that is not written is the one that makes it so. Without one, the last such
/// day not later than two weeks after `today` is meant: banks show a few months back, never a year.
#[derive(Debug, Clone, Copy)]
pub struct DateReader {
    /// The day of the export, or of the import when that is not known; in the bank's time zone.
    pub today: Date,
    /// First and last day of the statement.
    pub period: Option<(Date, Date)>,
}

impl DateReader {
    /// A reader that knows no period.
    pub fn new(today: Date) -> Self {
        Self { today, period: None }
    }

    /// The day that `text` names; the error says why it is none in plain words.
    pub fn read(&self, text: &str) -> Result<Date, String> {
        let Some((day, month, year)) = parts(text) else {
            return Err(format!("{} is not a date", shown(text)));
        };
        let Some(year) = year else {
            return self.without_year(day, month);
        };
        let date = date(year, month, day).ok_or_else(|| format!("{text} is no day of the calendar"))?;
        if self.period.is_some_and(|(first, last)| date < first || date > last) {
            return Err(format!("{text} lies outside the statement's period, {}", self.period_words()));
        }
        Ok(date)
    }

    fn without_year(&self, day: u32, month: u32) -> Result<Date, String> {
        let Some((first, last)) = self.period else {
            let latest = self.today.saturating_add(Duration::days(DAYS_AHEAD));
            return (latest.year() - YEARS_BACK..=latest.year())
                .rev()
                .filter_map(|year| date(year, month, day))
                .find(|date| *date <= latest)
                .ok_or_else(|| format!("{day:02}/{month:02} is no day of the calendar"));
        };
        let mut found = (first.year()..=last.year())
            .filter_map(|year| date(year, month, day))
            .filter(|date| (first..=last).contains(date));
        match (found.next(), found.next_back()) {
            (Some(date), None) => Ok(date),
            (Some(one), Some(other)) => {
                Err(format!("{day:02}/{month:02} could be of {} or {}", one.year(), other.year()))
            }
            (None, _) => Err(format!(
                "{day:02}/{month:02} lies outside the statement's period, {}",
                self.period_words()
            )),
        }
    }

    fn period_words(&self) -> String {
        self.period.map(|(first, last)| format!("{} to {}", iso(first), iso(last))).unwrap_or_default()
    }
}

/// Whether a day is of a year that the engine keeps.
pub(crate) fn is_kept(date: Date) -> bool {
    YEARS.contains(&date.year())
}

/// The day of the calendar, if there is one.
pub(crate) fn date(year: i32, month: u32, day: u32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    // Four digits, so that every date has one way of being written.
    if !(1..=9_999).contains(&year) {
        return None;
    }
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

/// `YYYY-MM-DD`.
pub(crate) fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// Day, month and year of `DD/MM`, `DD/MM/YY` or `DD/MM/YYYY`.
fn parts(text: &str) -> Option<(u32, u32, Option<i32>)> {
    let mark = text.find(['/', '-', '.'])?;
    let mark = text.as_bytes()[mark] as char;
    let mut pieces = text.split(mark);
    let day = number(pieces.next()?, 1, 2)?;
    let month = number(pieces.next()?, 1, 2)?;
    let year = match pieces.next() {
        None => None,
        Some(text) if text.len() == 2 => Some(2_000 + i32::try_from(number(text, 2, 2)?).ok()?),
        Some(text) => Some(i32::try_from(number(text, 4, 4)?).ok()?),
    };
    pieces.next().is_none().then_some((day, month, year))
}

/// The day at the start of a text that may go on with a time: what `reader` reads, `YYYY-MM-DD`, `YYYYMMDD`, or `16 March 2026` and
/// `16-Mar-26`, in English or Indonesian.
pub(crate) fn day_of(text: &str, reader: &DateReader) -> Result<Date, String> {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let first = without_time(words.next().unwrap_or_default());
    if let Some(date) = year_month_day(first).or_else(|| digits_only(first)) {
        return Ok(date);
    }
    let mut pieces = first.splitn(3, ['-', '/', '.']);
    let named = match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(day), Some(month), Some(year)) => named_day(day, month, year),
        _ => words.next().zip(words.next()).and_then(|(month, year)| named_day(first, month, year)),
    };
    if let Some((day, month, year)) = named {
        return date(year, month, day).ok_or_else(|| format!("{} is no day of the calendar", shown(text)));
    }
    if let Some(date) = serial_day(first) {
        return Ok(date);
    }
    reader.read(first)
}

/// `text` without the time that a T behind a digit begins.
fn without_time(text: &str) -> &str {
    let is_time = |at: &usize| text.as_bytes()[..*at].last().is_some_and(u8::is_ascii_digit);
    text.match_indices('T').map(|(at, _)| at).find(is_time).map_or(text, |at| &text[..at])
}

/// The day of `YYYYMMDD`.
pub(crate) fn digits_only(text: &str) -> Option<Date> {
    number(text, 8, 8)?;
    let year = i32::try_from(number(&text[..4], 4, 4)?).ok()?;
    date(year, number(&text[4..6], 2, 2)?, number(&text[6..], 2, 2)?)
}

/// Day, month and year, the month by its name; a year of two digits is of this century.
fn named_day(day: &str, month: &str, year: &str) -> Option<(u32, u32, i32)> {
    let year = match year.len() {
        2 => 2_000 + number(year, 2, 2)?,
        _ => number(year, 4, 4)?,
    };
    Some((number(day, 1, 2)?, month_named(month)?, i32::try_from(year).ok()?))
}

/// The day that a cell of a spreadsheet is, as the reader of those writes it, or counts.
pub(crate) fn sheet_day(text: &str) -> Option<Date> {
    year_month_day(text).or_else(|| serial_day(text))
}

/// The day that a spreadsheet counts as `text`, with or without a part of the day: 1 is the first of January 1900, and 60 a day that
/// never was. Only days of 1982 to 2064, so that no other number is taken for one.
fn serial_day(text: &str) -> Option<Date> {
    let (days, part) = text.split_once('.').unwrap_or((text, "0"));
    let days = number(days, 5, 5).filter(|days| (30_000..60_000).contains(days))?;
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    date(1899, 12, 30)?.checked_add(Duration::days(days.into()))
}

/// The number of a month by its name in English or Indonesian, whole or shortened, in any case.
pub(crate) fn month_named(text: &str) -> Option<u32> {
    const NAMES: [&[&str]; 12] = [
        &["jan", "january", "januari"],
        &["feb", "february", "februari", "peb", "pebruari"],
        &["mar", "march", "maret", "mrt"],
        &["apr", "april"],
        &["may", "mei"],
        &["jun", "june", "juni"],
        &["jul", "july", "juli"],
        &["aug", "august", "agu", "ags", "agt", "agust", "agustus"],
        &["sep", "sept", "september"],
        &["oct", "october", "okt", "oktober"],
        &["nov", "november", "nop", "nopember"],
        &["dec", "december", "des", "desember"],
    ];
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let found = NAMES.iter().position(|names| names.iter().any(|name| name.eq_ignore_ascii_case(text)))?;
    u32::try_from(found + 1).ok()
}

/// `YYYY-MM-DD` or `YYYY/MM/DD`.
pub(crate) fn year_month_day(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, ['-', '/']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    date(i32::try_from(number(year, 4, 4)?).ok()?, number(month, 2, 2)?, number(day, 2, 2)?)
}

/// ASCII digits only, as many as are said.
pub(crate) fn number(text: &str, least: usize, most: usize) -> Option<u32> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Date {
        date(year, month, day).expect("a day of the calendar")
    }

    #[test]
    fn the_year_that_is_not_written() {
        let reader = DateReader::new(day(2027, 1, 4));
        assert_eq!(reader.read("31/12"), Ok(day(2026, 12, 31)));
        assert_eq!(reader.read("02/01"), Ok(day(2027, 1, 2)));
        assert_eq!(reader.read("18/01"), Ok(day(2027, 1, 18)));
        assert_eq!(reader.read("19/01"), Ok(day(2026, 1, 19)));
        assert_eq!(reader.read("29/02"), Ok(day(2024, 2, 29)));
    }

    #[test]
    fn days_with_names_and_times() {
        let reader = DateReader::new(day(2026, 5, 20));
        for (text, month) in [
            ("16 OKT 2026", 10),
            ("16 Okt. 2026", 10),
            ("16 AGUSTUS 2026", 8),
            ("16 Agt 2026", 8),
            ("16 ags 2026 09:00", 8),
            ("16 SEPTEMBER 2026", 9),
            ("16 MARET 2026", 3),
            ("16 Nopember 2026", 11),
            ("16 Pebruari 2026", 2),
            ("16-Mar-26", 3),
            ("16-OCT-2026", 10),
            ("16/Des/2026", 12),
            ("20260316", 3),
            ("20260316T090000", 3),
            ("2026-03-16T09:00:00", 3),
            ("2026-03-16 09:00:00", 3),
            ("2026/03/16", 3),
            ("16/03/26 09.00.00", 3),
        ] {
            assert_eq!(day_of(text, &reader), Ok(day(2026, month, 16)), "{text}");
        }
        for text in ["16 Octobre 2026", "Okt 2026", "20261332", "31 Feb 2026", "16 Mar 026", ""] {
            assert!(day_of(text, &reader).is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_says_the_year() {
        let reader =
            DateReader { today: day(2030, 1, 1), period: Some((day(2025, 12, 25), day(2026, 1, 5))) };
        assert_eq!(reader.read("31/12"), Ok(day(2025, 12, 31)));
        assert_eq!(reader.read("02/01"), Ok(day(2026, 1, 2)));
        assert!(reader.read("02/02").is_err());
        assert!(reader.read("02/01/2025").is_err());
        let two_years = DateReader { period: Some((day(2025, 5, 1), day(2026, 5, 31))), ..reader };
        assert!(two_years.read("02/05").is_err_and(|words| words.contains("2025 or 2026")));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        let reader = DateReader::new(day(2026, 5, 20));
        for text in [
            "31/02",
            "00/05",
            "02/13",
            "31/02/2026",
            "2026-05-02",
            "1/2/3/4",
            "",
            "٠٢/05",
            "1/2/345",
            "1/2-26",
        ] {
            assert!(reader.read(text).is_err(), "{text}");
        }
    }
}
