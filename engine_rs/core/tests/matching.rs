//! Goal: what the matcher proposes is taken only as far as the state bears it; money from several transfers, short of a fee or
//! from a known payer ends where it belongs, and every step can be taken back.
//! Method: proposals written by hand, so that they may be wrong in every way.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod common;

use common::matches::{auto, confirm, part, proposal, propose, refusal, rules, shop, undo};
use common::{BCA, MINUTE, Shop, idr, paid_in};
use kasir_core::command::{AllocationInput, Command, MatchingRulesInput};
use kasir_core::ids::{CustomerId, MutationId, OrderId};
use kasir_core::records::{Customer, MatchCandidate, Order, Proposal, ProposedAllocation, find};
use kasir_core::states::{MatchDecision, MutationState, OrderState};
use kasir_core::{Reason, Reply, Table, View};

#[test]
fn a_proposal_is_taken_only_as_the_state_bears_it() {
    let (mut shop, orders) = shop(2);
    let payable = orders[0].payable_minor;
    shop.import(vec![paid_in(payable, "A"), paid_in(payable, "B"), paid_in(-5, "OUT")]);
    let stale = ProposedAllocation { order_version: 9, ..part(&orders[0], payable, 0) };
    let unknown = ProposedAllocation { order_id: OrderId(99), ..part(&orders[0], payable, 0) };
    let wrong = [
        auto(vec![stale], &[]),
        auto(vec![unknown], &[]),
        auto(vec![part(&orders[0], payable + 1, 0)], &[]),
        auto(vec![part(&orders[0], 0, 0)], &[]),
        auto(vec![part(&orders[0], payable - 5, 5)], &[]),
        auto(vec![part(&orders[0], payable - 5, 0)], &[]),
        auto(vec![], &[]),
        proposal(MatchDecision::Ambiguous, vec![part(&orders[0], payable, 0)], &[]),
    ];
    for wrong in wrong {
        let told = propose(&mut shop, vec![(1, Some(wrong.clone()))]);
        assert_eq!((told.auto, told.suggested), (0, 0), "{wrong:?}");
        assert_eq!(shop.mutation(1).state, MutationState::Posted);
    }
    let right = auto(vec![part(&orders[0], payable, 0)], &[]);
    // Money out, money that is not there, and a second transfer for what is promised.
    let asked = [3, 77, 1, 2].map(|id| (id, Some(right.clone())));
    let told = propose(&mut shop, asked.to_vec());
    assert_eq!((told.auto, told.suggested, told.unmatched), (1, 0, 8), "with the second transfer");
    assert_eq!(shop.mutation(2).state, MutationState::Posted);
    let again = propose(&mut shop, vec![(1, Some(right))]);
    assert_eq!((again.auto, again.withdrawn, again.more), (1, 0, false));
    let less = propose(&mut shop, vec![(1, None), (2, None)]);
    assert_eq!((less.withdrawn, shop.mutation(1).state), (1, MutationState::Posted));
    shop.sound();
    shop.replays();
}

#[test]
fn several_transfers_pay_one_order_together_and_are_undone_one_by_one() {
    let (mut shop, orders) = shop(1);
    let order = &orders[0];
    let (first, second) = (4_000_000, order.payable_minor - 4_000_000);
    shop.import(vec![paid_in(first, "CICIL 1"), paid_in(second, "CICIL 2")]);
    let proposals = vec![
        (1, Some(auto(vec![part(order, first, 0)], &[2]))),
        (2, Some(auto(vec![part(order, second, 0)], &[1]))),
    ];
    assert_eq!(propose(&mut shop, proposals.clone()).auto, 2);
    let results = confirm(&mut shop, &[]);
    let told: Vec<_> =
        results.iter().map(|done| (done.mutation_id.0, done.result.clone().unwrap())).collect();
    let paid = (vec![order.order_id], OrderState::Paid);
    assert_eq!(told, [(1, paid.clone()), (2, paid)]);
    let kinds = |shop: &Shop, name: &str| {
        shop.journal.iter().flat_map(|entry| &entry.events).filter(|event| event.name() == name).count()
    };
    assert_eq!(kinds(&shop, "PaymentAllocated"), 2);
    let told_before = kinds(&shop, "MessageQueued");
    assert_eq!(told_before, 2, "of the booking, and once of the payment");
    shop.sound();
    shop.ok(undo(1));
    assert_eq!(shop.order(order.order_id).state, OrderState::PartlyPaid);
    shop.ok(undo(2));
    assert_eq!(shop.order(order.order_id).state, OrderState::Booked);
    shop.sound();
    shop.replays();

    // When one of them is gone, the other does not pay alone.
    let order = shop.order(order.order_id);
    let likely =
        |amount, joined| Some(proposal(MatchDecision::Suggested, vec![part(&order, amount, 0)], &[joined]));
    let proposals = vec![(1, likely(first, 2)), (2, likely(second, 1))];
    assert_eq!(propose(&mut shop, proposals).suggested, 2);
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(2), reason: "someone else's".into() });
    assert_eq!(refusal(&confirm(&mut shop, &[1])), Reason::VersionStale);
    shop.sound();
}

#[test]
fn transfers_are_joined_by_hand() {
    let (mut shop, orders) = shop(2);
    let order = &orders[0];
    let half = order.payable_minor / 2 - 50;
    shop.import(vec![paid_in(half, "1"), paid_in(half, "2"), paid_in(half, "3")]);
    let join = |ids: &[u64], credit_remainder| Command::JoinMutations {
        mutation_ids: ids.iter().map(|id| MutationId(*id)).collect(),
        order_id: order.order_id,
        write_off: None,
        credit_remainder,
    };
    assert_eq!(shop.refused(join(&[1], true)), Reason::FieldOutOfRange);
    assert_eq!(shop.refused(join(&[1, 1], true)), Reason::FieldMalformed);
    assert_eq!(shop.refused(join(&[1, 9], true)), Reason::MutationNotFound);
    assert_eq!(shop.refused(join(&[1, 2, 3], false)), Reason::RemainderLeft);
    let Reply::Joined { mutations, order: paid } = shop.ok(join(&[1, 2, 3], true)) else { panic!("joined") };
    assert_eq!((mutations.len(), paid.state, paid.paid_minor), (3, OrderState::Paid, order.payable_minor));
    let credit = 3 * half - order.payable_minor;
    assert_eq!(mutations[2].credited_minor, credit);
    let customer: Customer = find(&shop.state, order.customer_id.0).unwrap().unwrap();
    assert_eq!(customer.credit_minor, credit);
    shop.sound();
    shop.ok(undo(3));
    let customer: Customer = find(&shop.state, order.customer_id.0).unwrap().unwrap();
    assert_eq!((customer.credit_minor, shop.order(order.order_id).state), (0, OrderState::PartlyPaid));
    shop.sound();
    shop.replays();
}

#[test]
fn what_a_fee_took_is_written_off_within_the_rules_and_comes_back_with_an_undo() {
    let (mut shop, orders) = shop(1);
    let order = &orders[0];
    let came = order.payable_minor - 650_000;
    shop.import(vec![paid_in(came, "BI-FAST")]);
    let by_hand = |amount, off| Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations: vec![AllocationInput {
            order_id: order.order_id,
            amount: Some(idr(amount)),
            write_off: Some(idr(off)),
        }],
        credit_remainder: true,
        credit_customer_id: CustomerId(0),
    };
    assert_eq!(shop.refused(by_hand(came, 650_000)), Reason::WriteOffTooHigh, "nothing is allowed yet");
    rules(&mut shop, 650_000);
    assert_eq!(shop.refused(by_hand(came, 649_999)), Reason::WriteOffTooHigh, "a rest would be left");
    assert_eq!(shop.refused(by_hand(came - 1, 650_001)), Reason::WriteOffTooHigh);
    shop.ok(by_hand(came, 650_000));
    let paid = shop.order(order.order_id);
    assert_eq!((paid.state, paid.paid_minor, paid.written_off_minor), (OrderState::Paid, came, 650_000));
    assert_eq!(paid.due_minor(), 0);
    shop.sound();
    shop.ok(undo(1));
    let booked = shop.order(order.order_id);
    assert_eq!((booked.state, booked.written_off_minor), (OrderState::Booked, 0));
    shop.sound();

    // Proposed ones are held against the rules as they are when somebody confirms.
    let wanted = proposal(MatchDecision::Suggested, vec![part(&booked, came, 650_000)], &[]);
    assert_eq!(propose(&mut shop, vec![(1, Some(wanted))]).suggested, 1);
    rules(&mut shop, 600_000);
    assert_eq!(refusal(&confirm(&mut shop, &[1])), Reason::WriteOffTooHigh);
    rules(&mut shop, 700_000);
    assert_eq!(confirm(&mut shop, &[1])[0].result.as_ref().unwrap().1, OrderState::Paid);
    shop.sound();

    // Money that has to be paid back is paid back as it came.
    shop.ok(Command::CancelBooking { order_id: order.order_id, reason: String::new() });
    let due = shop.order(order.order_id);
    assert_eq!((due.state, due.paid_minor), (OrderState::RefundDue, came));
    shop.sound();
    shop.replays();
}

#[test]
fn nothing_is_written_off_of_late_money_that_goes_back() {
    let (mut shop, orders) = shop(1);
    let order = &orders[0];
    rules(&mut shop, 100);
    shop.ok(Command::CancelBooking { order_id: order.order_id, reason: String::new() });
    shop.import(vec![paid_in(order.payable_minor - 100, "LATE")]);
    let cancelled = shop.order(order.order_id);
    let wanted =
        proposal(MatchDecision::Suggested, vec![part(&cancelled, order.payable_minor - 100, 100)], &[]);
    assert_eq!(propose(&mut shop, vec![(1, Some(wanted))]).suggested, 1);
    assert_eq!(confirm(&mut shop, &[1])[0].result.as_ref().unwrap().1, OrderState::RefundDue);
    let due = shop.order(order.order_id);
    assert_eq!((due.written_off_minor, due.allocations[0].write_off_minor), (0, 0));
    assert_eq!(shop.mutation(1).allocations[0].write_off_minor, 0);
    shop.sound();
    shop.replays();
}

#[test]
fn what_fits_several_orders_is_for_a_person() {
    let (mut shop, orders) = shop(2);
    shop.import(vec![paid_in(orders[0].payable_minor, "X")]);
    let candidates =
        orders.iter().map(|order| MatchCandidate { order_ids: vec![order.order_id], score_millinats: 100 });
    let candidates = candidates.collect();
    let wanted = Proposal { candidates, ..proposal(MatchDecision::Ambiguous, vec![], &[]) };
    assert_eq!(propose(&mut shop, vec![(1, Some(wanted))]).suggested, 1);
    assert!(confirm(&mut shop, &[]).is_empty(), "it is not sure");
    assert_eq!(refusal(&confirm(&mut shop, &[1])), Reason::ProposalAmbiguous);
    shop.sound();
}

#[test]
fn payers_are_learnt_from_confirmations_and_forgotten_when_undone() {
    let (mut shop, orders) = shop(2);
    shop.import(vec![
        paid_in(orders[0].payable_minor, "TRSF E-BANKING CR 0101/FTSCY/WS9501 SITI RAHAYU"),
        paid_in(orders[1].payable_minor, "TRSF E-BANKING CR 0101/FTSCY/WS9502 SITI RAHAYU"),
    ]);
    let payers = |shop: &Shop| {
        let mut found = Vec::new();
        let visit = &mut |key: &[u8], value: &[u8]| {
            found.push((String::from_utf8_lossy(key).contains("SITI RAHAYU"), value.to_vec()));
            Ok(true)
        };
        shop.state.scan(Table::Payers, &[0], &[1], visit).unwrap();
        found
    };
    for (id, order) in [(1, &orders[0]), (2, &orders[1])] {
        propose(&mut shop, vec![(id, Some(auto(vec![part(order, order.payable_minor, 0)], &[])))]);
        confirm(&mut shop, &[id]);
        let count = i64::try_from(id).unwrap();
        assert_eq!(payers(&shop), [(true, count.to_be_bytes().to_vec())]);
        shop.sound();
    }
    shop.ok(undo(1));
    assert_eq!(payers(&shop), [(true, 1_i64.to_be_bytes().to_vec())]);
    shop.sound();
    shop.ok(undo(2));
    assert_eq!(payers(&shop), []);
    shop.sound();
    shop.replays();
}

#[test]
fn a_very_long_payer_is_learnt_as_far_as_a_key_holds() {
    let (mut shop, orders) = shop(1);
    let row = kasir_core::command::MutationInput {
        counterparty: format!("{} {}", "Ĳ".repeat(49), "Ĳ".repeat(50)),
        ..paid_in(orders[0].payable_minor, "TRSF")
    };
    shop.import(vec![row]);
    propose(&mut shop, vec![(1, Some(auto(vec![part(&orders[0], orders[0].payable_minor, 0)], &[])))]);
    assert!(confirm(&mut shop, &[1])[0].result.is_ok());
    shop.sound();
    shop.ok(undo(1));
    shop.sound();
}

#[test]
fn rules_are_checked_and_kept() {
    let mut shop = Shop::new();
    let set = |rules| Command::SetMatchingRules { bank_account_id: BCA, rules };
    let confirm_alone = MatchingRulesInput { confirm_by_itself: true, ..Default::default() };
    assert_eq!(shop.refused(set(confirm_alone)), Reason::FieldMalformed);
    let negative = MatchingRulesInput { write_off_max: Some(idr(-1)), ..Default::default() };
    assert_eq!(shop.refused(set(negative)), Reason::AmountOutOfRange);
    let all =
        MatchingRulesInput { write_off_max: Some(idr(5)), propose_by_itself: true, confirm_by_itself: true };
    let Reply::BankAccount(account) = shop.ok(set(all)) else { panic!("an account") };
    assert_eq!(account.matching_rules.write_off_max_minor, 5);
    assert!(account.matching_rules.propose_by_itself && account.matching_rules.confirm_by_itself);
    shop.ok(set(MatchingRulesInput::default()));
    shop.sound();
    shop.replays();
}

#[test]
fn no_order_is_promised_more_than_it_has_to_get_however_many_commands_say_so() {
    let (mut shop, orders) = shop(2);
    let payable = orders[0].payable_minor;
    shop.import(vec![paid_in(payable, "A"), paid_in(payable, "B"), paid_in(payable, "C")]);
    let whole = |order: &Order| Some(auto(vec![part(order, payable, 0)], &[]));
    assert_eq!(propose(&mut shop, vec![(2, whole(&orders[0]))]).auto, 1);
    let likely = |parts| Some(proposal(MatchDecision::Suggested, parts, &[]));
    let twice = vec![part(&orders[1], 1, 0), part(&orders[1], 1, 0)];
    for rival in [whole(&orders[0]), likely(vec![part(&orders[0], 1, 0)]), likely(twice)] {
        let told = propose(&mut shop, vec![(1, rival)]);
        assert_eq!((told.auto, told.suggested, told.unmatched, told.more), (0, 0, 8, false));
        assert_eq!(shop.mutation(1).state, MutationState::Posted);
    }
    // In the place of what the same command takes back, whichever comes first.
    let told = propose(&mut shop, vec![(1, whole(&orders[0])), (2, None)]);
    assert_eq!((told.auto, told.withdrawn), (1, 1));
    let told = propose(&mut shop, vec![(1, None), (3, whole(&orders[0]))]);
    assert_eq!((told.auto, told.withdrawn), (1, 1));
    // What is left out does not keep its old proposal, which nobody wants any more.
    let wrong = auto(vec![part(&orders[1], payable * 2, 0)], &[]);
    let told = propose(&mut shop, vec![(1, whole(&orders[0])), (3, Some(wrong))]);
    assert_eq!((told.auto, told.withdrawn, told.unmatched), (1, 1, 8));
    assert_eq!(shop.mutation(3).state, MutationState::Posted);
    // A proposal that rests on what changed promises nothing.
    shop.ok(Command::ExtendBooking {
        order_id: orders[0].order_id,
        version: orders[0].version,
        expire_ms: Some(orders[0].expire_ms + MINUTE),
    });
    let order = shop.order(orders[0].order_id);
    assert_eq!(propose(&mut shop, vec![(2, whole(&order))]).auto, 1);
    let results = confirm(&mut shop, &[]);
    assert_eq!(results.iter().filter(|each| each.result.is_ok()).count(), 1);
    shop.sound();
    shop.replays();
}

#[test]
fn money_that_pays_together_is_as_sure_as_its_least_sure_part() {
    let (mut shop, orders) = shop(2);
    let (first, second) = (4_000_000, orders[0].payable_minor - 4_000_000);
    let text = "TRSF E-BANKING CR 0101/FTSCY/WS9501 PELANGGAN";
    shop.import(vec![paid_in(first, text), paid_in(second, text)]);
    let likely = proposal(MatchDecision::Suggested, vec![part(&orders[0], second, 0)], &[1]);
    let sure = auto(vec![part(&orders[0], first, 0)], &[2]);
    let told = propose(&mut shop, vec![(1, Some(sure)), (2, Some(likely))]);
    assert_eq!((told.auto, told.suggested), (1, 1));
    assert_eq!(refusal(&confirm(&mut shop, &[])), Reason::VersionStale);
    assert_eq!(shop.order(orders[0].order_id).state, OrderState::Booked);
    assert_eq!(confirm(&mut shop, &[1]).len(), 2, "a person says so");
    shop.ok(undo(2));
    shop.ok(undo(1));
    shop.sound();
    shop.replays();
}

#[test]
fn what_is_written_off_of_an_order_in_steps_stays_within_the_rules() {
    let (mut shop, orders) = shop(1);
    let order = &orders[0];
    rules(&mut shop, 6_500);
    let half = order.payable_minor / 2;
    let rest = order.payable_minor - half;
    shop.import(vec![
        paid_in(half, "1"),
        paid_in(rest - 6_500, "2"),
        paid_in(half - 6_500, "3"),
        paid_in(half, "4"),
    ]);
    let join = |ids: [u64; 2], off| Command::JoinMutations {
        mutation_ids: ids.map(MutationId).to_vec(),
        order_id: order.order_id,
        write_off: Some(idr(off)),
        credit_remainder: false,
    };
    let by_hand = |id, amount, off| Command::MatchMutation {
        mutation_id: MutationId(id),
        allocations: vec![AllocationInput {
            order_id: order.order_id,
            amount: Some(idr(amount)),
            write_off: Some(idr(off)),
        }],
        credit_remainder: false,
        credit_customer_id: CustomerId(0),
    };
    shop.ok(join([1, 2], 6_500));
    shop.ok(undo(1));
    let left = shop.order(order.order_id);
    assert_eq!((left.state, left.due_minor(), left.written_off_minor), (OrderState::PartlyPaid, half, 6_500));
    assert_eq!(shop.refused(by_hand(3, half - 6_500, 6_500)), Reason::WriteOffTooHigh);
    assert_eq!(shop.refused(by_hand(3, half - 1, 1)), Reason::OverAllocated);
    let wanted = proposal(MatchDecision::Suggested, vec![part(&left, half - 6_500, 6_500)], &[]);
    assert_eq!(propose(&mut shop, vec![(3, Some(wanted))]).suggested, 0);
    shop.ok(by_hand(4, half, 0));
    assert_eq!(shop.order(order.order_id).written_off_minor, 6_500);
    shop.sound();
    shop.replays();
}

#[test]
fn one_word_does_not_say_who_paid() {
    let (mut shop, orders) = shop(2);
    shop.import(vec![paid_in(orders[0].payable_minor, "TRSF E-BANKING CR 0101/FTSCY/WS9501 AGUS")]);
    assert_eq!(shop.reconcile(), [Ok(OrderState::Paid)]);
    assert_eq!(shop.mutation(1).learnt_payer, "");
    assert!(shop.state.entries().all(|(table, _, _)| table != Table::Payers));
    shop.ok(undo(1));
    shop.sound();
}
