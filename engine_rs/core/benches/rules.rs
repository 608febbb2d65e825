//! What one command costs the rules alone: decided and evolved on a state in memory, no store, no commit. Each command runs
//! as the sequencer runs it: what is due is looked for first.
//!
//! `make bench-core`, or `cargo bench -p kasir-core -- booking` for some.

#![allow(clippy::disallowed_types, reason = "a benchmark reads the clock; the rules still do not")]
#![allow(clippy::unwrap_used, reason = "in a benchmark the failure is the message")]

#[path = "../tests/shop/mod.rs"]
mod shop;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use kasir_core::command::{
    BookingInput, HoldInput, LineInput, MutationInput, Source, StockLine, TillSaleInput,
};
use kasir_core::ids::{CustomerId, ItemId};
use kasir_core::records::{HOUR_MS, Order};
use kasir_core::reply::Proposed;
use kasir_core::{CLOCK_ACTOR, Command, Context, expire_due, query};
use shop::{ACCOUNT, BY_HAND, CUP, Shop, TEA, WAREHOUSE, booking, item, line, minor};

const ITEMS: u64 = 10_000;
const EXPECTED: i64 = 10_000;
/// Commands on one state before it is the first one again: it does not grow with the number of measurements.
const ROUND: u64 = 500;
/// A factor that spreads consecutive numbers over all items.
const SPREAD: u64 = 7_919;

/// Times `work` on copies of `shop`, each for a round; `work` gets the number within the round and says how long it took.
fn rounds(bencher: &mut Bencher<'_>, shop: &Shop, mut work: impl FnMut(&mut Shop, u64) -> Duration) {
    bencher.iter_custom(|iterations| {
        let (mut took, mut left) = (Duration::ZERO, iterations);
        while left > 0 {
            let round = left.min(ROUND);
            let mut shop = shop.clone();
            took += (0..round).map(|number| work(&mut shop, number)).sum::<Duration>();
            left -= round;
        }
        took
    });
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

/// Times one command after the other, in turn.
fn commands(bencher: &mut Bencher<'_>, shop: &Shop, commands: &[Command]) {
    let many = commands.len() as u64;
    rounds(bencher, shop, |shop, number| {
        let command = &commands[usize::try_from(number % many).unwrap()];
        timed(|| shop.ask(command).unwrap())
    });
}

/// A shop with 10,000 items more, and stock of everything.
fn large() -> Shop {
    let mut shop = Shop::open();
    let first = CUP.0 + 1;
    let numbers: Vec<u64> = (first..first + ITEMS).collect();
    let made = |number: &u64| {
        let price = i64::try_from(15_000 + number * SPREAD % 1_485_000).unwrap();
        item(&format!("SKU-{number}"), &format!("Barang nomor {number}"), "tas", &[], price)
    };
    for part in numbers.chunks(1_000) {
        shop.run(Command::BatchCreateItems(part.iter().map(made).collect()));
        receive(&mut shop, part.iter().map(|number| ItemId(*number)));
    }
    receive(&mut shop, [TEA, CUP].into_iter());
    shop
}

fn receive(shop: &mut Shop, items: impl Iterator<Item = ItemId>) {
    let lines = items.map(|item_id| StockLine { item_id, quantity: 1_000_000 }).collect();
    shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
}

fn some_item(number: u64) -> ItemId {
    ItemId(CUP.0 + 1 + number * SPREAD % ITEMS)
}

fn from_warehouse(item_id: ItemId, quantity: i64) -> LineInput {
    line(Source::Location(WAREHOUSE), item_id, quantity)
}

fn hold(item_id: ItemId) -> Command {
    let owner = "cart-1".into();
    let hold = HoldInput { item_id, location_id: WAREHOUSE, quantity: 1, owner, ..HoldInput::default() };
    Command::CreateHold(hold)
}

/// Two lines for a customer known by telephone, with an address, to be paid by a unique amount.
fn two_lines(number: u64) -> BookingInput {
    BookingInput {
        customer_id: CustomerId(0),
        customer_name: "Siti".into(),
        customer_phone: "0812-000-111".into(),
        lines: vec![from_warehouse(some_item(number), 1), from_warehouse(some_item(number + 5_000), 2)],
        ..booking(from_warehouse(CUP, 1), BY_HAND)
    }
}

fn reservations(criterion: &mut Criterion) {
    let shop = large();
    let mut group = criterion.benchmark_group("hold");
    group.bench_function("one_item", |bencher| commands(bencher, &shop, &[hold(CUP)]));
    let holds: Vec<Command> = (0..ROUND).map(|number| hold(some_item(number))).collect();
    group.bench_function("any_of_10000_items", |bencher| commands(bencher, &shop, &holds));
    group.finish();
    let bookings: Vec<Command> = (0..ROUND).map(|number| Command::CreateBooking(two_lines(number))).collect();
    let mut group = criterion.benchmark_group("booking");
    group.bench_function("two_lines", |bencher| commands(bencher, &shop, &bookings));
    group.finish();
}

/// One posted row of a statement finds its order among 10,000 that await their payment.
fn matching(criterion: &mut Criterion) {
    let mut shop = large();
    let orders: Vec<Order> = (0..EXPECTED).map(|index| shop.book_item(CUP, 1 + index / 900)).collect();
    let import = |number: u64| {
        let order = &orders[usize::try_from(number * 17).unwrap()];
        let row = MutationInput {
            date: "2026-11-23".into(),
            amount: minor(order.payable_minor),
            description: format!("TRF {}", order.order_id),
            ..MutationInput::default()
        };
        Command::ImportMutations {
            bank_account_id: ACCOUNT,
            file_hash: String::new(),
            file_ends: false,
            mutations: vec![row],
        }
    };
    let mut group = criterion.benchmark_group("match");
    group.bench_function("one_of_10000_amounts", |bencher| {
        rounds(bencher, &shop, |shop, number| {
            shop.run(import(number));
            let mut proposed = Proposed::default();
            let took = timed(|| proposed = shop.propose());
            assert_eq!(proposed.auto, 1);
            took
        });
    });
    group.finish();
}

fn pricing(criterion: &mut Criterion) {
    let mut shop = large();
    let shift_id = shop.open_shift();
    let mut group = criterion.benchmark_group("price");
    let quote = two_lines(1);
    group.bench_function("quote_of_two_lines", |bencher| {
        bencher.iter(|| query::quote_booking(&shop.state, &quote, shop.now_ms).unwrap());
    });
    let lines = (0..10).map(|number| line(Source::Missing, some_item(number), 1)).collect();
    let receipt = TillSaleInput { shift_id, lines, ..TillSaleInput::default() };
    group.bench_function("receipt_of_ten_lines", |bencher| {
        bencher.iter(|| query::quote_till_sale(&shop.state, &receipt).unwrap());
    });
    group.finish();
}

fn deadlines(criterion: &mut Criterion) {
    let with = |make: fn(u64) -> Command| {
        let mut shop = large();
        for number in 0..ROUND {
            shop.run(make(number));
        }
        shop.now_ms += 24 * HOUR_MS;
        shop
    };
    let shops = [
        ("hold", with(|number| hold(some_item(number)))),
        ("booking", with(|number| Command::CreateBooking(two_lines(number)))),
    ];
    let mut group = criterion.benchmark_group("expire");
    for (name, shop) in shops {
        group.bench_function(name, |bencher| {
            rounds(bencher, &shop, |shop, _| {
                let clock = Context { now_ms: shop.now_ms, actor: CLOCK_ACTOR };
                let mut ended = 0;
                let took = timed(|| ended = expire_due(&mut shop.state, &clock, 1).unwrap().len());
                assert!(ended > 0, "a deadline is due");
                took
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = rules;
    config = Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = reservations, matching, pricing, deadlines
}
criterion_main!(rules);
