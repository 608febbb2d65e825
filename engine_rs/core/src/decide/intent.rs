//! Intents: what the world shall do because of a commit, written in that commit.

use super::next_id;
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{LocationId, MessageId, PrintJobId};
use crate::kv::{Fault, View};
use crate::records::{Message, Order, PrintJob};
use crate::states::{DocumentKind, MessageKind, MessageState, PrintJobState};

/// Queues intents of one decision, numbering them on from the counters.
pub(crate) struct Intents<'v, 'c> {
    view: &'v dyn View,
    context: &'c Context<'c>,
    jobs: u64,
    messages: u64,
}

/// Which copy of a document is printed, and why; the first print is none.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// 0 for the first print, then 1, 2, …: no two papers of a subject have the same.
    pub(crate) number: i32,
    /// The job of the first print; 0 for that itself, and for labels.
    pub(crate) first_job_id: PrintJobId,
    pub(crate) reason: String,
}

impl<'v, 'c> Intents<'v, 'c> {
    pub(crate) fn new(view: &'v dyn View, context: &'c Context<'c>) -> Self {
        Self { view, context, jobs: 0, messages: 0 }
    }

    /// A document to print for the first time.
    pub(crate) fn print(
        &mut self,
        kind: DocumentKind,
        subject_id: u64,
        location_id: LocationId,
    ) -> Result<Event, Fault> {
        self.copy(kind, subject_id, location_id, Copied::default())
    }

    /// A document to print, with its copy number and why.
    pub(crate) fn copy(
        &mut self,
        kind: DocumentKind,
        subject_id: u64,
        location_id: LocationId,
        Copied { number, first_job_id, reason }: Copied,
    ) -> Result<Event, Fault> {
        let print_job_id = PrintJobId(next_id(self.view, PrintJobId::COUNTER)? + self.jobs);
        self.jobs += 1;
        Ok(Event::PrintJobQueued(PrintJob {
            print_job_id,
            kind,
            state: PrintJobState::Queued,
            subject_id,
            location_id,
            copy_number: number,
            reprint_reason: reason,
            first_job_id,
            copies: 0,
            settled: false,
            detail: String::new(),
            taken_by: String::new(),
            create_ms: self.context.now_ms,
            update_ms: self.context.now_ms,
        }))
    }

    /// Something to tell the customer of an order; `extra` facts beside what every message carries.
    pub(crate) fn message(
        &mut self,
        kind: MessageKind,
        order: &Order,
        extra: &[(&str, String)],
    ) -> Result<Event, Fault> {
        let message_id = MessageId(next_id(self.view, MessageId::COUNTER)? + self.messages);
        self.messages += 1;
        let mut facts = vec![
            ("currency".to_string(), order.currency.code().to_string()),
            ("customer_name".to_string(), order.customer_name.clone()),
            ("expire_ms".to_string(), order.expire_ms.to_string()),
            ("order_id".to_string(), order.order_id.to_string()),
            ("payable_minor".to_string(), order.payable_minor.to_string()),
        ];
        facts.extend(extra.iter().map(|(name, value)| ((*name).to_string(), value.clone())));
        facts.sort();
        Ok(Event::MessageQueued(Message {
            message_id,
            kind,
            state: MessageState::Queued,
            order_id: order.order_id,
            customer_id: order.customer_id,
            phone: order.customer_phone.clone(),
            email: order.customer_email.clone(),
            facts,
            detail: String::new(),
            create_ms: self.context.now_ms,
        }))
    }
}
