//! Reading couriers, parcels, and what is to be printed.

use super::page::{Page, Paged, newest, newest_under, oldest};
use super::state_filter;
use crate::codes::find_airway_bills;
use crate::ids::{ManifestId, OrderId, ParcelId, PrintJobId};
use crate::kv::{Fault, Key, View};
use crate::records::{Courier, Manifest, Order, Parcel, PrintJob, Refund, Sale, Shift, find, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{AirwayBillState, DocumentKind, LabelState, PrintJobState};
use crate::tables::Table;

/// All couriers by id.
pub fn list_couriers(view: &dyn View, page: &Page) -> Outcome<Paged<Courier>> {
    Ok(oldest(view, page)?)
}

/// One parcel.
pub fn parcel_by_id(view: &dyn View, parcel_id: ParcelId) -> Outcome<Parcel> {
    need(view, parcel_id.0).named("parcel_id")
}

/// The parcel with this airway bill number, as typed or scanned; of several couriers' the newest.
pub fn parcel_by_airway_bill(view: &dyn View, airway_bill: &str) -> Outcome<Parcel> {
    let number = airway_bill.trim();
    match find_airway_bills(view, number)?.into_iter().max() {
        Some(id) => Ok(must(view, id)?),
        None => Err(Refusal::not_found(Reason::ParcelNotFound, "parcel with airway bill", number)
            .with("field", "airway_bill")
            .into()),
    }
}

/// The parcel of an order.
pub fn parcel_by_order(view: &dyn View, order_id: OrderId) -> Outcome<Parcel> {
    match find::<Order>(view, order_id.0)? {
        Some(order) if order.parcel_id.is_some() => Ok(must(view, order.parcel_id.0)?),
        Some(_) | None => Err(Refusal::not_found(Reason::ParcelNotFound, "parcel of order", order_id)
            .with("field", "order_id")
            .into()),
    }
}

/// Parcels newest first: of one label state, or of one airway bill state, or all (both 0).
pub fn list_parcels(
    view: &dyn View,
    label_state: i32,
    airway_bill_state: i32,
    page: &Page,
) -> Outcome<Paged<Parcel>> {
    let label = state_filter("label_state", label_state, LabelState::from_number)?;
    let airway_bill = state_filter("airway_bill_state", airway_bill_state, AirwayBillState::from_number)?;
    Ok(match (label, airway_bill) {
        (Some(_), Some(_)) => {
            let message = "Ask for a label state or for an airway bill state, not for both.";
            return Err(Refusal::field(Reason::FieldMalformed, "airway_bill_state", message).into());
        }
        (Some(label), None) => {
            newest_under(view, Table::ParcelsByLabel, &[Key::new().u8(label.number())], page, |_| true)?
        }
        (None, Some(state)) => {
            newest_under(view, Table::ParcelsByAirwayBill, &[Key::new().u8(state.number())], page, |_| true)?
        }
        (None, None) => newest(view, page, |_| true)?,
    })
}

/// What went with a courier at one pick-up.
pub fn manifest(view: &dyn View, manifest_id: ManifestId) -> Outcome<Manifest> {
    need(view, manifest_id.0).named("manifest_id")
}

/// What stands on a paper.
#[allow(clippy::large_enum_variant, reason = "one is made per call, moved once and taken apart")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// An order slip's.
    Order(Order),
    /// A sales receipt's.
    Sale(Sale),
    /// An address label's.
    Parcel(Parcel),
    /// A shift report's.
    Shift(Shift),
    /// A pick-up manifest's.
    Manifest(Manifest),
    /// A refund receipt's.
    Refund(Refund),
}

/// One print job, with what stands on the paper.
pub fn print_job(view: &dyn View, print_job_id: PrintJobId) -> Outcome<(PrintJob, Document)> {
    let job: PrintJob = need(view, print_job_id.0).named("print_job_id")?;
    let document = document(view, &job)?;
    Ok((job, document))
}

/// What stands on a job's paper.
pub fn document(view: &dyn View, job: &PrintJob) -> Result<Document, Fault> {
    Ok(match job.kind {
        DocumentKind::OrderSlip => Document::Order(must(view, job.subject_id)?),
        DocumentKind::SalesReceipt => Document::Sale(must(view, job.subject_id)?),
        DocumentKind::AddressLabel => Document::Parcel(must(view, job.subject_id)?),
        DocumentKind::ShiftReport => Document::Shift(must(view, job.subject_id)?),
        DocumentKind::PickupManifest => Document::Manifest(must(view, job.subject_id)?),
        DocumentKind::RefundReceipt => Document::Refund(must(view, job.subject_id)?),
    })
}

/// Print jobs newest first, of one state (0 is all).
pub fn list_print_jobs(view: &dyn View, state: i32, page: &Page) -> Outcome<Paged<PrintJob>> {
    Ok(match state_filter("state", state, PrintJobState::from_number)? {
        Some(state) => {
            newest_under(view, Table::PrintJobsByState, &[Key::new().u8(state.number())], page, |_| true)?
        }
        None => newest(view, page, |_| true)?,
    })
}
