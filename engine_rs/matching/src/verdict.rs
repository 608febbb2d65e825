//! How sure the outcome of an assignment is, and what it means in money.

use crate::amounts::{Relation, digits_of};
use crate::component::{Choice, Joint, Outcome};
use crate::evidence::Evidence;
use crate::groups::{Group, SumKind};
use crate::open::{MutationEntry, Open};
use crate::reason::{Feature, Reason};
use crate::types::{Allocation, Candidate, Decision, MutationId, OrderId, OrderState, Verdict};

/// Amounts of so few digits are paid by many: they name no order by themselves.
const COMMON_DIGITS: usize = 3;

/// A fee that is more than this part of what is due is no fee that a machine believes in.
const FEE_SHARE: i64 = 5;

/// By how much an amount that is explained has to lead before another order's exact amount.
const EXACT_LEAD: i64 = 4_000;
/// The same for an amount that is only near.
const VAGUE_LEAD: i64 = 6_000;

/// By how much another customer's name has to fit better to be the payer's.
const NAME_LEAD: i32 = 1_000;

/// Makes a decision of an outcome.
pub(crate) fn decision(open: &Open, outcome: &Outcome) -> Option<Decision> {
    let mutation = open.mutations.get(&outcome.mutation_id)?;
    let weighed = match &outcome.choice {
        Choice::Nothing => Weighed::nothing(open, mutation, outcome),
        Choice::Pair(place) => Weighed::pair(open, mutation, outcome, &mutation.edges.pairs[*place]),
        Choice::Group(place) => Weighed::group(open, &mutation.edges.groups[*place]),
        Choice::Joint(joint) => Weighed::joint(open, mutation, outcome.mutation_id, joint),
    };
    Some(weighed.decision(open, mutation, outcome))
}

/// A choice, weighed.
struct Weighed {
    order_ids: Vec<OrderId>,
    allocations: Vec<Allocation>,
    joined: Vec<MutationId>,
    score: i64,
    /// What it is may be confirmed in bulk, if score and margin let it.
    sure_kind: bool,
    reasons: Vec<Reason>,
}

impl Weighed {
    fn nothing(open: &Open, mutation: &MutationEntry, outcome: &Outcome) -> Self {
        let fits = best_score(mutation).is_some_and(|best| best > 0);
        let feature = match (fits, outcome.margin < open.config.tie_margin) {
            (true, true) => None,
            (true, false) => Some(Feature::Taken),
            (false, _) => Some(Feature::NothingFits),
        };
        let reasons = feature.into_iter().map(said).collect();
        Self {
            order_ids: Vec::new(),
            allocations: Vec::new(),
            joined: Vec::new(),
            score: 0,
            sure_kind: false,
            reasons,
        }
    }

    fn pair(open: &Open, mutation: &MutationEntry, outcome: &Outcome, pair: &Evidence) -> Self {
        let mut reasons = reasons_of(open, pair);
        let mut sure_kind = true;
        if let Some(entry) = open.orders.get(&pair.order_id) {
            let order = &entry.order;
            let common = order.unique_code == 0 && digits_of(mutation.amount_minor) <= COMMON_DIGITS;
            let common = common || order.payable_shared;
            // Who is better known by another customer's name may still pay for this one, but a person looks.
            let own_name = mutation.edges.best_name < pair.name + NAME_LEAD || pair.number + pair.alias > 0;
            let told = own_name && pair.told(open.config.auto_other_evidence);
            let told_by_text = own_name && pair.told_by_text(open.config.auto_other_evidence);
            let vague = matches!(pair.relation, Relation::Tolerated | Relation::Rounded);
            let margin = if vague { open.config.auto_margin * 3 / 2 } else { open.config.auto_margin };
            let short = order.due_minor - mutation.amount_minor;
            sure_kind = match pair.relation {
                Relation::Exact => !common || (told && pair.number >= 0),
                Relation::CodeLeftOut | Relation::FeeOver => told,
                Relation::FeeShort => told && short <= order.due_minor / FEE_SHARE,
                Relation::Tolerated | Relation::Rounded => told_by_text,
                // Amounts of few digits are all a slip apart.
                Relation::Swapped | Relation::WrongDigit | Relation::DigitCount => {
                    told_by_text && digits_of(order.due_minor) > COMMON_DIGITS
                }
                Relation::CodeSeen | Relation::Part | Relation::Over => false,
            };
            // What would stay due is a person's to ask for.
            sure_kind &= short <= open.config.write_off_max_minor;
            sure_kind &= order.state != OrderState::Cancelled && pair.days_off >= 0;
            sure_kind &= outcome.margin >= margin && (!vague || pair.days_off == 0);
            if order.payable_shared {
                reasons.push(said(Feature::PayableShared(pair.order_id)));
            }
        }
        if let Some(rival) = exact_elsewhere(mutation, pair) {
            sure_kind = false;
            reasons.push(said(Feature::ExactElsewhere(rival)));
        }
        sure_kind &= !told_by_others(open, mutation, pair);
        Self {
            order_ids: vec![pair.order_id],
            allocations: allocate(open, mutation.amount_minor, pair.order_id, pair.relation.lets_go()),
            joined: Vec::new(),
            score: pair.score(),
            sure_kind,
            reasons,
        }
    }

    fn group(open: &Open, group: &Group) -> Self {
        let orders = group.order_ids.len();
        let rest = group.score - open.config.weights.group_prior - group.sum;
        let tried = group.tried;
        let sum = match group.kind {
            SumKind::Exact => Feature::Sum { orders, tried },
            SumKind::CodesLeftOut => Feature::SumWithoutCodes { orders, tried },
            SumKind::FeeShort(_) => Feature::SumLessFee { orders, tried },
        };
        let mut reasons = vec![
            Reason { feature: sum, weight_millinats: group.sum },
            Reason { feature: Feature::SamePayer, weight_millinats: rest },
        ];
        reasons.push(before(open.config.weights.group_prior));
        let allocations = shares(open, group);
        let paid =
            allocations.len() == group.order_ids.len() && allocations.iter().all(|of| is_paid(open, of));
        Self {
            order_ids: group.order_ids.clone(),
            allocations,
            joined: Vec::new(),
            score: group.score,
            sure_kind: paid && !group.loose && group.other >= open.config.auto_other_evidence,
            reasons,
        }
    }

    fn joint(open: &Open, mutation: &MutationEntry, own: MutationId, joint: &Joint) -> Self {
        let order_id = joint.order_id;
        let transfers = joint.mutation_ids.len();
        let weights = &open.config.weights;
        let parts = if joint.complete {
            Feature::Parts { order_id, transfers }
        } else {
            Feature::PartsSoFar { order_id, transfers }
        };
        let mut reasons = vec![Reason { feature: parts, weight_millinats: joint.sum }];
        let pair = mutation.edges.pairs.iter().find(|pair| pair.order_id == order_id);
        let own_reasons: Vec<Reason> = pair.map(|pair| reasons_of(open, pair)).unwrap_or_default();
        let beside = own_reasons
            .into_iter()
            .filter(|reason| !matches!(reason.feature, Feature::Amount(..) | Feature::Before));
        reasons.extend(beside);
        let weighed: i64 = reasons.iter().map(|reason| reason.weight_millinats).sum();
        let rest = joint.score - weights.group_prior - weighed;
        reasons.push(Reason { feature: Feature::SamePayer, weight_millinats: rest });
        reasons.push(before(weights.group_prior));
        let coded = open.orders.get(&order_id).is_some_and(|entry| entry.order.unique_code != 0);
        let cancelled =
            open.orders.get(&order_id).is_some_and(|entry| entry.order.state == OrderState::Cancelled);
        // All transfers are confirmed together: the least sure of them speaks for all.
        let sound = |id: &MutationId| {
            let edges = open.mutations.get(id).map(|entry| &entry.edges);
            let pair = edges.and_then(|edges| edges.pairs.iter().find(|pair| pair.order_id == order_id));
            let elsewhere = |pair: &Evidence| {
                pair.order_id != order_id
                    && pair.relation == Relation::Exact
                    && pair.score() >= open.config.auto_score
            };
            // Parts of an amount without a code, and many parts, may be those of another order of the same payer.
            let own = pair.map_or(0, Evidence::other);
            let named = |other: &Evidence| {
                let equally = other.other() + i64::from(NAME_LEAD) > own;
                let possible = other.days_off >= 0 && !matches!(other.relation, Relation::Over);
                other.order_id != order_id && possible && equally && (!coded || transfers > 2)
            };
            edges.is_some_and(|edges| {
                !edges.cut && !edges.pairs.iter().any(|pair| elsewhere(pair) || named(pair))
            }) && pair.is_some_and(|pair| !pair.contradicted)
        };
        let told = joint.other >= open.config.auto_other_evidence && joint.mutation_ids.iter().all(sound);
        Self {
            order_ids: vec![order_id],
            allocations: allocate(open, mutation.amount_minor, order_id, false),
            joined: joint.mutation_ids.iter().copied().filter(|id| *id != own).collect(),
            score: joint.score,
            sure_kind: joint.complete && told && !cancelled,
            reasons,
        }
    }

    fn decision(mut self, open: &Open, mutation: &MutationEntry, outcome: &Outcome) -> Decision {
        let config = &open.config;
        let cut = mutation.edges.cut || outcome.cut;
        let best = best_score(mutation).unwrap_or(0).max(self.score);
        let verdict = if outcome.margin < config.tie_margin && best >= config.suggest_score {
            Verdict::Ambiguous
        } else if self.order_ids.is_empty() || self.score < config.suggest_score {
            Verdict::None
        } else if self.sure_kind
            && !cut
            && self.score >= config.auto_score
            && outcome.margin >= config.auto_margin
        {
            Verdict::Auto
        } else {
            Verdict::Suggested
        };
        let candidates = candidates(mutation, &self, config.candidates_max);
        if verdict == Verdict::Ambiguous {
            self.reasons.push(said(Feature::Tie));
        }
        if cut {
            self.reasons.push(said(Feature::Cut));
        }
        let allocated = matches!(verdict, Verdict::Auto | Verdict::Suggested);
        Decision {
            mutation_id: outcome.mutation_id,
            verdict,
            allocations: if allocated { self.allocations } else { Vec::new() },
            joined: if allocated { self.joined } else { Vec::new() },
            score_millinats: self.score,
            margin_millinats: outcome.margin,
            reasons: self.reasons,
            candidates,
            cut,
        }
    }
}

/// Whether nothing in the mutation itself tells its order from another one: only what others pay does.
fn told_by_others(open: &Open, mutation: &MutationEntry, chosen: &Evidence) -> bool {
    let others =
        || mutation.edges.pairs.iter().filter(|pair| pair.order_id != chosen.order_id && pair.score > 0);
    let equal = |pair: &Evidence| pair.score() + open.config.tie_margin > chosen.score();
    // Of an amount that is only near, no other order of the same payer may be meant.
    let named = |pair: &Evidence| pair.other() > 0 && pair.other() + i64::from(NAME_LEAD) > chosen.other();
    let near = matches!(chosen.relation, Relation::Tolerated | Relation::Rounded);
    // Who is known only as a payer for others, or by one word of a name, may mean any order of the amount.
    let learnt = !chosen.told_by_text(open.config.auto_other_evidence) && chosen.alias > 0;
    let exact = |pair: &Evidence| pair.relation == Relation::Exact;
    let doubtful = learnt || chosen.thin;
    others().any(|pair| equal(pair) || (near && named(pair)) || (doubtful && exact(pair)))
}

/// Another order whose amount this is exactly, so well that a person has to look.
fn exact_elsewhere(mutation: &MutationEntry, chosen: &Evidence) -> Option<OrderId> {
    let lead = match chosen.relation {
        Relation::Exact => return None,
        Relation::CodeLeftOut
        | Relation::FeeShort
        | Relation::FeeOver
        | Relation::Swapped
        | Relation::WrongDigit
        | Relation::DigitCount => EXACT_LEAD,
        Relation::Tolerated | Relation::CodeSeen | Relation::Rounded | Relation::Part | Relation::Over => {
            VAGUE_LEAD
        }
    };
    let rival = |pair: &&Evidence| {
        let near = pair.score > 0 && pair.score() + lead > chosen.score();
        pair.order_id != chosen.order_id && pair.relation == Relation::Exact && near
    };
    mutation.edges.pairs.iter().find(rival).map(|pair| pair.order_id)
}

fn best_score(mutation: &MutationEntry) -> Option<i64> {
    let pairs = mutation.edges.pairs.iter().map(Evidence::score);
    pairs.chain(mutation.edges.groups.iter().map(|group| group.score)).max()
}

/// The chosen explanation, then the others, best first.
fn candidates(mutation: &MutationEntry, chosen: &Weighed, most: usize) -> Vec<Candidate> {
    let pairs = mutation
        .edges
        .pairs
        .iter()
        .map(|pair| Candidate { order_ids: vec![pair.order_id], score_millinats: pair.score() });
    let groups = mutation
        .edges
        .groups
        .iter()
        .map(|group| Candidate { order_ids: group.order_ids.clone(), score_millinats: group.score });
    let mut others: Vec<Candidate> =
        pairs.chain(groups).filter(|other| other.order_ids != chosen.order_ids).collect();
    others.sort_by(|one, other| {
        other.score_millinats.cmp(&one.score_millinats).then_with(|| one.order_ids.cmp(&other.order_ids))
    });
    let mut found = Vec::with_capacity(most);
    if !chosen.order_ids.is_empty() {
        found.push(Candidate { order_ids: chosen.order_ids.clone(), score_millinats: chosen.score });
    }
    found.extend(others);
    found.truncate(most);
    found
}

/// Spends an amount on an order. What it is short by is let go if it is little and `may_let_go`.
fn allocate(open: &Open, amount_minor: i64, order_id: OrderId, may_let_go: bool) -> Vec<Allocation> {
    let order = open.orders.get(&order_id).map(|entry| &entry.order);
    let allocation = order.map(|order| {
        let amount_minor = order.due_minor.min(amount_minor);
        let write_off_minor = if may_let_go { let_go(open, order.due_minor - amount_minor) } else { 0 };
        Allocation { order_id, order_version: order.version, amount_minor, write_off_minor }
    });
    allocation.into_iter().collect()
}

/// What each order of a group gets.
fn shares(open: &Open, group: &Group) -> Vec<Allocation> {
    let orders = group.order_ids.iter().filter_map(|order| open.orders.get(order));
    let pairs = orders.zip(&group.shares_minor);
    let shared = pairs.map(|(entry, share)| Allocation {
        order_id: entry.order.order_id,
        order_version: entry.order.version,
        amount_minor: *share,
        write_off_minor: let_go(open, entry.order.due_minor - share),
    });
    shared.collect()
}

/// What is let go of a sum that is missing: all of it, if that is allowed.
fn let_go(open: &Open, short_minor: i64) -> i64 {
    if short_minor <= open.config.write_off_max_minor { short_minor } else { 0 }
}

/// Whether nothing stays due beside an allocation.
fn is_paid(open: &Open, of: &Allocation) -> bool {
    let due = open.orders.get(&of.order_id).map(|entry| entry.order.due_minor);
    due == Some(of.amount_minor + of.write_off_minor)
}

fn said(feature: Feature) -> Reason {
    Reason { feature, weight_millinats: 0 }
}

fn before(prior: i64) -> Reason {
    Reason { feature: Feature::Before, weight_millinats: prior }
}

/// The pair's evidence, one reason each; their weights are its score.
fn reasons_of(open: &Open, pair: &Evidence) -> Vec<Reason> {
    let id = pair.order_id;
    let signed = |weight: i32, pro: Feature, contra: Feature| (if weight > 0 { pro } else { contra }, weight);
    let time = match pair.days_off {
        0 => Feature::InTime(id),
        late if late > 0 => Feature::Late(id, late),
        early => Feature::BeforeBooking(id, early.saturating_neg()),
    };
    let weighed = [
        (Feature::Amount(id, pair.relation), pair.amount),
        signed(pair.name, Feature::Name(id), Feature::NameDiffers(id)),
        signed(pair.number, Feature::Number(id), Feature::NumberDiffers(id)),
        signed(pair.alias, Feature::Alias(id), Feature::AliasDiffers(id)),
        (time, pair.time),
        (Feature::Cancelled(id), pair.state),
    ];
    let mut reasons: Vec<Reason> = weighed
        .into_iter()
        .filter(|(_, weight)| *weight != 0)
        .map(|(feature, weight)| Reason { feature, weight_millinats: i64::from(weight) })
        .collect();
    reasons.push(before(open.config.weights.prior));
    reasons
}
