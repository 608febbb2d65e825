//! A saved mapping: which column of a bank's CSV is which, as TOML or JSON.
//!
//! ```toml
//! currency = "IDR"              # where no column says it; IDR when neither does
//! account = "1234567890"        # where no column says it
//! delimiter = ";"               # , ; | or a tab; found when it is not said
//! header_row = 3                # line of the columns' names; 0: there is none; found when it is not said
//! date_format = "DD/MM/YYYY"    # DD MM MMM YY YYYY; found when it is not said
//! decimal = ","                 # found when it is not said
//! negate = false                # true: the bank writes money in as negative
//! ignore = ["Saldo Awal"]       # rows whose first cell begins like this are no mutations
//!
//! [columns]                     # by name, or by number from 1
//! date = "Tanggal"
//! description = ["Uraian", "Berita"]
//! amount = "Nominal"            # or debit and credit
//! direction = "D/K"             # where the amount has no sign
//! balance = "Saldo"
//! # value_date, reference, counterparty, status, currency, account
//!
//! [marks]
//! credit = ["CR", "K"]
//! debit = ["DB", "D"]
//! pending = ["PEND"]           # in the column of the status, or in place of the date
//! posted = ["BERHASIL"]         # another word in the column of the status makes a row unreadable
//! ```
//!
//! A `reference` column must hold ids that the bank never gives twice.

use serde::Deserialize;

use super::styles::DateForm;
use crate::model::StatementError;
use crate::money::Marks;
use crate::text::shown;

/// A mapping that is longer is none.
const MAX_BYTES: usize = 64 * 1024;
const MAX_COLUMN: usize = 1_000;
const DEFAULT_CURRENCY: &str = "IDR";

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Column {
    /// From 1.
    Number(usize),
    /// As the header writes it, in any case.
    Name(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Column),
    Many(Vec<Column>),
}

/// Which columns there are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub(super) date: Column,
    pub(super) value_date: Option<Column>,
    description: Option<OneOrMany>,
    amount: Option<Column>,
    direction: Option<Column>,
    debit: Option<Column>,
    credit: Option<Column>,
    pub(super) balance: Option<Column>,
    pub(super) reference: Option<Column>,
    pub(super) counterparty: Option<Column>,
    pub(super) status: Option<Column>,
    pub(super) currency: Option<Column>,
    pub(super) account: Option<Column>,
}

/// Where the money stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Amounts {
    /// With its sign.
    Signed(Column),
    /// Without one, the direction in a column of its own.
    Marked(Column, Column),
    /// Money out in the first, money in in the second.
    Two(Column, Column),
}

/// Words of a bank that mean something, in any case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Words {
    pub(super) credit: Vec<String>,
    pub(super) debit: Vec<String>,
    pub(super) pending: Vec<String>,
    pub(super) posted: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            credit: words(&["CR", "C", "K", "KR", "CRDT", "CREDIT", "KREDIT", "+"]),
            debit: words(&["DB", "D", "DR", "DBIT", "DEBIT", "DEBET", "-"]),
            pending: words(&["PEND", "PENDING"]),
            posted: words(&[
                "POSTED",
                "BOOKED",
                "BOOK",
                "SETTLED",
                "SUCCESS",
                "SUCCESSFUL",
                "COMPLETED",
                "DONE",
                "OK",
                "SUKSES",
                "BERHASIL",
                "SELESAI",
            ]),
        }
    }
}

/// What the file holds, as its bank writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    currency: Option<String>,
    account: Option<String>,
    holder: Option<String>,
    delimiter: Option<char>,
    header_row: Option<u64>,
    date_format: Option<String>,
    decimal: Option<char>,
    #[serde(default)]
    negate: bool,
    #[serde(default)]
    ignore: Vec<String>,
    columns: Option<Columns>,
    #[serde(default)]
    marks: Words,
}

/// A mapping that was checked.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    pub(super) currency: String,
    /// Whether it is the usual one, since none is named.
    pub(super) is_currency_assumed: bool,
    pub(super) account: String,
    pub(super) holder: String,
    pub(super) delimiter: Option<u8>,
    pub(super) header_row: Option<u64>,
    pub(super) date_form: Option<DateForm>,
    pub(super) marks: Option<Marks>,
    pub(super) negate: bool,
    /// In lower case.
    pub(super) ignore: Vec<String>,
    pub(super) words: Words,
    /// None for a format that names its fields itself.
    pub(super) table: Option<Table>,
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) columns: Columns,
    pub(super) descriptions: Vec<Column>,
    pub(super) amounts: Amounts,
}

impl Mapping {
    /// Reads TOML, or JSON when it begins with a brace. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, StatementError> {
        Self::checked(text).map_err(|reason| StatementError::broken(format!("the column mapping: {reason}")))
    }

    /// Of a file for which no mapping was given.
    pub(super) fn none() -> Self {
        Self::checked("").expect("an empty mapping is one")
    }

    fn checked(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err("it is too long".to_owned());
        }
        let written: Written = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            toml::from_str(text).map_err(|error| error.message().to_owned())?
        };
        let delimiter = match written.delimiter {
            None => None,
            Some(mark @ (',' | ';' | '\t' | '|')) => {
                Some(u8::try_from(mark).map_err(|error| error.to_string())?)
            }
            Some(mark) => return Err(format!("the delimiter '{mark}' is none of , ; | and a tab")),
        };
        let marks = match written.decimal {
            None => None,
            Some('.') => Some(Marks::POINT),
            Some(',') => Some(Marks::COMMA),
            Some(mark) => return Err(format!("the decimal sign '{mark}' is neither . nor ,")),
        };
        let is_currency_assumed = written.currency.is_none();
        let currency = written.currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned());
        if !is_currency(&currency) {
            return Err(format!("{} is not a currency", shown(&currency)));
        }
        Ok(Self {
            currency,
            is_currency_assumed,
            account: written.account.unwrap_or_default(),
            holder: written.holder.unwrap_or_default(),
            delimiter,
            header_row: written.header_row,
            date_form: written.date_format.as_deref().map(DateForm::pattern).transpose()?,
            marks,
            negate: written.negate,
            ignore: written
                .ignore
                .iter()
                .map(|word| word.trim().to_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
            words: written.marks,
            table: written.columns.map(Table::of).transpose()?,
        })
    }
}

/// Whether a mapping can be read; else what is wrong with it.
pub fn check_mapping(text: &str) -> Result<(), String> {
    Mapping::checked(text).map(|_| ())
}

impl Table {
    fn of(columns: Columns) -> Result<Self, String> {
        let descriptions = match columns.description.clone() {
            None => Vec::new(),
            Some(OneOrMany::One(column)) => vec![column],
            Some(OneOrMany::Many(columns)) => columns,
        };
        let amounts = match (&columns.amount, &columns.direction, &columns.debit, &columns.credit) {
            (Some(amount), None, None, None) => Amounts::Signed(amount.clone()),
            (Some(amount), Some(direction), None, None) => Amounts::Marked(amount.clone(), direction.clone()),
            (None, None, Some(debit), Some(credit)) => Amounts::Two(debit.clone(), credit.clone()),
            _ => {
                let words = "it must name amount, or amount and direction, or debit and credit";
                return Err(words.to_owned());
            }
        };
        let table = Self { columns, descriptions, amounts };
        for column in table.all() {
            match column {
                Column::Number(1..=MAX_COLUMN) => {}
                Column::Number(number) => {
                    return Err(format!("there is no column {number}: columns count from 1"));
                }
                Column::Name(name) if name.trim().is_empty() => {
                    return Err("a column's name is empty".to_owned());
                }
                Column::Name(_) => {}
            }
        }
        Ok(table)
    }

    /// Every column that is named.
    pub(super) fn all(&self) -> Vec<&Column> {
        let columns = &self.columns;
        let amounts: Vec<&Column> = match &self.amounts {
            Amounts::Signed(amount) => vec![amount],
            Amounts::Marked(one, other) | Amounts::Two(one, other) => vec![one, other],
        };
        [
            Some(&columns.date),
            columns.value_date.as_ref(),
            columns.balance.as_ref(),
            columns.reference.as_ref(),
            columns.counterparty.as_ref(),
            columns.status.as_ref(),
            columns.currency.as_ref(),
            columns.account.as_ref(),
        ]
        .into_iter()
        .flatten()
        .chain(amounts)
        .chain(&self.descriptions)
        .collect()
    }
}

/// Whether `text` is written like a code of ISO 4217.
pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = "[columns]\ndate = \"Tanggal\"\namount = 3\n";

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Mapping::parse(&format!(
            "decimal = \",\"\ndelimiter = \"\\t\"\ndate_format = \"DD/MM/YY\"\n{COLUMNS}"
        ));
        let json = Mapping::parse(
            r#" {"decimal": ",", "delimiter": "\t", "date_format": "DD/MM/YY", "columns": {"date": "Tanggal", "amount": 3}}"#,
        );
        for mapping in [toml.expect("TOML"), json.expect("JSON")] {
            assert_eq!(
                (mapping.currency.as_str(), mapping.marks, mapping.delimiter),
                ("IDR", Some(Marks::COMMA), Some(b'\t'))
            );
            let table = mapping.table.expect("columns");
            assert_eq!(table.amounts, Amounts::Signed(Column::Number(3)));
            assert_eq!(table.columns.date, Column::Name("Tanggal".to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_with_a_mapping_is_said() {
        for (text, words) in [
            (format!("delimiter = \"x\"\n{COLUMNS}"), "delimiter"),
            (format!("decimal = \"x\"\n{COLUMNS}"), "decimal sign"),
            (format!("currency = \"rupiah\"\n{COLUMNS}"), "'rupiah' is not a currency"),
            (format!("date_format = \"D/M\"\n{COLUMNS}"), "date format"),
            (format!("colour = 1\n{COLUMNS}"), "colour"),
            (format!("{COLUMNS}debit = 4\n"), "amount and direction"),
            ("[columns]\namount = 3\n".to_owned(), "date"),
            ("[columns]\ndate = 0\namount = 3\n".to_owned(), "count from 1"),
            ("[columns]\ndate = ' '\namount = 3\n".to_owned(), "empty"),
            ("{".to_owned(), "EOF"),
            ("x".repeat(MAX_BYTES + 1), "too long"),
        ] {
            let error = Mapping::parse(&text).expect_err(words).to_string();
            assert!(error.starts_with("the column mapping: ") && error.contains(words), "{error}");
        }
    }
}
