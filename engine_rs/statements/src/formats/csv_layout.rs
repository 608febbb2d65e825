//! Where a free CSV has what: its delimiter, its header, and the columns that a mapping names.

use super::mapping::{Amounts, Column, Mapping, Table};
use super::records::{Records, width};
use crate::model::StatementError;
use crate::source::{Head, Line};
use crate::text::shown;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Columns of a header that are named in a message.
const SHOWN_COLUMNS: usize = 20;

/// The columns that the money stands in, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AmountColumns {
    /// With its sign.
    Signed(usize),
    /// Amount, direction.
    Marked(usize, usize),
    /// Money out, money in.
    Two(usize, usize),
}

/// A file's layout; columns count from 0.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    /// Of a spreadsheet, not of lines of text.
    pub(super) is_sheet: bool,
    /// Line of the header; rows stand below it. 0: there is none.
    pub(super) header_line: u64,
    /// Columns that the header names; beyond them a row has no cells.
    pub(super) width: usize,
    /// How many cells a row has at most, empty ones too.
    pub(super) most_cells: usize,
    pub(super) date: usize,
    pub(super) value_date: Option<usize>,
    pub(super) descriptions: Vec<usize>,
    pub(super) amounts: AmountColumns,
    pub(super) balance: Option<usize>,
    pub(super) reference: Option<usize>,
    pub(super) counterparty: Option<usize>,
    pub(super) status: Option<usize>,
    pub(super) currency: Option<usize>,
    pub(super) account: Option<usize>,
}

/// A line that may be the header.
struct Header {
    delimiter: u8,
    line: u64,
    cells: Vec<String>,
}

impl Layout {
    /// Finds it in the beginning of a CSV. The error names the first column that the file does not have.
    pub(super) fn find(head: &Head, mapping: &Mapping, table: &Table) -> Result<Self, StatementError> {
        let delimiters: Vec<u8> = mapping.delimiter.map_or_else(|| DELIMITERS.to_vec(), |mark| vec![mark]);
        let headers: Vec<Header> =
            delimiters.iter().flat_map(|delimiter| records(head, *delimiter)).collect();
        Self::among(&headers, mapping, table)
    }

    /// Finds it in the first rows of a sheet, each with its number.
    pub(super) fn of_sheet(
        rows: Vec<(u64, Vec<String>)>,
        mapping: &Mapping,
        table: &Table,
    ) -> Result<Self, StatementError> {
        let headers: Vec<Header> =
            rows.into_iter().map(|(line, cells)| Header { delimiter: 0, line, cells }).collect();
        let layout = Self::among(&headers, mapping, table)?;
        // No separator moves its cells, and what is empty at a row's end is not there.
        Ok(Self { is_sheet: true, width: usize::MAX, most_cells: usize::MAX, ..layout })
    }

    fn among(headers: &[Header], mapping: &Mapping, table: &Table) -> Result<Self, StatementError> {
        let named: Vec<&str> = table
            .all()
            .into_iter()
            .filter_map(|column| match column {
                Column::Name(name) => Some(name.as_str()),
                Column::Number(_) => None,
            })
            .collect();
        let most = |wanted: &dyn Fn(&Header) -> usize| {
            // The first of those that hold as many.
            headers.iter().fold(None::<(usize, &Header)>, |best, header| {
                let count = wanted(header);
                match best {
                    Some(best) if best.0 >= count => Some(best),
                    Some(_) | None => Some((count, header)),
                }
            })
        };
        let is_at = |header: &Header| mapping.header_row.is_none_or(|row| row == header.line);
        let found = if named.is_empty() {
            most(&|header| header.cells.len())
        } else {
            most(&|header| {
                if is_at(header) {
                    named.iter().filter(|name| position(&header.cells, name).is_some()).count()
                } else {
                    0
                }
            })
        };
        let Some((_, header)) = found else {
            return Err(StatementError::broken("the file is empty"));
        };
        let header_line = match mapping.header_row {
            Some(row) => row,
            None if named.is_empty() => 0,
            None => header.line,
        };
        let at = |column: &Column| index(column, &header.cells);
        let mapped =
            table.all().into_iter().filter_map(|column| at(column).ok()).max().map_or(0, |last| last + 1);
        let alike = || headers.iter().filter(|other| other.delimiter == header.delimiter);
        let usual = usual_cells(alike());
        let named = alike().find(|header| header.line == header_line);
        let (named, written) = named.map_or((usual, usual), |named| (width(&named.cells), named.cells.len()));
        let optional = |column: &Option<Column>| column.as_ref().map(at).transpose();
        let columns = &table.columns;
        Ok(Self {
            delimiter: header.delimiter,
            is_sheet: false,
            header_line,
            width: named.max(mapped),
            most_cells: written.max(usual).max(mapped),
            date: at(&columns.date)?,
            value_date: optional(&columns.value_date)?,
            descriptions: table.descriptions.iter().map(at).collect::<Result<_, _>>()?,
            amounts: match &table.amounts {
                Amounts::Signed(amount) => AmountColumns::Signed(at(amount)?),
                Amounts::Marked(amount, direction) => AmountColumns::Marked(at(amount)?, at(direction)?),
                Amounts::Two(debit, credit) => AmountColumns::Two(at(debit)?, at(credit)?),
            },
            balance: optional(&columns.balance)?,
            reference: optional(&columns.reference)?,
            counterparty: optional(&columns.counterparty)?,
            status: optional(&columns.status)?,
            currency: optional(&columns.currency)?,
            account: optional(&columns.account)?,
        })
    }

    /// How many cells a row has at least: those up to its amounts and balance.
    pub(super) fn least(&self) -> usize {
        if self.is_sheet {
            return 0;
        }
        let (one, other) = match self.amounts {
            AmountColumns::Signed(amount) => (amount, 0),
            AmountColumns::Marked(one, other) | AmountColumns::Two(one, other) => (one, other),
        };
        one.max(other).max(self.balance.unwrap_or_default()) + 1
    }

    /// The cells that hold money.
    pub(super) fn amount_cells<'r>(&'r self, record: &'r [&'r str]) -> impl Iterator<Item = &'r str> {
        let (one, other) = match self.amounts {
            AmountColumns::Signed(amount) | AmountColumns::Marked(amount, _) => (amount, None),
            AmountColumns::Two(debit, credit) => (debit, Some(credit)),
        };
        [Some(one), other, self.balance].into_iter().filter_map(|column| cell(record, column))
    }

    /// The cells that hold days.
    pub(super) fn date_cells<'r>(&'r self, record: &'r [&'r str]) -> impl Iterator<Item = &'r str> {
        [Some(self.date), self.value_date].into_iter().filter_map(|column| cell(record, column))
    }
}

/// A cell that is there and not empty, without blanks at its ends.
pub(super) fn cell<'r>(record: &[&'r str], column: Option<usize>) -> Option<&'r str> {
    record.get(column?).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
}

/// Whether a record holds nothing, or begins as rows that are no mutations do.
pub(super) fn is_ignored(record: &[&str], mapping: &Mapping) -> bool {
    let Some(first) = record.iter().map(|cell| cell.trim()).find(|cell| !cell.is_empty()) else {
        return true;
    };
    if mapping.ignore.is_empty() {
        return false;
    }
    let first = first.to_lowercase();
    mapping.ignore.iter().any(|word| first.starts_with(word.as_str()))
}

/// The first records of a file, each with its line. What is no CSV ends them.
fn records(head: &Head, delimiter: u8) -> impl Iterator<Item = Header> {
    let mut records = Records::new(delimiter);
    (1..)
        .zip(&head.lines)
        .map_while(move |(number, text)| {
            let is_whole = records.take(Line { number, text }).ok()?;
            let cells = || records.cells().map(str::to_owned).collect();
            Some(is_whole.then(|| Header { delimiter, line: records.line(), cells: cells() }))
        })
        .flatten()
}

/// How many cells most of the first records have.
fn usual_cells<'h>(headers: impl Iterator<Item = &'h Header>) -> usize {
    let counts: Vec<usize> = headers.map(|header| header.cells.len()).collect();
    let often = |count: &usize| counts.iter().filter(|other| *other == count).count();
    counts.iter().copied().max_by_key(often).unwrap_or_default()
}

fn index(column: &Column, header: &[String]) -> Result<usize, StatementError> {
    match column {
        Column::Number(number) => Ok(number - 1),
        Column::Name(name) => position(header, name).ok_or_else(|| {
            let there: Vec<String> = header
                .iter()
                .filter(|cell| !cell.trim().is_empty())
                .take(SHOWN_COLUMNS)
                .map(|cell| shown(cell.trim()))
                .collect();
            let words = format!(
                "the column mapping does not fit: the file has no column {}; it has {}",
                shown(name),
                if there.is_empty() { "none".to_owned() } else { there.join(", ") }
            );
            StatementError::broken(words)
        }),
    }
}

/// Where a header has a name, in any case and with any blanks.
fn position(header: &[String], name: &str) -> Option<usize> {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let name = plain(name);
    header.iter().position(|cell| plain(cell.trim_start_matches('\u{feff}')) == name)
}
