//! What the matcher proposes, and what is taken of it.
//!
//! The matcher works on a snapshot, beside the writer (see [`crate::matching`]). Here each of its proposals is held against
//! the state as it is: one that rests on an order or a mutation that changed meanwhile is left out, and the caller is told
//! to come again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Decided, check};
use crate::command::ProposalInput;
use crate::event::Event;
use crate::ids::{BankAccountId, MutationId, OrderId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{BankAccount, Mutation, Order, Proposal, find, must, need};
use crate::refusal::Outcome;
use crate::reply::Proposed;
use crate::states::{MatchDecision, MutationAction, MutationState};
use crate::tables::Table;

/// Most proposals that one command changes.
pub(crate) const PROPOSALS_MAX: usize = 5_000;

/// Proposes what mutations pay, and withdraws what is no longer proposed.
pub(crate) fn propose(
    view: &dyn View,
    account_id: BankAccountId,
    proposals: &[ProposalInput],
    unmatched: i32,
    more: bool,
) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0)?;
    check::at_most("proposals", proposals.len(), PROPOSALS_MAX)?;
    let mut proposed = Proposed { unmatched, more, ..Proposed::default() };
    let named = proposals.iter().map(|input| input.mutation_id).collect();
    let mut promised = Promised { view, named, by_order: BTreeMap::new() };
    let mut events = Vec::with_capacity(proposals.len());
    for ProposalInput { mutation_id, proposal } in proposals {
        let mutation = find::<Mutation>(view, mutation_id.0)?;
        let mutation = mutation.filter(|mutation| {
            mutation.bank_account_id == account_id
                && mutation.amount_minor > 0
                && mutation.state.next(MutationAction::Propose).is_some()
        });
        let Some(mutation) = mutation else {
            proposed.more = true;
            continue;
        };
        let standing = match proposal {
            Some(proposal) => standing(view, &account, &mutation, proposal, &mut promised)?,
            None => Standing::Nothing,
        };
        proposed.more |= standing == Standing::Stale;
        proposed.unmatched += i32::from(standing == Standing::Wrong);
        let Some(proposal) = proposal.as_ref().filter(|_| standing == Standing::Stands) else {
            // What stood there is not wanted any more, whatever comes in its place.
            if mutation.state == MutationState::Proposed {
                proposed.withdrawn += 1;
                events.push(Event::MutationWithdrawn { mutation_id: *mutation_id });
            }
            continue;
        };
        match proposal.decision {
            MatchDecision::Auto => proposed.auto += 1,
            MatchDecision::Suggested | MatchDecision::Ambiguous => proposed.suggested += 1,
        }
        if mutation.proposal.as_ref() != Some(proposal) {
            events.push(Event::MutationProposed { mutation_id: *mutation_id, proposal: proposal.clone() });
        }
    }
    Ok(Decided::new(events, Answer::Proposed(proposed)))
}

/// How a proposal agrees with the state as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can be confirmed.
    Stands,
    /// An order changed since it was made: there will be another.
    Stale,
    /// There is none: the mutation is to be without.
    Nothing,
    /// It gives more than there is, or has the wrong form. A matcher that proposes so would do it again.
    Wrong,
}

/// How much of each order is promised by proposals that rest on it as it is: together never more than it has to get, so that
/// each of them can be confirmed.
struct Promised<'v> {
    view: &'v dyn View,
    /// The mutations that the command decides on: what stood for them counts no more.
    named: BTreeSet<MutationId>,
    by_order: BTreeMap<OrderId, i64>,
}

impl Promised<'_> {
    fn of(&mut self, order: &Order) -> Result<i64, Fault> {
        if let Some(promised) = self.by_order.get(&order.order_id) {
            return Ok(*promised);
        }
        let mut promised = 0;
        for mutation_id in proposed_for(self.view, order.order_id)? {
            if self.named.contains(&mutation_id) {
                continue;
            }
            let proposal = must::<Mutation>(self.view, mutation_id.0)?.proposal;
            let parts = proposal.iter().flat_map(|proposal| &proposal.allocations);
            let parts =
                parts.filter(|part| part.order_id == order.order_id && part.order_version == order.version);
            promised += parts.map(|part| part.amount_minor + part.write_off_minor).sum::<i64>();
        }
        self.by_order.insert(order.order_id, promised);
        Ok(promised)
    }

    fn add(&mut self, order_id: OrderId, settled: i64) {
        *self.by_order.entry(order_id).or_default() += settled;
    }
}

/// The mutations whose proposals name an order: few, for the matcher gives an order to those that pay it together.
pub(crate) fn proposed_for(view: &dyn View, order_id: OrderId) -> Result<Vec<MutationId>, Fault> {
    let prefix = Key::new().u64(order_id.0);
    let mut found = Vec::new();
    view.scan(Table::ProposalsByOrder, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        found.push(MutationId(u64_at(key, 9)?));
        Ok(true)
    })?;
    Ok(found)
}

/// Whether a proposal can be confirmed as the state is: its orders are as it saw them, and it gives no more than there is.
fn standing(
    view: &dyn View,
    account: &BankAccount,
    mutation: &Mutation,
    proposal: &Proposal,
    promised: &mut Promised<'_>,
) -> Result<Standing, Fault> {
    if (proposal.decision == MatchDecision::Ambiguous) != proposal.allocations.is_empty() {
        return Ok(Standing::Wrong);
    }
    let mut left = mutation.amount_minor;
    let mut all = BTreeMap::new();
    for allocation in &proposal.allocations {
        let Some(order) = find::<Order>(view, allocation.order_id.0)? else { return Ok(Standing::Wrong) };
        if order.version != allocation.order_version {
            return Ok(Standing::Stale);
        }
        let settled = allocation.amount_minor + allocation.write_off_minor;
        let before = promised.of(&order)?;
        left -= allocation.amount_minor;
        let off = allocation.write_off_minor;
        let fits = order.currency == mutation.currency
            && allocation.amount_minor > 0
            && off >= 0
            && (off == 0 || order.written_off_minor + off <= account.matching_rules.write_off_max_minor)
            && before + settled <= order.due_minor()
            && left >= 0
            && all.insert(order.order_id, settled).is_none();
        if !fits {
            return Ok(Standing::Wrong);
        }
    }
    // What is over becomes credit, and what was undone was wrong before: a person says.
    if proposal.decision == MatchDecision::Auto && (left > 0 || mutation.undone) {
        return Ok(Standing::Wrong);
    }
    for (order_id, settled) in all {
        promised.add(order_id, settled);
    }
    Ok(Standing::Stands)
}

/// The key prefix of an account's mutations in a state.
pub(crate) fn state_prefix(account_id: BankAccountId, state: MutationState) -> Key {
    Key::new().u64(account_id.0).u8(state.number())
}

/// What a proposal rests on; the number in index keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rests {
    /// Its orders as they stand.
    OnWhatIs = 0,
    /// An order that changed since: it cannot be confirmed, and the next run withdraws it.
    OnWhatChanged = 1,
}

/// The key prefix of an account's proposals.
pub(crate) fn proposed_prefix(account_id: BankAccountId, rests: Rests) -> Key {
    Key::new().u64(account_id.0).u8(rests as u8)
}

/// The key prefix of an account's proposals of one decision.
pub(crate) fn decided_prefix(account_id: BankAccountId, rests: Rests, decision: MatchDecision) -> Key {
    proposed_prefix(account_id, rests).u8(decision.number())
}

/// Up to `limit` proposed mutations under a prefix, of each decision the oldest first.
fn proposals(view: &dyn View, prefix: &Key, limit: usize) -> Result<Vec<MutationId>, Fault> {
    let mut found = Vec::new();
    view.scan(Table::Proposals, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        if found.len() == limit {
            return Ok(false);
        }
        found.push(MutationId(u64_at(key, 11)?));
        Ok(true)
    })?;
    Ok(found)
}

/// Up to `limit` AUTO proposals of an account, oldest first, and whether there are more. Those that rest on what changed
/// come along where there is room, to be told so; they never take the place of one that can be confirmed.
pub(crate) fn auto_proposals(
    view: &dyn View,
    account_id: BankAccountId,
    limit: usize,
) -> Result<(Vec<MutationId>, bool), Fault> {
    let auto = |rests| decided_prefix(account_id, rests, MatchDecision::Auto);
    let mut found = proposals(view, &auto(Rests::OnWhatIs), limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    found.extend(proposals(view, &auto(Rests::OnWhatChanged), limit - found.len())?);
    found.sort_unstable();
    Ok((found, more))
}
