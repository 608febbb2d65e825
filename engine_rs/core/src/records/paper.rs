//! Parcels, print jobs, messages: intents and what became of them.

use serde::{Deserialize, Serialize};

use super::{Address, Record, empty, record};
use crate::ids::{CourierId, CustomerId, LocationId, ManifestId, MessageId, OrderId, ParcelId, PrintJobId};
use crate::money::Currency;
use crate::refusal::Reason;
use crate::states::{AirwayBillState, DocumentKind, LabelState, MessageKind, MessageState, PrintJobState};
use crate::tables::Table;

/// A courier company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courier {
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub connected: bool,
}
record!(Courier, Couriers, "courier", CourierNotFound, courier_id);

/// One parcel of one sold order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    #[serde(default, skip_serializing_if = "empty")]
    pub parcel_id: ParcelId,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_service: String,
    pub address: Address,
    #[serde(default, skip_serializing_if = "empty")]
    pub weight_grams: i64,
    pub label_state: LabelState,
    #[serde(default, skip_serializing_if = "empty")]
    pub label_prints: i32,
    /// The number of the last copy of its label that was asked for.
    #[serde(default, skip_serializing_if = "empty")]
    pub label_copies: i32,
    pub airway_bill_state: AirwayBillState,
    #[serde(default, skip_serializing_if = "empty")]
    pub airway_bill: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub airway_bill_detail: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub hand_over_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub deliver_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub version: i64,
}
record!(Parcel, Parcels, "parcel", ParcelNotFound, parcel_id);

/// One parcel of a manifest, frozen when that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLine {
    #[serde(default, skip_serializing_if = "empty")]
    pub parcel_id: ParcelId,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub airway_bill: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub recipient: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub city: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub weight_grams: i64,
    /// Of what the courier collects at the door.
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub collect_minor: i64,
}

/// What went with a courier at one pick-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(default, skip_serializing_if = "empty")]
    pub manifest_id: ManifestId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub lines: Vec<ManifestLine>,
    #[serde(default, skip_serializing_if = "empty")]
    pub handed_over_by: String,
    /// When the last of them was handed over.
    #[serde(default, skip_serializing_if = "empty")]
    pub hand_over_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Manifest, Manifests, "manifest", ManifestNotFound, manifest_id);

/// A document to print, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    #[serde(default, skip_serializing_if = "empty")]
    pub print_job_id: PrintJobId,
    pub kind: DocumentKind,
    pub state: PrintJobState,
    /// Order, sale, parcel, shift, manifest or refund, by kind.
    pub subject_id: u64,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub copy_number: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub reprint_reason: String,
    /// Of a copy, the job of the first print; 0 for that itself, and for labels, whose parcels number them.
    #[serde(default, skip_serializing_if = "empty")]
    pub first_job_id: PrintJobId,
    /// Of the first print, the number of the last copy asked for.
    #[serde(default, skip_serializing_if = "empty")]
    pub copies: i32,
    /// A person settled it; once is enough.
    #[serde(default, skip_serializing_if = "empty")]
    pub settled: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub detail: String,
    /// Whose agent gave it to a printer; empty before.
    #[serde(default, skip_serializing_if = "empty")]
    pub taken_by: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub update_ms: i64,
}
record!(PrintJob, PrintJobs, "print job", PrintJobNotFound, print_job_id);

/// An intent to tell a customer something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    #[serde(default, skip_serializing_if = "empty")]
    pub message_id: MessageId,
    pub kind: MessageKind,
    pub state: MessageState,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub phone: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub email: String,
    /// Facts for the template, sorted by name.
    #[serde(default, skip_serializing_if = "empty")]
    pub facts: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Message, Messages, "message", MessageNotFound, message_id);
