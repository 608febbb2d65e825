//! Sales, tills, shifts, and what customers have left of points and credit.

use std::collections::BTreeMap;

use super::Audit;
use super::orders::amounts;
use super::sums::{Counted, sum};
use crate::kv::{Fault, Key, u64_at};
use crate::open_money;
use crate::records::{
    Customer, Item, Line, Location, Order, Refund, RefundLine, Sale, Settings, Shift, Till,
};
use crate::states::TenderKind;
use crate::tables::Table;
use crate::text;
use crate::totals::Metric;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    audit.each::<Sale>(sale)?;
    audit.each::<Refund>(refund)?;
    audit.each::<Till>(till)?;
    audit.each::<Shift>(shift)?;
    for (shift_id, _) in std::mem::take(&mut audit.sums.shifts) {
        audit.broken(format!("There are sales or refunds of shift {shift_id}, which is not there."));
    }
    audit.each::<Customer>(|audit, known| {
        customer(audit, known);
        Ok(())
    })?;
    for (customer_id, owed) in std::mem::take(&mut audit.sums.customers) {
        audit.demand(owed == super::sums::Owed::default(), || {
            format!("There are points or credit of customer {customer_id}, who is not there.")
        });
    }
    Ok(())
}

fn sale(audit: &mut Audit<'_>, sale: &Sale) -> Result<(), Fault> {
    let who = format!("Sale {}", sale.sale_id);
    audit.names::<Customer>(&who, sale.customer_id.0)?;
    amounts(audit, &who, &sale.lines, &sale.totals);
    source(audit, &who, sale)?;
    tenders(audit, &who, sale);
    for line in &sale.lines {
        audit.names::<Item>(&who, line.item_id.0)?;
        *audit.sums.sold.entry(line.item_id).or_default() += i128::from(line.quantity);
    }
    refunded(audit, &who, sale)?;
    if sale.customer_id.is_some() {
        let credit = sale.tenders.iter().filter(|tender| tender.kind == TenderKind::Credit);
        let credit = sum(credit.map(|tender| tender.amount_minor));
        let owed = audit.sums.customers.entry(sale.customer_id).or_default();
        owed.points += i128::from(sale.points_earned) - i128::from(sale.points_redeemed);
        owed.credit -= credit;
    }
    let metric = if sale.order_id.is_some() { Metric::OrderSales } else { Metric::TillSales };
    audit.sums.locate_sale(sale, metric);
    audit.sums.count(metric, 1);
    audit.sums.amount(metric, sale.currency, i128::from(sale.totals.total_minor));
    audit.sums.amount(Metric::UniqueCodes, sale.currency, i128::from(sale.unique_code_minor));
    if !sale.order_id.is_some() {
        for tender in &sale.tenders {
            audit.sums.amount(Metric::of_tender(tender.kind), sale.currency, i128::from(tender.amount_minor));
        }
        audit.sums.amount(Metric::TendersCash, sale.currency, -i128::from(sale.change_minor));
    }
    audit.sums.amount(Metric::Tax, sale.currency, i128::from(sale.totals.tax_minor));
    audit.sums.amount(Metric::Discounts, sale.currency, i128::from(sale.totals.discount_minor));
    audit.sums.amount(Metric::Shipping, sale.currency, i128::from(sale.totals.shipping_minor));
    Ok(())
}

/// What a sale keeps as given back is what its refunds gave back, and never more than was sold.
fn refunded(audit: &mut Audit<'_>, who: &String, sale: &Sale) -> Result<(), Fault> {
    let mut refunds = Vec::new();
    let (view, of_sale) = (audit.view, Key::new().u64(sale.sale_id.0));
    view.scan(Table::RefundsBySale, of_sale.as_slice(), of_sale.end().as_slice(), &mut |key, _| {
        refunds.extend(audit.look::<Refund>(u64_at(key, 9)?)?);
        Ok(true)
    })?;
    let mut points = 0;
    let mut back = vec![[0_i128; 2]; sale.lines.len()];
    for refund in &refunds {
        points += i128::from(refund.points_returned);
        for line in &refund.lines {
            let Some(sum) = back.get_mut(line.line) else { continue };
            sum[0] += i128::from(line.goods.quantity);
            sum[1] += i128::from(line.goods.total_minor);
        }
    }
    for (place, (sold, back)) in sale.lines.iter().zip(&back).enumerate() {
        let kept = sale.refunded_of(place);
        let kept = [kept.quantity, kept.total_minor].map(i128::from);
        audit.demand(kept == *back, || {
            format!("{who} keeps {kept:?} as given back of line {place}; its refunds come to {back:?}.")
        });
        let most = [sold.quantity, sold.total_minor].map(i128::from);
        // All of a line is all of its money.
        let right = if back[0] == most[0] { *back == most } else { (0..=most[1]).contains(&back[1]) };
        audit.demand(back[0] <= most[0] && right, || {
            format!("{who} sold {most:?} in line {place}, of which {back:?} were given back.")
        });
    }
    let most = i128::from(sale.points_redeemed);
    audit.demand(points == i128::from(sale.points_returned) && points <= most, || {
        format!(
            "{who} keeps {} points as given back; its refunds come to {points} of {most}.",
            sale.points_returned
        )
    });
    audit.demand(sale.refunded.is_empty() == refunds.is_empty(), || {
        format!("{who} has {} refunds, but says otherwise.", refunds.len())
    });
    Ok(())
}

/// A refund gives back what its sale sold, and pays it.
fn refund(audit: &mut Audit<'_>, refund: &Refund) -> Result<(), Fault> {
    let who = format!("Refund {}", refund.refund_id);
    audit.names::<Location>(&who, refund.location_id.0)?;
    audit.names::<Customer>(&who, refund.customer_id.0)?;
    let goods: Vec<Line> = refund.lines.iter().map(|line| line.goods.clone()).collect();
    amounts(audit, &who, &goods, &refund.totals);
    if let Some(sale) = audit.named::<Sale>(&who, refund.sale_id.0)? {
        let same = (sale.customer_id, sale.currency) == (refund.customer_id, refund.currency);
        let its = |line: &RefundLine| {
            sale.lines.get(line.line).is_some_and(|sold| sold.item_id == line.goods.item_id)
        };
        audit.demand(same && refund.lines.iter().all(its) && !sale.order_id.is_some(), || {
            format!("{who} does not fit sale {}.", sale.sale_id)
        });
    }
    if let Some(shift) = audit.named::<Shift>(&who, refund.shift_id.0)? {
        audit.demand(shift.till_id == refund.till_id && shift.currency == refund.currency, || {
            format!("{who} has another till or currency than its shift {}.", refund.shift_id)
        });
    }
    let paid = sum(refund.tenders.iter().map(|tender| tender.amount_minor));
    let positive = refund.tenders.iter().all(|tender| tender.amount_minor > 0);
    audit.demand(positive && paid == i128::from(refund.totals.total_minor), || {
        format!("{who} pays {paid} for {}.", refund.totals.total_minor)
    });
    for line in &refund.lines {
        let there = line.goods.location_id == refund.location_id && line.goods.quantity > 0;
        audit.demand(there, || format!("{who} has a line of nothing, or that came in elsewhere."));
        let units = i128::from(line.goods.quantity);
        *audit.sums.sold.entry(line.goods.item_id).or_default() -= units;
        audit.sums.count(Metric::UnitsSold, units);
    }
    if refund.customer_id.is_some() {
        let owed = audit.sums.customers.entry(refund.customer_id).or_default();
        owed.points += i128::from(refund.points_returned) - i128::from(refund.points_taken);
        owed.credit += i128::from(refund.by_minor(TenderKind::Credit));
    }
    audit.sums.count_refund(refund);
    audit.sums.report_refund(refund);
    Ok(())
}

/// A sale has exactly one paid source: an order that knows it, or a till's tenders.
fn source(audit: &mut Audit<'_>, who: &String, sale: &Sale) -> Result<(), Fault> {
    if sale.order_id.is_some() {
        if let Some(order) = audit.named::<Order>(who, sale.order_id.0)? {
            audit.demand(order.sale_id == sale.sale_id, || {
                format!("{who} is of order {}, which was sold as sale {}.", sale.order_id, order.sale_id)
            });
            audit.demand(order.written_off_minor == sale.written_off_minor, || {
                format!("{who} and its order do not agree on what is written off.")
            });
        }
    } else {
        audit.demand(sale.shift_id.is_some(), || format!("{who} has no order and no shift."));
        audit.demand(sale.unique_code_minor == 0, || format!("{who} has a unique code but no order."));
        audit.demand(sale.written_off_minor == 0, || format!("{who} has a write-off but no order."));
    }
    if !sale.shift_id.is_some() {
        audit.demand(!sale.till_id.is_some(), || format!("{who} has a till but no shift."));
        return Ok(());
    }
    audit.sums.count_sale(sale);
    if let Some(shift) = audit.named::<Shift>(who, sale.shift_id.0)? {
        audit.demand(shift.till_id == sale.till_id && shift.currency == sale.currency, || {
            format!("{who} has another till or currency than its shift {}.", sale.shift_id)
        });
    }
    Ok(())
}

/// What was given, less the change, is what was to pay.
fn tenders(audit: &mut Audit<'_>, who: &String, sale: &Sale) {
    let given = sum(sale.tenders.iter().map(|tender| tender.amount_minor));
    let cash = sale.tenders.iter().filter(|tender| tender.kind == TenderKind::Cash);
    let cash = sum(cash.map(|tender| tender.amount_minor));
    let change = i128::from(sale.change_minor);
    let to_pay = i128::from(sale.totals.total_minor) + i128::from(sale.unique_code_minor);
    let off = i128::from(sale.written_off_minor);
    audit.demand(given - change + off == to_pay, || {
        format!("{who} took {given} less {change} change for {to_pay}, with {off} written off.")
    });
    let positive = sale.tenders.iter().all(|tender| tender.amount_minor > 0);
    audit.demand(positive && (0..=cash).contains(&change), || {
        format!("{who} has a tender of no money, or change that is not from its cash.")
    });
}

fn till(audit: &mut Audit<'_>, till: &Till) -> Result<(), Fault> {
    let who = format!("Till {}", till.till_id);
    audit.names::<Location>(&who, till.location_id.0)?;
    if till.open_shift_id.is_some()
        && let Some(shift) = audit.named::<Shift>(&who, till.open_shift_id.0)?
    {
        audit.demand(shift.is_open() && shift.till_id == till.till_id, || {
            format!("{who} has shift {} open, which is closed or of till {}.", shift.shift_id, shift.till_id)
        });
    }
    Ok(())
}

fn shift(audit: &mut Audit<'_>, shift: &Shift) -> Result<(), Fault> {
    let who = format!("Shift {}", shift.shift_id);
    if let Some(till) = audit.named::<Till>(&who, shift.till_id.0)? {
        audit.demand(shift.is_open() == (till.open_shift_id == shift.shift_id), || {
            format!(
                "{who} is {}, but its till {} is not.",
                if shift.is_open() { "open" } else { "closed" },
                till.code
            )
        });
    }
    let counted = audit.sums.shifts.remove(&shift.shift_id).unwrap_or_default();
    let kept = Counted {
        sales: i128::from(shift.sale_count),
        total: i128::from(shift.sale_total_minor),
        tax: i128::from(shift.tax_total_minor),
        discount: i128::from(shift.discount_total_minor),
        tenders: Counted::tenders_of(&shift.tenders),
        refunds: i128::from(shift.refund_count),
        refunded: i128::from(shift.refund_total_minor),
        refunded_tax: i128::from(shift.refund_tax_minor),
        refund_tenders: Counted::tenders_of(&shift.refund_tenders),
    };
    audit.demand(kept == counted, || {
        format!("{who} counted {kept:?}; its sales and refunds come to {counted:?}.")
    });
    audit.demand(shift.is_open() != shift.counted_cash_minor.is_some(), || {
        format!("{who} is open with its cash counted, or closed without.")
    });
    audit.demand(shift.cash_in_minor >= 0 && shift.cash_out_minor >= 0, || {
        format!("{who} moved {} in and {} out.", shift.cash_in_minor, shift.cash_out_minor)
    });
    audit.sums.amount(Metric::CashIn, shift.currency, i128::from(shift.cash_in_minor));
    audit.sums.amount(Metric::CashOut, shift.currency, i128::from(shift.cash_out_minor));
    if let Some(in_drawer) = shift.counted_cash_minor {
        let cash_of = |tenders: &BTreeMap<TenderKind, (i128, i128)>| {
            tenders.get(&TenderKind::Cash).map_or(0, |(_, amount)| *amount)
        };
        let cash = cash_of(&counted.tenders) - cash_of(&counted.refund_tenders);
        let moved = i128::from(shift.cash_in_minor) - i128::from(shift.cash_out_minor);
        let expected = i128::from(shift.opening_cash_minor) + cash + moved;
        audit.sums.count(Metric::CashDifference, 1);
        audit.sums.amount(Metric::CashDifference, shift.currency, i128::from(in_drawer) - expected);
    }
    Ok(())
}

fn customer(audit: &mut Audit<'_>, customer: &Customer) {
    let who = format!("Customer {}", customer.customer_id);
    let owed = audit.sums.customers.remove(&customer.customer_id).unwrap_or_default();
    let (points, credit) = (customer.points, customer.credit_minor);
    // Settings that cannot be read are told of already.
    if let Ok(settings) = Settings::load(audit.view) {
        audit.sums.open(open_money::of_customer(customer, settings.currency));
    }
    audit.demand(points >= 0 && i128::from(points) == owed.points, || {
        format!("{who} has {points} points; sales and refunds leave {}.", owed.points)
    });
    audit.demand(credit >= 0 && i128::from(credit) == owed.credit, || {
        format!("{who} has {credit} of credit; mutations, sales and refunds leave {}.", owed.credit)
    });
    let email = &customer.email;
    audit.demand(email.is_empty() || text::email(email).as_ref() == Some(email), || {
        format!("{who} has the e-mail address {email:?}, which is none.")
    });
}
