//! What an order has to pay: its total and a unique code, so that the amount names the order.

use std::sync::Arc;

use super::booking::{payable_key, reserved_by};
use super::pricing::Priced;
use crate::ids::{BankAccountId, OrderId};
use crate::kv::{Fault, View, i64_key_at};
use crate::money::AMOUNT_MAX;
use crate::records::{BankAccount, Order, must, need_shared};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::OrderState;
use crate::tables::Table;

/// How many codes are tried one by one. Where none of them is free, one of an order that has its money is taken over from
/// its cool-down.
const TRIES: usize = 32;
/// Where no code is free at all, how many closed orders are looked at for one that has its money, before one is taken
/// whose late money may yet come.
const TRIES_BEFORE_RISK: usize = 128;
/// Where the amount stands in a key of [`Table::Payables`].
const AMOUNT_AT: usize = 9;

/// What an order has to pay, by which code, and from which closed order the code was taken over.
pub(super) struct Payable {
    pub(super) unique_code: i32,
    pub(super) amount_minor: i64,
    pub(super) taken_over: Option<OrderId>,
    /// The same where that order's late money may yet come; 0 otherwise.
    pub(super) shared_with: OrderId,
}

impl Payable {
    fn free(unique_code: i32, amount_minor: i64) -> Self {
        Self { unique_code, amount_minor, taken_over: None, shared_with: OrderId(0) }
    }
}

/// The unique code and the amount to pay: from the order's own turn on, the first code whose payable nobody has. Turns go
/// round, so the codes met first were given longest ago; when none of those is free, a closed order's cool-down ends early.
pub(super) fn payable(
    view: &dyn View,
    account_id: BankAccountId,
    priced: &Priced,
    order_id: OrderId,
) -> Outcome<Payable> {
    let total_minor = priced.totals.total_minor;
    if !account_id.is_some() {
        return Ok(Payable::free(0, total_minor));
    }
    let account: Arc<BankAccount> = need_shared(view, account_id.0).named("booking.bank_account_id")?;
    if account.currency != priced.currency {
        let message = format!(
            "The account is in {}, the order in {}.",
            account.currency.code(),
            priced.currency.code()
        );
        return Err(Refusal::field(Reason::CurrencyMismatch, "booking.bank_account_id", message).into());
    }
    let codes = Codes::new(&account, account_id, total_minor);
    codes.find(view, order_id)?.ok_or_else(|| {
        let span = i64::from(account.unique_code_max - account.unique_code_min) + 1;
        let message = format!("All {span} unique codes for this total are in use on {}.", account.number);
        Refusal::new(Reason::UniqueCodesExhausted, message).with("bank_account_id", account_id).into()
    })
}

/// The unique codes that one total can have on one account: those that lead to an amount.
struct Codes {
    account_id: BankAccountId,
    total_minor: i64,
    /// The first code, and one after the last.
    first: i64,
    end: i64,
    /// What the next code adds to the amount.
    step_minor: i64,
}

impl Codes {
    fn new(account: &BankAccount, account_id: BankAccountId, total_minor: i64) -> Self {
        let unit = account.currency.minor_per_major();
        let room = if account.unique_code_subtracts { total_minor - 1 } else { AMOUNT_MAX - total_minor };
        Self {
            account_id,
            total_minor,
            first: account.unique_code_min.into(),
            end: i64::from(account.unique_code_max).min(room / unit) + 1,
            step_minor: if account.unique_code_subtracts { -unit } else { unit },
        }
    }

    fn amount_minor(&self, code: i64) -> i64 {
        self.total_minor + code * self.step_minor
    }

    /// The code for an order, or none: all are in use.
    fn find(&self, view: &dyn View, order_id: OrderId) -> Result<Option<Payable>, Fault> {
        if self.first >= self.end {
            return Ok(None);
        }
        let turn = self.first + order_id.0.cast_signed().rem_euclid(self.end - self.first);
        let in_turn = || (turn..self.end).chain(self.first..turn);
        let mut reserved = Vec::new();
        for code in in_turn().take(TRIES) {
            match reserved_by(view, self.account_id, self.amount_minor(code))? {
                None => return Ok(Some(self.free(code))),
                Some(other) => reserved.push((code, other)),
            }
        }
        for &(code, other) in &reserved {
            if let Some(closed) = self.of_closed(view, code, other)?
                && !closed.shared_with.is_some()
            {
                return Ok(Some(closed));
            }
        }
        // Nobody has gone round yet, or all who did still wait for their money: seldom, and not to cost more the more wait.
        let beyond = match self.first_free(view, turn, self.end)? {
            Some(code) => Some(code),
            None => self.first_free(view, self.first, turn)?,
        };
        if let Some(code) = beyond {
            return Ok(Some(self.free(code)));
        }
        self.of_any_closed(view, in_turn())
    }

    fn free(&self, code: i64) -> Payable {
        Payable::free(i32::try_from(code).unwrap_or(0), self.amount_minor(code))
    }

    /// The first code of `from..to` whose amount nobody has, found by passing once over those that are reserved.
    fn first_free(&self, view: &dyn View, from: i64, to: i64) -> Result<Option<i64>, Fault> {
        if from >= to {
            return Ok(None);
        }
        let (mut code, mut amount_minor) = (from, self.amount_minor(from));
        let last_minor = self.amount_minor(to - 1);
        let key = |amount_minor| payable_key(self.account_id, amount_minor);
        let least = key(amount_minor.min(last_minor));
        let end = key(amount_minor.max(last_minor) + 1);
        let ascends = self.step_minor > 0;
        let mut visit = |row: &[u8], _: &[u8]| {
            let reserved_minor = i64_key_at(row, AMOUNT_AT)?;
            if reserved_minor == amount_minor {
                code += 1;
                amount_minor += self.step_minor;
                return Ok(code < to);
            }
            // Amounts between two codes are other totals'.
            Ok((reserved_minor < amount_minor) == ascends)
        };
        if ascends {
            view.scan(Table::Payables, least.as_slice(), end.as_slice(), &mut visit)?;
        } else {
            view.scan_back(Table::Payables, least.as_slice(), end.as_slice(), &mut visit)?;
        }
        Ok((code < to).then_some(code))
    }

    /// A code taken over from a closed order: the first one's that has its money, or else the first one's at all.
    fn of_any_closed(
        &self,
        view: &dyn View,
        in_turn: impl Iterator<Item = i64>,
    ) -> Result<Option<Payable>, Fault> {
        let mut risky = None;
        for (tried, code) in in_turn.enumerate() {
            if tried >= TRIES_BEFORE_RISK && risky.is_some() {
                break;
            }
            let Some(other) = reserved_by(view, self.account_id, self.amount_minor(code))? else { continue };
            match self.of_closed(view, code, other)? {
                Some(closed) if closed.shared_with.is_some() => risky = risky.or(Some(closed)),
                Some(settled) => return Ok(Some(settled)),
                None => {}
            }
        }
        Ok(risky)
    }

    /// The code of `other`, if that is closed and its amount only cools down.
    fn of_closed(&self, view: &dyn View, code: i64, other: OrderId) -> Result<Option<Payable>, Fault> {
        let order: Order = must(view, other.0)?;
        if order.payable_release_ms == 0 {
            return Ok(None);
        }
        let shared_with = if awaits_late_money(&order) { other } else { OrderId(0) };
        Ok(Some(Payable { taken_over: Some(other), shared_with, ..self.free(code) }))
    }
}

/// Whether money may yet come that this closed order's payable names.
fn awaits_late_money(order: &Order) -> bool {
    match order.state {
        OrderState::Expired | OrderState::Cancelled => true,
        OrderState::Booked
        | OrderState::PartlyPaid
        | OrderState::Paid
        | OrderState::Sold
        | OrderState::HandedToCourier
        | OrderState::Delivered
        | OrderState::RefundDue
        | OrderState::Refunded => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::kv::{Memory, State};

    const ACCOUNT: BankAccountId = BankAccountId(7);
    const TOTAL_MINOR: i64 = 5_000_000;

    proptest! {
        /// Against the definition, for codes that are added and that are subtracted, among amounts of other totals and
        /// accounts.
        #[test]
        fn the_first_free_code_is_the_first_that_is_free(
            subtracts: bool,
            reserved in prop::collection::btree_set(1_i64..60, 0..60),
            others in prop::collection::btree_set(-7_000_i64..7_000, 0..40),
            from in 1_i64..60,
            length in 0_i64..60,
        ) {
            let step_minor = if subtracts { -100 } else { 100 };
            let codes = Codes { account_id: ACCOUNT, total_minor: TOTAL_MINOR, first: 1, end: 60, step_minor };
            let on_grid: BTreeSet<i64> = reserved.iter().map(|code| codes.amount_minor(*code)).collect();
            let mut memory = Memory::default();
            let mut reserve = |account_id, amount_minor| {
                memory.put(Table::Payables, payable_key(account_id, amount_minor).as_slice(), &[0; 8])
            };
            for amount_minor in &on_grid {
                reserve(ACCOUNT, *amount_minor).expect("memory takes it");
            }
            for other in others {
                let amount_minor = TOTAL_MINOR + other;
                if amount_minor % 100 != 0 {
                    reserve(ACCOUNT, amount_minor).expect("memory takes it");
                }
                reserve(BankAccountId(6), amount_minor).expect("memory takes it");
                reserve(BankAccountId(8), amount_minor).expect("memory takes it");
            }
            let to = (from + length).min(60);
            let wanted = (from..to).find(|code| !reserved.contains(code));
            prop_assert_eq!(codes.first_free(&memory, from, to).expect("memory is read"), wanted);
        }
    }
}
