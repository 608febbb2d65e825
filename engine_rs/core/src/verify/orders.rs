//! Book Orders: amounts, payments, states, and what each is tied to.

use std::collections::BTreeSet;

use super::sums::sum;
use super::{Audit, stock};
use crate::ids::MutationId;
use crate::kv::Fault;
use crate::open_money;
use crate::records::{BankAccount, Courier, Customer, Line, Mutation, Order, Parcel, Sale, Totals};
use crate::states::{MutationState, OrderState};
use crate::totals::Metric;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<Order>(order)
}

fn order(audit: &mut Audit<'_>, order: &Order) -> Result<(), Fault> {
    let who = format!("Order {}", order.order_id);
    audit.named::<Customer>(&who, order.customer_id.0)?;
    audit.names::<Courier>(&who, order.courier_id.0)?;
    amounts(audit, &who, &order.lines, &order.totals);
    payable(audit, &who, order)?;
    paid(audit, &who, order);
    allocations(audit, &who, order)?;
    stock::order_claims(audit, order)?;
    sale(audit, &who, order)?;
    parcel(audit, &who, order)?;
    let ended = matches!(order.state, OrderState::Cancelled | OrderState::RefundDue | OrderState::Refunded);
    audit.demand(!order.cancelled || ended, || format!("{who} was cancelled but is {:?}.", order.state));
    audit.demand(order.cancelled || order.state != OrderState::Cancelled, || {
        format!("{who} is Cancelled, but nobody cancelled it.")
    });
    audit.demand(order.state != OrderState::Expired || order.times_expired > 0, || {
        format!("{who} is Expired, but was never counted as such.")
    });
    audit.demand(!order.state.is_open() || order.payable_release_ms == 0, || {
        format!("{who} is {:?}, but its payable is to be released.", order.state)
    });
    audit.demand(order.state.is_open() || order.remind_ms == 0, || {
        format!("{who} is {:?}, but its customer is to be reminded.", order.state)
    });
    audit.sums.open(open_money::of_order(order));
    audit.sums.count(Metric::OrdersBooked, 1);
    audit.sums.amount(Metric::OrdersBooked, order.currency, i128::from(order.payable_minor));
    audit.sums.amount(Metric::Payments, order.currency, i128::from(order.paid_minor));
    let off = order.allocations.iter().filter(|allocation| allocation.write_off_minor > 0).count();
    audit.sums.count(Metric::WriteOffs, off as i128);
    audit.sums.amount(Metric::WriteOffs, order.currency, i128::from(order.written_off_minor));
    audit.sums.count(Metric::OrdersCancelled, i128::from(order.cancelled));
    audit.sums.count(Metric::OrdersExpired, i128::from(order.times_expired));
    let expired = i128::from(order.payable_minor) * i128::from(order.times_expired);
    audit.sums.amount(Metric::OrdersExpired, order.currency, expired);
    if order.state == OrderState::Refunded {
        audit.sums.count(Metric::Refunded, 1);
    }
    Ok(())
}

/// Totals are the sums of their lines.
pub(super) fn amounts(audit: &mut Audit<'_>, who: &String, lines: &[Line], totals: &Totals) {
    let (mut goods, mut tax_added) = (0, 0);
    for line in lines {
        let gross = i128::from(line.unit_price_minor) * i128::from(line.quantity);
        let tax = i128::from(line.tax_minor);
        let added = if line.tax_included { 0 } else { tax };
        goods += gross;
        tax_added += added;
        let discount = i128::from(line.discount_minor);
        let right = line.quantity > 0
            && (0..=gross).contains(&discount)
            && tax >= 0
            && i128::from(line.total_minor) == gross - discount + added;
        audit.demand(right, || format!("{who}: the line of item {} does not add up.", line.item_id));
    }
    let shipping = i128::from(totals.shipping_minor);
    let discount = sum(lines.iter().map(|line| line.discount_minor));
    let right = i128::from(totals.goods_minor) == goods
        && i128::from(totals.discount_minor) == discount
        && i128::from(totals.tax_minor) == sum(lines.iter().map(|line| line.tax_minor))
        && i128::from(totals.tax_added_minor) == tax_added
        && shipping >= 0
        && i128::from(totals.total_minor) == goods - discount + tax_added + shipping;
    audit.demand(right, || format!("{who}: the totals are not the sums of the lines."));
}

/// The payable is the total and the unique code of its account.
fn payable(audit: &mut Audit<'_>, who: &String, order: &Order) -> Result<(), Fault> {
    let mut code = i128::from(order.unique_code) * i128::from(order.currency.minor_per_major());
    if order.bank_account_id.is_some() {
        let Some(account) = audit.named::<BankAccount>(who, order.bank_account_id.0)? else { return Ok(()) };
        let same = account.currency == order.currency;
        audit.demand(same, || {
            format!("{who} is not in the currency of bank account {}.", account.bank_account_id)
        });
        if account.unique_code_subtracts {
            code = -code;
        }
    } else {
        audit.demand(code == 0, || format!("{who} has a unique code but no bank account."));
    }
    let expected = i128::from(order.totals.total_minor) + code;
    audit.demand(i128::from(order.payable_minor) == expected && expected > 0, || {
        format!("{who} has {} to pay; total and unique code come to {expected}.", order.payable_minor)
    });
    Ok(())
}

/// What is paid is what was allocated, and the state agrees with it.
fn paid(audit: &mut Audit<'_>, who: &String, order: &Order) {
    let (paid, payable) = (order.paid_minor, order.payable_minor);
    let allocated = sum(order.allocations.iter().map(|allocation| allocation.amount_minor));
    audit.demand(allocated == i128::from(paid), || {
        format!("{who} is paid {paid}; allocations add up to {allocated}.")
    });
    let positive = order.allocations.iter().all(|allocation| allocation.amount_minor > 0);
    audit.demand(positive, || format!("{who} has an allocation of no money."));
    let off = sum(order.allocations.iter().map(|allocation| allocation.write_off_minor));
    let none_negative = order.allocations.iter().all(|allocation| allocation.write_off_minor >= 0);
    audit.demand(none_negative && off == i128::from(order.written_off_minor), || {
        format!("{who} has {} written off; allocations add up to {off}.", order.written_off_minor)
    });
    let settled = paid + order.written_off_minor;
    let agrees = match order.state {
        OrderState::Booked | OrderState::Cancelled | OrderState::Expired => settled == 0,
        OrderState::PartlyPaid => 0 < paid && settled < payable,
        OrderState::Paid | OrderState::Sold | OrderState::HandedToCourier | OrderState::Delivered => {
            settled == payable
        }
        OrderState::RefundDue | OrderState::Refunded => 0 < paid && settled <= payable,
    };
    audit.demand(agrees, || format!("{who} is {:?} with {paid} of {payable} paid.", order.state));
}

/// Every allocation from a mutation stands in that mutation too. The mutations are asked the other way round.
fn allocations(audit: &mut Audit<'_>, who: &String, order: &Order) -> Result<(), Fault> {
    let mutations: BTreeSet<MutationId> =
        order.allocations.iter().map(|allocation| allocation.mutation_id).collect();
    for mutation_id in mutations.into_iter().filter(|id| id.is_some()) {
        let Some(mutation) = audit.named::<Mutation>(who, mutation_id.0)? else { continue };
        let here = order.allocations.iter().filter(|a| a.mutation_id == mutation_id);
        let there = mutation.allocations.iter().filter(|a| a.order_id == order.order_id);
        let off =
            sum(here.clone().map(|a| a.write_off_minor)) == sum(there.clone().map(|a| a.write_off_minor));
        audit
            .demand(off, || format!("{who} and mutation {mutation_id} do not agree on what is written off."));
        let (here, there) = (sum(here.map(|a| a.amount_minor)), sum(there.map(|a| a.amount_minor)));
        audit.demand(here == there && mutation.state == MutationState::Confirmed, || {
            format!(
                "{who} has {here} from mutation {mutation_id}, which is {:?} and gives it {there}.",
                mutation.state
            )
        });
    }
    Ok(())
}

/// Sold orders have one sale of the same goods and money; others have none. Sales are asked the other way round.
fn sale(audit: &mut Audit<'_>, who: &String, order: &Order) -> Result<(), Fault> {
    let sold = order.state.is_sold();
    audit.demand(sold == order.sale_id.is_some(), || {
        format!("{who} is {:?} with sale {}.", order.state, order.sale_id)
    });
    if !order.sale_id.is_some() {
        return Ok(());
    }
    let Some(sale) = audit.named::<Sale>(who, order.sale_id.0)? else { return Ok(()) };
    let same = sale.order_id == order.order_id
        && sale.customer_id == order.customer_id
        && sale.currency == order.currency
        && sale.totals == order.totals
        && sale.lines == order.lines
        && i128::from(sale.totals.total_minor) + i128::from(sale.unique_code_minor)
            == i128::from(order.payable_minor);
    audit.demand(same, || format!("{who} and sale {} do not agree.", order.sale_id));
    Ok(())
}

/// The parcel is this order's, and it has gone as far as the order says.
fn parcel(audit: &mut Audit<'_>, who: &String, order: &Order) -> Result<(), Fault> {
    let gone = matches!(order.state, OrderState::HandedToCourier | OrderState::Delivered);
    if !order.parcel_id.is_some() {
        audit.demand(!gone, || format!("{who} is {:?} without a parcel.", order.state));
        return Ok(());
    }
    audit.demand(order.state.is_sold(), || format!("{who} is {:?} with a parcel.", order.state));
    let Some(parcel) = audit.named::<Parcel>(who, order.parcel_id.0)? else { return Ok(()) };
    audit.demand(parcel.order_id == order.order_id, || {
        format!("{who} has parcel {}, which is of order {}.", order.parcel_id, parcel.order_id)
    });
    let arrived = order.state == OrderState::Delivered;
    audit.demand(gone == (parcel.hand_over_ms > 0) && arrived == (parcel.deliver_ms > 0), || {
        format!("{who} is {:?}, its parcel {} is not.", order.state, order.parcel_id)
    });
    Ok(())
}
