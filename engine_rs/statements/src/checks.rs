//! Whether an account's running balances, totals, counts and closing balance agree with its rows.

use crate::model::{Problem, ProblemKind, Row};
use crate::money::format_amount;

/// Breaks that are kept of an account, in each way of reading it; all are counted.
const MAX_BREAKS: usize = 200;

/// What a file says about an account itself, in minor units; none where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Balance before the first row.
    pub opening_minor: Option<i64>,
    /// Balance after the last one.
    pub closing_minor: Option<i64>,
    /// Sum of money in.
    pub credit_minor: Option<i64>,
    /// Sum of money out, as a positive number.
    pub debit_minor: Option<i64>,
    /// Rows of money in.
    pub credit_count: Option<u64>,
    /// Rows of money out.
    pub debit_count: Option<u64>,
}

/// In which order a format writes an account's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    OldestFirst,
    /// One way or the other: the balances tell.
    Either,
}

/// Follows one account, in every way in which its balances may be meant.
///
/// Some exports carry pending rows in their running balance and totals, others leave them out until they are posted; some write
/// the newest row first. A file must agree with itself throughout in one of the ways; when it does in none, the one with the fewest
/// breaks is reported.
#[derive(Debug)]
pub(crate) struct Checks {
    readings: Vec<Reading>,
    with_pending: Sums,
    posted: Sums,
    has_pending: bool,
    has_balances: bool,
}

/// What the rows give together.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    credit: i128,
    debit: i128,
    credit_count: u64,
    debit_count: u64,
}

impl Sums {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.credit += i128::from(amount);
            self.credit_count += 1;
        } else if amount < 0 {
            self.debit -= i128::from(amount);
            self.debit_count += 1;
        }
    }
}

/// One way of reading the balances.
#[derive(Debug)]
struct Reading {
    with_pending: bool,
    newest_first: bool,
    /// Line and balance of the first row that gives one.
    first: (u64, i128),
    /// What the balance was beyond the first row's end of the file: before it, or after it when the newest stands first.
    start: Option<i128>,
    /// The balance that the rows so far lead to.
    reached: Option<i128>,
    /// Sum of the amounts before any balance was known.
    unplaced: i128,
    /// A pending row that is left out, and whose balance counts it all the same.
    counted: Option<Break>,
    breaks: Vec<Break>,
    break_count: u64,
}

/// A running balance that does not follow.
#[derive(Debug, Clone, Copy)]
struct Break {
    row: u64,
    expected: i128,
    found: i128,
}

impl Break {
    fn problem(&self, currency: &str) -> Problem {
        let (found, expected) = (format_amount(self.found, currency), format_amount(self.expected, currency));
        let reason = format!(
            "the running balance is {found}, but {expected} follows from the row before and the amount"
        );
        Problem { row: self.row, reason, kind: ProblemKind::Balance }
    }
}

/// How an account's checks ended.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) opening_minor: Option<i64>,
    pub(crate) closing_minor: Option<i64>,
    pub(crate) sums_checked: bool,
    pub(crate) problems: Vec<Problem>,
    pub(crate) problem_count: u64,
}

impl Checks {
    pub(crate) fn new(order: Order) -> Self {
        let ways: &[bool] = match order {
            Order::OldestFirst => &[false],
            Order::Either => &[false, true],
        };
        let readings = ways
            .iter()
            .flat_map(|newest_first| [true, false].map(|pending| Reading::new(pending, *newest_first)))
            .collect();
        let (with_pending, posted) = (Sums::default(), Sums::default());
        Self { readings, with_pending, posted, has_pending: false, has_balances: false }
    }

    /// Takes one row. Says whether its balance follows from the row before, were pending rows counted.
    pub(crate) fn row(&mut self, row: &Row<'_>) -> bool {
        self.has_pending |= row.pending;
        self.has_balances |= row.balance_minor.is_some();
        self.with_pending.add(row.amount_minor);
        if !row.pending {
            self.posted.add(row.amount_minor);
        }
        let mut follows = false;
        for reading in &mut self.readings {
            if reading.with_pending || !row.pending {
                follows |= reading.row(row) && reading.with_pending;
            } else {
                reading.left_out(row);
            }
        }
        follows
    }

    /// Compares with what the file says at its end.
    pub(crate) fn finish(self, totals: &Totals, currency: &str) -> Verdict {
        let (with_pending, posted, has_pending) = (self.with_pending, self.posted, self.has_pending);
        let best = self
            .readings
            .into_iter()
            .filter(|reading| reading.with_pending || has_pending)
            .map(|reading| {
                let sums = if reading.with_pending { with_pending } else { posted };
                reading.finish(totals, &sums, currency)
            })
            .min_by_key(|verdict| verdict.problem_count);
        let mut verdict = best.expect("the reading that counts pending rows is always among them");
        verdict.sums_checked = self.has_balances || *totals != Totals::default();
        verdict
    }
}

impl Reading {
    fn new(with_pending: bool, newest_first: bool) -> Self {
        Self {
            with_pending,
            newest_first,
            first: (0, 0),
            start: None,
            reached: None,
            unplaced: 0,
            counted: None,
            breaks: Vec::new(),
            break_count: 0,
        }
    }

    /// Takes a pending row that it leaves out. What such a row shows as balance is the bank's affair, but for one thing: where it
    /// is counted in it, the posted row below goes on from there. Else a row could be read as pending and posted, both whole.
    fn left_out(&mut self, row: &Row<'_>) {
        let (Some(reached), Some(balance)) = (self.reached, row.balance_minor.map(i128::from)) else {
            return;
        };
        if !self.newest_first && balance != reached && balance == reached + i128::from(row.amount_minor) {
            self.counted = Some(Break { row: row.row, expected: reached, found: balance });
        }
    }

    /// Says whether a balance was given and followed from a known one.
    fn row(&mut self, row: &Row<'_>) -> bool {
        let amount = i128::from(row.amount_minor);
        let Some(balance) = row.balance_minor.map(i128::from) else {
            match &mut self.reached {
                Some(reached) if self.newest_first => *reached -= amount,
                Some(reached) => *reached += amount,
                None => self.unplaced += amount,
            }
            return false;
        };
        // The balance that the file gives stands behind the row: what comes before it when the newest is first.
        let expected = self.reached.map(|reached| if self.newest_first { reached } else { reached + amount });
        match expected {
            Some(expected) if expected != balance => {
                self.note(Break { row: row.row, expected, found: balance });
            }
            Some(_) => {}
            None => {
                self.first = (row.row, balance);
                self.start = Some(if self.newest_first {
                    balance + self.unplaced
                } else {
                    balance - amount - self.unplaced
                });
            }
        }
        if let Some(counted) = self.counted.take() {
            self.note(counted);
        }
        // Goes on from what the file says, so that one break is reported once.
        self.reached = Some(if self.newest_first { balance - amount } else { balance });
        expected == Some(balance)
    }

    fn note(&mut self, found: Break) {
        self.break_count += 1;
        if self.breaks.len() < MAX_BREAKS {
            self.breaks.push(found);
        }
    }

    fn finish(mut self, totals: &Totals, sums: &Sums, currency: &str) -> Verdict {
        let net = sums.credit - sums.debit;
        let said_opening = totals.opening_minor.map(i128::from);
        let said_closing = totals.closing_minor.map(i128::from);
        let (opening, closing) = if self.newest_first {
            (self.reached, self.start)
        } else {
            // Only now is the balance before the first row known, for files that tell it at their end.
            if let (Some(said), Some(start)) = (said_opening, self.start)
                && said != start
            {
                let (row, found) = self.first;
                self.note(Break { row, expected: found + said - start, found });
            }
            (self.start, self.reached.or(said_opening.map(|opening| opening + net)))
        };
        let mut problems: Vec<Problem> = self.breaks.iter().map(|found| found.problem(currency)).collect();
        let mut count = self.break_count;
        let mut wrong = |reason: String| {
            count += 1;
            problems.push(Problem { row: 0, reason, kind: ProblemKind::Total });
        };
        let opening_compared = if self.newest_first { opening } else { None };
        for (name, said, found) in [
            ("opening balance", said_opening, opening_compared),
            ("closing balance", said_closing, closing),
            ("total of money in", totals.credit_minor.map(i128::from), Some(sums.credit)),
            ("total of money out", totals.debit_minor.map(i128::from), Some(sums.debit)),
        ] {
            if let (Some(said), Some(found)) = (said, found)
                && said != found
            {
                let (said, found) = (format_amount(said, currency), format_amount(found, currency));
                wrong(format!("the {name} is given as {said}, but the rows give {found}"));
            }
        }
        for (name, said, found) in [
            ("money in", totals.credit_count, sums.credit_count),
            ("money out", totals.debit_count, sums.debit_count),
        ] {
            if let Some(said) = said.filter(|said| *said != found) {
                wrong(format!("the number of rows of {name} is given as {said}, but there are {found}"));
            }
        }
        let or_found =
            |said: Option<i64>, found: Option<i128>| said.or(found.and_then(|minor| minor.try_into().ok()));
        Verdict {
            opening_minor: or_found(totals.opening_minor, opening),
            closing_minor: or_found(totals.closing_minor, closing),
            sums_checked: false,
            problems,
            problem_count: count,
        }
    }
}
