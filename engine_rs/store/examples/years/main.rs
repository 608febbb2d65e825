//! Years of a shop's trade in minutes: orders are booked, paid and sold, cancelled, or left to expire.
//!
//! `cargo run --release -p kasir-store --example years -- --dir DIR --orders N [OPTIONS]`
//!
//! The shop sells 20,000 orders a day, on a clock of its own that ends at the present. So its days, its open orders and its
//! reserved amounts are those of a shop of that age, and only what is closed grows. It keeps a week of its journal. All is
//! durable as always. Lines of JSON on standard output say how far it is; the last one says what the shop came to.

mod shop;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use kasir_core::ids::{OrderId, ShiftId};
use kasir_core::kv::{Key, u64_at};
use kasir_core::records::{Order, decode, encode};
use kasir_core::states::OrderState;
use kasir_core::{Command, Fault, Refusal, Reply, Table, View};
use kasir_store::{Answer, BatchSink, Clock, Options, Passage, Request, Store, SystemClock};
use shop::Chance;

const HELP: &str = "\
Years of a shop's trade in minutes. A line of JSON for every percent, and one for what the shop came to.

  --dir DIR     where the store lies; one that was begun with the same options and broke off goes on
  --orders N    orders to book                                 [10000]
  --items N     items in the catalogue                         [10000]
";

const DAY_MS: i64 = 24 * 3_600_000;
const ORDERS_PER_DAY: i64 = 20_000;
/// When the next one comes, milliseconds.
const ORDER_EVERY_MS: i64 = DAY_MS / ORDERS_PER_DAY;
/// How long customers have to pay; those who do, or cancel, do so some time before.
const DEADLINE_MS: i64 = DAY_MS;
const SETTLED_MS: u64 = 12 * 3_600_000;
/// Of a hundred orders. The others expire.
const PAID: u64 = 75;
const CANCELLED: u64 = 10;
/// Orders are sold when so many are paid.
const SALES: u64 = 500;
/// The journal that is kept, and how often the rest is trimmed, in orders.
const KEPT_ORDERS: u64 = 7 * ORDERS_PER_DAY as u64;
const TRIM_EVERY: u64 = 50_000;
/// Commands under way, and those that share a batch: as many as LMDB follows at a time.
const WINDOW: usize = 4_096;
const MAX_BATCH: usize = 2_048;
const SEED: u64 = 20_260_101;

/// As the engine in its wheel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The shop's time: it goes on with its orders.
struct ShopClock(AtomicI64);

impl Clock for ShopClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an answer is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Booking,
    Payment,
    Cancelling,
    Sales,
}

/// Hands the answers to the shop's thread.
struct Mailbox(Sender<(Asked, Answer)>);

impl BatchSink<Asked> for Mailbox {
    fn complete(&self, answers: Vec<(Asked, Answer)>, _passage: Option<&Passage>) {
        for answer in answers {
            // The shop waits for all of them.
            drop(self.0.send(answer));
        }
    }
    fn readable(&self, _revision: u64) {}
    fn stopped(&self, why: &Refusal) {
        eprintln!("{why:?}");
    }
}

/// As much work as the contract's encoding: the whole records.
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
fn reply(_method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    match reply {
        Reply::Order(order) => encode(&order),
        Reply::Sales { results, .. } => {
            let sales: Vec<_> = results.into_iter().filter_map(|sold| sold.result.ok()).collect();
            encode(&sales)
        }
        _ => Ok(Vec::new()),
    }
}

struct Plan {
    dir: PathBuf,
    orders: u64,
    items: u64,
}

fn plan() -> Result<Option<Plan>, String> {
    let mut plan = Plan { dir: PathBuf::new(), orders: 10_000, items: 10_000 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(None);
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{word}: {error}"));
        match word.as_str() {
            "--dir" => plan.dir = value.into(),
            "--orders" => plan.orders = number()?.max(1),
            "--items" => plan.items = number()?.max(2),
            _ => return Err(format!("{word} is not known; --help tells what is")),
        }
    }
    if plan.dir.as_os_str().is_empty() {
        return Err("--dir is needed".into());
    }
    Ok(Some(plan))
}

fn last_order(store: &Store<Asked>) -> Result<u64, String> {
    let key = Key::new().u8(OrderId::COUNTER);
    let last = store.read(|reader| {
        let found = reader.get(Table::Counters, key.as_slice())?;
        Ok(found.map(|bytes| u64_at(&bytes, 0)).transpose()?.unwrap_or(0))
    });
    last.map_err(|stop| kasir_store::refusal(stop).message)
}

/// What is to happen to an order: when, its number, what it has to pay; nothing when it is cancelled.
type Coming = Reverse<(i64, u64, Option<i64>)>;

/// The shop at work.
struct Trade {
    plan: Plan,
    store: Arc<Store<Asked>>,
    clock: Arc<ShopClock>,
    answers: Receiver<(Asked, Answer)>,
    chance: Chance,
    /// Requests sent, and those that are not answered.
    sent: u64,
    under_way: usize,
    booked: u64,
    coming: BinaryHeap<Coming>,
    /// Paid and not sold.
    paid: u64,
    /// The revision that each stretch of orders began at.
    revisions: Vec<u64>,
    trimming: Option<JoinHandle<Result<u64, Refusal>>>,
}

impl Trade {
    fn open(plan: Plan) -> Result<Self, String> {
        let orders = i64::try_from(plan.orders).map_err(|error| error.to_string())?;
        let opens_ms = SystemClock.now_ms() - orders * ORDER_EVERY_MS;
        let clock = Arc::new(ShopClock(AtomicI64::new(opens_ms)));
        let (sender, answers) = unbounded();
        let options = Options { max_batch: MAX_BATCH, ..Options::default() };
        let sink = Arc::new(Mailbox(sender));
        let store = Store::open(&plan.dir, &options, Arc::new(reply), sink, Arc::clone(&clock) as _)
            .map_err(|error| error.to_string())?;
        let booked = last_order(&store)?;
        // One that goes on goes on when it broke off.
        clock.0.store(store.now_ms(), Ordering::Relaxed);
        Ok(Self {
            plan,
            store: Arc::new(store),
            clock,
            answers,
            chance: Chance(SEED + booked),
            sent: 0,
            under_way: 0,
            booked,
            coming: BinaryHeap::new(),
            paid: 0,
            revisions: Vec::new(),
            trimming: None,
        })
    }

    /// A request with an id as clients make them: ids grow with time.
    fn request(&mut self, command: Command) -> Request {
        self.sent += 1;
        let id = u128::from(self.clock.now_ms().cast_unsigned()) << 80 | u128::from(self.sent);
        let method = "/kasir.v1.Bench/Command";
        Request::new(method, &self.sent.to_be_bytes(), id.to_be_bytes(), "toko", command)
    }

    fn open_shop(&mut self) -> Result<(), String> {
        for command in shop::opening(self.plan.items) {
            let request = self.request(command);
            self.store.submit_blocking(request).map_err(|refusal| refusal.message)?;
        }
        Ok(())
    }

    /// Sends a command; takes what is answered meanwhile, and waits for answers while too many are under way.
    fn send(&mut self, asked: Asked, command: Command) -> Result<(), String> {
        let request = self.request(command);
        self.store.submit(request, asked).map_err(|refusal| refusal.message)?;
        self.under_way += 1;
        while let Ok((asked, answer)) = self.answers.try_recv() {
            self.answered(asked, answer)?;
        }
        self.wait(WINDOW)
    }

    /// Waits until fewer than `most` commands are under way.
    fn wait(&mut self, most: usize) -> Result<(), String> {
        while self.under_way >= most {
            let (asked, answer) = self.answers.recv().map_err(|error| error.to_string())?;
            self.answered(asked, answer)?;
        }
        Ok(())
    }

    fn answered(&mut self, asked: Asked, answer: Answer) -> Result<(), String> {
        self.under_way -= 1;
        let reply = answer.map_err(|refusal| refusal.message)?;
        match asked {
            Asked::Booking => {
                let order: Order = decode(&reply).map_err(|fault| fault.to_string())?;
                let chance = self.chance.below(100);
                let at_ms = order.create_ms + self.chance.below(SETTLED_MS).cast_signed();
                if chance < PAID + CANCELLED {
                    let payable = (chance < PAID).then_some(order.payable_minor);
                    self.coming.push(Reverse((at_ms, order.order_id.0, payable)));
                }
            }
            Asked::Payment => self.paid += 1,
            Asked::Cancelling | Asked::Sales => {}
        }
        Ok(())
    }

    /// Books the next order, and does what its time brings.
    fn step(&mut self) -> Result<(), String> {
        let now_ms = self.clock.0.fetch_add(ORDER_EVERY_MS, Ordering::Relaxed) + ORDER_EVERY_MS;
        if self.booked.is_multiple_of(TRIM_EVERY) {
            self.trim()?;
        }
        let booking = shop::booking(&mut self.chance, self.plan.items, self.booked, now_ms + DEADLINE_MS);
        self.send(Asked::Booking, booking)?;
        self.booked += 1;
        while let Some(&Reverse((at_ms, order, payable))) = self.coming.peek()
            && at_ms <= now_ms
        {
            self.coming.pop();
            let order_id = OrderId(order);
            if let Some(amount_minor) = payable {
                self.send(Asked::Payment, shop::payment(order_id, amount_minor))?;
            } else {
                let reason = "berubah pikiran".into();
                self.send(Asked::Cancelling, Command::CancelBooking { order_id, reason })?;
            }
        }
        if self.paid >= SALES {
            self.paid = 0;
            let sales = Command::CreateSales { order_ids: Vec::new(), all_paid: true, shift_id: ShiftId(0) };
            self.send(Asked::Sales, sales)?;
        }
        Ok(())
    }

    /// Forgets the journal of more than a week ago, beside the work.
    fn trim(&mut self) -> Result<(), String> {
        self.revisions.push(self.store.revision());
        if let Some(trimming) = self.trimming.take() {
            let trimmed = trimming.join().map_err(|_| "trimming failed")?;
            trimmed.map_err(|refusal| refusal.message)?;
        }
        let kept = usize::try_from(KEPT_ORDERS / TRIM_EVERY).unwrap_or(usize::MAX);
        if let Some(index) = self.revisions.len().checked_sub(kept + 1) {
            let (store, before) = (Arc::clone(&self.store), self.revisions[index]);
            self.trimming = Some(thread::spawn(move || store.trim(before)));
        }
        Ok(())
    }

    /// Books all orders, and tells every hundredth part.
    fn run(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        let part = (self.plan.orders / 100).max(1);
        while self.booked < self.plan.orders {
            self.step()?;
            if self.booked.is_multiple_of(part) {
                println!(
                    "{{\"booked\": {}, \"seconds\": {:.3}}}",
                    self.booked,
                    begun.elapsed().as_secs_f64()
                );
            }
        }
        self.wait(1)?;
        if let Some(trimming) = self.trimming.take() {
            let trimmed = trimming.join().map_err(|_| "trimming failed")?;
            trimmed.map_err(|refusal| refusal.message)?;
        }
        let status = self.store.status().map_err(|stop| kasir_store::refusal(stop).message)?;
        let open = self.count(OrderState::Booked)? + self.count(OrderState::Paid)?;
        println!(
            "{{\"booked\": {}, \"seconds\": {:.3}, \"open\": {open}, \"records\": {}, \"trimmed\": {}, \
             \"used_bytes\": {}}}",
            self.booked,
            begun.elapsed().as_secs_f64(),
            status.revision,
            status.first_revision - 1,
            status.used_bytes,
        );
        Ok(())
    }

    fn count(&self, state: OrderState) -> Result<u64, String> {
        let prefix = Key::new().u8(state.number());
        let mut count = 0;
        let counted = self.store.read(|reader| {
            reader.scan(
                Table::OrdersByState,
                prefix.as_slice(),
                prefix.end().as_slice(),
                &mut |key, _| {
                    count += u64::from(u64_at(key, 2)? > 0);
                    Ok(true)
                },
            )?;
            Ok(())
        });
        counted.map_err(|stop| kasir_store::refusal(stop).message)?;
        Ok(count)
    }
}

fn main() -> Result<(), String> {
    let Some(plan) = plan()? else {
        print!("{HELP}");
        return Ok(());
    };
    let mut trade = Trade::open(plan)?;
    if trade.booked == 0 {
        trade.open_shop()?;
    }
    trade.run()?;
    trade.store.close();
    Ok(())
}
