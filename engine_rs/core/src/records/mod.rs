//! What stands in the tables: one struct per kind of thing, written as msgpack maps with field names.
//!
//! Times are Unix milliseconds, amounts minor units of the record's currency, ids 0 where there is none.

mod bank;
mod counter;
mod goods;
mod orders;
mod paper;

pub use bank::{
    BankAccount, ColumnMapping, MatchCandidate, MatchingRules, Mutation, MutationAllocation, PendingText,
    PostedText, Proposal, ProposedAllocation, StatementEntry,
};
pub use counter::{Refund, RefundLine, RefundedLine, Sale, Shift, Tender, TenderTotal, Till};
pub use goods::{DropOrder, HOUR_MS, Hold, Item, Location, Price, Settings, TaxClass};
pub use orders::{Address, Allocation, Customer, Line, Order, Totals};
pub use paper::{Courier, Manifest, ManifestLine, Message, Parcel, PrintJob};

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::kv::{Fault, Key, State, View, u64_at};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::tables::Table;

/// A record with an id of its own table.
pub trait Record: Serialize + DeserializeOwned {
    /// Its table.
    const TABLE: Table;
    /// What staff call it.
    const ENTITY: &'static str;
    /// The refusal when there is none.
    const MISSING: Reason;
    /// Its id.
    fn id(&self) -> u64;
}

/// Room for most records, so that few grow while they are written.
const RECORD_BYTES: usize = 1_024;

/// The key of a record by id.
pub fn id_key(id: u64) -> Key {
    Key::new().u64(id)
}

/// Whether a field says nothing: zero, none, an empty text or list. Such fields are left out on disk and read as they were.
pub(crate) fn empty<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}

/// Decodes a record.
pub fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, Fault> {
    rmp_serde::from_slice(bytes).map_err(|error| Fault::Corrupt(format!("a record does not decode: {error}")))
}

/// Encodes a record or event as a msgpack map with field names.
pub fn encode<R: Serialize>(record: &R) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    rmp_serde::encode::write_named(&mut bytes, record)
        .map_err(|error| Fault::Corrupt(format!("a record does not encode: {error}")))?;
    Ok(bytes)
}

/// The record of this id, if there is one.
pub fn find<R: Record>(view: &dyn View, id: u64) -> Result<Option<R>, Fault> {
    // Ids begin at 1; 0 names none.
    if id == 0 {
        return Ok(None);
    }
    view.get(R::TABLE, id_key(id).as_slice())?.map(|bytes| decode(&bytes)).transpose()
}

/// The last id that was given to a kind of record, by the key of its counter; 0: none was.
pub fn last_given(view: &dyn View, counter: u8) -> Result<u64, Fault> {
    let last = view.get(Table::Counters, Key::new().u8(counter).as_slice())?;
    last.map_or(Ok(0), |bytes| u64_at(&bytes, 0))
}

/// The record of this id, or the refusal that there is none.
pub fn need<R: Record>(view: &dyn View, id: u64) -> Outcome<R> {
    find(view, id)?.ok_or_else(|| Refusal::not_found(R::MISSING, R::ENTITY, id).into())
}

/// The record of this id, or the refusal that there is none; from those that are kept decoded, where the view has them.
pub(crate) fn need_shared<R: Record + Send + Sync + 'static>(view: &dyn View, id: u64) -> Outcome<Arc<R>> {
    let record = kept(view, R::TABLE, id, || find(view, id))?;
    record.ok_or_else(|| Refusal::not_found(R::MISSING, R::ENTITY, id).into())
}

/// The same of a record that an event or index says is there.
pub(crate) fn must_shared<R: Record + Send + Sync + 'static>(
    view: &dyn View,
    id: u64,
) -> Result<Arc<R>, Fault> {
    let record = kept(view, R::TABLE, id, || find(view, id))?;
    record.ok_or_else(|| Fault::Corrupt(format!("{} {id} is named but not there", R::ENTITY)))
}

fn kept<R: Send + Sync + 'static>(
    view: &dyn View,
    table: Table,
    id: u64,
    read: impl FnOnce() -> Result<Option<R>, Fault>,
) -> Result<Option<Arc<R>>, Fault> {
    match view.kept() {
        Some(kept) => kept.get_or(table, id, read),
        None => Ok(read()?.map(Arc::new)),
    }
}

/// The record of this id, which an event or index says is there.
pub fn must<R: Record>(view: &dyn View, id: u64) -> Result<R, Fault> {
    find(view, id)?.ok_or_else(|| Fault::Corrupt(format!("{} {id} is named but not there", R::ENTITY)))
}

/// Writes a record.
pub fn save<R: Record>(state: &mut dyn State, record: &R) -> Result<(), Fault> {
    state.put(R::TABLE, id_key(record.id()).as_slice(), &encode(record)?)
}

macro_rules! record {
    ($name:ident, $table:ident, $entity:literal, $missing:ident, $id:ident) => {
        impl Record for $name {
            const TABLE: Table = Table::$table;
            const ENTITY: &'static str = $entity;
            const MISSING: Reason = Reason::$missing;
            fn id(&self) -> u64 {
                self.$id.0
            }
        }
    };
}

use record;
