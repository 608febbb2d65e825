//! One transfer for several orders: sums of plausible orders, and how many sums would fit by chance.

use crate::amounts::{Relation, digits_of};
use crate::evidence::{Evidence, weigh};
use crate::likely_name::Seen;
use crate::logs::ln_milli;
use crate::open::{MutationEntry, Open};
use crate::types::OrderId;

/// With this much evidence beside its amount an order surely is the payer's.
const SURE: i64 = 5_000;
/// With this much it may be: a relative's, or a name that was cut off.
const LIKELY: i64 = 1_500;
/// Most sure orders among which sums are looked for: half of them make 2^9 sums.
const SURE_MAX: usize = 18;
/// Most likely ones; of these, sums of two or three.
const LIKELY_MAX: usize = 24;
/// Most orders that one transfer pays.
const ORDERS_MAX: u32 = 8;
/// Most sums kept.
const GROUPS_MAX: usize = 4;
/// Most orders of the amount that is left.
const REST_MAX: usize = 8;
/// Most amounts left that are looked at.
const RESTS_MAX: usize = 4;
/// What an order weighs of which nothing says that the payer meant it.
const STRANGE: i64 = -3_000;
/// What a second order of the same payer weighs beside the first.
const SAME_PAYER: i64 = 500;

/// How an amount is the sum of several orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SumKind {
    /// To the last unit.
    Exact,
    /// Of each order without its unique code.
    CodesLeftOut,
    /// But for a usual fee, in minor units.
    FeeShort(i64),
}

/// Several orders that one mutation pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// By id.
    pub(crate) order_ids: Vec<OrderId>,
    /// What each of them gets, in minor units.
    pub(crate) shares_minor: Vec<i64>,
    pub(crate) kind: SumKind,
    pub(crate) score: i64,
    /// What speaks for it beside the sum.
    pub(crate) other: i64,
    /// What the sum weighs.
    pub(crate) sum: i64,
    /// How many sums were tried.
    pub(crate) tried: u64,
    /// Nothing but the sum speaks for one of the orders, or it is no order for the machine.
    pub(crate) loose: bool,
}

/// The best sums, the amounts left beside sure orders, and whether a bound was reached.
pub(crate) fn of(
    open: &Open,
    mutation: &MutationEntry,
    seen: &Seen<'_>,
    pairs: &[Evidence],
) -> (Vec<Group>, Vec<i64>, bool) {
    let amount = mutation.amount_minor;
    let explained = pairs.iter().any(|pair| pair.relation == Relation::Exact && pair.other() >= SURE);
    let smaller = |pair: &&Evidence| due(open, pair) < amount;
    let usable = |pair: &&Evidence| smaller(pair) && !pair.contradicted && pair.days_off >= 0;
    if explained {
        return (Vec::new(), Vec::new(), false);
    }
    let mut sure: Vec<Evidence> =
        pairs.iter().filter(usable).filter(|pair| pair.other() >= SURE).copied().collect();
    let mut likely: Vec<Evidence> =
        pairs.iter().filter(smaller).filter(|pair| pair.other() >= LIKELY).copied().collect();
    if likely.is_empty() {
        return (Vec::new(), Vec::new(), false);
    }
    let by_evidence = |pair: &Evidence| (-pair.other(), -pair.time, pair.order_id);
    sure.sort_unstable_by_key(by_evidence);
    likely.sort_unstable_by_key(by_evidence);
    let cut = sure.len() > SURE_MAX;
    sure.truncate(SURE_MAX);
    likely.truncate(LIKELY_MAX);
    let mut groups = sums(open, amount, &sure, SumKind::Exact);
    if groups.is_empty() {
        groups = sums(open, amount, &sure, SumKind::CodesLeftOut);
        for fee in &open.config.fees_minor {
            groups.extend(sums(open, amount + fee, &sure, SumKind::FeeShort(*fee)));
        }
    }
    if groups.is_empty() {
        groups = small_sums(open, amount, &likely, SumKind::Exact);
    }
    if groups.is_empty() {
        groups = small_sums(open, amount, &likely, SumKind::CodesLeftOut);
    }
    let rests: Vec<i64> = sure.iter().take(RESTS_MAX).map(|pair| amount - due(open, pair)).collect();
    if groups.is_empty() {
        groups = with_strangers(open, mutation, seen, &sure);
    }
    groups.sort_unstable_by(|one, other| {
        other.score.cmp(&one.score).then_with(|| one.order_ids.cmp(&other.order_ids))
    });
    groups.dedup_by(|one, other| one.order_ids == other.order_ids);
    groups.truncate(GROUPS_MAX);
    (groups, rests, cut)
}

fn due(open: &Open, pair: &Evidence) -> i64 {
    open.orders.get(&pair.order_id).map_or(i64::MAX, |entry| entry.order.due_minor)
}

/// What an order adds to a sum.
fn part(open: &Open, pair: &Evidence, kind: SumKind) -> i64 {
    let Some(entry) = open.orders.get(&pair.order_id) else { return i64::MAX / 64 };
    let code = i64::from(entry.order.unique_code) * open.config.minor_per_major;
    match kind {
        SumKind::CodesLeftOut if code < entry.order.due_minor => entry.order.due_minor - code.max(0),
        SumKind::CodesLeftOut | SumKind::Exact | SumKind::FeeShort(_) => entry.order.due_minor,
    }
}

/// Sums of two and more sure orders: meet in the middle.
fn sums(open: &Open, amount: i64, pool: &[Evidence], kind: SumKind) -> Vec<Group> {
    let dues: Vec<i64> = pool.iter().map(|pair| part(open, pair, kind)).collect();
    if pool.len() < 2 || dues.iter().sum::<i64>() < amount {
        return Vec::new();
    }
    let (low, high) = dues.split_at(dues.len() / 2);
    let mut lows = subsets(low);
    lows.sort_unstable();
    let mut found = Vec::new();
    for (sum, high_set) in subsets(high) {
        let from = lows.partition_point(|(low_sum, _)| low_sum + sum < amount);
        for (low_sum, low_set) in &lows[from..] {
            if low_sum + sum != amount {
                break;
            }
            let set = low_set | high_set << low.len();
            if (2..=ORDERS_MAX).contains(&set.count_ones()) {
                found.push(set);
            }
        }
    }
    let tried = (1_u64 << pool.len()) - 1;
    found.sort_unstable_by_key(|set| (set.count_ones(), *set));
    found.truncate(GROUPS_MAX * 4);
    found
        .into_iter()
        .filter_map(|set| {
            let chosen: Vec<&Evidence> =
                pool.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, pair)| pair).collect();
            group(open, amount, &chosen, tried, kind)
        })
        .collect()
}

/// Each subset's sum, and the subset as bits.
fn subsets(dues: &[i64]) -> Vec<(i64, u32)> {
    let mut subsets = vec![(0, 0)];
    for (at, due) in dues.iter().enumerate() {
        for of in 0..subsets.len() {
            let (sum, set): (i64, u32) = subsets[of];
            subsets.push((sum + due, set | 1 << at));
        }
    }
    subsets
}

/// Sums of two and three orders that may be the payer's.
fn small_sums(open: &Open, amount: i64, pool: &[Evidence], kind: SumKind) -> Vec<Group> {
    let dues: Vec<i64> = pool.iter().map(|pair| part(open, pair, kind)).collect();
    let count = pool.len() as u64;
    let pairs = count * count.saturating_sub(1) / 2;
    let triples = pairs * count.saturating_sub(2) / 3;
    let mut found = Vec::new();
    for first in 0..pool.len() {
        for second in first + 1..pool.len() {
            let rest = amount - dues[first] - dues[second];
            if rest == 0 {
                found.extend(group(open, amount, &[&pool[first], &pool[second]], pairs, kind));
            }
            if rest <= 0 {
                continue;
            }
            for third in (second + 1..pool.len()).filter(|third| dues[*third] == rest) {
                let chosen = [&pool[first], &pool[second], &pool[third]];
                found.extend(group(open, amount, &chosen, pairs + triples, kind));
            }
        }
    }
    found
}

/// A sure order and one of which only the amount speaks.
fn with_strangers(open: &Open, mutation: &MutationEntry, seen: &Seen<'_>, sure: &[Evidence]) -> Vec<Group> {
    let amount = mutation.amount_minor;
    let mut found = Vec::new();
    for pair in sure.iter().take(RESTS_MAX) {
        let left = open.due(amount - due(open, pair));
        if left.len() > REST_MAX {
            continue;
        }
        for entry in left.iter().filter_map(|order| open.orders.get(order)) {
            let other = weigh(open, mutation, seen, entry);
            if other.order_id != pair.order_id && other.days_off >= 0 {
                found.extend(group(
                    open,
                    amount - due(open, pair),
                    &[pair, &other],
                    sure.len() as u64,
                    SumKind::Exact,
                ));
            }
        }
    }
    found
}

/// Weighs a set of orders whose sum is the amount. `telling` is the amount whose digits tell the sum from chance.
/// A fee is taken off the last order that bears it; none where none does.
fn group(open: &Open, telling: i64, chosen: &[&Evidence], tried: u64, kind: SumKind) -> Option<Group> {
    let weights = &open.config.weights;
    let less = match kind {
        SumKind::Exact => 0,
        SumKind::CodesLeftOut => weights.code_left_out,
        SumKind::FeeShort(_) => weights.fee_short,
    };
    let sum = weights.exact_by_digits[digits_of(telling) - 1] - ln_milli(tried.max(1)) + less;
    let lead = chosen.iter().map(|pair| i64::from(pair.name + pair.alias)).max().unwrap_or(0);
    let numbers: i64 = chosen.iter().map(|pair| i64::from(pair.number)).sum();
    let mut loose = false;
    let mut beside = 0;
    for pair in chosen {
        if pair.other() >= SURE {
            beside += SAME_PAYER;
        } else if pair.other() < LIKELY || pair.contradicted {
            beside += STRANGE / if pair.name > 0 { 2 } else { 1 };
            loose = true;
        } else {
            loose = true;
        }
    }
    let time: i64 = chosen.iter().map(|pair| i64::from(pair.time)).min().unwrap_or(0);
    let state: i64 = chosen.iter().map(|pair| i64::from(pair.state)).min().unwrap_or(0);
    loose |= state < 0;
    let other = lead.max(0) + numbers.max(0);
    let mut shares: Vec<(OrderId, i64)> =
        chosen.iter().map(|pair| (pair.order_id, part(open, pair, kind))).collect();
    shares.sort_unstable();
    if let SumKind::FeeShort(fee) = kind {
        let (_, last) = shares.iter_mut().rev().find(|(_, share)| *share > fee)?;
        *last -= fee;
    }
    let (order_ids, shares_minor) = shares.into_iter().unzip();
    let score = weights.group_prior + sum + lead + numbers + beside + time + state;
    Some(Group { order_ids, shares_minor, kind, score, other, sum, tried, loose })
}
