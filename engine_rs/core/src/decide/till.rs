//! Tills: shifts, sales over the counter, counted cash.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{bounded, free_code};
use super::erasure::not_erased;
use super::intent::Intents;
use super::pricing::{LINES_MAX, price_till_sale};
use super::sale::open_shift as need_open_shift;
use super::stock::Demand;
use super::{Answer, Decided, check, next_id};
use crate::codes::CodeKind;
use crate::command::{MoneyInput, TenderInput, TillSaleInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{CustomerId, HoldId, ItemId, LocationId, OrderId, SaleId, ShiftId, TillId};
use crate::kv::View;
use crate::money::{self, AMOUNT_MAX, Currency};
use crate::records::{
    Customer, Hold, Line, Location, Sale, Settings, Shift, Tender, Till, Totals, find, must, need,
};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::{Channel, DocumentKind, LocationKind, TenderKind};

/// Most tenders of one sale.
const TENDERS_MAX: usize = 10;
/// Longest number that a till gives a receipt.
const RECEIPT_MAX: usize = 40;
/// Most tills of a shop.
const TILLS_MAX: u64 = 1_000;

/// Adds a till.
pub(crate) fn create(view: &dyn View, code: &str, location_id: LocationId) -> Outcome<Decided> {
    let code = check::code("till.code", code, 20)?;
    free_code(view, CodeKind::Till, "till.code", &code)?;
    let location: Location = need(view, location_id.0).named("till.location_id")?;
    if location.kind == LocationKind::Warehouse {
        let message = format!("{} is a warehouse; a till stands in a shop or at a CS desk.", location.code);
        return Err(Refusal::field(Reason::LocationKindWrong, "till.location_id", message).into());
    }
    let id = next_id(view, TillId::COUNTER)?;
    bounded(id, TILLS_MAX, "tills")?;
    let till = Till { till_id: TillId(id), code, location_id, open_shift_id: ShiftId(0) };
    Ok(Decided::one(Event::TillCreated(till), Answer::Till(TillId(id))))
}

/// Opens a shift with counted cash.
pub(crate) fn open_shift(
    view: &dyn View,
    till_id: TillId,
    opening_cash: Option<&MoneyInput>,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let till: Till = need(view, till_id.0)?;
    if till.open_shift_id.is_some() {
        let message = format!("{} has shift {} open; close it first.", till.code, till.open_shift_id);
        return Err(Refusal::new(Reason::ShiftOpen, message).with("shift_id", till.open_shift_id).into());
    }
    let currency = Settings::load(view)?.currency;
    let opening_cash_minor = check::money("opening_cash", opening_cash, Some(currency), 0)?.minor;
    let shift_id = ShiftId(next_id(view, ShiftId::COUNTER)?);
    let shift = Shift {
        shift_id,
        till_id,
        cashier: context.actor.to_string(),
        currency,
        open_ms: context.now_ms,
        close_ms: 0,
        opening_cash_minor,
        sale_count: 0,
        sale_total_minor: 0,
        tax_total_minor: 0,
        discount_total_minor: 0,
        tenders: Vec::new(),
        cash_in_minor: 0,
        cash_out_minor: 0,
        counted_cash_minor: None,
        refund_count: 0,
        refund_total_minor: 0,
        refund_tax_minor: 0,
        refund_tenders: Vec::new(),
    };
    Ok(Decided::one(Event::ShiftOpened(Box::new(shift)), Answer::Shift(shift_id)))
}

/// Sells a cart.
pub(crate) fn sell(
    view: &dyn View,
    input: &TillSaleInput,
    tenders: &[TenderInput],
    context: &Context<'_>,
) -> Outcome<Decided> {
    if !input.shift_id.is_some() {
        return Err(check::required("sale.shift_id").into());
    }
    let shift = need_open_shift(view, input.shift_id).named("sale.shift_id")?;
    let priced = price_till_sale(view, input)?;
    let customer = buyer(view, input.customer_id, tenders)?;
    let mut demand = Demand::default();
    for line in &priced.lines {
        demand.want(line.item_id, line.location_id, line.quantity);
    }
    let mut events = drawn(view, &input.hold_ids, &priced.lines, &mut demand)?;
    demand.check(view)?;
    let receipt = check::optional_text("sale.receipt", &input.receipt, RECEIPT_MAX)?;
    let settings = Settings::load(view)?;
    let paid = tendered(tenders, priced.totals.total_minor, priced.currency, customer.as_ref(), &settings)?;
    let points_earned = match (&customer, settings.points_per_minor) {
        (Some(_), per) if per > 0 => priced.totals.total_minor / per,
        _ => 0,
    };
    if let Some(customer) = &customer {
        check::sum_grows("sale.customer_id", "The customer's points", customer.points, points_earned)?;
    }
    counts_in(&shift, &priced.totals, "sale.lines")?;
    let sale_id = SaleId(next_id(view, SaleId::COUNTER)?);
    let location_id = priced.lines[0].location_id;
    let sale = Sale {
        sale_id,
        order_id: OrderId(0),
        till_id: shift.till_id,
        shift_id: shift.shift_id,
        customer_id: customer.map_or(CustomerId(0), |customer| customer.customer_id),
        currency: priced.currency,
        lines: priced.lines,
        totals: priced.totals,
        tenders: paid.tenders,
        change_minor: paid.change_minor,
        unique_code_minor: 0,
        written_off_minor: 0,
        channel: Channel::Till,
        cashier: context.actor.to_string(),
        points_earned,
        points_redeemed: paid.points_redeemed,
        create_ms: context.now_ms,
        receipt,
        // A till's clock may be ahead; it did not sell later than now.
        sold_ms: input.sold_ms.filter(|sold_ms| *sold_ms < context.now_ms).unwrap_or(0),
        charged_difference_minor: priced.charged_difference_minor,
        refunded: Vec::new(),
        points_returned: 0,
    };
    events.push(Event::SaleMade(Box::new(sale)));
    if !input.receipt_given {
        events.push(Intents::new(view, context).print(DocumentKind::SalesReceipt, sale_id.0, location_id)?);
    }
    Ok(Decided::new(events, Answer::Sale(sale_id)))
}

/// Who buys. Somebody whose data were erased pays with nothing of theirs; anything else is sold to nobody known: a till whose line
/// was away has sold it already.
fn buyer(view: &dyn View, customer_id: CustomerId, tenders: &[TenderInput]) -> Outcome<Option<Customer>> {
    if !customer_id.is_some() {
        return Ok(None);
    }
    let customer: Customer = need(view, customer_id.0).named("sale.customer_id")?;
    let is_theirs = |tender: &TenderInput| {
        matches!(TenderKind::from_number(tender.kind), Some(TenderKind::Points | TenderKind::Credit))
    };
    if customer.erase_ms == 0 || tenders.iter().any(is_theirs) {
        return not_erased(customer).named("sale.customer_id").map(Some);
    }
    Ok(None)
}

/// What the lines take out of the till's lease: of each hold that is named as much as its item still wants. `demand` is
/// what is wanted of what is available, and falls by it. A hold whose deadline passed claims until it is ended, so that
/// taking from it harms nobody.
fn drawn(view: &dyn View, hold_ids: &[HoldId], lines: &[Line], demand: &mut Demand) -> Outcome<Vec<Event>> {
    if hold_ids.is_empty() {
        return Ok(Vec::new());
    }
    check::count("sale.hold_ids", hold_ids.len(), LINES_MAX)?;
    let mut wanted: BTreeMap<(ItemId, LocationId), i64> = BTreeMap::new();
    for line in lines {
        *wanted.entry((line.item_id, line.location_id)).or_default() += line.quantity;
    }
    let mut events = Vec::new();
    let mut seen = BTreeSet::new();
    for hold_id in hold_ids.iter().filter(|hold_id| seen.insert(**hold_id)) {
        let Some(hold) = find::<Hold>(view, hold_id.0)? else { continue };
        let Some(open) = wanted.get_mut(&(hold.item_id, hold.location_id)) else { continue };
        let quantity = hold.quantity.min(*open);
        if quantity > 0 {
            *open -= quantity;
            demand.want(hold.item_id, hold.location_id, -quantity);
            events.push(Event::HoldDrawn { hold_id: *hold_id, item_id: hold.item_id, quantity });
        }
    }
    Ok(events)
}

/// Refuses a sale that would be too much for its shift's sums. Tax and tenders are never more than the totals; a discount
/// may be, when it leaves nothing to pay.
pub(crate) fn counts_in(shift: &Shift, totals: &Totals, field: &str) -> Outcome<()> {
    check::sum_grows(field, "The shift's sales", shift.sale_total_minor, totals.total_minor)?;
    check::sum_grows(field, "The shift's discounts", shift.discount_total_minor, totals.discount_minor)
}

struct Tendered {
    tenders: Vec<Tender>,
    change_minor: i64,
    points_redeemed: i64,
}

fn tendered(
    inputs: &[TenderInput],
    total: i64,
    currency: Currency,
    customer: Option<&Customer>,
    settings: &Settings,
) -> Outcome<Tendered> {
    if total == 0 && inputs.is_empty() {
        return Ok(Tendered { tenders: Vec::new(), change_minor: 0, points_redeemed: 0 });
    }
    check::count("tenders", inputs.len(), TENDERS_MAX)?;
    let mut tenders = Vec::with_capacity(inputs.len());
    let (mut cash, mut points_redeemed, mut credit) = (0_i64, 0_i64, 0_i64);
    for (index, input) in inputs.iter().enumerate() {
        let tender = checked_tender(input, index, currency)?;
        match tender.kind {
            TenderKind::Cash => cash = cash.saturating_add(tender.amount_minor),
            TenderKind::Points => points_redeemed += points(&tender, index, settings)?,
            TenderKind::Credit => credit = credit.saturating_add(tender.amount_minor),
            TenderKind::Card | TenderKind::Qr | TenderKind::Transfer | TenderKind::External => {}
        }
        tenders.push(tender);
    }
    if points_redeemed > customer.map_or(0, |customer| customer.points) {
        let message = format!("The customer has fewer than {points_redeemed} points.");
        return Err(Refusal::field(Reason::PointsTooLow, "tenders", message).into());
    }
    if credit > customer.map_or(0, |customer| customer.credit_minor) {
        let message = "The customer has less credit.";
        return Err(Refusal::field(Reason::CreditTooLow, "tenders", message)
            .with("available_minor", customer.map_or(0, |customer| customer.credit_minor))
            .with("wanted_minor", credit)
            .with("currency", currency.code())
            .into());
    }
    let sum = money::sum(tenders.iter().map(|tender| tender.amount_minor))
        .ok_or_else(|| check::amount_out_of_range("tenders"))?;
    if sum < total {
        let message = format!("The tenders reach {sum} of {total} minor units.");
        return Err(Refusal::field(Reason::TendersTooLow, "tenders", message)
            .with("missing_minor", total - sum)
            .with("currency", currency.code())
            .into());
    }
    let change_minor = sum - total;
    if change_minor > cash {
        let message = "Change is given from cash only; the other tenders are more than the total.";
        return Err(Refusal::field(Reason::ChangeNotFromCash, "tenders", message)
            .with("change_minor", change_minor)
            .into());
    }
    Ok(Tendered { tenders, change_minor, points_redeemed })
}

fn checked_tender(input: &TenderInput, index: usize, currency: Currency) -> Outcome<Tender> {
    let field = |part: &str| format!("tenders[{index}].{part}");
    let kind = TenderKind::from_number(input.kind).ok_or_else(|| check::required(&field("kind")))?;
    let reference = check::optional_text(&field("reference"), &input.reference, 60)?;
    check::no_card_number(&field("reference"), &reference)?;
    let authorised = matches!(kind, TenderKind::Card | TenderKind::Qr | TenderKind::Transfer);
    if authorised && reference.is_empty() {
        return Err(check::required(&field("reference")).into());
    }
    let amount_minor = check::money(&field("amount"), input.amount.as_ref(), Some(currency), 1)?.minor;
    Ok(Tender { kind, amount_minor, reference })
}

fn points(tender: &Tender, index: usize, settings: &Settings) -> Outcome<i64> {
    let worth = settings.point_value_minor;
    if worth == 0 || tender.amount_minor % worth != 0 {
        let message = "Points pay whole points' worth only.";
        return Err(Refusal::field(Reason::FieldOutOfRange, format!("tenders[{index}].amount"), message)
            .with("point_value_minor", worth)
            .into());
    }
    Ok(tender.amount_minor / worth)
}

/// Cash put into or taken from the drawer.
pub(crate) fn move_cash(
    view: &dyn View,
    shift_id: ShiftId,
    amount: Option<&MoneyInput>,
    reason: &str,
) -> Outcome<Decided> {
    let shift = need_open_shift(view, shift_id)?;
    let amount_minor = check::money("amount", amount, Some(shift.currency), -AMOUNT_MAX)?.minor;
    if amount_minor == 0 || shift.expected_cash_minor() + amount_minor < 0 {
        let message = "More than there is cannot be taken from the drawer, and zero moves nothing.";
        return Err(Refusal::field(Reason::AmountOutOfRange, "amount.minor_units", message)
            .with("expected_cash_minor", shift.expected_cash_minor())
            .into());
    }
    // Never more goes out than came in, so that what went out is bounded with it.
    check::sum_grows("amount.minor_units", "Cash put into the drawer", shift.cash_in_minor, amount_minor)?;
    let reason = check::text("reason", reason, 200)?;
    Ok(Decided::one(Event::CashMoved { shift_id, amount_minor, reason }, Answer::Shift(shift_id)))
}

/// Closes a shift with counted cash; its Z report is printed.
pub(crate) fn close_shift(
    view: &dyn View,
    shift_id: ShiftId,
    counted_cash: Option<&MoneyInput>,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let shift = need_open_shift(view, shift_id)?;
    let counted_cash_minor = check::money("counted_cash", counted_cash, Some(shift.currency), 0)?.minor;
    let till: Till = must(view, shift.till_id.0)?;
    let report =
        Intents::new(view, context).print(DocumentKind::ShiftReport, shift_id.0, till.location_id)?;
    Ok(Decided::new(
        vec![Event::ShiftClosed { shift_id, counted_cash_minor }, report],
        Answer::Shift(shift_id),
    ))
}
