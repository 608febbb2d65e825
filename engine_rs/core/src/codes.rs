//! Codes that only one thing may have: SKUs, barcodes, phones, airway bills, short names.

use crate::ids::{BankAccountId, CourierId};
use crate::kv::{Fault, Key, State, View, u64_at};
use crate::money::Currency;
use crate::records::{BankAccount, must};
use crate::scan;
use crate::tables::Table;

/// What kind of thing a code names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// A tax class's code.
    TaxClass = 1,
    /// A location's code.
    Location = 2,
    /// A till's code.
    Till = 3,
    /// A courier's code.
    Courier = 4,
    /// A bank account's number, see [`account_code`].
    BankAccount = 5,
    /// An item's SKU.
    Sku = 6,
    /// An item's barcode.
    Barcode = 7,
    /// A customer's phone.
    Phone = 8,
    /// A parcel's airway bill, see [`airway_bill_code`].
    AirwayBill = 9,
    /// A column mapping's name, see [`column_mapping_code`].
    ColumnMapping = 10,
}

impl CodeKind {
    /// Every kind.
    pub const ALL: &'static [CodeKind] = &[
        Self::TaxClass,
        Self::Location,
        Self::Till,
        Self::Courier,
        Self::BankAccount,
        Self::Sku,
        Self::Barcode,
        Self::Phone,
        Self::AirwayBill,
        Self::ColumnMapping,
    ];
}

/// The key of a code. Codes are bounded by their fields' limits, at most 60 characters.
pub fn code_key(kind: CodeKind, text: &str) -> Key {
    Key::new().u8(kind as u8).bytes(text.as_bytes())
}

/// Longest code in bytes that a key takes; longer ones name nothing.
pub const CODE_MAX: usize = 200;

/// The id of what a code names.
pub fn find_code(view: &dyn View, kind: CodeKind, text: &str) -> Result<Option<u64>, Fault> {
    if text.len() > CODE_MAX {
        return Ok(None);
    }
    view.get(Table::Codes, code_key(kind, text).as_slice())?.map(|bytes| u64_at(&bytes, 0)).transpose()
}

/// The code of an airway bill: couriers number theirs without asking each other. A number holds no blank.
pub fn airway_bill_code(courier_id: CourierId, number: &str) -> String {
    format!("{number} {courier_id}")
}

/// The code of a bank account that is to be: its number, or that with the currency when an account in another currency has the
/// number. Only in one currency a number is one account's.
pub(crate) fn account_code(view: &dyn View, number: &str, currency: Currency) -> Result<String, Fault> {
    let other = find_code(view, CodeKind::BankAccount, number)?
        .map(|id| must::<BankAccount>(view, id))
        .transpose()?;
    Ok(match other {
        Some(other) if other.currency != currency => account_code_in(number, currency),
        Some(_) | None => number.to_owned(),
    })
}

/// The code of a bank account whose number another one had before. A number holds no blank.
pub(crate) fn account_code_in(number: &str, currency: Currency) -> String {
    format!("{number} {}", currency.code())
}

/// The code of a column mapping: each bank account names its own, in any case. A name holds no blank.
pub fn column_mapping_code(bank_account_id: BankAccountId, name: &str) -> String {
    format!("{} {bank_account_id}", name.to_ascii_lowercase())
}

/// The parcels with an airway bill of this number, of whichever courier, by the couriers' ids written out.
pub fn find_airway_bills(view: &dyn View, number: &str) -> Result<Vec<u64>, Fault> {
    let mut found = Vec::new();
    if number.len() >= CODE_MAX {
        return Ok(found);
    }
    let prefix = code_key(CodeKind::AirwayBill, &format!("{number} "));
    view.scan(Table::Codes, prefix.as_slice(), prefix.end().as_slice(), &mut |_, value| {
        found.push(u64_at(value, 0)?);
        Ok(true)
    })?;
    Ok(found)
}

/// The item that a scan names: the first of its readings that the catalogue has.
pub fn find_scanned(view: &dyn View, scanned: &str) -> Result<Option<u64>, Fault> {
    for reading in scan::readings(scanned) {
        if let Some(item) = find_code(view, CodeKind::Barcode, &reading)? {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

pub(crate) fn put_code(state: &mut dyn State, kind: CodeKind, text: &str, id: u64) -> Result<(), Fault> {
    state.put(Table::Codes, code_key(kind, text).as_slice(), &id.to_be_bytes())
}

pub(crate) fn delete_code(state: &mut dyn State, kind: CodeKind, text: &str) -> Result<(), Fault> {
    state.delete(Table::Codes, code_key(kind, text).as_slice())
}
