//! What the lines between and below the rows of a table say of sums, and which of it is meant.

use super::klikbca::Part;
use crate::checks::Totals;

/// A total that stands there once, or on each page: of the page, or of all so far.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    last: Option<i64>,
    /// Of all pages together.
    sum: i128,
}

impl Said {
    /// The total as the rows have it, where it can be meant so; else the last one.
    fn meant(self, found: [i128; 2]) -> Option<i64> {
        let last = self.last?;
        let is_sum = !found.contains(&i128::from(last)) && found.contains(&self.sum);
        Some(if is_sum { i64::try_from(self.sum).unwrap_or(last) } else { last })
    }
}

/// The sums of one file.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sums {
    opening: Option<i64>,
    closing: Option<i64>,
    credit: Said,
    debit: Said,
    /// Money in and out of the rows, with pending ones and without.
    credits: [i128; 2],
    debits: [i128; 2],
}

impl Sums {
    /// Counts a row.
    pub(super) fn add(&mut self, amount_minor: i64, pending: bool) {
        let sums = if amount_minor > 0 { &mut self.credits } else { &mut self.debits };
        let size = i128::from(amount_minor.unsigned_abs());
        sums[0] += size;
        sums[1] += if pending { 0 } else { size };
    }

    /// Takes what a line says, if it says an amount. Of several opening balances the first counts, of closing ones the last.
    pub(super) fn say(&mut self, part: Part, minor: Option<i64>) {
        let Some(minor) = minor else {
            return;
        };
        let total = match part {
            Part::Opening => {
                self.opening.get_or_insert(minor);
                return;
            }
            Part::Closing => {
                self.closing = Some(minor);
                return;
            }
            Part::Credit => &mut self.credit,
            Part::Debit => &mut self.debit,
        };
        total.last = Some(minor);
        total.sum += i128::from(minor);
    }

    /// What the file's rows are compared with.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            opening_minor: self.opening,
            closing_minor: self.closing,
            credit_minor: self.credit.meant(self.credits),
            debit_minor: self.debit.meant(self.debits),
            ..Totals::default()
        }
    }
}
