//! Who takes what a file holds.

use time::Date;

use crate::model::{Account, End, Row, StatementError};

/// Takes a file's accounts, rows and ends as they come. Rows of several accounts may be mixed; `account` is then the number of
/// the account in the order in which they were told, from 0.
pub trait Sink {
    /// An account begins. Its rows follow.
    fn account(&mut self, format: &'static str, account: &Account) -> Result<(), StatementError>;
    /// One row. [`StatementError::Stopped`] ends the reading.
    fn row(&mut self, account: usize, row: &Row<'_>) -> Result<(), StatementError>;
    /// An account's rows are all told: balances, and what is wrong.
    fn end(&mut self, account: usize, end: End) -> Result<(), StatementError>;
}

/// A row that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is that of `Row`")]
pub struct OwnedRow {
    pub row: u64,
    pub date: Date,
    pub value_date: Option<Date>,
    pub amount_minor: i64,
    pub balance_minor: Option<i64>,
    pub pending: bool,
    pub description: String,
    pub bank_reference: String,
    pub counterparty: String,
    pub occurrence: u32,
    pub reference_is_unique: bool,
    pub entry: Option<OwnedEntry>,
}

/// An entry that owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is that of `EntryRef`")]
pub struct OwnedEntry {
    pub reference: String,
    pub amount_minor: i64,
    pub occurrence: u32,
}

impl From<&Row<'_>> for OwnedRow {
    fn from(row: &Row<'_>) -> Self {
        Self {
            row: row.row,
            date: row.date,
            value_date: row.value_date,
            amount_minor: row.amount_minor,
            balance_minor: row.balance_minor,
            pending: row.pending,
            description: row.description.to_owned(),
            bank_reference: row.bank_reference.to_owned(),
            counterparty: row.counterparty.to_owned(),
            occurrence: row.occurrence,
            reference_is_unique: row.reference_is_unique,
            entry: row.entry.map(|entry| OwnedEntry {
                reference: entry.reference.to_owned(),
                amount_minor: entry.amount_minor,
                occurrence: entry.occurrence,
            }),
        }
    }
}

/// One account's mutations over a period, as one file says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Name of the format.
    pub format: &'static str,
    /// Whose statement it is.
    pub account: Account,
    /// In file order.
    pub rows: Vec<OwnedRow>,
    /// Balances and problems.
    pub end: End,
}

/// Keeps all that a file holds, for files that fit into memory.
#[derive(Debug, Default)]
pub struct Collect {
    /// In the order of the file.
    pub statements: Vec<Statement>,
}

impl Sink for Collect {
    fn account(&mut self, format: &'static str, account: &Account) -> Result<(), StatementError> {
        let account = account.clone();
        self.statements.push(Statement { format, account, rows: Vec::new(), end: End::default() });
        Ok(())
    }

    fn row(&mut self, account: usize, row: &Row<'_>) -> Result<(), StatementError> {
        self.statements[account].rows.push(row.into());
        Ok(())
    }

    fn end(&mut self, account: usize, end: End) -> Result<(), StatementError> {
        self.statements[account].end = end;
        Ok(())
    }
}
