//! Items, their codes, prices and tax classes.

use super::{Answer, Decided, check, next_id};
use crate::codes::{CodeKind, find_code};
use crate::command::{ItemInput, PriceInput, TaxClassInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{ItemId, TaxClassId};
use crate::kv::View;
use crate::money::BASIS_POINTS;
use crate::records::{Item, Price, Settings, TaxClass, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::states::TaxMode;
use crate::text::{self, BarcodeFault};

/// Most barcodes of one item.
const BARCODES_MAX: usize = 20;
/// Longest category in bytes, so that it fits the key of its index.
const CATEGORY_MAX_BYTES: usize = 160;
/// Most prices of one item.
const PRICES_MAX: usize = 20;
/// Most tax classes of a shop.
const TAX_CLASSES_MAX: u64 = 100;

/// Adds a tax class.
pub(crate) fn create_tax_class(view: &dyn View, input: &TaxClassInput) -> Outcome<Decided> {
    let code = check::code("tax_class.code", &input.code, 20)?;
    free_code(view, CodeKind::TaxClass, "tax_class.code", &code)?;
    let rate = check::range("tax_class.rate_basis_points", input.rate_basis_points.into(), 0, BASIS_POINTS)?;
    let id = next_id(view, TaxClassId::COUNTER)?;
    bounded(id, TAX_CLASSES_MAX, "tax classes")?;
    let tax_class = TaxClass {
        tax_class_id: TaxClassId(id),
        name: check::text("tax_class.name", &input.name, 60)?,
        code,
        rate_basis_points: i32::try_from(rate).unwrap_or(0),
        mode: TaxMode::from_number(input.mode).ok_or_else(|| check::required("tax_class.mode"))?,
    };
    let answer = Answer::TaxClass(tax_class.tax_class_id);
    Ok(Decided::one(Event::TaxClassCreated(tax_class), answer))
}

/// Refuses a code that another thing of its kind has.
pub(crate) fn free_code(view: &dyn View, kind: CodeKind, field: &str, code: &str) -> Outcome<()> {
    match find_code(view, kind, code)? {
        None => Ok(()),
        Some(id) => Err(Refusal::field(Reason::CodeTaken, field, format!("{code} is used already."))
            .with("id", id)
            .into()),
    }
}

/// Refuses more than a shop's lists take.
pub(crate) fn bounded(id: u64, max: u64, what: &str) -> Outcome<()> {
    if id > max {
        return Err(Refusal::new(Reason::TooManyElements, format!("A shop has at most {max} {what}."))
            .with("max", max)
            .into());
    }
    Ok(())
}

/// Adds an item.
pub(crate) fn create_item(view: &dyn View, input: &ItemInput, context: &Context<'_>) -> Outcome<Decided> {
    let item_id = ItemId(next_id(view, ItemId::COUNTER)?);
    let item = checked_item(view, input, item_id, 1, context.now_ms)?;
    Ok(Decided::one(Event::ItemCreated(Box::new(item)), Answer::Item(item_id)))
}

/// Replaces an item.
pub(crate) fn update_item(view: &dyn View, input: &ItemInput) -> Outcome<Decided> {
    let current: Item = need(view, input.item_id.0).named("item.item_id")?;
    if current.version != input.version {
        return Err(Refusal::stale("item", current.item_id.0, current.version, input.version)
            .with("field", "item.version")
            .into());
    }
    let item = checked_item(view, input, current.item_id, current.version + 1, current.create_ms)?;
    Ok(Decided::one(Event::ItemUpdated(Box::new(item)), Answer::Item(current.item_id)))
}

fn checked_item(
    view: &dyn View,
    input: &ItemInput,
    item_id: ItemId,
    version: i64,
    create_ms: i64,
) -> Outcome<Item> {
    let sku = check::code("item.sku", &input.sku, 40)?;
    if let Some(other) = find_code(view, CodeKind::Sku, &sku)?.filter(|other| *other != item_id.0) {
        let message = format!("Item {other} has the SKU {sku} already.");
        return Err(Refusal::field(Reason::SkuTaken, "item.sku", message).with("item_id", other).into());
    }
    if input.tax_class_id.is_some() {
        need::<TaxClass>(view, input.tax_class_id.0).named("item.tax_class_id")?;
    }
    let category = check::optional_text("item.category", &input.category, 60)?;
    if category.len() > CATEGORY_MAX_BYTES {
        let message = "item.category is too long in its script; shorten it.";
        return Err(Refusal::field(Reason::FieldTooLong, "item.category", message).into());
    }
    Ok(Item {
        item_id,
        sku,
        name: check::text("item.name", &input.name, 200)?,
        category,
        barcodes: checked_barcodes(view, &input.barcodes, item_id)?,
        prices: checked_prices(view, &input.prices)?,
        tax_class_id: input.tax_class_id,
        weight_grams: check::range("item.weight_grams", input.weight_grams, 0, 1_000_000_000)?,
        inactive: input.inactive,
        reorder_point: check::range("item.reorder_point", input.reorder_point, 0, 1_000_000_000)?,
        version,
        create_ms,
    })
}

fn checked_barcodes(view: &dyn View, barcodes: &[String], item_id: ItemId) -> Outcome<Vec<String>> {
    check::at_most("item.barcodes", barcodes.len(), BARCODES_MAX)?;
    let mut checked: Vec<String> = Vec::with_capacity(barcodes.len());
    for (index, barcode) in barcodes.iter().enumerate() {
        let field = format!("item.barcodes[{index}]");
        let shown: String = barcode.chars().take(48).collect();
        match text::check_barcode(barcode) {
            Ok(()) => {}
            Err(BarcodeFault::CheckDigit) => {
                let message = format!("The barcode {shown} has a wrong check digit.");
                return Err(Refusal::field(Reason::BarcodeCheckDigit, &field, message)
                    .with("barcode", shown)
                    .into());
            }
            Err(BarcodeFault::Malformed) => {
                let message = "A barcode has 1 to 48 printable characters without blanks.";
                return Err(Refusal::field(Reason::FieldMalformed, &field, message).into());
            }
        }
        let canonical = text::canonical_barcode(barcode);
        let taken = find_code(view, CodeKind::Barcode, &canonical)?.filter(|other| *other != item_id.0);
        if taken.is_some() || checked.contains(&canonical) {
            let owner = taken.map_or_else(|| "This item".to_string(), |other| format!("Item {other}"));
            let refusal = Refusal::field(
                Reason::BarcodeTaken,
                &field,
                format!("{owner} has the barcode {barcode} already."),
            );
            return Err(refusal.with("barcode", barcode).with("item_id", taken.unwrap_or(item_id.0)).into());
        }
        checked.push(canonical);
    }
    Ok(checked)
}

fn checked_prices(view: &dyn View, prices: &[PriceInput]) -> Outcome<Vec<Price>> {
    check::at_most("item.prices", prices.len(), PRICES_MAX)?;
    let shop = Settings::load(view)?.currency;
    let mut checked: Vec<Price> = Vec::with_capacity(prices.len());
    for (index, price) in prices.iter().enumerate() {
        let field = |part: &str| format!("item.prices[{index}].{part}");
        let amount = check::money(&field("amount"), price.amount.as_ref(), Some(shop), 0)?;
        let price = Price {
            price_list: check::code(&field("price_list"), &price.price_list, 20)?,
            min_quantity: check::quantity(&field("min_quantity"), price.min_quantity)?,
            amount,
        };
        if checked
            .iter()
            .any(|other| other.price_list == price.price_list && other.min_quantity == price.min_quantity)
        {
            let message =
                format!("The price list {} has two prices from {} on.", price.price_list, price.min_quantity);
            return Err(Refusal::field(Reason::FieldMalformed, field("min_quantity"), message).into());
        }
        checked.push(price);
    }
    Ok(checked)
}
