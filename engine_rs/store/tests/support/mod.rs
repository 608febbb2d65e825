//! What the store's tests share: a shop in a directory, a clock that is set by hand, a sink that can be held back.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use kasir_core::command::{
    BookingInput, HoldInput, ItemInput, LineInput, LocationInput, MoneyInput, PriceInput, Source,
};
use kasir_core::command::{StockLine, TaxClassInput};
use kasir_core::ids::{HoldId, ItemId, LocationId, TaxClassId};
use kasir_core::{Command, Fault, Reason, Refusal, Reply, View};
use kasir_store::{Answer, BatchSink, Clock, Options, Passage, Request, Store, StoreError};
use tempfile::TempDir;

/// When the tests' time begins: 2024-03-01 09:00 in Jakarta.
pub(crate) const START_MS: i64 = 1_709_258_400_000;
pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const WAREHOUSE: LocationId = LocationId(1);
pub(crate) const ITEM: ItemId = ItemId(1);

/// A clock set by hand.
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the sink was told; it blocks the sequencer while it is held.
#[derive(Default)]
pub(crate) struct Sink {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    held: bool,
    waiting: bool,
    answers: Vec<(u64, Answer)>,
    batches: Vec<usize>,
    passages: Vec<Option<Passage>>,
    revisions: Vec<u64>,
    stopped: Vec<Refusal>,
}

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Sink {
    /// From now on the sequencer blocks in `complete`.
    pub(crate) fn hold(&self) {
        self.told.lock().unwrap().held = true;
    }

    /// Waits until the sequencer blocks.
    pub(crate) fn wait_held(&self) {
        self.wait("the sequencer to be held", |told| told.waiting);
    }

    pub(crate) fn let_go(&self) {
        self.told.lock().unwrap().held = false;
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, done: impl Fn(&Told) -> bool) {
        let told = self.told.lock().unwrap();
        let waited = self.changed.wait_timeout_while(told, PATIENCE, |told| !done(told)).unwrap();
        assert!(!waited.1.timed_out(), "waited in vain for {what}");
    }

    /// The answers of all tokens, once there are `count`.
    pub(crate) fn answers(&self, count: usize) -> Vec<(u64, Answer)> {
        self.wait("answers", |told| told.answers.len() >= count);
        self.told.lock().unwrap().answers.clone()
    }

    pub(crate) fn wait_stopped(&self) -> Refusal {
        self.wait("the writer to stop", |told| !told.stopped.is_empty());
        let stopped = self.told.lock().unwrap().stopped.clone();
        assert_eq!(stopped.len(), 1, "it stops once");
        stopped[0].clone()
    }

    pub(crate) fn stops(&self) -> usize {
        self.told.lock().unwrap().stopped.len()
    }

    pub(crate) fn revisions(&self) -> Vec<u64> {
        self.told.lock().unwrap().revisions.clone()
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.told.lock().unwrap().batches.clone()
    }

    /// How each of the batches went through the sequencer.
    pub(crate) fn passages(&self) -> Vec<Option<Passage>> {
        self.told.lock().unwrap().passages.clone()
    }
}

impl BatchSink<u64> for Sink {
    fn complete(&self, answers: Vec<(u64, Answer)>, passage: Option<&Passage>) {
        let mut told = self.told.lock().unwrap();
        told.batches.push(answers.len());
        told.passages.push(passage.copied());
        told.answers.extend(answers);
        while told.held {
            told.waiting = true;
            self.changed.notify_all();
            told = self.changed.wait(told).unwrap();
        }
        told.waiting = false;
        self.changed.notify_all();
    }

    fn readable(&self, revision: u64) {
        self.told.lock().unwrap().revisions.push(revision);
    }

    fn stopped(&self, why: &Refusal) {
        self.told.lock().unwrap().stopped.push(why.clone());
        self.changed.notify_all();
    }
}

/// Replies as text: enough to tell one from another.
#[allow(clippy::unnecessary_wraps, reason = "an encoder may fail")]
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
pub(crate) fn encode(method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    Ok(format!("{method} {reply:?}").into_bytes())
}

/// A shop in a directory that ends with it.
pub(crate) struct Shop {
    pub(crate) store: Arc<Store<u64>>,
    pub(crate) sink: Arc<Sink>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: Arc<TempDir>,
    requests: AtomicU64,
}

impl Shop {
    /// A new shop without anything in it.
    pub(crate) fn empty() -> Self {
        Self::with(&Options { map_size: 16 << 20, ..Options::default() })
    }

    pub(crate) fn with(options: &Options) -> Self {
        Self::open(Arc::new(TempDir::new().unwrap()), options, START_MS).unwrap()
    }

    /// A shop with a warehouse, and `quantity` of one item in it.
    pub(crate) fn stocked(quantity: i64) -> Self {
        let shop = Self::empty();
        shop.stock(quantity);
        shop
    }

    pub(crate) fn stock(&self, quantity: i64) {
        self.ok(location("GUDANG"));
        self.ok(tax_class());
        self.ok(item("KOPI-1"));
        if quantity > 0 {
            self.ok(receive(quantity));
        }
    }

    pub(crate) fn open(dir: Arc<TempDir>, options: &Options, now_ms: i64) -> Result<Self, StoreError> {
        let sink = Arc::new(Sink::default());
        let clock = Arc::new(ManualClock(AtomicI64::new(now_ms)));
        let path = dir.path().join("store");
        let store = Store::open(&path, options, Arc::new(encode), sink.clone(), clock.clone())?;
        let requests = AtomicU64::new(store.revision() << 20);
        Ok(Self { store: Arc::new(store), sink, clock, dir, requests })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Closes the shop and opens it again, at the same time of day.
    pub(crate) fn reopen(self) -> Self {
        self.store.close();
        let now_ms = self.clock.now_ms();
        Self::open(self.dir.clone(), &Options { map_size: 16 << 20, ..Options::default() }, now_ms).unwrap()
    }

    /// The time of day in the tests.
    pub(crate) fn clock_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn next_id(&self) -> [u8; 16] {
        u128::from(self.requests.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes()
    }

    /// A command under a new request id.
    pub(crate) fn request(&self, command: Command) -> Request {
        request(self.next_id(), command)
    }

    pub(crate) fn send(&self, command: Command) -> Answer {
        self.store.submit_blocking(self.request(command))
    }

    pub(crate) fn ok(&self, command: Command) -> Vec<u8> {
        self.send(command).expect("the command is right")
    }

    /// The reason a command is refused for.
    pub(crate) fn refused(&self, command: Command) -> Reason {
        self.send(command).expect_err("the command is to be refused").reason
    }

    /// on hand and held of the item.
    pub(crate) fn level(&self) -> (i64, i64) {
        let level = self.store.read(|view| Ok(kasir_core::stock::level(view, ITEM, WAREHOUSE)?)).unwrap();
        (level.on_hand, level.held)
    }

    /// Everything holds, and the journal leads to what is there.
    pub(crate) fn verify(&self) {
        let verified = self.store.verify(true).unwrap();
        assert_eq!(verified.violations, Vec::<String>::new());
        assert!(verified.replayed);
        // Deadlines may have fallen due meanwhile.
        assert!(verified.revision <= self.store.revision());
    }
}

pub(crate) fn request(id: [u8; 16], command: Command) -> Request {
    let body = format!("{command:?}");
    Request::new("/kasir.v1.Test/Command", body.as_bytes(), id, "sari", command)
}

pub(crate) fn location(code: &str) -> Command {
    Command::CreateLocation(LocationInput { code: code.into(), name: format!("Lokasi {code}"), kind: 1 })
}

pub(crate) fn tax_class() -> Command {
    Command::CreateTaxClass(TaxClassInput {
        code: "PPN".into(),
        name: "PPN 11%".into(),
        rate_basis_points: 1100,
        mode: 1,
    })
}

pub(crate) fn item(sku: &str) -> Command {
    let amount = Some(MoneyInput { currency_code: "IDR".into(), minor_units: 2_500_000 });
    Command::CreateItem(ItemInput {
        sku: sku.into(),
        name: format!("Kopi {sku}"),
        category: "Minuman".into(),
        prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount }],
        tax_class_id: TaxClassId(1),
        weight_grams: 250,
        ..ItemInput::default()
    })
}

pub(crate) fn receive(quantity: i64) -> Command {
    let lines = vec![StockLine { item_id: ITEM, quantity }];
    Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: "PO-1".into() }
}

/// A hold of one unit until `expire_ms`.
pub(crate) fn hold(owner: &str, expire_ms: i64) -> Command {
    Command::CreateHold(HoldInput {
        item_id: ITEM,
        location_id: WAREHOUSE,
        quantity: 1,
        owner: owner.into(),
        expire_ms: Some(expire_ms),
        replaced_hold_id: HoldId(0),
    })
}

/// A booking of one unit.
pub(crate) fn booking(customer: &str) -> Command {
    let line = LineInput {
        source: Source::Location(WAREHOUSE),
        item_id: ITEM,
        quantity: 1,
        discount: None,
        charge: None,
    };
    let number: u32 = customer.bytes().fold(7, |number, byte| (number * 31 + u32::from(byte)) % 100_000_000);
    Command::CreateBooking(BookingInput {
        customer_name: customer.into(),
        customer_phone: format!("0812{number:08}"),
        lines: vec![line],
        channel: 1,
        ..BookingInput::default()
    })
}

/// Waits until `done`, looking often.
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every row of every table of a store's data file, by table name: to compare stores byte by byte.
pub(crate) fn dump(data_file: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    use heed::types::Bytes;
    use heed::{CommitOrAbort, EnvFlags, EnvOpenOptions};
    let mut options = EnvOpenOptions::new();
    options.map_size(1 << 30).max_dbs(100);
    // SAFETY: the stores that tests dump are closed, or copies.
    #[allow(unsafe_code, reason = "heed marks opening a memory map unsafe")]
    let env = unsafe {
        options.flags(EnvFlags::READ_ONLY | EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK);
        options.open(data_file).unwrap()
    };
    let mut rows = Vec::new();
    for table in kasir_store::schema::all() {
        let txn = env.read_txn().unwrap();
        let db = env
            .open_databases_and_commit(txn, |opener, txn| {
                opener
                    .open_database::<Bytes, Bytes>(txn, Some(table.name))
                    .map(CommitOrAbort::<_, ()>::Commit)
            })
            .unwrap()
            .unwrap_commit()
            .unwrap();
        let txn = env.read_txn().unwrap();
        for row in db.iter(&txn).unwrap() {
            let (key, value) = row.unwrap();
            rows.push((table.name.to_owned(), key.to_vec(), value.to_vec()));
        }
    }
    rows
}

/// Opens a closed store's file behind its back.
pub(crate) fn behind(
    dir: &Path,
    table: &str,
    change: impl FnOnce(
        &heed::Env<heed::WithTls>,
        heed::Database<'static, heed::types::Bytes, heed::types::Bytes>,
    ),
) {
    use heed::types::Bytes;
    use heed::{CommitOrAbort, EnvOpenOptions};
    fs::create_dir_all(dir).unwrap();
    let mut options = EnvOpenOptions::new();
    options.map_size(16 << 20).max_dbs(100);
    // SAFETY: the store is closed.
    #[allow(unsafe_code, reason = "heed marks opening a memory map unsafe")]
    let env = unsafe { options.open(dir).unwrap() };
    let txn = env.write_txn().unwrap();
    let db = env
        .create_databases_and_commit(txn, |opener, txn| {
            opener.create_database::<Bytes, Bytes>(txn, Some(table)).map(CommitOrAbort::<_, ()>::Commit)
        })
        .unwrap()
        .unwrap_commit();
    change(&env, db);
    env.prepare_for_closing().wait();
}

/// Changes a row of a closed store behind its back.
pub(crate) fn rewrite(dir: &Path, table: &str, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    behind(dir, table, |env, db| {
        let mut txn = env.write_txn().unwrap();
        let mut row = db.get(&txn, key).unwrap().unwrap().to_vec();
        change(&mut row);
        db.put(&mut txn, key, &row).unwrap();
        txn.commit().unwrap();
    });
}

/// The files of a store as they are now, in `store` of a directory of their own: what is left of it when its engine is killed.
pub(crate) fn copy_of(store: &Path) -> TempDir {
    let dir = TempDir::new().unwrap();
    let copy = dir.path().join("store");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(store).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    dir
}
