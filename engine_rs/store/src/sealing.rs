//! What is told of customers, in the journal and in stored replies: sealed under a key of each customer's own.
//!
//! A record of the journal keeps its events without the texts of persons, and those beside them, sealed; its hash is of the
//! sealed bytes. The keys stand in a table that no hash covers and that is no part of the journal: an erasure takes the
//! customer's key out of it, and nobody reads the texts any more, whichever copy of the journal they have. What can no
//! longer be opened reads as empty, as the erasure left it in the tables.
//!
//! The cipher is ChaCha20-Poly1305. A nonce is made of key, place and text (keyed BLAKE3): the same nonce comes again for
//! the same text at the same place only, also where a store that was restored gives a revision a second time.

use std::borrow::Cow;

use kasir_core::event::Event;
use kasir_core::ids::CustomerId;
use kasir_core::kv::{Key, u64_at};
use kasir_core::personal::{Text, put_back, take};
use kasir_core::records::{Customer, find};
use kasir_core::{Fault, View};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::record::{Hash, JournalRecord, RequestRecord, bin, decode, encode};
use crate::schema::OwnTable;
use crate::txn::{Reader, Writer};
use crate::world::World;

/// What opens a customer's texts.
type Secret = [u8; 32];

/// What was sealed, so that nothing is taken for another thing.
const TEXTS: u8 = 1;
const REPLY: u8 = 2;
const REQUEST: u8 = 3;

/// What stands in the table of keys.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct KeyRow {
    #[serde(with = "bin")]
    key: Secret,
    /// The record that it was made for; it tells one key of a customer from another.
    revision: u64,
    /// CRC-32 of customer, key and revision, which nothing else in the store repeats.
    sum: u32,
}

impl KeyRow {
    fn new(customer_id: CustomerId, key: Secret, revision: u64) -> Self {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&customer_id.0.to_be_bytes());
        sum.update(&key);
        sum.update(&revision.to_be_bytes());
        Self { key, revision, sum: sum.finalize() }
    }

    /// Reads one; none when it is not as it was written. It opens nothing then, as if it were gone.
    fn read(customer_id: CustomerId, bytes: &[u8]) -> Option<Self> {
        let row: Self = decode("a customer's key", bytes).ok()?;
        (row.sum == Self::new(customer_id, row.key, row.revision).sum).then_some(row)
    }
}

/// Whose key something is sealed under, and the record that this was made for.
pub type Under = (CustomerId, u64);

/// What a record tells of one customer, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose key opens it, see [`Under`].
    pub under: Under,
    /// Nonce, cipher and tag.
    #[serde(with = "bin")]
    pub texts: Vec<u8>,
}

/// A key that was made for a record, which carries it wherever the record goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeKey {
    pub(crate) customer_id: CustomerId,
    #[serde(with = "bin")]
    pub(crate) key: Secret,
}

/// Where keys are looked up.
pub(crate) trait Keys {
    /// The row of a customer's key.
    fn row(&self, key: &[u8]) -> Result<Option<&[u8]>, Fault>;
    /// The tables of the rules beside them.
    fn view(&self) -> &dyn View;
}

impl Keys for Reader<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        self.own(OwnTable::Keys, key)
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl Keys for Writer<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        self.own(OwnTable::Keys, key)
    }

    fn view(&self) -> &dyn View {
        self
    }
}

fn row_key(customer_id: CustomerId) -> Key {
    Key::new().u64(customer_id.0)
}

/// Whose key a row is.
fn customer_of(row_key: &[u8]) -> Result<CustomerId, Fault> {
    u64_at(row_key, 1).map(CustomerId)
}

fn find_key(keys: &dyn Keys, customer_id: CustomerId) -> Result<Option<KeyRow>, Fault> {
    let row = keys.row(row_key(customer_id).as_slice())?;
    Ok(row.and_then(|row| KeyRow::read(customer_id, row)))
}

/// The key that something was sealed under, if it is still there.
fn key_of(keys: &dyn Keys, (customer_id, revision): Under) -> Result<Option<Secret>, Fault> {
    let found = find_key(keys, customer_id)?.filter(|row| row.revision == revision);
    Ok(found.map(|row| row.key))
}

/// Seals what one record tells, and what its caller was told.
pub(crate) struct Sealer<'s, 'w> {
    txn: &'s mut Writer<'w>,
    world: Option<&'s dyn World>,
    revision: u64,
    used: Vec<(Under, Secret)>,
    /// Keys that were made for it.
    pub(crate) made: Vec<MadeKey>,
}

impl<'s, 'w> Sealer<'s, 'w> {
    /// One for the record of a revision; new keys are the machine's randomness, or the world's.
    pub(crate) fn new(txn: &'s mut Writer<'w>, world: Option<&'s dyn World>, revision: u64) -> Self {
        Self { txn, world, revision, used: Vec::new(), made: Vec::new() }
    }

    /// Takes the texts of persons out of events and seals them. Keys of customers whom the events erase are destroyed.
    pub(crate) fn texts(&mut self, events: &mut [Event]) -> Result<Vec<Sealed>, Fault> {
        destroy_keys(self.txn, events);
        let taken = take(events, &mut |whose| {
            let customer_id = whose.customer(&*self.txn)?;
            self.under(customer_id)
        })?;
        let mut sealed = Vec::with_capacity(taken.len());
        for (at, texts) in taken {
            let (under, key) = &self.used[at];
            let texts = seal(key, &place(TEXTS, self.revision, *under), encode(&texts)?)?;
            sealed.push(Sealed { under: *under, texts });
        }
        Ok(sealed)
    }

    /// Seals a reply that tells of customers, and the hash of its request, by which a text could be guessed. They stay open where
    /// their data were erased: the reply tells nothing of them.
    pub(crate) fn reply(
        &mut self,
        customers: &[CustomerId],
        reply: Vec<u8>,
        hash: Hash,
    ) -> Result<(Vec<Under>, Vec<u8>, Hash), Fault> {
        let mut under = Vec::with_capacity(customers.len());
        let mut keys = Vec::with_capacity(customers.len());
        for customer_id in customers {
            if let Some(at) = self.under(*customer_id)? {
                under.push(self.used[at].0);
                keys.push(self.used[at].1);
            }
        }
        let Some(first) = under.first().copied() else { return Ok((under, reply, hash)) };
        let key = joint(&keys);
        let sealed = seal(&key, &place(REPLY, self.revision, first), reply)?;
        Ok((under, sealed, sealed_hash(&key, self.revision, first, &hash)))
    }

    /// The place in `used` of a customer's key, which is made when there is none; none where their data were erased.
    fn under(&mut self, customer_id: CustomerId) -> Result<Option<usize>, Fault> {
        if let Some(at) = self.used.iter().rposition(|((of, _), _)| *of == customer_id) {
            return Ok(Some(at));
        }
        let row = match find_key(&*self.txn, customer_id)? {
            Some(row) => row,
            None if find::<Customer>(&*self.txn, customer_id.0)?.is_none_or(|found| found.erase_ms > 0) => {
                return Ok(None);
            }
            None => self.make(customer_id)?,
        };
        self.used.push(((customer_id, row.revision), row.key));
        Ok(Some(self.used.len() - 1))
    }

    fn make(&mut self, customer_id: CustomerId) -> Result<KeyRow, Fault> {
        let mut key = Secret::default();
        if let Some(world) = self.world {
            world.fill(&mut key);
        } else {
            let failed = |_| Fault::Io("the machine gives no random numbers".into());
            SystemRandom::new().fill(&mut key).map_err(failed)?;
        }
        let made = MadeKey { customer_id, key };
        let row = put_key(self.txn, &made, self.revision)?;
        self.made.push(made);
        Ok(row)
    }
}

fn put_key(txn: &mut Writer<'_>, made: &MadeKey, revision: u64) -> Result<KeyRow, Fault> {
    let row = KeyRow::new(made.customer_id, made.key, revision);
    txn.put_own(OwnTable::Keys, row_key(made.customer_id).as_slice(), &encode(&row)?);
    Ok(row)
}

fn destroy_keys(txn: &mut Writer<'_>, events: &[Event]) {
    for event in events {
        if let Event::CustomerErased { customer_id, .. } = event {
            txn.delete_own(OwnTable::Keys, row_key(*customer_id).as_slice());
        }
    }
}

/// Lets a record that is played again leave the keys as it did the first time. Gives its events with their texts.
pub(crate) fn play(
    txn: &mut Writer<'_>,
    record: &JournalRecord,
    made: &[MadeKey],
) -> Result<Vec<Event>, Fault> {
    for key in made {
        put_key(txn, key, record.revision)?;
    }
    let events = open(&*txn, record)?;
    destroy_keys(txn, &events);
    Ok(events)
}

/// A record's events with their texts, as far as there are keys that open them. What is sealed is covered by the record's hash, so
/// that a key which does not open it is another one; [`unopened`] tells of it.
pub(crate) fn open(keys: &dyn Keys, record: &JournalRecord) -> Result<Vec<Event>, Fault> {
    let mut events = record.events.clone();
    for Sealed { under, texts } in &record.sealed {
        let Some(key) = key_of(keys, *under)? else { continue };
        let Some(plain) = unseal(&key, &place(TEXTS, record.revision, *under), texts) else { continue };
        put_back(&mut events, decode::<Vec<Text>>("texts of the journal", &plain)?);
    }
    Ok(events)
}

/// Customers of whom a record tells what their keys do not open; of those who have none, see [`key_is_missing`].
pub(crate) fn unopened(keys: &dyn Keys, record: &JournalRecord) -> Result<Vec<CustomerId>, Fault> {
    let mut found = Vec::new();
    for Sealed { under, texts } in &record.sealed {
        let key = key_of(keys, *under)?;
        let is_open =
            key.is_none_or(|key| unseal(&key, &place(TEXTS, record.revision, *under), texts).is_some());
        if !is_open || key_is_missing(keys, under.0)? {
            found.push(under.0);
        }
    }
    Ok(found)
}

/// Whether a customer of whom the store tells has no key.
fn key_is_missing(keys: &dyn Keys, customer_id: CustomerId) -> Result<bool, Fault> {
    if keys.row(row_key(customer_id).as_slice())?.is_some() {
        return Ok(false);
    }
    let customer = find::<Customer>(keys.view(), customer_id.0)?;
    // Restored to before an erasure they are not erased, and yet without a name.
    Ok(customer.is_some_and(|customer| customer.erase_ms == 0 && !customer.name.is_empty()))
}

/// What is wrong with a row of the table of keys, in plain words.
pub(crate) fn wrong_key(view: &dyn View, key: &[u8], row: &[u8]) -> Result<Option<String>, Fault> {
    let customer_id = customer_of(key)?;
    if KeyRow::read(customer_id, row).is_none() {
        return Ok(Some(format!("the key of customer {customer_id} is not as it was written")));
    }
    Ok(match find::<Customer>(view, customer_id.0)? {
        None => Some(format!("there is a key of customer {customer_id}, but no such customer")),
        Some(customer) if customer.erase_ms > 0 => {
            Some(format!("customer {customer_id} was erased, but has a key still"))
        }
        Some(_) => None,
    })
}

/// What a request comes to whose id is known.
pub(crate) enum Repeated {
    /// It is the same: what its caller was told.
    Same(Vec<u8>),
    /// It is another one.
    Other,
    /// Nobody can say: its answer told of somebody whose data were erased.
    Erased,
}

/// Compares a request's hash with one that was carried out under the same id.
pub(crate) fn repeated(keys: &dyn Keys, known: RequestRecord, hash: &Hash) -> Result<Repeated, Fault> {
    let Some(first) = known.under.first() else {
        return Ok(if known.hash == *hash { Repeated::Same(known.reply) } else { Repeated::Other });
    };
    let mut found = Vec::with_capacity(known.under.len());
    for under in &known.under {
        match key_of(keys, *under)? {
            Some(key) => found.push(key),
            None => return Ok(Repeated::Erased),
        }
    }
    let key = joint(&found);
    if sealed_hash(&key, known.revision, *first, hash) != known.hash {
        return Ok(Repeated::Other);
    }
    let plain = unseal(&key, &place(REPLY, known.revision, *first), &known.reply);
    plain.map(Repeated::Same).ok_or_else(|| broken(known.revision))
}

/// A request's hash as it is kept beside a sealed reply.
fn sealed_hash(key: &Secret, revision: u64, under: Under, hash: &Hash) -> Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    *hasher.update(&place(REQUEST, revision, under)).update(hash).finalize().as_bytes()
}

/// The keys that were made for a record, as far as they are there still.
pub(crate) fn made_for(
    keys: &dyn Keys,
    revision: u64,
    under: impl Iterator<Item = Under>,
) -> Result<Vec<MadeKey>, Fault> {
    let mut made: Vec<MadeKey> = Vec::new();
    for (customer_id, _) in under.filter(|(_, made_for)| *made_for == revision) {
        let known = made.iter().any(|key| key.customer_id == customer_id);
        if let Some(key) = key_of(keys, (customer_id, revision))?.filter(|_| !known) {
            made.push(MadeKey { customer_id, key });
        }
    }
    Ok(made)
}

/// The keys that were made for a record of whose customers nothing is known: the whole table is looked at.
pub(crate) fn all_made_for(reader: &Reader<'_>, revision: u64) -> Result<Vec<MadeKey>, Fault> {
    let mut made = Vec::new();
    reader.scan_own(OwnTable::Keys, Key::new().as_slice(), &mut |key, row| {
        let customer_id = customer_of(key)?;
        let row = KeyRow::read(customer_id, row).filter(|row| row.revision == revision);
        made.extend(row.map(|row| MadeKey { customer_id, key: row.key }));
        Ok(true)
    })?;
    Ok(made)
}

/// An array of two in msgpack; a reply's record is a map.
const PAIR: u8 = 0x92;

/// What goes beside a record, into the write-ahead file or a backup: the reply's record, empty for deadlines; before it in an array
/// the keys that were made, where there are some, or where a damaged reply would be taken for that.
pub(crate) fn beside<'r>(made: &[MadeKey], request: &'r [u8]) -> Result<Cow<'r, [u8]>, Fault> {
    if made.is_empty() && request.first() != Some(&PAIR) {
        return Ok(Cow::Borrowed(request));
    }
    encode(&(made, bin::Bin(request))).map(Cow::Owned)
}

/// The keys and the reply's record that go beside a record.
pub(crate) fn split(beside: &[u8]) -> Result<(Vec<MadeKey>, Cow<'_, [u8]>), Fault> {
    if beside.first() != Some(&PAIR) {
        return Ok((Vec::new(), Cow::Borrowed(beside)));
    }
    let (made, request): (_, bin::Owned) = decode("what goes beside a record", beside)?;
    Ok((made, Cow::Owned(request.0)))
}

/// What binds sealed bytes to where they stand.
fn place(what: u8, revision: u64, (customer_id, made_for): Under) -> [u8; 25] {
    let mut place = [what; 25];
    for (part, number) in place[1..].chunks_mut(8).zip([revision, customer_id.0, made_for]) {
        part.copy_from_slice(&number.to_be_bytes());
    }
    place
}

/// One key of several: all of them are needed for it.
fn joint(keys: &[Secret]) -> Secret {
    if let [one] = keys {
        return *one;
    }
    let mut hasher = blake3::Hasher::new_derive_key("kasir 2026 a reply about several customers");
    for key in keys {
        hasher.update(key);
    }
    *hasher.finalize().as_bytes()
}

fn cipher(key: &Secret) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key);
    LessSafeKey::new(key.expect("a key of this cipher has 32 bytes"))
}

fn seal(key: &Secret, place: &[u8], mut text: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let hash = hasher.update(place).update(&text).finalize();
    let nonce: [u8; NONCE_LEN] = *hash.as_bytes().first_chunk().expect("a hash is longer than a nonce");
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
        .map_err(|_| Fault::Corrupt("a record is too long to be sealed".into()))?;
    Ok([&nonce[..], &text, tag.as_ref()].concat())
}

fn unseal(key: &Secret, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = rest.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = cipher(key).open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

fn broken(revision: u64) -> Fault {
    Fault::Corrupt(format!("what record {revision} tells of a customer is not as it was sealed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_and_place_open_what_was_sealed() {
        let (key, other) = ([1; 32], [2; 32]);
        let here = place(TEXTS, 7, (CustomerId(3), 5));
        let sealed = seal(&key, &here, b"Jl. Melati 1".to_vec()).unwrap();
        assert_eq!(unseal(&key, &here, &sealed).as_deref(), Some(&b"Jl. Melati 1"[..]));
        assert_eq!(unseal(&other, &here, &sealed), None);
        for there in [
            place(REPLY, 7, (CustomerId(3), 5)),
            place(TEXTS, 8, (CustomerId(3), 5)),
            place(TEXTS, 7, (CustomerId(4), 5)),
        ] {
            assert_eq!(unseal(&key, &there, &sealed), None);
            // A revision that is given twice after a restore has a nonce of its own.
            assert_ne!(
                seal(&key, &there, b"Jl. Melati 1".to_vec()).unwrap()[..NONCE_LEN],
                sealed[..NONCE_LEN]
            );
        }
        assert_ne!(seal(&key, &here, b"Jl. Melati 2".to_vec()).unwrap()[..NONCE_LEN], sealed[..NONCE_LEN]);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(unseal(&key, &here, &changed), None);
            assert_eq!(unseal(&key, &here, &sealed[..at]), None);
        }
    }

    #[test]
    fn what_goes_beside_a_record_comes_back() {
        let made = vec![MadeKey { customer_id: CustomerId(3), key: [9; 32] }];
        for request in [&b""[..], &[0x87, 1, 2], &[PAIR, 1, 2]] {
            let alone = beside(&[], request).unwrap();
            assert_eq!(split(&alone).unwrap(), (Vec::new(), Cow::Borrowed(request)));
            let with_keys = beside(&made, request).unwrap();
            assert_eq!(split(&with_keys).unwrap(), (made.clone(), Cow::Borrowed(request)));
        }
    }
}
