//! Which orders a mutation may pay: found by amount, name, number and payer, never by looking at all of them.

use crate::amounts::{Relation, slips};
use crate::evidence::{Evidence, weigh};
use crate::groups::{self, Group};
use crate::likely_name::Seen;
use crate::names::Sight;
use crate::open::{MutationEntry, Open};
use crate::tally::Tally;
use crate::types::{MutationId, OrderId};

/// Most pairs kept of a mutation.
const KEPT_MAX: usize = 10;
/// Pairs that weigh less are not even shown.
const KEPT_SCORE: i64 = -3_500;
/// What is this much less likely than a mutation's best explanation competes for nothing: it would part no decision from
/// another, and tie half of all mutations together.
const FAR_BEHIND: i64 = 8_000;
/// Most orders of one amount that are weighed.
const SAME_AMOUNT_MAX: usize = 64;
/// Most orders of one amount without its code: more of them tell nothing.
const SAME_BASE_MAX: usize = 32;
/// Most orders of one customer or name that are weighed, the last ones.
const SAME_CUSTOMER_MAX: usize = 24;
/// Names of which less is seen are not weighed.
pub(crate) const NAME_SEEN: i64 = 3_500;
/// Most names weighed for one mutation.
const NAMES_MAX: usize = 24;
/// With less evidence beside the amount, slips of the finger are looked for among all orders.
const KNOWN_PAYER: i64 = 4_000;

/// What a mutation may pay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Single orders, best first.
    pub(crate) pairs: Vec<Evidence>,
    /// Several orders together, best first.
    pub(crate) groups: Vec<Group>,
    /// What would be left for another order beside one that the payer surely meant, in minor units.
    pub(crate) rests_minor: Vec<i64>,
    /// What the best name of all orders weighed, in millinats.
    pub(crate) best_name: i32,
    /// A bound was reached: there may be more.
    pub(crate) cut: bool,
}

impl Edges {
    /// Whether an explanation of this score is in question: it speaks for itself, and is not far behind the best.
    pub(crate) fn competes(&self, score: i64) -> bool {
        let pair = self.pairs.iter().map(Evidence::score).max().unwrap_or(0);
        let group = self.groups.iter().map(|group| group.score).max().unwrap_or(0);
        score > 0 && score > pair.max(group) - FAR_BEHIND
    }

    /// Orders that the mutation competes for, each once.
    pub(crate) fn linked(&self) -> Vec<OrderId> {
        let pairs = self.pairs.iter().filter(|pair| self.competes(pair.score())).map(|pair| pair.order_id);
        let groups = self.groups.iter().filter(|group| self.competes(group.score));
        let groups = groups.flat_map(|group| &group.order_ids);
        let mut linked: Vec<OrderId> = pairs.chain(groups.copied()).collect();
        linked.sort_unstable();
        linked.dedup();
        linked
    }
}

impl Open {
    /// Finds and weighs what a mutation may pay.
    pub(crate) fn edges(&self, id: MutationId, tally: &mut Tally) -> Edges {
        let Some(mutation) = self.mutations.get(&id) else { return Edges::default() };
        let sights = self.names.sights(&mutation.tokens);
        let paid_for = self.customers_of(&mutation.payer);
        let seen = Seen {
            tokens: &mutation.tokens,
            sights: &sights,
            name_only: mutation.name_only,
            paid_for: &paid_for,
        };
        let mut found = self.by_amount_near(mutation.amount_minor);
        let mut cut = self.due(mutation.amount_minor).len() > SAME_AMOUNT_MAX;
        self.by_name(&sights, tally, &mut found);
        for number in &mutation.numbers {
            found.extend(self.numbered(number.value).iter().take(SAME_CUSTOMER_MAX));
        }
        for customer in &paid_for {
            found.extend(self.orders_of(*customer).iter().rev().take(SAME_CUSTOMER_MAX));
        }
        let mut pairs = self.weighed(mutation, &seen, found);
        let told = |pair: &Evidence| pair.relation == Relation::Exact || pair.other() >= KNOWN_PAYER;
        if !pairs.iter().any(told) {
            let slips = slips(mutation.amount_minor, self.config.minor_per_major);
            let mistyped =
                slips.iter().flat_map(|amount| self.due(*amount).iter().take(SAME_BASE_MAX).copied());
            let known = |order: &OrderId| pairs.iter().all(|pair| pair.order_id != *order);
            let mistyped: Vec<OrderId> = mistyped.filter(known).collect();
            pairs.extend(self.weighed(mutation, &seen, mistyped));
        }
        pairs.sort_unstable_by_key(|pair| (-pair.score, pair.order_id));
        let (groups, rests_minor, groups_cut) = groups::of(self, mutation, &seen, &pairs);
        cut |= groups_cut;
        let best_name = pairs.iter().map(|pair| pair.name).max().unwrap_or(0);
        pairs.retain(|pair| pair.score() >= KEPT_SCORE);
        pairs.truncate(KEPT_MAX);
        // What is kept is little of what was weighed, and kept long.
        pairs.shrink_to_fit();
        Edges { pairs, groups, rests_minor, best_name, cut }
    }

    fn weighed(&self, mutation: &MutationEntry, seen: &Seen<'_>, mut found: Vec<OrderId>) -> Vec<Evidence> {
        found.sort_unstable();
        found.dedup();
        let entries = found.iter().filter_map(|order| self.orders.get(order));
        entries.map(|entry| weigh(self, mutation, seen, entry)).collect()
    }

    /// Orders whose amount this is, but for a code left out or a fee.
    fn by_amount_near(&self, amount: i64) -> Vec<OrderId> {
        let mut found: Vec<OrderId> = self.due(amount).iter().take(SAME_AMOUNT_MAX).copied().collect();
        let bases = self.due_without_code(amount);
        if bases.len() <= SAME_BASE_MAX {
            found.extend(bases);
        }
        for fee in &self.config.fees_minor {
            for near in [self.due(amount + fee), self.due(amount - fee)] {
                if near.len() <= SAME_BASE_MAX {
                    found.extend(near);
                }
            }
        }
        found
    }

    /// Orders of customers whose names the text holds.
    fn by_name(&self, sights: &[Sight], tally: &mut Tally, found: &mut Vec<OrderId>) {
        let mut best: Vec<&Sight> = Vec::with_capacity(sights.len());
        for sight in sights {
            if best.last().is_none_or(|last| last.word != sight.word) {
                best.push(sight);
            }
        }
        let (common, rare): (Vec<&Sight>, Vec<&Sight>) =
            best.iter().partition(|sight| self.names.names_with(sight.word).is_common());
        tally.begin(self.names.names_end());
        for sight in rare {
            for name in self.names.names_with(sight.word).iter() {
                tally.add(name, sight.value);
            }
        }
        tally.add_to_each(|name| {
            let held = common.iter().filter(|sight| self.names.names_with(sight.word).common_has(name));
            held.map(|sight| sight.value).sum()
        });
        for (at, one) in common.iter().enumerate() {
            for other in &common[at + 1..] {
                if one.token != other.token && one.value + other.value >= NAME_SEEN {
                    for name in self.names.names_with(one.word).common_both(self.names.names_with(other.word))
                    {
                        tally.raise(name, one.value + other.value);
                    }
                }
            }
        }
        for name in self.best_names(tally) {
            found.extend(self.names.name(name).orders.iter().rev().take(SAME_CUSTOMER_MAX));
        }
    }

    /// The names of which most is seen; of equal ones those whose first order is the earliest.
    fn best_names(&self, tally: &Tally) -> Vec<u32> {
        let seen = tally.iter().filter(|(_, value)| *value >= NAME_SEEN);
        let mut names: Vec<(i64, u32)> = seen.map(|(name, value)| (-value, name)).collect();
        if names.len() > NAMES_MAX {
            let (_, &mut (last, _), _) = names.select_nth_unstable_by_key(NAMES_MAX - 1, |(value, _)| *value);
            names.retain(|(value, _)| *value <= last);
            let first = |name: u32| self.names.name(name).orders.first();
            names.sort_by_cached_key(|(value, name)| (*value, first(*name)));
            names.truncate(NAMES_MAX);
        }
        names.into_iter().map(|(_, name)| name).collect()
    }
}
