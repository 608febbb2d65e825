//! What the KlikBCA exports share: the pieces of a row, the trailer, and what the end must say.
//!
//! Layouts were read from public parsers and their fixtures, not from bank documents.

use time::Date;

use super::klikbca_text::{counterparty, day_in_text};
use crate::checks::Totals;
use crate::dates::DateReader;
use crate::model::{Account, ProblemKind, Row, StatementError};
use crate::money::parse_amount;
use crate::record::Recorder;
use crate::source::{Line, MAX_LINE_BYTES};
use crate::text::shown;

/// Every amount is written with two decimals, whatever the currency: one that has fewer was cut off.
const DECIMALS: usize = 2;
const PENDING: &str = "PEND";
/// Most digits of a count of rows.
const COUNT_DIGITS: usize = 9;

/// How the rows of an export stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Six, the direction in one without a name. The text is not quoted and may hold commas, so that the columns behind it are
    /// found from the right.
    Six,
    /// Five in quotes, the direction behind the amount.
    Five,
}

/// The cells of one row as they are written, without quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) date: &'a str,
    pub(super) description: &'a str,
    pub(super) amount: &'a str,
    pub(super) is_credit: bool,
    pub(super) balance: &'a str,
}

/// What the trailer's lines are called in both languages.
const LABELS: [(Part, &[&str]); 4] = [
    (Part::Opening, &["starting balance", "start balance", "saldo awal"]),
    (Part::Credit, &["credit mutation", "credit", "kredit", "mutasi kredit", "mutasi credit", "mutasi cr"]),
    (
        Part::Debit,
        &["debet mutation", "debit mutation", "debet", "debit", "mutasi debet", "mutasi debit", "mutasi db"],
    ),
    (Part::Closing, &["ending balance", "last balance", "closing balance", "saldo akhir"]),
];

/// What a line of a trailer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Opening,
    Credit,
    Debit,
    Closing,
}

const PARTS: [Part; 4] = [Part::Opening, Part::Credit, Part::Debit, Part::Closing];

impl Part {
    fn words(self) -> &'static str {
        match self {
            Self::Opening => "the opening balance",
            Self::Credit => "the total of money in",
            Self::Debit => "the total of money out",
            Self::Closing => "the closing balance",
        }
    }
}

/// Rows and trailer of one file, taken line by line.
pub(super) struct Body {
    account: usize,
    currency: &'static str,
    dates: DateReader,
    columns: Columns,
    last_date: Option<Date>,
    /// What the trailer says, in minor units, by part.
    amounts: [Option<i64>; 4],
    counts: [Option<u64>; 4],
    /// Lines of a row whose text in quotes goes on in the next one, and the first of them; empty: none.
    begun: String,
    begun_at: u64,
}

impl Body {
    pub(super) fn new(account: usize, currency: &'static str, dates: DateReader, columns: Columns) -> Self {
        Self {
            account,
            currency,
            dates,
            columns,
            last_date: None,
            amounts: [None; 4],
            counts: [None; 4],
            begun: String::new(),
            begun_at: 0,
        }
    }

    /// Takes one line below the header: a row, a line of the trailer, nothing, or a problem.
    pub(super) fn line(&mut self, line: Line<'_>, out: &mut Recorder<'_>) -> Result<(), StatementError> {
        let text = line.text;
        if text.trim_matches([' ', '\t', ',', '"']).is_empty() {
            return Ok(());
        }
        if let Some((part, rest)) = trailer(text) {
            self.not_ended(out);
            if let Err(words) = self.trailer_line(text, part, rest) {
                out.problem(self.account, line.number, words, ProblemKind::Structure);
            }
            return Ok(());
        }
        if let Some(cells) = self.row_of(text) {
            self.not_ended(out);
            return self.written_cells(line.number, &cells, out);
        }
        self.part_of_row(line, out)
    }

    fn row_of<'a>(&self, text: &'a str) -> Option<Cells<'a>> {
        match self.columns {
            Columns::Six => row_of_six(text),
            Columns::Five => row_of_five(text),
        }
    }

    /// Takes a line that is no row by itself: one that begins within quotes and does not end them, or what follows such a one.
    fn part_of_row(&mut self, line: Line<'_>, out: &mut Recorder<'_>) -> Result<(), StatementError> {
        let is_open = |text: &str| text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
        if self.begun.is_empty() {
            if is_open(line.text) && date_cell(line.text).is_some() {
                self.begun.push_str(line.text);
                self.begun_at = line.number;
                return Ok(());
            }
            self.not_a_row(line.number, line.text, out);
            return Ok(());
        }
        self.begun.push(' ');
        self.begun.push_str(line.text);
        let begun = std::mem::take(&mut self.begun);
        if let Some(cells) = self.row_of(&begun) {
            return self.written_cells(self.begun_at, &cells, out);
        }
        if is_open(&begun) && begun.len() < MAX_LINE_BYTES {
            self.begun = begun;
        } else {
            self.not_a_row(self.begun_at, &begun, out);
        }
        Ok(())
    }

    /// Notes a row that begins within quotes and is never ended.
    fn not_ended(&mut self, out: &mut Recorder<'_>) {
        if !self.begun.is_empty() {
            self.not_a_row(self.begun_at, &self.begun, out);
            self.begun.clear();
        }
    }

    /// Takes the cells of a row as its line has them: a quote within quotes is written twice.
    fn written_cells(
        &mut self,
        number: u64,
        cells: &Cells<'_>,
        out: &mut Recorder<'_>,
    ) -> Result<(), StatementError> {
        if self.columns == Columns::Five && cells.description.contains("\"\"") {
            let description = &cells.description.replace("\"\"", "\"");
            return self.cells(number, &Cells { description, ..*cells }, out);
        }
        self.cells(number, cells, out)
    }

    /// Takes the cells of one row.
    pub(super) fn cells(
        &mut self,
        number: u64,
        cells: &Cells<'_>,
        out: &mut Recorder<'_>,
    ) -> Result<(), StatementError> {
        if self.amounts.iter().any(Option::is_some) {
            out.problem(self.account, number, "a row stands behind the trailer", ProblemKind::Structure);
        }
        match self.row(number, cells) {
            Ok(row) => {
                self.last_date = Some(row.date);
                out.row(self.account, &row)
            }
            Err(words) => {
                out.unreadable(self.account, number, words);
                Ok(())
            }
        }
    }

    fn row<'a>(&self, number: u64, cells: &Cells<'a>) -> Result<Row<'a>, String> {
        let pending = cells.date == PENDING;
        let amount = self.money(cells.amount)?;
        if cells.balance.is_empty() && !pending {
            return Err("the row has no balance".to_owned());
        }
        let date =
            if pending { self.pending_date(cells.description) } else { self.dates.read(cells.date)? };
        let mut row = Row::new(number, date, if cells.is_credit { amount } else { -amount });
        row.balance_minor = if cells.balance.is_empty() { None } else { Some(self.money(cells.balance)?) };
        row.pending = pending;
        row.description = cells.description;
        row.counterparty = counterparty(cells.description);
        Ok(row)
    }

    fn money(&self, text: &str) -> Result<i64, String> {
        parse_amount(text, self.currency, Some(DECIMALS))
    }

    /// The day that a pending row's text names; else the latest day that the file tells.
    ///
    /// Taken from the file where possible, so that the same row has the same date in tomorrow's export. It is text, not a column:
    /// anything may stand there.
    fn pending_date(&self, description: &str) -> Date {
        let in_text = day_in_text(description).and_then(|day| self.dates.read(&day).ok());
        in_text.or(self.last_date).or(self.dates.period.map(|(_, last)| last)).unwrap_or(self.dates.today)
    }

    /// Takes what a row of a table tells below the mutations.
    pub(super) fn trailer_cells(
        &mut self,
        number: u64,
        part: Part,
        amount: &str,
        count: &str,
        out: &mut Recorder<'_>,
    ) {
        let fits = (amount.is_empty() || money_digits(amount, true, true).is_some())
            && count.len() <= COUNT_DIGITS
            && count.bytes().all(|byte| byte.is_ascii_digit());
        let taken = if fits {
            self.total(part, amount, count)
        } else {
            Err(format!("{} does not give an amount", shown(amount)))
        };
        if let Err(words) = taken {
            out.problem(self.account, number, words, ProblemKind::Structure);
        }
    }

    /// Notes a line that is no row.
    pub(super) fn not_a_row(&self, number: u64, text: &str, out: &mut Recorder<'_>) {
        out.unreadable(self.account, number, format!("{} is not a row of this format", shown(text)));
    }

    fn trailer_line(&mut self, line: &str, part: Part, rest: &str) -> Result<(), String> {
        let (amount, count) =
            amount_and_count(rest).ok_or_else(|| format!("{} does not give an amount", shown(line)))?;
        self.total(part, amount, count)
    }

    fn total(&mut self, part: Part, amount: &str, count: &str) -> Result<(), String> {
        let at = part as usize;
        if self.amounts[at].is_some() {
            return Err(format!("{} is given twice", part.words()));
        }
        if !count.is_empty() {
            self.counts[at] = count.parse().ok();
        }
        if !amount.is_empty() {
            self.amounts[at] = Some(self.money(amount)?);
            return Ok(());
        }
        match part {
            Part::Opening | Part::Closing => Err(format!("{} is empty", part.words())),
            // A total of no rows is left empty by the bank.
            Part::Credit | Part::Debit => {
                self.amounts[at] = Some(0);
                Ok(())
            }
        }
    }

    /// Closes the account once the file is at its end.
    pub(super) fn finish(mut self, out: &mut Recorder<'_>) -> Result<(), StatementError> {
        self.not_ended(out);
        let missing: Vec<&str> = PARTS
            .iter()
            .filter(|part| self.amounts[**part as usize].is_none())
            .map(|part| part.words())
            .collect();
        if !missing.is_empty() {
            let reason = format!("the file is cut off: its end should give {}", missing.join(", "));
            out.problem(self.account, 0, reason, ProblemKind::Structure);
        }
        let amount = |part: Part| self.amounts[part as usize];
        let count = |part: Part| self.counts[part as usize];
        let totals = Totals {
            opening_minor: amount(Part::Opening),
            closing_minor: amount(Part::Closing),
            credit_minor: amount(Part::Credit),
            debit_minor: amount(Part::Debit),
            credit_count: count(Part::Credit),
            debit_count: count(Part::Debit),
        };
        out.close(self.account, &totals)
    }
}

/// Which part a trailer's line tells, and what follows its label; none of any other line. The Individual export has "=" where
/// the Bisnis export has ":".
fn trailer(line: &str) -> Option<(Part, &str)> {
    let start = line.strip_prefix('"').unwrap_or(line).trim_start();
    if !start.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = start.find([':', ',', '"'])?;
    let label = start[..end].trim_end();
    let rest = start[end..].strip_prefix('"').unwrap_or(&start[end..]).trim_start();
    if !rest.starts_with([':', ',']) {
        return None;
    }
    part_of(label).map(|part| (part, rest))
}

/// Which part of a trailer is called so.
pub(super) fn part_of(label: &str) -> Option<Part> {
    let named = |known: &&str| known.eq_ignore_ascii_case(label);
    LABELS.iter().find(|(_, labels)| labels.iter().any(named)).map(|(part, _)| *part)
}

/// The amount and the count of rows of a trailer's line behind its label, each empty when it is not given.
fn amount_and_count(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix(':').or_else(|| behind_equals(rest.strip_prefix(',')?))?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let length = amount_length(rest);
    let (amount, rest) = rest.split_at(length);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    let counted = rest.strip_prefix(',').map(|rest| rest.strip_prefix('"').unwrap_or(rest));
    let digits = counted.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (count, rest) = match counted {
        Some(counted) if (1..=COUNT_DIGITS).contains(&digits) => {
            let (count, rest) = counted.split_at(digits);
            (count, rest.strip_prefix('"').unwrap_or(rest))
        }
        _ => ("", rest),
    };
    rest.chars().all(|character| character == ',' || character.is_whitespace()).then_some((amount, count))
}

/// What follows `"=",`, or all of `rest` when it does not begin so.
fn behind_equals(rest: &str) -> Option<&str> {
    let cell = rest.trim_start();
    let Some(behind) = cell.strip_prefix('"').unwrap_or(cell).strip_prefix('=') else {
        return Some(rest);
    };
    behind.strip_prefix('"').unwrap_or(behind).trim_start().strip_prefix(',')
}

/// How many bytes of `text` are an amount with two decimals and grouped or not; 0 for none.
fn amount_length(text: &str) -> usize {
    let sign = usize::from(text.starts_with('-'));
    let whole = text[sign..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b',').count();
    let point = sign + whole;
    let starts_well = text[sign..].starts_with(|first: char| first.is_ascii_digit());
    let decimals = text.as_bytes().get(point + 1..point + 1 + DECIMALS);
    let ends_well = text[point..].starts_with('.')
        && decimals.is_some_and(|decimals| decimals.iter().all(u8::is_ascii_digit));
    if starts_well && ends_well { point + 1 + DECIMALS } else { 0 }
}

/// `'DATE,'text,'BRANCH,AMOUNT,CR,BALANCE`, each perhaps in quotes, perhaps with a comma at its end.
fn row_of_six(line: &str) -> Option<Cells<'_>> {
    let (date, rest) = date_cell(line)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest).strip_prefix(',')?;
    // A row without a balance and one with a comma more look alike: the second is tried when the first is none.
    from_the_right(date, rest).or_else(|| from_the_right(date, rest.trim_end().strip_suffix(',')?))
}

fn from_the_right<'a>(date: &'a str, rest: &'a str) -> Option<Cells<'a>> {
    let (rest, balance) = split_last_cell(rest.trim_end())?;
    let balance = balance_cell(balance)?;
    let (rest, direction) = rest.rsplit_once(',')?;
    let is_credit = match unquoted(direction) {
        "CR" => true,
        "DB" => false,
        _ => return None,
    };
    let (rest, amount) = split_last_cell(rest)?;
    let amount = money_cell(amount, false)?;
    let (description, branch) = rest.rsplit_once(',')?;
    is_branch(unquoted(branch)).then_some(())?;
    let description = description.strip_prefix(['\'', '`']).unwrap_or(description);
    Some(Cells { date, description, amount, is_credit, balance })
}

/// `"DATE","text","BRANCH","AMOUNT CR","BALANCE"`, perhaps with a comma at its end.
fn row_of_five(line: &str) -> Option<Cells<'_>> {
    let (date, rest) = date_cell(line.strip_prefix('"')?)?;
    let rest = rest.strip_prefix("\",\"")?;
    let read = |rest: &'_ str| -> Option<(usize, usize, usize)> {
        let (front, balance) = split_last_cell(rest)?;
        balance_cell(balance)?;
        let money = front.strip_suffix('"')?.rfind("\",\"")?;
        let branch = front[..money].rfind("\",\"")?;
        Some((branch, money, front.len()))
    };
    let rest = rest.trim_end();
    let (rest, (branch_at, money_at, front)) = if let Some(found) = read(rest) {
        (rest, found)
    } else {
        let shorter = rest.strip_suffix(',')?.trim_end();
        (shorter, read(shorter)?)
    };
    is_branch(&rest[branch_at + 3..money_at]).then_some(())?;
    let (amount, direction) = rest[money_at + 3..front - 1].split_once(' ')?;
    let is_credit = match direction {
        "CR" => true,
        "DB" => false,
        _ => return None,
    };
    let amount = money_digits(amount, false, true)?;
    let balance = balance_cell(&rest[front + 1..])?;
    Some(Cells { date, description: &rest[..branch_at], amount, is_credit, balance })
}

/// A date with its marks, and what follows it. A leading ' or ` keeps spreadsheets from turning text into numbers.
fn date_cell(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix('"').unwrap_or(line);
    let line = line.strip_prefix(['\'', '`']).unwrap_or(line);
    let length = line.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'/').count();
    let length = if line.starts_with(PENDING) { PENDING.len() } else { length };
    let (date, rest) = line.split_at(length);
    if date.is_empty() {
        return None;
    }
    Some((date, rest.trim_start()))
}

/// What stands before the last comma outside quotes, and the cell behind it.
fn split_last_cell(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_suffix('"') {
        let open = quoted.rfind('"')?;
        return Some((text[..open].strip_suffix(',')?, &text[open..]));
    }
    text.rsplit_once(',')
}

/// The balance that a cell gives: empty for none.
fn balance_cell(cell: &str) -> Option<&str> {
    if cell.trim_matches([' ', '"']).is_empty() {
        return Some("");
    }
    money_cell(cell, true)
}

/// An amount. Grouped thousands must be in quotes: without them their commas could not be told from those between columns.
fn money_cell(cell: &str, may_be_negative: bool) -> Option<&str> {
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inner) => money_digits(inner, may_be_negative, true),
        None => money_digits(cell, may_be_negative, false),
    }
}

fn money_digits(text: &str, may_be_negative: bool, may_be_grouped: bool) -> Option<&str> {
    let fits = !text.is_empty()
        && amount_length(text) == text.len()
        && (may_be_negative || !text.starts_with('-'))
        && (may_be_grouped || !text.contains(','));
    fits.then_some(text)
}

/// Four digits or none, perhaps with a mark before them.
fn is_branch(text: &str) -> bool {
    let text = text.strip_prefix(['\'', '`']).unwrap_or(text).trim_end();
    text.is_empty() || (text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unquoted(cell: &str) -> &str {
    let cell = cell.strip_prefix('"').unwrap_or(cell);
    cell.strip_suffix('"').unwrap_or(cell)
}

/// Whether a line has these cells, whatever its case and quotes, and no more but empty ones.
pub(super) fn is_header(line: &str, header: &[&str]) -> bool {
    let mut cells = line.split(',').map(|cell| cell.trim_matches([' ', '"']));
    header.iter().all(|name| cells.next().is_some_and(|cell| cell.eq_ignore_ascii_case(name)))
        && cells.all(str::is_empty)
}

/// ISO 4217 code of what an export calls its currency, e.g. "Rp"; none when BCA has no such accounts.
///
/// No more than those: one damaged letter would make another of the world's currencies out of most.
pub(super) fn currency_of(text: &str) -> Option<&'static str> {
    const CURRENCIES: [&str; 18] = [
        "IDR", "AUD", "CAD", "CHF", "CNH", "CNY", "DKK", "EUR", "GBP", "HKD", "JPY", "NZD", "SAR", "SEK",
        "SGD", "THB", "USD", "RP",
    ];
    let text = text.trim_matches([' ', '\'', '`', '"']);
    let found = CURRENCIES.into_iter().find(|code| code.eq_ignore_ascii_case(text))?;
    Some(if found == "RP" { "IDR" } else { found })
}

/// What an export says above its header, by label.
#[derive(Debug, Default)]
pub(super) struct Preamble(Vec<(String, String)>);

impl Preamble {
    pub(super) fn say(&mut self, label: &str, value: &str) {
        self.0.push((label.trim().to_lowercase(), value.trim().to_owned()));
    }

    /// The value of the first of `labels` that stands there, the last time it does; else empty.
    pub(super) fn value(&self, labels: &[&str]) -> &str {
        let last = |wanted: &&str| self.0.iter().rev().find(|(label, _)| label == wanted);
        labels.iter().find_map(last).map_or("", |(_, value)| value.as_str())
    }
}

/// What exports call the account's number.
pub(super) const ACCOUNT_LABELS: &[&str] =
    &["no. rekening", "no rekening", "account number", "account no.", "account no"];

/// Opens the one account of an export; tells its number and its currency.
pub(super) fn open_account(
    preamble: &Preamble,
    out: &mut Recorder<'_>,
) -> Result<(usize, &'static str), StatementError> {
    let said = preamble.value(&["kode mata uang", "currency code", "mata uang", "currency"]);
    let Some(currency) = currency_of(said) else {
        // Not even with broken files allowed: money of an unknown currency is no amount.
        return Err(StatementError::broken(format!(
            "the file is damaged: {} is not a currency",
            shown(said)
        )));
    };
    let mut number = preamble.value(ACCOUNT_LABELS);
    if number.is_empty() {
        // Pages only: above a CSV, other banks say so too.
        number = preamble.value(&["nomor rekening"]);
    }
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let holder = preamble.value(&["nama", "name"]).to_owned();
    let account = out.account(Account {
        number: if is_number { number.to_owned() } else { String::new() },
        currency: currency.to_owned(),
        holder,
        is_currency_assumed: false,
    })?;
    if !is_number {
        let reason = format!("{} is not an account number", shown(number));
        out.problem(account, 0, reason, ProblemKind::Structure);
    }
    Ok((account, currency))
}
