//! MT940 and MT942 of SWIFT: statements and interim reports, as banks all over the world write them.
//!
//! ```text
//! {1:F01…}{2:I940…}{4:                   envelope, or nothing
//! :20:STARTUMS
//! :25:87052000/123456789                 the account
//! :28C:00000/001
//! :60F:C190215EUR194,57                  opening balance; :60M: of a statement's further page
//! :61:1902180218DR20,00N037NONREF        one mutation
//! :86:106?00KARTENZAHLUNG?20…            its text, over several lines and several fields
//! :62F:C190218EUR174,57                  closing balance; :62M:
//! -}                                     or -
//! ```
//!
//! MT942 has `:34F:` (a limit, and the currency) in place of the opening balance and `:90D:`, `:90C:` (number and sum) in place of
//! the closing one. `:64:` and `:65:` are balances that are not checked; `:86:` without a mutation before it is about the statement.

use std::mem::take;

use time::Date;

use super::Format;
use super::bank_id::is_bank_id;
use super::chained::{Chain, Closing};
use super::mt940_details::{Details, non_swift, squeezed};
use super::mt940_line::Line;
use crate::dates::{date, number};
use crate::model::{Account, Options, ProblemKind, Row, StatementError};
use crate::money::{Marks, format_amount, minor_digits, parse_marked};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format = Format { name: "mt940", title: "SWIFT MT940 and MT942", sniff, read };

/// The tags of the standard; text of a mutation may begin a line with the like of one.
const TAGS: [&str; 22] = [
    "13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M", "61", "62F", "62M", "64", "65",
    "86", "90C", "90D", "940", "942", "NS",
];
/// What is kept of one field's text; a description holds a hundredth of it.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// What stands where a reference would, and is none.
const NO_REFERENCES: [&str; 7] = ["NONREF", "NOREF", "NOTPROVIDED", "EREF", "KREF+", "KREF", "EREF+"];
/// Two-digit years from here on are of the last century.
const CENTURY_PIVOT: u32 = 80;
const HALF_A_YEAR_DAYS: i32 = 180;

fn sniff(head: &Head) -> bool {
    let has = |wanted: &[&str]| {
        head.lines.iter().any(|line| {
            let (_, line) = unwrapped(line);
            tag_of(line).is_some_and(|(tag, _)| wanted.contains(&tag))
        })
    };
    has(&["20"]) && has(&["25", "25P", "28", "28C", "34F", "60F", "60M", "61"])
}

fn read(source: &mut Source<'_>, _: &Options<'_>, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
    let mut message = Message::new(recorder);
    while let Some(line) = source.next_line()? {
        message.take(line.number, line.text)?;
    }
    message.end_message()?;
    if message.chain.is_empty() {
        return Err(StatementError::broken("the file is cut off: no balance and no mutation stands in it"));
    }
    message.chain.finish(message.recorder)
}

/// Which field a further line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// None whose text matters.
    Other,
    Mutation,
    Details,
    NonSwift,
}

/// The message being read: one page of one statement.
struct Message<'r, 's> {
    recorder: &'r mut Recorder<'s>,
    chain: Chain,
    /// Content of `:25:`.
    account: String,
    currency: String,
    opening: Option<i64>,
    /// Its number and its balances as they are written.
    id: String,
    /// Line of the message's first field; 0 between messages.
    begin: u64,
    /// Its account's number, once something of it is told.
    opened: Option<usize>,
    is_closed: bool,
    field: Field,
    /// A line of a mutation's text is `-`: the message's end, unless the text goes on.
    is_perhaps_end: bool,
    /// Line of the mutation being read; 0: none.
    row: u64,
    mutation: String,
    details: String,
    non_swift: String,
    text: String,
}

impl<'r, 's> Message<'r, 's> {
    fn new(recorder: &'r mut Recorder<'s>) -> Self {
        Self {
            recorder,
            chain: Chain::default(),
            account: String::new(),
            currency: String::new(),
            opening: None,
            id: String::new(),
            begin: 0,
            opened: None,
            is_closed: false,
            field: Field::Other,
            is_perhaps_end: false,
            row: 0,
            mutation: String::new(),
            details: String::new(),
            non_swift: String::new(),
            text: String::new(),
        }
    }

    fn take(&mut self, number: u64, line: &str) -> Result<(), StatementError> {
        let is_dash = line.starts_with('-') && line.trim_end() == "-";
        if is_dash && self.field != Field::Other {
            self.is_perhaps_end = true;
            return Ok(());
        }
        let (is_end, line) = unwrapped(line);
        if is_end {
            self.end_row()?;
            self.field = Field::Other;
        }
        if take(&mut self.is_perhaps_end) && self.field != Field::Other && tag_of(line).is_none() {
            if line.trim().is_empty() {
                self.is_perhaps_end = true;
                return Ok(());
            }
            self.continue_field("-");
        }
        if let Some((tag, content)) = tag_of(line) {
            return self.take_field(number, tag, content);
        }
        self.continue_field(line);
        Ok(())
    }

    fn take_field(&mut self, number: u64, tag: &str, content: &str) -> Result<(), StatementError> {
        self.field = Field::Other;
        match tag {
            "86" if self.row > 0 => {
                self.field = Field::Details;
                self.continue_field(content);
                return Ok(());
            }
            "NS" if self.row > 0 => {
                self.field = Field::NonSwift;
                self.continue_field(content);
                return Ok(());
            }
            _ => self.end_row()?,
        }
        match tag {
            "20" => {
                self.end_message()?;
                self.begin = number;
            }
            "25" | "25P" => {
                self.account.clear();
                self.account.push_str(content.trim());
            }
            "28" | "28C" => {
                self.id.clear();
                self.id.push_str(content.trim());
            }
            "34F" => self.learn_currency(content),
            "60F" | "60M" => self.open_with(number, content)?,
            "61" => {
                self.row = number;
                self.field = Field::Mutation;
                self.continue_field(content);
            }
            "62F" | "62M" => self.close_with(number, content)?,
            "90C" | "90D" => self.compare_sums(number, content, tag == "90C")?,
            _ => {}
        }
        Ok(())
    }

    fn continue_field(&mut self, line: &str) {
        let text = match self.field {
            Field::Other => return,
            Field::Mutation => &mut self.mutation,
            Field::Details => &mut self.details,
            Field::NonSwift => &mut self.non_swift,
        };
        if text.len() + line.len() < MAX_FIELD_BYTES {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
    }

    /// Tells of the mutation that is being read, if one is.
    fn end_row(&mut self) -> Result<(), StatementError> {
        let row = take(&mut self.row);
        if row == 0 {
            return Ok(());
        }
        let account = self.opened(row)?;
        if self.is_closed {
            let reason = "a mutation stands behind the closing balance";
            self.recorder.problem(account, row, reason, ProblemKind::Structure);
        }
        let mut text = take(&mut self.mutation);
        match Mutation::read(&text, self.chain.currency(account)) {
            Ok(mutation) => self.tell(account, row, &mutation)?,
            Err(reason) => {
                let reason = format!("{} is not a mutation: {reason}", shown(&text));
                self.recorder.unreadable(account, row, reason);
            }
        }
        text.clear();
        self.mutation = text;
        self.details.clear();
        self.non_swift.clear();
        Ok(())
    }

    fn tell(&mut self, account: usize, row: u64, mutation: &Mutation<'_>) -> Result<(), StatementError> {
        let line = &mutation.line;
        let mut details = Details::parse(&self.details);
        if !self.non_swift.is_empty() {
            let beside = non_swift(&self.non_swift);
            append(&mut details.text, &beside.text);
            if details.counterparty.is_empty() {
                details.counterparty = beside.counterparty;
            }
        }
        // An id that the text repeats adds nothing: the text tells the row apart as well. Where texts are cut into the
        // references, it is none.
        let is_id = is_bank_id(line.bank_reference) && !details.text.contains(line.bank_reference);
        let text = &mut self.text;
        text.clear();
        append(text, &details.text);
        append(text, &squeezed(line.padded_party));
        append(text, &squeezed(line.supplement));
        if !NO_REFERENCES.contains(&line.reference) {
            append(text, line.reference);
        }
        if !is_id && !NO_REFERENCES.contains(&line.bank_reference) {
            append(text, line.bank_reference);
        }
        if details.counterparty.is_empty() {
            details.counterparty = squeezed(line.padded_party);
        }
        self.chain.add(account, mutation.amount_minor, line.is_expected);
        self.recorder.row(
            account,
            &Row {
                value_date: Some(mutation.value_date),
                pending: line.is_expected,
                description: text,
                bank_reference: if is_id { line.bank_reference } else { "" },
                counterparty: &details.counterparty,
                ..Row::new(row, mutation.date, mutation.amount_minor)
            },
        )
    }

    /// Ends the message, which should have told its closing balance if it told its opening one.
    fn end_message(&mut self) -> Result<(), StatementError> {
        self.end_row()?;
        if self.begin == 0 {
            return Ok(());
        }
        if let Some(account) = self.opened.filter(|_| !self.is_closed) {
            if self.opening.is_some() {
                let reason = "the statement is cut off: its closing balance (:62F:) is missing";
                self.recorder.problem(account, self.begin, reason, ProblemKind::Structure);
            }
            self.chain.close(self.recorder, account, self.begin, Closing::default());
        }
        self.account.clear();
        self.currency.clear();
        self.id.clear();
        self.opening = None;
        self.opened = None;
        self.is_closed = false;
        self.begin = 0;
        Ok(())
    }

    /// The account of the message, opened when it was not.
    fn opened(&mut self, line: u64) -> Result<usize, StatementError> {
        if let Some(account) = self.opened {
            return Ok(account);
        }
        if self.currency.is_empty() {
            let known = self.chain.currency_of(&self.account).unwrap_or_default();
            self.currency.push_str(known);
        }
        if self.currency.is_empty() {
            return Err(StatementError::broken(format!(
                "line {line}: the currency is not known: no balance (:60F:) that can be read stands before"
            )));
        }
        let account = Account {
            number: account_number(&self.account),
            currency: self.currency.clone(),
            ..Account::default()
        };
        let account = self.chain.open(self.recorder, line, &self.account, account, self.opening)?;
        self.opened = Some(account);
        Ok(account)
    }

    fn learn_currency(&mut self, content: &str) {
        if let Some(currency) = content.get(..3).filter(|text| is_currency(text)) {
            currency.clone_into(&mut self.currency);
        }
    }

    fn open_with(&mut self, number: u64, content: &str) -> Result<(), StatementError> {
        match balance(content, &self.currency) {
            Ok(found) if self.opened.is_none() => {
                self.currency = found.currency;
                self.opening = Some(found.minor);
                self.id.push('/');
                self.id.push_str(content.trim());
                self.opened(number)?;
            }
            Ok(_) => {
                let account = self.opened(number)?;
                let reason = "an opening balance stands behind the first mutation, or twice";
                self.recorder.problem(account, number, reason, ProblemKind::Structure);
            }
            Err(reason) => {
                let account = self.opened(number)?;
                self.recorder.problem(
                    account,
                    number,
                    format!("the opening balance: {reason}"),
                    ProblemKind::Structure,
                );
            }
        }
        Ok(())
    }

    fn close_with(&mut self, number: u64, content: &str) -> Result<(), StatementError> {
        let found = balance(content, &self.currency);
        if let Ok(found) = &found
            && self.currency.is_empty()
        {
            self.currency.clone_from(&found.currency);
        }
        let account = self.opened(number)?;
        let closing = match found {
            _ if self.is_closed => Err("the closing balance stands there twice".to_owned()),
            Ok(found) if found.currency != self.chain.currency(account) => Err(format!(
                "the closing balance is in {}, the opening one in {}",
                found.currency,
                self.chain.currency(account)
            )),
            Ok(found) => Ok(found),
            Err(reason) => Err(format!("the closing balance: {reason}")),
        };
        match closing {
            Ok(found) => {
                self.id.push('/');
                self.id.push_str(content.trim());
                let closing = Closing { minor: Some(found.minor), day: Some(found.day), id: &self.id };
                self.chain.close(self.recorder, account, number, closing);
            }
            Err(reason) => self.recorder.problem(account, number, reason, ProblemKind::Structure),
        }
        self.is_closed = true;
        Ok(())
    }

    /// `:90C:3PLN0,03`: how many mutations of one direction there are, and their sum.
    fn compare_sums(&mut self, number: u64, content: &str, is_in: bool) -> Result<(), StatementError> {
        let digits = content.find(|c: char| !c.is_ascii_digit()).unwrap_or(content.len());
        let (count, rest) = content.split_at(digits);
        let (currency, amount) = rest.split_at_checked(3).unwrap_or((rest, ""));
        if self.currency.is_empty() && is_currency(currency) {
            self.currency.push_str(currency);
        }
        let account = self.opened(number)?;
        let name = if is_in { "money in" } else { "money out" };
        self.chain.compared(account);
        let sums = self.chain.sums(account);
        let (found_count, found) =
            if is_in { (sums.credit_count, sums.credit) } else { (sums.debit_count, sums.debit) };
        let currency = self.chain.currency(account);
        let reason = match (count.parse::<u64>(), amount_minor(amount, currency)) {
            (Ok(said), _) if said != found_count => {
                format!("the number of rows of {name} is given as {said}, but there are {found_count}")
            }
            (Ok(_), Ok(said)) if i128::from(said) != found => format!(
                "the total of {name} is given as {}, but the rows give {}",
                format_amount(said.into(), currency),
                format_amount(found, currency)
            ),
            (Ok(_), Ok(_)) => return Ok(()),
            (Err(_), _) | (_, Err(_)) => format!("{} is not a number and sum of {name}", shown(content)),
        };
        self.recorder.problem(account, number, reason, ProblemKind::Total);
        Ok(())
    }
}

/// A `:61:` with its date and amount read.
struct Mutation<'a> {
    line: Line<'a>,
    date: Date,
    value_date: Date,
    amount_minor: i64,
}

impl<'a> Mutation<'a> {
    fn read(text: &'a str, currency: &str) -> Result<Self, String> {
        let line = Line::parse(text)?;
        let minor = amount_minor(line.amount, currency)?;
        let value_date = short_date(line.value_date)
            .ok_or_else(|| format!("{} is no day of the calendar", line.value_date))?;
        let date = match line.entry_date {
            "" => value_date,
            day => nearest(day, value_date).ok_or_else(|| format!("{day} is no day of the calendar"))?,
        };
        let amount_minor = if line.is_in { minor } else { -minor };
        Ok(Self { line, date, value_date, amount_minor })
    }
}

/// Whether the envelope's or a message's end stands in `line`, and what stands there of the message.
fn unwrapped(line: &str) -> (bool, &str) {
    let line = line.trim_start_matches(['\u{1}', '\u{3}']);
    let is_end = line.starts_with("-}") || line.trim_end_matches(['\u{3}', ' ', '\t']) == "-";
    if !is_end && !["{1:", "{2:", "{3:", "{4:", "{5:"].iter().any(|block| line.starts_with(block)) {
        return (false, line);
    }
    (true, line.split_once("{4:").map_or("", |(_, rest)| rest))
}

/// Tag and content of a line that begins a field.
fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, content) = line.strip_prefix(':')?.split_once(':')?;
    TAGS.contains(&tag).then_some((tag, content))
}

/// A balance as `:60F:` and `:62F:` tell it.
struct Balance {
    currency: String,
    minor: i64,
    day: Date,
}

/// `C190215EUR194,57`; `known` is its currency where the bank leaves it out.
fn balance(content: &str, known: &str) -> Result<Balance, String> {
    let content = content.trim();
    let unreadable = || format!("{} is not a balance", shown(content));
    let is_debit = match content.as_bytes().first() {
        Some(b'C') => false,
        Some(b'D') => true,
        Some(_) | None => return Err(unreadable()),
    };
    let rest = content.get(1..).ok_or_else(unreadable)?;
    let (day, rest) = rest.split_at_checked(6).ok_or_else(unreadable)?;
    let day = short_date(day).ok_or_else(unreadable)?;
    let (currency, amount) = match rest.split_at_checked(3) {
        Some((currency, amount)) if is_currency(currency) => (currency, amount),
        Some(_) | None if !known.is_empty() => (known, rest),
        Some(_) | None => return Err(unreadable()),
    };
    let minor = amount_minor(amount, currency)?;
    Ok(Balance { currency: currency.to_owned(), minor: if is_debit { -minor } else { minor }, day })
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `1234,5`, `1234,` and `1234`; and `1234.50`, which the standard does not know, where nothing else can be meant.
fn amount_minor(text: &str, currency: &str) -> Result<i64, String> {
    let text = text.trim();
    if let Some((_, decimals)) = text.split_once('.') {
        let can_be_thousands = decimals.len() == 3 || minor_digits(currency) != decimals.len();
        if text.contains(',') || can_be_thousands {
            return Err(format!("{} is not an amount", shown(text)));
        }
        return parse_marked(text, currency, None, Marks { decimal: b'.', group: b',' });
    }
    parse_marked(text.strip_suffix(',').unwrap_or(text), currency, None, Marks::COMMA)
}

/// The day of `YYMMDD`. 30 February, and 29 in any year, is the month's last day: German banks count every month as 30.
fn short_date(text: &str) -> Option<Date> {
    let year = number(text.get(..2)?, 2, 2)?;
    let (month, day) = (number(text.get(2..4)?, 2, 2)?, number(text.get(4..)?, 2, 2)?);
    let century = if year < CENTURY_PIVOT { 2_000 } else { 1_900 };
    let year = century + i32::try_from(year).ok()?;
    date(year, month, day).or_else(|| last_of_february(year, month, day))
}

fn last_of_february(year: i32, month: u32, day: u32) -> Option<Date> {
    if month != 2 || !(29..=30).contains(&day) {
        return None;
    }
    date(year, 2, 29).or_else(|| date(year, 2, 28))
}

/// The day of `MMDD` that lies nearest to the value date: a booking of December may have its value in January.
fn nearest(text: &str, value_date: Date) -> Option<Date> {
    let (month, day) = (number(text.get(..2)?, 2, 2)?, number(text.get(2..)?, 2, 2)?);
    let distance = |date: &Date| (date.to_julian_day() - value_date.to_julian_day()).abs();
    // Nothing of another year is nearer than half a year.
    if let Some(date) = date(value_date.year(), month, day).filter(|date| distance(date) < HALF_A_YEAR_DAYS) {
        return Some(date);
    }
    (value_date.year() - 1..=value_date.year() + 1)
        .filter_map(|year| date(year, month, day))
        .min_by_key(distance)
}

/// The account in `:25:`: behind the bank's code, without the currency that some banks write after it.
fn account_number(content: &str) -> String {
    let piece = content.rsplit('/').find(|piece| !is_currency(piece.trim())).unwrap_or(content);
    let mut number: String = piece.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = number.len().saturating_sub(3);
    if number.is_char_boundary(digits)
        && is_currency(&number[digits..])
        && number[..digits].bytes().all(|b| b.is_ascii_digit())
    {
        number.truncate(digits);
    }
    number
}

/// Appends `more` behind a blank unless the text holds it.
fn append(text: &mut String, more: &str) {
    if more.is_empty() || text.contains(more) {
        return;
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}
