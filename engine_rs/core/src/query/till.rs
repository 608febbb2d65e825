//! Reading sales, tills and shifts.

use super::page::{Page, Paged, newest, newest_under, oldest};
use crate::ids::{SaleId, ShiftId};
use crate::kv::{Key, View};
use crate::records::{Sale, Shift, Till, need};
use crate::refusal::{Named, Outcome};
use crate::tables::Table;

/// One sale.
pub fn sale(view: &dyn View, sale_id: SaleId) -> Outcome<Sale> {
    need(view, sale_id.0).named("sale_id")
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
