//! Book Orders: claim, total, unique code, deadline, intents, in one decision.

use std::collections::BTreeSet;

use super::erasure::not_erased;
use super::intent::Intents;
use super::payable::payable;
use super::pricing::{LINES_MAX, price_booking};
use super::stock::Demand;
use super::{Answer, Decided, check, next_id};
use crate::codes::{CodeKind, find_code};
use crate::command::{BookingInput, Source};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{
    BankAccountId, CustomerId, DropOrderId, HoldId, ItemId, MutationId, OrderId, ParcelId, SaleId,
};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Address, Courier, Customer, Line, Order, Settings, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Reply;
use crate::states::{Channel, DocumentKind, MessageKind, OrderAction, OrderState};
use crate::tables::Table;

/// Sets items aside for a customer.
pub(crate) fn create(view: &dyn View, input: &BookingInput, context: &Context<'_>) -> Outcome<Decided> {
    let channel = Channel::from_number(input.channel).ok_or_else(|| check::required("booking.channel"))?;
    if channel == Channel::Till {
        let message = "A Book Order does not come from a till: tills sell at once.";
        return Err(Refusal::field(Reason::FieldOutOfRange, "booking.channel", message).into());
    }
    let address =
        input.address.as_ref().map(|address| check::address("booking.address", address)).transpose()?;
    let note = check::optional_text("booking.note", &input.note, 500)?;
    check::no_card_number("booking.note", &note)?;
    let courier_service = check::optional_text("booking.courier_service", &input.courier_service, 30)?;
    if input.courier_id.is_some() {
        need::<Courier>(view, input.courier_id.0).named("booking.courier_id")?;
    }
    let email = check::email("booking.customer_email", &input.customer_email)?;
    let priced = price_booking(view, input, context.now_ms)?;
    check_claims(view, &priced.lines)?;
    let settings = Settings::load(view)?;
    let default_ms = settings.booking_duration_ms;
    let expire_ms = check::deadline("booking.expire_time", input.expire_ms, default_ms, context.now_ms)?;
    if priced.totals.total_minor <= 0 {
        return Err(check::amount_out_of_range("booking.lines").into());
    }
    let order_id = OrderId(next_id(view, OrderId::COUNTER)?);
    let payable = payable(view, input.bank_account_id, &priced, order_id)?;
    let given_name = check::optional_text("booking.customer_name", &input.customer_name, 100)?;
    let (customer, customer_event) = customer(view, input, address.as_ref(), email, context)?;
    let order = Order {
        order_id,
        state: OrderState::Booked,
        version: 1,
        customer_id: customer.customer_id,
        // Who a known telephone orders for this time may have another name: the slip bears the one that was given.
        customer_name: if given_name.is_empty() { customer.name } else { given_name },
        customer_phone: customer.phone,
        customer_email: customer.email,
        address,
        currency: priced.currency,
        lines: priced.lines,
        totals: priced.totals,
        unique_code: payable.unique_code,
        payable_minor: payable.amount_minor,
        paid_minor: 0,
        written_off_minor: 0,
        allocations: Vec::new(),
        channel,
        bank_account_id: input.bank_account_id,
        courier_id: input.courier_id,
        courier_service,
        expire_ms,
        remind_ms: Order::reminder(expire_ms, settings.reminder_before_ms, context.now_ms),
        payable_release_ms: 0,
        payable_shared_with: payable.shared_with,
        sale_id: SaleId(0),
        parcel_id: ParcelId(0),
        booked_by: context.actor.to_string(),
        note,
        cancel_reason: String::new(),
        cancelled: false,
        times_expired: 0,
        refund_reference: String::new(),
        create_ms: context.now_ms,
        update_ms: context.now_ms,
    };
    let answer = Answer::Made(Box::new(Reply::Order(order.clone())));
    let mut events: Vec<Event> = customer_event.into_iter().collect();
    events.extend(payable.taken_over.map(|order_id| Event::PayableReleased { order_id }));
    events.extend(events_of(view, order, context)?);
    Ok(Decided::new(events, answer))
}

/// The Drop Orders that a booking's lines name, as many as it may have lines.
pub(crate) fn drop_orders_of(input: &BookingInput) -> impl Iterator<Item = DropOrderId> {
    input.lines.iter().take(LINES_MAX).filter_map(|line| match line.source {
        Source::DropOrder(drop_order_id) => Some(drop_order_id),
        Source::Missing | Source::Location(_) | Source::Hold(_) => None,
    })
}

/// The booking itself, what it takes over, and its intents.
fn events_of(view: &dyn View, order: Order, context: &Context<'_>) -> Result<Vec<Event>, Fault> {
    let order_id = order.order_id;
    let mut events = Vec::with_capacity(order.lines.len() + 3);
    let mut intents = Intents::new(view, context);
    let location_id = order.lines[0].location_id;
    let slip = intents.print(DocumentKind::OrderSlip, order_id.0, location_id)?;
    let message = intents.message(MessageKind::BookingConfirmed, &order, &[])?;
    let taken: Vec<Event> = order
        .lines
        .iter()
        .filter_map(|line| {
            let item_id = line.item_id;
            if line.drop_order_id.is_some() {
                Some(Event::DropOrderBooked { drop_order_id: line.drop_order_id, item_id, order_id })
            } else if line.hold_id.is_some() {
                Some(Event::HoldUsed { hold_id: line.hold_id, item_id })
            } else {
                None
            }
        })
        .collect();
    events.push(Event::OrderBooked(Box::new(order)));
    events.extend(taken);
    events.push(slip);
    events.push(message);
    Ok(events)
}

/// Every line's stock is there (summed per item), no Drop Order or hold stands twice.
fn check_claims(view: &dyn View, lines: &[Line]) -> Outcome<()> {
    let mut demand = Demand::default();
    let mut drops: BTreeSet<DropOrderId> = BTreeSet::new();
    let mut holds: BTreeSet<HoldId> = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        let twice = (line.drop_order_id.is_some() && !drops.insert(line.drop_order_id))
            || (line.hold_id.is_some() && !holds.insert(line.hold_id));
        if twice {
            let field = format!("booking.lines[{index}]");
            let message = "The same Drop Order or hold stands in two lines.";
            return Err(Refusal::field(Reason::FieldMalformed, &field, message).into());
        }
        if !line.drop_order_id.is_some() && !line.hold_id.is_some() {
            demand.want(line.item_id, line.location_id, line.quantity);
        }
    }
    demand.check(view)
}

/// A known customer, one known by phone, or a new one; a known one gets the e-mail address that is given.
fn customer(
    view: &dyn View,
    input: &BookingInput,
    address: Option<&Address>,
    email: String,
    context: &Context<'_>,
) -> Outcome<(Customer, Option<Event>)> {
    if input.customer_id.is_some() {
        let known = need(view, input.customer_id.0).and_then(not_erased).named("booking.customer_id")?;
        return Ok(reached_at(known, email));
    }
    let phone = check::phone("booking.customer_phone", &input.customer_phone)?;
    if let Some(id) = find_code(view, CodeKind::Phone, &phone)? {
        return Ok(reached_at(must(view, id)?, email));
    }
    let customer = Customer {
        customer_id: CustomerId(next_id(view, CustomerId::COUNTER)?),
        name: check::text("booking.customer_name", &input.customer_name, 100)?,
        phone,
        email,
        address: address.cloned(),
        points: 0,
        credit_minor: 0,
        version: 1,
        create_ms: context.now_ms,
        erase_ms: 0,
    };
    Ok((customer.clone(), Some(Event::CustomerCreated(Box::new(customer)))))
}

/// A known customer, who is changed when another e-mail address is given.
fn reached_at(known: Customer, email: String) -> (Customer, Option<Event>) {
    if email.is_empty() || email == known.email {
        return (known, None);
    }
    let customer = Customer { email, version: known.version + 1, ..known };
    (customer.clone(), Some(Event::CustomerUpdated(Box::new(customer))))
}

/// The key of a payable.
pub(crate) fn payable_key(account_id: BankAccountId, payable_minor: i64) -> Key {
    Key::new().u64(account_id.0).i64(payable_minor)
}

/// Which order reserves this amount to pay.
pub(crate) fn reserved_by(
    view: &dyn View,
    account_id: BankAccountId,
    payable_minor: i64,
) -> Result<Option<OrderId>, Fault> {
    let key = payable_key(account_id, payable_minor);
    view.get(Table::Payables, key.as_slice())?.map(|bytes| u64_at(&bytes, 0).map(OrderId)).transpose()
}

/// The order, if `action` may happen to it now.
pub(crate) fn ready(view: &dyn View, order_id: OrderId, action: OrderAction) -> Outcome<Order> {
    let order: Order = need(view, order_id.0)?;
    if order.state.next(action).is_none() {
        return Err(Refusal::wrong_state("Order", order_id.0, &order.state, &action).into());
    }
    Ok(order)
}

/// Moves the deadline.
pub(crate) fn extend(
    view: &dyn View,
    order_id: OrderId,
    version: i64,
    expire_ms: Option<i64>,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let order = ready(view, order_id, OrderAction::Extend)?;
    if order.version != version {
        return Err(Refusal::stale("order", order_id.0, order.version, version)
            .with("field", "version")
            .into());
    }
    let expire_ms = expire_ms.ok_or_else(|| check::required("expire_time"))?;
    let expire_ms = check::deadline("expire_time", Some(expire_ms), 0, context.now_ms)?;
    Ok(Decided::one(Event::OrderExtended { order_id, expire_ms }, Answer::Order(order_id)))
}

/// Ends the claim.
pub(crate) fn cancel(
    view: &dyn View,
    order_id: OrderId,
    reason: &str,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let order = ready(view, order_id, OrderAction::Cancel)?;
    let reason = check::optional_text("reason", reason, 200)?;
    let (items, mut events) = end_of_claim(&order);
    events.insert(0, Event::OrderCancelled { order_id, items, reason });
    let mut intents = Intents::new(view, context);
    let kind = if order.paid_minor > 0 { MessageKind::RefundDue } else { MessageKind::BookingCancelled };
    events.push(intents.message(kind, &order, &[])?);
    Ok(Decided::new(events, Answer::Order(order_id)))
}

/// What ends with an order's claim: items whose stock is free again, and the Drop Orders that wait for their return.
pub(crate) fn end_of_claim(order: &Order) -> (Vec<ItemId>, Vec<Event>) {
    let straight = order.lines.iter().filter(|line| !line.drop_order_id.is_some());
    let items = straight.map(|line| line.item_id).collect();
    let drops = order.lines.iter().filter(|line| line.drop_order_id.is_some());
    let drops = drops
        .map(|line| Event::DropOrderUnbooked { drop_order_id: line.drop_order_id, item_id: line.item_id });
    (items, drops.collect())
}

/// How much of an order a mutation paid.
pub(crate) fn paid_by(order: &Order, mutation_id: MutationId) -> i64 {
    order.allocations.iter().filter(|a| a.mutation_id == mutation_id).map(|a| a.amount_minor).sum()
}
