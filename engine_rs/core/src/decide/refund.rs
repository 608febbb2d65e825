//! Goods of a till's sale given back against its receipt.

use std::collections::BTreeMap;

use super::intent::Intents;
use super::pricing::{LINES_MAX, totals};
use super::sale::open_shift as need_open_shift;
use super::stock::{ON_HAND_MAX, open_location};
use super::{Answer, Decided, check, next_id};
use crate::command::{RefundInput, RefundLineInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{ItemId, LocationId, RefundId};
use crate::kv::View;
use crate::money::{self, Currency};
use crate::records::{
    Customer, Line, Refund, RefundLine, RefundedLine, Sale, Shift, Tender, Till, Totals, must, need,
};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Reply;
use crate::states::{DocumentKind, TenderKind};
use crate::stock::level;

/// Longest name of who allows a refund.
const APPROVED_BY_MAX: usize = 60;

/// Gives goods back: the refund, what of it is written off, its receipt.
pub(crate) fn refund(view: &dyn View, input: &RefundInput, context: &Context<'_>) -> Outcome<Decided> {
    let mut refund = quote(view, input)?;
    for tender in &mut refund.tenders {
        if tender.kind != TenderKind::Points {
            tender.reference = reference(tender.kind, &input.reference)?;
        }
    }
    refund.refund_id = RefundId(next_id(view, RefundId::COUNTER)?);
    refund.reason = check::text("refund.reason", &input.reason, 200)?;
    check::no_card_number("refund.reason", &refund.reason)?;
    refund.approved_by = check::text("refund.approved_by", &input.approved_by, APPROVED_BY_MAX)?;
    refund.cashier = context.actor.to_string();
    refund.create_ms = context.now_ms;
    let (refund_id, location_id) = (refund.refund_id, refund.location_id);
    let receipt = Intents::new(view, context).print(DocumentKind::RefundReceipt, refund_id.0, location_id)?;
    let answer = Answer::Made(Box::new(Reply::Refund(refund.clone())));
    let damaged: Vec<Event> =
        refund.lines.iter().filter(|line| line.damaged).map(written_off(refund_id)).collect();
    let events = [Event::SaleRefunded(Box::new(refund))].into_iter().chain(damaged).chain([receipt]);
    Ok(Decided::new(events.collect(), answer))
}

/// The goods came in with the refund, and go out of the shop's stock as they are.
fn written_off(refund_id: RefundId) -> impl Fn(&RefundLine) -> Event {
    move |line| Event::StockAdjusted {
        item_id: line.goods.item_id,
        location_id: line.goods.location_id,
        difference: -line.goods.quantity,
        reason: format!("refund {refund_id}: damaged"),
    }
}

/// How money went out otherwise than in cash or as credit: the terminal's or bank's word for it.
fn reference(kind: TenderKind, text: &str) -> Outcome<String> {
    let reference = check::optional_text("refund.reference", text, 60)?;
    check::no_card_number("refund.reference", &reference)?;
    let by_itself = matches!(kind, TenderKind::Cash | TenderKind::Credit);
    if !by_itself && reference.is_empty() {
        return Err(check::required("refund.reference").into());
    }
    Ok(reference)
}

/// What giving goods back comes to, and how it is paid; without number, time and words.
pub(crate) fn quote(view: &dyn View, input: &RefundInput) -> Outcome<Refund> {
    if !input.shift_id.is_some() {
        return Err(check::required("refund.shift_id").into());
    }
    let shift = need_open_shift(view, input.shift_id).named("refund.shift_id")?;
    let till: Till = must(view, shift.till_id.0)?;
    open_location(view, "refund.shift_id", till.location_id)?;
    let sale = till_sale(view, input, shift.currency)?;
    let lines = lines(view, &sale, &input.lines, till.location_id)?;
    let goods: Vec<Line> = lines.iter().map(|line| line.goods.clone()).collect();
    let totals = totals(&goods, 0, "refund.lines")?;
    check::sum_grows("refund.lines", "The shift's refunds", shift.refund_total_minor, totals.total_minor)?;
    let customer =
        sale.customer_id.is_some().then(|| must::<Customer>(view, sale.customer_id.0)).transpose()?;
    let by_points = by_points(&sale, &totals);
    let points_returned = by_points.returned;
    let tenders = tenders(&shift, customer.as_ref(), input.kind, &totals, by_points.amount_minor)?;
    let due = points_due(&sale, totals.total_minor);
    let points_taken = due.min(customer.map_or(0, |customer| customer.points + points_returned));
    Ok(Refund {
        refund_id: RefundId(0),
        sale_id: sale.sale_id,
        receipt: sale.receipt,
        till_id: shift.till_id,
        shift_id: shift.shift_id,
        location_id: till.location_id,
        customer_id: sale.customer_id,
        currency: sale.currency,
        lines,
        totals,
        tenders,
        points_returned,
        points_taken,
        points_lacking: due - points_taken,
        channel: sale.channel,
        reason: String::new(),
        approved_by: String::new(),
        cashier: String::new(),
        create_ms: 0,
    })
}

/// The sale, which a till made in the drawer's currency.
fn till_sale(view: &dyn View, input: &RefundInput, currency: Currency) -> Outcome<Sale> {
    if !input.sale_id.is_some() {
        return Err(check::required("refund.sale_id").into());
    }
    let sale: Sale = need(view, input.sale_id.0).named("refund.sale_id")?;
    if sale.order_id.is_some() {
        let message = format!("Sale {} was made from order {}, not at a till.", sale.sale_id, sale.order_id);
        let refusal = Refusal::field(Reason::SaleOfOrder, "refund.sale_id", message);
        return Err(refusal.with("order_id", sale.order_id).into());
    }
    if sale.currency != currency {
        let message = format!("The sale is in {}, the drawer in {}.", sale.currency.code(), currency.code());
        return Err(Refusal::field(Reason::CurrencyMismatch, "refund.sale_id", message).into());
    }
    Ok(sale)
}

/// The lines with their shares, each after those before it.
fn lines(
    view: &dyn View,
    sale: &Sale,
    inputs: &[RefundLineInput],
    location_id: LocationId,
) -> Outcome<Vec<RefundLine>> {
    check::count("refund.lines", inputs.len(), LINES_MAX)?;
    let mut back: BTreeMap<usize, RefundedLine> = BTreeMap::new();
    let mut coming: BTreeMap<ItemId, i64> = BTreeMap::new();
    let mut lines = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let field = format!("refund.lines[{index}]");
        let place = usize::try_from(input.line).ok().filter(|place| *place < sale.lines.len());
        let Some(line) = place else {
            let message = format!("{field}.line is no line of sale {}.", sale.sale_id);
            return Err(Refusal::field(Reason::FieldOutOfRange, format!("{field}.line"), message).into());
        };
        let quantity = check::quantity(&format!("{field}.quantity"), input.quantity)?;
        let before = back.entry(line).or_insert_with(|| sale.refunded_of(line));
        let sold = &sale.lines[line];
        let left = sold.quantity - before.quantity;
        if quantity > left {
            let message =
                format!("{}: {quantity} would be given back, {left} of the sale are left.", sold.name);
            let refusal = Refusal::field(Reason::RefundTooMuch, format!("{field}.quantity"), message);
            return Err(refusal.with("left", left).with("wanted", quantity).into());
        }
        let goods = part(sold, before.quantity, quantity, location_id, sale.currency);
        before.quantity += quantity;
        let sum = coming.entry(goods.item_id).or_default();
        *sum += quantity;
        let after = level(view, goods.item_id, location_id)?.on_hand + *sum;
        check::range(&format!("{field}.quantity"), after, 0, ON_HAND_MAX)?;
        lines.push(RefundLine { line, goods, damaged: input.damaged });
    }
    Ok(lines)
}

/// The `units` of a sold line that follow the first `before` ones, with their share of discount and tax: what all up to
/// them come to, less what those before came to. So the parts of a line are the line, whatever the parts.
fn part(sold: &Line, before: i64, units: i64, location_id: LocationId, currency: Currency) -> Line {
    let coin = currency.cash_unit();
    let added = if sold.tax_included { 0 } else { sold.tax_minor };
    let even = [sold.unit_price_minor, sold.discount_minor, added].iter().all(|amount| amount % coin == 0);
    // A line that was priced to the coin is given back to the coin.
    let step = if even { coin } else { 1 };
    let of = |amount: i64, step: i64| {
        money::share(amount, before + units, sold.quantity, step)
            - money::share(amount, before, sold.quantity, step)
    };
    let discount_minor = of(sold.discount_minor, step);
    let tax_minor = of(sold.tax_minor, if sold.tax_included { 1 } else { step });
    let added = if sold.tax_included { 0 } else { tax_minor };
    Line {
        quantity: units,
        discount_minor,
        tax_minor,
        total_minor: sold.unit_price_minor * units - discount_minor + added,
        location_id,
        ..sold.clone()
    }
}

/// What points pay of the goods: all of it until everything that points paid is given back. Of the points themselves those
/// come back that are whole by then. So the parts of a sale are the sale, and no part of a point turns into money.
fn by_points(sale: &Sale, totals: &Totals) -> ByPoints {
    let points = sale.tenders.iter().filter(|tender| tender.kind == TenderKind::Points);
    let paid_minor: i64 = points.map(|tender| tender.amount_minor).sum();
    let worth = paid_minor.checked_div(sale.points_redeemed).unwrap_or(0).max(1);
    let before = sale.refunded_minor();
    let after = paid_minor.min(before + totals.total_minor);
    ByPoints {
        returned: (after / worth - sale.points_returned).max(0),
        amount_minor: after - paid_minor.min(before),
    }
}

struct ByPoints {
    /// Points that come back.
    returned: i64,
    /// What is paid so, in minor units.
    amount_minor: i64,
}

/// Of the points that the sale earned, those that its goods given back leave unearned and that were not asked for before.
fn points_due(sale: &Sale, total_minor: i64) -> i64 {
    let earned_of = |refunded_minor: i64| {
        let left = sale.totals.total_minor - refunded_minor;
        money::scale_down(sale.points_earned, left, sale.totals.total_minor)
    };
    let before = sale.refunded_minor();
    earned_of(before) - earned_of(before + total_minor)
}

/// How it is paid: points first, the rest as the cashier says.
fn tenders(
    shift: &Shift,
    customer: Option<&Customer>,
    kind: i32,
    totals: &Totals,
    by_points_minor: i64,
) -> Outcome<Vec<Tender>> {
    let tender = |kind, amount_minor| Tender { kind, amount_minor, reference: String::new() };
    let mut tenders = Vec::with_capacity(2);
    if by_points_minor > 0 {
        tenders.push(tender(TenderKind::Points, by_points_minor));
    }
    let money_minor = totals.total_minor - by_points_minor;
    if money_minor > 0 {
        let kind = TenderKind::from_number(kind).ok_or_else(|| check::required("refund.kind"))?;
        payable(kind, money_minor, shift, customer)?;
        tenders.push(tender(kind, money_minor));
    }
    Ok(tenders)
}

/// Refuses a way by which the money cannot go out.
fn payable(kind: TenderKind, money_minor: i64, shift: &Shift, customer: Option<&Customer>) -> Outcome<()> {
    let wrong = |message: &str| Err(Refusal::field(Reason::FieldOutOfRange, "refund.kind", message).into());
    match (kind, customer) {
        (TenderKind::Points, _) => wrong("Money does not go out as points."),
        (TenderKind::Credit, None) => wrong("The sale has no customer whose credit it could become."),
        (TenderKind::Credit, Some(customer)) if customer.erase_ms > 0 => {
            wrong("The customer's data were erased: their credit could not be spent.")
        }
        (TenderKind::Credit, Some(customer)) => {
            check::sum_grows("refund.kind", "The customer's credit", customer.credit_minor, money_minor)
        }
        (TenderKind::Cash, _) if shift.expected_cash_minor() < money_minor => {
            let message = "The drawer has less cash than would be paid out.";
            Err(Refusal::field(Reason::DrawerTooLow, "refund.kind", message)
                .with("expected_cash_minor", shift.expected_cash_minor())
                .with("wanted_minor", money_minor)
                .with("currency", shift.currency.code())
                .into())
        }
        _ => Ok(()),
    }
}
