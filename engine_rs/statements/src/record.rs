//! Between a format and its sink: tidies rows, numbers equal ones, checks sums, keeps the first problems.

use std::borrow::Cow;

use crate::checks::{Checks, Order, Totals, Verdict};
use crate::dates::{YEARS, is_kept, iso};
use crate::model::{
    Account, End, MAX_ACCOUNTS, MAX_PROBLEMS, MAX_REFERENCE_CHARS, MAX_ROWS, Problem, ProblemKind, Row,
    StatementError,
};
use crate::occurrence::Occurrences;
use crate::sink::Sink;
use crate::text::{is_shown, tidy};

/// Problems that are kept of all accounts of a file together.
const MAX_FILE_PROBLEMS: usize = 10 * MAX_PROBLEMS;

/// What a format hands its findings to.
///
/// A format opens each account, gives its rows and what it cannot read, and closes the account with what the file says about
/// sums. An account that a format leaves open is closed without sums.
pub struct Recorder<'s> {
    format: &'static str,
    sink: &'s mut dyn Sink,
    accounts: Vec<Open>,
    occurrences: Occurrences,
    /// Account, line and number of the entry that was told last.
    entry: Option<(usize, u64, u32)>,
    rows: u64,
    problems_kept: usize,
}

struct Open {
    currency: String,
    /// None once it is closed.
    checks: Option<Checks>,
    rows: u64,
    problems: Vec<Problem>,
    problem_count: u64,
    unreadable_count: u64,
}

impl<'s> Recorder<'s> {
    pub(crate) fn new(format: &'static str, sink: &'s mut dyn Sink) -> Self {
        Self {
            format,
            sink,
            accounts: Vec::new(),
            occurrences: Occurrences::default(),
            entry: None,
            rows: 0,
            problems_kept: 0,
        }
    }

    /// Says which format it is, where only the reading tells.
    pub(crate) fn rename(&mut self, format: &'static str) {
        self.format = format;
    }

    /// Name of the format.
    pub(crate) fn format(&self) -> &'static str {
        self.format
    }

    /// Opens an account whose rows stand oldest first; returns its number in this file, from 0.
    pub fn account(&mut self, account: Account) -> Result<usize, StatementError> {
        self.account_in(account, Order::OldestFirst)
    }

    /// Opens an account whose rows stand in `order`.
    pub fn account_in(&mut self, mut account: Account, order: Order) -> Result<usize, StatementError> {
        if self.accounts.len() == MAX_ACCOUNTS {
            return Err(StatementError::broken(format!("the file holds more than {MAX_ACCOUNTS} accounts")));
        }
        if let Cow::Owned(holder) = tidy(&account.holder) {
            account.holder = holder;
        }
        self.sink.account(self.format, &account)?;
        self.accounts.push(Open {
            currency: account.currency,
            checks: Some(Checks::new(order)),
            rows: 0,
            problems: Vec::new(),
            problem_count: 0,
            unreadable_count: 0,
        });
        Ok(self.accounts.len() - 1)
    }

    /// Gives one row of an open account. Texts may be as the bank wrote them; a reference is left out when it is no id (too long,
    /// or not to be seen).
    pub fn row(&mut self, account: usize, row: &Row<'_>) -> Result<(), StatementError> {
        let open = &mut self.accounts[account];
        let checks = open.checks.as_mut().expect("a format gives no row of an account that it closed");
        if self.rows == MAX_ROWS {
            let words = format!("the file holds more than {MAX_ROWS} rows: export a shorter period");
            return Err(StatementError::Unrecognised(words));
        }
        if !is_kept(row.date) {
            // Its amount counts in the sums all the same, so that this is all that is wrong.
            checks.row(row);
            let (day, first, last) = (iso(row.date), YEARS.start(), YEARS.end());
            self.unreadable(account, row.row, format!("the day {day} is not of the years {first} to {last}"));
            return Ok(());
        }
        self.rows += 1;
        open.rows += 1;
        let (description, counterparty) = (tidy(row.description), tidy(row.counterparty));
        let mut row = Row { description: &description, counterparty: &counterparty, ..*row };
        row.value_date = row.value_date.filter(|day| is_kept(*day));
        row.bank_reference = row.bank_reference.trim();
        if !is_reference(row.bank_reference) {
            row.bank_reference = "";
        }
        // A pending row that the bank leaves out of its balances shows there something else.
        if !checks.row(&row) && row.pending {
            row.balance_minor = None;
        }
        if let Some(mut entry) = row.entry {
            let whole = Row { bank_reference: entry.reference, amount_minor: entry.amount_minor, ..row };
            entry.occurrence = match self.entry {
                Some((of, line, occurrence)) if (of, line) == (account, entry.row) => occurrence,
                Some(_) | None => self.occurrences.number(account, &whole),
            };
            self.entry = Some((account, entry.row, entry.occurrence));
            row.entry = Some(entry);
        }
        row.occurrence = self.occurrences.number(account, &row);
        self.sink.row(account, &row)
    }

    /// Notes what is wrong in line `row`; 0 is the file as a whole.
    pub fn problem(&mut self, account: usize, row: u64, reason: impl Into<String>, kind: ProblemKind) {
        let open = &mut self.accounts[account];
        open.problem_count += 1;
        let has_room = open.problems.len() < MAX_PROBLEMS && self.problems_kept < MAX_FILE_PROBLEMS;
        if has_room || row == 0 {
            self.problems_kept += 1;
            open.problems.push(Problem { row, reason: reason.into(), kind });
        }
    }

    /// Notes a row that cannot be read and is therefore not given.
    pub fn unreadable(&mut self, account: usize, row: u64, reason: impl Into<String>) {
        self.accounts[account].unreadable_count += 1;
        self.problem(account, row, reason, ProblemKind::UnreadableRow);
    }

    /// Closes an account: what the file says about it is compared with its rows.
    pub fn close(&mut self, account: usize, totals: &Totals) -> Result<(), StatementError> {
        self.close_with(account, totals, |verdict| verdict)
    }

    /// Closes an account that holds several statements, of which the format compared each with its rows itself: nothing is compared
    /// over all of them again. `sums_checked`: there was something to compare.
    pub(crate) fn close_compared(
        &mut self,
        account: usize,
        opening_minor: Option<i64>,
        closing_minor: Option<i64>,
        sums_checked: bool,
    ) -> Result<(), StatementError> {
        self.close_with(account, &Totals::default(), |verdict| Verdict {
            opening_minor: opening_minor.or(verdict.opening_minor),
            closing_minor: closing_minor.or(verdict.closing_minor),
            sums_checked,
            ..verdict
        })
    }

    fn close_with(
        &mut self,
        account: usize,
        totals: &Totals,
        amend: impl FnOnce(Verdict) -> Verdict,
    ) -> Result<(), StatementError> {
        let open = &mut self.accounts[account];
        let Some(checks) = open.checks.take() else {
            return Ok(());
        };
        let verdict = amend(checks.finish(totals, &open.currency));
        let mut problems = std::mem::take(&mut open.problems);
        let room = MAX_FILE_PROBLEMS.saturating_sub(self.problems_kept) + problems.len();
        let noted = problems.len();
        problems.extend(verdict.problems);
        problems.sort_by_key(|problem| problem.row);
        problems.truncate(room.min(MAX_PROBLEMS));
        self.problems_kept += problems.len().saturating_sub(noted);
        let end = End {
            opening_minor: verdict.opening_minor,
            closing_minor: verdict.closing_minor,
            rows: open.rows,
            sums_checked: verdict.sums_checked,
            problems,
            problem_count: open.problem_count + verdict.problem_count,
            unreadable_count: open.unreadable_count,
        };
        self.sink.end(account, end)
    }

    /// Closes what is open still.
    pub(crate) fn finish(&mut self) -> Result<(), StatementError> {
        (0..self.accounts.len()).try_for_each(|account| self.close(account, &Totals::default()))
    }
}

/// Whether a text can be an id that a bank gave a row.
fn is_reference(text: &str) -> bool {
    text.chars().count() <= MAX_REFERENCE_CHARS && text.chars().all(is_shown)
}
