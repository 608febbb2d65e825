//! Couriers and parcels.

use kasir_core::Reply;
use kasir_core::records::{Courier, Manifest, Parcel};
use kasir_core::reply::LabelsQueued;

use super::{money, number, responses, time, time_if};
use crate::contract as pb;

responses! {
    CreateCourierResponse = Reply::Courier(courier) => Self { courier: Some(courier.into()) };
    PrintLabelsResponse = Reply::Labels(labels) => labels.into();
    CreateManifestResponse = Reply::Manifest { manifest, print_job_id } => {
        Self { manifest: Some(manifest.into()), print_job_id: print_job_id.0 }
    };
    RequestAirwayBillResponse = Reply::Parcel(parcel) => Self { parcel: Some(parcel.into()) };
    AssignAirwayBillResponse = Reply::Parcel(parcel) => Self { parcel: Some(parcel.into()) };
    ReportAirwayBillResponse = Reply::Parcel(parcel) => Self { parcel: Some(parcel.into()) };
    HandOverParcelResponse = Reply::Parcel(parcel) => Self { parcel: Some(parcel.into()) };
    DeliverParcelResponse = Reply::Parcel(parcel) => Self { parcel: Some(parcel.into()) };
}

impl From<LabelsQueued> for pb::PrintLabelsResponse {
    fn from(labels: LabelsQueued) -> Self {
        Self {
            queued_parcel_ids: labels.queued.into_iter().map(|id| id.0).collect(),
            print_job_ids: labels.print_job_ids.into_iter().map(|id| id.0).collect(),
            waiting_parcel_ids: labels.waiting.into_iter().map(|id| id.0).collect(),
            skipped_parcel_ids: labels.skipped.into_iter().map(|id| id.0).collect(),
            more: labels.more,
        }
    }
}

impl From<Courier> for pb::Courier {
    fn from(courier: Courier) -> Self {
        Self {
            courier_id: courier.courier_id.0,
            code: courier.code,
            name: courier.name,
            connected: courier.connected,
        }
    }
}

impl From<Manifest> for pb::Manifest {
    fn from(manifest: Manifest) -> Self {
        let lines = manifest.lines.into_iter().map(|line| pb::ManifestLine {
            parcel_id: line.parcel_id.0,
            order_id: line.order_id.0,
            airway_bill: line.airway_bill,
            recipient: line.recipient,
            city: line.city,
            weight_grams: line.weight_grams,
            collect: (line.collect_minor != 0).then(|| money(line.collect_minor, line.currency)).flatten(),
        });
        Self {
            manifest_id: manifest.manifest_id.0,
            courier_id: manifest.courier_id.0,
            lines: lines.collect(),
            handed_over_by: manifest.handed_over_by,
            hand_over_time: time(manifest.hand_over_ms),
            create_time: time(manifest.create_ms),
        }
    }
}

impl From<Parcel> for pb::Parcel {
    fn from(parcel: Parcel) -> Self {
        Self {
            parcel_id: parcel.parcel_id.0,
            order_id: parcel.order_id.0,
            courier_id: parcel.courier_id.0,
            courier_service: parcel.courier_service,
            address: Some(parcel.address.into()),
            weight_grams: parcel.weight_grams,
            label_state: number(parcel.label_state.number()),
            label_prints: parcel.label_prints,
            airway_bill_state: number(parcel.airway_bill_state.number()),
            airway_bill: parcel.airway_bill,
            airway_bill_detail: parcel.airway_bill_detail,
            courier_reference: parcel.courier_reference,
            hand_over_time: time_if(parcel.hand_over_ms),
            deliver_time: time_if(parcel.deliver_ms),
            create_time: time(parcel.create_ms),
            version: parcel.version,
        }
    }
}
