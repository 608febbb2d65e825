//! Every LMDB database of a store, in one list: those of the rules, and the store's own.
//!
//! The unnamed database of the file lists the names. Keys begin with the shard byte, as in the rules' tables;
//! `kasir inspect` and `docs/store.md` describe this layout from [`all`].

use heed::types::Bytes;
use heed::{CommitToken, Database, DatabaseOpener, OnCommit, RoTxn, RwTxn, WithoutTls};
use kasir_core::kv::SHARD;
use kasir_core::tables::Codec;
use kasir_core::{Fault, Table};

use crate::error::fault;

/// Grows when a store written by this program cannot be read by the one before.
pub const FORMAT: u32 = 4;

/// The oldest format that is read; opened to be written, such a store becomes one of [`FORMAT`].
pub(crate) const FORMAT_READ: u32 = 3;

macro_rules! own_tables {
    ($($(#[doc = $doc:literal])* $name:ident = $disk:literal;)*) => {
        /// A table of the store's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum OwnTable { $($(#[doc = $doc])* $name,)* }

        impl OwnTable {
            /// Every table, in the order of their declaration.
            pub const ALL: &'static [OwnTable] = &[$(OwnTable::$name,)*];

            /// The name on disk.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $disk,)* }
            }

            /// How values are written: msgpack, all of them.
            pub const fn codec(self) -> Codec {
                match self { $(Self::$name => Codec::Msgpack,)* }
            }

            /// Key and value in words.
            pub const fn layout(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)*),)* }
            }
        }
    };
}

own_tables! {
    /// ("store") -> map {format, create_ms}; ("head") -> map {revision, first_revision, time_ms, hash bin 32, epoch}:
    /// the last journal record, and the oldest one that was not trimmed.
    Meta = "meta";
    /// (16-byte request id) -> map {revision, time_ms, method, hash bin 32, reply bin, under, sum}: the hash is BLAKE3 of
    /// method, a zero byte, and the request's bytes; the reply is given again to whoever sends the same request again, and
    /// both are sealed under the keys of these customers; the sum is CRC-32 of hash, reply and these.
    Requests = "requests";
    /// (revision u64) -> array [body bin, previous hash bin 32, hash bin 32]: hash = BLAKE3 of previous hash and body,
    /// the first record's previous hash is zeros. body = map {revision, time_ms, actor, method, request_id bin 16 or 0,
    /// events: array of maps {name: fields}, sealed: array of maps {under, texts bin}}: the texts of persons.
    Journal = "journal";
    /// (customer_id) -> map {key bin 32, revision, sum}: opens what the journal and replies tell of a customer, the record it was
    /// made for, CRC-32 of customer, key and revision. No part of the journal; gone when the customer's data were erased.
    Keys = "keys";
}

/// A table as described to people and to programs of other languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableInfo {
    /// The name on disk.
    pub name: &'static str,
    /// How values are written.
    pub codec: Codec,
    /// Key and value in words.
    pub layout: &'static str,
}

/// Every database of a store's file.
pub fn all() -> impl Iterator<Item = TableInfo> {
    let rules = Table::ALL.iter().map(|t| TableInfo { name: t.name(), codec: t.codec(), layout: t.layout() });
    let own =
        OwnTable::ALL.iter().map(|t| TableInfo { name: t.name(), codec: t.codec(), layout: t.layout() });
    rules.chain(own)
}

/// How many databases LMDB has to allow for.
pub(crate) fn count() -> u32 {
    u32::try_from(Table::ALL.len() + OwnTable::ALL.len()).expect("the tables above fit a u32")
}

/// Key of `("store")` in [`OwnTable::Meta`].
pub(crate) const STORE_KEY: &[u8] = b"\0store";
/// Key of `("head")` in [`OwnTable::Meta`].
pub(crate) const HEAD_KEY: &[u8] = b"\0head";
const _: () = assert!(STORE_KEY[0] == SHARD && HEAD_KEY[0] == SHARD, "every key begins with the shard byte");

/// Tables that copies of stores made by earlier programs of this format have not: they read as empty.
const ADDED_LATER: &[Table] = &[
    Table::StatementFiles,
    Table::Manifests,
    Table::SalesByReceipt,
    Table::Refunds,
    Table::RefundsBySale,
    Table::Erasures,
];

/// A table's place among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl From<Table> for Slot {
    fn from(table: Table) -> Self {
        Self(table as usize)
    }
}

impl From<OwnTable> for Slot {
    fn from(table: OwnTable) -> Self {
        Self(Table::ALL.len() + table as usize)
    }
}

impl Slot {
    /// How many there are.
    pub(crate) const COUNT: usize = Table::ALL.len() + OwnTable::ALL.len();

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Which one it is, from 0 on.
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// Whether rows change all over it, and are looked up one by one but by very few commands.
    pub(crate) fn is_scattered(self) -> bool {
        let is = |table: &Table| {
            matches!(
                table,
                Table::Counters
                    | Table::Codes
                    | Table::Stocks
                    | Table::ItemFlows
                    | Table::OrdersByCustomer
                    | Table::Totals
                    | Table::OpenMoney
            )
        };
        self == Self::from(OwnTable::Requests) || Table::ALL.get(self.0).is_some_and(is)
    }

    /// Whether new rows come after all others: any other place is corruption.
    pub(crate) fn only_grows(self) -> bool {
        self == Self::from(OwnTable::Journal)
    }

    /// Whether they nearly always do.
    pub(crate) fn grows_at_the_end(self) -> bool {
        self.only_grows() || Table::ALL.get(self.0).is_some_and(|table| table.grows_at_the_end())
    }
}

type Db<'t> = Database<'t, Bytes, Bytes>;

/// The opened databases, by slot. None: see [`ADDED_LATER`].
#[derive(Debug, Clone)]
pub(crate) struct Tables<'t>(Vec<Option<Db<'t>>>);

impl<'t> Tables<'t> {
    /// A table; none where it would be empty.
    pub(crate) fn get(&self, slot: impl Into<Slot>) -> Option<Db<'t>> {
        self.0[slot.into().index()]
    }

    /// A table of a store that is written, which has them all.
    pub(crate) fn written(&self, slot: impl Into<Slot>) -> Db<'t> {
        self.get(slot).expect("opening a store to write makes what is missing")
    }

    /// Opens every table, making those that are missing.
    pub(crate) fn create(
        opener: &DatabaseOpener<'t, WithoutTls>,
        txn: &mut RwTxn<'t>,
    ) -> Result<Self, heed::Error> {
        let mut make = |name| opener.create_database(txn, Some(name));
        all().map(|table| make(table.name).map(Some)).collect::<Result<_, _>>().map(Self)
    }

    /// Opens every table of a file that must have all but those that were added later.
    pub(crate) fn open(
        opener: &DatabaseOpener<'t, WithoutTls>,
        txn: &RoTxn<'t, WithoutTls>,
    ) -> Result<Self, Fault> {
        let find = |name| {
            let found = open_one(opener, txn, name).map_err(fault)?;
            found.ok_or_else(|| Fault::Corrupt(format!("the table {name} is missing")))
        };
        let rules = |table: Table| {
            if ADDED_LATER.contains(&table) {
                return open_one(opener, txn, table.name()).map_err(fault);
            }
            find(table.name()).map(Some)
        };
        let own = |table: OwnTable| {
            if table == OwnTable::Keys {
                return open_one(opener, txn, table.name()).map_err(fault);
            }
            find(table.name()).map(Some)
        };
        let rules = Table::ALL.iter().map(|table| rules(*table));
        rules.chain(OwnTable::ALL.iter().map(|table| own(*table))).collect::<Result<_, _>>().map(Self)
    }
}

/// Opens one table, if the file has it.
pub(crate) fn open_one<'t>(
    opener: &DatabaseOpener<'t, WithoutTls>,
    txn: &RoTxn<'t, WithoutTls>,
    name: &str,
) -> Result<Option<Db<'t>>, heed::Error> {
    let mut options = opener.database_options().types::<Bytes, Bytes>();
    options.name(name);
    options.open(txn)
}

impl OnCommit for Tables<'_> {
    type Committed = Tables<'static>;

    fn on_commit(self, token: &CommitToken) -> Self::Committed {
        Tables(self.0.into_iter().map(|db| db.map(|db| db.on_commit(token))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use heed::{CommitOrAbort, EnvOpenOptions};

    use super::*;
    use crate::files::Failed;

    #[test]
    fn every_table_has_a_name_of_its_own_and_is_described() {
        let mut names = BTreeSet::new();
        for table in all() {
            assert!(names.insert(table.name), "{} stands twice", table.name);
            assert!(table.layout.contains("->"), "{} says neither key nor value", table.name);
        }
        assert_eq!(names.len(), count() as usize);
    }

    /// A copy made before a table was added is as good as one where it is empty; any other table that is missing is damage.
    #[test]
    fn only_tables_that_were_added_later_may_be_missing() {
        for (left_out, is_whole) in
            [("statement_files", true), ("keys", true), ("orders", false), ("journal", false)]
        {
            let dir = tempfile::tempdir().expect("a directory");
            let mut options = EnvOpenOptions::new().read_txn_without_tls();
            options.max_dbs(count());
            // SAFETY: nobody else knows the directory.
            #[allow(unsafe_code, reason = "heed marks opening a memory map unsafe")]
            let env = unsafe { options.open(dir.path()) }.expect("it opens");
            let txn = env.write_txn().expect("a transaction");
            env.create_databases_and_commit(txn, |opener, txn| -> Result<_, heed::Error> {
                for table in all().filter(|table| table.name != left_out) {
                    opener.create_database::<Bytes, Bytes>(txn, Some(table.name))?;
                }
                Ok(CommitOrAbort::<_, ()>::Commit(()))
            })
            .expect("tables are made");
            let txn = env.read_txn().expect("a transaction");
            let opened = env.open_databases_and_commit(txn, |opener, txn| {
                Tables::open(opener, txn).map(CommitOrAbort::<_, ()>::Commit).map_err(Failed)
            });
            assert_eq!(opened.is_ok(), is_whole, "{left_out}");
        }
    }

    #[test]
    fn tables_are_found_by_their_place_in_the_list() {
        for (index, table) in Table::ALL.iter().enumerate() {
            assert_eq!(Slot::from(*table).index(), index);
        }
        for (index, table) in (Table::ALL.len()..).zip(OwnTable::ALL) {
            assert_eq!(Slot::from(*table).index(), index);
        }
        for (slot, table) in Slot::all().zip(all()) {
            let is_last = ["journal", "orders", "holds"].contains(&table.name);
            assert!(slot.grows_at_the_end() || !is_last, "{}", table.name);
        }
    }
}
