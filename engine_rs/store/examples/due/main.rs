//! How long callers wait when very many deadlines fall due at one instant.
//!
//! `cargo run --release -p kasir-store --example due -- [OPTIONS]`
//!
//! A store is filled with holds, or with bookings that await their payment, all with the same deadline. Callers go on
//! making holds and bookings, one at a time each, from ten seconds before that instant until the last deadline is settled.
//! One line of JSON a run: their waits before (`calm`) and after (`due`), in microseconds, and how long settling took. The
//! calm waits are the machine's: what it makes of the same commands without any deadline.

mod shop;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kasir_core::deadlines::next_due_ms;
use kasir_core::ids::OrderId;
use kasir_core::records::{Order, must};
use kasir_core::states::OrderState;
use kasir_core::{Command, Reason};
use kasir_store::{Clock, Options, Store};
use shop::{Kind, Nobody, SetClock, Shop, reply};

const HELP: &str = "\
How long callers wait when very many deadlines fall due at one instant.

  --kind holds|bookings  what has the deadlines            [both, one after the other]
  --deadlines N          how many of them                  [100000]
  --callers N            who waits, one command each       [1 and 64, one after the other]
  --runs N               runs of each                      [1]
  --dir DIR              where the store lies; it must not be there yet  [a temporary directory here]
";

/// How long callers are at work before the instant.
const CALM_MS: u32 = 10_000;
/// Deadlines are made so far ahead, in milliseconds; the clock is set forward when they are there.
const AHEAD_MS: i64 = 3_600_000;
/// A store that settles nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(600);
/// The wait that is wanted of none to be exceeded, in microseconds.
const BOUND_US: u128 = 20_000;

struct Plan {
    kinds: Vec<Kind>,
    deadlines: u64,
    callers: Vec<u64>,
    runs: u64,
    dir: Option<PathBuf>,
}

fn plan() -> Result<Option<Plan>, String> {
    let mut plan = Plan {
        kinds: vec![Kind::Holds, Kind::Bookings],
        deadlines: 100_000,
        callers: vec![1, 64],
        runs: 1,
        dir: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(None);
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word}: {error}")).map(|n| n.max(1));
        match (word.as_str(), value.as_str()) {
            ("--kind", "holds") => plan.kinds = vec![Kind::Holds],
            ("--kind", "bookings") => plan.kinds = vec![Kind::Bookings],
            ("--deadlines", _) => plan.deadlines = number()?,
            ("--callers", _) => plan.callers = vec![number()?],
            ("--runs", _) => plan.runs = number()?,
            ("--dir", _) => plan.dir = Some(value.into()),
            _ => return Err(format!("{word} {value} is not known; --help tells what is")),
        }
    }
    Ok(Some(plan))
}

/// One call: when it was sent, and how long its caller waited.
type Call = (Instant, Duration);

/// Callers at work, each with one command at a time, until told to stop.
struct Callers {
    threads: Vec<thread::JoinHandle<Vec<Call>>>,
    done: Arc<AtomicBool>,
}

impl Callers {
    fn start(shop: &Arc<Shop>, clock: &Arc<SetClock>, count: u64) -> Self {
        let (done, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let work = |_| {
            let (shop, clock) = (Arc::clone(shop), Arc::clone(clock));
            let (done, next) = (Arc::clone(&done), Arc::clone(&next));
            thread::spawn(move || {
                let mut calls = Vec::with_capacity(100_000);
                while !done.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    shop.call(number, clock.now_ms()).expect("there is stock for all of them");
                    calls.push((sent, sent.elapsed()));
                }
                calls
            })
        };
        Self { threads: (0..count).map(work).collect(), done }
    }

    fn stop(self) -> Vec<Call> {
        self.done.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("no caller fails")).collect()
    }
}

/// Waits in JSON, microseconds.
fn waits(calls: impl Iterator<Item = Duration>) -> String {
    let mut times: Vec<u128> = calls.map(|wait| wait.as_micros()).collect();
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else { return "null".into() };
    let over = times.iter().filter(|wait| **wait > BOUND_US).count();
    format!(
        "{{\"count\": {}, \"p50_us\": {}, \"p99_us\": {}, \"max_us\": {}, \"over_20_ms\": {over}}}",
        times.len(),
        times[last / 2],
        times[last * 99 / 100],
        times[last],
    )
}

/// Whether a command that names an order sees it expired, however many deadlines come before its own. Called while they
/// are being settled.
fn check_named(shop: &Shop, order_id: OrderId) -> Result<(), String> {
    let answer = shop.send(Command::CancelBooking { order_id, reason: String::new() });
    let refused = answer.err().map(|refusal| refusal.reason);
    if refused != Some(Reason::WrongState) {
        return Err(format!("an overdue order was cancelled: {refused:?}"));
    }
    let order = shop.store.read(|view| Ok(must::<Order>(view, order_id.0)?));
    match order.map(|order| order.state) {
        Ok(OrderState::Expired) => Ok(()),
        other => Err(format!("an overdue order was named, and is {other:?}")),
    }
}

/// Fills the shop, lets its deadlines fall due under `callers`, and prints what came of it.
fn run(shop: &Arc<Shop>, clock: &Arc<SetClock>, kind: Kind, plan: &Plan, callers: u64) -> Result<(), String> {
    let due_ms = clock.now_ms() + AHEAD_MS;
    shop.fill(kind, plan.deadlines, due_ms)?;
    let status = || shop.store.status().map_err(|stop| kasir_store::refusal(stop).message);
    let before = status()?;
    let last_order = shop.last_order().map_err(|stop| kasir_store::refusal(stop).message)?;
    clock.set(due_ms - i64::from(CALM_MS));
    let instant = Instant::now() + Duration::from_millis(CALM_MS.into());
    let working = Callers::start(shop, clock, callers);
    thread::sleep(instant.saturating_duration_since(Instant::now()));
    // Time enough for the first batches, none for the last.
    thread::sleep(Duration::from_millis(5));
    if kind == Kind::Bookings {
        check_named(shop, last_order)?;
    }
    let due = || shop.store.read(|view| Ok(next_due_ms(view)?));
    while due().map_err(|stop| kasir_store::refusal(stop).message)?.is_some_and(|next| next <= due_ms) {
        if instant.elapsed() > PATIENCE {
            return Err("deadlines are not settled".into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let settled = Instant::now();
    let calls = working.stop();
    let after = status()?;
    let expired = after.expired - before.expired;
    if expired != plan.deadlines {
        return Err(format!("{expired} of {} deadlines were settled", plan.deadlines));
    }
    let calm = calls.iter().filter(|(sent, wait)| *sent + *wait < instant).map(|call| call.1);
    let in_due = |(sent, wait): &&Call| *sent + *wait >= instant && *sent <= settled;
    println!(
        "{{\"what\": \"{}\", \"deadlines\": {}, \"callers\": {callers}, \"settled_ms\": {}, \"commits\": {}, \
         \"calm\": {}, \"due\": {}}}",
        kind.name(),
        plan.deadlines,
        settled.duration_since(instant).as_millis(),
        after.commits - before.commits,
        waits(calm),
        waits(calls.iter().filter(in_due).map(|call| call.1)),
    );
    Ok(())
}

fn main() -> Result<(), String> {
    let Some(plan) = plan()? else {
        print!("{HELP}");
        return Ok(());
    };
    let own = match &plan.dir {
        Some(_) => None,
        None => Some(tempfile::TempDir::new_in(".").map_err(|error| error.to_string())?),
    };
    let dir = own.as_ref().map(tempfile::TempDir::path).or(plan.dir.as_deref()).unwrap_or(Path::new("."));
    let clock = Arc::new(SetClock::default());
    for (index, kind) in plan.kinds.iter().enumerate() {
        let folder = dir.join(index.to_string());
        let (encoder, sink) = (Arc::new(reply), Arc::new(Nobody));
        let store = Store::open(&folder, &Options::default(), encoder, sink, clock.clone());
        let store = store.map_err(|error| error.to_string())?;
        let shop = Arc::new(Shop { store, next: AtomicU64::new(1) });
        shop.stock().map_err(|refusal| refusal.message)?;
        for _ in 0..plan.runs {
            for callers in &plan.callers {
                run(&shop, &clock, *kind, &plan, *callers)?;
            }
        }
        let verified = shop.store.verify(false).map_err(|stop| kasir_store::refusal(stop).message)?;
        if let Some(violation) = verified.violations.first() {
            return Err(format!("after all that, an invariant does not hold: {violation}"));
        }
    }
    Ok(())
}
