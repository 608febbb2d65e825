//! Parcels, print jobs and messages: intents and what became of them.

use super::index::{given, moved as index_moved};
use super::orders::{act, book};
use super::step;
use crate::codes::{CodeKind, airway_bill_code, put_code};
use crate::decide::shipping::label_due_key;
use crate::event::{Event, PrintAction};
use crate::execute::Context;
use crate::ids::{CourierId, ManifestId, MessageId, ParcelId, PrintJobId};
use crate::kv::{Fault, State};
use crate::records::{Manifest, Message, Order, Parcel, PrintJob, must, save};
use crate::states::{AirwayBillAction, DocumentKind, LabelState, MessageState, OrderAction, PrintJobState};
use crate::tables::Table;
use crate::totals::Metric;

pub(super) fn parcel_created(state: &mut dyn State, parcel: &Parcel) -> Result<(), Fault> {
    let id = parcel.parcel_id.0;
    given(state, ParcelId::COUNTER, id)?;
    let mut order: Order = must(state.view(), parcel.order_id.0)?;
    order.parcel_id = parcel.parcel_id;
    save(state, &order)?;
    label_due(state, None, parcel)?;
    index_moved(state, Table::ParcelsByLabel, None, parcel.label_state.number(), id)?;
    index_moved(state, Table::ParcelsByAirwayBill, None, parcel.airway_bill_state.number(), id)?;
    save(state, parcel)
}

pub(super) fn airway_bill(state: &mut dyn State, event: &Event, context: &Context<'_>) -> Result<(), Fault> {
    match event {
        Event::AirwayBillRequested { parcel_id, courier_id } => {
            bill(state, *parcel_id, AirwayBillAction::Request, |parcel| parcel.courier_id = *courier_id)
                .map(|_| ())
        }
        Event::AirwayBillAssigned { parcel_id, courier_id, airway_bill, entered, detail } => {
            assigned(state, *parcel_id, *courier_id, airway_bill, *entered, detail, context)
        }
        Event::AirwayBillFailed { parcel_id, detail } => {
            bill(state, *parcel_id, AirwayBillAction::Fail, |p| p.airway_bill_detail.clone_from(detail))
                .map(|_| ())
        }
        Event::AirwayBillLost { parcel_id, detail } => {
            bill(state, *parcel_id, AirwayBillAction::Lose, |p| p.airway_bill_detail.clone_from(detail))
                .map(|_| ())
        }
        other => Err(Fault::Corrupt(format!("{} is no event of an airway bill", other.name()))),
    }
}

fn bill(
    state: &mut dyn State,
    parcel_id: ParcelId,
    action: AirwayBillAction,
    change: impl FnOnce(&mut Parcel),
) -> Result<Parcel, Fault> {
    let mut parcel: Parcel = must(state.view(), parcel_id.0)?;
    let before = parcel.airway_bill_state;
    let after = step("airway bill of parcel", parcel_id.0, &before, before.next(action))?;
    index_moved(state, Table::ParcelsByAirwayBill, Some(before.number()), after.number(), parcel_id.0)?;
    let old = parcel.clone();
    parcel.airway_bill_state = after;
    parcel.version += 1;
    change(&mut parcel);
    label_due(state, Some(&old), &parcel)?;
    save(state, &parcel)?;
    Ok(parcel)
}

fn assigned(
    state: &mut dyn State,
    parcel_id: ParcelId,
    courier_id: CourierId,
    airway_bill: &str,
    entered: bool,
    detail: &str,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let action = if entered { AirwayBillAction::Enter } else { AirwayBillAction::Assign };
    let parcel = bill(state, parcel_id, action, |parcel| {
        parcel.courier_id = courier_id;
        parcel.airway_bill = airway_bill.to_string();
        parcel.airway_bill_detail = detail.to_string();
    })?;
    put_code(state, CodeKind::AirwayBill, &airway_bill_code(courier_id, airway_bill), parcel_id.0)?;
    let order: Order = must(state.view(), parcel.order_id.0)?;
    book(state, &order, context)?.add(state, Metric::AirwayBillsAssigned, 1, 0)
}

pub(super) fn parcel_handed_over(
    state: &mut dyn State,
    parcel_id: ParcelId,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut parcel: Parcel = must(state.view(), parcel_id.0)?;
    parcel.hand_over_ms = context.now_ms;
    parcel.version += 1;
    save(state, &parcel)?;
    travel(state, &parcel, OrderAction::HandOver, Metric::ParcelsHandedOver, context)
}

pub(super) fn parcel_delivered(
    state: &mut dyn State,
    parcel_id: ParcelId,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut parcel: Parcel = must(state.view(), parcel_id.0)?;
    parcel.deliver_ms = context.now_ms;
    parcel.version += 1;
    save(state, &parcel)?;
    travel(state, &parcel, OrderAction::Deliver, Metric::ParcelsDelivered, context)
}

fn travel(
    state: &mut dyn State,
    parcel: &Parcel,
    action: OrderAction,
    metric: Metric,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut order: Order = must(state.view(), parcel.order_id.0)?;
    act(state, &mut order, action, context)?;
    save(state, &order)?;
    book(state, &order, context)?.add(state, metric, 1, 0)
}

pub(super) fn manifest_created(state: &mut dyn State, manifest: &Manifest) -> Result<(), Fault> {
    given(state, ManifestId::COUNTER, manifest.manifest_id.0)?;
    save(state, manifest)
}

pub(super) fn print_job_queued(state: &mut dyn State, job: &PrintJob) -> Result<(), Fault> {
    let id = job.print_job_id.0;
    given(state, PrintJobId::COUNTER, id)?;
    index_moved(state, Table::PrintJobsByState, None, job.state.number(), id)?;
    if job.kind == DocumentKind::AddressLabel {
        let mut parcel: Parcel = must(state.view(), job.subject_id)?;
        let again = parcel.label_copies != job.copy_number;
        parcel.label_copies = job.copy_number;
        if parcel.label_state == LabelState::Due {
            set_label(state, &mut parcel, LabelState::Queued)?;
        } else if again {
            save(state, &parcel)?;
        }
    }
    if job.first_job_id.is_some() {
        let mut first: PrintJob = must(state.view(), job.first_job_id.0)?;
        first.copies = job.copy_number;
        save(state, &first)?;
    }
    save(state, job)
}

fn set_label(state: &mut dyn State, parcel: &mut Parcel, to: LabelState) -> Result<(), Fault> {
    let id = parcel.parcel_id.0;
    index_moved(state, Table::ParcelsByLabel, Some(parcel.label_state.number()), to.number(), id)?;
    let old = parcel.clone();
    parcel.label_state = to;
    parcel.version += 1;
    label_due(state, Some(&old), parcel)?;
    save(state, parcel)
}

/// Keeps a parcel among those whose label is due where it belongs: with those that can be printed, or that wait.
fn label_due(state: &mut dyn State, old: Option<&Parcel>, new: &Parcel) -> Result<(), Fault> {
    if let Some(old) = old
        && let Some(key) = label_due_key(state.view(), old)?
    {
        state.delete(Table::LabelsDue, key.as_slice())?;
    }
    match label_due_key(state.view(), new)? {
        Some(key) => state.put(Table::LabelsDue, key.as_slice(), &[]),
        None => Ok(()),
    }
}

pub(super) fn print_job_moved(
    state: &mut dyn State,
    print_job_id: PrintJobId,
    action: PrintAction,
    detail: &str,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut job: PrintJob = must(state.view(), print_job_id.0)?;
    let before = job.state;
    let after = step("print job", print_job_id.0, &before, before.next(action.into()))?;
    index_moved(state, Table::PrintJobsByState, Some(before.number()), after.number(), print_job_id.0)?;
    job.state = after;
    job.settled |= matches!(action, PrintAction::SettlePrinted | PrintAction::SettleAgain);
    job.detail = detail.to_string();
    if action == PrintAction::Send {
        job.taken_by = context.actor.to_string();
    }
    job.update_ms = context.now_ms;
    if job.kind == DocumentKind::AddressLabel {
        label_follows(state, &job, context)?;
    }
    save(state, &job)
}

/// A label is printed when its job was, and due again when its job surely was not.
fn label_follows(state: &mut dyn State, job: &PrintJob, context: &Context<'_>) -> Result<(), Fault> {
    let mut parcel: Parcel = must(state.view(), job.subject_id)?;
    match job.state {
        PrintJobState::Printed => {
            parcel.label_prints += 1;
            set_label(state, &mut parcel, LabelState::Labelled)?;
            let order: Order = must(state.view(), parcel.order_id.0)?;
            book(state, &order, context)?.add(state, Metric::LabelsPrinted, 1, 0)
        }
        PrintJobState::Failed if parcel.label_state == LabelState::Queued => {
            set_label(state, &mut parcel, LabelState::Due)
        }
        PrintJobState::Failed | PrintJobState::Queued | PrintJobState::Sent | PrintJobState::Unknown => {
            Ok(())
        }
    }
}

pub(super) fn message_queued(state: &mut dyn State, message: &Message) -> Result<(), Fault> {
    given(state, MessageId::COUNTER, message.message_id.0)?;
    index_moved(state, Table::MessagesByState, None, message.state.number(), message.message_id.0)?;
    save(state, message)
}

pub(super) fn message_reported(
    state: &mut dyn State,
    message_id: MessageId,
    reported: MessageState,
    detail: &str,
) -> Result<(), Fault> {
    let mut message: Message = must(state.view(), message_id.0)?;
    let after = step("message", message_id.0, &message.state, message.state.next(reported))?;
    index_moved(state, Table::MessagesByState, Some(message.state.number()), after.number(), message_id.0)?;
    message.state = after;
    message.detail = detail.to_string();
    save(state, &message)
}
