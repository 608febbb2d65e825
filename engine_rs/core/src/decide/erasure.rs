//! Erasing what is told of a customer, once nothing is open with them any more.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Answer, Decided};
use crate::event::Event;
use crate::ids::{CustomerId, ManifestId, MessageId, OrderId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Customer, Manifest, Order, decode, find, must, need};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::states::OrderState;
use crate::tables::Table;

/// Bytes of an id at the end of a key.
const ID_BYTES: usize = 8;

/// Erases name, phone, e-mail, address and free text of a customer wherever they stand; the books stay.
pub(crate) fn erase(view: &dyn View, customer_id: CustomerId, version: i64) -> Outcome<Decided> {
    let customer = not_erased(need(view, customer_id.0)?)?;
    if customer.version != version {
        return Err(Refusal::stale("customer", customer_id.0, customer.version, version)
            .with("field", "version")
            .into());
    }
    let orders = orders_of(view, customer_id)?;
    nothing_open(view, &customer, &orders)?;
    let event = Event::CustomerErased {
        customer_id,
        messages: messages_of(view, &customer)?,
        manifests: manifests_of(view, &customer, &orders)?,
        orders: orders.into_iter().collect(),
    };
    Ok(Decided::one(event, Answer::Customer(customer_id)))
}

/// The customer, unless their data were erased.
pub(super) fn not_erased(customer: Customer) -> Outcome<Customer> {
    if customer.erase_ms == 0 {
        return Ok(customer);
    }
    let message = format!("The data of customer {} were erased; take a new customer.", customer.customer_id);
    Err(Refusal::new(Reason::CustomerErased, message).with("customer_id", customer.customer_id).into())
}

/// Whether the data of a customer were erased.
pub(super) fn is_erased(view: &dyn View, customer_id: CustomerId) -> Result<bool, Fault> {
    Ok(find::<Customer>(view, customer_id.0)?.is_some_and(|customer| customer.erase_ms > 0))
}

/// What is told of a customer from now on: nothing where their data were erased.
pub(super) fn about(view: &dyn View, customer_id: CustomerId, text: String) -> Result<String, Fault> {
    Ok(if is_erased(view, customer_id)? { String::new() } else { text })
}

fn orders_of(view: &dyn View, customer_id: CustomerId) -> Result<BTreeSet<OrderId>, Fault> {
    let (rows, mut orders) = (Key::new().u64(customer_id.0), BTreeSet::new());
    view.scan(Table::OrdersByCustomer, rows.as_slice(), rows.end().as_slice(), &mut |key, _| {
        orders.insert(OrderId(u64_at(key, key.len() - ID_BYTES)?));
        Ok(true)
    })?;
    Ok(orders)
}

/// Who is still owed goods or money, or owes them, has to be reached.
fn nothing_open(view: &dyn View, customer: &Customer, orders: &BTreeSet<OrderId>) -> Outcome<()> {
    let busy = |message: String| {
        Refusal::new(Reason::CustomerBusy, message).with("customer_id", customer.customer_id)
    };
    for order_id in orders {
        let order: Order = must(view, order_id.0)?;
        if is_under_way(&order) {
            let message = format!("Order {order_id} is {:?}: close it first.", order.state);
            return Err(busy(message).with("order_id", order_id).into());
        }
    }
    if customer.credit_minor != 0 {
        let message = "The customer has credit: pay it back or let it be spent first.".to_owned();
        return Err(busy(message).with("credit_minor", customer.credit_minor).into());
    }
    Ok(())
}

fn is_under_way(order: &Order) -> bool {
    match order.state {
        OrderState::Booked
        | OrderState::PartlyPaid
        | OrderState::Paid
        | OrderState::HandedToCourier
        | OrderState::RefundDue => true,
        OrderState::Sold => order.parcel_id.is_some(),
        OrderState::Delivered | OrderState::Cancelled | OrderState::Expired | OrderState::Refunded => false,
    }
}

/// What finding a customer's messages has to know of each.
#[derive(Deserialize)]
struct Addressed {
    #[serde(default)]
    customer_id: CustomerId,
    #[serde(default)]
    create_ms: i64,
}

/// No index leads to them: all since the customer came are looked at.
fn messages_of(view: &dyn View, customer: &Customer) -> Result<Vec<MessageId>, Fault> {
    let (all, mut found) = (Key::new(), Vec::new());
    view.scan_back(Table::Messages, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        let message: Addressed = decode(value)?;
        if message.customer_id == customer.customer_id {
            found.push(MessageId(u64_at(key, key.len() - ID_BYTES)?));
        }
        Ok(message.create_ms >= customer.create_ms)
    })?;
    Ok(found)
}

fn manifests_of(
    view: &dyn View,
    customer: &Customer,
    orders: &BTreeSet<OrderId>,
) -> Result<Vec<ManifestId>, Fault> {
    let (all, mut found) = (Key::new(), Vec::new());
    view.scan_back(Table::Manifests, all.as_slice(), all.end().as_slice(), &mut |_, value| {
        let manifest: Manifest = decode(value)?;
        if manifest.lines.iter().any(|line| orders.contains(&line.order_id)) {
            found.push(manifest.manifest_id);
        }
        Ok(manifest.create_ms >= customer.create_ms)
    })?;
    Ok(found)
}
