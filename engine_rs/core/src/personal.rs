//! What is told of a person: the texts of records and events that an erasure empties, and that the journal keeps sealed.
//!
//! Only texts are taken out, never a field as a whole: amounts, items, numbers and states are the books, and the same
//! follows from an event whose texts are empty. Of free text there are an order's note, the reason of its cancellation, and
//! what carriers and channels answer; references of payments belong to the books. Orders and messages always have a customer,
//! and no other record names one without.
//!
//! What staff write about other things stays, whomever it names: a hold's owner, a Drop Order's note and `reject_reason`, the
//! reasons of `SaleRefunded`, `CashMoved`, `StockAdjusted` and `MutationIgnored`, the reference of `StockReceived`, and print
//! jobs' reasons and details.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{CustomerId, MessageId, OrderId, ParcelId};
use crate::kv::{Fault, View};
use crate::records::{Address, Customer, ManifestLine, Message, Order, Parcel, must};

/// What a text tells. Sealed journals hold the numbers, so none ever changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tells {
    Name = 1,
    Phone = 2,
    Email = 3,
    Note = 4,
    Reason = 5,
    Detail = 6,
    Recipient = 7,
    RecipientPhone = 8,
    Street = 9,
    District = 10,
    City = 11,
    Province = 12,
    PostalCode = 13,
    CountryCode = 14,
    Payer = 15,
}

/// Whom a text is about, as far as the event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Customer(CustomerId),
    Order(OrderId),
    Parcel(ParcelId),
    Message(MessageId),
}

impl Whose {
    /// The customer.
    ///
    /// # Errors
    /// [`Fault`] when the view cannot be read, or has not what an event names.
    pub fn customer(self, view: &dyn View) -> Result<CustomerId, Fault> {
        match self {
            Self::Customer(customer_id) => Ok(customer_id),
            Self::Order(order_id) => Ok(must::<Order>(view, order_id.0)?.customer_id),
            Self::Parcel(parcel_id) => {
                Self::Order(must::<Parcel>(view, parcel_id.0)?.order_id).customer(view)
            }
            Self::Message(message_id) => Ok(must::<Message>(view, message_id.0)?.customer_id),
        }
    }
}

/// A text that was taken out of a record of the journal: the place of its event, its place in that event's list, what it
/// tells, the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text(pub u32, pub u32, pub u8, pub String);

/// A record with texts about one person.
pub(crate) trait Personal {
    /// Visits each text.
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String));

    /// Empties them.
    fn blank(&mut self) {
        self.texts(&mut |_, text| text.clear());
    }
}

impl Personal for Address {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Recipient, &mut self.recipient);
        visit(Tells::RecipientPhone, &mut self.phone);
        visit(Tells::Street, &mut self.street);
        visit(Tells::District, &mut self.district);
        visit(Tells::City, &mut self.city);
        visit(Tells::Province, &mut self.province);
        visit(Tells::PostalCode, &mut self.postal_code);
        visit(Tells::CountryCode, &mut self.country_code);
    }
}

impl Personal for Customer {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Name, &mut self.name);
        visit(Tells::Phone, &mut self.phone);
        visit(Tells::Email, &mut self.email);
        if let Some(address) = &mut self.address {
            address.texts(visit);
        }
    }
}

impl Personal for Order {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Name, &mut self.customer_name);
        visit(Tells::Phone, &mut self.customer_phone);
        visit(Tells::Email, &mut self.customer_email);
        visit(Tells::Note, &mut self.note);
        visit(Tells::Reason, &mut self.cancel_reason);
        if let Some(address) = &mut self.address {
            address.texts(visit);
        }
    }
}

impl Personal for Message {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Phone, &mut self.phone);
        visit(Tells::Email, &mut self.email);
        visit(Tells::Detail, &mut self.detail);
        for (_, name) in self.facts.iter_mut().filter(|(fact, _)| fact == "customer_name") {
            visit(Tells::Name, name);
        }
    }
}

impl Personal for Parcel {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Detail, &mut self.airway_bill_detail);
        self.address.texts(visit);
    }
}

impl Personal for ManifestLine {
    fn texts(&mut self, visit: &mut dyn FnMut(Tells, &mut String)) {
        visit(Tells::Recipient, &mut self.recipient);
        visit(Tells::City, &mut self.city);
    }
}

/// Visits each text of a person in an event: whom it is about, its place in a list, what it tells.
fn texts_of(event: &mut Event, visit: &mut dyn FnMut(Whose, u32, Tells, &mut String)) {
    match event {
        Event::CustomerCreated(customer) | Event::CustomerUpdated(customer) => {
            let whose = Whose::Customer(customer.customer_id);
            customer.texts(&mut |tells, text| visit(whose, 0, tells, text));
        }
        Event::OrderBooked(order) => {
            let whose = Whose::Customer(order.customer_id);
            order.texts(&mut |tells, text| visit(whose, 0, tells, text));
        }
        Event::MessageQueued(message) => {
            let whose = Whose::Customer(message.customer_id);
            message.texts(&mut |tells, text| visit(whose, 0, tells, text));
        }
        Event::ParcelCreated(parcel) => {
            let whose = Whose::Order(parcel.order_id);
            parcel.texts(&mut |tells, text| visit(whose, 0, tells, text));
        }
        Event::ManifestCreated(manifest) => {
            for (line, place) in manifest.lines.iter_mut().zip(0..) {
                let whose = Whose::Order(line.order_id);
                line.texts(&mut |tells, text| visit(whose, place, tells, text));
            }
        }
        Event::OrderCancelled { order_id, reason, .. } => {
            visit(Whose::Order(*order_id), 0, Tells::Reason, reason);
        }
        Event::AirwayBillAssigned { parcel_id, detail, .. }
        | Event::AirwayBillFailed { parcel_id, detail }
        | Event::AirwayBillLost { parcel_id, detail } => {
            visit(Whose::Parcel(*parcel_id), 0, Tells::Detail, detail);
        }
        Event::MessageReported { message_id, detail, .. } => {
            visit(Whose::Message(*message_id), 0, Tells::Detail, detail);
        }
        Event::PayerLearnt { payer, customer_id } | Event::PayerForgotten { payer, customer_id } => {
            visit(Whose::Customer(*customer_id), 0, Tells::Payer, payer);
        }
        _ => {}
    }
}

/// Takes the texts of persons out of events, which keep the rest. `place` says under what a text is put, or that it stays.
///
/// # Errors
/// What `place` returns first; the events are not to be used then.
pub fn take<P: Copy + Ord>(
    events: &mut [Event],
    place: &mut dyn FnMut(Whose) -> Result<Option<P>, Fault>,
) -> Result<Vec<(P, Vec<Text>)>, Fault> {
    let mut taken: Vec<(P, Vec<Text>)> = Vec::new();
    let mut last: Option<(Whose, Option<P>)> = None;
    let mut failed = None;
    for (event, at) in events.iter_mut().zip(0..) {
        texts_of(event, &mut |whose, part, tells, text| {
            if text.is_empty() || failed.is_some() {
                return;
            }
            let under = match last {
                Some((asked, under)) if asked == whose => under,
                _ => match place(whose) {
                    Ok(under) => under,
                    Err(fault) => {
                        failed = Some(fault);
                        return;
                    }
                },
            };
            last = Some((whose, under));
            let Some(under) = under else { return };
            let text = Text(at, part, tells as u8, std::mem::take(text));
            match taken.iter_mut().rev().find(|(other, _)| *other == under) {
                Some((_, texts)) => texts.push(text),
                None => taken.push((under, vec![text])),
            }
        });
    }
    failed.map_or(Ok(taken), Err)
}

/// Puts texts back where they were taken.
pub fn put_back(events: &mut [Event], texts: Vec<Text>) {
    let mut texts: std::collections::BTreeMap<_, _> =
        texts.into_iter().map(|Text(at, part, tells, text)| ((at, part, tells), text)).collect();
    for (event, at) in events.iter_mut().zip(0..) {
        texts_of(event, &mut |_, part, tells, text| {
            if let Some(taken) = texts.remove(&(at, part, tells as u8)) {
                *text = taken;
            }
        });
    }
}
