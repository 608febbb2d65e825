//! Customers, and what became of messages to them.

use super::erasure::{about, not_erased};
use super::{Answer, Decided, check, next_id};
use crate::codes::{CodeKind, find_code};
use crate::command::CustomerInput;
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{CustomerId, MessageId};
use crate::kv::View;
use crate::records::{Customer, Message, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::MessageState;

/// Adds a customer.
pub(crate) fn create(view: &dyn View, input: &CustomerInput, context: &Context<'_>) -> Outcome<Decided> {
    let customer_id = CustomerId(next_id(view, CustomerId::COUNTER)?);
    let customer = Customer {
        customer_id,
        points: 0,
        credit_minor: 0,
        version: 1,
        create_ms: context.now_ms,
        ..checked(view, input, customer_id)?
    };
    Ok(Decided::one(Event::CustomerCreated(Box::new(customer)), Answer::Customer(customer_id)))
}

/// Replaces name, phone, address and e-mail.
pub(crate) fn update(view: &dyn View, input: &CustomerInput) -> Outcome<Decided> {
    let current = need(view, input.customer_id.0).and_then(not_erased).named("customer.customer_id")?;
    if current.version != input.version {
        return Err(Refusal::stale("customer", current.customer_id.0, current.version, input.version)
            .with("field", "customer.version")
            .into());
    }
    let customer = Customer {
        points: current.points,
        credit_minor: current.credit_minor,
        version: current.version + 1,
        create_ms: current.create_ms,
        ..checked(view, input, current.customer_id)?
    };
    Ok(Decided::one(Event::CustomerUpdated(Box::new(customer)), Answer::Customer(current.customer_id)))
}

fn checked(view: &dyn View, input: &CustomerInput, customer_id: CustomerId) -> Outcome<Customer> {
    let phone = check::phone("customer.phone", &input.phone)?;
    if let Some(other) = find_code(view, CodeKind::Phone, &phone)?.filter(|other| *other != customer_id.0) {
        let message = format!("Customer {other} has this phone already.");
        return Err(Refusal::field(Reason::PhoneTaken, "customer.phone", message)
            .with("customer_id", other)
            .into());
    }
    Ok(Customer {
        customer_id,
        name: check::text("customer.name", &input.name, 100)?,
        phone,
        email: check::email("customer.email", &input.email)?,
        address: input
            .address
            .as_ref()
            .map(|address| check::address("customer.address", address))
            .transpose()?,
        points: 0,
        credit_minor: 0,
        version: 0,
        create_ms: 0,
        erase_ms: 0,
    })
}

/// An agent says what became of a message.
pub(crate) fn report_message(
    view: &dyn View,
    message_id: MessageId,
    state: i32,
    detail: &str,
) -> Outcome<Decided> {
    let message: Message = need(view, message_id.0)?;
    let reported = MessageState::from_number(state).ok_or_else(|| check::required("state"))?;
    if message.state.next(reported).is_none() {
        return Err(Refusal::wrong_state("Message", message_id.0, &message.state, &reported).into());
    }
    let detail = about(view, message.customer_id, check::optional_text("detail", detail, 200)?)?;
    Ok(Decided::one(
        Event::MessageReported { message_id, state: reported, detail },
        Answer::Message(message_id),
    ))
}
