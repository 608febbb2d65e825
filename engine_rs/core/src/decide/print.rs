//! Print jobs: what agents and people say of them.

use super::intent::{Copied, Intents};
use super::{Answer, Decided, check};
use crate::command::PrintReportInput;
use crate::event::{Event, PrintAction};
use crate::execute::Context;
use crate::ids::PrintJobId;
use crate::kv::{Fault, View};
use crate::records::{Parcel, PrintJob, must, need};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::states::{DocumentKind, LabelState, PrintJobAction, PrintJobState};

fn ready(view: &dyn View, print_job_id: PrintJobId, action: PrintAction) -> Outcome<PrintJob> {
    let job: PrintJob = need(view, print_job_id.0)?;
    let action = PrintJobAction::from(action);
    if job.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Print job", print_job_id.0, &job.state, &action).into());
    }
    Ok(job)
}

/// An agent says where a job stands.
pub(crate) fn report(view: &dyn View, input: &PrintReportInput, context: &Context<'_>) -> Outcome<Decided> {
    let action = match PrintJobState::from_number(input.state) {
        Some(PrintJobState::Sent) => PrintAction::Send,
        Some(PrintJobState::Printed) => PrintAction::Confirm,
        Some(PrintJobState::Failed) => PrintAction::Fail,
        Some(PrintJobState::Unknown) => PrintAction::Lose,
        Some(PrintJobState::Queued) | None => {
            let message = "An agent reports SENT, PRINTED, FAILED or UNKNOWN.";
            return Err(Refusal::field(Reason::FieldOutOfRange, "report.state", message).into());
        }
    };
    let detail = check::optional_text("report.detail", &input.detail, 200)?;
    let print_job_id = input.print_job_id;
    let job = ready(view, print_job_id, action)?;
    // Who took a job may say so again, in the same words; anybody else would print it twice.
    let taken = action == PrintAction::Send && job.state == PrintJobState::Sent;
    if taken && (job.taken_by != context.actor || job.detail != detail) {
        let refusal =
            Refusal::wrong_state("Print job", print_job_id.0, &job.state, &PrintJobAction::from(action));
        return Err(refusal.with("taken_by", job.taken_by).into());
    }
    Ok(Decided::one(Event::PrintJobMoved { print_job_id, action, detail }, Answer::PrintJob(print_job_id)))
}

/// A person settles an UNKNOWN or FAILED job: it is on paper, or shall be printed again as a new job.
pub(crate) fn settle(
    view: &dyn View,
    print_job_id: PrintJobId,
    printed: bool,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let action = if printed { PrintAction::SettlePrinted } else { PrintAction::SettleAgain };
    let job = ready(view, print_job_id, action)?;
    if job.settled || replaced(view, &job)? {
        return Err(Refusal::wrong_state(
            "Print job",
            print_job_id.0,
            &"settled or replaced already",
            &action,
        )
        .into());
    }
    let detail = format!("settled by {}", context.actor);
    let mut events = vec![Event::PrintJobMoved { print_job_id, action, detail }];
    let mut new_print_job_id = PrintJobId(0);
    if !printed {
        let reason = format!("print job {print_job_id} was {:?}", job.state).to_lowercase();
        let event = copy(view, &job, reason, context)?;
        if let Event::PrintJobQueued(new) = &event {
            new_print_job_id = new.print_job_id;
        }
        events.push(event);
    }
    Ok(Decided::new(events, Answer::Settled(print_job_id, new_print_job_id)))
}

/// Whether another job took a failed label's place: its label is not due any more.
fn replaced(view: &dyn View, job: &PrintJob) -> Outcome<bool> {
    if job.kind != DocumentKind::AddressLabel || job.state != PrintJobState::Failed {
        return Ok(false);
    }
    Ok(must::<Parcel>(view, job.subject_id)?.label_state != LabelState::Due)
}

/// The next copy of what a job printed, numbered after all that were asked for before, on paper yet or not.
fn copy(view: &dyn View, job: &PrintJob, reason: String, context: &Context<'_>) -> Result<Event, Fault> {
    let copied = if job.kind == DocumentKind::AddressLabel {
        let parcel: Parcel = must(view, job.subject_id)?;
        Copied { number: parcel.label_copies + 1, first_job_id: PrintJobId(0), reason }
    } else {
        let first_job_id = if job.first_job_id.is_some() { job.first_job_id } else { job.print_job_id };
        let first: PrintJob = must(view, first_job_id.0)?;
        Copied { number: first.copies + 1, first_job_id, reason }
    };
    Intents::new(view, context).copy(job.kind, job.subject_id, job.location_id, copied)
}

/// A deliberate copy of a printed document.
pub(crate) fn reprint(
    view: &dyn View,
    print_job_id: PrintJobId,
    reason: &str,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let job: PrintJob = need(view, print_job_id.0)?;
    if job.state != PrintJobState::Printed {
        return Err(Refusal::wrong_state("Print job", print_job_id.0, &job.state, &"Reprint").into());
    }
    let reason = check::text("reason", reason, 200)?;
    let event = copy(view, &job, reason, context)?;
    let answer = match &event {
        Event::PrintJobQueued(new) => Answer::PrintJob(new.print_job_id),
        _ => Answer::PrintJob(print_job_id),
    };
    Ok(Decided::one(event, answer))
}
