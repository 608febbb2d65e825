//! Sales and shifts.

use std::collections::BTreeMap;

use super::index::given;
use super::orders::act;
use super::payments::credit;
use crate::execute::Context;
use crate::ids::{CustomerId, SaleId, ShiftId};
use crate::kv::{Fault, Key, State};
use crate::records::{Customer, Order, Sale, Shift, TenderTotal, Till, must, save};
use crate::states::{OrderAction, TenderKind};
use crate::stock::{ItemFlow, add_flow, change};
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

pub(super) fn made(state: &mut dyn State, sale: &Sale, context: &Context<'_>) -> Result<(), Fault> {
    given(state, SaleId::COUNTER, sale.sale_id.0)?;
    let paid: i64 = sale.tenders.iter().map(|tender| tender.amount_minor).sum::<i64>() - sale.change_minor;
    if paid + sale.written_off_minor != sale.totals.total_minor + sale.unique_code_minor {
        return Err(Fault::Corrupt(format!("sale {} is paid {paid}, not its total", sale.sale_id)));
    }
    let from_order = sale.order_id.is_some();
    for line in &sale.lines {
        let held = if from_order { -line.quantity } else { 0 };
        change(state, line.item_id, line.location_id, -line.quantity, held)?;
        add_flow(state, line.item_id, ItemFlow { sold: line.quantity, ..ItemFlow::default() })?;
    }
    if from_order {
        let mut order: Order = must(state.view(), sale.order_id.0)?;
        act(state, &mut order, OrderAction::Sell, context)?;
        order.sale_id = sale.sale_id;
        save(state, &order)?;
    }
    if sale.shift_id.is_some() {
        state.put(
            Table::SalesByShift,
            Key::new().u64(sale.shift_id.0).u64(sale.sale_id.0).as_slice(),
            &[],
        )?;
        count_in_shift(state, sale)?;
    }
    if let Some(row) = sale.receipt_row() {
        state.put(Table::SalesByReceipt, row.as_slice(), &[])?;
    }
    reward(state, sale)?;
    add_totals(state, sale, context)?;
    save(state, sale)
}

/// The receipt counts in its shift. Money of an order came to the bank, not to the drawer: only its kind is counted.
fn count_in_shift(state: &mut dyn State, sale: &Sale) -> Result<(), Fault> {
    let mut shift: Shift = must(state.view(), sale.shift_id.0)?;
    if !shift.is_open() {
        return Err(Fault::Corrupt(format!(
            "sale {} counts in closed shift {}",
            sale.sale_id, sale.shift_id
        )));
    }
    shift.sale_count += 1;
    shift.sale_total_minor += sale.totals.total_minor;
    shift.tax_total_minor += sale.totals.tax_minor;
    shift.discount_total_minor += sale.totals.discount_minor;
    for (kind, amount_minor) in kept(sale) {
        count_tender(&mut shift.tenders, kind, amount_minor);
    }
    save(state, &shift)
}

/// Counts one tender more; the kinds stand in their order.
pub(super) fn count_tender(totals: &mut Vec<TenderTotal>, kind: TenderKind, amount_minor: i64) {
    match totals.iter_mut().find(|total| total.kind == kind) {
        Some(total) => {
            total.count += 1;
            total.amount_minor += amount_minor;
        }
        None => totals.push(TenderTotal { kind, count: 1, amount_minor }),
    }
    totals.sort_by_key(|total| total.kind);
}

/// What is kept of each tender: change goes back from cash.
fn kept(sale: &Sale) -> impl Iterator<Item = (TenderKind, i64)> {
    let mut change_left = sale.change_minor;
    sale.tenders.iter().map(move |tender| {
        let back = if tender.kind == TenderKind::Cash { change_left.min(tender.amount_minor) } else { 0 };
        change_left -= back;
        (tender.kind, tender.amount_minor - back)
    })
}

/// Points and credit of the customer.
fn reward(state: &mut dyn State, sale: &Sale) -> Result<(), Fault> {
    let used: i64 =
        sale.tenders.iter().filter(|t| t.kind == TenderKind::Credit).map(|t| t.amount_minor).sum();
    credit(state, sale.customer_id, -used)?;
    add_points(state, sale.customer_id, sale.points_earned - sale.points_redeemed)
}

/// Adds to a customer's points; nothing for nobody.
pub(super) fn add_points(state: &mut dyn State, customer_id: CustomerId, points: i64) -> Result<(), Fault> {
    if points == 0 {
        return Ok(());
    }
    let mut customer: Customer = must(state.view(), customer_id.0)?;
    customer.points += points;
    customer.version += 1;
    if customer.points < 0 {
        return Err(Fault::Corrupt(format!("customer {customer_id} would owe points")));
    }
    save(state, &customer)
}

/// What a sale's lines at one location come to.
#[derive(Default)]
struct Part {
    units: i64,
    total_minor: i64,
    tax_minor: i64,
    discount_minor: i64,
}

/// The sale itself and its shipping count under its first line's location, units and amounts under each line's.
fn add_totals(state: &mut dyn State, sale: &Sale, context: &Context<'_>) -> Result<(), Fault> {
    let location = sale.lines.first().map_or(0, |line| line.location_id.0);
    let mut parts: BTreeMap<u64, Part> = BTreeMap::new();
    for line in &sale.lines {
        let part = parts.entry(line.location_id.0).or_default();
        part.units += line.quantity;
        part.total_minor += line.total_minor;
        part.tax_minor += line.tax_minor;
        part.discount_minor += line.discount_minor;
    }
    if let Some(first) = parts.get_mut(&location) {
        first.total_minor += sale.totals.shipping_minor;
    }
    let under = Under { location, cashier: context.actor, channel: Some(sale.channel) };
    let book = Book::open(state, context.now_ms, Some(sale.currency), under)?;
    let metric = if sale.order_id.is_some() { Metric::OrderSales } else { Metric::TillSales };
    // A sale counts once, however many locations have a part in its amount.
    let amounts = |of: fn(&Part) -> i64, counts: bool| -> Vec<(u64, i64, i64)> {
        parts.iter().map(|(at, part)| (*at, i64::from(counts && *at == location), of(part))).collect()
    };
    let totals = &sale.totals;
    book.add_at(state, metric, &amounts(|part| part.total_minor, true))?;
    book.add_at(state, Metric::Tax, &amounts(|part| part.tax_minor, totals.tax_minor != 0))?;
    book.add_at(state, Metric::Discounts, &amounts(|part| part.discount_minor, totals.discount_minor != 0))?;
    book.add(state, Metric::UniqueCodes, i64::from(sale.unique_code_minor != 0), sale.unique_code_minor)?;
    if !sale.order_id.is_some() {
        let mut tenders: BTreeMap<Metric, (i64, i64)> = BTreeMap::new();
        for (kind, amount_minor) in kept(sale) {
            let sum = tenders.entry(Metric::of_tender(kind)).or_default();
            *sum = (sum.0 + 1, sum.1 + amount_minor);
        }
        for (metric, (count, amount)) in tenders {
            book.add(state, metric, count, amount)?;
        }
    }
    book.add(state, Metric::Shipping, i64::from(totals.shipping_minor != 0), totals.shipping_minor)?;
    let units: Vec<_> = parts.iter().map(|(at, part)| (*at, part.units, 0)).collect();
    book.add_at(state, Metric::UnitsSold, &units)
}

pub(super) fn shift_opened(state: &mut dyn State, shift: &Shift) -> Result<(), Fault> {
    given(state, ShiftId::COUNTER, shift.shift_id.0)?;
    let mut till: Till = must(state.view(), shift.till_id.0)?;
    till.open_shift_id = shift.shift_id;
    save(state, &till)?;
    save(state, shift)
}

pub(super) fn cash_moved(
    state: &mut dyn State,
    shift_id: ShiftId,
    amount_minor: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut shift: Shift = must(state.view(), shift_id.0)?;
    let metric = if amount_minor > 0 {
        shift.cash_in_minor += amount_minor;
        Metric::CashIn
    } else {
        shift.cash_out_minor -= amount_minor;
        Metric::CashOut
    };
    let till: Till = must(state.view(), shift.till_id.0)?;
    let under = Under { location: till.location_id.0, cashier: context.actor, channel: None };
    let book = Book::open(state, context.now_ms, Some(shift.currency), under)?;
    book.add(state, metric, 1, amount_minor.abs())?;
    save(state, &shift)
}

pub(super) fn shift_closed(
    state: &mut dyn State,
    shift_id: ShiftId,
    counted_cash_minor: i64,
    context: &Context<'_>,
) -> Result<(), Fault> {
    let mut shift: Shift = must(state.view(), shift_id.0)?;
    let mut till: Till = must(state.view(), shift.till_id.0)?;
    if !shift.is_open() || till.open_shift_id != shift_id {
        return Err(Fault::Corrupt(format!("shift {shift_id} is closed twice")));
    }
    shift.close_ms = context.now_ms;
    shift.counted_cash_minor = Some(counted_cash_minor);
    till.open_shift_id = ShiftId(0);
    let under = Under { location: till.location_id.0, cashier: context.actor, channel: None };
    let book = Book::open(state, context.now_ms, Some(shift.currency), under)?;
    book.add(state, Metric::CashDifference, 1, counted_cash_minor - shift.expected_cash_minor())?;
    save(state, &till)?;
    save(state, &shift)
}
