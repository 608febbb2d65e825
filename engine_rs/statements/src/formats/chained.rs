//! Files that hold several statements one behind the other: those of one account become one account, and each must open with
//! what another closed with. Most files have the oldest first, and then it is the one before it; files that somebody put together
//! have them in any order, and then they must do so by their days.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use time::Date;

use crate::model::{Account, MAX_PROBLEMS, ProblemKind, StatementError};
use crate::money::format_amount;
use crate::record::Recorder;

/// Most statements of a file that are put in order; one with more is judged as it stands.
const MAX_SORTED: usize = 100_000;
/// Most statements of a file that are told apart from one that stands there again.
const MAX_KNOWN: usize = 1_000_000;

/// How a statement ends.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Closing<'a> {
    pub(super) minor: Option<i64>,
    /// The day of that balance.
    pub(super) day: Option<Date>,
    /// What tells it from other statements of the account: its number and the days of its balances. Empty where the format has
    /// none.
    pub(super) id: &'a str,
}

/// The accounts of one file.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Statements with rows, so that one that stands there again is seen.
    seen: HashSet<u64>,
    keys: RandomState,
    /// How many statements are kept to be put in order.
    sorted: usize,
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
    /// Day, opening and closing balance of each statement, to put them in order.
    statements: Vec<(Date, i64, i64)>,
    /// Some statement lacks one of these, or there are too many.
    is_loose: bool,
    /// Where the file's own order breaks the chain, the first of them: line, opening, closing before.
    breaks: Vec<(u64, i64, i64)>,
    break_count: u64,
}

impl Ledger {
    /// The first opening and the last closing balance, where the statements follow from each other once they stand by their days.
    /// Those of one day stand as in the file, or the other way round.
    fn sorted(&mut self) -> Option<(i64, i64)> {
        if self.is_loose {
            return None;
        }
        for _ in 0..2 {
            self.statements.sort_by_key(|(day, ..)| *day);
            if self.statements.windows(2).all(|pair| pair[0].2 == pair[1].1) {
                return Some((self.statements.first()?.1, self.statements.last()?.2));
            }
            self.statements.reverse();
        }
        None
    }

    /// Tells where the chain breaks.
    fn tell_breaks(&self, account: usize, recorder: &mut Recorder<'_>) {
        for (line, opening, before) in &self.breaks {
            let said = format_amount((*opening).into(), &self.currency);
            let closed = format_amount((*before).into(), &self.currency);
            let reason = format!(
                "the statement opens with {said}, but the one before it closed with {closed}: mutations between them are missing"
            );
            recorder.problem(account, *line, reason, ProblemKind::Balance);
        }
        for _ in self.breaks.len() as u64..self.break_count {
            let reason = "the statement does not follow from the one before it";
            recorder.problem(account, self.breaks[0].0, reason, ProblemKind::Balance);
        }
    }
}

/// The statement being read.
#[derive(Debug, Default)]
struct Current {
    opening: Option<i64>,
    posted: i128,
    sums: Sums,
    is_break: bool,
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
        let mut is_break = false;
        if let (Some(before), Some(opening)) = (ledger.closing, opening)
            && before != opening
        {
            is_break = true;
            ledger.break_count += 1;
            if ledger.breaks.len() < MAX_PROBLEMS {
                ledger.breaks.push((line, opening, before));
            }
        }
        ledger.current = Current { opening, is_break, ..Current::default() };
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
        self.accounts.push(Ledger {
            currency,
            opening,
            closing: None,
            is_compared: false,
            current,
            statements: Vec::new(),
            is_loose: false,
            breaks: Vec::new(),
            break_count: 0,
        });
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

    /// The currency of an account that was opened before; of several the one that was opened last.
    pub(super) fn currency_of(&self, key: &str) -> Option<&str> {
        let opened = self.known.iter().filter(|((number, _), _)| number == key);
        opened.max_by_key(|(_, account)| **account).map(|((_, currency), _)| currency.as_str())
    }

    /// Ends the statement being read with the closing balance of line `line`, which must follow from its opening balance and
    /// its posted rows.
    pub(super) fn close(
        &mut self,
        recorder: &mut Recorder<'_>,
        account: usize,
        line: u64,
        closing: Closing<'_>,
    ) {
        let stands_again = self.stands_again(account, &closing);
        let Closing { minor: closing, day, .. } = closing;
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
        if stands_again {
            if ledger.current.is_break {
                ledger.break_count -= 1;
                ledger.breaks.truncate(usize::try_from(ledger.break_count).unwrap_or(usize::MAX));
            }
            let reason = "the statement stands in the file twice: its mutations are counted twice";
            recorder.problem(account, line, reason, ProblemKind::Structure);
        }
        match (ledger.current.opening, closing, day) {
            _ if stands_again => {}
            (Some(opening), Some(closing), Some(day)) if self.sorted < MAX_SORTED => {
                self.sorted += 1;
                ledger.statements.push((day, opening, closing));
            }
            _ => ledger.is_loose = true,
        }
    }

    /// Whether the statement being read is one that was read before, with its rows.
    fn stands_again(&mut self, account: usize, closing: &Closing<'_>) -> bool {
        let current = &self.accounts[account].current;
        let (Some(opening), Some(minor)) = (current.opening, closing.minor) else {
            return false;
        };
        let rows = current.sums.credit_count + current.sums.debit_count;
        if closing.id.is_empty() || rows == 0 {
            return false;
        }
        let key = self.keys.hash_one((account, closing.id, opening, minor, rows));
        if self.seen.len() < MAX_KNOWN { !self.seen.insert(key) } else { self.seen.contains(&key) }
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
        self.accounts.into_iter().enumerate().try_for_each(|(account, mut ledger)| {
            let (mut opening, mut closing) = (ledger.opening, ledger.closing);
            if ledger.break_count > 0 {
                match ledger.sorted() {
                    Some((first, last)) => (opening, closing) = (Some(first), Some(last)),
                    None => ledger.tell_breaks(account, recorder),
                }
            }
            recorder.close_compared(account, opening, closing, ledger.is_compared)
        })
    }
}
