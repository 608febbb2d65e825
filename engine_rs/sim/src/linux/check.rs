//! What must hold whenever the store was opened, and at the end: the journal is what was answered, and leads to what is there.

use std::collections::{BTreeMap, BTreeSet};

use kasir_core::records::{Customer, DropOrder, Hold, Order, encode, find};
use kasir_core::refusal::Stop;
use kasir_core::{Command, Reason, Refusal, stock};
use kasir_store::{GENESIS, Hash, JournalRecord, Reader, RequestId, Store, record_hash};

use super::model::{Model, Place};
use super::shop::{ITEMS, LOCATIONS, NAME, Said};

/// A request that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) command: Command,
    pub(crate) actor: String,
    /// Which want of somebody's it serves: each is to be carried out once.
    pub(crate) want: u64,
    /// What was told.
    pub(crate) reply: Option<Vec<u8>>,
    /// So many are in the queue.
    pub(crate) under_way: usize,
    /// The store was asked to forget it: nobody asks again.
    pub(crate) forgotten: bool,
}

/// Somebody was told that something is not there.
#[derive(Debug, Clone)]
pub(crate) struct Lacked {
    place: Place,
    available: i64,
    /// The revisions between which it was decided.
    pub(crate) revisions: (u64, u64),
}

impl Lacked {
    /// What a refusal says of stock, if it does.
    pub(crate) fn of(refusal: &Refusal, revisions: (u64, u64)) -> Option<Self> {
        let detail = |name: &str| {
            let found = refusal.details.iter().find(|(key, _)| *key == name);
            found.and_then(|(_, value)| value.parse::<i64>().ok())
        };
        if refusal.reason != Reason::OutOfStock {
            return None;
        }
        let place = (detail("item_id")?.unsigned_abs(), detail("location_id")?.unsigned_abs());
        Some(Self { place, available: detail("available")?, revisions })
    }
}

/// All that was sent, and all that people were told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sent: BTreeMap<RequestId, Sent>,
    pub(crate) lacked: Vec<Lacked>,
    /// Heads of the journal that somebody saw: they never change any more.
    pub(crate) seen: BTreeMap<u64, Hash>,
    /// All records of the last check, those that were forgotten since included.
    pub(crate) records: Vec<JournalRecord>,
    /// Records before this one are to be forgotten, and before this one are so for certain.
    pub(crate) to_forget: u64,
    pub(crate) surely_forgotten: u64,
}

/// Checks everything; what the store finds of itself, its journal replayed, only if `verified`: what is wrong with it stays so.
/// `Err`: what does not hold.
pub(crate) fn check<T: Send + 'static>(
    store: &Store<T>,
    ledger: &mut Ledger,
    verified: bool,
) -> Result<Model, String> {
    if verified && let Some(violation) = store.verify(true).map_err(words)?.all().next() {
        return Err(format!("verify: {violation}"));
    }
    let first = store.status().map_err(words)?.first_revision;
    if first < ledger.surely_forgotten || first > ledger.to_forget.max(1) {
        let (to_forget, surely) = (ledger.to_forget, ledger.surely_forgotten);
        return Err(format!(
            "the journal begins at {first}; {surely} was sure, and {to_forget} was asked for"
        ));
    }
    let mut records = ledger.records.clone();
    records.truncate(usize::try_from(first - 1).unwrap_or(usize::MAX));
    let take = &mut |record| {
        records.push(record);
        true
    };
    store.scan_journal(first - 1, usize::MAX, take).map_err(words)?;
    is_told_rightly(&records, ledger)?;
    let model = replayed(&records, ledger)?;
    for lacked in &ledger.lacked {
        let Lacked { place, available, revisions } = lacked;
        if !model.was_available(*place, *available, *revisions) {
            return Err(format!(
                "{available} of {place:?} were said to be available, which was never so: {lacked:?}"
            ));
        }
    }
    store.read(|reader| Ok(compare(reader, &model)?)).map_err(words)?.map_or(Ok(()), Err)?;
    ledger.records = records;
    Ok(model)
}

/// The journal has what was answered, each want once, nothing that nobody sent, and what was seen of it before.
fn is_told_rightly(records: &[JournalRecord], ledger: &Ledger) -> Result<(), String> {
    let (mut hash, mut time_ms) = (GENESIS, i64::MIN);
    let mut found: BTreeSet<RequestId> = BTreeSet::new();
    let mut wants: BTreeSet<u64> = BTreeSet::new();
    let mut heads: BTreeMap<u64, Hash> = BTreeMap::from([(0, GENESIS)]);
    for record in records {
        let bytes = encode(record).map_err(|fault| fault.to_string())?;
        if bytes.windows(NAME.len()).any(|part| part == NAME.as_bytes()) {
            return Err(format!("revision {} bears a customer's name for all to read", record.revision));
        }
        hash = record_hash(&hash, &bytes);
        heads.insert(record.revision, hash);
        if record.time_ms < time_ms {
            return Err(format!("time goes back at revision {}", record.revision));
        }
        time_ms = record.time_ms;
        let Ok(id) = RequestId::try_from(record.request_id.as_slice()) else { continue };
        let sent = ledger.sent.get(&id);
        let sent =
            sent.ok_or_else(|| format!("revision {} is of a request that nobody sent", record.revision))?;
        if sent.actor != record.actor {
            return Err(format!("revision {} is another's than who sent it", record.revision));
        }
        if !found.insert(id) || !wants.insert(sent.want) {
            return Err(format!("revision {} carries a request out for the second time", record.revision));
        }
    }
    for (id, sent) in &ledger.sent {
        if sent.reply.is_some() && !found.contains(id) {
            return Err(format!("a request that was answered is not in the journal: {:?}", sent.command));
        }
    }
    for (revision, seen) in &ledger.seen {
        if heads.get(revision) != Some(seen) {
            return Err(format!("revision {revision} was seen, and is another now, or gone"));
        }
    }
    Ok(())
}

/// What the journal's commands lead to.
fn replayed(records: &[JournalRecord], ledger: &Ledger) -> Result<Model, String> {
    let mut model = Model::default();
    for record in records {
        let id = RequestId::try_from(record.request_id.as_slice()).ok();
        let sent = id.and_then(|id| ledger.sent.get(&id));
        let command = sent.map(|sent| &sent.command);
        model
            .take(record.revision, record.time_ms, command, &record.events)
            .map_err(|what| format!("revision {}: {what} ({command:?})", record.revision))?;
        if let Some(reply) = sent.and_then(|sent| sent.reply.as_ref())
            && let Some(said) = Said::of(reply)
            && !model.agrees(said)
        {
            return Err(format!("revision {} was answered with {said:?} ({command:?})", record.revision));
        }
    }
    Ok(model)
}

/// What is there that the model does not say, if anything.
fn compare(reader: &Reader<'_>, model: &Model) -> Result<Option<String>, kasir_core::Fault> {
    for place in (1..=ITEMS).flat_map(|item| (1..=LOCATIONS).map(move |location| (item, location))) {
        let (item, location) = place;
        let level =
            stock::level(reader, kasir_core::ids::ItemId(item), kasir_core::ids::LocationId(location))?;
        let wanted = (model.on_hand.get(&place).copied().unwrap_or(0), model.held(place));
        if (level.on_hand, level.held) != wanted {
            return Ok(Some(format!("{place:?}: on hand and held are {level:?}, not {wanted:?}")));
        }
    }
    for id in 1..=model.holds.keys().last().copied().unwrap_or(0) + 1 {
        let found = find::<Hold>(reader, id)?;
        let found = found.map(|hold| ((hold.item_id.0, hold.location_id.0), hold.quantity, hold.expire_ms));
        let wanted = model.holds.get(&id).map(|hold| (hold.place, hold.quantity, hold.expire_ms));
        if found != wanted {
            return Ok(Some(format!("hold {id} is {found:?}, not {wanted:?}")));
        }
    }
    for id in 1..=model.drop_orders.len() as u64 + 1 {
        let found = find::<DropOrder>(reader, id)?.map(|drop| (drop.state, drop.expire_ms));
        let wanted = model.drop_orders.get(&id).map(|drop| (drop.state, drop.expire_ms));
        if found != wanted {
            return Ok(Some(format!("Drop Order {id} is {found:?}, not {wanted:?}")));
        }
    }
    for id in 1..=model.orders.len() as u64 + 1 {
        let found = find::<Order>(reader, id)?;
        let named = found.as_ref().is_some_and(|order| order.customer_name == NAME);
        if found.is_some() && named == model.is_erased(id) {
            return Ok(Some(format!("order {id} names its customer: {named}")));
        }
        let found = found.map(|order| (order.state, order.paid_minor, order.payable_minor, order.expire_ms));
        let wanted = model.orders.get(&id);
        let wanted =
            wanted.map(|order| (order.state, order.paid_minor, order.payable_minor, order.expire_ms));
        if found != wanted {
            return Ok(Some(format!("order {id} is {found:?}, not {wanted:?}")));
        }
    }
    for id in 1..=model.customers.len() as u64 + 1 {
        let found = find::<Customer>(reader, id)?;
        let found = found.map(|customer| (customer.name == NAME, customer.erase_ms > 0));
        let wanted = model.customers.get(&id).map(|erased| (!erased, *erased));
        if found != wanted {
            return Ok(Some(format!("customer {id} is known and erased: {found:?}, not {wanted:?}")));
        }
    }
    Ok(None)
}

fn words(stop: Stop) -> String {
    kasir_store::refusal(stop).message
}
