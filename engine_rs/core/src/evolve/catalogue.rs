//! What is set up: items, places, accounts, customers.

use super::index::given;
use crate::codes::{CodeKind, account_code, column_mapping_code, delete_code, put_code};
use crate::ids::{
    BankAccountId, ColumnMappingId, CourierId, CustomerId, ItemId, LocationId, TaxClassId, TillId,
};
use crate::kv::{Fault, Key, State};
use crate::records::{
    BankAccount, ColumnMapping, Courier, Customer, Item, Location, MatchingRules, TaxClass, Till, find,
    id_key, must, save,
};
use crate::tables::Table;
use crate::text::{canonical_barcode, words};

pub(super) fn tax_class_created(state: &mut dyn State, tax_class: &TaxClass) -> Result<(), Fault> {
    given(state, TaxClassId::COUNTER, tax_class.tax_class_id.0)?;
    put_code(state, CodeKind::TaxClass, &tax_class.code, tax_class.tax_class_id.0)?;
    save(state, tax_class)
}

pub(super) fn location_created(state: &mut dyn State, location: &Location) -> Result<(), Fault> {
    given(state, LocationId::COUNTER, location.location_id.0)?;
    put_code(state, CodeKind::Location, &location.code, location.location_id.0)?;
    save(state, location)
}

pub(super) fn bank_account_created(state: &mut dyn State, account: &BankAccount) -> Result<(), Fault> {
    given(state, BankAccountId::COUNTER, account.bank_account_id.0)?;
    let code = account_code(state.view(), &account.number, account.currency)?;
    put_code(state, CodeKind::BankAccount, &code, account.bank_account_id.0)?;
    save(state, account)
}

pub(super) fn matching_rules_set(
    state: &mut dyn State,
    bank_account_id: BankAccountId,
    rules: MatchingRules,
) -> Result<(), Fault> {
    let mut account: BankAccount = must(state.view(), bank_account_id.0)?;
    account.matching_rules = rules;
    save(state, &account)
}

pub(super) fn column_mapping_saved(state: &mut dyn State, mapping: &ColumnMapping) -> Result<(), Fault> {
    let id = mapping.column_mapping_id.0;
    let code = column_mapping_code(mapping.bank_account_id, &mapping.name);
    // One that is replaced keeps its id and its code.
    if find::<ColumnMapping>(state.view(), id)?.is_none() {
        given(state, ColumnMappingId::COUNTER, id)?;
        put_code(state, CodeKind::ColumnMapping, &code, id)?;
    }
    save(state, mapping)
}

pub(super) fn column_mapping_deleted(state: &mut dyn State, id: ColumnMappingId) -> Result<(), Fault> {
    let mapping: ColumnMapping = must(state.view(), id.0)?;
    let code = column_mapping_code(mapping.bank_account_id, &mapping.name);
    delete_code(state, CodeKind::ColumnMapping, &code)?;
    state.delete(Table::ColumnMappings, id_key(id.0).as_slice())
}

pub(super) fn courier_created(state: &mut dyn State, courier: &Courier) -> Result<(), Fault> {
    given(state, CourierId::COUNTER, courier.courier_id.0)?;
    put_code(state, CodeKind::Courier, &courier.code, courier.courier_id.0)?;
    save(state, courier)
}

pub(super) fn till_created(state: &mut dyn State, till: &Till) -> Result<(), Fault> {
    given(state, TillId::COUNTER, till.till_id.0)?;
    put_code(state, CodeKind::Till, &till.code, till.till_id.0)?;
    save(state, till)
}

pub(super) fn customer_created(state: &mut dyn State, customer: &Customer) -> Result<(), Fault> {
    given(state, CustomerId::COUNTER, customer.customer_id.0)?;
    put_phone(state, customer)?;
    save(state, customer)
}

/// A customer whose data were erased has none: so it stands in a journal that is read since.
fn put_phone(state: &mut dyn State, customer: &Customer) -> Result<(), Fault> {
    if customer.phone.is_empty() {
        return Ok(());
    }
    put_code(state, CodeKind::Phone, &customer.phone, customer.customer_id.0)
}

pub(super) fn customer_updated(state: &mut dyn State, customer: &Customer) -> Result<(), Fault> {
    let before: Customer = must(state.view(), customer.customer_id.0)?;
    if !before.phone.is_empty() {
        delete_code(state, CodeKind::Phone, &before.phone)?;
    }
    put_phone(state, customer)?;
    save(state, customer)
}

pub(super) fn item_created(state: &mut dyn State, item: &Item) -> Result<(), Fault> {
    given(state, ItemId::COUNTER, item.item_id.0)?;
    index_item(state, item)?;
    save(state, item)
}

pub(super) fn item_updated(state: &mut dyn State, item: &Item) -> Result<(), Fault> {
    let before: Item = must(state.view(), item.item_id.0)?;
    unindex_item(state, &before)?;
    index_item(state, item)?;
    save(state, item)
}

fn category_key(item: &Item) -> Key {
    Key::new().text(&item.category).u64(item.item_id.0)
}

fn index_item(state: &mut dyn State, item: &Item) -> Result<(), Fault> {
    let id = item.item_id.0;
    put_code(state, CodeKind::Sku, &item.sku, id)?;
    for barcode in &item.barcodes {
        put_code(state, CodeKind::Barcode, &canonical_barcode(barcode), id)?;
    }
    for word in words(&item.name) {
        state.put(Table::ItemWords, Key::new().text(&word).u64(id).as_slice(), &[])?;
    }
    state.put(Table::ItemsByCategory, category_key(item).as_slice(), &[])
}

fn unindex_item(state: &mut dyn State, item: &Item) -> Result<(), Fault> {
    let id = item.item_id.0;
    delete_code(state, CodeKind::Sku, &item.sku)?;
    for barcode in &item.barcodes {
        delete_code(state, CodeKind::Barcode, &canonical_barcode(barcode))?;
    }
    for word in words(&item.name) {
        state.delete(Table::ItemWords, Key::new().text(&word).u64(id).as_slice())?;
    }
    state.delete(Table::ItemsByCategory, category_key(item).as_slice())
}
