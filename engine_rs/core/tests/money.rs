//! Goal: money that came is never lost, and what it did can be told: late, twice, in parts, in another order than expected.
//! Method: as in `flow.rs`: commands to the core on a state in memory; every invariant; the journal replayed.

mod common;

use common::{BCA, MINUTE, Shop, WAREHOUSE, from, hold, idr, paid_in};
use kasir_core::command::{AllocationInput, CustomerInput, MatchingRulesInput, MutationInput};
use kasir_core::ids::{CustomerId, MutationId, ShiftId};
use kasir_core::money::Currency;
use kasir_core::open_money::{OpenKind, open_key};
use kasir_core::query::Page;
use kasir_core::records::{Customer, find};
use kasir_core::states::{MutationState, OrderState};
use kasir_core::{Command, Reason, Reply, State, Stop, Table, query};

#[test]
fn a_pending_row_is_posted_whichever_of_equal_ones_it_is() {
    let mut shop = Shop::new();
    let pending = |occurrence| MutationInput { pending: true, occurrence, ..paid_in(300, "PEND") };
    let posted = |balance| MutationInput { balance: Some(idr(balance)), ..paid_in(300, "PEND") };
    // A file's page may begin at the third of equal rows.
    assert_eq!(shop.import(vec![pending(3), pending(7)]).pending.len(), 2);
    assert_eq!(shop.import(vec![posted(900)]).mutation_ids.len(), 0);
    let states = |shop: &Shop| [1, 2].map(|id| shop.mutation(id).state);
    assert_eq!(states(&shop), [MutationState::Posted, MutationState::Pending]);
    assert_eq!(shop.import(vec![posted(900), posted(1_200), posted(1_500)]).mutation_ids.len(), 1);
    assert_eq!(states(&shop), [MutationState::Posted, MutationState::Posted]);
    // The same row twice in one call posts one pending row.
    assert_eq!(shop.import(vec![pending(9), pending(10)]).pending.len(), 2);
    let twice = MutationInput { occurrence: 1, ..posted(1_800) };
    assert_eq!(shop.import(vec![twice.clone(), twice]).known.len(), 2);
    assert_eq!(shop.mutation(5).state, MutationState::Pending);
    assert_eq!(shop.import(vec![pending(3), pending(7), pending(9)]).known.len(), 3);
    shop.sound();
    shop.replays();
}

#[test]
fn the_rest_of_the_money_may_come_late_too() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2);
    let orders = [0, 1].map(|_| shop.booked(vec![from(WAREHOUSE, kopi, 1)]));
    let pay = |order: &kasir_core::records::Order, amount| Command::RecordPayment {
        order_id: order.order_id,
        amount: Some(idr(amount)),
        method: "kas".into(),
        reference: String::new(),
    };
    for order in &orders {
        shop.ok(pay(order, 40_000));
    }
    shop.wait(3 * 60 * MINUTE);
    let state = |shop: &Shop, index: usize| shop.order(orders[index].order_id).state;
    assert_eq!([state(&shop, 0), state(&shop, 1)], [OrderState::RefundDue; 2]);

    // More, but not all: more to pay back. Then all, and the goods are free: booked again.
    shop.ok(pay(&orders[0], 10_000));
    assert_eq!((state(&shop, 0), shop.order(orders[0].order_id).paid_minor), (OrderState::RefundDue, 50_000));
    shop.sound();
    let rest = orders[0].payable_minor - 50_000;
    assert_eq!(shop.refused(pay(&orders[0], rest + 1)), Reason::OverAllocated);
    shop.import(vec![paid_in(rest, "REST")]);
    shop.ok(Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations: vec![AllocationInput {
            order_id: orders[0].order_id,
            amount: Some(idr(rest)),
            write_off: None,
        }],
        credit_remainder: false,
        credit_customer_id: CustomerId(0),
    });
    assert_eq!((state(&shop, 0), shop.stock(kopi, WAREHOUSE)), (OrderState::Paid, (2, 1)));
    shop.sound();

    // The other's goods are gone: all of it is to be paid back.
    shop.ok(hold(kopi, WAREHOUSE, 1));
    shop.ok(pay(&orders[1], orders[1].payable_minor - 40_000));
    assert_eq!(state(&shop, 1), OrderState::RefundDue);
    shop.ok(Command::RefundOrder { order_id: orders[1].order_id, reference: "TRF-1".into() });
    assert_eq!(shop.refused(pay(&orders[1], 1)), Reason::OverAllocated);
    shop.sound();

    // What somebody cancelled is not booked again.
    shop.wait(60 * MINUTE);
    let third = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.ok(pay(&third, 40_000));
    shop.ok(Command::CancelBooking { order_id: third.order_id, reason: String::new() });
    shop.ok(pay(&third, third.payable_minor - 40_000));
    assert_eq!(shop.order(third.order_id).state, OrderState::RefundDue);
    shop.sound();
    shop.replays();
}

#[test]
fn who_pays_twice_gets_it_as_credit() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.import(vec![paid_in(order.payable_minor, "TRSF PELANGGAN")]);
    assert_eq!(shop.reconcile(), vec![Ok(OrderState::Paid)]);
    shop.import(vec![paid_in(order.payable_minor, "TRSF PELANGGAN AGAIN")]);
    shop.ok(Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) });
    let again = |credit_remainder, customer| Command::MatchMutation {
        mutation_id: MutationId(2),
        allocations: vec![],
        credit_remainder,
        credit_customer_id: CustomerId(customer),
    };
    assert_eq!(shop.refused(again(true, 0)), Reason::FieldRequired);
    assert_eq!(shop.refused(again(true, 99)), Reason::CustomerNotFound);
    assert_eq!(shop.refused(again(false, 1)), Reason::RemainderLeft);
    let credit = |shop: &Shop| {
        let customer: Option<Customer> = find(&shop.state, 1).expect("memory is readable");
        customer.map(|customer| customer.credit_minor)
    };
    shop.ok(again(true, 1));
    let mutation = shop.mutation(2);
    assert_eq!((mutation.state, mutation.credited_minor), (MutationState::Confirmed, order.payable_minor));
    assert_eq!((mutation.credited_customer_id, credit(&shop)), (CustomerId(1), Some(order.payable_minor)));
    shop.sound();
    shop.ok(Command::UndoMatch { mutation_id: MutationId(2) });
    assert_eq!((shop.mutation(2).state, credit(&shop)), (MutationState::Posted, Some(0)));
    shop.sound();

    // What is left after an order may be somebody else's too.
    let Reply::Customer(other) = shop.ok(Command::CreateCustomer(CustomerInput {
        name: "Ibu".into(),
        phone: "0811 1111 111".into(),
        ..CustomerInput::default()
    })) else {
        panic!("a customer")
    };
    let second = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let amount = order.payable_minor - 1_000;
    shop.ok(Command::MatchMutation {
        mutation_id: MutationId(2),
        allocations: vec![AllocationInput {
            order_id: second.order_id,
            amount: Some(idr(amount)),
            write_off: None,
        }],
        credit_remainder: true,
        credit_customer_id: other.customer_id,
    });
    assert_eq!(shop.mutation(2).credited_customer_id, other.customer_id);
    shop.sound();
    shop.replays();
}

#[test]
fn an_expiry_found_while_matches_are_confirmed_is_the_clocks() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2);
    let late = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let in_time = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let version = in_time.version;
    let expire_ms = Some(in_time.expire_ms + MINUTE);
    shop.ok(Command::ExtendBooking { order_id: in_time.order_id, version, expire_ms });
    shop.import(vec![paid_in(late.payable_minor, "LATE"), paid_in(in_time.payable_minor, "IN TIME")]);
    shop.propose();
    shop.now_ms = late.expire_ms; // nobody has ticked
    let confirm = |all_auto, ids: &[u64]| Command::ConfirmMatches {
        bank_account_id: BCA,
        mutation_ids: ids.iter().map(|id| MutationId(*id)).collect(),
        all_auto,
    };
    let mut again = shop.state.clone();
    let Reply::Confirmed { results, more } = shop.ok(confirm(true, &[])) else { panic!("results") };
    let told: Vec<_> =
        results.iter().map(|done| done.result.as_ref().map(|_| ()).map_err(|r| r.reason)).collect();
    assert_eq!((told, more), (vec![Err(Reason::VersionStale), Ok(())], false));
    let expired = |entry: &&common::Entry| entry.events.iter().any(|event| event.name() == "OrderExpired");
    let actors: Vec<_> = shop.journal.iter().filter(expired).map(|entry| entry.actor.as_str()).collect();
    assert_eq!(actors, [kasir_core::CLOCK_ACTOR]);
    shop.sound();
    shop.replays();

    // Named ones too.
    std::mem::swap(&mut shop.state, &mut again);
    let Reply::Confirmed { results, .. } = shop.ok(confirm(false, &[1])) else { panic!("results") };
    assert_eq!(results[0].result.as_ref().unwrap_err().reason, Reason::VersionStale);
    assert_eq!(shop.journal.iter().rfind(expired).map(|entry| entry.actor.as_str()), Some(""));
    shop.sound();
}

#[test]
fn setting_money_aside_can_be_taken_back() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.import(vec![paid_in(order.payable_minor, "TRSF PELANGGAN"), paid_in(-5_000, "BIAYA ADM")]);
    let ignore = |id| Command::IgnoreMutation { mutation_id: MutationId(id), reason: "bunga".into() };
    let undo = |id| Command::UndoMatch { mutation_id: MutationId(id) };
    shop.ok(ignore(1));
    assert_eq!(shop.reconcile(), vec![]);
    shop.ok(undo(1));
    let mutation = shop.mutation(1);
    assert_eq!((mutation.state, mutation.ignore_reason.as_str()), (MutationState::Posted, ""));
    assert_eq!(shop.refused(undo(1)), Reason::WrongState);
    assert_eq!(shop.refused(undo(2)), Reason::WrongState, "money out stays set aside");
    assert_eq!(shop.reconcile(), vec![Ok(OrderState::Paid)]);
    shop.sound();
    shop.replays();
}

#[test]
fn a_pending_row_that_was_set_aside_is_posted_when_the_bank_posts_it() {
    use MutationState::{Ignored, Pending, Posted};
    let mut shop = Shop::new();
    let row = |text: &str, reference: &str, pending| MutationInput {
        pending,
        bank_reference: reference.into(),
        ..paid_in(300, text)
    };
    let rows = |pending| vec![row("A", "", pending), row("B", "FT1", pending), row("C", "", pending)];
    let out = MutationInput { amount: Some(idr(-300)), ..row("OUT", "", true) };
    shop.import(rows(true));
    shop.import(vec![out.clone()]);
    let states = |shop: &Shop| [1, 2, 3, 4].map(|id| shop.mutation(id).state);
    for id in 1..=4 {
        let reason = "salah".to_string();
        shop.ok(Command::IgnoreMutation { mutation_id: MutationId(id), reason });
    }
    shop.sound();
    assert_eq!(shop.import(rows(true)).known.len(), 3);
    assert_eq!(states(&shop), [Ignored; 4]);
    // Taken back before the bank posted it, it waits again.
    shop.ok(Command::UndoMatch { mutation_id: MutationId(3) });
    shop.ok(Command::UndoMatch { mutation_id: MutationId(4) });
    assert_eq!(states(&shop), [Ignored, Ignored, Pending, Pending]);
    shop.sound();
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(4), reason: "salah".into() });
    let posted = shop.import(rows(false));
    assert_eq!((posted.mutation_ids.len(), posted.known.len()), (0, 3));
    shop.import(vec![MutationInput { pending: false, ..out }]);
    assert_eq!(states(&shop), [Posted, Posted, Posted, Ignored]);
    assert_eq!(shop.mutation(1).ignore_reason, "");
    assert_eq!(shop.refused(Command::UndoMatch { mutation_id: MutationId(4) }), Reason::WrongState);
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(2), reason: "salah".into() });
    assert_eq!(shop.import(rows(false)).known.len(), 3, "posted once, set aside again: it stays so");
    assert_eq!(states(&shop), [Posted, Ignored, Posted, Ignored]);
    shop.sound();
    shop.replays();
}

#[test]
fn an_order_that_came_short_is_sold_with_what_was_written_off() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let rules = MatchingRulesInput { write_off_max: Some(idr(2_500)), ..MatchingRulesInput::default() };
    shop.ok(Command::SetMatchingRules { bank_account_id: BCA, rules });
    shop.import(vec![paid_in(order.payable_minor - 2_500, "LESS A FEE")]);
    shop.ok(Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations: vec![AllocationInput {
            order_id: order.order_id,
            amount: Some(idr(order.payable_minor - 2_500)),
            write_off: Some(idr(2_500)),
        }],
        credit_remainder: false,
        credit_customer_id: CustomerId(0),
    });
    let sell = Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) };
    let Reply::Sales { results, .. } = shop.ok(sell) else { panic!("sales") };
    let (sale, _) = results[0].result.as_ref().expect("it is paid");
    assert_eq!(sale.written_off_minor, 2_500);
    shop.sound();
    shop.replays();
}

/// Kind, count and amount of what stands open, all of it in rupiah.
fn open(shop: &Shop) -> Vec<(OpenKind, i64, i64)> {
    let open = query::open_money(&shop.state).expect("open money is told");
    assert!(open.iter().all(|each| each.currency == Currency::IDR));
    open.iter().map(|each| (each.kind, each.count, each.amount_minor)).collect()
}

fn with_credit(shop: &Shop) -> Vec<u64> {
    let page = Page::list(0, "").expect("a page");
    let paged = query::list_credits(&shop.state, &page).expect("credits are listed");
    paged.rows.iter().map(|customer| customer.customer_id.0).collect()
}

#[test]
fn what_stands_open_is_told_at_every_step() {
    use OpenKind::{Credit, Pending, RefundDue, Unmatched};
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let payable = order.payable_minor;
    assert_eq!((open(&shop), with_credit(&shop)), (vec![], vec![]));

    // Money in waits for the bank, then for somebody; money out is nobody's.
    let row = |text: &str, amount, pending| MutationInput { pending, ..paid_in(amount, text) };
    shop.import(vec![row("A", payable, true), row("B", 700, false), row("OUT", -300, false)]);
    assert_eq!(open(&shop), [(Unmatched, 1, 700), (Pending, 1, payable)]);
    shop.import(vec![row("A", payable, false)]);
    assert_eq!(open(&shop), [(Unmatched, 2, payable + 700)]);
    shop.propose();
    assert_eq!(open(&shop), [(Unmatched, 2, payable + 700)]);
    shop.ok(Command::IgnoreMutation { mutation_id: MutationId(2), reason: "bunga".into() });
    assert_eq!(open(&shop), [(Unmatched, 1, payable)]);
    shop.ok(Command::UndoMatch { mutation_id: MutationId(2) });

    // Some of it pays a part, some of it is credit; both can be taken back.
    let part = |credit_remainder| Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations: vec![AllocationInput {
            order_id: order.order_id,
            amount: Some(idr(40_000)),
            write_off: None,
        }],
        credit_remainder,
        credit_customer_id: CustomerId(0),
    };
    shop.ok(part(true));
    assert_eq!(open(&shop), [(Credit, 1, payable - 40_000), (Unmatched, 1, 700)]);
    assert_eq!(with_credit(&shop), [1]);
    shop.sound();
    shop.ok(Command::UndoMatch { mutation_id: MutationId(1) });
    assert_eq!(open(&shop), [(Unmatched, 2, payable + 700)]);
    assert_eq!(with_credit(&shop), [0; 0]);
    shop.ok(part(true));

    // The deadline passes: what was paid is to be given back, until it is.
    shop.wait(3 * 60 * MINUTE);
    let credit = (Credit, 1, payable - 40_000);
    assert_eq!(open(&shop), [(RefundDue, 1, 40_000), credit, (Unmatched, 1, 700)]);
    shop.ok(Command::RecordPayment {
        order_id: order.order_id,
        amount: Some(idr(10_000)),
        method: "kas".into(),
        reference: String::new(),
    });
    assert_eq!(open(&shop)[0], (RefundDue, 1, 50_000));
    shop.sound();
    shop.ok(Command::RefundOrder { order_id: order.order_id, reference: "TRF-1".into() });
    assert_eq!(open(&shop), [credit, (Unmatched, 1, 700)]);
    shop.sound();
    shop.replays();
}

#[test]
fn open_money_beyond_64_bits_is_not_told_wrong() {
    let mut shop = Shop::new();
    let key = open_key(OpenKind::Unmatched, Currency::IDR);
    let bytes = [1_i64.to_be_bytes(), 1_i64.to_be_bytes(), [0; 8]].concat();
    shop.state.put(Table::OpenMoney, key.as_slice(), &bytes).expect("memory is writable");
    let Err(Stop::Refused(refusal)) = query::open_money(&shop.state) else { panic!("it is told") };
    assert_eq!(refusal.reason, Reason::AmountOutOfRange);
}
