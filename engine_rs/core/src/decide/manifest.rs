//! What went with a courier at one pick-up, to be printed and signed.

use std::collections::BTreeSet;

use super::intent::Intents;
use super::{Answer, Decided, check, next_id};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{CourierId, LocationId, ManifestId, ParcelId, PrintJobId};
use crate::kv::View;
use crate::records::{Manifest, ManifestLine, Order, Parcel, must, need};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::reply::Reply;
use crate::states::DocumentKind;

/// Most parcels of one pick-up.
const PARCELS_MAX: usize = 1_000;

/// Lists parcels that were handed over, and queues the list's print where the first of them was packed.
pub(crate) fn create(view: &dyn View, parcel_ids: &[ParcelId], context: &Context<'_>) -> Outcome<Decided> {
    check::count("parcel_ids", parcel_ids.len(), PARCELS_MAX)?;
    let mut manifest = Manifest {
        manifest_id: ManifestId(next_id(view, ManifestId::COUNTER)?),
        courier_id: CourierId(0),
        lines: Vec::with_capacity(parcel_ids.len()),
        handed_over_by: context.actor.to_string(),
        hand_over_ms: 0,
        create_ms: context.now_ms,
    };
    let mut location_id = LocationId(0);
    let mut listed = BTreeSet::new();
    for parcel_id in parcel_ids {
        let parcel: Parcel = need(view, parcel_id.0)?;
        let order: Order = must(view, parcel.order_id.0)?;
        if parcel.hand_over_ms == 0 {
            return Err(
                Refusal::wrong_state("Order", order.order_id.0, &order.state, &"CreateManifest").into()
            );
        }
        if !listed.insert(*parcel_id) {
            return Err(malformed(format!("Parcel {parcel_id} is named twice.")));
        }
        if manifest.lines.is_empty() {
            (manifest.courier_id, location_id) = (parcel.courier_id, parcel.location_id);
        } else if manifest.courier_id != parcel.courier_id {
            return Err(malformed(format!("Parcel {parcel_id} went with another courier than the first.")));
        }
        manifest.hand_over_ms = manifest.hand_over_ms.max(parcel.hand_over_ms);
        manifest.lines.push(line(parcel, &order));
    }
    let kind = DocumentKind::PickupManifest;
    let job = Intents::new(view, context).print(kind, manifest.manifest_id.0, location_id)?;
    let print_job_id = match &job {
        Event::PrintJobQueued(job) => job.print_job_id,
        _ => PrintJobId(0),
    };
    let answer = Answer::Made(Box::new(Reply::Manifest { manifest: manifest.clone(), print_job_id }));
    Ok(Decided::new(vec![Event::ManifestCreated(manifest), job], answer))
}

fn line(parcel: Parcel, order: &Order) -> ManifestLine {
    ManifestLine {
        parcel_id: parcel.parcel_id,
        order_id: parcel.order_id,
        airway_bill: parcel.airway_bill,
        recipient: parcel.address.recipient,
        city: parcel.address.city,
        weight_grams: parcel.weight_grams,
        currency: order.currency,
        collect_minor: order.at_the_door_minor(),
    }
}

fn malformed(message: String) -> crate::refusal::Stop {
    Refusal::field(Reason::FieldMalformed, "parcel_ids", message).into()
}
