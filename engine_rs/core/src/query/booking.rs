//! Reading Drop Orders, Book Orders, customers and their messages.

use super::page::{Page, Paged, newest, newest_under, oldest};
use super::state_filter;
use crate::codes::{CodeKind, find_code};
use crate::ids::{CustomerId, DropOrderId, LocationId, OrderId};
use crate::kv::{Key, View};
use crate::records::{Customer, DropOrder, Location, Message, Order, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{DropOrderState, MessageState, OrderState};
use crate::tables::Table;
use crate::text;

/// One Drop Order.
pub fn drop_order(view: &dyn View, drop_order_id: DropOrderId) -> Outcome<DropOrder> {
    need(view, drop_order_id.0).named("drop_order_id")
}

/// Drop Orders newest first: of one state (0 is all), from one location (0 is all).
pub fn list_drop_orders(
    view: &dyn View,
    state: i32,
    from_location_id: LocationId,
    page: &Page,
) -> Outcome<Paged<DropOrder>> {
    if from_location_id.is_some() {
        need::<Location>(view, from_location_id.0).named("from_location_id")?;
    }
    let here = |order: &DropOrder| !from_location_id.is_some() || order.from_location_id == from_location_id;
    Ok(match state_filter("state", state, DropOrderState::from_number)? {
        Some(state) => {
            let prefix = Key::new().u8(state.number());
            newest_under(view, Table::DropOrdersByState, &[prefix], page, here)?
        }
        None => newest(view, page, here)?,
    })
}

/// One Book Order.
pub fn booking(view: &dyn View, order_id: OrderId) -> Outcome<Order> {
    need(view, order_id.0).named("order_id")
}

/// Book Orders newest first: of one state, or of one customer, or all (both 0).
pub fn list_bookings(
    view: &dyn View,
    state: i32,
    customer_id: CustomerId,
    page: &Page,
) -> Outcome<Paged<Order>> {
    let state = state_filter("state", state, OrderState::from_number)?;
    Ok(match (state, customer_id.is_some()) {
        (Some(_), true) => {
            let message = "Ask for a state or for a customer, not for both.";
            return Err(Refusal::field(Reason::FieldMalformed, "customer_id", message).into());
        }
        (Some(state), false) => {
            newest_under(view, Table::OrdersByState, &[Key::new().u8(state.number())], page, |_| true)?
        }
        (None, true) => {
            need::<Customer>(view, customer_id.0).named("customer_id")?;
            newest_under(view, Table::OrdersByCustomer, &[Key::new().u64(customer_id.0)], page, |_| true)?
        }
        (None, false) => newest(view, page, |_| true)?,
    })
}

/// One customer.
pub fn customer_by_id(view: &dyn View, customer_id: CustomerId) -> Outcome<Customer> {
    need(view, customer_id.0).named("customer_id")
}

/// The customer with this phone, however it is written: 08…, 62… and +62… are the same.
pub fn customer_by_phone(view: &dyn View, phone: &str) -> Outcome<Customer> {
    let Some(number) = text::phone(phone) else {
        let message = "A phone is 7 to 20 digits, with an optional leading +.";
        return Err(Refusal::field(Reason::FieldMalformed, "phone", message).into());
    };
    match find_code(view, CodeKind::Phone, &number)? {
        Some(id) => Ok(must(view, id)?),
        None => Err(Refusal::not_found(Reason::CustomerNotFound, "customer with phone", number)
            .with("field", "phone")
            .into()),
    }
}

/// All customers by id.
pub fn list_customers(view: &dyn View, page: &Page) -> Outcome<Paged<Customer>> {
    Ok(oldest(view, page)?)
}

/// Customers with credit, the newest customer first.
pub fn list_credits(view: &dyn View, page: &Page) -> Outcome<Paged<Customer>> {
    Ok(newest_under(view, Table::Credits, &[Key::new()], page, |_| true)?)
}

/// Messages newest first, of one state (0 is all).
pub fn list_messages(view: &dyn View, state: i32, page: &Page) -> Outcome<Paged<Message>> {
    Ok(match state_filter("state", state, MessageState::from_number)? {
        Some(state) => {
            newest_under(view, Table::MessagesByState, &[Key::new().u8(state.number())], page, |_| true)?
        }
        None => newest(view, page, |_| true)?,
    })
}
