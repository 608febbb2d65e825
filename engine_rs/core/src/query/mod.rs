//! What can be read: one function per reading method of the contract, over any [`View`](crate::View).
//!
//! Reads never wait for the writer and never change anything. Each one's work is bounded, however large the store: lists
//! come in pages, searches look at so many rows and then say where to go on. Arguments are as the caller sent them;
//! what they must not be is refused here, naming the field.

mod bank;
mod booking;
mod catalogue;
mod page;
mod quote;
mod report;
mod shipping;
mod stock;
mod till;

pub use bank::{list_bank_accounts, list_column_mappings, list_mutations, mutation};
pub use booking::{
    booking, customer_by_id, customer_by_phone, drop_order, list_bookings, list_credits, list_customers,
    list_drop_orders, list_messages,
};
pub use catalogue::{
    ItemAvailability, alternatives, find_items, item_by_barcode, item_by_id, item_by_sku, list_items,
    list_tax_classes,
};
pub use page::{Page, Paged};
pub use quote::{Quote, quote_booking, quote_refund, quote_till_sale};
pub use report::{MetricTotal, OpenMoney, Report, ReportGroup, day_report, month_report, open_money};
pub(crate) use report::{TotalOf, total_of_key};
pub use shipping::{
    Document, document, list_couriers, list_parcels, list_print_jobs, manifest, parcel_by_airway_bill,
    parcel_by_id, parcel_by_order, print_job,
};
pub use stock::{hold, list_holds, list_locations, list_stocks, stocks_of_item};
pub use till::{list_refunds, list_sales, list_shifts, list_tills, refund, sale, sale_by_receipt, shift};

use crate::kv::View;
use crate::records::Settings;
use crate::refusal::{Outcome, Reason, Refusal};

/// The shop's settings, or the defaults.
pub fn settings(view: &dyn View) -> Outcome<Settings> {
    Ok((*Settings::load(view)?).clone())
}

/// The refusal of a request that names nothing to look up.
pub fn name_missing() -> Refusal {
    Refusal::field(Reason::FieldRequired, "name", "Say which one: by id or by one of its codes.")
}

/// The state of a filter's number; 0 is no filter.
fn state_filter<S>(field: &str, number: i32, from_number: impl Fn(i32) -> Option<S>) -> Outcome<Option<S>> {
    match (number, from_number(number)) {
        (0, _) => Ok(None),
        (_, Some(state)) => Ok(Some(state)),
        (_, None) => {
            let message = format!("There is no state {number}.");
            Err(Refusal::field(Reason::FieldOutOfRange, field, message).into())
        }
    }
}
