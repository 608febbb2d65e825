//! Which order a bank mutation pays. The exact matcher stands behind the interface of the full one.

use std::collections::BTreeSet;

use super::booking::reserved_by;
use super::{Answer, Decided, small};
use crate::event::Event;
use crate::ids::{BankAccountId, MutationId, OrderId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{BankAccount, Mutation, Order, Proposal, ProposedAllocation, find, must, need};
use crate::refusal::Outcome;
use crate::reply::Proposed;
use crate::states::{MatchDecision, MutationState, OrderState};
use crate::tables::Table;

/// Most proposals of one run.
const RUN_MAX: usize = 5_000;
/// Most mutations looked at in one run; those that match nothing stay POSTED until somebody ignores them.
const LOOK_MAX: usize = 100_000;

/// Proposes what mutations pay. Implementations are pure: the same state and mutations give the same proposals.
pub(crate) trait Matcher {
    /// One answer per mutation, in order; `None` is an honest "I don't know".
    fn propose(&self, view: &dyn View, mutations: &[Mutation]) -> Result<Vec<Option<Proposal>>, Fault>;
}

/// Matches by the amount to pay, which the unique code makes one order's alone.
pub(crate) struct ExactAmount;

/// Log-weight of an exact unique payable: the odds that a stranger's transfer hits one of 999 codes, ln(999) nats.
const EXACT_MILLINATS: i64 = 6_907;

impl Matcher for ExactAmount {
    fn propose(&self, view: &dyn View, mutations: &[Mutation]) -> Result<Vec<Option<Proposal>>, Fault> {
        let mut taken: BTreeSet<OrderId> = BTreeSet::new();
        let mut proposals = Vec::with_capacity(mutations.len());
        for mutation in mutations {
            let order = match reserved_by(view, mutation.bank_account_id, mutation.amount_minor)? {
                Some(order_id) => Some(must::<Order>(view, order_id.0)?),
                None => None,
            };
            let waits =
                order.filter(|order| order.due_minor() == mutation.amount_minor && awaits_money(order.state));
            proposals.push(
                waits.filter(|order| taken.insert(order.order_id)).map(|order| proposal(&order, mutation)),
            );
        }
        Ok(proposals)
    }
}

fn awaits_money(state: OrderState) -> bool {
    matches!(state, OrderState::Booked | OrderState::PartlyPaid | OrderState::Expired | OrderState::Cancelled)
}

fn proposal(order: &Order, mutation: &Mutation) -> Proposal {
    let mut reasons = vec![format!("The amount is exactly what order {} has to pay.", order.order_id)];
    if order.unique_code != 0 {
        reasons.push(format!("Its unique code is {}.", order.unique_code));
    }
    let decision = match order.state {
        OrderState::Expired => {
            reasons.push(
                "The order expired: confirming books it again if the goods are free, else a refund is due."
                    .into(),
            );
            MatchDecision::Auto
        }
        OrderState::Cancelled => {
            reasons.push("The order was cancelled: confirming makes a refund due.".into());
            MatchDecision::Suggested
        }
        _ => MatchDecision::Auto,
    };
    Proposal {
        decision,
        allocations: vec![ProposedAllocation {
            order_id: order.order_id,
            amount_minor: mutation.amount_minor,
            order_version: order.version,
        }],
        score_millinats: EXACT_MILLINATS,
        margin_millinats: EXACT_MILLINATS,
        reasons,
    }
}

/// Runs the matcher over an account's unmatched money-in mutations; proposals that rest on what changed are withdrawn.
pub(crate) fn propose(view: &dyn View, account_id: BankAccountId) -> Outcome<Decided> {
    need::<BankAccount>(view, account_id.0)?;
    let mut events = Vec::new();
    let mut open = Vec::new();
    // Orders that an earlier run proposed to another mutation: the same money is not expected twice.
    let mut expected: BTreeSet<OrderId> = BTreeSet::new();
    for mutation_id in in_state(view, account_id, MutationState::Proposed, LOOK_MAX)? {
        let mutation: Mutation = must(view, mutation_id.0)?;
        if stale(view, &mutation)? {
            events.push(Event::MutationWithdrawn { mutation_id });
            open.push(mutation);
        } else {
            expected.extend(mutation.proposal.iter().flat_map(orders_of));
        }
    }
    for mutation_id in in_state(view, account_id, MutationState::Posted, LOOK_MAX)? {
        open.push(must::<Mutation>(view, mutation_id.0)?);
    }
    open.retain(|mutation| mutation.amount_minor > 0);
    let mut proposed = Proposed::default();
    for (mutation, proposal) in open.iter().zip(ExactAmount.propose(view, &open)?) {
        let fresh =
            proposal.filter(|proposal| orders_of(proposal).all(|order_id| !expected.contains(&order_id)));
        let Some(proposal) = fresh else {
            proposed.unmatched += 1;
            continue;
        };
        if small(RUN_MAX) <= proposed.auto + proposed.suggested {
            proposed.more = true;
            break;
        }
        match proposal.decision {
            MatchDecision::Auto => proposed.auto += 1,
            MatchDecision::Suggested | MatchDecision::Ambiguous => proposed.suggested += 1,
        }
        events.push(Event::MutationProposed { mutation_id: mutation.mutation_id, proposal });
    }
    Ok(Decided::new(events, Answer::Proposed(proposed)))
}

/// The orders that a proposal names.
fn orders_of(proposal: &Proposal) -> impl Iterator<Item = OrderId> {
    proposal.allocations.iter().map(|allocation| allocation.order_id)
}

/// Whether an order changed since the proposal rests on it.
fn stale(view: &dyn View, mutation: &Mutation) -> Result<bool, Fault> {
    let Some(proposal) = &mutation.proposal else { return Ok(true) };
    for allocation in &proposal.allocations {
        let order = find::<Order>(view, allocation.order_id.0)?;
        if order.is_none_or(|order| order.version != allocation.order_version) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The key prefix of an account's mutations in a state.
pub(crate) fn state_prefix(account_id: BankAccountId, state: MutationState) -> Key {
    Key::new().u64(account_id.0).u8(state.number())
}

/// Up to `limit` mutations of an account in a state, oldest first.
pub(crate) fn in_state(
    view: &dyn View,
    account_id: BankAccountId,
    state: MutationState,
    limit: usize,
) -> Result<Vec<MutationId>, Fault> {
    let prefix = state_prefix(account_id, state);
    let mut found = Vec::new();
    view.scan(Table::MutationsByState, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        found.push(MutationId(u64_at(key, 10)?));
        Ok(found.len() < limit)
    })?;
    Ok(found)
}

/// Up to `limit` AUTO proposals of an account, oldest first, and whether there are more.
pub(crate) fn auto_proposals(
    view: &dyn View,
    account_id: BankAccountId,
    limit: usize,
) -> Result<(Vec<MutationId>, bool), Fault> {
    let mut found = Vec::new();
    for mutation_id in in_state(view, account_id, MutationState::Proposed, LOOK_MAX)? {
        let mutation: Mutation = must(view, mutation_id.0)?;
        if mutation.proposal.is_some_and(|proposal| proposal.decision == MatchDecision::Auto) {
            if found.len() == limit {
                return Ok((found, true));
            }
            found.push(mutation_id);
        }
    }
    Ok((found, false))
}
