//! What stands open now: money to give back, customers' credit, money in that nobody has matched. Kept with every event, so
//! that telling it costs the same after ten orders and after ten million; `verify` adds it up anew.

use crate::kv::{Fault, Key, State};
use crate::money::Currency;
use crate::records::{Customer, Mutation, Order};
use crate::states::{MutationState, OrderState};
use crate::tables::Table;
use crate::totals::Total;

/// Why money is open; the numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenKind {
    /// What orders that are REFUND_DUE were paid.
    RefundDue = 1,
    /// Customers' credit.
    Credit = 2,
    /// Money in that is POSTED or PROPOSED.
    Unmatched = 3,
    /// Money in that the bank has not posted.
    Pending = 4,
}

impl OpenKind {
    /// Every kind.
    pub const ALL: &'static [OpenKind] = &[Self::RefundDue, Self::Credit, Self::Unmatched, Self::Pending];
}

/// What one record has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) kind: OpenKind,
    pub(crate) currency: Currency,
    pub(crate) amount_minor: i64,
}

/// What is to be given back of an order.
pub(crate) fn of_order(order: &Order) -> Option<Open> {
    let open = Open { kind: OpenKind::RefundDue, currency: order.currency, amount_minor: order.paid_minor };
    (order.state == OrderState::RefundDue).then_some(open)
}

/// What of a mutation waits for somebody, or for the bank; nothing of money out.
pub(crate) fn of_mutation(mutation: &Mutation) -> Option<Open> {
    let kind = match mutation.state {
        MutationState::Pending => OpenKind::Pending,
        MutationState::Posted | MutationState::Proposed => OpenKind::Unmatched,
        MutationState::Confirmed | MutationState::Ignored => return None,
    };
    let open = Open { kind, currency: mutation.currency, amount_minor: mutation.amount_minor };
    (mutation.amount_minor > 0).then_some(open)
}

/// A customer's credit, in the shop's currency.
pub(crate) fn of_customer(customer: &Customer, currency: Currency) -> Option<Open> {
    let open = Open { kind: OpenKind::Credit, currency, amount_minor: customer.credit_minor };
    (customer.credit_minor > 0).then_some(open)
}

/// The key of one sum.
pub fn open_key(kind: OpenKind, currency: Currency) -> Key {
    Key::new().u8(kind as u8).bytes(currency.code().as_bytes())
}

/// Reads the key of a sum.
pub(crate) fn open_of_key(key: &[u8]) -> Result<(OpenKind, Currency), Fault> {
    let read = || {
        let [_, kind, code @ ..] = key else { return None };
        let kind = OpenKind::ALL.iter().copied().find(|known| *known as u8 == *kind)?;
        Some((kind, Currency::parse(std::str::from_utf8(code).ok()?)?))
    };
    read().ok_or_else(|| Fault::Corrupt(format!("open money of no known kind, key {key:?}")))
}

/// A record that had `before` open has `after` open now.
pub(crate) fn moved(state: &mut dyn State, before: Option<Open>, after: Option<Open>) -> Result<(), Fault> {
    if before == after {
        return Ok(());
    }
    if let Some(open) = before {
        add(state, open, -1)?;
    }
    if let Some(open) = after {
        add(state, open, 1)?;
    }
    Ok(())
}

/// Adds one record's money to its sum, or takes it off; a sum of nothing is not kept.
fn add(state: &mut dyn State, open: Open, sign: i64) -> Result<(), Fault> {
    let key = open_key(open.kind, open.currency);
    let mut total = match state.get(Table::OpenMoney, key.as_slice())? {
        Some(bytes) => Total::from_bytes(&bytes)?,
        None => Total::default(),
    };
    total.count += sign;
    total.amount_minor += i128::from(sign * open.amount_minor);
    if total.count < 0 || total.amount_minor < 0 {
        return Err(Fault::Corrupt(format!("less than no money would be open: {open:?}")));
    }
    if total == Total::default() {
        return state.delete(Table::OpenMoney, key.as_slice());
    }
    state.put(Table::OpenMoney, key.as_slice(), &total.to_bytes())
}
