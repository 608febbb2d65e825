//! Goal: the desk proposes what the store needs proposed, whatever happened to mutations and orders since it looked.
//! Method: the matcher itself beside a running shop, one desk that follows the journal, one that reads everything.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod common;

use common::matches::{auto, confirm, decisions, found, part, proposal, propose, shop, undo};
use common::{BCA, MINUTE, Shop, idr, paid_in};
use kasir_core::Table;
use kasir_core::command::{AllocationInput, Command};
use kasir_core::ids::{CustomerId, MutationId};
use kasir_core::matching::Desk;
use kasir_core::records::{Customer, find};
use kasir_core::states::{MatchDecision, MutationState, OrderState};

#[test]
fn what_is_over_becomes_credit_and_no_proposal_of_it_is_sure() {
    let (mut shop, orders) = shop(1);
    let order = &orders[0];
    shop.import(vec![paid_in(order.payable_minor + 700, "TRSF E-BANKING CR PELANGGAN")]);
    let found = Desk::open(&shop.state, BCA, 1).unwrap().propose(&shop.state).unwrap();
    let Command::ProposeMatches { proposals, .. } = found else { panic!("a run") };
    assert!(
        proposals.iter().flat_map(|each| &each.proposal).all(|each| each.decision != MatchDecision::Auto)
    );
    let sure = auto(vec![part(order, order.payable_minor, 0)], &[]);
    let told = propose(&mut shop, vec![(1, Some(sure))]);
    assert_eq!((told.auto, told.more), (0, false), "it is left out, and would be again");
    let likely = proposal(MatchDecision::Suggested, vec![part(order, order.payable_minor, 0)], &[]);
    assert_eq!(propose(&mut shop, vec![(1, Some(likely))]).suggested, 1);
    assert_eq!(confirm(&mut shop, &[1])[0].result.as_ref().unwrap().1, OrderState::Paid);
    assert_eq!(shop.mutation(1).credited_minor, 700);
    let customer: Customer = find(&shop.state, order.customer_id.0).unwrap().unwrap();
    assert_eq!(customer.credit_minor, 700);
    shop.sound();
    shop.ok(undo(1));
    shop.sound();
    shop.replays();
}

/// A desk that follows the journal comes to what one that reads everything comes to.
#[test]
fn a_matcher_that_follows_the_journal_knows_what_a_new_one_knows() {
    let (mut shop, orders) = shop(6);
    let mut desk = Desk::open(&shop.state, BCA, 1).unwrap();
    let mut read = shop.journal.len();
    let mut agree = |shop: &mut Shop| {
        for entry in &shop.journal[read..] {
            for event in &entry.events {
                desk.note(event);
            }
        }
        assert!(!desk.is_stale());
        desk.refresh(&shop.state).unwrap();
        let command = desk.propose(&shop.state).unwrap();
        let anew = Desk::open(&shop.state, BCA, 1).unwrap().propose(&shop.state).unwrap();
        let told = |command: &Command| match command {
            Command::ProposeMatches { proposals, unmatched, more, .. } => {
                (proposals.clone(), *unmatched, *more)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&command), told(&anew));
        shop.ok(command);
        read = shop.journal.len();
        shop.sound();
    };
    agree(&mut shop);
    let rows = orders.iter().map(|order| paid_in(order.payable_minor, &format!("TRSF {}", order.order_id)));
    shop.import(rows.collect());
    agree(&mut shop);
    shop.ok(Command::ExtendBooking {
        order_id: orders[0].order_id,
        version: orders[0].version,
        expire_ms: Some(orders[0].expire_ms + MINUTE),
    });
    shop.ok(Command::CancelBooking { order_id: orders[1].order_id, reason: String::new() });
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(3), reason: "interest".into() });
    agree(&mut shop);
    // Between two runs: its proposal is gone, and nothing else changed.
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(4), reason: "interest".into() });
    shop.ok(undo(4));
    agree(&mut shop);
    assert_eq!(shop.mutation(4).state, MutationState::Proposed);
    let command = Command::ConfirmMatches { bank_account_id: BCA, mutation_ids: vec![], all_auto: true };
    shop.ok(command);
    agree(&mut shop);
    shop.ok(undo(3));
    shop.wait(4 * 60 * MINUTE);
    agree(&mut shop);
    shop.replays();
}

#[test]
fn a_match_that_a_person_undid_is_never_sure_again() {
    let (mut shop, orders) = shop(1);
    shop.import(vec![paid_in(orders[0].payable_minor, "TRSF E-BANKING CR 0101/FTSCY/WS9501 PELANGGAN")]);
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(1), reason: "interest".into() });
    shop.ok(undo(1));
    assert_eq!(decisions(&shop), [Some(MatchDecision::Auto)], "nothing was matched yet");
    assert_eq!(shop.reconcile(), [Ok(OrderState::Paid)]);
    shop.ok(undo(1));
    let order = shop.order(orders[0].order_id);
    let sure = auto(vec![part(&order, order.payable_minor, 0)], &[]);
    assert_eq!(propose(&mut shop, vec![(1, Some(sure))]).auto, 0);
    assert_eq!(decisions(&shop), [Some(MatchDecision::Suggested)]);
    assert_eq!(shop.reconcile(), []);
    assert_eq!(shop.mutation(1).state, MutationState::Proposed);
    assert_eq!(decisions(&shop), [], "what stands is what is wanted");
    assert_eq!(confirm(&mut shop, &[1])[0].result.as_ref().unwrap().1, OrderState::Paid);
    shop.sound();
    shop.replays();
}

#[test]
fn a_journal_that_does_not_say_what_was_undone_is_read() {
    #[derive(serde::Serialize)]
    enum Before {
        MutationUndone { mutation_id: u64 },
    }
    let bytes = kasir_core::records::encode(&Before::MutationUndone { mutation_id: 1 }).unwrap();
    let event: kasir_core::Event = kasir_core::records::decode(&bytes).unwrap();
    assert_eq!(event, kasir_core::Event::MutationUndone { mutation_id: MutationId(1), matched: false });
}

#[test]
fn one_part_that_was_undone_makes_the_others_less_sure() {
    let (mut shop, orders) = shop(1);
    let (first, second) = (4_000_000, orders[0].payable_minor - 4_000_000);
    let text = format!("TRSF E-BANKING CR 0101/FTSCY/WS9501 PESANAN {} PELANGGAN", orders[0].order_id);
    shop.import(vec![paid_in(first, &text), paid_in(second, &text)]);
    let sure = Some(MatchDecision::Auto);
    assert_eq!(decisions(&shop), [sure, sure]);
    assert_eq!(found(&shop)[&1].as_ref().unwrap().joined, [MutationId(2)]);
    shop.ok(Command::MatchMutation {
        mutation_id: MutationId(2),
        allocations: vec![],
        credit_remainder: true,
        credit_customer_id: orders[0].customer_id,
    });
    shop.ok(undo(2));
    let likely = Some(MatchDecision::Suggested);
    assert_eq!(decisions(&shop), [likely, likely]);
    assert_eq!(shop.reconcile(), []);
    shop.sound();
}

#[test]
fn what_is_left_of_a_partly_paid_order_carries_no_code() {
    let (mut shop, orders) = shop(1);
    let round = 5_000_000;
    shop.ok(Command::RecordPayment {
        order_id: orders[0].order_id,
        amount: Some(idr(orders[0].payable_minor - round)),
        method: "kas".into(),
        reference: String::new(),
    });
    shop.import(vec![paid_in(round, "SETORAN TUNAI")]);
    assert!(!decisions(&shop).contains(&Some(MatchDecision::Auto)), "anybody pays so much");
}

/// A store from before, in which one word was learnt: it is sound, says nothing to the matcher, and can be undone.
#[test]
fn one_word_that_was_learnt_before_says_nothing() {
    let (mut shop, orders) = shop(2);
    let context = kasir_core::Context { now_ms: shop.now_ms, actor: "siti" };
    let common = 5_000_000;
    shop.ok(Command::RecordPayment {
        order_id: orders[1].order_id,
        amount: Some(idr(orders[1].payable_minor - common)),
        method: "kas".into(),
        reference: String::new(),
    });
    let text = "TRSF E-BANKING CR 0101/FTSCY/WS9501 AGUS";
    shop.import(vec![paid_in(orders[0].payable_minor, text), paid_in(common, text)]);
    shop.ok(Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations: vec![AllocationInput {
            order_id: orders[0].order_id,
            amount: Some(idr(orders[0].payable_minor)),
            write_off: None,
        }],
        credit_remainder: false,
        credit_customer_id: CustomerId(0),
    });
    let before = found(&shop);
    let mut mutation = shop.mutation(1);
    mutation.learnt_payer = "AGUS".into();
    kasir_core::records::save(&mut shop.state, &mutation).unwrap();
    let learnt = kasir_core::Event::PayerLearnt { payer: "AGUS".into(), customer_id: orders[0].customer_id };
    kasir_core::apply(&mut shop.state, &[learnt], &context).unwrap();
    shop.sound();
    assert_eq!(found(&shop), before);
    shop.ok(undo(1));
    shop.sound();
    assert!(shop.state.entries().all(|(table, _, _)| table != Table::Payers));
}
