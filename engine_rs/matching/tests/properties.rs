//! What must hold of any orders and mutations.
//!
//! Method: small worlds in which few names and few amounts collide often, put in and taken out in random order.

use std::collections::BTreeMap;

use kasir_matching::{
    Config, CustomerKey, Decision, Matcher, Mutation, MutationId, Order, OrderId, OrderState, Verdict,
};
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;
const NAMES: [&str; 8] = [
    "Budi Santoso",
    "Budi Hartono",
    "Siti Aminah",
    "Siti Amelia",
    "Rina Santoso",
    "Joko",
    "Drs. Bambang Sutrisno, M.M.",
    "",
];
const TEXTS: [&str; 9] = [
    "SETORAN TUNAI",
    "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO",
    "BI-FAST CR TRANSFER   DR 014 BUDI SANT",
    "KR OTOMATIS LLG-MANDIRI SITI AMINAH",
    "TRSF E-BANKING CR 0410/FTSCY/WS95031  1.00baju SITI AMELIA",
    "TRSF E-BANKING CR 0410/FTSCY/WS95031  1.00INV 3 RINA",
    "SWITCHING CR TRANSFER   DR 008 JOKO",
    "TRSF E-BANKING CR 0410/FTSCY/WS95031  1.00PELUNASANBAMBANG S",
    "WAHYU NUGROHO",
];
const PRICES: [i64; 5] = [50_000, 75_000, 125_000, 100_000, 60_123];

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let one = (0..NAMES.len(), 0..PRICES.len(), 0..4_i32, 0..6_i64, 0..8_u8);
    prop::collection::vec(one, 0..9).prop_map(|rows| rows.into_iter().zip(1..).map(order).collect())
}

fn order(((name, price, code, day, kind), id): ((usize, usize, i32, i64, u8), u64)) -> Order {
    let unique_code = code * 111;
    let payable_minor = (PRICES[price] + i64::from(unique_code)) * 100;
    let create_ms = (20_000 + day) * DAY_MS;
    Order {
        order_id: OrderId(id),
        version: 1,
        number: id,
        customer_key: CustomerKey(name as u64),
        customer_name: NAMES[name].into(),
        payable_minor,
        due_minor: if kind == 0 { payable_minor / 2 } else { payable_minor },
        unique_code,
        create_ms,
        expire_ms: create_ms + DAY_MS,
        state: match kind {
            1 => OrderState::Cancelled,
            2 => OrderState::Expired,
            _ => OrderState::Open,
        },
        payable_shared: kind == 3,
    }
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let amount = prop_oneof![
        (0..PRICES.len(), 0..4_i64).prop_map(|(price, code)| PRICES[price] + code * 111),
        (0..PRICES.len(), 0..PRICES.len(), 0..4_i64)
            .prop_map(|(one, other, code)| PRICES[one] + PRICES[other] + code * 111),
        // Parts of which one is little.
        (0..PRICES.len(), 0..4_i64).prop_map(|(price, code)| PRICES[price] + code * 111 - 2_437),
        Just(2_437),
        Just(25_000),
        Just(47_500),
    ];
    prop::collection::vec((amount, 0..TEXTS.len(), 0..7_i32), 0..9)
        .prop_map(|rows| rows.into_iter().zip(1..).map(mutation).collect())
}

fn mutation(((amount, text, day), id): ((i64, usize, i32), u64)) -> Mutation {
    Mutation {
        mutation_id: MutationId(id),
        amount_minor: amount * 100,
        day: 20_000 + day,
        description: TEXTS[text].into(),
        counterparty: String::new(),
    }
}

fn all(matcher: &Matcher, mutations: &[Mutation]) -> Vec<Decision> {
    let decided = mutations.iter().map(|mutation| matcher.decision(mutation.mutation_id));
    decided.map(|decision| decision.expect("each mutation is decided").clone()).collect()
}

fn full(orders: &[Order], mutations: &[Mutation]) -> Vec<Decision> {
    let mut matcher = Matcher::new(Config::default());
    for order in orders {
        matcher.put_order(order.clone());
    }
    for mutation in mutations {
        matcher.put_mutation(mutation.clone());
    }
    matcher.decide(usize::MAX);
    all(&matcher, mutations)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_more_is_allocated_than_there_is(orders in orders(), mutations in mutations()) {
        let mut of_order: BTreeMap<OrderId, i64> = BTreeMap::new();
        for (mutation, decision) in mutations.iter().zip(full(&orders, &mutations)) {
            let allocated: i64 = decision.allocations.iter().map(|of| of.amount_minor).sum();
            prop_assert!(allocated <= mutation.amount_minor);
            for of in &decision.allocations {
                prop_assert!(of.amount_minor > 0 && of.write_off_minor >= 0);
                prop_assert!(of.write_off_minor <= Config::default().write_off_max_minor);
                *of_order.entry(of.order_id).or_default() += of.amount_minor + of.write_off_minor;
            }
            let chosen = matches!(decision.verdict, Verdict::Auto | Verdict::Suggested);
            prop_assert_eq!(chosen, !decision.allocations.is_empty());
        }
        for order in &orders {
            prop_assert!(of_order.get(&order.order_id).is_none_or(|sum| *sum <= order.due_minor));
        }
    }

    #[test]
    fn the_order_of_arrival_decides_nothing(
        orders in orders(),
        mutations in mutations(),
        turned in any::<bool>(),
        threads in 1..3_usize,
    ) {
        let mut matcher = Matcher::new(Config { threads, ..Config::default() });
        if turned {
            mutations.iter().rev().for_each(|mutation| matcher.put_mutation(mutation.clone()));
        }
        orders.iter().rev().for_each(|order| matcher.put_order(order.clone()));
        if !turned {
            mutations.iter().rev().for_each(|mutation| matcher.put_mutation(mutation.clone()));
        }
        matcher.decide(usize::MAX);
        prop_assert_eq!(all(&matcher, &mutations), full(&orders, &mutations));
    }

    #[test]
    fn a_step_at_a_time_comes_to_the_same(
        orders in orders(),
        mutations in mutations(),
        others in orders(),
        strangers in mutations(),
        steps in prop::collection::vec((0..5_u8, 0..9_usize), 0..40),
    ) {
        let mut matcher = Matcher::new(Config::default());
        // What comes and goes again, or is put anew, leaves nothing behind.
        for (kind, at) in steps {
            match kind {
                0 => if let Some(order) = others.get(at) { matcher.put_order(order.clone()) },
                1 => if let Some(mutation) = strangers.get(at) { matcher.put_mutation(mutation.clone()) },
                2 => { matcher.remove_order(OrderId(at as u64)); }
                3 => { matcher.remove_mutation(MutationId(at as u64)); }
                _ => { matcher.decide(at + 1); }
            }
        }
        for id in 1..10 {
            matcher.remove_order(OrderId(id));
            matcher.decide(1);
            matcher.remove_mutation(MutationId(id));
        }
        for step in 0..9 {
            if let Some(order) = orders.get(step) {
                matcher.put_order(order.clone());
            }
            if let Some(mutation) = mutations.get(8 - step) {
                matcher.put_mutation(mutation.clone());
            }
            matcher.decide(2);
        }
        while matcher.decide(3).more {}
        prop_assert_eq!(all(&matcher, &mutations), full(&orders, &mutations));
    }

    #[test]
    fn of_two_equal_orders_none_is_sure(orders in orders(), mutations in mutations(), twin in 0..9_usize) {
        let Some(order) = orders.get(twin).cloned() else { return Ok(()) };
        let mut orders = orders;
        // A number would tell them apart.
        orders[twin].number = 0;
        orders.push(Order { order_id: OrderId(99), number: 0, ..order.clone() });
        for decision in full(&orders, &mutations) {
            let named = |id: OrderId| decision.allocations.iter().any(|of| of.order_id == id);
            let one_of_them = named(order.order_id) != named(OrderId(99));
            prop_assert!(!one_of_them || decision.verdict != Verdict::Auto, "{:?}", decision);
        }
    }

    #[test]
    fn a_cancelled_order_is_never_sure(orders in orders(), mutations in mutations()) {
        for decision in full(&orders, &mutations).iter().filter(|decision| decision.verdict == Verdict::Auto) {
            for of in &decision.allocations {
                let order = orders.iter().find(|order| order.order_id == of.order_id).unwrap();
                prop_assert_ne!(order.state, OrderState::Cancelled);
            }
        }
    }
}
