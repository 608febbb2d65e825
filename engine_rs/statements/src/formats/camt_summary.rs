//! `TxsSummry` of a CAMT statement: how many entries it holds, and their sums.

use crate::money::{format_amount, parse_amount};
use crate::text::shown;

/// What a summary says, as it is written; empty where it says nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Said {
    count: String,
    sum: String,
}

/// What a statement's entries give together.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    credit_count: u64,
    debit_count: u64,
    credit: i128,
    debit: i128,
}

impl Counted {
    fn add(&mut self, amount_minor: i64) {
        if amount_minor >= 0 {
            self.credit_count += 1;
            self.credit += i128::from(amount_minor);
        } else {
            self.debit_count += 1;
            self.debit -= i128::from(amount_minor);
        }
    }
}

/// A statement's summary, and its entries as they are counted.
#[derive(Debug, Default)]
pub(super) struct Summary {
    all: Said,
    credits: Said,
    debits: Said,
    net: String,
    net_indicator: String,
    with_pending: Counted,
    booked: Counted,
}

impl Summary {
    /// Takes the value at `path` below `TxsSummry`.
    pub(super) fn take(&mut self, path: &str, value: &str) {
        let text = match path {
            "TtlNtries/NbOfNtries" => &mut self.all.count,
            "TtlNtries/Sum" => &mut self.all.sum,
            // The second name is that of versions before the third.
            "TtlNtries/TtlNetNtry/Amt" | "TtlNtries/TtlNetNtryAmt" => &mut self.net,
            "TtlNtries/TtlNetNtry/CdtDbtInd" | "TtlNtries/CdtDbtInd" => &mut self.net_indicator,
            "TtlCdtNtries/NbOfNtries" => &mut self.credits.count,
            "TtlCdtNtries/Sum" => &mut self.credits.sum,
            "TtlDbtNtries/NbOfNtries" => &mut self.debits.count,
            "TtlDbtNtries/Sum" => &mut self.debits.sum,
            _ => return,
        };
        value.clone_into(text);
    }

    /// Counts one entry; one that cannot be read as nothing, so that the difference shows.
    pub(super) fn count(&mut self, amount_minor: i64, is_pending: bool) {
        self.with_pending.add(amount_minor);
        if !is_pending {
            self.booked.add(amount_minor);
        }
    }

    /// Whether the summary says anything.
    pub(super) fn is_told(&self) -> bool {
        let nothing = Said::default();
        self.all != nothing || self.credits != nothing || self.debits != nothing || !self.net.is_empty()
    }

    /// What disagrees with the entries, in words. Banks count entries that are not booked or leave them out: the way that fits.
    pub(super) fn differences(&self, currency: &str) -> Vec<String> {
        let with_pending = self.compared(&self.with_pending, currency);
        if with_pending.is_empty() {
            return with_pending;
        }
        let booked = self.compared(&self.booked, currency);
        if booked.len() < with_pending.len() { booked } else { with_pending }
    }

    fn compared(&self, found: &Counted, currency: &str) -> Vec<String> {
        let mut reasons = Vec::new();
        for (name, said, count, sum) in [
            ("entries", &self.all, found.credit_count + found.debit_count, found.credit + found.debit),
            ("entries of money in", &self.credits, found.credit_count, found.credit),
            ("entries of money out", &self.debits, found.debit_count, found.debit),
        ] {
            if !said.count.is_empty()
                && said.count.trim_start_matches('0').parse::<u64>().unwrap_or(0) != count
            {
                let said = shown(&said.count);
                reasons.push(format!("the number of {name} is given as {said}, but there are {count}"));
            }
            if !said.sum.is_empty() && parse_amount(&said.sum, currency, None).map(i128::from) != Ok(sum) {
                let (said, sum) = (shown(&said.sum), format_amount(sum, currency));
                reasons.push(format!("the sum of {name} is given as {said}, but they give {sum}"));
            }
        }
        let net = found.credit - found.debit;
        // Some write the net with a sign of its own.
        let said = parse_amount(&self.net, currency, None).map(i128::from);
        let is_signed = self.net_indicator == "DBIT" && !self.net.starts_with('-');
        let said = said.map(|minor| if is_signed { -minor } else { minor });
        if !self.net.is_empty() && said != Ok(net) {
            let (said, net) = (shown(&self.net), format_amount(net, currency));
            reasons.push(format!("the net sum of entries is given as {said}, but they give {net}"));
        }
        reasons
    }
}
