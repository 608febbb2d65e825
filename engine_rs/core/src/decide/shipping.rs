//! Parcels: labels, airway bills, hand-over.

use super::catalogue::{bounded, free_code};
use super::erasure::about;
use super::intent::{Copied, Intents};
use super::{Answer, Decided, check, next_id};
use crate::codes::{CodeKind, airway_bill_code, find_airway_bills, find_code};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{CourierId, ParcelId, PrintJobId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Courier, Order, Parcel, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::LabelsQueued;
use crate::states::{AirwayBillAction, AirwayBillState, DocumentKind, LabelState, MessageKind, OrderAction};
use crate::tables::Table;

/// Most labels queued by one call.
const LABELS_MAX: usize = 1_000;
/// Most couriers of a shop.
const COURIERS_MAX: u64 = 100;
/// Longest airway bill.
const AIRWAY_BILL_MAX: usize = 50;

/// Adds a courier.
pub(crate) fn create_courier(view: &dyn View, code: &str, name: &str, connected: bool) -> Outcome<Decided> {
    let code = check::code("courier.code", code, 20)?;
    free_code(view, CodeKind::Courier, "courier.code", &code)?;
    let id = next_id(view, CourierId::COUNTER)?;
    bounded(id, COURIERS_MAX, "couriers")?;
    let courier =
        Courier { courier_id: CourierId(id), code, name: check::text("courier.name", name, 100)?, connected };
    Ok(Decided::one(Event::CourierCreated(courier), Answer::Courier(CourierId(id))))
}

/// Queues labels: the named ones, or all that are due.
pub(crate) fn print_labels(
    view: &dyn View,
    parcel_ids: &[ParcelId],
    all_unprinted: bool,
    reprint_reason: &str,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let reason = check::optional_text("reprint_reason", reprint_reason, 200)?;
    let parcels = if all_unprinted {
        if !parcel_ids.is_empty() || !reason.is_empty() {
            let message = "All unprinted labels are asked for: name no parcels and no reason to reprint.";
            return Err(Refusal::field(Reason::FieldMalformed, "all_unprinted", message).into());
        }
        labels_due(view)?
    } else {
        check::count("parcel_ids", parcel_ids.len(), LABELS_MAX)?;
        parcel_ids.to_vec()
    };
    let mut queue = Queue {
        view,
        reason,
        intents: Intents::new(view, context),
        labels: LabelsQueued::default(),
        events: Vec::new(),
    };
    for parcel_id in parcels {
        if queue.events.len() == LABELS_MAX {
            queue.labels.more = true;
            break;
        }
        queue.take(parcel_id, all_unprinted)?;
    }
    Ok(Decided::new(queue.events, Answer::Labels(queue.labels)))
}

/// Labels being queued by one call.
struct Queue<'v, 'c> {
    view: &'v dyn View,
    reason: String,
    intents: Intents<'v, 'c>,
    labels: LabelsQueued,
    events: Vec<Event>,
}

impl Queue<'_, '_> {
    /// Queues one parcel's label, or lists why not. Of all that wait, only the first are listed; they hold nobody up.
    fn take(&mut self, parcel_id: ParcelId, all: bool) -> Outcome<()> {
        let parcel: Parcel = need(self.view, parcel_id.0)?;
        let again = parcel.label_state == LabelState::Labelled && !self.reason.is_empty();
        let twice = !all && self.labels.queued.contains(&parcel_id);
        if twice || (parcel.label_state != LabelState::Due && !again) {
            self.labels.skipped.push(parcel_id);
        } else if waits_for_bill(self.view, &parcel)? {
            if self.labels.waiting.len() < LABELS_MAX {
                self.labels.waiting.push(parcel_id);
            }
        } else {
            let kind = DocumentKind::AddressLabel;
            let number = if again { parcel.label_copies + 1 } else { parcel.label_copies };
            let copied = Copied { number, first_job_id: PrintJobId(0), reason: self.reason.clone() };
            let event = self.intents.copy(kind, parcel_id.0, parcel.location_id, copied)?;
            if let Event::PrintJobQueued(job) = &event {
                self.labels.print_job_ids.push(job.print_job_id);
            }
            self.labels.queued.push(parcel_id);
            self.events.push(event);
        }
        Ok(())
    }
}

/// Parcels whose label is due, in order: as many as one call takes of those that can be printed, and one more to tell that
/// there are more; and as many of those that wait for their airway bill, however many there are.
fn labels_due(view: &dyn View) -> Result<Vec<ParcelId>, Fault> {
    let mut found = Vec::new();
    for (waits, limit) in [(true, LABELS_MAX), (false, LABELS_MAX + 1)] {
        let (prefix, before) = (Key::new().u8(u8::from(waits)), found.len());
        view.scan(Table::LabelsDue, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
            found.push(ParcelId(u64_at(key, 2)?));
            Ok(found.len() - before < limit)
        })?;
    }
    Ok(found)
}

/// The row of a parcel among those whose label is due.
pub(crate) fn label_due_key(view: &dyn View, parcel: &Parcel) -> Result<Option<Key>, Fault> {
    if parcel.label_state != LabelState::Due {
        return Ok(None);
    }
    Ok(Some(Key::new().u8(u8::from(waits_for_bill(view, parcel)?)).u64(parcel.parcel_id.0)))
}

/// A connected courier's number belongs on the label; without a connection the courier brings its own slip.
fn waits_for_bill(view: &dyn View, parcel: &Parcel) -> Result<bool, Fault> {
    if parcel.airway_bill_state == AirwayBillState::Assigned || !parcel.courier_id.is_some() {
        return Ok(false);
    }
    Ok(must::<Courier>(view, parcel.courier_id.0)?.connected)
}

fn bill_ready(view: &dyn View, parcel_id: ParcelId, action: AirwayBillAction) -> Outcome<Parcel> {
    let parcel: Parcel = need(view, parcel_id.0)?;
    if parcel.airway_bill_state.next(action).is_none() {
        return Err(Refusal::wrong_state(
            "Airway bill of parcel",
            parcel_id.0,
            &parcel.airway_bill_state,
            &action,
        )
        .into());
    }
    Ok(parcel)
}

/// Asks a connected courier for an airway bill.
pub(crate) fn request_bill(view: &dyn View, parcel_id: ParcelId, courier_id: CourierId) -> Outcome<Decided> {
    let parcel = bill_ready(view, parcel_id, AirwayBillAction::Request)?;
    let courier_id = if courier_id.is_some() { courier_id } else { parcel.courier_id };
    if !courier_id.is_some() {
        return Err(check::required("courier_id").into());
    }
    let courier: Courier = need(view, courier_id.0).named("courier_id")?;
    if !courier.connected {
        let message = format!("{} is not connected; enter the airway bill by hand.", courier.name);
        return Err(Refusal::field(Reason::CourierNotConnected, "courier_id", message).into());
    }
    Ok(Decided::one(Event::AirwayBillRequested { parcel_id, courier_id }, Answer::Parcel(parcel_id)))
}

/// A number that no other parcel of the courier has.
fn free_bill(
    view: &dyn View,
    airway_bill: &str,
    parcel_id: ParcelId,
    courier_id: CourierId,
) -> Outcome<String> {
    let number = check::code("airway_bill", airway_bill, AIRWAY_BILL_MAX)?;
    let code = airway_bill_code(courier_id, &number);
    match find_code(view, CodeKind::AirwayBill, &code)?.filter(|other| *other != parcel_id.0) {
        None => Ok(number),
        Some(other) => {
            let message = format!("Parcel {other} has the airway bill {number} of this courier already.");
            Err(Refusal::field(Reason::AirwayBillTaken, "airway_bill", message)
                .with("parcel_id", other)
                .into())
        }
    }
}

fn assigned(
    view: &dyn View,
    parcel: &Parcel,
    courier_id: CourierId,
    airway_bill: String,
    entered: bool,
    detail: String,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let parcel_id = parcel.parcel_id;
    let order: Order = must(view, parcel.order_id.0)?;
    let extra = [("airway_bill", airway_bill.clone())];
    let message = Intents::new(view, context).message(MessageKind::AirwayBill, &order, &extra)?;
    let event = Event::AirwayBillAssigned { parcel_id, courier_id, airway_bill, entered, detail };
    Ok(Decided::new(vec![event, message], Answer::Parcel(parcel_id)))
}

/// Staff enter the number from the courier's slip.
pub(crate) fn enter_bill(
    view: &dyn View,
    parcel_id: ParcelId,
    airway_bill: &str,
    courier_id: CourierId,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let parcel = bill_ready(view, parcel_id, AirwayBillAction::Enter)?;
    if courier_id.is_some() {
        need::<Courier>(view, courier_id.0).named("courier_id")?;
    }
    let courier_id = if courier_id.is_some() { courier_id } else { parcel.courier_id };
    let number = free_bill(view, airway_bill, parcel_id, courier_id)?;
    assigned(view, &parcel, courier_id, number, true, String::new(), context)
}

fn about_parcel(view: &dyn View, parcel: &Parcel, detail: String) -> Result<String, Fault> {
    about(view, must::<Order>(view, parcel.order_id.0)?.customer_id, detail)
}

/// What the courier agent says.
pub(crate) struct Report<'a> {
    pub(crate) state: i32,
    pub(crate) airway_bill: &'a str,
    pub(crate) detail: &'a str,
}

/// The courier agent says what became of a request.
pub(crate) fn report_bill(
    view: &dyn View,
    parcel_id: ParcelId,
    report: &Report<'_>,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let detail = check::optional_text("detail", report.detail, 200)?;
    let answer = Answer::Parcel(parcel_id);
    match AirwayBillState::from_number(report.state) {
        Some(AirwayBillState::Assigned) => {
            let parcel = bill_ready(view, parcel_id, AirwayBillAction::Assign)?;
            let courier_id = parcel.courier_id;
            let number = free_bill(view, report.airway_bill, parcel_id, courier_id)?;
            let detail = about_parcel(view, &parcel, detail)?;
            assigned(view, &parcel, courier_id, number, false, detail, context)
        }
        Some(AirwayBillState::Failed) => {
            let parcel = bill_ready(view, parcel_id, AirwayBillAction::Fail)?;
            let detail = about_parcel(view, &parcel, detail)?;
            Ok(Decided::one(Event::AirwayBillFailed { parcel_id, detail }, answer))
        }
        Some(AirwayBillState::Unknown) => {
            let parcel = bill_ready(view, parcel_id, AirwayBillAction::Lose)?;
            let detail = about_parcel(view, &parcel, detail)?;
            Ok(Decided::one(Event::AirwayBillLost { parcel_id, detail }, answer))
        }
        Some(AirwayBillState::None | AirwayBillState::Requested) | None => {
            let message = "An agent reports ASSIGNED, FAILED or UNKNOWN.";
            Err(Refusal::field(Reason::FieldOutOfRange, "state", message).into())
        }
    }
}

/// The parcel is scanned out to the courier.
pub(crate) fn hand_over(view: &dyn View, airway_bill: &str, courier_id: CourierId) -> Outcome<Decided> {
    let number = check::text("airway_bill", airway_bill, 100)?;
    let parcel = scanned(view, &number, courier_id)?;
    super::booking::ready(view, parcel.order_id, OrderAction::HandOver)?;
    let parcel_id = parcel.parcel_id;
    Ok(Decided::one(Event::ParcelHandedOver { parcel_id }, Answer::Parcel(parcel_id)))
}

/// The parcel of an airway bill. Where several couriers' parcels have the number, the one that waits to go; where several
/// wait, the caller has to say which courier stands there.
fn scanned(view: &dyn View, number: &str, courier_id: CourierId) -> Outcome<Parcel> {
    let (mut waiting, mut other) = (Vec::new(), None);
    for id in find_airway_bills(view, number)? {
        let parcel: Parcel = must(view, id)?;
        if must::<Order>(view, parcel.order_id.0)?.state.next(OrderAction::HandOver).is_some() {
            waiting.push(parcel);
        } else {
            other = Some(parcel);
        }
    }
    let several = waiting.len() > 1;
    if several {
        waiting.retain(|parcel| courier_id.is_some() && parcel.courier_id == courier_id);
    }
    if several && waiting.is_empty() {
        let message =
            format!("Parcels of several couriers have the airway bill {number}: say which courier's.");
        return Err(Refusal::field(Reason::FieldRequired, "courier_id", message).into());
    }
    waiting.pop().or(other).ok_or_else(|| {
        let message = format!("No parcel has the airway bill {number}.");
        Refusal::field(Reason::ParcelNotFound, "airway_bill", message).with("airway_bill", number).into()
    })
}

/// The courier says it arrived.
pub(crate) fn deliver(view: &dyn View, parcel_id: ParcelId) -> Outcome<Decided> {
    let parcel: Parcel = need(view, parcel_id.0)?;
    super::booking::ready(view, parcel.order_id, OrderAction::Deliver)?;
    Ok(Decided::one(Event::ParcelDelivered { parcel_id }, Answer::Parcel(parcel_id)))
}
