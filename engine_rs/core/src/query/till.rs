//! Reading sales, tills and shifts.

use super::page::{Page, Paged, newest, newest_under, oldest};
use crate::ids::{RefundId, SaleId, ShiftId};
use crate::kv::{Key, View, u64_at};
use crate::records::{Refund, Sale, Shift, Till, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::tables::Table;

/// Longest number of a receipt, in bytes.
const RECEIPT_BYTES_MAX: usize = 160;

/// One sale.
pub fn sale(view: &dyn View, sale_id: SaleId) -> Outcome<Sale> {
    need(view, sale_id.0).named("sale_id")
}

/// The sale with this number on its receipt, the till's; the newest of several.
pub fn sale_by_receipt(view: &dyn View, receipt: &str) -> Outcome<Sale> {
    let receipt = receipt.trim();
    let unknown = || Refusal::not_found(Reason::SaleNotFound, "sale with the receipt", receipt);
    if receipt.len() > RECEIPT_BYTES_MAX {
        return Err(unknown().with("field", "receipt").into());
    }
    let prefix = Key::new().text(receipt);
    let mut newest = None;
    view.scan_back(Table::SalesByReceipt, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
        newest = Some(u64_at(key, prefix.as_slice().len())?);
        Ok(false)
    })?;
    match newest {
        Some(sale_id) => Ok(must(view, sale_id)?),
        None => Err(unknown().with("field", "receipt").into()),
    }
}

/// One refund.
pub fn refund(view: &dyn View, refund_id: RefundId) -> Outcome<Refund> {
    need(view, refund_id.0).named("refund_id")
}

/// Refunds newest first, of one sale (0 is all).
pub fn list_refunds(view: &dyn View, sale_id: SaleId, page: &Page) -> Outcome<Paged<Refund>> {
    if !sale_id.is_some() {
        return Ok(newest(view, page, |_| true)?);
    }
    need::<Sale>(view, sale_id.0).named("sale_id")?;
    Ok(newest_under(view, Table::RefundsBySale, &[Key::new().u64(sale_id.0)], page, |_| true)?)
}

/// Sales newest first, of one shift (0 is all).
pub fn list_sales(view: &dyn View, shift_id: ShiftId, page: &Page) -> Outcome<Paged<Sale>> {
    if !shift_id.is_some() {
        return Ok(newest(view, page, |_| true)?);
    }
    need::<Shift>(view, shift_id.0).named("shift_id")?;
    Ok(newest_under(view, Table::SalesByShift, &[Key::new().u64(shift_id.0)], page, |_| true)?)
}

/// All tills by id.
pub fn list_tills(view: &dyn View, page: &Page) -> Outcome<Paged<Till>> {
    Ok(oldest(view, page)?)
}

/// A shift as it stands: the X report while it is open, the Z report afterwards.
pub fn shift(view: &dyn View, shift_id: ShiftId) -> Outcome<Shift> {
    need(view, shift_id.0).named("shift_id")
}

/// Shifts newest first.
pub fn list_shifts(view: &dyn View, page: &Page) -> Outcome<Paged<Shift>> {
    Ok(newest(view, page, |_| true)?)
}
