//! What a cart or a booking costs: prices, discounts, tax, totals.

use std::sync::Arc;

use super::check::{self, Field};
use super::stock::{live_hold, live_item, open_location};
use crate::command::{BookingInput, ChargeInput, LineInput, Source, TillSaleInput};
use crate::execute::Context;
use crate::ids::{DropOrderId, HoldId, ItemId, LocationId, TaxClassId};
use crate::kv::View;
use crate::money::{self, Currency};
use crate::records::{
    DropOrder, Hold, Item, Line, Settings, Shift, TaxClass, Till, Totals, must, must_shared, need,
    need_shared,
};
use crate::refusal::{Named, Outcome, Reason, Refusal, Stop};
use crate::states::{DropOrderAction, TaxMode};

/// Most lines of one order or sale.
pub(crate) const LINES_MAX: usize = 200;
/// The price list when none is named.
const RETAIL: &str = "retail";

/// A priced cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The lines.
    pub lines: Vec<Line>,
    /// What is to pay.
    pub totals: Totals,
    /// In this currency.
    pub currency: Currency,
    /// What was charged less what the price list comes to; zero but at a till that could not ask.
    pub charged_difference_minor: i64,
}

/// Prices a booking; sources are resolved and checked, stock is not.
pub(crate) fn price_booking(view: &dyn View, input: &BookingInput, now_ms: i64) -> Outcome<Priced> {
    check::count("booking.lines", input.lines.len(), LINES_MAX)?;
    let context = Context { now_ms, actor: "" };
    let list = price_list("booking.price_list", &input.price_list)?;
    let currency = Settings::load(view)?.currency;
    let mut lines = Vec::with_capacity(input.lines.len());
    for (index, line) in input.lines.iter().enumerate() {
        let field = format_args!("booking.lines[{index}]");
        let place = resolve(view, line, field, &context)?;
        lines.push(price_line(view, line, field, &list, currency, place)?);
    }
    let shipping = check::optional_money("booking.shipping", input.shipping.as_ref(), currency)?;
    let totals = totals(&lines, shipping, "booking.lines")?;
    Ok(Priced { lines, totals, currency, charged_difference_minor: 0 })
}

/// Prices a cart at its till's location; stock is not checked.
pub(crate) fn price_till_sale(view: &dyn View, input: &TillSaleInput) -> Outcome<Priced> {
    check::count("sale.lines", input.lines.len(), LINES_MAX)?;
    let list = price_list("sale.price_list", &input.price_list)?;
    let shift: Shift = need(view, input.shift_id.0)?;
    let till: Till = must(view, shift.till_id.0)?;
    open_location(view, "sale.shift_id", till.location_id)?;
    let place = Place { location: till.location_id, ..Place::default() };
    let currency = shift.currency;
    let mut lines = Vec::with_capacity(input.lines.len());
    let mut charged_difference_minor = 0;
    for (index, line) in input.lines.iter().enumerate() {
        let field = format_args!("sale.lines[{index}]");
        let priced = price_line(view, line, field, &list, currency, place)?;
        if line.charge.is_some() {
            let listed = LineInput { charge: None, ..line.clone() };
            let listed = match price_line(view, &listed, field, &list, currency, place) {
                Ok(listed) => listed.total_minor,
                Err(Stop::Refused(_)) => 0,
                Err(fault) => return Err(fault),
            };
            charged_difference_minor += priced.total_minor - listed;
        }
        lines.push(priced);
    }
    let totals = totals(&lines, 0, "sale.lines")?;
    Ok(Priced { lines, totals, currency, charged_difference_minor })
}

fn price_list(field: &str, name: &str) -> Outcome<String> {
    if name.is_empty() { Ok(RETAIL.to_string()) } else { check::code(field, name, 20) }
}

/// Where a line's goods stand and what claims them already.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    location: LocationId,
    drop_order: DropOrderId,
    hold: HoldId,
}

fn resolve(view: &dyn View, line: &LineInput, field: impl Field, context: &Context<'_>) -> Outcome<Place> {
    match line.source {
        Source::Missing => Err(check::required(format_args!("{field}.source")).into()),
        Source::Location(location_id) => {
            open_location(view, format_args!("{field}.location_id"), location_id)?;
            Ok(Place { location: location_id, ..Place::default() })
        }
        Source::DropOrder(drop_order_id) => {
            let drop_order: DropOrder = super::drop_order::ready(view, drop_order_id, DropOrderAction::Book)
                .named(format_args!("{field}.drop_order_id"))?;
            same_claim(line, field, "Drop Order", drop_order.item_id, drop_order.quantity)?;
            Ok(Place { location: drop_order.to_location_id, drop_order: drop_order_id, ..Place::default() })
        }
        Source::Hold(hold_id) => {
            let hold: Hold = live_hold(view, hold_id, context).named(format_args!("{field}.hold_id"))?;
            same_claim(line, field, "hold", hold.item_id, hold.quantity)?;
            Ok(Place { location: hold.location_id, hold: hold_id, ..Place::default() })
        }
    }
}

fn same_claim(
    line: &LineInput,
    field: impl Field,
    what: &str,
    item_id: ItemId,
    quantity: i64,
) -> Outcome<()> {
    if line.item_id == item_id && line.quantity == quantity {
        return Ok(());
    }
    let message = format!(
        "The {what} is for {quantity} of item {item_id}; the line asks for {} of item {}.",
        line.quantity, line.item_id
    );
    let refusal = Refusal::field(Reason::ItemMismatch, field, message);
    Err(refusal.with("item_id", item_id).with("quantity", quantity).into())
}

fn price_line(
    view: &dyn View,
    input: &LineInput,
    field: impl Field,
    list: &str,
    currency: Currency,
    place: Place,
) -> Outcome<Line> {
    let (item, charge) = match &input.charge {
        None => (live_item(view, format_args!("{field}.item_id"), input.item_id)?, None),
        Some(charge) => {
            let (item, charge) = charged(view, input.item_id, charge, field, currency)?;
            (item, Some(charge))
        }
    };
    let quantity = check::quantity(format_args!("{field}.quantity"), input.quantity)?;
    let (unit_price_minor, tax_class_id) = match charge {
        None => (unit_price(&item, list, quantity, currency, field)?, item.tax_class_id),
        Some(charge) => charge,
    };
    let too_large = || check::amount_out_of_range(field);
    let gross = money::times(unit_price_minor, quantity).ok_or_else(too_large)?;
    let discount_minor =
        check::optional_money(format_args!("{field}.discount"), input.discount.as_ref(), currency)?;
    if discount_minor > gross {
        let message = format!("{field}.discount is more than the line costs.");
        return Err(
            Refusal::field(Reason::AmountOutOfRange, format_args!("{field}.discount"), message).into()
        );
    }
    let net = gross - discount_minor;
    let tax_class =
        tax_class_id.is_some().then(|| must_shared::<TaxClass>(view, tax_class_id.0)).transpose()?;
    let (tax_minor, tax_included, tax_code) = match &tax_class {
        None => (0, false, String::new()),
        Some(class) => {
            let (tax, included) = match class.mode {
                TaxMode::Inclusive => (money::tax_contained(net, class.rate_basis_points), true),
                TaxMode::Exclusive => (money::tax_added(net, class.rate_basis_points), false),
            };
            (tax.ok_or_else(too_large)?, included, class.code.clone())
        }
    };
    let total_minor = money::sum([net, if tax_included { 0 } else { tax_minor }]).ok_or_else(too_large)?;
    Ok(Line {
        item_id: item.item_id,
        sku: item.sku.clone(),
        name: item.name.clone(),
        quantity,
        unit_price_minor,
        discount_minor,
        tax_minor,
        tax_included,
        total_minor,
        location_id: place.location,
        drop_order_id: place.drop_order,
        hold_id: place.hold,
        tax_code,
    })
}

/// The item as it was sold while nobody could be asked: its price and tax class were the till's, and it may be out of the
/// catalogue by now.
fn charged(
    view: &dyn View,
    item_id: ItemId,
    charge: &ChargeInput,
    field: impl Field,
    currency: Currency,
) -> Outcome<(Arc<Item>, (i64, TaxClassId))> {
    if !item_id.is_some() {
        return Err(check::required(format_args!("{field}.item_id")).into());
    }
    let item: Arc<Item> = need_shared(view, item_id.0).named(format_args!("{field}.item_id"))?;
    let price_field = format_args!("{field}.charge.unit_price");
    let price = check::money(price_field, charge.unit_price.as_ref(), Some(currency), 0)?;
    if charge.tax_class_id.is_some() {
        need_shared::<TaxClass>(view, charge.tax_class_id.0)
            .named(format_args!("{field}.charge.tax_class_id"))?;
    }
    Ok((item, (price.minor, charge.tax_class_id)))
}

/// The price of the list with the greatest minimum quantity that the line reaches.
fn unit_price(item: &Item, list: &str, quantity: i64, currency: Currency, field: impl Field) -> Outcome<i64> {
    let price = item
        .prices
        .iter()
        .filter(|price| {
            price.price_list == list && price.min_quantity <= quantity && price.amount.currency == currency
        })
        .max_by_key(|price| price.min_quantity);
    if let Some(price) = price {
        return Ok(price.amount.minor);
    }
    let message = format!("{} has no price in the list {list} for {quantity}.", item.name);
    Err(Refusal::field(Reason::PriceMissing, field, message).with("item_id", item.item_id).into())
}

/// What lines come to, with shipping.
pub(crate) fn totals(lines: &[Line], shipping_minor: i64, field: &str) -> Outcome<Totals> {
    let too_large = || check::amount_out_of_range(field);
    let add = |amounts: &dyn Fn(&Line) -> i64| money::sum(lines.iter().map(amounts)).ok_or_else(too_large);
    let goods_minor = add(&|line| line.unit_price_minor * line.quantity)?;
    let discount_minor = add(&|line| line.discount_minor)?;
    let tax_minor = add(&|line| line.tax_minor)?;
    let tax_added_minor = add(&|line| if line.tax_included { 0 } else { line.tax_minor })?;
    let total_minor =
        money::sum([goods_minor, -discount_minor, tax_added_minor, shipping_minor]).ok_or_else(too_large)?;
    Ok(Totals { goods_minor, discount_minor, tax_minor, tax_added_minor, shipping_minor, total_minor })
}
