//! The store's own records, written as msgpack: what is written is described in [`crate::schema`].

use kasir_core::kv::{Key, SHARD};
use kasir_core::{Event, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::sealing::{Sealed, Under};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// A client-made UUID, as bytes.
pub type RequestId = [u8; 16];

/// What stands before the first record of the journal.
pub const GENESIS: Hash = [0; 32];

/// What a store says of itself, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreInfo {
    /// See [`crate::schema::FORMAT`].
    pub(crate) format: u32,
    /// When it was made, Unix milliseconds.
    pub(crate) create_ms: i64,
}

/// Where the journal ends; written in the transaction of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last record's revision; 0 when there is none yet.
    pub revision: u64,
    /// The oldest record that can be read; one more than `revision` when there is none.
    pub first_revision: u64,
    /// The last record's time, Unix milliseconds.
    pub time_ms: i64,
    /// The last record's hash.
    #[serde(with = "bin")]
    pub hash: Hash,
    /// Grows whenever a writer takes the store over; an append under an older one is fenced off.
    pub epoch: u64,
}

impl Head {
    /// The head of a store without records.
    pub(crate) fn empty() -> Self {
        Self { revision: 0, first_revision: 1, time_ms: 0, hash: GENESIS, epoch: 0 }
    }
}

/// One committed record of the journal: all changes of one command, or of deadlines that fell due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Gapless, from 1.
    pub revision: u64,
    /// When the sequencer decided it, Unix milliseconds; never goes back.
    pub time_ms: i64,
    /// Who asked; [`kasir_core::CLOCK_ACTOR`] for deadlines.
    pub actor: String,
    /// What was asked: the method's full name; [`DEADLINES_METHOD`] for deadlines.
    pub method: String,
    /// The client's request id, 16 bytes; empty for deadlines.
    #[serde(with = "bin")]
    pub request_id: Vec<u8>,
    /// What happened, without the texts of persons; empty when there was nothing to do.
    pub events: Vec<Event>,
    /// Those texts, see [`crate::sealing`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<Sealed>,
}

/// What trimming has to know of a record of the journal: all else is passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Trimmed {
    #[serde(with = "bin")]
    pub(crate) request_id: Vec<u8>,
}

/// What a backup has to know of a record of the journal.
#[derive(Debug, Deserialize)]
pub(crate) struct Stub {
    pub(crate) revision: u64,
    pub(crate) time_ms: i64,
    #[serde(with = "bin")]
    pub(crate) request_id: Vec<u8>,
    #[serde(default)]
    pub(crate) sealed: Vec<Sealed>,
}

/// Method of the journal's records of deadlines.
pub const DEADLINES_METHOD: &str = "/deadlines";

/// What is kept of a carried-out request, so that sending it again has no second effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its record in the journal.
    pub revision: u64,
    /// When it was decided, Unix milliseconds.
    pub time_ms: i64,
    /// The method's full name.
    pub method: String,
    /// See [`request_hash`]; sealed with the reply.
    #[serde(with = "bin")]
    pub hash: Hash,
    /// What the caller was told; sealed where it tells of customers.
    #[serde(with = "bin")]
    pub reply: Vec<u8>,
    /// Under whose keys; empty when it is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<Under>,
    /// CRC-32 of hash, reply and whose keys, which nothing else in the store repeats; 0 in records of earlier versions.
    #[serde(default)]
    pub sum: u32,
}

impl RequestRecord {
    /// The same with its sum.
    pub(crate) fn summed(mut self) -> Self {
        self.sum = self.sum_now();
        self
    }

    /// Reads one; the fault says that it is not as it was written.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let record: Self = decode("a request", bytes)?;
        if record.sum != 0 && record.sum != record.sum_now() {
            return Err(Fault::Corrupt(format!(
                "the reply to the request of record {} is not as it was written",
                record.revision
            )));
        }
        Ok(record)
    }

    fn sum_now(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.hash);
        sum.update(&self.reply);
        for (customer_id, revision) in &self.under {
            sum.update(&customer_id.0.to_be_bytes());
            sum.update(&revision.to_be_bytes());
        }
        sum.finalize().max(1)
    }
}

/// What tells a repeated request from another one under the same id.
pub fn request_hash(method: &str, body: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(method.as_bytes()).update(&[0]).update(body);
    *hasher.finalize().as_bytes()
}

/// The hash of a journal record.
pub fn record_hash(previous: &Hash, body: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous).update(body);
    *hasher.finalize().as_bytes()
}

/// One row of the journal table, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'b> {
    pub(crate) body: &'b [u8],
    pub(crate) previous: &'b [u8],
    pub(crate) hash: &'b [u8],
}

impl<'b> Row<'b> {
    pub(crate) fn encode(self) -> Result<Vec<u8>, Fault> {
        rmp_serde::to_vec(&(bin::Bin(self.body), bin::Bin(self.previous), bin::Bin(self.hash)))
            .map_err(|error| Fault::Corrupt(format!("a journal record does not encode: {error}")))
    }

    pub(crate) fn decode(bytes: &'b [u8]) -> Result<Self, Fault> {
        let (body, previous, hash) = rmp_serde::from_slice(bytes)
            .map_err(|error| Fault::Corrupt(format!("a journal row does not decode: {error}")))?;
        Ok(Self { body, previous, hash })
    }
}

/// Encodes a record as a msgpack map with field names.
pub(crate) fn encode<R: Serialize>(record: &R) -> Result<Vec<u8>, Fault> {
    kasir_core::records::encode(record)
}

/// Decodes a record of `what`.
pub(crate) fn decode<R: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<R, Fault> {
    rmp_serde::from_slice(bytes).map_err(|error| Fault::Corrupt(format!("{what} does not decode: {error}")))
}

/// Key of a journal record.
pub(crate) fn revision_key(revision: u64) -> [u8; 9] {
    let mut key = [SHARD; 9];
    key[1..].copy_from_slice(&revision.to_be_bytes());
    key
}

/// Key of a request record.
pub(crate) fn request_key(request_id: &[u8]) -> Key {
    Key::new().bytes(request_id)
}

/// Bytes as msgpack's binary type; serde alone would write an array of numbers.
pub(crate) mod bin {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) struct Bin<'b>(pub(crate) &'b [u8]);

    /// The same as it is read.
    #[derive(Deserialize)]
    pub(crate) struct Owned(#[serde(with = "super::bin")] pub(crate) Vec<u8>);

    impl Serialize for Bin<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads bytes into a vector, or into an array of exactly as many.
    pub(crate) fn deserialize<'de, T: TryFrom<Vec<u8>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let bytes = deserializer.deserialize_byte_buf(Bytes)?;
        let length = bytes.len();
        T::try_from(bytes)
            .map_err(|_| D::Error::custom(format!("{length} bytes are not as many as there must be")))
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        let head = Head { revision: 7, first_revision: 2, time_ms: -5, hash: [9; 32], epoch: 3 };
        let bytes = encode(&head).unwrap();
        assert_eq!(decode::<Head>("head", &bytes).unwrap(), head);
        // A map of five fields, the hash as 32 bytes of msgpack's binary type: what Python's msgpack reads as bytes.
        assert_eq!(bytes[0], 0x85);
        assert!(bytes.windows(3).any(|part| part == [0xc4, 32, 9]));

        let request = RequestRecord {
            revision: 1,
            time_ms: 2,
            method: "/m".into(),
            hash: [1; 32],
            reply: vec![0; 300],
            under: Vec::new(),
            sum: 0,
        };
        // As earlier versions wrote them, and as they are written now.
        for request in [request.clone(), request.clone().summed()] {
            assert_eq!(RequestRecord::read(&encode(&request).unwrap()).unwrap(), request);
        }
        let mut bytes = encode(&request.summed()).unwrap();
        bytes[100] ^= 1;
        assert!(matches!(RequestRecord::read(&bytes), Err(Fault::Corrupt(_))));

        let row = Row { body: b"body", previous: &[1; 32], hash: &[2; 32] };
        let bytes = row.encode().unwrap();
        assert_eq!(bytes[..6], [0x93, 0xc4, 4, b'b', b'o', b'd']);
        assert_eq!(Row::decode(&bytes).unwrap(), row);
    }

    #[test]
    fn a_hash_of_another_length_is_corrupt() {
        #[derive(Serialize)]
        struct Wrong {
            revision: u64,
            first_revision: u64,
            time_ms: i64,
            #[serde(with = "bin")]
            hash: Vec<u8>,
            epoch: u64,
        }
        let wrong = Wrong { revision: 1, first_revision: 1, time_ms: 1, hash: vec![0; 31], epoch: 1 };
        assert!(matches!(decode::<Head>("head", &encode(&wrong).unwrap()), Err(Fault::Corrupt(_))));
    }

    #[test]
    fn method_and_body_cannot_run_into_each_other() {
        assert_ne!(request_hash("/a", b"b"), request_hash("/ab", b""));
    }
}
