//! Bank mutations: what they pay is what came in.

use super::Audit;
use super::sums::sum;
use crate::kv::Fault;
use crate::records::{BankAccount, Customer, Mutation, Order};
use crate::states::MutationState;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<Mutation>(mutation)
}

fn mutation(audit: &mut Audit<'_>, mutation: &Mutation) -> Result<(), Fault> {
    let who = format!("Mutation {}", mutation.mutation_id);
    let account = audit.named::<BankAccount>(&who, mutation.bank_account_id.0)?;
    let same = account.is_none_or(|account| account.currency == mutation.currency);
    audit.demand(same, || format!("{who} is not in its account's currency."));
    let proposed = mutation.state == MutationState::Proposed;
    audit.demand(proposed == mutation.proposal.is_some(), || {
        format!("{who} is {:?}, which does not fit its proposal.", mutation.state)
    });
    let (amount, credited) = (i128::from(mutation.amount_minor), i128::from(mutation.credited_minor));
    let allocated = sum(mutation.allocations.iter().map(|allocation| allocation.amount_minor));
    let adds_up = if mutation.state == MutationState::Confirmed {
        amount > 0 && !mutation.allocations.is_empty() && credited >= 0 && allocated + credited == amount
    } else {
        mutation.allocations.is_empty() && credited == 0
    };
    audit.demand(adds_up, || {
        format!(
            "{who} of {amount} is {:?} with {allocated} allocated and {credited} credited.",
            mutation.state
        )
    });
    if credited > 0 {
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
