//! Counters and indexes by state.

use crate::kv::{Fault, Key, State};
use crate::records::last_given;
use crate::tables::Table;

/// Records that an id of a kind was given: ids are gapless per kind.
pub(super) fn given(state: &mut dyn State, counter: u8, id: u64) -> Result<(), Fault> {
    let last = last_given(state, counter)?;
    if id != last + 1 {
        return Err(Fault::Corrupt(format!("id {id} of kind {counter} follows {last}")));
    }
    state.put(Table::Counters, Key::new().u8(counter).as_slice(), &id.to_be_bytes())
}

/// Moves an entry of a (state, id) index.
pub(super) fn moved(
    state: &mut dyn State,
    table: Table,
    from: Option<u8>,
    to: u8,
    id: u64,
) -> Result<(), Fault> {
    if from == Some(to) {
        return Ok(());
    }
    if let Some(from) = from {
        state.delete(table, Key::new().u8(from).u64(id).as_slice())?;
    }
    state.put(table, Key::new().u8(to).u64(id).as_slice(), &[])
}
