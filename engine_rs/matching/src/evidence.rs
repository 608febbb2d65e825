//! What speaks for and against one mutation paying one order.

use crate::amounts::{Relation, relate};
use crate::likely_name::Seen;
use crate::logs::ln_milli;
use crate::open::{MutationEntry, Open, OrderEntry};
use crate::text::Number;
use crate::types::{OrderId, OrderState};

/// The weights of one pair, in millinats, and what they rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) order_id: OrderId,
    pub(crate) relation: Relation,
    pub(crate) amount: i32,
    pub(crate) name: i32,
    pub(crate) number: i32,
    pub(crate) alias: i32,
    pub(crate) time: i32,
    pub(crate) state: i32,
    /// All of them and the prior.
    pub(crate) score: i32,
    /// Days after the deadline, below 0 before booking, 0 in time.
    pub(crate) days_off: i32,
    /// The text holds a part that is somebody else's name.
    pub(crate) contradicted: bool,
    /// Of a name's several words the text holds one, and nothing else names the order.
    pub(crate) thin: bool,
}

impl Evidence {
    /// What speaks for the pair beside its amount.
    pub(crate) fn other(&self) -> i64 {
        i64::from(self.name.max(0) + self.number.max(0) + self.alias.max(0))
    }

    /// What speaks for the pair beside its amount is this much, and nothing in the name speaks against it. Of a payer who is
    /// known, nothing can: of what is learnt only that is left which the name does not say already.
    pub(crate) fn told(&self, least: i64) -> bool {
        let learnt = if self.alias > 0 { self.alias + self.name.max(0) } else { 0 };
        self.told_with(learnt, least)
    }

    /// The same without what was learnt of the payer.
    pub(crate) fn told_by_text(&self, least: i64) -> bool {
        self.told_with(0, least)
    }

    fn told_with(&self, alias: i32, least: i64) -> bool {
        let known = i64::from(self.number.max(0) + alias);
        known >= least || (!self.contradicted && known + i64::from(self.name.max(0)) >= least)
    }

    /// The score.
    pub(crate) fn score(&self) -> i64 {
        i64::from(self.score)
    }
}

/// Weighs one pair.
pub(crate) fn weigh(open: &Open, mutation: &MutationEntry, seen: &Seen<'_>, entry: &OrderEntry) -> Evidence {
    let order = &entry.order;
    let weights = &open.config.weights;
    let (relation, amount) = relate(mutation.amount_minor, order.due_minor, order.unique_code, &open.config);
    let name = entry
        .name
        .map(|name| seen.weigh(&open.names, &open.names.name(name).words, weights))
        .unwrap_or_default();
    let number = number(open, mutation, entry);
    let alias = match seen.paid_for {
        [] => 0,
        // The payer's own name is no second witness; who pays for many may mean any of them.
        known if known.contains(&order.customer_key) => {
            (weights.alias - ln_milli(known.len() as u64) - name.weight.max(0)).max(0)
        }
        _ if name.weight > 0 => 0,
        _ => weights.alias_differs,
    };
    let (days_off, time) = time(open, mutation.day, entry);
    let state = match order.state {
        OrderState::Open | OrderState::Expired => 0,
        OrderState::Cancelled => weights.cancelled,
    };
    let score = weights.prior + amount + name.weight + number + alias + time + state;
    Evidence {
        order_id: order.order_id,
        relation,
        amount: small(amount),
        name: small(name.weight),
        number: small(number),
        alias: small(alias),
        time: small(time),
        state: small(state),
        score: small(score),
        days_off,
        contradicted: name.contradicted,
        thin: name.one_of_several && number <= 0 && alias <= 0,
    }
}

fn small(weight: i64) -> i32 {
    i32::try_from(weight).unwrap_or(if weight < 0 { i32::MIN / 16 } else { i32::MAX / 16 })
}

/// What the numbers of a text say of an order.
fn number(open: &Open, mutation: &MutationEntry, entry: &OrderEntry) -> i64 {
    let weights = &open.config.weights;
    let own = |number: &&Number| entry.order.number != 0 && number.value == entry.order.number;
    let weight = |number: &Number| {
        let by_digits = usize::from(number.digits).min(weights.number_by_digits.len()) - 1;
        if number.marked { weights.number_marked } else { weights.number_by_digits[by_digits] }
    };
    if let Some(best) = mutation.numbers.iter().filter(own).map(weight).max() {
        return best;
    }
    let code = u64::from(entry.order.unique_code.unsigned_abs());
    let others = mutation.numbers.iter().filter(|number| number.marked && number.value != code);
    let names_another = others.into_iter().any(|number| !open.numbered(number.value).is_empty());
    if names_another { weights.number_differs } else { 0 }
}

/// How far a payment's day is from the days in which the order waits, and what that weighs.
fn time(open: &Open, day: i32, entry: &OrderEntry) -> (i32, i64) {
    let weights = &open.config.weights;
    if day < entry.create_day {
        return (day - entry.create_day, weights.before_booking);
    }
    let late = day.saturating_sub(entry.expire_day);
    if late <= 0 {
        return (0, weights.in_time);
    }
    let weight =
        weights.late.iter().find(|(days, _)| late <= *days).map_or(weights.very_late, |(_, weight)| *weight);
    (late, weight)
}
