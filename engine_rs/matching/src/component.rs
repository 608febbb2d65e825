//! Mutations that compete for orders are decided together.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::amounts::{Relation, digits_of};
use crate::assign::{MARGIN_MAX, assign};
use crate::evidence::Evidence;
use crate::logs::ln_milli;
use crate::open::Open;
use crate::types::{MutationId, OrderId};

/// With this much beside its amount a transfer may be a part of what an order has to pay.
const PART_OTHER: i64 = 3_500;
/// Most transfers among which those for one order are looked for.
const PARTS_AMONG_MAX: usize = 12;
/// Most transfers for one order.
const PARTS_MAX: u32 = 4;
/// Most such sets kept of one order.
const JOINTS_MAX: usize = 4;
/// What transfers weigh together that do not make up what is due.
const PARTS_SO_FAR: i64 = -500;
/// Most mutations whose choices are all tried together.
const TRIED_TOGETHER_MAX: usize = 9;
/// Most steps of such a trial.
const TRIAL_STEPS_MAX: usize = 20_000;

/// Several mutations that pay one order together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joint {
    pub(crate) order_id: OrderId,
    /// By id.
    pub(crate) mutation_ids: Vec<MutationId>,
    pub(crate) score: i64,
    /// Together they are all that is due; else a part of it.
    pub(crate) complete: bool,
    /// What the sum weighs.
    pub(crate) sum: i64,
    /// What speaks for the least of its transfers beside the sum.
    pub(crate) other: i64,
}

/// What a mutation is taken to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Nothing,
    /// The pair at this place of its edges.
    Pair(usize),
    /// The group at this place.
    Group(usize),
    Joint(Joint),
}

/// The outcome for one mutation.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) mutation_id: MutationId,
    pub(crate) choice: Choice,
    pub(crate) margin: i64,
    pub(crate) cut: bool,
}

/// One choice of one mutation or several: what it takes and what it is worth.
struct Hypothesis {
    /// Places in the component.
    mutations: Vec<usize>,
    orders: Vec<OrderId>,
    score: i64,
    choice: Choice,
}

/// Decides mutations that compete with each other and with no others, by id.
pub(crate) fn solve(open: &Open, mutations: &[MutationId]) -> Vec<Outcome> {
    let hypotheses = hypotheses(open, mutations);
    let single = |hypothesis: &Hypothesis| matches!(hypothesis.choice, Choice::Pair(_));
    if mutations.len() == 1 {
        return vec![alone(mutations[0], &hypotheses)];
    }
    if hypotheses.iter().all(single) {
        return by_assignment(mutations, &hypotheses.iter().collect::<Vec<_>>(), &[]);
    }
    if mutations.len() <= TRIED_TOGETHER_MAX
        && let Some(outcomes) = by_trial(mutations, &hypotheses)
    {
        return outcomes;
    }
    with_sets_first(open, mutations, hypotheses)
}

fn hypotheses(open: &Open, mutations: &[MutationId]) -> Vec<Hypothesis> {
    let mut found = Vec::new();
    let mut orders = Vec::new();
    let again = paid_again(open, mutations);
    for (at, id) in mutations.iter().enumerate() {
        let Some(entry) = open.mutations.get(id) else { continue };
        let free = |pair: &Evidence| {
            entry.edges.competes(pair.score()) && !(pair.relation == Relation::Exact && again.contains(id))
        };
        for (place, pair) in entry.edges.pairs.iter().enumerate().filter(|(_, pair)| free(pair)) {
            orders.push(pair.order_id);
            let choice = Choice::Pair(place);
            found.push(Hypothesis {
                mutations: vec![at],
                orders: vec![pair.order_id],
                score: pair.score(),
                choice,
            });
        }
        for (place, group) in
            entry.edges.groups.iter().enumerate().filter(|(_, group)| entry.edges.competes(group.score))
        {
            let (orders, choice) = (group.order_ids.clone(), Choice::Group(place));
            found.push(Hypothesis { mutations: vec![at], orders, score: group.score, choice });
        }
    }
    if mutations.len() > 1 {
        orders.sort_unstable();
        orders.dedup();
        for joint in orders.into_iter().flat_map(|order| joints(open, order)) {
            let members = joint.mutation_ids.iter().filter_map(|id| mutations.binary_search(id).ok());
            found.push(Hypothesis {
                mutations: members.collect(),
                orders: vec![joint.order_id],
                score: joint.score,
                choice: Choice::Joint(joint),
            });
        }
    }
    found
}

/// Mutations by which a payer paid the same again: of one payer's transfers of one amount that fit the same orders, those that
/// fit best count, then the earliest, as many as there are orders. It is the same payer's money, whichever is meant.
fn paid_again(open: &Open, mutations: &[MutationId]) -> FxHashSet<MutationId> {
    let mut equal: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for id in mutations {
        let Some(entry) = open.mutations.get(id) else { continue };
        let named = |pair: &&Evidence| {
            let meant = pair.score > 0 && pair.days_off >= 0 && pair.told(PART_OTHER);
            pair.relation == Relation::Exact && meant
        };
        let mut orders: Vec<OrderId> =
            entry.edges.pairs.iter().filter(named).map(|pair| pair.order_id).collect();
        let best = entry.edges.pairs.iter().filter(named).map(Evidence::score).max();
        orders.sort_unstable();
        if let Some(best) = best {
            equal.entry((&entry.payer, orders)).or_default().push((-best, entry.day, *id));
        }
    }
    let mut again = FxHashSet::default();
    for ((_, orders), mut transfers) in equal {
        transfers.sort_unstable();
        again.extend(transfers.into_iter().skip(orders.len()).map(|(.., id)| id));
    }
    again
}

/// Sets of transfers that pay an order together, to the last unit.
fn joints(open: &Open, order_id: OrderId) -> Vec<Joint> {
    let Some(entry) = open.orders.get(&order_id).filter(|entry| entry.claims.len() > 1) else {
        return Vec::new();
    };
    let due = entry.order.due_minor;
    let mut parts = Vec::new();
    for id in &entry.claims {
        let Some(mutation) = open.mutations.get(id).filter(|mutation| mutation.amount_minor < due) else {
            continue;
        };
        let pair = mutation.edges.pairs.iter().find(|pair| pair.order_id == order_id);
        if let Some(pair) = pair.filter(|pair| pair.other() >= PART_OTHER && pair.days_off >= 0) {
            parts.push((mutation.day, *id, mutation.amount_minor, pair));
        }
    }
    parts.sort_unstable_by_key(|(day, id, ..)| (*day, *id));
    parts.truncate(PARTS_AMONG_MAX);
    let weights = &open.config.weights;
    let mut found: Vec<Joint> = Vec::new();
    for set in 1_u32..1 << parts.len() {
        let members = || parts.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, part)| part);
        if !(2..=PARTS_MAX).contains(&set.count_ones()) || members().map(|part| part.2).sum::<i64>() != due {
            continue;
        }
        let sum = weights.exact_by_digits[digits_of(due) - 1] - ln_milli(1 << parts.len());
        let beside: i64 =
            members().map(|(.., pair)| pair.score() - weights.prior - i64::from(pair.amount)).sum();
        let mut mutation_ids: Vec<MutationId> = members().map(|part| part.1).collect();
        mutation_ids.sort_unstable();
        let score = weights.group_prior + sum + beside;
        let other = members().map(|(.., pair)| pair.other()).min().unwrap_or(0);
        found.push(Joint { order_id, mutation_ids, score, complete: true, sum, other });
    }
    let total: i64 = parts.iter().map(|part| part.2).sum();
    if parts.len() > 1 && total < due {
        let mut mutation_ids: Vec<MutationId> = parts.iter().map(|part| part.1).collect();
        mutation_ids.sort_unstable();
        let score = parts.iter().map(|(.., pair)| pair.score()).sum::<i64>() + PARTS_SO_FAR;
        let other = parts.iter().map(|(.., pair)| pair.other()).min().unwrap_or(0);
        found.push(Joint { order_id, mutation_ids, score, complete: false, sum: 0, other });
    }
    found.retain(|joint| joint.score > 0);
    found.sort_unstable_by(|one, other| {
        other.score.cmp(&one.score).then_with(|| one.mutation_ids.cmp(&other.mutation_ids))
    });
    found.truncate(JOINTS_MAX);
    found
}

/// A mutation without rivals takes its best choice; the margin is to the next.
fn alone(mutation_id: MutationId, hypotheses: &[Hypothesis]) -> Outcome {
    let mut best: Option<&Hypothesis> = None;
    let mut next = 0;
    for hypothesis in hypotheses {
        match best {
            Some(held) if held.score >= hypothesis.score => next = next.max(hypothesis.score),
            Some(held) => {
                next = next.max(held.score);
                best = Some(hypothesis);
            }
            None => best = Some(hypothesis),
        }
    }
    let choice = best.map_or(Choice::Nothing, |held| held.choice.clone());
    let margin = best.map_or(MARGIN_MAX, |held| (held.score - next).min(MARGIN_MAX));
    Outcome { mutation_id, choice, margin, cut: false }
}

/// The best assignment where each choice is one mutation and one order. `settled` mutations are left out.
fn by_assignment(mutations: &[MutationId], hypotheses: &[&Hypothesis], settled: &[bool]) -> Vec<Outcome> {
    let mut columns: FxHashMap<OrderId, usize> = FxHashMap::default();
    let mut orders: Vec<OrderId> = hypotheses.iter().map(|hypothesis| hypothesis.orders[0]).collect();
    orders.sort_unstable();
    orders.dedup();
    columns.extend(orders.iter().enumerate().map(|(at, order)| (*order, at)));
    let mut rows: Vec<Vec<(usize, i64)>> = vec![Vec::new(); mutations.len()];
    let mut choices: FxHashMap<(usize, usize), &Choice> = FxHashMap::default();
    for hypothesis in hypotheses {
        let (row, column) = (hypothesis.mutations[0], columns[&hypothesis.orders[0]]);
        rows[row].push((column, hypothesis.score));
        choices.insert((row, column), &hypothesis.choice);
    }
    let found = assign(&rows, orders.len());
    let outcomes =
        mutations.iter().enumerate().filter(|(at, _)| !settled.get(*at).is_some_and(|settled| *settled));
    outcomes
        .map(|(at, mutation_id)| Outcome {
            mutation_id: *mutation_id,
            choice: found.columns[at].map_or(Choice::Nothing, |column| choices[&(at, column)].clone()),
            margin: found.margins[at],
            cut: found.cut,
        })
        .collect()
}

/// Tries all choices of few mutations together; none when that takes too many steps.
fn by_trial(mutations: &[MutationId], hypotheses: &[Hypothesis]) -> Option<Vec<Outcome>> {
    let mut trial = Trial::new(mutations.len(), hypotheses);
    let (total, chosen) = trial.best(None)?;
    let mut outcomes = Vec::with_capacity(mutations.len());
    for (at, mutation_id) in mutations.iter().enumerate() {
        let (otherwise, _) = trial.best(Some((at, chosen[at])))?;
        outcomes.push(Outcome {
            mutation_id: *mutation_id,
            choice: chosen[at].map_or(Choice::Nothing, |chosen| hypotheses[chosen].choice.clone()),
            margin: (total - otherwise).min(MARGIN_MAX),
            cut: false,
        });
    }
    Some(outcomes)
}

/// A search through the choices of few mutations, one after the other.
struct Trial<'a> {
    hypotheses: &'a [Hypothesis],
    /// Of each mutation, its hypotheses, best first.
    of: Vec<Vec<usize>>,
    /// The most that a mutation and those behind it can be worth.
    bounds: Vec<i64>,
    forbidden: Option<(usize, Option<usize>)>,
    chosen: Vec<Option<usize>>,
    taken: Vec<bool>,
    best: Option<(i64, Vec<Option<usize>>)>,
    steps: usize,
}

impl<'a> Trial<'a> {
    fn new(mutations: usize, hypotheses: &'a [Hypothesis]) -> Self {
        let mut of = vec![Vec::new(); mutations];
        let mut most = vec![0; mutations];
        for (at, hypothesis) in hypotheses.iter().enumerate() {
            // A set counts in full with its first member: a bound that is too high is still one.
            for (place, &member) in hypothesis.mutations.iter().enumerate() {
                of[member].push(at);
                if place == 0 {
                    most[member] = most[member].max(hypothesis.score);
                }
            }
        }
        for list in &mut of {
            list.sort_by_key(|at| -hypotheses[*at].score);
        }
        let mut bounds = vec![0; mutations + 1];
        for at in (0..mutations).rev() {
            bounds[at] = bounds[at + 1] + most[at];
        }
        Self {
            hypotheses,
            of,
            bounds,
            forbidden: None,
            chosen: vec![None; mutations],
            taken: vec![false; mutations],
            best: None,
            steps: 0,
        }
    }

    /// The greatest total without a forbidden choice, and the choices.
    fn best(&mut self, forbidden: Option<(usize, Option<usize>)>) -> Option<(i64, Vec<Option<usize>>)> {
        self.forbidden = forbidden;
        self.best = None;
        self.steps = 0;
        self.from(0, 0);
        let unreachable = || (-MARGIN_MAX, vec![None; self.chosen.len()]);
        (self.steps <= TRIAL_STEPS_MAX).then(|| self.best.take().unwrap_or_else(unreachable))
    }

    fn from(&mut self, at: usize, value: i64) {
        self.steps += 1;
        if self.steps > TRIAL_STEPS_MAX
            || self.best.as_ref().is_some_and(|(best, _)| value + self.bounds[at] <= *best)
        {
            return;
        }
        if at == self.of.len() {
            self.best = Some((value, self.chosen.clone()));
            return;
        }
        if self.taken[at] {
            return self.from(at + 1, value);
        }
        for place in 0..self.of[at].len() {
            let hypothesis = self.of[at][place];
            if self.may_take(at, hypothesis) {
                self.take(hypothesis, true);
                self.from(at + 1, value + self.hypotheses[hypothesis].score);
                self.take(hypothesis, false);
            }
        }
        if self.forbidden != Some((at, None)) {
            self.from(at + 1, value);
        }
    }

    fn may_take(&self, at: usize, hypothesis: usize) -> bool {
        let wanted = &self.hypotheses[hypothesis];
        let forbidden = |member: &usize| self.forbidden == Some((*member, Some(hypothesis)));
        let gone = |order: &OrderId| {
            let held = self.chosen.iter().flatten();
            held.into_iter().any(|held| self.hypotheses[*held].orders.contains(order))
        };
        wanted.mutations[0] == at
            && wanted.mutations.iter().all(|member| !self.taken[*member] && !forbidden(member))
            && !wanted.orders.iter().any(gone)
    }

    fn take(&mut self, hypothesis: usize, taken: bool) {
        for &member in &self.hypotheses[hypothesis].mutations {
            self.taken[member] = taken;
            self.chosen[member] = taken.then_some(hypothesis);
        }
    }
}

/// Sets that are worth more than what they displace are taken first, best first; the rest is assigned.
fn with_sets_first(open: &Open, mutations: &[MutationId], hypotheses: Vec<Hypothesis>) -> Vec<Outcome> {
    let single = |hypothesis: &Hypothesis| matches!(hypothesis.choice, Choice::Pair(_));
    let (pairs, sets): (Vec<Hypothesis>, Vec<Hypothesis>) = hypotheses.into_iter().partition(single);
    let mut of: Vec<Vec<&Hypothesis>> = vec![Vec::new(); mutations.len()];
    let mut wanting: FxHashMap<OrderId, Vec<&Hypothesis>> = FxHashMap::default();
    for pair in &pairs {
        of[pair.mutations[0]].push(pair);
        wanting.entry(pair.orders[0]).or_default().push(pair);
    }
    // What a mutation would be worth with and without these orders.
    let with = |member: usize, orders: &[OrderId]| {
        let within = of[member].iter().filter(|pair| orders.contains(&pair.orders[0]));
        within.map(|pair| pair.score).max().unwrap_or(0)
    };
    let without = |member: usize, orders: &[OrderId]| {
        let beside = of[member].iter().filter(|pair| !orders.contains(&pair.orders[0]));
        beside.map(|pair| pair.score).max().unwrap_or(0)
    };
    // What its members and all others could gain otherwise is taken off.
    let gain = |set: &Hypothesis| {
        let more = |member: usize| (with(member, &set.orders) - without(member, &set.orders)).max(0);
        let beside: i64 = set.mutations.iter().map(|member| without(*member, &set.orders)).sum();
        let own = set.mutations.iter().map(|member| more(*member)).max().unwrap_or(0);
        let rival = |order: &OrderId| {
            let rivals = wanting.get(order).into_iter().flatten();
            let rivals = rivals.filter(|pair| !set.mutations.contains(&pair.mutations[0]));
            rivals.map(|pair| more(pair.mutations[0]).min(pair.score)).max().unwrap_or(0)
        };
        let rivals: i64 = set.orders.iter().map(rival).sum();
        set.score - beside - own.max(rivals)
    };
    let mut ranked: Vec<(i64, &Hypothesis)> = sets.iter().map(|set| (gain(set), set)).collect();
    ranked.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.orders.cmp(&other.1.orders)));
    let clashes = Clashes::among(&ranked);
    let mut taken = Taken {
        members: vec![false; mutations.len()],
        orders: FxHashMap::default(),
        places: vec![false; ranked.len()],
    };
    let mut outcomes = Vec::new();
    for (place, (gained, set)) in ranked.iter().enumerate() {
        let free = set.mutations.iter().all(|member| !taken.members[*member])
            && set.orders.iter().all(|order| !taken.orders.contains_key(order));
        if *gained <= 0 || !free {
            continue;
        }
        let rivals = clashes.with(set).filter(|other| *other != place);
        let nearest = rivals.map(|rival| gained - ranked[rival].0).min().unwrap_or(*gained);
        let margin = nearest.clamp(0, *gained).min(MARGIN_MAX);
        for &member in &set.mutations {
            taken.members[member] = true;
            outcomes.push(Outcome {
                mutation_id: mutations[member],
                choice: set.choice.clone(),
                margin,
                cut: false,
            });
        }
        taken.places[place] = true;
        taken.orders.extend(set.orders.iter().map(|order| (*order, margin)));
    }
    outcomes.extend(beside_sets(open, mutations, &pairs, &ranked, &taken, &clashes));
    outcomes
}

/// The sets that were taken.
struct Taken {
    /// Of each mutation, whether it is in one.
    members: Vec<bool>,
    /// Their orders, with the set's margin.
    orders: FxHashMap<OrderId, i64>,
    /// Of each set, whether it is one.
    places: Vec<bool>,
}

/// Assigns the mutations beside the sets. They are no surer than the sets that took their other orders, and than those that
/// were not taken for them.
fn beside_sets(
    open: &Open,
    mutations: &[MutationId],
    pairs: &[Hypothesis],
    ranked: &[(i64, &Hypothesis)],
    taken: &Taken,
    clashes: &Clashes,
) -> Vec<Outcome> {
    let (left, lost): (Vec<&Hypothesis>, Vec<&Hypothesis>) = pairs
        .iter()
        .filter(|pair| !taken.members[pair.mutations[0]])
        .partition(|pair| !taken.orders.contains_key(&pair.orders[0]));
    let mut of_member = vec![MARGIN_MAX; mutations.len()];
    let mut of_order: FxHashMap<OrderId, i64> = FxHashMap::default();
    for pair in lost {
        let most = &mut of_member[pair.mutations[0]];
        *most = taken.orders[&pair.orders[0]].min(*most);
    }
    for (_, (gained, set)) in ranked.iter().enumerate().filter(|(place, _)| !taken.places[*place]) {
        let dearer = clashes.with(set).map(|other| ranked[other].0).max().unwrap_or(0).max(0);
        let margin = dearer - gained;
        set.mutations.iter().for_each(|member| of_member[*member] = margin.min(of_member[*member]));
        for order in &set.orders {
            let most = of_order.entry(*order).or_insert(MARGIN_MAX);
            *most = margin.min(*most);
        }
    }
    let mut outcomes = by_assignment(mutations, &left, &taken.members);
    for outcome in &mut outcomes {
        let member = mutations.binary_search(&outcome.mutation_id).expect("one of them");
        let pairs = open.mutations.get(&outcome.mutation_id).map(|entry| &entry.edges.pairs);
        let order = match (&outcome.choice, pairs) {
            (Choice::Pair(place), Some(pairs)) => of_order.get(&pairs[*place].order_id),
            _ => None,
        };
        outcome.margin = outcome.margin.min(of_member[member]).min(order.copied().unwrap_or(MARGIN_MAX));
    }
    outcomes
}

/// Sets that cannot both be taken, found by what they share.
struct Clashes {
    by_mutation: FxHashMap<usize, Vec<usize>>,
    by_order: FxHashMap<OrderId, Vec<usize>>,
}

impl Clashes {
    fn among(ranked: &[(i64, &Hypothesis)]) -> Self {
        let mut found = Self { by_mutation: FxHashMap::default(), by_order: FxHashMap::default() };
        for (place, (_, set)) in ranked.iter().enumerate() {
            for member in &set.mutations {
                found.by_mutation.entry(*member).or_default().push(place);
            }
            for order in &set.orders {
                found.by_order.entry(*order).or_default().push(place);
            }
        }
        found
    }

    /// Places of the sets that share a mutation or an order with `set`, itself among them; some more than once.
    fn with(&self, set: &Hypothesis) -> impl Iterator<Item = usize> {
        let by_mutation = set.mutations.iter().filter_map(|member| self.by_mutation.get(member));
        let by_order = set.orders.iter().filter_map(|order| self.by_order.get(order));
        by_mutation.chain(by_order).flatten().copied()
    }
}
