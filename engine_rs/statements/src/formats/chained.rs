//! Files that hold several statements one behind the other: those of one account become one account, and each must open with
//! what the one before it closed with.

use std::collections::HashMap;

use crate::model::{Account, ProblemKind, StatementError};
use crate::money::format_amount;
use crate::record::Recorder;

/// The accounts of one file.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// By the account as the bank writes it, and its currency.
    known: HashMap<(String, String), usize>,
    accounts: Vec<Ledger>,
}

/// One account over all its statements.
#[derive(Debug)]
struct Ledger {
    currency: String,
    /// Of the first statement.
    opening: Option<i64>,
    /// Of the statement before.
    closing: Option<i64>,
    is_compared: bool,
    current: Current,
}

/// The statement being read.
#[derive(Debug, Default)]
struct Current {
    opening: Option<i64>,
    posted: i128,
    sums: Sums,
}

/// What the rows of one statement give together, pending ones too.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) credit: i128,
    pub(super) debit: i128,
    pub(super) credit_count: u64,
    pub(super) debit_count: u64,
}

impl Sums {
    /// Counts one amount, money in positive.
    pub(super) fn add(&mut self, amount_minor: i64) {
        if amount_minor >= 0 {
            self.credit += i128::from(amount_minor);
            self.credit_count += 1;
        } else {
            self.debit -= i128::from(amount_minor);
            self.debit_count += 1;
        }
    }
}

impl Chain {
    /// Begins a statement in line `line` of the account that the bank writes as `key`, and returns the account's number. A
    /// balance that does not follow from the statement before it is a problem.
    pub(super) fn open(
        &mut self,
        recorder: &mut Recorder<'_>,
        line: u64,
        key: &str,
        account: Account,
        opening: Option<i64>,
    ) -> Result<usize, StatementError> {
        let key = (key.to_owned(), account.currency.clone());
        let index = if let Some(index) = self.known.get(&key) {
            *index
        } else {
            let index = self.begin(recorder, account, opening)?;
            self.known.insert(key, index);
            index
        };
        let ledger = &mut self.accounts[index];
        if let (Some(before), Some(opening)) = (ledger.closing, opening)
            && before != opening
        {
            let said = format_amount(opening.into(), &ledger.currency);
            let closed = format_amount(before.into(), &ledger.currency);
            let reason = format!(
                "the statement opens with {said}, but the one before it closed with {closed}: mutations between them are missing"
            );
            recorder.problem(index, line, reason, ProblemKind::Balance);
        }
        ledger.current = Current { opening, ..Current::default() };
        Ok(index)
    }

    /// An account whose first statement opens with `opening`.
    fn begin(
        &mut self,
        recorder: &mut Recorder<'_>,
        account: Account,
        opening: Option<i64>,
    ) -> Result<usize, StatementError> {
        let currency = account.currency.clone();
        let has_number = !account.number.is_empty();
        let index = recorder.account(account)?;
        if !has_number {
            recorder.problem(
                index,
                0,
                "the file does not say which account it is of",
                ProblemKind::Structure,
            );
        }
        debug_assert_eq!(index, self.accounts.len(), "all accounts of a file are opened here");
        let current = Current::default();
        self.accounts.push(Ledger { currency, opening, closing: None, is_compared: false, current });
        Ok(index)
    }

    /// Counts a row of the statement being read.
    pub(super) fn add(&mut self, account: usize, amount_minor: i64, pending: bool) {
        let current = &mut self.accounts[account].current;
        current.sums.add(amount_minor);
        if !pending {
            current.posted += i128::from(amount_minor);
        }
    }

    /// What the rows of the statement being read give so far.
    pub(super) fn sums(&self, account: usize) -> Sums {
        self.accounts[account].current.sums
    }

    /// The currency of an account.
    pub(super) fn currency(&self, account: usize) -> &str {
        &self.accounts[account].currency
    }

    /// The currency of an account that was opened before, whatever it is.
    pub(super) fn currency_of(&self, key: &str) -> Option<&str> {
        self.known.keys().find(|known| known.0 == key).map(|known| known.1.as_str())
    }

    /// Ends the statement being read with the closing balance of line `line`, which must follow from its opening balance and
    /// its posted rows.
    pub(super) fn close(
        &mut self,
        recorder: &mut Recorder<'_>,
        account: usize,
        line: u64,
        closing: Option<i64>,
    ) {
        let ledger = &mut self.accounts[account];
        if let (Some(opening), Some(closing)) = (ledger.current.opening, closing) {
            ledger.is_compared = true;
            let expected = i128::from(opening) + ledger.current.posted;
            if expected != i128::from(closing) {
                let (said, follows) = (
                    format_amount(closing.into(), &ledger.currency),
                    format_amount(expected, &ledger.currency),
                );
                let reason = format!(
                    "the closing balance is given as {said}, but {follows} follows from the opening balance and the rows"
                );
                recorder.problem(account, line, reason, ProblemKind::Total);
            }
        }
        ledger.closing = closing;
    }

    /// Notes that the format compared totals of its own with the statement's rows.
    pub(super) fn compared(&mut self, account: usize) {
        self.accounts[account].is_compared = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Closes all accounts at the end of the file.
    pub(super) fn finish(self, recorder: &mut Recorder<'_>) -> Result<(), StatementError> {
        self.accounts.iter().enumerate().try_for_each(|(account, ledger)| {
            recorder.close_compared(account, ledger.opening, ledger.closing, ledger.is_compared)
        })
    }
}
