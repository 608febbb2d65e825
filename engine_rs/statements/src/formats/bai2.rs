//! BAI2, the cash management format of American and Canadian banks.
//!
//! ```text
//! 01,SENDER,RECEIVER,260317,0829,1,80,1,2/           file
//! 02,RECEIVER,SENDER,1,260317,2359,USD,2/            group: status, day, currency
//! 03,10200123456,USD,010,500000,,,015,650000,,/      account: kinds of balances and totals, each with amount, count, funds
//! 16,195,150000,V,260317,,REF1,REF2,WIRE IN /        mutation: kind, amount, funds, references, text
//! 88,MORE OF THE TEXT/                               more of the record before
//! 49,1300000,4/                                      account's control total and number of records
//! 98,1300000,1,6/                                    group's: total, accounts, records
//! 99,1300000,1,8/                                    file's: total, groups, records
//! ```
//!
//! Amounts are whole minor units. A mutation has no sign: its kind says the direction. Control totals add up all amounts as they
//! are written, balances too.

use std::str::Split;

use time::Date;

use super::Format;
use super::bai2_records::first_record;
use super::bank_id::is_bank_id;
use super::chained::{Chain, Closing};
use crate::dates::{date, number};
use crate::model::{Account, Options, ProblemKind, Row, StatementError};
use crate::money::{MAX_AMOUNT_MINOR, format_amount};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format = Format { name: "bai2", title: "BAI2 cash management", sniff, read };

/// The standard's, where neither group nor account names one.
const DEFAULT_CURRENCY: &str = "USD";
/// One record with what continues it; an account's summary of every kind that there is takes a twentieth.
const MAX_RECORD_BYTES: usize = 256 * 1024;
/// Most parts that an amount's availability is spread over.
const MAX_SPREAD: u32 = 1_000;
const OPENING_LEDGER: u32 = 10;
const CLOSING_LEDGER: u32 = 15;
const TOTAL_CREDITS: u32 = 100;
const TOTAL_DEBITS: u32 = 400;
/// Text without money.
const NON_MONETARY: u32 = 890;
const FIELD_ENDS: [char; 2] = [',', '\n'];

fn sniff(head: &Head) -> bool {
    let lines = || head.lines.iter().map(|line| line.trim_start());
    let Some(first) = lines().find(|line| !line.is_empty()) else {
        return false;
    };
    first.starts_with("01,")
        && first.split(',').count() >= 8
        && lines().any(|line| line.starts_with("02,") || first.contains("/ ") && line.contains("02,"))
}

fn read(source: &mut Source<'_>, _: &Options<'_>, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
    let mut file = Reading::new(recorder);
    while let Some(line) = source.next_line()? {
        let mut rest = line.text.trim();
        while !rest.is_empty() {
            let (record, more) = first_record(rest);
            file.take(line.number, record)?;
            rest = more;
        }
    }
    file.finish()
}

/// What a trailer is compared with.
#[derive(Debug, Default)]
struct Level {
    total: i128,
    /// Accounts of a group, groups of a file.
    parts: u64,
    records: u64,
}

impl Level {
    /// What its trailer says wrongly, in words.
    fn differences(&self, record: &str, what: &str, parts: Option<&str>) -> Vec<String> {
        let mut fields = record.split(FIELD_ENDS).skip(1);
        let mut found = Vec::new();
        let mut compare = |name: &str, text: Option<&str>, expected: i128| {
            let said = text.and_then(signed);
            if said != Some(expected) {
                let text = shown(text.unwrap_or_default());
                found
                    .push(format!("the {what}'s {name} is given as {text}, but its records give {expected}"));
            }
        };
        compare("control total", fields.next(), self.total);
        if let Some(parts) = parts {
            compare(parts, fields.next(), self.parts.into());
        }
        compare("number of records", fields.next(), self.records.into());
        found
    }

    fn include(&mut self, inner: &Level) {
        self.total += inner.total;
        self.records += inner.records;
        self.parts += 1;
    }
}

/// What an account's summary (03) says beside its currency.
#[derive(Debug, Default, Clone, Copy)]
struct Summary {
    opening: Option<i64>,
    closing: Option<i64>,
    credits: Option<(i64, Option<u64>)>,
    debits: Option<(i64, Option<u64>)>,
}

struct Reading<'r, 's> {
    recorder: &'r mut Recorder<'s>,
    chain: Chain,
    /// The record being read with what continues it, lines separated by `\n`.
    record: String,
    /// Its first line; 0: none.
    line: u64,
    /// How many lines it takes; each counts as a record in the trailers.
    lines: u64,
    /// The last account's number.
    account: Option<usize>,
    summary: Summary,
    /// Line of the account's 03 record; 0 once its trailer was read.
    account_line: u64,
    currency: String,
    /// Whether that is the standard's, since the group names none.
    is_currency_assumed: bool,
    day: Option<Date>,
    /// Problems met before the first account.
    early: Vec<(u64, String)>,
    of_account: Level,
    of_group: Level,
    of_file: Level,
    in_group: bool,
    is_ended: bool,
}

impl<'r, 's> Reading<'r, 's> {
    fn new(recorder: &'r mut Recorder<'s>) -> Self {
        Self {
            recorder,
            chain: Chain::default(),
            record: String::new(),
            line: 0,
            lines: 0,
            account: None,
            summary: Summary::default(),
            account_line: 0,
            currency: DEFAULT_CURRENCY.to_owned(),
            is_currency_assumed: true,
            day: None,
            early: Vec::new(),
            of_account: Level::default(),
            of_group: Level::default(),
            of_file: Level::default(),
            in_group: false,
            is_ended: false,
        }
    }

    fn take(&mut self, number: u64, physical: &str) -> Result<(), StatementError> {
        if let Some(more) = physical.strip_prefix("88,") {
            if self.line == 0 {
                self.problem(
                    number,
                    "a continuation (88) continues nothing".to_owned(),
                    ProblemKind::Structure,
                );
            } else if self.record.len() + more.len() < MAX_RECORD_BYTES {
                self.record.push('\n');
                self.record.push_str(more.trim_end());
            }
            self.lines += 1;
            return Ok(());
        }
        self.end_record()?;
        self.record.push_str(physical.trim_end());
        self.line = number;
        self.lines = 1;
        Ok(())
    }

    /// Reads the record that stands whole in `record`.
    fn end_record(&mut self) -> Result<(), StatementError> {
        if self.line == 0 {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let record = std::mem::take(&mut self.record);
        let lines = std::mem::take(&mut self.lines);
        let code = record.split(FIELD_ENDS).next().unwrap_or_default().trim();
        match code {
            "01" => self.of_file.records += lines,
            "02" => self.begin_group(line, &record, lines),
            "03" => self.begin_account(line, &record, lines)?,
            "16" => {
                self.of_account.records += lines;
                self.mutation(line, &record)?;
            }
            "49" => {
                self.of_account.records += lines;
                self.end_account(line, &record);
            }
            "98" => {
                self.of_group.records += lines;
                self.end_group(line, &record);
            }
            "99" => {
                self.of_file.records += lines;
                self.end_file(line, &record);
            }
            _ => {
                self.of_account.records += lines;
                self.problem(
                    line,
                    format!("{} is no record of BAI2", shown(&record)),
                    ProblemKind::UnreadableRow,
                );
            }
        }
        self.record = record;
        self.record.clear();
        Ok(())
    }

    fn begin_group(&mut self, line: u64, record: &str, lines: u64) {
        if self.in_group {
            self.missing_trailer(line, "98");
        }
        self.in_group = true;
        self.of_group = Level { records: lines, ..Level::default() };
        let mut fields = record.split(FIELD_ENDS).map(str::trim).skip(3);
        let status = fields.next().unwrap_or_default();
        if !matches!(status, "1" | "3" | "") {
            let meaning = match status {
                "2" => "takes an earlier one back",
                "4" => "is a test",
                _ => "has an unknown status",
            };
            self.problem(line, format!("the group {meaning} (status {status})"), ProblemKind::Structure);
        }
        let day = fields.next().unwrap_or_default();
        self.day = as_of(day);
        if self.day.is_none() {
            self.problem(
                line,
                format!("the group's day {} is no day of the calendar", shown(day)),
                ProblemKind::Structure,
            );
        }
        let currency = fields.nth(1).unwrap_or_default();
        self.is_currency_assumed = currency.is_empty();
        let currency = if currency.is_empty() { DEFAULT_CURRENCY } else { currency };
        currency.clone_into(&mut self.currency);
    }

    fn begin_account(&mut self, line: u64, record: &str, lines: u64) -> Result<(), StatementError> {
        if self.account_line > 0 {
            self.missing_trailer(line, "49");
        }
        self.account_line = line;
        self.of_account = Level { records: lines, ..Level::default() };
        let mut fields = record.split(FIELD_ENDS);
        let number = fields.nth(1).unwrap_or_default().trim();
        let (currency, is_currency_assumed) = match fields.next().unwrap_or_default().trim() {
            "" => (self.currency.clone(), self.is_currency_assumed),
            currency => (currency.to_owned(), false),
        };
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let words = format!("line {line}: {} is not a currency: the file is damaged", shown(&currency));
            return Err(StatementError::broken(words));
        }
        let (summary, total, problem) = summary(&mut fields);
        self.summary = summary;
        self.of_account.total = total;
        let account =
            Account { number: number.replace(' ', ""), currency, is_currency_assumed, ..Account::default() };
        let account = self.chain.open(self.recorder, line, number, account, summary.opening)?;
        self.account = Some(account);
        for (line, reason) in std::mem::take(&mut self.early) {
            self.recorder.problem(account, line, reason, ProblemKind::Structure);
        }
        if let Some(problem) = problem {
            self.problem(line, problem, ProblemKind::Structure);
        }
        Ok(())
    }

    fn mutation(&mut self, line: u64, record: &str) -> Result<(), StatementError> {
        let Some(account) = self.account.filter(|_| self.account_line > 0) else {
            self.problem(line, "a mutation stands outside an account".to_owned(), ProblemKind::Structure);
            return Ok(());
        };
        let mut fields = record.split(FIELD_ENDS);
        let kind = fields.nth(1).unwrap_or_default().trim();
        let amount = fields.next().unwrap_or_default().trim();
        let found = direction(kind)
            .and_then(|is_in| Ok((is_in, amount_minor(amount)?)))
            .and_then(|(is_in, minor)| Ok((is_in, minor, funds(&mut fields)?)));
        let (is_in, minor, funds) = match found {
            Ok(found) => found,
            Err(_) if number(kind, 3, 3) == Some(NON_MONETARY) && signed(amount).unwrap_or_default() == 0 => {
                return Ok(());
            }
            Err(reason) => {
                self.of_account.total += signed(amount).unwrap_or_default();
                self.recorder.unreadable(account, line, reason);
                return Ok(());
            }
        };
        self.of_account.total += i128::from(minor);
        let Some(date) = self.day else {
            self.recorder.unreadable(account, line, "the day of its group is not known");
            return Ok(());
        };
        let amount_minor = if is_in { minor } else { -minor };
        let bank_reference = fields.next().unwrap_or_default().trim();
        let reference = fields.next().unwrap_or_default().trim();
        let text = rest_of(record, &fields);
        let counterparty = labelled(text, if is_in { "DBNM:" } else { "CRNM:" });
        let is_id = is_bank_id(bank_reference);
        let mut description = text.replace('\n', " ");
        for more in [reference, if is_id { "" } else { bank_reference }] {
            if !more.is_empty() && more.bytes().any(|byte| byte != b'0') && !description.contains(more) {
                description.push(' ');
                description.push_str(more);
            }
        }
        self.chain.add(account, amount_minor, false);
        self.recorder.row(
            account,
            &Row {
                value_date: funds.value_date,
                description: &description,
                bank_reference: if is_id { bank_reference } else { "" },
                counterparty,
                ..Row::new(line, date, amount_minor)
            },
        )
    }

    fn end_account(&mut self, line: u64, record: &str) {
        let Some(account) = self.account.filter(|_| self.account_line > 0) else {
            self.problem(
                line,
                "an account's trailer (49) ends no account".to_owned(),
                ProblemKind::Structure,
            );
            return;
        };
        for reason in self.of_account.differences(record, "account", None) {
            self.problem(line, reason, ProblemKind::Total);
        }
        self.chain.compared(account);
        self.compare_summary(account, line);
        let closing = Closing { minor: self.summary.closing, day: self.day, id: "" };
        self.chain.close(self.recorder, account, line, closing);
        self.of_group.include(&self.of_account);
        self.account_line = 0;
    }

    /// The totals of an account's summary against its rows.
    fn compare_summary(&mut self, account: usize, line: u64) {
        let sums = self.chain.sums(account);
        for (name, said, found, count) in [
            ("money in", self.summary.credits, sums.credit, sums.credit_count),
            ("money out", self.summary.debits, sums.debit, sums.debit_count),
        ] {
            let Some((said, said_count)) = said else {
                continue;
            };
            if i128::from(said) != found {
                let currency = self.chain.currency(account);
                let reason = format!(
                    "the total of {name} is given as {}, but the rows give {}",
                    format_amount(said.into(), currency),
                    format_amount(found, currency)
                );
                self.problem(line, reason, ProblemKind::Total);
            }
            if let Some(said) = said_count.filter(|said| *said != count) {
                let reason =
                    format!("the number of rows of {name} is given as {said}, but there are {count}");
                self.problem(line, reason, ProblemKind::Total);
            }
        }
    }

    fn end_group(&mut self, line: u64, record: &str) {
        if self.account_line > 0 {
            self.missing_trailer(line, "49");
        }
        for reason in self.of_group.differences(record, "group", Some("number of accounts")) {
            self.problem(line, reason, ProblemKind::Total);
        }
        self.of_file.include(&self.of_group);
        self.in_group = false;
    }

    fn end_file(&mut self, line: u64, record: &str) {
        if self.in_group {
            self.missing_trailer(line, "98");
        }
        for reason in self.of_file.differences(record, "file", Some("number of groups")) {
            self.problem(line, reason, ProblemKind::Total);
        }
        self.is_ended = true;
    }

    fn finish(mut self) -> Result<(), StatementError> {
        self.end_record()?;
        if self.account.is_none() {
            return Err(StatementError::broken("the file is cut off: no account (03) stands in it"));
        }
        if !self.is_ended {
            let reason = "the file is cut off: its trailer (99) is missing".to_owned();
            self.problem(0, reason, ProblemKind::Structure);
        }
        self.chain.finish(self.recorder)
    }

    /// What should have been ended by a trailer ends without one.
    fn missing_trailer(&mut self, line: u64, code: &str) {
        let reason = format!("the trailer ({code}) of what stands before is missing");
        self.problem(line, reason, ProblemKind::Structure);
        if self.account_line > 0 {
            if let Some(account) = self.account {
                let closing = Closing { minor: self.summary.closing, day: self.day, id: "" };
                self.chain.close(self.recorder, account, line, closing);
            }
            self.of_group.include(&self.of_account);
            self.account_line = 0;
        }
        if code == "98" {
            self.of_file.include(&self.of_group);
            self.in_group = false;
        }
    }

    fn problem(&mut self, line: u64, reason: String, kind: ProblemKind) {
        match self.account {
            Some(account) => self.recorder.problem(account, line, reason, kind),
            None if self.early.len() < crate::model::MAX_PROBLEMS => self.early.push((line, reason)),
            None => {}
        }
    }
}

/// What follows an amount: when the money is to be had.
#[derive(Debug, Default, PartialEq, Eq)]
struct Funds {
    value_date: Option<Date>,
}

fn funds(fields: &mut Split<'_, [char; 2]>) -> Result<Funds, String> {
    let mut found = Funds::default();
    let kind = fields.next().unwrap_or_default().trim();
    let skipped = match kind {
        "" | "0" | "1" | "2" | "Z" => 0,
        "S" => 3,
        "V" => {
            let day = fields.next().unwrap_or_default().trim();
            if !day.is_empty() {
                found.value_date = Some(
                    as_of(day)
                        .ok_or_else(|| format!("the value date {} is no day of the calendar", shown(day)))?,
                );
            }
            1
        }
        "D" => {
            let count = fields.next().unwrap_or_default().trim();
            let count = count.parse::<u32>().ok().filter(|count| *count <= MAX_SPREAD);
            2 * count.ok_or("the number of parts of its availability cannot be read")?
        }
        _ => return Err(format!("{} is no kind of availability of funds", shown(kind))),
    };
    for _ in 0..skipped {
        fields.next();
    }
    Ok(found)
}

/// Balances and totals of an account's summary, the sum of its amounts as written, and what cannot be read.
fn summary(fields: &mut Split<'_, [char; 2]>) -> (Summary, i128, Option<String>) {
    let mut found = Summary::default();
    let mut total = 0;
    let mut problem = None;
    while let Some(kind) = fields.next().map(str::trim) {
        let amount = fields.next().unwrap_or_default().trim();
        let count = fields.next().unwrap_or_default().trim().parse::<u64>().ok();
        if let Err(reason) = funds(fields) {
            problem = Some(reason);
            break;
        }
        if amount.is_empty() {
            continue;
        }
        let (Some(written), Ok(minor)) = (signed(amount), signed_minor(amount)) else {
            problem = Some(format!("{} is not an amount", shown(amount)));
            continue;
        };
        total += written;
        match number(kind, 1, 3) {
            Some(OPENING_LEDGER) => found.opening = Some(minor),
            Some(CLOSING_LEDGER) => found.closing = Some(minor),
            Some(TOTAL_CREDITS) => found.credits = Some((minor, count)),
            Some(TOTAL_DEBITS) => found.debits = Some((minor, count)),
            _ => {}
        }
    }
    (found, total, problem)
}

/// Whether money of a kind of mutation came in. Of loans (7xx) that cannot be said.
fn direction(kind: &str) -> Result<bool, String> {
    match number(kind, 3, 3) {
        Some(100..=399 | 920..=959) => Ok(true),
        Some(400..=699 | 960..=999) => Ok(false),
        Some(_) | None => Err(format!("the kind {} says neither money in nor money out", shown(kind))),
    }
}

/// An amount of a mutation: minor units without a sign.
fn amount_minor(text: &str) -> Result<i64, String> {
    signed_minor(text)
        .ok()
        .filter(|_| !text.starts_with('-'))
        .ok_or_else(|| format!("{} is not an amount", shown(text)))
}

fn signed_minor(text: &str) -> Result<i64, String> {
    signed(text)
        .and_then(|minor| i64::try_from(minor).ok())
        .filter(|minor| minor.abs() <= MAX_AMOUNT_MINOR)
        .ok_or_else(|| format!("{} is not an amount", shown(text)))
}

/// A whole number with or without a sign.
fn signed(text: &str) -> Option<i128> {
    let text = text.trim();
    let (is_negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let found: i128 = digits.parse().ok()?;
    Some(if is_negative { -found } else { found })
}

/// The day of `YYMMDD` or `YYYYMMDD`.
fn as_of(text: &str) -> Option<Date> {
    let (year, rest) = match text.len() {
        6 => (2_000 + number(text.get(..2)?, 2, 2)?, text.get(2..)?),
        8 => (number(text.get(..4)?, 4, 4)?, text.get(4..)?),
        _ => return None,
    };
    date(i32::try_from(year).ok()?, number(rest.get(..2)?, 2, 2)?, number(rest.get(2..)?, 2, 2)?)
}

/// What is left of `record` behind the fields that were taken.
fn rest_of<'a>(record: &'a str, fields: &Split<'a, [char; 2]>) -> &'a str {
    let left: usize = fields.clone().map(|field| field.len() + 1).sum();
    &record[record.len().saturating_sub(left.saturating_sub(1))..]
}

/// What stands behind `label` at the beginning of a line.
fn labelled<'a>(text: &'a str, label: &str) -> &'a str {
    text.split('\n').find_map(|line| line.trim_start().strip_prefix(label)).unwrap_or_default().trim()
}
