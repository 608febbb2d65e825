//! The one way the rules see the world: ordered byte tables.
//!
//! Everything Kasir knows stands in tables of ordered keys. The rules read through [`View`] and write through
//! [`State`]; tests hand them a [`Memory`], the store hands them an LMDB transaction. Both hold the same bytes, so that
//! replay, snapshot and live state can be compared byte for byte.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::kept::Kept;
use crate::tables::Table;

/// What can go wrong below the rules. Never a refusal: the caller's command was not the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The store has no room left; the sequencer grows the map and decides the batch anew.
    Full,
    /// Reading or writing failed.
    Io(String),
    /// A record does not decode, or an invariant would break: the store must not be trusted.
    Corrupt(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("the store's map is full"),
            Self::Io(what) => write!(f, "the store cannot be read or written: {what}"),
            Self::Corrupt(what) => write!(f, "the store is not sound: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Called for each entry of a scan, in key order; returns whether to go on.
pub type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<bool, Fault> + 'v;

/// Reads ordered tables.
pub trait View {
    /// The value at `key`, if any.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault>;

    /// Visits entries with `from <= key < to`, ascending, until `visit` returns false.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read, or what `visit` returns.
    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault>;

    /// The same entries, descending.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read, or what `visit` returns.
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault>;

    /// Where this view keeps decoded records, if it does.
    fn kept(&self) -> Option<&Kept> {
        None
    }
}

/// Reads and writes ordered tables. Only `evolve` writes.
pub trait State: View {
    /// Sets the value at `key`.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be written.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault>;

    /// The same where nothing stands yet. False, and nothing changed: something does.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read or written.
    fn put_new(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<bool, Fault> {
        let is_new = self.get(table, key)?.is_none();
        if is_new {
            self.put(table, key, value)?;
        }
        Ok(is_new)
    }

    /// Removes `key`; removing what is not there is no error.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be written.
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault>;

    /// This state, for reading.
    fn view(&self) -> &dyn View;
}

/// Longest key the tables take, in bytes.
pub const KEY_MAX: usize = 240;

/// A key under construction: shard byte first, then big-endian numbers and bytes, so that byte order is the field's order.
#[derive(Clone, Copy)]
pub struct Key {
    len: usize,
    bytes: [u8; KEY_MAX],
}

/// The shard of every key here; one engine serves one shard.
pub const SHARD: u8 = 0;

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl Key {
    /// An empty key of this shard.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = [0; KEY_MAX];
        bytes[0] = SHARD;
        Self { len: 1, bytes }
    }

    /// Appends raw bytes; only as the last part, or with a fixed length. Longer than [`KEY_MAX`] panics: callers bound texts.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        self
    }

    /// Appends one byte.
    #[must_use]
    pub fn u8(self, part: u8) -> Self {
        self.bytes(&[part])
    }

    /// Appends a number, big-endian.
    #[must_use]
    pub fn u32(self, part: u32) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// Appends a number, big-endian.
    #[must_use]
    pub fn u64(self, part: u64) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// Appends a signed number so that byte order is numeric order (sign bit flipped).
    #[must_use]
    pub fn i64(self, part: i64) -> Self {
        self.bytes(&(part.cast_unsigned() ^ (1 << 63)).to_be_bytes())
    }

    /// Appends a text and a zero byte, so that a shorter text sorts before a longer one. Texts hold no zero byte.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes()).u8(0)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The first key after all keys that begin with this one.
    #[must_use]
    pub fn end(mut self) -> Self {
        while self.len > 0 {
            let last = &mut self.bytes[self.len - 1];
            if *last < u8::MAX {
                *last += 1;
                return self;
            }
            self.len -= 1;
        }
        unreachable!("the shard byte is never 255")
    }
}

/// Reads the big-endian u64 at `at` of a key or fixed-width value.
///
/// # Errors
/// [`Fault::Corrupt`] when the bytes are too short.
pub fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Fault> {
    bytes
        .get(at..at + 8)
        .and_then(|slice| slice.try_into().ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| Fault::Corrupt(format!("expected 8 bytes at {at} of {}", bytes.len())))
}

/// Reads a signed number written by [`Key::i64`].
///
/// # Errors
/// [`Fault::Corrupt`] when the bytes are too short.
pub fn i64_key_at(bytes: &[u8], at: usize) -> Result<i64, Fault> {
    Ok((u64_at(bytes, at)? ^ (1 << 63)).cast_signed())
}

/// Tables in memory: for tests and models of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    tables: BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Memory {
    /// Every entry of every table, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.tables
            .iter()
            .flat_map(|(table, rows)| rows.iter().map(move |(k, v)| (*table, k.as_slice(), v.as_slice())))
    }
}

impl View for Memory {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        Ok(self
            .tables
            .get(&table)
            .and_then(|rows| rows.get(key))
            .map(|value| Cow::Borrowed(value.as_slice())))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let Some(rows) = self.tables.get(&table).filter(|_| from < to) else { return Ok(()) };
        for (key, value) in rows.range(from.to_vec()..to.to_vec()) {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let Some(rows) = self.tables.get(&table).filter(|_| from < to) else { return Ok(()) };
        for (key, value) in rows.range(from.to_vec()..to.to_vec()).rev() {
            if !visit(key, value)? {
                break;
            }
        }
        Ok(())
    }
}

impl State for Memory {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.tables.entry(table).or_default().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        if let Some(rows) = self.tables.get_mut(&table) {
            rows.remove(key);
        }
        Ok(())
    }

    fn view(&self) -> &dyn View {
        self
    }
}
