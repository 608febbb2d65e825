//! What makes a row of a statement the same row.
//!
//! A posted row is told by the bank's own id and its day, else by date, amount, text and balance; and by which of several equal
//! ones it is. An id that its giver promises to give once (`reference_by_day` is unset then) needs neither day nor number. A
//! pending row has neither its date nor its balance yet: amount and id make it, else amount and text.

use crate::ids::{BankAccountId, MutationId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::Mutation;
use crate::tables::Table;

/// Where the mutation stands in a key of pending rows: behind the shard and the hash.
pub(super) const PENDING_ID_AT: usize = 1 + blake3::OUT_LEN;

/// The key of a row as it stands.
pub(crate) fn row_key(mutation: &Mutation) -> Key {
    if mutation.is_unposted() {
        return pending_key(mutation, mutation.occurrence);
    }
    let mut base = plain(mutation);
    if mutation.bank_reference.is_empty() {
        base.update(folded(&mutation.description).as_bytes());
        base.update(mutation.date.as_bytes());
        base.update(&mutation.balance_minor.unwrap_or(i64::MIN).to_be_bytes());
    } else if mutation.reference_by_day {
        add_day(&mut base, &mutation.date);
    }
    numbered(base, mutation.occurrence)
}

/// The key that a posted row had while it was pending: it keeps it, because the file that had it pending may come again.
pub(crate) fn pending_row_key(mutation: &Mutation) -> Option<Key> {
    (mutation.pending_occurrence > 0).then(|| pending_key(mutation, mutation.pending_occurrence))
}

/// The key that the whole entry has of which a posted row is a part: it leads to the first part, or to the entry itself, if that
/// was imported as one row.
pub(crate) fn entry_key(mutation: &Mutation) -> Option<Key> {
    let entry = mutation.entry.as_ref().filter(|_| !mutation.is_unposted())?;
    let mut base = plain_of(mutation.bank_account_id, entry.amount_minor, &entry.reference);
    add_day(&mut base, &mutation.date);
    Some(numbered(base, entry.occurrence))
}

/// The key of a row as the bank had it before it posted it.
pub(super) fn pending_key(mutation: &Mutation, occurrence: i32) -> Key {
    numbered(pending_base(mutation), occurrence)
}

/// The key prefix of the pending rows that this row may be, once posted: any of those that only their occurrence tells apart.
pub(crate) fn pending_prefix(mutation: &Mutation) -> Key {
    Key::new().bytes(pending_base(mutation).finalize().as_bytes())
}

/// That of the pending rows without an id that this row may be.
pub(super) fn pending_prefix_by_text(mutation: &Mutation) -> Key {
    let base = pending_base_of(mutation, "", &mutation.description);
    Key::new().bytes(base.finalize().as_bytes())
}

/// The key of a row by its id alone: the only one of rows imported before days were looked at.
pub(super) fn id_key(account_id: BankAccountId, amount_minor: i64, reference: &str, occurrence: i32) -> Key {
    numbered(plain_of(account_id, amount_minor, reference), occurrence)
}

fn pending_base(mutation: &Mutation) -> blake3::Hasher {
    match &mutation.pending_text {
        Some(was) => pending_base_of(mutation, &was.bank_reference, &was.description),
        None => pending_base_of(mutation, &mutation.bank_reference, &mutation.description),
    }
}

fn pending_base_of(mutation: &Mutation, reference: &str, text: &str) -> blake3::Hasher {
    let mut base = plain_of(mutation.bank_account_id, mutation.amount_minor, reference);
    if reference.is_empty() {
        base.update(folded(text).as_bytes());
        base.update(b"pending");
    }
    base
}

/// Account, amount and id.
fn plain(mutation: &Mutation) -> blake3::Hasher {
    plain_of(mutation.bank_account_id, mutation.amount_minor, &mutation.bank_reference)
}

fn plain_of(account_id: BankAccountId, amount_minor: i64, reference: &str) -> blake3::Hasher {
    let mut base = blake3::Hasher::new();
    base.update(&account_id.0.to_be_bytes());
    base.update(&amount_minor.to_be_bytes());
    base.update(reference.as_bytes());
    base
}

/// No id holds what stands between it and its day.
fn add_day(base: &mut blake3::Hasher, date: &str) {
    base.update(b"\0");
    base.update(date.as_bytes());
}

fn numbered(mut base: blake3::Hasher, occurrence: i32) -> Key {
    base.update(&occurrence.to_be_bytes());
    Key::new().bytes(base.finalize().as_bytes())
}

/// The key of a file of an account.
pub(crate) fn file_key(account_id: BankAccountId, file_hash: &str) -> Key {
    let mut base = blake3::Hasher::new();
    base.update(&account_id.0.to_be_bytes());
    base.update(file_hash.as_bytes());
    Key::new().bytes(base.finalize().as_bytes())
}

/// A text as it is compared: banks pad the same one differently.
pub(super) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase()
}

/// The mutation a row is, if it was imported before.
pub(super) fn known(view: &dyn View, key: &Key) -> Result<Option<MutationId>, Fault> {
    view.get(Table::MutationKeys, key.as_slice())?.map(|bytes| u64_at(&bytes, 0).map(MutationId)).transpose()
}
