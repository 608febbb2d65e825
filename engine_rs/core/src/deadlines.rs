//! What ends by itself, in the order of time.

use crate::kv::{Fault, Key, State, View, i64_key_at, u64_at};
use crate::tables::Table;

/// What kind of thing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// An open order's payment deadline.
    Order = 1,
    /// A hold.
    Hold = 2,
    /// A Drop Order's own claim.
    DropOrder = 3,
    /// A closed order's reserved payable.
    Payable = 4,
    /// The reminder of an open order's deadline.
    Reminder = 5,
}

/// One deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// When, Unix milliseconds.
    pub due_ms: i64,
    /// Of what.
    pub kind: DeadlineKind,
    /// Of which.
    pub id: u64,
}

impl Deadline {
    pub(crate) fn key(self) -> Key {
        Key::new().i64(self.due_ms).u8(self.kind as u8).u64(self.id)
    }

    /// Reads a key of the table.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] when it is none.
    pub fn from_key(key: &[u8]) -> Result<Self, Fault> {
        let kind = match key.get(9) {
            Some(1) => DeadlineKind::Order,
            Some(2) => DeadlineKind::Hold,
            Some(3) => DeadlineKind::DropOrder,
            Some(4) => DeadlineKind::Payable,
            Some(5) => DeadlineKind::Reminder,
            _ => return Err(Fault::Corrupt("a deadline of no known kind".into())),
        };
        Ok(Self { due_ms: i64_key_at(key, 1)?, kind, id: u64_at(key, 10)? })
    }
}

/// Up to `limit` deadlines at or before `now_ms`, earliest first.
pub fn due(view: &dyn View, now_ms: i64, limit: usize) -> Result<Vec<Deadline>, Fault> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let end = Key::new().i64(now_ms.saturating_add(1));
    view.scan(Table::Deadlines, Key::new().as_slice(), end.as_slice(), &mut |key, _| {
        found.push(Deadline::from_key(key)?);
        Ok(found.len() < limit)
    })?;
    Ok(found)
}

/// When the next deadline is, if any.
pub fn next_due_ms(view: &dyn View) -> Result<Option<i64>, Fault> {
    let mut next = None;
    view.scan(Table::Deadlines, Key::new().as_slice(), Key::new().end().as_slice(), &mut |key, _| {
        next = Some(i64_key_at(key, 1)?);
        Ok(false)
    })?;
    Ok(next)
}

pub(crate) fn put(state: &mut dyn State, due_ms: i64, kind: DeadlineKind, id: u64) -> Result<(), Fault> {
    state.put(Table::Deadlines, Deadline { due_ms, kind, id }.key().as_slice(), &[])
}

pub(crate) fn delete(state: &mut dyn State, due_ms: i64, kind: DeadlineKind, id: u64) -> Result<(), Fault> {
    state.delete(Table::Deadlines, Deadline { due_ms, kind, id }.key().as_slice())
}
