//! Which order a bank mutation pays. The exact matcher stands behind the interface of the full one.

use std::collections::BTreeSet;

use super::booking::{payable_key, reserved_by};
use super::{Answer, Decided, small};
use crate::event::Event;
use crate::ids::{BankAccountId, MutationId, OrderId};
use crate::kv::{Fault, Key, View, i64_key_at, u64_at};
use crate::records::{BankAccount, Mutation, Order, Proposal, ProposedAllocation, must, need};
use crate::refusal::Outcome;
use crate::reply::Proposed;
use crate::states::{MatchDecision, MutationState, OrderState};
use crate::tables::Table;

/// Most mutations read in one run.
const RUN_MAX: usize = 5_000;
/// Most steps of one run along amounts: what has another amount than any order costs a step, and is not read.
const STEPS_MAX: usize = 20_000;
/// Most mutations counted that match nothing; they stay POSTED until somebody explains them.
const UNMATCHED_MAX: usize = 100_000;

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
        _ if order.payable_shared_with.is_some() => {
            let other = order.payable_shared_with;
            reasons.push(format!(
                "Order {other} had to pay the same amount before: its late money looks like this."
            ));
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
///
/// Only mutations whose amount is some order's to pay are read. A run that is cut says so and leaves where it stopped with
/// the account: the next goes on there, so that none is passed over for ever, whatever stands before it.
pub(crate) fn propose(view: &dyn View, account_id: BankAccountId) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0)?;
    let mut withdrawn = proposals(view, &proposed_prefix(account_id, Rests::OnWhatChanged), RUN_MAX)?;
    withdrawn.sort_unstable();
    let from_minor = account.match_from_minor.max(1);
    let (candidates, stopped) = candidates(view, account_id, from_minor, RUN_MAX - withdrawn.len())?;
    let open = withdrawn.iter().chain(&candidates).map(|id| must::<Mutation>(view, id.0));
    let open: Vec<Mutation> = open.collect::<Result<_, _>>()?;
    let mut events: Vec<Event> =
        withdrawn.iter().map(|id| Event::MutationWithdrawn { mutation_id: *id }).collect();
    let mut proposed = Proposed { more: stopped.is_some(), ..Proposed::default() };
    for (mutation, proposal) in open.iter().zip(ExactAmount.propose(view, &open)?) {
        let Some(proposal) = proposal else { continue };
        // Orders that an earlier run proposed to another mutation: the same money is not expected twice.
        if expected(view, &proposal, &withdrawn)? {
            continue;
        }
        match proposal.decision {
            MatchDecision::Auto => proposed.auto += 1,
            MatchDecision::Suggested | MatchDecision::Ambiguous => proposed.suggested += 1,
        }
        events.push(Event::MutationProposed { mutation_id: mutation.mutation_id, proposal });
    }
    let waiting = small(posted(view, account_id)? + withdrawn.len());
    proposed.unmatched = waiting - proposed.auto - proposed.suggested;
    let match_from_minor = stopped.unwrap_or(0);
    if match_from_minor != account.match_from_minor {
        events.push(Event::MatchingStopped { bank_account_id: account_id, match_from_minor });
    }
    Ok(Decided::new(events, Answer::Proposed(proposed)))
}

/// The oldest POSTED money-in mutation of each amount that is some order's to pay, from an amount on; and the amount at
/// which the search stopped before it was through. Goes along both in the order of amounts, each skipping to the other's.
fn candidates(
    view: &dyn View,
    account_id: BankAccountId,
    from_minor: i64,
    limit: usize,
) -> Result<(Vec<MutationId>, Option<i64>), Fault> {
    let mut found = Vec::new();
    let mut amount_minor = from_minor;
    for _ in 0..STEPS_MAX {
        if found.len() == limit {
            return Ok((found, Some(amount_minor)));
        }
        let from = amount_key(account_id, amount_minor);
        let Some(key) = first_key(view, Table::MutationsByAmount, &from, &account_end(account_id))? else {
            return Ok((found, None));
        };
        let (posted_minor, mutation_id) = (i64_key_at(&key, 9)?, MutationId(u64_at(&key, 17)?));
        let from = payable_key(account_id, posted_minor);
        let Some(key) = first_key(view, Table::Payables, &from, &account_end(account_id))? else {
            return Ok((found, None));
        };
        amount_minor = i64_key_at(&key, 9)?;
        if amount_minor == posted_minor {
            found.push(mutation_id);
            amount_minor += 1;
        }
    }
    Ok((found, Some(amount_minor)))
}

/// The first key between two.
fn first_key(view: &dyn View, table: Table, from: &Key, to: &Key) -> Result<Option<Vec<u8>>, Fault> {
    let mut first = None;
    view.scan(table, from.as_slice(), to.as_slice(), &mut |key, _| {
        first = Some(key.to_vec());
        Ok(false)
    })?;
    Ok(first)
}

/// Whether a proposal's order is proposed to another mutation already, leaving out those `withdrawn` now.
fn expected(view: &dyn View, proposal: &Proposal, withdrawn: &[MutationId]) -> Result<bool, Fault> {
    let mut found = false;
    for order_id in orders_of(proposal) {
        let prefix = Key::new().u64(order_id.0);
        view.scan(Table::ProposalsByOrder, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
            found = withdrawn.binary_search(&MutationId(u64_at(key, 9)?)).is_err();
            Ok(!found)
        })?;
        if found {
            break;
        }
    }
    Ok(found)
}

/// How many POSTED money-in mutations an account has, as far as they are counted.
fn posted(view: &dyn View, account_id: BankAccountId) -> Result<usize, Fault> {
    let (from, mut count) = (Key::new().u64(account_id.0), 0);
    view.scan(Table::MutationsByAmount, from.as_slice(), from.end().as_slice(), &mut |_, _| {
        count += 1;
        Ok(count < UNMATCHED_MAX)
    })?;
    Ok(count)
}

/// The orders that a proposal names.
fn orders_of(proposal: &Proposal) -> impl Iterator<Item = OrderId> {
    proposal.allocations.iter().map(|allocation| allocation.order_id)
}

/// The key prefix of an account's mutations in a state.
pub(crate) fn state_prefix(account_id: BankAccountId, state: MutationState) -> Key {
    Key::new().u64(account_id.0).u8(state.number())
}

/// The key prefix of an account's POSTED money-in mutations of an amount.
pub(crate) fn amount_key(account_id: BankAccountId, amount_minor: i64) -> Key {
    Key::new().u64(account_id.0).i64(amount_minor)
}

fn account_end(account_id: BankAccountId) -> Key {
    Key::new().u64(account_id.0).end()
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
