//! Bank mutations: what they pay is what came in.

use std::collections::BTreeSet;

use super::index::proposal_key;
use super::sums::sum;
use super::{Audit, hex};
use crate::evolve::payments::{kept_payer, payer_row};
use crate::kv::{Fault, Key};
use crate::open_money;
use crate::records::{BankAccount, Customer, Mutation, Order, Proposal};
use crate::states::MutationState;
use crate::stock::numbers;
use crate::tables::Table;
use crate::totals::Metric;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<Mutation>(mutation)?;
    payers(audit)
}

/// What was learnt of payers is what their confirmed mutations say.
fn payers(audit: &mut Audit<'_>) -> Result<(), Fault> {
    let mut wanted = std::mem::take(&mut audit.sums.payers);
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::Payers, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let expected = wanted.remove(key).unwrap_or(0);
        let found = numbers::<1>(value).map(|[count]| count);
        audit.demand(found == Ok(expected), || {
            format!("A payer is kept as {found:?}; mutations come to {expected}: {}.", hex(key))
        });
        Ok(true)
    })?;
    audit.demand(wanted.is_empty(), || {
        format!("{} payers of confirmed mutations are not kept.", wanted.len())
    });
    Ok(())
}

fn mutation(audit: &mut Audit<'_>, mutation: &Mutation) -> Result<(), Fault> {
    let who = format!("Mutation {}", mutation.mutation_id);
    audit.sums.open(open_money::of_mutation(mutation));
    let account = audit.named::<BankAccount>(&who, mutation.bank_account_id.0)?;
    let same = account.is_none_or(|account| account.currency == mutation.currency);
    audit.demand(same, || format!("{who} is not in its account's currency."));
    let proposed = mutation.state == MutationState::Proposed;
    audit.demand(proposed == mutation.proposal.is_some(), || {
        format!("{who} is {:?}, which does not fit its proposal.", mutation.state)
    });
    audit.demand(!mutation.ignored_pending || mutation.state == MutationState::Ignored, || {
        format!("{who} is {:?}, but was set aside before it was posted.", mutation.state)
    });
    if let Some(proposal) = &mutation.proposal {
        proposed_on(audit, &who, mutation, proposal)?;
    }
    let (amount, credited) = (i128::from(mutation.amount_minor), i128::from(mutation.credited_minor));
    let allocated = sum(mutation.allocations.iter().map(|allocation| allocation.amount_minor));
    let adds_up = if mutation.state == MutationState::Confirmed {
        amount > 0 && credited >= 0 && allocated + credited == amount
    } else {
        mutation.allocations.is_empty() && credited == 0
    };
    audit.demand(adds_up, || {
        format!(
            "{who} of {amount} is {:?} with {allocated} allocated and {credited} credited.",
            mutation.state
        )
    });
    audit.demand(mutation.state == MutationState::Confirmed || mutation.learnt_payer.is_empty(), || {
        format!("{who} is {:?}, but taught who its payer is.", mutation.state)
    });
    learnt(audit, &who, mutation)?;
    if credited > 0 {
        audit.sums.count(Metric::Credits, 1);
        audit.sums.amount(Metric::Credits, mutation.currency, credited);
        audit.named::<Customer>(&who, mutation.credited_customer_id.0)?;
        audit.sums.customers.entry(mutation.credited_customer_id).or_default().credit += credited;
    }
    for allocation in &mutation.allocations {
        let Some(order) = audit.named::<Order>(&who, allocation.order_id.0)? else { continue };
        let here =
            mutation.allocations.iter().filter(|a| a.order_id == order.order_id).map(|a| a.amount_minor);
        let there = order
            .allocations
            .iter()
            .filter(|a| a.mutation_id == mutation.mutation_id)
            .map(|a| a.amount_minor);
        let (here, there) = (sum(here), sum(there));
        audit.demand(order.currency == mutation.currency, || {
            let (money, wanted) = (mutation.currency.code(), order.currency.code());
            format!("{who} in {money} pays order {}, which is in {wanted}.", order.order_id)
        });
        audit.demand(here == there, || {
            format!("{who} gives order {} {here}, but the order has {there} from it.", order.order_id)
        });
    }
    Ok(())
}

/// What a mutation taught of its payer, for each customer whom it pays for and who was not erased.
fn learnt(audit: &mut Audit<'_>, who: &str, mutation: &Mutation) -> Result<(), Fault> {
    if mutation.learnt_payer.is_empty() {
        return Ok(());
    }
    let mut customers = BTreeSet::new();
    for allocation in &mutation.allocations {
        customers.extend(audit.named::<Order>(&who, allocation.order_id.0)?.map(|order| order.customer_id));
    }
    for customer_id in customers {
        if audit.named::<Customer>(&who, customer_id.0)?.is_some_and(|customer| customer.erase_ms > 0) {
            continue;
        }
        let payer = kept_payer(audit.view, &mutation.learnt_payer, customer_id)?;
        let key = payer_row(payer, customer_id).as_slice().to_vec();
        *audit.sums.payers.entry(key).or_default() += 1;
    }
    Ok(())
}

/// A proposal stands in the index where its orders say: with those that can be confirmed, or with those of which an order
/// changed since.
fn proposed_on(
    audit: &mut Audit<'_>,
    who: &String,
    mutation: &Mutation,
    proposal: &Proposal,
) -> Result<(), Fault> {
    let mut changed = false;
    for allocation in &proposal.allocations {
        let order = audit.named::<Order>(who, allocation.order_id.0)?;
        changed |= order.is_some_and(|order| order.version != allocation.order_version);
    }
    for under in [false, true] {
        let key = proposal_key(mutation, proposal, under);
        let is_there = audit.view.get(Table::Proposals, key.as_slice())?.is_some();
        audit.demand(is_there == (under == changed), || {
            let what = if is_there { "a wrong row" } else { "no row" };
            format!("{who} has {what} in proposals: its orders say that one changed: {changed}.")
        });
    }
    Ok(())
}
