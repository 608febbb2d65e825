//! How a file writes amounts and days, when neither the format nor a mapping says: what its cells together leave no doubt about.
//!
//! `1.234` is a thousand or a little more than one, `03/04` is in March or April: the file's other cells tell, or nobody does.

use time::Date;

use crate::dates::{DateReader, date, digits_only, month_named, number};
use crate::money::{Marks, parse_marked};
use crate::text::shown;

/// Two-digit years from here on are of the last century.
const CENTURY_PIVOT: u32 = 80;
/// What a file's amounts say about its decimal sign.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct AmountStyle {
    point: bool,
    comma: bool,
    /// Some could be meant either way.
    is_unclear: bool,
}

impl AmountStyle {
    /// Takes one amount into account; what is none says nothing.
    pub(super) fn observe(&mut self, text: &str) {
        let Ok(amount) = Written::of(text) else {
            return;
        };
        let digits = amount.digits.as_str();
        let (points, commas) = (digits.matches('.').count(), digits.matches(',').count());
        let is_point = match (points, commas) {
            // The last of both is the decimal sign, and stands there once.
            (1, 1..) if digits.rfind('.') > digits.rfind(',') => true,
            (1.., 1) if digits.rfind(',') > digits.rfind('.') => false,
            // Several of one are thousands.
            (2.., 0) => false,
            (0, 2..) => true,
            (1, 0) | (0, 1) => {
                let (whole, decimals) = digits.split_once(['.', ',']).unwrap_or_default();
                if decimals.len() == 3 && (1..=3).contains(&whole.len()) && whole != "0" {
                    self.is_unclear = true;
                    return;
                }
                points == 1
            }
            (0, 0) | (1.., 1..) => return,
        };
        // A garbled one is no evidence. As many decimals as any currency has are let pass.
        let marks = if is_point { Marks::POINT } else { Marks::COMMA };
        if amount.minor(marks, "KWD").is_ok() {
            self.point |= is_point;
            self.comma |= !is_point;
        }
    }

    /// The decimal sign and the one between thousands; the error says why it cannot be told.
    pub(super) fn decide(self) -> Result<Marks, String> {
        match (self.point, self.comma) {
            (true, true) => Err("some amounts have a decimal point, others a decimal comma".to_owned()),
            (false, true) => Ok(Marks::COMMA),
            (false, false) if self.is_unclear => {
                Err("whether point or comma is the decimal sign cannot be told from its amounts".to_owned())
            }
            (true | false, false) => Ok(Marks::POINT),
        }
    }
}

/// An amount without what banks put around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    is_negative: bool,
    /// Digits, points, commas and blanks.
    digits: String,
}

impl Written {
    /// Takes a sign, brackets for a negative amount and a currency's name off. Any other word makes it none.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let not_one = || format!("{} is not an amount", shown(text));
        let text = text.trim();
        let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let (outer, rest) = without_sign(inner.unwrap_or(text));
        let (innermost, rest) = without_sign(without_currency(rest));
        let signs = [inner.map(|_| true), outer, innermost];
        let is_number = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == ',')
            && rest
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\u{202f}' | '\''));
        if !is_number || signs.iter().flatten().count() > 1 {
            return Err(not_one());
        }
        let digits =
            rest.chars().map(|c| if matches!(c, '\u{a0}' | '\u{202f}' | '\'') { ' ' } else { c }).collect();
        Ok(Self { is_negative: signs.contains(&Some(true)), digits })
    }

    /// Signed minor units.
    pub(super) fn minor(&self, marks: Marks, currency: &str) -> Result<i64, String> {
        let group = char::from(marks.group);
        let mut digits = self.digits.replace(' ', group.encode_utf8(&mut [0; 4]));
        if digits.starts_with(char::from(marks.decimal)) {
            digits.insert(0, '0');
        }
        let whole = digits.strip_suffix(char::from(marks.decimal)).unwrap_or(&digits);
        let minor = parse_marked(whole, currency, None, marks)?;
        Ok(if self.is_negative { -minor } else { minor })
    }
}

/// `text` without a sign before or behind it, and whether it was a minus.
fn without_sign(text: &str) -> (Option<bool>, &str) {
    let text = text.trim();
    for sign in ['-', '+', '\u{2212}'] {
        if let Some(rest) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
            return (Some(sign != '+'), rest.trim());
        }
    }
    (None, text)
}

/// `text` without a currency before or behind it.
fn without_currency(text: &str) -> &str {
    for name in ["Rp.", "Rp", "RP", "$", "€", "£", "¥"] {
        if let Some(rest) = text.strip_prefix(name).or_else(|| text.strip_suffix(name)) {
            return rest.trim();
        }
    }
    let is_code = |code: &str| code.bytes().all(|byte| byte.is_ascii_uppercase());
    let before = text.split_at_checked(3).filter(|(code, _)| is_code(code));
    let behind =
        text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)).filter(|(_, code)| is_code(code));
    before.map(|(_, rest)| rest).or(behind.map(|(rest, _)| rest)).unwrap_or(text).trim()
}

/// What a file's days say about the order of day and month.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct DateStyle {
    day_first: bool,
    month_first: bool,
    is_unclear: bool,
}

impl DateStyle {
    /// Takes one day into account.
    pub(super) fn observe(&mut self, text: &str) {
        let Some(Parts::Numbers(first, second, _)) = Parts::of(text) else {
            return;
        };
        match (first > 12, second > 12) {
            (true, false) => self.day_first = true,
            (false, true) => self.month_first = true,
            (false, false) if first != second => self.is_unclear = true,
            (_, _) => {}
        }
    }

    /// Whether the month stands first; the error says why it cannot be told.
    pub(super) fn decide(self) -> Result<DateForm, String> {
        match (self.day_first, self.month_first) {
            (true, true) => Err("in some dates the day stands first, in others the month".to_owned()),
            (false, false) if self.is_unclear => {
                Err("whether day or month stands first cannot be told from its dates".to_owned())
            }
            (_, month_first) => Ok(DateForm::Detected { month_first }),
        }
    }
}

/// How days are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DateForm {
    /// As a mapping says.
    Pattern(Vec<Piece>),
    /// Numbers with marks between, or a month's name; year first when it has four digits.
    Detected {
        /// The month stands before the day.
        month_first: bool,
    },
}

/// A piece of a pattern such as `DD/MM/YYYY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Day,
    Month,
    MonthName,
    ShortYear,
    LongYear,
    Letter(char),
}

impl DateForm {
    /// Reads a pattern: `DD`, `MM`, `MMM` (a name), `YY`, `YYYY`, and what stands between them. The error says what is wrong.
    pub(super) fn pattern(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        'pieces: while let Some(letter) = rest.chars().next() {
            for (name, piece) in [
                ("YYYY", Piece::LongYear),
                ("YY", Piece::ShortYear),
                ("MMM", Piece::MonthName),
                ("MM", Piece::Month),
                ("DD", Piece::Day),
            ] {
                if let Some(more) = rest.strip_prefix(name) {
                    pieces.push(piece);
                    rest = more;
                    continue 'pieces;
                }
            }
            if letter.is_ascii_alphanumeric() {
                return Err(format!(
                    "the date format {} may hold DD, MM, MMM, YY, YYYY and marks between",
                    shown(text)
                ));
            }
            pieces.push(Piece::Letter(letter));
            rest = &rest[letter.len_utf8()..];
        }
        let count = |wanted: &[Piece]| pieces.iter().filter(|piece| wanted.contains(piece)).count();
        let years = count(&[Piece::LongYear, Piece::ShortYear]);
        if count(&[Piece::Day]) != 1 || count(&[Piece::Month, Piece::MonthName]) != 1 || years > 1 {
            return Err(format!(
                "the date format {} needs one day, one month and at most one year",
                shown(text)
            ));
        }
        Ok(Self::Pattern(pieces))
    }

    /// The day that `text` names, with or without a time behind it. `today` tells the year where none is written.
    pub(super) fn read(&self, text: &str, today: Date) -> Result<Date, String> {
        let text = text.trim();
        let not_one = || format!("{} is not a date", shown(text));
        let (day, month, year) = match self {
            Self::Pattern(pieces) => by_pattern(pieces, text).ok_or_else(not_one)?,
            Self::Detected { month_first } => match Parts::of(text).ok_or_else(not_one)? {
                Parts::Numbers(month, day, year) if *month_first => (day, month, Some(year)),
                Parts::Known(day, month, year) | Parts::Numbers(day, month, year) => (day, month, Some(year)),
            },
        };
        match year {
            Some(year) => {
                date(year, month, day).ok_or_else(|| format!("{} is no day of the calendar", shown(text)))
            }
            None => DateReader::new(today).read(&format!("{day:02}/{month:02}")),
        }
    }
}

/// A day with its pieces told apart as far as it says itself.
enum Parts {
    /// Day, month, year.
    Known(u32, u32, i32),
    /// Day and month in an order that it does not say, and the year.
    Numbers(u32, u32, i32),
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(date) = digits_only(text) {
            return Some(Self::Known(date.day().into(), u8::from(date.month()).into(), date.year()));
        }
        let mut pieces = text.split(['/', '-', '.', '\'', ' ', ',']).filter(|piece| !piece.is_empty());
        let (first, second, third) = (pieces.next()?, pieces.next()?, pieces.next()?);
        // A time.
        let third = third.split('T').next()?;
        if let Some(month) = month_named(second) {
            return Some(Self::Known(number(first, 1, 2)?, month, year_of(third, text)?));
        }
        if first.len() == 4 {
            return Some(Self::Known(number(third, 1, 2)?, number(second, 1, 2)?, year_of(first, text)?));
        }
        Some(Self::Numbers(number(first, 1, 2)?, number(second, 1, 2)?, year_of(third, text)?))
    }
}

/// Two digits behind an apostrophe are of this century.
fn year_of(text: &str, whole: &str) -> Option<i32> {
    let year = match text.len() {
        4 => number(text, 4, 4)?,
        1 | 2 => {
            let year = number(text, 1, 2)?;
            let is_this = year < CENTURY_PIVOT || whole.contains('\'');
            year + if is_this { 2_000 } else { 1_900 }
        }
        _ => return None,
    };
    i32::try_from(year).ok()
}

/// Day, month and, where the pattern has one, year.
fn by_pattern(pieces: &[Piece], text: &str) -> Option<(u32, u32, Option<i32>)> {
    let (mut day, mut month, mut year) = (0, 0, None);
    let mut rest = text;
    for (index, piece) in pieces.iter().enumerate() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        // A single digit is enough where no digit stands beside it.
        let is_mark =
            |beside: Option<&Piece>| matches!(beside, Some(Piece::Letter(_) | Piece::MonthName) | None);
        let before = index.checked_sub(1).and_then(|before| pieces.get(before));
        let is_loose = is_mark(before) && is_mark(pieces.get(index + 1));
        let digits = if is_loose { end.min(2) } else { 2 };
        let mut take = |count: usize, least: usize| {
            let (taken, more) = rest.split_at_checked(count)?;
            rest = more;
            number(taken, least, count)
        };
        match piece {
            Piece::Day => day = take(digits, 1)?,
            Piece::Month => month = take(digits, 1)?,
            Piece::LongYear => year = i32::try_from(take(4, 4)?).ok(),
            Piece::ShortYear => {
                let short = take(2, 2)?;
                year = i32::try_from(short + if short < CENTURY_PIVOT { 2_000 } else { 1_900 }).ok();
            }
            Piece::MonthName => {
                let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
                month = month_named(&rest[..end])?;
                rest = &rest[end..];
            }
            Piece::Letter(letter) => rest = rest.strip_prefix(*letter)?,
        }
    }
    // A time may stand behind.
    (rest.is_empty() || rest.starts_with([' ', 'T'])).then_some((day, month, year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(texts: &[&str]) -> Result<Marks, String> {
        let mut style = AmountStyle::default();
        for text in texts {
            style.observe(text);
        }
        style.decide()
    }

    #[test]
    fn amounts_together_say_which_sign_is_the_decimal_one() {
        for texts in [
            &["1,234.56"][..],
            &["5.5"],
            &["1,234", "0.50"],
            &["1,234,567"],
            &["500"],
            &["0.500"],
            &["x", "12..34", "1.5"],
        ] {
            assert_eq!(marks(texts), Ok(Marks::POINT), "{texts:?}");
        }
        for texts in [&["1.234,56"][..], &["-4,50"], &["1.234", "7,00"], &["1.234.567"], &["Rp 1.234,00"]] {
            assert_eq!(marks(texts), Ok(Marks::COMMA), "{texts:?}");
        }
        for texts in [&["1.234"][..], &["1,234", "5,678"], &["1.5", "1,5"]] {
            assert!(marks(texts).is_err(), "{texts:?}");
        }
    }

    #[test]
    fn amounts_with_what_banks_put_around_them() {
        for (text, marks, minor) in [
            ("(1,234.50)", Marks::POINT, -123_450),
            ("5.00-", Marks::POINT, -500),
            ("-Rp1.234,00", Marks::COMMA, -123_400),
            ("Rp. 1.234,5", Marks::COMMA, 123_450),
            ("IDR 7", Marks::POINT, 700),
            ("1 234,50 €", Marks::COMMA, 123_450),
            ("1'234.50", Marks::POINT, 123_450),
            ("+.50", Marks::POINT, 50),
            ("12,", Marks::COMMA, 1_200),
        ] {
            assert_eq!(Written::of(text).and_then(|amount| amount.minor(marks, "IDR")), Ok(minor), "{text}");
        }
        for text in ["", "-", "--5", "12..34", "1 23", "12.34.56", "1e3", "5 CR DB", "٣"] {
            assert!(
                Written::of(text).and_then(|amount| amount.minor(Marks::POINT, "IDR")).is_err(),
                "{text}"
            );
        }
    }

    fn day(year: i32, month: u32, day: u32) -> Date {
        date(year, month, day).expect("a day of the calendar")
    }

    #[test]
    fn dates_together_say_whether_the_month_stands_first() {
        let order = |texts: &[&str]| {
            let mut style = DateStyle::default();
            for text in texts {
                style.observe(text);
            }
            style.decide()
        };
        assert_eq!(order(&["03/04/2026", "13/04/2026"]), Ok(DateForm::Detected { month_first: false }));
        assert_eq!(order(&["03/04'26", "3/14'26"]), Ok(DateForm::Detected { month_first: true }));
        assert_eq!(order(&["2026-04-03", "5 Mei 2026"]), Ok(DateForm::Detected { month_first: false }));
        assert!(order(&["03/04/2026"]).is_err());
        assert!(order(&["13/04/2026", "04/13/2026"]).is_err());
    }

    #[test]
    fn days_in_many_ways() {
        let today = day(2027, 1, 4);
        let detected = DateForm::Detected { month_first: true };
        for text in [
            "12/31/2026",
            "12/31'26",
            "12-31-26",
            " 12/31' 26",
            "2026-12-31",
            "2026-12-31T10:00:00",
            "31 Des 2026",
            "31-DEC-26",
            "20261231",
            "31 Desember 2026 09:34",
        ] {
            assert_eq!(detected.read(text, today), Ok(day(2026, 12, 31)), "{text}");
        }
        for (pattern, text) in [
            ("DD/MM/YYYY", "31/12/2026 10:15"),
            ("YYYYMMDD", "20261231"),
            ("DDMMYY", "311226"),
            ("DD MMM YYYY", "31 Desember 2026"),
            ("YYYY-MM-DD", "2026-12-31T10:00:00Z"),
            ("DD/MM", "31/12"),
            ("MM.DD.YY", "12.31.26"),
        ] {
            let form = DateForm::pattern(pattern).expect("a pattern");
            assert_eq!(form.read(text, today), Ok(day(2026, 12, 31)), "{pattern}");
        }
        for (pattern, text) in [
            ("DD/MM/YYYY", "31/13/2026"),
            ("DD/MM/YYYY", "31-12-2026"),
            ("YYYYMMDD", "2026123"),
            ("DD/MM/YY", "31/12/2026"),
        ] {
            assert!(
                DateForm::pattern(pattern).expect("a pattern").read(text, today).is_err(),
                "{pattern} {text}"
            );
        }
        for pattern in ["", "DD/MM/YYYY/DD", "D/M/Y", "MM/YYYY", "hello"] {
            assert!(DateForm::pattern(pattern).is_err(), "{pattern}");
        }
    }
}
