//! What people do when they pay, and what is to be thought of it.
//!
//! Goal: each kind of payment gets the verdict a careful person would give. Method: a few orders, a text as a bank writes it.

use kasir_matching::{
    Config, CustomerKey, Decision, Matcher, Mutation, MutationId, Order, OrderId, OrderState, Verdict,
    payer_key,
};

const DAY_MS: i64 = 86_400_000;
/// The day on which all orders of these stories are booked; they expire two days later.
const BOOKED: i32 = 20_000;

fn order(id: u64, customer_name: &str, payable: i64, unique_code: i32) -> Order {
    let create_ms = i64::from(BOOKED) * DAY_MS + 3_600_000;
    Order {
        order_id: OrderId(id),
        version: 7,
        number: id,
        customer_key: CustomerKey(id),
        customer_name: customer_name.into(),
        payable_minor: payable * 100,
        due_minor: payable * 100,
        unique_code,
        create_ms,
        expire_ms: create_ms + 2 * DAY_MS,
        state: OrderState::Open,
        payable_shared: false,
    }
}

fn mutation(id: u64, amount: i64, description: &str) -> Mutation {
    Mutation {
        mutation_id: MutationId(id),
        amount_minor: amount * 100,
        day: BOOKED + 1,
        description: description.into(),
        counterparty: String::new(),
    }
}

fn matcher(orders: Vec<Order>, mutations: Vec<Mutation>) -> Matcher {
    let mut matcher = Matcher::new(Config::default());
    for order in orders {
        matcher.put_order(order);
    }
    for mutation in mutations {
        matcher.put_mutation(mutation);
    }
    matcher.decide(usize::MAX);
    matcher
}

fn decided(orders: Vec<Order>, mutations: Vec<Mutation>) -> Vec<Decision> {
    let ids: Vec<MutationId> = mutations.iter().map(|mutation| mutation.mutation_id).collect();
    let matcher = matcher(orders, mutations);
    ids.iter().map(|id| matcher.decision(*id).expect("each mutation is decided").clone()).collect()
}

fn one(orders: Vec<Order>, amount: i64, description: &str) -> Decision {
    decided(orders, vec![mutation(1, amount, description)]).remove(0)
}

/// (order, amount in major units, write-off in major units) of each allocation.
fn paid(decision: &Decision) -> Vec<(u64, i64, i64)> {
    let allocations = decision.allocations.iter();
    allocations.map(|of| (of.order_id.0, of.amount_minor / 100, of.write_off_minor / 100)).collect()
}

fn shop() -> Vec<Order> {
    vec![
        order(12_001, "Budi Santoso", 108_437, 437),
        order(12_002, "Siti Aminah", 250_112, 112),
        order(12_003, "Joko Widagdo", 150_000, 0),
        order(12_004, "Rina Marlina", 150_000, 0),
        order(12_005, "PT. Maju Jaya", 1_200_345, 345),
    ]
}

#[test]
fn an_exact_amount_with_its_code_is_sure() {
    let decision = one(shop(), 108_437, "TRSF E-BANKING CR 0410/FTSCY/WS95031         108437.00BUDI SANTOSO");
    assert_eq!(decision.verdict, Verdict::Auto);
    assert_eq!(paid(&decision), [(12_001, 108_437, 0)]);
    assert_eq!(decision.allocations[0].order_version, 7);
}

#[test]
fn the_reasons_weigh_what_the_score_is() {
    let decision = one(shop(), 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    let weights: i64 = decision.reasons.iter().map(|reason| reason.weight_millinats).sum();
    assert_eq!(weights, decision.score_millinats);
    let words: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(words[0], "The amount is exactly what order 12001 has to pay (+7.0).");
}

#[test]
fn a_relative_who_pays_the_exact_amount_is_believed() {
    let decision = one(shop(), 108_437, "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO");
    assert_eq!(decision.verdict, Verdict::Auto);
}

#[test]
fn a_common_amount_needs_a_name() {
    let named = one(shop(), 150_000, "KR OTOMATIS LLG-MANDIRI RINA MARLINA");
    assert_eq!((named.verdict, paid(&named)), (Verdict::Auto, vec![(12_004, 150_000, 0)]));
    let nameless = one(shop(), 150_000, "SETORAN TUNAI");
    assert_eq!((nameless.verdict, paid(&nameless)), (Verdict::Ambiguous, vec![]));
    assert_eq!(nameless.candidates.len(), 2);
}

#[test]
fn names_are_cut_off_glued_and_mistyped() {
    for text in [
        "TRSF E-BANKING CR 0410/FTSCY/WS95031         150000.00RINA MARL",
        "TRSF E-BANKING CR 0410/FTSCY/WS95031         150000.00kaos 2 pcsRINA MARLINA",
        "TRSF E-BANKING CR 0410/FTSCY/WS95031         150000.00KAOSRINA MARLINA",
        "BI-FAST CR TRANSFER   DR 014 RINA MARLNIA",
        "SWITCHING CR TRANSFER   DR 008 IBU R MARLINA",
    ] {
        let decision = one(shop(), 150_000, text);
        assert_eq!(
            (decision.verdict, paid(&decision)),
            (Verdict::Auto, vec![(12_004, 150_000, 0)]),
            "{text}"
        );
    }
}

#[test]
fn an_order_number_names_the_order() {
    let text = "TRSF E-BANKING CR 0410/FTSCY/WS95031         150000.00INV 12003          WAHYU NUGROHO";
    let decision = one(shop(), 150_000, text);
    assert_eq!((decision.verdict, paid(&decision)), (Verdict::Auto, vec![(12_003, 150_000, 0)]));
}

#[test]
fn a_fee_taken_off_on_the_way_is_let_go() {
    let decision = one(shop(), 243_612, "SWITCHING CR TRANSFER   DR 008 SITI AMINAH");
    assert_eq!((decision.verdict, paid(&decision)), (Verdict::Auto, vec![(12_002, 243_612, 6_500)]));
    let nameless = one(shop(), 243_612, "SETORAN TUNAI");
    assert_ne!(nameless.verdict, Verdict::Auto);
}

#[test]
fn swapped_digits_are_seen() {
    let decision = one(shop(), 108_347, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_eq!(paid(&decision), [(12_001, 108_347, 90)]);
    let nameless = one(shop(), 108_347, "SETORAN TUNAI");
    assert_ne!(nameless.verdict, Verdict::Auto);
    assert_eq!(nameless.candidates[0].order_ids, [OrderId(12_001)]);
}

#[test]
fn a_part_and_too_much_are_only_suggested() {
    let part = one(shop(), 600_000, "KR OTOMATIS LLG-MANDIRI PT MAJU JAYA");
    assert_eq!((part.verdict, paid(&part)), (Verdict::Suggested, vec![(12_005, 600_000, 0)]));
    let more = one(shop(), 170_000, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_eq!((more.verdict, paid(&more)), (Verdict::Suggested, vec![(12_001, 108_437, 0)]));
}

#[test]
fn one_transfer_pays_several_orders() {
    let mut orders = shop();
    orders.push(order(12_006, "Budi Santoso", 75_221, 221));
    orders.push(order(12_007, "Budi Santoso", 310_908, 908));
    let decision = one(orders, 108_437 + 310_908, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_eq!(decision.verdict, Verdict::Auto);
    assert_eq!(paid(&decision), [(12_001, 108_437, 0), (12_007, 310_908, 0)]);
}

#[test]
fn several_transfers_pay_one_order() {
    let text = "KR OTOMATIS LLG-MANDIRI PT MAJU JAYA";
    let decisions = decided(shop(), vec![mutation(1, 700_000, text), mutation(2, 500_345, text)]);
    assert_eq!(paid(&decisions[0]), [(12_005, 700_000, 0)]);
    assert_eq!(paid(&decisions[1]), [(12_005, 500_345, 0)]);
    assert_eq!(decisions[0].joined, [MutationId(2)]);
    assert_eq!(decisions[1].joined, [MutationId(1)]);
    assert!(decisions.iter().all(|decision| decision.verdict == Verdict::Auto));
}

#[test]
fn money_for_nothing_is_told() {
    for (amount, text) in [
        (5_000_000, "KR OTOMATIS LLG-MANDIRI GAJI OKTOBER"),
        (12_345, "BUNGA"),
        (300_000, "TRSF E-BANKING CR 0410/FTSCY/WS95031         300000.00WAHYU NUGROHO"),
    ] {
        assert_eq!(one(shop(), amount, text).verdict, Verdict::None, "{text}");
    }
}

#[test]
fn who_pays_the_same_twice_pays_it_once() {
    let text = "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO";
    let decisions = decided(shop(), vec![mutation(1, 108_437, text), mutation(2, 108_437, text)]);
    assert_eq!(paid(&decisions[0]), [(12_001, 108_437, 0)]);
    assert_ne!(decisions[1].verdict, Verdict::Auto);
}

#[test]
fn two_equal_payers_of_one_order_are_a_tie() {
    let text = "SETORAN TUNAI";
    let decisions = decided(shop(), vec![mutation(1, 108_437, text), mutation(2, 108_437, text)]);
    assert!(decisions.iter().all(|decision| decision.verdict == Verdict::Ambiguous));
}

#[test]
fn a_cancelled_order_is_for_people() {
    let mut orders = shop();
    orders[0].state = OrderState::Cancelled;
    let decision = one(orders, 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_eq!(decision.verdict, Verdict::Suggested);
}

#[test]
fn late_money_for_an_expired_order_is_its() {
    let mut orders = shop();
    orders[0].state = OrderState::Expired;
    orders[0].expire_ms = orders[0].create_ms;
    let decision = one(orders, 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_eq!((decision.verdict, paid(&decision)), (Verdict::Auto, vec![(12_001, 108_437, 0)]));
}

#[test]
fn a_payable_that_was_anothers_needs_a_name() {
    let mut orders = shop();
    orders[0].payable_shared = true;
    assert_eq!(one(orders.clone(), 108_437, "SETORAN TUNAI").verdict, Verdict::Suggested);
    assert_eq!(one(orders, 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO").verdict, Verdict::Auto);
}

#[test]
fn money_from_before_the_booking_is_not_the_orders() {
    let mut early = mutation(1, 108_437, "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO");
    early.day = BOOKED - 1;
    assert_eq!(decided(shop(), vec![early])[0].verdict, Verdict::None);
}

#[test]
fn a_payer_who_was_learnt_is_known_until_forgotten() {
    let text = "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO";
    let mut matcher = matcher(shop(), vec![mutation(1, 150_000, text)]);
    assert_eq!(matcher.decision(MutationId(1)).map(|decision| decision.verdict), Some(Verdict::None));
    let payer = payer_key(text, "");
    assert_eq!(payer, "WAHYU NUGROHO");
    matcher.learn(&payer, CustomerKey(12_003));
    let changed = matcher.decide(usize::MAX).changed;
    assert_eq!((changed[0].verdict, paid(&changed[0])), (Verdict::Auto, vec![(12_003, 150_000, 0)]));
    assert!(matcher.forget(&payer, CustomerKey(12_003)));
    assert_eq!(matcher.decide(usize::MAX).changed[0].verdict, Verdict::None);
    assert!(!matcher.forget(&payer, CustomerKey(12_003)));
}

#[test]
fn only_what_changed_is_said() {
    let text = "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO";
    let mut matcher = matcher(shop(), vec![mutation(1, 108_437, text), mutation(2, 12_345, "BUNGA")]);
    assert!(matcher.decide(usize::MAX).changed.is_empty());
    assert!(matcher.remove_order(OrderId(12_001)));
    let changed = matcher.decide(usize::MAX).changed;
    assert_eq!(changed.iter().map(|decision| decision.mutation_id.0).collect::<Vec<_>>(), [1]);
    assert!(matcher.remove_mutation(MutationId(1)) && !matcher.remove_mutation(MutationId(1)));
    assert!(matcher.decision(MutationId(1)).is_none());
}

#[test]
fn a_cap_on_decisions_goes_on_with_the_next_call() {
    let mut matcher = Matcher::default();
    for id in 1..=5 {
        matcher.put_mutation(mutation(id, 1_000 + i64::try_from(id).unwrap(), "BUNGA"));
    }
    let first = matcher.decide(2);
    assert_eq!((first.changed.len(), first.more), (2, true));
    let rest = matcher.decide(usize::MAX);
    assert_eq!((rest.changed.len(), rest.more), (3, false));
}

#[test]
fn a_search_that_was_cut_says_so_and_is_never_sure() {
    let orders: Vec<Order> = (1..=500).map(|id| order(id, "", 150_000, 0)).collect();
    let mutations: Vec<Mutation> = (1..=500).map(|id| mutation(id, 150_000, "SETORAN TUNAI")).collect();
    for decision in decided(orders, mutations) {
        assert!(decision.cut && decision.verdict == Verdict::Ambiguous);
        assert!(decision.reasons.iter().any(|reason| reason.to_string().contains("bound")));
    }
}

#[test]
fn cents_count_like_rupiah() {
    let mut matcher = Matcher::new(Config::of_currency("JPY", 1));
    let mut yen = order(1, "Sato Kenji", 98_765, 0);
    yen.payable_minor = 98_765;
    yen.due_minor = 98_765;
    matcher.put_order(yen);
    let mut transfer = mutation(1, 98_765, "SATO KENJI");
    transfer.amount_minor = 98_765;
    matcher.put_mutation(transfer);
    assert_eq!(matcher.decide(usize::MAX).changed[0].verdict, Verdict::Auto);
}

#[test]
fn transfers_that_pay_together_let_nothing_go() {
    let orders = vec![order(12_001, "Budi Santoso", 111_002, 2)];
    let text = "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO";
    let decisions = decided(orders, vec![mutation(1, 108_565, text), mutation(2, 2_437, text)]);
    assert_eq!(paid(&decisions[0]), [(12_001, 108_565, 0)]);
    assert_eq!(paid(&decisions[1]), [(12_001, 2_437, 0)]);
}

#[test]
fn transfers_that_pay_together_are_as_sure_as_the_least_of_them() {
    let text = |name: &str| format!("BI-FAST CR TRANSFER   DR 014 {name}");
    let orders = || vec![order(12_001, "Susilawati", 1_200_345, 345)];
    let both = |other: &str| {
        let first = mutation(1, 700_000, &text("SUSILAWATI"));
        decided(orders(), vec![first, mutation(2, 500_345, &text(other))])
    };
    assert!(both("SUSILAWATI").iter().all(|decision| decision.verdict == Verdict::Auto));
    assert!(both("SUSILAWATI HARTONO").iter().all(|decision| decision.verdict == Verdict::Suggested));
}

#[test]
fn a_fee_is_taken_off_an_order_that_bears_it() {
    let name = "Budi Santoso";
    let orders = vec![order(1, name, 108_437, 437), order(2, name, 308_437, 437), order(3, name, 5_000, 0)];
    let decision =
        one(orders, 108_437 + 308_437 + 5_000 - 6_500, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    let allocated: i64 = decision.allocations.iter().map(|of| of.amount_minor).sum();
    assert!(allocated <= 41_537_400, "{:?}", paid(&decision));
    assert!(decision.allocations.iter().all(|of| of.write_off_minor <= 650_000));
}

#[test]
fn orders_that_stay_unpaid_are_for_people() {
    let config = Config { write_off_max_minor: 0, ..Config::default() };
    let mut matcher = Matcher::new(config);
    matcher.put_order(order(1, "Budi Santoso", 111_002, 2));
    matcher.put_order(order(2, "Budi Santoso", 333_003, 3));
    matcher.put_mutation(mutation(1, 444_000, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO"));
    let decided = matcher.decide(usize::MAX).changed;
    assert_eq!(paid(&decided[0]), [(1, 111_000, 0), (2, 333_000, 0)]);
    assert_eq!(decided[0].verdict, Verdict::Suggested);
}

#[test]
fn a_slip_that_leaves_much_unpaid_is_for_people() {
    for (payable, amount) in [(1_108_437, 108_437), (900_437, 100_437)] {
        let orders = vec![order(12_001, "Budi Santoso", payable, 437)];
        let decision = one(orders, amount, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
        assert_eq!(decision.verdict, Verdict::Suggested, "{payable} {amount}");
        assert_eq!(paid(&decision), [(12_001, amount, 0)]);
    }
}

#[test]
fn little_is_let_go_of_little() {
    let orders = vec![order(12_001, "Budi Santoso", 10_437, 437)];
    let decision = one(orders, 4_000, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    assert_ne!(decision.verdict, Verdict::Auto);
    assert!(decision.allocations.iter().all(|of| of.write_off_minor == 0), "{decision:?}");
}

#[test]
fn what_is_left_of_a_part_paid_order_carries_no_code() {
    let mut rest = order(12_001, "Budi Santoso", 111_002, 2);
    rest.due_minor = 5_000_000;
    let stranger = one(vec![rest.clone()], 50_000, "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO");
    assert_ne!(stranger.verdict, Verdict::Auto);
    assert_eq!(one(vec![rest], 50_000, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO").verdict, Verdict::Auto);
}

#[test]
fn a_mutation_that_is_put_anew_is_told_anew() {
    let transfer = mutation(1, 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO");
    let mut matcher = matcher(shop(), vec![transfer.clone()]);
    matcher.put_mutation(transfer);
    assert_eq!(matcher.decide(usize::MAX).changed.len(), 1);
}

#[test]
fn of_one_payers_equal_transfers_the_one_that_fits_best_counts() {
    let text = "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO";
    let mut early = mutation(1, 108_437, text);
    early.day = BOOKED - 10;
    let decisions = decided(shop(), vec![early, mutation(2, 108_437, text)]);
    assert_eq!((decisions[1].verdict, paid(&decisions[1])), (Verdict::Auto, vec![(12_001, 108_437, 0)]));
    assert!(decisions[0].allocations.is_empty());
    let half = mutation(1, 108_437, "BI-FAST CR TRANSFER   DR 014 BUDI");
    let decisions = decided(shop(), vec![half, mutation(2, 108_437, text)]);
    assert_ne!(decisions[0].verdict, Verdict::Auto);
    assert_eq!(paid(&decisions[1]), [(12_001, 108_437, 0)]);
}

#[test]
fn a_learnt_payer_is_not_everybody_whose_name_begins_so() {
    let verdict = |learnt: &[u64], text: &str| {
        let mut matcher = matcher(shop(), vec![mutation(1, 150_000, text)]);
        for customer in learnt {
            matcher.learn("WAHYU NUGROHO", CustomerKey(*customer));
        }
        matcher.decide(usize::MAX);
        matcher.decision(MutationId(1)).map(|decision| decision.verdict)
    };
    assert_eq!(verdict(&[12_003], "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO"), Some(Verdict::Auto));
    assert_eq!(verdict(&[12_003], "BI-FAST CR TRANSFER   DR 014 WAHYU NUGRO"), Some(Verdict::Auto));
    assert_ne!(verdict(&[12_003], "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO RAHAYU"), Some(Verdict::Auto));
    let everybody: Vec<u64> = (12_000..12_020).collect();
    assert_ne!(verdict(&everybody, "BI-FAST CR TRANSFER   DR 014 WAHYU NUGROHO"), Some(Verdict::Auto));
}

#[test]
fn what_was_learnt_is_found_whichever_came_first() {
    // Cut off within a word, and too short to be known by that.
    let text = "BI-FAST CR TRANSFER   DR 014 WI HADIANTO";
    for first in [true, false] {
        let mut matcher = matcher(shop(), if first { vec![mutation(1, 150_000, text)] } else { vec![] });
        matcher.learn("WI HADI", CustomerKey(12_003));
        matcher.put_mutation(mutation(1, 150_000, text));
        matcher.decide(usize::MAX);
        let expected = Some(Verdict::None);
        assert_eq!(matcher.decision(MutationId(1)).map(|decision| decision.verdict), expected);
    }
}

#[test]
fn what_is_assigned_is_no_surer_than_what_it_gave_way_to() {
    let budi = "BI-FAST CR TRANSFER   DR 014 BUDI SANTOSO";
    let orders = || {
        vec![
            order(5_001, "Budi Santoso", 200_437, 437),
            order(5_002, "Budi Santoso", 300_112, 112),
            order(5_003, "Wahyu Nugroho", 200_437, 437),
        ]
    };
    let transfers = |others: i64| {
        let mut transfers = vec![
            mutation(1, 500_549, budi),
            mutation(2, 200_437, "BI-FAST CR TRANSFER   DR 014 BUDI"),
            mutation(3, 300_112, "BI-FAST CR TRANSFER   DR 014 BUD"),
        ];
        transfers.extend(
            (0..others).map(|at| mutation(u64::try_from(at + 10).unwrap(), 190_000 + at * 123, budi)),
        );
        transfers
    };
    for others in [0, 8] {
        let decisions = decided(orders(), transfers(others));
        assert_ne!(decisions[1].verdict, Verdict::Auto, "beside {others} others: {:?}", decisions[1]);
    }
}

#[test]
fn a_dollar_is_not_a_rupiah() {
    let mut matcher = Matcher::new(Config::of_currency("USD", 100));
    matcher.put_order(Order { payable_minor: 99_937, due_minor: 99_937, ..order(1, "Sato Kenji", 1, 0) });
    matcher.put_mutation(Mutation { amount_minor: 100, ..mutation(1, 1, "SATO KENJI") });
    let decided = matcher.decide(usize::MAX).changed;
    assert!(!decided[0].reasons.iter().any(|reason| reason.to_string().contains("rounded")), "{decided:?}");
    assert!(decided[0].allocations.iter().all(|of| of.write_off_minor == 0));
}

#[test]
fn an_initial_that_many_words_begin_with_names_nobody() {
    let orders = |name: &str| vec![order(1, name, 149_000, 0), order(2, "Gara Lestari", 149_000, 0)];
    let text = "BI-FAST CR TRANSFER   DR 014 MAIMUNAH HIDAYAT";
    assert_eq!(one(orders("Maimunah Hidayat"), 149_000, text).verdict, Verdict::Auto);
    assert_ne!(one(orders("Maimunah H"), 149_000, text).verdict, Verdict::Auto);
}

#[test]
fn what_only_another_transfer_tells_apart_is_for_people() {
    let orders = vec![order(1, "Sri Hidayat", 59_000, 0), order(2, "Sri Hidayath", 59_000, 0)];
    let text = |name: &str| format!("BI-FAST CR TRANSFER   DR 014 {name}");
    let decisions = decided(
        orders,
        vec![mutation(1, 59_000, &text("SRI HID")), mutation(2, 59_000, &text("SRI HIDAYATH"))],
    );
    assert_ne!(decisions[0].verdict, Verdict::Auto);
}

#[test]
fn one_word_tells_no_payer() {
    let mut matcher = matcher(shop(), vec![mutation(1, 150_000, "BI-FAST CR TRANSFER   DR 014 SUSILAWATI")]);
    matcher.learn("SUSILAWATI", CustomerKey(12_003));
    assert!(matcher.decide(usize::MAX).changed.is_empty());
    assert!(!matcher.forget("SUSILAWATI", CustomerKey(12_003)));
}

#[test]
fn an_initial_stands_for_a_word_where_the_rest_tells_enough() {
    let orders = vec![order(1, "Dwi Kanda L", 547_000, 0), order(2, "Gara Lestari", 547_000, 0)];
    let decision = one(orders, 547_000, "BI-FAST CR TRANSFER   DR 014 DWI KANDA LESTARI");
    assert_eq!((decision.verdict, paid(&decision)), (Verdict::Auto, vec![(1, 547_000, 0)]));
}

#[test]
fn a_payer_who_was_learnt_may_bear_a_part_of_the_name() {
    let text = "SWITCHING CR TRANSFER   DR 451 SRI SUARTINI";
    let orders = vec![order(1, "Empluk Dina Suartini", 577_000, 0), order(2, "Gara Lestari", 590_000, 0)];
    let mut matcher = matcher(orders, vec![mutation(1, 577_000, text)]);
    assert_ne!(matcher.decision(MutationId(1)).map(|decision| decision.verdict), Some(Verdict::Auto));
    matcher.learn(&payer_key(text, ""), CustomerKey(1));
    assert_eq!(matcher.decide(usize::MAX).changed[0].verdict, Verdict::Auto);
}

#[test]
fn what_a_payer_books_later_makes_no_instalment_doubtful() {
    let verdicts = |days_later: i64| {
        let mut later = order(2, "Garang Suartini", 622_001, 501);
        later.create_ms += days_later * DAY_MS;
        later.expire_ms += days_later * DAY_MS;
        let text = "BI-FAST CR TRANSFER   DR 014 GARANG SUARTINI";
        let parts = [20_000, 60_000, 41_799].iter().zip(1..).map(|(part, id)| mutation(id, *part, text));
        let decisions = decided(vec![order(1, "Garang Suartini", 121_799, 799), later], parts.collect());
        decisions.iter().map(|decision| decision.verdict).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(3), [Verdict::Auto; 3]);
    assert!(!verdicts(0).contains(&Verdict::Auto));
}

#[test]
fn one_word_of_a_name_is_not_enough_among_orders_of_one_amount() {
    let verdict = |other: i64, text: &str| {
        let orders = vec![order(1, "Wasis Maheswara", 129_000, 0), order(2, "Wass Maheswara", other, 0)];
        one(orders, 129_000, text).verdict
    };
    assert_ne!(verdict(129_000, "BI-FAST CR TRANSFER   DR 014 WASIS"), Verdict::Auto);
    assert_eq!(verdict(131_000, "BI-FAST CR TRANSFER   DR 014 WASIS MAHESWARA"), Verdict::Auto);
    assert_eq!(verdict(129_000, "BI-FAST CR TRANSFER   DR 014 WASIS INV 1"), Verdict::Auto);
}

#[test]
fn amounts_of_few_digits_are_no_slips() {
    let paid = |due: i64, code: i32, amount: i64| {
        let text = "BI-FAST CR TRANSFER   DR 014 JONO WIBISONO";
        one(vec![order(1, "Jono Wibisono", due, code)], amount, text).verdict
    };
    assert_eq!(paid(110_437, 437, 150_437), Verdict::Auto);
    assert_ne!(paid(110_000, 0, 150_000), Verdict::Auto);
}
