//! Durable holds and bookings a second, in-process: so many threads, each with one command under way at a time. A batch
//! is one command that makes 1,000 holds.
//!
//! `cargo run --release -p kasir-store --example throughput -- [--submitters 64] [--seconds 5] [--only holds|batches|bookings] [--dir DIR]`
//!
//! The store lies in DIR (a temporary directory of the working directory's disk unless given), durable as always.
//! One line of JSON per kind of command goes to standard output.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kasir_core::command::{
    BookingInput, HoldInput, ItemInput, LineInput, LocationInput, MoneyInput, PriceInput, Source,
};
use kasir_core::command::{StockLine, TaxClassInput};
use kasir_core::ids::{HoldId, ItemId, LocationId, TaxClassId};
use kasir_core::records::encode;
use kasir_core::{Command, Fault, Refusal, Reply, View};
use kasir_store::{Answer, BatchSink, Options, Passage, Request, Store, SystemClock};

/// Holds of one batch.
const BATCH: u64 = 1_000;
const ITEMS: u64 = 1_000;
const STOCK: i64 = 1_000_000;
const CUSTOMERS: u64 = 10_000;
const LOCATION: LocationId = LocationId(1);

/// As the engine in its wheel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Nobody;

impl BatchSink<()> for Nobody {
    fn complete(&self, _answers: Vec<((), Answer)>, _passage: Option<&Passage>) {}
    fn readable(&self, _revision: u64) {}
    fn stopped(&self, why: &Refusal) {
        eprintln!("{why:?}");
    }
}

/// As much work as the contract's encoding: the whole record.
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
fn reply(_method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    match reply {
        Reply::Hold(hold) => encode(&hold),
        Reply::Holds(holds) => encode(&holds.into_iter().flatten().collect::<Vec<_>>()),
        Reply::Order(order) => encode(&order),
        _ => Ok(Vec::new()),
    }
}

struct Plan {
    submitters: u64,
    seconds: u64,
    /// The one kind of command to measure; all when empty.
    only: String,
    dir: PathBuf,
}

fn plan() -> Result<Plan, String> {
    let mut plan = Plan { submitters: 64, seconds: 5, only: String::new(), dir: PathBuf::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word}: {error}"));
        match word.as_str() {
            "--submitters" => plan.submitters = number()?.max(1),
            "--seconds" => plan.seconds = number()?.max(1),
            "--only" => plan.only = value,
            "--dir" => plan.dir = PathBuf::from(value),
            _ => return Err(format!("{word} is not known; see the top of this file")),
        }
    }
    Ok(plan)
}

fn request(number: u64, command: Command) -> Request {
    Request::new(
        "/kasir.v1.Bench/Command",
        &number.to_be_bytes(),
        u128::from(number).to_be_bytes(),
        "bench",
        command,
    )
}

fn stock(store: &Store<()>, next: &AtomicU64) -> Result<(), Refusal> {
    let send = |command| store.submit_blocking(request(next.fetch_add(1, Ordering::Relaxed), command));
    send(Command::CreateLocation(LocationInput { code: "GUDANG".into(), name: "Gudang".into(), kind: 1 }))?;
    let ppn = TaxClassInput { code: "PPN".into(), name: "PPN 11%".into(), rate_basis_points: 1100, mode: 1 };
    send(Command::CreateTaxClass(ppn))?;
    let items = (1..=ITEMS).map(|number| ItemInput {
        sku: format!("SKU-{number}"),
        name: format!("Barang nomor {number}"),
        category: format!("Kategori {}", number % 20),
        prices: vec![PriceInput {
            price_list: "retail".into(),
            min_quantity: 1,
            amount: Some(MoneyInput { currency_code: "IDR".into(), minor_units: 2_500_000 }),
        }],
        tax_class_id: TaxClassId(1),
        ..ItemInput::default()
    });
    send(Command::BatchCreateItems(items.collect()))?;
    let all: Vec<StockLine> =
        (1..=ITEMS).map(|number| StockLine { item_id: ItemId(number), quantity: STOCK }).collect();
    for lines in all.chunks(100) {
        let reference = "awal".to_string();
        send(Command::ReceiveStock { location_id: LOCATION, lines: lines.to_vec(), reference })?;
    }
    Ok(())
}

fn hold_input(number: u64) -> HoldInput {
    HoldInput {
        item_id: ItemId(number * 7 % ITEMS + 1),
        location_id: LOCATION,
        quantity: 1,
        owner: "bench".into(),
        expire_ms: None,
        replaced_hold_id: HoldId(0),
    }
}

fn hold(number: u64) -> Command {
    Command::CreateHold(hold_input(number))
}

fn batch(number: u64) -> Command {
    Command::BatchCreateHolds((0..BATCH).map(|each| hold_input(number * BATCH + each)).collect())
}

fn booking(number: u64) -> Command {
    let item_id = ItemId(number * 7 % ITEMS + 1);
    let line =
        LineInput { source: Source::Location(LOCATION), item_id, quantity: 1, discount: None, charge: None };
    let customer = number % CUSTOMERS;
    Command::CreateBooking(BookingInput {
        customer_name: format!("Pembeli {customer}"),
        customer_phone: format!("0812{customer:08}"),
        lines: vec![line],
        channel: 1,
        ..BookingInput::default()
    })
}

fn measure(
    store: &Arc<Store<()>>,
    next: &Arc<AtomicU64>,
    plan: &Plan,
    what: &str,
    command: fn(u64) -> Command,
) {
    let before = store.status().expect("the store is open");
    let done = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let threads: Vec<_> = (0..plan.submitters)
        .map(|_| {
            let (store, next, done) = (Arc::clone(store), Arc::clone(next), Arc::clone(&done));
            thread::spawn(move || {
                let mut times = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    store.submit_blocking(request(number, command(number))).expect("it is accepted");
                    times.push(sent.elapsed());
                }
                times
            })
        })
        .collect();
    thread::sleep(Duration::from_secs(plan.seconds));
    done.store(true, Ordering::Relaxed);
    let mut times: Vec<Duration> =
        threads.into_iter().flat_map(|thread| thread.join().expect("no submitter fails")).collect();
    let millis = begun.elapsed().as_millis().max(1);
    times.sort_unstable();
    let after = store.status().expect("the store is open");
    let count = times.len() as u128;
    let commits = u128::from((after.commits - before.commits).max(1));
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!(
        "{{\"what\": \"{what}\", \"submitters\": {}, \"count\": {count}, \"per_second\": {}, \"commits_per_second\": {}, \
         \"commands_per_commit\": {}, \"p50_us\": {}, \"p99_us\": {}, \"commit_us\": {}, \"used_mib\": {}}}",
        plan.submitters,
        count * 1_000 / millis,
        commits * 1_000 / millis,
        count / commits,
        at(50),
        at(99),
        u128::from(after.commit_time_us - before.commit_time_us) / commits,
        after.used_bytes >> 20,
    );
}

fn main() -> Result<(), String> {
    let mut plan = plan()?;
    let own = if plan.dir.as_os_str().is_empty() {
        Some(tempfile::TempDir::new_in(".").map_err(|error| error.to_string())?)
    } else {
        None
    };
    if let Some(dir) = &own {
        plan.dir = dir.path().join("store");
    }
    // Valgrind has no room for the default.
    let options = Options { map_size: 8 << 30, ..Options::default() };
    let store = Store::open(&plan.dir, &options, Arc::new(reply), Arc::new(Nobody), Arc::new(SystemClock))
        .map_err(|error| error.to_string())?;
    let (store, next) = (Arc::new(store), Arc::new(AtomicU64::new(1)));
    stock(&store, &next).map_err(|refusal| refusal.message)?;
    let wanted = |what: &str| plan.only.is_empty() || plan.only == what;
    if wanted("holds") {
        measure(&store, &next, &plan, "holds", hold);
    }
    if wanted("batches") {
        measure(&store, &next, &plan, "batches", batch);
    }
    if wanted("bookings") {
        measure(&store, &next, &plan, "bookings", booking);
    }
    let verified = store.verify(false).map_err(|stop| kasir_store::refusal(stop).message)?;
    match verified.violations.first() {
        None => Ok(()),
        Some(violation) => Err(format!("after all that, an invariant does not hold: {violation}")),
    }
}
