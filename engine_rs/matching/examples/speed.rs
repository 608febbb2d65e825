//! How long matching takes: whole runs, and one mutation or order more beside very many.
//!
//! `cargo run --release -p kasir-matching --example speed`; other counts than 10,000 and 100,000 as arguments.

#[expect(clippy::disallowed_types, reason = "the clock is what is measured with, not matched by")]
use std::time::Instant;

use kasir_matching::{
    Config, CustomerKey, Matcher, Mutation, MutationId, Order, OrderId, OrderState, Verdict,
};

const DAY_MS: i64 = 86_400_000;
const FIRST: [&str; 20] = [
    "Agus", "Ani", "Bambang", "Budi", "Citra", "Dewi", "Eko", "Fitri", "Gilang", "Hendra", "Indah", "Joko",
    "Kartika", "Lestari", "Made", "Nur", "Putri", "Rina", "Siti", "Wahyu",
];
const SYLLABLES: [&str; 16] =
    ["ba", "di", "go", "ha", "jar", "ka", "la", "man", "na", "pra", "ri", "san", "ta", "to", "wi", "yan"];

/// Single changes that are timed.
const STEPS: usize = 200;

/// What is put in by itself.
enum Change {
    Order(Order),
    Mutation(Mutation),
}

/// Numbers that look random and are the same in every run (a linear congruence after Knuth).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }

    fn name(&mut self) -> String {
        let (first, one, two, three) =
            (self.of(&FIRST), self.of(&SYLLABLES), self.of(&SYLLABLES), self.of(&SYLLABLES));
        format!("{first} {one}{two}{three}")
    }
}

/// As many orders as mutations: most pay exactly, some without the code, less a fee, or for nothing.
fn shop(count: u64) -> (Vec<Order>, Vec<Mutation>) {
    let mut numbers = Numbers(count);
    let mut orders = Vec::new();
    let mut mutations = Vec::new();
    for id in 1..=count {
        let code = i32::try_from(numbers.below(999) + 1).unwrap_or(1);
        let price = 1_000 * i64::try_from(numbers.below(1_500) + 50).unwrap_or(50);
        let name = numbers.name();
        let payable_minor = (price + i64::from(code)) * 100;
        let day = i64::try_from(numbers.below(14)).unwrap_or(0);
        let create_ms = (20_000 + day) * DAY_MS;
        let amount_minor = match numbers.below(20) {
            0 => price * 100,
            1 => payable_minor - 650_000,
            2 => 5_000_000,
            _ => payable_minor,
        };
        let description = format!("BI-FAST CR TRANSFER   DR 014 {}", name.to_uppercase());
        orders.push(Order {
            order_id: OrderId(id),
            version: 1,
            number: 100_000 + id,
            customer_key: CustomerKey(id),
            customer_name: name,
            payable_minor,
            due_minor: payable_minor,
            unique_code: code,
            create_ms,
            expire_ms: create_ms + 2 * DAY_MS,
            state: OrderState::Open,
            payable_shared: false,
        });
        mutations.push(Mutation {
            mutation_id: MutationId(id),
            amount_minor,
            day: 20_000 + i32::try_from(day).unwrap_or(0),
            description,
            counterparty: String::new(),
        });
    }
    (orders, mutations)
}

#[expect(clippy::disallowed_types, reason = "the clock is what is measured with, not matched by")]
fn timed(matcher: &mut Matcher, what: &str, changes: impl Iterator<Item = Change>) {
    let mut times: Vec<_> = changes
        .take(STEPS)
        .map(|change| {
            let started = Instant::now();
            match change {
                Change::Order(order) => matcher.put_order(order),
                Change::Mutation(mutation) => matcher.put_mutation(mutation),
            }
            matcher.decide(usize::MAX);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    println!("  {what}: median {median:.3?}, slowest of {} {most:.3?}", times.len());
}

#[expect(clippy::disallowed_types, reason = "the clock is what is measured with, not matched by")]
fn main() {
    let asked: Vec<u64> = std::env::args().skip(1).filter_map(|count| count.parse().ok()).collect();
    for count in if asked.is_empty() { vec![10_000, 100_000] } else { asked } {
        let (orders, mutations) = shop(count);
        let again = |order: &Order| Order { order_id: OrderId(order.order_id.0 + count), ..order.clone() };
        let mutation_again = |mutation: &Mutation| Mutation {
            mutation_id: MutationId(mutation.mutation_id.0 + count),
            ..mutation.clone()
        };
        let mut matcher = Matcher::new(Config { threads: 2, ..Config::default() });
        let started = Instant::now();
        for order in &orders {
            matcher.put_order(order.clone());
        }
        let put = started.elapsed();
        timed(
            &mut matcher,
            "one mutation beside the open orders",
            mutations.iter().map(mutation_again).map(Change::Mutation),
        );
        for mutation in mutations.iter().take(STEPS).map(mutation_again) {
            matcher.remove_mutation(mutation.mutation_id);
        }
        let started = Instant::now();
        matcher.put_mutations(&mutations);
        let both = started.elapsed();
        let decided = matcher.decide(usize::MAX);
        let auto = decided.changed.iter().filter(|decision| decision.verdict == Verdict::Auto).count();
        let all = started.elapsed();
        println!(
            "{count} x {count}: orders in {put:.3?}, mutations in {both:.3?}, decided in {:.3?}, together {:.3?}; \
             {auto} AUTO",
            all.saturating_sub(both),
            put + all
        );
        timed(
            &mut matcher,
            "one mutation more beside all that wait",
            mutations.iter().map(mutation_again).map(Change::Mutation),
        );
        timed(
            &mut matcher,
            "one order more beside all that wait",
            orders.iter().map(again).map(Change::Order),
        );
    }
}
