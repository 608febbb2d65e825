//! Bank mutations, and the index rows that follow from each.

use std::mem::replace;

use super::index::given;
use super::payments::credit_by_mutation;
use super::step;
use crate::decide::matching::{Rests, decided_prefix, proposed_for, state_prefix};
use crate::decide::row_key::{entry_key, file_key, pending_prefix, row_key};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{CustomerId, MutationId, OrderId};
use crate::kv::{Fault, Key, State};
use crate::open_money;
use crate::records::{Mutation, PendingText, PostedText, Proposal, must, save};
use crate::states::{MutationAction, MutationState};
use crate::tables::Table;

pub(super) fn evolved(state: &mut dyn State, event: &Event, context: &Context<'_>) -> Result<(), Fault> {
    match event {
        Event::MutationImported(mutation) => imported(state, mutation),
        Event::MutationPosted { mutation_id, date, balance_minor, occurrence, text } => {
            // The pending row's key stays: the file that had it pending may come again.
            edit(state, *mutation_id, MutationAction::Post, |mutation| {
                mutation.date.clone_from(date);
                mutation.balance_minor = *balance_minor;
                mutation.pending_occurrence = mutation.occurrence;
                mutation.occurrence = *occurrence;
                if let Some(text) = text {
                    posted_as(mutation, text.clone());
                }
                mutation.ignored_pending = false;
                mutation.ignore_reason.clear();
            })?;
            let posted: Mutation = must(state.view(), mutation_id.0)?;
            put_keys(state, &posted)
        }
        Event::StatementImported { bank_account_id, file_hash } => {
            let key = file_key(*bank_account_id, file_hash);
            state.put(Table::StatementFiles, key.as_slice(), &context.now_ms.to_be_bytes())
        }
        Event::MutationProposed { mutation_id, proposal } => {
            edit(state, *mutation_id, MutationAction::Propose, |mutation| {
                mutation.proposal = Some(proposal.clone());
            })
        }
        Event::MutationWithdrawn { mutation_id } => {
            edit(state, *mutation_id, MutationAction::Withdraw, |mutation| mutation.proposal = None)
        }
        Event::MutationConfirmed {
            mutation_id,
            allocations,
            credited_minor,
            credited_customer_id,
            payer,
        } => {
            let currency = must::<Mutation>(state.view(), mutation_id.0)?.currency;
            credit_by_mutation(state, *credited_customer_id, *credited_minor, currency, context)?;
            edit(state, *mutation_id, MutationAction::Confirm, |mutation| {
                mutation.proposal = None;
                mutation.allocations.clone_from(allocations);
                mutation.credited_minor = *credited_minor;
                mutation.credited_customer_id = *credited_customer_id;
                mutation.learnt_payer.clone_from(payer);
            })
        }
        Event::MutationUndone { mutation_id, matched } => undone(state, *mutation_id, *matched, context),
        Event::MutationIgnored { mutation_id, reason } => {
            edit(state, *mutation_id, MutationAction::Ignore, |mutation| {
                mutation.proposal = None;
                mutation.ignored_pending = mutation.state == MutationState::Pending;
                mutation.ignore_reason.clone_from(reason);
            })
        }
        other => Err(Fault::Corrupt(format!("{} is no event of a mutation", other.name()))),
    }
}

fn undone(
    state: &mut dyn State,
    mutation_id: MutationId,
    matched: bool,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let before: Mutation = must(state.view(), mutation_id.0)?;
    let (customer_id, minor) = (before.credited_customer_id, -before.credited_minor);
    credit_by_mutation(state, customer_id, minor, before.currency, context)?;
    let action = if before.ignored_pending { MutationAction::UndoPending } else { MutationAction::Undo };
    edit(state, mutation_id, action, |mutation| {
        mutation.allocations.clear();
        mutation.credited_minor = 0;
        mutation.credited_customer_id = CustomerId(0);
        mutation.ignored_pending = false;
        mutation.ignore_reason.clear();
        mutation.learnt_payer.clear();
        mutation.undone |= matched;
    })
}

fn imported(state: &mut dyn State, mutation: &Mutation) -> Result<(), Fault> {
    given(state, MutationId::COUNTER, mutation.mutation_id.0)?;
    put_keys(state, mutation)?;
    put_rows(state, mutation)?;
    open_money::moved(state, None, open_money::of_mutation(mutation))?;
    save(state, mutation)
}

/// The posted row's text and id in place of the pending one's, by which it stays known too.
fn posted_as(mutation: &mut Mutation, text: PostedText) {
    let was = PendingText {
        description: replace(&mut mutation.description, text.description),
        bank_reference: replace(&mut mutation.bank_reference, text.bank_reference),
    };
    mutation.pending_text = Some(was);
    mutation.reference_by_day = text.reference_by_day;
    mutation.entry = text.entry;
    mutation.value_date = text.value_date;
    mutation.counterparty = text.counterparty;
}

/// What a row that comes again is known by, and the whole entry of which it is the first part.
fn put_keys(state: &mut dyn State, mutation: &Mutation) -> Result<(), Fault> {
    let id = mutation.mutation_id.0.to_be_bytes();
    state.put(Table::MutationKeys, row_key(mutation).as_slice(), &id)?;
    match entry_key(mutation) {
        Some(key) if state.get(Table::MutationKeys, key.as_slice())?.is_none() => {
            state.put(Table::MutationKeys, key.as_slice(), &id)
        }
        Some(_) | None => Ok(()),
    }
}

/// Changes a mutation and takes it through an action.
fn edit(
    state: &mut dyn State,
    mutation_id: MutationId,
    action: MutationAction,
    change: impl FnOnce(&mut Mutation),
) -> Result<(), Fault> {
    let mut mutation: Mutation = must(state.view(), mutation_id.0)?;
    let after = step("mutation", mutation_id.0, &mutation.state, mutation.state.next(action))?;
    let open = open_money::of_mutation(&mutation);
    for (table, key) in rows(&mutation) {
        state.delete(table, key.as_slice())?;
    }
    if let Some(proposal) = &mutation.proposal {
        let key = proposal_key(&mutation, proposal, Rests::OnWhatChanged);
        state.delete(Table::Proposals, key.as_slice())?;
    }
    change(&mut mutation);
    mutation.state = after;
    let allocated: i64 = mutation.allocations.iter().map(|allocation| allocation.amount_minor).sum();
    if allocated + mutation.credited_minor > mutation.amount_minor.max(0) {
        return Err(Fault::Corrupt(format!("mutation {mutation_id} would pay more than it has")));
    }
    put_rows(state, &mutation)?;
    open_money::moved(state, open, open_money::of_mutation(&mutation))?;
    save(state, &mutation)
}

fn put_rows(state: &mut dyn State, mutation: &Mutation) -> Result<(), Fault> {
    rows(mutation).into_iter().try_for_each(|(table, key)| state.put(table, key.as_slice(), &[]))
}

/// The index rows that a mutation has in its state.
fn rows(mutation: &Mutation) -> Vec<(Table, Key)> {
    let id = mutation.mutation_id.0;
    let by_state = state_prefix(mutation.bank_account_id, mutation.state).u64(id);
    let mut rows = vec![(Table::MutationsByState, by_state)];
    if let Some(proposal) = &mutation.proposal {
        rows.push((Table::Proposals, proposal_key(mutation, proposal, Rests::OnWhatIs)));
        let by_order = proposal.allocations.iter().map(|a| Key::new().u64(a.order_id.0).u64(id));
        rows.extend(by_order.map(|key| (Table::ProposalsByOrder, key)));
    }
    if mutation.is_unposted() {
        rows.push((Table::PendingMutations, pending_prefix(mutation).u64(id)));
    }
    rows
}

fn proposal_key(mutation: &Mutation, proposal: &Proposal, rests: Rests) -> Key {
    decided_prefix(mutation.bank_account_id, rests, proposal.decision).u64(mutation.mutation_id.0)
}

/// Moves the proposals that rest on an order to those that rest on what changed.
pub(super) fn order_changed(state: &mut dyn State, order_id: OrderId) -> Result<(), Fault> {
    for id in proposed_for(state.view(), order_id)? {
        let mutation: Mutation = must(state.view(), id.0)?;
        if let Some(proposal) = &mutation.proposal {
            let key = |rests| proposal_key(&mutation, proposal, rests);
            state.delete(Table::Proposals, key(Rests::OnWhatIs).as_slice())?;
            state.put(Table::Proposals, key(Rests::OnWhatChanged).as_slice(), &[])?;
        }
    }
    Ok(())
}
