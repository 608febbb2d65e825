//! Pages: every list is cut by the id of the last row given, and every page's work is bounded.

use std::collections::BinaryHeap;

use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Record, decode, id_key};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::tables::Table;

/// Rows of a page when the caller does not say.
const LIST_DEFAULT: usize = 100;
/// Most rows of a page.
const LIST_MAX: usize = 1_000;
/// Rows found when the caller does not say.
const FIND_DEFAULT: usize = 20;
/// Most rows found at once.
const FIND_MAX: usize = 200;
/// A page ends after so many bytes of records, so that its message stays below gRPC's usual 4 MiB.
const PAGE_BYTES: usize = 2 << 20;
/// Most rows looked at for one page when a filter has no index of its own.
pub(super) const LOOKED_AT_MAX: usize = 5_000;
/// Most rows of a table that is read whole.
const WHOLE_MAX: usize = 1_000;
/// Bytes of an index key after its prefix: the id.
const ID_BYTES: usize = 8;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows.
    pub size: usize,
    /// Go on after the row with this id; `None` is the beginning.
    pub after: Option<u64>,
}

impl Page {
    /// The page of a list request: 0 is 100 rows, more than 1,000 is 1,000.
    pub fn list(page_size: i32, page_token: &str) -> Outcome<Self> {
        Ok(Self { size: size("page_size", page_size, LIST_DEFAULT, LIST_MAX)?, after: after(page_token)? })
    }

    /// The page of a list of which a shop has no more than a page: 0 is all of it.
    pub fn small_list(page_size: i32, page_token: &str) -> Outcome<Self> {
        Ok(Self { size: size("page_size", page_size, LIST_MAX, LIST_MAX)?, after: after(page_token)? })
    }

    /// The page of a search: 0 is 20 rows, more than 200 is 200.
    pub fn find(page_size: i32, page_token: &str) -> Outcome<Self> {
        Ok(Self { size: size("page_size", page_size, FIND_DEFAULT, FIND_MAX)?, after: after(page_token)? })
    }
}

/// A number of rows asked for: 0 takes the default, too many takes the most (AIP-158), negative is refused.
pub(super) fn size(field: &str, asked: i32, default: usize, most: usize) -> Outcome<usize> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size.min(most)),
        Err(_) => {
            Err(Refusal::field(Reason::FieldOutOfRange, field, "A page cannot have fewer than no rows.")
                .into())
        }
    }
}

fn after(token: &str) -> Outcome<Option<u64>> {
    if token.is_empty() {
        return Ok(None);
    }
    let digits = token.len() == 2 * ID_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u64::from_str_radix(token, 16) {
        Ok(id) if digits => Ok(Some(id)),
        Ok(_) | Err(_) => {
            let message = "This is no page token of Kasir; send the one of the response before.";
            Err(Refusal::field(Reason::FieldMalformed, "page_token", message).into())
        }
    }
}

/// Some rows of a list. It may be shorter than asked, even empty, and still go on: only `next` tells the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The id to go on after; `None` at the end.
    pub next: Option<u64>,
}

impl<T> Paged<T> {
    /// The token of the next page, opaque to callers; empty at the end.
    pub fn token(&self) -> String {
        self.next.map_or_else(String::new, |id| format!("{id:016x}"))
    }
}

/// A page being filled.
pub(super) struct Filling<T> {
    size: usize,
    bytes: usize,
    looked_at: usize,
    last: Option<u64>,
    page: Paged<T>,
}

impl<T> Filling<T> {
    pub(super) fn new(page: &Page) -> Self {
        let page_of = Paged { rows: Vec::new(), next: None };
        Self { size: page.size, bytes: 0, looked_at: 0, last: page.after, page: page_of }
    }

    /// Looks at the next row, unless the page is full; says whether to go on. `read` gives the row with the bytes it
    /// takes, or `None` when the filter leaves it out.
    pub(super) fn offer(
        &mut self,
        id: u64,
        read: impl FnOnce() -> Result<Option<(T, usize)>, Fault>,
    ) -> Result<bool, Fault> {
        let full =
            self.page.rows.len() >= self.size || self.bytes >= PAGE_BYTES || self.looked_at >= LOOKED_AT_MAX;
        if full {
            self.page.next = self.last;
            return Ok(false);
        }
        self.looked_at += 1;
        self.last = Some(id);
        if let Some((row, bytes)) = read()? {
            self.bytes += bytes;
            self.page.rows.push(row);
        }
        Ok(true)
    }

    pub(super) fn done(self) -> Paged<T> {
        self.page
    }
}

/// Keys of a page of ids under `prefix`, ascending: `from <= key < to`.
pub(super) fn ascending(prefix: Key, after: Option<u64>) -> (Key, Key) {
    // One zero byte makes the first key behind the last one seen.
    (after.map_or(prefix, |id| prefix.u64(id).u8(0)), prefix.end())
}

fn descending(prefix: Key, before: Option<u64>) -> (Key, Key) {
    (prefix, before.map_or_else(|| prefix.end(), |id| prefix.u64(id)))
}

/// The id at the end of an index key.
pub(super) fn last_id(key: &[u8]) -> Result<u64, Fault> {
    u64_at(key, key.len().saturating_sub(ID_BYTES))
}

/// Records by id, oldest first.
pub(super) fn oldest<R: Record>(view: &dyn View, page: &Page) -> Result<Paged<R>, Fault> {
    let mut filling = Filling::new(page);
    let (from, to) = ascending(Key::new(), page.after);
    view.scan(R::TABLE, from.as_slice(), to.as_slice(), &mut |key, value| {
        filling.offer(last_id(key)?, || Ok(Some((decode(value)?, value.len()))))
    })?;
    Ok(filling.done())
}

/// Records by id, newest first, those that `keep` keeps.
pub(super) fn newest<R: Record>(
    view: &dyn View,
    page: &Page,
    keep: impl Fn(&R) -> bool,
) -> Result<Paged<R>, Fault> {
    let mut filling = Filling::new(page);
    let (from, to) = descending(Key::new(), page.after);
    view.scan_back(R::TABLE, from.as_slice(), to.as_slice(), &mut |key, value| {
        filling.offer(last_id(key)?, || {
            let record: R = decode(value)?;
            Ok(keep(&record).then_some((record, value.len())))
        })
    })?;
    Ok(filling.done())
}

/// Records whose ids stand under one of the index's `prefixes`, newest first over all of them, those that `keep` keeps.
/// Costs one look-up for each prefix and each row.
pub(super) fn newest_under<R: Record>(
    view: &dyn View,
    index: Table,
    prefixes: &[Key],
    page: &Page,
    keep: impl Fn(&R) -> bool,
) -> Result<Paged<R>, Fault> {
    let mut filling = Filling::new(page);
    let mut heads = BinaryHeap::new();
    for (which, prefix) in prefixes.iter().enumerate() {
        heads.extend(newest_before(view, index, *prefix, page.after)?.map(|id| (id, which)));
    }
    while let Some((id, which)) = heads.pop() {
        let go_on = filling.offer(id, || {
            let bytes = view
                .get(R::TABLE, id_key(id).as_slice())?
                .ok_or_else(|| Fault::Corrupt(format!("{} {id} is in an index but not there", R::ENTITY)))?;
            let record: R = decode(&bytes)?;
            Ok(keep(&record).then_some((record, bytes.len())))
        })?;
        if !go_on {
            break;
        }
        heads.extend(newest_before(view, index, prefixes[which], Some(id))?.map(|id| (id, which)));
    }
    Ok(filling.done())
}

fn newest_before(
    view: &dyn View,
    index: Table,
    prefix: Key,
    before: Option<u64>,
) -> Result<Option<u64>, Fault> {
    let mut found = None;
    let (from, to) = descending(prefix, before);
    view.scan_back(index, from.as_slice(), to.as_slice(), &mut |key, _| {
        found = Some(last_id(key)?);
        Ok(false)
    })?;
    Ok(found)
}

/// All records of a small table by id, at most 1,000.
pub(super) fn whole<R: Record>(view: &dyn View) -> Result<Vec<R>, Fault> {
    let mut found = Vec::new();
    view.scan(R::TABLE, Key::new().as_slice(), Key::new().end().as_slice(), &mut |_, value| {
        found.push(decode(value)?);
        Ok(found.len() < WHOLE_MAX)
    })?;
    Ok(found)
}
