//! CSV of any bank, or the first sheet of an XLSX or XLS, read by a saved [`Mapping`] of its columns.
//!
//! What the mapping leaves open (delimiter, header, decimal sign, order of day and month) is found in the file: where its cells
//! leave a doubt, it is refused and the mapping must say. Then the file is read twice, once to find out.

use std::collections::HashMap;

use time::Date;

use super::Format;
use super::csv_layout::{AmountColumns, Layout, cell, is_ignored};
use super::mapping::{Column, Mapping, is_currency};
use super::records::{Records, TOO_FEW, TOO_MANY, UNCLOSED, width};
use super::styles::{AmountStyle, DateForm, DateStyle, Written};
use super::workbook;
use crate::checks::{Order, Totals};
use crate::dates::sheet_day;
use crate::model::{Account, Options, Row, StatementError};
use crate::money::Marks;
use crate::record::Recorder;
use crate::source::{HEAD_LINES, Head, Source};
use crate::text::shown;

pub(super) const FORMAT: Format = Format {
    name: "mapped-csv",
    title: "CSV, XLSX or XLS of any bank, with a column mapping",
    sniff: |_: &Head| false,
    read,
};

fn read(
    source: &mut Source<'_>,
    options: &Options<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let text = options.mapping.ok_or_else(|| StatementError::broken("a free CSV needs a column mapping"))?;
    let mapping = Mapping::parse(text)?;
    let table = mapping.table.as_ref();
    let table = table.ok_or_else(|| StatementError::broken("the column mapping names no columns"))?;
    let layout = if workbook::is_workbook(source.head()) {
        Layout::of_sheet(first_rows(source)?, &mapping, table)?
    } else {
        Layout::find(source.head(), &mapping, table)?
    };
    if let (Some(form), Some(marks)) = (&mapping.date_form, mapping.marks) {
        let form = form.clone();
        return Rows { mapping: &mapping, layout: &layout, form, marks, today: options.today }
            .read(source, recorder);
    }
    let (form, marks) = find_styles(source, &mapping, &layout)?;
    let mut again = Source::new(source.seekable()?, u64::MAX)?;
    Rows { mapping: &mapping, layout: &layout, form, marks, today: options.today }.read(&mut again, recorder)
}

/// Which of the mappings fit a file, by their places: those whose columns it has, every one that they name, and they name one.
pub(super) fn fitting(source: &mut Source<'_>, mappings: &[&str]) -> Result<Vec<usize>, StatementError> {
    let is_sheet = workbook::is_workbook(source.head());
    let rows = if is_sheet { first_rows(source)? } else { Vec::new() };
    let fits = |text: &str| {
        let mapping = Mapping::parse(text).ok()?;
        let table = mapping.table.as_ref()?;
        let is_named = table.all().iter().any(|column| matches!(column, Column::Name(_)));
        let layout = if is_sheet {
            Layout::of_sheet(rows.clone(), &mapping, table)
        } else {
            Layout::find(source.head(), &mapping, table)
        };
        (is_named && layout.is_ok()).then_some(())
    };
    Ok((0..mappings.len()).filter(|place| fits(mappings[*place]).is_some()).collect())
}

/// Reads the whole file to learn how its days and amounts are written, as far as the mapping does not say.
fn find_styles(
    source: &mut Source<'_>,
    mapping: &Mapping,
    layout: &Layout,
) -> Result<(DateForm, Marks), StatementError> {
    let (mut amounts, mut dates) = (AmountStyle::default(), DateStyle::default());
    records(source, mapping, layout, |_, record| {
        layout.amount_cells(record).for_each(|cell| amounts.observe(without_mark(cell, mapping).0));
        layout.date_cells(record).for_each(|cell| dates.observe(cell));
        Ok(())
    })?;
    let must_say = |what: &str, reason: String| {
        StatementError::broken(format!("{reason}: the column mapping must say it ({what})"))
    };
    let form = match &mapping.date_form {
        Some(form) => form.clone(),
        None => dates.decide().map_err(|reason| must_say("date_format", reason))?,
    };
    let marks = match mapping.marks {
        Some(marks) => marks,
        None => amounts.decide().map_err(|reason| must_say("decimal", reason))?,
    };
    Ok((form, marks))
}

/// The first rows of a spreadsheet's first sheet, each with its number.
fn first_rows(source: &mut Source<'_>) -> Result<Vec<(u64, Vec<String>)>, StatementError> {
    let mut rows = Vec::new();
    let read = workbook::rows(source, 1, |number, cells| {
        rows.push((number, cells.iter().map(|cell| (*cell).to_owned()).collect()));
        if rows.len() < HEAD_LINES { Ok(()) } else { Err(StatementError::Stopped) }
    });
    match read {
        Ok(()) | Err(StatementError::Stopped) => Ok(rows),
        Err(error) => Err(error),
    }
}

/// Gives each record of a CSV or a sheet that is to be read: its line and its cells. Returns the line of one that is cut off.
fn records(
    source: &mut Source<'_>,
    mapping: &Mapping,
    layout: &Layout,
    mut take: impl FnMut(u64, &[&str]) -> Result<(), StatementError>,
) -> Result<Option<u64>, StatementError> {
    if layout.is_sheet {
        workbook::rows(source, 1, |number, cells| {
            let is_read = number > layout.header_line && !is_ignored(cells, mapping);
            if is_read { take(number, cells) } else { Ok(()) }
        })?;
        return Ok(None);
    }
    let mut records = Records::new(layout.delimiter);
    while let Some(line) = source.next_line()? {
        if !records.take(line)? || records.line() <= layout.header_line {
            continue;
        }
        let cells: Vec<&str> = records.cells().collect();
        if !is_ignored(&cells, mapping) {
            take(records.line(), &cells)?;
        }
    }
    Ok(records.cut_off())
}

/// The rows of a file whose layout is known.
struct Rows<'m> {
    mapping: &'m Mapping,
    layout: &'m Layout,
    form: DateForm,
    marks: Marks,
    today: Date,
}

/// What a row says, its texts aside.
struct Figures {
    date: Date,
    value_date: Option<Date>,
    amount_minor: i64,
    balance_minor: Option<i64>,
    pending: bool,
}

impl Rows<'_> {
    fn read(&self, source: &mut Source<'_>, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
        let mut accounts: HashMap<(String, String), usize> = HashMap::new();
        if self.layout.account.is_none() && self.layout.currency.is_none() {
            self.account(&mut accounts, recorder, &self.mapping.account, &self.mapping.currency)?;
        }
        let mut unplaced = Vec::new();
        let mut last = None;
        let cut_off = records(source, self.mapping, self.layout, |line, record| {
            let number = cell(record, self.layout.account).unwrap_or(&self.mapping.account);
            let currency = cell(record, self.layout.currency).unwrap_or(&self.mapping.currency);
            if !is_currency(currency) {
                unplaced.push((line, format!("{} is not a currency", shown(currency))));
                if unplaced.len() > crate::model::MAX_PROBLEMS {
                    return Err(StatementError::broken(
                        "the column of currencies holds none: the mapping does not fit",
                    ));
                }
                return Ok(());
            }
            let account = self.account(&mut accounts, recorder, number, currency)?;
            match self.row(record, currency, last) {
                Ok(read) => {
                    last = Some(read.date);
                    self.tell(recorder, account, line, record, &read)?;
                }
                Err(reason) => recorder.unreadable(account, line, reason),
            }
            Ok(())
        })?;
        unplaced.extend(cut_off.map(|line| (line, UNCLOSED.to_owned())));
        if accounts.is_empty() {
            self.account(&mut accounts, recorder, &self.mapping.account, &self.mapping.currency)?;
        }
        for (line, reason) in unplaced {
            recorder.unreadable(0, line, reason);
        }
        (0..accounts.len()).try_for_each(|account| recorder.close(account, &Totals::default()))
    }

    fn account(
        &self,
        accounts: &mut HashMap<(String, String), usize>,
        recorder: &mut Recorder<'_>,
        number: &str,
        currency: &str,
    ) -> Result<usize, StatementError> {
        let number = number.trim_start_matches(['\'', '`']).replace(' ', "");
        let key = (number, currency.to_owned());
        if let Some(account) = accounts.get(&key) {
            return Ok(*account);
        }
        let holder = self.mapping.holder.clone();
        // A column says it of the rows that have one there.
        let is_currency_assumed = self.mapping.is_currency_assumed && self.layout.currency.is_none();
        let told = Account { number: key.0.clone(), currency: key.1.clone(), holder, is_currency_assumed };
        let account = recorder.account_in(told, Order::Either)?;
        accounts.insert(key, account);
        Ok(account)
    }

    fn tell(
        &self,
        recorder: &mut Recorder<'_>,
        account: usize,
        line: u64,
        record: &[&str],
        read: &Figures,
    ) -> Result<(), StatementError> {
        let layout = self.layout;
        let mut description = String::new();
        for text in layout.descriptions.iter().filter_map(|column| cell(record, Some(*column))) {
            description.extend((!description.is_empty()).then_some(' '));
            description.push_str(text);
        }
        let reference = cell(record, layout.reference).unwrap_or_default();
        let is_id = reference.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0');
        recorder.row(
            account,
            &Row {
                value_date: read.value_date,
                balance_minor: read.balance_minor,
                pending: read.pending,
                description: &description,
                bank_reference: if is_id { reference } else { "" },
                counterparty: cell(record, layout.counterparty).unwrap_or_default(),
                ..Row::new(line, read.date, read.amount_minor)
            },
        )
    }

    /// `last`: the day of the row before it.
    fn row(&self, record: &[&str], currency: &str, last: Option<Date>) -> Result<Figures, String> {
        let layout = self.layout;
        if record.len() > layout.most_cells || width(record) > layout.width {
            return Err(TOO_MANY.to_owned());
        }
        if record.len() < layout.least() {
            return Err(TOO_FEW.to_owned());
        }
        let day = |column| match cell(record, column) {
            Some(text) => self.day(text).map(Some),
            None => Ok(None),
        };
        let value_date = day(layout.value_date)?;
        let words = &self.mapping.words;
        let written = cell(record, Some(layout.date));
        let in_place_of_date = written.is_some_and(|text| is_among(text, &words.pending));
        let pending = self.is_pending(record)? || in_place_of_date;
        // A row that is not posted yet may have no day: then that of the row before, so that it is the same one tomorrow.
        let date = match written {
            Some(text) if !in_place_of_date => self.day(text)?,
            Some(_) | None if pending => value_date.or(last).unwrap_or(self.today),
            Some(_) | None => return Err("the row has no date".to_owned()),
        };
        let amount_minor = self.amount(record, currency)?;
        let balance = cell(record, layout.balance);
        Ok(Figures {
            date,
            value_date,
            pending,
            amount_minor: if self.mapping.negate { -amount_minor } else { amount_minor },
            balance_minor: balance.map(|text| self.signed(text, currency)).transpose()?,
        })
    }

    /// The day that a cell names; that of a sheet may count it.
    fn day(&self, text: &str) -> Result<Date, String> {
        let counted = if self.layout.is_sheet { sheet_day(text) } else { None };
        counted.map_or_else(|| self.form.read(text, self.today), Ok)
    }

    /// Whether the status says that the row is not posted yet. No status is that of a posted one.
    fn is_pending(&self, record: &[&str]) -> Result<bool, String> {
        let words = &self.mapping.words;
        match cell(record, self.layout.status) {
            Some(status) if is_among(status, &words.pending) => Ok(true),
            Some(status) if is_among(status, &words.posted) => Ok(false),
            Some(status) => Err(format!("{} is neither a posted nor a pending row's status", shown(status))),
            None => Ok(false),
        }
    }

    fn amount(&self, record: &[&str], currency: &str) -> Result<i64, String> {
        let layout = self.layout;
        match layout.amounts {
            AmountColumns::Signed(amount) => {
                self.signed(cell(record, Some(amount)).ok_or("the row has no amount")?, currency)
            }
            AmountColumns::Marked(amount, direction) => {
                let text = cell(record, Some(amount)).ok_or("the row has no amount")?;
                let minor = Written::of(text)?.minor(self.marks, currency)?;
                if minor < 0 {
                    return Err(format!("{} has a sign and a mark", shown(text)));
                }
                let mark = cell(record, Some(direction)).unwrap_or_default();
                let words = &self.mapping.words;
                match (is_among(mark, &words.credit), is_among(mark, &words.debit)) {
                    (true, false) => Ok(minor),
                    (false, true) => Ok(-minor),
                    (true, true) | (false, false) => {
                        Err(format!("{} says neither money in nor money out", shown(mark)))
                    }
                }
            }
            AmountColumns::Two(debit, credit) => {
                let read = |column| match cell(record, Some(column)) {
                    Some("-") | None => Ok(None),
                    Some(text) => Written::of(text)?.minor(self.marks, currency).map(Some),
                };
                // Some write money out with a sign in its own column too.
                match (read(debit)?.map(i64::abs), read(credit)?) {
                    // A row that is cut off has but one of them.
                    (None | Some(0), None) | (None, Some(0)) => Err("the row has no amount".to_owned()),
                    (None | Some(0), Some(credit)) => Ok(credit),
                    (Some(debit), None | Some(0)) => Ok(-debit),
                    (Some(_), Some(_)) => Err("the row has money out and money in at once".to_owned()),
                }
            }
        }
    }

    /// An amount with its sign, or with a mark such as CR before or behind it.
    fn signed(&self, text: &str, currency: &str) -> Result<i64, String> {
        let (text, is_out) = without_mark(text, self.mapping);
        let minor = Written::of(text)?.minor(self.marks, currency)?;
        match is_out {
            None => Ok(minor),
            Some(_) if minor < 0 => Err(format!("{} has a sign and a mark", shown(text))),
            Some(is_out) => Ok(if is_out { -minor } else { minor }),
        }
    }
}

/// `text` without a word for the direction at one of its ends, and whether that says money out.
fn without_mark<'t>(text: &'t str, mapping: &Mapping) -> (&'t str, Option<bool>) {
    let text = text.trim();
    let letters = |c: char| c.is_ascii_alphabetic();
    let behind = text.trim_end_matches(letters);
    let before = text.trim_start_matches(letters);
    for (rest, word) in [(behind, &text[behind.len()..]), (before, &text[..text.len() - before.len()])] {
        for (words, is_out) in [(&mapping.words.credit, false), (&mapping.words.debit, true)] {
            if !word.is_empty() && is_among(word, words) {
                return (rest.trim(), Some(is_out));
            }
        }
    }
    (text, None)
}

fn is_among(text: &str, words: &[String]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()))
}
