//! What is told of a customer becomes empty, wherever it stands.

use super::index::moved as index_moved;
use crate::codes::{CodeKind, delete_code};
use crate::execute::Context;
use crate::ids::{CustomerId, ManifestId, MessageId, OrderId};
use crate::kv::{Fault, Key, State, View, u64_at};
use crate::personal::Personal;
use crate::records::{Customer, Manifest, Message, Order, Parcel, must, save};
use crate::states::MessageState;
use crate::stock::fixed;
use crate::tables::Table;

/// Bytes of an id at the end of a key.
const ID_BYTES: usize = 8;

pub(super) fn customer_erased(
    state: &mut dyn State,
    customer_id: CustomerId,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut customer: Customer = must(state.view(), customer_id.0)?;
    if !customer.phone.is_empty() {
        delete_code(state, CodeKind::Phone, &customer.phone)?;
    }
    customer.blank();
    customer.erase_ms = context.now_ms;
    customer.version += 1;
    state.put(Table::Erasures, erasure_key(&customer).as_slice(), &fixed([customer.create_ms]))?;
    for payer in payers_of(state.view(), customer_id)? {
        state.delete(Table::Payers, &payer)?;
    }
    save(state, &customer)
}

/// The key of a customer among those who were erased.
pub(crate) fn erasure_key(customer: &Customer) -> Key {
    Key::new().i64(customer.erase_ms).u64(customer.customer_id.0)
}

pub(super) fn orders(
    state: &mut dyn State,
    orders: &[OrderId],
    customer_id: CustomerId,
    context: &Context<'_>,
) -> Result<(), Fault> {
    for order_id in orders {
        let mut order: Order = must(state.view(), order_id.0)?;
        if order.customer_id != customer_id {
            return Err(Fault::Corrupt(format!("order {order_id} is not of customer {customer_id}")));
        }
        order.blank();
        order.version += 1;
        order.update_ms = context.now_ms;
        save(state, &order)?;
        if order.parcel_id.is_some() {
            let mut parcel: Parcel = must(state.view(), order.parcel_id.0)?;
            parcel.blank();
            parcel.version += 1;
            save(state, &parcel)?;
        }
    }
    Ok(())
}

/// Messages that were not sent yet never will be.
pub(super) fn messages(state: &mut dyn State, messages: &[MessageId]) -> Result<(), Fault> {
    for message_id in messages {
        let mut message: Message = must(state.view(), message_id.0)?;
        message.blank();
        if message.state == MessageState::Queued {
            let (from, to) = (MessageState::Queued.number(), MessageState::Failed.number());
            index_moved(state, Table::MessagesByState, Some(from), to, message_id.0)?;
            message.state = MessageState::Failed;
        }
        save(state, &message)?;
    }
    Ok(())
}

pub(super) fn manifests(
    state: &mut dyn State,
    manifests: &[ManifestId],
    orders: &[OrderId],
) -> Result<(), Fault> {
    for manifest_id in manifests {
        let mut manifest: Manifest = must(state.view(), manifest_id.0)?;
        manifest.lines.iter_mut().filter(|line| orders.contains(&line.order_id)).for_each(Personal::blank);
        save(state, &manifest)?;
    }
    Ok(())
}

/// The rows of payers who were learnt to pay for a customer.
fn payers_of(view: &dyn View, customer_id: CustomerId) -> Result<Vec<Vec<u8>>, Fault> {
    let (all, mut found) = (Key::new(), Vec::new());
    view.scan(Table::Payers, all.as_slice(), all.end().as_slice(), &mut |key, _| {
        if u64_at(key, key.len() - ID_BYTES)? == customer_id.0 {
            found.push(key.to_vec());
        }
        Ok(true)
    })?;
    Ok(found)
}
