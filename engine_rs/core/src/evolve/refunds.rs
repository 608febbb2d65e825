//! Refunds of tills' sales.

use super::index::given;
use super::payments::credit;
use super::sales::{add_points, count_tender};
use crate::execute::Context;
use crate::ids::RefundId;
use crate::kv::{Fault, Key, State};
use crate::records::{Refund, Sale, Shift, must, save};
use crate::states::TenderKind;
use crate::stock::{ItemFlow, add_flow, change};
use crate::tables::Table;
use crate::totals::{Book, Metric, Under};

pub(super) fn made(state: &mut dyn State, refund: &Refund, context: &Context<'_>) -> Result<(), Fault> {
    given(state, RefundId::COUNTER, refund.refund_id.0)?;
    let paid: i64 = refund.tenders.iter().map(|tender| tender.amount_minor).sum();
    if paid != refund.totals.total_minor {
        return Err(Fault::Corrupt(format!("refund {} pays {paid}, not its total", refund.refund_id)));
    }
    take_off(state, refund)?;
    for line in &refund.lines {
        let (item_id, quantity) = (line.goods.item_id, line.goods.quantity);
        change(state, item_id, line.goods.location_id, quantity, 0)?;
        add_flow(state, item_id, ItemFlow { sold: -quantity, ..ItemFlow::default() })?;
    }
    count_in_shift(state, refund)?;
    credit(state, refund.customer_id, refund.by_minor(TenderKind::Credit))?;
    add_points(state, refund.customer_id, refund.points_returned - refund.points_taken)?;
    add_totals(state, refund, context)?;
    let by_sale = Key::new().u64(refund.sale_id.0).u64(refund.refund_id.0);
    state.put(Table::RefundsBySale, by_sale.as_slice(), &[])?;
    save(state, refund)
}

/// The sale keeps what was given back of each line.
fn take_off(state: &mut dyn State, refund: &Refund) -> Result<(), Fault> {
    let mut sale: Sale = must(state.view(), refund.sale_id.0)?;
    sale.refunded.resize(sale.lines.len(), crate::records::RefundedLine::default());
    for line in &refund.lines {
        let fits = sale.lines.get(line.line).zip(sale.refunded.get_mut(line.line));
        let Some((sold, back)) = fits.filter(|(sold, _)| sold.item_id == line.goods.item_id) else {
            return Err(Fault::Corrupt(format!("refund {} is of no line of its sale", refund.refund_id)));
        };
        back.quantity += line.goods.quantity;
        back.total_minor += line.goods.total_minor;
        if back.quantity > sold.quantity || back.total_minor > sold.total_minor {
            return Err(Fault::Corrupt(format!("refund {} is more than was sold", refund.refund_id)));
        }
    }
    sale.points_returned += refund.points_returned;
    if sale.points_returned > sale.points_redeemed {
        return Err(Fault::Corrupt(format!("refund {} returns more points than paid", refund.refund_id)));
    }
    save(state, &sale)
}

fn count_in_shift(state: &mut dyn State, refund: &Refund) -> Result<(), Fault> {
    let mut shift: Shift = must(state.view(), refund.shift_id.0)?;
    if !shift.is_open() {
        let (refund_id, shift_id) = (refund.refund_id, refund.shift_id);
        return Err(Fault::Corrupt(format!("refund {refund_id} counts in closed shift {shift_id}")));
    }
    shift.refund_count += 1;
    shift.refund_total_minor += refund.totals.total_minor;
    shift.refund_tax_minor += refund.totals.tax_minor;
    for tender in &refund.tenders {
        count_tender(&mut shift.refund_tenders, tender.kind, tender.amount_minor);
    }
    save(state, &shift)
}

/// All of it counts where the goods and the money went, on the day it happens.
fn add_totals(state: &mut dyn State, refund: &Refund, context: &Context<'_>) -> Result<(), Fault> {
    let channel = Some(refund.channel);
    let under = Under { location: refund.location_id.0, cashier: context.actor, channel };
    let book = Book::open(state, context.now_ms, Some(refund.currency), under)?;
    let totals = &refund.totals;
    let units = refund.lines.iter().map(|line| line.goods.quantity).sum();
    book.add(state, Metric::SalesRefunded, 1, totals.total_minor)?;
    book.add(state, Metric::TaxRefunded, i64::from(totals.tax_minor != 0), totals.tax_minor)?;
    book.add(state, Metric::DiscountsRefunded, i64::from(totals.discount_minor != 0), totals.discount_minor)?;
    book.add(state, Metric::UnitsRefunded, units, 0)?;
    for tender in &refund.tenders {
        book.add(state, Metric::of_refund(tender.kind), 1, tender.amount_minor)?;
    }
    Ok(())
}
