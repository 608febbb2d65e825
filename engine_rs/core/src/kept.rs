//! Records that every command reads and few commands change, kept decoded: settings, items, places, tax classes,
//! bank accounts. And what is where of an item, which is read when it is decided upon and again when it is changed.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ids::{ItemId, LocationId};
use crate::kv::{Fault, u64_at};
use crate::tables::Table;

/// Records kept at most, and balances; then all are let go, and those in use come back.
const KEPT_MAX: usize = 65_536;

type Row = Arc<dyn Any + Send + Sync>;

/// Decoded records of a state. Whoever lets a state have one calls [`Kept::forget`] for each row it writes, and
/// [`Kept::clear`] when what was written is taken back.
#[derive(Debug, Default)]
pub struct Kept {
    rows: RefCell<FxHashMap<(Table, u64), Row>>,
    /// On hand and held.
    balances: RefCell<FxHashMap<(u64, u64), [i64; 2]>>,
}

impl Kept {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of this table and id: as kept, or as `decode` finds it. What is not there is not kept.
    pub(crate) fn get_or<R: Send + Sync + 'static>(
        &self,
        table: Table,
        id: u64,
        decode: impl FnOnce() -> Result<Option<R>, Fault>,
    ) -> Result<Option<Arc<R>>, Fault> {
        if let Some(row) = self.rows.borrow().get(&(table, id)) {
            let row = Arc::clone(row).downcast();
            return row.map(Some).map_err(|_| Fault::Corrupt("a table keeps records of two kinds".into()));
        }
        let Some(record) = decode()?.map(Arc::new) else { return Ok(None) };
        let mut rows = self.rows.borrow_mut();
        if rows.len() >= KEPT_MAX {
            rows.clear();
        }
        rows.insert((table, id), Arc::clone(&record) as Row);
        Ok(Some(record))
    }

    /// On hand and held of an item at a location: as kept, or as `read` finds them.
    pub(crate) fn balances_or(
        &self,
        item_id: ItemId,
        location_id: LocationId,
        read: impl FnOnce() -> Result<[i64; 2], Fault>,
    ) -> Result<[i64; 2], Fault> {
        if let Some(found) = self.balances.borrow().get(&(item_id.0, location_id.0)) {
            return Ok(*found);
        }
        let found = read()?;
        self.keep_balances(item_id, location_id, found);
        Ok(found)
    }

    /// Keeps what was just written.
    pub(crate) fn keep_balances(&self, item_id: ItemId, location_id: LocationId, now: [i64; 2]) {
        let mut balances = self.balances.borrow_mut();
        if balances.len() >= KEPT_MAX {
            balances.clear();
        }
        balances.insert((item_id.0, location_id.0), now);
    }

    /// The row at `key` is written or removed.
    pub fn forget(&mut self, table: Table, key: &[u8]) {
        if table.is_kept() {
            self.rows.get_mut().remove(&(table, kept_id(key)));
        } else if table == Table::Stocks
            && let (Ok(item_id), Ok(location_id)) = (u64_at(key, 1), u64_at(key, 9))
        {
            self.balances.get_mut().remove(&(item_id, location_id));
        }
    }

    /// Lets everything go.
    pub fn clear(&mut self) {
        self.rows.get_mut().clear();
        self.balances.get_mut().clear();
    }
}

/// The id in a record's key; the settings, which are alone in their table, have none.
fn kept_id(key: &[u8]) -> u64 {
    u64_at(key, 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Key;
    use crate::records::id_key;

    fn read(kept: &Kept, id: u64, now: Option<u32>) -> Option<u32> {
        kept.get_or(Table::Items, id, || Ok(now)).unwrap().map(|record| *record)
    }

    #[test]
    fn what_is_kept_is_not_read_again_until_it_is_written() {
        let mut kept = Kept::new();
        assert_eq!(read(&kept, 1, None), None, "what is not there is not kept");
        assert_eq!(read(&kept, 1, Some(10)), Some(10));
        assert_eq!(read(&kept, 1, Some(11)), Some(10));
        kept.forget(Table::Items, id_key(2).as_slice());
        kept.forget(Table::Orders, id_key(1).as_slice());
        assert_eq!(read(&kept, 1, Some(12)), Some(10), "others were written");
        kept.forget(Table::Items, id_key(1).as_slice());
        assert_eq!(read(&kept, 1, Some(13)), Some(13));
        kept.clear();
        assert_eq!(read(&kept, 1, Some(14)), Some(14));
    }

    #[test]
    fn settings_are_kept_without_an_id() {
        let mut kept = Kept::new();
        let settings = |kept: &Kept, now: u32| {
            kept.get_or(Table::Settings, 0, || Ok(Some(now))).unwrap().map(|record| *record)
        };
        assert_eq!((settings(&kept, 1), settings(&kept, 2)), (Some(1), Some(1)));
        kept.forget(Table::Settings, Key::new().as_slice());
        assert_eq!(settings(&kept, 3), Some(3));
    }

    #[test]
    fn balances_are_kept_until_they_are_written_by_others() {
        let mut kept = Kept::new();
        let read = |kept: &Kept, item: u64, location: u64, now: i64| {
            kept.balances_or(ItemId(item), LocationId(location), || Ok([now, 0])).unwrap()[0]
        };
        assert_eq!((read(&kept, 1, 2, 5), read(&kept, 1, 2, 6), read(&kept, 2, 1, 7)), (5, 5, 7));
        kept.keep_balances(ItemId(1), LocationId(2), [8, 0]);
        assert_eq!(read(&kept, 1, 2, 9), 8);
        let key = |item: u64, location: u64| Key::new().u64(item).u64(location);
        kept.forget(Table::StocksByLocation, key(1, 2).as_slice());
        kept.forget(Table::Stocks, key(1, 3).as_slice());
        assert_eq!(read(&kept, 1, 2, 9), 8, "others were written");
        kept.forget(Table::Stocks, key(1, 2).as_slice());
        assert_eq!((read(&kept, 1, 2, 9), read(&kept, 2, 1, 9)), (9, 7));
        kept.clear();
        assert_eq!(read(&kept, 1, 2, 10), 10);
    }

    #[test]
    fn it_is_bounded() {
        let kept = Kept::new();
        for id in 0..=KEPT_MAX as u64 {
            read(&kept, id, Some(1));
            kept.keep_balances(ItemId(id), LocationId(1), [1, 0]);
        }
        assert_eq!(kept.rows.borrow().len(), 1, "only the last one, after all were let go");
        assert_eq!(kept.balances.borrow().len(), 1);
    }

    #[test]
    fn a_record_of_another_kind_is_corruption() {
        let kept = Kept::new();
        read(&kept, 1, Some(1));
        let other = kept.get_or(Table::Items, 1, || Ok(Some(String::new())));
        assert!(matches!(other, Err(Fault::Corrupt(_))));
    }
}
