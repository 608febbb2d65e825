//! Exports that are plain tables: a header that names the columns, one row a mutation, a column of money in and one of
//! money out.
//!
//! Layouts were read from public parsers and their fixtures, not from bank documents. Such files end with their last row: that
//! one is cut off between rows can only be seen by a closing balance or total, where the bank writes one.

use time::Date;

use super::klikbca::{ACCOUNT_LABELS, Part, Preamble, part_of};
use super::klikbca_text::counterparty;
use super::records::{Records, TOO_FEW, TOO_MANY, UNCLOSED, width};
use super::table_sums::Sums;
use crate::checks::Order;
use crate::dates::{DateReader, day_of};
use crate::model::{Account, MAX_PROBLEMS, Options, Row, StatementError};
use crate::money::{Marks, check_thousands, currency_code, parse_marked};
use crate::record::Recorder;
use crate::source::{HEAD_LINES, Head, Line, Source};
use crate::text::shown;

/// Most columns of a table.
const MAX_CELLS: usize = 256;
/// What the line of a sum begins with, in lower case.
const SUMS: [&str; 5] = ["grand total", "sub total", "subtotal", "total", "jumlah"];
/// These banks name no currency where they keep accounts in one only.
const HOME_CURRENCY: &str = "IDR";
/// What the lines above the header call it.
const CURRENCY_LABELS: &[&str] = &["kode mata uang", "mata uang", "currency", "currency code", "valuta"];

/// What a bank calls its columns, in lower case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// A line that has all of these is the header.
    pub(super) header: &'static [&'static str],
    pub(super) date: &'static str,
    pub(super) value_date: &'static str,
    /// The columns that together are the text, in the order of the file.
    pub(super) texts: &'static [&'static str],
    /// Of money in. Where one column holds both, that one's name, as in `debit`, and `side` says which column tells them apart.
    pub(super) credit: &'static str,
    pub(super) debit: &'static str,
    pub(super) side: &'static str,
    pub(super) balance: &'static str,
    pub(super) account: &'static str,
    pub(super) currency: &'static str,
    pub(super) marks: Marks,
}

/// Where the columns of one file stand.
#[derive(Debug, Clone)]
struct Columns {
    /// How many the header names.
    width: usize,
    date: usize,
    value_date: Option<usize>,
    texts: Vec<usize>,
    credit: usize,
    debit: usize,
    side: Option<usize>,
    balance: Option<usize>,
    account: Option<usize>,
    currency: Option<usize>,
}

impl Shape {
    pub(super) fn is_header(&self, cells: &[&str]) -> bool {
        self.columns(cells).is_some()
    }

    fn columns(&self, cells: &[&str]) -> Option<Columns> {
        let names: Vec<String> = cells.iter().map(|cell| crate::normalise(cell).to_lowercase()).collect();
        let at = |name: &str| if name.is_empty() { None } else { names.iter().position(|cell| cell == name) };
        if !self.header.iter().all(|name| at(name).is_some()) {
            return None;
        }
        Some(Columns {
            width: width(cells),
            date: at(self.date)?,
            value_date: at(self.value_date),
            texts: (0..names.len()).filter(|index| self.texts.contains(&names[*index].as_str())).collect(),
            credit: at(self.credit)?,
            debit: at(self.debit)?,
            side: at(self.side),
            balance: at(self.balance),
            account: at(self.account),
            currency: at(self.currency),
        })
    }
}

/// One file's rows on their way to the recorder.
pub(super) struct Table<'t> {
    shape: &'t Shape,
    /// Shapes that the header may have, each with its format's name.
    shapes: &'t [(&'static str, &'t Shape)],
    /// Cells were cut out of lines of text, where a separator too many or too few moves them.
    is_text: bool,
    dates: DateReader,
    columns: Option<Columns>,
    preamble: Preamble,
    lines: usize,
    /// Number and currency of the accounts so far, in their order.
    accounts: Vec<(String, &'static str)>,
    /// The ones that the lines above the header name, once they are looked up.
    said: Option<(String, &'static str)>,
    /// What is wrong with rows before the first account, and their lines.
    unplaced: Vec<(u64, String)>,
    /// Of the row before.
    last_date: Option<Date>,
    sums: Sums,
    text: String,
}

impl<'t> Table<'t> {
    /// A table whose header tells which of `shapes`, one at least, it has.
    pub(super) fn of_one(shapes: &'t [(&'static str, &'t Shape)], today: Date) -> Self {
        Self { shapes, ..Self::new(shapes[0].1, today) }
    }

    fn new(shape: &'t Shape, today: Date) -> Self {
        Self {
            shape,
            shapes: &[],
            is_text: false,
            dates: DateReader::new(today),
            columns: None,
            preamble: Preamble::default(),
            lines: 0,
            accounts: Vec::new(),
            said: None,
            unplaced: Vec::new(),
            last_date: None,
            sums: Sums::default(),
            text: String::new(),
        }
    }

    /// Takes one line of cells.
    pub(super) fn line(
        &mut self,
        number: u64,
        cells: &[&str],
        out: &mut Recorder<'_>,
    ) -> Result<(), StatementError> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(());
        }
        if cells.len() > MAX_CELLS {
            return Err(StatementError::broken(format!("line {number} has more than {MAX_CELLS} columns")));
        }
        if self.columns.is_none()
            && let Some((format, shape)) = self.shapes.iter().find(|(_, shape)| shape.is_header(cells))
        {
            self.shape = shape;
            out.rename(format);
        }
        // Pages of one export repeat the header.
        if (self.columns.is_none() || cells.get(self.date_at()).is_some_and(|cell| !has_digit(cell)))
            && let Some(columns) = self.shape.columns(cells)
        {
            self.columns = Some(columns);
            return Ok(());
        }
        let Some(columns) = self.columns.take() else {
            return self.above(cells);
        };
        let taken = self.below(number, &columns, cells, out);
        self.columns = Some(columns);
        taken
    }

    /// Takes a line below the header.
    fn below(
        &mut self,
        number: u64,
        columns: &Columns,
        cells: &[&str],
        out: &mut Recorder<'_>,
    ) -> Result<(), StatementError> {
        if self.is_trailer(columns, cells)? {
            return Ok(());
        }
        let (account, currency) = match self.account(columns, cells, out)? {
            Ok(found) => found,
            Err(words) => {
                self.unreadable(number, words, out);
                return Ok(());
            }
        };
        self.text.clear();
        for piece in columns.texts.iter().filter_map(|at| cells.get(*at)).map(|cell| cell.trim()) {
            if !piece.is_empty() {
                if !self.text.is_empty() {
                    self.text.push(' ');
                }
                self.text.push_str(piece);
            }
        }
        if self.is_balance(columns, cells, currency) {
            return Ok(());
        }
        match self.row(number, columns, cells, currency) {
            Ok(row) => {
                self.last_date = Some(row.date);
                self.sums.add(row.amount_minor, row.pending);
                let row = Row { description: &self.text, counterparty: counterparty(&self.text), ..row };
                out.row(account, &row)
            }
            Err(words) => {
                out.unreadable(account, number, words);
                Ok(())
            }
        }
    }

    /// Notes a row whose account is not known, of the account before it or else of the first.
    fn unreadable(&mut self, number: u64, words: String, out: &mut Recorder<'_>) {
        match self.accounts.len().checked_sub(1) {
            Some(account) => out.unreadable(account, number, words),
            None if self.unplaced.len() < MAX_PROBLEMS => self.unplaced.push((number, words)),
            None => {}
        }
    }

    /// The account of the row before, or the one that the lines above the header name.
    fn any_account(&mut self, out: &mut Recorder<'_>) -> Result<usize, StatementError> {
        if self.accounts.is_empty() {
            let (number, currency) = self.said()?.clone();
            return self.open(number, currency, out);
        }
        Ok(self.accounts.len() - 1)
    }

    /// Closes the accounts once the file is at its end.
    pub(super) fn finish(mut self, out: &mut Recorder<'_>) -> Result<(), StatementError> {
        if self.columns.is_none() {
            return Err(self.no_header());
        }
        self.any_account(out)?;
        for (number, words) in std::mem::take(&mut self.unplaced) {
            out.unreadable(0, number, words);
        }
        if let [_] = self.accounts.as_slice() {
            return out.close(0, &self.sums.totals());
        }
        Ok(())
    }

    fn date_at(&self) -> usize {
        self.columns.as_ref().map_or(0, |columns| columns.date)
    }

    fn no_header(&self) -> StatementError {
        let names = self.shape.header.join(", ");
        StatementError::broken(format!(
            "the file is cut off or damaged: it has no header with the columns {names}"
        ))
    }

    /// A line above the header: perhaps a label and what it says.
    fn above(&mut self, cells: &[&str]) -> Result<(), StatementError> {
        self.lines += 1;
        if self.lines > HEAD_LINES {
            return Err(self.no_header());
        }
        if let Some((label, value)) = label_and_value(cells) {
            self.preamble.say(label, value);
        }
        Ok(())
    }

    /// Number and currency that the lines above the header say.
    fn said(&mut self) -> Result<&(String, &'static str), StatementError> {
        if let Some(ref said) = self.said {
            return Ok(said);
        }
        let said = self.preamble.value(CURRENCY_LABELS);
        let currency = if said.is_empty() { Some(HOME_CURRENCY) } else { currency_code(said) };
        let currency = currency.ok_or_else(|| {
            StatementError::broken(format!("the file is damaged: {} is not a currency", shown(said)))
        })?;
        let mut number = self.preamble.value(ACCOUNT_LABELS);
        if number.is_empty() {
            number = self.preamble.value(&["nomor rekening", "rekening", "account"]);
        }
        let number = digits(number);
        Ok(self.said.insert((number, currency)))
    }

    /// The account of a row, opened when it is the first of it, and its currency; or what is wrong with them.
    fn account(
        &mut self,
        columns: &Columns,
        cells: &[&str],
        out: &mut Recorder<'_>,
    ) -> Result<Result<(usize, &'static str), String>, StatementError> {
        let of_row = |at: Option<usize>| at.and_then(|at| cells.get(at)).copied();
        let (said_number, said_currency) = (of_row(columns.account), of_row(columns.currency));
        if said_number.is_none() && said_currency.is_none() && !self.accounts.is_empty() {
            return Ok(Ok((0, self.accounts[0].1)));
        }
        let number = said_number.map(digits);
        if let (Some(number), Some(cell)) = (&number, said_number)
            && number.is_empty()
        {
            return Ok(Err(format!("{} is not an account number", shown(cell))));
        }
        let currency = match said_currency {
            Some(cell) => match currency_code(cell) {
                Some(currency) => currency,
                None => {
                    return Ok(Err(format!("{} is not a currency", shown(cell))));
                }
            },
            None => self.said()?.1,
        };
        let number = match number {
            Some(number) => number,
            None => self.said()?.0.clone(),
        };
        let found = self.accounts.iter().rposition(|(known, of)| *known == number && *of == currency);
        let account = match found {
            Some(found) => found,
            None => self.open(number, currency, out)?,
        };
        Ok(Ok((account, currency)))
    }

    fn open(
        &mut self,
        number: String,
        currency: &'static str,
        out: &mut Recorder<'_>,
    ) -> Result<usize, StatementError> {
        self.accounts.push((number.clone(), currency));
        let holder = self.preamble.value(&["nama", "name", "nama nasabah", "account name", "nama rekening"]);
        let account = Account {
            number,
            currency: currency.to_owned(),
            holder: holder.to_owned(),
            is_currency_assumed: self.shape.currency.is_empty()
                && self.preamble.value(CURRENCY_LABELS).is_empty(),
        };
        out.account_in(account, Order::Either)
    }

    /// Takes a line without a day that tells a sum instead of a mutation. It names no account: it is of the one before.
    fn is_trailer(&mut self, columns: &Columns, cells: &[&str]) -> Result<bool, StatementError> {
        let is_day = |cell: &&str| has_digit(cell) && !cell.trim_start().starts_with(char::is_alphabetic);
        if cells.get(columns.date).is_some_and(is_day) {
            return Ok(false);
        }
        let mut filled = cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        let Some(first) = filled.next() else {
            return Ok(false);
        };
        let (label, behind) = first.split_once(':').unwrap_or((first, ""));
        let label = label.trim().to_lowercase();
        let of_sum = SUMS.iter().find_map(|sum| label.strip_prefix(sum));
        let part = part_of(of_sum.unwrap_or(&label).trim());
        if of_sum.is_none() && part.is_none() {
            return Ok(false);
        }
        let currency = match self.accounts.last() {
            Some((_, currency)) => currency,
            None => self.said()?.1,
        };
        let amount = |cell: &str| money(cell, currency, self.shape.marks).ok();
        let in_column = |at: usize| {
            cells.get(at).filter(|cell| !matches!(cell.trim(), "" | "-")).and_then(|cell| amount(cell))
        };
        let (own, part) = match part {
            Some(part @ Part::Credit) => (in_column(columns.credit), part),
            Some(part @ Part::Debit) => (in_column(columns.debit), part),
            Some(part) if of_sum.is_none() => (None, part),
            // One amount is of one side, and here nobody says of which.
            Some(_) | None if columns.side.is_some() => return Ok(true),
            Some(_) | None => {
                let (credit, debit) = (in_column(columns.credit), in_column(columns.debit));
                self.sums.say(Part::Credit, credit);
                self.sums.say(Part::Debit, debit);
                return Ok(true);
            }
        };
        let behind = behind.trim();
        let said = own
            .or_else(|| if behind.is_empty() { filled.next_back().and_then(amount) } else { amount(behind) });
        self.sums.say(part, said);
        Ok(said.is_some() || of_sum.is_some())
    }

    /// Takes a row with a day that moves nothing and is called a balance.
    fn is_balance(&mut self, columns: &Columns, cells: &[&str], currency: &str) -> bool {
        let Some(part @ (Part::Opening | Part::Closing)) = part_of(&self.text) else {
            return false;
        };
        let written =
            |at: usize| money(cells.get(at).copied().unwrap_or_default(), currency, self.shape.marks);
        let balance = columns.balance.filter(|at| cells.get(*at).is_some_and(|cell| !cell.trim().is_empty()));
        match (written(columns.credit), written(columns.debit), balance.map(written)) {
            (Ok(0), Ok(0), Some(Ok(balance))) => {
                self.sums.say(part, Some(balance));
                true
            }
            _ => false,
        }
    }

    fn row(
        &self,
        number: u64,
        columns: &Columns,
        cells: &[&str],
        currency: &str,
    ) -> Result<Row<'static>, String> {
        if self.is_text && width(cells) > columns.width {
            return Err(TOO_MANY.to_owned());
        }
        let behind = columns.balance.max(columns.side).unwrap_or_default();
        let last = columns.credit.max(columns.debit).max(behind);
        if self.is_text && cells.len() <= last {
            return Err(TOO_FEW.to_owned());
        }
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        let written = |at: usize| money(cell(at), currency, self.shape.marks);
        let pending = cell(columns.date).eq_ignore_ascii_case("pend");
        // That of the row before, so that it is the same row tomorrow.
        let date = match self.last_date {
            _ if !pending => day_of(cell(columns.date), &self.dates)?,
            Some(date) => date,
            None => self.dates.today,
        };
        let amount = self.amount(columns, cells, currency)?;
        let mut row = Row::new(number, date, amount);
        row.pending = pending;
        if let Some(at) = columns.value_date.filter(|at| !cell(*at).is_empty()) {
            row.value_date = Some(day_of(cell(at), &self.dates)?);
        }
        if let Some(at) = columns.balance {
            if cell(at).is_empty() && !pending {
                return Err("the row has no balance".to_owned());
            }
            row.balance_minor = if cell(at).is_empty() { None } else { Some(written(at)?) };
        }
        Ok(row)
    }

    /// What a row moves; money in is positive.
    fn amount(&self, columns: &Columns, cells: &[&str], currency: &str) -> Result<i64, String> {
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        let is_empty = |at: usize| matches!(cell(at), "" | "-");
        let written = |at: usize| money(cell(at), currency, self.shape.marks);
        if let Some(at) = columns.side {
            let amount = written(columns.credit)?;
            return match side(cell(at)) {
                _ if is_empty(columns.credit) => Err("the row has no amount".to_owned()),
                _ if amount < 0 => Err("the row has a negative amount".to_owned()),
                Some(Part::Credit) => Ok(amount),
                Some(_) => Ok(-amount),
                None => Err(format!("{} is neither debit nor credit", shown(cell(at)))),
            };
        }
        match (written(columns.credit)?, written(columns.debit)?) {
            // A row that is cut off has but one of them.
            (0, 0) if !is_empty(columns.credit) && !is_empty(columns.debit) => Ok(0),
            (0, 0) => Err("the row has no amount".to_owned()),
            (credit, 0) if credit > 0 => Ok(credit),
            (0, debit) if debit > 0 => Ok(-debit),
            _ => Err("the row has an amount on both sides, or a negative one".to_owned()),
        }
    }
}

/// Which way a column of sides says that money went; D is Debet, K Kredit.
fn side(cell: &str) -> Option<Part> {
    match cell.trim().to_ascii_uppercase().as_str() {
        "D" | "DB" | "DR" | "DEBIT" | "DEBET" => Some(Part::Debit),
        "K" | "C" | "CR" | "KREDIT" | "CREDIT" => Some(Part::Credit),
        _ => None,
    }
}

/// The label and the value that a line above the header may be: `label : value` in one cell, or in several.
pub(super) fn label_and_value<'c>(cells: &[&'c str]) -> Option<(&'c str, &'c str)> {
    let mut filled = cells.iter().map(|cell| cell.trim()).filter(|cell| !matches!(*cell, "" | "=" | ":"));
    let first = filled.next()?;
    match first.split_once(':') {
        Some((label, value)) if !value.trim().is_empty() => Some((label, value)),
        _ => Some((first.trim_end_matches([':', ' ']), filled.next()?.trim_start_matches([':', ' ']))),
    }
}

/// An amount, or 0 for a cell that has none. Zero is also written `.00`.
fn money(cell: &str, currency: &str, marks: Marks) -> Result<i64, String> {
    let cell = cell.trim();
    check_thousands(cell, currency, marks)?;
    match cell {
        "" | "-" => Ok(0),
        _ if cell.starts_with(char::from(marks.decimal)) => {
            parse_marked(&format!("0{cell}"), currency, None, marks)
        }
        _ => parse_marked(cell, currency, None, marks),
    }
}

/// A number of an account without the marks that banks put in it; empty when it is none.
fn digits(text: &str) -> String {
    let text = text.trim_matches([' ', '\'', '`', '"', '=']);
    let end = text.find(|mark: char| !matches!(mark, '0'..='9' | ' ' | '-' | '.')).unwrap_or(text.len());
    let (number, behind) = text.split_at(end);
    // Behind the number may stand its currency or holder, never a letter that belongs to it.
    if !behind.is_empty() && !number.ends_with(' ') {
        return String::new();
    }
    number.chars().filter(char::is_ascii_digit).collect()
}

fn has_digit(cell: &str) -> bool {
    cell.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a line of `head` is the header of `shape`.
pub(super) fn is_csv(head: &Head, shape: &Shape, separator: u8) -> bool {
    (1..).zip(&head.lines).any(|(number, text)| {
        let mut records = Records::new(separator);
        matches!(records.take(Line { number, text }), Ok(true))
            && shape.is_header(&records.cells().collect::<Vec<_>>())
    })
}

/// Reads a CSV of `shape`.
pub(super) fn read_csv(
    source: &mut Source<'_>,
    options: &Options<'_>,
    out: &mut Recorder<'_>,
    shape: &Shape,
    separator: u8,
) -> Result<(), StatementError> {
    let mut table = Table { is_text: true, ..Table::new(shape, options.today) };
    let mut records = Records::new(separator);
    while let Some(line) = source.next_line()? {
        if records.take(line)? {
            let cells: Vec<&str> = records.cells().collect();
            table.line(records.line(), &cells, out)?;
        }
    }
    if let Some(line) = records.cut_off() {
        table.unreadable(line, UNCLOSED.to_owned(), out);
    }
    table.finish(out)
}
