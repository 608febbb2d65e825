//! What an event does to the state: never refuses, asserts instead. An event that does not fit is corruption.

mod catalogue;
mod claims;
pub(crate) mod erasure;
mod index;
mod intents;
mod mutations;
mod orders;
pub(crate) mod payments;
mod refunds;
mod sales;

use crate::event::Event;
use crate::execute::Context;
use crate::kv::{Fault, Key, State};
use crate::records::{Settings, encode};
use crate::tables::Table;

/// Lets one event evolve the state.
#[allow(clippy::too_many_lines, reason = "one row per event, and nothing else")]
pub(crate) fn evolve(state: &mut dyn State, event: &Event, context: &Context<'_>) -> Result<(), Fault> {
    match event {
        Event::SettingsUpdated(settings) => put_settings(state, settings),
        Event::TaxClassCreated(tax_class) => catalogue::tax_class_created(state, tax_class),
        Event::ItemCreated(item) => catalogue::item_created(state, item),
        Event::ItemUpdated(item) => catalogue::item_updated(state, item),
        Event::LocationCreated(location) => catalogue::location_created(state, location),
        Event::BankAccountCreated(account) => catalogue::bank_account_created(state, account),
        Event::ColumnMappingSaved(mapping) => catalogue::column_mapping_saved(state, mapping),
        Event::ColumnMappingDeleted { column_mapping_id, .. } => {
            catalogue::column_mapping_deleted(state, *column_mapping_id)
        }
        Event::CourierCreated(courier) => catalogue::courier_created(state, courier),
        Event::TillCreated(till) => catalogue::till_created(state, till),
        Event::CustomerCreated(customer) => catalogue::customer_created(state, customer),
        Event::CustomerUpdated(customer) => catalogue::customer_updated(state, customer),
        Event::CustomerErased { customer_id, orders, messages, manifests } => {
            erasure::orders(state, orders, *customer_id, context)?;
            erasure::messages(state, messages)?;
            erasure::manifests(state, manifests, orders)?;
            erasure::customer_erased(state, *customer_id, context)
        }
        Event::StockReceived { item_id, location_id, quantity, .. } => {
            claims::received(state, *item_id, *location_id, *quantity, context)
        }
        Event::StockAdjusted { item_id, location_id, difference, .. } => {
            claims::adjusted(state, *item_id, *location_id, *difference, context)
        }
        Event::StockTransferred { item_id, from_location_id, to_location_id, quantity } => {
            claims::transferred(state, *item_id, *from_location_id, *to_location_id, *quantity, context)
        }
        Event::HoldCreated(hold) => claims::hold_created(state, hold),
        Event::HoldReleased { hold_id, .. } | Event::HoldExpired { hold_id, .. } => {
            claims::hold_ended(state, *hold_id, true)
        }
        Event::HoldDrawn { hold_id, quantity, .. } => claims::hold_drawn(state, *hold_id, *quantity),
        Event::HoldUsed { hold_id, .. } => claims::hold_ended(state, *hold_id, false),
        Event::DropOrderRequested(_)
        | Event::DropOrderHandedOver { .. }
        | Event::DropOrderRejected { .. }
        | Event::DropOrderCancelled { .. }
        | Event::DropOrderExpired { .. }
        | Event::DropOrderBooked { .. }
        | Event::DropOrderUnbooked { .. }
        | Event::DropOrderConsumed { .. }
        | Event::DropOrderReleased { .. }
        | Event::DropOrderReturned { .. } => claims::drop_order(state, event, context),
        Event::OrderBooked(order) => orders::booked(state, order, context),
        Event::OrderExtended { order_id, expire_ms } => {
            orders::extended(state, *order_id, *expire_ms, context)
        }
        Event::OrderCancelled { order_id, reason, .. } => {
            orders::cancelled(state, *order_id, reason, context)
        }
        Event::OrderExpired { order_id, .. } => orders::expired(state, *order_id, context),
        Event::OrderRefunded { order_id, reference } => {
            orders::refunded(state, *order_id, reference, context)
        }
        Event::PayableReleased { order_id } => orders::payable_released(state, *order_id),
        Event::OrderReminded { order_id } => orders::reminded(state, *order_id),
        Event::PaymentAllocated { order_id, allocation, effect } => {
            payments::allocated(state, *order_id, allocation, effect, context)
        }
        Event::PaymentUndone { order_id, mutation_id, amount_minor, effect, .. } => {
            payments::undone(state, *order_id, *mutation_id, *amount_minor, *effect, context)
        }
        Event::MutationImported(_)
        | Event::MutationPosted { .. }
        | Event::StatementImported { .. }
        | Event::MutationProposed { .. }
        | Event::MutationWithdrawn { .. }
        | Event::MutationConfirmed { .. }
        | Event::MutationUndone { .. }
        | Event::MutationIgnored { .. } => mutations::evolved(state, event, context),
        Event::MatchingRulesSet { bank_account_id, rules } => {
            catalogue::matching_rules_set(state, *bank_account_id, *rules)
        }
        Event::PayerLearnt { payer, customer_id } => payments::payer(state, payer, *customer_id, 1),
        Event::PayerForgotten { payer, customer_id } => payments::payer(state, payer, *customer_id, -1),
        Event::SaleMade(sale) => sales::made(state, sale, context),
        Event::SaleRefunded(refund) => refunds::made(state, refund, context),
        Event::ShiftOpened(shift) => sales::shift_opened(state, shift),
        Event::CashMoved { shift_id, amount_minor, .. } => {
            sales::cash_moved(state, *shift_id, *amount_minor, context)
        }
        Event::ShiftClosed { shift_id, counted_cash_minor } => {
            sales::shift_closed(state, *shift_id, *counted_cash_minor, context)
        }
        Event::ParcelCreated(parcel) => intents::parcel_created(state, parcel),
        Event::AirwayBillRequested { .. }
        | Event::AirwayBillAssigned { .. }
        | Event::AirwayBillFailed { .. }
        | Event::AirwayBillLost { .. } => intents::airway_bill(state, event, context),
        Event::ParcelHandedOver { parcel_id } => intents::parcel_handed_over(state, *parcel_id, context),
        Event::ParcelDelivered { parcel_id } => intents::parcel_delivered(state, *parcel_id, context),
        Event::ManifestCreated(manifest) => intents::manifest_created(state, manifest),
        Event::PrintJobQueued(job) => intents::print_job_queued(state, job),
        Event::PrintJobMoved { print_job_id, action, detail } => {
            intents::print_job_moved(state, *print_job_id, *action, detail, context)
        }
        Event::MessageQueued(message) => intents::message_queued(state, message),
        Event::MessageReported { message_id, state: reported, detail } => {
            intents::message_reported(state, *message_id, *reported, detail)
        }
    }
}

fn put_settings(state: &mut dyn State, settings: &Settings) -> Result<(), Fault> {
    state.put(Table::Settings, Key::new().as_slice(), &encode(settings)?)
}

/// The state after an action, or the corruption that the event does not fit.
fn step<S: std::fmt::Debug>(entity: &str, id: u64, from: &S, next: Option<S>) -> Result<S, Fault> {
    next.ok_or_else(|| Fault::Corrupt(format!("an event does not fit {entity} {id} in state {from:?}")))
}
