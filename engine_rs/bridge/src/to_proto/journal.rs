//! The journal as those who watch see it.

use kasir_core::event::Resource;
use kasir_core::refusal::{Outcome, Reason};
use kasir_core::{Event, Refusal};
use kasir_store::{JournalRecord, Kinds};
use prost::Message;

use super::{hex, time};
use crate::contract as pb;

/// Where a watcher's answer is cut, in bytes; a single record may be larger.
const PAGE_BYTES: usize = 1 << 20;

/// A page of the journal under construction.
#[derive(Debug)]
pub(crate) struct JournalPage {
    limit: usize,
    /// None is all.
    kinds: Kinds,
    records: Vec<pb::JournalRecord>,
    bytes: usize,
}

impl JournalPage {
    /// An empty page for at most `limit` records that touch one of `kinds`; none named is all.
    pub(crate) fn new(limit: usize, kinds: Kinds) -> Self {
        Self { limit, kinds, records: Vec::new(), bytes: 0 }
    }

    /// Takes a record that is asked for; says whether there is room for another.
    pub(crate) fn take(&mut self, record: JournalRecord) -> bool {
        let wanted = |(resource, _)| self.kinds.contains(resource);
        if self.kinds.is_empty() || record.events.iter().flat_map(Event::changes).any(wanted) {
            let changes = changes(&record);
            let message = pb::JournalRecord {
                revision: revision(record.revision),
                time: time(record.time_ms),
                actor: record.actor,
                method: record.method,
                request_id: uuid(&record.request_id),
                changes,
            };
            self.bytes += message.encoded_len();
            self.records.push(message);
        }
        self.records.len() < self.limit && self.bytes < PAGE_BYTES
    }

    /// The page's bytes and the number of its records, after all up to `last` were looked at.
    pub(crate) fn finish(self, last: u64) -> (Vec<u8>, usize) {
        let count = self.records.len();
        let response = pb::WatchResponse { records: self.records, revision: revision(last) };
        (response.encode_to_vec(), count)
    }
}

fn changes(record: &JournalRecord) -> Vec<pb::Change> {
    let of_event = |event: &Event| {
        let name = event.name();
        event.changes().into_iter().map(move |(resource, id)| pb::Change {
            resource: resource as i32,
            id,
            event: name.to_owned(),
        })
    };
    record.events.iter().flat_map(of_event).collect()
}

/// Revisions grow by one a command: they do not reach 2^63.
fn revision(revision: u64) -> i64 {
    revision.cast_signed()
}

/// A UUID as RFC 9562 writes it; empty when there is none.
fn uuid(bytes: &[u8]) -> String {
    let parts = [0..4, 4..6, 6..8, 8..10, 10..16].map(|part| bytes.get(part).map(hex));
    let parts: Option<Vec<String>> = parts.into_iter().collect();
    parts.map_or_else(String::new, |parts| parts.join("-"))
}

/// The kinds of things behind numbers of kasir.v1.Resource.
pub(crate) fn asked_kinds(resources: &[i32]) -> Result<Kinds, Refusal> {
    let kind = |number: &i32| {
        Resource::ALL.into_iter().find(|resource| *resource as i32 == *number).ok_or_else(|| {
            let message = format!("There is no resource number {number}.");
            Refusal::field(Reason::FieldOutOfRange, "resources", message)
        })
    };
    resources.iter().map(kind).collect()
}

/// A revision as callers give it.
pub(crate) fn asked_revision(field: &str, revision: i64) -> Outcome<u64> {
    u64::try_from(revision).map_err(|_| {
        Refusal::field(
            Reason::FieldOutOfRange,
            field,
            format!("{field} is {revision}; revisions begin with 0."),
        )
        .into()
    })
}
