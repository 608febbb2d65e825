//! Settings, tax classes, locations, items, couriers, bank accounts with their column mappings, and that counters are of known kinds.

use std::collections::BTreeSet;

use super::index::Indexed;
use super::{Audit, hex};
use crate::codes::{CodeKind, account_code_in, code_key};
use crate::kv::{Fault, Key};
use crate::records::{
    BankAccount, ColumnMapping, Courier, Item, Location, Record, Refund, Settings, TaxClass,
};
use crate::tables::Table;
use crate::text::canonical_barcode;

pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Fault> {
    match Settings::load(audit.view) {
        Ok(_) => {}
        Err(Fault::Corrupt(what)) => audit.broken(format!("The settings: {what}.")),
        Err(fault @ (Fault::Io(_) | Fault::Full)) => return Err(fault),
    }
    counters(audit)?;
    audit.each::<TaxClass>(|_, _| Ok(()))?;
    audit.each::<Location>(|_, _| Ok(()))?;
    audit.each::<Courier>(|_, _| Ok(()))?;
    audit.each::<Item>(item)?;
    audit.each::<BankAccount>(|audit, account| {
        let who = format!("Bank account {}", account.bank_account_id);
        let range = 1..=account.unique_code_max;
        audit.demand(range.contains(&account.unique_code_min), || {
            format!("{who} has unique codes from {} to {}.", account.unique_code_min, account.unique_code_max)
        });
        let mut codes = 0;
        for text in [account.number.clone(), account_code_in(&account.number, account.currency)] {
            let key = code_key(CodeKind::BankAccount, &text);
            let owner = audit.view.get(Table::Codes, key.as_slice())?;
            codes += usize::from(owner.is_some_and(|owner| *owner == account.id().to_be_bytes()));
        }
        audit.demand(codes > 0, || format!("{who} has no row in codes."));
        audit.demand(codes < 2, || format!("{who} has {codes} rows in codes."));
        Ok(())
    })?;
    audit.each::<ColumnMapping>(|audit, mapping| {
        let who = format!("Column mapping {}", mapping.column_mapping_id);
        audit.names::<BankAccount>(&who, mapping.bank_account_id.0)?;
        let is_whole = !mapping.name.is_empty() && !mapping.mapping.is_empty();
        audit.demand(is_whole, || format!("{who} has no name, or says nothing."));
        Ok(())
    })
}

fn item(audit: &mut Audit<'_>, item: &Item) -> Result<(), Fault> {
    let who = format!("Item {}", item.item_id);
    audit.names::<TaxClass>(&who, item.tax_class_id.0)?;
    let barcodes: BTreeSet<String> = item.barcodes.iter().map(|code| canonical_barcode(code)).collect();
    audit.demand(barcodes.len() == item.barcodes.len(), || format!("{who} has a barcode twice."));
    let priced = item.prices.iter().all(|price| price.amount.minor >= 0 && price.min_quantity >= 1);
    audit.demand(priced, || format!("{who} has a price below zero, or one from no quantity on."));
    Ok(())
}

/// Every counter is one that gives ids of a known kind. That none is behind is checked with each kind's records.
fn counters(audit: &mut Audit<'_>) -> Result<(), Fault> {
    let known = TaxClass::COUNTER..=Refund::COUNTER;
    let (view, all) = (audit.view, Key::new());
    view.scan(Table::Counters, all.as_slice(), all.end().as_slice(), &mut |key, value| {
        audit.report.records += 1;
        let right = matches!(key, [_, kind] if known.contains(kind)) && value.len() == 8;
        audit.demand(right, || format!("counters has a row of a wrong form: {}.", hex(key)));
        Ok(true)
    })
}
