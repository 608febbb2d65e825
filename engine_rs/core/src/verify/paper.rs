//! Parcels, print jobs and messages: what was told to the world, and about what.

use super::Audit;
use crate::ids::ParcelId;
use crate::kv::{Fault, Key};
use crate::records::{
    Courier, Customer, Location, Manifest, Message, Order, Parcel, PrintJob, Refund, Sale, Shift,
};
use crate::states::{AirwayBillState, DocumentKind, LabelState, MessageKind, PrintJobState};
use crate::tables::Table;
use crate::totals::Metric;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<PrintJob>(print_job)?;
    for (first_job_id, [kept, copied]) in std::mem::take(&mut audit.sums.copies) {
        audit.demand(kept == copied, || {
            format!("Print job {first_job_id} has {kept} copies; its last copy says {copied}.")
        });
    }
    audit.each::<Parcel>(parcel)?;
    for (parcel_id, prints) in std::mem::take(&mut audit.sums.labels_printed) {
        audit.broken(format!("{prints} labels of parcel {parcel_id} were printed, which is not there."));
    }
    audit.each::<Manifest>(manifest)?;
    audit.each::<Message>(|audit, message| {
        let who = format!("Message {}", message.message_id);
        if let Some(order) = audit.named::<Order>(&who, message.order_id.0)? {
            let told = (&message.phone, &message.email);
            audit.demand(told == (&order.customer_phone, &order.customer_email), || {
                format!("{who} goes to {told:?}, which are not those of order {}.", order.order_id)
            });
        }
        // Each time an order is paid in full its customer is told so.
        audit.sums.count(Metric::OrdersPaid, i128::from(message.kind == MessageKind::PaymentReceived));
        audit.names::<Customer>(&who, message.customer_id.0)
    })
}

fn print_job(audit: &mut Audit<'_>, job: &PrintJob) -> Result<(), Fault> {
    let who = format!("Print job {}", job.print_job_id);
    audit.names::<Location>(&who, job.location_id.0)?;
    match job.kind {
        DocumentKind::OrderSlip => audit.named::<Order>(&who, job.subject_id)?.is_some(),
        DocumentKind::SalesReceipt => audit.named::<Sale>(&who, job.subject_id)?.is_some(),
        DocumentKind::AddressLabel => audit.named::<Parcel>(&who, job.subject_id)?.is_some(),
        DocumentKind::ShiftReport => audit.named::<Shift>(&who, job.subject_id)?.is_some(),
        DocumentKind::PickupManifest => audit.named::<Manifest>(&who, job.subject_id)?.is_some(),
        DocumentKind::RefundReceipt => audit.named::<Refund>(&who, job.subject_id)?.is_some(),
    };
    if job.copies > 0 {
        audit.sums.copies.entry(job.print_job_id).or_default()[0] = job.copies;
    }
    if job.first_job_id.is_some() {
        audit.sums.copies.entry(job.first_job_id).or_default()[1] = job.copy_number;
    }
    if job.kind == DocumentKind::AddressLabel {
        let parcel_id = ParcelId(job.subject_id);
        if job.copy_number > 0 {
            audit.sums.label_copies.insert(parcel_id, job.copy_number);
        }
        match job.state {
            PrintJobState::Queued | PrintJobState::Sent | PrintJobState::Unknown => {
                audit.sums.labels_under_way.insert(parcel_id);
            }
            PrintJobState::Printed => {
                *audit.sums.labels_printed.entry(parcel_id).or_default() += 1;
                audit.sums.count(Metric::LabelsPrinted, 1);
            }
            PrintJobState::Failed => {}
        }
    }
    Ok(())
}

fn parcel(audit: &mut Audit<'_>, parcel: &Parcel) -> Result<(), Fault> {
    let who = format!("Parcel {}", parcel.parcel_id);
    audit.names::<Courier>(&who, parcel.courier_id.0)?;
    label_due(audit, &who, parcel)?;
    if let Some(order) = audit.named::<Order>(&who, parcel.order_id.0)? {
        audit.demand(order.parcel_id == parcel.parcel_id, || {
            format!("{who} is of order {}, which has parcel {}.", parcel.order_id, order.parcel_id)
        });
    }
    let assigned = parcel.airway_bill_state == AirwayBillState::Assigned;
    audit.demand(assigned != parcel.airway_bill.is_empty(), || {
        format!(
            "{who}: the airway bill is {:?} with number {:?}.",
            parcel.airway_bill_state, parcel.airway_bill
        )
    });
    label(audit, &who, parcel);
    let copies = audit.sums.label_copies.remove(&parcel.parcel_id).unwrap_or(0);
    audit.demand(parcel.label_copies == copies, || {
        format!("{who} has {} copies of its label; the last one's job says {copies}.", parcel.label_copies)
    });
    audit.demand(parcel.deliver_ms == 0 || parcel.hand_over_ms > 0, || {
        format!("{who} arrived but never left.")
    });
    if assigned {
        audit.sums.count(Metric::AirwayBillsAssigned, 1);
    }
    if parcel.hand_over_ms > 0 {
        audit.sums.count(Metric::ParcelsHandedOver, 1);
    }
    if parcel.deliver_ms > 0 {
        audit.sums.count(Metric::ParcelsDelivered, 1);
    }
    Ok(())
}

/// What stands on a manifest is what went, with its courier.
fn manifest(audit: &mut Audit<'_>, manifest: &Manifest) -> Result<(), Fault> {
    let who = format!("Manifest {}", manifest.manifest_id);
    audit.names::<Courier>(&who, manifest.courier_id.0)?;
    audit.demand(!manifest.lines.is_empty(), || format!("{who} lists nothing."));
    for line in &manifest.lines {
        let Some(parcel) = audit.named::<Parcel>(&who, line.parcel_id.0)? else { continue };
        let listed = (line.order_id, &line.airway_bill, manifest.courier_id);
        let right = listed == (parcel.order_id, &parcel.airway_bill, parcel.courier_id);
        audit.demand(right && (1..=manifest.hand_over_ms).contains(&parcel.hand_over_ms), || {
            format!("{who} lists parcel {} as it did not go.", parcel.parcel_id)
        });
    }
    Ok(())
}

/// A label that is due is listed as its courier and airway bill say: it can be printed, or it waits for the number.
fn label_due(audit: &mut Audit<'_>, who: &String, parcel: &Parcel) -> Result<(), Fault> {
    if parcel.label_state != LabelState::Due {
        return Ok(());
    }
    let courier = audit.look::<Courier>(parcel.courier_id.0)?;
    let connected = courier.is_some_and(|courier| courier.connected);
    let waits = connected && parcel.airway_bill_state != AirwayBillState::Assigned;
    for listed_as in [false, true] {
        let key = Key::new().u8(u8::from(listed_as)).u64(parcel.parcel_id.0);
        let is_there = audit.view.get(Table::LabelsDue, key.as_slice())?.is_some();
        audit.demand(is_there == (listed_as == waits), || {
            let what = if is_there { "a wrong row" } else { "no row" };
            format!("{who} has {what} in labels_due: that it waits is {waits}.")
        });
    }
    Ok(())
}

/// The label is where its print jobs are: none doubled, none missing.
fn label(audit: &mut Audit<'_>, who: &String, parcel: &Parcel) {
    let prints = audit.sums.labels_printed.remove(&parcel.parcel_id).unwrap_or(0);
    audit.demand(i128::from(parcel.label_prints) == prints, || {
        format!("{who} says {} labels printed; its print jobs say {prints}.", parcel.label_prints)
    });
    let under_way = audit.sums.labels_under_way.contains(&parcel.parcel_id);
    let right = match parcel.label_state {
        LabelState::Due => prints == 0 && !under_way,
        LabelState::Queued => under_way,
        LabelState::Labelled => prints > 0,
    };
    audit.demand(right, || {
        let jobs = if under_way { "has" } else { "has no" };
        format!(
            "{who}: the label is {:?}, printed {prints} times, and {jobs} print job under way.",
            parcel.label_state
        )
    });
}
