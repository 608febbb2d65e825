//! Sales from paid orders.

use super::booking::ready;
use super::intent::Intents;
use super::till::counts_in;
use super::{check, next_id};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{LocationId, OrderId, ParcelId, SaleId, ShiftId, TillId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Allocation, Courier, Item, Order, Parcel, Sale, Shift, Tender, find, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{AirwayBillState, DocumentKind, LabelState, OrderAction, OrderState, TenderKind};
use crate::tables::Table;

/// Most orders sold by one call.
const SALES_MAX: usize = 1_000;

/// The orders one CreateSales takes, and whether there are more.
pub(crate) fn to_sell(
    view: &dyn View,
    order_ids: &[OrderId],
    all_paid: bool,
) -> Outcome<(Vec<OrderId>, bool)> {
    if !all_paid {
        check::count("order_ids", order_ids.len(), SALES_MAX)?;
        return Ok((order_ids.to_vec(), false));
    }
    if !order_ids.is_empty() {
        let message = "Name orders or ask for all paid ones, not both.";
        return Err(Refusal::field(Reason::FieldMalformed, "order_ids", message).into());
    }
    let prefix = Key::new().u8(OrderState::Paid.number());
    let mut found = Vec::new();
    view.scan(Table::OrdersByState, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        found.push(OrderId(u64_at(key, 2)?));
        Ok(found.len() <= SALES_MAX)
    })?;
    let more = found.len() > SALES_MAX;
    found.truncate(SALES_MAX);
    Ok((found, more))
}

/// The shift that counts the receipts is open, or none is named.
pub(crate) fn check_shift(view: &dyn View, shift_id: ShiftId) -> Outcome<()> {
    if shift_id.is_some() { open_shift(view, shift_id).named("shift_id").map(|_| ()) } else { Ok(()) }
}

/// An open shift.
pub(crate) fn open_shift(view: &dyn View, shift_id: ShiftId) -> Outcome<Shift> {
    let shift: Shift = need(view, shift_id.0)?;
    if !shift.is_open() {
        return Err(Refusal::new(Reason::ShiftClosed, format!("Shift {shift_id} is closed."))
            .with("shift_id", shift_id)
            .into());
    }
    Ok(shift)
}

/// Makes a sale from one paid order: the sale, what it consumes, its receipt, its parcel.
pub(crate) fn sell(
    view: &dyn View,
    order_id: OrderId,
    shift_id: ShiftId,
    context: &Context<'_>,
) -> Outcome<(Vec<Event>, SaleId, ParcelId)> {
    let order: Order = need(view, order_id.0).named("order_id")?;
    if order.state.is_open() {
        let message = format!("Order {order_id} is not paid: {} minor units are missing.", order.due_minor());
        let refusal = Refusal::new(Reason::NotPaid, message).with("order_id", order_id);
        return Err(refusal
            .with("due_minor", order.due_minor())
            .with("currency", order.currency.code())
            .into());
    }
    let order = ready(view, order.order_id, OrderAction::Sell)?;
    let sale_id = SaleId(next_id(view, SaleId::COUNTER)?);
    let shift = find::<Shift>(view, shift_id.0)?;
    if let Some(shift) = &shift {
        counts_in(shift, &order.totals, "shift_id")?;
    }
    let till_id = shift.map_or(TillId(0), |shift| shift.till_id);
    let sale = Sale {
        sale_id,
        order_id,
        till_id,
        shift_id,
        customer_id: order.customer_id,
        currency: order.currency,
        lines: order.lines.clone(),
        totals: order.totals,
        tenders: order.allocations.iter().map(tender).collect(),
        change_minor: 0,
        unique_code_minor: order.payable_minor - order.totals.total_minor,
        written_off_minor: order.written_off_minor,
        channel: order.channel,
        cashier: context.actor.to_string(),
        points_earned: 0,
        points_redeemed: 0,
        create_ms: context.now_ms,
        receipt: String::new(),
        sold_ms: 0,
        charged_difference_minor: 0,
        refunded: Vec::new(),
        points_returned: 0,
    };
    let location_id = order.lines[0].location_id;
    let mut intents = Intents::new(view, context);
    let receipt = intents.print(DocumentKind::SalesReceipt, sale_id.0, location_id)?;
    let mut events = vec![Event::SaleMade(Box::new(sale))];
    let drops = order.lines.iter().filter(|line| line.drop_order_id.is_some());
    events.extend(
        drops.map(|line| Event::DropOrderConsumed {
            drop_order_id: line.drop_order_id,
            item_id: line.item_id,
        }),
    );
    events.push(receipt);
    let parcel = parcel(view, &order, location_id, context)?;
    let parcel_id = parcel.as_ref().map_or(ParcelId(0), |parcel| parcel.parcel_id);
    events.extend(parcel.map(|parcel| Event::ParcelCreated(Box::new(parcel))));
    Ok((events, sale_id, parcel_id))
}

fn tender(allocation: &Allocation) -> Tender {
    if allocation.mutation_id.is_some() {
        let reference = format!("mutation {}", allocation.mutation_id);
        return Tender { kind: TenderKind::Transfer, amount_minor: allocation.amount_minor, reference };
    }
    let reference = format!("{} {}", allocation.method, allocation.reference).trim().to_string();
    Tender { kind: TenderKind::External, amount_minor: allocation.amount_minor, reference }
}

/// The parcel of an order with an address; a connected courier is asked for its airway bill at once.
fn parcel(
    view: &dyn View,
    order: &Order,
    location_id: LocationId,
    context: &Context<'_>,
) -> Result<Option<Parcel>, Fault> {
    let Some(address) = order.address.clone() else { return Ok(None) };
    let parcel_id = ParcelId(next_id(view, ParcelId::COUNTER)?);
    let connected = order.courier_id.is_some() && must::<Courier>(view, order.courier_id.0)?.connected;
    let mut weight_grams: i64 = 0;
    for line in &order.lines {
        let item: Item = must(view, line.item_id.0)?;
        weight_grams = weight_grams.saturating_add(item.weight_grams.saturating_mul(line.quantity));
    }
    Ok(Some(Parcel {
        parcel_id,
        order_id: order.order_id,
        courier_id: order.courier_id,
        courier_service: order.courier_service.clone(),
        address,
        weight_grams,
        label_state: LabelState::Due,
        label_prints: 0,
        label_copies: 0,
        airway_bill_state: if connected { AirwayBillState::Requested } else { AirwayBillState::None },
        airway_bill: String::new(),
        airway_bill_detail: String::new(),
        courier_reference: format!("KASIR-{}-{parcel_id}", crate::kv::SHARD),
        location_id,
        hand_over_ms: 0,
        deliver_ms: 0,
        create_ms: context.now_ms,
        version: 1,
    }))
}
