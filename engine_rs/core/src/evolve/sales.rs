//! Sales and shifts.

use super::index::given;
use super::orders::act;
use super::payments::credit;
use crate::execute::Context;
use crate::ids::{SaleId, ShiftId};
use crate::kv::{Fault, Key, State};
use crate::records::{Customer, Order, Sale, Shift, TenderTotal, Till, must, save};
use crate::states::{OrderAction, TenderKind};
use crate::stock::{ItemFlow, add_flow, change};
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

pub(super) fn made(state: &mut dyn State, sale: &Sale, context: &Context<'_>) -> Result<(), Fault> {
    given(state, SaleId::COUNTER, sale.sale_id.0)?;
    let paid: i64 = sale.tenders.iter().map(|tender| tender.amount_minor).sum::<i64>() - sale.change_minor;
    if paid != sale.totals.total_minor + sale.unique_code_minor {
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
    let mut change_left = sale.change_minor;
    for tender in &sale.tenders {
        let mut amount_minor = tender.amount_minor;
        if tender.kind == TenderKind::Cash {
            let back = change_left.min(amount_minor);
            amount_minor -= back;
            change_left -= back;
        }
        match shift.tenders.iter_mut().find(|total| total.kind == tender.kind) {
            Some(total) => {
                total.count += 1;
                total.amount_minor += amount_minor;
            }
            None => shift.tenders.push(TenderTotal { kind: tender.kind, count: 1, amount_minor }),
        }
    }
    shift.tenders.sort_by_key(|total| total.kind);
    save(state, &shift)
}

/// Points and credit of the customer.
fn reward(state: &mut dyn State, sale: &Sale) -> Result<(), Fault> {
    let used: i64 =
        sale.tenders.iter().filter(|t| t.kind == TenderKind::Credit).map(|t| t.amount_minor).sum();
    credit(state, sale.customer_id, -used)?;
    let points = sale.points_earned - sale.points_redeemed;
    if points == 0 {
        return Ok(());
    }
    let mut customer: Customer = must(state.view(), sale.customer_id.0)?;
    customer.points += points;
    customer.version += 1;
    if customer.points < 0 {
        return Err(Fault::Corrupt(format!("customer {} would owe points", sale.customer_id)));
    }
    save(state, &customer)
}

fn add_totals(state: &mut dyn State, sale: &Sale, context: &Context<'_>) -> Result<(), Fault> {
    let location = sale.lines.first().map_or(0, |line| line.location_id.0);
    let under = Under { location, cashier: context.actor, channel: Some(sale.channel) };
    let book = Book::open(state, context.now_ms, Some(sale.currency), under)?;
    let metric = if sale.order_id.is_some() { Metric::OrderSales } else { Metric::TillSales };
    let units: i64 = sale.lines.iter().map(|line| line.quantity).sum();
    let once = |amount: i64| i64::from(amount != 0);
    let totals = &sale.totals;
    book.add(state, metric, 1, totals.total_minor)?;
    book.add(state, Metric::Tax, once(totals.tax_minor), totals.tax_minor)?;
    book.add(state, Metric::Discounts, once(totals.discount_minor), totals.discount_minor)?;
    book.add(state, Metric::Shipping, once(totals.shipping_minor), totals.shipping_minor)?;
    book.add(state, Metric::UnitsSold, units, 0)
}

pub(super) fn shift_opened(state: &mut dyn State, shift: &Shift) -> Result<(), Fault> {
    given(state, ShiftId::COUNTER, shift.shift_id.0)?;
    let mut till: Till = must(state.view(), shift.till_id.0)?;
    till.open_shift_id = shift.shift_id;
    save(state, &till)?;
    save(state, shift)
}

pub(super) fn cash_moved(state: &mut dyn State, shift_id: ShiftId, amount_minor: i64) -> Result<(), Fault> {
    let mut shift: Shift = must(state.view(), shift_id.0)?;
    if amount_minor > 0 {
        shift.cash_in_minor += amount_minor;
    } else {
        shift.cash_out_minor -= amount_minor;
    }
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
